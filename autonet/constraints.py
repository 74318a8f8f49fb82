"""Projections of weights, made after each step. Named, called and configured as in `keras.constraints`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from autonet import legacy, ops
from autonet.common import dtypes
from autonet.common.lines import filter_tracebacks
from autonet.common.types import Identifier, TensorLike
from autonet.common.versions import Versioned
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.ops.half_precision import accumulates
from autonet.serialization import Family
from autonet.untrusted.faults import described

__docformat__ = "google"


class Constraint(Versioned):
    """Base of all constraints: `constraint(w)` is the value that a weight takes instead of w.

    A subclass defines `__call__`, and `get_config` if its constructor takes arguments.
    """

    def __call__(self, w: TensorLike) -> Tensor:
        """The value instead of `w`; here `w` itself."""
        return convert_to_tensor(w)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The constraint that `get_config` described."""
        return cls(**config)


class MaxNorm(Constraint):
    """Vectors longer than `max_value` are shortened to it.

    Args:
        max_value: the greatest length.
        axis: the axis or axes along which a vector lies: 0 in a Dense kernel (one vector per unit), [0, 1, 2] in a
            Conv2D kernel.

    Source: Srivastava et al., 2014, section 5.1, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        self.max_value = max_value
        self.axis = axis

    @accumulates(like="w")
    def __call__(self, w: TensorLike) -> Tensor:
        """The value instead of `w`."""
        w = convert_to_tensor(w)
        length = _length(w, self.axis)
        return w * (ops.clip(length, 0, self.max_value) / (length + dtypes.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Negative numbers become 0.

    >>> NonNeg()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: TensorLike) -> Tensor:
        """The value instead of `w`."""
        return ops.maximum(w, 0)


class UnitNorm(Constraint):
    """Vectors get length 1; zero stays zero, with a derivative of 0.

    Args:
        axis: the axis or axes along which a vector lies; see `MaxNorm`.
    """

    def __init__(self, axis: int | Sequence[int] = 0):
        self.axis = axis

    @accumulates(like="w")
    def __call__(self, w: TensorLike) -> Tensor:
        """The value instead of `w`."""
        w = convert_to_tensor(w)
        length = _length(w, self.axis)
        return w * ops.where(ops.equal(length, 0), 0.0, 1 / (length + dtypes.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Vectors' lengths are moved into [min_value, max_value], or towards it.

        length <- rate clip(length, min_value, max_value) + (1 - rate) length

    Args:
        min_value, max_value: the least and the greatest length.
        rate: how much of the way is gone in one step, above 0, at most 1.
        axis: the axis or axes along which a vector lies; see `MaxNorm`.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    @accumulates(like="w")
    def __call__(self, w: TensorLike) -> Tensor:
        """The value instead of `w`."""
        w = convert_to_tensor(w)
        length = _length(w, self.axis)
        wanted = ops.clip(length, self.min_value, self.max_value) * self.rate + length * (1 - self.rate)
        return w * (wanted / (length + dtypes.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


def _length(w: Tensor, axis: Any) -> Tensor:
    return ops.norm(w, axis=tuple(axis) if isinstance(axis, (list, tuple)) else axis, keepdims=True)


# Keras's other spellings
max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

filter_tracebacks(__name__)

if not TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__ = legacy.names(__name__)

_family = Family("constraint", "keras.constraints", Constraint, (MaxNorm, MinMaxNorm, NonNeg, UnitNorm))


def get(identifier: Identifier) -> Any:
    """The constraint that `identifier` means.

    Args:
        identifier: a name ("max_norm", "MaxNorm"), a configuration, a class, or a callable already; None stays None.

    Raises: ArgumentError, with close matches, for an unknown name.
    """
    return _family.get(identifier)


def serialize(constraint: Constraint | Callable[..., Any]) -> Any:
    """The configuration of `constraint`."""
    return _family.serialize(constraint)


def deserialize(config: Identifier, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint that a configuration or a name describes."""
    return _family.deserialize(config, custom_objects)


filter_tracebacks(__name__)  # of what was defined since
