"""Images in other colours: solarized, inverted, grey, in fewer shades, of another hue, of full contrast."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops, random
from autonet.common.types import LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.preprocessing.augmentation import RandomImageLayer, bounds, per_image
from autonet.layers.preprocessing.random_colors import Coloring
from autonet.random.seeds import SeedGenerator


class Solarization(Coloring):
    """Values from a threshold on turned over, as in an overexposed negative, in training.

        x' = x + a, kept within value_range;  y = smallest + largest - x' where x' >= t, else x'

    a and t are drawn for each image: parts, uniform in the two factors' ranges, of the way from the smallest to the
    largest value.

    Args:
        addition_factor, threshold_factor: (lower, upper) from 0 to 1, or a number for (0, number).
        value_range: smallest and largest value.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
    """

    _options = ("addition_factor", "threshold_factor")

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(value_range, seed, **common)
        self.addition_factor = bounds(self.label, "addition_factor", addition_factor, low=0, least=0)
        self.threshold_factor = bounds(self.label, "threshold_factor", threshold_factor, low=0, least=0)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        additions, thresholds = (
            self._numbers(n, factor, seed) * 255.0 for factor in (self.addition_factor, self.threshold_factor)
        )
        return {"additions": additions, "thresholds": thresholds}  # as for values from 0 to 255, whatever the range

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        low, high = self.value_range
        scale = (high - low) / 255.0
        x = ops.clip(images + transformation["additions"] * scale, low, high)
        return ops.where(ops.less(x, transformation["thresholds"] * scale + low), x, low + high - x)


class RandomInvert(Coloring):
    """Every image, with some probability, turned into its negative: y = smallest + largest - x, in training.

    Args:
        factor: (lower, upper) from 0 to 1, between which each image's probability is drawn, or a number for (0, number).
        value_range: smallest and largest value.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
    """

    _options = ("factor",)

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        return {"apply_inversion": self._chosen(n, seed)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        chosen = per_image(transformation["apply_inversion"], images)
        return ops.where(chosen, self.value_range[0] + self.value_range[1] - images, images)


class RandomGrayscale(RandomImageLayer):
    """Every image, with probability `factor`, made grey in training; it keeps its three channels.

    Args:
        factor: probability, from 0 to 1.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
    """

    _options = ("factor",)

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[LayerOptions],
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


class RandomPosterization(Coloring):
    """Values of fewer bits, in training: of 8 bits only some, drawn for each image, are kept, the others become 0.

    Args:
        factor: bits to keep, (fewest, most) from 1 to 8, or a number for (1, number).
        value_range: smallest and largest value, which stand for 0 and 255.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
    """

    _options = ("factor",)

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        pair = tuple(factor) if isinstance(factor, (tuple, list)) else (1, factor)
        if len(pair) != 2 or not all(hasattr(b, "__index__") and 1 <= b <= 8 for b in pair):
            raise ArgumentError(
                f"{self.label} expects factor to be a whole number from 1 to 8, or two; received {factor!r}."
            )
        self.factor = min(pair), max(pair)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        fewest, most = self.factor
        generator = self.generator if seed is None else seed
        return {"shift_factor": 8 - random.randint((n or 1,), fewest, most + 1, seed=generator)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        low, high = self.value_range
        shift = per_image(ops.cast(transformation["shift_factor"], "int32"), images)
        scale = (high - low) / 255.0
        whole = ops.cast((ops.clip(images, low, high) - low) / scale, "int32")
        kept = ops.left_shift(ops.right_shift(whole, shift), shift)
        return ops.cast(kept, images.dtype) * scale + low


class RandomHue(Coloring):
    """The hue of each image's colours turned by an angle of its own, in training.

    The angle, in whole turns, is plus or minus f / 2, with f uniform in [lower, upper].

    Args:
        factor: (lower, upper) from 0 to 1, or a number for (0, number).
        value_range: smallest and largest value.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
    """

    _options = ("factor",)

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        turn = self._uniform((n or 1,), self.factor, seed) * 0.5
        forward = ops.less(self._uniform((n or 1,), (0.0, 1.0), seed), 0.5)
        return {"factor": ops.where(forward, turn, -turn)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        low, high = self.value_range
        axis = -1 if self.data_format == "channels_last" else -3
        hsv = ops.image.rgb_to_hsv((images - low) / float(high - low), data_format=self.data_format)
        hue, saturation, value = ops.split(hsv, 3, axis=axis)
        hue = ops.mod(hue + per_image(ops.cast(transformation["factor"], hue.dtype), images), 1.0)
        turned = ops.image.hsv_to_rgb(ops.concatenate([hue, saturation, value], axis), data_format=self.data_format)
        return turned * float(high - low) + low


class AutoContrast(Coloring):
    """Each channel of each image stretched over the whole range of values, in training and after.

        y = (x - least) (largest - smallest value) / (greatest - least) + smallest value

    least and greatest are over the places of the channel; a channel of one value stays as it is.

    Args:
        value_range: smallest and largest value.
    """

    _fixed = ("seed",)

    def __init__(self, value_range: Sequence[float] = (0, 255), **common: Unpack[LayerOptions]):
        super().__init__(value_range, None, **common)

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        x = ops.cast(images, self.compute_dtype)
        low, high = self.value_range
        least, greatest = (f(x, axis=self._axes(x.shape), keepdims=True) for f in (ops.min, ops.max))
        flat = ops.equal(least, greatest)
        y = (x - least) * (float(high - low) / ops.where(flat, 1.0, greatest - least)) + low
        within = y + ops.stop_gradient(ops.clip(y, low, high) - y)  # rounding alone may lead outside
        return ops.where(flat, x, within)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> None:
        return None
