"""Images in another size, and what all layers for images have in common."""

import math
from typing import Any

import numpy as np

from autonet import ops
from autonet.common.types import BoxOptions, LayerOptions, Unpack
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.preprocessing.base import DataLayer, check_choice
from autonet.layers.symbolic import KerasTensor
from autonet.ops.image.resizing import INTERPOLATIONS
from autonet.ops.sliding_windows import standardize_data_format
from autonet.random.seeds import SeedGenerator
from autonet.utils.bounding_boxes import clip_to_image_size, convert_format, known_format

ALONG = ("labels", "sample_weights")  # what a dictionary may hold besides images, and is left alone
MOVING = ("segmentation_masks", "bounding_boxes")  # what moves as they do


class ImageLayer(DataLayer):
    """Base of layers for images: one (height, width, channels), or a batch of them, or channels first.

    They also take a dictionary with such "images", whose "segmentation_masks" go the same way (to the nearest pixel)
    and whose "labels" stay, unless images are mixed. So do its "bounding_boxes", a dictionary of "boxes" (n, count, 4) in
    the layer's `bounding_box_format` (see `utils.bounding_boxes`) and of "labels" (n, count), where -1 is put for a box
    that has left the image. A subclass says what happens to images, given what was drawn for the batch.
    """

    _nests: tuple[type, ...] = (dict,)
    _untold: tuple[str, ...] = ("bounding_box_format",)  # as in Keras, where there is none

    mixes_labels = False  # whether "labels" of a dictionary change with its images

    def __init__(
        self,
        data_format: str | None = None,
        bounding_box_format: str | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.data_format = standardize_data_format(data_format)
        if bounding_box_format is not None:
            bounding_box_format = known_format(bounding_box_format, self.label, "bounding_box_format")
        self.bounding_box_format = bounding_box_format

    def get_config(self) -> dict[str, Any]:
        own = {} if self.bounding_box_format is None else {"bounding_box_format": self.bounding_box_format}
        return {**super().get_config(), **own}

    # What subclasses say

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> Any:
        """What is drawn for a batch; None for nothing."""
        return None

    def transform_images(self, images: Tensor, transformation: Any, training: bool = True) -> Tensor:
        """The images after what was drawn."""
        raise NotImplementedError(f"{type(self).__name__} must define transform_images(images, transformation).")

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Tensor:
        """The masks after the same; by default as images."""
        return self.transform_images(segmentation_masks, transformation, training=training)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """The labels after the same; by default as they are."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        """The dictionary of boxes, in the layer's format, and of their labels, after the same."""
        if transformation is None or not training:
            return bounding_boxes
        height, width = self._sides(transformation["input_shape"])
        boxes = convert_format(bounding_boxes, self._format, "xyxy", height, width)
        moved = self._move(boxes["boxes"], transformation, height, width)
        height, width = self._sides(self._shape(tuple(transformation["input_shape"])))
        seen = clip_to_image_size({**boxes, "boxes": moved}, height, width)
        return convert_format(seen, "xyxy", self._format, height, width)

    def _move(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        """Where boxes (left, top, right, bottom, in pixels) of images of this size are afterwards; they may leave the image."""
        raise ArgumentError(
            f"{self.label} has no rule for where bounding boxes go. Leave 'bounding_boxes' out, or define "
            "transform_bounding_boxes(bounding_boxes, transformation, training) in a subclass."
        )

    def _shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Shape of the images that come out; those that go in have `shape`."""
        return shape

    def _boxes_shape(self, shapes: dict[str, Any]) -> dict[str, Any]:
        """Shapes of "boxes" and "labels" that come out; those that go in have `shapes`."""
        return shapes

    def _dtype_of(self, images: Any) -> Any:
        """Dtype of the images that come out."""
        return self.compute_dtype

    # The call

    def call(self, data: Any, training: bool = True) -> Any:
        if not isinstance(data, dict):
            return self._images(data, self.get_random_transformation(data, training=training), training)
        if "images" not in data:
            raise ArgumentError(f"{self.label} expects an entry 'images' in a dictionary; received {sorted(data)}.")
        for name in data:
            check_choice(self.label, "an entry of the dictionary", name, ("images", *MOVING, *ALONG))
        boxes = self._checked_boxes(data) if "bounding_boxes" in data else None
        transformation = self.get_random_transformation(data, training=training)
        found = dict(data)
        found["images"] = self._images(data["images"], transformation, training)
        if "segmentation_masks" in data:
            masks = data["segmentation_masks"]
            moved = self.transform_segmentation_masks(masks, transformation, training=training)
            found["segmentation_masks"] = ops.cast(moved, masks.dtype)
        if boxes is not None:
            found["bounding_boxes"] = self._boxes_of(boxes, transformation, training, data["images"].ndim == 3)
        if "labels" in data:
            found["labels"] = self.transform_labels(data["labels"], transformation, training=training)
        return found

    @property
    def _format(self) -> str:
        """`bounding_box_format`, which boxes cannot do without."""
        if self.bounding_box_format is None:
            raise ArgumentError(
                f"{self.label} expects to be told what the four numbers of a box are: give it bounding_box_format='xyxy' "
                "(left, top, right, bottom, in pixels), or another of utils.bounding_boxes."
            )
        return self.bounding_box_format

    def _checked_boxes(self, data: dict[str, Any]) -> dict[str, Any]:
        """The entry "bounding_boxes", boxes as float32."""
        given, images = data["bounding_boxes"], data["images"].shape
        if not isinstance(given, dict) or given.keys() != {"boxes", "labels"}:
            received = sorted(given) if isinstance(given, dict) else type(given).__name__
            raise ArgumentError(
                f"{self.label} expects 'bounding_boxes' to be a dictionary of 'boxes' and 'labels'; received {received}."
            )
        self._format  # noqa: B018 (raises without one)
        boxes, labels = ops.cast(given["boxes"], "float32"), given["labels"]
        one = boxes.ndim == 2
        fits = boxes.ndim in (2, 3) and boxes.shape[-1] == 4 and labels.shape[: boxes.ndim - 1] == boxes.shape[:-1]
        if not fits or (len(images) == 3 and not one) or (len(images) == 4 and not one and boxes.shape[0] != images[0]):
            raise ShapeError(
                f"{self.label} expects boxes (n, count, 4) and labels (n, count), n that of the images, without n for one "
                f"image; received boxes {tuple(boxes.shape)}, labels {tuple(labels.shape)}, images {tuple(images)}."
            )
        return {"boxes": boxes, "labels": labels}

    def _boxes_of(self, boxes: dict[str, Any], transformation: Any, training: bool, alone: bool) -> dict[str, Any]:
        """`transform_bounding_boxes`, which sees a batch, also for one image `alone`."""
        if not alone:
            return self.transform_bounding_boxes(boxes, transformation, training=training)
        batch = {k: ops.expand_dims(x, 0) for k, x in boxes.items()}
        found = self.transform_bounding_boxes(batch, transformation, training=training)
        return {k: ops.squeeze(x, 0) for k, x in found.items()}

    def _receive(self, x: Any) -> Any:
        """Boxes stay as exact as they are, whatever dtype the layer computes in."""
        if not isinstance(x, dict) or not isinstance(x.get("bounding_boxes"), dict):
            return super()._receive(x)
        boxes = {k: v if hasattr(v, "_symbolic") else convert_to_tensor(v) for k, v in x["bounding_boxes"].items()}
        return {k: boxes if k == "bounding_boxes" else super(ImageLayer, self)._receive(v) for k, v in x.items()}

    def _images(self, images: Any, transformation: Any, training: bool) -> Tensor:
        self._axes(images.shape)
        return self.transform_images(images, transformation, training=training)

    def _sides(self, shape: Any) -> tuple[Any, Any]:
        """Height and width of images of this shape."""
        height, width = self._axes(shape)
        return shape[height], shape[width]

    def _axes(self, shape: tuple[Any, ...]) -> tuple[int, int]:
        """Where height and width are, from the end."""
        if len(shape) not in (3, 4):
            raise ShapeError(
                f"{self.label} expects an image of three axes, or a batch with a fourth in front; received shape "
                f"{tuple(shape)}."
            )
        return (-3, -2) if self.data_format == "channels_last" else (-2, -1)

    @property
    def _channels(self) -> int:
        """Where channels are, from the end."""
        return -1 if self.data_format == "channels_last" else -3

    def _size(self, data: Any) -> tuple[int | None, int, int]:
        """Number of images (None for one without that axis), height and width."""
        shape = (data["images"] if isinstance(data, dict) else data).shape
        height, width = self._sides(shape)
        return (shape[0] if len(shape) == 4 else None), height, width

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, dict):
            moved = ("images", "segmentation_masks")
            found = {k: self._shape(tuple(s)) if k in moved else s for k, s in input_shape.items()}
            if isinstance(boxes := found.get("bounding_boxes"), dict):
                found["bounding_boxes"] = self._boxes_shape({k: tuple(s) for k, s in boxes.items()})
            return found
        return self._shape(tuple(input_shape))

    def compute_output_spec(self, data: Any, training: bool = True) -> Any:
        if not isinstance(data, dict):
            return KerasTensor(self._shape(tuple(data.shape)), self._dtype_of(data))
        boxes = self._checked_boxes(data) if "bounding_boxes" in data else {}
        rest = {k: x for k, x in data.items() if k != "bounding_boxes"}
        shapes = self.compute_output_shape({k: x.shape for k, x in rest.items()})
        changed = ("images", "labels") if self.mixes_labels else ("images",)
        kinds = {k: self._dtype_of(x) if k in changed else x.dtype for k, x in rest.items()}
        found: dict[str, Any] = {k: KerasTensor(shapes[k], kinds[k]) for k in rest}
        if boxes:
            shapes = self._boxes_shape({k: tuple(x.shape) for k, x in boxes.items()})
            found["bounding_boxes"] = {k: KerasTensor(shapes[k], x.dtype) for k, x in boxes.items()}
        return found


class _Sized(ImageLayer):
    """Layers that give images of a fixed size."""

    def __init__(self, height: int, width: int, data_format: str | None = None, **common: Unpack[BoxOptions]):
        super().__init__(data_format, **common)
        for name, n in (("height", height), ("width", width)):
            if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
                raise ArgumentError(f"{self.label} expects {name} of at least 1; received {n!r}.")
        self.height = int(height)
        self.width = int(width)

    def _shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        height, width = self._axes(shape)
        lengths = list(shape)
        lengths[height], lengths[width] = self.height, self.width
        return tuple(lengths)

    def _window(self, images: Tensor, top: Any, left: Any) -> Tensor:
        """The part of the images that begins there."""
        for axis, start, n in zip(self._axes(images.shape), (top, left), (self.height, self.width), strict=True):
            if isinstance(start, int):
                key: list[Any] = [slice(None)] * images.ndim
                key[axis] = slice(start, start + n)
                images = images[tuple(key)]
            else:
                images = ops.take(images, start + ops.arange(n), axis=axis)
        return images

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> Any:
        return {"input_shape": tuple((data["images"] if isinstance(data, dict) else data).shape)}

    def _in_window(self, boxes: Any, top: Any, left: Any, height: float, width: float) -> Any:
        """Boxes as seen in a window of the image of this size, which becomes the whole result."""
        x1, y1, x2, y2 = ops.split(boxes, 4, axis=-1)
        across, down = self.width / width, self.height / height
        moved = [(x1 - left) * across, (y1 - top) * down, (x2 - left) * across, (y2 - top) * down]
        return ops.concatenate(moved, axis=-1)

    def _in_middle(self, boxes: Any, height: int, width: int) -> Any:
        """Boxes as seen in the largest middle part of these proportions."""
        h = max(min(height, int(width * self.height / self.width)), 1)
        w = max(min(width, int(height * self.width / self.height)), 1)
        return self._in_window(boxes, (height - h) // 2, (width - w) // 2, h, w)

    def _largest(self, images: Tensor, interpolation: str = "bilinear") -> Tensor:
        """The largest middle part of these proportions, resized."""
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            crop_to_aspect_ratio=True,
            data_format=self.data_format,
        )


class Resizing(_Sized):
    """Images in another size, as `ops.image.resize` makes them; their dtype stays, and whole numbers are rounded.

    Shapes: x (..., rows, columns, channels), y (..., height, width, channels).

    Args:
        height, width: of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: cut the longer side first, so that nothing is stretched.
        pad_to_aspect_ratio: fill up the shorter side with `fill_value` first.
        fill_mode: "constant" only.
        fill_value: for pad_to_aspect_ratio.
        antialias: whether every pixel counts where images shrink.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    >>> Resizing(1, 4)([[[[0.0], [4.0]]]])[0, 0, :, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **common: Unpack[BoxOptions],
    ):
        super().__init__(height, width, data_format, **common)
        check_choice(self.label, "interpolation", interpolation, INTERPOLATIONS)
        check_choice(self.label, "fill_mode", fill_mode, ("constant",))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ArgumentError(f"{self.label} can crop to the aspect ratio or pad to it, not both.")
        self.interpolation, self.crop_to_aspect_ratio = interpolation, crop_to_aspect_ratio
        self.pad_to_aspect_ratio, self.fill_mode, self.fill_value = pad_to_aspect_ratio, fill_mode, fill_value
        self.antialias = antialias

    def call(self, data: Any) -> Any:
        return super().call(data)

    def _dtype_of(self, images: Any) -> Any:
        return images.dtype if images.dtype.kind != "f" else self.compute_dtype

    def transform_images(self, images: Tensor, transformation: Any = None, training: bool = True) -> Tensor:
        return self._resized(images, self.interpolation, self.antialias)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._resized(segmentation_masks, "nearest", False)

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        """The boxes in the resized image; those of only 0 or only -1, which fill up a batch, become 0."""
        given = bounding_boxes["boxes"]
        fills = ops.logical_or(ops.all(ops.equal(given, -1), axis=-1), ops.all(ops.equal(given, 0), axis=-1))
        found = super().transform_bounding_boxes(bounding_boxes, transformation)
        return {**found, "boxes": ops.where(ops.expand_dims(fills, -1), 0.0, found["boxes"])}

    def _move(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        down, across = self.height / height, self.width / width
        if self.pad_to_aspect_ratio:
            scale = min(down, across)
        elif self.crop_to_aspect_ratio:
            scale = max(down, across)
        else:
            return self._in_window(boxes, 0, 0, height, width)
        top, left = (self.height - height * scale) / 2, (self.width - width * scale) / 2
        top, left = (math.copysign(abs(edge) // 1, edge) for edge in (top, left))  # whole pixels
        return boxes * scale + ops.cast(np.array([left, top, left, top]), boxes.dtype)

    def _resized(self, images: Any, interpolation: str, antialias: bool) -> Tensor:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


class CenterCrop(_Sized):
    """The middle of images; of smaller ones the largest middle part of these proportions, resized.

    Shapes: x (..., rows, columns, channels), y (..., height, width, channels).

    Args:
        height, width: of the result.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    >>> CenterCrop(1, 2)([[[[1.0], [2.0], [3.0], [4.0]]]])[0, 0, :, 0].tolist()
    [2.0, 3.0]
    """

    def call(self, data: Any) -> Any:
        return super().call(data)

    def transform_images(self, images: Tensor, transformation: Any = None, training: bool = True) -> Tensor:
        return self._middle(ops.cast(images, self.compute_dtype), "bilinear")

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._middle(segmentation_masks, "nearest")

    def _move(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        if height >= self.height and width >= self.width:
            top, left = (height - self.height) // 2, (width - self.width) // 2
            return self._in_window(boxes, top, left, self.height, self.width)
        return self._in_middle(boxes, height, width)

    def _middle(self, images: Tensor, interpolation: str) -> Tensor:
        _, height, width = self._size(images)
        if height >= self.height and width >= self.width:
            return self._window(images, (height - self.height) // 2, (width - self.width) // 2)
        return self._largest(images, interpolation)
