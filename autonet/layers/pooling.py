"""Pooling: one number for each window of places, or for all of them."""

from collections.abc import Callable
from typing import Any

from autonet import ops
from autonet.common.types import LayerOptions, NameOptions, Sizes, Unpack
from autonet.core.tensor import Tensor
from autonet.layers.convolution import Spatial, documented, standardize_padding, window_counts
from autonet.ops.half_precision import accumulates
from autonet.ops.sliding_windows import per_axis

# Windows


class Pooling(Spatial):
    """One number for each window of places, for each channel by itself.

        y[n, o, c] = largest or mean over places t of the window of x[n, o * stride + t - start, c]

    Shapes: x (n, *places, channels), y (n, *counts, channels), channels after n with data_format "channels_first".

    Args:
        pool_size: places that a window takes, a number or one per axis.
        strides: places from one window to the next; by default `pool_size`.
        padding: "valid" (windows inside the input only) or "same" (ceil(places / stride) windows; what lies outside
            the input does not count).
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
    """

    pool: Callable[..., Tensor]
    pool_mode: str  # "max" or "average"

    def __init__(
        self,
        pool_size: Sizes,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **common: Unpack[NameOptions],
    ):
        super().__init__(data_format, name=name, **common)
        self.pool_size = per_axis(pool_size, self.rank, f"{self.label}: pool_size")
        self.strides = self.pool_size if strides is None else per_axis(strides, self.rank, f"{self.label}: strides")
        self.padding = standardize_padding(padding, ("valid", "same"), self.label)

    def call(self, inputs: Any) -> Tensor:
        return self.pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def _after(self, places: tuple[Any, ...]) -> tuple[Any, ...]:
        return window_counts(places, self.pool_size, self.strides, self.padding, (1,) * self.rank, self.label)


@documented
class MaxPooling(Pooling):
    """The largest number of each window of places."""

    pool_mode = "max"

    pool = staticmethod(ops.max_pool)

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **common: Unpack[NameOptions],
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **common)


@documented
class MaxPooling1D(MaxPooling):
    """The largest number of each window of places in sequences, (n, places, channels).

    >>> MaxPooling1D()(ops.ones((2, 5, 3))).shape
    (2, 2, 3)
    """

    rank = 1


@documented
class MaxPooling2D(MaxPooling):
    """The largest number of each window of places in images, (n, height, width, channels).

    >>> MaxPooling2D(pool_size=(2, 3), strides=1, padding='same')(ops.ones((2, 3, 4, 2))).shape
    (2, 3, 4, 2)
    """

    rank = 2


@documented
class MaxPooling3D(MaxPooling):
    """The largest number of each window of places in volumes, (n, depth, height, width, channels).

    >>> MaxPooling3D(data_format='channels_first')(ops.ones((1, 2, 2, 4, 3))).shape
    (1, 2, 1, 2, 1)
    """

    rank = 3


@documented
class AveragePooling(Pooling):
    """The mean of each window of places."""

    pool_mode = "average"

    pool = staticmethod(ops.average_pool)


@documented
class AveragePooling1D(AveragePooling):
    """The mean of each window of places in sequences, (n, places, channels).

    >>> AveragePooling1D(pool_size=3, strides=2, padding='same')(ops.ones((2, 6, 2))).shape
    (2, 3, 2)
    """

    rank = 1


@documented
class AveragePooling2D(AveragePooling):
    """The mean of each window of places in images, (n, height, width, channels).

    >>> AveragePooling2D(pool_size=2, data_format='channels_first')(ops.ones((2, 2, 4, 5))).shape
    (2, 2, 2, 2)
    """

    rank = 2


@documented
class AveragePooling3D(AveragePooling):
    """The mean of each window of places in volumes, (n, depth, height, width, channels).

    >>> AveragePooling3D(pool_size=(1, 2, 2))(ops.ones((1, 2, 3, 4, 2))).shape
    (1, 2, 1, 2, 2)
    """

    rank = 3


# A given number of windows


