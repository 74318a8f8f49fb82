"""Augmentations chosen at random among many."""

from collections.abc import Sequence
from typing import Any

from autonet import ops, random
from autonet.common.types import LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.preprocessing.augmentation import RandomRotation, RandomTranslation, bounds
from autonet.layers.preprocessing.base import check_choice
from autonet.layers.preprocessing.distortion import RandomShear
from autonet.layers.preprocessing.filtering import RandomSharpness
from autonet.layers.preprocessing.random_colors import (
    Coloring,
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
)
from autonet.layers.preprocessing.tones import AutoContrast, Equalization, RandomPosterization, Solarization


class RandAugment(Coloring):
    """Some of eleven ways to change images, chosen at random for each batch, one after the other, in training.

    They are: shear, translation, rotation, brightness, colour degeneration, contrast, sharpness, posterization, solarization,
    auto contrast and equalization; what each draws, it draws for every image. Images have three channels. In a compiled
    step all eleven are computed each time, and one is taken: `utils.expand`, and calls outside of steps, compute the chosen.

    Args:
        value_range: smallest and largest value.
        num_ops: how many follow each other.
        factor: strength, (lower, upper) from 0 to 1, or a number for (0, number).
        interpolation: "bilinear" or "nearest".
        seed, data_format: as for `RandomFlip`.

    Source: Cubuk, Zoph, Shlens, Le, 2019, https://arxiv.org/abs/1909.13719
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: float | Sequence[float] = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        if isinstance(num_ops, bool) or not hasattr(num_ops, "__index__") or num_ops < 0:
            raise ArgumentError(
                f"{self.label} expects num_ops to be a whole number of at least 0; received {num_ops!r}."
            )
        check_choice(self.label, "interpolation", interpolation, ("nearest", "bilinear"))
        self.num_ops = int(num_ops)
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)
        self.interpolation = interpolation
        f, shades = self.factor, max(1, int(8 * self.factor[1]))
        same: Any = {"seed": seed, "data_format": self.data_format, "dtype": self.dtype}
        moved, colored = {"interpolation": interpolation, **same}, {"value_range": self.value_range, **same}
        fixed = {k: v for k, v in colored.items() if k != "seed"}
        self._choices: list[Any] = [
            RandomShear(f, f, **moved),
            RandomTranslation(f, f, **moved),
            RandomRotation(f, **moved),
            RandomBrightness(f, **colored),
            RandomColorDegeneration(f, **colored),
            RandomContrast(f, **colored),
            RandomSharpness(f, **colored),
            RandomPosterization(shades, **colored),
            Solarization(f, f, **colored),
            AutoContrast(**fixed),
            Equalization(**fixed),
        ]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        generator = self.generator if seed is None else seed
        chosen = random.randint((self.num_ops,), 0, len(self._choices), seed=generator)
        drawn = [choice.get_random_transformation(data, training=True, seed=generator) for choice in self._choices]
        return {"layer_idxes": chosen, "transforms": drawn}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        return self._through("transform_images", images, transformation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        if transformation is None or not training:
            return segmentation_masks
        return self._through("transform_segmentation_masks", segmentation_masks, transformation)

    def _through(self, method: str, x: Any, transformation: Any) -> Tensor:
        """`x` through that method of the choices, one after the other."""
        ways = [
            lambda x, choice=choice, drawn=drawn: getattr(choice, method)(x, drawn)
            for choice, drawn in zip(self._choices, transformation["transforms"], strict=True)
        ]
        for i in range(self.num_ops):
            x = ops.switch(transformation["layer_idxes"][i], ways, x)
        return x
