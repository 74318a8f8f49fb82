"""Images moved at random in training: turned over, turned, shifted, zoomed, cut.

What is drawn for a batch is a dictionary; `get_random_transformation` draws it, `transform_images` applies it.
"""

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from autonet import ops, random
from autonet.common.lines import warn
from autonet.common.types import BoxNameOptions, BoxOptions, Unpack
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError
from autonet.layers.preprocessing.base import check_choice
from autonet.layers.preprocessing.images import ImageLayer, _Sized
from autonet.ops.image.warping import affine
from autonet.random.seeds import SeedGenerator
from autonet.utils.bounding_boxes import around
from autonet.utils.bounding_boxes import per_image as per_box

FILL_MODES = ("reflect", "wrap", "constant", "nearest")


class RandomImageLayer(ImageLayer):
    """Base of layers that draw: `generator` is where chance comes from. Without training, images stay as they are.

    Like in Keras, a call that says nothing about training is one in training.

    Attributes:
        value_range: smallest and largest value that images are said to have; None where it does not matter.
    """

    _unfixed = ImageLayer._unfixed | {"_range_is_known"}

    factor: Any
    value_range: Any = None
    _scales_with_range = False  # whether what happens to values well within value_range depends on it
    _range_is_known = False

    def __init__(self, data_format: str | None = None, seed: int | None = None, **common: Unpack[BoxOptions]):
        super().__init__(data_format, **common)
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def _images(self, images: Any, transformation: Any, training: bool) -> Tensor:
        if self.value_range is not None and not self._range_is_known and isinstance(images, Tensor):
            self._look_at_range(images._value)
        return super()._images(images, transformation, training)

    def _look_at_range(self, images: np.ndarray) -> None:
        """Warn if the first images that are not of one value have another range than `value_range`."""
        least, most = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
        if least == most or not math.isfinite(most - least):
            return
        self._range_is_known = True
        low, high = self.value_range
        if self._scales_with_range and max(abs(least - low), abs(most - low)) <= (high - low) / 50:
            what = "which it takes for black"
        elif max(low - least, most - high) > 0.9 * (high - low):
            what = "far outside of it"
        else:
            return
        usual = [pair for pair in ((0, 1), (-1, 1), (0, 255)) if pair[0] <= least and most <= pair[1]]
        better = usual[0] if usual else (float(f"{least:.3g}"), float(f"{most:.3g}"))
        warn(
            f"{self.label} has value_range={self.value_range}; its images have values from {least:.3g} to {most:.3g}, "
            f"{what}. Give it their range: value_range={better}."
        )

    def _uniform(self, shape: tuple[Any, ...], bounds: Any, seed: Any = None) -> Tensor:
        low, high = sorted(bounds)
        return random.uniform(shape, low, high, self.compute_dtype, self.generator if seed is None else seed)

    def _whole_numbers(self, counts: Any, seed: Any) -> Tensor:
        """For each of the counts, a whole number below it, each as likely; generated code draws floats much sooner."""
        counts = np.array(counts, "float32")
        drawn = random.uniform(counts.shape, dtype="float32", seed=self.generator if seed is None else seed)
        return ops.cast(ops.minimum(ops.floor(drawn * counts), counts - 1), "int32")

    def _chosen(self, n: int | None, seed: Any) -> Tensor:
        """Which images are changed: each with a probability of its own, drawn in the range `factor`."""
        chance = self._uniform((n or 1,), self.factor, seed)
        return ops.less(self._uniform((n or 1,), (0.0, 1.0), seed), chance)

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        images = ops.cast(images, self.compute_dtype)
        return images if transformation is None or not training else self._apply(images, transformation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        if transformation is None or not training:
            return segmentation_masks
        return self._apply(segmentation_masks, transformation, nearest=True)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> Any:
        size = self._size(data)
        if not training or size[0] == 0:  # of no images there is nothing to draw
            return None
        drawn = self._draw(*size, seed)
        shape = tuple((data["images"] if isinstance(data, dict) else data).shape)
        return {**drawn, "input_shape": shape} if isinstance(drawn, dict) else drawn

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        """What is drawn for n images (None for one without that axis) of this size."""
        raise NotImplementedError

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        """Images after what was drawn; with `nearest`, no values between those of pixels."""
        raise NotImplementedError


def bounds(who: str, name: str, factor: Any, low: float = -1.0, least: float | None = None) -> tuple[float, float]:
    """The range that a factor means: a number stands for (-number, number), or (least, number).

    Raises: ArgumentError outside of [low, 1].
    """
    pair = tuple(factor) if isinstance(factor, (tuple, list)) else (factor,)
    numbers = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in pair)
    if not numbers or len(pair) > 2 or any(not low <= v <= 1 for v in pair):
        raise ArgumentError(f"{who} expects {name} to be a number from {low:g} to 1, or two; received {factor!r}.")
    if len(pair) == 2:
        return float(min(pair)), float(max(pair))
    if least is not None and pair[0] < least:
        raise ArgumentError(f"{who} expects {name} to be a number from {least:g} to 1, or two; received {factor!r}.")
    return float(0 - abs(pair[0]) if least is None else least), float(abs(pair[0]))


