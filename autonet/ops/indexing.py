"""Parts of arrays: slices, gathers by index, and their reverse, which adds where places repeat."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.settings import Static
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, ShapeError, unknown
from autonet.ops.abstract import AbstractTensor, length_by_values

_Slice = type(np.s_[:])  # the built-in, which Keras's op of that name hides below

# A static key is a tuple of whole numbers, None, Ellipsis, and ("slice", start, stop, step): hashable, unlike slices.


@functools.lru_cache(4096)
def _thaw(key: tuple) -> tuple:
    return tuple([_Slice(*k[1:]) if isinstance(k, tuple) else k for k in key])


@primitive
def _getitem(x, *, key):
    """x[key] for slices and whole numbers."""
    return x[_thaw(key)]


_getitem.vjp(x=lambda g, key, x_shape: _putitem(g, key=key, shape=x_shape))


@primitive
def _putitem(x, *, key, shape):
    """Zeros of `shape` with `x` at [key]."""
    whole = np.zeros(shape, x.dtype)
    whole[_thaw(key)] = x
    return whole


_putitem.vjp(x=lambda g, key: _getitem(g, key=key))

# With index arrays, the key has ("array", n) at their places and xs holds the array to index, then the index arrays.


def _filled(key: tuple, indices: tuple) -> tuple:
    return tuple([(indices[k[1]] if k[0] == "array" else _Slice(*k[1:])) if isinstance(k, tuple) else k for k in key])


@primitive(keep=("xs",))
def _gather(*xs, key):
    """x[key] with index arrays in the key."""
    return xs[0][_filled(key, xs[1:])]


_gather.vjp(xs=lambda g, i, xs, key: _scatter(g, *xs[1:], key=key, shape=xs[0].shape))


@primitive(keep=("xs",), accumulates=True)
def _scatter(*xs, key, shape):
    """Zeros of `shape` with `x` added at [key]; repeated places add up."""
    whole = np.zeros(shape, xs[0].dtype)
    np.add.at(whole, _filled(key, xs[1:]), xs[0])
    return whole


_scatter.vjp(xs=lambda g, i, xs, key: _gather(g, *xs[1:], key=key))


def getitem(x, key: Any) -> Tensor:
    """x[key], with NumPy's slices, None, Ellipsis, index arrays and boolean masks.

    Raises: ShapeError for an index outside its axis.
    """
    if not isinstance(x, Tensor):
        x = convert_to_tensor(x)
    static: list[Any] = []
    arrays: list[Any] = []
    for k in key if type(key) is tuple else (key,):
        kind = type(k)
        if kind is _Slice:
            start, stop, step = k.start, k.stop, k.step
            if not (type(start) in _STATIC and type(stop) in _STATIC and type(step) in _STATIC):
                start, stop, step = _whole(start), _whole(stop), _whole(step)
            static.append(("slice", start, stop, step))
        elif kind in _STATIC or k is Ellipsis:
            static.append(k)
        elif isinstance(k, (bool, np.bool_)) or _is_mask(k):
            mask = _mask(x, key, k)
            for positions in nonzero(k) if type(k) is AbstractTensor else map(wrap, np.nonzero(mask)):
                static.append(("array", len(arrays)))
                arrays.append(positions)
        elif isinstance(k, (np.integer, int)):
            static.append(int(k))
        else:
            index = convert_to_tensor(k)
            if index.dtype.kind not in "iu" and index.size:
                raise ArgumentError(f"Indices are whole numbers, slices or masks; received dtype {index.dtype}.")
            static.append(("array", len(arrays)))
            arrays.append(index if index.size else convert_to_tensor(index, "int32"))
    if arrays:
        return _gather(x, *arrays, key=tuple(static))
    return _getitem(x, key=Static(static))


_STATIC = frozenset({int, type(None)})


def _whole(i: Any) -> int | None:
    return None if i is None else i.__index__()


def _is_mask(k: Any) -> bool:
    return (k.dtype if hasattr(k, "dtype") else np.asarray(k).dtype).kind == "b"


def _mask(x: Tensor, key: Any, k: Any) -> np.ndarray:
    """The mask `k` of a key, which has the shape of the axes that it meets."""
    mask = np.asarray(k)
    keys = key if type(key) is tuple else (key,)
    at = next(i for i, other in enumerate(keys) if other is k)
    first = sum(_axes(other) for other in keys[:at])
    if any(other is Ellipsis for other in keys[:at]):
        first = x.ndim - sum(_axes(other) for other in keys[at:])
    met = x.shape[first : first + mask.ndim]
    if not mask.ndim or mask.shape != met:
        raise ShapeError(
            f"A mask has the shape of the axes that it chooses from, here {met or x.shape}; received {mask.shape}."
        )
    return mask


def _axes(k: Any) -> int:
    """How many axes one part of a key uses up."""
    if k is None or k is Ellipsis:
        return 0
    return np.ndim(k) if not isinstance(k, _Slice) and _is_mask(k) else 1


@primitive(keep=("indices",))
def _take(x, indices, *, axis):
    """Places `indices` of one axis."""
    try:
        return np.take(x, indices, axis)
    except IndexError:
        n = x.shape[axis] if -x.ndim <= axis < x.ndim else 0
        if not n or not indices.size:
            raise
        raise ShapeError(
            f"take expects indices from 0 to {n - 1} for axis {axis} of shape {x.shape}, or from {-n} to count from the "
            f"end; received {indices.min()} to {indices.max()}, out of bounds. In an Embedding, let input_dim be the largest plus one."
        ) from None


_take.vjp(
    x=lambda g, indices, axis, x_shape: _take_back(g, indices, axis=axis, shape=x_shape),
    indices=None,
)


def sums_by_place(rows: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places among `at`, each once and in order, and for each the sum of the rows that go there.

    Shapes: rows (n, d), at (n,), int64 from 0 on, n above 0; results (k,) and (k, d).
    """
    size = len(at)
    key = at * size + np.arange(size)  # each another number, so any sort keeps the order of equal places
    key.sort()
    places = key // size
    rows = rows[key - places * size]  # equal places side by side
    first = np.ones(size, bool)
    np.not_equal(places[1:], places[:-1], first[1:])
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], size)
    sums = rows[starts]
    more = np.flatnonzero(ends - starts > 1)
    rest = starts[more] + 1
    while len(more) and len(more) > np.max(ends[more] - rest):  # one more of each: few rounds over many places
        sums[more] += rows[rest]
        rest += 1
        kept = rest < ends[more]
        more, rest = more[kept], rest[kept]
    for k, begin in zip(more.tolist(), rest.tolist(), strict=True):
        sums[k] += np.add.reduce(rows[begin : ends[k]], 0)
    return places[starts], sums


