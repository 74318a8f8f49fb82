"""The bytes of an HDF5 file: nothing beyond them is read, and no byte belongs to two structures."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from autonet.errors import DataError

UNDEFINED = 2**64 - 1  # the address of what is not there
_PIECE = 1 << 20


class Source:
    """A file, or a part of one, and how much of it may still be taken.

    Whatever is taken is counted. As each byte of a sound file belongs to one structure, one that takes more than there is
    has structures that overlap or lead in circles: so time and memory stay in proportion to the file.

    Args:
        file: opened for reading bytes.
        path: its name in messages.
        start: where the part begins.
        size: its bytes; None for all that follow.
    """

    def __init__(self, file: BinaryIO, path: str, start: int = 0, size: int | None = None):
        self._file, self.path, self._start = file, path, start
        self.length = file.seek(0, io.SEEK_END) - start if size is None else size
        self.where = ""
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self._left = self.length

    def wrong(self, what: str) -> DataError:
        """The error that says what is wrong with the structure, or the object, that is being read."""
        where = f"{self.where[:200]!r} " if self.where else "it "
        return DataError(
            f"{self.path}: {where}{what}. Files of weights are HDF5 files with plain arrays in groups, as Keras writes them; "
            "take another copy of it."
        )

    def claim(self, offset: int, size: int) -> None:
        """Count bytes that are read later.

        Raises: DataError if they are not there, or more were counted than there are.
        """
        if size < 0 or offset < 0 or offset + size > self.length:
            raise self.wrong("lies beyond the end of the file")
        self._left -= size
        if self._left < 0:
            raise self.wrong("overlaps with others")

    def take(self, offset: int, size: int) -> bytes:
        """Some bytes.

        Raises: DataError, as `claim`.
        """
        self.claim(offset, size)
        return self.read(offset, size)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes that were claimed."""
        self._file.seek(self._start + offset)
        data = self._file.read(size)
        if len(data) != size:
            raise self.wrong("lies beyond the end of the file")
        return data

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Bytes that were claimed, into a buffer of as many."""
        self._file.seek(self._start + offset)
        if self._file.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
            raise self.wrong("lies beyond the end of the file")

    def pieces(self, size: int) -> Iterator[bytes]:
        """The first bytes, a megabyte at a time."""
        for at in range(0, size, _PIECE):
            yield self.read(at, min(_PIECE, size - at))
