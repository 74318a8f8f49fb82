"""Arrays that stay on disk, and data sets made of them."""

import math
import os
import struct
import threading
import weakref
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from autonet import distribution
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Data, PathLike
from autonet.errors import ArgumentError, DataError
from autonet.ops.creation import whole_number
from autonet.random.permutation import Permutation
from autonet.utils.datasets import PyDataset
from autonet.utils.files import npy_header

_LOCAL_HEADER = struct.Struct(
    "<4s22xHH"
)  # of a member of a zip archive: signature, lengths of its name and extra field
_MOST = 1 << 30  # bytes that one system call is asked for


class DiskArray:
    """An array in a `.npy` file, or in a `.npz` that is not compressed, of which only the rows that are asked for are read.

    `fit`, `evaluate` and `predict` take it where they take arrays, and read its rows batch by batch, ahead of the step, in
    threads. Rows are read by their positions in the file (`pread`), not by a map of it: neither the memory that a process
    holds nor its addresses grow with the file. Shuffled, they come in an order that is not held in memory either.

    Args:
        path: of the file. `np.save` and `np.savez` write such, `np.lib.format.open_memmap` those that never were in memory.
        name: in a `.npz`, that of the array; not needed where there is one alone.

    Attributes:
        shape, dtype, ndim, nbytes: as an array's.

    Raises: DataError for files that cannot be read so: compressed ones, those in Fortran's order, those that hold objects,
    and those that end too soon.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "data.npz")
    ...     np.savez(path, x=np.arange(12.0).reshape(6, 2), y=np.arange(6))
    ...     x = DiskArray(path, "x")
    ...     x.shape, x[[4, 0]].tolist(), x[1:3].tolist()
    ((6, 2), [[8.0, 9.0], [0.0, 1.0]], [[2.0, 3.0], [4.0, 5.0]])
    """

    def __init__(self, path: PathLike, name: str | None = None):
        self.path = os.fspath(path)
        self.name = name
        self._file = _File(self.path)
        with open(self._file.number, "rb", closefd=False) as file:
            start, end = _member(file, self.path, name)
            file.seek(start)
            shape, self._stored, self._start = _header(file, self._label())
        self.shape: tuple[int, ...] = shape
        self.dtype: np.dtype = self._stored
        self._row = math.prod(shape[1:]) * self._stored.itemsize
        if self._start + self._row * shape[0] > end:
            raise DataError(
                f"{self._label()} ends too soon: it has {end - self._start} bytes for {shape}. Write it again."
            )

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, at: Any) -> np.ndarray:
        """Rows, read into memory: by number, slice, or array of numbers or booleans."""
        if isinstance(at, slice):
            first, last, step = at.indices(len(self))
            if step == 1:
                return self._as(self._block(first, max(last - first, 0)))
            at = np.arange(first, last, step)
        rows = np.asarray(at)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"{self._label()} has {len(self)} rows; received a mask of shape {rows.shape}.")
            rows = np.flatnonzero(rows)
        if rows.size and rows.dtype.kind not in "iu":
            raise IndexError(
                f"{self._label()} is indexed by rows: a number, a slice, or an array; received {at!r:.80}."
            )
        rows = rows.astype(np.int64)
        if rows.size and not -len(self) <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"{self._label()} has {len(self)} rows; received {rows.min()} to {rows.max()}.")
        found = self._as(self._gather(np.where(rows < 0, rows + len(self), rows).reshape(-1)))
        return found.reshape(rows.shape + self.shape[1:]) if rows.ndim != 1 else found

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """All rows, read into memory."""
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def part(self, first: int, last: int) -> Self:
        """Rows from `first` to before `last`, still on disk."""
        first, last, _ = slice(first, last).indices(len(self))
        part = self._copy()
        part._start += first * self._row
        part.shape = (max(last - first, 0), *self.shape[1:])
        return part

    def astype(self, dtype: npt.DTypeLike) -> Self:
        """The same, whose rows have another dtype once they are read."""
        other = self._copy()
        other.dtype = np.dtype(dtype)
        return other

    def _copy(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)  # the file too, which closes with the last of them
        return other

    def _label(self) -> str:
        return f"{self.path}, {self.name}," if self.name else self.path

    def _as(self, rows: np.ndarray) -> np.ndarray:
        return rows if rows.dtype == self.dtype else rows.astype(self.dtype)

    def _block(self, first: int, count: int) -> np.ndarray:
        rows = np.empty((count, *self.shape[1:]), self._stored)
        if rows.nbytes:
            self._read(rows.reshape(-1).view(np.uint8).data, self._start + first * self._row)
        return rows

    def _gather(self, at: np.ndarray) -> np.ndarray:
        if len(at) and at[-1] - at[0] == len(at) - 1 and (np.diff(at) == 1).all():
            return self._block(int(at[0]), len(at))
        rows = np.empty((len(at), *self.shape[1:]), self._stored)
        if not rows.nbytes:
            return rows
        view, size = rows.reshape(-1).view(np.uint8).data, self._row
        forward = np.argsort(at)  # as a disk likes it
        for i, offset in zip(forward.tolist(), (self._start + at[forward] * size).tolist(), strict=True):
            self._read(view[i * size : (i + 1) * size], offset)
        return rows

    def _read(self, into: memoryview, offset: int) -> None:
        while len(into):
            count = self._file.read(into[:_MOST], offset)
            if not count:
                raise DataError(f"{self._label()} ends too soon: it has been cut since it was opened. Write it again.")
            into, offset = into[count:], offset + count

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_file"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._file = _File(self.path)

    def __repr__(self) -> str:
        return f"<DiskArray {self._label()} {self.shape} {self.dtype}>"


