"""Configurations of Keras 2 in Keras 3's words.

A configuration there names classes without modules, or with some that are no more; graphs list for each call of a layer
[layer, call, place, keywords] for every tensor that goes in. What has no counterpart is refused, and named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autonet.errors import ArgumentError, DataError
from autonet.serialization.registry import get_registered_object

MODELS = ("Functional", "Model", "Sequential")
CONSTANT = "_CONSTANT_VALUE"
_NEWER = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
}
# Words that are no more, with the values that they may have: those that say nothing.
_GONE: dict[str, dict[str, tuple[Any, ...]]] = {
    "": {"time_major": (False, None), "ragged": (False, None), "sparse": (False, None), "groups": (1,)},
    "Attention": {"causal": (False,)},
    "AdditiveAttention": {"causal": (False,)},
    "MultiHeadAttention": {"softmax_robust_masking": (False,)},
    "Softmax": {"robust_masking": (False,)},
    "BatchNormalization": {"virtual_batch_size": (None,), "fused": (None, True, False), "renorm": (False,)},
}
# Words without a meaning: shapes that the call says again, and what two kernels share nowhere.
_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
_UNSAID = {
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
    "SeparableConv1D": _KERNEL,
    "SeparableConv2D": _KERNEL,
}
_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}, "InputLayer": {"batch_input_shape": "batch_shape"}}
_FAMILIES = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "learning_rate": "keras.optimizers.schedules",
}
# TensorFlow's functions that Keras 2 records as layers, and the operations that they are.
_OPERATIONS = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "TrueDivide",
    "math.divide": "Divide",
    "math.pow": "Power",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
    "math.negative": "Negative",
    "math.abs": "Absolute",
    "math.square": "Square",
    "math.sqrt": "Sqrt",
    "math.exp": "Exp",
    "math.log": "Log",
    "math.tanh": "Tanh",
}


def model(config: Any, recent: bool) -> dict[str, Any]:
    """The configuration of a model, as `deserialize_keras_object` takes it.

    Args:
        recent: whether Keras 3 wrote it, which leaves out modules and nothing else.

    Raises: DataError for what describes no model; ArgumentError for what is not here.
    """
    if not isinstance(config, dict) or config.get("class_name") not in (*MODELS, *_registered(config)):
        what = config.get("class_name") if isinstance(config, dict) else config
        raise DataError(
            f"The file describes a {str(what)[:100]!r}, where Sequential or a functional model is expected. For a class of your "
            "own pass custom_objects={name: class}."
        )
    return _layer(config, recent)


def _registered(config: dict[str, Any]) -> tuple[Any, ...]:
    name = config.get("class_name")
    return (name,) if isinstance(name, str) and get_registered_object(name) is not None else ()


# Layers


def _layer(entry: Any, recent: bool) -> dict[str, Any]:
    """The entry of a layer, an operation or a model, with its module."""
    name = entry["class_name"]
    name = _NEWER.get(name, name)
    config = entry["config"]
    if name in MODELS:
        config = {"layers": config} if isinstance(config, list) else dict(config)  # the oldest have layers alone
        config["layers"] = [_layer(inner, recent) for inner in config["layers"]]
        if name == "Sequential":
            config |= {k: _value(config[k]) for k in ("build_input_shape",) if k in config}
            return {**_named(entry, "keras", "Sequential"), "config": config}
        if not recent:
            config = _graph(config)
        return {**_named(entry, "keras.src.models.functional", "Functional"), "config": config}
    if _registered(entry):
        return {**_named(entry, None, entry["class_name"]), "config": _arguments("", config, recent)}
    if name in ("Lambda", "TensorFlowOpLayer", "SlicingOpLambda", "CuDNNLSTM", "CuDNNGRU"):
        raise ArgumentError(
            f"The file has a layer {str(config.get('name'))[:100]!r} of class {name}, which "
            + ("holds code, and code from a file is never run. " if name == "Lambda" else "is not read here. ")
            + "Make the model anew with another layer in its place, and take the weights with model.load_weights(); "
            f"or pass custom_objects={{{name!r}: class}}."
        )
    if name == "TFOpLambda":
        return {**_named(entry, "keras.src.ops.numpy", _operation(config)), "config": {"name": config["name"]}}
    if recent and "trainable" not in config and name != "InputLayer":  # of a layer it is always said
        return {**_named(entry, "keras.src.ops.numpy", name), "config": config}
    return {**_named(entry, "keras.layers", name), "config": _arguments(name, config, recent)}


def _named(entry: dict[str, Any], module: str | None, name: str) -> dict[str, Any]:
    kept = {k: v for k, v in entry.items() if k not in ("build_config", "shared_object_id")}
    return {**kept, "module": module, "class_name": name, "registered_name": None}


def _operation(config: dict[str, Any]) -> str:
    function = config["function"]
    if function not in _OPERATIONS:
        raise ArgumentError(
            f"The file calls TensorFlow's tf.{str(function)[:100]} in layer {str(config.get('name'))[:100]!r}; of such calls "
            f"these are read: {', '.join(_OPERATIONS)}. Make the model anew with a layer in its place, and take the weights "
            "with model.load_weights()."
        )
    return _OPERATIONS[function]


def _arguments(name: str, config: dict[str, Any], recent: bool) -> dict[str, Any]:
    """What a layer's configuration says, in today's words."""
    new = {}
    for word, value in config.items():
        if not recent:
            gone = _GONE.get(name, {}).get(word, _GONE[""].get(word))
            if gone is not None and value in gone:
                continue
            if word in _UNSAID.get(name, ()):
                continue
            word = _RENAMED.get(name, {}).get(word, word)
        new[word] = _argument(word, value, recent)
    if recent:
        return new
    if name == "BatchNormalization" and isinstance(new.get("axis"), list) and len(new["axis"]) == 1:
        new["axis"] = new["axis"][0]
    if name == "GRU" and "reset_after" not in new:
        new["reset_after"] = False  # what it was before it could be said
    return new


def _argument(word: str, value: Any, recent: bool) -> Any:
    if word == "dtype" and isinstance(value, dict) and not recent:
        return value["config"]["name"]  # of a policy
    if word in ("layer", "forward_layer", "backward_layer", "cell") and _is_object(value):
        return _layer(value, recent)
    if word in ("cells", "layers") and isinstance(value, list):
        return [_layer(v, recent) if _is_object(v) else v for v in value]
    value = _value(value)
    family = _FAMILIES.get(word.rpartition("_")[2], _FAMILIES.get(word))
    if family and _is_object(value):
        inside = {k: v for k, v in value["config"].items() if k != "dtype" or word == "learning_rate"}
        if _registered(value) or value.get("module") is not None:
            return {**value, "config": inside}
        return {**value, "module": family, "config": inside}
    return value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("config"), dict) and "class_name" in value


def _value(value: Any) -> Any:
    """A plain value; arrays and shapes were dictionaries."""
    if isinstance(value, dict):
        if value.get("type") == "ndarray" and "value" in value:
            return value["value"]
        if value.get("class_name") == "TensorShape" and "items" in value:
            return value["items"]
    return value


# Graphs


def _graph(config: dict[str, Any]) -> dict[str, Any]:
    """The graph of a model, its calls in Keras 3's form."""
    entries = {entry["name"]: entry for entry in config["layers"]}
    first = _first_calls(config, entries)

    def tensor(place: Any) -> dict[str, Any]:
        name, number, output = place[:3]
        return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, number - first[name], output]}}

    def nested(x: Any) -> Any:
        """What a keyword holds: tensors are lists [layer, call, place]."""
        if _is_place(x, entries):
            return tensor(x)
        if isinstance(x, list):
            if len(x) == 3 and x[0] == CONSTANT:
                return x[2]
            return [nested(v) for v in x]
        return {k: nested(v) for k, v in x.items()} if isinstance(x, dict) else _value(x)

    def call(node: Any, entry: dict[str, Any]) -> dict[str, Any]:
        if isinstance(node, dict):
            raise ArgumentError(
                f"The file calls layer {str(entry['name'])[:100]!r} on a dictionary, which is not read from such files."
            )
        node = [node] if node and isinstance(node[0], str) else node
        kwargs: dict[str, Any] = {}
        for data in node:
            kwargs |= nested(data[3]) if len(data) > 3 else {}
        inputs = [data[2] if data[0] == CONSTANT else tensor(data) for data in node]
        if entry["module"] == "keras.src.ops.numpy":
            return _operands(inputs, kwargs, entry["name"])
        if len(inputs) > 1 and entry["class_name"] in _RECURRENT:
            return {"args": inputs[:1], "kwargs": {**kwargs, "initial_state": inputs[1:]}}
        return {"args": [inputs if len(inputs) > 1 else inputs[0]], "kwargs": kwargs}

    def ends(places: Any, shift: Callable[[str], int]) -> Any:
        """Inputs or outputs; a single one stood in a list."""
        if isinstance(places, dict):
            return {k: ends(v, shift) for k, v in places.items()}
        if _is_place(places, entries):
            return [places[0], places[1] - shift(places[0]), places[2]]
        found = [ends(v, shift) for v in places]
        return found[0] if len(found) == 1 else found

    return {
        **config,
        "layers": [
            {**entry, "inbound_nodes": [call(node, entry) for node in entry["inbound_nodes"]]}
            for entry in config["layers"]
        ],
        "input_layers": ends(config["input_layers"], lambda name: first[name]),
        "output_layers": ends(  # where the calls of models count from 1
            config["output_layers"], lambda name: first[name] - (_is_model(entries[name]))
        ),
    }


