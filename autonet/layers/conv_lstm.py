"""ConvLSTM: a long short-term memory at every place of an image, which sees its neighbourhood."""

from typing import Any

from autonet import activations, ops
from autonet.common.types import CellOptions, Identifier, LayerOptions, Sizes, Unpack
from autonet.core.tensor import Tensor
from autonet.layers.cells import Cell, forgetting
from autonet.layers.convolution import (
    along_channels,
    documented,
    joined_shape,
    refuse_strides_with_dilation,
    split_shape,
    standardize_padding,
    window_counts,
)
from autonet.layers.dense import positive
from autonet.layers.options import keeps
from autonet.layers.recurrent import RNN, CellLayer, arguments_of_cell
from autonet.layers.spec import InputSpec
from autonet.ops.recurrent import lstm_gates
from autonet.ops.sliding_windows import per_axis, standardize_data_format


class ConvLSTMCell(Cell):
    """One step of a ConvLSTM, with convolutions in place of an LSTM's products.

    Args: as for `ConvLSTM1D`; `rank` is the number of axes of places.
    """

    gates = 4

    _untold = ("rank",)

    @keeps("kernel", "recurrent", "bias")
    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(activation, use_bias, dropout, recurrent_dropout, seed, **common)
        self.rank = rank
        self.filters = positive(filters, "filters", self.label)
        self.kernel_size = per_axis(kernel_size, rank, f"{self.label}: kernel_size")
        self.strides = per_axis(strides, rank, f"{self.label}: strides")
        self.dilation_rate = per_axis(dilation_rate, rank, f"{self.label}: dilation_rate")
        refuse_strides_with_dilation(self.strides, self.dilation_rate, self.label)
        self.padding = standardize_padding(padding, ("valid", "same"), self.label)
        self.data_format = standardize_data_format(data_format)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = self.output_size = self.filters  # of two states, whose places follow from the input's

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Shape of the output, and of both states, for the input of a step."""
        batch, places, _ = split_shape(input_shape, self.rank, self.data_format, self.label)
        counts = window_counts(places, self.kernel_size, self.strides, self.padding, self.dilation_rate, self.label)
        return joined_shape(batch, counts, self.filters, self.data_format)

    def build(self, input_shape: Any) -> None:
        channels = split_shape(input_shape, self.rank, self.data_format, self.label)[2]
        width = 4 * self.filters
        first = forgetting(self.bias_initializer, self.filters) if self.unit_forget_bias else None
        self._add_weights(
            (*self.kernel_size, channels, width), (*self.kernel_size, self.filters, width), (width,), first
        )

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, ...]:
        h, c = states
        masks, kept = self._dropped(training, inputs, h)
        given = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}
        a = self._convolve(inputs, self.kernel, masks, given)
        a = a + self._convolve(h, self.recurrent_kernel, kept, {"padding": "same"})
        if self.use_bias:
            a = a + along_channels(self.bias, self.rank, self.data_format)
        axis = 1 if self.data_format == "channels_first" else -1
        h, c, _ = lstm_gates(a, c, self.activation, self.recurrent_activation, axis)
        return h, [h, c]

    def _convolve(self, x: Tensor, kernel: Any, masks: Any, options: dict[str, Any]) -> Tensor:
        options = {**options, "data_format": self.data_format}
        if masks is None:
            return ops.conv(x, kernel, **options)
        parts = ops.split(kernel, 4, axis=-1)
        axis = 1 if self.data_format == "channels_first" else -1
        return ops.concatenate([ops.conv(x * masks[k], part, **options) for k, part in enumerate(parts)], axis)


class ConvLSTM(CellLayer):
    """An LSTM whose products are convolutions, in `rank` dimensions.

        i, f, g, o = gates of convolution(x_t, kernel) + convolution(h, recurrent_kernel) + bias
        c <- recurrent_activation(f) c + recurrent_activation(i) activation(g)
        h <- recurrent_activation(o) activation(c)

    Shapes: x (n, steps, *places, channels), y (n, *counts, filters) or (n, steps, *counts, filters), h and c
        (n, *counts, filters), kernel (*window, channels, 4 filters), recurrent_kernel (*window, filters, 4 filters);
        with data_format "channels_first" the channels stand before the places.

    Args:
        filters: channels of state and output.
        kernel_size, strides, padding, data_format, dilation_rate: of the input's convolution, as for `Conv1D`; the
            state's has strides and dilation of one and keeps the places.
        The rest as for `LSTM`; `unroll` is a hint without effect.

    Source: Shi et al., 2015, https://arxiv.org/abs/1506.04214
    """

    data_format: str  # the cell's

    cell_class = ConvLSTMCell
    cell_name = "conv_lstm_cell"
    rank: int

    @arguments_of_cell
    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **common: Unpack[CellOptions],
    ): ...

    def _with_cell(self, arguments: dict[str, Any], **more: Any) -> None:
        super()._with_cell(arguments, rank=self.rank)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    @property
    def state_size(self) -> list[Any]:
        """Channels of both states."""
        return [self.cell.filters, self.cell.filters]

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """States of zeros for a batch of sequences of the shape that the layer was built for."""
        return self._zeros((batch_size, *self._built_for[1:]))

    def _zeros(self, shape: tuple[Any, ...]) -> list[Any]:
        state = self.cell.compute_output_shape((shape[0], *shape[2:]))
        return [ops.zeros(state, self.compute_dtype) for _ in range(2)]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        self._built_for = tuple(sequences_shape)
        RNN.build(self, sequences_shape, initial_state_shape)
        channels = 2 if self.data_format == "channels_first" else -1
        self.input_spec = InputSpec(ndim=self.rank + 3, axes={channels: sequences_shape[channels]})

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        state = self.cell.compute_output_shape((sequences_shape[0], *sequences_shape[2:]))
        y = (state[0], sequences_shape[1], *state[1:]) if self.return_sequences else state
        return (y, state, state) if self.return_state else y


@documented
class ConvLSTM1D(ConvLSTM):
    """A ConvLSTM on sequences of lines, (n, steps, places, channels).

    >>> ConvLSTM1D(filters=2, kernel_size=2, return_sequences=True)(ops.ones((2, 3, 4, 2))).shape
    (2, 3, 3, 2)
    """

    rank = 1


@documented
class ConvLSTM2D(ConvLSTM):
    """A ConvLSTM on films, (n, steps, height, width, channels).

    >>> ConvLSTM2D(filters=1, kernel_size=2, padding='same', strides=2)(ops.ones((1, 2, 4, 3, 2))).shape
    (1, 2, 2, 1)
    """

    rank = 2


@documented
class ConvLSTM3D(ConvLSTM):
    """A ConvLSTM on sequences of volumes, (n, steps, depth, height, width, channels).

    >>> ConvLSTM3D(filters=1, kernel_size=2)(ops.ones((1, 2, 2, 3, 2, 2))).shape
    (1, 1, 2, 1, 1)
    """

    rank = 3
