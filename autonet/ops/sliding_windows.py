"""Where windows stand: sizes, strides, padding and dilation, as convolution and pooling share them.

Arrays inside are channels-last, (rows, *places, channels). Output place o and cell t of its window meet at place
`o * stride + t * dilation - start` of the input; what lies outside the input counts as padding.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autonet.common.versions import structure
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.shaping import moveaxis

SCRATCH = 1 << 22  # bytes of patches made at a time, so that they are still in the cache when they are used

_data_format = "channels_last"


def image_data_format() -> str:
    """Where images keep their channels unless told: "channels_last" unless `set_image_data_format` changed it."""
    return _data_format


def set_image_data_format(data_format: str) -> None:
    """Set where images keep their channels: "channels_last", (n, height, width, c), or "channels_first"."""
    global _data_format
    _data_format = standardize_data_format(data_format)
    structure.changed()


def standardize_data_format(data_format: str | None) -> str:
    """`data_format` checked; None is the current `image_data_format()`."""
    if data_format is None:
        return _data_format
    name = str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ArgumentError(f"data_format must be 'channels_last' or 'channels_first'; received {data_format!r}.")
    return name


def per_axis(value: Any, n: int, who: str) -> tuple[int, ...]:
    """One positive whole number for each of `n` axes, from a number or from `n` of them."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) == 1:
        values *= n
    whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v > 0 for v in values)
    if len(values) != n or not whole:
        raise ArgumentError(f"{who} must be a whole number above 0, or {n} of them, one per axis; received {value!r}.")
    return tuple([int(v) for v in values])


