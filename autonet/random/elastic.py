"""Images deformed at random: what `autonet.ops.image` shows as well, but draws."""

from autonet.common.types import SeedGenerator, TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.ops.abstract import symbolic_wrapper
from autonet.ops.image.filters import blurred
from autonet.ops.image.resizing import as_floats, image_axes
from autonet.ops.image.warping import displaced
from autonet.ops.shaping import split
from autonet.random.draws import normal


@symbolic_wrapper
def elastic_transform(
    images: TensorLike,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: int | SeedGenerator | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with every pixel moved a little, neighbours alike.

    Args:
        images: shape (n, height, width, channels), without n for one image, or as `data_format` says.
        alpha: how far pixels move: the standard deviation of the moves before they are smoothed.
        sigma: how smooth the moves are: standard deviation, in pixels, of the Gaussian that blurs them.
        interpolation, fill_mode, fill_value, data_format: as in `affine_transform`.
        seed: of the moves: an integer, a SeedGenerator, or None.

    Source: Simard, Steinkraus, Platt, 2003, https://doi.org/10.1109/ICDAR.2003.1227801
    """
    images = convert_to_tensor(images)
    axis, _ = image_axes(images, data_format, "elastic_transform")
    n, (height, width) = (images.shape[0] if images.ndim == 4 else 1), images.shape[axis:][:2]
    dtype = as_floats(images).dtype
    moves = normal((n, height, width, 2), stddev=sigma, dtype=dtype.name, seed=seed)
    length = int(6 * sigma) | 1
    moves = blurred(moves, (1, 2), (length, length), (sigma, sigma)) * alpha
    across, down = [part[..., 0] for part in split(moves, 2, axis=-1)]
    return displaced(images, across, down, data_format, "elastic_transform", interpolation, fill_mode, fill_value)
