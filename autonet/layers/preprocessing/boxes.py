"""Boxes around things in images, as many for each image."""

from typing import Any

from autonet import ops
from autonet.common.types import ImageOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.layers.preprocessing.images import ImageLayer
from autonet.ops.creation import whole_number


class MaxNumBoundingBoxes(ImageLayer):
    """A fixed number of boxes for each image: the first ones, or all, filled up. Images, masks and labels stay.

    Called on a dictionary of "images" and of "bounding_boxes", which holds "boxes" and "labels".

    Shapes: boxes (n, count, 4), labels (n, count), without n for one image; count becomes `max_number`.

    Args:
        max_number: of boxes.
        fill_value: the numbers of boxes that are filled up, and their labels.
        bounding_box_format: one of `utils.bounding_boxes`; it must be said, though it does not matter here.

    >>> import numpy as np
    >>> boxes = {"boxes": np.zeros((1, 3, 4)), "labels": np.array([[5, 6, 7]])}
    >>> layer = MaxNumBoundingBoxes(4, bounding_box_format="xyxy")
    >>> layer({"images": np.zeros((1, 8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"].tolist()
    [[5, 6, 7, -1]]
    """

    def __init__(self, max_number: int, fill_value: int = -1, **common: Unpack[ImageOptions]):
        super().__init__(**common)
        self.max_number = whole_number(max_number, self.label, "max_number", 1)
        self.fill_value = int(fill_value)

    def call(self, data: Any) -> Any:
        return super().call(data)

    def transform_images(self, images: Tensor, transformation: Any = None, training: bool = True) -> Tensor:
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        axis = bounding_boxes["boxes"].ndim - 2
        return {k: self._filled(x, axis) for k, x in bounding_boxes.items()}

    def _filled(self, x: Any, axis: int) -> Tensor:
        x = ops.take(x, range(min(x.shape[axis], self.max_number)), axis=axis)
        widths = [(0, self.max_number - x.shape[axis] if i == axis else 0) for i in range(x.ndim)]
        return ops.pad(x, widths, constant_values=self.fill_value)

    def _boxes_shape(self, shapes: dict[str, Any]) -> dict[str, Any]:
        axis = len(shapes["boxes"]) - 2
        return {k: (*s[:axis], self.max_number, *s[axis + 1 :]) for k, s in shapes.items()}

    def _dtype_of(self, images: Any) -> Any:
        return images.dtype
