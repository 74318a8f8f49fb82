"""Images seen through a map of their places: map_coordinates, affine and perspective transforms.

Values between pixels are interpolated, so results have derivatives with respect to the images and, with linear
interpolation, to the coordinates.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError, unknown
from autonet.ops.creation import cast
from autonet.ops.image.resizing import as_before, as_floats, image_axes
from autonet.ops.image.sampling import FILL_MODES, grid_coordinates, grid_sample, sampled
from autonet.ops.shaping import concatenate, expand_dims, moveaxis, reshape, stack
from autonet.ops.solving import solve


def map_coordinates(
    inputs: TensorLike, coordinates: TensorLike, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """`inputs` at places given by real numbers.

    Args:
        inputs: array with d axes.
        coordinates: shape (d, ...): for each axis of inputs, the place.
        order: 0 takes the nearest element, 1 interpolates linearly along each axis.
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest", "wrap", "mirror" (the edge once), or
            "reflect" (the edge twice).
        fill_value: for "constant".

    Returns: shape of one coordinate, dtype of inputs (integers are rounded).

    Raises: ArgumentError for another order or mode; ShapeError unless there is one coordinate for each axis.

    >>> map_coordinates([0.0, 10.0, 20.0], [[0.5, 1.75]], order=1).tolist()
    [5.0, 17.5]
    """
    inputs, coordinates = convert_to_tensor(inputs), convert_to_tensor(coordinates)
    if fill_mode not in FILL_MODES:
        raise unknown("fill_mode", fill_mode, FILL_MODES)
    if order not in (0, 1):
        raise ArgumentError(f"map_coordinates expects order 0 (nearest) or 1 (linear); received {order!r}.")
    if coordinates.ndim < 2 or coordinates.shape[0] != inputs.ndim:
        raise ShapeError(
            f"map_coordinates expects coordinates of shape ({inputs.ndim}, ...), one row for each axis of inputs, "
            f"whose shape is {inputs.shape}; received shape {coordinates.shape}."
        )
    x = as_floats(inputs)
    p = as_floats(coordinates)
    p = cast(p, x.dtype) if p.dtype.itemsize < x.dtype.itemsize else p
    p = grid_coordinates(p) if order else p
    places = [p[i] for i in range(inputs.ndim)]
    y = sampled(reshape(x, (-1, 1)), 0, places, inputs.shape, order, fill_mode, fill_value)
    return as_before(cast(reshape(y, coordinates.shape[1:]), x.dtype), inputs.dtype)


def _check(interpolation: str, fill_mode: str) -> int:
    if fill_mode not in FILL_MODES:
        raise unknown("fill_mode", fill_mode, FILL_MODES)
    if interpolation not in ("nearest", "bilinear"):
        raise unknown("interpolation", interpolation, ("nearest", "bilinear"))
    return 0 if interpolation == "nearest" else 1


def _number(who: str, fill_value: Any) -> float:
    try:
        return float(fill_value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{who} expects fill_value to be a number; received {fill_value!r}.") from None


def warped(
    images: Tensor,
    places: Callable[..., tuple[Any, Any]],
    data_format: str | None,
    who: str,
    interpolation: str,
    fill_mode: str,
    fill_value: Any,
) -> Tensor:
    """Images at (rows, columns), which `places(n, height, width, dtype)` makes; together they have its first three lengths."""
    order = _check(interpolation, fill_mode)
    fill_value = _number(who, fill_value)
    axis, _ = image_axes(images, data_format, who)
    x = as_floats(images)
    single = x.ndim == 3
    if single:
        x = expand_dims(x, 0)
    first = axis == images.ndim - 2
    if first:
        x = moveaxis(x, 1, -1)
    n, height, width, _ = x.shape
    rows, columns = places(n, height, width, x.dtype)
    y = grid_sample(x, rows, columns, order=order, fill_mode=fill_mode, fill_value=fill_value)
    y = moveaxis(y, -1, 1) if first else y
    return as_before(reshape(y, images.shape), images.dtype)


def displaced(images: Tensor, across: Tensor, down: Tensor, *how: Any) -> Tensor:
    """Images whose pixels come from places that lie so far to the right and down, shapes (n, height, width), in pixels.

    Args:
        how: arguments of `warped`, data_format to fill_value, without `places`.
    """

    def places(n, height, width, dtype):
        return np.arange(height, dtype=dtype)[:, None] + down, np.arange(width, dtype=dtype) + across

    return warped(images, places, *how)


def affine(images: Tensor, numbers: Sequence[Any], *how: Any) -> Tensor:
    """As `affine_transform`, by the numbers a0, a1, a2, b0, b1, b2: Tensors of shape (n, 1, 1), or the same for all images.

    Args:
        how: arguments of `warped`, data_format to fill_value.
    """

    def places(n, height, width, dtype):
        x, y = np.arange(width, dtype=dtype), np.arange(height, dtype=dtype)[:, None]
        a = [cast(k, dtype) if isinstance(k, Tensor) else k for k in numbers]
        return _line(a[3], a[4], a[5], x, y), _line(a[0], a[1], a[2], x, y)

    return warped(images, places, *how)


def _line(a: Any, b: Any, c: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """a x + b y + c, which keeps an axis of length one where only the other counts."""
    terms = [
        v if type(k) is float and k == 1 else k * v for k, v in ((a, x), (b, y)) if not (type(k) is float and k == 0)
    ]
    return (terms[0] if len(terms) == 1 else terms[0] + terms[1]) + c


def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images moved, turned, scaled and sheared.

        result(x, y) = images(a0 x + a1 y + a2, b0 x + b1 y + b2), x to the right, y downwards

    Args:
        images: shape (n, height, width, channels), without n for one image, or as `data_format` says.
        transform: the numbers a0, a1, a2, b0, b1, b2, c0, c1, shape (8,) or (n, 8); c0 and c1 are not used.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest", "wrap", "mirror" or "reflect".
        fill_value: for "constant".
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Returns: images of the same shape and dtype.

    >>> affine_transform([[[1.0], [2.0], [3.0]]], [1, 0, 1, 0, 1, 0, 0, 0])[0, :, 0].tolist()
    [2.0, 3.0, 0.0]
    """
    images, transform = convert_to_tensor(images), convert_to_tensor(transform)
    batch = images.shape[0] if images.ndim == 4 else 1
    if transform.shape not in ((8,), (1, 8), (batch, 8)):
        raise ShapeError(
            f"affine_transform expects a transform of shape (8,) or ({batch}, 8) for images of shape {images.shape}; "
            f"received shape {transform.shape}."
        )

    a = reshape(transform, (-1, 1, 1, 8))
    return affine(
        images, [a[..., i] for i in range(6)], data_format, "affine_transform", interpolation, fill_mode, fill_value
    )


