"""Arrays at places between their elements, with what lies outside: one primitive for images, and the same for any rank."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor
from autonet.ops.comparison import equal, floor, greater_equal, less, logical_and, logical_or
from autonet.ops.creation import cast, zeros_like
from autonet.ops.indexing import _take_back, take
from autonet.ops.kinks import at_kinks
from autonet.ops.pointwise import absolute, minimum, where
from autonet.ops.reduction import any, sum
from autonet.ops.shaping import expand_dims, reshape

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
BLOCK = 16384  # numbers that are sampled at a time: what is computed of them stays in a core's cache


# As one primitive


@primitive
def grid_sample(x, rows, columns, *, order, fill_mode, fill_value=0.0):
    """Images at places given by real numbers: interpolated linearly (order 1), or the nearest pixels (order 0).

    Shapes: x (n, height, width, channels); rows and columns, which broadcast, (n, h, w); the result (n, h, w, channels).
    """
    n, channels = x.shape[0], x.shape[3]
    _, h, w = shape = np.broadcast_shapes((n, 1, 1), rows.shape, columns.shape)
    rows, columns = (p.reshape((1,) * (3 - p.ndim) + p.shape) for p in (rows, columns))
    y = np.empty((*shape, channels), x.dtype)
    count = max(1, BLOCK // max(h * w * channels, 1))
    for first in range(0, n if y.size else 0, count):
        block = slice(first, first + count)
        down, across = [p if len(p) == 1 else p[block] for p in (rows, columns)]
        _sample(x[block], down, across, order, fill_mode, x.dtype.type(fill_value), y[block])
    return y


def _sample(
    x: np.ndarray, rows: np.ndarray, columns: np.ndarray, order: int, mode: str, fill: np.floating, y: np.ndarray
) -> None:
    n, height, width, channels = x.shape
    pixels = x.reshape(-1) if channels == 1 else x.reshape(-1, channels)
    y = y.reshape(y.shape[:3]) if channels == 1 else y
    base = np.arange(0, n * height * width, height * width).reshape(n, 1, 1)
    above = [(base + at * width, *rest) for at, *rest in _sides(rows, height, order, mode)]

    def pixels_at(row: tuple, column: tuple) -> np.ndarray:
        (at, _, outside), (place, _, beyond) = row, column
        value = np.take(pixels, at + place, 0, mode="clip")
        if mode == "constant":
            out = outside | beyond
            np.copyto(value, fill, where=out if channels == 1 else out[..., None])
        return value

    def mixed(values: list[np.ndarray], sides: list[tuple]) -> np.ndarray:
        for value, (_, part, _) in zip(values, sides, strict=True):
            np.multiply(value, part if channels == 1 else part[..., None], value)
        return np.add(values[0], values[1], values[0])

    around = _sides(columns, width, order, mode)
    if order:
        beside = [mixed([pixels_at(row, column) for row in above], above) for column in around]
        np.copyto(y, mixed(beside, around))
    else:
        np.copyto(y, pixels_at(above[0], around[0]))


def _sides(p: np.ndarray, n: int, order: int, mode: str) -> list[tuple]:
    """The places of an axis of length n to take for each of p, the parts they have, and whether they lie outside."""
    if order:
        low = np.floor(p)
        share = p - low
        sides = [(low, 1 - share), (low + 1, share)]
    else:
        size = np.floor(np.absolute(p) + 0.5)
        sides = [(np.where(p >= 0, size, -size), None)]
    return [(_fold(at, n, mode), part, ~((at >= 0) & (at < n)) if mode == "constant" else None) for at, part in sides]


def _fold(at: np.ndarray, n: int, mode: str) -> np.ndarray:
    if mode == "wrap":
        at = at - n * np.floor(at / n)
    elif mode == "mirror" and n > 1:
        at = at - (2 * n - 2) * np.floor(at / (2 * n - 2))
        at = np.minimum(at, 2 * n - 2 - at)
    elif mode == "reflect":
        at = at - 2 * n * np.floor(at / (2 * n))
        at = np.minimum(at, 2 * n - 1 - at)
    return np.fmin(np.fmax(at, 0), n - 1).astype(np.intp)  # NaN is nowhere, and 0 as good as any


def _starts(shape: tuple[int, ...]) -> np.ndarray:
    """Where each image begins in a table of all pixels."""
    n, height, width, _ = shape
    return np.arange(0, n * height * width, max(height * width, 1), dtype=np.int32)[:n].reshape(-1, 1, 1)


def _to_pixels(g: Tensor, rows: Tensor, columns: Tensor, shape: tuple[int, ...], order: int, fill_mode: str) -> Tensor:
    total: Any = None
    for at, weights, valid in _corners(_starts(shape), (rows, columns), shape[1:3], order, fill_mode):
        part = _weighted(g if valid is None else where(expand_dims(valid, -1), g, 0), weights)
        part = _take_back(part, at, axis=0, shape=(math.prod(shape[:3]), shape[3]))
        total = part if total is None else total + part
    return reshape(total, shape)


def _to_places(
    g: Tensor, x: Tensor, places: tuple[Tensor, Tensor], axis: int, order: int, fill_mode: str, fill_value: float
) -> Tensor:
    """Along one axis: what the upper neighbour has more than the lower one."""
    if not order:
        return zeros_like(places[axis])
    n, height, width, channels = x.shape
    table = reshape(x, (n * height * width, channels))
    total: Any = None
    corners = _corners(_starts(x.shape), places, (height, width), order, fill_mode)
    for sides, (at, weights, valid) in zip(itertools.product((-1, 1), (-1, 1)), corners, strict=True):
        part = take(table, at, 0)
        part = part if valid is None else where(expand_dims(valid, -1), part, fill_value)
        part = _weighted(part, [weights[1 - axis]]) * sides[axis]
        total = part if total is None else total + part
    c = sum(g * total, axis=-1)
    if not is_recording():
        return c
    # at pixels, where slopes jump along both axes
    own, other = places[axis], places[1 - axis]
    return at_kinks(c, c, c, own, logical_or(equal(own, floor(own)), equal(other, floor(other))), "lost", beside=other)


grid_sample.vjp(
    x=lambda g, rows, columns, x_shape, order, fill_mode: _to_pixels(g, rows, columns, x_shape, order, fill_mode),
    rows=lambda g, x, rows, columns, order, fill_mode, fill_value: _to_places(
        g, x, (rows, columns), 0, order, fill_mode, fill_value
    ),
    columns=lambda g, x, rows, columns, order, fill_mode, fill_value: _to_places(
        g, x, (rows, columns), 1, order, fill_mode, fill_value
    ),
)


# In small operations


@primitive
def grid_coordinates(p):
    """Places `p` (axes of a grid, ...) themselves, where the slopes of what is interpolated linearly jump along all axes
    as soon as one of them meets an element."""
    return p


grid_coordinates.vjp(
    p=lambda g, p, y: (
        at_kinks(g, g, y, p, any(equal(p, floor(p)), axis=0, keepdims=True), "lost", (1, *p.shape[1:]), tied="all")
        if is_recording()
        else g
    )
)


def sampled(
    rows: Tensor, base: Any, places: Sequence[Tensor], sizes: tuple[int, ...], order: int, mode: str, fill: Any
) -> Tensor:
    """Rows of a table at places of a grid of `sizes`, interpolated.

    Shapes: rows (tables * grid cells, k); base (whole numbers: where a table starts) and each of places (...,); result
    (..., k).
    """
    total: Any = None
    for at, weights, valid in _corners(base, places, sizes, order, mode):
        part = take(rows, at, 0)
        part = _weighted(part if valid is None else where(expand_dims(valid, -1), part, fill), weights)
        total = part if total is None else total + part
    return total


def _weighted(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    return x * expand_dims(math.prod(weights[1:], start=weights[0]), -1) if weights else x


def _corners(
    base: Any, places: Sequence[Tensor], sizes: tuple[int, ...], order: int, mode: str
) -> Iterator[tuple[Any, list[Tensor], Any]]:
    """The cells around each place: where in the table, the part that they have along each axis, whether they are inside."""
    sides = []
    for axis, (p, n) in enumerate(zip(places, sizes, strict=True)):
        step = math.prod(sizes[axis + 1 :])
        if order:
            low = floor(p)
            share = p - low
            around = [(low, [1 - share]), (low + 1, [share])]
        else:
            around = [(_nearest(p), [])]
        sides.append(
            [
                (
                    _inside(at, n, mode) * step,
                    part,
                    logical_and(greater_equal(at, 0), less(at, n)) if mode == "constant" else None,
                )
                for at, part in around
            ]
        )
    for corner in itertools.product(*sides):
        at, valid = base, None
        weights: list[Tensor] = []
        for place, part, inside in corner:
            at, weights = at + place, weights + part
            valid = inside if valid is None else logical_and(valid, inside)
        yield at, weights, valid


def _inside(place: Tensor, n: int, mode: str) -> Tensor:
    """Whole numbers, any, in a dtype of floats, to places of an axis of length n, as the fill mode says."""
    if mode == "wrap":
        place = _remainder(place, n)
    elif mode == "mirror":  # ... 2 1 | 0 1 2 | 1 0 ...
        period = max(2 * (n - 1), 1)
        folded = _remainder(place, period)
        place = minimum(folded, period - folded)
    elif mode == "reflect":  # ... 1 0 | 0 1 2 | 2 1 ...
        folded = _remainder(place, 2 * n)
        place = minimum(folded, 2 * n - 1 - folded)
    # nearest; constant, where what lies outside is filled afterwards; NaN is nowhere, and 0 as good as any
    return cast(where(greater_equal(place, 0), minimum(place, n - 1), 0), "int32")


def _remainder(x: Tensor, n: int) -> Tensor:
    """x modulo n, for whole numbers in a dtype of floats: `mod` is no operation of machine code."""
    return x - n * floor(x / n)


def _nearest(x: Tensor) -> Tensor:
    """The whole number next to x; halves go away from zero."""
    return where(x >= 0, floor(absolute(x) + 0.5), -floor(absolute(x) + 0.5))
