"""Normalisation: over the batch, over features, to unit length."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autonet.common.dtypes import epsilon as default_epsilon
from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.comparison import equal, isinf
from autonet.ops.creation import cast
from autonet.ops.half_precision import accumulates
from autonet.ops.identity import detach
from autonet.ops.pointwise import absolute, maximum, power, rsqrt, square, where
from autonet.ops.reduction import amax, l2_norm, mean, p_norm, reduced_count, sum
from autonet.ops.shaping import length_along, reshape, squeeze
from autonet.ops.sliding_windows import blocks


def _inverse_root(variance: Tensor) -> Tensor:
    """1 / sqrt(variance), and NaN where that is infinite: what could not be squared would else become 0 without a word."""
    return where(isinf(variance), np.nan, rsqrt(variance))


# Over the batch, while training


@primitive(floating=True, accumulates=True)
def batch_normalize(x, scale, offset, *, axis: int = -1, epsilon: float = 0.001):
    """Batch normalisation by the batch's own moments, along all axes but `axis`.

        y = (x - mean) / sqrt(variance + epsilon) * scale + offset

    Shapes: x (..., c, ...) with c at `axis`; scale and offset (c,).

    Returns: y, shape of x; mean and variance (mean squared deviation), shape (c,).

    Source: Ioffe, Szegedy, 2015, https://arxiv.org/abs/1502.03167
    """
    rows, restored = _as_rows(x, axis)
    n = max(len(rows), 1)
    mean = np.matmul(np.ones(len(rows), rows.dtype), rows) / n  # a product sums columns at the speed of memory
    total = np.zeros_like(mean)
    y = np.empty_like(rows)
    for some in _row_blocks(rows):
        apart = np.subtract(rows[some], mean, out=y[some])
        total += np.einsum("nc,nc->c", apart, apart)
    variance = total / n
    factor = np.where(np.isinf(variance), variance.dtype.type(np.nan), scale / np.sqrt(variance + epsilon))
    for some in _row_blocks(rows):
        np.multiply(y[some], factor, out=y[some])
        np.add(y[some], offset, out=y[some])
    return restored(y), mean.astype(x.dtype, copy=False), variance.astype(x.dtype, copy=False)


@primitive(floating=True, accumulates=True)
def batch_normalize_vjp(gy, gmean, gvariance, x, scale, mean, variance, *, axis, epsilon):
    """What `_composed_vjp` computes, in one pass over cache-sized blocks after another."""
    rows, restored = _as_rows(x, axis)
    g, _ = _as_rows(gy, axis)
    n = max(len(rows), 1)
    total = np.matmul(np.ones(len(g), g.dtype), g)
    joint = np.zeros_like(total)
    gx = np.empty_like(rows)
    for some in _row_blocks(rows):
        apart = np.subtract(rows[some], mean, out=gx[some])
        joint += np.einsum("nc,nc->c", g[some], apart)
    inverse = np.reciprocal(np.sqrt(variance + epsilon))
    a = scale * inverse
    b = (gvariance * 2 - a * inverse * inverse * joint) / n
    c = (gmean - a * total) / n
    for some in _row_blocks(rows):
        part = gx[some]
        np.multiply(part, b, out=part)
        np.add(part, c, out=part)
        np.add(part, g[some] * a, out=part)
    gscale = joint * inverse
    return restored(gx), gscale.astype(x.dtype, copy=False), total.astype(x.dtype, copy=False)


def _as_rows(x: np.ndarray, axis: int) -> tuple[np.ndarray, Callable]:
    """`x` as a matrix with a column for each place of `axis`, and the way back."""
    moved = np.moveaxis(x, axis, -1)
    rows = np.ascontiguousarray(moved).reshape(math.prod(moved.shape[:-1]), moved.shape[-1])
    return rows, lambda y: np.moveaxis(y.reshape(moved.shape), -1, axis)


def _row_blocks(rows: np.ndarray) -> Iterator[slice]:
    return blocks(len(rows), 8 * rows.itemsize * rows.shape[1])


def _composed_vjp(gy, gmean, gvariance, x, scale, mean, variance, axis, epsilon):
    shape = _along(x.shape, (axis,))
    others = tuple([i for i in range(x.ndim) if i != axis % x.ndim])
    n = max(reduced_count(x.shape, others), 1)
    inverse = rsqrt(variance + epsilon)
    apart = x - reshape(mean, shape)
    total = sum(gy, axis=others)
    joint = sum(gy * apart, axis=others)
    a = scale * inverse
    b = (gvariance * 2 - a * inverse * inverse * joint) / n
    c = (gmean - a * total) / n
    gx = gy * reshape(a, shape) + (apart * reshape(b, shape) + reshape(c, shape))
    return gx, joint * inverse, total


batch_normalize_vjp.composition = _composed_vjp


def _batch_rule(g, x, scale, y, axis, epsilon):
    gy, gmean, gvariance = g
    _, mean, variance = y
    # small ops where the derivatives will be differentiated themselves
    derivatives: Callable = _composed_vjp if is_recording() else batch_normalize_vjp
    return derivatives(gy, gmean, gvariance, x, scale, mean, variance, axis=axis, epsilon=epsilon)


batch_normalize.joint_vjp(_batch_rule)


@accumulates()
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 0.001,
) -> Tensor:
    """Batch normalisation by given moments, as at inference.

        y = (x - mean) / sqrt(variance + epsilon) * scale + offset

    Args:
        x: shape (..., c, ...) with c at `axis`.
        mean, variance, offset, scale: shape (c,); without offset 0, without scale 1.

    Returns: shape of x.

    Raises: ShapeError for moments of another shape.
    """
    x = convert_to_tensor(x)
    parts: list[Any] = [None if p is None else convert_to_tensor(p) for p in (mean, variance, offset, scale)]
    features = (length_along(x, axis, "batch_normalization"),)
    for name, part in zip(("mean", "variance", "offset", "scale"), parts, strict=True):
        if part is not None and part.shape != features:
            raise ShapeError(
                f"batch_normalization expects {name} of shape {features}, the length of axis {axis} of "
                f"shape {x.shape}; received {part.shape}. Check axis."
            )
    average, spread, shift, factor = parts
    inverse = _inverse_root(spread + epsilon)
    factor = inverse if factor is None else inverse * factor
    shift = -average * factor if shift is None else shift - average * factor
    shape = _along(x.shape, (axis,))
    return x * reshape(factor, shape) + reshape(shift, shape)


# Over features


@primitive(floating=True, accumulates=True)
def standardize(x, *, axis=-1, epsilon=1e-3):
    """`x` moved and scaled to mean 0 and variance 1 along `axis` (a number, or several).

        y = (x - mean) r,  r = 1 / sqrt(variance + epsilon)

    Returns: y, shape of x, and r, with length one along `axis`.
    """
    n = max(reduced_count(x.shape, axis), 1)
    y = np.subtract(x, np.add.reduce(x, axis=axis, keepdims=True) / n)
    variance = np.add.reduce(np.square(y), axis=axis, keepdims=True) / n + epsilon
    r = np.where(np.isinf(variance), variance.dtype.type(np.nan), np.reciprocal(np.sqrt(variance)))
    np.multiply(y, r, out=y)
    return y, r


@primitive(floating=True, accumulates=True)
def standardize_vjp(gy, gr, y, r, *, axis):
    """What `_composed_standardize_vjp` computes."""
    n = max(reduced_count(y.shape, axis), 1)
    gx = np.multiply(gy, y)
    derivative = (np.add.reduce(gx, axis=axis, keepdims=True) + gr * r) / n
    np.multiply(y, derivative, out=gx)
    np.subtract(gy, gx, out=gx)
    np.subtract(gx, np.add.reduce(gy, axis=axis, keepdims=True) / n, out=gx)
    return np.multiply(gx, r, out=gx)


def _composed_standardize_vjp(gy, gr, y, r, axis):
    derivative = mean(gy * y, axis=axis, keepdims=True) + gr * r * (1 / max(reduced_count(y.shape, axis), 1))
    return r * (gy - mean(gy, axis=axis, keepdims=True) - y * derivative)


def _standardize_rule(g, y, axis):
    # small ops where the derivatives will be differentiated themselves
    derivatives: Callable = _composed_standardize_vjp if is_recording() else standardize_vjp
    return (derivatives(*g, *y, axis=axis),)


def _in_rows(x: Tensor, axis: Any) -> bool:
    """Whether the normalised numbers of single precision stand side by side, which compiled code knows how to walk."""
    axes = sorted(a % x.ndim for a in _axes(axis)) if axis is not None else list(range(x.ndim))
    return x.dtype == "float32" and axes == list(range(x.ndim - len(axes), x.ndim))


def _standardize_parts(x, axis, epsilon):
    if _in_rows(x, axis):
        return standardize(x, axis=axis, epsilon=epsilon)
    apart = x - mean(x, axis=axis, keepdims=True)
    r = _inverse_root(mean(square(apart), axis=axis, keepdims=True) + epsilon)
    return apart * r, r


def _standardize_vjp_parts(gy, gr, y, r, axis):
    derivatives: Callable = standardize_vjp if _in_rows(y, axis) else _composed_standardize_vjp
    return derivatives(gy, gr, y, r, axis=axis)


standardize.joint_vjp(_standardize_rule)
standardize.composition = _standardize_parts
standardize_vjp.composition = _standardize_vjp_parts


@accumulates(like="x")
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: int | tuple[int, ...] = -1,
    epsilon: float | None = None,
) -> Tensor:
    """Each sample moved and scaled to mean 0 and variance 1 along `axis`.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta

    Args:
        x: any shape.
        gamma, beta: lengths of `axis` in its order; without gamma 1, without beta 0.
        axis: the axes of features.
        epsilon: by default `epsilon()` of the configuration.

    Returns: shape of x.

    Raises: ShapeError if gamma or beta do not fit the axes.

    Source: Ba, Kiros, Hinton, 2016, https://arxiv.org/abs/1607.06450
    """
    x = convert_to_tensor(x)
    axis = _axes(axis)
    y, _ = standardize(x, axis=axis, epsilon=default_epsilon() if epsilon is None else epsilon)
    if gamma is not None:
        y = y * _fitted(gamma, y, axis, "layer_normalization", "gamma")
    if beta is not None:
        y = y + _fitted(beta, y, axis, "layer_normalization", "beta")
    return y


@accumulates(like="x")
def rms_normalization(
    x: TensorLike, scale: TensorLike | None = None, axis: int | tuple[int, ...] = -1, epsilon: float | None = None
) -> Tensor:
    """Each sample scaled to mean square 1 along `axis`: y = x / sqrt(mean of x^2 + epsilon) * scale.

    Arguments as for `layer_normalization`, `scale` as its gamma.

    Source: Zhang, Sennrich, 2019, https://arxiv.org/abs/1910.07467
    """
    x = convert_to_tensor(x)
    x = x if x.dtype.kind == "f" else cast(x, None)
    axis = _axes(axis)
    r = _inverse_root(mean(square(x), axis=axis, keepdims=True) + (default_epsilon() if epsilon is None else epsilon))
    y: Any = x * r
    return y if scale is None else y * _fitted(scale, y, axis, "rms_normalization", "scale")


# Moments and lengths


@accumulates(like="x")
def moments(
    x: TensorLike, axes: int | tuple[int, ...], keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance (mean squared deviation) of `x` along `axes`.

    >>> [float(m) for m in moments([1.0, 3.0], axes=0)]
    [2.0, 1.0]
    """
    if synchronized:
        raise ArgumentError("moments(synchronized=True) needs several devices; autonet has one. Leave it False.")
    x = convert_to_tensor(x)
    axes = _axes(axes)
    center = mean(x, axis=axes, keepdims=True)
    spread = mean(square(x - center), axis=axes, keepdims=keepdims)
    return center if keepdims else squeeze(center, axis=axes), spread