class _File:
    """A file that is open as long as something refers to this."""

    def __init__(self, path: str):
        try:
            self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise DataError(f"{path} cannot be opened: {error.strerror}. Look at the path.") from None
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, self.number)

    def read(self, into: memoryview, offset: int) -> int:
        """Read at an offset.

        Returns: how many bytes there were.
        """
        if hasattr(os, "preadv"):
            return os.preadv(self.number, [into], offset)
        with self._lock:
            os.lseek(self.number, offset, os.SEEK_SET)
            found = os.read(self.number, len(into))
        into[: len(found)] = found
        return len(found)


class MappedArray(DiskArray):
    """Rows of a `np.memmap`, such as `np.load(path, mmap_mode="r")` gives, which are copied out of the map when asked for."""

    def __init__(self, array: np.memmap):
        self.path, self.name = str(array.filename), None
        self._map = np.asarray(array)
        self.shape, self.dtype = array.shape, array.dtype

    def part(self, first: int, last: int) -> Self:
        part = super()._copy()
        part._map = self._map[first:last]
        part.shape = part._map.shape
        return part

    def __getitem__(self, at: Any) -> np.ndarray:
        return np.array(self._map[at], self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def on_disk(x: Any) -> DiskArray | None:
    """`x` as a DiskArray, if it lies on disk: such an array, a memory-mapped one, or the path of a `.npy` or `.npz` file."""
    if isinstance(x, DiskArray):
        return x
    if isinstance(x, np.memmap):
        return MappedArray(x) if x.ndim else None
    if isinstance(x, os.PathLike) or (isinstance(x, str) and x.endswith((".npy", ".npz"))):
        return DiskArray(x)
    return None


class ReadAhead:
    """Batches that threads make while earlier ones are used.

    Args:
        make: function of the number of a batch.
        workers: threads.
        depth: batches that are made or waiting, at most.
    """

    def __init__(self, make: Callable[[int], Any], workers: int = 2, depth: int = 4):
        self._make, self._workers, self._depth = make, workers, depth
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: dict[int, Future] = {}

    def take(self, number: int, end: int) -> Any:
        """Batch `number`; from now on those after it are made, up to before `end`."""
        found = self._waiting.pop(number, None)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, "autonet-read")
        for n in range(number + 1, min(number + 1 + self._depth, end)):
            if n not in self._waiting:
                self._waiting[n] = self._pool.submit(self._make, n)
        return self._make(number) if found is None else found.result()

    def clear(self) -> None:
        """Forget batches that were made."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting = {}


def _member(file: BinaryIO, path: str, name: str | None) -> tuple[int, int]:
    """Where the bytes of a `.npy` file begin and end: the whole file, or a member of an archive."""
    magic = file.read(4)
    if magic != b"PK\x03\x04":
        if name is not None:
            raise DataError(f"{path} is no .npz: leave name={name!r} out, or give the path of an archive.")
        return 0, file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    except Exception as error:  # zipfile raises errors of several kinds
        raise DataError(f"{path} is no whole archive: {error}. Write it again.") from None
    if name is None and len(members) == 1:
        (name,) = members
    if name not in members:
        raise DataError(
            f"{path} holds {', '.join(members)}: say which, as DiskArray(path, {next(iter(members), 'x')!r})."
        )
    info = members[name]
    if info.compress_type != zipfile.ZIP_STORED:
        raise DataError(f"{path} is compressed: {name} cannot be read row by row. Write it with np.savez, or as .npy.")
    whole = file.seek(0, os.SEEK_END)
    file.seek(max(info.header_offset, 0))
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or info.header_offset < 0:
        raise DataError(f"{path} is no whole archive: it has no place for {name}. Write it again.")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    return start, min(start + info.file_size, whole)


def _header(file: BinaryIO, label: str) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, dtype, and where the rows begin, of the `.npy` file at which `file` stands."""
    try:
        shape, fortran, dtype = npy_header(file)
    except Exception as error:  # NumPy's parser of headers raises errors of several kinds
        raise DataError(f"{label} is no .npy file of numbers: {error}. Write it with np.save.") from None
    if any(n < 0 for n in shape):
        raise DataError(f"{label} says that its shape is {shape}. Write it again.")
    if dtype.hasobject:
        raise DataError(f"{label} holds objects, which cannot be read row by row. Write numbers.")
    if fortran and len(shape) > 1:
        raise DataError(f"{label} is in Fortran's order: its rows are scattered. Write np.ascontiguousarray of it.")
    if not shape:
        raise DataError(f"{label} holds a single value: an axis for the samples is missing.")
    return shape, dtype, file.tell()


