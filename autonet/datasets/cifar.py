"""What CIFAR-10 and CIFAR-100 share: pictures in pickles in a tar archive, read without unpacking it."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.datasets.files import ADVICE, bound, damaged
from autonet.datasets.pickles import read_pickle
from autonet.errors import DataError
from autonet.ops.sliding_windows import image_data_format

MEMBERS = 100  # of an archive
SIZE = 32  # height and width of a picture


def read(path: str | os.PathLike[str], names: Sequence[str], label_key: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of the named members, one after the other.

    Args:
        path: of the tar archive.
        names: of the members.
        label_key: what the labels are called in them.

    Returns: pictures, uint8, shape (n, 32, 32, 3), or (n, 3, 32, 32) where `config.image_data_format()` is
        "channels_first"; labels, int64, shape (n, 1).
    """
    contents = _members(path, names)
    parts = [_pictures(path, name, contents[name], label_key) for name in names]
    x = np.concatenate([pictures for pictures, _ in parts])
    y = np.concatenate([labels for _, labels in parts])
    return (x if image_data_format() == "channels_first" else x.transpose(0, 2, 3, 1)), y[:, None]


class _Bounded:
    """A file of which no more than `left` bytes are read."""

    def __init__(self, file: Any, left: int):
        self.file, self.left = file, left

    def read(self, size: int) -> bytes:
        content = self.file.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError("it is larger than the well-known archive")
        return content


def _members(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, bytes]:
    """The bytes of the named members of a tar archive."""
    import gzip
    import tarfile

    found: dict[str, bytes] = {}
    with damaged(path), gzip.open(path) as unpacked:
        with tarfile.open(fileobj=_Bounded(unpacked, bound(path)), mode="r|") as archive:  # type: ignore[call-overload]
            for number, member in enumerate(archive):
                if number >= MEMBERS:
                    raise DataError(f"{path} is larger than the well-known archive. {ADVICE}")
                if member.name in names and member.isreg():
                    file = archive.extractfile(member)
                    assert file is not None
                    found[member.name] = file.read()
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path} has no {missing[0]}. {ADVICE}")
    return found


def _pictures(path: str | os.PathLike[str], name: str, content: bytes, label_key: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, shape (n, 3, 32, 32), and labels, shape (n,), of one member."""
    try:
        batch = read_pickle(content)
    except DataError as problem:
        raise DataError(f"{path}, {name}: {problem} {ADVICE}") from problem
    batch = batch if isinstance(batch, dict) else {}
    named = {key.decode("latin-1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    data, labels = named.get("data"), named.get(label_key)
    if (
        not isinstance(data, np.ndarray)
        or data.dtype != np.uint8
        or data.ndim != 2
        or data.shape[1] != 3 * SIZE * SIZE
        or not isinstance(labels, list)
        or len(labels) != len(data)
        or not all(type(label) is int and 0 <= label < 100 for label in labels)
    ):
        raise DataError(
            f"{path}, {name}: expected a dict of 'data', bytes of shape (n, {3 * SIZE * SIZE}), and {label_key!r}, a list "
            f"of n labels. {ADVICE}"
        )
    return data.reshape(-1, 3, SIZE, SIZE), np.array(labels, np.int64)
