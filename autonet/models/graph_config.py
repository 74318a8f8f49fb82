"""The configuration of a graph of layers, in Keras 3's form: written, and read back."""

import heapq
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autonet.common.trees import flatten, map_structure
from autonet.core.primitive import Primitive
from autonet.errors import ArgumentError
from autonet.layers.input import origin_of
from autonet.layers.symbolic import FunctionOperation, KerasTensor, LayerCall, function_named
from autonet.models.graph import Graph
from autonet.models.operations import class_name, join_arguments, module_name, split_arguments, word_of
from autonet.ops.shape_inference import infer_spec
from autonet.serialization.objects import deserialize_keras_object, serialize_keras_object
from autonet.serialization.registry import CustomObjectScope
from autonet.untrusted.budget import limit
from autonet.untrusted.faults import making

# To a configuration


def graph_config(model: Any) -> dict[str, Any]:
    """The configuration of a model that has a graph."""
    graph = model._graph
    assert graph is not None
    entries = []
    for op in graph.operations:
        nodes = [node for node in graph.nodes if node.op is op]
        if isinstance(op, FunctionOperation):
            entry = _operation_entry(op, nodes[0])
            calls = [split_arguments(op, node.args, node.kwargs)[1:] for node in nodes]
        else:
            entry = serialize_keras_object(op)
            calls = [(list(node.args), node.kwargs) for node in nodes if node.inputs]
        entry["name"] = op.name
        entry["inbound_nodes"] = [
            {"args": _serialized(args, graph), "kwargs": _serialized(kwargs, graph)} for args, kwargs in calls
        ]
        entries.append(entry)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": entries,
        "input_layers": map_structure(graph.history, graph.input),
        "output_layers": map_structure(lambda x: _output_history(x, graph), graph.output),
    }


def _operation_entry(op: FunctionOperation, node: LayerCall) -> dict[str, Any]:
    config = split_arguments(op, node.args, node.kwargs)[0]
    return {
        "module": module_name(op.word),
        "class_name": class_name(op.word),
        "config": serialize_keras_object(config),
        "registered_name": class_name(op.word),
    }


def _serialized(tree: Any, graph: Graph) -> Any:
    if isinstance(tree, KerasTensor):
        dtype = tree.dtype if isinstance(tree.dtype, str) else tree.dtype.name
        config = {"shape": tree.shape, "dtype": dtype, "keras_history": graph.history(tree)}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_serialized(x, graph) for x in tree])
    if isinstance(tree, dict):
        return {k: _serialized(x, graph) for k, x in tree.items()}
    return serialize_keras_object(tree)


def _output_history(x: KerasTensor, graph: Graph) -> list[Any]:
    """Keras counts a model's making as its first call, but only here."""
    name, number, place = graph.history(x)
    return [name, number + _has_graph(origin_of(x)[0].op), place]


def _has_graph(op: Any) -> bool:
    return getattr(op, "_graph", None) is not None


# From a configuration


@making("The model that the configuration describes")
def graph_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
    """Inputs and outputs of the graph that a configuration describes, with new layers."""
    with CustomObjectScope(custom_objects):
        makers = {entry["name"]: _maker(entry) for entry in config["layers"]}
        waiting = {
            (entry["name"], i): _call_of(data)
            for entry in config["layers"]
            for i, data in enumerate(entry["inbound_nodes"])
        }
        made: dict[tuple[str, int], list[Any]] = {}
        for entry in config["layers"]:
            if not entry["inbound_nodes"]:
                made[entry["name"], 0] = [_input_of(makers[entry["name"]], entry["name"])]
        for key in _in_order(waiting, made):
            args, kwargs = _deserialized(list(waiting.pop(key)), made)
            made[key] = flatten(makers[key[0]](*args, **kwargs))
        if waiting:
            raise ArgumentError(
                f"The configuration of model {config.get('name')!r} has calls that wait for each other or for layers that "
                f"are not there: {str(sorted({str(name) for name, _ in waiting}))[:500]}."
            )
    inner = {name for name, maker in makers.items() if _has_graph(maker)}
    return _tensors(config["input_layers"], made), _tensors(config["output_layers"], made, inner)


def _maker(entry: Mapping[str, Any]) -> Callable[..., Any]:
    """What to call on placeholders: a layer, or a function that stands for an operation."""
    module = str(entry.get("module") or "")
    if not module.startswith(("keras.src.ops", "keras.src.activations", "autonet.ops")):
        return deserialize_keras_object({k: v for k, v in entry.items() if k != "build_config"})  # the call builds
    config = deserialize_keras_object(entry["config"])
    if module.startswith("keras.src.activations"):  # an activation with settings: relu's class there
        from autonet import activations

        settings = {k: v for k, v in config.items() if k != "name"}
        return lambda x: activations.relu(x, **settings)
    word = word_of(entry["class_name"])

    def call(*args: Any, **kwargs: Any) -> Any:
        positional, keywords = join_arguments(word, config, list(args), kwargs)
        function = function_named(word)
        _check_counts(function, word, positional, keywords)
        outputs = infer_spec(getattr(function, "__wrapped__", function), tuple(positional), keywords, match=True)
        return LayerCall(
            FunctionOperation(function, word, config.get("name")), tuple(positional), keywords, outputs
        ).outputs

    return call


