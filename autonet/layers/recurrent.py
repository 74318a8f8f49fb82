"""Recurrent layers: a cell, walked along a sequence."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from autonet import ops
from autonet.common.trees import flatten, map_structure, pack
from autonet.common.types import CellOptions, Identifier, LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ShapeError
from autonet.layers.base import Layer
from autonet.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from autonet.layers.options import options_of
from autonet.layers.spec import InputSpec
from autonet.layers.stacked import StackedRNNCells, checked_cell, initial_state, output_size
from autonet.untrusted.faults import described
from autonet.variable import Variable


class RNN(Layer):
    """A cell walked along a sequence, from state to state.

        y_t, h <- cell(x_t, h)        for t = 1, ..., steps

    Shapes: x (n, steps, ...); the output (n, features of the cell), or (n, steps, features) with return_sequences.

    Args:
        cell: a layer whose `call(inputs, states)` gives (output, new states) for one step, and whose `state_size` is a
            number or a list with one for each state; a list of cells stands for a stack of them.
        return_sequences: whether the outputs of all steps come out, or only that of the last.
        return_state: whether the last states come out too, as in (output, state, ...).
        go_backwards: whether to begin with the last step; the outputs come in the order of the walk.
        stateful: whether each batch begins with the states that the batch before it left, row by row. The batch size
            must then be known and stay; `reset_state` goes back to zeros.
        unroll: a hint without effect on how the walk runs.
        zero_output_for_mask: whether masked steps put out zeros, rather than what came before them.

    Called with a `mask` (n, steps), steps where it is False leave the states as they are. Called with `initial_state`, a
    list with one Tensor for each state, the walk begins there.

    Built-in cells with the usual activations (tanh, sigmoid, relu, linear, hard_sigmoid, softsign) walk as one
    operation, which a compiled step runs as one loop. Other cells are called once for each step, so that a compiled
    step holds as many copies of them: compiling takes longer for long sequences, and running has more to read.

    Raises: ArgumentError for what is no cell, or states that do not fit.

    >>> from autonet.layers import LSTMCell
    >>> RNN([LSTMCell(4), LSTMCell(6)])(ops.ones((2, 5, 3))).shape
    (2, 6)
    """

    _untracked = Layer._untracked | {"states"}  # Variables, but no weights

    def __init__(
        self,
        cell: Layer | Sequence[Layer],
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.cell: Any = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else checked_cell(cell, self.label)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.input_spec = InputSpec(min_ndim=2)
        self.states: Any = None

    @property
    def state_size(self) -> list[Any]:
        """The cell's state_size, as a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    # States

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """States of zeros for a batch, as a list."""
        return initial_state(self.cell, batch_size)

    def _zeros(self, shape: tuple[Any, ...]) -> list[Any]:
        """The same for sequences of this shape."""
        return self.get_initial_state(batch_size=shape[0])

    def reset_state(self) -> None:
        """With `stateful`: the next batch begins with zeros again."""
        for v in flatten(self.states):
            if v is not None:
                v.assign(ops.zeros(v.shape, v.dtype))

    reset_states = reset_state

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if len(sequences_shape) < 3:
            raise ShapeError(
                f"{self.label} expects an input of 3 axes (batch, steps, features), or more; received {tuple(sequences_shape)}. "
                "Let a recurrent layer before it have return_sequences=True; other data need a reshape."
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful:
            if sequences_shape[0] is None:
                raise ShapeError(
                    f"{self.label} is stateful and must know its batch size; received shape {tuple(sequences_shape)}. "
                    "Give the model an Input with batch_size=..., or call the layer on data."
                )
            self.states = map_structure(self._state, self._zeros(sequences_shape))

    def _state(self, zeros: Tensor) -> Variable:
        state = Variable(zeros, trainable=False, name="rnn_state")
        state.path = f"{self.path}/rnn_state"
        return state

    def _first_states(self, sequences: Tensor, given: Any) -> list[Any]:
        rows = sequences.shape[0]
        if given is None:
            if not self.stateful:
                return self._zeros(sequences.shape)
            own = flatten(self.states)[0].shape[0]
            if own != rows:
                raise ShapeError(
                    f"{self.label} is stateful for batches of {own}; received {rows} sequences. "
                    "Keep the batch size, the last batch's too, or build another layer."
                )
            return map_structure(lambda v: v.value, self.states)
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        wanted = self._zeros(sequences.shape)
        received, expected = ([tuple(s.shape) for s in flatten(states)] for states in (given, wanted))
        if received != expected:
            raise ShapeError(f"{self.label} expects an initial_state of shapes {expected}; received {received}.")
        dtype = self.compute_dtype
        return pack(wanted, [ops.cast(s, dtype) for s in flatten(given)])

    # The walk

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Tensor:
        if sequences.shape[1] == 0:
            raise ShapeError(f"{self.label} expects at least one step; received shape {sequences.shape}.")
        states = self._first_states(sequences, initial_state)
        mask = flatten(mask)[0] if isinstance(mask, (list, tuple)) else mask
        if mask is not None:
            mask = ops.cast(mask, "bool")
            if tuple(mask.shape) != tuple(sequences.shape[:2]):
                raise ShapeError(
                    f"{self.label} expects a mask of shape {tuple(sequences.shape[:2])}, one truth for each step; "
                    f"received {tuple(mask.shape)}."
                )
        with self._one_sequence():
            last, outputs, states = self.inner_loop(sequences, states, mask, training)
        if self.stateful:
            for v, s in zip(flatten(self.states), flatten(states), strict=True):
                v.assign(s)
        y = outputs if self.return_sequences else last
        return (y, *states) if self.return_state else y  # type: ignore[return-value]  # unpacked, it serves as what it says

    @contextmanager
    def _one_sequence(self) -> Iterator[None]:
        """Within it, dropout masks stay as they are."""
        cells = [c for c in self._flatten_layers(include_self=False) if isinstance(c, Cell)]
        for c in cells:
            c.sequence_begins()
        try:
            yield
        finally:
            for c in cells:
                c.sequence_ends()

    def inner_loop(
        self, sequences: Tensor, initial_state: list[Any], mask: Tensor | None, training: bool = False
    ) -> tuple[Any, ...]:
        """The last output, all outputs in the order of the walk, and the last states, of a walk from `initial_state`."""
        if not getattr(self.cell, "scannable", False):
            return self._steps(sequences, initial_state, mask, training)
        outputs, states = self.cell.scan(sequences, initial_state, mask, training, self.go_backwards)
        own = states[-1] if isinstance(self.cell, StackedRNNCells) else states
        last = own[0]
        if self.zero_output_for_mask and mask is not None:
            outputs = ops.where(ops.expand_dims(mask, -1), outputs, 0)
            last = outputs[:, 0 if self.go_backwards else -1]
        return last, ops.flip(outputs, axis=1) if self.go_backwards else outputs, states

    def _steps(self, sequences: Tensor, states: list[Any], mask: Any, training: bool) -> tuple[Any, ...]:
        """The walk, one call of the cell for each step."""
        output: Any = None
        outputs = []
        steps = range(sequences.shape[1])
        for t in steps[::-1] if self.go_backwards else steps:
            own = states if isinstance(self.cell.state_size, (list, tuple)) or len(states) > 1 else list(states)
            options = {"training": training} if isinstance(self.cell, Layer) else {}
            new, after = self.cell(sequences[:, t], own, **options)
            after = list(after) if isinstance(after, (list, tuple)) else [after]
            if mask is not None:
                counts = mask[:, t]
                if output is None:  # nothing came before: the state stands for it, as it will from here on
                    first = flatten(states[-1] if isinstance(self.cell, StackedRNNCells) else states)[0]
                    output = first if first.shape == new.shape else ops.zeros_like(new)
                new = _where(counts, new, 0 if self.zero_output_for_mask else output)
                pairs = zip(flatten(after), flatten(states), strict=True)
                after = pack(after, [_where(counts, b, a) for b, a in pairs])
            output, states = new, after
            outputs.append(output)
        return output, ops.stack(outputs, axis=1) if self.return_sequences else None, states

    # Shapes and masks

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = flatten(mask)[0] if isinstance(mask, (list, tuple)) else mask
        own = mask if self.return_sequences else None
        return [own, *[None for _ in self.state_size]] if self.return_state else own

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, steps = sequences_shape[:2]
        features = _lengths(output_size(self.cell))
        y = (batch, steps, *features) if self.return_sequences else (batch, *features)
        return (y, *[_state_shape(batch, size) for size in self.state_size]) if self.return_state else y

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        if "cell" not in config:
            return super().from_config(config)  # type: ignore[return-value]
        from autonet.serialization.objects import deserialize_keras_object

        cell = deserialize_keras_object(config["cell"], custom_objects=custom_objects)
        return cls(cell, **{k: v for k, v in config.items() if k != "cell"})._as_configured()


def _where(counts: Tensor, new: Tensor, old: Any) -> Tensor:
    """Rows of `new` where `counts` (n,) holds, else of `old`."""
    return ops.where(ops.reshape(counts, (-1, *(1,) * (new.ndim - 1))), new, old)


def _lengths(size: Any) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, (list, tuple)) else (size,)


