"""pad: an array in a frame, of a constant or of what its own values suggest."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.accumulate import broadcast_to, cast
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError, unknown
from autonet.ops import comparison, reduction
from autonet.ops.indexing import take
from autonet.ops.pointwise import where
from autonet.ops.shaping import _pad, concatenate

REPEATING = ("edge", "reflect", "symmetric", "wrap")  # the frame repeats elements: pad their positions
SUMMARIES: dict[str, Callable] = {
    "maximum": reduction.max,
    "mean": reduction.mean,
    "median": reduction.median,
    "minimum": reduction.min,
}
MODES = ("constant", "empty", "linear_ramp", *REPEATING, *SUMMARIES)


def pad(
    x: TensorLike,
    pad_width: int | Sequence[int] | Sequence[Sequence[int]],
    mode: str = "constant",
    constant_values: float | None = None,
) -> Tensor:
    """`x` in a frame, as `np.pad` does it.

    Args:
        pad_width: one number, one (before, after), or one such pair per axis; whole numbers of at least 0.
        mode: what the frame holds, axis after axis. "constant": `constant_values`; "edge": the outermost element;
            "reflect", "symmetric": the elements mirrored without and with the outermost; "wrap": those from the other
            side; "maximum", "mean", "median", "minimum": that of the axis (rounded for integers); "linear_ramp": from
            the outermost element evenly down to 0; "empty": what does not matter, here zeros.
        constant_values: one number, one (before, after), or one such pair per axis; 0 by default.

    >>> pad([1.0, 3.0], 1, "mean").tolist()
    [2.0, 1.0, 3.0, 2.0]
    """
    x = convert_to_tensor(x)
    widths = _widths(pad_width, x.ndim)
    if mode not in MODES:
        raise unknown("mode of pad", mode, MODES)
    if mode != "constant" and constant_values is not None:
        raise ArgumentError(f"pad takes constant_values only in mode 'constant'; received mode {mode!r}.")
    if mode == "empty" or (mode == "constant" and constant_values is None):
        return _pad(x, widths=widths)
    for axis, width in enumerate(widths):
        if mode != "constant" and any(width) and not x.shape[axis]:
            raise ShapeError(
                f"pad in mode {mode!r} expects elements along each axis that it pads; received shape {x.shape}. "
                "Use mode 'constant'."
            )
    if mode == "constant":
        return _in_constants(x, widths, constant_values)
    for axis, width in enumerate(widths):
        if not any(width):
            continue
        if mode in REPEATING:
            x = take(x, np.pad(np.arange(x.shape[axis]), width, mode), axis)  # type: ignore[call-overload]
        else:
            x = concatenate(_sides(x, axis, width, mode), axis)
    return x


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """One (before, after) per axis."""
    given = np.asarray(pad_width)
    try:
        widths = tuple([(operator.index(a), operator.index(b)) for a, b in np.broadcast_to(given, (ndim, 2))])
    except (TypeError, ValueError):
        widths = ((-1, -1),)
    if any(n < 0 for width in widths for n in width):
        raise ArgumentError(
            "pad expects pad_width as whole numbers of at least 0: one number, one pair (before, after), or a pair for "
            f"each of {ndim} axes; received {pad_width!r}."
        )
    return widths


def _in_constants(x: Tensor, widths: tuple[tuple[int, int], ...], values: Any) -> Tensor:
    """`x` in constants; where axes cross, those of the last axis."""
    values = convert_to_tensor(values, x.dtype)
    if not values.ndim:
        inside = np.pad(np.ones(x.shape, bool), widths)
        return where(inside, _pad(x, widths=widths), values)
    try:
        each = broadcast_to(values, shape=(x.ndim, 2))
    except ValueError as error:
        raise ShapeError(
            f"pad expects constant_values as one number, one pair, or a pair for each of {x.ndim} axes; "
            f"received shape {values.shape}."
        ) from error
    for axis, (before, after) in enumerate(widths):
        parts = [
            broadcast_to(each[axis, side], shape=(*x.shape[:axis], n, *x.shape[axis + 1 :]))
            for side, n in ((0, before), (1, after))
        ]
        x = concatenate([parts[0], x, parts[1]], axis)
    return x


def _sides(x: Tensor, axis: int, width: tuple[int, int], mode: str) -> list[Tensor]:
    """`x` between what stands before and after it along `axis`: a summary, or a ramp."""
    before, after = width
    if mode != "linear_ramp":
        middle = SUMMARIES[mode](x, axis=axis, keepdims=True)
        if middle.dtype != x.dtype:  # of integers
            middle = cast(comparison.round(middle), dtype=x.dtype.name)
        shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        sides = [broadcast_to(middle, shape=(*shape[:axis], n, *shape[axis + 1 :])) for n in width]
        return [sides[0], x, sides[1]]
    sides = []
    column = [1] * x.ndim
    column[axis] = -1
    for place, ramp in ((0, np.arange(before) / (before or 1)), (-1, np.arange(after)[::-1] / (after or 1))):
        edge = take(x, np.array([place]), axis)
        if x.dtype.kind == "f":
            sides.append(edge * ramp.astype(x.dtype).reshape(column))
        else:
            sides.append(cast(comparison.floor(cast(edge, dtype="float64") * ramp.reshape(column)), dtype=x.dtype.name))
    return [sides[0], x, sides[1]]