def place(
    sizes: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Any,
    dilation: tuple[int, ...],
    who: str,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the first window starts (so much padding before the input), and how many there are, along each axis.

    Raises: ArgumentError for an unknown padding; ShapeError if no window fits.
    """
    mode = str(padding).lower()
    if mode not in ("valid", "same"):
        raise ArgumentError(f"{who}: padding must be 'valid' or 'same'; received {padding!r}.")
    starts, counts = [], []
    for size, w, s, d in zip(sizes, window, strides, dilation, strict=True):
        reach = (w - 1) * d + 1
        if mode == "same":
            count = -(-size // s)
            start = max((count - 1) * s + reach - size, 0) // 2
        else:
            count, start = (size - reach) // s + 1, 0
        if count < 1:
            shown = f"{window} with dilation {dilation}" if max(dilation) > 1 else f"{window}"
            raise ShapeError(
                f"{who} expects an input at least as large as its window, {shown}; received one of {sizes} places. "
                "Use padding='same', a smaller window, or fewer strides before it."
            )
        starts.append(start)
        counts.append(count)
    return tuple(starts), tuple(counts)


def channels_moved_last(x: Any, data_format: str | None, who: str) -> tuple[Tensor, bool]:
    """`x`, which has 1 to 3 axes of places, with its channels last, and whether they were first."""
    first = standardize_data_format(data_format) == "channels_first"
    x = convert_to_tensor(x)
    if not 3 <= len(x.shape) <= 5:
        raise ShapeError(
            f"{who} expects inputs with a batch axis, 1 to 3 axes of places, and channels; received shape {x.shape}. "
            "Add the missing axes with expand_dims."
        )
    return (moveaxis(x, 1, -1) if first else x), first


def moved_back(y: Tensor, first: bool) -> Tensor:
    """`y` with its channels first again, if they were."""
    return moveaxis(y, -1, 1) if first else y


# For the bodies of primitives, on arrays


def lengths(counts: tuple, window: tuple, strides: tuple, dilation: tuple) -> tuple[int, ...]:
    """How many places, padding included, all windows together cover."""
    return tuple([(n - 1) * s + (w - 1) * d + 1 for n, w, s, d in zip(counts, window, strides, dilation, strict=True)])


def within(starts: tuple, covered: tuple, places: tuple) -> bool:
    """Whether all windows stay inside the input, so that no padding is needed."""
    return not any(starts) and all(n <= size for n, size in zip(covered, places, strict=True))


def framed(x: np.ndarray, starts: tuple, covered: tuple, fill: Any = 0) -> np.ndarray:
    """The places that the windows cover: `x` without what none reaches, with padding where it ends before them."""
    places = x.shape[1:-1]
    if within(starts, covered, places):
        return x[(slice(None), *[slice(0, n) for n in covered])]
    frame = empty_frame(x, x.shape[0], covered, fill)
    np.copyto(*frame_parts(frame, x, starts))
    return frame


def empty_frame(x: np.ndarray, rows: int, covered: tuple, fill: Any = 0) -> np.ndarray:
    """A frame of padding for so many rows of `x`."""
    frame = np.zeros((rows, *covered, x.shape[-1]), x.dtype)
    if fill:
        frame[...] = fill
    return frame


def frame_parts(frame: np.ndarray, x: np.ndarray, starts: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Views of a frame and of `x` that show the same places."""
    inside = [min(size, n - a) for size, n, a in zip(x.shape[1:-1], frame.shape[1:-1], starts, strict=True)]
    return (
        frame[(slice(None), *[slice(a, a + n) for a, n in zip(starts, inside, strict=True)])],
        x[(slice(None), *[slice(0, n) for n in inside])],
    )


def unframed(frame: np.ndarray, starts: tuple, places: tuple, out: np.ndarray) -> None:
    """The reverse of `framed`: the places of the input into `out`, which holds zeros."""
    inside, target = frame_parts(frame, out, starts)
    np.copyto(target, inside)


def cells(window: tuple) -> Iterator[tuple[int, ...]]:
    """The cells of a window, in the order of memory."""
    return itertools.product(*[range(w) for w in window])


def seen_by(cell: tuple, counts: tuple, strides: tuple, dilation: tuple) -> tuple:
    """The index of a framed array that gives, for every window, what this one of its cells sees."""
    return (
        slice(None),
        *[slice(t * d, t * d + (n - 1) * s + 1, s) for t, n, s, d in zip(cell, counts, strides, dilation, strict=True)],
    )


def window_view(x: np.ndarray, counts: tuple, window: tuple, strides: tuple, dilation: tuple) -> np.ndarray:
    """All windows of a framed array, as a view (rows, *counts, *window, channels) in which they overlap."""
    row, *places, channel = x.strides
    steps = [p * s for p, s in zip(places, strides, strict=True)] + [
        p * d for p, d in zip(places, dilation, strict=True)
    ]
    shape = (x.shape[0], *counts, *window, x.shape[-1])
    return as_strided(x, shape, (row, *steps, channel), writeable=False)


def blocks(rows: int, bytes_each: int) -> Iterator[slice]:
    """Cuts `rows` into runs that need about SCRATCH bytes each."""
    step = max(1, min(rows, SCRATCH // max(bytes_each, 1)))
    return (slice(i, min(i + step, rows)) for i in range(0, rows, step))


class Patch(NamedTuple):
    """A block of windows: what is to be copied, and the matrix that then holds the windows as rows."""

    at: tuple[slice, slice]  # its rows, and its first places
    fill: tuple[np.ndarray, np.ndarray] | None  # copied before: the frame's inside, and the part of the input there
    store: np.ndarray
    seen: np.ndarray  # copied to `store`
    matrix: np.ndarray


def patch_steps(
    x: np.ndarray, starts: tuple, counts: tuple, window: tuple, strides: tuple, dilation: tuple
) -> Iterator[Patch]:
    """The windows of `x` as rows of a matrix, (windows, cells * channels), a block at a time, in one store.

    With few channels it is the transpose of a row-major matrix, since cells then follow each other in longer runs
    across windows.
    """
    channels = x.shape[-1]
    covered = lengths(counts, window, strides, dilation)
    inside = within(starts, covered, x.shape[1:-1])
    width = math.prod(window) * channels
    thin = channels <= 4
    across = math.prod(counts[1:])
    order = (*range(len(counts) + 1, 2 * len(counts) + 2), *range(len(counts) + 1))
    store, frame = np.empty(0, x.dtype), None
    for rows in blocks(x.shape[0], math.prod(counts) * width * x.itemsize):
        n, fill = rows.stop - rows.start, None
        if inside:
            whole = x[rows]
        else:
            frame = empty_frame(x, n, covered) if frame is None else frame
            whole = frame[:n]
            fill = frame_parts(whole, x[rows], starts)
        view = window_view(whole, counts, window, strides, dilation)
        for some in blocks(counts[0], across * width * x.itemsize) if n == 1 else (slice(0, counts[0]),):
            part = view[:, some]
            if store.size < part.size:
                store = np.empty(part.size, x.dtype)
            windows = part.size // max(width, 1)
            flat = store[: part.size]
            if thin:
                part = part.transpose(order)
                matrix = flat.reshape(width, windows).T
            else:
                matrix = flat.reshape(windows, width)
            yield Patch((rows, some), fill, flat.reshape(part.shape), part, matrix)
            fill = None


def patches(x: np.ndarray, *geometry: tuple) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Rows and first places of each block of windows, and their matrix, which the next block overwrites."""
    for step in patch_steps(x, *geometry):
        if step.fill is not None:
            np.copyto(*step.fill)
        np.copyto(step.store, step.seen)
        yield step.at, step.matrix
