"""Penalties on weights, added to the loss. Named, called and configured as in `keras.regularizers`."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from autonet import legacy, ops
from autonet.common.lines import filter_tracebacks
from autonet.common.types import Identifier, TensorLike
from autonet.common.versions import Versioned
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.half_precision import accumulates
from autonet.serialization import Family
from autonet.untrusted.faults import described

__docformat__ = "google"


class Regularizer(Versioned):
    """Base of all regularizers: `regularizer(x)` is the penalty on a weight or an output, a Tensor of one number.

    A subclass defines `__call__`, of ops so that it has a gradient, and `get_config`.
    """

    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty on `x`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x), which gives the penalty.")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        raise NotImplementedError(
            f"{type(self).__name__} must define get_config(), which returns the constructor's arguments."
        )

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The regularizer that `get_config` described."""
        return cls(**config)


class L1(Regularizer):
    """l1 times the sum of |x|: pulls weights to exactly 0.

    Args:
        l1: factor, finite and not below 0; None is the default.
    """

    def __init__(self, l1: float | None = 0.01):
        self.l1 = _factor("L1", "l1", 0.01 if l1 is None else l1)

    @accumulates(like="x")
    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty on `x`."""
        return ops.sum(ops.absolute(x)) * self.l1

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """l2 times the sum of x^2: keeps weights small.

    Args:
        l2: factor, finite and not below 0; None is the default.

    >>> round(L2(0.1)([1.0, 2.0]).item(), 6)
    0.5
    """

    def __init__(self, l2: float | None = 0.01):
        self.l2 = _factor("L2", "l2", 0.01 if l2 is None else l2)

    @accumulates(like="x")
    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty on `x`."""
        return ops.sum(ops.square(x)) * self.l2

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class L1L2(Regularizer):
    """l1 times the sum of |x|, plus l2 times the sum of x^2.

    Args:
        l1, l2: factors, finite and not below 0; None is 0.

    Source: Zou, Hastie, 2005, the elastic net, https://doi.org/10.1111/j.1467-9868.2005.00503.x
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1 = _factor("L1L2", "l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("L1L2", "l2", 0.0 if l2 is None else l2)

    @accumulates(like="x")
    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty on `x`."""
        if not self.l1:
            return ops.sum(ops.square(x)) * self.l2
        penalty = ops.sum(ops.absolute(x)) * self.l1
        return penalty + ops.sum(ops.square(x)) * self.l2 if self.l2 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor times the mean of |cosine| over all pairs of rows (or columns) of a matrix: pulls them to right angles.

    One row alone has no pairs, and no penalty.

    Args:
        factor: finite and not below 0.
        mode: "rows" or "columns".

    Raises: ArgumentError for others; ShapeError when called with what is no matrix.

    >>> OrthogonalRegularizer(0.5)([[1.0, 0.0], [3.0, 0.0]]).item()
    0.5
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ArgumentError(f"OrthogonalRegularizer expects mode 'rows' or 'columns'; received {mode!r}.")
        self.factor = _factor("OrthogonalRegularizer", "factor", factor)
        self.mode = mode

    @accumulates(like="x")
    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty on the matrix `x`."""
        x = convert_to_tensor(x)
        if x.ndim != 2:
            raise ShapeError(
                f"OrthogonalRegularizer expects a matrix, two axes; received shape {x.shape}. "
                "Use another regularizer for this weight."
            )
        rows = ops.normalize(x if self.mode == "rows" else ops.transpose(x), axis=1)
        n = rows.shape[0]
        off = 1 - ops.eye(n, dtype=rows.dtype)
        cosines = ops.matmul(rows, ops.transpose(rows)) * off
        return ops.sum(ops.absolute(cosines)) * (self.factor / max(n * (n - 1), 1))  # each pair stands there twice

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def _factor(who: str, name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, (bool, str)) or not 0 <= number < math.inf:
        raise ArgumentError(f"{who} expects {name} to be a finite number not below 0; received {value!r}.")
    return number


# Keras's other spellings
l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

filter_tracebacks(__name__)

if not TYPE_CHECKING:  # to a type checker, a module with this function has every name
    __getattr__ = legacy.names(__name__)

_family = Family(
    "regularizer", "keras.regularizers", Regularizer, (L1, L2, L1L2, OrthogonalRegularizer), aliases={"l1_l2": L1L2}
)


def get(identifier: Identifier) -> Any:
    """The regularizer that `identifier` means.

    Args:
        identifier: a name ("l2", "L1L2"), a configuration, a class, or a callable already; None stays None.

    Raises: ArgumentError, with close matches, for an unknown name.
    """
    return _family.get(identifier)


def serialize(regularizer: Regularizer | Callable[..., Any]) -> Any:
    """The configuration of `regularizer`."""
    return _family.serialize(regularizer)


def deserialize(config: Identifier, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer that a configuration or a name describes."""
    return _family.deserialize(config, custom_objects)


filter_tracebacks(__name__)  # of what was defined since
