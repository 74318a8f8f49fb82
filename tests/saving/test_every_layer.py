"""Every layer with every kind of argument: saved, loaded and saved again, it is the same layer, to the bit.

Layers, what they are called on and values of their options are those of tests/options/table.py; here each value is given
in every form that the constructor takes: a name, an object, its configuration, Python's numbers and NumPy's, a number,
list, tuple, array, Tensor or Variable. What it does not take is one clear error.
"""

import json

import numpy as np
import pytest

from autonet import Input, Model, Variable, activations, constraints, initializers, layers, regularizers
from autonet.core import Tensor
from autonet.errors import AutonetError
from autonet.saving import load_model
from autonet.serialization import deserialize_keras_object, serialize_keras_object
from autonet.utils import set_random_seed
from tests.options.probe import With, options
from tests.options.table import ROWS, USUAL
from tests.options.test_layers import CLASSES, FIRST

KINDS = {
    "activation": (activations, "softplus"),
    "initializer": (initializers, "ones"),
    "regularizer": (regularizers, "l2"),
    "constraint": (constraints, "max_norm"),
}
CALLED = {"mask", "value", "reverse"}
LEFT = {
    "name",
    "weights",
    "attention_axes",
    "backward_layer",
    "input_tensor",
    "mask",
    "quantization_config",
    "gptq_unpacked_column_size",
}


def forms(option, value):
    """A value in its forms, by the form's name."""
    kind = KINDS.get(option.rpartition("_")[2])
    if kind is not None:
        module, name = kind
        made = module.get(name)
        return {"name": name, "object": made, "configuration": module.serialize(made), "none": None}
    if isinstance(value, (bool, np.bool_)):
        return {"bool": value, "numpy": np.bool_(value)}
    if isinstance(value, int):
        return {"int": value, "numpy": np.int64(value), "list": [value], "tuple": (value,), "array": np.array(value)}
    if isinstance(value, float):
        return {"float": value, "numpy": np.float32(value), "array": np.array(value), "tensor": Tensor(value)} | {
            "variable": Variable(value), "list": [value],
        }  # fmt: skip
    if isinstance(value, (list, tuple, np.ndarray)) and np.asarray(value).dtype.kind in "iuf":
        array = np.asarray(value)
        return {"given": value, "list": array.tolist(), "tuple": tuple(array.tolist()), "array": array} | {
            "tensor": Tensor(array), "variable": Variable(array), "numbers": [*array],
        }  # fmt: skip
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return {"list": list(value), "tuple": tuple(value), "array": np.array(value)}
    if option == "dtype" and isinstance(value, str):
        return {"name": value, "numpy": np.dtype(value), "class": np.dtype(value).type}
    return {"given": value}


def choices(name):
    """(option, form, arguments) of a layer, its bare arguments first."""
    row = ROWS.get(name, {})
    yield "-", "-", {}
    for option in options(CLASSES[name]):
        value = row.get(option, USUAL.get(option))
        if option in LEFT or value is None or callable(value) or option in getattr(CLASSES[name], "_fixed", ()):
            continue
        others = {}
        if isinstance(value, With):
            value, others = value.value, {k: v for k, v in value.others.items() if k != "double"}
        for form, given in forms(option, value).items():
            yield option, form, {**others, option: given}


def case_of(name, given):
    """Arguments of the constructor, and what the layer is called on."""
    row, case = ROWS.get(name, {}), FIRST.get(name)
    base = row.get("given", {k: v(None) if callable(v) else v for k, v in case.config.items()} if case else {})
    given = {**base, **given}
    x = given.pop("x", row.get("x"))
    if x is None:
        rng = np.random.default_rng(0)
        draw = lambda shape: rng.normal(size=shape).astype("float32")
        shapes = getattr(case, "shape", (2, 4))
        x = case.x if hasattr(case, "x") else [draw(s) for s in shapes] if isinstance(shapes, list) else draw(shapes)
    for k in ("calls", *CALLED):
        given.pop(k, None)
    return given, x


def built(name, given, free=False):
    """A model of one layer, for batches of any size if `free`, and the arrays that it takes.

    Raises: AutonetError for what the layer refuses.
    """
    set_random_seed(2)
    given, x = case_of(name, given)
    adapted = given.get("vocabulary", 0) is None or name == "Discretization" and "num_bins" in given
    layer = ROWS.get(name, {}).get("make", CLASSES[name])(**given, name="one")
    if adapted:
        layer.adapt(x)
    layer = layers.RNN(layer, name="walk") if name.endswith(("Cell", "Cells")) else layer
    several = isinstance(x, list) and hasattr(x[0], "shape") or name == "HashedCrossing"
    if hasattr(FIRST.get(name), "more") and FIRST[name].more:
        x = [x, *[np.ones(s, "float32") for s in FIRST[name].more.values()]]
        several = True
    arrays = [np.asarray(a) for a in x] if several else [np.asarray(x)]
    shapes = [(None, *a.shape[1:]) if free else a.shape for a in arrays]
    dtypes = ["string" if a.dtype.kind in "UO" else a.dtype.name for a in arrays]
    inputs = [Input(batch_shape=s, dtype=d) for s, d in zip(shapes, dtypes, strict=True)]
    many = hasattr(FIRST.get(name), "more") and FIRST[name].more
    y = layer(*inputs) if many else layer(inputs if len(inputs) > 1 else inputs[0])
    return Model(inputs, y), arrays


def numbers(model, arrays):
    y = model(arrays if len(arrays) > 1 else arrays[0], training=False)
    return [np.asarray(a).tobytes() for a in (y if isinstance(y, (list, tuple)) else [y])]


def plain(config):
    """A configuration that compares: arrays as lists, everything else as it is."""
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"InputLayer", "Lambda", "Layer"}))
def test_saved_and_loaded_again(name, tmp_path):
    one, two = tmp_path / "one.keras", tmp_path / "two.keras"
    stored = {}  # configurations, with what their layers give
    for option, form, given in choices(name):
        told = f"{name}({option} as {form})"
        try:
            model, arrays = built(name, given)
        except AutonetError:
            continue
        except Exception as error:
            raise AssertionError(f"{told}: {type(error).__name__}: {error}") from error
        config = json.dumps(serialize_keras_object(model.layers[-1]))
        found = numbers(model, arrays)
        if config in stored:
            assert found == stored[config], told
            continue
        stored[config] = found
        model.save(one)
        loaded = load_model(one)
        loaded.save(two)
        assert one.read_bytes() == two.read_bytes(), told
        assert plain(loaded.get_config()) == plain(model.get_config()), told
        assert loaded.layers[-1].get_config() == model.layers[-1].get_config(), told
        assert numbers(loaded, arrays) == found, told
        again = deserialize_keras_object(json.loads(config))
        assert json.dumps(serialize_keras_object(again)) == config, told
    assert stored
