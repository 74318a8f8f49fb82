"""A small model as one JSON text, to be read, compared and edited, and loaded again exactly.

    {"format": "autonet", "version": 1, "kind": "model",
     "config": {...},                                   the description that an archive has
     "arrays": {"weights/dense/kernel": {"dtype": "float32", "shape": [2, 3], "values": [[0.1, ...], [...]]},
                "optimizer/0": ..., ...}}

Numbers are the shortest that their dtype reads back to the bit; NaN and infinities are "nan", "inf" and "-inf". There is no
hash, since a person may change a number; what no longer fits (shapes, dtypes, ranges, names) is an error. Who wants every
change by accident noticed, or has a larger model, saves a `.keras` file.
"""

import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from autonet.common.dtypes import NAMES
from autonet.errors import ArgumentError, DataError
from autonet.saving.archive import FORMAT, MOST_ARRAYS, VERSION, is_shape
from autonet.saving.layout import laid_out, numbers
from autonet.saving.plain import dumps, loads
from autonet.utils.files import atomic_write

MOST_BYTES = 6 << 20
MOST_NUMBERS = 300_000  # about as many as fit
_KEYS = {"format", "version", "kind", "config", "arrays"}
_TYPES: dict[str, set[type]] = {"b": {bool}, "i": {int}, "u": {int}, "f": {float, int, str}}  # by the kind of a dtype
_JSON = {list: "a list", str: "a text", bool: "a truth value", type(None): "null", int: "a number", float: "a number"}
_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def write_document(path: str | os.PathLike[str], kind: str, config: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a description and arrays in place of `path`, atomically; arguments as for `write_archive`.

    Raises: ArgumentError for more than a text should hold.
    """
    count = sum([a.size for a in arrays.values()])
    if count > MOST_NUMBERS:
        raise _too_large(f"{count:,} numbers, the optimizer's among them")
    dumps(config)  # which tells what JSON has no words for
    table = {}
    for name, array in arrays.items():
        if array.dtype.name not in NAMES:
            raise ArgumentError(f"A JSON file holds numbers; {name!r} has dtype {array.dtype}.")
        table[name] = {"dtype": array.dtype.name, "shape": list(array.shape), "values": numbers(array)}
    document = {"format": FORMAT, "version": VERSION, "kind": kind, "config": config, "arrays": table}
    text = f"{laid_out(document)}\n".encode()
    if len(text) > MOST_BYTES:
        raise _too_large(f"{len(text):,} bytes as JSON")
    with atomic_write(path) as file:
        file.write(text)


def _too_large(what: str) -> ArgumentError:
    return ArgumentError(
        f"The model has {what}; a .json file, which people read, has at most {MOST_NUMBERS:,} numbers and "
        f"{MOST_BYTES >> 20} MiB. Save it to a .keras file."
    )


class Document:
    """A JSON text that `write_document` wrote, or somebody who edited it; attributes as `Archive` has them.

    Raises: DataError for anything else.
    """

    def __init__(self, file: BinaryIO, kind: str | None, path: str):
        self.path = path
        size = file.seek(0, os.SEEK_END)
        if size > MOST_BYTES:
            raise DataError(
                f"{path} has {size:,} bytes; at most {MOST_BYTES:,} are read of a .json file. Larger models are saved to "
                ".keras files."
            )
        file.seek(0)
        document = loads(file.read(size), path)
        if not isinstance(document, dict):
            raise self._wrong(
                f"it describes no model: it holds {_JSON[type(document)]}, where a model is an object, {{...}}"
            )
        if document.get("format") == "autonet network":
            raise self._wrong("it was written by export_json, for others to read. Save the model with model.save()")
        if "class_name" in document:
            raise self._wrong("it describes a model without weights, which is for models.model_from_json")
        if set(document) != _KEYS:
            raise self._wrong(f"it has not exactly the keys {', '.join(sorted(_KEYS))}")
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise self._wrong(
                f"it has format {document['format']!r}, version {document['version']!r}; this is version {VERSION}"
            )
        if kind is not None and document["kind"] != kind:
            raise self._wrong(f"it holds {document['kind']!r}, where {kind!r} is expected")
        table = document["arrays"]
        if not isinstance(table, dict) or len(table) > MOST_ARRAYS:
            raise self._wrong("its table of arrays is not one")
        self.kind, self.config = document["kind"], document["config"]
        self._arrays = {name: self._read(name, entry) for name, entry in table.items()}

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum([a.nbytes for a in self._arrays.values()])

    @property
    def specs(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape and dtype of every array."""
        return {name: (a.shape, a.dtype) for name, a in self._arrays.items()}

    def array(self, name: str) -> np.ndarray:
        """An array."""
        return self._arrays[name]

    def _wrong(self, what: str) -> DataError:
        return DataError(f"{self.path}: {what}. Correct it, or take another copy.")

    def _read(self, name: str, entry: Any) -> np.ndarray:
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "values"} or entry["dtype"] not in NAMES:
            raise self._wrong(f"the array {name!r} is not described as one")
        if not is_shape(entry["shape"]):
            raise self._wrong(f"the array {name!r} has an impossible shape")
        shape, dtype = tuple(entry["shape"]), np.dtype(entry["dtype"])
        values = [entry["values"]]
        for n in shape:
            if any(type(row) is not list or len(row) != n for row in values):
                raise self._wrong(f"the lists of the array {name!r} do not have the shape {list(shape)}")
            values = [v for row in values for v in row]
        kinds = set(map(type, values))
        if not kinds <= _TYPES[dtype.kind] or (
            str in kinds and not all(v in _NOT_FINITE for v in values if type(v) is str)
        ):
            raise self._wrong(f"the array {name!r} holds what is no {dtype}")
        if dtype.kind != "f":
            limits = np.iinfo(dtype.name) if dtype.kind in "iu" else None
            if limits and values and not limits.min <= min(values) <= max(values) <= limits.max:
                raise self._wrong(f"the array {name!r} holds a number that does not fit into {dtype}")
            return np.array(values, dtype).reshape(shape)
        exact = np.array([_NOT_FINITE[v] if type(v) is str else v for v in values], np.float64)
        with np.errstate(over="ignore"):
            array = exact.astype(dtype)
        if not np.array_equal(np.isinf(array), np.isinf(exact)):
            raise self._wrong(f"the array {name!r} holds a number that does not fit into {dtype}")
        return array.reshape(shape)
