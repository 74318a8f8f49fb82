"""Where an HDF5 file begins, and the messages that describe each of its objects.

Source: The HDF Group, HDF5 File Format Specification, version 3.0, II.A and IV.A
"""

import struct

from autonet.saving.hdf5.checksums import lookup3
from autonet.saving.hdf5.source import UNDEFINED, Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NIL, DATASPACE, LINK_INFO, DATATYPE, OLD_FILL, FILL, LINK = range(7)
EXTERNAL, LAYOUT, _, GROUP_INFO, FILTERS, ATTRIBUTE, COMMENT, OLD_TIME, _SHARED_TABLE, _CONTINUATION = range(7, 17)
SYMBOL_TABLE, TIME, _TREE_SIZES, _DRIVER, ATTRIBUTE_INFO, _COUNT = range(17, 23)
_KNOWN = {NIL, DATASPACE, LINK_INFO, DATATYPE, OLD_FILL, FILL, LINK, EXTERNAL, LAYOUT, GROUP_INFO, FILTERS, ATTRIBUTE}
_KNOWN |= {COMMENT, OLD_TIME, _CONTINUATION, SYMBOL_TABLE, TIME, ATTRIBUTE_INFO, _COUNT}
_SHARED = 2  # a flag: the message itself stands elsewhere
_PLACE = struct.Struct("<2Q")


Messages = dict[int, list[bytes]]
"""What a header says of an object, by the number of the kind of message."""


def root(source: Source) -> int:
    """The address of the root group's header."""
    head = source.take(0, min(48, source.length))
    if len(head) < 48 or not head.startswith(SIGNATURE):
        raise source.wrong("is no HDF5 file")
    version = head[8]
    if version > 3:
        raise source.wrong(f"has a superblock of version {version}; those that are read go up to 3")
    if version > 1:
        sizes, at = head[9:11], 12
        if lookup3(head[:44]) != int.from_bytes(head[44:48], "little"):
            raise source.wrong("has a damaged superblock")
    else:
        sizes, at = head[13:15], 24 + 4 * version
        head += source.take(48, at + 72 - 48)
    if sizes != b"\x08\x08":
        raise source.wrong(f"has addresses and lengths of {sizes[0]} and {sizes[1]} bytes; only those of 8 are read")
    base, extension, end, last = struct.unpack_from("<4Q", head, at)
    if base != 0:
        raise source.wrong("does not begin at its first byte")
    if end > source.length:
        raise source.wrong(f"is cut off: it had {end:,} bytes and has {source.length:,}")
    if version > 1:
        if extension != UNDEFINED:
            raise source.wrong("has an extended superblock, as files of other settings than Keras's have")
        return last
    if last != UNDEFINED:
        raise source.wrong("is part of a file that lies in several")
    return struct.unpack_from("<Q", head, at + 40)[0]


def messages(source: Source, address: int) -> Messages:
    """The messages in the header of an object."""
    head = source.take(address, 16)
    if head.startswith(b"OHDR"):
        return _newer(source, address, head)
    version, _, count, links, size = struct.unpack_from("<2BH2L", head)
    if version != 1:
        raise source.wrong("has a damaged header")
    if links != 1:
        raise source.wrong("stands at several places")
    found: Messages = {}
    blocks = [source.take(address + 16, size)]
    for block in blocks:
        at = 0
        while at + 8 <= len(block) and count:
            kind, length, flags = struct.unpack_from("<2HB", block, at)
            data = _inside(source, block, at + 8, length)
            at += 8 + length
            count -= 1
            if kind == _CONTINUATION:
                blocks.append(source.take(*_continued(source, data)))
            else:
                _add(source, found, kind, flags, data)
    if count:
        raise source.wrong("has a header that ends too early")
    return found


def _newer(source: Source, address: int, head: bytes) -> Messages:
    version, flags = head[4:6]
    if version != 2 or flags & 0xC0:
        raise source.wrong("has a damaged header")
    before = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
    width = 1 << (flags & 3)
    prefix = head[:6] + source.take(address + 16, max(0, before + width - 16)).join([head[6:], b""])
    size = int.from_bytes(prefix[before : before + width], "little")
    rest = before + width + size + 4 - len(prefix)
    whole = prefix + source.take(address + len(prefix), rest) if rest > 0 else prefix[: before + width + size + 4]
    found: Messages = {}
    blocks = [(whole, before + width)]
    skipped = 2 * bool(flags & 4)  # the number in the order of making
    for block, at in blocks:
        if lookup3(block[:-4]) != int.from_bytes(block[-4:], "little"):
            raise source.wrong("has a damaged header")
        while at + 4 + skipped <= len(block) - 4:
            kind, length, shared = struct.unpack_from("<BHB", block, at)
            data = _inside(source, block[:-4], at + 4 + skipped, length)
            at += 4 + skipped + length
            if kind == _CONTINUATION:
                more = source.take(*_continued(source, data))
                if not more.startswith(b"OCHK") or len(more) < 8:
                    raise source.wrong("has a damaged header")
                blocks.append((more, 4))
            else:
                _add(source, found, kind, shared, data)
    return found


def _inside(source: Source, block: bytes, at: int, length: int) -> bytes:
    if at + length > len(block):
        raise source.wrong("has a message longer than its header")
    return block[at : at + length]


def _continued(source: Source, data: bytes) -> tuple[int, int]:
    if len(data) < _PLACE.size:
        raise source.wrong("has a damaged header")
    offset, size = _PLACE.unpack_from(data)
    return offset, size


def _add(source: Source, found: Messages, kind: int, flags: int, data: bytes) -> None:
    if kind not in _KNOWN:
        raise source.wrong(f"has a message of kind {kind:#x}, which files of weights do not have")
    if flags & _SHARED:
        raise source.wrong("is described elsewhere (a shared message or a named type), which is not followed")
    if kind == _COUNT and (len(data) < 5 or int.from_bytes(data[1:5], "little") != 1):
        raise source.wrong("stands at several places")
    if kind != NIL:
        found.setdefault(kind, []).append(data)


def only(source: Source, found: Messages, kind: int) -> bytes | None:
    """The data of the message of a kind, of which there may be one; None without it."""
    data = found.get(kind)
    if data is None:
        return None
    if len(data) > 1:
        raise source.wrong("is described twice")
    return data[0]
