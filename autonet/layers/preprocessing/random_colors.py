"""Images in other colours at random in training: lighter, stronger, of another hue, more or less colourful."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import BoxOptions, ImageOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.preprocessing.augmentation import RandomImageLayer, bounds, check_range, per_image


class Coloring(RandomImageLayer):
    """Layers that change values, not places: masks and boxes stay as they are."""

    _scales_with_range = True

    def __init__(self, value_range: Sequence[float], seed: int | None, **common: Unpack[ImageOptions]):
        super().__init__(common.pop("data_format", None), seed, **common)  # type: ignore[misc]
        self.value_range = check_range(self.label, value_range)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        return segmentation_masks

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        return bounding_boxes

    def _numbers(self, n: int | None, interval: Any, seed: Any) -> Tensor:
        """A number for each image, to meet all its pixels."""
        return self._uniform((1, 1, 1) if n is None else (n, 1, 1, 1), interval, seed)


class FactorColoring(Coloring):
    """Colouring by a factor of its own for each image, uniform in the range that `factor` means.

    `_limits`: the least number allowed, and what a single number begins at, None for its negative.
    """

    _limits: tuple[float, float | None] = (0.0, 0.0)
    _scales_with_range = False

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        low, least = self._limits
        self.factor = bounds(self.label, "factor", factor, low=low, least=least)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        return {"factor": self._uniform((n or 1,), self.factor, seed)}

    def _in_hsv(self, images: Tensor, change: Any) -> Tensor:
        """Images whose hue, saturation and value, each from 0 to 1, went through a function of the three."""
        low, high = self.value_range
        axis = self._channels
        hsv = ops.image.rgb_to_hsv((images - low) / float(high - low), data_format=self.data_format)
        changed = ops.concatenate(change(*ops.split(hsv, 3, axis=axis)), axis)
        return ops.image.hsv_to_rgb(changed, data_format=self.data_format) * float(high - low) + low


class RandomContrast(Coloring):
    """Distances from the mean of each image and channel times a factor, in training.

        y = (x - mean) f + mean, kept within value_range;  f uniform in [1 - lower, 1 + upper]

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper), or a number for (0, number).
        value_range: smallest and largest value.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.

    >>> RandomContrast(factor=0.5, value_range=(-9, 9))(np.ones((2, 3, 2, 2))).shape
    (2, 3, 2, 2)
    """

    _scales_with_range = False

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **common: Unpack[ImageOptions],
    ):
        super().__init__(value_range, seed, **common)
        self.factor = bounds(self.label, "factor", factor, least=0)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        lower, upper = self.factor
        return {"contrast_factor": self._numbers(n, (1.0 - lower, 1.0 + upper), seed)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        mean = ops.mean(images, axis=self._axes(images.shape), keepdims=True)
        return ops.clip((images - mean) * transformation["contrast_factor"] + mean, *self.value_range)


class RandomBrightness(Coloring):
    """A number of its own added to all values of each image, in training.

        y = x + d (largest - smallest value), kept within value_range;  d uniform in [lower, upper]

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper), or a number for (-number, number), from -1 to 1.
        value_range: smallest and largest value.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.

    >>> RandomBrightness(factor=0.1, value_range=(-9, 9))(np.ones((2, 3, 2, 2))).shape
    (2, 3, 2, 2)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **common: Unpack[ImageOptions],
    ):
        super().__init__(value_range, seed, **common)
        self.factor = bounds(self.label, "factor", factor)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        low, high = self.value_range
        return {"rgb_delta": self._numbers(n, self.factor, seed) * float(high - low)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        return ops.clip(images + transformation["rgb_delta"], *self.value_range)


class RandomHue(FactorColoring):
    """The hue of each image's colours turned by an angle of its own, in training.

    The angle, in whole turns, is plus or minus f / 2, with f uniform in [lower, upper].

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from 0 to 1, or a number for (0, number).
        value_range: smallest and largest value.
        data_format, seed: as for `RandomFlip`.

    >>> RandomHue(factor=0.8, value_range=(-9, 9))(np.ones((2, 3, 2, 3))).shape
    (2, 3, 2, 3)
    """

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        turn = super()._draw(n, height, width, seed)["factor"] * 0.5
        forward = ops.less(self._uniform((n or 1,), (0.0, 1.0), seed), 0.5)
        return {"factor": ops.where(forward, turn, -turn)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        turn = per_image(ops.cast(transformation["factor"], images.dtype), images)
        return self._in_hsv(images, lambda hue, s, v: [ops.mod(hue + turn, 1.0), s, v])


class RandomSaturation(FactorColoring):
    """Colours of each image made weaker or stronger: the saturation times f / (1 - f), at most 1, in training.

    f is uniform in [lower, upper]: 0 (and below) makes images grey, 0.5 changes nothing, 1 makes colours full. As in
    Keras, a single number stands for (-number, number), so that half of the images become grey: give two.

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from -1 to 1, or a number for (-number, number).
        value_range: smallest and largest value.
        data_format, seed: as for `RandomFlip`.

    >>> RandomSaturation(factor=(0.2, 0.7), value_range=(-9, 9))(np.ones((2, 3, 2, 3))).shape
    (2, 3, 2, 3)
    """

    _limits = (-1.0, None)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        factor = super()._draw(n, height, width, seed)["factor"]
        return {"factor": factor / (1 - factor + dtypes.epsilon())}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        factor = per_image(ops.cast(transformation["factor"], images.dtype), images)
        return self._in_hsv(images, lambda h, saturation, v: [h, ops.clip(saturation * factor, 0.0, 1.0), v])


class RandomColorDegeneration(FactorColoring):
    """Each image mixed with its grey version, in training.

        y = x + f (grey - x), kept within value_range;  f uniform in [lower, upper]

    Below 0, colours get stronger.

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from -1 to 1, or a number for (-number, number).
        value_range: smallest and largest value.
        data_format, seed: as for `RandomFlip`.

    >>> RandomColorDegeneration(0.5, value_range=(0, 1))(np.ones((1, 4, 4, 3))).shape
    (1, 4, 4, 3)
    """

    _limits = (-1.0, None)

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        factor = per_image(ops.cast(transformation["factor"], images.dtype), images)
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.clip(images + factor * (grey - images), *self.value_range)


class RandomGrayscale(RandomImageLayer):
    """Every image, with probability `factor`, made grey in training; it keeps its three channels.

        y = 0.2989 red + 0.587 green + 0.114 blue

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: probability, from 0 to 1.
        data_format, seed: as for `RandomFlip`.

    >>> RandomGrayscale()(np.ones((12, 3, 2, 3))).shape
    (12, 3, 2, 3)
    """

    _untold = ("seed",)  # as Keras

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(data_format, seed, **common)
        if not isinstance(factor, (int, float, np.number)) or not 0 <= factor <= 1:
            raise ArgumentError(f"{self.label} expects factor from 0 to 1; received {factor!r}.")
        self.factor = factor

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> Any:
        return ops.less(self._uniform((n or 1, 1, 1, 1), (0.0, 1.0), seed), self.factor)

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(per_image(transformation, images), grey, images)  # grey's one channel meets all

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        return segmentation_masks

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        return bounding_boxes


class RandomColorJitter(Coloring):
    """Brightness, contrast, saturation and hue of each image changed at random, in this order, in training.

    Shapes: x and y (..., height, width, channels).

    Args:
        value_range: smallest and largest value.
        brightness_factor: as of `RandomBrightness`; None leaves it out.
        contrast_factor: as of `RandomContrast`.
        saturation_factor: as of `RandomSaturation`.
        hue_factor: as of `RandomHue`.
        seed, data_format: as for `RandomFlip`.

    >>> RandomColorJitter(value_range=(0, 1))(np.ones((1, 4, 4, 3))).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: float | Sequence[float] | None = None,
        contrast_factor: float | Sequence[float] | None = None,
        saturation_factor: float | Sequence[float] | None = None,
        hue_factor: float | Sequence[float] | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        made: dict[Any, Any] = {
            RandomBrightness: brightness_factor,
            RandomContrast: contrast_factor,
            RandomSaturation: saturation_factor,
            RandomHue: hue_factor,
        }
        self._parts: list[Any] = [
            kind(factor, self.value_range, seed=seed, data_format=self.data_format, dtype=self.dtype_policy)
            for kind, factor in made.items()
            if factor is not None
        ]
        self._scales_with_range = brightness_factor is not None

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> list[Any]:
        generator = self.generator if seed is None else seed
        return [part._draw(n, height, width, generator) for part in self._parts]

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        for part, drawn in zip(self._parts, transformation, strict=True):
            images = part._apply(images, drawn)
        return images