_RECURRENT = ("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN")


def _is_model(entry: dict[str, Any]) -> bool:
    return entry["module"] in ("keras", "keras.src.models.functional")


def _is_place(x: Any, entries: dict[str, Any]) -> bool:
    """Whether it is [layer, call, place, ...] and no list of something else."""
    return isinstance(x, list) and 3 <= len(x) <= 4 and isinstance(x[0], str) and x[0] in entries


def _operands(inputs: list[Any], kwargs: dict[str, Any], name: str) -> dict[str, Any]:
    others = {k: v for k, v in kwargs.items() if k not in ("name", "y") and v is not None}
    if others or len(inputs) != 1:
        raise ArgumentError(f"The file calls {str(name)[:100]!r} with {str(sorted(others))[:100]}, which is not read.")
    return {"args": inputs + [kwargs["y"]] * ("y" in kwargs), "kwargs": {}}


def _first_calls(config: dict[str, Any], entries: dict[str, Any]) -> dict[str, int]:
    """The number of each layer's first call: 1 for models whose making was one."""
    used: dict[str, set[int]] = {name: set() for name in entries}

    def look(x: Any) -> None:
        if _is_place(x, entries):
            used[x[0]].add(x[1])
        for inside in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
            look(inside)

    look([entry["inbound_nodes"] for entry in entries.values()])
    look([config["input_layers"], config["output_layers"]])
    return {
        name: int(
            _is_model(entry)
            and 0 not in used[name]
            and (max(used[name], default=0) >= len(entry["inbound_nodes"]) or _starts(entry))
        )
        for name, entry in entries.items()
    }


