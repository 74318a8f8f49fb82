"""Layers that disturb their input while training."""

from __future__ import annotations

from typing import Any

from autonet import random
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.random.seeds import SeedGenerator


class Dropout(Layer):
    """In training a random part of the elements set to 0, the others divided by 1 - rate; in inference y = x.

    Args:
        rate: probability of each element to become 0, from 0 to 1.
        noise_shape: shape of the mask, which broadcasts to that of x: length 1, and None for the length of x. By
            default each element has its own chance.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.

    Source: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **common: Any):
        super().__init__(**common)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ArgumentError(f"{self.label} expects a rate from 0 to 1; received {rate!r}.")
        if noise_shape is not None and not isinstance(noise_shape, (tuple, list)):
            raise ArgumentError(f"{self.label} expects noise_shape to be a tuple or None; received {noise_shape!r}.")
        self.rate = rate
        self.seed = seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        if training and self.rate > 0:
            return random.dropout(inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
        return {**super().get_config(), **own}
