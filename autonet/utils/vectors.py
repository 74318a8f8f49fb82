"""Rows of a table that point where others do: nearest words, nearest pictures."""

import numpy as np

from autonet.common.frames import plain
from autonet.common.types import TensorLike
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.ops.sorting import largest

BLOCK = 1 << 20  # numbers in a temporary array, or one row of it


def nearest_neighbors(vectors: TensorLike, queries: TensorLike, k: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The rows of `vectors` with the largest cosine to each query.

        cosine(u, v) = u . v / (|u| |v|), 0 if either is zero

    Work is done in blocks of queries, so that memory stays small beside `vectors`. Of equal cosines the first row wins. A
    query that is a row of `vectors` finds itself first: ask for one more.

    Args:
        vectors: shape (n, d), such as an embedding's weights.
        queries: shape (m, d), or (d,) for one.
        k: how many; at most n. By default 10, or all of fewer.

    Returns: rows, int32, shape (m, k), or (k,) for one query, nearest first; and their cosines, in floating point, likewise.

    Raises: ShapeError for other shapes; DataError for NaN or infinities.

    >>> rows, cosines = nearest_neighbors([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]], [0.0, 1.0], k=2)
    >>> rows.tolist(), cosines.round(3).tolist()
    ([1, 2], [1.0, 0.707])
    """
    table, asked = _floats(vectors, "vectors"), _floats(queries, "queries")
    if table.ndim != 2 or asked.ndim not in (1, 2) or asked.shape[-1] != table.shape[-1]:
        raise ShapeError(
            f"nearest_neighbors expects vectors (n, d) and queries (m, d) or (d,); received {table.shape} and {asked.shape}."
        )
    k = min(10, len(table)) if k is None and len(table) else k or 0
    if not 1 <= k <= len(table):
        raise ArgumentError(f"nearest_neighbors expects k from 1 to {len(table)}, the number of vectors; received {k}.")
    dtype = np.result_type(table, asked)
    rows = np.atleast_2d(asked).astype(dtype, copy=False)
    scales, units = _inverse_norms(table), rows * _inverse_norms(rows)[:, None]
    found, cosines = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), dtype)
    size = max(1, BLOCK // len(table))
    for at in range(0, len(rows), size):
        block = slice(at, at + size)
        scores = (units[block] @ table.T) * scales
        found[block] = largest(scores, k)
        cosines[block] = np.clip(np.take_along_axis(scores, found[block], 1), -1, 1)
    return (found[0], cosines[0]) if asked.ndim == 1 else (found, cosines)


def _floats(x: TensorLike, name: str) -> np.ndarray:
    array = np.asarray(plain(x, name))
    if array.dtype.kind not in "fiub":
        raise DataError(f"nearest_neighbors expects numbers as {name}; received dtype {array.dtype}.")
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    return array


def _inverse_norms(table: np.ndarray) -> np.ndarray:
    """1 / |row| for each row, 0 for rows of zeros."""
    found = np.zeros(len(table), table.dtype)
    size = max(1, BLOCK // max(table.shape[1], 1))
    for at in range(0, len(table), size):
        block = table[at : at + size]
        peak = np.abs(block).max(axis=1, initial=0)  # so that no square overflows
        if not np.isfinite(peak).all():
            raise DataError("nearest_neighbors expects finite numbers; received NaN or infinities.")
        safe = np.where(peak > 0, peak, 1)
        norms = safe * np.sqrt(np.square(block / safe[:, None]).sum(axis=1))
        np.divide(1, norms, out=found[at : at + size], where=peak > 0)
    return found
