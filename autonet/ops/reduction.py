"""Many numbers to fewer: sums, means, extremes, running totals, orders."""

import math

import numpy as np

from autonet.common.types import Axis, Dtype, TensorLike
from autonet.core.accumulate import broadcast_to as _broadcast_to
from autonet.core.primitive import primitive
from autonet.core.state import is_recording, state
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError, unknown
from autonet.ops.comparison import equal, greater, isnan, logical_and, logical_not, sign
from autonet.ops.half_precision import accumulates
from autonet.ops.kinks import at_kinks
from autonet.ops.pointwise import absolute, divide, multiply, power, square, subtract, where
from autonet.ops.shaping import axes_from_0, expand_dims, flip, ravel, reshape


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """`shape` with length one along `axis` (None: along all)."""
    if axis is None:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis)} if shape else set()
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def reduced_count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements of an array of `shape` each reduction along `axis` takes in."""
    kept = kept_shape(shape, axis)
    return math.prod([n for n, k in zip(shape, kept, strict=True) if k == 1])


def _spread(g, x_shape, axis):
    """A reduction's cotangent, with its lost axes back at length one."""
    kept = kept_shape(x_shape, axis)
    return g if g.shape == kept else reshape(g, newshape=kept)


def _total_dtype(x: np.ndarray) -> np.dtype | None:
    """Sums of small integers are taken in 32 bits, and no wider."""
    if x.dtype.kind in "bi":
        return np.dtype("int32") if x.dtype.itemsize < 4 else x.dtype
    if x.dtype.kind == "u":
        return np.dtype("uint32") if x.dtype.itemsize < 4 else x.dtype
    return None


def _running_dtype(x: np.ndarray) -> np.dtype:
    """Running totals keep their dtype; booleans are counted in 32 bits."""
    return np.dtype("int32") if x.dtype.kind == "b" else x.dtype


@primitive(accumulates=True)
def sum(x, *, axis: Axis = None, keepdims: bool = False):
    """Sum along `axis`, by default of everything."""
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=_total_dtype(x))


sum.vjp(x=lambda g, x_shape, axis: _broadcast_to(_spread(g, x_shape, axis), shape=x_shape))


@primitive(floating=True, accumulates=True)
def mean(x, *, axis: Axis = None, keepdims: bool = False):
    """Mean along `axis`, by default of everything."""
    return np.mean(x, axis=axis, keepdims=keepdims)


def _mean_rule(g, x_shape, axis):
    share = _spread(g, x_shape, axis) * (1.0 / (reduced_count(x_shape, axis) or 1))
    return _broadcast_to(share, shape=x_shape)


mean.vjp(x=_mean_rule)


@primitive(accumulates=True)
def prod(x, *, axis: Axis = None, keepdims: bool = False, dtype: Dtype = None):
    """Product along `axis`, by default of everything."""
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=dtype or _total_dtype(x))


def _prod_rule(g, x, axis):
    g = convert_to_tensor(g, x.dtype)
    # the product of all others, by running products from both sides: right where elements are zero
    axes = (
        tuple(range(x.ndim))
        if axis is None
        else tuple([a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)])
    )
    if not axes:
        return g
    from autonet.ops.shaping import moveaxis

    kept = kept_shape(x.shape, axis)
    lead = [n for i, n in enumerate(x.shape) if i not in axes]
    moved = moveaxis(x, axes, range(-len(axes), 0))
    flat = reshape(moved, newshape=(*lead, reduced_count(x.shape, axis)))
    others = _cumulated(flat, False) * flip(_cumulated(flip(flat, axis=-1), False), axis=-1)
    back = moveaxis(reshape(others, newshape=moved.shape), range(-len(axes), 0), axes)
    return reshape(g, newshape=kept) * back


def _cumulated(x, inclusive):
    """Running products along the last axis, without the element itself unless inclusive."""
    from autonet.ops.shaping import concatenate

    total = cumprod(x, axis=-1)
    if inclusive or not x.shape[-1]:
        return total
    return concatenate([np.ones((*x.shape[:-1], 1), x.dtype), total[..., :-1]], axis=-1)


prod.vjp(x=_prod_rule)


