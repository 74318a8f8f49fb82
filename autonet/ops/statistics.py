"""Statistics: reductions that leave NaN out, percentiles, correlation, differences, integrals, distances."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core.calls import convert
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops import reduction
from autonet.ops.comparison import equal, greater, isnan, logical_not, not_equal
from autonet.ops.creation import cast
from autonet.ops.half_precision import accumulates
from autonet.ops.pointwise import divide, multiply, sqrt, square, where
from autonet.ops.products import matmul, matrix_transpose
from autonet.ops.shaping import (
    axes_from_0,
    concatenate,
    expand_dims,
    moveaxis,
    reshape,
)
from autonet.ops.sorting import sort

Axis = int | tuple[int, ...] | None

# Reductions without NaN


def _known(x: Any, instead: float) -> tuple[Tensor, Tensor]:
    """`x` with a number instead of each NaN, and where the others are."""
    x = convert_to_tensor(x)
    known = logical_not(isnan(x))
    return (x if x.dtype.kind != "f" else where(known, x, instead)), known


def _or_nan(y: Tensor, known: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    """y, with NaN where there was nothing to reduce."""
    if y.dtype.kind != "f":
        return y
    return where(reduction.any(known, axis=axis, keepdims=keepdims), y, math.nan)


def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum along `axis` of what is not NaN."""
    return reduction.sum(_known(x, 0)[0], axis=axis, keepdims=keepdims)


def nanprod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Product along `axis` of what is not NaN."""
    return reduction.prod(_known(x, 1)[0], axis=axis, keepdims=keepdims)


def nancumsum(x: TensorLike, axis: int | None = None, dtype: Dtype = None) -> Tensor:
    """Running sum along `axis`, NaN counting as 0."""
    x = _known(x, 0)[0]
    return reduction.cumsum(x if dtype is None else cast(x, dtype), axis=axis)


def nancumprod(x: TensorLike, axis: int | None = None, dtype: Dtype = None) -> Tensor:
    """Running product along `axis`, NaN counting as 1."""
    return reduction.cumprod(_known(x, 1)[0], axis=axis, dtype=dtype)


def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Largest element along `axis` that is not NaN; NaN if there is none."""
    x, known = _known(x, -math.inf)
    return _or_nan(reduction.max(x, axis=axis, keepdims=keepdims), known, axis, keepdims)


def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Smallest element along `axis` that is not NaN; NaN if there is none."""
    x, known = _known(x, math.inf)
    return _or_nan(reduction.min(x, axis=axis, keepdims=keepdims), known, axis, keepdims)


def _nanplace(x: Any, axis: int | None, keepdims: bool, instead: float, place: Callable) -> Tensor:
    x, known = _known(x, instead)
    found = place(x, axis=axis, keepdims=keepdims)
    return where(reduction.any(known, axis=axis, keepdims=keepdims), found, -1)


def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Place of the first largest element along `axis` that is not NaN, int32; -1 if there is none."""
    return _nanplace(x, axis, keepdims, -math.inf, reduction.argmax)


def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Place of the first smallest element along `axis` that is not NaN, int32; -1 if there is none."""
    return _nanplace(x, axis, keepdims, math.inf, reduction.argmin)


def _floats(x: Any) -> Tensor:
    x = convert_to_tensor(x)
    return x if x.dtype.kind == "f" else cast(x, dtypes.floatx())


@accumulates(like="x")
def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean along `axis` of what is not NaN; NaN if there is nothing."""
    x, known = _known(_floats(x), 0)
    count = reduction.sum(cast(known, x.dtype), axis=axis, keepdims=keepdims)
    return divide(reduction.sum(x, axis=axis, keepdims=keepdims), where(equal(count, 0), math.nan, count))


