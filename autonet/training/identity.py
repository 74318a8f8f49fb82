"""Fingerprints of data, and of a model and how it was compiled: by them a training that is started again is known."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from autonet.common.trees import flatten
from autonet.utils.disk import DiskArray

WHOLE = 16 << 20  # bytes of an array up to which all of them are hashed; of larger ones rows of so many, evenly spaced

DISK_ROWS = 1 << 12  # of arrays on disk, at most


def of_data(data: Any) -> str:
    """Hash of a tree of arrays: shapes, dtypes, and the values, or, of large arrays, rows spread over all of it."""
    digest = hashlib.blake2b(digest_size=16)
    for leaf in flatten(data):
        if leaf is None:
            digest.update(b"-")
            continue
        array = leaf if isinstance(leaf, DiskArray) else np.asarray(leaf)
        digest.update(f"{array.shape} {array.dtype.str};".encode())
        if array.nbytes > WHOLE:
            rows = max(len(array) * WHOLE // array.nbytes, 2)
            if isinstance(leaf, DiskArray):  # each row is read by itself
                rows = min(rows, DISK_ROWS)
            array = array[np.linspace(0, len(array) - 1, rows).astype(np.int64)]
        array = np.asarray(array)
        if array.dtype.hasobject:
            digest.update("\0".join(map(str, array.ravel().tolist())).encode("utf-8", "surrogatepass"))
        else:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def of_model(model: Any) -> str:
    """Hash of a model's configuration and of how it was compiled, as far as these can be written down."""
    parts: list[Any] = [type(model).__qualname__, [(v.path, v.shape) for v in model.weights if hasattr(v, "path")]]
    for describe in (model.get_config, model.optimizer.get_config, model.get_compile_config):
        try:
            parts.append(describe())
        except (TypeError, ValueError, NotImplementedError):  # parts of the user's own that have no configuration
            parts.append(None)
    text = json.dumps(parts, default=_named, sort_keys=True, skipkeys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _named(value: Any) -> Any:
    """For JSON: arrays by their numbers, other objects by their names, which do not change from run to run."""
    if isinstance(value, np.ndarray):
        return of_data(value)
    return getattr(value, "__qualname__", type(value).__qualname__)
