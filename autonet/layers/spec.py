"""InputSpec: what a layer says of the inputs that it accepts."""

from typing import Any

from autonet.errors import ArgumentError, ShapeError


class InputSpec:
    """What a layer accepts: rank and axis lengths of its input.

    Args:
        dtype: expected dtype name, unchecked.
        shape: expected shape, None where any length will do.
        ndim, min_ndim, max_ndim: exact, least, largest number of axes.
        axes: {axis: length}.

    >>> InputSpec(ndim=2, axes={-1: 3}).fits((8, 3))
    True
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: tuple[Any, ...] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        if allow_last_axis_squeeze:
            raise ArgumentError(
                "InputSpec: no layer here drops or adds a last axis; leave allow_last_axis_squeeze False."
            )
        self.dtype, self.shape = dtype, shape
        self.ndim = len(shape) if shape is not None else ndim
        self.min_ndim, self.max_ndim = min_ndim, max_ndim
        self.axes = {int(a): n for a, n in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def fits(self, shape: tuple[Any, ...]) -> bool:
        """Whether there is nothing to say against `shape`; where it is False, `check` says what, if anything."""
        n = len(shape)
        if (self.ndim is not None and n != self.ndim) or self.max_ndim is not None or self.shape is not None:
            return False
        if self.min_ndim is not None and n < self.min_ndim:
            return False
        return all(-n <= axis < n and shape[axis] == length for axis, length in self.axes.items())

    def check(self, shape: tuple[Any, ...], label: str) -> None:
        """Raise ShapeError, in the name of `label`, if `shape` does not fit."""
        n = len(shape)
        if self.ndim is not None and n != self.ndim:
            raise ShapeError(
                f"{label} expects an input of {self.ndim} axes; received shape {shape}. Reshape the input."
            )
        if self.min_ndim is not None and n < self.min_ndim:
            raise ShapeError(
                f"{label} expects an input of at least {self.min_ndim} axes; received shape {shape}. "
                "Add the missing axes with Reshape or x[:, None]."
            )
        if self.max_ndim is not None and n > self.max_ndim:
            raise ShapeError(f"{label} expects an input of at most {self.max_ndim} axes; received shape {shape}.")
        wanted = dict(self.axes)
        if self.shape is not None:
            wanted.update({i: k for i, k in enumerate(self.shape) if k is not None})
        for axis, length in wanted.items():
            if length is not None and -n <= axis < n and shape[axis] not in (None, length):
                raise ShapeError(
                    f"{label} expects length {length} on axis {axis}; received shape {shape}. "
                    "The first input fixed that number: reshape this one, or build a second layer."
                )
