"""HDF5 files as Keras fills them: groups, and in them arrays and attributes.

All that is there is found, and checked against the bytes of the file, when it is opened; the numbers are read when they are
asked for. Whatever could lead elsewhere or grow without bounds (soft and external links, external and virtual storage, named
types, an object at two places, filters of other kinds) is refused.
"""

import contextlib
import math
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from autonet.errors import DataError
from autonet.saving.hdf5 import types
from autonet.saving.hdf5.attributes import Texts, attributes, given_out
from autonet.saving.hdf5.groups import is_group, members
from autonet.saving.hdf5.headers import DATASPACE, DATATYPE, Messages, messages, only, root
from autonet.saving.hdf5.source import Source
from autonet.saving.hdf5.storage import Storage, fill_array, storage

MOST_OBJECTS = 200_000
MOST_DEPTH = 200
GROWTH = 4  # times the bytes of the file, and the next number: what arrays of chunks may take together
SLACK = 16 << 20
_FAULTS = (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError, zlib.error)


class _Dataset(NamedTuple):
    shape: tuple[int, ...]
    kind: types.Kind
    storage: Storage


class HDF5File:
    """The groups, arrays and attributes in an HDF5 file, or in a part of one.

    Args:
        file: opened for reading bytes, and open for as long as this is used.
        path: its name in messages.
        start: where it begins in `file`.
        size: its bytes; None for all that follow.

    Attributes:
        groups: for each group that holds arrays, its path ("" for the root) to {name: (shape, dtype)}, sorted by name.
        members: for each group, the names of all that is in it, sorted.
        nbytes: of all arrays together.

    Raises: DataError for what is no such file, or holds what is not read.
    """

    def __init__(self, file: BinaryIO, path: str, start: int = 0, size: int | None = None):
        self.path = path
        self.groups: dict[str, dict[str, tuple[tuple[int, ...], np.dtype]]] = {}
        self.members: dict[str, list[str]] = {}
        self.nbytes = 0
        self._source = Source(file, path, start, size)
        self._most = GROWTH * self._source.length + SLACK
        self._addresses: dict[str, int] = {}
        self._sets: dict[str, _Dataset] = {}
        with self._reading("", True):
            address = root(self._source)
            seen = {address}
            self._group("", address, 0, seen)

    @contextlib.contextmanager
    def _reading(self, where: str, anew: bool = False) -> Iterator[Source]:
        """Errors about what is at a path; whatever goes wrong is one kind of error."""
        source = self._source
        source.where = where
        if anew:
            source.begin()
        try:
            yield source
        except DataError:
            raise
        except _FAULTS as error:
            raise source.wrong(f"cannot be read ({type(error).__name__}: {str(error)[:200]})") from error

    def _group(self, path: str, address: int, depth: int, seen: set[int]) -> None:
        source = self._source
        source.where = path
        found = messages(source, address)
        self._addresses[path] = address
        if not is_group(found):
            if not path:
                raise source.wrong("has no group at its root")
            self._dataset(path, found)
            return
        inside = members(source, found)
        self.members[path] = list(inside)
        for name, there in inside.items():
            full = source.where = f"{path}/{name}".lstrip("/")
            if there in seen:
                raise source.wrong("stands at several places")
            seen.add(there)
            if len(seen) > MOST_OBJECTS or depth >= MOST_DEPTH:
                raise source.wrong("is one object too many, or too deep")
            self._group(full, there, depth + 1, seen)

    def _dataset(self, path: str, found: Messages) -> None:
        source = self._source
        space, kind = only(source, found, DATASPACE), only(source, found, DATATYPE)
        if space is None or kind is None:
            raise source.wrong("is neither a group nor an array")
        shape, element = types.shape(source, space), self._kind(kind, found)
        if shape is None:
            raise source.wrong("has no shape")
        if element.text:
            raise source.wrong("holds texts, and no numbers")
        nbytes = math.prod(shape) * element.dtype.itemsize
        stored = storage(source, found, shape, element.stored.itemsize)
        self.nbytes += nbytes
        self._most -= nbytes if stored.grows else 0
        if self._most < 0 or math.prod(stored.extent) * element.stored.itemsize > GROWTH * source.length + SLACK:
            raise source.wrong(f"has shape {shape}, which is much more than its bytes in the file")
        self._sets[path] = _Dataset(shape, element, stored)
        group, _, name = path.rpartition("/")
        self.groups.setdefault(group, {})[name] = shape, element.dtype

    def _kind(self, data: bytes, found: Messages) -> types.Kind:
        """The kind of the elements of an array; those of Keras that are bfloat16 have two bytes, and an attribute that says it."""
        if types.is_opaque(data, 2) and attributes(self._source, Texts(self._source), found).get("dtype") == "bfloat16":
            return types.BFLOAT16
        return types.kind(self._source, data)

    def array(self, group: str, name: str) -> np.ndarray:
        """An array, in the order and of the type that NumPy has here.

        Raises: DataError for chunks that are damaged; KeyError if there is none.
        """
        path = f"{group}/{name}".lstrip("/")
        shape, kind, stored = self._sets[path]
        with self._reading(path) as source:
            array = np.empty(shape, kind.stored)
            fill_array(source, array, stored)
            return given_out(source, Texts(source), kind, array)

    def attributes(self, path: str = "") -> dict[str, Any]:
        """The attributes of a group or an array: texts, numbers, arrays of either, and None for what holds nothing.

        Raises: DataError for what is no such attribute; KeyError if there is no such group or array.
        """
        address = self._addresses[path]
        with self._reading(path, True) as source:
            return attributes(source, Texts(source), messages(source, address))
