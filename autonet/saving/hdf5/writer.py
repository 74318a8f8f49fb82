"""HDF5 files with groups, arrays of numbers, and texts as attributes.

All that describes comes first, then the numbers of each array as one piece. Groups have a message for each member, as
HDF5 1.8 and later read; headers are of version 1, the superblock of version 2.

Source: The HDF Group, HDF5 File Format Specification, version 3.0
"""

import functools
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from autonet.errors import ArgumentError
from autonet.saving.hdf5.checksums import lookup3
from autonet.saving.hdf5.headers import (
    ATTRIBUTE,
    DATASPACE,
    DATATYPE,
    FILL,
    GROUP_INFO,
    LAYOUT,
    LINK,
    LINK_INFO,
    SIGNATURE,
)
from autonet.saving.hdf5.reader import MOST_DEPTH, MOST_OBJECTS
from autonet.saving.hdf5.source import UNDEFINED
from autonet.saving.hdf5.types import TEXT, encoded_kind, encoded_shape

ROOT = 48  # the address of the root group
_MOST_MEMBERS = 60_000  # of a group: a header has at most 65,535 messages
_MOST_NAME = 60_000  # bytes: a message has at most 65,535
_HEAP, _LEAST_HEAP = 30_000, 4096  # texts in a heap; its bytes

Attributes = Mapping[str, Mapping[str, str]]


def encode(arrays: Mapping[str, np.ndarray], attributes: Attributes | None = None, room: int = 0) -> list[Any]:
    """A file, as buffers that follow each other; the numbers of the arrays are not copied.

    Args:
        arrays: by path, "layers/dense/vars/0"; the groups on the way come by themselves.
        attributes: by the path of a group ("" for the root), which is made even if it holds nothing, name to text.
        room: bytes at the end, which the caller adds.

    Raises: ArgumentError for a path that is none, or both a group and an array, and for more than the reader takes.
    """
    attributes = attributes or {}
    tree = _tree(arrays, attributes)
    heaps, references = _heaps([text for texts in attributes.values() for text in texts.values()])
    headers, places = dict.fromkeys(tree, 0), dict.fromkeys(tree, 0)

    def group(path: str, members: dict[str, str], offset: int) -> bytes:
        texts = attributes.get(path, {})
        messages = [_attribute(name, offset, *references[text]) for name, text in texts.items()]
        return _header(messages + _group({name: headers[inside] for name, inside in members.items()}))

    at = ROOT
    for path, members in tree.items():
        headers[path] = at
        at += len(group(path, members, 0) if members is not None else _array(arrays[path].dtype, arrays[path].shape, 0))
    offset = at  # of the heaps
    at += len(heaps)
    contents: list[Any] = []
    for path in tree:
        if tree[path] is None and (array := arrays[path]).size:
            little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
            contents += [little.reshape(-1).view(np.uint8).data, bytes(-array.nbytes % 8)]
            places[path] = at
            at += array.nbytes + -array.nbytes % 8
    head = SIGNATURE + struct.pack("<4B4Q", 2, 8, 8, 0, 0, UNDEFINED, at + room, ROOT)
    head += lookup3(head).to_bytes(4, "little")
    described = [
        group(path, members, offset)
        if members is not None
        else _array(arrays[path].dtype, arrays[path].shape, places[path])
        for path, members in tree.items()
    ]
    return [b"".join([head, *described, heaps]), *contents]


def _tree(arrays: Mapping[str, Any], attributes: Attributes) -> dict[str, dict[str, str] | None]:
    """All paths, groups before what is in them: name to path of their members; None for an array."""
    tree: dict[str, dict[str, str] | None] = {"": {}}
    for path in [*filter(None, attributes), *arrays]:
        *above, name = path.split("/")
        group = ""
        for part in above:
            group = _added(tree, group, part, path, {})
        if path in arrays or path not in tree:
            _added(tree, group, name, path, None if path in arrays else {})
        if path in arrays and path in attributes:
            raise ArgumentError(f"Attributes are those of groups; {path!r} is an array.")
    if len(tree) > MOST_OBJECTS:
        raise ArgumentError(
            f"A file of weights has at most {MOST_OBJECTS:,} groups and arrays; received {len(tree):,}."
        )
    return tree


