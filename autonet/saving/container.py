"""The file under every archive: named parts, stored as they are, in a zip of one canonical form.

Any zip tool opens it. The reader takes no other zip: it accepts exactly the bytes that the writer makes for the parts it
finds, so nothing can hide between them, no name or length can differ from one header to the other, and a single flipped
bit anywhere is noticed. Parts are not compressed, so a small file cannot grow in memory.

Layout (PKWARE's APPNOTE 6.3.10): for each part a local header, its name, a zip64 field, its bytes; then the central
directory, the zip64 end record, its locator, the end record. All dates are 1980-01-01, all attributes 0.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from typing import Any, BinaryIO

from autonet.errors import DataError
from autonet.utils.files import atomic_write

NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*(\.[a-z0-9]+){0,2}")  # no name begins with a dot; no root, no drive
MOST_PARTS = 1_000_000
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_SIZES = struct.Struct("<2H2Q")  # the zip64 field of a local header
_PLACES = struct.Struct("<2H3Q")  # ... and of the directory, with the offset
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_FULL = 0xFFFFFFFF  # "see the zip64 field"
_DATE = 0x21  # 1980-01-01
_CHUNK = 1 << 20


class ArchiveError(DataError):
    """A file that is not what autonet writes: damaged, cut off, or made by something else."""


def _local(name: bytes, crc: int, size: int) -> bytes:
    head = _LOCAL.pack(b"PK\3\4", 45, 0, 0, 0, _DATE, crc, _FULL, _FULL, len(name), _SIZES.size)
    return head + name + _SIZES.pack(1, 16, size, size)


def _central(name: bytes, crc: int, size: int, offset: int) -> bytes:
    extra = _PLACES.pack(1, 24, size, size, offset)
    fields = (b"PK\1\2", 45, 45, 0, 0, 0, _DATE, crc, _FULL, _FULL, len(name), len(extra), 0, 0, 0, 0, _FULL)
    return _CENTRAL.pack(*fields) + name + extra


def _ends(count: int, size: int, offset: int) -> bytes:
    end64 = _END64.pack(b"PK\6\6", _END64.size - 12, 45, 45, 0, 0, count, count, size, offset)
    locator = _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    return end64 + locator + _END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _FULL, _FULL, 0)


def buffers(content: Any) -> list[memoryview]:
    """The bytes of a part: of a buffer, or of several in a list, one after the other."""
    views = [memoryview(x) for x in (content if isinstance(content, list) else [content])]
    return [view.cast("B") for view in views if view.nbytes]


def digest(content: Any) -> str:
    """SHA-256 of a part, in hexadecimal digits."""
    sha256 = hashlib.sha256()
    for view in buffers(content):
        sha256.update(view)
    return sha256.hexdigest()


def write_parts(path: str | os.PathLike, parts: dict[str, Any]) -> None:
    """Write the parts, name to content, in place of `path`. A content is anything with a buffer, or a list of such."""
    with atomic_write(path) as file:
        directory = []
        offset = 0
        for name, content in parts.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"A part's name is made of lower-case words and slashes; received {name!r}.")
            views = buffers(content)
            encoded, crc, size = name.encode("ascii"), 0, sum(map(len, views))
            for view in views:
                crc = zlib.crc32(view, crc)
            head = _local(encoded, crc, size)
            file.write(head)
            for view in views:
                file.write(view)
            directory.append(_central(encoded, crc, size, offset))
            offset += len(head) + size
        whole = b"".join(directory)
        file.write(whole)
        file.write(_ends(len(directory), len(whole), offset))


class Parts:
    """The parts of an open file, found and checked against their headers; the content is checked when it is read."""

    def __init__(self, file: BinaryIO, path: str):
        self.path = path
        self._file = file
        self._length = file.seek(0, os.SEEK_END)
        self._places = self._find()

    @property
    def names(self) -> list[str]:
        """Names of the parts, in order."""
        return list(self._places)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._places

    def size(self, name: str) -> int:
        """Bytes of a part."""
        return self._place(name)[1]

    def read(self, name: str) -> bytearray:
        """A part's bytes.

        Raises: ArchiveError if there is no such part, or its check sum differs.
        """
        content = bytearray(self.size(name))  # no longer than the file: _find compared
        self.read_into(name, memoryview(content))
        return content

    def read_into(self, name: str, buffer: memoryview) -> None:
        """A part's bytes, into a buffer of as many.

        Raises: ArchiveError if there is no such part, or its check sum differs.
        """
        offset, size, crc = self._place(name)
        self._file.seek(offset)
        if self._file.readinto(buffer) != size or zlib.crc32(buffer) != crc:  # type: ignore[attr-defined]
            raise self._damaged(f"the part {name!r} is damaged")

    def place(self, name: str) -> tuple[int, int]:
        """Where a part begins in the file, and its bytes."""
        return self._place(name)[:2]

    def digest(self, name: str) -> str:
        """SHA-256 of a part, which is read in small pieces; its check sum is not looked at.

        Raises: ArchiveError if there is no such part.
        """
        offset, left, _ = self._place(name)
        self._file.seek(offset)
        sha256 = hashlib.sha256()
        while piece := self._file.read(min(left, _CHUNK)):
            sha256.update(piece)
            left -= len(piece)
        if left:
            raise self._damaged(f"the part {name!r} is damaged")
        return sha256.hexdigest()

    def _place(self, name: str) -> tuple[int, int, int]:
        if name not in self._places:
            raise self._damaged(f"there is no part {name!r}")
        return self._places[name]

    def _damaged(self, what: str) -> ArchiveError:
        return ArchiveError(
            f"{self.path}: {what}. The file is damaged, was cut off, or was not written by autonet; take another copy of it."
        )

    def _take(self, offset: int, size: int) -> bytes:
        if offset < 0 or offset + size > self._length:
            raise self._damaged("it ends too early")
        self._file.seek(offset)
        return self._file.read(size)

    def _find(self) -> dict[str, tuple[int, int, int]]:
        """Offset, size and check sum of each part; every byte that is no content is compared with what it must be."""
        tail = _END64.size + _LOCATOR.size + _END.size
        ends = self._take(self._length - tail, tail)
        _, _, _, _, _, _, count, _, size, start = _END64.unpack(ends[: _END64.size])
        if count > MOST_PARTS or start + size + tail != self._length or ends != _ends(count, size, start):
            raise self._damaged("its end is not that of an archive")
        directory = self._take(start, size)
        places: dict[str, tuple[int, int, int]] = {}
        at = offset = 0
        for _ in range(count):
            if at + _CENTRAL.size > size:
                raise self._damaged("its directory is cut off")
            fields = _CENTRAL.unpack_from(directory, at)
            crc, length = fields[7], fields[10]
            name = directory[at + _CENTRAL.size : at + _CENTRAL.size + length]
            extra = directory[at + _CENTRAL.size + length :][: _PLACES.size]
            if len(extra) < _PLACES.size:
                raise self._damaged("its directory is cut off")
            whole = _PLACES.unpack(extra)[2]
            entry = _central(name, crc, whole, offset)
            head = _local(name, crc, whole)
            text = name.decode("latin-1")
            if directory[at : at + len(entry)] != entry or not NAME.fullmatch(text) or text in places:
                raise self._damaged("its directory is not canonical")
            if self._take(offset, len(head)) != head or offset + len(head) + whole > start:
                raise self._damaged(f"the header of {text!r} differs from the directory")
            places[text] = (offset + len(head), whole, crc)
            offset += len(head) + whole
            at += len(entry)
        if at != size or offset != start:
            raise self._damaged("there is something between its parts")
        return places
