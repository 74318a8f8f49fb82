"""Convolutions that treat each channel by itself, and then perhaps mix the channels."""

from typing import Any

from autonet import activations, constraints, initializers, ops, regularizers
from autonet.core.tensor import Tensor
from autonet.core.types import Identifier
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.convolution import (
    along_channels,
    documented,
    joined_shape,
    split_shape,
    standardize_padding,
    window_counts,
)
from autonet.layers.dense import positive
from autonet.layers.spec import InputSpec
from autonet.legacy import renamed
from autonet.ops.windows import per_axis, standardize_data_format

OLD_WORDS = {"border_mode": "padding", "subsample": "strides", "bias": "use_bias", "init": "depthwise_initializer"}


class ChannelwiseConvolution(Layer):
    """What convolutions channel by channel share: windows, the depthwise kernel, the bias."""

    rank: int  # axes of places

    def _start(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        depth_multiplier: int,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
    ) -> None:
        """Check and keep what is no weight's."""
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier", self.label)
        self.kernel_size = per_axis(kernel_size, self.rank, f"{self.label}: kernel_size")
        self.strides = per_axis(strides, self.rank, f"{self.label}: strides")
        self.dilation_rate = per_axis(dilation_rate, self.rank, f"{self.label}: dilation_rate")
        self.padding = standardize_padding(padding, ("valid", "same"), self.label)
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _keep(self, part: str, initializer: Any, regularizer: Any, constraint: Any) -> None:
        """Keep how the weights called `part` begin, are penalised and constrained."""
        setattr(self, f"{part}_initializer", initializers.get(initializer))
        setattr(self, f"{part}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{part}_constraint", constraints.get(constraint))

    def _weight(self, part: str, shape: tuple[Any, ...], name: str) -> Any:
        return self.add_weight(
            shape,
            getattr(self, f"{part}_initializer"),
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
            name=name,
        )

    def _channels(self, input_shape: Any) -> int:
        """Channels of the input, which from now on are fixed."""
        axis = 1 if self.data_format == "channels_first" else -1
        channels = input_shape[axis]
        if channels is None:
            raise ShapeError(f"{self.label} must know the channels, axis {axis}; received shape {tuple(input_shape)}.")
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return channels

    def call(self, inputs: Any) -> Tensor:
        y = self.convolve(inputs)
        if self.bias is not None:
            y = y + along_channels(self.bias, self.rank, self.data_format)
        return self.activation(y)

    def convolve(self, x: Tensor) -> Tensor:
        """The sums over windows, before bias and activation."""
        raise NotImplementedError

    def _output_shape(self, input_shape: Any, filters: int | None) -> tuple[Any, ...]:
        batch, places, channels = split_shape(input_shape, self.rank, self.data_format, self.label)
        counts = window_counts(places, self.kernel_size, self.strides, self.padding, self.dilation_rate, self.label)
        made = channels * self.depth_multiplier if filters is None and channels is not None else filters
        return joined_shape(batch, counts, made, self.data_format)

    def _window_config(self) -> dict[str, Any]:
        return {
            "depth_multiplier": self.depth_multiplier,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }

    def _weights_config(self, *parts: str) -> dict[str, Any]:
        config = {}
        kinds = (("initializer", initializers), ("regularizer", regularizers), ("constraint", constraints))
        for kind, module in kinds:
            for part in parts:
                config[f"{part}_{kind}"] = module.serialize(getattr(self, f"{part}_{kind}"))
        return {**config, "activity_regularizer": regularizers.serialize(self.activity_regularizer)}


