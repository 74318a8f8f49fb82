"""What a model can do that was given by inputs and outputs: run its graph, and tell about it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from autonet.common.frames import columns_of, plain
from autonet.common.signatures import no_argument, taken
from autonet.common.trees import flatten, map_structure
from autonet.common.words import NAMES
from autonet.core.tensor import Tensor, wrap
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.legacy import find
from autonet.models.graph import Graph
from autonet.models.graph_config import graph_config, graph_from_config, is_graph_config, takes_graph
from autonet.training.overriding import is_default
from autonet.untrusted.faults import described

if TYPE_CHECKING:
    from autonet.common.types import HasCall, P

GRAPH_ATTRIBUTES = ("inputs", "outputs", "input_names", "output_names", "input_shape", "output_shape")


def blank(placeholders: Any, rows: int) -> Any:
    """Zeros for so many rows in the shapes of these placeholders; None if another axis has no length yet."""
    if any(size is None for x in flatten(placeholders) for size in x.shape[1:]):
        return None
    return map_structure(lambda x: wrap(np.broadcast_to(np.zeros((), x.dtype), (rows, *x.shape[1:]))), placeholders)


class Composed(Layer):
    """Base of `Model`: holds the graph, if there is one. A subclass with a `call` of its own goes by that."""

    _default_methods: tuple[str, ...] = ("call",)  # what `is_default` asks for
    _graph: Graph | None = None

    def _compose(self, inputs: Any, outputs: Any) -> None:
        """Be the graph between these placeholders."""
        self.autocast = False  # each Input says its dtype
        self._graph = Graph(inputs, outputs, self.label)
        self._composed = self._graph.layers
        self.built = True
        if self._freezes:
            self.trainable = False  # for the layers inside too

    def _receive(self, x: Any) -> Any:
        x = plain(self._by_column(x), f"The input of {self.label}")
        if isinstance(x, np.ndarray) and x.dtype.kind in "USOT":  # text, for the layers inside that take it
            return x
        return super()._receive(x)

    if TYPE_CHECKING:  # a subclass takes and gives what it likes; where its `call` gives one Tensor, so does the model

        def __init__(self, *args: Any, **kwargs: Any): ...

        def call(self, *args: Any, **kwargs: Any) -> object: ...
        @overload
        def __call__(self: HasCall[P, Tensor], *args: P.args, **kwargs: P.kwargs) -> Tensor: ...
        @overload
        def __call__(self: HasCall[..., Tensor], *args: Any, training: bool | None, **kwargs: Any) -> Tensor: ...
        @overload
        def __call__(self: HasCall[..., Tensor], *args: Any, mask: Any, **kwargs: Any) -> Tensor: ...
        @overload
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    if not TYPE_CHECKING:

        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if self._graph is None:
                return super().call(inputs)
            return self._graph.run(self._graph.enter(inputs, mask, self.label), training)

    def _by_column(self, x: Any) -> Any:
        return (
            columns_of(x, self._graph.input) if self._graph is not None and isinstance(self._graph.input, dict) else x
        )

    def _has_call(self) -> bool:
        return self._graph is not None or not is_default(self, "call")

    def _blank_outputs(self, rows: int) -> Any:
        return blank(self._graph.output, rows) if self._graph is not None and is_default(self, "call") else None

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self._graph is not None and is_default(self, "call") and self._graph.fits(inputs, self.label):
            return self._graph.returned
        return super().compute_output_spec(inputs, *args, **kwargs)

    @property
    def input(self) -> Any:
        """The placeholder of the inputs, or a list or dictionary of them."""
        return self._graph.input if self._graph is not None else super().input

    @property
    def output(self) -> Any:
        """The placeholder of the outputs, or a list or dictionary of them."""
        return self._graph.output if self._graph is not None else super().output

    @property
    def operations(self) -> list[Any]:
        """The layers, and the operations of `autonet.ops` that stand between them."""
        if self._graph is not None:
            return list(self._graph.operations)
        return [x for x in self._sublayers if not hasattr(x, "update_state")]

    if not TYPE_CHECKING:  # to type checkers, a class with this method has every name

        def __getattr__(self, name: str) -> Any:
            """What only a model with a graph has; others may use these names as they like."""
            if name in GRAPH_ATTRIBUTES and not hasattr(type(self), name):  # else a property that had to say no
                if self._graph is not None:
                    return getattr(self._graph, name)
                raise AttributeError(
                    f"{self.label} has no {name}: it was not given by inputs and outputs, and does not know its Input yet."
                )
            if name in NAMES["Model"]:
                return find("Model", name, self, type(self).__name__)
            return super().__getattr__(name)

    def get_config(self) -> dict[str, Any]:
        """The graph in Keras 3's form; of a model without one, or with a constructor of its own, name and such."""
        if self._graph is not None and takes_graph(type(self)):
            return graph_config(self)
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new model of this configuration, without the weights."""
        if not is_graph_config(config):
            return super().from_config(config)
        inputs, outputs = graph_from_config(config, custom_objects)
        model = cls(inputs, outputs, name=config.get("name"))  # type: ignore[call-arg]
        return model._as_configured(config.get("trainable", True))


def graph_arguments(args: tuple[Any, ...], kwargs: dict[str, Any], model: Layer) -> dict[str, Any] | None:
    """Inputs and outputs among a model's arguments, taken out of `kwargs`; None if there are none.

    Raises: ArgumentError for positional arguments that are not these two (and a name).
    """
    if len(args) >= 2 or ("outputs" in kwargs and (len(args) == 1 or "inputs" in kwargs)):
        kwargs.update(zip(("inputs", "outputs", "name"), args))  # noqa: B905  # as many as there are
        return {"inputs": kwargs.pop("inputs"), "outputs": kwargs.pop("outputs")}
    if args or not {"inputs", "outputs"}.isdisjoint(kwargs):
        known = taken(type(model).__init__, type(model))
        for name in kwargs.keys() - set(known):
            raise no_argument(type(model).__name__, name, set(known) - kwargs.keys())
        received = "only " + " and ".join(name for name in ("inputs", "outputs") if name in kwargs)
        raise ArgumentError(
            f"{type(model).__name__} expects inputs and outputs, or neither; received "
            f"{f'{len(args)} argument' if args else received}. For a stack of layers use Sequential."
        )
    return None
