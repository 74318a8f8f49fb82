"""The same numbers arranged otherwise: reshape, transpose, join, split, repeat, pad."""

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.common.types import Axis, Shape, TensorLike
from autonet.core.accumulate import broadcast_to as _broadcast_to
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError


@primitive
def reshape(x, *, newshape: Shape):
    """`x` in another shape of as many elements; one length may be -1."""
    least: Any = min(newshape, default=0) if type(newshape) is tuple else newshape
    if least < -1:  # which NumPy takes for -1
        raise ShapeError(f"reshape expects lengths of 0 or more, or -1 for one that is unknown; received {newshape}.")
    return np.reshape(x, newshape)


reshape.vjp(x=lambda g, x_shape: reshape(g, newshape=x_shape))


def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """`x` repeated along new and length-one axes until it has `shape`."""
    return _broadcast_to(x, shape=tuple(shape) if np.ndim(shape) else (shape,))


def ravel(x: TensorLike) -> Tensor:
    """`x` with one axis."""
    return reshape(x, newshape=(-1,))


@primitive
def transpose(x, *, axes: Sequence[int] | None = None):
    """`x` with its axes in the order `axes`, by default reversed."""
    return np.transpose(x, axes)


def _untranspose(g, axes):
    return transpose(g, axes=None if axes is None else tuple([int(i) for i in np.argsort(axes)]))


transpose.vjp(x=_untranspose)


def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """`x` with two axes exchanged."""
    x = convert_to_tensor(x)
    first, second = (axes_from_0(axis, x.ndim, "swapaxes")[0] for axis in (axis1, axis2))
    axes = list(range(x.ndim))
    axes[first], axes[second] = second, first
    return transpose(x, axes=tuple(axes))


