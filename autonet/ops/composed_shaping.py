"""More ways to arrange the same numbers: joins and cuts by axis, rotations, grids, blocks, and patterns in words."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core.calls import convert
from autonet.core.tensor import Tensor, convert_to_tensor, fitted, wrap
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.creation import cast, whole_number, zeros
from autonet.ops.indexing import getitem
from autonet.ops.pointwise import maximum, power
from autonet.ops.shaping import (
    broadcast_to,
    concatenate,
    diag,
    expand_dims,
    flip,
    length_along,
    ravel,
    reshape,
    split,
    transpose,
)
from autonet.ops.sliding_windows import standardize_data_format


def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """x1 followed by x2 along `axis`; without one, both are flattened first."""
    x1, x2 = convert(maximum, (x1, x2))
    if axis is None:
        return concatenate([ravel(x1), ravel(x2)], 0)
    return concatenate([x1, x2], axis)


def array_split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """`x` cut along `axis` at the places given, or into so many parts, the first ones longer where they differ.

    >>> [part.tolist() for part in array_split([1, 2, 3, 4, 5], 2)]
    [[1, 2, 3], [4, 5]]
    """
    if not isinstance(indices_or_sections, (int, np.integer)):
        return split(x, indices_or_sections, axis)
    x = convert_to_tensor(x)
    if indices_or_sections < 1:
        raise ArgumentError(f"array_split expects at least one section; received {indices_or_sections}.")
    size, longer = divmod(length_along(x, axis, "array_split"), int(indices_or_sections))
    bounds = [i * size + min(i, longer) for i in range(1, int(indices_or_sections))]
    return split(x, bounds, axis)


def hsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """`split` along axis 1, or along axis 0 if there is but one."""
    x = convert_to_tensor(x)
    return split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


def vsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """`split` along axis 0."""
    return split(x, indices_or_sections, 0)


def dsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """`split` along axis 2."""
    return split(x, indices_or_sections, 2)


def dstack(xs: Sequence[TensorLike]) -> Tensor:
    """Concatenate along axis 2; arrays of shape (n,) count as (1, n, 1), those of (m, n) as (m, n, 1)."""
    parts = [convert_to_tensor(x) for x in xs]
    parts = [x if x.ndim > 2 else reshape(x, (*((1,) * (x.ndim < 2)), *(x.shape or (1,)), 1)) for x in parts]
    return concatenate(parts, 2)


def fliplr(x: TensorLike) -> Tensor:
    """`x` with the order along axis 1 reversed."""
    return flip(x, axis=1)


def flipud(x: TensorLike) -> Tensor:
    """`x` with the order along axis 0 reversed."""
    return flip(x, axis=0)


def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """`array` turned by 90 degrees `k` times, from the first of `axes` towards the second.

    >>> rot90([[1, 2], [3, 4]]).tolist()
    [[2, 4], [1, 3]]
    """
    x = convert_to_tensor(array)
    if len(axes) != 2 or len({a % max(x.ndim, 1) for a in axes if -x.ndim <= a < x.ndim}) != 2:
        raise ArgumentError(f"rot90 expects two different axes of at least two; received axes={axes}, shape {x.shape}.")
    first, second = (a % x.ndim for a in axes)
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    k %= 4
    if k == 0:
        return x
    if k == 2:
        return flip(flip(x, axis=first), axis=second)
    return transpose(flip(x, axis=second), tuple(order)) if k == 1 else flip(transpose(x, tuple(order)), axis=second)


def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid: each of the vectors `x` repeated along the axes of all others.

    Args:
        indexing: "ij" gives the n-th vector the n-th axis; "xy" exchanges the first two.

    >>> [grid.tolist() for grid in meshgrid([1, 2], [3, 4, 5], indexing="ij")]
    [[[1, 1, 1], [2, 2, 2]], [[3, 4, 5], [3, 4, 5]]]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid knows indexing 'xy' and 'ij'; received {indexing!r}.")
    vectors = [ravel(v) for v in x]
    places = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        places[0], places[1] = 1, 0
    shape = [0] * len(vectors)
    for place, v in zip(places, vectors, strict=True):
        shape[place] = v.shape[0]
    return [
        broadcast_to(reshape(v, tuple([-1 if i == place else 1 for i in range(len(shape))])), tuple(shape))
        for place, v in zip(places, vectors, strict=True)
    ]


def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector as columns, falling to the right unless `increasing`.

    >>> vander([2, 3], 3).tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    x = convert_to_tensor(x)
    if x.ndim != 1:
        raise ShapeError(f"vander expects a vector; received shape {x.shape}.")
    exponents = np.arange(x.shape[0] if N is None else N, dtype=x.dtype if x.dtype.kind in "if" else "int32")
    return power(expand_dims(x, axis=-1), exponents if increasing else exponents[::-1])


def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """Matrix with all elements of `x` on diagonal `k`."""
    return diag(ravel(x), k)


def empty_like(x: TensorLike, dtype: Dtype = None) -> Tensor:
    """An array of the shape and dtype of `x` whose values do not matter; they are zeros."""
    x = convert_to_tensor(x)
    return zeros(x.shape, dtype or x.dtype)


def geomspace(
    start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, dtype: Dtype = None, axis: int = 0
) -> Tensor:
    """`num` numbers from start to stop, each the same multiple of the one before.

    >>> geomspace(1.0, 8.0, 4).numpy().round(5).tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    from autonet.ops.comparison import sign
    from autonet.ops.creation import linspace
    from autonet.ops.pointwise import absolute, exp, log

    if type(start) in (int, float) and type(stop) in (int, float):  # rounded once
        num = whole_number(num, "geomspace", "num")
        return wrap(fitted(np.geomspace(start, stop, num, endpoint), dtype))  # type: ignore[arg-type]
    start, stop = convert_to_tensor(start), convert_to_tensor(stop)
    kind = dtypes.result_type(start.dtype, stop.dtype, float)
    start, stop = cast(start, kind), cast(stop, kind)
    values = exp(linspace(log(absolute(start)), log(absolute(stop)), num, endpoint, axis=axis))
    values = values * (expand_dims(sign(start), axis) if start.ndim else sign(start))
    return values if dtype is None else cast(values, dtype)


