"""Transposed convolutions in one, two and three dimensions: from few places to many."""

from typing import Any

from autonet import ops
from autonet.common.types import ActivityOptions, Identifier, Sizes, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.convolution import Convolution, documented, joined_shape, split_shape
from autonet.layers.options import keeps
from autonet.layers.spec import InputSpec
from autonet.ops.convolution import transposed_length


class TransposedConvolution(Convolution):
    """The transpose of a convolution: each place of the input lays down the kernel, scaled, and overlaps add up.

        y[n, p, f] = activation(sum over o, t with o * stride + t * dilation - start = p, and channels c, of
                                x[n, o, c] kernel[t, f, c] + bias[f])

    Shapes: x (n, *places, channels), kernel (*window, filters, channels), bias (filters,), y (n, *lengths, filters);
        with data_format "channels_first" the channels of x and y stand after n.

    Args:
        filters: channels of the output.
        kernel_size: places that the window takes, a number or one per axis.
        strides: places of the output from one input place's window to the next.
        padding: "valid" keeps all that is laid down, "same" trims it to places * stride.
        output_padding: places by which the output is longer than (places - 1) * stride + reach (less twice half the
            reach with "same"), below the strides; None for the lengths that `padding` says.
        data_format, dilation_rate, activation, use_bias, kernel_initializer, ..., bias_constraint: as for `Conv1D`.

    Raises: ArgumentError for arguments that do not fit together.
    """

    _fixed = ("groups",)

    @keeps("kernel", "bias")
    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **common: Unpack[ActivityOptions],
    ):
        super().__init__(
            *(filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias),
            activity_regularizer=activity_regularizer,
            **common,
        )
        self.output_padding = self._checked_padding(output_padding)

    def _checked_padding(self, value: Any) -> tuple[Any, ...] | None:
        if value is None:
            return None
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,) * self.rank
        whole = all(isinstance(v, int) and v >= 0 for v in values)
        if len(values) != self.rank or not whole or any(v >= s for v, s in zip(values, self.strides, strict=True)):
            raise ArgumentError(
                f"{self.label} expects output_padding to be None, or a whole number from 0 and below strides "
                f"{self.strides}, or {self.rank} of them; received {value!r}."
            )
        return values

    def build(self, input_shape: Any) -> None:
        channels = input_shape[self._channel_axis]
        self.kernel = self._add_of_family("kernel", (*self.kernel_size, self.filters, channels))
        self.bias = self._add_of_family("bias", (self.filters,)) if self.use_bias else None
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def convolve(self, x: Tensor) -> Tensor:
        windows = self.strides, self.padding, self.output_padding, self.data_format, self.dilation_rate
        return ops.conv_transpose(x, self.kernel, *windows)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, places, _ = split_shape(input_shape, self.rank, self.data_format, self.label)
        more = self.output_padding or (None,) * self.rank
        geometry = zip(places, self.kernel_size, self.strides, self.dilation_rate, more, strict=True)
        sizes = [None if g[0] is None else transposed_length(*g, self.padding) for g in geometry]
        return joined_shape(batch, tuple(sizes), self.filters, self.data_format)


@documented
class Conv1DTranspose(TransposedConvolution):
    """Transposed convolution of sequences, (n, places, channels).

    >>> Conv1DTranspose(filters=2, kernel_size=3, strides=2, padding='same')(ops.ones((2, 4, 3))).shape
    (2, 8, 2)
    """

    rank = 1


@documented
class Conv2DTranspose(TransposedConvolution):
    """Transposed convolution of images, (n, height, width, channels).

    >>> Conv2DTranspose(4, 3, strides=2)(ops.ones((1, 5, 5, 2))).shape
    (1, 11, 11, 4)
    """

    rank = 2


@documented
class Conv3DTranspose(TransposedConvolution):
    """Transposed convolution of volumes, (n, depth, height, width, channels).

    >>> Conv3DTranspose(filters=1, kernel_size=(1, 2, 2), strides=2)(ops.ones((1, 2, 2, 2, 2))).shape
    (1, 4, 4, 4, 1)
    """

    rank = 3

    @keeps("kernel", "bias")
    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Sizes | None = None,
        dilation_rate: Sizes = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **common: Unpack[ActivityOptions],
    ):
        super().__init__(  # in Keras the 3D layer has output_padding and data_format the other way round
            *(filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias),
            activity_regularizer=activity_regularizer,
            **common,
        )
