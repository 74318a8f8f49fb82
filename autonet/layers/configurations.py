"""Layers to configurations and back."""

from collections.abc import Mapping
from typing import Any

from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.serialization.objects import deserialize_keras_object, serialize_keras_object


def serialize(layer: Layer) -> dict[str, Any]:
    """The configuration of `layer`: class and arguments, without weights."""
    return serialize_keras_object(layer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer that a configuration describes, with weights of its own. A class without a module is a layer of Keras.

    Raises: ArgumentError for the configuration of something else.
    """
    known = custom_objects or {}
    if "module" not in config and config.get("class_name") not in known and "registered_name" not in config:
        config = {"module": "keras.layers", "registered_name": None, **config}
    layer = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise ArgumentError(f"deserialize expects the configuration of a layer; received that of {layer!r}.")
    return layer
