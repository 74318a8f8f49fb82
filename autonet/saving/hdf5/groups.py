"""The members of an HDF5 group: in the older form a tree over tables of names, in the newer one a message for each.

Source: The HDF Group, HDF5 File Format Specification, version 3.0, III.A, III.C, III.D and IV.A.2.c, g, r
"""

import struct

from autonet.saving.hdf5.headers import LINK, LINK_INFO, SYMBOL_TABLE, Messages, only
from autonet.saving.hdf5.source import UNDEFINED, Source

_NODE = struct.Struct("<4s2BH2Q")
_ENTRY = struct.Struct("<2QLL16x")
_LEADS = "leads to somewhere else, as a soft or external link does"


def is_group(found: Messages) -> bool:
    """Whether messages are those of a group."""
    return SYMBOL_TABLE in found or LINK_INFO in found or LINK in found


def members(source: Source, found: Messages) -> dict[str, int]:
    """Name to address of the header, for what is in a group, sorted by name.

    Raises: DataError for links that lead elsewhere, and for groups whose links stand in a heap, as they do where their order
    is kept or `libver="latest"` was given, and there are more than eight.
    """
    table = only(source, found, SYMBOL_TABLE)
    links = _table(source, table) if table is not None else [_link(source, data) for data in found.get(LINK, [])]
    info = only(source, found, LINK_INFO)
    if info is not None:
        at = 2 + 8 * (len(info) > 1 and info[1] & 1)
        if info[:1] != b"\0" or len(info) < at + 8:
            raise source.wrong("is a group of an unknown form")
        if int.from_bytes(info[at : at + 8], "little") != UNDEFINED:
            raise source.wrong("is a group whose links stand in a heap (dense storage), which is not read")
    known: dict[str, int] = {}
    for name, address in links:
        try:
            text = name.decode("utf-8")
        except UnicodeDecodeError:
            raise source.wrong(f"has a member whose name {name[:40]!r} is no text") from None
        if text in known or text in ("", ".", "..") or "/" in text or "\0" in text:
            raise source.wrong(f"has a member of the name {text[:100]!r}, which is none or another's too")
        known[text] = address
    return dict(sorted(known.items()))


def _link(source: Source, data: bytes) -> tuple[bytes, int]:
    """Name and address of a link message."""
    if len(data) < 4 or data[0] != 1:
        raise source.wrong("has a damaged link")
    flags = data[1]
    at = 2
    if flags & 8:
        if data[at]:
            raise source.wrong(f"has a member that {_LEADS}")
        at += 1
    at += 8 * bool(flags & 4) + bool(flags & 16)
    width = 1 << (flags & 3)
    length = int.from_bytes(data[at : at + width], "little")
    at += width
    if at + length + 8 > len(data):
        raise source.wrong("has a damaged link")
    return data[at : at + length], int.from_bytes(data[at + length : at + length + 8], "little")


def _table(source: Source, data: bytes) -> list[tuple[bytes, int]]:
    """Names and addresses in the tree of an older group."""
    if len(data) < 16:
        raise source.wrong("is a damaged group")
    tree, heap = struct.unpack_from("<2Q", data)
    head = source.take(heap, 32)
    if not head.startswith(b"HEAP\0"):
        raise source.wrong("is a group whose names are damaged")
    size, _, at = struct.unpack_from("<3Q", head, 8)
    names = source.take(at, size)
    links: list[tuple[bytes, int]] = []
    for _, child in tree_leaves(source, tree, 0, 8):
        head = source.take(child, 8)
        if not head.startswith(b"SNOD\1"):
            raise source.wrong("is a damaged group")
        entries = source.take(child + 8, int.from_bytes(head[6:8], "little") * _ENTRY.size)
        for name, address, cached, _ in _ENTRY.iter_unpack(entries):
            if cached == 2:
                raise source.wrong(f"has a member that {_LEADS}")
            end = names.find(b"\0", name)
            size -= end + 1 - name
            if end < 0 or size < 0:
                raise source.wrong("is a group whose names are damaged")
            links.append((names[name:end], address))
    return links


def tree_leaves(source: Source, address: int, kind: int, key: int) -> list[tuple[bytes, int]]:
    """Keys and addresses of what a tree leads to, in its order.

    Args:
        kind: 0 for groups, 1 for chunks.
        key: bytes of a key.
    """
    level = None
    found = [(b"", address)]
    while level != 0:
        nodes, found = found, []
        below = level and level - 1
        for _, node in nodes:
            signature, number, level, count, _, _ = _NODE.unpack(source.take(node, _NODE.size))
            if signature != b"TREE" or number != kind or below not in (None, level):
                raise source.wrong("has a damaged tree")
            below = level
            entries = source.take(node + _NODE.size, count * (key + 8))
            for at in range(0, len(entries), key + 8):
                found.append((entries[at : at + key], int.from_bytes(entries[at + key : at + key + 8], "little")))
        if not found:
            break
    return found
