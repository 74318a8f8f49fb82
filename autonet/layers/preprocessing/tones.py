"""Images whose values go through a curve: solarized, inverted, in fewer shades, of full contrast, of an even histogram."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops
from autonet.common.types import BoxOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.preprocessing.augmentation import bounds, per_image
from autonet.layers.preprocessing.random_colors import Coloring
from autonet.random.seeds import SeedGenerator


class Solarization(Coloring):
    """Values from a threshold on turned over, as in an overexposed negative, in training.

        x' = x + a, kept within value_range;  y = smallest + largest - x' where x' >= t, else x'

    a and t are drawn for each image: parts, uniform in the two factors' ranges, of the way from the smallest to the
    largest value.

    Shapes: x and y (..., height, width, channels).

    Args:
        addition_factor, threshold_factor: (lower, upper) from 0 to 1, or a number for (0, number).
        value_range: smallest and largest value.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.

    >>> Solarization(addition_factor=0.2, value_range=(-9, 9))(np.ones((2, 3, 2, 2))).shape
    (2, 3, 2, 2)
    """

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **common: Unpack[BoxOptions],
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

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from 0 to 1, between which each image's probability is drawn, or a number for (0, number).
        value_range: smallest and largest value.
        seed, data_format: as for `RandomFlip`.

    >>> RandomInvert(factor=(0.5, 0.5), value_range=(-9, 9))(np.ones((12, 3, 2, 2))).shape
    (12, 3, 2, 2)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        return {"apply_inversion": self._chosen(n, seed)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        chosen = per_image(transformation["apply_inversion"], images)
        return ops.where(chosen, self.value_range[0] + self.value_range[1] - images, images)


class RandomPosterization(Coloring):
    """Values of fewer bits, in training: of 8 bits only some, drawn for each image, are kept, the others become 0.

        y = floor(x / 2^(8 - bits)) 2^(8 - bits), for values from 0 to 255

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: bits to keep, (fewest, most) from 1 to 8, or a number for (1, number).
        value_range: smallest and largest value, which stand for 0 and 255.
        data_format, seed: as for `RandomFlip`.

    >>> RandomPosterization(factor=(2, 4), value_range=(-9, 9))(np.ones((2, 3, 2, 2))).shape
    (2, 3, 2, 2)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[BoxOptions],
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
        return {"shift_factor": (8 - fewest) - self._whole_numbers((most + 1 - fewest,) * (n or 1), seed)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        low, high = self.value_range
        shift = per_image(ops.cast(transformation["shift_factor"], "int32"), images)
        scale = (high - low) / 255.0
        whole = ops.cast((ops.clip(images, low, high) - low) / scale, "int32")
        kept = ops.left_shift(ops.right_shift(whole, shift), shift)
        return ops.cast(kept, images.dtype) * scale + low


class AutoContrast(Coloring):
    """Each channel of each image stretched over the whole range of values, in training and after.

        y = (x - least) (largest - smallest value) / (greatest - least) + smallest value

    least and greatest are over the places of the channel; a channel of one value stays as it is.

    Shapes: x and y (..., height, width, channels).

    Args:
        value_range: smallest and largest value of the result; images may have any.

    >>> AutoContrast(value_range=(-9, 9))(np.ones((2, 3, 2, 2))).shape
    (2, 3, 2, 2)
    """

    _fixed = ("seed",)
    _range_is_known = True  # nothing to warn of

    def __init__(self, value_range: Sequence[float] = (0, 255), **common: Unpack[BoxOptions]):
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


class Equalization(Coloring):
    """Values of each channel of each image spread so that all are about as frequent, in training.

        y = round(255 (c(x) - c_min) / (c_max - c_min)), for values from 0 to 255

    c(x) is how many pixels of the channel lie in the histogram's bin of x or below, c_min the first bin's that has any. A
    channel of one bin stays as it is. (Keras counts all images of a batch together, in one histogram for each channel.)

    Shapes: x and y (..., height, width, channels).

    Args:
        value_range: smallest and largest value.
        bins: of the histogram.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    >>> Equalization(value_range=(-9, 9), bins=8)(np.ones((2, 3, 4, 2))).shape
    (2, 3, 4, 2)
    """

    _fixed = ("seed",)

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, None, data_format=data_format, **common)
        if isinstance(bins, bool) or not hasattr(bins, "__index__") or bins < 2:
            raise ArgumentError(f"{self.label} expects bins to be a whole number of at least 2; received {bins!r}.")
        self.bins = int(bins)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        return {}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        low, high = self.value_range
        x = images if self.data_format == "channels_first" else ops.moveaxis(images, -1, -3)
        planes = ops.reshape(x, (-1, x.shape[-2] * x.shape[-1]))
        grey = (planes - low) / float(high - low)
        bins = ops.cast(ops.clip(grey * (self.bins - 1), 0, self.bins - 1), "int32")
        count = planes.shape[0]
        place = bins + np.arange(count, dtype="int32")[:, None] * self.bins
        ones = ops.ones((place.size,), images.dtype)
        histogram = ops.reshape(ops.segment_sum(ones, ops.reshape(place, (-1,)), count * self.bins), (count, self.bins))
        below = ops.cumsum(histogram, axis=1)
        first = ops.min(ops.where(ops.greater(below, 0), below, np.inf), axis=1, keepdims=True)
        spread = below[:, -1:] - first
        table = ops.round((below - first) * 255.0 / ops.where(ops.equal(spread, 0), 1.0, spread))
        table = ops.clip(table, 0, 255) / 255.0 * float(high - low) + low
        even = ops.take(ops.reshape(table, (-1,)), place)
        even = ops.reshape(ops.where(ops.equal(spread, 0), planes, even), x.shape)
        return even if self.data_format == "channels_first" else ops.moveaxis(even, -3, -1)