@accumulates(like="x")
def normalize(
    x: TensorLike, axis: int | tuple[int, ...] | None = -1, order: int = 2, epsilon: float | None = None
) -> Tensor:
    """`x` over its norm of whole `order` along `axis` (None: along all), or over `epsilon` where that is larger.

    Several axes count as one: the norm is that of the vector of all their numbers. At zeros the slope is 1 / epsilon.

    >>> [round(v, 4) for v in normalize([3.0, 4.0]).tolist()]
    [0.6, 0.8]
    """
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise ArgumentError(f"normalize expects a whole number from 1 as order; received {order!r}.")
    x = convert_to_tensor(x)
    x = x if x.dtype.kind == "f" else cast(x, None)
    axis = tuple(range(x.ndim)) if axis is None else _axes(axis)
    least = default_epsilon() if epsilon is None else float(epsilon)
    floor = max(least, float(np.finfo(x.dtype).tiny))
    if order == 1:
        size = sum(absolute(x), axis=axis, keepdims=True)
    elif order == 2:
        size = l2_norm(x, axis=axis, keepdims=True)
    elif len(axis) == 1:
        size = p_norm(x, p=float(order), axis=axis[0], keepdims=True)
    else:
        peak = amax(absolute(detach(x)), axis=axis, keepdims=True, initial=0)
        peak = where(equal(peak, 0), 1.0, peak)  # at the size of the largest, powers are representable
        total = sum(power(absolute(x) / peak, order), axis=axis, keepdims=True)
        size = peak * power(maximum(total, float(np.finfo(x.dtype).tiny)), 1.0 / order)
    return x / maximum(size, floor)