def _state_shape(batch: Any, size: Any) -> Any:
    """Shape of a state; a list of them for a cell in a stack that has several."""
    if isinstance(size, list):
        return [_state_shape(batch, n) for n in size]
    return (batch, *_lengths(size))


class CellLayer(RNN):
    """A built-in cell as a layer: the cell's arguments are the layer's."""

    _untold: tuple[str, ...] = ("cell", "use_cudnn")
    cell_class: type[Any]
    cell_name: str

    if TYPE_CHECKING:  # the cell's
        units: int
        activation: Any
        use_bias: bool
        dropout: float
        recurrent_dropout: float
        seed: int | None

    def _with_cell(self, arguments: dict[str, Any], **more: Any) -> None:
        """Make the cell, and the walk along it, of the constructor's arguments by name; `more` are of the cell alone."""
        common = dict(arguments["common"])
        common.pop("implementation", None)  # how the products are made: here always at once
        classes: tuple[Any, ...] = RNN, self.cell_class
        walk, inside = ({k: arguments[k] for k in options_of(c) if k in arguments} for c in classes)
        walk["zero_output_for_mask"] = common.pop("zero_output_for_mask", False)
        same = {"dtype": common.get("dtype"), "trainable": common.get("trainable", True)}
        cell = self.cell_class(**more, **inside, **same, name=self.cell_name)
        super().__init__(cell, activity_regularizer=arguments["activity_regularizer"], **walk, **common)
        self.input_spec = InputSpec(ndim=3)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = InputSpec(ndim=3, axes={-1: sequences_shape[-1]})

    if not TYPE_CHECKING:  # to type checkers, a class with this method has every name

        def __getattr__(self, name: str) -> Any:
            """What the cell was made with, by the same names: units, activation, dropout, ..."""
            if "cell" in self.__dict__ and name in options_of(type(self.cell)):
                return getattr(self.cell, name)
            return super().__getattr__(name)


