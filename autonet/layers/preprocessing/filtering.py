"""Images whose pixels are weighed with their neighbours at random in training: blurred, sharpened."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops
from autonet.common.types import BoxOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.preprocessing.augmentation import bounds, per_image
from autonet.layers.preprocessing.random_colors import Coloring, FactorColoring


def weighed(images: Tensor, axis: int, weights: Sequence[Any]) -> Tensor:
    """Each pixel as the weighed sum of its neighbours along an axis, itself in the middle; zeros beyond the edges."""
    side = len(weights) // 2
    padding = [(0, 0)] * images.ndim
    padding[axis] = (side, side)
    padded = ops.pad(images, padding)
    total: Any = 0
    for i, weight in enumerate(weights):
        key: list[Any] = [slice(None)] * images.ndim
        key[axis] = slice(i, i + images.shape[axis])
        total = total + padded[tuple(key)] * weight
    return total


class RandomGaussianBlur(Coloring):
    """Every image, with some probability, smoothed by a Gaussian, in training; beyond the edges are zeros.

        y = sum over pixels around of w x / sum of w,  w = exp(-a^2 / (2 s^2) - b^2 / (2 t^2)) for the one a across, b down

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from 0 to 1, between which each image's probability is drawn, or a number for (0, number).
        kernel_size: how many pixels the Gaussian covers, an odd number, or two: (across, down).
        sigma: its standard deviation in pixels, (lower, upper) from 0 to 1, between which two are drawn for a batch, s across
            and t down; or a number for (0, number).
        value_range: smallest and largest value of the result.
        data_format, seed: as for `RandomFlip`.

    >>> RandomGaussianBlur(factor=(1, 1), value_range=(-9, 9))(np.ones((2, 3, 4, 2))).shape
    (2, 3, 4, 2)
    """

    _scales_with_range = False

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        pair = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
        if len(pair) != 2 or not all(hasattr(k, "__index__") and k > 0 and k % 2 for k in pair):
            raise ArgumentError(
                f"{self.label} expects kernel_size to be an odd number, or two; received {kernel_size!r}."
            )
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)
        self.kernel_size = pair
        self.sigma = bounds(self.label, "sigma", sigma, low=0, least=0)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        chosen = self._chosen(n, seed)
        return {"should_apply_blur": chosen, "blur_factor": self._uniform((2,), self.sigma, seed) + 1e-6}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        blurred = images
        for i, axis in enumerate(reversed(self._axes(images.shape))):  # across first, as Keras does
            distances = np.arange(self.kernel_size[i], dtype=self.compute_dtype) - self.kernel_size[i] // 2
            sigma = ops.cast(transformation["blur_factor"][i], self.compute_dtype)
            weights = ops.softmax(-0.5 * ops.square(distances / sigma)) if len(distances) > 1 else ops.ones((1,))
            blurred = weighed(blurred, axis, [weights[k] for k in range(len(distances))])
        chosen = per_image(transformation["should_apply_blur"], images)
        return ops.clip(ops.where(chosen, blurred, images), *self.value_range)


class RandomSharpness(FactorColoring):
    """Differences of each image's pixels from their neighbours made smaller or larger, in training.

        y = x + (1 - 2 f) (s - x), kept within value_range;  f uniform in [lower, upper]

    s is the mean of the 3 x 3 pixels around, the middle one counting five times; beyond the edges are zeros. 0 smooths
    most, 0.5 changes nothing, 1 sharpens most.

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from 0 to 1, or a number for (0, number).
        value_range: smallest and largest value.
        data_format, seed: as for `RandomFlip`.

    >>> RandomSharpness(factor=0.4, value_range=(-9, 9))(np.ones((2, 3, 4, 2))).shape
    (2, 3, 4, 2)
    """

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        factor = per_image(ops.cast(transformation["factor"], images.dtype), images)
        around = images
        for axis in self._axes(images.shape):
            around = weighed(around, axis, (1.0, 1.0, 1.0))
        smooth = (around + 4.0 * images) / 13.0
        return ops.clip(images + (1.0 - 2.0 * factor) * (smooth - images), *self.value_range)
