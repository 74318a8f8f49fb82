"""Layers around something else: a function, another layer, nothing, a mask."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

from autonet import ops
from autonet.common.types import LayerOptions, PartialShape, TensorLike, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DtypeError
from autonet.layers.base import Elementwise, Layer, _is_shape
from autonet.serialization.objects import deserialize_keras_object, serialize_keras_object
from autonet.untrusted.faults import described


class Identity(Elementwise):
    """The inputs as they are.

    Shapes: y as x, any.

    >>> Identity()(ops.ones((3, 4))).shape
    (3, 4)
    """

    _nests: tuple[type, ...] = (list, tuple, dict)

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Masking(Elementwise):
    """Leaves out steps whose features all have one value: they become zero, and layers that follow pass them over.

    Args:
        mask_value: the value.

    Shapes: inputs (n, steps, ...) and outputs alike; the mask (n, steps).

    >>> Masking(mask_value=0.5)(ops.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __init__(self, mask_value: float = 0.0, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.mask_value = mask_value

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Tensor:
        counts = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * ops.cast(counts, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Lambda(Layer):
    """A function as a layer. Variables that it uses are not trained with the model: for those write a layer.

    Args:
        function: of the inputs; it may take `mask` and `training` too.
        output_shape: of the result without the batch axis, or a function from the input's shape to the result's; by
            default it is found by a dry run.
        mask: of the result: a Tensor, or a function of inputs and mask.
        arguments: further keyword arguments for the function.

    A named function is stored by its name. Of a lambda nothing is stored: whoever loads the layer passes the function as
    `custom_objects={<name of the layer>: function}`.

    >>> Lambda(lambda x: x * 2)(ops.ones((1, 2))).tolist()
    [[2.0, 2.0]]
    """

    _nests: tuple[type, ...] = (list, tuple, dict)

    _untold = ("function", "output_shape", "mask", "arguments")

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: PartialShape | Callable[..., Any] | None = None,
        mask: TensorLike | Callable[..., Any] | None = None,
        arguments: dict[str, Any] | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        if not callable(function):
            raise DtypeError(f"{self.label} expects a function; received {function!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self._output_shape = output_shape
        self.mask = mask
        if mask is not None:
            self.supports_masking = True
        self._takes = {name for name in ("mask", "training") if name in _parameter_names(function)}
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        offered = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{k: offered[k] for k in self._takes - self.arguments.keys()})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        first = input_shape if _is_shape(input_shape) else input_shape[0]
        return (first[0], *self._output_shape)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        from autonet.layers import inference

        if self._output_shape is None:
            return inference.dry_run(self, args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": _stored(self.function)}
        if self._output_shape is not None:
            config["output_shape"] = _stored(self._output_shape)
        if self.mask is not None:
            config["mask"] = _stored(self.mask)
        return {**config, "arguments": serialize_keras_object(self.arguments)}

    def get_stored_config(self) -> dict[str, Any]:
        """The configuration for a file, with names in place of functions that have none."""
        config = self.get_config()
        for part in _FUNCTIONS:
            if callable(config.get(part)):
                config[part] = {"class_name": "__lambda__", "config": {"name": _missing_name(self.name, part)}}
        return config

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = {**config}
        for part in (*_FUNCTIONS, "arguments"):
            stored = config.get(part)
            if isinstance(stored, dict) and stored.get("class_name") == "__lambda__":  # whatever code came with it
                stored = {"class_name": "__lambda__", "config": {"name": _missing_name(config.get("name"), part)}}
            if isinstance(stored, dict):
                config[part] = deserialize_keras_object(stored)
        return super().from_config(config)  # type: ignore[return-value]


_FUNCTIONS = ("function", "output_shape", "mask")


def _missing_name(layer: Any, part: str) -> str:
    """The name under which a function without one is looked for."""
    return str(layer) if part == "function" else f"{layer}.{part}"


def _parameter_names(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some built-in functions do not tell
        return set()


def _stored(x: Any) -> Any:
    """The configuration of a function or value; a lambda stays itself, good for a copy but not for a file."""
    return x if getattr(x, "__name__", None) == "<lambda>" else serialize_keras_object(x)


class Wrapper(Layer):
    """Base of layers that hold another one, as `self.layer`.

    Args:
        layer: the inner layer.

    Raises: ArgumentError for what is no layer.
    """

    _nests: tuple[type, ...] = (list, tuple, dict)

    def __init__(self, layer: Layer, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        if not isinstance(layer, Layer):
            raise ArgumentError(f"{self.label} expects a layer to hold; received {layer!r}.")
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        layer = deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        return cls(layer, **{k: v for k, v in config.items() if k != "layer"})._as_configured()
