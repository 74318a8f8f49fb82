"""Convolutions in one, two and three dimensions."""

from typing import Any, TypeVar

from autonet import activations, ops
from autonet.common.types import ConvolutionOptions, Identifier, LayerOptions, Sizes, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.dense import positive
from autonet.layers.low_rank import LowRank
from autonet.layers.options import keeps
from autonet.layers.spec import InputSpec
from autonet.ops.sliding_windows import per_axis, place, standardize_data_format


class Windowed(Layer):
    """Base of layers whose kernel is a window that moves over places."""

    rank: int  # axes of places
    bias: Any
    activation: Any
    paddings: tuple[str, ...] = ("valid", "same")

    def _set_windows(self, size: Any, strides: Any, padding: Any, data_format: Any, dilation_rate: Any) -> None:
        self.kernel_size = per_axis(size, self.rank, f"{self.label}: kernel_size")
        self.strides = per_axis(strides, self.rank, f"{self.label}: strides")
        self.dilation_rate = per_axis(dilation_rate, self.rank, f"{self.label}: dilation_rate")
        self.padding = standardize_padding(padding, self.paddings, self.label)
        self.data_format = standardize_data_format(data_format)

    @property
    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def _windowed_shape(self, input_shape: Any, channels: int | None) -> tuple:
        """Shape of one number per window and channel."""
        batch, places, _ = split_shape(input_shape, self.rank, self.data_format, self.label)
        padding = "same" if self.padding == "causal" else self.padding  # the same number of windows
        counts = window_counts(places, self.kernel_size, self.strides, padding, self.dilation_rate, self.label)
        return joined_shape(batch, counts, channels, self.data_format)

    def call(self, inputs: Any) -> Tensor:
        y = self.convolve(inputs)
        if self.bias is not None:
            y = y + along_channels(self.bias, self.rank, self.data_format)
        return self.activation(y)

    def convolve(self, x: Tensor) -> Tensor:
        """The sums over windows, before bias and activation."""
        raise NotImplementedError


