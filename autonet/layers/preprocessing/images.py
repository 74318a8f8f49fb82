"""Images in another size, and what all layers for images have in common."""

from typing import Any

from autonet import ops
from autonet.common.types import LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.preprocessing.base import DataLayer, check_choice
from autonet.layers.symbolic import KerasTensor
from autonet.ops.image.resizing import INTERPOLATIONS
from autonet.ops.sliding_windows import standardize_data_format
from autonet.random.seeds import SeedGenerator

ALONG = ("labels", "sample_weights")  # what a dictionary may hold besides images, and is left alone


class ImageLayer(DataLayer):
    """Base of layers for images: one (height, width, channels), or a batch of them, or channels first.

    They also take a dictionary with such "images", whose "segmentation_masks" go the same way (to the nearest pixel)
    and whose "labels" stay, unless images are mixed. A subclass says what happens to images, given what was drawn for the
    batch.
    """

    _nests: tuple[type, ...] = (dict,)

    mixes_labels = False  # whether "labels" of a dictionary change with its images

    def __init__(self, data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.data_format = standardize_data_format(data_format)

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

    def _shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Shape of the images that come out; those that go in have `shape`."""
        return shape

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
            check_choice(self.label, "an entry of the dictionary", name, ("images", "segmentation_masks", *ALONG))
        transformation = self.get_random_transformation(data, training=training)
        found = dict(data)
        found["images"] = self._images(data["images"], transformation, training)
        if "segmentation_masks" in data:
            masks = data["segmentation_masks"]
            moved = self.transform_segmentation_masks(masks, transformation, training=training)
            found["segmentation_masks"] = ops.cast(moved, masks.dtype)
        if "labels" in data:
            found["labels"] = self.transform_labels(data["labels"], transformation, training=training)
        return found

    def _images(self, images: Any, transformation: Any, training: bool) -> Tensor:
        self._axes(images.shape)
        return self.transform_images(images, transformation, training=training)

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
        height, width = self._axes(shape)
        return (shape[0] if len(shape) == 4 else None), shape[height], shape[width]

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, dict):
            moved = ("images", "segmentation_masks")
            return {k: self._shape(tuple(s)) if k in moved else s for k, s in input_shape.items()}
        return self._shape(tuple(input_shape))

    def compute_output_spec(self, data: Any, training: bool = True) -> Any:
        if not isinstance(data, dict):
            return KerasTensor(self._shape(tuple(data.shape)), self._dtype_of(data))
        shapes = self.compute_output_shape({k: x.shape for k, x in data.items()})
        changed = ("images", "labels") if self.mixes_labels else ("images",)
        kinds = {k: self._dtype_of(x) if k in changed else x.dtype for k, x in data.items()}
        return {k: KerasTensor(shapes[k], kinds[k]) for k in data}


class _Sized(ImageLayer):
    """Layers that give images of a fixed size."""

    def __init__(self, height: int, width: int, data_format: str | None = None, **common: Unpack[LayerOptions]):
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
        **common: Unpack[LayerOptions],
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

    def _middle(self, images: Tensor, interpolation: str) -> Tensor:
        _, height, width = self._size(images)
        if height >= self.height and width >= self.width:
            return self._window(images, (height - self.height) // 2, (width - self.width) // 2)
        return self._largest(images, interpolation)
