"""Windows of arrays laid side by side, and laid back onto each other: patches, sequences, fold and unfold.

One primitive takes windows, the other adds them up where they overlap; each is the other's derivative.
"""

import math
from typing import Any

import numpy as np

from autonet.common.types import Sizes, TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.shaping import _crop, _pad, expand_dims, moveaxis, reshape, squeeze, transpose
from autonet.ops.sliding_windows import (
    cells,
    framed,
    lengths,
    per_axis,
    place,
    seen_by,
    standardize_data_format,
    unframed,
    window_view,
)


@primitive
def windows_of(x, *, window, strides, dilation, starts, counts):
    """All windows of `x`, which begin at place `-starts`; zeros lie around.

    Shapes: x (n, *places, c), result (n, *counts, *window, c).
    """
    covered = lengths(counts, window, strides, dilation)
    return window_view(framed(x, starts, covered), counts, window, strides, dilation).copy()


@primitive(accumulates=True)
def overlap(x, *, strides, dilation, starts, places):
    """Windows added up where they lie on `places`; what lies outside is lost.

    Shapes: x (n, *counts, *window, c), result (n, *places, c).
    """
    d = len(places)
    counts, window = x.shape[1 : d + 1], x.shape[d + 1 : -1]
    reached = lengths(counts, window, strides, dilation)
    covered = tuple([max(n, p + s) for n, p, s in zip(reached, places, starts, strict=True)])
    frame = np.zeros((x.shape[0], *covered, x.shape[-1]), x.dtype)
    for cell in cells(window):
        frame[seen_by(cell, counts, strides, dilation)] += x[(*(slice(None),) * (d + 1), *cell)]
    whole = np.zeros((x.shape[0], *places, x.shape[-1]), x.dtype)
    unframed(frame, starts, places, whole)
    return whole


def _counts_and_window(shape: tuple) -> tuple[tuple, tuple]:
    d = (len(shape) - 2) // 2
    return shape[1 : d + 1], shape[d + 1 : -1]


windows_of.vjp(
    x=lambda g, x_shape, strides, dilation, starts: overlap(
        g, strides=strides, dilation=dilation, starts=starts, places=x_shape[1:-1]
    )
)
overlap.vjp(
    x=lambda g, x_shape, strides, dilation, starts: windows_of(
        g,
        strides=strides,
        dilation=dilation,
        starts=starts,
        counts=_counts_and_window(x_shape)[0],
        window=_counts_and_window(x_shape)[1],
    )
)


def _taken(x: Tensor, window: tuple, strides: tuple, dilation: tuple, padding: str, who: str) -> Tensor:
    """Windows of (n, *places, c) as (n, *counts, *window, c)."""
    starts, counts = place(x.shape[1:-1], window, strides, padding, dilation, who)
    if strides == window and max(dilation) == 1 and not any(starts):  # side by side: nothing is taken twice
        used = [n * w for n, w in zip(counts, window, strict=True)]
        if all(u <= n for u, n in zip(used, x.shape[1:-1], strict=True)):
            d = len(window)
            x = _crop(x, starts=(0,) * x.ndim, lengths=(x.shape[0], *used, x.shape[-1]))
            paired = [n for pair in zip(counts, window, strict=True) for n in pair]
            x = reshape(x, (x.shape[0], *paired, x.shape[-1]))
            return transpose(x, (0, *range(1, 2 * d, 2), *range(2, 2 * d + 1, 2), 2 * d + 1))
    return windows_of(x, window=window, strides=strides, dilation=dilation, starts=starts, counts=counts)


def _patches(
    images: Any, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: Any, d: int, who: str
) -> Tensor:
    first = standardize_data_format(data_format) == "channels_first"
    x = convert_to_tensor(images)
    if x.ndim not in (d + 1, d + 2):
        raise ShapeError(
            f"{who} with windows of {d} axes expects {d + 1} axes, or {d + 2} for a batch; received shape {x.shape}."
        )
    window = per_axis(size, d, f"{who}: size")
    strides = window if strides is None else per_axis(strides, d, f"{who}: strides")
    dilation = per_axis(dilation_rate, d, f"{who}: dilation_rate")
    single = x.ndim == d + 1
    if single:
        x = expand_dims(x, axis=0)
    if first:
        x = moveaxis(x, 1, -1)
    y = _taken(x, window, strides, dilation, padding, who)
    y = reshape(y, (*y.shape[: d + 1], math.prod(y.shape[d + 1 :])))
    if first:
        y = moveaxis(y, -1, 1)
    return squeeze(y, axis=0) if single else y