class DepthwiseConvolution(ChannelwiseConvolution):
    """Convolution of each channel by itself, with `depth_multiplier` filters for each.

        y[n, o, c m + k] = activation(sum over cells t of x[n, o * stride + t * dilation - start, c] kernel[t, c, k]
                                      + bias[c m + k]),  m = depth_multiplier

    Shapes: x (n, *places, c), kernel (*window, c, m), bias (c m,), y (n, *counts, c m); with data_format
        "channels_first" the channels of x and y stand after n.

    Args:
        kernel_size: places that the window takes, a number or one per axis.
        strides: places from one window to the next.
        padding: "valid" (windows inside the input only) or "same" (ceil(places / stride) windows, zeros around).
        depth_multiplier: filters for each channel.
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
        dilation_rate: places from one cell of the window to the next.
        activation: name or function; None leaves the sum as it is.
        use_bias: whether a bias is added.
        depthwise_initializer, bias_initializer: first values.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties on kernel, bias and output.
        depthwise_constraint, bias_constraint: projections after each step.

    Raises: ArgumentError for arguments that do not fit together; ShapeError if no window fits.
    """

    @renamed(**OLD_WORDS)
    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        depthwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **common: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self._start(kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation, use_bias)
        self._keep("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._keep("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self._weight("depthwise", shape, "kernel")
        self.bias = self._weight("bias", (channels * self.depth_multiplier,), "bias") if self.use_bias else None

    def convolve(self, x: Tensor) -> Tensor:
        return ops.depthwise_conv(x, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return self._output_shape(input_shape, None)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._window_config(), **self._weights_config("depthwise", "bias")}


@documented
class DepthwiseConv1D(DepthwiseConvolution):
    """Convolution of each channel of sequences, (n, places, channels), by itself."""

    rank = 1


@documented
class DepthwiseConv2D(DepthwiseConvolution):
    """Convolution of each channel of images, (n, height, width, channels), by itself."""

    rank = 2


class SeparableConvolution(ChannelwiseConvolution):
    """A convolution of each channel by itself, then one that mixes the channels at each place.

    Shapes: x (n, *places, c), depthwise_kernel (*window, c, m), pointwise_kernel (1, ..., c m, filters),
        bias (filters,), y (n, *counts, filters), m = depth_multiplier; with data_format "channels_first" the channels
        of x and y stand after n.

    Args:
        filters: channels of the output.
        kernel_size: places that the window takes, a number or one per axis.
        strides: places from one window to the next.
        padding: "valid" (windows inside the input only) or "same" (ceil(places / stride) windows, zeros around).
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`.
        dilation_rate: places from one cell of the window to the next; not together with strides.
        depth_multiplier: filters for each channel in the first convolution.
        activation: name or function; None leaves the sum as it is.
        use_bias: whether a bias is added.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values.
        depthwise_regularizer, ..., activity_regularizer: penalties on kernels, bias and output.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections after each step.

    Raises: ArgumentError for arguments that do not fit together; ShapeError if no window fits.
    Source: Chollet, 2017, https://arxiv.org/abs/1610.02357
    """

    @renamed(nb_filter="filters", **OLD_WORDS)
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        depthwise_initializer: Identifier = "glorot_uniform",
        pointwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        pointwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
        pointwise_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **common: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self.filters = positive(filters, "filters", self.label)
        self._start(kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation, use_bias)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{self.label} expects strides or a dilation_rate above 1, not both; received strides={self.strides} "
                f"and dilation_rate={self.dilation_rate}."
            )
        self._keep("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._keep("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        self._keep("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self._weight("depthwise", shape, "depthwise_kernel")
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self._weight("pointwise", shape, "pointwise_kernel")
        self.bias = self._weight("bias", (self.filters,), "bias") if self.use_bias else None

    def convolve(self, x: Tensor) -> Tensor:
        kernels = self.depthwise_kernel, self.pointwise_kernel
        return ops.separable_conv(x, *kernels, self.strides, self.padding, self.data_format, self.dilation_rate)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return self._output_shape(input_shape, self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {**super().get_config(), "filters": self.filters, **self._window_config()}
        return {**own, **self._weights_config("depthwise", "pointwise", "bias")}


@documented
class SeparableConv1D(SeparableConvolution):
    """Depthwise separable convolution of sequences, (n, places, channels)."""

    rank = 1


@documented
class SeparableConv2D(SeparableConvolution):
    """Depthwise separable convolution of images, (n, height, width, channels)."""

    rank = 2