def moveaxis(x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """`x` with the axes `source` moved to the places `destination`."""
    x = convert_to_tensor(x)
    source, destination = axes_from_0(source, x.ndim, "moveaxis"), axes_from_0(destination, x.ndim, "moveaxis")
    order = [a for a in range(x.ndim) if a not in source]
    for d, s in sorted(zip(destination, source, strict=True)):
        order.insert(d, s)
    return transpose(x, axes=tuple(order))


@primitive
def expand_dims(x, *, axis: int | tuple[int, ...]):
    """`x` with new axes of length one at `axis`."""
    return np.expand_dims(x, axis)


expand_dims.vjp(x=lambda g, x_shape: reshape(g, newshape=x_shape))


@primitive
def squeeze(x, *, axis: Axis = None):
    """`x` without the axes `axis` of length one, by default without all of them."""
    return np.squeeze(x, axis)


squeeze.vjp(x=lambda g, x_shape: reshape(g, newshape=x_shape))


@primitive
def _join(*xs, axis):
    """Arrays one after the other along an existing axis."""
    return np.concatenate(xs, axis)


def _join_part(g, i, xs_shapes, axis):
    start = sum([s[axis] for s in xs_shapes[:i]])
    return _part(g, start=start, stop=start + xs_shapes[i][axis], axis=axis)


_join.vjp(xs=_join_part)


@primitive
def _part(x, *, start, stop, axis):
    """Places start ... stop - 1 of one axis."""
    axis %= x.ndim
    return x[(slice(None),) * axis + (slice(start, stop),)]


_part.vjp(x=lambda g, x_shape, start, stop, axis: _within(g, start=start, length=x_shape[axis], axis=axis))


@primitive
def _within(x, *, start, length, axis):
    """Zeros of `length` along one axis, with `x` from place `start` on."""
    axis %= x.ndim
    whole = np.zeros((*x.shape[:axis], length, *x.shape[axis + 1 :]), x.dtype)
    whole[(slice(None),) * axis + (slice(start, start + x.shape[axis]),)] = x
    return whole


_within.vjp(x=lambda g, x_shape, start, axis: _part(g, start=start, stop=start + x_shape[axis], axis=axis))


def concatenate(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """The arrays `xs` one after the other along an existing axis.

    Raises: ShapeError if they differ along another axis.
    """
    xs = list(xs) if not isinstance(xs, (list, tuple)) else xs
    if not xs:
        raise ShapeError("concatenate expects at least one array; received none.")
    return _join(*xs, axis=axis)


def stack(x: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """The arrays `x`, of one shape, along a new axis."""
    try:
        return _join(*[expand_dims(v, axis=axis) for v in x], axis=axis)
    except ShapeError:
        shapes = [np.shape(v) for v in x]  # type: ignore[arg-type]
        if len(set(shapes)) < 2:
            raise
        raise ShapeError(
            f"stack expects arrays of one shape; received {', '.join(map(str, shapes[:5]))}. Pad them, or take concatenate."
        ) from None


def hstack(xs: Sequence[TensorLike]) -> Tensor:
    """Concatenate along axis 1, or along axis 0 for arrays of one axis."""
    tensors = [convert_to_tensor(x) for x in xs]
    tensors = [x if x.ndim else reshape(x, newshape=(1,)) for x in tensors]
    return concatenate(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(xs: Sequence[TensorLike]) -> Tensor:
    """Concatenate along axis 0, arrays of one axis as rows."""
    tensors = [convert_to_tensor(x) for x in xs]
    return concatenate([x if x.ndim > 1 else reshape(x, newshape=(1, -1)) for x in tensors], 0)


@primitive
def _split(x, *, bounds, axis):
    """Parts of `x` between neighbouring `bounds` of one axis."""
    return tuple(np.split(x, bounds, axis))


_split.vjp(x=lambda g, axis: _join(*g, axis=axis))


def length_along(x: Tensor, axis: int, who: str) -> int:
    """Length of an axis; ShapeError if there is none."""
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(
            f"{who}: axis {axis} is out of bounds for an operand of shape {x.shape}. Choose an axis that the operand has."
        )
    return x.shape[axis]


def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """`x` cut along `axis` into so many equal parts, or at the places given.

    Raises: ShapeError if equal parts do not come out.
    """
    x = convert_to_tensor(x)
    n = length_along(x, axis, "split")
    if isinstance(indices_or_sections, (int, np.integer)):
        sections = int(indices_or_sections)
        if sections < 1 or n % sections:
            raise ShapeError(f"split cannot cut {n} places along axis {axis} into {sections} equal parts.")
        bounds = tuple(range(n // sections, n, n // sections)) if n else (0,) * (sections - 1)
    else:
        bounds = tuple([int(i) for i in indices_or_sections])
        if any(not a <= b <= n for a, b in itertools.pairwise((0, *bounds))):
            raise ShapeError(f"split expects ascending places from 0 to {n} on axis {axis}; received {bounds}.")
    return list(_split(x, bounds=bounds, axis=axis))


def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices of `x` along `axis`, as a list."""
    x = convert_to_tensor(x)
    if num not in (None, length_along(x, axis, "unstack")):
        raise ShapeError(
            f"unstack received num={num} for axis {axis} of shape {x.shape}. Leave num out, or give that length."
        )
    return [squeeze(part, axis=axis) for part in split(x, x.shape[axis], axis)] if x.shape[axis] else []


@primitive
def flip(x, *, axis: int | tuple[int, ...] | None = None):
    """`x` with the order along `axis` reversed, by default along every axis."""
    return np.flip(x, axis)


flip.vjp(x=lambda g, axis: flip(g, axis=axis))


@primitive
def roll(x, *, shift: int | Sequence[int], axis: Axis = None):
    """`x` with places moved on by `shift`; those pushed out come in at the other end."""
    return np.roll(x, shift, axis)


def _unroll(g, shift, axis):
    back = tuple([-s for s in shift]) if isinstance(shift, tuple) else -shift
    return roll(g, shift=back, axis=axis)


roll.vjp(x=_unroll)


def tile(x: TensorLike, repeats: int | Sequence[int]) -> Tensor:
    """`x` as a block, repeated `repeats` times along each axis."""
    x = convert_to_tensor(x)
    times = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    ndim = max(x.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    dims = (1,) * (ndim - x.ndim) + x.shape
    paired = tuple([n for d in dims for n in (1, d)])
    spread = tuple([n for r, d in zip(times, dims, strict=True) for n in (r, d)])
    whole = broadcast_to(reshape(x, newshape=paired), spread)
    return reshape(whole, newshape=tuple([r * d for r, d in zip(times, dims, strict=True)]))


def repeat(x: TensorLike, repeats: int | Sequence[int] | np.ndarray | Tensor, axis: int | None = None) -> Tensor:
    """Each place along `axis` `repeats` times in a row; without an axis, `x` is flattened first."""
    x = convert_to_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    (axis,) = axes_from_0(axis, x.ndim, "repeat")
    if np.any(np.less(repeats, 0)):
        raise ArgumentError(f"repeat expects counts of at least 0; received {repeats}.")
    if np.ndim(repeats):  # type: ignore[arg-type]
        from autonet.ops.indexing import take

        counts = np.asarray(repeats)
        if counts.shape not in ((1,), (x.shape[axis],)):
            raise ShapeError(f"repeat expects a count for each of {x.shape[axis]} places; received {counts.shape}.")
        counts = np.broadcast_to(counts, (x.shape[axis],))
        return take(x, np.repeat(np.arange(x.shape[axis]), counts), axis)
    shape, times = x.shape, int(repeats)  # type: ignore[arg-type]
    grown = (*shape[: axis + 1], times, *shape[axis + 1 :])
    whole = broadcast_to(expand_dims(x, axis=axis + 1), grown)
    return reshape(whole, newshape=(*shape[:axis], shape[axis] * times, *shape[axis + 1 :]))


@primitive
def _pad(x, *, widths):
    """`x` in a frame of zeros, (before, after) wide along each axis."""
    return np.pad(x, widths)


_pad.vjp(x=lambda g, widths, x_shape: _crop(g, starts=tuple([w[0] for w in widths]), lengths=x_shape))


@primitive
def _crop(x, *, starts, lengths):
    """The block of `lengths` at `starts`."""
    return x[tuple([slice(s, s + n) for s, n in zip(starts, lengths, strict=True)])]


def _uncrop(g, starts, x_shape, lengths):
    widths = tuple([(s, n - s - k) for s, n, k in zip(starts, x_shape, lengths, strict=True)])
    return _pad(g, widths=widths)


_crop.vjp(x=_uncrop)


@primitive
def diagonal(x, *, offset: int = 0, axis1: int = 0, axis2: int = 1):
    """The diagonal of two axes, moved to the end."""
    return np.diagonal(x, offset, axis1, axis2)


@primitive
def _on_diagonal(x, *, offset, axis1, axis2, shape):
    """Zeros of `shape` with the last axis of `x` on a diagonal."""
    whole = np.zeros(shape, x.dtype)
    view = np.moveaxis(whole, (axis1, axis2), (-2, -1))
    k = np.arange(x.shape[-1])
    view[..., k + max(-offset, 0), k + max(offset, 0)] = x
    return whole


diagonal.vjp(
    x=lambda g, offset, axis1, axis2, x_shape: _on_diagonal(g, offset=offset, axis1=axis1, axis2=axis2, shape=x_shape)
)
_on_diagonal.vjp(x=lambda g, offset, axis1, axis2: diagonal(g, offset=offset, axis1=axis1, axis2=axis2))


def diag(x: TensorLike, k: int = 0) -> Tensor:
    """The diagonal `k` of a matrix; for a vector, the matrix with it on diagonal `k`."""
    x = convert_to_tensor(x)
    if x.ndim == 2:
        return diagonal(x, offset=k)
    if x.ndim != 1:
        raise ShapeError(f"diag expects a vector or a matrix; received shape {x.shape}.")
    n = x.shape[0] + abs(k)
    return _on_diagonal(x, offset=k, axis1=0, axis2=1, shape=(n, n))


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """`x` with zeros above diagonal `k` of its last two axes."""
    return _triangle(x, lambda shape: np.tri(shape[0], shape[1], k, bool))


def triu(x: TensorLike, k: int = 0) -> Tensor:
    """`x` with zeros below diagonal `k` of its last two axes."""
    return _triangle(x, lambda shape: ~np.tri(shape[0], shape[1], k - 1, bool))


def _triangle(x, kept) -> Tensor:
    from autonet.ops.pointwise import where

    x = convert_to_tensor(x)
    if x.ndim < 2:
        raise ShapeError(f"tril and triu expect at least two axes; received shape {x.shape}.")
    return where(kept(x.shape[-2:]), x, False if x.dtype.kind == "b" else 0)


def axes_from_0(axis: Any, ndim: int, who: str) -> tuple[int, ...]:
    """The axes, counted from 0, that `axis` (a number, several, or None for all) names among `ndim`.

    Raises: ShapeError for an axis that is not there, or is named twice.
    """
    named = range(ndim) if axis is None else (axis,) if hasattr(axis, "__index__") else tuple(axis)
    axes = tuple([operator.index(a) + (ndim if operator.index(a) < 0 else 0) for a in named])
    if len(set(axes)) < len(axes) or any(not 0 <= a < ndim for a in axes):
        raise ShapeError(
            f"{who} expects axes from {-ndim} to {ndim - 1}, none twice, for an array of {ndim} axes; received {axis}."
        )
    return axes
