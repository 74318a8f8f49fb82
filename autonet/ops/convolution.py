"""Convolutions in one, two and three dimensions, dilated, grouped, depthwise, separable, and their transposes.

One trilinear form is behind them all,

    sum over rows n, outputs o, cells t of   x[n, o * stride + t * dilation - start] . kernel[t] . out[n, o],

and three primitives, its derivatives along `out`, `x` and `kernel`. Each has the other two as derivatives, so derivatives of
every order are convolutions again. The bodies gather patches (or add them back) a cache-sized block at a time and
leave the arithmetic to a matrix product.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.half_precision import accumulates
from autonet.ops.products import matmul
from autonet.ops.shaping import reshape
from autonet.ops.sliding_windows import (
    blocks,
    cells,
    channels_moved_last,
    framed,
    lengths,
    moved_back,
    patches,
    per_axis,
    place,
    seen_by,
    unframed,
    within,
)

# The three primitives. All arrays are channels-last; `size` is the extent of the result's places.


@primitive(accumulates=True)
def convolve(x, kernel, *, size, starts, strides, dilation, groups):
    """The sums over the windows of `x`, each cell times its matrix in `kernel`.

    Shapes: x (n, *places, groups * c), kernel (*window, c, f), result (n, *size, f).
    """
    geometry = (starts, size, kernel.shape[:-2], strides, dilation)
    if groups > 1 and kernel.shape[-2] == 1:
        return _depthwise(x, kernel.reshape(*kernel.shape[:-2], groups, -1), *geometry)
    return _grouped(_convolve, groups, (x, kernel), geometry)


@primitive(accumulates=True)
def convolve_input(out, kernel, *, size, starts, strides, dilation, groups):
    """The derivative of `convolve` along its input, in the direction `out`: windows laid down where they were taken up.

    Shapes: out (n, *counts, f), kernel (*window, c, f), result (n, *size, groups * c).
    """
    geometry = (starts, size, kernel.shape[:-2], strides, dilation)
    if groups > 1 and kernel.shape[-2] == 1:
        return _depthwise_input(out, kernel.reshape(*kernel.shape[:-2], groups, -1), *geometry)
    return _grouped(_convolve_input, groups, (out, kernel), geometry)


@primitive(accumulates=True)
def convolve_kernel(x, out, *, size, starts, strides, dilation, groups):
    """The derivative of `convolve` along its kernel, in the direction `out`.

    Shapes: x (n, *places, groups * c), out (n, *counts, f), result (*size, c, f).
    """
    geometry = (starts, size, out.shape[1:-1], strides, dilation)
    if groups > 1 and x.shape[-1] == groups:
        return _depthwise_kernel(x, out, *geometry)
    return _grouped(_convolve_kernel, groups, (x, out), geometry)


convolve.vjp(
    x=lambda g, kernel, x_shape, starts, strides, dilation, groups: convolve_input(
        g, kernel, size=x_shape[1:-1], starts=starts, strides=strides, dilation=dilation, groups=groups
    ),
    kernel=lambda g, x, kernel_shape, starts, strides, dilation, groups: convolve_kernel(
        x, g, size=kernel_shape[:-2], starts=starts, strides=strides, dilation=dilation, groups=groups
    ),
)
convolve_input.vjp(
    out=lambda g, kernel, out_shape, starts, strides, dilation, groups: convolve(
        g, kernel, size=out_shape[1:-1], starts=starts, strides=strides, dilation=dilation, groups=groups
    ),
    kernel=lambda g, out, kernel_shape, starts, strides, dilation, groups: convolve_kernel(
        g, out, size=kernel_shape[:-2], starts=starts, strides=strides, dilation=dilation, groups=groups
    ),
)
convolve_kernel.vjp(
    x=lambda g, out, x_shape, starts, strides, dilation, groups: convolve_input(
        out, g, size=x_shape[1:-1], starts=starts, strides=strides, dilation=dilation, groups=groups
    ),
    out=lambda g, x, out_shape, starts, strides, dilation, groups: convolve(
        x, g, size=out_shape[1:-1], starts=starts, strides=strides, dilation=dilation, groups=groups
    ),
)


# Their bodies: every group by itself, or, with one input channel per group, cell by cell without a matrix


def _grouped(f: Callable, groups: int, operands: tuple, geometry: tuple) -> np.ndarray:
    """`f` of each group's share of the operands' channels; the results side by side."""
    if groups == 1:
        return f(*operands, *geometry)
    shares = [np.split(x, groups, axis=-1) for x in operands]
    return np.concatenate([f(*share, *geometry) for share in zip(*shares, strict=True)], axis=-1)


def _convolve(x, kernel, starts, counts, window, strides, dilation):
    matrix = kernel.reshape(-1, kernel.shape[-1])
    y = np.empty((x.shape[0], *counts, kernel.shape[-1]), x.dtype)
    for at, rows in patches(x, starts, counts, window, strides, dilation):
        np.matmul(rows, matrix, out=y[at].reshape(-1, y.shape[-1]))
    return y


def _convolve_kernel(x, out, starts, window, counts, strides, dilation):
    channels, filters = x.shape[-1], out.shape[-1]
    total = np.zeros((math.prod(window) * channels, filters), x.dtype)
    part = np.empty_like(total)
    for at, rows in patches(x, starts, counts, window, strides, dilation):
        total += np.matmul(rows.T, out[at].reshape(-1, filters), out=part)
    return total.reshape(*window, channels, filters)


def _convolve_input(out, kernel, starts, places, window, strides, dilation):
    counts, filters, channels = out.shape[1:-1], out.shape[-1], kernel.shape[-2]
    covered = lengths(counts, window, strides, dilation)
    x = np.zeros((out.shape[0], *places, channels), out.dtype)
    inside = within(starts, covered, places)
    matrices = kernel.reshape(-1, channels, filters)
    if channels < 16:  # a product per cell would be narrow: one for all, and then runs along places, not channels
        matrices = matrices.reshape(-1, filters)
        for rows in blocks(out.shape[0], math.prod(counts) * len(matrices) * out.itemsize):
            part = out[rows]
            laid = np.matmul(matrices, part.reshape(-1, filters).T).reshape(-1, channels, part.shape[0], *counts)
            frame = np.zeros((channels, part.shape[0], *covered), out.dtype)
            for cell, piece in zip(cells(window), laid, strict=True):
                target = frame[(slice(None), *seen_by(cell, counts, strides, dilation))]
                np.add(target, piece, out=target)
            unframed(np.moveaxis(frame, 0, -1), starts, places, x[rows])
        return x
    for rows in blocks(out.shape[0], math.prod(counts) * channels * len(matrices) * out.itemsize):
        part = out[rows]
        flat = part.reshape(-1, filters)
        piece = np.empty((part.shape[0], *counts, channels), out.dtype)
        frame = x[rows] if inside else np.zeros((part.shape[0], *covered, channels), out.dtype)
        for cell, matrix in zip(cells(window), matrices, strict=True):
            np.matmul(flat, matrix.T, out=piece.reshape(-1, channels))
            target = frame[seen_by(cell, counts, strides, dilation)]
            np.add(target, piece, out=target)
        if not inside:
            unframed(frame, starts, places, x[rows])
    return x


# Depthwise, with taps (*window, channels, multiplier) and outputs (..., channels * multiplier)


def _depthwise(x, taps, starts, counts, window, strides, dilation):
    covered = lengths(counts, window, strides, dilation)
    y = np.zeros((x.shape[0], *counts, *taps.shape[-2:]), x.dtype)
    for rows in blocks(x.shape[0], y.itemsize * math.prod(y.shape[1:])):
        frame, sums = framed(x[rows], starts, covered), y[rows]
        product = np.empty_like(sums)
        for cell in cells(window):
            seen = frame[seen_by(cell, counts, strides, dilation)][..., None]
            np.add(sums, np.multiply(seen, taps[cell], out=product), out=sums)
    return y.reshape(*y.shape[:-2], taps.shape[-2] * taps.shape[-1])


def _depthwise_input(out, taps, starts, places, window, strides, dilation):
    counts = out.shape[1:-1]
    out = out.reshape(*out.shape[:-1], *taps.shape[-2:])
    covered = lengths(counts, window, strides, dilation)
    x = np.zeros((out.shape[0], *places, taps.shape[-2]), out.dtype)
    for rows in blocks(out.shape[0], out.itemsize * math.prod(out.shape[1:])):
        part = out[rows]
        frame = np.zeros((part.shape[0], *covered, taps.shape[-2]), out.dtype)
        for cell in cells(window):
            target = frame[seen_by(cell, counts, strides, dilation)]
            if taps.shape[-1] == 1:
                np.add(target, part[..., 0] * taps[cell][:, 0], out=target)
            else:
                np.add(target, (part * taps[cell]).sum(axis=-1), out=target)
        unframed(frame, starts, places, x[rows])
    return x


def _depthwise_kernel(x, out, starts, window, counts, strides, dilation):
    channels = x.shape[-1]
    out = out.reshape(*out.shape[:-1], channels, out.shape[-1] // channels)
    covered = lengths(counts, window, strides, dilation)
    taps = np.zeros((*window, *out.shape[-2:]), x.dtype)
    axes = list(range(x.ndim))
    for rows in blocks(x.shape[0], out.itemsize * math.prod(out.shape[1:])):
        frame = framed(x[rows], starts, covered)
        for cell in cells(window):
            seen = frame[seen_by(cell, counts, strides, dilation)]
            taps[cell] += np.einsum(seen, axes, out[rows], [*axes, x.ndim], [x.ndim - 1, x.ndim])
    return taps.reshape(*window, 1, -1)


# What users call


def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """Convolution in 1, 2 or 3 dimensions (a correlation: the kernel is not flipped).

        y[n, o, f] = sum over cells t, channels c of x[n, o * stride + t * dilation - start, c] kernel[t, c, f]

    Where the kernel has fewer input channels than the inputs, channels and filters fall into as many groups as its
    channels go into theirs.

    Args:
        inputs: shape (n, *places, channels), or (n, channels, *places) with data_format "channels_first".
        kernel: shape (*window, channels / groups, filters).
        strides: places from one window to the next.
        padding: "valid" (windows inside the input only) or "same" (ceil(places / stride) windows, zeros around).
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
        dilation_rate: places from one cell of the window to the next.

    Returns: shape (n, *counts, filters), channels where the inputs have them.

    Raises: ShapeError if channels or filters do not divide into groups, or no window fits.

    >>> conv([[[1.0], [2.0], [4.0]]], [[[1.0]], [[-1.0]]]).tolist()
    [[[-1.0], [-2.0]]]
    """
    x, first = channels_moved_last(inputs, data_format, "conv")
    kernel = convert_to_tensor(kernel)
    groups = _groups(x.shape, kernel.shape, "conv")
    n = len(kernel.shape) - 2
    strides, dilation = per_axis(strides, n, "strides"), per_axis(dilation_rate, n, "dilation_rate")
    starts, counts = place(x.shape[1:-1], kernel.shape[:-2], strides, padding, dilation, "conv")
    if groups == 1 and math.prod(kernel.shape[:-2]) == 1 and math.prod(strides) == 1:
        return moved_back(matmul(x, reshape(kernel, kernel.shape[-2:])), first)
    y = convolve(x, kernel, size=counts, starts=starts, strides=strides, dilation=dilation, groups=groups)
    return moved_back(y, first)


def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """Convolution of each channel by itself, with `multiplier` filters for each.

    Args:
        inputs: shape (n, *places, channels), or channels first.
        kernel: shape (*window, channels, multiplier).
        strides, padding, data_format, dilation_rate: as for `conv`.

    Returns: shape (n, *counts, channels * multiplier), the filters of one channel side by side.

    Raises: ShapeError if kernel and inputs differ in channels, or no window fits.
    """
    kernel = convert_to_tensor(kernel)
    x, first = channels_moved_last(inputs, data_format, "depthwise_conv")
    if len(kernel.shape) != len(x.shape) or kernel.shape[-2] != x.shape[-1]:
        raise ShapeError(
            f"depthwise_conv expects a kernel of shape (*window, {x.shape[-1]}, multiplier) with "
            f"{len(x.shape) - 2} axes of window; received {kernel.shape}. Check data_format and the kernel's axes."
        )
    *window, channels, multiplier = kernel.shape
    kernel = reshape(kernel, (*window, 1, channels * multiplier))
    return moved_back(conv(x, kernel, strides, padding, "channels_last", dilation_rate), first)


@accumulates()
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """A depthwise convolution, then one that mixes the channels at each place.

    Args:
        inputs: shape (n, *places, channels), or channels first.
        depthwise_kernel: shape (*window, channels, multiplier).
        pointwise_kernel: shape (1, ..., 1, channels * multiplier, filters).
        strides, padding, data_format, dilation_rate: as for `conv`, of the depthwise part.

    Returns: shape (n, *counts, filters), channels where the inputs have them.
    """
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel, data_format=data_format)


def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    output_padding: int | tuple[int, ...] | None = None,
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
) -> Tensor:
    """The transpose of `conv` as a linear map: every input place lays down the kernel, scaled, and overlaps add up.

    Args:
        inputs: shape (n, *places, channels), or channels first.
        kernel: shape (*window, filters, channels).
        strides: places of the result from one input place's window to the next.
        padding: "valid" keeps all that is laid down, "same" trims it to places * stride.
        output_padding: places by which the result is longer than (places - 1) * stride + reach, after "same" has
            taken off reach // 2 at both ends; reach = (window - 1) * dilation + 1. None: as described for `padding`.
        data_format, dilation_rate: as for `conv`.

    Returns: shape (n, *lengths, filters), channels where the inputs have them.

    >>> conv_transpose([[[1.0], [2.0]]], [[[1.0]], [[10.0]]], strides=2).tolist()
    [[[1.0], [10.0], [2.0], [20.0]]]
    """
    x, first = channels_moved_last(inputs, data_format, "conv_transpose")
    kernel = convert_to_tensor(kernel)
    if len(kernel.shape) != len(x.shape) or kernel.shape[-1] != x.shape[-1]:
        raise ShapeError(
            f"conv_transpose expects a kernel of shape (*window, filters, {x.shape[-1]}) with {len(x.shape) - 2} axes "
            f"of window; received {kernel.shape}. Check data_format, and that the input channels come last."
        )
    n = len(kernel.shape) - 2
    strides, dilation = per_axis(strides, n, "strides"), per_axis(dilation_rate, n, "dilation_rate")
    mode = str(padding).lower()
    if mode not in ("valid", "same"):
        raise ArgumentError(f"conv_transpose: padding must be 'valid' or 'same'; received {padding!r}.")
    extra = _output_padding(output_padding, n)
    sizes, starts = [], []
    for places, w, s, d, more in zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation, extra, strict=True):
        laid = (places - 1) * s + (w - 1) * d + 1
        size = transposed_length(places, w, s, d, more, mode)
        sizes.append(size)
        starts.append(max(laid - size, 0) // 2 if mode == "same" else 0)
    y = convolve_input(x, kernel, size=tuple(sizes), starts=tuple(starts), strides=strides, dilation=dilation, groups=1)
    return moved_back(y, first)


def transposed_length(places: int, w: int, s: int, d: int, more: int | None, mode: str) -> int:
    """Places of `conv_transpose`'s result, for a window of w cells, strides s, dilation d, output padding `more`.

    Raises: ShapeError if there would be none.
    """
    reach = (w - 1) * d + 1
    laid = (places - 1) * s + reach
    if more is None:
        size = places * s if mode == "same" else max(laid, places * s)
    else:
        size = laid + more - (2 * (reach // 2) if mode == "same" else 0)
    if size < 1:
        raise ShapeError(
            f"conv_transpose leaves nothing of {places} places with window {w}, padding 'same' and output_padding "
            f"{more}. Use padding='valid', or leave output_padding to None."
        )
    return size


def _output_padding(value: Any, n: int) -> tuple:
    if value is None:
        return (None,) * n
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    whole = all(v is None or (isinstance(v, (int, np.integer)) and v >= 0) for v in values)
    if len(values) != n or not whole:
        raise ArgumentError(
            f"output_padding must be None, or a whole number from 0, or {n} of them; received {value!r}."
        )
    return values


def _groups(shape: tuple, kernel: tuple, who: str) -> int:
    """How many groups the kernel's channels make of the input's."""
    if len(kernel) != len(shape):
        raise ShapeError(
            f"{who} expects a kernel of {len(shape)} axes, (*window, channels, filters), for inputs of shape {shape}; "
            f"received shape {kernel}. A window has one axis per axis of places."
        )
    channels, own, filters = shape[-1], *kernel[-2:]
    if not own or channels % own:
        raise ShapeError(
            f"{who} expects a kernel whose input channels divide the {channels} channels of the inputs; "
            f"received {own}. Check data_format, and that the kernel is (*window, channels, filters)."
        )
    groups = channels // own
    if filters % groups:
        raise ShapeError(
            f"{who} expects filters in {groups} equal groups, as the kernel takes {own} of {channels} channels; "
            f"received {filters} filters. Make their number a multiple of {groups}."
        )
    return groups
