"""Layers that cut places off, put zeros around, or repeat places."""

from collections.abc import Sequence
from typing import Any

from autonet import ops
from autonet.common.types import LayerOptions, Sizes, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.convolution import Spatial, documented, joined_shape, split_shape
from autonet.ops.sliding_windows import per_axis


class Edges(Spatial):
    """Base of layers with two numbers for each axis of places: at its beginning, at its end."""

    word: str  # what the numbers are called

    def _pairs(self, amounts: Any) -> Any:
        return pairs(amounts, self.rank, f"{self.label}: {self.word}")

    @property
    def _amounts(self) -> tuple[tuple[int, int], ...]:
        amounts = getattr(self, self.word)
        return (amounts,) if self.rank == 1 else amounts


class Cropping(Edges):
    """Places cut off at the beginning and the end of each axis.

        y[n, p, c] = x[n, p + first, c]

    Shapes: x (n, *places, channels) and y likewise, channels after n with data_format "channels_first".

    Args:
        cropping: how many places, ((first, last), ...) for each axis; one number per axis for as many at both ends, or
            one number for all.
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`. (1D: always last.)

    Raises: ShapeError where nothing would be left.
    """

    word = "cropping"
    cropping: tuple[tuple[int, int], ...]

    def __init__(self, cropping: int | Sequence[Any], data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(data_format, **common)
        self.cropping = self._pairs(cropping)

    def call(self, inputs: Any) -> Tensor:
        self.compute_output_shape(inputs.shape)
        kept = tuple([slice(a, -b if b else None) for a, b in self._amounts])
        return inputs[
            (slice(None), slice(None), *kept) if self.data_format == "channels_first" else (slice(None), *kept)
        ]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, places, channels = split_shape(input_shape, self.rank, self.data_format, self.label)
        left = tuple([None if n is None else n - a - b for n, (a, b) in zip(places, self._amounts, strict=True)])
        if any(n is not None and n < 1 for n in left):
            raise ShapeError(
                f"{self.label} cuts off {getattr(self, self.word)}, and must leave something of each axis; received "
                f"shape {tuple(input_shape)}. Crop less, or check data_format."
            )
        return joined_shape(batch, left, channels, self.data_format)


@documented
class Cropping1D(Cropping):
    """Places cut off at the beginning and the end of sequences, (n, places, channels).

    >>> Cropping1D(cropping=(1, 2))(ops.ones((2, 5, 2))).shape
    (2, 2, 2)
    """

    _fixed = ("data_format",)
    rank = 1

    def __init__(self, cropping: int | Sequence[Any] = (1, 1), **common: Unpack[LayerOptions]):
        super().__init__(cropping, "channels_last", **common)


@documented
class Cropping2D(Cropping):
    """Places cut off at the edges of images, (n, height, width, channels).

    >>> Cropping2D(cropping=((1, 0), (0, 1)), data_format='channels_first')(ops.ones((1, 2, 3, 3))).shape
    (1, 2, 2, 2)
    """

    rank = 2

    def __init__(
        self,
        cropping: int | Sequence[Any] = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(cropping, data_format, **common)


@documented
class Cropping3D(Cropping):
    """Places cut off at the faces of volumes, (n, depth, height, width, channels).

    >>> Cropping3D(cropping=(0, 1, 0))(ops.ones((1, 2, 3, 2, 2))).shape
    (1, 2, 1, 2, 2)
    """

    rank = 3

    def __init__(
        self,
        cropping: int | Sequence[Any] = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(cropping, data_format, **common)


class ZeroPadding(Edges):
    """Zeros at the beginning and the end of each axis of places.

        y[n, p, c] = x[n, p - before, c], 0 where there is none

    Shapes: x (n, *places, channels) and y likewise, channels after n with data_format "channels_first".

    Args:
        padding: how many zeros, ((before, after), ...) for each axis; one number per axis for as many at both ends, or
            one number for all.
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
    """

    word = "padding"
    padding: tuple[tuple[int, int], ...]

    def __init__(
        self, padding: int | Sequence[Any] = 1, data_format: str | None = None, **common: Unpack[LayerOptions]
    ):
        super().__init__(data_format, **common)
        self.padding = self._pairs(padding)

    def call(self, inputs: Any) -> Tensor:
        return ops.pad(inputs, joined_shape((0, 0), self._amounts, (0, 0), self.data_format))

    def _after(self, places: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([None if n is None else n + a + b for n, (a, b) in zip(places, self._amounts, strict=True)])


@documented
class ZeroPadding1D(ZeroPadding):
    """Zeros before and after sequences, (n, places, channels).

    >>> ZeroPadding1D(padding=(1, 2))(ops.ones((2, 3, 2))).shape
    (2, 6, 2)
    """

    rank = 1


@documented
class ZeroPadding2D(ZeroPadding):
    """Zeros around images, (n, height, width, channels).

    >>> ZeroPadding2D(padding=1, data_format='channels_first')(ops.ones((1, 2, 3, 2))).shape
    (1, 2, 5, 4)
    """

    rank = 2

    def __init__(
        self, padding: int | Sequence[Any] = (1, 1), data_format: str | None = None, **common: Unpack[LayerOptions]
    ):
        super().__init__(padding, data_format, **common)


@documented
class ZeroPadding3D(ZeroPadding):
    """Zeros around volumes, (n, depth, height, width, channels).

    >>> ZeroPadding3D(padding=(0, 1, 0))(ops.ones((1, 2, 1, 2, 2))).shape
    (1, 2, 3, 2, 2)
    """

    rank = 3

    def __init__(
        self,
        padding: int | Sequence[Any] = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(padding, data_format, **common)


class UpSampling(Spatial):
    """Each place repeated along each axis.

        y[n, p, c] = x[n, p // size, c]

    Shapes: x (n, *places, channels), y (n, *(places * size), channels), channels after n with data_format
        "channels_first".

    Args:
        size: how many times, a number or one per axis.
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`. (1D: always last.)
    """

    def __init__(self, size: Sizes = 2, data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(data_format, **common)
        self.size = per_axis(size, self.rank, f"{self.label}: size")

    def call(self, inputs: Any) -> Tensor:
        first = 2 if self.data_format == "channels_first" else 1
        for axis, times in enumerate(self.size, first):
            inputs = ops.repeat(inputs, times, axis=axis)
        return inputs

    def _after(self, places: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([None if n is None else n * times for n, times in zip(places, self.size, strict=True)])


@documented
class UpSampling1D(UpSampling):
    """Each place of sequences, (n, places, channels), repeated.

    >>> UpSampling1D(size=3)(ops.ones((2, 3, 2))).shape
    (2, 9, 2)
    """

    _fixed = ("data_format",)
    rank = 1

    def __init__(self, size: int = 2, **common: Unpack[LayerOptions]):
        super().__init__(size, "channels_last", **common)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size[0]}


class UpSampling2D(UpSampling):
    """Images enlarged: each place repeated, or places put between.

        y[n, r, s, c] = x[n, r // rows, s // columns, c]        nearest

    Shapes: x (n, height, width, channels), y (n, height * rows, width * columns, channels), channels after n with
        data_format "channels_first".

    Args:
        size: how many times, a number or (rows, columns).
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
        interpolation: "nearest" for repetition, "bilinear", "bicubic", "lanczos3" or "lanczos5".

    >>> UpSampling2D(size=(1, 2), data_format='channels_first')(ops.ones((1, 2, 2, 3))).shape
    (1, 2, 2, 6)
    """

    rank = 2

    def __init__(
        self,
        size: Sizes = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **common: Unpack[LayerOptions],
    ):
        super().__init__(size, data_format, **common)
        self.interpolation = str(interpolation).lower()
        if self.interpolation not in INTERPOLATIONS:
            raise ArgumentError(
                f"{self.label} expects interpolation to be one of {', '.join(INTERPOLATIONS)}; received {interpolation!r}."
            )

    def call(self, inputs: Any) -> Tensor:
        if self.interpolation == "nearest":
            return super().call(inputs)
        _, places, _ = split_shape(inputs.shape, 2, self.data_format, self.label)
        return ops.image.resize(inputs, self._after(places), self.interpolation, data_format=self.data_format)


@documented
class UpSampling3D(UpSampling):
    """Each place of volumes, (n, depth, height, width, channels), repeated.

    >>> UpSampling3D(size=(1, 2, 1))(ops.ones((1, 2, 2, 1, 2))).shape
    (1, 2, 4, 1, 2)
    """

    rank = 3

    def __init__(self, size: Sizes = (2, 2, 2), data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(size, data_format, **common)


INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def pairs(value: Any, rank: int, who: str) -> Any:
    """Two whole numbers from 0 for each of `rank` axes (for one axis, just those two).

    From a number for all, one per axis, or two for each.
    """
    values = (value,) * rank if not isinstance(value, (tuple, list)) else tuple(value)
    if rank == 1 and len(values) == 2:
        values = (values,)
    made = tuple([(v, v) if not isinstance(v, (tuple, list)) else tuple(v) for v in values])
    whole = all(len(p) == 2 and all(isinstance(n, int) and n >= 0 for n in p) for p in made)
    half = rank == 1 and isinstance(value, (tuple, list)) and not isinstance(values[0] if values else 0, (tuple, list))
    if len(made) != rank or not whole or half:
        raise ArgumentError(
            f"{who} must be a whole number from 0, or {f'{rank} of them, or {rank} pairs' if rank > 1 else 'a pair'} of them; "
            f"received {value!r}."
        )
    return made[0] if rank == 1 else made
