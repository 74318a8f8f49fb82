"""One recurrent step: cells, which layers of `recurrent.py` walk along a sequence.

A cell maps (input of a step, states) to (output, new states), and says by `state_size` what its states look like. Its
`scan` is the walk along a whole sequence as one operation, for cells that have such an operation.
"""

from collections.abc import Callable, Sequence
from typing import Any

from autonet import activations, ops
from autonet.common.types import Dtype, Identifier, LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.layers.dense import positive
from autonet.layers.options import keeps
from autonet.ops.recurrent import ACTIVATIONS, gru_gates, gru_scan, lstm_gates, lstm_scan, recur, simple_rnn_scan
from autonet.random.draws import dropout_mask
from autonet.random.seeds import SeedGenerator, draw_state

_NAMES = {getattr(activations, name): name for name in ACTIVATIONS}  # of functions that the scans know


class Cell(Layer):
    """What built-in cells share: arguments, weights, and the dropout masks that stay for a whole sequence.

    Args: as documented for the cells; `common` as for Layer.
    """

    gates = 1  # blocks of columns in the kernels
    kernel: Any
    recurrent_kernel: Any
    bias: Any

    _untracked = Layer._untracked | {"_masks"}
    _unfixed = Layer._unfixed | {"_masks"}

    def __init__(
        self,
        activation: Identifier,
        use_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        self._masks: dict[str, Any] | None = None  # while a sequence is under way

    def _add_weights(
        self, kernel: tuple[Any, ...], recurrent: tuple[Any, ...], bias: tuple[Any, ...], bias_initializer: Any = None
    ) -> None:
        for name, shape in (("kernel", kernel), ("recurrent_kernel", recurrent), ("bias", bias)):
            kind = name.removesuffix("_kernel")
            weight = None
            if name != "bias" or self.use_bias:
                weight = self._add_of_family(kind, shape, name, bias_initializer if name == "bias" else None)
            setattr(self, name, weight)

    # Dropout

    def sequence_begins(self) -> None:
        """From here to `sequence_ends` the dropout masks stay the same."""
        self._masks = {}

    def sequence_ends(self) -> None:
        """Each call draws masks of its own again."""
        self._masks = None

    def get_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """What the input of a step is multiplied by: a mask, or a list with one for each gate."""
        return self._apart(self._drawn("input", step_input, self.dropout))

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Tensor | None:
        """The same for the state."""
        return self._apart(self._drawn("state", step_input, self.recurrent_dropout))

    def _apart(self, masks: Tensor) -> Any:
        return masks[0] if self.gates == 1 else [masks[k] for k in range(self.gates)]

    def _drawn(self, kind: str, x: Any, rate: float) -> Tensor:
        """Masks of all gates (gates, *shape of x)."""
        known = self._masks
        if known is not None and kind in known:
            return known[kind]
        state = draw_state(self.seed_generator)
        masks = dropout_mask(state, shape=(self.gates, *x.shape), rate=float(rate), dtype=x.dtype.name)
        if known is not None:
            known[kind] = masks
        return masks

    def _dropped(self, training: Any, x: Any, h: Any) -> tuple[Any, ...]:
        """Masks of all gates for input and state; None where there is no dropout."""
        inputs = self._drawn("input", x, self.dropout) if training and self.dropout > 0 else None
        states = self._drawn("state", h, self.recurrent_dropout) if training and self.recurrent_dropout > 0 else None
        return inputs, states


class DenseCell(Cell):
    """What the cells on vectors share: kernels (n, gates * units) and (units, gates * units), and their products."""

    states = 1  # vectors of `units` that it hands on

    def __init__(self, units: int, *shared: Any, **common: Unpack[LayerOptions]):
        super().__init__(*shared, **common)
        self.units = positive(units, "units", self.label)
        self.state_size: Any = self.units if self.states == 1 else [self.units] * self.states
        self.output_size = self.units

    def build(self, input_shape: Any) -> None:
        width = self.gates * self.units
        self._add_weights((input_shape[-1], width), (self.units, width), self._bias_shape(), self._first_bias())

    def _bias_shape(self) -> tuple[Any, ...]:
        return (self.gates * self.units,)

    def _first_bias(self) -> Any:
        return None

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """States of zeros for a batch."""
        return [ops.zeros((batch_size, self.units), self.compute_dtype) for _ in range(self.states)]

    @property
    def scannable(self) -> bool:
        """Whether `scan` does what walking with `call` would do."""
        for own in (SimpleRNNCell, LSTMCell, GRUCell):
            if type(self).call is own.call and self.activity_regularizer is None:
                return self.activation in _NAMES and getattr(self, "recurrent_activation", self.activation) in _NAMES
        return False

    def _project(self, x: Tensor, masks: Any) -> Tensor:
        """x @ kernel; masks (gates, n, features) hold for all steps of x."""
        if masks is None:
            return ops.matmul(x, self.kernel)
        parts = ops.split(self.kernel, self.gates, axis=-1)
        products = []
        for k, part in enumerate(parts):
            mask = ops.expand_dims(masks[k], 1) if x.ndim == 3 else masks[k]
            products.append(ops.matmul(ops.reshape(x * mask, (-1, x.shape[-1])), part))
        return ops.reshape(ops.concatenate(products, axis=-1), (*x.shape[:-1], self.gates * self.units))

    def _operands(self, x: Tensor, h: Tensor, mask: Any, training: Any) -> tuple[Any, ...]:
        """What scans take besides states: projected input, recurrent kernel, bias, dropout, mask."""
        inputs, states = self._dropped(training, x[:, 0], h)
        drop = ops.stop_gradient(states) if states is not None else ops.zeros((0, 1, 1), h.dtype)
        bias = self.bias if self.use_bias else ops.zeros(self._bias_shape(), h.dtype)
        mask = ops.zeros((0, 0), "bool") if mask is None else mask
        return self._project(x, inputs), self.recurrent_kernel, bias, drop, mask


class SimpleRNNCell(DenseCell):
    """One step of a plain recurrent network.

        h <- activation(x @ kernel + h @ recurrent_kernel + bias)        the output is h

    Shapes: x (n, features), h (n, units), kernel (features, units), recurrent_kernel (units, units), bias (units,).

    Args:
        units: features of the state.
        activation: name or function.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each step of training.
        dropout, recurrent_dropout: in training, the part of the input's and of the state's features that is set to 0.
        seed: integer from which the draws start.

    Source: Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1

    >>> cell = SimpleRNNCell(4)
    >>> y, states = cell(ops.ones((2, 3)), cell.get_initial_state(2))
    >>> y.shape, len(states)
    ((2, 4), 1)
    """

    @keeps("kernel", "recurrent", "bias")
    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
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
        super().__init__(units, activation, use_bias, dropout, recurrent_dropout, seed, **common)

    def call(self, sequence: Any, states: Any, training: bool = False) -> tuple[Any, ...]:
        h = states[0] if isinstance(states, (list, tuple)) else states
        inputs, kept = self._dropped(training, sequence, h)
        a = self._project(sequence, inputs) + recur(h, self.recurrent_kernel, kept)
        h = self.activation(a + self.bias if self.use_bias else a)
        return h, [h] if isinstance(states, (list, tuple)) else h

    def scan(
        self, x: Tensor, states: Sequence[Tensor], mask: Tensor | None, training: bool, reverse: bool = False
    ) -> tuple[Any, ...]:
        """All outputs (n, steps, units), each at its step, and the last states, of a sequence (n, steps, features)."""
        x, *operands = self._operands(x, states[0], mask, training)
        settings = {"activation": _NAMES[self.activation], "reverse": bool(reverse)}
        hs, h = simple_rnn_scan(x, states[0], *operands, **settings)
        return hs, [h]


class LSTMCell(DenseCell):
    """One step of a long short-term memory.

        i, f, g, o = gates of x @ kernel + h @ recurrent_kernel + bias        input, forget, candidate, output
        c <- recurrent_activation(f) c + recurrent_activation(i) activation(g)
        h <- recurrent_activation(o) activation(c)                            the output is h

    Shapes: x (n, features), h and c (n, units), kernel (features, 4 units), recurrent_kernel (units, 4 units),
        bias (4 units,).

    Args:
        recurrent_activation: of the gates.
        unit_forget_bias: whether the bias of f starts at 1, so that nothing is forgotten at first.
        others: as for `SimpleRNNCell`.

    Source: Hochreiter, Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735

    >>> cell = LSTMCell(4)
    >>> y, states = cell(ops.ones((2, 3)), cell.get_initial_state(2))
    >>> y.shape, len(states)
    ((2, 4), 2)
    """

    gates, states = 4, 2

    @keeps("kernel", "recurrent", "bias")
    def __init__(
        self,
        units: int,
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
        super().__init__(units, activation, use_bias, dropout, recurrent_dropout, seed, **common)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def _first_bias(self) -> Any:
        return forgetting(self.bias_initializer, self.units) if self.unit_forget_bias else None

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, ...]:
        if not isinstance(states, (list, tuple)) or len(states) != 2:
            raise ArgumentError(
                f"{self.label} expects the states [h, c], a list of two; received {type(states).__name__}."
            )
        h, c = states
        masks, kept = self._dropped(training, inputs, h)
        a = self._project(inputs, masks) + recur(h, self.recurrent_kernel, kept)
        a = a + self.bias if self.use_bias else a
        h, c, _ = lstm_gates(a, c, self.activation, self.recurrent_activation)
        return h, [h, c]

    def scan(
        self, x: Tensor, states: Sequence[Tensor], mask: Tensor | None, training: bool, reverse: bool = False
    ) -> tuple[Any, ...]:
        """All outputs (n, steps, units), each at its step, and the last states, of a sequence (n, steps, features)."""
        x, *operands = self._operands(x, states[0], mask, training)
        names = _NAMES[self.activation], _NAMES[self.recurrent_activation]
        hs, h, c, _, _ = lstm_scan(x, *states, *operands, *names, bool(reverse))
        return hs, [h, c]


def forgetting(initializer: Callable[..., Tensor], units: int) -> Any:
    """An initializer of the four gates' bias that is 1 for the forget gate."""

    def first(shape: Any, dtype: Dtype = None) -> Tensor:
        own = [initializer((n * units,), dtype=dtype) for n in (1, 2)]
        return ops.concatenate([own[0], ops.ones((units,), dtype), own[1]])

    return first


class GRUCell(DenseCell):
    """One step of a gated recurrent unit.

        z, r = gates of x @ kernel + h @ recurrent_kernel + bias              update, reset
        g    = activation(x_g + r (h @ recurrent_kernel)_g)                   with reset_after
        g    = activation(x_g + (r h) @ recurrent_kernel_g)                   without
        h <- z h + (1 - z) g                                                  the output is h

    Shapes: x (n, features), h (n, units), kernel (features, 3 units), recurrent_kernel (units, 3 units),
        bias (2, 3 units): of the input's product and of the state's; without reset_after (3 units,).

    Args:
        recurrent_activation: of the gates.
        reset_after: whether r acts after the product with the state or before.
        others: as for `SimpleRNNCell`.

    Source: Cho et al., 2014, https://arxiv.org/abs/1406.1078

    >>> cell = GRUCell(4)
    >>> y, states = cell(ops.ones((2, 3)), cell.get_initial_state(2))
    >>> y.shape, len(states)
    ((2, 4), 1)
    """

    gates = 3

    @keeps("kernel", "recurrent", "bias")
    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(units, activation, use_bias, dropout, recurrent_dropout, seed, **common)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self) -> tuple[Any, ...]:
        width = self.gates * self.units
        return (2, width) if self.reset_after else (width,)

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, ...]:
        h = states[0] if isinstance(states, (list, tuple)) else states
        masks, kept = self._dropped(training, inputs, h)
        x, second = self._project(inputs, masks), None
        if self.use_bias:
            x = x + (self.bias[0] if self.reset_after else self.bias)
            second = self.bias[1] if self.reset_after else None
        functions = self.activation, self.recurrent_activation
        h, _ = gru_gates(x, h, self.recurrent_kernel, second, kept, *functions, self.reset_after)
        return h, [h] if isinstance(states, (list, tuple)) else h

    def scan(
        self, x: Tensor, states: Sequence[Tensor], mask: Tensor | None, training: bool, reverse: bool = False
    ) -> tuple[Any, ...]:
        """All outputs (n, steps, units), each at its step, and the last states, of a sequence (n, steps, features)."""
        x, kernel, bias, *operands = self._operands(x, states[0], mask, training)
        bias = bias if self.reset_after else ops.expand_dims(bias, 0)
        names = _NAMES[self.activation], _NAMES[self.recurrent_activation]
        settings = (*names, bool(self.reset_after), bool(reverse))
        hs, h, _ = gru_scan(x, states[0], kernel, bias, *operands, *settings)
        return hs, [h]