def get_item(x: TensorLike, key: TensorLike) -> Tensor:
    """x[key]."""
    return getitem(x, key)


def _blocks(x: Tensor, block_size: int, who: str, data_format: str) -> bool:
    """Checks; returns whether channels come first."""
    if x.ndim != 4:
        raise ShapeError(f"{who} expects images with four axes; received shape {x.shape}.")
    if block_size < 2:
        raise ArgumentError(f"{who} expects a block_size of at least 2; received {block_size}.")
    return standardize_data_format(data_format) == "channels_first"


def depth_to_space(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Channels laid out as blocks of pixels: (n, h, w, c * b * b) becomes (n, h * b, w * b, c).

    >>> depth_to_space([[[[1, 2, 3, 4]]]], 2)[0, :, :, 0].tolist()
    [[1, 2], [3, 4]]
    """
    x, b = convert_to_tensor(x), int(block_size)
    first = _blocks(x, b, "depth_to_space", data_format)
    channels = x.shape[1 if first else 3]
    if channels % (b * b):
        raise ShapeError(
            f"depth_to_space with block_size={b} expects channels in multiples of {b * b}; received {channels}."
        )
    c = channels // (b * b)
    if first:
        n, _, h, w = x.shape
        return reshape(transpose(reshape(x, (n, c, b, b, h, w)), (0, 1, 4, 2, 5, 3)), (n, c, h * b, w * b))
    n, h, w, _ = x.shape
    return reshape(transpose(reshape(x, (n, h, w, b, b, c)), (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, c))


def space_to_depth(x: TensorLike, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Blocks of pixels laid out as channels: (n, h * b, w * b, c) becomes (n, h, w, b * b * c).

    >>> space_to_depth([[[[1], [2]], [[3], [4]]]], 2).tolist()
    [[[[1, 2, 3, 4]]]]
    """
    x, b = convert_to_tensor(x), int(block_size)
    first = _blocks(x, b, "space_to_depth", data_format)
    height, width = x.shape[2:] if first else x.shape[1:3]
    if height % b or width % b:
        raise ShapeError(
            f"space_to_depth with block_size={b} expects height and width in multiples of {b}; received {x.shape}."
        )
    h, w = height // b, width // b
    if first:
        n, c = x.shape[:2]
        return reshape(transpose(reshape(x, (n, c, h, b, w, b)), (0, 1, 3, 5, 2, 4)), (n, c * b * b, h, w))
    n, c = x.shape[0], x.shape[3]
    return reshape(transpose(reshape(x, (n, h, b, w, b, c)), (0, 1, 3, 2, 4, 5)), (n, h, w, b * b * c))


# Patterns in words


@functools.lru_cache(256)
def _pattern(side: str) -> tuple[tuple[str, ...], ...]:
    """The axes of one side of a pattern, each a tuple of names: "a (b c)" gives (("a",), ("b", "c"))."""
    axes: list[tuple[str, ...]] = []
    group: list[str] | None = None
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(" and group is None:
            group = []
        elif word == ")" and group is not None:
            axes.append(tuple(group))
            group = None
        elif word == "1" and group is None:
            axes.append(())
        elif word not in ("(", ")") and (word.isidentifier() or word == "..."):
            if group is None:
                axes.append((word,))
            else:
                group.append(word)
        else:
            raise ArgumentError(f"rearrange cannot read {side!r}: {word!r} does not fit there.")
    if group is not None:
        raise ArgumentError(f"rearrange cannot read {side!r}: a bracket is open at its end.")
    return tuple(axes)


def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Tensor:
    """`tensor` with axes cut, reordered and joined as the pattern says.

    Args:
        pattern: names of the axes before and after "->"; brackets hold what one axis is made of.
        axes_lengths: lengths of named axes that brackets on the left do not determine.

    >>> rearrange([[1, 2, 3, 4]], "n (a b) -> (n b) a", b=2).tolist()
    [[1, 3], [2, 4]]
    """
    x = convert_to_tensor(tensor)
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ArgumentError(f"rearrange expects a pattern such as 'a b -> b a'; received {pattern!r}.")
    before, after = _pattern(left), _pattern(right)
    if ("...",) in before:  # axes without names
        i = before.index(("...",))
        extra = tuple([f"_{k}" for k in range(x.ndim - len(before) + 1)])
        before = (*before[:i], *[(name,) for name in extra], *before[i + 1 :])
        after = tuple([g for axis in after for g in ([(name,) for name in extra] if axis == ("...",) else [axis])])
    names = [name for axis in before for name in axis]
    wanted = [name for axis in after for name in axis]
    if sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise ArgumentError(f"rearrange expects every axis of {pattern!r} once on each side.")
    for name in axes_lengths:
        if name not in names:
            raise ArgumentError(f"rearrange was given a length for {name!r}, which {pattern!r} does not have.")
    if len(before) != x.ndim:
        raise ShapeError(f"rearrange reads {len(before)} axes in {pattern!r}; received shape {x.shape}.")
    lengths: dict[str, int] = dict(axes_lengths)
    for axis, n in zip(before, x.shape, strict=True):
        unknown = [name for name in axis if name not in lengths]
        known = math.prod([lengths[name] for name in axis if name in lengths])
        if len(unknown) == 1 and known and n % known == 0:
            lengths[unknown[0]] = n // known
        elif unknown or known != n:
            raise ShapeError(
                f"rearrange cannot make an axis of length {n} of {' '.join(axis) or '1'} with {axes_lengths}: "
                f"shape {x.shape}, pattern {pattern!r}."
            )
    y = reshape(x, tuple([lengths[name] for name in names]))
    order = tuple([names.index(name) for name in wanted])
    if order != tuple(range(len(order))):
        y = transpose(y, order)
    return reshape(y, tuple([math.prod([lengths[name] for name in axis]) for axis in after]))
