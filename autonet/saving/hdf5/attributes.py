"""Attributes of the objects in an HDF5 file: numbers and texts.

Source: The HDF Group, HDF5 File Format Specification, version 3.0, III.E and IV.A.2.m, v
"""

import math
import struct
from typing import Any

import numpy as np

from autonet.saving.hdf5 import types
from autonet.saving.hdf5.headers import ATTRIBUTE, ATTRIBUTE_INFO, Messages, only
from autonet.saving.hdf5.source import UNDEFINED, Source


class Texts:
    """The texts of any length in a file, which stand in heaps; each heap is read once."""

    def __init__(self, source: Source):
        self._source = source
        self._heaps: dict[int, dict[int, bytes]] = {}
        self._left = source.length

    def text(self, reference: bytes) -> str:
        """The text that an element leads to."""
        length, address, number = struct.unpack("<LQL", reference)
        if not length and address in (0, UNDEFINED):
            return ""
        if address not in self._heaps:
            self._heaps[address] = self._heap(address)
        data = self._heaps[address].get(number, b"")
        self._left -= length  # several elements may lead to one
        if len(data) < length or self._left < 0:
            raise self._source.wrong("has a text that is not there")
        return decoded(self._source, data[:length])

    def _heap(self, address: int) -> dict[int, bytes]:
        source = self._source
        head = source.take(address, 16)
        size = int.from_bytes(head[8:], "little")
        if not head.startswith(b"GCOL\1") or size < 16:
            raise source.wrong("has texts in a damaged heap")
        data = source.take(address + 16, size - 16)
        found: dict[int, bytes] = {}
        at = 0
        while at + 16 <= len(data):
            number, _, length = struct.unpack_from("<2H4xQ", data, at)
            if not number:
                break  # the rest is free
            if at + 16 + length > len(data) or number in found:
                raise source.wrong("has texts in a damaged heap")
            found[number] = data[at + 16 : at + 16 + length]
            at += 16 + -(-length // 8) * 8
        return found


def decoded(source: Source, data: bytes) -> str:
    """A text without the zeros behind it."""
    try:
        return data.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        raise source.wrong("has a text that is none") from None


def given_out(source: Source, texts: Texts, kind: types.Kind, array: np.ndarray) -> np.ndarray:
    """Elements as they are given out, from those of the stored type; texts as objects."""
    if kind.text:
        read = texts.text if kind.text == types.VARIABLE else lambda data: decoded(source, data)
        values = np.empty(array.size, object)
        values[:] = [read(bytes(x)) for x in array.reshape(-1)]
        return values.reshape(array.shape)
    if kind.bfloat16:
        return (array.astype(np.uint32) << 16).view(np.float32).reshape(array.shape)
    if kind.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise source.wrong("holds something else than booleans")
    return array.astype(kind.dtype, copy=False)


def attributes(source: Source, texts: Texts, found: Messages) -> dict[str, Any]:
    """Name to value, of the attributes of an object: a text, a number, an array, or None for nothing at all.

    Raises: DataError for attributes of other kinds, and for those that stand in a heap, as more than eight do where
    `libver="latest"` was given.
    """
    info = only(source, found, ATTRIBUTE_INFO)
    if info is not None:
        at = 2 + 2 * (len(info) > 1 and info[1] & 1)
        if len(info) < at + 8 or int.from_bytes(info[at : at + 8], "little") != UNDEFINED:
            raise source.wrong("has attributes that stand in a heap (dense storage), which is not read")
    return dict(_attribute(source, texts, data) for data in found.get(ATTRIBUTE, []))


def _attribute(source: Source, texts: Texts, data: bytes) -> tuple[str, Any]:
    wrong = source.wrong("has a damaged attribute")
    if len(data) < 9:
        raise wrong
    version, flags, *sizes = struct.unpack_from("<2B3H", data)
    if version not in (1, 2, 3):
        raise wrong
    if version > 1 and flags:
        raise source.wrong("has an attribute of a named type, which is not followed")
    at = 8 + (version == 3)
    parts = []
    for size in sizes:
        parts.append(data[at : at + size])
        at += -(-size // 8) * 8 if version == 1 else size
    name, kind, shape = decoded(source, parts[0]), types.kind(source, parts[1]), types.shape(source, parts[2])
    if shape is None:
        return name, None
    count = math.prod(shape)
    raw = data[at : at + count * kind.stored.itemsize]
    if len(raw) < count * kind.stored.itemsize:
        raise wrong
    array = np.frombuffer(raw, kind.stored, count).reshape(shape) if count else np.empty(shape, kind.stored)
    return name, given_out(source, texts, kind, array)[()]