@primitive(keep=("indices",), accumulates=True)
def _take_back(x, indices, *, axis, shape):
    """Zeros of `shape` with the slices of `x` added at the places `indices` of one axis."""
    axis %= len(shape)
    n = shape[axis]
    k = indices.ndim
    rows = np.moveaxis(x, range(axis, axis + k), range(k)).reshape(
        indices.size, math.prod(x.shape[:axis] + x.shape[axis + k :])
    )
    whole = np.zeros((n, rows.shape[1]), x.dtype)
    if indices.size:
        places, sums = sums_by_place(rows, indices.reshape(-1).astype(np.int64) % n)
        whole[places] = sums
    rest = shape[:axis] + shape[axis + 1 :]
    return np.moveaxis(whole.reshape((n, *rest)), 0, axis)


_take_back.vjp(x=lambda g, indices, axis: _take(g, indices, axis=axis), indices=None)


def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """The places `indices` of `axis`, or of the flattened `x`; negative ones count from the end.

    Shapes: x (..., n, ...), indices (...k); result (..., *k, ...).

    Raises: ShapeError for an index outside the axis.
    """
    x, indices = convert_to_tensor(x), convert_to_tensor(indices)
    if indices.dtype.kind not in "iub" and indices.size:
        if type(indices) is not AbstractTensor:
            raise ArgumentError(f"take expects whole numbers as indices; received dtype {indices.dtype}.")
    if indices.dtype.kind not in "iu":
        indices = convert_to_tensor(indices, "int32")
    if axis is None:
        from autonet.ops.shaping import ravel

        x, axis = ravel(x), 0
    return _take(x, indices, axis=axis)