class DiskDataset(PyDataset):
    """Batches of rows of arrays on disk, of which each process of a distributed job reads its own share alone.

    `fit`, `evaluate` and `predict` take it as they take its arrays: its batch size is that of all processes together, and
    each reads the rows that its distribution gives it. In a loop of one's own, `dataset[i]` has the rows of process `rank`
    out of `size`: together they have batch i, in order.

    Args:
        x, y, sample_weight: trees of DiskArrays, memory-mapped arrays, paths of `.npy` files, or arrays; of one length.
        batch_size: rows of a batch, over all processes.
        shuffle: whether rows come in another order in each epoch, which `on_epoch_end` ends. No order is held in memory.
        seed: of these orders.
        rank, size: number of this process, and of how many; by default those of `autonet.distribution`.
        workers, max_queue_size: as in PyDataset.

    >>> parts = [DiskDataset(np.arange(10), batch_size=4, rank=rank, size=2) for rank in (0, 1)]
    >>> [[x.tolist() for x in part] for part in parts]
    [[[0, 1], [4, 5], [8]], [[2, 3], [6, 7], [9]]]
    """

    def __init__(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
        rank: int | None = None,
        size: int | None = None,
        workers: int = 2,
        max_queue_size: int = 4,
    ):
        super().__init__(workers, max_queue_size=max_queue_size)
        self.x, self.y, self.sample_weight = (map_structure(_opened, tree) for tree in (x, y, sample_weight))
        lengths = {len(a) for tree in (self.x, self.y, self.sample_weight) for a in flatten(tree) if a is not None}
        if len(lengths) != 1:
            raise DataError(
                f"DiskDataset expects arrays of one length; received lengths {sorted(lengths)}. Cut them alike."
            )
        (self.rows,) = lengths
        self.batch_size = whole_number(batch_size, "DiskDataset", "batch_size", 1)
        self.shuffled, self.seed, self.epoch = bool(shuffle), seed, 0
        self.rank = distribution.rank() if rank is None else rank
        self.size = distribution.size() if size is None else size
        if not 0 <= self.rank < self.size:
            raise ArgumentError(f"DiskDataset expects 0 <= rank < size; received rank={rank!r} and size={size!r}.")

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """This process's share of batch `index` of the epoch."""
        if not 0 <= index < len(self):
            raise IndexError(f"DiskDataset has {len(self)} batches; received {index}.")
        start = index * self.batch_size
        count = min(self.batch_size, self.rows - start)
        first, last = (start + count * r // self.size for r in (self.rank, self.rank + 1))
        at = Permutation(self.rows, [self.seed, self.epoch])[first:last] if self.shuffled else slice(first, last)
        parts = (self.x, self.y, self.sample_weight)
        x, y, w = (map_structure(lambda a: None if a is None else a[at], part) for part in parts)
        return (x, y, w) if w is not None else (x, y) if y is not None else x

    def is_whole(self) -> bool:
        """Whether its processes are those of the distribution in force, which may then share out its batches itself."""
        return (self.rank, self.size) == (distribution.rank(), distribution.size())

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def get_state(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch = int(state["epoch"])


def _opened(leaf: Any) -> Any:
    if leaf is None:
        return None
    found = on_disk(leaf)
    return np.asarray(leaf) if found is None else found