def _extreme_rule(g, x, y, x_shape, axis):
    top = equal(x, _spread(y, x_shape, axis))
    count = sum(convert_to_tensor(top, g.dtype), axis=axis, keepdims=True)
    c = multiply(_spread(g, x_shape, axis), convert_to_tensor(divide(top, count), g.dtype))
    if not is_recording():
        return c
    return at_kinks(c, g, y, x, logical_and(top, greater(count, 1)), "jump", kept_shape(x_shape, axis), tied="apart")


@primitive(accumulates=True)
def max(x, *, axis: Axis = None, keepdims: bool = False, initial: float | None = None):
    """Largest element along `axis`; equal ones share the derivative."""
    return (
        np.max(x, axis=axis, keepdims=keepdims)
        if initial is None
        else np.max(x, axis=axis, keepdims=keepdims, initial=initial)
    )


max.vjp(x=_extreme_rule)
amax = max


@primitive(accumulates=True)
def min(x, *, axis: Axis = None, keepdims: bool = False, initial: float | None = None):
    """Smallest element along `axis`; equal ones share the derivative."""
    return (
        np.min(x, axis=axis, keepdims=keepdims)
        if initial is None
        else np.min(x, axis=axis, keepdims=keepdims, initial=initial)
    )


min.vjp(x=_extreme_rule)
amin = min


@primitive
def argmax(x, *, axis: int | None = None, keepdims: bool = False):
    """Place of the first largest element along `axis`, int32."""
    return np.argmax(x, axis=axis, keepdims=keepdims).astype(np.int32)


argmax.vjp(x=None)


@primitive
def argmin(x, *, axis: int | None = None, keepdims: bool = False):
    """Place of the first smallest element along `axis`, int32."""
    return np.argmin(x, axis=axis, keepdims=keepdims).astype(np.int32)


argmin.vjp(x=None)


@primitive
def any(x, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False):
    """Whether any element along `axis` is true."""
    return np.any(x, axis=axis, keepdims=keepdims)


any.vjp(x=None)


@primitive
def all(x, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False):
    """Whether all elements along `axis` are true."""
    return np.all(x, axis=axis, keepdims=keepdims)


all.vjp(x=None)


@primitive(floating=True, accumulates=True)
def logsumexp(x, *, axis: Axis = None, keepdims: bool = False):
    """Log of the sum of exponentials along `axis`, without overflow."""
    peak = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    peak = np.where(np.isfinite(peak), peak, 0).astype(x.dtype)  # all -inf, or an inf: exp does right by itself
    with np.errstate(divide="ignore"):
        y = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return y if keepdims else np.squeeze(y, axis)


def _logsumexp_rule(g, x, y, axis, x_shape):
    from autonet.ops.nn import softmax

    # from differences of the operands: x - y has lost them where they are large
    if state.observer is None and np.isfinite(y._value).all():  # the usual case, with the same bits
        return _spread(g, x_shape, axis) * softmax(x, axis=axis)
    whole = _spread(y, x_shape, axis)  # where there is an inf, that takes all, and -inf takes nothing
    nothing = equal(whole, -math.inf)
    z = where(equal(whole, math.inf), where(equal(x, math.inf), 0.0, -math.inf), x)
    return _spread(g, x_shape, axis) * where(nothing, 0, softmax(where(nothing, 0, z), axis=axis))


logsumexp.vjp(x=_logsumexp_rule)


# Lengths of vectors


def _scaled_norm(x, axis, keepdims, p=2.0):
    """The norm of order `p`, computed at the size of the largest number: by a power of two, which changes no digit."""
    peak = np.max(np.absolute(x), axis=axis, keepdims=True, initial=0)
    exponent = np.where(np.isfinite(peak), np.frexp(peak)[1], 0)
    with np.errstate(under="ignore", divide="ignore"):
        x = np.power(np.absolute(np.ldexp(x, -exponent)), p)
        y = np.ldexp(np.power(np.sum(x, axis=axis, keepdims=True), 1 / p), exponent)
    return y if keepdims else np.squeeze(y, axis)


