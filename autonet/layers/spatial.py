"""Spatial: what layers without weights share that work along places: pooling, cropping, padding, upsampling."""

from typing import Any

from autonet.common.types import LayerOptions, Unpack
from autonet.layers.base import Layer
from autonet.layers.convolution import joined_shape, split_shape
from autonet.layers.spec import InputSpec
from autonet.ops.sliding_windows import standardize_data_format


class Spatial(Layer):
    """Base of layers without weights on batches (n, *places, channels), or (n, channels, *places)."""

    rank: int  # axes of places

    def __init__(self, data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = self._builds_nothing()

    def _after(self, places: tuple[Any, ...]) -> tuple[Any, ...]:
        """How many places there are afterwards, None for any number."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, places, channels = split_shape(input_shape, self.rank, self.data_format, self.label)
        return joined_shape(batch, self._after(places), channels, self.data_format)
