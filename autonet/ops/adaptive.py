"""Pooling to a given number of windows, as even as they can be."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.accumulate import cast
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError
from autonet.ops.half_precision import accumulates
from autonet.ops.indexing import take
from autonet.ops.pooling import average_pool, max_pool
from autonet.ops.products import tensordot
from autonet.ops.reduction import max
from autonet.ops.shaping import moveaxis
from autonet.ops.sliding_windows import channels_moved_last, moved_back, per_axis


@accumulates()
def adaptive_average_pool(
    inputs: TensorLike, output_size: int | tuple[int, ...], data_format: str | None = None
) -> Tensor:
    """The mean of each of `output_size` windows, which cover all places; neighbours may share one.

    Window i of m over n places goes from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        inputs: shape (n, *places, channels) with 1 to 3 axes of places; channels first with that data_format.
        output_size: how many windows there are along each axis.
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.

    Returns: shape (n, *output_size, channels), channels where the inputs have them.

    >>> adaptive_average_pool([[[1.0], [3.0], [8.0]]], 2).tolist()
    [[[2.0], [5.5]]]
    """
    inputs = convert_to_tensor(inputs)
    if inputs.dtype.kind != "f":
        inputs = cast(inputs, None)  # a mean of whole numbers is none
    return _pooled(inputs, output_size, data_format, "adaptive_average_pool", average_pool, _mean_along)


def adaptive_max_pool(inputs: TensorLike, output_size: int | tuple[int, ...], data_format: str | None = None) -> Tensor:
    """The largest of each of `output_size` windows, which cover all places; neighbours may share one.

    Arguments and result as for `adaptive_average_pool`.

    >>> adaptive_max_pool([[[1.0], [3.0], [8.0]]], 2).tolist()
    [[[3.0], [8.0]]]
    """
    return _pooled(inputs, output_size, data_format, "adaptive_max_pool", max_pool, _max_along)


def _pooled(inputs: Any, output_size: Any, data_format: Any, who: str, pool: Callable, along: Callable) -> Tensor:
    x, first = channels_moved_last(inputs, data_format, who)
    places = x.shape[1:-1]
    counts = per_axis(output_size, len(places), f"{who}: output_size")
    if 0 in places:
        raise ArgumentError(f"{who} expects at least one place along each axis; received shape {x.shape}.")
    if all(n % m == 0 for n, m in zip(places, counts, strict=True)):
        window = tuple([n // m for n, m in zip(places, counts, strict=True)])
        return moved_back(pool(x, window, data_format="channels_last"), first)
    for axis, count in enumerate(counts, 1):
        if x.shape[axis] != count:
            x = along(x, axis, count)
    return moved_back(x, first)


def _bounds(n: int, count: int) -> list[tuple[int, int]]:
    return [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


@functools.lru_cache(64)
def _shares(n: int, count: int) -> np.ndarray:
    """Matrix (n, count) whose columns make the means of the windows."""
    matrix = np.zeros((n, count))
    for i, (a, b) in enumerate(_bounds(n, count)):
        matrix[a:b, i] = 1 / (b - a)
    return matrix


def _mean_along(x: Tensor, axis: int, count: int) -> Tensor:
    matrix = _shares(x.shape[axis], count).astype(x.dtype)
    return moveaxis(tensordot(x, matrix, ((axis,), (0,))), -1, axis)


def _max_along(x: Tensor, axis: int, count: int) -> Tensor:
    bounds = _bounds(x.shape[axis], count)
    widest = np.max([b - a for a, b in bounds])
    cells = np.minimum(np.arange(widest), np.array([[b - a - 1] for a, b in bounds]))  # the last again where it ends
    return max(take(x, np.array([[a] for a, _ in bounds]) + cells, axis), axis=axis + 1)
