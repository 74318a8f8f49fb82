"""Where Keras keeps the weights of each layer: the groups of its HDF5 files, as observed in files that it wrote.

A group is called after the attributes that lead to the layer, in lists and dictionaries after its class, numbered among its
siblings: "layers/dense_1", "head", "blocks/conv2d". The arrays are in the group "vars" below it, numbered from 0. An object
that several attributes lead to is kept at the first: attributes go by name, private ones last; `layers`, which models have,
goes first for models that are given by their layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autonet.layers.base import Layer
from autonet.layers.low_rank import LowRank
from autonet.metrics import Metric
from autonet.optimizers import Adafactor, LossScaleOptimizer, MultiOptimizer, Optimizer
from autonet.saving.names import numbered
from autonet.serialization.objects import snake_case
from autonet.variable import Variable

# Attributes that Keras shows under another name.
_RENAMED = {
    "MultiHeadAttention": {f"_{x}_dense": f"{x}_dense" for x in ("query", "key", "value", "output", "gate")},
}
_CLASSES = {"GroupQueryAttention": "GroupedQueryAttention"}  # whose public name in Keras is not their own
_PRIVATE = frozenset(vars(Layer())) | {"_first_weights"}


def keras_groups(model: Any) -> Iterator[tuple[str, Any]]:
    """Every layer and optimizer of a model, the model itself included, by the path of its group; "" for the model."""
    yield from _walk(model, "", set())


def _walk(x: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(x) in seen:
        return
    seen.add(id(x))
    yield path, x
    if isinstance(x, Optimizer):
        if isinstance(x, LossScaleOptimizer):
            yield from _walk(x.inner_optimizer, f"{path}/inner_optimizer", seen)
        elif isinstance(x, MultiOptimizer):
            yield from _descend(x.optimizers, f"{path}/optimizers", seen)
        return
    for name, child in _children(x):
        yield from _descend(child, f"{path}/{name}".lstrip("/"), seen)


def _descend(child: Any, path: str, seen: set[int], around: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(child, (Layer, Optimizer)):
        if not isinstance(child, Metric):
            yield from _walk(child, path, seen)
    elif isinstance(child, (list, tuple, dict)) and id(child) not in around:  # a container may hold itself
        inside = [v for v in (child.values() if isinstance(child, dict) else child) if _holds(v)]
        for name, inner in zip(numbered([_called(v) for v in inside]), inside, strict=True):
            yield from _descend(inner, f"{path}/{name}", seen, (*around, id(child)))


def _holds(x: Any) -> bool:
    return isinstance(x, (Layer, Optimizer, list, tuple, dict))


def _called(x: Any) -> str:
    if not isinstance(x, (Layer, Optimizer)):
        return "container"
    name = type(x).__name__
    return snake_case(_CLASSES.get(name, name))


def _children(x: Layer) -> list[tuple[str, Any]]:
    """Attributes that may lead to layers, in Keras's order."""
    own = {k: v for k, v in vars(x).items() if k not in _PRIVATE}
    graph = getattr(x, "_graph", None)
    if hasattr(x, "compile_from_config"):  # a model
        own = {k: v for k, v in own.items() if k[0] != "_"}
        own["layers"] = x.layers if graph is None else graph.layers  # type: ignore[attr-defined]
    renamed = _RENAMED.get(type(x).__name__, {})
    own = {renamed.get(k, k): v for k, v in own.items()}
    given = graph is not None or hasattr(x, "_input_layer_kept")
    return sorted(own.items(), key=lambda item: (item[0] != "layers" or not given, item[0][0] == "_", item[0]))


def own_variables(x: Any) -> list[Variable]:
    """The Variables that Keras keeps in the group of a layer or optimizer, in its order."""
    if isinstance(x, Adafactor) and x.built:  # Keras has two integers in place of the means that a vector has none of
        vectors = {id(v) for rows, _, v in x._squares if rows is None}
        none = lambda v: [Variable(0, dtype="int64", trainable=False) for _ in range(2 * (id(v) in vectors))]
        return [each for v in x.variables for each in (*none(v), v)]
    if isinstance(x, Optimizer):
        return x.variables
    own: list[Variable] = x._own_weights()
    if isinstance(x, LowRank) and x.lora_enabled:  # Keras keeps the weight with its correction
        return [v for v in own if not any(v is factor for factor in x._factors)]
    return own
