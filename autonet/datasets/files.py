"""Finding a data set's file: in the user's folder, else at its public home, else one error that says what to do."""

import contextlib
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from autonet.errors import AutonetError, DataError
from autonet.utils import files

Shape = tuple[int | None, ...]  # None: any length
ROOM = 16 << 20  # bytes
ADVICE = "Delete it, and it is downloaded again, or put the whole file in its place."


def find(name: str, url: str | None, sha256: str, content: str) -> Path:
    """The path of a data set's file.

    Args:
        name: of the file in the folder of data sets, or an absolute path.
        url: its public home; None for a file that has none that is known.
        sha256: digest of what that home gives (or its MD5, where no other is known), or of the well-known file.
        content: what the file holds, for the error.

    Raises: DataError if the file is neither there nor to be had.
    """
    path = files.home() / "datasets" / name
    if path.is_file():
        return path
    elsewhere = "or set AUTONET_HOME to a folder whose subfolder 'datasets' has it."
    if url is None:
        raise DataError(
            f"{path.name} is not in {path.parent}, and no address is known from which to download it. Put the file there "
            f"yourself ({content}; the well-known one has the SHA-256 {sha256}), {elsewhere}"
        )
    try:
        return files.download(url, path, sha256)
    except DataError as problem:
        raise DataError(
            f"{path.name} is not in {path.parent}, and {problem} Or put the file there yourself ({content}), {elsewhere}"
        ) from None


def read_npz(
    path: str | os.PathLike[str], shapes: Mapping[str, Shape], advice: str = ADVICE, kinds: str = "iu"
) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file of numbers.

    Args:
        path: the file.
        shapes: the arrays that must be there, with their shapes; None for any length.
        advice: what to do about a file that cannot be used.
        kinds: NumPy's letters of the dtypes that they may have.

    Raises: DataError if the file is damaged, or holds something else.
    """
    arrays: dict[str, np.ndarray] = {}
    with open_npz(path, advice) as content:
        for name in shapes:
            if name not in content.files:
                raise DataError(
                    f"{path} has no array {name!r}; it holds {', '.join(content.files) or 'none'}. {advice}"
                )
            arrays[name] = content[name]
    for name, shape in shapes.items():
        check_shape(path, name, arrays[name], shape, advice, kinds)
    return arrays


class Arrays:
    """The arrays in an open .npz file, by name; what stands in a header is compared with the bytes before memory is taken.

    Args:
        most: bytes that one array may have.

    Attributes:
        files: names of the arrays.
    """

    def __init__(self, file: IO[bytes], most: float = math.inf):
        self._zip, self._most = zipfile.ZipFile(file), most
        self.files = [name.removesuffix(".npy") for name in self._zip.namelist() if name.endswith(".npy")]

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[tuple[IO[bytes], int, tuple[int, ...], bool, np.dtype]]:
        """An array's file behind its header, the bytes that are left, shape, whether it is in Fortran's order, and dtype."""
        member = self._zip.getinfo(f"{name}.npy")
        if member.file_size > self._most:
            raise ValueError(f"its array {name!r} has {member.file_size:,} bytes, more than files of this kind")
        with self._zip.open(member) as file:
            shape, fortran, dtype = files.npy_header(file)
            yield file, member.file_size - file.tell(), shape, fortran, dtype

    def __getitem__(self, name: str) -> np.ndarray:
        with self.opened(name) as (file, size, shape, fortran, dtype):
            if dtype.hasobject or dtype.itemsize * math.prod(shape) != size or min(shape, default=0) < 0:
                raise ValueError(f"its array {name!r} of dtype {dtype} and shape {shape} does not fit {size:,} bytes")
            content = bytearray(file.read())
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


@contextlib.contextmanager
def open_npz(path: str | os.PathLike[str], advice: str = ADVICE, bounded: bool = True) -> Iterator[Arrays]:
    """The content of an .npz file, closed afterwards; DataError if it is damaged or something else.

    bounded: whether arrays that are much larger than the file, for data that is known, are refused.
    """
    with damaged(path, advice), open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is no .npz archive of arrays")
        yield Arrays(file, bound(path) if bounded else math.inf)


def bound(path: str | os.PathLike[str]) -> int:
    """Bytes that the content of a compressed file has at most: what data is packed five times as small may take."""
    return 8 * os.path.getsize(path) + ROOM


def read_bounded(file: IO[bytes], path: str | os.PathLike[str]) -> bytes:
    """All of what a file object decompresses from `path`.

    Raises: ValueError if that is more than `bound`.
    """
    content = file.read(bound(path) + 1)
    if len(content) > bound(path):
        raise ValueError(f"it holds more than {bound(path):,} bytes")
    return content


def check_shape(
    path: str | os.PathLike[str],
    name: str,
    array: np.ndarray,
    shape: Shape,
    advice: str = ADVICE,
    kinds: str = "iu",
) -> None:
    """DataError unless `array` has this shape (None: any length) and a dtype of these kinds."""
    fits = len(shape) == array.ndim and all(n is None or n == m for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in kinds:
        expected = tuple("n" if n is None else n for n in shape)
        what = "numbers" if "f" in kinds else "integers"
        raise DataError(
            f"{path}: {name} should hold {what} of shape {expected}; it has dtype {array.dtype} and shape "
            f"{array.shape}. {advice}"
        )


@contextlib.contextmanager
def damaged(path: str | os.PathLike[str], advice: str = ADVICE) -> Iterator[None]:
    """What reading a file that is cut off or overwritten raises, as one DataError: parsers have errors of all kinds."""
    try:
        yield
    except AutonetError:
        raise
    except Exception as problem:
        detail = str(problem).split("\n")[0] or type(problem).__name__
        raise DataError(f"{path} is damaged or cannot be read ({detail}). {advice}") from problem
