"""Dense: every output sees every input, or those that an equation names."""

import copy
import re
from typing import Any

from autonet import activations, initializers, ops
from autonet.common.types import ActivityOptions, Identifier, LayerOptions, PartialShape, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.low_rank import LowRank
from autonet.layers.options import keeps
from autonet.layers.spec import InputSpec


class Dense(LowRank, Layer):
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
        lora_rank, lora_alpha: the kernel is frozen, and trained through a correction of this rank (see enable_lora).
        quantization_config: only None.

    Raises: ArgumentError unless units is a whole number above 0; ShapeError for inputs with fewer than two axes.

    >>> Dense(2, kernel_initializer="ones")(ops.array([[1.0, 2.0, 3.0]])).tolist()
    [[6.0, 6.0]]
    """

    _untold = ("activity_regularizer",)

    @keeps("kernel", "bias")
    def __init__(
        self,
        units: int,
        activation: Identifier = None,
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: None = None,
        **common: Unpack[ActivityOptions],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self.quantization_config = unquantized(quantization_config, type(self))
        self.units = positive(units, "units", self.label)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self._take_lora(lora_rank, lora_alpha)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        n = input_shape[-1]
        self.kernel = self._add_of_family("kernel", (n, self.units))
        self.bias = self._add_of_family("bias", (self.units,)) if self.use_bias else None
        self._build_lora()
        self.input_spec = InputSpec(min_ndim=2, axes={-1: n})

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        y = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-1], self.units)


class EinsumDense(LowRank, Layer):
    """A linear map along the axes that an equation names, then an activation.

        y = activation(einsum(equation, x, kernel) + bias)

    The equation is "abc,cd->abd" or the like: axes of x, of the kernel, of y; the first is the batch. "..." before or
    after the letters of x and y stands for axes that are only carried along.

    Shapes: as the equation says; bias has the axes of y from the first of `bias_axes` on, length one where the others are.

    Args:
        equation: for einsum, with two operands.
        output_shape: lengths of the axes of y that have letters, but for the batch; None where x has the letter too.
        activation: name or function; None leaves the sum as it is.
        bias_axes: letters of y along which the biases differ; None for no bias.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on kernel, bias and output.
        kernel_constraint, bias_constraint: projections after each step.
        lora_rank, lora_alpha: the kernel is frozen, and trained through a correction of this rank (see enable_lora).
        gptq_unpacked_column_size, quantization_config: only None.

    Raises: ArgumentError for an equation of another form, or letters without a length; ShapeError for inputs that do not
        fit it.

    >>> EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="e")(ops.ones((1, 5, 4))).shape
    (1, 5, 2, 3)
    """

    _told = ("activity_regularizer",)
    _untold = ("output_shape", "gptq_unpacked_column_size")

    @keeps("kernel", "bias")
    def __init__(
        self,
        equation: str,
        output_shape: int | PartialShape,
        activation: Identifier = None,
        bias_axes: str | None = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: None = None,
        quantization_config: None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        if gptq_unpacked_column_size is not None:
            raise ArgumentError(f"{self.label}: nothing is quantized here; leave gptq_unpacked_column_size None.")
        self.quantization_config = unquantized(quantization_config, type(self))
        self.equation, self.bias_axes, self.activation = equation, bias_axes, activations.get(activation)
        self.partial_output_shape = tuple(output_shape) if isinstance(output_shape, (list, tuple)) else (output_shape,)
        self._take_lora(lora_rank, lora_alpha)

    def build(self, input_shape: Any) -> None:
        kernel, bias, _ = self._shapes(input_shape)
        self.kernel = self._add_of_family("kernel", kernel, initializer=self._fitted(self.kernel_initializer))
        self.bias = self._add_of_family("bias", bias) if bias is not None else None
        self._build_lora()

    def _fitted(self, initializer: Any) -> Any:
        """`initializer`; one that counts inputs and outputs is told which axes of the kernel these are."""
        if not isinstance(initializer, initializers.VarianceScaling) or initializer.input_axes is not None:
            return initializer
        *_, weight, made = self._parts()
        initializer = copy.copy(initializer)  # with the seed, or the generator, of the one that was given
        initializer.input_axes = [i for i, c in enumerate(weight) if c not in made]
        initializer.output_axes = [i for i, c in enumerate(weight) if c in made]
        return initializer

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        y = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return self._shapes(input_shape)[2]

    def _shapes(self, input_shape: Any) -> tuple[tuple[Any, ...], tuple[Any, ...] | None, tuple[Any, ...]]:
        """Shapes of the kernel, of the bias (None without one) and of the output."""
        before, given, after, weight, made = self._parts()
        carried = len(input_shape) - len(given)
        if carried < 0 or (carried and not before and not after):
            raise ShapeError(
                f"{self.label} with equation {self.equation!r} expects {len(given)} axes; received shape "
                f"{tuple(input_shape)}. Write '...' for axes that are only carried along."
            )
        first = carried if before else 0
        known = dict(zip(given, input_shape[first : first + len(given)], strict=True))
        # the batch has no length in `output_shape`, wherever the equation has it
        wanted = dict(zip(made if before and carried else made[1:], self.partial_output_shape, strict=False))
        for c, n in wanted.items():
            if n is not None and known.get(c, n) not in (n, None):
                raise ShapeError(
                    f"{self.label} with equation {self.equation!r} expects length {n} along {c!r}, as output_shape says; "
                    f"received shape {tuple(input_shape)}."
                )
        lengths = {**known, **{c: n for c, n in wanted.items() if n is not None}}
        missing = [c for c in weight + made[1:] if c not in lengths]
        if missing:
            raise ArgumentError(
                f"{self.label}: the letter {missing[0]!r} of {self.equation!r} stands neither in the input nor, with a "
                f"length in output_shape {self.partial_output_shape}, in the output."
            )
        rest = tuple(input_shape[first + len(given) :] if before or after else ())
        output = (*input_shape[:first], *[lengths.get(c) for c in made], *(rest if after else ()))
        return tuple([lengths[c] for c in weight]), self._bias_shape(made, lengths, len(rest) if after else 0), output

    def _bias_shape(self, made: str, lengths: dict[str, Any], carried: int) -> tuple[Any, ...] | None:
        if not self.bias_axes:
            return None
        for c in self.bias_axes:
            if c not in made:
                raise ArgumentError(
                    f"{self.label} has bias_axes {self.bias_axes!r}; the output of {self.equation!r} has no {c!r}."
                )
        own = made[min(made.index(c) for c in self.bias_axes) :]
        return (*[lengths[c] if c in self.bias_axes else 1 for c in own], *(1,) * carried)

    def _parts(self) -> tuple[str, str, str, str, str]:
        """The equation's dots before the input's letters, those letters, dots after, the kernel's and output's letters."""
        found = re.fullmatch(
            r"(\.{3})?([A-Za-z]+)(\.{3})?,([A-Za-z]+)->(\.{3})?([A-Za-z]+)(\.{3})?", self.equation.replace(" ", "")
        )
        parts = found.groups("") if found else ()
        if not found or parts[0] != parts[4] or parts[2] != parts[6] or (parts[0] and parts[2]):
            raise ArgumentError(
                f"{self.label} expects an equation of the form 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'; "
                f"received {self.equation!r}."
            )
        return parts[0], parts[1], parts[2], parts[3], parts[5]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self.partial_output_shape}


def unquantized(config: Any, cls: type) -> Any:
    """None, the only `quantization_config` that there is; ArgumentError for another one."""
    if config is not None:
        raise ArgumentError(
            f"{cls.__name__} has no quantization here: leave quantization_config None; received {config!r}."
        )
    return None


def positive(value: Any, name: str, label: str) -> int:
    """`value` if it is a whole number above 0; ArgumentError otherwise."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise ArgumentError(f"{label} expects {name} to be a whole number above 0; received {value!r}.")
    return value.__index__()
