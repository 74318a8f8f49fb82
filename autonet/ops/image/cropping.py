"""Images with more or fewer pixels around: pad_images, crop_images."""

from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError
from autonet.ops.image.resizing import image_axes
from autonet.ops.shaping import _crop, _pad


def _edges(who: str, n: int, sides: dict[str, int | None], sign: int) -> tuple[int, int]:
    """Before and after, from the two that are given of: before, after, length of the result."""
    if sum(v is not None for v in sides.values()) != 2:
        details = ", ".join(f"{k}={v}" for k, v in sides.items())
        raise ArgumentError(f"{who} expects exactly two of {', '.join(sides)}; received {details}.")
    (before_name, before), (after_name, after), (_, target) = sides.items()
    if target is not None:
        change = sign * (target - n)
        if before is None:
            assert after is not None
            before = change - after
        else:
            after = change - before
    assert before is not None and after is not None
    for name, value in ((before_name, before), (after_name, after)):
        if value < 0:
            raise ArgumentError(f"{who} expects {name} of at least 0; received, or found from the target, {value}.")
    return int(before), int(after)


def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images in a frame of zeros. Of top, bottom and target height two are given, and so across.

    Args:
        images: shape (n, height, width, channels), without n for one image, or as `data_format` says.

    >>> pad_images([[[1.0]]], 0, 1, target_height=1, target_width=3)[0, :, 0].tolist()
    [0.0, 1.0, 0.0]
    """
    x = convert_to_tensor(images)
    down, across = image_axes(x, data_format, "pad_images")
    rows = {"top_padding": top_padding, "bottom_padding": bottom_padding, "target_height": target_height}
    columns = {"left_padding": left_padding, "right_padding": right_padding, "target_width": target_width}
    widths = [(0, 0)] * x.ndim
    widths[down] = _edges("pad_images", x.shape[down], rows, 1)
    widths[across] = _edges("pad_images", x.shape[across], columns, 1)
    return _pad(x, widths=tuple(widths))


def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without pixels at their edges. Of top, bottom and target height two are given, and so across.

    Args:
        images: shape (n, height, width, channels), without n for one image, or as `data_format` says.

    >>> crop_images([[[1.0], [2.0], [3.0]]], 0, 1, target_height=1, target_width=1).tolist()
    [[[2.0]]]
    """
    x = convert_to_tensor(images)
    down, across = image_axes(x, data_format, "crop_images")
    rows = {"top_cropping": top_cropping, "bottom_cropping": bottom_cropping, "target_height": target_height}
    columns = {"left_cropping": left_cropping, "right_cropping": right_cropping, "target_width": target_width}
    starts, lengths = [0] * x.ndim, list(x.shape)
    for axis, sides in ((down, rows), (across, columns)):
        before, after = _edges("crop_images", x.shape[axis], sides, -1)
        starts[axis], lengths[axis] = before, x.shape[axis] - before - after
        if lengths[axis] < 1:
            raise ArgumentError(
                f"crop_images would leave nothing of axis {axis}: {before} and {after} of {x.shape[axis]}."
            )
    return _crop(x, starts=tuple(starts), lengths=tuple(lengths))
