"""Input: what goes into a model."""

from typing import Any

from autonet.common import dtypes
from autonet.common.types import Dtype, InputOptions, PartialShape, Unpack
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.layers.symbolic import KerasTensor, LayerCall
from autonet.ops.abstract import Spec


class InputLayer(Layer):
    """The first layer of a model: it says what shape and dtype come in, and passes them on.

    Shapes: x and y (n, *shape).

    Args:
        shape: lengths of all axes but the batch's, None where any length will do.
        batch_size: length of the batch axis, by default any.
        dtype: of the inputs, by default `floatx()`; "string" for layers that take text.
        sparse, ragged: only False: all Tensors here are dense.
        batch_shape: lengths of all axes, in place of `shape` and `batch_size`.
        input_tensor: only None.
        optional: whether the input may be None.

    Raises: ArgumentError without a shape, or with two.

    >>> import numpy as np
    >>> InputLayer(shape=(4,))(np.ones((3, 4))).shape
    (3, 4)
    """

    _fixed = ("activity_regularizer",)
    _untold = ("shape", "batch_size", "input_tensor")

    def __init__(
        self,
        shape: PartialShape | None = None,
        batch_size: int | None = None,
        dtype: Dtype = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: PartialShape | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **common: Unpack[InputOptions],
    ):
        shape = common.pop("input_shape", shape)  # type: ignore[assignment]
        batch_shape = common.pop("batch_input_shape", batch_shape)
        super().__init__(name=name, dtype=None if dtype == "string" else dtype, **common)
        self.batch_shape = _whole_shape(shape, batch_size, batch_shape, self.label)
        for word, value in (("sparse", sparse), ("ragged", ragged), ("input_tensor", input_tensor)):
            if value is not None and value is not False:
                raise ArgumentError(f"{self.label}: all inputs are dense arrays here; received {word}={value!r}.")
        self._input_dtype = "string" if dtype == "string" else dtypes.standardize_dtype(dtype)
        self.sparse = self.ragged = False
        self.optional = optional
        self.supports_masking = True
        self.built = True

    @property
    def dtype(self) -> str:
        """Dtype of the inputs."""
        return self._input_dtype

    def call(self, inputs: Any = None) -> Any:
        return inputs

    def _first(self, asked: str) -> LayerCall:
        """Its node, made again if nobody held it."""
        for node in self._nodes():
            return node
        return LayerCall(self, (), {}, Spec(self.batch_shape, self.dtype), [self.name])

    @property
    def output(self) -> KerasTensor:
        """The placeholder of the inputs."""
        return self._first("output").outputs

    def compute_output_shape(self, input_shape: Any = None) -> tuple[Any, ...]:
        return self.batch_shape

    def get_config(self) -> dict[str, Any]:
        return {**self._options_config(), "name": self.name, "dtype": self.dtype}


def Input(
    shape: PartialShape | None = None,
    batch_size: int | None = None,
    dtype: Dtype = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: PartialShape | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """The entrance of a model: a placeholder to apply layers to, or the first entry of a `Sequential`.

    Arguments as for `InputLayer`, `tensor` as its `input_tensor`.

    >>> Input((28, 28)).shape
    (None, 28, 28)
    """
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    return layer.output


def _whole_shape(shape: Any, batch_size: int | None, batch_shape: Any, label: str) -> tuple[Any, ...]:
    """The shape, batch axis included."""
    if (shape is None) == (batch_shape is None):
        both = "received both" if shape is not None else "received none"
        raise ArgumentError(f"{label} expects either shape, as in shape=(28, 28), or batch_shape; {both}.")
    if batch_shape is not None and batch_size is not None:
        raise ArgumentError(f"{label} expects the batch size in batch_shape alone; received batch_size={batch_size!r}.")
    given = shape if shape is not None else batch_shape
    lengths = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    whole = isinstance(given, (tuple, list)) and all(n is None or _is_length(n) for n in lengths)
    if not whole or not (batch_size is None or _is_length(batch_size)):
        raise ArgumentError(
            f"{label} expects a tuple of lengths, None where any will do; received shape {given!r} and batch size "
            f"{batch_size!r}. One axis of {given if _is_length(given) else 3} is written ({given if _is_length(given) else 3},)."
        )
    lengths = tuple([n if n is None else n.__index__() for n in lengths])
    return lengths if batch_shape is not None else (batch_size, *lengths)


def _is_length(n: Any) -> bool:
    return hasattr(n, "__index__") and not isinstance(n, bool) and n.__index__() >= 0


Origin = tuple[LayerCall, int]  # a call of a layer or operation, and which of its outputs


def origin_of(x: KerasTensor) -> Origin:
    """Where a placeholder comes from; one that was made by hand gets an InputLayer."""
    if x._origin is None:
        layer = InputLayer(batch_shape=x.shape, dtype=x.dtype, name=x.name)
        x._origin = layer._first("output")
    return x._origin, x._index
