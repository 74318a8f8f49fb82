"""Convolutions that treat each channel by itself, and then perhaps mix the channels."""

from typing import Any

from autonet import activations, ops
from autonet.common.types import ActivityOptions, Identifier, Sizes, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ShapeError
from autonet.layers.convolution import Windowed, documented, refuse_strides_with_dilation, split_shape
from autonet.layers.dense import positive
from autonet.layers.options import keeps
from autonet.layers.spec import InputSpec


class ChannelwiseConvolution(Windowed):
    """What convolutions channel by channel share: `depth_multiplier` filters for each."""

    def _channels(self, input_shape: Any) -> int:
        """Channels of the input, which from now on are fixed."""
        axis = self._channel_axis
        channels = input_shape[axis]
        if channels is None:
            raise ShapeError(f"{self.label} must know the channels, axis {axis}; received shape {tuple(input_shape)}.")
        self.compute_output_shape(input_shape)  # refuses inputs that are too small
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return channels


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
        data_format, dilation_rate, activation, use_bias: as for `Conv1D`.
        depthwise_initializer, bias_initializer: first values.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties on kernel, bias and output.
        depthwise_constraint, bias_constraint: projections after each step.

    Raises: ArgumentError for arguments that do not fit together; ShapeError if no window fits.
    """

    @keeps("depthwise", "bias")
    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        depthwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **common: Unpack[ActivityOptions],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier", self.label)
        self._set_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self._add_of_family("depthwise", shape, "kernel")
        self.bias = self._add_of_family("bias", (channels * self.depth_multiplier,)) if self.use_bias else None

    def convolve(self, x: Tensor) -> Tensor:
        return ops.depthwise_conv(x, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        channels = split_shape(input_shape, self.rank, self.data_format, self.label)[2]
        return self._windowed_shape(input_shape, None if channels is None else channels * self.depth_multiplier)


@documented
class DepthwiseConv1D(DepthwiseConvolution):
    """Convolution of each channel of sequences, (n, places, channels), by itself.

    >>> DepthwiseConv1D(kernel_size=3, depth_multiplier=2)(ops.ones((2, 5, 2))).shape
    (2, 3, 4)
    """

    rank = 1


@documented
class DepthwiseConv2D(DepthwiseConvolution):
    """Convolution of each channel of images, (n, height, width, channels), by itself.

    >>> DepthwiseConv2D(kernel_size=2, padding='same', data_format='channels_first')(ops.ones((1, 2, 3, 4))).shape
    (1, 2, 3, 4)
    """

    rank = 2


class SeparableConvolution(ChannelwiseConvolution):
    """A convolution of each channel by itself, then one that mixes the channels at each place.

        z[n, o, c m + k] = sum over cells t of x[n, o * stride + t * dilation - start, c] depthwise_kernel[t, c, k]
        y[n, o, f] = activation(sum over i of z[n, o, i] pointwise_kernel[i, f] + bias[f])

    Shapes: x (n, *places, c), depthwise_kernel (*window, c, m), pointwise_kernel (1, ..., c m, filters),
        bias (filters,), y (n, *counts, filters), m = depth_multiplier; with data_format "channels_first" the channels
        of x and y stand after n.

    Args:
        filters: channels of the output.
        kernel_size: places that the window takes, a number or one per axis.
        strides: places from one window to the next.
        padding: "valid" (windows inside the input only) or "same" (ceil(places / stride) windows, zeros around).
        data_format, dilation_rate, activation, use_bias: as for `Conv1D`.
        depth_multiplier: filters for each channel in the first convolution.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: penalties on kernels, bias and
            output.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections after each step.

    Raises: ArgumentError for arguments that do not fit together; ShapeError if no window fits.

    Source: Chollet, 2017, https://arxiv.org/abs/1610.02357
    """

    @keeps("depthwise", "pointwise", "bias")
    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
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
        **common: Unpack[ActivityOptions],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self.filters = positive(filters, "filters", self.label)
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier", self.label)
        self._set_windows(kernel_size, strides, padding, data_format, dilation_rate)
        refuse_strides_with_dilation(self.strides, self.dilation_rate, self.label)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self._add_of_family("depthwise", shape, "depthwise_kernel")
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self._add_of_family("pointwise", shape, "pointwise_kernel")
        self.bias = self._add_of_family("bias", (self.filters,)) if self.use_bias else None

    def convolve(self, x: Tensor) -> Tensor:
        kernels = self.depthwise_kernel, self.pointwise_kernel
        return ops.separable_conv(x, *kernels, self.strides, self.padding, self.data_format, self.dilation_rate)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self._windowed_shape(input_shape, self.filters)


@documented
class SeparableConv1D(SeparableConvolution):
    """Depthwise separable convolution of sequences, (n, places, channels).

    >>> SeparableConv1D(filters=3, kernel_size=2, strides=2, padding='same')(ops.ones((2, 5, 2))).shape
    (2, 3, 3)
    """

    rank = 1


@documented
class SeparableConv2D(SeparableConvolution):
    """Depthwise separable convolution of images, (n, height, width, channels).

    >>> SeparableConv2D(filters=2, kernel_size=2, use_bias=False)(ops.ones((1, 3, 4, 2))).shape
    (1, 2, 3, 2)
    """

    rank = 2
