"""Copies of models: the same layers anew, with weights of their own."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from autonet.common.trees import flatten, map_structure
from autonet.common.types import Placeholders
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.layers.input import InputLayer, origin_of
from autonet.layers.symbolic import FunctionOperation, KerasTensor, LayerCall
from autonet.models.graph_config import takes_graph
from autonet.models.model import Functional, Model
from autonet.models.sequential import Sequential
from autonet.models.tracing import replay
from autonet.untrusted.budget import LoadBudget

M = TypeVar("M", bound=Model)


def clone_model(
    model: M,
    input_tensors: Placeholders | None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> M:
    """A model of new layers, connected alike, with freshly drawn weights. `compile` is not carried over.

    Args:
        model: a model with a graph, a Sequential, or a subclass that has a configuration.
        input_tensors: placeholders to build the copy on, nested as the model's inputs; by default new Inputs.
        clone_function: from each layer to the layer that takes its place; by default a new one of its configuration.
        call_function: called as call_function(new_layer, *args, **kwargs) where the copy is put together.
        recursive: whether models inside are cloned likewise, layer by layer, rather than by their configuration.

    Raises: ArgumentError for arguments that do not fit the kind of model.
    """
    if not isinstance(model, Model):
        raise ArgumentError(f"clone_model expects a model; received {model!r}.")
    if model._graph is None and not isinstance(model, Sequential):
        for word, value in (("clone_function", clone_function), ("call_function", call_function)):
            if value is not None:
                raise ArgumentError(
                    f"clone_model takes {word} for models given by inputs and outputs; {model.label} has a call of its own."
                )
        if input_tensors is not None:
            raise ArgumentError(f"clone_model: {model.label} has no graph to build on input_tensors.")

    with LoadBudget(math.inf):  # there is room for as much as the model has
        return _cloned(model, input_tensors, clone_function, call_function, recursive)  # type: ignore[return-value]


def _cloned(
    model: Model,
    input_tensors: Any,
    clone_function: Callable[[Layer], Layer] | None,
    call_function: Callable[..., Any] | None,
    recursive: bool,
) -> Model:
    if model._graph is None and not isinstance(model, Sequential):
        return type(model).from_config(model.get_config())

    def copy_of(layer: Layer) -> Layer:
        if recursive and isinstance(layer, Model) and (layer._graph is not None or isinstance(layer, Sequential)):
            return clone_model(layer, None, clone_function, call_function, recursive=True)
        return (clone_function or _by_config)(layer)

    if isinstance(model, Sequential):
        if call_function is not None:
            raise ArgumentError(f"clone_model: {model.label} is a Sequential, for which there is no call_function.")
        return _sequential(model, input_tensors, copy_of)
    return _functional(model, input_tensors, copy_of, call_function)


def _by_config(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


def _sequential(model: Sequential, input_tensors: Any, copy_of: Callable[..., Any]) -> Sequential:
    first = model._input_layer_kept
    copies = {id(layer): copy_of(layer) for layer in {id(layer): layer for layer in model.layers}.values()}
    stack: list[Any] = [copies[id(layer)] for layer in model.layers]
    given = flatten(input_tensors) if input_tensors is not None else []
    if len(given) > 1:
        raise ArgumentError(f"clone_model: {model.label} has one input; received {len(given)} input_tensors.")
    if given:
        stack.insert(0, given[0])
    elif first is not None:
        stack.insert(0, _by_config(first))
    copied = type(model)(stack, name=model.name)
    if model._batch_shape is not None and not copied.built:
        copied.build(model._batch_shape)
    return copied._as_configured(model.trainable)


def _functional(
    model: M, input_tensors: Any, copy_of: Callable[..., Any], call_function: Callable[..., Any] | None
) -> Model:
    graph = model._graph
    assert graph is not None
    if input_tensors is None:
        inputs = [_by_config(origin_of(x)[0].op).output for x in graph.inputs]
    else:
        inputs = flatten(input_tensors)
        if len(inputs) != len(graph.inputs) or not all(isinstance(x, KerasTensor) for x in inputs):
            raise ArgumentError(
                f"clone_model: {model.label} has {len(graph.inputs)} inputs; input_tensors must be as many placeholders, "
                f"as Input() returns them. Received {input_tensors!r}."
            )
    tensors: dict[Any, Any] = {origin_of(x): new for x, new in zip(graph.inputs, inputs, strict=True)}
    copies: dict[int, Any] = {}

    def apply(node: LayerCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        op = node.op
        if isinstance(op, FunctionOperation):
            return LayerCall(FunctionOperation(op.function, op.word, op.name), args, kwargs, node.spec_tree).outputs
        if id(op) not in copies:
            copies[id(op)] = op if isinstance(op, InputLayer) else copy_of(op)
        copied = copies[id(op)]
        return copied(*args, **kwargs) if call_function is None else call_function(copied, *args, **kwargs)

    replay(graph.nodes, tensors, apply)

    def new(tree: Any) -> Any:
        return map_structure(lambda x: tensors[origin_of(x)], tree)

    cls = type(model) if takes_graph(type(model)) else Functional
    copied = cls(new(graph.input), new(graph.output), name=model.name)
    return copied._as_configured(model.trainable)
