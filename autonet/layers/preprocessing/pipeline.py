"""Layers for data in a row, as one layer."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.layers.preprocessing.base import DataLayer
from autonet.serialization.objects import deserialize_keras_object, serialize_keras_object
from autonet.untrusted.faults import described


class Pipeline(DataLayer):
    """Layers one after the other, such as those that change images at random, which then apply as one layer.

    It takes what its first layer takes, dictionaries with "images" and "labels" too, and no weights are made before the
    first call. A call that says nothing about training is one in training.

    Shapes: as of the layers.

    Args:
        layers: the layers, first to last.
        name: of the layer.

    >>> from autonet import layers
    >>> Pipeline([layers.Rescaling(2.0), layers.Rescaling(1.0, offset=1.0)])([[3.0]]).tolist()
    [[7.0]]
    """

    _nests: tuple[type, ...] = (list, tuple, dict)

    def __init__(self, layers: Sequence[Layer], name: str | None = None):
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Layer) for layer in layers):
            raise ArgumentError(f"{self.label} expects a list of layers; received {layers!r}.")
        self._pipeline_layers = list(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers, first to last."""
        return list(self._pipeline_layers)

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        if mask is not None and isinstance(inputs, Tensor):
            inputs._mask = mask
        for layer in self._pipeline_layers:
            inputs = layer(inputs, training=training)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._pipeline_layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def compute_output_spec(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        for layer in self._pipeline_layers:
            inputs = layer.compute_output_spec(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "layers": [serialize_keras_object(layer) for layer in self._pipeline_layers]}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ArgumentError(f"{cls.__name__}'s configuration expects a list of layers; received {layers!r}.")
        made = [deserialize_keras_object(layer, custom_objects) for layer in layers]
        return cls(**{**config, "layers": made})
