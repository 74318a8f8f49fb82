"""Keras's own ".keras" files: a zip of three parts, and perhaps of words that layers know, stored as they are."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from typing import Any, BinaryIO

from autonet.errors import DataError
from autonet.saving.plain import MOST_BYTES, loads

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ASSET = re.compile(r"assets/((?:[A-Za-z0-9_]+/)*)(vocabulary\.txt)?")  # tokens of a layer; or a folder of such
_PIECE = 1 << 20
_LOCAL = struct.Struct("<4s5H3L2H")
_DAMAGED_FILE_ERRORS = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError),
    *(LookupError, OverflowError, TypeError, struct.error),
)


class KerasZip:
    """The parts of a ".keras" file that Keras wrote, checked.

    Args:
        file: opened for reading bytes.
        path: its name in messages.

    Raises: DataError for a zip of another kind: parts missing, doubled or with other names, compressed or encrypted,
    overlapping or damaged, or described differently in two places.
    """

    def __init__(self, file: BinaryIO, path: str):
        self._file, self.path = file, path
        try:
            self._places = self._find()
        except _DAMAGED_FILE_ERRORS as error:
            if isinstance(error, DataError):
                raise
            raise self._wrong(f"it is no zip file, or damaged ({str(error)[:200]})") from error

    def _wrong(self, what: str) -> DataError:
        return DataError(f"{self.path}: {what}. It is not what Keras 3 writes; take another copy of it.")

    def _find(self) -> dict[str, tuple[int, int]]:
        with zipfile.ZipFile(self._file) as zipped:
            parts, end = zipped.infolist(), zipped.start_dir
        names = [part.filename for part in parts]
        plain = [name for name in names if not _ASSET.fullmatch(name)]
        if sorted(plain) != sorted([CONFIG, METADATA, WEIGHTS]) or len(set(names)) < len(names):
            raise self._wrong(f"it holds {str(names)[:200]}, where {[METADATA, CONFIG, WEIGHTS]} are expected")
        places: dict[Any, Any] = {}
        before = 0
        for part in sorted(parts, key=lambda part: part.header_offset):
            size = part.file_size
            if part.compress_type or part.flag_bits & ~0x808 or part.compress_size != size:
                raise self._wrong(f"its part {part.filename} is compressed or encrypted")
            if part.header_offset < before or (part.header_offset and not places):
                raise self._wrong("its parts overlap, or something stands before them")
            start = part.header_offset + self._header_length(part)
            before = start + size
            if before > end:
                raise self._wrong("its parts overlap, or reach into its directory")
            self._check_sum(part, start)
            places[part.filename] = (start, size)
        return places

    def _header_length(self, part: zipfile.ZipInfo) -> int:
        """Bytes of the header before a part, which must say what the directory says."""
        self._file.seek(part.header_offset)
        fields = _LOCAL.unpack(self._file.read(_LOCAL.size))
        signature, flags, method, crc, packed, size, length, extra = (*fields[:1], *fields[2:4], *fields[6:])
        name = self._file.read(length)
        sizes = {part.file_size, 0xFFFFFFFF} | (
            {0} if flags & 0x8 else set()
        )  # or in a zip64 field, or behind the part
        crcs = {part.CRC} | ({0} if flags & 0x8 else set())
        agrees = (
            signature == b"PK\3\4"
            and name == part.filename.encode()
            and flags == part.flag_bits
            and method == 0
            and {packed, size} <= sizes
            and crc in crcs
        )
        if not agrees:
            raise self._wrong(f"the header of {part.filename} differs from the directory")
        return _LOCAL.size + length + extra

    def _check_sum(self, part: zipfile.ZipInfo, start: int) -> None:
        self._file.seek(start)
        seen, left = 0, part.file_size
        while piece := self._file.read(min(left, _PIECE)):
            seen = zlib.crc32(piece, seen)
            left -= len(piece)
        if left or seen != part.CRC:
            raise self._wrong(f"its part {part.filename} is damaged")

    def _read(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

    def json(self, name: str) -> Any:
        """A part that is JSON."""
        start, size = self._places[name]
        return loads(self._read(start, min(size, MOST_BYTES + 1)), f"{self.path}: {name}")

    def assets(self) -> dict[str, list[str]]:
        """Tokens that layers keep beside their weights, by the groups of the layers."""
        found = {}
        for name, (start, size) in self._places.items():
            match = _ASSET.fullmatch(name)
            if match and match[2]:
                if size > MOST_BYTES:
                    raise self._wrong(f"its part {name} has {size:,} bytes, more than any vocabulary")
                try:
                    text = self._read(start, size).decode("utf-8")
                except UnicodeDecodeError:
                    raise self._wrong(f"its part {name} is no text") from None
                found[match[1].rstrip("/")] = text.split("\n")
        return found

    @property
    def weights(self) -> tuple[int, int]:
        """Where the part of weights begins in the file, and its bytes."""
        return self._places[WEIGHTS]
