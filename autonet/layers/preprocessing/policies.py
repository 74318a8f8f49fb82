"""Augmentations chosen at random among many."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops, random
from autonet.common.types import BoxOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DtypeError
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
from autonet.ops.creation import whole_number


class _Policy(Coloring):
    """Layers that choose among others, `_choices`: seven, and with `colors` the four that change shades only."""

    def _choose_among(self, factor: Any, interpolation: str, colors: bool = True) -> None:
        """Make the choices, as strong as `factor` says."""
        check_choice(self.label, "interpolation", interpolation, ("nearest", "bilinear"))
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)
        self.interpolation = interpolation
        f, shades = self.factor, max(1, int(8 * self.factor[1]))
        same: Any = {"seed": self.seed, "data_format": self.data_format, "dtype": self.dtype_policy}
        same["bounding_box_format"] = self.bounding_box_format
        moved, colored = {"interpolation": interpolation, **same}, {"value_range": self.value_range, **same}
        fixed = {k: v for k, v in colored.items() if k != "seed"}
        shaded: list[Any] = [RandomBrightness, RandomColorDegeneration, RandomContrast, RandomSharpness]
        self._choices: list[Any] = [
            RandomShear(f, f, **moved),
            RandomTranslation(f, f, **moved),
            RandomRotation(f, **moved),
            *(kind(f, **colored) for kind in shaded if colors),
            RandomPosterization(shades, **colored),
            Solarization(f, f, **colored),
            AutoContrast(**fixed),
            Equalization(**fixed),
        ]

    def _draw_all(self, data: Any, generator: Any) -> list[Any]:
        """What each of the choices draws for a batch."""
        return [choice.get_random_transformation(data, training=True, seed=generator) for choice in self._choices]

    def _ways(self, method: str, transforms: list[Any]) -> list[Any]:
        """That method of each of the choices, with what it drew, as functions of x."""
        ways: list[Any] = [
            lambda x, choice=choice, drawn=drawn: getattr(choice, method)(x, drawn)
            for choice, drawn in zip(self._choices, transforms, strict=True)
        ]
        return ways

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        return self._through("transform_images", images, transformation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        if transformation is None or not training:
            return segmentation_masks
        return self._through("transform_segmentation_masks", segmentation_masks, transformation)

    def _through(self, method: str, x: Any, transformation: Any) -> Any:
        """`x` through that method of the choices, as was drawn."""
        raise NotImplementedError


class RandAugment(_Policy):
    """Some of eleven ways to change images, chosen at random for each batch, one after the other, in training.

    They are: shear, translation, rotation, brightness, colour degeneration, contrast, sharpness, posterization, solarization,
    auto contrast and equalization; what each draws, it draws for every image. Images have three channels. In a compiled
    step all eleven are computed each time, and one is taken: `utils.expand`, and calls outside of steps, compute the chosen.

    Shapes: x and y (..., height, width, channels).

    Args:
        value_range: smallest and largest value.
        num_ops: how many follow each other.
        factor: strength, (lower, upper) from 0 to 1, or a number for (0, number).
        interpolation: "bilinear" or "nearest".
        seed, data_format: as for `RandomFlip`.

    Source: Cubuk, Zoph, Shlens, Le, 2019, https://arxiv.org/abs/1909.13719

    >>> RandAugment(num_ops=1, value_range=(-9, 9))(np.ones((2, 3, 4, 3))).shape
    (2, 3, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: float | Sequence[float] = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        self._choose_among(factor, interpolation)
        self.num_ops = whole_number(num_ops, self.label, "num_ops", 0)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        generator = self.generator if seed is None else seed
        chosen = random.randint((self.num_ops,), 0, len(self._choices), seed=generator)
        return {"layer_idxes": chosen, "transforms": self._draw_all(data, generator)}

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        if transformation is None or not training:
            return bounding_boxes
        return self._through("transform_bounding_boxes", bounding_boxes, transformation)

    def _through(self, method: str, x: Any, transformation: Any) -> Any:
        ways = self._ways(method, transformation["transforms"])
        for i in range(self.num_ops):
            x = ops.switch(transformation["layer_idxes"][i], ways, x)
        return x


class AugMix(_Policy):
    """Images mixed with a mixture of what several chains of random changes make of them, in training.

        y = m x + (1 - m) sum_k w_k chain_k(x), kept within value_range
        w from the Dirichlet distribution of (alpha, ..., alpha), m from the beta distribution of (alpha, alpha)

    A chain is 1 to `chain_depth` of the ways of `RandAugment`, one after the other, all drawn for each batch; what a way
    draws, it draws for every image. (Keras leaves each place of a chain empty with a chance of 1 / 12.) In a compiled step
    all ways are computed at every place, some hundred passes: rather mix batches before, in a PyDataset or with
    `utils.expand`. Labels and bounding boxes stay; segmentation masks are mixed alike, for which they must be floats.

    Shapes: x and y (..., height, width, channels).

    Args:
        value_range: smallest and largest value.
        num_chains: how many chains are mixed.
        chain_depth: the most changes in a chain; 0 for none.
        factor: strength, (lower, upper) from 0 to 1, or a number for (0, number).
        alpha: above 0; small ones mostly take one chain, and mostly it or the image alone.
        all_ops: whether brightness, colour degeneration, contrast and sharpness are among the ways, which are not in the
            paper's experiments, as the test data are changed so. With them, images have three channels.
        interpolation: "bilinear" or "nearest".
        seed, data_format: as for `RandomFlip`.

    Source: Hendrycks, Mu, Cubuk, Zoph, Gilmer, Lakshminarayanan, 2020, https://arxiv.org/abs/1912.02781

    >>> AugMix((0, 1), seed=1)(np.full((2, 8, 8, 3), 0.5)).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: float | Sequence[float] = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        self._choose_among(factor, interpolation, bool(all_ops))
        self.num_chains = whole_number(num_chains, self.label, "num_chains", 1)
        self.chain_depth = whole_number(chain_depth, self.label, "chain_depth", 0)
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.number)) or not alpha > 0:
            raise ArgumentError(f"{self.label} expects alpha to be a number above 0; received {alpha!r}.")
        self.alpha, self.all_ops = float(alpha), bool(all_ops)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        generator, dtype, shape = self.generator if seed is None else seed, self.compute_dtype, (self.num_chains,)
        # a gamma draw of alpha is one of alpha + 1 times u^(1 / alpha), whose logarithm does not vanish for a small alpha
        lasting = random.gamma(shape, self.alpha + 1, dtype=dtype, seed=generator)
        u = 1.0 - random.uniform(shape, dtype=dtype, seed=generator)
        drawn = {
            "chain_mixing_weights": ops.softmax(ops.log(lasting) + ops.log(u) / self.alpha),
            "weight_sample": random.beta((), self.alpha, self.alpha, dtype=dtype, seed=generator),
        }
        places = (self.num_chains, self.chain_depth)
        chosen = random.randint(places, 0, len(self._choices), seed=generator)
        depths = random.randint((self.num_chains, 1), 1, max(self.chain_depth, 1) + 1, seed=generator)
        within = ops.less(np.arange(self.chain_depth, dtype="int32"), depths)
        return {
            **drawn,
            "layer_idxes": ops.where(within, chosen, len(self._choices)),  # the number past all: unchanged
            "chain_transforms": [[self._draw_all(data, generator) for _ in range(places[1])] for _ in range(places[0])],
        }

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        if segmentation_masks.dtype.kind != "f":
            raise DtypeError(
                f"{self.label} mixes images that moved in several ways, and masks alike, which class numbers cannot be: "
                f"received masks of dtype {segmentation_masks.dtype}. Make one-hot floats of them first, with "
                "utils.to_categorical."
            )
        return super().transform_segmentation_masks(segmentation_masks, transformation, training)

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        return ops.clip(super()._apply(images, transformation), *self.value_range)

    def _through(self, method: str, x: Any, transformation: Any) -> Any:
        mixed: Any = 0.0
        for k, transforms in enumerate(transformation["chain_transforms"]):
            changed = x
            for i, drawn in enumerate(transforms):
                ways = [*self._ways(method, drawn), lambda x: x]
                changed = ops.switch(transformation["layer_idxes"][k, i], ways, changed)
            mixed = mixed + ops.cast(transformation["chain_mixing_weights"][k], x.dtype) * changed
        kept = ops.cast(transformation["weight_sample"], x.dtype)
        return kept * x + (1.0 - kept) * mixed
