"""Rectangles around things in images: their formats, what moves them, how much of them overlaps. Keras's names.

Boxes have shape (..., 4). A format says what the four numbers are, x to the right and y downwards, in pixels from the image's
upper left corner, or with "rel_" in front in parts of its width and height:

    "xyxy"          left, top, right, bottom          "yxyx"          top, left, bottom, right
    "xywh"          left, top, width, height
    "center_xywh"   middle's x and y, width, height   "center_yxhw"   middle's y and x, height, width

Boxes with labels are a dictionary {"boxes": (n, count, 4), "labels": (n, count)}, without n for one image; a label of -1 says
that there is no box. What gets such a dictionary gives another one, and leaves it as it was.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError

__all__ = [
    *("affine_transform", "clip_to_image_size", "compute_ciou", "compute_iou", "convert_format"),
    *("crop", "decode_deltas_to_boxes", "encode_box_to_deltas", "pad"),
]

RELATIVE = "rel_"
FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)


def known_format(name: str, who: str, argument: str) -> str:
    """`name` in lower case, if it is a format's; ArgumentError otherwise."""
    found = name.lower() if isinstance(name, str) else name
    if found not in FORMATS:
        raise ArgumentError(f"{who} expects {argument} to be one of {', '.join(FORMATS)}; received {name!r}.")
    return found


def convert_format(
    boxes: TensorLike | Mapping[str, TensorLike],
    source: str,
    target: str,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    dtype: Dtype = "float32",
) -> Any:
    """Boxes of one format in another.

    Args:
        boxes: shape (..., 4), or a dictionary with such "boxes", of which the rest stays.
        source, target: the formats, as the head of this module lists them.
        height, width: of the image, in pixels; needed where one of the formats is relative.
        dtype: of the result.

    Returns: what `boxes` is.

    >>> convert_format([[10, 20, 30, 40]], "xyxy", "center_xywh").tolist()
    [[20.0, 30.0, 20.0, 20.0]]
    """
    if isinstance(boxes, Mapping):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source = known_format(source, "convert_format", "source")
    target = known_format(target, "convert_format", "target")
    found = ops.cast(_as_boxes(boxes, "convert_format"), dtypes.standardize_dtype(dtype))
    if RELATIVE in source + target:
        for name, length in (("height", height), ("width", width)):
            _check_length(length, name, f"convert_format from {source!r} to {target!r}")
    if source == target:
        return found
    found = _to_corners(found, source)
    if source.startswith(RELATIVE) != target.startswith(RELATIVE):
        x1, y1, x2, y2 = ops.split(found, 4, axis=-1)
        w, h = _length(width, found), _length(height, found)
        if source.startswith(RELATIVE):
            found = ops.concatenate([x1 * w, y1 * h, x2 * w, y2 * h], axis=-1)
        else:
            found = ops.concatenate([x1 / w, y1 / h, x2 / w, y2 / h], axis=-1)
    return _from_corners(found, target)


def _to_corners(boxes: Any, name: str) -> Any:
    """Boxes of a format as left, top, right, bottom, in the same units."""
    first, second = _pairs(boxes, name)
    if "center" in name:
        first, second = first - second / 2, first + second / 2
    elif "wh" in name:
        second = first + second
    return ops.concatenate([first, second], axis=-1)


def _from_corners(boxes: Any, name: str) -> Any:
    """The way back."""
    first, second = ops.split(boxes, 2, axis=-1)
    if "center" in name:
        first, second = first + (second - first) / 2, second - first
    elif "wh" in name:
        second = second - first
    return ops.concatenate(_pairs(ops.concatenate([first, second], axis=-1), name), axis=-1)


def _pairs(boxes: Any, name: str) -> list[Any]:
    """The two halves of the numbers; of formats with y first, each the other way round."""
    halves = ops.split(boxes, 2, axis=-1)
    return [ops.flip(half, axis=-1) for half in halves] if name.rpartition("_")[2][0] == "y" else list(halves)


