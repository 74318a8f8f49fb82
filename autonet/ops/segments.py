"""Sums, products and extremes of elements that belong together: segments, counts, classes of values."""

from typing import Any, Literal, overload

import numpy as np

from autonet.common import dtypes
from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.abstract import AbstractTensor, length_by_values
from autonet.ops.comparison import equal, greater, logical_and
from autonet.ops.creation import cast
from autonet.ops.indexing import take
from autonet.ops.kinks import at_kinks
from autonet.ops.pointwise import clip, divide, where
from autonet.ops.reduction import _extreme_rule as _reduction_rule
from autonet.ops.reduction import _prod_rule, sum
from autonet.ops.shaping import axes_from_0, expand_dims, ravel, reshape
from autonet.ops.sorting import searchsorted


def _fill(name: str, dtype: np.dtype) -> Any:
    """What a segment without elements holds."""
    if name in ("sum", "prod"):
        return dtype.type(name == "prod")
    if dtype.kind == "f":
        return dtype.type(-np.inf if name == "max" else np.inf)
    info = np.iinfo(dtype)
    return dtype.type(info.min if name == "max" else info.max)


_UFUNCS = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


def _reduced(x: np.ndarray, ids: np.ndarray, count: int, name: str) -> np.ndarray:
    whole = np.full((count, *x.shape[1:]), _fill(name, x.dtype), x.dtype)
    inside = np.flatnonzero((ids >= 0) & (ids < count))
    if name == "sum" and x.ndim == 1 and count <= 8 * x.size and x.dtype.kind in "iuf":  # numbers need no sorting
        at = ids[inside].astype(np.intp, copy=False)
        if x.dtype.kind == "f":
            return np.bincount(at, x[inside], count).astype(x.dtype, copy=False)  # which adds them up in float64
        np.add.at(whole, at, x[inside])
        return whole
    if inside.size and x.size:
        order = inside[np.argsort(ids[inside], kind="stable")]  # members side by side, in the order of the data
        at = ids[order]
        starts = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
        whole[at[starts]] = _UFUNCS[name].reduceat(x[order], starts, axis=0)
    return whole


@primitive(keep=("ids",), accumulates=True)
def segment_total(x, ids, *, count):
    """For each segment number below `count`, the sum of the rows that have it; other numbers are left out."""
    return _reduced(x, ids, count, "sum")


@primitive(keep=("ids",))
def segment_extreme(x, ids, *, count, largest):
    """For each segment number below `count`, the largest (or smallest) of its rows."""
    return _reduced(x, ids, count, "max" if largest else "min")


@primitive(keep=("ids",), accumulates=True)
def segment_product(x, ids, *, count):
    """For each segment number below `count`, the product of its rows."""
    return _reduced(x, ids, count, "prod")


def _members(g, ids):
    """Each row's share of its segment's cotangent; zero for rows that belong to none."""
    count = g.shape[0]
    belongs = logical_and(ids >= 0, ids < count)
    rows = take(g, clip(ids, 0, max(count - 1, 0)), 0)
    return where(reshape(belongs, (-1,) + (1,) * (g.ndim - 1)), rows, 0)


_TABLE = 2**24  # elements of the largest table of elements by segments; larger ones have no second derivatives at ties


def _table(x, ids, count, fill):
    """Which rows belong to which segment, and a table (rows, count, ...) of the rows beside `fill` elsewhere."""
    belongs = equal(reshape(ids, (-1, 1)), np.arange(count, dtype=np.int32))
    belongs = reshape(belongs, (x.shape[0], count) + (1,) * (x.ndim - 1))
    return belongs, where(belongs, expand_dims(x, 1), fill)


def _extreme_rule(g, x, ids, y, count, largest):
    if not count:
        return x * 0
    if is_recording() and x.size * count <= _TABLE:  # a table with a column for each segment, whose rule knows kinks
        belongs, table = _table(x, ids, count, np.inf if not largest else -np.inf)
        return sum(where(belongs, _reduction_rule(g, table, y, table.shape, 0), 0), axis=1)
    top = cast(equal(x, _members(y, ids)), g.dtype)  # equal ones share
    shares = segment_total(top, ids, count=count)
    c = top * _members(divide(g, where(equal(shares, 0), 1, shares)), ids)
    if not is_recording():
        return c
    return at_kinks(c, g, y, x, logical_and(top, greater(_members(shares, ids), 1)), "lost")


