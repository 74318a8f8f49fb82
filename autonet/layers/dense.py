"""Dense: every output sees every input."""

from __future__ import annotations

from typing import Any

from autonet import activations, constraints, initializers, ops, regularizers
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.base import InputSpec, Layer


class Dense(Layer):
    """A linear map of the last axis, then an activation.

        y = activation(x @ kernel + bias)

    Shapes: x (..., n), kernel (n, units), bias (units,), y (..., units).

    Args:
        units: features of the output.
        activation: name or function; None leaves the sum as it is.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on kernel, bias and output.
        kernel_constraint, bias_constraint: projections after each step.
        lora_rank, lora_alpha, quantization_config: only None.

    Raises: ArgumentError unless units is a whole number above 0; ShapeError for inputs with fewer than two axes.

    >>> import numpy as np
    >>> Dense(2, kernel_initializer="ones")(np.array([[1.0, 2.0, 3.0]])).tolist()
    [[6.0, 6.0]]
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **common: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **common)
        for name, value in (("lora_rank", lora_rank), ("quantization_config", quantization_config)):
            if value is not None:
                raise ArgumentError(f"Dense has no {name} here: leave it None; received {value!r}.")
        self.units = positive(units, "units", self.label)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        n = input_shape[-1]
        self.kernel = self.add_weight(
            (n, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: n})

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        y = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }


def positive(value: Any, name: str, label: str) -> int:
    """`value` if it is a whole number above 0; ArgumentError otherwise."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise ArgumentError(f"{label} expects {name} to be a whole number above 0; received {value!r}.")
    return value.__index__()
