"""Gradients kept within bounds: by value, by the norm of each, or by the norm of all together."""

from __future__ import annotations

from typing import Any

from autonet import ops
from autonet.errors import ArgumentError


def check(who: str, clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None) -> None:
    """Raise ArgumentError unless at most one bound is given, and that above 0."""
    bounds = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if len(given) > 1:
        raise ArgumentError(f"{who}: only one of {', '.join(bounds)} can be set; received {given}.")
    for name, bound in given.items():
        if not bound > 0:
            raise ArgumentError(f"{who} expects {name} above 0, or None; received {bound!r}.")


def by_value(grads: list[Any], bound: float) -> list[Any]:
    """Each element cut to [-bound, bound]."""
    return [ops.clip(g, -bound, bound) for g in grads]


def by_norm(grads: list[Any], bound: float) -> list[Any]:
    """Each gradient scaled down to the length `bound`, if it is longer."""
    return [_scaled(g, _shrinkage(_square_length(g), bound)) for g in grads]


def by_global_norm(grads: list[Any], bound: float) -> list[Any]:
    """All gradients scaled down by one number, so that together they have at most the length `bound`."""
    total = _square_length(grads[0])
    for g in grads[1:]:
        total = total + _square_length(g)
    scale = _shrinkage(total, bound)
    return [_scaled(g, scale) for g in grads]


def _square_length(g: Any) -> Any:
    """Sum of the squares; of float16 in float32, since they leave the range of float16."""
    return ops.sum(ops.square(ops.cast(g, "float32") if g.dtype == "float16" else g))


def _scaled(g: Any, scale: Any) -> Any:
    return g * (scale if scale.dtype == g.dtype else ops.cast(scale, g.dtype))


def _shrinkage(square: Any, bound: float) -> Any:
    """What to multiply by, given the square of a length, so that the length is at most `bound`; 1 if it is."""
    return bound / ops.maximum(ops.sqrt(square), bound)