def _product_rule(g, x, ids, count):
    """The product of all others: of those that are not zero, where none or only this one is."""
    if not count:
        return x * 0
    if is_recording():  # a table with a column for each segment, whose products are differentiated further
        belongs, table = _table(x, ids, count, 1)
        return sum(where(belongs, _prod_rule(g, table, 0), 0), axis=1)
    zero = equal(x, 0)
    rest = segment_product(where(zero, 1, x), ids, count=count)
    zeros = _members(segment_total(cast(zero, g.dtype), ids, count=count), ids) - cast(zero, g.dtype)
    others = where(equal(zeros, 0), _members(rest, ids) / where(zero, 1, x), 0)
    return _members(g, ids) * others


segment_total.vjp(x=lambda g, ids, count: _members(g, ids) if count else None, ids=None)
segment_extreme.vjp(x=_extreme_rule, ids=None)
segment_product.vjp(x=_product_rule, ids=None)


def _prepared(data: Any, segment_ids: Any, num_segments: int | None, who: str) -> tuple[Tensor, Tensor, int]:
    x, ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
    if ids.dtype.kind not in "iu" and ids.size:
        raise ArgumentError(f"{who} expects whole numbers as segment_ids; received dtype {ids.dtype}.")
    if not ids.ndim or x.shape[: ids.ndim] != ids.shape:
        raise ShapeError(f"{who} expects a segment for each leading place of data {x.shape}; received ids {ids.shape}.")
    if num_segments is None:
        num_segments = length_by_values(ids, lambda: int(np.asarray(ids).max()) + 1 if ids.size else 0)
    if ids.ndim > 1:
        x = reshape(x, (ids.size, *x.shape[ids.ndim :]))
        ids = ravel(ids)
    return x, ids, int(num_segments)


