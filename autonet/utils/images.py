"""Pictures in files as arrays, and back, with Pillow (extra `images`)."""

import os
from typing import IO, Any

import numpy as np

from autonet.common import dtypes
from autonet.common.extras import advice
from autonet.common.lines import warn
from autonet.common.types import Dtype, PathLike, TensorLike
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.ops.sliding_windows import standardize_data_format
from autonet.utils.files import atomic_write

MODES = {"grayscale": ("L", "I;16", "I"), "rgb": ("RGB",), "rgba": ("RGBA",)}  # of Pillow; others become the first
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")


def pillow() -> Any:
    """Pillow's Image module.

    Raises: ArgumentError, which says how to get it, where it is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ArgumentError(f"Files of pictures need Pillow: {advice('images')}.") from None
    return Image


def load_img(
    path: PathLike | IO[bytes],
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """The picture in a file, as a Pillow image; `img_to_array` makes an array of it.

    Args:
        path: of the file, or an open file.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width) to which it is scaled; by default it keeps its size.
        interpolation: for scaling: "nearest", "bilinear", "bicubic", "box", "hamming" or "lanczos".
        keep_aspect_ratio: cut off what is too wide or too high, in equal parts from both sides, before scaling.

    Raises: ArgumentError for other words and sizes, or without Pillow; Pillow's errors for files that are no pictures.
    """
    if color_mode not in MODES:
        raise ArgumentError(f"load_img expects color_mode to be one of {', '.join(MODES)}; received {color_mode!r}.")
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(
            f"load_img expects interpolation to be one of {', '.join(INTERPOLATIONS)}; received {interpolation!r}."
        )
    if target_size is not None and (
        not isinstance(target_size, (tuple, list))
        or len(target_size) != 2
        or not all(isinstance(n, (int, np.integer)) and n > 0 for n in target_size)
    ):
        raise ArgumentError(f"load_img expects target_size to be (height, width); received {target_size!r}.")
    image_module = pillow()
    with image_module.open(path) as file:
        file.load()
        image = file if file.mode in MODES[color_mode] else file.convert(MODES[color_mode][0])
        if target_size is None:
            return image.copy()
        height, width = target_size
        box = None
        if keep_aspect_ratio:
            wide, high = (
                min(image.width, image.height * width // height),
                min(image.height, image.width * height // width),
            )
            left, top = (image.width - wide) // 2, (image.height - high) // 2
            box = (left, top, left + wide, top + high)
        if image.size == (width, height):
            return image.copy()
        return image.resize((width, height), getattr(image_module.Resampling, interpolation.upper()), box)


def img_to_array(img: object, data_format: str | None = None, dtype: Dtype = None) -> np.ndarray:
    """A Pillow image as an array, of `floatx()` by default.

    Shapes: (height, width, channels), or (channels, height, width) for "channels_first"; grayscale has one channel.
    """
    x = np.asarray(img, dtypes.standardize_dtype(dtype))
    if x.ndim not in (2, 3):
        raise ShapeError(f"img_to_array expects an image of two or three axes; received shape {x.shape}.")
    if x.ndim == 2:
        x = x[:, :, None]
    return x.transpose(2, 0, 1) if standardize_data_format(data_format) == "channels_first" else x


def array_to_img(x: TensorLike, data_format: str | None = None, scale: bool = True, dtype: Dtype = None) -> Any:
    """An array as a Pillow image.

    Args:
        x: shape (height, width, channels) or (channels, height, width), with 1, 3 or 4 channels.
        data_format: which of the two.
        scale: map the smallest number to 0 and the largest to 255; otherwise numbers are kept, their fractions cut off.
        dtype: to compute in, by default `floatx()`.

    Raises: ShapeError for other shapes; DataError for NaN and infinity, and for numbers that no picture can hold.
    """
    pixels = np.asarray(x, dtypes.standardize_dtype(dtype))
    if pixels.ndim == 3 and standardize_data_format(data_format) == "channels_first":
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ShapeError(f"array_to_img expects three axes, one of 1, 3 or 4 channels; received shape {pixels.shape}.")
    if not np.isfinite(pixels).all():
        raise DataError("array_to_img expects finite numbers; received NaN or infinity.")
    if scale and pixels.size:
        pixels = pixels - pixels.min()
        pixels = pixels / (pixels.max() or 1) * 255
    deep = pixels.shape[2] == 1 and pixels.size and pixels.max() > 255  # more shades of gray than a byte has
    if pixels.size and (pixels.min() <= -1 or pixels.max() >= (2**31 if deep else 256)):
        raise DataError(
            f"array_to_img expects numbers from 0 to 255 with scale=False; received {pixels.min()} to {pixels.max()}. "
            "Scale them, or pass scale=True."
        )
    pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    return pillow().fromarray(np.ascontiguousarray(pixels.astype(np.int32 if deep else np.uint8)))


def save_img(
    path: str | os.PathLike[str],
    x: TensorLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array, or a Pillow image, into a file.

    Args:
        path: of the file, or an open file.
        x, data_format, scale: as for `array_to_img`.
        file_format: such as "png" or "jpeg"; by default what the path ends with. JPEG has no transparency: it is left
            out, with a warning.
        kwargs: for Pillow's `save`.
    """
    image: Any = x if hasattr(x, "getbands") else array_to_img(x, data_format, scale)
    ending = file_format or os.path.splitext(path)[1][1:] if isinstance(path, (str, os.PathLike)) else file_format
    if image.mode == "RGBA" and (ending or "").lower() in ("jpg", "jpeg"):
        warn("JPEG has no transparency: the picture is saved as RGB.")
        image = image.convert("RGB")
    if (file_format or "").lower() == "jpg":
        file_format = "jpeg"
    if not isinstance(path, (str, os.PathLike)):
        image.save(path, format=file_format, **kwargs)
        return
    known = pillow().registered_extensions()
    if file_format is None and f".{ending}".lower() not in known:
        image.save(path, **kwargs)  # which says what it knows
    with atomic_write(path) as file:
        image.save(file, format=file_format or known[f".{ending}".lower()], **kwargs)
