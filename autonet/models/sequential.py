"""Sequential: layers, one after the other."""

from __future__ import annotations

import copy
from typing import Any

from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.models.model import Model


class Sequential(Model):
    """A stack of layers: the output of each is the input of the next.

    Args:
        layers: the layers, bottom first; more may follow with `add`.
        trainable: whether its weights are trained.
        name: of the model.

    The weights are made at once if the first layer is an `Input` or has an `input_shape`, else with the first data.

    >>> from autonet import layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(1)])
    >>> model.output_shape
    (None, 1)
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self.autocast = False
        self._layers: list[Layer] = []
        self._batch_shape: tuple | None = None
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._try_build()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Raises: ArgumentError for what is no layer, or a name that is taken.
        """
        from autonet.layers.input import InputLayer

        layer = getattr(layer, "_input_layer", layer)  # what Input() returned stands for its layer
        if isinstance(layer, type):
            raise ArgumentError(f"Sequential expects layers; received the class {layer.__name__}: add parentheses.")
        if not isinstance(layer, Layer):
            raise ArgumentError(f"Sequential expects layers; received {layer!r}.")
        if any(layer is other for other in self._layers):
            raise ArgumentError(f"{layer.label} is in {self.label} already: a layer stands once in a stack.")
        if any(layer.name == other.name for other in self._layers):
            raise ArgumentError(f"{self.label} has a layer named {layer.name!r} already: give this one another name.")
        if isinstance(layer, InputLayer):
            if self._layers or self._batch_shape is not None:
                raise ArgumentError(f"{self.label} takes an Input only as its first layer.")
            self._batch_shape = tuple(layer.batch_shape)
            self._input_layer_kept = layer
        else:
            if not self._layers and self._batch_shape is None:
                inner = getattr(layer, "_batch_shape", None) if isinstance(layer, Sequential) else layer._input_shape
                self._batch_shape = inner
            self._layers.append(layer)
        if rebuild:
            self.built = False
            self._try_build()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the top layer off and return it."""
        if not self._layers:
            raise ArgumentError(f"{self.label} has no layer to pop.")
        layer = self._layers.pop()
        self.built = False
        if rebuild:
            self._try_build()
        return layer

    @property
    def layers(self) -> list[Layer]:
        """The layers, bottom first; an Input does not count."""
        return list(self._layers)

    def _try_build(self) -> None:
        if self._batch_shape is not None and self._layers:
            self.build(self._batch_shape)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of `input_shape`, batch axis included."""
        shape = tuple(input_shape) if input_shape is not None else self._batch_shape
        if shape is None:
            raise ArgumentError(f"{self.label} needs a shape to build: build((None, features)), or an Input layer.")
        if self._batch_shape is None:
            self._batch_shape = (None, *shape[1:])
        self._shapes: list[Any] = []
        for layer in self._layers:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)
            self._shapes.append(shape)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x = inputs
        if mask is not None and isinstance(x, Tensor) and getattr(x, "_mask", None) is None:
            x._mask = mask
        if self._batch_shape is not None and isinstance(x, Tensor):
            x = self._fit_rank(x)
        for layer in self._layers:
            x = layer(x) if training is None else layer(x, training=training)
        return x

    def _fit_rank(self, x: Tensor) -> Tensor:
        """A lone feature may come without its axis; any other misfit of rank is an error."""
        expected = self._batch_shape
        assert expected is not None
        if x.ndim == len(expected) and all(n in (None, m) for n, m in zip(expected[1:], x.shape[1:], strict=True)):
            return x
        if x.ndim == len(expected) - 1 and expected[-1] == 1:
            from autonet.ops.shaping import expand_dims

            return expand_dims(x, axis=-1)
        raise ShapeError(
            f"{self.label} expects inputs of shape {expected}; received {x.shape}. "
            "The first axis counts the samples: reshape the data, or change the Input."
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._layers:
            if not layer.built:
                layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @property
    def input_shape(self) -> tuple:
        """Shape of the inputs, None for the batch."""
        if self._batch_shape is None:
            raise ArgumentError(f"{self.label} does not know its input yet: build it, or call it on data.")
        return self._batch_shape

    @property
    def output_shape(self) -> tuple:
        """Shape of the outputs, None for the batch."""
        return self.compute_output_shape(self.input_shape)

    def get_config(self) -> dict[str, Any]:
        from autonet.serialization.objects import serialize_keras_object

        first = getattr(self, "_input_layer_kept", None)
        stack = ([first] if first is not None else []) + self._layers
        config = {**super().get_config(), "layers": [serialize_keras_object(layer) for layer in stack]}
        if self._batch_shape is not None:
            config["build_input_shape"] = self._batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Sequential:
        from autonet.serialization.objects import deserialize_keras_object

        config = copy.copy(config)
        shape = config.pop("build_input_shape", None)
        config.pop("dtype", None)
        stack = [deserialize_keras_object(c, custom_objects=custom_objects) for c in config.pop("layers")]
        trainable = config.pop("trainable", True)
        model = cls(stack, **config)
        if shape is not None and not model.built:
            model.build(tuple(shape))
        if not trainable:
            model.trainable = False
        return model
