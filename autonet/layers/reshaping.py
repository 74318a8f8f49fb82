"""Layers that only move elements."""

import math
from collections.abc import Sequence
from typing import Any

from autonet import ops
from autonet.common.types import LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.spec import InputSpec
from autonet.ops.sliding_windows import standardize_data_format


class Flatten(Layer):
    """All axes but the first made one: (n, a, b, ...) to (n, a * b * ...).

    Args:
        data_format: "channels_last", or "channels_first" for inputs (n, channels, *places), whose channels are moved
            last before; by default `image_data_format()`.

    >>> Flatten()(ops.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = self._builds_nothing()

    def call(self, inputs: Any) -> Tensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, *lengths = input_shape
        return (batch, None if None in lengths else math.prod(lengths))


class Reshape(Layer):
    """The same elements in another shape: (n, ...) to (n, *target_shape).

    Args:
        target_shape: lengths of all axes but the batch's; one of them may be -1, for what remains.

    Raises: ArgumentError for two lengths of -1; ShapeError for inputs with another number of elements.

    >>> Reshape(target_shape=(2, -1))(ops.ones((3, 4, 2))).shape
    (3, 2, 4)
    """

    def __init__(self, target_shape: Sequence[int], **common: Unpack[LayerOptions]):
        super().__init__(**common)
        whole = isinstance(target_shape, (tuple, list)) and all(hasattr(n, "__index__") for n in target_shape)
        if not whole or sum(n == -1 for n in target_shape) > 1 or any(n < -1 for n in target_shape):
            raise ArgumentError(
                f"{self.label} expects target_shape to be a tuple of lengths with at most one -1, the others at least 0; received "
                f"{target_shape!r}."
            )
        self.target_shape = tuple(target_shape)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = self._builds_nothing()

    def call(self, inputs: Any) -> Tensor:
        return ops.reshape(inputs, self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, *lengths = input_shape
        if None in lengths:
            return (batch, *[None if n == -1 else n for n in self.target_shape])
        size, known = math.prod(lengths), math.prod(n for n in self.target_shape if n != -1)
        rest = size // known if known else 0
        shape = tuple([rest if n == -1 else n for n in self.target_shape])
        if math.prod(shape) != size:
            raise ShapeError(
                f"{self.label} cannot make {self.target_shape} of inputs of shape {tuple(input_shape)}: a sample has "
                f"{size} elements. Give lengths whose product is {size}, the batch's not among them."
            )
        return (batch, *shape)


class Permute(Layer):
    """The axes after the batch's in another order: axis i of y is axis dims[i - 1] of x.

    Shapes: x (n, a, b, ...), y (n, ...) with these lengths in the new order.

    Args:
        dims: the numbers from 1 to the number of axes, each once.

    Raises: ArgumentError for other numbers.

    >>> Permute(dims=(2, 1))(ops.ones((2, 3, 4))).shape
    (2, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                f"{self.label} expects dims to be the numbers from 1 on, each once, in the order wanted; received {dims!r}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = self._builds_nothing()

    def call(self, inputs: Any) -> Tensor:
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (input_shape[0], *[input_shape[d] for d in self.dims])


class RepeatVector(Layer):
    """Each row so many times: (n, features) to (n, times, features).

    Args:
        n: how many times.

    >>> RepeatVector(n=3)(ops.ones((2, 4))).shape
    (2, 3, 4)
    """

    def __init__(self, n: int, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        if isinstance(n, bool) or not isinstance(n, int):
            raise DtypeError(f"{self.label} expects n to be a whole number; received {n!r}.")
        if n < 1:
            raise ArgumentError(f"{self.label} expects n to be above 0; received {n}.")
        self.n = n
        self.input_spec = InputSpec(ndim=2)
        self.built = self._builds_nothing()

    def call(self, inputs: Any) -> Tensor:
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (input_shape[0], self.n, input_shape[1])