@primitive(keep=("indices",))
def _take_along(x, indices, *, axis):
    """For each position, the place along `axis` that `indices` names there."""
    return np.take_along_axis(x, indices, axis)


_take_along.vjp(
    x=lambda g, indices, axis, x_shape: _take_along_back(g, indices, axis=axis, shape=x_shape),
    indices=None,
)


@primitive(keep=("indices",), accumulates=True)
def _take_along_back(x, indices, *, axis, shape):
    """Zeros of `shape` with `x` added at the places along `axis` that `indices` names."""
    axis %= len(shape)
    grid = list(np.ogrid[tuple([_Slice(n) for n in x.shape])])
    grid[axis] = np.broadcast_to(indices, x.shape)
    # an axis of length one in shape was broadcast: all its positions add up at 0
    at = tuple([np.zeros_like(g) if shape[i] == 1 and i != axis else g for i, g in enumerate(grid)])
    whole = np.zeros(shape, x.dtype)
    np.add.at(whole, at, x)
    return whole


_take_along_back.vjp(x=lambda g, indices, axis: _take_along(g, indices, axis=axis), indices=None)


def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """x[..., indices[..., k, ...], ...] along `axis`, as `np.take_along_axis`."""
    x, indices = convert_to_tensor(x), convert_to_tensor(indices)
    if axis is None:
        from autonet.ops.shaping import ravel

        x, indices, axis = ravel(x), ravel(indices), 0
    return _take_along(x, indices, axis=axis)


def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """The index arrays, int32, of the elements that are not zero, one per axis. Their length depends on the values."""
    x = convert_to_tensor(x)
    if type(x) is AbstractTensor:
        return tuple([AbstractTensor((length_by_values(x, int),), "int32") for _ in range(x.ndim)])
    return tuple([wrap(i.astype(np.int32)) for i in np.nonzero(np.asarray(x))])


def scatter(indices: TensorLike, values: TensorLike, shape: Sequence[int]) -> Tensor:
    """Zeros of `shape` with `values` added at `indices`.

    Shapes: indices (..., d), values (..., *shape[d:]).
    """
    indices = convert_to_tensor(indices)
    parts = [indices[..., i] for i in range(indices.shape[-1])]
    key = tuple([("array", i) for i in range(len(parts))])
    return _scatter(values, *parts, key=key, shape=tuple(shape))


def scatter_update(
    inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None
) -> Tensor:
    """`inputs` with the values at `indices` replaced by `updates`; where places repeat, the last one counts.

    Shapes: indices (..., d), updates (..., *inputs.shape[d:]). With a `reduction` "add", "max", "min" or "mul" values and
    all updates of a place are combined instead.
    """
    if reduction is None:
        return _replace(inputs, updates, convert_to_tensor(indices))
    from autonet.ops import pointwise, segments
    from autonet.ops.shaping import reshape

    words = {
        "add": (segments.segment_sum, pointwise.add),
        "mul": (segments.segment_prod, pointwise.multiply),
        "max": (segments.segment_max, pointwise.maximum),
        "min": (segments.segment_min, pointwise.minimum),
    }
    if reduction not in words:
        raise unknown("reduction", reduction, words)
    inputs, indices = convert_to_tensor(inputs), convert_to_tensor(indices)
    gather, combine = words[reduction]
    d = indices.shape[-1]
    place: Any = 0
    for i, n in enumerate(inputs.shape[:d]):
        k = indices[..., i]
        place = place * n + pointwise.where(k < 0, k + n, k)
    total = gather(convert_to_tensor(updates, inputs.dtype), place, math.prod(inputs.shape[:d]))
    return combine(inputs, reshape(total, newshape=inputs.shape))