class AdaptivePooling(Spatial):
    """One number for each of `output_size` windows, for each channel by itself.

        y[n, i, c] = largest or mean of x[n, p, c], floor(i places / output_size) <= p < ceil((i + 1) places / output_size)

    The windows are as even as they can be and cover all places; neighbours may share one.

    Shapes: x (n, *places, channels), y (n, *output_size, channels), channels after n with data_format
        "channels_first".

    Args:
        output_size: how many windows there are, a number or one per axis.
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
    """

    pool: Callable[..., Tensor]

    def __init__(self, output_size: Sizes, data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(data_format, **common)
        self.output_size = per_axis(output_size, self.rank, f"{self.label}: output_size")

    def call(self, inputs: Any) -> Tensor:
        return self.pool(inputs, self.output_size, self.data_format)

    def _after(self, places: tuple[Any, ...]) -> tuple[Any, ...]:
        return self.output_size


@documented
class AdaptiveMaxPooling(AdaptivePooling):
    """The largest number of each of `output_size` windows."""

    pool = staticmethod(ops.adaptive_max_pool)


@documented
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The largest number of each of `output_size` windows in sequences, (n, places, channels).

    >>> AdaptiveMaxPooling1D(output_size=3)(ops.ones((2, 5, 3))).shape
    (2, 3, 3)
    """

    rank = 1


@documented
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest number of each of `output_size` windows in images, (n, height, width, channels).

    >>> AdaptiveMaxPooling2D(output_size=2, data_format='channels_first')(ops.ones((2, 2, 4, 2))).shape
    (2, 2, 2, 2)
    """

    rank = 2


@documented
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The largest number of each of `output_size` windows in volumes, (n, depth, height, width, channels).

    >>> AdaptiveMaxPooling3D(output_size=(1, 2, 2))(ops.ones((1, 2, 3, 2, 2))).shape
    (1, 1, 2, 2, 2)
    """

    rank = 3


@documented
class AdaptiveAveragePooling(AdaptivePooling):
    """The mean of each of `output_size` windows."""

    pool = staticmethod(ops.adaptive_average_pool)


@documented
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows in sequences, (n, places, channels).

    >>> AdaptiveAveragePooling1D(output_size=3)(ops.ones((2, 5, 3))).shape
    (2, 3, 3)
    """

    rank = 1


@documented
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows in images, (n, height, width, channels).

    >>> AdaptiveAveragePooling2D(output_size=2, data_format='channels_first')(ops.ones((2, 2, 4, 3))).shape
    (2, 2, 2, 2)
    """

    rank = 2


@documented
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows in volumes, (n, depth, height, width, channels).

    >>> AdaptiveAveragePooling3D(output_size=(1, 2, 2))(ops.ones((1, 2, 3, 2, 2))).shape
    (1, 1, 2, 2, 2)
    """

    rank = 3


# All places at once


class GlobalPooling(Spatial):
    """One number for all places, for each channel by itself.

        y[n, c] = largest or mean over places p of x[n, p, c]

    Shapes: x (n, *places, channels), y (n, channels), channels after n with data_format "channels_first".

    Args:
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
        keepdims: whether y keeps the axes of places, with length one.
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **common: Unpack[LayerOptions]):
        super().__init__(data_format, **common)
        self.keepdims = keepdims

    @property
    def _places(self) -> tuple[int, ...]:
        first = 2 if self.data_format == "channels_first" else 1
        return tuple(range(first, first + self.rank))

    def _after(self, places: tuple[Any, ...]) -> tuple[Any, ...]:
        return (1,) * self.rank if self.keepdims else ()


@documented
class GlobalMaxPooling(GlobalPooling):
    """The largest number of all places."""

    def call(self, inputs: Any) -> Tensor:
        return ops.max(inputs, axis=self._places, keepdims=self.keepdims)


@documented
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest number of all places in sequences, (n, places, channels).

    >>> GlobalMaxPooling1D()(ops.ones((2, 5, 3))).shape
    (2, 3)
    """

    rank = 1


@documented
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest number of all places in images, (n, height, width, channels).

    >>> GlobalMaxPooling2D(keepdims=True, data_format='channels_first')(ops.ones((2, 3, 2, 3))).shape
    (2, 3, 1, 1)
    """

    rank = 2


@documented
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The largest number of all places in volumes, (n, depth, height, width, channels).

    >>> GlobalMaxPooling3D()(ops.ones((2, 2, 1, 3, 2))).shape
    (2, 2)
    """

    rank = 3


@documented
class GlobalAveragePooling(GlobalPooling):
    """The mean of all places."""

    def call(self, inputs: Any) -> Tensor:
        return ops.mean(inputs, axis=self._places, keepdims=self.keepdims)


@accumulates(like="x")
def _masked_mean(x: Tensor, mask: Any, axis: int, keepdims: bool) -> Tensor:
    """The mean of places along `axis`, 1 or 2, where the mask is True."""
    mask = ops.expand_dims(ops.cast(mask, x.dtype), 3 - axis)
    return ops.sum(x * mask, axis=axis, keepdims=keepdims) / ops.sum(mask, axis=axis, keepdims=keepdims)


@documented
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of all places in sequences, (n, places, channels).

    Called with a mask of shape (n, places), it takes the mean over the places where that is True.

    >>> GlobalAveragePooling1D()(ops.ones((3, 4, 2))).shape
    (3, 2)
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **common: Unpack[LayerOptions]):
        super().__init__(data_format, keepdims, **common)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        return _masked_mean(inputs, mask, self._places[0], self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None: no place is left."""


@documented
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of all places in images, (n, height, width, channels).

    >>> GlobalAveragePooling2D(data_format='channels_first')(ops.ones((2, 3, 2, 3))).shape
    (2, 3)
    """

    rank = 2


@documented
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of all places in volumes, (n, depth, height, width, channels).

    >>> GlobalAveragePooling3D(keepdims=True)(ops.ones((2, 2, 1, 3, 2))).shape
    (2, 1, 1, 1, 2)
    """

    rank = 3
