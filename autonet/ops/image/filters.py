"""What pixels say together with their neighbours: Gaussian blur, Sobel's edges, structural similarity."""

import functools
from collections.abc import Sequence

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.ops.half_precision import accumulates
from autonet.ops.image.resizing import as_floats, image_axes, resampled
from autonet.ops.pointwise import square
from autonet.ops.reduction import mean
from autonet.ops.shaping import stack


@functools.lru_cache(64)
def _sliding(n: int, kernel: tuple[float, ...], padded: bool) -> np.ndarray:
    """Matrix that correlates n places with a kernel, zeros beyond the edges if padded, else only where it fits."""
    k = len(kernel)
    start = (k - 1) // 2 if padded else 0
    matrix = np.zeros((n if padded else n - k + 1, n))
    for i, weight in enumerate(kernel):
        matrix += weight * np.eye(*matrix.shape, i - start)
    matrix.flags.writeable = False
    return matrix


def _gaussian(length: int, sigma: float) -> tuple[float, ...]:
    weights = np.exp(-0.5 * np.square((np.arange(length) - (length - 1) / 2) / sigma))
    return tuple((weights / weights.sum()).tolist())


def blurred(
    x: Tensor, axes: tuple[int, int], kernel_size: Sequence[int], sigma: Sequence[float], padded: bool = True
) -> Tensor:
    """Floats smoothed along two axes by Gaussians, zeros beyond the edges."""
    for axis, length, width in zip(axes, kernel_size, sigma, strict=True):
        x = resampled(x, axis, _sliding(x.shape[axis], _gaussian(int(length), float(width)), padded))
    return x


@accumulates(like="images")
def gaussian_blur(
    images: TensorLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Images smoothed by a Gaussian, each channel by itself; beyond the edges are zeros.

    Args:
        images: floats, shape (n, height, width, channels), without n for one image, or as `data_format` says.
        kernel_size: how many (rows, columns) the Gaussian covers.
        sigma: its standard deviations (down, across), in pixels.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    >>> gaussian_blur([[[0.0], [1.0], [0.0]]], (1, 3), (1.0, 1.0))[0, :, 0].numpy().round(3).tolist()
    [0.27399998903274536, 0.4519999921321869, 0.27399998903274536]
    """
    images = convert_to_tensor(images)
    axes = image_axes(images, data_format, "gaussian_blur")
    if images.dtype.kind != "f":
        raise DtypeError(f"gaussian_blur expects floats; received dtype {images.dtype}. Cast the images first.")
    for name, pair in (("kernel_size", kernel_size), ("sigma", sigma)):
        if np.ndim(pair) != 1 or len(pair) != 2 or not all(v > 0 for v in pair):
            raise ArgumentError(f"gaussian_blur expects {name} of two numbers above 0; received {pair!r}.")
    return blurred(images, axes, kernel_size, sigma)


@accumulates(like="images")
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Tensor:
    """How steep a batch of images is at each pixel, downwards and to the right; beyond the edges are zeros.

    Shapes: images (n, height, width, channels); result (n, height, width, channels, 2), or as `data_format` says.

    >>> sobel_edges([[[[1.0], [2.0], [4.0]]]])[0, 0, 1, 0].tolist()
    [0.0, 6.0]
    """
    images = convert_to_tensor(images)
    axes = image_axes(images, data_format, "sobel_edges")
    if images.ndim != 4:
        raise ShapeError(
            f"sobel_edges expects a batch of images; received shape {images.shape}. Add an axis with expand_dims."
        )
    x = as_floats(images)
    smooth, steep = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)
    derivatives = []
    for kernels in ((steep, smooth), (smooth, steep)):
        y = x
        for axis, kernel in zip(axes, kernels, strict=True):
            y = resampled(y, axis, _sliding(x.shape[axis], kernel, True))
        derivatives.append(y)
    edges = stack(derivatives, axis=-1)
    return edges if images.dtype.kind == "f" else convert_to_tensor(edges, images.dtype)


@accumulates()
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """Structural similarity of two images, or of the pairs of two batches: 1 if they are equal, less the more they differ.

        (2 m1 m2 + c1) (2 s12 + c2) / ((m1^2 + m2^2 + c1) (s1^2 + s2^2 + c2)),  c = (k max_val)^2

    with means, variances and covariance under a Gaussian window, averaged over all places and channels.

    Args:
        image1, image2: floats of one shape, (n, height, width, channels) or without n, or as `data_format` says.
        max_val: the largest value that a pixel can have.
        filter_size, filter_sigma: of the window, which stays inside the images.
        k1, k2: keep the quotient finite.
        data_format: "channels_last", "channels_first", or None for `config.image_data_format()`.

    Returns: shape (n,), or a number for a single pair.

    Source: Wang, Bovik, Sheikh, Simoncelli, 2004, https://doi.org/10.1109/TIP.2003.819861
    """
    x, y = as_floats(convert_to_tensor(image1)), as_floats(convert_to_tensor(image2))
    axes = image_axes(x, data_format, "ssim")
    if x.shape != y.shape:
        raise ShapeError(f"ssim expects two images of one shape; received {x.shape} and {y.shape}.")
    if min(x.shape[a] for a in axes) < filter_size:
        raise ShapeError(
            f"ssim expects images of at least {filter_size} x {filter_size} pixels, the size of its window; received "
            f"shape {x.shape}. Pass a smaller filter_size."
        )
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2

    def local(v):
        return blurred(v, axes, (filter_size,) * 2, (filter_sigma,) * 2, padded=False)

    mean1, mean2 = local(x), local(y)
    squares, product = square(mean1) + square(mean2), mean1 * mean2
    spread = local(square(x)) + local(square(y)) - squares
    common = local(x * y) - product
    index = (2 * product + c1) * (2 * common + c2) / ((squares + c1) * (spread + c2))
    return mean(index, axis=(-3, -2, -1))
