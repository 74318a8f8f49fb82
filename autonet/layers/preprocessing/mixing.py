"""Images of which parts are replaced at random in training: erased, or mixed with other images of the batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops, random
from autonet.common.types import BoxOptions, Unpack
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, DtypeError
from autonet.layers.preprocessing.augmentation import RandomImageLayer, bounds, per_image
from autonet.layers.preprocessing.random_colors import Coloring
from autonet.random.draws import noise


class _Boxes(RandomImageLayer):
    """Layers that draw a rectangle for each image."""

    def _boxes(self, n: int | None, height: int, width: int, across: Any, down: Any, seed: Any) -> Tensor:
        """Which pixels lie in a rectangle, a part `across` of the width and `down` of the height, anywhere in the image.

        Shapes: across and down (n,); the result (n, height, width, 1), or as `data_format` says.
        """
        inside = []
        for length, part in ((width, across), (height, down)):
            size = part * length
            start = self._uniform((n or 1,), (0.0, 1.0), seed) * (length - size)
            place, first = np.arange(length, dtype=self.compute_dtype), ops.expand_dims(start, 1)
            inside.append(ops.logical_and(place >= first, place < first + ops.expand_dims(size, 1)))
        both = ops.logical_and(ops.expand_dims(inside[0], 1), ops.expand_dims(inside[1], 2))
        masks = ops.expand_dims(both, self._channels)
        return masks[0] if n is None else masks


class RandomErasing(Coloring, _Boxes):
    """Every image, with some probability, with a rectangle erased, in training.

    Shapes: x and y (..., height, width, channels).

    Args:
        factor: (lower, upper) from 0 to 1, between which each image's probability is drawn, or a number for (0, number).
        scale: (lower, upper) from 0 to 1: squares of the parts of height and of width that are erased are drawn between
            them; or a number for (0, number).
        fill_value: what is put there: a number, three for the channels, or None for noise: normal, with the largest value
            as its standard deviation, kept within value_range.
        value_range: smallest and largest value.
        seed, data_format: as for `RandomFlip`.

    Source: Zhong, Zheng, Kang, Li, Yang, 2017, https://arxiv.org/abs/1708.04896

    >>> RandomErasing(factor=(1, 1), scale=(0.3, 0.8), value_range=(-9, 9))(np.ones((2, 4, 5, 2))).shape
    (2, 4, 5, 2)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(value_range, seed, data_format=data_format, **common)
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)
        self.scale = bounds(self.label, "scale", scale, low=0, least=0)
        three = isinstance(fill_value, (tuple, list)) and len(fill_value) == 3
        numbers = fill_value if isinstance(fill_value, (tuple, list)) else (fill_value,)
        good = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in numbers)
        if fill_value is not None and not (good and (three or not isinstance(fill_value, (tuple, list)))):
            raise ArgumentError(
                f"{self.label} expects fill_value to be a number, three, or None for noise; received {fill_value!r}."
            )
        self.fill_value = fill_value
        self._scales_with_range = fill_value is None

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        drawn = super().get_random_transformation(data, training, seed)
        if drawn is None:
            return None
        fill: Any = self.fill_value
        if fill is None:
            shape = (data["images"] if isinstance(data, dict) else data).shape
            generator = self.generator if seed is None else seed
            fill = noise(shape, self.compute_dtype, generator) * float(self.value_range[1])
        elif self._channels == -3 and isinstance(fill, (tuple, list)):
            fill = ops.reshape(np.array(fill, self.compute_dtype), (3, 1, 1))
        fill = ops.clip(ops.convert_to_tensor(fill, self.compute_dtype), *self.value_range)
        return {**drawn, "fill_value": fill}

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        across, down = (ops.sqrt(self._uniform((n or 1,), self.scale, seed)) for _ in range(2))
        masks = self._boxes(n, height, width, across, down, seed)
        return {"batch_masks": masks, "apply_erasing": self._chosen(n, seed)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        chosen = ops.logical_and(transformation["batch_masks"], per_image(transformation["apply_erasing"], images))
        return ops.where(chosen, ops.cast(transformation["fill_value"], images.dtype), images)


class _Mixing(RandomImageLayer):
    """Layers that mix each image with another of its batch, and their labels alike. An image alone stays as it is."""

    mixes_labels = True

    def _partners(self, n: int, seed: Any) -> Tensor:
        """For each image, which one it is mixed with."""
        return random.shuffle(np.arange(n, dtype="int32"), seed=self.generator if seed is None else seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        return None if self._size(data)[0] is None else super().get_random_transformation(data, training, seed)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        check_mixable(self.label, labels)
        labels = ops.cast(labels, self.compute_dtype)
        if transformation is None or not training:
            return labels
        weight = ops.reshape(ops.cast(transformation["mix_weight"], labels.dtype), (-1, *(1,) * (labels.ndim - 1)))
        return weight * labels + (1.0 - weight) * ops.take(labels, transformation["permutation_order"], axis=0)


def check_mixable(who: str, labels: Any) -> None:
    """Raise DtypeError for labels that are class numbers: 2 and 4 mixed are not 3."""
    if labels.dtype.kind in "biu" and (labels.ndim < 2 or labels.shape[-1] == 1):
        raise DtypeError(
            f"{who} mixes labels, which class numbers cannot be: received labels of shape {labels.shape}, dtype "
            f"{labels.dtype}. Make one-hot rows of them first, with utils.to_categorical."
        )


class MixUp(_Mixing):
    """Every image of a batch mixed with another, and their labels in the same parts, in training.

        x' = w x_i + (1 - w) x_j,  y' = w y_i + (1 - w) y_j,  w from the beta distribution of (alpha, alpha)

    Called on a dictionary of "images" and "labels", which are one-hot rows (or numbers of a regression, as floats). Called
    on images alone, as in front of a model, it cannot mix their labels: mix batches before `fit` sees them, in a PyDataset
    or with `utils.expand`.

    Shapes: images (n, height, width, channels), labels (n, classes).

    Args:
        alpha: above 0; small ones mostly leave images nearly as they are.
        data_format, seed: as for `RandomFlip`.

    Source: Zhang, Cisse, Dauphin, Lopez-Paz, 2017, https://arxiv.org/abs/1710.09412

    >>> mixed = MixUp(seed=1)({"images": np.zeros((2, 4, 4, 1)), "labels": np.eye(2)})
    >>> mixed["labels"].numpy().sum(axis=1).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(data_format, seed, **common)
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.number)) or not alpha > 0:
            raise ArgumentError(f"{self.label} expects alpha to be a number above 0; received {alpha!r}.")
        self.alpha = alpha

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        partners = self._partners(n or 1, seed)
        generator = self.generator if seed is None else seed
        alpha = float(self.alpha)
        weight = random.beta((n or 1,), alpha, alpha, dtype=self.compute_dtype, seed=generator)
        return {"mix_weight": weight, "permutation_order": partners}

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        """The boxes of both images, one after the other."""
        if transformation is None or not training:
            return bounding_boxes
        partners = transformation["permutation_order"]
        boxes = {k: convert_to_tensor(x) for k, x in bounding_boxes.items()}
        return {
            k: ops.concatenate([x, ops.take(x, partners, axis=0)], axis=min(1, x.ndim - 1)) for k, x in boxes.items()
        }

    def _boxes_shape(self, shapes: dict[str, Any]) -> dict[str, Any]:
        """Of a batch, twice as many for each image."""
        if len(shapes["boxes"]) < 3:
            return shapes
        return {k: (s[0], None if s[1] is None else 2 * s[1], *s[2:]) for k, s in shapes.items()}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        weight = per_image(ops.cast(transformation["mix_weight"], self.compute_dtype), images)
        return weight * images + (1.0 - weight) * ops.take(images, transformation["permutation_order"], axis=0)


class CutMix(_Mixing, _Boxes):
    """A rectangle of every image of a batch replaced by that of another, labels mixed by the areas, in training.

    Of an area w (height width) the image's own pixels stay, w from the beta distribution of (a, a), a uniform in the range
    that `factor` means for a batch; labels become w y_i + (1 - w) y_j, w counted in pixels. "labels" of a dictionary are
    as for `MixUp`; segmentation masks are cut as the images are.

    Shapes: images (n, height, width, channels), labels (n, classes).

    Args:
        factor: (lower, upper) from 0 to 1, or a number for (0, number).
        seed, data_format: as for `RandomFlip`.

    Source: Yun, Han, Oh, Chun, Choe, Yoo, 2019, https://arxiv.org/abs/1905.04899

    >>> CutMix(data_format='channels_first')(np.ones((6, 2, 4, 5))).shape
    (6, 2, 4, 5)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(data_format, seed, **common)
        self.factor = bounds(self.label, "factor", factor, low=0, least=0)

    def _draw(self, n: int | None, height: int, width: int, seed: Any) -> dict[str, Any]:
        a = self._uniform((), self.factor, seed) + 1e-6
        generator = self.generator if seed is None else seed
        part = ops.sqrt(1.0 - random.beta((n or 1,), a, a, dtype=self.compute_dtype, seed=generator))
        masks = self._boxes(n, height, width, part, part, seed)
        weight = 1.0 - ops.mean(ops.cast(masks, self.compute_dtype), axis=(1, 2, 3))
        return {"batch_masks": masks, "mix_weight": weight, "permutation_order": self._partners(n or 1, seed)}

    def _apply(self, images: Any, transformation: Any, nearest: bool = False) -> Tensor:
        others = ops.take(images, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], others, images)
