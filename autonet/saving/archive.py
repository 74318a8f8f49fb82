"""Archives: one JSON description and named arrays in one file, data only.

    manifest.json   format, version, kind; SHA-256 of every other part; dtype, shape and part of every array
    config.json     the description
    arrays/a0, ...  raw numbers, little-endian, C order

Nothing in it runs, names a file, or is imported: the description goes to `serialization`, whose registry is closed.
"""

from __future__ import annotations

import hashlib
import math
import os
from typing import Any, BinaryIO

import numpy as np

from autonet.common.dtypes import NAMES
from autonet.errors import ArgumentError
from autonet.saving.container import ArchiveError, Parts, digest, write_parts
from autonet.saving.plain import dumps, loads

FORMAT, VERSION = "autonet", 1
MANIFEST, CONFIG = "manifest.json", "config.json"
MOST_ARRAYS = 500_000


def write_archive(path: str | os.PathLike, kind: str, config: Any, arrays: dict[str, np.ndarray]) -> None:
    """Write a description and arrays in place of `path`, atomically.

    Args:
        kind: what the archive is: "model", "weights", "backup".
        config: plain values for JSON.
        arrays: by name; any names.
    """
    parts: dict[str, Any] = {CONFIG: dumps(config)}
    table = {}
    for n, (name, array) in enumerate(arrays.items()):
        if array.dtype.name not in NAMES:
            raise ArgumentError(f"An archive holds numbers; {name!r} has dtype {array.dtype}.")
        part = f"arrays/a{n}"
        parts[part] = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).reshape(-1)
        table[name] = {"part": part, "dtype": array.dtype.name, "shape": list(array.shape)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "sha256": {name: digest(content) for name, content in parts.items()},
        "arrays": table,
    }
    write_parts(path, {MANIFEST: dumps(manifest), **parts})


def is_shape(x: Any) -> bool:
    """Whether a value from a file is the shape of an array that there can be."""
    if not isinstance(x, list) or len(x) > 64 or not all(type(n) is int and n >= 0 for n in x):
        return False
    return math.prod([n or 1 for n in x]) < 2**48


class Archive:
    """An archive opened for reading: its description, and its arrays when they are asked for.

    Args:
        file: its path, or the file, opened for reading bytes, with `path` as its name in messages.
        kind: what it must be.

    Raises: ArchiveError for anything that `write_archive` did not write.
    """

    def __init__(self, file: str | os.PathLike | BinaryIO, kind: str | None = None, path: str = "the archive"):
        self._file: BinaryIO | None = None
        if isinstance(file, (str, os.PathLike)):
            path = os.fspath(file)
            file = self._file = open(file, "rb")  # closed by __exit__
        self.path = path
        try:
            self._parts = Parts(file, path)
            self._open(kind)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self, kind: str | None) -> None:
        manifest = loads(self._parts.read(MANIFEST), f"{self.path}: {MANIFEST}")
        if not isinstance(manifest, dict) or set(manifest) != {"format", "version", "kind", "sha256", "arrays"}:
            raise self._wrong("its manifest is not that of an archive")
        if manifest["format"] != FORMAT or manifest["version"] != VERSION:
            raise self._wrong(
                f"it has format {manifest['format']!r}, version {manifest['version']!r}; this is version {VERSION}"
            )
        if kind is not None and manifest["kind"] != kind:
            raise self._wrong(f"it holds {manifest['kind']!r}, where {kind!r} is expected")
        self.kind = manifest["kind"]
        digests, table = manifest["sha256"], manifest["arrays"]
        if not isinstance(digests, dict) or sorted([*digests, MANIFEST]) != sorted(self._parts.names):
            raise self._wrong("its manifest and its parts differ")
        if not isinstance(table, dict) or len(table) > MOST_ARRAYS:
            raise self._wrong("its table of arrays is not one")
        self._digests = digests
        self._table = {name: self._entry(name, entry) for name, entry in table.items()}
        if sorted(e[0] for e in self._table.values()) != sorted(n for n in digests if n != CONFIG):
            raise self._wrong("its arrays and its parts differ")
        self.config = loads(self._verified(CONFIG), f"{self.path}: {CONFIG}")

    def _entry(self, name: str, entry: Any) -> tuple[str, np.dtype, tuple[int, ...]]:
        """Part, dtype and shape of an array; the bytes on disk are counted before any memory is taken."""
        if not isinstance(entry, dict) or set(entry) != {"part", "dtype", "shape"} or entry["dtype"] not in NAMES:
            raise self._wrong(f"the array {name!r} is not described as one")
        shape = entry["shape"]
        if not is_shape(shape):
            raise self._wrong(f"the array {name!r} has an impossible shape")
        dtype = np.dtype(entry["dtype"]).newbyteorder("<")
        if entry["part"] not in self._parts or self._parts.size(entry["part"]) != math.prod(shape) * dtype.itemsize:
            raise self._wrong(f"the array {name!r} of shape {shape} does not fit the bytes of its part")
        return entry["part"], dtype, tuple(shape)

    def _verified(self, part: str) -> bytearray:
        content = bytearray(self._parts.size(part))
        self._read_into(part, memoryview(content))
        return content

    def _read_into(self, part: str, buffer: memoryview) -> None:
        self._parts.read_into(part, buffer)
        if hashlib.sha256(buffer).hexdigest() != self._digests[part]:
            raise self._wrong(f"the part {part!r} does not have the hash in the manifest")

    def _wrong(self, what: str) -> ArchiveError:
        return ArchiveError(f"{self.path}: {what}. Take another copy of it, or write it again.")

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self._table)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum([math.prod(shape) * dtype.itemsize for _, dtype, shape in self._table.values()])

    @property
    def specs(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape and dtype of every array, without reading it."""
        return {name: (shape, dtype.newbyteorder("=")) for name, (_, dtype, shape) in self._table.items()}

    def array(self, name: str) -> np.ndarray:
        """An array, verified."""
        if name not in self._table:
            raise self._wrong(f"there is no array {name!r}")
        part, dtype, shape = self._table[name]
        array = np.empty(shape, dtype)
        self._read_into(part, array.reshape(-1).view(np.uint8).data)
        if dtype.name == "bool" and array.size and array.view(np.uint8).max() > 1:
            raise self._wrong(f"the array {name!r} holds something else than booleans")
        return array.astype(dtype.newbyteorder("="), copy=False)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return {name: self.array(name) for name in self._table}
