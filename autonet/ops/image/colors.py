"""Colours told in other numbers: greys, hue, saturation and value."""

from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import DtypeError, ShapeError
from autonet.ops.comparison import equal, floor
from autonet.ops.creation import cast
from autonet.ops.half_precision import accumulates
from autonet.ops.image.resizing import as_floats, image_axes
from autonet.ops.pointwise import clip, maximum, minimum, mod, where
from autonet.ops.reduction import sum as total
from autonet.ops.shaping import concatenate, split

GREY = (0.2989, 0.587, 0.114)  # how bright red, green and blue appear


def _channels(images: Any, data_format: str | None, who: str, floats: bool) -> tuple[Tensor, int]:
    """The images, and where their three channels are."""
    x = convert_to_tensor(images)
    height, _ = image_axes(x, data_format, who)
    axis = x.ndim - 3 if height == x.ndim - 2 else x.ndim - 1
    if floats and x.dtype.kind != "f":
        raise DtypeError(
            f"{who} expects floats from 0 to 1; received dtype {x.dtype}. Cast the images and divide by 255."
        )
    if x.shape[axis] != 3 and (floats or x.shape[axis] != 1):
        raise ShapeError(f"{who} expects 3 channels along axis {axis}; received shape {x.shape}.")
    return x, axis


@accumulates(like="images")
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Brightness of each pixel, 0.2989 red + 0.587 green + 0.114 blue, with one channel left; greys stay as they are.

    >>> rgb_to_grayscale([[[1.0, 1.0, 0.0]]]).tolist()
    [[[0.8859000205993652]]]
    """
    x, axis = _channels(images, data_format, "rgb_to_grayscale", floats=False)
    if x.shape[axis] == 1:
        return x
    dims = [1] * x.ndim
    dims[axis] = 3
    floats = as_floats(x)
    grey = total(floats * np.array(GREY, floats.dtype).reshape(dims), axis=axis, keepdims=True)
    return cast(grey, x.dtype)


@accumulates(like="images")
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value, each from 0 to 1, of red, green and blue from 0 to 1. Hue 0 is red, 1/3 green.

    >>> rgb_to_hsv([[[0.0, 1.0, 0.0]]])[0, 0].tolist()
    [0.3333333432674408, 1.0, 1.0]
    """
    x, axis = _channels(images, data_format, "rgb_to_hsv", floats=True)
    red, green, blue = split(x, 3, axis)
    value = maximum(maximum(red, green), blue)
    extent = value - minimum(minimum(red, green), blue)
    grey = equal(extent, 0)
    safe = where(grey, 1, extent)
    hue = where(
        equal(value, red),
        (green - blue) / safe,
        where(equal(value, green), (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = where(grey, 0, mod(hue / 6, 1))
    black = equal(value, 0)
    saturation = where(black, 0, extent / where(black, 1, value))
    return concatenate([hue, saturation, value], axis)


@accumulates(like="images")
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Red, green and blue, each from 0 to 1, of hue, saturation and value from 0 to 1.

    >>> hsv_to_rgb([[[0.5, 1.0, 1.0]]])[0, 0].tolist()
    [0.0, 1.0, 1.0]
    """
    x, axis = _channels(images, data_format, "hsv_to_rgb", floats=True)
    hue, saturation, value = split(x, 3, axis)
    turn = (hue - floor(hue)) * 6
    ramps = [abs(turn - 3) - 1, 2 - abs(turn - 2), 2 - abs(turn - 4)]
    return concatenate([(1 - saturation * (1 - clip(ramp, 0, 1))) * value for ramp in ramps], axis)