C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., None])


def arguments_of_cell(init: F) -> F:
    """Decorator of a constructor that is a signature: its arguments, by name, are what `_with_cell` makes the layer of."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        self._with_cell(bound.arguments)

    return wrapper  # type: ignore[return-value]


def documented(cls: C) -> C:
    """Decorator: the arguments of the walk, for layers that have the same ones."""
    head, example, tail = (cls.__doc__ or "").partition("\n    >>> ")  # which comes last
    cls.__doc__ = f"{head.rstrip()}\n{_DOCUMENTED.rstrip()}\n{example}{tail}"
    return cls


_DOCUMENTED = """
    Args:
        units: features of the state, and of the output.
        activation, recurrent_activation: name or function; of the result and, where there are gates, of the gates.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections after each step of training.
        dropout, recurrent_dropout: in training, the part of the features of inputs and states that is set to 0, the
            same ones at all steps of a sequence.
        seed: integer from which those draws start.
        return_sequences, return_state, go_backwards, stateful, zero_output_for_mask: see `RNN`.
        unroll: a hint without effect.

    Call arguments: sequences, and by name initial_state, mask, training; see `RNN`.
    """


@documented
class SimpleRNN(CellLayer):
    """A plain recurrent network: h <- activation(x_t @ kernel + h @ recurrent_kernel + bias).

    Shapes: x (n, steps, features), y (n, units) or (n, steps, units); weights as for `SimpleRNNCell`.

    Source: Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1

    >>> SimpleRNN(4)(ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = SimpleRNNCell
    cell_name = "simple_rnn_cell"
    _untold = ("seed",)  # as Keras

    @arguments_of_cell
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
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **common: Unpack[CellOptions],
    ): ...


@documented
class LSTM(CellLayer):
    """Long short-term memory: what is kept, taken in and put out is decided by gates; see `LSTMCell` for the formula.

    Shapes: x (n, steps, features), y (n, units) or (n, steps, units); weights as for `LSTMCell`. Its states are h and c.
    `unit_forget_bias`: whether the forget gate's bias starts at 1. `use_cudnn` is a hint without effect.

    Source: Hochreiter, Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735

    >>> LSTM(4, return_sequences=True)(ops.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"

    @arguments_of_cell
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
        unroll: bool = False,
        use_cudnn: object = "auto",
        **common: Unpack[CellOptions],
    ): ...


@documented
class GRU(CellLayer):
    """Gated recurrent unit: how far the state moves is decided by gates; see `GRUCell` for the formula.

    Shapes: x (n, steps, features), y (n, units) or (n, steps, units); weights as for `GRUCell`. Its state is h.
    `reset_after`: whether the reset gate acts after the product with the state. `use_cudnn` is a hint without effect.

    Source: Cho et al., 2014, https://arxiv.org/abs/1406.1078

    >>> GRU(4)(ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = GRUCell
    cell_name = "gru_cell"

    @arguments_of_cell
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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: object = "auto",
        **common: Unpack[CellOptions],
    ): ...
