"""Images on another grid: resize, scale_and_translate. Each axis is resampled by one matrix product."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError, unknown
from autonet.ops.comparison import round as rounded
from autonet.ops.creation import cast
from autonet.ops.indexing import take
from autonet.ops.padding import pad
from autonet.ops.pointwise import clip
from autonet.ops.products import matmul
from autonet.ops.shaping import _crop, moveaxis, reshape
from autonet.ops.sliding_windows import standardize_data_format

# Kernels: weight of a sample at distance x, and how far it reaches


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys, 1981, https://doi.org/10.1109/TASSP.1981.1163711, with a = -1/2."""
    x = np.abs(x)
    inner = (1.5 * x - 2.5) * x * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))


def _lanczos(radius: int) -> Callable:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0)


KERNELS: dict[str, Callable] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


@functools.lru_cache(64)
def weights(n: int, count: int, scale: float, shift: float, method: str, antialias: bool) -> np.ndarray:
    """Matrix (count, n) whose rows make each of `count` places, i at (i + 1/2 - shift) / scale, from n samples."""
    at = (np.arange(count) + 0.5 - shift) / scale - 0.5
    width = max(1 / scale, 1.0) if antialias else 1.0
    matrix = KERNELS[method]((at[:, None] - np.arange(n)) / width)
    totals = matrix.sum(axis=1, keepdims=True)
    usable = np.abs(totals) > 1000 * np.finfo(np.float32).eps
    matrix = np.where(usable, matrix / np.where(usable, totals, 1), 0)
    matrix[(at < -0.5) | (at > n - 0.5)] = 0
    matrix.flags.writeable = False
    return matrix


def resampled(x: Tensor, axis: int, matrix: np.ndarray) -> Tensor:
    """`x` with its `axis` multiplied by a matrix."""
    matrix = matrix.astype(x.dtype)
    inner = math.prod(x.shape[axis + 1 :])
    if inner > 16 or axis < x.ndim - 2:  # long enough columns: one product per stack entry, without copies
        y = matmul(matrix, reshape(x, (math.prod(x.shape[:axis]), x.shape[axis], inner)))
        return reshape(y, (*x.shape[:axis], len(matrix), *x.shape[axis + 1 :]))
    moved = moveaxis(x, axis, -1)
    y = matmul(reshape(moved, (math.prod(moved.shape[:-1]), x.shape[axis])), matrix.T)
    return moveaxis(reshape(y, (*moved.shape[:-1], len(matrix))), -1, axis)


def as_floats(x: Tensor) -> Tensor:
    """Integers and booleans as the default float, float16 as float32: pixels are weighed and added."""
    if x.dtype == "float16":
        return cast(x, "float32")
    return x if x.dtype.kind == "f" else cast(x, dtypes.floatx())