def direction(x: Tensor, axis: Any, epsilon: float | None = None) -> Tensor:
    """`normalize(x, axis)` with a derivative that is taken as 0 where all numbers along `axis` are 0."""
    axes = None if axis is None else _axes(axis)
    nothing = equal(amax(absolute(detach(x)), axis=axes, keepdims=True, initial=0), 0)
    return normalize(where(nothing, 0.0, x), axis, epsilon=epsilon)


# Shapes


def _axes(axis: Any) -> tuple[int, ...]:
    return tuple([int(a) for a in axis]) if isinstance(axis, (tuple, list)) else (int(axis),)


def _along(shape: tuple, axes: tuple) -> tuple:
    """`shape` with length one on all but `axes`."""
    kept = {a % len(shape) for a in axes}
    return tuple([n if i in kept else 1 for i, n in enumerate(shape)])


def _fitted(part: Any, y: Tensor, axes: tuple, who: str, name: str) -> Tensor:
    """`part`, one number for each place of `axes`, in the dtype of `y` and a shape that broadcasts against it."""
    part = cast(part, y.dtype)
    shape = y.shape
    wanted = _along(shape, axes)
    if math.prod(part.shape) != math.prod(wanted):
        raise ShapeError(
            f"{who} expects {name} with the lengths of axis {axes} of shape {shape}; received shape {part.shape}. "
            "Check axis, or give one number per feature."
        )
    return reshape(part, wanted)
