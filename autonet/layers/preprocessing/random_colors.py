"""Images made lighter, darker, stronger or weaker at random in training."""

from collections.abc import Sequence
from typing import Any

from autonet import ops
from autonet.common.types import ImageOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.layers.preprocessing.augmentation import RandomImageLayer, bounds, check_range


class Coloring(RandomImageLayer):
    """Layers that change values, not places: masks stay as they are."""

    _options: tuple[str, ...] = ("value_range", "seed")

    def __init__(self, value_range: Sequence[float], seed: int | None, **common: Unpack[ImageOptions]):
        super().__init__(common.pop("data_format", None), seed, **common)  # type: ignore[misc]
        self.value_range = check_range(self.label, value_range)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        return segmentation_masks

    def _numbers(self, n: int | None, interval: Any, seed: Any) -> Tensor:
        """A number for each image, to meet all its pixels."""
        return self._uniform((1, 1, 1) if n is None else (n, 1, 1, 1), interval, seed)


class RandomContrast(Coloring):
    """Distances from the mean of each image and channel times a factor, in training.

        y = (x - mean) f + mean, kept within value_range;  f uniform in [1 - lower, 1 + upper]

    Args:
        factor: (lower, upper), or a number for (0, number).
        value_range: smallest and largest value.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
    """

    _options = ("factor",)

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

    Args:
        factor: (lower, upper), or a number for (-number, number), from -1 to 1.
        value_range: smallest and largest value.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
    """

    _options = ("factor",)

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
