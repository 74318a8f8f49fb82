"""Images bent at random in training: sheared, seen from the side, deformed like rubber."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops, random
from autonet.common.types import BoxOptions, Unpack
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError
from autonet.layers.preprocessing.augmentation import RandomImageLayer, Warping, bounds, check_range, per_image
from autonet.layers.preprocessing.base import check_choice
from autonet.ops.image.warping import FILL_MODES, displaced, homography
from autonet.utils.bounding_boxes import around
from autonet.utils.bounding_boxes import per_image as per_box


class RandomShear(Warping):
    """Every image slanted by factors of its own, about its upper left corner.

        result(x, y) = image(x + s_x y, s_y x + y), x to the right, y downwards

    s_x and s_y are uniform in the factors' ranges; with a chance of a half both change sign.

    Shapes: x and y (..., height, width, channels).

    Args:
        x_factor: (lower, upper), or a number for (-number, number), from -1 to 1.
        y_factor: the same for the other direction.
        interpolation, fill_mode, fill_value, data_format, seed: as for `RandomRotation`.

    >>> RandomShear(x_factor=0.4, y_factor=0.3)(np.ones((2, 4, 5, 1))).shape
    (2, 4, 5, 1)
    """

    def __init__(
        self,
        x_factor: float | Sequence[float] = 0.0,
        y_factor: float | Sequence[float] = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **common)
        self.x_factor = bounds(self.label, "x_factor", x_factor)
        self.y_factor = bounds(self.label, "y_factor", y_factor)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        shape = (n or 1, 1)
        sign = ops.where(ops.greater(self._uniform(shape, (0.0, 1.0), seed), 0.5), -1.0, 1.0)
        down, across = (self._uniform(shape, factor, seed) for factor in (self.y_factor, self.x_factor))
        return {"shear_factor": ops.concatenate([across, down], axis=1) * sign}

    def _map(self, transformation: Any, height: int, width: int) -> list[Any]:
        shear = transformation["shear_factor"]
        return [1.0, shear[:, 0], 0.0, shear[:, 1], 1.0, 0.0]


class RandomPerspective(RandomImageLayer):
    """Every image, with some probability, as if seen from the side: three of its corners move along their distances.

    The upper left corner stays; each coordinate of the others is multiplied by 1 + f, f uniform in +-scale / 2.

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from 0 to 1, between which each image's probability is drawn, or a number for (0, number).
        scale: how far corners move, from 0 to 1.
        interpolation: "bilinear" or "nearest".
        fill_value: what lies outside of the image.
        seed, data_format: as for `RandomFlip`.

    >>> RandomPerspective(factor=(1, 1), data_format='channels_first')(np.ones((2, 1, 4, 5))).shape
    (2, 1, 4, 5)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(data_format, seed, **common)
        check_choice(self.label, "interpolation", interpolation, ("nearest", "bilinear"))
        if isinstance(scale, bool) or not isinstance(scale, (int, float, np.number)) or not 0 <= scale <= 1:
            raise ArgumentError(f"{self.label} expects scale to be a number from 0 to 1; received {scale!r}.")
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)
        self.scale, self.interpolation, self.fill_value = scale, interpolation, fill_value

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        chosen = self._chosen(n, seed)
        moves = self._uniform((n or 1, 4, 2), (-0.5 * self.scale, 0.5 * self.scale), seed)
        corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], self.compute_dtype)
        starts = ops.broadcast_to(corners, moves.shape)
        return {"apply_perspective": chosen, "start_points": starts, "end_points": starts + starts * moves}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        seen = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation="nearest" if nearest else self.interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(per_image(transformation["apply_perspective"], images), seen, images)

    def _move(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        starts, ends, chosen = (
            convert_to_tensor(transformation[name]) for name in ("start_points", "end_points", "apply_perspective")
        )
        h = homography(ops.cast(ends, boxes.dtype), ops.cast(starts, boxes.dtype))
        a, b, p, c, d, q, r, s = (per_box(h[..., i], boxes, self.label) for i in range(8))

        def moved(x: Any, y: Any) -> tuple[Any, Any]:
            below = r * x + s * y + 1
            return (a * x + b * y + p) / below, (c * x + d * y + q) / below

        return ops.where(per_box(chosen, boxes, self.label), around(boxes, moved), boxes)


class RandomElasticTransform(RandomImageLayer):
    """Every image, with some probability, deformed as if drawn on rubber: pixels move a little, neighbours alike.

        result(p) = image(p + d(p)),  d = alpha (noise smoothed by a Gaussian of standard deviation sigma)

    With `alpha` and `sigma` the noise is uniform in [-1, 1], as published for handwriting; alpha=34, sigma=4 is what was
    best there for digits of 28 x 28 pixels. Pixels then move by about 0.16 alpha / sigma, one and a half of theirs.
    Without them both follow from `scale`, as in Keras: alpha = 0.1 s max(height, width), sigma = 0.05 s min(height,
    width), and the noise is normal with deviation sigma: small images shiver, rather than bend.

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from 0 to 1, between which each image's probability is drawn, or a number for (0, number):
            (1, 1) deforms every image.
        scale: (lower, upper) from 0 to 1, between which s is drawn for a batch, or a number for (0, number).
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside of the image: "reflect" (mirrored, the edge twice), "mirror" (the edge once), "wrap",
            "constant" (`fill_value`) or "nearest".
        fill_value: for "constant".
        value_range: smallest and largest value of the result.
        seed, data_format: as for `RandomFlip`.
        alpha, sigma: in pixels, both above 0, or both None.

    Source: Simard, Steinkraus, Platt, 2003, section 2, https://doi.org/10.1109/ICDAR.2003.1227801

    >>> images = np.zeros((2, 28, 28, 1))
    >>> RandomElasticTransform((1, 1), alpha=34, sigma=4)(images).shape
    (2, 28, 28, 1)
    """

    _untold = ("alpha", "sigma")

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        alpha: float | None = None,
        sigma: float | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(data_format, seed, **common)
        check_choice(self.label, "interpolation", interpolation, ("nearest", "bilinear"))
        check_choice(self.label, "fill_mode", fill_mode, FILL_MODES)
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)
        self.scale = bounds(self.label, "scale", scale, low=0, least=0)
        self.interpolation, self.fill_mode, self.fill_value = interpolation, fill_mode, fill_value
        self.value_range = check_range(self.label, value_range)
        given = [isinstance(v, (int, float, np.number)) and v > 0 for v in (alpha, sigma)]
        if not all(given) and (alpha, sigma) != (None, None):
            raise ArgumentError(
                f"{self.label} expects alpha and sigma to be two numbers above 0, in pixels, as alpha=34, sigma=4, or both "
                f"None; received alpha={alpha!r}, sigma={sigma!r}."
            )
        self.alpha, self.sigma = alpha, sigma

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        chosen = self._chosen(n, seed)
        shape = (2, n or 1, height, width)
        alpha: Any = self.alpha
        sigma: Any = self.sigma
        if alpha is None:
            scale = self._uniform((), self.scale, seed)
            alpha, sigma = scale * (0.1 * max(height, width)), scale * (0.05 * min(height, width)) + 1e-6
            generator = self.generator if seed is None else seed
            noise = random.normal(shape, dtype=self.compute_dtype, seed=generator) * sigma
        else:
            noise = self._uniform(shape, (-1.0, 1.0), seed)
        columns, rows = (_gaussian_matrix(length, sigma, self.compute_dtype) for length in (width, height))
        return {"apply_transform": chosen, "moves": ops.matmul(rows, ops.matmul(noise, columns)) * alpha}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        across, down = (part[0] for part in ops.split(transformation["moves"], 2, axis=0))
        kind = "nearest" if nearest else self.interpolation
        moved = displaced(images, across, down, self.data_format, self.label, kind, self.fill_mode, self.fill_value)
        moved = ops.where(per_image(transformation["apply_transform"], images), moved, images)
        return moved if nearest else ops.clip(moved, *self.value_range)

    def get_config(self) -> dict[str, Any]:
        own = {} if self.alpha is None else {"alpha": self.alpha, "sigma": self.sigma}
        return {**super().get_config(), **own}


def _gaussian_matrix(n: int, sigma: Any, dtype: str) -> Tensor:
    """Matrix that smooths n places by a Gaussian, zeros beyond the edges."""
    distances = np.arange(1 - n, n, dtype=dtype)
    weights = ops.exp(-0.5 * ops.square(distances / ops.cast(sigma, dtype)))
    weights = weights / ops.sum(weights)
    places = np.arange(n)
    return ops.take(weights, places - places[:, None] + n - 1, axis=0)
