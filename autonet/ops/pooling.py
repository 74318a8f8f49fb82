"""Pooling: the largest, or the mean, of each window of places, in one, two and three dimensions."""

import functools
import math
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor
from autonet.ops.comparison import equal, greater, logical_and
from autonet.ops.creation import cast
from autonet.ops.indexing import _take_back, take
from autonet.ops.kinks import at_kinks
from autonet.ops.masks import masked
from autonet.ops.pointwise import multiply
from autonet.ops.reduction import cumsum
from autonet.ops.shaping import reshape
from autonet.ops.sliding_windows import (
    blocks,
    cells,
    channels_moved_last,
    framed,
    lengths,
    moved_back,
    per_axis,
    place,
    seen_by,
    unframed,
    within,
)

# Maxima. Where several cells of a window are largest, the first one counts, so the map back goes to one cell.


@primitive
def pool_max(x, *, window, strides, size, starts):
    """The largest of each window, (n, *places, c) to (n, *size, c); padding never counts."""
    return _swept(np.maximum, _covered(x, window, strides, size, starts, _least(x.dtype)), window, strides, size)


@primitive(accumulates=True)
def unpool_max(values, x, peaks, *, window, strides, size, starts):
    """Each window's value laid down, and added, at the place where `x` has that window's peak.

    Shapes: x (n, *places, c), values and peaks (n, *size, c); result as x.
    """
    y = np.zeros(x.shape, values.dtype)
    covered = _reach(window, strides, size)
    inside = within(starts, covered, x.shape[1:-1])
    once = all(s >= w for s, w in zip(strides, window, strict=True))  # no place is in two windows
    for rows in blocks(x.shape[0], 4 * x.itemsize * math.prod(x.shape[1:])):
        part = values[rows]
        frame = y[rows] if inside else np.zeros((part.shape[0], *covered, x.shape[-1]), y.dtype)
        for at, first in _peaks(x[rows], peaks[rows], window, strides, size, starts):
            target = frame[at]
            if once:
                masked(first, part, target)
            else:
                np.add(target, masked(first, part), out=target)
        if not inside:
            unframed(frame, starts, x.shape[1:-1], y[rows])
    return y


@primitive(accumulates=True)
def pick_max(values, x, peaks, *, window, strides, size, starts):
    """For each window, what `values` has at the place where `x` has that window's peak.

    Shapes: values and x (n, *places, c), peaks (n, *size, c); result as peaks.
    """
    y = np.zeros(peaks.shape, values.dtype)
    for rows in blocks(x.shape[0], 4 * x.itemsize * math.prod(x.shape[1:])):
        frame = framed(values[rows], starts, _reach(window, strides, size))
        for at, first in _peaks(x[rows], peaks[rows], window, strides, size, starts):
            np.add(y[rows], masked(first, frame[at]), out=y[rows])
    return y


def _pool_max_rule(g, x, y, window, strides, size, starts):
    """To each window's first peak; where there are several, `at_kinks` must know the windows' cells one by one."""
    if not is_recording() or 0 in y.shape:
        return unpool_max(g, x, y, window=window, strides=strides, size=size, starts=starts)
    kept = (x.shape[0], math.prod(size), 1, x.shape[-1])
    places, inside = _places_of_windows(x.shape[1:-1], window, strides, size, starts)
    flat = reshape(x, (x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))
    each = take(flat, places, axis=1)
    top = logical_and(equal(each, reshape(y, kept)), inside[..., None])
    count = cumsum(cast(top, dtype="int32"), axis=2)
    first = logical_and(top, equal(count, 1))
    shares = multiply(cast(first, dtype=g.dtype.name), reshape(g, kept))
    shares = at_kinks(shares, g, y, each, logical_and(top, greater(count[:, :, -1:], 1)), "jump", kept, tied="apart")
    return reshape(_take_back(shares, places, axis=1, shape=flat.shape), x.shape)