def clip_to_image_size(
    bounding_boxes: Mapping[str, TensorLike],
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """The parts of boxes within the image; the labels of those of which nothing is left become -1.

    Args:
        bounding_boxes: a dictionary with "boxes" and, perhaps, "labels": one for each box, or a row for each.
        height, width: of the image; needed for "xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".

    >>> boxes = {"boxes": np.array([[-10.0, 5.0, 20.0, 9.0], [30.0, 0.0, 40.0, 8.0]]), "labels": np.array([3, 4])}
    >>> clip_to_image_size(boxes, height=8, width=16)["labels"].tolist()
    [3, -1]
    """
    who = "clip_to_image_size"
    boxes = _as_boxes(bounding_boxes["boxes"], who)
    if bounding_box_format == "xyxy":
        for name, length in (("height", height), ("width", width)):
            _check_length(length, name, who)
        w, h = _length(width, boxes), _length(height, boxes)
    elif bounding_box_format == "rel_xyxy":
        w = h = 1.0
    else:
        raise _corners_only(who, bounding_box_format, "'xyxy' or 'rel_xyxy'")
    boxes = _clipped(boxes, h, w)
    found = {**bounding_boxes, "boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        labels = convert_to_tensor(bounding_boxes["labels"])
        if labels.dtype.kind in "ub":  # they have no room for -1
            labels = ops.cast(labels, "int32")
        there = ops.greater(_areas(boxes), 0)
        if labels.ndim == boxes.ndim and labels.shape[:-1] == boxes.shape[:-1]:
            there = ops.expand_dims(there, -1)
        found["labels"] = ops.where(there, labels, ops.cast(-1, labels.dtype))
    return found


def _clipped(boxes: Any, height: Any, width: Any) -> Any:
    x1, y1, x2, y2 = ops.split(boxes, 4, axis=-1)
    within = [ops.minimum(ops.maximum(v, 0), top) for v, top in ((x1, width), (y1, height), (x2, width), (y2, height))]
    return ops.concatenate(within, axis=-1)


def affine_transform(
    boxes: TensorLike,
    angle: TensorLike,
    translate_x: TensorLike,
    translate_y: TensorLike,
    scale: TensorLike,
    shear_x: TensorLike,
    shear_y: TensorLike,
    height: int,
    width: int,
    center_x: float | None = None,
    center_y: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """The boxes around boxes that were turned, shifted, scaled and sheared about a point of the image.

    Args:
        boxes: shape (n, count, 4), or (count, 4) for one image, in pixels.
        angle: in degrees, above 0 anticlockwise; shape (n,), as all up to `shear_y`, or a number for all.
        translate_x, translate_y: parts of width - 1 and of height - 1.
        scale: factor.
        shear_x, shear_y: angles, in degrees.
        height, width: of the image.
        center_x, center_y: the point, in parts of width - 1 and of height - 1; None for the middle.
        bounding_box_format: "xyxy".

    >>> affine_transform([[0.0, 0.0, 2.0, 1.0]], 180.0, 0.0, 0.0, 1.0, 0.0, 0.0, height=5, width=5).numpy().round(3).tolist()
    [[2.0, 3.0, 4.0, 4.0]]
    """
    if bounding_box_format != "xyxy":
        raise _corners_only("affine_transform", bounding_box_format, "'xyxy'")
    corners = _as_boxes(boxes, "affine_transform")
    turn, tilt_x, tilt_y, move_x, move_y, scale = (
        per_image(v, corners, "affine_transform")
        for v in (
            ops.negative(convert_to_tensor(angle)) * (math.pi / 180),
            ops.negative(convert_to_tensor(shear_x)) * (math.pi / 180),
            ops.negative(convert_to_tensor(shear_y)) * (math.pi / 180),
            ops.multiply(translate_x, width - 1),
            ops.multiply(translate_y, height - 1),
            scale,
        )
    )
    # [[a, b], [c, d]] turns and shears, with determinant 1; its inverse, scaled, is what moves points
    a, c = ops.cos(turn - tilt_y) / ops.cos(tilt_y), -ops.sin(turn - tilt_y) / ops.cos(tilt_y)
    b, d = a * ops.tan(tilt_x) + ops.sin(turn), ops.cos(turn) - c * ops.tan(tilt_x)
    middle_x = (0.5 if center_x is None else center_x) * (width - 1)
    middle_y = (0.5 if center_y is None else center_y) * (height - 1)

    def moved(x: Any, y: Any) -> tuple[Any, Any]:
        x, y = x - middle_x + move_x, y - middle_y + move_y
        return middle_x + scale * (d * x - b * y), middle_y + scale * (a * y - c * x)

    return around(corners, moved)


def around(boxes: Tensor, moved: Callable[[Any, Any], tuple[Any, Any]]) -> Tensor:
    """The boxes around the corners of boxes (left, top, right, bottom), moved by a function of their x and y."""
    x1, y1, x2, y2 = ops.split(boxes, 4, axis=-1)
    x, y = moved(ops.concatenate([x1, x2, x2, x1], axis=-1), ops.concatenate([y1, y1, y2, y2], axis=-1))
    return ops.stack([ops.min(x, axis=-1), ops.min(y, axis=-1), ops.max(x, axis=-1), ops.max(y, axis=-1)], axis=-1)


def per_image(x: TensorLike, boxes: Tensor, who: str) -> Tensor:
    """Numbers of shape (n,), one for each image, in a shape that meets boxes (n, count, 4); or one number for all.

    Raises: ShapeError where boxes (count, 4) of one image meet the numbers of several.
    """
    x = convert_to_tensor(x)
    x = ops.cast(x, boxes.dtype) if x.dtype.kind != "b" else x
    if x.size == 1:
        return ops.reshape(x, ())
    if boxes.ndim != 3 or boxes.shape[0] != x.shape[0]:
        raise ShapeError(
            f"{who} expects boxes for each of {x.shape[0]} images, of shape ({x.shape[0]}, count, 4); received {boxes.shape}."
        )
    return ops.reshape(x, (-1, 1, 1))


def crop(
    boxes: TensorLike, top: float, left: float, height: float, width: float, bounding_box_format: str = "xyxy"
) -> Tensor:
    """Boxes as seen from a part of the image that begins at `top`, `left`, cut to its `height` and `width`. All in pixels.

    >>> crop([[10.0, 20.0, 50.0, 60.0]], top=10, left=20, height=40, width=25).tolist()
    [[0.0, 10.0, 25.0, 40.0]]
    """
    if bounding_box_format != "xyxy":
        raise _corners_only("crop", bounding_box_format, "'xyxy'")
    boxes = _as_boxes(boxes, "crop")
    return _clipped(pad(boxes, -top, -left), _length(height, boxes), _length(width, boxes))


def pad(
    boxes: TensorLike,
    top: float,
    left: float,
    height: float | None = None,
    width: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Boxes of an image that received `top` rows above and `left` columns on its left. `height` and `width` do not matter.

    >>> pad([[1.0, 2.0, 3.0, 4.0]], top=10, left=20).tolist()
    [[21.0, 12.0, 23.0, 14.0]]
    """
    if bounding_box_format != "xyxy":
        raise _corners_only("pad", bounding_box_format, "'xyxy'")
    x1, y1, x2, y2 = ops.split(_as_boxes(boxes, "pad"), 4, axis=-1)
    return ops.concatenate([x1 + left, y1 + top, x2 + left, y2 + top], axis=-1)


def encode_box_to_deltas(
    anchors: TensorLike,
    boxes: TensorLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Sequence[float] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Tensor:
    """How boxes differ from anchors: what a detector learns.

        ((middle - anchor's middle) / anchor's size, log(size / anchor's size)) / variance

    Args:
        anchors: shape (count, 4).
        boxes: shape (..., count, 4).
        anchor_format, box_format: their formats.
        encoding_format: "center_yxhw" or "center_xywh", the order of the four numbers.
        variance: four numbers, or None for ones.
        image_shape: (height, width, channels), needed for relative formats.

    Source: Girshick, Donahue, Darrell, Malik, 2014, appendix C, https://arxiv.org/abs/1311.2524

    >>> encode_box_to_deltas([[0.0, 0.0, 4.0, 4.0]], [[1.0, 0.0, 5.0, 4.0]], "xyxy", "xyxy").tolist()
    [[0.0, 0.25, 0.0, 0.0]]
    """
    who = "encode_box_to_deltas"
    spread, size = _spread(variance, who), _image_size(image_shape, who)
    _check_encoding(encoding_format, "encoding_format", who)
    middle, side = ops.split(convert_format(anchors, anchor_format, encoding_format, *size), 2, axis=-1)
    place, length = ops.split(convert_format(boxes, box_format, encoding_format, *size), 2, axis=-1)
    side, length = (ops.maximum(v, dtypes.epsilon()) for v in (side, length))
    return ops.concatenate([(place - middle) / side, ops.log(length / side)], axis=-1) / spread


def decode_deltas_to_boxes(
    anchors: TensorLike | Mapping[Any, TensorLike],
    boxes_delta: TensorLike | Mapping[Any, TensorLike],
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Sequence[float] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """The boxes that differ from anchors as `encode_box_to_deltas` says.

    Args:
        anchors: shape (count, 4), or a dictionary of such for several levels.
        boxes_delta: shape (..., count, 4), or a dictionary with the same names.
        anchor_format, box_format: formats of anchors and of the result.
        encoded_format, variance, image_shape: as they were given to `encode_box_to_deltas`.

    >>> decode_deltas_to_boxes([[0.0, 0.0, 4.0, 4.0]], [[0.0, 0.25, 0.0, 0.0]], "xyxy", "xyxy").tolist()
    [[1.0, 0.0, 5.0, 4.0]]
    """
    who = "decode_deltas_to_boxes"
    if isinstance(anchors, Mapping) and isinstance(boxes_delta, Mapping):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(a, boxes_delta[level], *rest) for level, a in anchors.items()}
    spread, size = _spread(variance, who), _image_size(image_shape, who)
    _check_encoding(encoded_format, "encoded_format", who)
    middle, side = ops.split(convert_format(anchors, anchor_format, encoded_format, *size), 2, axis=-1)
    shift, growth = ops.split(_as_boxes(boxes_delta, who) * spread, 2, axis=-1)
    decoded = ops.concatenate([shift * side + middle, ops.exp(growth) * side], axis=-1)
    return convert_format(decoded, encoded_format, box_format, *size)


def compute_iou(
    boxes1: TensorLike,
    boxes2: TensorLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Tensor:
    """Intersection over union of each box of one set with each of another.

    Args:
        boxes1, boxes2: shapes (n, count1, 4) and (n, count2, 4), n perhaps missing.
        bounding_box_format: of both.
        use_masking: whether boxes without any number of at least 0, which fill up a batch, get `mask_val`.
        image_shape: (height, width, channels), needed for relative formats.

    Returns: shape (n, count1, count2).

    >>> compute_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]], "xyxy").numpy().round(4).tolist()
    [[0.33329999446868896, 0.0]]
    """
    first, second = _both("compute_iou", boxes1, boxes2, bounding_box_format, image_shape)
    for name, boxes in (("boxes1", first), ("boxes2", second)):
        if boxes.ndim not in (2, 3):
            raise ShapeError(
                f"compute_iou expects {name} of shape (n, count, 4) or (count, 4); received {boxes.shape}."
            )
    one, other = ops.expand_dims(first, -2), ops.expand_dims(second, -3)
    common = _overlap(one, other)
    union = ops.expand_dims(_areas(first), -1) + ops.expand_dims(_areas(second), -2) - common
    found = common / (union + dtypes.epsilon())
    if not use_masking:
        return found
    absent, absent_too = (ops.less(ops.max(boxes, axis=-1), 0) for boxes in (first, second))
    masked = ops.logical_or(ops.expand_dims(absent, -1), ops.expand_dims(absent_too, -2))
    return ops.where(masked, ops.cast(mask_val, found.dtype), found)


def compute_ciou(
    boxes1: TensorLike,
    boxes2: TensorLike,
    bounding_box_format: str,
    image_shape: Sequence[int] | None = None,
) -> Tensor:
    """Complete intersection over union of pairs of boxes, which also sees middles and proportions apart.

        iou - d^2 / c^2 - v^2 / (v - iou + 1),  v = 4 / pi^2 (arctan(w2 / h2) - arctan(w1 / h1))^2

    d is the distance of the middles, c the diagonal of the smallest box around both.

    Args:
        boxes1, boxes2: shapes (..., 4) that broadcast.
        bounding_box_format: of both.
        image_shape: (height, width, channels), needed for relative formats.

    Returns: shape (...,), from -1.5 to 1.

    Source: Zheng, Wang, Liu, Li, Ye, Ren, 2020, https://arxiv.org/abs/1911.08287

    >>> compute_ciou([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 2.0]], "xyxy").numpy().round(4).tolist()
    [1.0]
    """
    first, second = _both("compute_ciou", boxes1, boxes2, bounding_box_format, image_shape)
    epsilon = dtypes.epsilon()
    (l1, t1, r1, b1), (l2, t2, r2, b2) = ([boxes[..., i] for i in range(4)] for boxes in (first, second))
    w1, h1, w2, h2 = r1 - l1, b1 - t1 + epsilon, r2 - l2, b2 - t2 + epsilon
    common = _overlap(first, second)
    iou = common / (w1 * h1 + w2 * h2 - common + 2 * epsilon)
    around_x, around_y = ops.maximum(r1, r2) - ops.minimum(l1, l2), ops.maximum(b1, b2) - ops.minimum(t1, t2)
    diagonal = ops.square(around_x) + ops.square(around_y) + epsilon
    distance = ops.square((l1 + r1) / 2 - (l2 + r2) / 2) + ops.square((t1 + b1) / 2 - (t2 + b2) / 2)
    v = 4 / math.pi**2 * ops.square(ops.arctan(w2 / h2) - ops.arctan(w1 / h1))
    return iou - (distance / diagonal + v * (v / (v - iou + (1 + epsilon))))


def _both(who: str, boxes1: Any, boxes2: Any, name: str, image_shape: Any) -> list[Any]:
    """Two sets of boxes as left, top, right, bottom, in pixels."""
    name = known_format(name, who, "bounding_box_format")
    if name.startswith(RELATIVE) and image_shape is None:
        raise ArgumentError(f"{who} expects image_shape=(height, width, channels) for boxes of format {name!r}.")
    size = _image_size(image_shape, who)
    return [convert_format(boxes, name, "xyxy", *size) for boxes in (boxes1, boxes2)]


def _overlap(first: Any, second: Any) -> Any:
    """Areas that pairs of boxes have in common."""
    sides = ops.minimum(first[..., 2:], second[..., 2:]) - ops.maximum(first[..., :2], second[..., :2])
    return ops.prod(ops.maximum(sides, 0), axis=-1)


def _areas(boxes: Any) -> Any:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _as_boxes(boxes: Any, who: str) -> Any:
    boxes = convert_to_tensor(boxes)
    if not boxes.ndim or boxes.shape[-1] != 4:
        raise ShapeError(f"{who} expects boxes of four numbers on the last axis; received shape {tuple(boxes.shape)}.")
    return boxes if boxes.dtype.kind == "f" else ops.cast(boxes, "float32")


def _check_length(length: Any, name: str, who: str) -> None:
    if length is None or (isinstance(length, (int, float, np.number)) and not length > 0):
        raise ArgumentError(f"{who} expects the image's {name}, above 0; received {length!r}.")


def _length(length: Any, boxes: Any) -> Any:
    """A height or width in the dtype of boxes: a number, or an array that broadcasts with one of their columns."""
    return float(length) if isinstance(length, (int, np.number)) else ops.cast(length, boxes.dtype)


def _spread(variance: Any, who: str) -> Any:
    if variance is None:
        return 1.0
    spread = convert_to_tensor(variance, "float32")
    if spread.shape[-1:] != (4,):
        raise ShapeError(f"{who} expects a variance of four numbers; received {variance!r}.")
    return spread


def _check_encoding(name: Any, argument: str, who: str) -> None:
    if name not in ("center_xywh", "center_yxhw"):
        raise ArgumentError(f"{who} expects {argument} to be 'center_xywh' or 'center_yxhw'; received {name!r}.")


def _image_size(image_shape: Any, who: str) -> tuple[Any, Any]:
    if image_shape is None:
        return None, None
    if len(image_shape) != 3:
        raise ArgumentError(f"{who} expects image_shape to be (height, width, channels); received {image_shape!r}.")
    return image_shape[0], image_shape[1]


def _corners_only(who: str, name: Any, expected: str) -> ArgumentError:
    return ArgumentError(
        f"{who} expects bounding_box_format to be {expected}; received {name!r}. Convert the boxes first: "
        f"convert_format(boxes, {name!r}, 'xyxy', height, width)."
    )
