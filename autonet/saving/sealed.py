"""HDF5 files with a hash of themselves, where h5py and Keras do not look: every flipped bit and every cut is noticed.

The last 32 bytes are the SHA-256 of all before them. That there is such a hash stands at two places, the first attribute of
the file and the eight bytes before the hash, so that neither change nor loss of one makes the file pass for another's.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from autonet.errors import DataError
from autonet.saving.hdf5 import encode
from autonet.saving.hdf5.source import Source
from autonet.saving.hdf5.writer import ROOT

_NAME, _TEXT = "autonet", "The last 32 bytes are the SHA-256 of all before them."
_MARK = b"\0autonet"
_AT, _HEAD = ROOT + 24, b"\3\0\x08\0\x14\0\4\0\1autonet\0"  # the beginning of the first attribute
_DIGEST = hashlib.sha256().digest_size


def sealed(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Mapping[str, str]]) -> list[Any]:
    """A file as `hdf5.encode` makes it, with its hash, as buffers that follow each other."""
    attributes = {"": {_NAME: _TEXT, **attributes.get("", {})}, **{k: v for k, v in attributes.items() if k}}
    buffers = [*encode(arrays, attributes, room=len(_MARK) + _DIGEST), _MARK]
    sha256 = hashlib.sha256()
    for buffer in buffers:
        sha256.update(buffer)
    return [*buffers, sha256.digest()]


def check_seal(file: BinaryIO, path: str) -> None:
    """Compare a file's hash, if it is one that has it.

    Raises: DataError if it differs.
    """
    source = Source(file, path)
    if source.length < _AT + len(_HEAD) + len(_MARK) + _DIGEST:
        return
    end = source.length - _DIGEST
    marks = [source.read(_AT, len(_HEAD)) == _HEAD, source.read(end - len(_MARK), len(_MARK)) == _MARK]
    if not any(marks):
        return
    sha256 = hashlib.sha256()
    for piece in source.pieces(end):
        sha256.update(piece)
    if not all(marks) or sha256.digest() != source.read(end, _DIGEST):
        raise DataError(
            f"{path} was damaged, cut off, or changed by another program since autonet wrote it. Take another copy of it."
        )