def _added(tree: dict[str, Any], group: str, name: str, path: str, new: dict[str, str] | None) -> str:
    """The path of a member of a group, put there if it is not yet."""
    full = f"{group}/{name}" if group else name
    members = tree[group]
    encodable = name.encode("utf-8", "replace").decode() == name
    if name in ("", ".", "..") or "\0" in name or not encodable or len(name.encode()) > _MOST_NAME:
        raise ArgumentError(f"A file of weights has no place for {path[:200]!r}. Change the name.")
    if full in tree and new is not None and tree[full] is not None:
        return full
    if full in tree or members is None:
        raise ArgumentError(f"{path[:200]!r} would be both a group and an array of one file of weights.")
    if len(members) == _MOST_MEMBERS or full.count("/") >= MOST_DEPTH:
        raise ArgumentError(f"{path[:200]!r} is one member too many, or too deep, for a file of weights.")
    members[name] = full
    tree[full] = new
    return full


def _message(kind: int, data: bytes, flags: int = 0) -> bytes:
    data += bytes(-len(data) % 8)
    return struct.pack("<2HB3x", kind, len(data), flags) + data


def _header(messages: list[bytes]) -> bytes:
    return struct.pack("<BxHLL4x", 1, len(messages), 1, sum(map(len, messages))) + b"".join(messages)


def _array(dtype: np.dtype, shape: tuple[int, ...], place: int) -> bytes:
    """The header of an array whose numbers stand at a place."""
    head, nbytes = _array_head(dtype, shape)
    return head + struct.pack("<2B2Q6x", 3, 1, place or UNDEFINED, nbytes)


@functools.lru_cache(maxsize=1024)
def _array_head(dtype: np.dtype, shape: tuple[int, ...]) -> tuple[bytes, int]:
    """All but the layout's data, which is last, of the header of an array; and the bytes of its numbers."""
    try:
        kind = encoded_kind(dtype)
    except ValueError as error:
        raise ArgumentError(f"A file of weights holds numbers; {error}.") from None
    messages = [
        _message(DATASPACE, encoded_shape(shape)),
        _message(DATATYPE, kind, 1),
        _message(FILL, b"\3\x0a", 1),  # zero, which is written nowhere
        _message(LAYOUT, bytes(18)),
    ]
    return _header(messages)[:-24], math.prod(shape) * dtype.itemsize


def _group(members: dict[str, int]) -> list[bytes]:
    info = _message(LINK_INFO, struct.pack("<2B2Q", 0, 0, UNDEFINED, UNDEFINED)), _message(GROUP_INFO, b"\0\0", 1)
    return [*info, *[_message(LINK, _link(name.encode(), address)) for name, address in members.items()]]


def _link(name: bytes, address: int) -> bytes:
    return struct.pack("<3BH", 1, 0x11, 1, len(name)) + name + address.to_bytes(8, "little")


def _attribute(name: str, offset: int, size: int, heap: int, number: int) -> bytes:
    """A message of a text that stands in a heap."""
    known = name.encode() + b"\0"
    space = encoded_shape(())
    head = struct.pack("<2B3HB", 3, 0, len(known), len(TEXT), len(space), 1)
    return _message(ATTRIBUTE, head + known + TEXT + space + struct.pack("<LQL", size, offset + heap, number))


def _heaps(texts: list[str]) -> tuple[bytes, dict[str, tuple[int, int, int]]]:
    """Heaps that hold the texts; and for each its bytes, the offset of its heap, and the number in it."""
    whole, references = b"", {}
    different = list(dict.fromkeys(texts))
    for first in range(0, len(different), _HEAP):
        inside = []
        for number, text in enumerate(different[first : first + _HEAP], 1):
            data = text.encode("utf-8", "replace")
            references[text] = len(data), len(whole), number
            inside.append(struct.pack("<2H4xQ", number, 1, len(data)) + data + bytes(-len(data) % 8))
        size = max(_LEAST_HEAP, 32 + sum(map(len, inside)))
        heap = b"".join([b"GCOL\1\0\0\0", size.to_bytes(8, "little"), *inside])
        free = size - len(heap)
        whole += heap + struct.pack("<2H4xQ", 0, 0, free) + bytes(free - 16)
    return whole, references