# Arguments of operations whose numbers are values, not counts of anything.
_VALUES = frozenset("x x1 x2 y a b fill_value constant_values x_min x_max a_min a_max seed value".split())


def _check_counts(function: Callable[..., Any], word: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Refuse an operation that is made of others and asks for many: it may make arrays, or go round a loop, as often."""
    if not any(isinstance(x, KerasTensor) for x in flatten([args, kwargs])):
        raise ArgumentError(f"The configuration calls ops.{word} on nothing.")
    if isinstance(function, Primitive):  # whose shape is foretold without making it
        return
    named = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    for name, value in named.items():
        numbers = [n for n in flatten(value) if isinstance(n, int)] if name not in _VALUES else []
        limit(f"ops.{word} with {name}={str(value)[:100]}", max(map(abs, numbers), default=0), most=1 << 18)


def _input_of(layer: Any, name: str) -> KerasTensor:
    from autonet.layers.input import InputLayer

    if not isinstance(layer, InputLayer):
        raise ArgumentError(f"The configuration calls {name!r} on nothing, but it is no InputLayer.")
    return layer.output


def _call_of(data: Any) -> tuple[list[Any], dict[str, Any]]:
    """One entry of "inbound_nodes" as arguments and keyword arguments; older files list [name, call, place, kwargs]."""
    if isinstance(data, dict):
        return list(data["args"]), {k: v for k, v in data["kwargs"].items() if any(x is not None for x in flatten(v))}
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": list(d[:3])}} for d in data]
    kwargs = dict(data[0][3]) if len(data[0]) > 3 else {}
    return [tensors[0] if len(tensors) == 1 else tensors], kwargs


def _histories(tree: Any) -> list[tuple[str, int, int]]:
    if isinstance(tree, dict):
        if tree.get("class_name") == "__keras_tensor__":
            return [tuple(tree["config"]["keras_history"])]
        return [h for v in tree.values() for h in _histories(v)]
    return [h for v in tree for h in _histories(v)] if isinstance(tree, (list, tuple)) else []


def _in_order(calls: Mapping[tuple[str, int], Any], made: Mapping[Any, Any]) -> Iterator[tuple[str, int]]:
    """Each call when its arguments exist and the earlier calls of its layer were made; of several, the first one given."""
    order = {key: place for place, key in enumerate(calls)}
    waiting: dict[tuple[Any, ...], list[tuple[str, int]]] = {}  # by what they wait for
    missing = {}
    for key, call in calls.items():
        needed = {(n, i) for n, i, _ in _histories(list(call))} | ({(key[0], key[1] - 1)} if key[1] else set())
        missing[key] = len(needed - made.keys())
        for other in needed - made.keys():
            waiting.setdefault(other, []).append(key)
    ready = [(order[key], key) for key, n in missing.items() if n == 0]
    heapq.heapify(ready)
    while ready:
        _, done = heapq.heappop(ready)
        yield done
        for key in waiting.get(done, ()):
            missing[key] -= 1
            if missing[key] == 0:
                heapq.heappush(ready, (order[key], key))


def _deserialized(tree: Any, made: dict[Any, Any]) -> Any:
    if isinstance(tree, dict):
        if tree.get("class_name") == "__keras_tensor__":
            name, number, place = tree["config"]["keras_history"]
            return made[name, number][place]
        if "class_name" in tree and "config" in tree:
            return deserialize_keras_object(tree)
        return {k: _deserialized(v, made) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([_deserialized(v, made) for v in tree])
    return tree


def _tensors(tree: Any, made: dict[Any, Any], inner: set[str] | frozenset[str] = frozenset()) -> Any:
    """The placeholders that "input_layers" or "output_layers" name; `inner` are models, whose calls count from 1."""
    if isinstance(tree, dict):
        return {k: _tensors(v, made, inner) for k, v in tree.items()}
    if not isinstance(tree, (list, tuple)):
        raise ArgumentError(
            f"The inputs and outputs of a graph are lists [name, call, place]; received {str(tree)[:200]}."
        )
    if len(tree) == 3 and isinstance(tree[0], str):
        name, number, place = tree
        return made[name, number - (name in inner)][place]
    return type(tree)([_tensors(v, made, inner) for v in tree])


def is_graph_config(config: Any) -> bool:
    """Whether a configuration describes a graph."""
    return all(k in config for k in ("layers", "input_layers", "output_layers"))


def takes_graph(cls: type[Any]) -> bool:
    """Whether a class of models is made as `cls(inputs, outputs)`."""
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    names = [p.name for p in parameters]
    return {"inputs", "outputs"} <= set(names) or {p.kind for p in parameters} >= {
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    }
