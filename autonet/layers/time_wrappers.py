"""Layers around a layer, for sequences: both directions, and each step on its own."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Self

from autonet import ops
from autonet.common.trees import flatten
from autonet.common.types import LayerOptions, TensorLike, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.convolution import Conv1D, Conv2D, Conv3D
from autonet.layers.dense import Dense
from autonet.layers.reshaping import Flatten, Reshape
from autonet.serialization.objects import deserialize_keras_object
from autonet.untrusted.faults import described

_MERGED = ("concat", "sum", "mul", "ave", None)
_SHARED = ("stateful", "return_sequences", "return_state")  # what both directions must agree on


class Bidirectional(Layer):
    """A recurrent layer and its twin that begins at the end; what both put out, joined.

    Shapes: x (n, steps, features), y as of `layer`; with "concat" twice its features.

    Args:
        layer: a recurrent layer. A copy of it, named forward_..., is what runs.
        merge_mode: "concat" (side by side), "sum", "mul", "ave" (the mean), or None for both outputs apart.
        weights: first weights of both, the forward layer's first.
        backward_layer: the layer for the way back, by default a copy with go_backwards turned over.

    With return_sequences the outputs of the way back come in the order of the input. With return_state the result is
    (output, forward states, backward states); an `initial_state` comes in that order. Masked steps put out zeros when
    return_sequences is on.

    Source: Schuster, Paliwal, 1997, https://doi.org/10.1109/78.650093

    >>> from autonet.layers import LSTM
    >>> Bidirectional(LSTM(4))(ops.ones((2, 5, 3))).shape
    (2, 8)
    """

    _untold = ("weights",)

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence[TensorLike] | None = None,
        backward_layer: Layer | None = None,
        **common: Unpack[LayerOptions],
    ):
        for x in (layer, backward_layer):
            if x is not None and not all(hasattr(x, word) for word in (*_SHARED, "go_backwards")):
                raise ArgumentError(f"Bidirectional expects a recurrent layer (LSTM, GRU, RNN, ...); received {x!r}.")
        if merge_mode not in _MERGED:
            words = ", ".join(map(repr, _MERGED))
            raise ArgumentError(f"Bidirectional expects merge_mode to be one of {words}; received {merge_mode!r}.")
        common.setdefault("trainable", layer.trainable)
        super().__init__(**common)
        self.forward_layer = _copy(layer, "forward", False)
        if backward_layer is None:
            self.backward_layer = _copy(layer, "backward", True)
        else:
            self.backward_layer = _checked(self.forward_layer, backward_layer)
        self.merge_mode = merge_mode
        self.stateful, self.return_sequences, self.return_state = [getattr(layer, word) for word in _SHARED]
        if self.return_sequences:
            for x in (self.forward_layer, self.backward_layer):
                x.zero_output_for_mask = True
        self._first_weights = weights
        self.supports_masking = True
        self.input_spec = layer.input_spec

    @property
    def layer(self) -> Any:
        """The forward layer."""
        return self.forward_layer

    @property
    def states(self) -> Any:
        """The states of both directions when stateful and built, else None."""
        if not self.forward_layer.states:
            return None
        return (*self.forward_layer.states, *self.backward_layer.states)

    def reset_state(self) -> None:
        """With stateful layers: the next batch begins with zeros again."""
        for layer in (self.forward_layer, self.backward_layer):
            layer.reset_state()

    reset_states = reset_state

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights is not None:
            self.set_weights(list(self._first_weights))

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Tensor:
        states: list[Any] = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            if len(initial_state) != 2 * half or not half:
                raise ArgumentError(
                    f"{self.label} expects the states of both directions, an even number; received {len(initial_state)}."
                )
            states = [list(initial_state[:half]), list(initial_state[half:])]
        results = []
        for layer, own in zip((self.forward_layer, self.backward_layer), states, strict=True):
            options: dict[str, Any] = {"mask": mask, "training": training}
            results.append(layer(sequences, **(options if own is None else {**options, "initial_state": own})))
        (y, *after), (back, *back_after) = [r if self.return_state else (r,) for r in results]
        if self.return_sequences:
            back = ops.flip(back, axis=1)
        merged = self._merge(y, back)
        if self.return_state:
            return (*(merged if isinstance(merged, tuple) else (merged,)), *after, *back_after)  # type: ignore[return-value]  # unpacked, it serves as what it says
        return merged

    def _merge(self, y: Tensor, back: Tensor) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([y, back], axis=-1)
        if self.merge_mode == "sum":
            return y + back
        if self.merge_mode == "mul":
            return y * back
        if self.merge_mode == "ave":
            return (y + back) / 2
        return y, back

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        shapes = [layer.compute_output_shape(sequences_shape) for layer in (self.forward_layer, self.backward_layer)]
        (y, *after), (back, *back_after) = [s if self.return_state else (s,) for s in shapes]
        if self.merge_mode is None:
            merged: tuple[Any, ...] = (tuple(y), tuple(back))
        elif self.merge_mode == "concat":
            merged = ((*y[:-1], y[-1] + back[-1]),)
        else:
            merged = (tuple(y),)
        if self.return_state:
            return (*merged, *after, *back_after)
        return merged if len(merged) > 1 else merged[0]

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = flatten(mask)[0] if isinstance(mask, (list, tuple)) else mask
        own = mask if self.return_sequences else None
        masks = [own, own] if self.merge_mode is None else [own]
        if self.return_state:
            return [*masks, *[None] * (len(self.forward_layer.state_size) + len(self.backward_layer.state_size))]
        return tuple(masks) if len(masks) > 1 else own

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        return cls(**_with_layers(config, custom_objects))._as_configured()


def _copy(layer: Any, word: str, turned: bool) -> Any:
    """A layer of the same configuration, named for its direction."""
    config = layer.get_config()
    name = config["name"]
    config["name"] = name if name.startswith(f"{word}_") else f"{word}_{name.removeprefix('forward_')}"
    if turned:
        config["go_backwards"] = not config["go_backwards"]
    return type(layer).from_config(config)


def _checked(forward: Any, backward: Any) -> Any:
    """`backward` if it can be the way back of `forward`; ArgumentError otherwise."""
    if forward.go_backwards == backward.go_backwards:
        raise ArgumentError(
            "Bidirectional expects layers that go in opposite directions; both have "
            f"go_backwards={forward.go_backwards}. Turn it over in backward_layer."
        )
    for word in _SHARED:
        if getattr(forward, word) != getattr(backward, word):
            raise ArgumentError(
                f"Bidirectional expects layers that agree on {word}; received {getattr(forward, word)} forward and "
                f"{getattr(backward, word)} backward."
            )
    return backward


def _with_layers(config: dict[str, Any], custom_objects: Any) -> dict[str, Any]:
    made = dict(config)
    for key in ("layer", "backward_layer"):
        if isinstance(config.get(key), dict):
            made[key] = deserialize_keras_object(config[key], custom_objects=custom_objects)
    return made


# Layers of these very classes give a row of steps what they would give each of them, and keep no state
_ROWWISE = (Dense, Conv1D, Conv2D, Conv3D, Flatten, Reshape)


class TimeDistributed(Layer):
    """The same layer for each step of a sequence: y_t = layer(x_t).

    Shapes: x (n, steps, ...), y (n, steps, ...), where (n, ...) to (n, ...) is what the layer does.

    Args:
        layer: the layer. It is called once for each step, so that batch statistics and random draws are each step's
            own; a layer that treats rows alone (Dense, Conv1D to Conv3D, Flatten, Reshape) takes all steps at once.

    Called with a `mask` (n, steps), the layer receives each step's part of it if it takes a mask.

    Raises: ArgumentError for what is no layer; ShapeError for inputs without a time axis.

    >>> from autonet.layers import Dense
    >>> TimeDistributed(Dense(4))(ops.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    def __init__(self, layer: Layer, **common: Unpack[LayerOptions]):
        if not isinstance(layer, Layer):
            raise ArgumentError(f"TimeDistributed expects a layer; received {layer!r}.")
        super().__init__(**common)
        self.layer = layer
        self.supports_masking = True

    def _step_shape(self, shape: Any) -> tuple[Any, ...]:
        if len(shape) < 3:
            raise ShapeError(
                f"{self.label} expects inputs (n, steps, ...), three axes or more; received shape {tuple(shape)}. "
                "A sequence of single numbers needs a last axis of one: x[..., None]."
            )
        return (shape[0], *shape[2:])

    def build(self, input_shape: Any) -> None:
        shape = self._step_shape(input_shape)
        if not self.layer.built:
            self.layer.build(shape)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Tensor:
        self._step_shape(inputs.shape)
        rows, steps = inputs.shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (rows, steps):
            raise ShapeError(
                f"{self.label} expects a mask of shape {(rows, steps)}, one truth for each step, or more for each; received "
                f"{tuple(mask.shape)}."
            )
        if type(self.layer) in _ROWWISE and self.layer.activity_regularizer is None:
            y = self.layer(ops.reshape(inputs, (rows * steps, *inputs.shape[2:])), training=training)
            return ops.reshape(y, (rows, steps, *y.shape[1:]))
        outputs = []
        masked = mask is not None and "mask" in inspect.signature(self.layer.call).parameters
        for t in range(steps):
            options = {"mask": mask[:, t]} if masked else {}
            outputs.append(self.layer(inputs[:, t], training=training, **options))
        return ops.stack(outputs, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        own = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (own[0], input_shape[1], *own[1:])

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        return cls(**_with_layers(config, custom_objects))._as_configured()
