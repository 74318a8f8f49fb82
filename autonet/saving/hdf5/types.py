"""What the elements of an HDF5 array are, and how many there are.

Source: The HDF Group, HDF5 File Format Specification, version 3.0, IV.A.2.b and d
"""

import math
import struct
from typing import NamedTuple

import numpy as np

from autonet.common.dtypes import NAMES
from autonet.saving.hdf5.source import Source

MOST_ELEMENTS = 2**48
FIXED, VARIABLE = "fixed", "variable"  # texts of a length, and those that stand in a global heap
REFERENCE = 16  # bytes: length, address of the heap, number in it
_CLASSES = [
    "integers",
    "floats",
    "times",
    "texts",
    "bits",
    "opaque bytes",
    "records (complex numbers, say)",
    "references",
    "words",
]
_CLASSES += ["lists", "arrays", "complex numbers"]
_FLOATS = {  # exponent's place and width, mantissa's place and width, bias: of which dtype
    (2, 10, 5, 0, 10, 15): "f2",
    (4, 23, 8, 0, 23, 127): "f4",
    (8, 52, 11, 0, 52, 1023): "f8",
}
_BFLOAT16 = (2, 7, 8, 0, 7, 127)


class Kind(NamedTuple):
    """The kind of an element.

    Attributes:
        stored: as which NumPy type its bytes are read.
        dtype: as what they are given out.
        text: FIXED, VARIABLE, or "" for numbers.
        bfloat16: whether the bytes are the upper half of a float32.
    """

    stored: np.dtype
    dtype: np.dtype
    text: str = ""
    bfloat16: bool = False


BFLOAT16 = Kind(np.dtype("<u2"), np.dtype("float32"), bfloat16=True)


def shape(source: Source, data: bytes) -> tuple[int, ...] | None:
    """The shape that a dataspace message tells; None for no elements at all."""
    if len(data) < 4:
        raise source.wrong("has no shape")
    version, rank, flags, scalar = data[:4]
    at = {1: 8, 2: 4}.get(version)
    if at is None or rank > 32 or len(data) < at + 8 * rank or flags & ~1 or (version == 2 and scalar > 2):
        raise source.wrong("has a shape of an unknown form")
    if version == 2 and scalar == 2:
        return None
    dims = struct.unpack_from(f"<{rank}Q", data, at)
    if math.prod([n or 1 for n in dims]) >= MOST_ELEMENTS:
        raise source.wrong(f"has the impossible shape {dims}")
    return dims


def kind(source: Source, data: bytes) -> Kind:
    """The kind that a datatype message tells."""
    if len(data) < 8:
        raise source.wrong("has no type")
    version, number = data[0] >> 4, data[0] & 15
    bits, size = int.from_bytes(data[1:4], "little"), int.from_bytes(data[4:8], "little")
    if number < len(_CLASSES) and _CLASSES[number] not in ("integers", "floats", "texts", "words", "lists"):
        raise source.wrong(f"holds {_CLASSES[number]}, and no numbers")
    if 1 <= version <= 5:
        read = {0: _integer, 1: _float, 3: _text, 8: _boolean, 9: _variable}.get(number)
        found = read and read(source, version, bits, size, data[8:])
        if found:
            return found
    raise source.wrong("holds numbers of a form that no array here has")


def is_opaque(data: bytes, size: int) -> bool:
    """Whether a datatype message tells of so many bytes of unknown meaning."""
    return (
        len(data) >= 8
        and data[0] & 15 == _CLASSES.index("opaque bytes")
        and int.from_bytes(data[4:8], "little") == size
    )


def _order(big: int) -> str:
    return ">" if big else "<"


def _number(name: str, big: int) -> Kind:
    stored = np.dtype(_order(big) + name)
    return Kind(stored, stored.newbyteorder("="))


def _integer(source: Source, version: int, bits: int, size: int, data: bytes) -> Kind | None:
    if len(data) < 4 or struct.unpack_from("<2H", data) != (0, 8 * size) or bits & ~9 or size not in (1, 2, 4, 8):
        return None
    return _number(f"{'i' if bits & 8 else 'u'}{size}", bits & 1)


def _float(source: Source, version: int, bits: int, size: int, data: bytes) -> Kind | None:
    if len(data) < 12 or size > 8:
        return None
    offset, precision, place, width, low, mantissa, bias = struct.unpack_from("<2H4BL", data)
    form = (size, place, width, low, mantissa, bias)
    sign, normalization = bits >> 8 & 0xFF, bits >> 4 & 3
    if (offset, precision, sign) != (0, 8 * size, 8 * size - 1) or normalization != 2 or bits & 0x40:
        return None
    if form == _BFLOAT16:
        return BFLOAT16._replace(stored=np.dtype(f"{_order(bits & 1)}u2"))
    return _number(_FLOATS[form], bits & 1) if form in _FLOATS else None


def _text(source: Source, version: int, bits: int, size: int, data: bytes) -> Kind | None:
    return Kind(np.dtype(f"S{size}"), np.dtype(object), FIXED) if 0 < size < 2**31 else None


def _variable(source: Source, version: int, bits: int, size: int, data: bytes) -> Kind | None:
    if bits & 15 != 1:
        raise source.wrong("holds lists, and no numbers")
    return Kind(np.dtype(f"V{REFERENCE}"), np.dtype(object), VARIABLE) if size == REFERENCE else None


def _boolean(source: Source, version: int, bits: int, size: int, data: bytes) -> Kind | None:
    """False and True, as h5py writes them; other words are none."""
    base = kind(source, data[:12]) if len(data) >= 12 and data[0] & 15 == 0 else None
    words = (b"FALSE\0TRUE\0", b"FALSE\0\0\0TRUE\0\0\0\0")[version < 3]
    if (
        base is None
        or size != 1
        or base.stored.itemsize != 1
        or bits != 2
        or data[12:][: len(words) + 2] != words + b"\0\1"
    ):
        raise source.wrong("holds words, and no numbers")
    return Kind(np.dtype("bool"), np.dtype("bool"))


def encoded_shape(dims: tuple[int, ...]) -> bytes:
    """A dataspace message."""
    return struct.pack(f"<4B{len(dims)}Q", 2, len(dims), 0, len(dims) > 0, *dims)


def encoded_kind(dtype: np.dtype) -> bytes:
    """The datatype message of little-endian numbers."""
    size = dtype.itemsize
    if dtype.name not in NAMES:
        raise ValueError(f"no array of weights has dtype {dtype}")
    if dtype.kind == "b":
        return struct.pack("<B3BL", 0x18, 2, 0, 0, 1) + encoded_kind(np.dtype("i1")) + b"FALSE\0\0\0TRUE\0\0\0\0\0\1"
    if dtype.kind == "f":
        _, place, width, low, mantissa, bias = next(form for form, name in _FLOATS.items() if name == f"f{size}")
        fields = (0x11, 0x20, 8 * size - 1, 0, size, 0, 8 * size, place, width, low, mantissa, bias)
        return struct.pack("<4BL2H4BL", *fields)
    return struct.pack("<4BL2H", 0x10, 8 if dtype.kind == "i" else 0, 0, 0, size, 0, 8 * size)


TEXT = struct.pack("<4BL", 0x19, 1, 1, 0, REFERENCE) + struct.pack("<4BL2H", 0x10, 0, 0, 0, 1, 0, 8)
"""The datatype message of a text of any length, in UTF-8."""
