"""Finding a data set's file: in the user's folder, else at its public home, else one error that says what to do."""

import contextlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autonet.errors import DataError
from autonet.utils import files

Shape = tuple[int | None, ...]  # None: any length
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


@contextlib.contextmanager
def open_npz(path: str | os.PathLike[str], advice: str = ADVICE) -> Iterator[Any]:
    """The content of an .npz file, closed afterwards; DataError if it is damaged or something else."""
    with damaged(path, advice), open(path, "rb") as file:
        if not zipfile.is_zipfile(file):  # NumPy would take it for a pickle, and advise to load that
            raise ValueError("it is no .npz archive of arrays")
        file.seek(0)
        with np.load(file, allow_pickle=False) as content:
            yield content


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
    """What reading a file that is cut off or overwritten raises, as one DataError."""
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as problem:
        detail = str(problem).split("\n")[0] or type(problem).__name__
        raise DataError(f"{path} is damaged or cannot be read ({detail}). {advice}") from problem