def segment_sum(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """For each segment, the sum of the elements of `data` that belong to it.

    Args:
        data: shape (*ids, ...).
        segment_ids: whole numbers, shape (*ids); elements with numbers outside 0 ... num_segments - 1 are left out.
        num_segments: how many there are; by default the largest number plus 1.
        sorted: whether segment_ids ascend, a hint without effect.

    Returns: shape (num_segments, ...).

    >>> segment_sum([1, 2, 10], [0, 0, 1]).tolist()
    [3, 10]
    """
    x, ids, count = _prepared(data, segment_ids, num_segments, "segment_sum")
    return segment_total(x, ids, count=count)


def segment_prod(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """For each segment, the product of its elements, 1 for an empty one; arguments as in `segment_sum`, `sorted` without effect."""
    x, ids, count = _prepared(data, segment_ids, num_segments, "segment_prod")
    return segment_product(x, ids, count=count)


def segment_max(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """For each segment, its largest element, the least number there is for an empty one; as in `segment_sum`, `sorted` without effect."""
    x, ids, count = _prepared(data, segment_ids, num_segments, "segment_max")
    return segment_extreme(x, ids, count=count, largest=True)


def segment_min(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """For each segment, its smallest element, the largest number for an empty one; as in `segment_sum`, `sorted` without effect."""
    x, ids, count = _prepared(data, segment_ids, num_segments, "segment_min")
    return segment_extreme(x, ids, count=count, largest=False)


def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each whole number occurs, or the sum of its weights.

    Args:
        x: whole numbers from 0 on, shape (n,), or (rows, n) for each row by itself.
        weights: of the shape of x.
        minlength: how many numbers are counted at least; the largest in x plus 1 if that is more.

    Returns: shape (numbers,) or (rows, numbers); int32 without weights.

    >>> bincount([1, 2, 2, 3]).tolist()
    [0, 1, 2, 1]
    """
    if sparse:
        raise ArgumentError("autonet has no sparse arrays: bincount(..., sparse=True) is not available.")
    x = convert_to_tensor(x)
    if x.ndim not in (1, 2) or (x.size and x.dtype.kind not in "biu"):
        raise ShapeError(f"bincount expects whole numbers with one or two axes; received shape {x.shape}, {x.dtype}.")
    count = length_by_values(x, lambda: max(int(np.asarray(x).max()) + 1 if x.size else 0, int(minlength)))
    values = wrap(np.ones(x.shape, np.int32)) if weights is None else convert_to_tensor(weights)
    if values.shape != x.shape:
        raise ShapeError(f"bincount expects one weight for each number; received shapes {x.shape} and {values.shape}.")
    ids = cast(x, "int32")
    if x.ndim == 2:
        ids = ids + (np.arange(x.shape[0], dtype=np.int32) * count)[:, None]
        total = segment_total(ravel(values), ravel(ids), count=count * x.shape[0])
        return reshape(total, (x.shape[0], count))
    return segment_total(values, ids, count=count)


def digitize(x: TensorLike, bins: TensorLike) -> Tensor:
    """In which of the bins, given by ascending bounds, each element lies: how many bounds are at or below it; int32.

    >>> digitize([0.0, 1.0, 3.0], [0.0, 3.0]).tolist()
    [1, 1, 2]
    """
    return searchsorted(bins, x, side="right")


def histogram(x: TensorLike, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
    """How many elements lie in each of `bins` equal parts of a range, and the parts' bounds.

    Args:
        bins: how many.
        range: (low, high), the last bound included; by default from the smallest to the largest element.

    Returns: counts, int32, shape (bins,), and bounds, shape (bins + 1,).

    >>> counts, bounds = histogram([0.0, 0.1, 1.0], 2)
    >>> counts.tolist(), bounds.tolist()
    ([2, 1], [0.0, 0.5, 1.0])
    """
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise ArgumentError(f"histogram expects bins, a whole number above 0; received {bins!r}.")
    if range is not None and (len(range) != 2 or not range[0] <= range[1]):
        raise ArgumentError(f"histogram expects range=(low, high) with low <= high; received {range!r}.")
    x = convert_to_tensor(x)
    dtype = x.dtype.name if x.dtype.kind == "f" else dtypes.floatx()
    counts, bounds = _histogram(cast(ravel(x), dtype), bins=int(bins), range=None if range is None else tuple(range))
    return counts, bounds


@primitive
def _histogram(x, *, bins, range):
    """Counts and bounds of equal parts."""
    counts, bounds = np.histogram(x, bins, range)
    return counts.astype(np.int32), bounds.astype(x.dtype)


_histogram.vjp(x=None)


def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of x1 occurs in x2 (with `invert`: does not). `assume_unique` is a hint without effect.

    >>> isin([0, 1, 5], [0, 5]).tolist()
    [True, False, True]
    """
    return _isin(x1, x2, invert=bool(invert))


@primitive
def _isin(x1, x2, *, invert):
    """Whether each element of x1 occurs in x2."""
    return np.isin(x1, x2, invert=invert)


_isin.vjp(x1=None, x2=None)


@overload
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: Literal[False] = False,
    return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Tensor: ...
@overload
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Tensor | tuple[Tensor, ...]: ...
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """The different elements of `x`, ascending. Without `size`, how many there are depends on the values.

    Args:
        sorted: a hint without effect: they are always sorted.
        return_index: also where each stands first.
        return_inverse: also, for each element of x, its place among the different ones.
        return_counts: also how often each occurs.
        axis: take whole slices along this axis as elements; None flattens x.
        size: give so many: the first ones, or all and then `fill_value` (default 0).

    Returns: the elements, or a tuple that starts with them; places and counts are int32.

    >>> unique([3, 1, 3]).tolist()
    [1, 3]
    """
    x = convert_to_tensor(x)
    axis = None if axis is None else axes_from_0(axis, x.ndim, "unique")[0]
    if size is None:
        if type(x) is AbstractTensor:
            return unique(x, True, return_index, return_inverse, return_counts, axis, length_by_values(x, int))
        array = np.asarray(x)  # an error while a step is captured: the shape depends on values
        if not (return_index or return_inverse or return_counts):
            return wrap(np.unique(array, axis=axis))  # which sorts no positions
        found = [wrap(part) for part in _different(array, axis)]
    else:
        found = different(x, axis=axis, size=int(size), fill=0 if fill_value is None else fill_value)
    wanted = (True, return_index, return_inverse, return_counts)
    results = tuple([part for part, asked in zip(found, wanted, strict=True) if asked])
    return results[0] if len(results) == 1 else results


def _different(x: np.ndarray, axis: int | None) -> tuple[np.ndarray, ...]:
    """The different elements, where each stands first, the place of each element among them, how often each occurs."""
    values, first, places, counts = np.unique(x, True, True, True, axis=axis)
    places = places.reshape(x.shape if axis is None else (x.shape[axis],))
    return values, *[part.astype(np.int32) for part in (first, places, counts)]


@primitive
def different(x, *, axis, size, fill):
    """What `_different` gives, cut or filled to `size` elements."""
    values, first, places, counts = _different(x, axis)
    along = axis or 0
    n = values.shape[along]
    if n > size:
        values = np.take(values, np.arange(size), axis=along)
        first, counts, places = first[:size], counts[:size], np.minimum(places, size - 1).astype(np.int32)
    elif n < size:
        shape = list(values.shape)
        shape[along] = size - n
        values = np.concatenate([values, np.full(shape, fill, values.dtype)], axis=along)
        first = np.concatenate([first, np.full(size - n, first[0] if n else 0, np.int32)])
        counts = np.concatenate([counts, np.zeros(size - n, np.int32)])
    return values, first, places, counts


different.vjp(x=None)
