"""Sequential: layers, one after the other."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Self

from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Layers, PartialShape
from autonet.core.state import state
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers import arguments
from autonet.layers.base import Layer
from autonet.layers.input import InputLayer
from autonet.layers.symbolic import KerasTensor
from autonet.models.composed import blank
from autonet.models.graph import reshaping
from autonet.models.model import Model
from autonet.untrusted.faults import described


class Sequential(Model):
    """A stack of layers: the output of each is the input of the next.

    Args:
        layers: the layers, bottom first; more may follow with `add`.
        trainable: whether its weights are trained.
        name: of the model.

    The weights are made at once if the first layer is an `Input` or has an `input_shape`, else with the first data; later data
    may then have other lengths, as far as the layers take them.

    >>> from autonet import layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(1)])
    >>> model.output_shape
    (None, 1)
    """

    _untracked = Model._untracked | {"_symbols"}
    _unfixed = Model._unfixed | {"_symbols"}

    @filters_traceback
    def __init__(self, layers: Layers | None = None, trainable: bool = True, name: str | None = None):
        if isinstance(layers, Layer) or (layers is not None and not isinstance(layers, Iterable)):
            raise ArgumentError(f"Sequential expects a list of layers; received {layers!r}. Write Sequential([...]).")
        super().__init__(trainable=trainable, name=name)
        self.autocast = False
        self._layers: list[Layer] = []
        self._batch_shape: tuple[Any, ...] | None = None
        self._is_measured = False  # whether that is the shape of data rather than of an Input
        self._input_layer_kept: InputLayer | None = None
        self._symbols: list[Any] = []  # placeholders: of the input, and after each layer
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._try_build()

    @filters_traceback
    def add(self, layer: Layer | KerasTensor, rebuild: bool = True) -> None:
        """Put a layer on top. One that is in the stack already is shared: it has the same weights in both places.

        Raises: ArgumentError for what is no layer, or the name of another one.
        """
        if isinstance(layer, KerasTensor) and isinstance(getattr(layer._origin, "op", None), InputLayer):
            layer = layer._origin.op  # type: ignore[union-attr]  # what Input() returned stands for its layer
        if isinstance(layer, type):
            raise ArgumentError(f"Sequential expects layers; received the class {layer.__name__}: add parentheses.")
        if not isinstance(layer, Layer):
            raise ArgumentError(
                f"Sequential expects layers; received {layer!r}. A function goes into layers.Lambda, the name of an "
                "activation into layers.Activation; what layers return belongs to functional models: Model(inputs, outputs)."
            )
        if layer.name in [other.name for other in self._layers if other is not layer]:
            raise ArgumentError(f"{self.label} has a layer named {layer.name!r} already: give this one another name.")
        if isinstance(layer, InputLayer):
            if self._layers or self._batch_shape is not None:
                raise ArgumentError(f"{self.label} takes an Input only as its first layer.")
            self._batch_shape = tuple(layer.batch_shape)
            self._input_layer_kept = layer
        else:
            if not self._layers and self._batch_shape is None:
                self._batch_shape = _first_shape(layer)
            self._layers.append(layer)
        if rebuild:
            self.built = False
            self._try_build()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the top layer off and return it."""
        if not self._layers:
            raise ArgumentError(f"{self.label} has no layer to pop.")
        layer = self._layers.pop()
        self.built = False
        del self._symbols[len(self._layers) + 1 :]
        if rebuild:
            self._try_build()
        return layer

    @property
    def layers(self) -> list[Layer]:
        """The layers, bottom first; an Input does not count."""
        return list(self._layers)

    def _try_build(self) -> None:
        if self._batch_shape is not None and self._layers:
            self.build(self._batch_shape)

    def build(self, input_shape: PartialShape | None = None) -> None:
        """Make the weights for inputs of `input_shape`, batch axis included."""
        shape: Any = _only(input_shape) if input_shape is not None else self._batch_shape
        if isinstance(shape, dict) or any(isinstance(n, (tuple, list)) for n in shape or ()):
            if not self._takes_several(type(shape)):
                raise self._only_one(len(shape))
            return  # the layers are built by the call
        if shape is None:
            raise ArgumentError(f"{self.label} needs a shape to build: build((None, features)), or an Input layer.")
        if self._batch_shape is None:
            self._batch_shape, self._is_measured = (None, *shape[1:]), True
        self._place()

    def _takes_several(self, kind: type) -> bool:
        """Whether the first layer takes inputs in a list or dictionary."""
        return self._batch_shape is None and bool(self._layers) and kind in arguments.nests(type(self._layers[0]))  # type: ignore[arg-type]

    def _only_one(self, received: int) -> ArgumentError:
        return ArgumentError(
            f"{self.label} expects one input; received {received}. Samples belong into one array, as with np.stack(x). Targets "
            "are an argument of their own, as in fit(x, y); a model of several inputs is made with Model(inputs, outputs)."
        )

    def _place(self) -> None:
        """Lay the placeholders through the layers that have none yet, which builds them."""
        if not self._symbols:
            first = self._input_layer_kept
            if first is None:
                inner = self._layers[0] if self._layers else None
                known = inner is not None and inner._input_shape is None and _first_shape(inner) is not None
                if known and isinstance(inner, Sequential):
                    inner._place()
                first = InputLayer(batch_shape=self._batch_shape, dtype=inner.input.dtype if known else None)  # type: ignore[union-attr]
            self._symbols = [first.output]
        for layer in self._layers[len(self._symbols) - 1 :]:
            self._symbols.append(layer(self._symbols[-1]))

    @property
    def _shapes(self) -> list[Any]:
        return [map_structure(lambda x: x.shape, x) for x in self._symbols[1:]]

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Tensor:
        x = _only(inputs)
        if not self._layers:
            raise ArgumentError(f"{self.label} has no layers to call: add some first.")
        if type(x) in (list, tuple, dict) and len(x) > 1 and not self._takes_several(type(x)):
            raise self._only_one(len(x))
        if mask is not None and isinstance(x, Tensor) and getattr(x, "_mask", None) is None:
            x._mask = mask
        if self._batch_shape is not None and isinstance(x, Tensor):
            x = self._fit_rank(x)
        before = state.training
        if training is not None:
            state.training = training
        try:
            for layer in self._layers:
                x = layer(x)
        finally:
            state.training = before
        return x

    def _fit_rank(self, x: Tensor) -> Tensor:
        """A lone feature may come without its axis; any other misfit of rank is an error."""
        expected = self._batch_shape
        assert expected is not None
        if x.ndim == len(expected) and all(n in (None, m) for n, m in zip(expected[1:], x.shape[1:], strict=True)):
            return x
        if self._is_measured and x.ndim == len(expected):
            return x
        same = all(n in (None, m) for n, m in zip(expected[1:-1], x.shape[1:], strict=False))
        if x.ndim == len(expected) - 1 and expected[-1] == 1 and same:
            from autonet.ops.shaping import expand_dims

            return expand_dims(x, axis=-1)
        raise ShapeError(
            f"{self.label} expects inputs of shape {expected}; received {x.shape}. {reshaping(expected, x.shape)}"
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._layers:
            if not layer.built:
                layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _known(self) -> list[Any]:
        """The placeholders, once there are any."""
        if not self._symbols:
            raise AttributeError(f"{self.label} does not know its input yet: build it, or call it on data.")
        return self._symbols

    @property
    def input(self) -> Any:
        """The placeholder of the input."""
        return self._known()[0]

    @property
    def output(self) -> Any:
        """The placeholder of the output."""
        return self._known()[-1]

    @property
    def inputs(self) -> list[Any]:
        """The placeholder of the input, in a list."""
        return [self.input]

    @property
    def outputs(self) -> list[Any]:
        """The placeholder of the output, in a list."""
        return flatten(self.output)

    @property
    def output_names(self) -> list[str]:
        """The name of the last layer, for each output."""
        return [self._layers[-1].name if self._layers else x.name for x in self.outputs]

    @property
    def input_shape(self) -> tuple[Any, ...]:
        """Shape of the inputs, None for the batch."""
        if self._batch_shape is None:
            raise AttributeError(f"{self.label} does not know its input yet: build it, or call it on data.")
        return self._batch_shape

    @property
    def output_shape(self) -> tuple[Any, ...]:
        """Shape of the outputs, None for the batch."""
        return self.compute_output_shape(self.input_shape)

    def _blank_outputs(self, rows: int) -> Any:
        return blank(self._symbols[-1], rows) if self._symbols and type(self).call is Sequential.call else None

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self._symbols and getattr(inputs, "shape", None) == self._batch_shape:
            return self._symbols[-1]
        return super().compute_output_spec(inputs, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_symbols": []}

    def __setstate__(self, stored: dict[str, Any]) -> None:
        self.__dict__.update(stored)
        if self.built:
            self._place()

    def get_config(self) -> dict[str, Any]:
        from autonet.serialization.objects import serialize_keras_object

        first = self._input_layer_kept
        stack = ([first] if first is not None else []) + self._layers
        config = {**super().get_config(), "layers": [serialize_keras_object(layer) for layer in stack]}
        if self._batch_shape is not None:
            config["build_input_shape"] = self._batch_shape
        return config

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        from autonet.serialization.objects import deserialize_keras_object

        config = copy.copy(config)
        shape = config.pop("build_input_shape", None)
        config.pop("dtype", None)
        entries = [{k: v for k, v in entry.items() if k != "build_config"} for entry in config.pop("layers")]
        made: dict[str, Any] = {}  # equal ones, names included, are one layer in several places
        for entry in entries:
            if repr(entry) not in made:
                made[repr(entry)] = deserialize_keras_object(entry, custom_objects=custom_objects)
        stack = [made[repr(entry)] for entry in entries]
        trainable = config.pop("trainable", True)
        model = cls(stack, **config)
        if shape is not None and not model.built:
            model.build(tuple(shape))
        return model._as_configured(trainable)


def _first_shape(layer: Layer) -> tuple[Any, ...] | None:
    """The shape that a first layer expects, where it says so: by `input_shape`, or because it is a model with an Input."""
    if isinstance(layer, Sequential):
        return layer._batch_shape
    if isinstance(layer, Model) and layer._graph is not None:
        shape = layer._graph.input_shape
        return shape if isinstance(layer.input, KerasTensor) else None
    return layer._input_shape


def _only(x: Any) -> Any:
    """What a list of one input (or of its shape) holds; anything else as it is."""
    alone = isinstance(x, (list, tuple)) and len(x) == 1 and not isinstance(x[0], (int, type(None)))
    return x[0] if alone else x
