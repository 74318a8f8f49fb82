"""Networks as JSON for people."""

import json

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import ArgumentError, NotBuiltError
from autonet.saving import export_json
from tests.saving.zoo import ZOO


def exported(model, tmp_path, **options):
    path = tmp_path / "x.json"
    export_json(model, path, **options)
    return json.loads(path.read_text()), path.read_text()


def small():
    model = keras.Sequential(
        [L.Input((2,), name="x"), L.Dense(3, "relu", name="hidden"), L.Dense(1, use_bias=False, name="y")], name="net"
    )
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return model


def test_a_small_network(tmp_path):
    model = small()
    network, text = exported(model, tmp_path)
    assert network["name"] == "net" and network["class"] == "Sequential"
    assert network["inputs"] == [{"name": "x", "shape": [None, 2], "dtype": "float32"}] and network["outputs"] == ["y"]
    hidden, y = network["layers"]
    assert (hidden["from"], y["from"], hidden["output_shape"]) == (["x"], ["hidden"], [None, 3])
    assert hidden["settings"] == {"units": 3, "activation": "relu", "use_bias": True}
    assert list(hidden["weights"]) == ["kernel", "bias"] and list(y["weights"]) == ["kernel"]
    assert hidden["weights"]["kernel"]["shape"] == [2, 3]
    assert max(map(len, text.splitlines())) <= 120


def test_a_person_can_run_it(tmp_path):
    """The numbers are all there, to the bit."""
    model = small()
    network, _ = exported(model, tmp_path)
    x = np.array([[0.5, -1.5]], "float32")
    kernels = [np.array(layer["weights"]["kernel"]["values"], "float32") for layer in network["layers"]]
    bias = np.array(network["layers"][0]["weights"]["bias"]["values"], "float32")
    assert all(
        np.array_equal(a, b) for a, b in zip(kernels, [model.get_weights()[0], model.get_weights()[2]], strict=True)
    )
    assert np.allclose(np.maximum(x @ kernels[0] + bias, 0) @ kernels[1], model(x).numpy(), atol=1e-6)


@pytest.mark.parametrize("name", ZOO)
def test_every_kind(name, tmp_path):
    model, x, y = ZOO[name]()
    model.train_on_batch(x, y)
    network, text = exported(model, tmp_path)

    def numbers(layers):
        own = sum(np.size(w["values"]) for layer in layers for w in layer.get("weights", {}).values())
        return own + sum(numbers(layer["layers"]) for layer in layers if "layers" in layer)

    assert (
        numbers(network["layers"]) == sum(w.size for layer in model.layers for w in layer.weights) or name == "nested"
    )
    assert all(len(line) <= 120 for line in text.splitlines())


def test_operations_between_layers(tmp_path):
    a = L.Input((3,), name="a")
    b = L.Dense(2, name="b")(a * 0.5)
    network, _ = exported(keras.Model(a, keras.ops.concatenate([b, a], axis=1)), tmp_path)
    product, dense, joined = network["layers"][1:]
    assert product["operation"] == "multiply" and product["arguments"] == ["a", 0.5]
    assert dense["from"] == [product["name"]]
    assert joined["arguments"] == [["b", "a"]] and joined["settings"] == {"axis": 1}


def test_long_rows_are_wrapped(tmp_path):
    model = keras.Sequential([L.Input((2,)), L.Dense(60)])
    _, text = exported(model, tmp_path)
    assert max(map(len, text.splitlines())) <= 120


def test_refusals(tmp_path):
    with pytest.raises(ArgumentError, match="has 12 numbers, more than the 11 that anybody reads"):
        exported(small(), tmp_path, most_numbers=11)
    model = small()
    model.weights[0].assign(model.weights[0] * np.nan)
    with pytest.raises(ArgumentError, match="holds NaN or infinities"):
        exported(model, tmp_path)
    with pytest.raises(NotBuiltError):
        exported(keras.Sequential([L.Dense(2)]), tmp_path)
    assert not any(tmp_path.iterdir())
