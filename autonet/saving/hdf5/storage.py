"""How the elements of an HDF5 array lie in the file: as one piece, or as chunks that may have been filtered.

Source: The HDF Group, HDF5 File Format Specification, version 3.0, III.A.1 and IV.A.2.f, i, l
"""

import math
import struct
import zlib
from typing import NamedTuple

import numpy as np

from autonet.saving.hdf5.checksums import fletcher32
from autonet.saving.hdf5.groups import tree_leaves
from autonet.saving.hdf5.headers import EXTERNAL, FILL, FILTERS, LAYOUT, OLD_FILL, Messages, only
from autonet.saving.hdf5.source import UNDEFINED, Source

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
_FILTERS = {4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf", 32001: "blosc", 32015: "zstd"}
_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = range(4)


class Chunk(NamedTuple):
    """A piece of an array: its first index, its bytes in the file, and which filters were left out."""

    first: tuple[int, ...]
    address: int
    size: int
    skipped: int


class Storage(NamedTuple):
    """Where the elements are.

    Attributes:
        data: them, if they stood in the object's header.
        address: of all of them, as one piece; None where they are in chunks, or nowhere.
        chunks: those there are.
        extent: elements of a chunk on each axis.
        filters: what chunks went through when they were written, in that order.
        fill: the bytes of an element that is not there; None for zero.
    """

    data: bytes | None
    address: int | None
    chunks: list[Chunk]
    extent: tuple[int, ...]
    filters: list[int]
    fill: bytes | None

    @property
    def grows(self) -> bool:
        """Whether an array may be larger than its bytes in the file."""
        return self.data is None and self.address is None


def storage(source: Source, found: Messages, shape: tuple[int, ...], itemsize: int) -> Storage:
    """Where the elements of an array are, all of whose bytes are there."""
    layout = only(source, found, LAYOUT)
    if EXTERNAL in found:
        raise source.wrong("is stored outside the file (external storage), which is not followed")
    if layout is None or len(layout) < 2:
        raise source.wrong("is neither a group nor an array")
    version, how = layout[:2]
    if version in (1, 2):
        raise source.wrong(f"has a layout of version {version}, of HDF5 before 1.8; write it again")
    if how == _VIRTUAL:
        raise source.wrong("is made of parts of other files (a virtual dataset), which are not followed")
    if version not in (3, 4) or how > _CHUNKED:
        raise source.wrong(f'has a layout of version {version}, as libver="latest" may write it; read are 3 and 4')
    nbytes, fill = math.prod(shape) * itemsize, _fill(source, found, itemsize)
    filters = _filters(source, only(source, found, FILTERS))
    if how == _CHUNKED:
        extent, chunks = (_chunks if version == 3 else _newer_chunks)(source, layout, shape, itemsize, len(filters))
        if math.prod([n or 1 for n in shape]) < len(chunks):
            raise source.wrong("has more chunks than elements")
        return Storage(None, None, chunks, extent, filters, fill)
    if filters:
        raise source.wrong("has filters, and no chunks")
    if how == _COMPACT:
        data = layout[4 : 4 + int.from_bytes(layout[2:4], "little")]
        if len(data) < nbytes:
            raise source.wrong(f"has shape {shape}, which does not fit its {len(data)} bytes in the file")
        return Storage(data[:nbytes], None, [], (), [], fill)
    if len(layout) < 18:
        raise source.wrong("has a damaged layout")
    address, size = struct.unpack_from("<2Q", layout, 2)
    if address == UNDEFINED or not nbytes:
        return Storage(b"" if not nbytes else None, None, [], (), [], fill)
    if size != nbytes:
        raise source.wrong(f"has shape {shape}, which does not fit its {size} bytes in the file")
    source.claim(address, nbytes)
    return Storage(None, address, [], (), [], fill)


def _fill(source: Source, found: Messages, itemsize: int) -> bytes | None:
    """The bytes of an element that was not written; None for zero."""
    data, old = only(source, found, FILL), only(source, found, OLD_FILL)
    at = None
    if data is not None and len(data) >= 2:
        if data[0] == 3:
            at = 2 if data[1] & 0x20 else None
        elif data[0] in (1, 2):
            at = 4 if data[3:4] != b"\0" or data[0] == 1 else None
        else:
            raise source.wrong("has a fill value of an unknown form")
    elif old is not None:
        data, at = old, 0
    if data is None or at is None:
        return None
    size = int.from_bytes(data[at : at + 4], "little")
    value = data[at + 4 : at + 4 + size]
    if len(value) != size or size not in (0, itemsize):
        raise source.wrong("has a fill value of another type")
    return value if any(value) else None


def _filters(source: Source, data: bytes | None) -> list[int]:
    """Numbers of the filters."""
    if data is None:
        return []
    if len(data) < 2 or data[0] not in (1, 2):
        raise source.wrong("has filters of an unknown form")
    version, count = data[:2]
    at = 8 if version == 1 else 2
    found = []
    for _ in range(count):
        number = int.from_bytes(data[at : at + 2], "little")
        if number not in (DEFLATE, SHUFFLE, FLETCHER32):
            raise source.wrong(
                f"went through the filter {_FILTERS.get(number, number)}; read are gzip, shuffle and fletcher32"
            )
        if len(data) < at + (8 if version == 1 else 6):
            raise source.wrong("has filters of an unknown form")
        if version == 1:
            length, _, values = struct.unpack_from("<3H", data, at + 2)
            at += 8 + length + 4 * (values + values % 2)
        else:
            at += 6 + 4 * struct.unpack_from("<2H", data, at + 2)[1]
        found.append(number)
    if len(set(found)) < len(found):
        raise source.wrong("went through a filter twice")
    return found


def _chunks(
    source: Source, layout: bytes, shape: tuple[int, ...], itemsize: int, filters: int
) -> tuple[tuple[int, ...], list[Chunk]]:
    """Extent of chunks, and those in the tree of a layout of version 3."""
    rank = layout[2] - 1
    if len(layout) < 11 + 4 * (rank + 1) or rank != len(shape):
        raise source.wrong("has a damaged layout")
    address, *extent, element = struct.unpack_from(f"<Q{rank + 1}L", layout, 3)
    whole = math.prod(extent) * itemsize
    if element != itemsize or not whole:
        raise source.wrong("has chunks of another type or size")
    if address == UNDEFINED:
        return tuple(extent), []
    key = struct.Struct(f"<2L{rank + 1}Q")
    chunks = []
    before: tuple[int, ...] | None = None
    for data, place in tree_leaves(source, address, 1, key.size):
        size, skipped, *offset = key.unpack(data)
        first = tuple(offset[:-1])
        if any(at % n or at >= most for at, n, most in zip(first, extent, shape, strict=True)):
            raise source.wrong("has a chunk beyond its shape")
        if (before is not None and first <= before) or offset[-1]:
            raise source.wrong("has a damaged tree of chunks")
        if skipped >> filters == 0 and skipped == (1 << filters) - 1 and size != whole:
            raise source.wrong("has a chunk of another size")
        before = first
        source.claim(place, size)
        chunks.append(Chunk(first, place, size, skipped))
    return tuple(extent), chunks


def _newer_chunks(
    source: Source, layout: bytes, shape: tuple[int, ...], itemsize: int, filters: int
) -> tuple[tuple[int, ...], list[Chunk]]:
    """Extent and place of the single chunk of a layout of version 4."""
    flags, count, width = (*layout[2:5], 0, 0, 0)[:3]
    at = 5 + count * width
    if len(layout) < at + 9 or count - 1 != len(shape) or not 0 < width <= 8:
        raise source.wrong("has a damaged layout")
    extent = tuple(int.from_bytes(layout[5 + i * width : 5 + (i + 1) * width], "little") for i in range(count))
    if layout[at] != 1:
        raise source.wrong(
            'has chunks that are found by an index of libver="latest"; those of older versions are read, and single ones'
        )
    size, skipped = math.prod(extent[:-1]) * itemsize, 0
    if extent[-1] != itemsize or not size or any(n < most for n, most in zip(extent, shape, strict=False)):
        raise source.wrong("has chunks of another type or size")
    if flags & 1 and filters:
        raise source.wrong("has chunks that are filtered in part")
    if flags & 2:
        if len(layout) < at + 21:
            raise source.wrong("has a damaged layout")
        size, skipped = struct.unpack_from("<QL", layout, at + 1)
        at += 12
    address = int.from_bytes(layout[at + 1 : at + 9], "little")
    if address == UNDEFINED:
        return extent[:-1], []
    source.claim(address, size)
    return extent[:-1], [Chunk((0,) * len(shape), address, size, skipped)]


def fill_array(source: Source, array: np.ndarray, stored: Storage) -> None:
    """Read the elements into an array of the stored type."""
    flat = array.reshape(-1).view(np.uint8)
    if not flat.size:
        return
    if stored.data is not None:
        flat[:] = np.frombuffer(stored.data, np.uint8)
    elif stored.address is not None:
        source.read_into(stored.address, flat.data)
    else:
        flat[:] = 0
        if stored.fill:
            flat.reshape(-1, array.itemsize)[:] = np.frombuffer(stored.fill, np.uint8)
        for chunk in stored.chunks:
            _read_chunk(source, array, stored, chunk)


def _read_chunk(source: Source, array: np.ndarray, stored: Storage, chunk: Chunk) -> None:
    data = source.read(chunk.address, chunk.size)
    whole = math.prod(stored.extent) * array.itemsize
    for n, number in reversed(list(enumerate(stored.filters))):
        if chunk.skipped >> n & 1:
            continue
        if number == DEFLATE:
            most = whole + 4 * (FLETCHER32 in stored.filters[:n])
            unpacker = zlib.decompressobj()
            try:
                data = unpacker.decompress(data, most + 1)
            except zlib.error as error:
                raise source.wrong(f"has a chunk that cannot be unpacked: {error}") from None
            if not unpacker.eof or len(data) > most:
                raise source.wrong("has a chunk that is cut off, or larger than it may be")
        elif number == FLETCHER32:
            if len(data) < 4 or fletcher32(data[:-4]) != int.from_bytes(data[-4:], "little"):
                raise source.wrong("has a damaged chunk")
            data = data[:-4]
        elif array.itemsize > 1:  # the first bytes of all elements, then the second ones, ...
            n = len(data) // array.itemsize
            planes = np.frombuffer(data, np.uint8, n * array.itemsize).reshape(array.itemsize, n)
            data = np.ascontiguousarray(planes.T).tobytes() + data[n * array.itemsize :]
    if len(data) != whole:
        raise source.wrong(f"has a chunk of {len(data)} bytes, where {whole} are expected")
    piece = np.frombuffer(data, array.dtype).reshape(stored.extent)
    place = tuple(slice(at, at + n) for at, n in zip(chunk.first, stored.extent, strict=True))
    room = array[place].shape
    array[place] = piece[tuple(slice(n) for n in room)]