class Convolution(LowRank, Windowed):
    """Convolution in `rank` dimensions.

    A window moves over the places; the same linear map acts on all that it sees.

        y[n, o, f] = activation(sum over cells t, channels c of x[n, o * stride + t * dilation - start, c]
                                kernel[t, c, f] + bias[f])

    Shapes: x (n, *places, channels), kernel (*window, channels / groups, filters), bias (filters,),
        y (n, *counts, filters); with data_format "channels_first" the channels of x and y stand after n.

    Args:
        filters: channels of the output.
        kernel_size: places that the window takes, a number or one per axis.
        strides: places from one window to the next.
        padding: "valid" (windows inside the input only) or "same" (ceil(places / stride) windows, zeros around);
            "causal" (Conv1D only: zeros before, so that no output sees what comes later).
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
        dilation_rate: places from one cell of the window to the next; not together with strides.
        groups: parts into which channels and filters fall, each filter seeing only its own.
        activation: name or function; None leaves the sum as it is.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on kernel, bias and output.
        kernel_constraint, bias_constraint: projections after each step.

    Raises: ArgumentError for arguments that do not fit together; ShapeError if no window fits, or groups do not divide
        the channels.
    """

    @keeps("kernel", "bias")
    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **common: Unpack[ConvolutionOptions],
    ):
        lora = common.pop("lora_rank", None), common.pop("lora_alpha", None)  # of a configuration after enable_lora
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self._take_lora(*lora)
        self.filters = positive(filters, "filters", self.label)
        self.groups = positive(groups, "groups", self.label)
        self._set_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if self.filters % self.groups:
            raise ArgumentError(
                f"{self.label} expects filters in {self.groups} equal groups; received {self.filters} filters. "
                f"Make their number a multiple of {self.groups}."
            )
        refuse_strides_with_dilation(self.strides, self.dilation_rate, self.label)

    def build(self, input_shape: Any) -> None:
        channels = input_shape[self._channel_axis]
        if channels is None or channels % self.groups:
            raise ShapeError(
                f"{self.label} expects a number of channels that its {self.groups} groups divide; received {channels} "
                f"on axis {self._channel_axis} of shape {tuple(input_shape)}. Check groups and data_format."
            )
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        self.kernel = self._add_of_family("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self._add_of_family("bias", (self.filters,)) if self.use_bias else None
        self._build_lora()
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def convolve(self, x: Tensor) -> Tensor:
        return ops.conv(x, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self._windowed_shape(input_shape, self.filters)


C = TypeVar("C", bound=type)


def documented(cls: C) -> C:
    """Decorator: what the base's docstring says after its first line stands in the class's too."""
    rest = (cls.__mro__[1].__doc__ or "").partition("\n")[2]
    head, example, tail = (cls.__doc__ or "").partition("\n    >>> ")  # which comes last
    cls.__doc__ = f"{head.rstrip()}\n{rest.rstrip()}\n{example}{tail}" if rest else cls.__doc__
    return cls


@documented
class Conv1D(Convolution):
    """Convolution of sequences, (n, places, channels).

    >>> Conv1D(filters=2, kernel_size=3, padding='causal', dilation_rate=2)(ops.ones((2, 6, 3))).shape
    (2, 6, 2)
    """

    rank = 1
    paddings = ("valid", "same", "causal")

    def convolve(self, x: Tensor) -> Tensor:
        if self.padding != "causal":
            return super().convolve(x)
        before = ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)
        still = (0, 0)
        x = ops.pad(x, (still, still, before) if self.data_format == "channels_first" else (still, before, still))
        return ops.conv(x, self.kernel, self.strides, "valid", self.data_format, self.dilation_rate)


@documented
class Conv2D(Convolution):
    """Convolution of images, (n, height, width, channels).

    >>> Conv2D(filters=4, kernel_size=(2, 3), groups=2, padding='same')(ops.ones((2, 4, 5, 2))).shape
    (2, 4, 5, 4)
    """

    rank = 2


@documented
class Conv3D(Convolution):
    """Convolution of volumes, (n, depth, height, width, channels).

    >>> Conv3D(filters=2, kernel_size=2)(ops.ones((1, 3, 3, 2, 2))).shape
    (1, 2, 2, 1, 2)
    """

    rank = 3


# Shared with pooling and recurrent layers


def refuse_strides_with_dilation(strides: tuple[int, ...], dilation_rate: tuple[int, ...], label: str) -> None:
    """ArgumentError where both are above 1."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ArgumentError(
            f"{label} expects strides or a dilation_rate above 1, not both; received strides={strides} "
            f"and dilation_rate={dilation_rate}."
        )


def standardize_padding(padding: Any, known: tuple[str, ...], label: str) -> str:
    """`padding` in lower case if it is among `known`; ArgumentError otherwise."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in known:
        words = " or ".join(repr(k) for k in known)
        raise ArgumentError(f"{label} expects padding to be {words}; received {padding!r}.")
    return name


def along_channels(x: Tensor, rank: int, data_format: str) -> Tensor:
    """`x`, one number per channel, in a shape that broadcasts over a batch of `rank` axes of places."""
    return x if data_format == "channels_last" else ops.reshape(x, (-1, *(1,) * rank))


def split_shape(shape: Any, rank: int, data_format: str, label: str) -> tuple[Any, tuple[Any, ...], Any]:
    """Batch size, places and channels of a batch's shape."""
    if len(shape) != rank + 2:
        raise ShapeError(
            f"{label} expects an input of {rank + 2} axes (batch, places, channels); received shape {tuple(shape)}. "
            "Reshape the input."
        )
    if data_format == "channels_first":
        return shape[0], tuple(shape[2:]), shape[1]
    return shape[0], tuple(shape[1:-1]), shape[-1]


def joined_shape(batch: Any, places: tuple[Any, ...], channels: Any, data_format: str) -> tuple[Any, ...]:
    """The reverse of `split_shape`."""
    return (batch, channels, *places) if data_format == "channels_first" else (batch, *places, channels)


def window_counts(
    places: tuple[Any, ...],
    window: tuple[Any, ...],
    strides: tuple[Any, ...],
    padding: str,
    dilation: tuple[Any, ...],
    label: str,
) -> tuple[Any, ...]:
    """How many windows there are along each axis, None where the number of places is."""
    counts = []
    for n, w, s, d in zip(places, window, strides, dilation, strict=True):
        counts.append(None if n is None else place((n,), (w,), (s,), padding, (d,), label)[1][0])
    return tuple(counts)


class Spatial(Layer):
    """Base of layers without weights on batches (n, *places, channels), or (n, channels, *places)."""

    rank: int  # axes of places

    def __init__(self, data_format: str | None = None, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = self._builds_nothing()

    def _after(self, places: tuple[Any, ...]) -> tuple[Any, ...]:
        """How many places there are afterwards, None for any number."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, places, channels = split_shape(input_shape, self.rank, self.data_format, self.label)
        return joined_shape(batch, self._after(places), channels, self.data_format)
