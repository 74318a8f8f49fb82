"""Elementwise: what layers share whose result looks like what goes in."""

from typing import Any

from autonet.common.types import LayerOptions, Unpack
from autonet.layers.base import Layer


class Elementwise(Layer):
    """Base of layers without weights, whose result has the shape and the mask of the input."""

    def __init__(self, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.supports_masking = True
        self.built = self._builds_nothing()

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)