def as_before(y: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """Floats in the dtype that the images had, rounded and kept within its range if that holds integers."""
    if dtype.kind == "f":
        return y if y.dtype == dtype else cast(y, dtype)
    if dtype.kind == "b":
        return cast(rounded(y) != 0, "bool")
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    limits = [float(np.nextafter(np.float32(v), np.float32(0))) if abs(v) >= 2**24 else float(v) for v in (least, most)]
    return cast(clip(rounded(y), *limits), dtype)


def image_axes(x: Tensor, data_format: str | None, who: str) -> tuple[int, int]:
    """Where height and width stand in one image (3 axes) or a batch of them (4)."""
    first = standardize_data_format(data_format) == "channels_first"
    if len(x.shape) not in (3, 4):
        raise ShapeError(
            f"{who} expects an image (height, width, channels), or a batch with a fourth axis in front; "
            f"received shape {tuple(x.shape)}. Add the missing axis with expand_dims."
        )
    height = len(x.shape) - (2 if first else 3)
    return height, height + 1


def resize(
    images: TensorLike,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images in another size. Pixels are squares whose centres are half-way between whole numbers.

    Args:
        images: shape (n, height, width, channels), without n for one image, or as `data_format` says.
        size: (height, width) of the result.
        interpolation: "nearest", "bilinear", "bicubic" (Keys, a = -1/2), "lanczos3" or "lanczos5".
        antialias: whether kernels widen where images shrink, so that every pixel counts.
        crop_to_aspect_ratio: cut the longer side first, so that nothing is stretched.
        pad_to_aspect_ratio: fill up the shorter side with `fill_value` first.
        fill_mode: "constant" only.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Returns: images of the dtype that was given; integers are rounded.

    >>> resize([[[0.0], [4.0]]], (1, 4))[0, :, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    images = convert_to_tensor(images)
    if interpolation not in INTERPOLATIONS:
        raise unknown("interpolation", interpolation, INTERPOLATIONS)
    if fill_mode != "constant":
        raise ArgumentError(f"resize knows the fill_mode 'constant' alone; received {fill_mode!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("resize can crop to the aspect ratio or pad to it, not both.")
    if np.ndim(size) != 1 or len(size) != 2 or not all(float(n).is_integer() and n > 0 for n in size):
        raise ArgumentError(f"resize expects size=(height, width), whole numbers above 0; received {size!r}.")
    axes = image_axes(images, data_format, "resize")
    target = (int(size[0]), int(size[1]))
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        images = _with_aspect(images, axes, target, crop_to_aspect_ratio, fill_value)
    if interpolation == "nearest":
        for axis, count in zip(axes, target, strict=True):
            n = images.shape[axis]
            if n != count:
                at = np.floor((np.arange(count, dtype=np.float32) + 0.5) * np.float32(n) / np.float32(count))
                images = take(images, at.astype(np.int32), axis)
        return images
    x = as_floats(images)
    for axis, count in zip(axes, target, strict=True):
        n = x.shape[axis]
        if n != count:
            x = resampled(x, axis, weights(n, count, count / n, 0.0, interpolation, bool(antialias)))
    return as_before(x, images.dtype)


def _with_aspect(x: Tensor, axes: tuple, target: tuple, crop: bool, fill_value: float) -> Tensor:
    """Images cut, or filled up, to the proportions of `target`."""
    height, width = (x.shape[axis] for axis in axes)
    wanted = [int(width * target[0] / target[1]), int(height * target[1] / target[0])]
    if crop:
        wanted = [max(min(n, k), 1) for n, k in zip((height, width), wanted, strict=True)]
        starts, lengths = [0] * x.ndim, list(x.shape)
        for axis, n, k in zip(axes, (height, width), wanted, strict=True):
            starts[axis], lengths[axis] = (n - k) // 2, k
        return _crop(x, starts=tuple(starts), lengths=tuple(lengths))
    widths = [(0, 0)] * x.ndim
    for axis, n, k in zip(axes, (height, width), wanted, strict=True):
        half = max(k - n, 0) // 2
        widths[axis] = (half, half)
    return pad(x, tuple(widths), constant_values=fill_value)


def scale_and_translate(
    images: TensorLike,
    output_shape: Sequence[int],
    scale: TensorLike,
    translation: TensorLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Images resampled so that place x of an axis goes to x * scale + translation; zero where nothing went.

    Args:
        images: array of any rank.
        output_shape: shape of the result.
        scale, translation: one number for each of `spatial_dims`; they are fixed numbers, without a derivative.
        spatial_dims: the axes that change.
        method: "linear", "cubic", "lanczos3" or "lanczos5" (and "bilinear", "trilinear", "triangle", "bicubic",
            "tricubic" for the first two).
        antialias: whether kernels widen where images shrink.

    Returns: an array of `output_shape` and of the dtype given; integers are rounded.

    >>> scale_and_translate([0.0, 1.0], (4,), [2.0], [0.0], (0,), "linear").tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    images = convert_to_tensor(images)
    if method not in KERNELS:
        raise unknown("method", method, KERNELS)
    factors, shifts = (np.asarray(v, np.float64).reshape(-1) for v in (scale, translation))
    if not len(factors) == len(shifts) == len(spatial_dims):
        raise ArgumentError(
            "scale_and_translate expects one scale and one translation for each of spatial_dims; "
            f"received {len(factors)}, {len(shifts)} and {len(spatial_dims)}."
        )
    x = as_floats(images)
    for axis, factor, shift in zip(spatial_dims, factors, shifts, strict=True):
        axis %= x.ndim
        x = resampled(
            x, axis, weights(x.shape[axis], int(output_shape[axis]), float(factor), float(shift), method, antialias)
        )
    if x.shape != tuple(output_shape):
        raise ShapeError(
            f"scale_and_translate changes the axes {tuple(spatial_dims)} only; shape {images.shape} cannot become "
            f"{tuple(output_shape)}."
        )
    return as_before(x, images.dtype)