def extract_patches(
    images: TensorLike,
    size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Windows of images (or, with three numbers in `size`, of volumes), each as one row of numbers.

    Args:
        images: shape (n, height, width, channels), without n for one image, or as `data_format` says.
        size: (rows, columns) of a window, or one number for both.
        strides: from one window to the next; by default `size`, so that they lie side by side.
        dilation_rate: steps between neighbours inside a window.
        padding: "valid", or "same" for windows that reach into zeros beyond the edges.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Returns: shape (n, windows down, windows across, rows * columns * channels); channels vary fastest.

    >>> extract_patches([[[1.0], [2.0], [3.0], [4.0]]], (1, 2)).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    d = 3 if isinstance(size, (tuple, list)) and len(size) == 3 else 2
    return _patches(images, size, strides, dilation_rate, padding, data_format, d, "extract_patches")


def extract_patches_3d(
    volumes: TensorLike,
    size: int | tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """`extract_patches` of volumes (n, depth, height, width, channels), or of one without n."""
    return _patches(volumes, size, strides, dilation_rate, padding, data_format, 3, "extract_patches_3d")


def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Windows along the last axis, one begun every `sequence_stride` places; what is left over is dropped.

    Shapes: x (..., n); result (..., windows, sequence_length).

    >>> extract_sequences([1, 2, 3, 4, 5], 3, 2).tolist()
    [[1, 2, 3], [3, 4, 5]]
    """
    x = convert_to_tensor(x)
    if not x.ndim:
        raise ShapeError("extract_sequences expects at least one axis; received a number.")
    rows = reshape(x, (math.prod(x.shape[:-1]), x.shape[-1], 1))
    window, strides = per_axis(sequence_length, 1, "sequence_length"), per_axis(sequence_stride, 1, "sequence_stride")
    y = _taken(rows, window, strides, (1,), "valid", "extract_sequences")
    return reshape(y, (*x.shape[:-1], y.shape[1], sequence_length))


def _frame(value: Any, who: str) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, (int, np.integer)) and v >= 0 for v in pair):
        raise ArgumentError(f"{who} must be a whole number from 0 on, or two of them; received {value!r}.")
    return int(pair[0]), int(pair[1])


def unfold(x: TensorLike, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """Windows of images, channels first, as columns.

    Args:
        x: shape (n, channels, height, width).
        kernel_size, dilation, padding, stride: one number, or (down, across).

    Returns: shape (n, channels * rows * columns of a window, windows).

    >>> unfold([[[[1.0, 2.0, 3.0]]]], (1, 2)).tolist()
    [[[1.0, 2.0], [2.0, 3.0]]]
    """
    x = convert_to_tensor(x)
    if x.ndim != 4:
        raise ShapeError(f"unfold expects shape (n, channels, height, width); received {x.shape}.")
    window, steps, strides = (per_axis(v, 2, f"unfold: {name}") for v, name in _named(kernel_size, dilation, stride))
    top, left = _frame(padding, "unfold: padding")
    x = _pad(x, widths=((0, 0), (0, 0), (top, top), (left, left)))
    y = _taken(moveaxis(x, 1, -1), window, strides, steps, "valid", "unfold")
    n, rows, columns, _, _, channels = y.shape
    return reshape(transpose(y, (0, 5, 3, 4, 1, 2)), (n, channels * math.prod(window), rows * columns))


def fold(
    x: TensorLike, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """The reverse of `unfold`: columns laid down as windows of images, added up where they overlap.

    Args:
        x: shape (n, channels * rows * columns of a window, windows).
        output_size: (height, width) of the images.
        kernel_size, dilation, padding, stride: as `unfold` had them.

    Returns: shape (n, channels, height, width).

    >>> fold([[[1.0, 2.0], [2.0, 3.0]]], (1, 3), (1, 2)).tolist()
    [[[[1.0, 4.0, 3.0]]]]
    """
    x = convert_to_tensor(x)
    window, steps, strides = (per_axis(v, 2, f"fold: {name}") for v, name in _named(kernel_size, dilation, stride))
    size = per_axis(output_size, 2, "fold: output_size")
    frame = _frame(padding, "fold: padding")
    whole = tuple([n + 2 * f for n, f in zip(size, frame, strict=True)])
    _, counts = place(whole, window, strides, "valid", steps, "fold")
    if x.ndim != 3 or x.shape[1] % math.prod(window) or x.shape[2] != math.prod(counts):
        raise ShapeError(
            f"fold expects shape (n, channels * {math.prod(window)}, {math.prod(counts)}), one column for each window of "
            f"size {window} in {size}; received {x.shape}."
        )
    channels = x.shape[1] // math.prod(window)
    y = transpose(reshape(x, (x.shape[0], channels, *window, *counts)), (0, 4, 5, 2, 3, 1))
    return moveaxis(overlap(y, strides=strides, dilation=steps, starts=frame, places=size), -1, 1)


def _named(kernel_size: Any, dilation: Any, stride: Any) -> tuple:
    return (kernel_size, "kernel_size"), (dilation, "dilation"), (stride, "stride")