@primitive(floating=True, accumulates=True)
def l2_norm(x, *, axis=None, keepdims=False):
    """Root of the sum of squares along `axis`, also of numbers whose squares are not representable; its derivative at 0 is
    taken as 0."""
    with np.errstate(over="ignore", under="ignore"):
        y = np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))
    least = float(np.finfo(x.dtype).tiny) ** 0.5 * 1e4  # so that what underflows does not matter
    near = (y > least) & (y < np.inf)
    return y if near.all() else np.where(near, y, _scaled_norm(x, axis, keepdims))


def _l2_norm_rule(g, x, y, x_shape, axis):
    kept = kept_shape(x_shape, axis)
    whole = _spread(y, x_shape, axis)
    zero = equal(whole, 0)
    c = multiply(_spread(g, x_shape, axis), divide(x, where(zero, math.inf, whole)))
    return at_kinks(c, g, y, x, zero, "radial", kept, tied="all") if is_recording() else c


l2_norm.vjp(x=_l2_norm_rule)


@primitive(floating=True, accumulates=True)
def p_norm(x, *, p, axis, keepdims=False):
    """(sum of |x|^p)^(1/p) along one axis; its derivative at 0 is taken as 0."""
    with np.errstate(divide="ignore", over="ignore", under="ignore"):  # a negative p; large and small numbers
        sums = np.sum(np.power(np.absolute(x), p), axis=axis, keepdims=keepdims)
        y = np.where(sums > 0, np.power(np.where(sums > 0, sums, 1), 1 / p), sums)
        near = (sums > float(np.finfo(x.dtype).tiny) * 1e8) & (sums < np.inf)
        return y if near.all() or p < 0 else np.where(near, y, _scaled_norm(x, axis, keepdims, p))


def _p_norm_rule(g, x, y, x_shape, p, axis):
    kept = kept_shape(x_shape, axis)
    whole = _spread(y, x_shape, axis)
    zero = equal(whole, 0)
    ratio = where(zero, 1, divide(absolute(x), where(zero, 1, whole)))
    c = _spread(g, x_shape, axis) * where(zero, 0, sign(x) * power(ratio, p - 1.0))
    if not is_recording():
        return c
    kind = "radial" if kept == x_shape else "jump"  # of one number, every norm is |x|
    return at_kinks(c, g, y, x, zero, kind, kept, tied="all")


p_norm.vjp(x=_p_norm_rule)


@primitive(accumulates=True)
def cumsum(x, *, axis: int | None = None, dtype: Dtype = None):
    """Running sum along `axis`, by default of the flattened array."""
    return np.cumsum(x, axis=axis, dtype=dtype or _running_dtype(x))


def _cumsum_rule(g, axis, x_shape):
    if axis is None:
        return reshape(flip(cumsum(flip(g, axis=0), axis=0), axis=0), newshape=x_shape)
    return flip(cumsum(flip(g, axis=axis), axis=axis), axis=axis)


cumsum.vjp(x=_cumsum_rule)


@primitive(accumulates=True)
def _cumprod(x, *, axis):
    """Running product along `axis`."""
    return np.cumprod(x, axis=axis, dtype=_running_dtype(x))


def _cumprod_rule(g, x, axis):
    # dy_j/dx_i = product of x_k, k <= j, k != i: a triangle of products, exact where elements are zero
    from autonet.ops.shaping import moveaxis

    n = x.shape[axis]
    x, g = moveaxis(x, axis, -1), moveaxis(g, axis, -1)
    # table[..., i, k]: x with its i-th element replaced by one, from place i on
    table = where(np.eye(n, dtype=bool), 1, expand_dims(x, axis=-2))
    running = where(np.tri(n, dtype=bool).T, _cumprod(table, axis=-1), 0)
    return moveaxis(sum(running * expand_dims(g, axis=-2), axis=-1), -1, axis)


_cumprod.vjp(x=_cumprod_rule)


def cumprod(x: TensorLike, axis: int | None = None, dtype: Dtype = None) -> Tensor:
    """Running product along `axis`, by default of the flattened array."""
    x = convert_to_tensor(x, dtype)
    return _cumprod(ravel(x), axis=0) if axis is None else _cumprod(x, axis=axis)