@accumulates(like="x")
def nanvar(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance along `axis` of what is not NaN; NaN if there is nothing."""
    apart, count = _apart_from_mean(x, axis)
    total = reduction.sum(square(apart), axis=axis, keepdims=keepdims)
    count = count if keepdims else reduction.sum(count, axis=axis)
    return divide(total, where(equal(count, 0), math.nan, count))


def _apart_from_mean(x: Any, axis: Axis) -> tuple[Tensor, Tensor]:
    """Distances from the mean along `axis`, 0 for NaN; and how many are not NaN, with length one along `axis`."""
    x, known = _known(_floats(x), 0)
    count = reduction.sum(cast(known, x.dtype), axis=axis, keepdims=True)
    mean = reduction.sum(x, axis=axis, keepdims=True) / where(equal(count, 0), 1, count)
    return where(known, x - mean, 0), count


@accumulates(like="x")
def nanstd(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation along `axis` of what is not NaN; NaN if there is nothing. Its derivative is that of `std`."""
    apart, count = _apart_from_mean(x, axis)
    size = reduction.l2_norm(apart, axis=axis, keepdims=True)
    y = size / sqrt(where(equal(count, 0), math.nan, count))
    return y if keepdims else reduction.sum(y, axis=axis)


# Quantiles


def percentile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """The values below which `q` percent of the elements along `axis` lie; see `quantile`.

    >>> percentile([1.0, 2.0, 3.0], 50).item()
    2.0
    """
    return reduction.quantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


@accumulates(like="x")
def nanquantile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """`quantile` of what is not NaN; NaN if there is nothing.

    Args:
        method: "linear", "lower", "higher", "nearest" or "midpoint", between neighbouring elements.
    """
    from autonet.ops.comparison import ceil, floor
    from autonet.ops.comparison import round as rounded
    from autonet.ops.indexing import take_along_axis

    x = _floats(x)
    shares = reduction.checked_shares("nanquantile", q, method)
    axes = axes_from_0(axis, x.ndim, "nanquantile")
    moved = moveaxis(x, axes, range(-len(axes), 0))
    lead = moved.shape[: x.ndim - len(axes)]
    flat = sort(reshape(moved, (*lead, math.prod(moved.shape[len(lead) :]))), axis=-1)  # NaN at the end
    if not flat.shape[-1]:
        flat = convert_to_tensor(np.full((*lead, 1), np.nan, x.dtype))
    count = reduction.sum(cast(logical_not(isnan(flat)), "float64"), axis=-1, keepdims=True)
    last = where(equal(count, 0), 0, count - 1)
    place = last * shares.reshape(-1)
    low, high = floor(place), ceil(place)
    if method == "nearest":
        low = high = rounded(place)
    elif method in ("lower", "higher"):
        low = high = low if method == "lower" else high
    share = where(equal(low, high), 0.5, 0.5 if method == "midpoint" else place - low)
    share = cast(share, x.dtype)
    below, above = (take_along_axis(flat, cast(v, "int32"), axis=-1) for v in (low, high))
    y = below * (1 - share) + above * share
    y = reshape(moveaxis(y, -1, 0), (*shares.shape, *lead))
    return reshape(y, (*shares.shape, *reduction.kept_shape(x.shape, axes))) if keepdims else y


def nanpercentile(
    x: TensorLike, q: TensorLike, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """`percentile` of what is not NaN; NaN if there is nothing."""
    return nanquantile(x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


def nanmedian(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Median along `axis` of what is not NaN; NaN if there is nothing."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


# Correlation


@accumulates(like="x")
def corrcoef(x: TensorLike) -> Tensor:
    """How the rows of `x`, each a variable, go together: 1 along, 0 independent, -1 against.

    >>> corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).numpy().round(5).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    x = _floats(x)
    if x.ndim > 2:
        raise ShapeError(f"corrcoef expects variables in the rows of a matrix; received shape {x.shape}.")
    rows = reshape(x, (1, -1)) if x.ndim < 2 else x
    apart = rows - reduction.mean(rows, axis=1, keepdims=True)
    products = matmul(apart, matrix_transpose(apart))
    sizes = sqrt(reduction.sum(square(apart), axis=1))
    found = products / (expand_dims(sizes, axis=1) * expand_dims(sizes, axis=0))
    found = where(greater(found, 1), 1, where(greater(-1, found), -1, found))
    return found if x.ndim == 2 else reshape(found, ())


@accumulates()
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Tensor:
    """Sums of products of two vectors, one moved along the other: y[k] = sum over i of x1[i + k] x2[i].

    Args:
        mode: "full" takes every overlap, "same" as many as the longer vector has places, "valid" complete overlaps.

    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5]).tolist()
    [3.5]
    """
    from autonet.ops.padding import pad
    from autonet.ops.patches import extract_sequences

    x1, x2 = convert_to_tensor(x1), convert_to_tensor(x2)
    if x1.ndim != 1 or x2.ndim != 1 or not x1.size or not x2.size:
        raise ShapeError(f"correlate expects two vectors that are not empty; received {x1.shape} and {x2.shape}.")
    if mode not in ("valid", "same", "full"):
        raise ArgumentError(f"correlate knows the modes 'valid', 'same' and 'full'; received {mode!r}.")
    dtype = dtypes.result_type(x1.dtype, x2.dtype)
    dtype = dtype if dtype.startswith("float") else dtypes.result_type(dtype, float)
    x1, x2 = cast(x1, dtype), cast(x2, dtype)
    m, n = x1.shape[0], x2.shape[0]
    swapped = n > m
    long, short = (x2, x1) if swapped else (x1, x2)
    k = short.shape[0]
    before = after = k - 1
    if mode == "valid":
        before = after = 0
    elif mode == "same":
        after = (k - 1) // 2  # of what is moved along: the longer one, from the other end where they change places
        before = k - 1 - after
    windows = extract_sequences(pad(long, ((before, after),)), k, 1)
    y = matmul(windows, short)
    return y[::-1] if swapped else y


# Differences, integrals, products of vectors


def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """Each place along `axis` less the one before it, `n` times.

    >>> diff([1, 4, 9]).tolist()
    [3, 5]
    """
    a = convert_to_tensor(a)
    if n < 0:
        raise ArgumentError(f"diff expects n of at least 0; received {n}.")
    lead = (slice(None),) * axes_from_0(axis, a.ndim, "diff")[0]
    for _ in range(n):
        later, earlier = a[(*lead, slice(1, None))], a[(*lead, slice(None, -1))]
        a = not_equal(later, earlier) if a.dtype.kind == "b" else later - earlier
    return a


@accumulates(like="y")
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: TensorLike = 1.0, axis: int = -1) -> Tensor:
    """Integral of samples along `axis` by the trapezoid rule.

    Args:
        x: where the samples were taken, a vector or an array that broadcasts; else they are `dx` apart.

    >>> trapezoid([1.0, 2.0, 3.0]).item()
    4.0
    """
    y = moveaxis(_floats(y), axis, -1)
    middles = (y[..., 1:] + y[..., :-1]) * 0.5
    if x is None:
        return reduction.sum(middles, axis=-1) * dx
    x = convert_to_tensor(x)
    steps = diff(x if x.ndim == 1 else moveaxis(x, axis, -1))
    return reduction.sum(multiply(middles, cast(steps, y.dtype)), axis=-1)


@accumulates()
def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Cross product of vectors with two or three components; of two with two, its third component alone.

    Args:
        axisa, axisb, axisc: where the components are in x1, x2 and the result; `axis` sets all three.

    >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if x1.shape[-1] not in (2, 3) or x2.shape[-1] not in (2, 3):
        raise ShapeError(f"cross expects vectors of 2 or 3 components; received shapes {x1.shape} and {x2.shape}.")
    a: list[Any]
    b: list[Any]
    a, b = ([x[..., i] if i < x.shape[-1] else None for i in range(3)] for x in (x1, x2))

    def part(i: int, j: int) -> Any:
        if a[i] is None or b[j] is None:
            return None
        return a[i] * b[j]  # type: ignore[operator]

    def less(p: Any, q: Any) -> Any:
        return p if q is None else -q if p is None else p - q

    third = less(part(0, 1), part(1, 0))
    if x1.shape[-1] == x2.shape[-1] == 2:
        return third
    first, second = less(part(1, 2), part(2, 1)), less(part(2, 0), part(0, 2))
    return moveaxis(concatenate([expand_dims(v, axis=-1) for v in (first, second, third)], -1), -1, axisc)


def kron(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Kronecker product: x1 with each element replaced by its multiple of x2.

    >>> kron([1, 2], [1, 10]).tolist()
    [1, 10, 2, 20]
    """
    x1, x2 = convert(multiply, (x1, x2))
    ndim = max(x1.ndim, x2.ndim)
    left, right = ((1,) * (ndim - x.ndim) + x.shape for x in (x1, x2))
    spread = reshape(x1, tuple([n for m in left for n in (m, 1)])) * reshape(
        x2, tuple([n for m in right for n in (1, m)])
    )
    return reshape(spread, tuple([m * n for m, n in zip(left, right, strict=True)]))


@accumulates()
def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """Distance of each row of `x` from each row of `y`; its derivative where they are equal is taken as zero.

    Shapes: x (..., m, d), y (..., n, d), result (..., m, n).

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0]]).tolist()
    [[5.0]]
    """
    x, y = _floats(x), _floats(y)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"cdist expects shapes (..., m, d) and (..., n, d); received {x.shape} and {y.shape}.")
    return reduction.l2_norm(expand_dims(x, axis=-2) - expand_dims(y, axis=-3), axis=-1)


def select(condlist: Sequence, choicelist: Sequence, default: TensorLike = 0) -> Tensor:
    """From several arrays: at each place the one whose condition holds first, else `default`.

    >>> select([[True, False], [True, True]], [[1, 2], [3, 4]]).tolist()
    [1, 4]
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ArgumentError(
            f"select expects as many choices as conditions, at least one; received {len(choicelist)} and {len(condlist)}."
        )
    y: Any = convert_to_tensor(default) if not isinstance(default, (int, float)) else default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = where(condition, choice, y)
    return y


@accumulates(like="x1")
def psnr(x1: TensorLike, x2: TensorLike, max_val: TensorLike) -> Tensor:
    """Peak signal-to-noise ratio in decibels: 20 log10(max_val) - 10 log10(mean squared difference).

    >>> round(psnr([0.0, 0.0], [1.0, 1.0], 10.0).item(), 4)
    20.0
    """
    from autonet.ops.pointwise import log10

    x1, x2 = _floats(x1), _floats(x2)
    if x1.shape != x2.shape:
        raise ShapeError(f"psnr expects two signals of one shape; received {x1.shape} and {x2.shape}.")
    return 20 * log10(cast(convert_to_tensor(max_val), x1.dtype)) - 10 * log10(reduction.mean(square(x1 - x2)))