@primitive(keep=("indices",))
def _replace(inputs, updates, indices):
    """`inputs` with `updates` at the places `indices`."""
    result = inputs.copy()
    result[tuple(np.moveaxis(indices, -1, 0))] = updates
    return result


@primitive(keep=("indices",))
def _winners(x, indices, *, shape):
    """1 for the updates that a replacement keeps, 0 for those that a later one at the same place overwrote."""
    flat = np.ravel_multi_index(tuple(np.moveaxis(indices, -1, 0)), shape[: indices.shape[-1]], mode="wrap").reshape(-1)
    kept = np.zeros(flat.size, x.dtype)
    kept[flat.size - 1 - np.unique(flat[::-1], return_index=True)[1]] = 1
    lead = indices.shape[:-1]
    return np.broadcast_to(kept.reshape(lead + (1,) * (x.ndim - len(lead))), x.shape)


_winners.vjp(x=None, indices=None)


def _updates_rule(g, updates, indices, inputs_shape):
    parts = [indices[..., i] for i in range(indices.shape[-1])]
    taken = _gather(g, *parts, key=tuple([("array", i) for i in range(len(parts))]))
    return taken * _winners(taken, indices, shape=inputs_shape)


_replace.vjp(
    inputs=lambda g, indices, updates_shape: _replace(g, np.zeros(updates_shape, g.dtype), indices),
    updates=_updates_rule,
    indices=None,
)


def slice(inputs: TensorLike, start_indices: Sequence[int] | np.ndarray | Tensor, shape: Sequence[int]) -> Tensor:
    """The block of `shape` at `start_indices`."""
    from autonet.ops.shaping import _crop

    inputs = convert_to_tensor(inputs)
    starts = _corner(start_indices, inputs, "slice")
    lengths = tuple(shape)
    if len(lengths) != inputs.ndim:
        raise ShapeError(f"slice expects a length for each axis of shape {inputs.shape}; received {lengths}.")
    lengths = tuple([w - s if n == -1 else int(n) for s, n, w in zip(starts, lengths, inputs.shape, strict=True)])
    for start, n, whole in zip(starts, lengths, inputs.shape, strict=True):
        if start < 0 or n < 0 or start + n > whole:
            raise ShapeError(f"slice of shape {tuple(shape)} at {starts} leaves the array of shape {inputs.shape}.")
    return _crop(inputs, starts=starts, lengths=lengths)


def _corner(start_indices: Any, x: Tensor, who: str) -> tuple[int, ...]:
    """Where a block of `x` begins."""
    starts = tuple([int(i) for i in np.atleast_1d(np.asarray(start_indices))])
    if len(starts) != x.ndim:
        raise ShapeError(f"{who} expects a start for each axis of shape {x.shape}; received {starts}.")
    return starts


def slice_update(inputs: TensorLike, start_indices: Sequence[int] | np.ndarray | Tensor, updates: TensorLike) -> Tensor:
    """`inputs` with the block at `start_indices` replaced by `updates`."""
    from autonet.ops.pointwise import where
    from autonet.ops.shaping import _pad

    inputs, updates = convert_to_tensor(inputs), convert_to_tensor(updates)
    starts = list(_corner(start_indices, inputs, "slice_update"))
    if updates.ndim != inputs.ndim:
        raise ShapeError(f"slice_update expects updates with {inputs.ndim} axes; received shape {updates.shape}.")
    widths = []
    for start, n, whole in zip(starts, updates.shape, inputs.shape, strict=True):
        if start < 0 or start + n > whole:
            raise ShapeError(
                f"slice_update of shape {updates.shape} at {starts} leaves the array of shape {inputs.shape}."
            )
        widths.append((start, whole - n - start))
    inside = np.pad(np.ones(updates.shape, bool), widths)
    return where(inside, _pad(updates, widths=tuple(widths)), inputs)