def check_range(who: str, value_range: Any) -> tuple[Any, ...]:
    """`value_range` as a tuple, if it is two numbers, the smaller first."""
    pair = tuple(value_range) if isinstance(value_range, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(v, (int, float)) for v in pair) or not pair[0] < pair[1]:
        raise ArgumentError(
            f"{who} expects value_range to be two numbers, the smaller first; received {value_range!r}."
        )
    return pair


def per_image(x: Any, images: Tensor) -> Tensor:
    """`x`, one number for each image, in a shape that meets all its pixels."""
    return ops.reshape(x, (-1, *(1,) * (images.ndim - 1)) if images.ndim == 4 else (1,) * images.ndim)


class RandomFlip(RandomImageLayer):
    """Every image turned over, or not, with equal chances.

    Shapes: x and y (..., height, width, channels).

    Args:
        mode: "horizontal" (left and right change places), "vertical", or "horizontal_and_vertical" (both at once, which
            turns the image upside down).
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    >>> RandomFlip()(np.ones((6, 2, 3, 2))).shape
    (6, 2, 3, 2)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(data_format, seed, **common)
        check_choice(self.label, "mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))
        self.mode = mode

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        shape = (1, 1, 1) if n is None else (n, 1, 1, 1)
        return {"flips": ops.less_equal(self._uniform(shape, (0.0, 1.0), seed), 0.5)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        vertical, horizontal = self._axes(images.shape)
        axes = {"horizontal": (horizontal,), "vertical": (vertical,)}.get(self.mode, (vertical, horizontal))
        return ops.where(transformation["flips"], ops.flip(images, axis=axes), images)

    def _move(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        flips = per_box(ops.reshape(transformation["flips"], (-1,)), boxes, self.label)
        x1, y1, x2, y2 = ops.split(boxes, 4, axis=-1)
        left, right = (x1, x2) if self.mode == "vertical" else (width - x2, width - x1)
        top, bottom = (y1, y2) if self.mode == "horizontal" else (height - y2, height - y1)
        return ops.where(flips, ops.concatenate([left, top, right, bottom], axis=-1), boxes)


class Warping(RandomImageLayer):
    """Layers that move pixels by an affine map, drawn anew for every image."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(data_format, seed, **common)
        check_choice(self.label, "fill_mode", fill_mode, FILL_MODES)
        check_choice(self.label, "interpolation", interpolation, ("nearest", "bilinear"))
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

    def _map(self, transformation: Any, height: int, width: int) -> list[Any]:
        """The numbers a0, a1, a2, b0, b1, b2 of `ops.image.affine_transform`, each of shape (n,), or a float for all."""
        raise NotImplementedError

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        _, height, width = self._size(images)
        numbers = [
            ops.reshape(x, (-1, 1, 1)) if isinstance(x, Tensor) else x for x in self._map(transformation, height, width)
        ]
        kind = "nearest" if nearest else self.interpolation
        return affine(
            convert_to_tensor(images), numbers, self.data_format, self.label, kind, self.fill_mode, self.fill_value
        )

    def _move(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        drawn = {k: convert_to_tensor(x) if hasattr(x, "dtype") else x for k, x in transformation.items()}
        a, b, p, c, d, q = (
            per_box(x, boxes, self.label) if isinstance(x, Tensor) else x for x in self._map(drawn, height, width)
        )
        det = a * d - b * c  # the map says where pixels come from: its inverse, where they go
        if isinstance(det, Tensor):
            det = ops.where(
                ops.less(ops.absolute(det), 1e-6), 1e-6, det
            )  # a picture squeezed into a line: as far as it goes
        return around(boxes, lambda x, y: ((d * (x - p) - b * (y - q)) / det, (a * (y - q) - c * (x - p)) / det))


class RandomRotation(Warping):
    """Every image turned about its middle by an angle of its own.

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: greatest angle, as a part of a full turn, or two numbers between which it lies; above 0 turns
            anticlockwise.
        fill_mode: what lies outside of the image: "reflect" (mirrored, the edge twice), "wrap", "constant"
            (`fill_value`) or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.
        fill_value: for "constant".
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    >>> RandomRotation(factor=0.3)(np.ones((2, 4, 5, 1))).shape
    (2, 4, 5, 1)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.factor = bounds(self.label, "factor", factor)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        return {"angle": self._uniform((1 if n is None else n,), self.factor, seed) * 360.0}

    def _map(self, transformation: Any, height: int, width: int) -> list[Any]:
        angle = transformation["angle"] * (math.pi / 180)
        cos, sin = ops.cos(angle), ops.sin(angle)
        w, h = width - 1, height - 1
        return [cos, -sin, (w - (cos * w - sin * h)) / 2, sin, cos, (h - (sin * w + cos * h)) / 2]


class RandomTranslation(Warping):
    """Every image shifted by distances of its own.

    Shapes: x and y (..., height, width, channels).

    Args:
        height_factor: greatest shift downwards or upwards, as a part of the height, or two numbers between which it
            lies; above 0 goes down.
        width_factor: the same for the width; above 0 goes right.
        fill_mode, interpolation, seed, fill_value, data_format: as for `RandomRotation`.

    >>> RandomTranslation(height_factor=0.4, width_factor=0.4)(np.ones((2, 4, 5, 1))).shape
    (2, 4, 5, 1)
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._bounds = [
            bounds(self.label, name, factor)
            for name, factor in (("width_factor", width_factor), ("height_factor", height_factor))
        ]

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        shape = (1 if n is None else n, 1)
        shifts = [self._uniform(shape, b, seed) * k for b, k in zip(self._bounds, (width, height), strict=True)]
        return {"translations": ops.concatenate(shifts, axis=1)}

    def _map(self, transformation: Any, height: int, width: int) -> list[Any]:
        shifts = transformation["translations"]
        return [1.0, 0.0, -shifts[:, 0], 0.0, 1.0, -shifts[:, 1]]


class RandomZoom(Warping):
    """Every image shrunk or enlarged about its middle by factors of its own.

    Shapes: x and y (..., height, width, channels).

    Args:
        height_factor: greatest change of the height, as a part of it, or two numbers between which it lies; above 0
            shows more (the image shrinks), below 0 less.
        width_factor: the same for the width; None for that of the height.
        fill_mode, interpolation, seed, fill_value, data_format: as for `RandomRotation`.

    >>> RandomZoom(height_factor=0.4, data_format='channels_first')(np.ones((2, 1, 4, 5))).shape
    (2, 1, 4, 5)
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float] | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height_bounds = bounds(self.label, "height_factor", height_factor)
        self._width_bounds = None if width_factor is None else bounds(self.label, "width_factor", width_factor)
        for factor in (height_factor, width_factor):
            if isinstance(factor, (tuple, list)) and -1 in factor:
                raise ArgumentError(
                    f"{self.label} expects factors above -1, where nothing is left; received {factor!r}."
                )

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        shape = (1 if n is None else n, 1)
        down = 1.0 + self._uniform(shape, self._height_bounds, seed)
        across = down if self._width_bounds is None else 1.0 + self._uniform(shape, self._width_bounds, seed)
        return {"height_zoom": down, "width_zoom": across}

    def _map(self, transformation: Any, height: int, width: int) -> list[Any]:
        down, across = transformation["height_zoom"][:, 0], transformation["width_zoom"][:, 0]
        return [across, 0.0, (width - 1) / 2 * (1.0 - across), 0.0, down, (height - 1) / 2 * (1.0 - down)]


class RandomCrop(RandomImageLayer, _Sized):
    """A part of images, the same place for all of a batch; without training, and of smaller images, the largest middle
    part of these proportions, resized. (Keras returns images whole without training.)

    Shapes: x (..., rows, columns, channels), y (..., height, width, channels).

    Args:
        height, width: of the result.
        seed, data_format: as for `RandomFlip`.

    >>> RandomCrop(height=2, width=3)(np.ones((2, 7, 9, 1))).shape
    (2, 2, 3, 1)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **common: Unpack[BoxNameOptions],
    ):
        _Sized.__init__(self, height, width, data_format, name=name, **common)
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> Any:
        if height < self.height or width < self.width:
            return None
        places = self._whole_numbers((height - self.height + 1, width - self.width + 1), seed)
        return places[0], places[1]

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> Any:
        place = super().get_random_transformation(data, training, seed)
        return _Place(place or (), tuple((data["images"] if isinstance(data, dict) else data).shape))

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        if not isinstance(transformation, _Place):
            raise ArgumentError(
                f"{self.label} expects what get_random_transformation(data) returned; received {transformation!r}."
            )
        drawn = {"input_shape": transformation.input_shape, "place": transformation}
        return super().transform_bounding_boxes(bounding_boxes, drawn)

    def _move(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        if not transformation["place"]:
            return self._in_middle(boxes, height, width)
        top, left = (ops.cast(x, boxes.dtype) for x in transformation["place"])
        return self._in_window(boxes, top, left, self.height, self.width)

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        return self._part(ops.cast(images, self.compute_dtype), transformation, "bilinear")

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        return self._part(segmentation_masks, transformation, "nearest")

    def _part(self, images: Tensor, place: Any, interpolation: str) -> Tensor:
        return self._window(images, *place) if place else self._largest(images, interpolation)


class _Place(tuple):
    """The (top, left) of a part of images of a shape; empty for their middle."""

    input_shape: tuple[Any, ...]

    def __new__(cls, place: tuple[Any, ...], input_shape: tuple[Any, ...]) -> Self:
        found = super().__new__(cls, place)
        found.input_shape = input_shape
        return found