class ContrastLimitedAdaptiveHistogramEqualization(Coloring):
    """Values of each channel spread as frequent as they are around a place (CLAHE), in training and after.

        y = 255 (c(x) - c(0)) / (pixels - c(0)), for values from 0 to 255

    c(x) is how many of a tile's pixels have at most x, in 256 whole numbers, where what is more frequent than clip_limit
    times the mean counts for all numbers alike. Between the middles of tiles, y is that of the four around, bilinearly.
    Tiles that reach beyond the image hold its mirror image. (Keras cuts results for whole numbers to whole numbers.)

    Shapes: x and y (..., height, width, channels).

    Args:
        value_range: smallest and largest value.
        clip_limit: how much steeper than even a tile's curve may be, so that noise in plain areas stays small; 0 for no limit.
        tile_grid_size: number of tiles: (down, across).
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Source: Zuiderveld, Contrast Limited Adaptive Histogram Equalization, in Graphics Gems IV, 1994

    >>> layer = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
    >>> layer(np.arange(64.0).reshape(1, 8, 8, 1)).shape
    (1, 8, 8, 1)
    """

    _fixed = ("seed",)

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, None, data_format=data_format, **common)
        if isinstance(clip_limit, bool) or not isinstance(clip_limit, (int, float, np.number)) or not clip_limit >= 0:
            raise ArgumentError(
                f"{self.label} expects clip_limit to be a number of at least 0; received {clip_limit!r}."
            )
        grid = tuple(tile_grid_size) if isinstance(tile_grid_size, (tuple, list)) else ()
        if len(grid) != 2 or not all(hasattr(n, "__index__") and not isinstance(n, bool) and n >= 1 for n in grid):
            raise ArgumentError(
                f"{self.label} expects tile_grid_size to be two whole numbers of at least 1; received {tile_grid_size!r}."
            )
        self.clip_limit = float(clip_limit)
        self.tile_grid_size = int(grid[0]), int(grid[1])

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> None:
        return None

    def transform_images(self, images: Tensor, transformation: Any = None, training: bool = True) -> Tensor:
        low, high = self.value_range
        x = ops.cast(images, self.compute_dtype)
        x = x if self.data_format == "channels_first" else ops.moveaxis(x, -1, -3)
        size, sides = x.shape[-2:], [-(-n // tiles) for n, tiles in zip(x.shape[-2:], self.tile_grid_size, strict=True)]
        planes = ops.reshape((x - low) * (255.0 / (high - low)), (-1, *size))
        beyond = [side * tiles - n for side, tiles, n in zip(sides, self.tile_grid_size, size, strict=True)]
        planes = ops.pad(planes, [(0, 0), *((0, n) for n in beyond)], mode="symmetric")
        levels = ops.cast(ops.clip(planes, 0, 255), "int32")
        even = self._interpolated(self._curves(levels, sides), levels, sides)[:, : size[0], : size[1]]
        even = ops.reshape(even, x.shape) * float((high - low) / 255) + low
        return even if self.data_format == "channels_first" else ops.moveaxis(even, -3, -1)

    def _curves(self, levels: Tensor, sides: list[int]) -> Tensor:
        """What each of 256 levels becomes in each tile, from 0 to 255, as one row of numbers for all."""
        rows, columns = (np.arange(n, dtype="int32") // side for n, side in zip(levels.shape[1:], sides, strict=True))
        ones = ops.ones((levels.size,), self.compute_dtype)
        place = self._places(levels, rows, columns)
        tiles, pixels = len(levels) * self.tile_grid_size[0] * self.tile_grid_size[1], sides[0] * sides[1]
        histograms = ops.reshape(ops.segment_sum(ones, ops.reshape(place, (-1,)), tiles * 256), (tiles, 256))
        if self.clip_limit:
            kept = ops.minimum(histograms, self.clip_limit * pixels / 256)
            histograms = kept + ops.sum(histograms - kept, axis=1, keepdims=True) / 256.0
        below = ops.cumsum(histograms, axis=1)
        first = below[:, :1]
        spread = pixels - first
        curves = (below - first) * 255.0 / ops.where(ops.equal(spread, 0), 1.0, spread)
        return ops.reshape(ops.clip(curves, 0, 255), (-1,))

    def _places(self, levels: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
        """Where in `_curves` each pixel's level stands, for tiles in these rows and columns of tiles."""
        down, across = self.tile_grid_size
        first = np.arange(len(levels), dtype="int32")[:, None, None] * (down * across)
        return levels + (first + rows[:, None] * across + columns) * 256

    def _interpolated(self, curves: Tensor, levels: Tensor, sides: list[int]) -> Tensor:
        """Each pixel's level through the curves of the four tiles around it."""
        found: Any = 0.0
        parts = []
        for n, side, tiles in zip(levels.shape[1:], sides, self.tile_grid_size, strict=True):
            place = (np.arange(n) - side / 2) / side
            before = np.floor(place)
            near = [np.clip(before + i, 0, tiles - 1).astype("int32") for i in (0, 1)]
            after = (place - before).astype(self.compute_dtype)
            parts.append(list(zip(near, (1 - after, after), strict=True)))
        for rows, down in parts[0]:
            for columns, across in parts[1]:
                found = found + ops.take(curves, self._places(levels, rows, columns)) * (down[:, None] * across)
        return found