@functools.lru_cache(64)
def _places_of_windows(
    places: tuple, window: tuple, strides: tuple, size: tuple, starts: tuple
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the places in each window, shape (windows, cells), and whether they are places: not padding."""
    numbers, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)
    for n, w, s, count, start in zip(places, window, strides, size, starts, strict=True):
        along = np.arange(count)[:, None] * s - start + np.arange(w)
        own = (along >= 0) & (along < n)
        numbers, inside = (
            a.reshape(len(numbers) * count, -1)
            for a in (
                numbers[:, None, :, None] * n + np.where(own, along, 0)[None, :, None, :],
                inside[:, None, :, None] & own[None, :, None, :],
            )
        )
    return numbers, inside


pool_max.vjp(x=_pool_max_rule)
# which cell is the peak does not change with small changes of x
unpool_max.vjp(
    values=lambda g, x, peaks, window, strides, size, starts: pick_max(
        g, x, peaks, window=window, strides=strides, size=size, starts=starts
    ),
    x=None,
    peaks=None,
)
pick_max.vjp(
    values=lambda g, x, peaks, window, strides, size, starts: unpool_max(
        g, x, peaks, window=window, strides=strides, size=size, starts=starts
    ),
    x=None,
    peaks=None,
)

# Means, and their transpose


@primitive(floating=True, accumulates=True)
def pool_mean(x, *, window, strides, size, starts):
    """The mean of each window, (n, *places, c) to (n, *size, c), over the cells that are not padding."""
    sums = _swept(np.add, _covered(x, window, strides, size, starts, 0), window, strides, size)
    return np.divide(sums, _cell_counts(x.shape[1:-1], window, strides, size, starts, x.dtype))


@primitive(floating=True, accumulates=True)
def unpool_mean(values, *, window, strides, size, starts, places):
    """Each window's value shared out evenly, and added, among its cells that are not padding.

    Shapes: values (n, *size, c); result (n, *places, c).
    """
    y = np.zeros((values.shape[0], *places, values.shape[-1]), values.dtype)
    counts = _cell_counts(places, window, strides, size, starts, values.dtype)
    covered = _reach(window, strides, size)
    inside = within(starts, covered, places)
    once = all(s >= w for s, w in zip(strides, window, strict=True))
    for rows in blocks(y.shape[0], y.itemsize * math.prod(y.shape[1:])):
        shares = np.divide(values[rows], counts)
        frame = y[rows] if inside else np.zeros((shares.shape[0], *covered, y.shape[-1]), y.dtype)
        for cell in cells(window):
            target = frame[seen_by(cell, size, strides, (1,) * len(size))]
            if once:
                np.copyto(target, shares)
            else:
                np.add(target, shares, out=target)
        if not inside:
            unframed(frame, starts, places, y[rows])
    return y


pool_mean.vjp(
    x=lambda g, x_shape, window, strides, size, starts: unpool_mean(
        g, window=window, strides=strides, size=size, starts=starts, places=x_shape[1:-1]
    )
)
unpool_mean.vjp(
    values=lambda g, window, strides, size, starts: pool_mean(
        g, window=window, strides=strides, size=size, starts=starts
    )
)

# For the bodies


def _reach(window: tuple, strides: tuple, size: tuple) -> tuple[int, ...]:
    return lengths(size, window, strides, (1,) * len(size))


def _covered(x: np.ndarray, window: tuple, strides: tuple, size: tuple, starts: tuple, fill: Any) -> np.ndarray:
    return framed(x, starts, _reach(window, strides, size), fill)


def _least(dtype: np.dtype) -> Any:
    """What no element of `dtype` is below."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else False


def _swept(f: np.ufunc, x: np.ndarray, window: tuple, strides: tuple, size: tuple) -> np.ndarray:
    """`f` over the cells of each window, one axis after the other: a sum of lengths, not their product."""
    for axis, (w, s, n) in enumerate(zip(window, strides, size, strict=True), 1):
        lead = (slice(None),) * axis
        y = x[(*lead, slice(0, (n - 1) * s + 1, s))]
        for t in range(1, w):
            cell = x[(*lead, slice(t, t + (n - 1) * s + 1, s))]
            y = f(y, cell) if t == 1 else f(y, cell, out=y)
        x = y
    return x


def _peaks(x, peaks, window, strides, size, starts):
    """For each cell of the windows, its index and where it holds its window's first peak."""
    frame = _covered(x, window, strides, size, starts, np.nan)  # nan equals nothing: padding is never a peak
    free = np.ones(peaks.shape, bool)
    for cell in cells(window):
        at = seen_by(cell, size, strides, (1,) * len(size))
        first = np.equal(frame[at], peaks)
        np.logical_and(first, free, out=first)
        yield at, first
        np.logical_xor(free, first, out=free)


def _cell_counts(places: tuple, window: tuple, strides: tuple, size: tuple, starts: tuple, dtype: Any) -> np.ndarray:
    """How many cells of each window are not padding, in a shape that broadcasts against the result."""
    counts = np.ones((1,) * len(size), dtype)
    for axis, (n, w, s, count, start) in enumerate(zip(places, window, strides, size, starts, strict=True)):
        first = np.arange(count) * s - start
        own = np.minimum(first + w, n) - np.maximum(first, 0)
        if own.min() == own.max():
            own = own[:1]
        counts = counts * own.astype(dtype).reshape((-1,) + (1,) * (len(size) - 1 - axis))
    return counts[..., None]


# What users call


def max_pool(
    inputs: TensorLike,
    pool_size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest of each window of places, for each channel. Of equal ones the first takes the derivative.

    Args:
        inputs: shape (n, *places, channels) with 1 to 3 axes of places; channels first with that data_format.
        pool_size: places that a window takes along each axis.
        strides: places from one window to the next; by default `pool_size`.
        padding: "valid" (windows inside the input only) or "same" (ceil(places / stride) windows).
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.

    Returns: shape (n, *counts, channels), channels where the inputs have them.

    Raises: ShapeError if no window fits.

    >>> max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2).tolist()
    [[[3.0], [2.0]]]
    """
    x, first, geometry = _placed(inputs, pool_size, strides, padding, data_format, "max_pool")
    return moved_back(pool_max(x, **geometry), first)


def average_pool(
    inputs: TensorLike,
    pool_size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window of places, for each channel; padding is not counted.

    Arguments and result as for `max_pool`.

    >>> average_pool([[[1.0], [3.0], [8.0]]], 2, padding="same").tolist()
    [[[2.0], [8.0]]]
    """
    x, first, geometry = _placed(inputs, pool_size, strides, padding, data_format, "average_pool")
    return moved_back(pool_mean(x, **geometry), first)


def _placed(inputs: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any, who: str) -> tuple:
    x, first = channels_moved_last(inputs, data_format, who)
    n = len(x.shape) - 2
    window = per_axis(pool_size, n, "pool_size")
    strides = window if strides is None else per_axis(strides, n, "strides")
    starts, size = place(x.shape[1:-1], window, strides, padding, (1,) * n, who)
    return x, first, {"window": window, "strides": strides, "size": size, "starts": starts}
