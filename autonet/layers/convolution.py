"""Convolutions in one, two and three dimensions."""

from typing import Any

from autonet import activations, constraints, initializers, ops, regularizers
from autonet.core.tensor import Tensor
from autonet.core.types import Identifier
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.dense import OLD_WORDS, positive
from autonet.layers.low_rank import LowRank
from autonet.layers.spec import InputSpec
from autonet.legacy import renamed
from autonet.ops.windows import per_axis, place, standardize_data_format


class Convolution(LowRank, Layer):
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

    rank: int  # axes of places
    paddings: tuple[str, ...] = ("valid", "same")

    @renamed(nb_filter="filters", border_mode="padding", subsample="strides", **OLD_WORDS)
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **common: Any,
    ):
        lora = common.pop("lora_rank", None), common.pop("lora_alpha", None)  # of a configuration after enable_lora
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self._take_lora(*lora)
        self.filters = positive(filters, "filters", self.label)
        self.groups = positive(groups, "groups", self.label)
        self.kernel_size = per_axis(kernel_size, self.rank, f"{self.label}: kernel_size")
        self.strides = per_axis(strides, self.rank, f"{self.label}: strides")
        self.dilation_rate = per_axis(dilation_rate, self.rank, f"{self.label}: dilation_rate")
        self.padding = standardize_padding(padding, self.paddings, self.label)
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if self.filters % self.groups:
            raise ArgumentError(
                f"{self.label} expects filters in {self.groups} equal groups; received {self.filters} filters. "
                f"Make their number a multiple of {self.groups}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{self.label} expects strides or a dilation_rate above 1, not both; received strides={self.strides} "
                f"and dilation_rate={self.dilation_rate}."
            )

    @property
    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def build(self, input_shape: Any) -> None:
        channels = input_shape[self._channel_axis]
        if channels is None or channels % self.groups:
            raise ShapeError(
                f"{self.label} expects a number of channels that its {self.groups} groups divide; received {channels} "
                f"on axis {self._channel_axis} of shape {tuple(input_shape)}. Check groups and data_format."
            )
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self._build_lora()
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def call(self, inputs: Any) -> Tensor:
        y = self.convolve(inputs)
        if self.bias is not None:
            y = y + along_channels(self.bias, self.rank, self.data_format)
        return self.activation(y)

    def convolve(self, x: Tensor) -> Tensor:
        """The sums over windows, before bias and activation."""
        return ops.conv(x, self.adapted(), self.strides, self.padding, self.data_format, self.dilation_rate)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, places, _ = split_shape(input_shape, self.rank, self.data_format, self.label)
        padding = "same" if self.padding == "causal" else self.padding  # the same number of windows
        counts = window_counts(places, self.kernel_size, self.strides, padding, self.dilation_rate, self.label)
        return joined_shape(batch, counts, self.filters, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            **self._lora_config(),
        }


def documented(cls: type[Any]) -> type[Any]:
    """Decorator: what the base's docstring says after its first line stands in the class's too."""
    rest = (cls.__mro__[1].__doc__ or "").partition("\n")[2]
    cls.__doc__ = f"{cls.__doc__}\n{rest}" if rest else cls.__doc__
    return cls


@documented
class Conv1D(Convolution):
    """Convolution of sequences, (n, places, channels)."""

    rank = 1
    paddings = ("valid", "same", "causal")

    def convolve(self, x: Tensor) -> Tensor:
        if self.padding != "causal":
            return super().convolve(x)
        before = ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)
        still = (0, 0)
        x = ops.pad(x, (still, still, before) if self.data_format == "channels_first" else (still, before, still))
        return ops.conv(x, self.adapted(), self.strides, "valid", self.data_format, self.dilation_rate)


@documented
class Conv2D(Convolution):
    """Convolution of images, (n, height, width, channels)."""

    rank = 2


@documented
class Conv3D(Convolution):
    """Convolution of volumes, (n, depth, height, width, channels)."""

    rank = 3


# Shared with pooling


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
