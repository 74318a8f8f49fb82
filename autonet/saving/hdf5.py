"""HDF5 files as Keras fills them with weights: groups, and in them arrays numbered from 0. Needs the extra `keras` (h5py).

The reader takes the plainest of HDF5 only: hard links, each object at one place, arrays of numbers that lie in the file as
one piece. Whatever could lead elsewhere or grow (soft and external links, external and virtual storage, references,
chunks, filters, types of other kinds) is refused before a byte of it is read, and no array is larger than its bytes.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from autonet.common.dtypes import NAMES
from autonet.errors import ArgumentError, DataError

MOST_OBJECTS = 1_000_000
MOST_DEPTH = 64


def h5py() -> Any:
    """The module h5py.

    Raises: ArgumentError, which says how to get it, where it is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise ArgumentError(
            "Keras's files hold HDF5, for which autonet needs h5py: pip install 'autonet[keras]'. Files of autonet's own "
            "(model.save('x.keras'), model.save_weights('x.weights')) need nothing."
        ) from None
    return h5py


@contextlib.contextmanager
def _faults(path: str) -> Iterator[None]:
    """Whatever the library complains of is one kind of error."""
    try:
        yield
    except DataError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        details = f"{type(error).__name__}: {str(error)[:200]}"
        raise DataError(f"{path}: its weights cannot be read. {details}. Take another copy of the file.") from error


class WeightsFile:
    """The arrays in an HDF5 file, found and checked; each is read when it is asked for.

    Args:
        file: opened for reading bytes.
        path: its name in messages.

    Attributes:
        groups: for each group that holds arrays, path to {name: (shape, dtype)}.
        nbytes: of all arrays together.

    Raises: DataError for anything but plain arrays.
    """

    def __init__(self, file: BinaryIO, path: str):
        self._h5 = h5py()
        self.path = path
        self._length = file.seek(0, io.SEEK_END)
        file.seek(0)
        self.groups: dict[str, dict[str, tuple[tuple[int, ...], np.dtype]]] = {}
        self.nbytes = 0
        self._sets: dict[tuple[str, str], Any] = {}
        self._seen: set[Any] = set()
        with _faults(path):
            self._file = self._h5.File(file, "r")
            try:
                self._walk(self._file.id, "/", 0)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> WeightsFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self._sets.clear()
        self._file.close()

    def _walk(self, group: Any, place: str, depth: int) -> None:
        h5 = self._h5
        where = place.strip("/")
        arrays: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        group = h5.h5g.open(group, place.encode()) if depth == 0 else group
        for raw in group:
            name = raw.decode("utf-8")
            full = f"{where}/{name}".strip("/")
            if group.links.get_info(raw).type != h5.h5l.TYPE_HARD:
                raise self._wrong(full, "is a link to somewhere else")
            info = h5.h5o.get_info(group, raw)
            at = info.addr
            if at in self._seen or info.rc != 1:
                raise self._wrong(full, "stands at several places")
            self._seen.add(at)
            if len(self._seen) > MOST_OBJECTS or depth > MOST_DEPTH:
                raise self._wrong(full, "is one object too many, or too deep")
            if info.type == h5.h5o.TYPE_GROUP:
                self._walk(h5.h5o.open(group, raw), full, depth + 1)
            elif info.type == h5.h5o.TYPE_DATASET:
                dataset = h5.h5o.open(group, raw)
                arrays[name] = self._check(dataset, full)
                self._sets[where, name] = dataset
            else:
                raise self._wrong(full, "is neither a group nor an array")
        if arrays:
            self.groups[where] = arrays

    def _check(self, dataset: Any, full: str) -> tuple[tuple[int, ...], np.dtype]:
        h5 = self._h5
        plan = dataset.get_create_plist()
        layout = plan.get_layout()
        if layout not in (h5.h5d.CONTIGUOUS, h5.h5d.COMPACT) or plan.get_external_count() or plan.get_nfilters():
            raise self._wrong(full, "is not stored in the file as one plain piece")
        kind = dataset.get_type()
        if kind.get_class() not in (h5.h5t.INTEGER, h5.h5t.FLOAT, h5.h5t.ENUM):
            raise self._wrong(full, "holds no numbers")
        dtype = kind.dtype
        if dtype.name not in NAMES:
            raise self._wrong(full, f"has the unknown dtype {dtype}")
        space = dataset.get_space()
        if space.get_simple_extent_type() not in (h5.h5s.SIMPLE, h5.h5s.SCALAR):
            raise self._wrong(full, "has no shape")
        shape = tuple(int(n) for n in space.get_simple_extent_dims())
        if math.prod([n or 1 for n in shape]) >= 2**48:
            raise self._wrong(full, f"has the impossible shape {shape}")
        nbytes = math.prod(shape) * kind.get_size()
        self.nbytes += nbytes
        stored = dataset.get_storage_size()
        if nbytes != stored or self.nbytes > self._length:
            raise self._wrong(full, f"has shape {shape}, which does not fit its {stored} bytes in the file")
        if layout == h5.h5d.CONTIGUOUS and nbytes:
            offset = dataset.get_offset()
            if offset is None or offset + nbytes > self._length:
                raise self._wrong(full, "lies beyond the end of the file")
        return shape, dtype.newbyteorder("=")

    def _wrong(self, full: str, what: str) -> DataError:
        return DataError(
            f"{self.path}: {full[:200]!r} {what}. Files of weights hold plain arrays in groups, as Keras writes them."
        )

    def array(self, group: str, name: str) -> np.ndarray:
        """An array."""
        shape, dtype = self.groups[group][name]
        array = np.empty(shape, dtype)
        with _faults(self.path):
            self._sets[group, name].read(self._h5.h5s.ALL, self._h5.h5s.ALL, array)
        return array


def write(groups: dict[str, tuple[str | None, list[np.ndarray]]]) -> io.BytesIO:
    """An HDF5 file with these groups.

    Args:
        groups: path to the name of the layer there, and its arrays, which are numbered from 0.
    """
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as file:
        for path, (name, arrays) in groups.items():
            group = file.create_group(path)
            if name is not None:
                group.attrs["name"] = name
            for i, array in enumerate(arrays):
                group.create_dataset(str(i), data=array)
    return buffer