def _starts(entry: dict[str, Any]) -> bool:
    """Whether a model says what comes in."""
    layers = entry["config"]["layers"]
    return bool(layers) and (
        layers[0]["class_name"] == "InputLayer" or "batch_input_shape" in layers[0]["config"] or _is_model(layers[0])
    )


# Compiling


def compiling(config: Any) -> dict[str, Any]:
    """What `compile` received."""
    if not isinstance(config, dict) or not isinstance(config.get("optimizer_config"), dict):
        raise DataError("The file's training_config does not say how the model was compiled.")
    new: dict[str, Any] = {"optimizer": _optimizer(config["optimizer_config"])}
    for word, module in (("loss", "losses"), ("metrics", "metrics"), ("weighted_metrics", "metrics")):
        if config.get(word) is not None:
            new[word] = _measures(config[word], f"keras.{module}")
    for word in ("metrics", "weighted_metrics"):  # those of a single output stood in a list of their own
        if isinstance(new.get(word), list) and len(new[word]) == 1 and isinstance(new[word][0], list):
            new[word] = new[word][0]
    if config.get("loss_weights") is not None:
        new["loss_weights"] = config["loss_weights"]
    return new


def _optimizer(entry: dict[str, Any]) -> dict[str, Any]:
    name = entry["class_name"].rpartition(">")[2]
    config = dict(entry["config"])
    for word in ("is_legacy_optimizer", "jit_compile"):
        config.pop(word, None)
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    if name == "Nadam" and "schedule_decay" in config:
        config.pop("schedule_decay")
    if decay := config.pop("decay", 0):
        config["learning_rate"] = {
            "class_name": "InverseTimeDecay",
            "config": {"initial_learning_rate": config["learning_rate"], "decay_steps": 1, "decay_rate": decay},
        }
    config = {k: _argument(k, v, False) for k, v in config.items()}
    if _is_object(config.get("inner_optimizer")):
        config["inner_optimizer"] = _optimizer(config["inner_optimizer"])
    if _registered(entry):
        return {**entry, "config": config}
    return {"module": "keras.optimizers", "class_name": name, "config": config, "registered_name": None}


def _measures(x: Any, module: str) -> Any:
    """Losses or metrics: names, configurations, or nests of these."""
    if isinstance(x, list):
        return [_measures(v, module) for v in x]
    if not isinstance(x, dict):
        return x
    if not _is_object(x):
        if x.get("class_name") == "function":
            return x
        return {k: _measures(v, module) for k, v in x.items()}
    if _registered(x) or x.get("module") is not None:
        return x
    config = dict(x["config"])
    if config.get("reduction") == "auto":
        config.pop("reduction")
    name = x["class_name"]
    if name in ("LossFunctionWrapper", "MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"):
        if module == "keras.losses":
            return config["fn"]
        name, config["fn"] = "MeanMetricWrapper", {"class_name": "function", "config": config["fn"]}
    else:
        config.pop("fn", None)
    return {"module": module, "class_name": name, "config": config, "registered_name": None}
