"""First weights that are known beforehand: zeros, ones, a given value, the identity."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from autonet import ops
from autonet.common.types import Dtype, TensorLike
from autonet.core.tensor import Tensor
from autonet.errors import ShapeError
from autonet.serialization import deserialize_keras_object, serialize_keras_object
from autonet.untrusted.faults import described


class Initializer:
    """Base of all initializers: `initializer(shape, dtype=None)` gives the first values of a weight.

    A subclass defines `__call__`, and `get_config` if its constructor takes arguments.

    >>> class Ramp(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return ops.broadcast_to(ops.arange(shape[-1], dtype=dtype), shape)
    >>> Ramp()((2, 3)).tolist()
    [[0, 1, 2], [0, 1, 2]]
    """

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Values of `shape`; by default the dtype is the default float."""
        raise NotImplementedError(
            f"{type(self).__name__} must define __call__(shape, dtype=None), which gives the values."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The initializer that `get_config` described."""
        return cls(**config)

    def clone(self) -> Self:
        """A new initializer with the same configuration; one without a seed draws another."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All 0.

    >>> Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Zeros of `shape`."""
        return ops.zeros(shape, dtype)


class Ones(Initializer):
    """All 1.

    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Ones of `shape`."""
        return ops.ones(shape, dtype)


class Constant(Initializer):
    """One value everywhere, or an array that broadcasts to the weight.

    Args:
        value: a number, an array or nested lists.

    >>> Constant([1, 2])((2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(self, value: TensorLike = 0.0):
        self.value = value
        self.shape: tuple[int, ...] | None = None  # the only shape that it serves; None serves all

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """The value, repeated to `shape`.

        Raises: ShapeError if it does not broadcast.
        """
        shape = _lengths(shape)
        given = np.shape(self.value)  # type: ignore[arg-type]
        if self.shape not in (None, shape):
            raise ShapeError(
                f"The array given as initializer has shape {self.shape}, the weight has shape {shape}. Give an array "
                "of the weight's shape, or Constant(array) if it is to be repeated."
            )
        if len(given) > len(shape) or any(n not in (1, m) for n, m in zip(given[::-1], shape[::-1], strict=False)):
            raise ShapeError(
                f"Constant's value of shape {given} does not broadcast to the weight's shape {shape}. Give a number, "
                "or an array whose last axes have the weight's lengths or 1."
            )
        return ops.full(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(deserialize_keras_object(config.get("value", 0.0)))  # an array is stored as a configuration


class Identity(Initializer):
    """The identity matrix times `gain`; ones on the diagonal also where the matrix is not square.

    Args:
        gain: factor.

    >>> Identity(gain=2)((2, 3)).tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """The matrix.

        Raises: ShapeError unless `shape` has two axes.
        """
        shape = _lengths(shape)
        if len(shape) != 2:
            raise ShapeError(
                f"Identity gives matrices, shapes of two axes; received shape {shape}. "
                "Use Orthogonal for a kernel of more axes."
            )
        return ops.cast(ops.eye(*shape, dtype=dtype) * self.gain, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


def _lengths(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)
