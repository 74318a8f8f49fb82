"""A small network as JSON that a person can read: its layers, their shapes, and every number."""

import os
from typing import Any

import numpy as np

from autonet.common.types import Model
from autonet.errors import ArgumentError, NotBuiltError
from autonet.saving.layout import laid_out, numbers
from autonet.saving.names import numbered
from autonet.serialization.objects import serialize_keras_object
from autonet.utils.files import atomic_write
from autonet.variable import Variable


def export_json(model: Model, path: str | os.PathLike[str], most_numbers: int = 100_000) -> None:
    """Write a network as plain JSON for people and for other programs: layers and their numbers, and nothing else.

    It is not read back; `model.save("m.json")` writes JSON that is.

        {"format": "autonet network", "version": 1, "name": ..., "class": ...,
         "inputs": [{"name", "shape", "dtype"}, ...],      where the model knows them; null for the batch
         "outputs": [name of a layer, ...],
         "layers": [{"name", "class", "from": [name, ...], "output_shape",
                     "settings": {...},                    what the constructor took, but names, dtypes and initializers
                     "weights": {name: {"shape", "trainable", "values": nested lists}},
                     "layers": [...]},                     those inside
                    {"name", "operation", "arguments"},    a function of autonet.ops between layers
                    ...]}

    Numbers have as many digits as tell one float from the next. Layers stand in the order of the calls where that is
    known, and then say `from` where their inputs come; `A @ kernel + bias` and the like is up to the class.

    Args:
        most_numbers: refuse larger networks.

    Raises: ArgumentError for a network that is too large, or holds NaN or infinities; NotBuiltError before there are
    weights.
    """
    if not model._is_built():
        raise NotBuiltError(f"{model.label} has no weights yet: build it, or call it on data, then export it.")
    count = sum([v.size for v in model.weights])
    if count > most_numbers:
        raise ArgumentError(
            f"{model.label} has {count:,} numbers, more than the {most_numbers:,} that anybody reads. Save it with "
            "model.save(), or raise most_numbers."
        )
    network: dict[str, Any] = {
        "format": "autonet network",
        "version": 1,
        "name": model.name,
        "class": type(model).__name__,
    }
    ends = _ends(model)
    text = laid_out({**network, **ends, "layers": _layers(model)})
    with atomic_write(path) as file:
        file.write(f"{text}\n".encode())


def _ends(model: Any) -> dict[str, Any]:
    """Inputs and outputs of a model that knows them."""
    try:
        inputs, outputs = model.inputs, model.output_names
    except AttributeError:
        return {}
    described = [{"name": x.name, "shape": list(x.shape), "dtype": str(x.dtype)} for x in inputs]
    if model._graph is not None:
        for entry, name in zip(described, model.input_names, strict=True):
            entry["name"] = name
    return {"inputs": described, "outputs": list(outputs)}


def _layers(x: Any) -> list[dict[str, Any]]:
    sources = _sources(x)
    graph = getattr(x, "_graph", None)
    inside = graph.operations if graph is not None else x.layers if hasattr(x, "_input_layer_kept") else x._sublayers
    return [_layer(y, sources.get(id(y))) if hasattr(y, "_sublayers") else _operation(y, graph) for y in inside]


def _operation(op: Any, graph: Any) -> dict[str, Any]:
    """A function of `autonet.ops` between layers: its arguments, with the names of those before it."""

    def described(x: Any) -> Any:
        if hasattr(x, "_origin"):
            return x._origin.op.name
        if isinstance(x, (list, tuple)):
            return [described(v) for v in x]
        return serialize_keras_object(x)

    node = next(node for node in graph.nodes if node.op is op)
    named = {k: described(v) for k, v in node.kwargs.items()}
    entry = {"name": op.name, "operation": op.word, "arguments": [described(x) for x in node.args]}
    return {**entry, "settings": named} if named else entry


def _sources(x: Any) -> dict[int, list[str]]:
    """For each layer of a model that is given by its layers, the names of those before it."""
    graph = getattr(x, "_graph", None)
    if graph is not None:
        return {
            id(op): list(dict.fromkeys(t._origin.op.name for node in graph.nodes if node.op is op for t in node.inputs))
            for op in graph.operations
        }
    if hasattr(x, "_input_layer_kept"):  # a Sequential
        names = [x._symbols[0]._origin.op.name if x._symbols else "input", *[layer.name for layer in x.layers]]
        return {id(layer): [before] for layer, before in zip(x.layers, names, strict=False)}
    return {}


def _layer(layer: Any, sources: list[str] | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": layer.name, "class": type(layer).__name__}
    if sources:
        entry["from"] = sources
    try:
        entry["output_shape"] = _plain(layer.output.shape)
    except AttributeError:
        pass  # called on data alone, or several outputs
    inside = _layers(layer)
    settings = {} if inside and hasattr(layer, "compile") else _settings(layer)
    if settings:
        entry["settings"] = settings
    own: list[Variable] = layer._own_weights()
    if own:
        entry["weights"] = {name: _weight(v) for name, v in zip(numbered([v.name for v in own]), own, strict=True)}
    if inside:
        entry["layers"] = inside
    return entry


def _settings(layer: Any) -> dict[str, Any]:
    """What is worth telling of a configuration."""
    config = serialize_keras_object(layer.get_config())
    dropped = {"name", "trainable", "dtype", "layer", "backward_layer", "cell", "cells"}
    return {
        k: _short(v) for k, v in config.items() if k not in dropped and not k.endswith("_initializer") and v is not None
    }


def _short(x: Any) -> Any:
    """A configuration by its class and what it was made with."""
    if isinstance(x, dict) and "class_name" in x:
        config = x.get("config")
        if not isinstance(config, dict):
            return config  # the name of a function
        return {x["class_name"]: {k: _short(v) for k, v in config.items()}} if config else x["class_name"]
    return _plain(x)


def _plain(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    return {k: _short(v) for k, v in x.items()} if isinstance(x, dict) else x


def _weight(v: Variable) -> dict[str, Any]:
    array = v.numpy()
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise ArgumentError(f"{v.path} holds NaN or infinities, for which JSON has no numbers.")
    return {"shape": list(v.shape), "trainable": v.trainable, "values": numbers(array)}