def perspective_transform(
    images: TensorLike,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images as seen from elsewhere: what lies at four `end_points` of the result comes from `start_points`' places.

    Args:
        images: shape (n, height, width, channels), without n for one image, or as `data_format` says.
        start_points, end_points: four corresponding points (x, y), shape (4, 2) or (n, 4, 2).
        interpolation: "bilinear" or "nearest".
        fill_value: what lies outside.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Returns: images of the same shape and dtype.
    """
    images = convert_to_tensor(images)
    starts, ends = convert_to_tensor(start_points), convert_to_tensor(end_points)
    if starts.shape[-2:] != (4, 2) or ends.shape != starts.shape or starts.ndim > 3:
        raise ShapeError(
            "perspective_transform expects start_points and end_points of one shape, (4, 2) or (n, 4, 2); "
            f"received {starts.shape} and {ends.shape}."
        )

    def places(n, height, width, dtype):
        h = homography(cast(starts, dtype), cast(ends, dtype))
        h = reshape(h, (-1, 1, 1, 8))
        x, y = np.arange(width, dtype=dtype), np.arange(height, dtype=dtype)[:, None]
        below = h[..., 6] * x + h[..., 7] * y + 1
        columns, rows = ((h[..., i] * x + h[..., i + 1] * y + h[..., i + 2]) / below for i in (0, 3))
        return rows, columns

    return warped(images, places, data_format, "perspective_transform", interpolation, "constant", fill_value)


def homography(starts: Tensor, ends: Tensor) -> Tensor:
    """The eight numbers of the projective map that takes the end points to the start points."""
    x, y = ends[..., 0], ends[..., 1]
    u, v = starts[..., 0], starts[..., 1]
    one, none = x * 0 + 1, x * 0
    upper = stack([x, y, one, none, none, none, -x * u, -y * u], axis=-1)
    lower = stack([none, none, none, x, y, one, -x * v, -y * v], axis=-1)
    equations = concatenate([upper, lower], axis=-2)
    values = concatenate([u, v], axis=-1)
    return solve(equations, expand_dims(values, -1))[..., 0]
