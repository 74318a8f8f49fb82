"""Activations as layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import activations, ops, regularizers
from autonet.common.types import ActivityOptions, Axis, Identifier, LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Elementwise, Layer
from autonet.layers.options import keeps
from autonet.layers.spec import InputSpec


class Activation(Elementwise):
    """A function of each element (or, for softmax and its like, of the last axis): y = activation(x).

    Shapes: x and y (n, ...).

    Args:
        activation: name or function; None for y = x.

    >>> Activation(activation='softmax')(np.ones((3, 4))).shape
    (3, 4)
    """

    def __init__(self, activation: Identifier, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Tensor:
        return self.activation(inputs)


class ReLU(Elementwise):
    """Rectified linear unit.

        y = max_value                          where x >= max_value
        y = x                                  where threshold <= x < max_value
        y = negative_slope (x - threshold)     where x < threshold

    Shapes: x and y (n, ...).

    Args:
        max_value: largest output, at least 0; None for no limit.
        negative_slope: slope below the threshold, at least 0.
        threshold: where the line begins, at least 0.

    Source: Nair, Hinton, 2010, Rectified linear units improve restricted Boltzmann machines.

    >>> ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)(np.ones((3, 4))).shape
    (3, 4)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.max_value = None if max_value is None else not_negative(max_value, "max_value", self.label)
        self.negative_slope = not_negative(negative_slope, "negative_slope", self.label)
        self.threshold = not_negative(threshold, "threshold", self.label)

    def call(self, inputs: Any) -> Tensor:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )


class LeakyReLU(Elementwise):
    """Rectified linear unit with a slope below 0: y = x where x >= 0, else negative_slope x.

    Shapes: x and y (n, ...).

    Args:
        negative_slope: at least 0.

    Source: Maas, Hannun, Ng, 2013, Rectifier nonlinearities improve neural network acoustic models.

    >>> LeakyReLU()(np.ones((3, 4))).shape
    (3, 4)
    """

    def __init__(self, negative_slope: float = 0.3, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.negative_slope = not_negative(negative_slope, "negative_slope", self.label)

    def call(self, inputs: Any) -> Tensor:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


class PReLU(Layer):
    """Leaky rectified linear unit whose slopes below 0 are learned: y = x where x >= 0, else alpha x.

    Shapes: x (n, ...), alpha (...) with length one on the shared axes.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the slopes.
        shared_axes: axes along which one slope serves all, counted from the batch axis, 0; such as [1, 2] for images.

    Source: He, Zhang, Ren, Sun, 2015, https://arxiv.org/abs/1502.01852

    >>> PReLU(alpha_initializer='ones', shared_axes=[1])(np.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    @keeps("alpha")
    def __init__(
        self,
        alpha_initializer: Identifier = "Zeros",
        alpha_regularizer: Identifier = None,
        alpha_constraint: Identifier = None,
        shared_axes: int | Sequence[int] | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.shared_axes: list[int] | None = None if shared_axes is None else np.atleast_1d(shared_axes).tolist()
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.shared_axes or ()):
            raise ShapeError(
                f"{self.label} has shared_axes={self.shared_axes}; received an input of shape {tuple(input_shape)}. "
                f"Name axes from 1 to {rank - 1}."
            )
        shared = [axis % rank for axis in self.shared_axes or ()]
        shape = [1 if axis in shared else n for axis, n in enumerate(input_shape)][1:]
        self.alpha = self._add_of_family("alpha", tuple(shape))
        fixed = {axis: n for axis, n in enumerate(input_shape) if axis and axis not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=fixed)

    def call(self, inputs: Any) -> Tensor:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)


class ELU(Elementwise):
    """Exponential linear unit: y = x where x > 0, else alpha (exp(x) - 1).

    Shapes: x and y (n, ...).

    Args:
        alpha: the limit far below 0, with its sign changed.

    Source: Clevert, Unterthiner, Hochreiter, 2016, https://arxiv.org/abs/1511.07289

    >>> ELU()(np.ones((3, 4))).shape
    (3, 4)
    """

    def __init__(self, alpha: float = 1.0, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.alpha = alpha

    def call(self, inputs: Any) -> Tensor:
        return activations.elu(inputs, alpha=self.alpha)


class Softmax(Elementwise):
    """Positive numbers with sum 1 along `axis`: y = exp(x) / sum of exp(x).

    Shapes: x and y (n, ...).

    Args:
        axis: a number, or several that count as one.

    Called with a mask, boolean and broadcasting to x, it gives 0 where the mask is False.

    >>> Softmax()(np.ones((3, 4))).shape
    (3, 4)
    """

    def __init__(self, axis: Axis = -1, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.axis = tuple(axis) if isinstance(axis, list) else axis

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        if mask is not None:
            shape = tuple(mask.shape)
            if len(shape) > inputs.ndim or any(
                n not in (1, m) for n, m in zip(shape[::-1], inputs.shape[::-1], strict=False)
            ):
                raise ShapeError(
                    f"{self.label} expects a mask that broadcasts to the input's shape {tuple(inputs.shape)}; received shape "
                    f"{shape}."
                )
            return softmax_where(mask, inputs, self._axes)
        return activations.softmax(inputs, axis=self._axes)

    @property
    def _axes(self) -> Any:
        return tuple(self.axis) if isinstance(self.axis, (tuple, list)) else self.axis


def softmax_where(mask: Any, x: Tensor, axis: Any) -> Tensor:
    """Softmax of `x` among the places where `mask`, if there is one, is True; 0 elsewhere."""
    if mask is None:
        return ops.softmax(x, axis=axis)
    mask = ops.cast(mask, "bool")
    y = ops.softmax(ops.where(mask, x, float(np.finfo(x.dtype).min / 2)), axis=axis)
    return ops.where(mask, y, 0.0)  # nothing is left of a row without any True


class ActivityRegularization(Elementwise):
    """The input as it is, and a penalty on it: l1 * sum of |x| + l2 * sum of x^2, over the batch size.

    Shapes: x and y (n, ...).

    Args:
        l1, l2: weights of the two sums.

    >>> ActivityRegularization(l1=0.1, l2=0.1)(np.ones((3, 4))).shape
    (3, 4)
    """

    _fixed = ("activity_regularizer",)

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **common: Unpack[ActivityOptions]):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **common)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return config


def not_negative(value: Any, name: str, label: str) -> Any:
    """`value` if it is a number from 0; ArgumentError otherwise."""
    try:
        if value >= 0:
            return value
    except TypeError:
        pass
    raise ArgumentError(f"{label} expects {name} to be a number of at least 0; received {value!r}.")