@accumulates(like="x")
def var(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance along `axis`: mean squared distance from the mean."""
    x = convert_to_tensor(x)
    return mean(square(subtract(x, mean(x, axis=axis, keepdims=True))), axis=axis, keepdims=keepdims)


@accumulates(like="x")
def std(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation along `axis`; its derivative where all are equal is taken as 0."""
    x = convert_to_tensor(x)
    count = reduced_count(x.shape, axis)
    if not count:  # NaN, where a norm is 0
        return mean(x, axis=axis, keepdims=keepdims)
    apart = subtract(x, mean(x, axis=axis, keepdims=True))
    return l2_norm(apart, axis=axis, keepdims=keepdims) * (1.0 / math.sqrt(count))


@accumulates(like="x")
def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """Mean along `axis`, weighted if weights are given."""
    if weights is None:
        return mean(x, axis=axis)
    x, weights = convert_to_tensor(x), convert_to_tensor(weights)
    if weights.shape != x.shape and weights.ndim == 1 and isinstance(axis, int):
        dims = [1] * x.ndim
        dims[axis] = -1
        weights = reshape(weights, newshape=tuple(dims))
    elif weights.shape != x.shape and (axis is None or weights.ndim != x.ndim):
        raise ShapeError(
            f"average expects weights of the shape of x, {x.shape}, or one for each place along an axis that is named; "
            f"received shape {weights.shape}, axis={axis}."
        )
    weights = convert_to_tensor(weights, x.dtype if x.dtype.kind == "f" else None)
    return divide(
        sum(multiply(x, weights), axis=axis), sum(multiply(weights, np.ones(x.shape, weights.dtype)), axis=axis)
    )


def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """How many elements along `axis` are not zero, int32."""
    return sum(logical_not(equal(x, 0)), axis=axis)


def median(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Median along `axis`; NaN if there is nothing."""
    x = convert_to_tensor(x)
    if not reduced_count(x.shape, axis):
        return mean(x, axis=axis, keepdims=keepdims)
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)


@accumulates(like="x")
def quantile(x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """The values below which the shares `q` (in [0, 1]) of the elements along `axis` lie.

    Args:
        method: "linear", "lower", "higher", "nearest" or "midpoint", between neighbouring elements.
    """
    from autonet.ops.indexing import take
    from autonet.ops.shaping import moveaxis
    from autonet.ops.sorting import sort

    x = convert_to_tensor(x)
    x = x if x.dtype.kind == "f" else multiply(x, 1.0)
    shares = checked_shares("quantile", q, method)
    axes = axes_from_0(axis, x.ndim, "quantile")
    lead = [n for i, n in enumerate(x.shape) if i not in axes]
    flat = sort(
        reshape(moveaxis(x, axes, range(-len(axes), 0)), newshape=(*lead, reduced_count(x.shape, axes))), axis=-1
    )
    if not flat.shape[-1]:
        raise ShapeError(f"quantile expects at least one element; received shape {x.shape} along axis {axis}.")
    place = shares * (flat.shape[-1] - 1)
    low, high = np.floor(place).astype(np.int32), np.ceil(place).astype(np.int32)
    if method == "nearest":
        low = high = np.round(place).astype(np.int32)
    elif method in ("lower", "higher"):
        low = high = low if method == "lower" else high
    result = take(flat, low, -1)
    if np.any(low != high):
        # halves where both are one element: nothing times 0, which infinity does not bear
        share = np.where(low == high, 0.5, 0.5 if method == "midpoint" else place - low).astype(x.dtype)
        result = result * (1 - share) + take(flat, high, -1) * share
    last = flat[..., -1:] if shares.ndim else flat[..., -1]
    result = where(isnan(last), last, result)  # NaN, which is sorted to the end, has no place among numbers
    if shares.ndim:
        result = moveaxis(result, -1, 0)
    return reshape(result, newshape=(*shares.shape, *kept_shape(x.shape, axes))) if keepdims else result


METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def checked_shares(who, q, method):
    """The shares `q` as float64, if they are such and the method is known."""
    if method not in METHODS:
        raise unknown(f"method of {who}", method, METHODS)
    shares = np.asarray(q, dtype=np.float64)
    if not np.all((shares >= 0) & (shares <= 1)):
        raise ArgumentError(f"{who} expects shares from 0 to 1; received {q!r}.")
    return shares


def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest minus smallest element along `axis`."""
    return subtract(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))
