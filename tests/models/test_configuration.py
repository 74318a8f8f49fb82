"""Configurations and copies of models given by inputs and outputs."""

import copy
import json
import pickle

import numpy as np
import pytest

from autonet import Input, Model, Sequential, layers, ops
from autonet.common.trees import flatten
from autonet.errors import ArgumentError
from tests.models.test_functional import data, two_inputs

__all__ = ["data"]  # a fixture


def graphs():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    dense = layers.Dense(4, name="d")
    joined = ops.concatenate([dense(a), dense(b) * 2], axis=-1)
    other = layers.Dense(4, name="e")
    inner = Model([a, b], other(a) @ ops.transpose(other(b)), name="inner")
    yield Model([a, b], ops.reshape(joined, (-1, 2, 4))[:, 0, 1:] ** 2)
    yield Model({"a": a, "b": b}, {"x": layers.Lambda(ops.square)(joined), "y": [inner([a, b])]})
    yield Model(
        a, (layers.Dropout(0.5)(a, training=False), Sequential([layers.Dense(2)], name="s")(a)), trainable=False
    )
    yield Model([a, b], ops.where(a > 0, ops.maximum(a, b), np.float32(3.0)) + np.arange(4, dtype="float32"))


@pytest.mark.parametrize("number", range(4))
def test_configuration_comes_back(number, rng):
    model = list(graphs())[number]
    config = model.get_config()
    again = type(model).from_config(json.loads(json.dumps(config)))
    assert json.dumps(again.get_config()) == json.dumps(config)
    assert again.trainable == model.trainable
    again.set_weights(model.get_weights())
    check_same(model, again, rng)


def check_same(model, other, rng):
    x = [rng.standard_normal((4, 4)).astype("float32") for _ in model.inputs]
    x = dict(zip(model.input_names, x, strict=True))
    for u, v in zip(flatten(model(x)), flatten(other(x)), strict=True):
        np.testing.assert_array_equal(np.array(u), np.array(v))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("number", range(4))
def test_copies(number, copied, rng):
    model = list(graphs())[number]
    other = copied(model)
    check_same(model, other, rng)
    assert json.dumps(other.get_config()) == json.dumps(model.get_config())
    shared = {id(x) for x in model._flatten_layers()} & {id(x) for x in other._flatten_layers()}
    assert not shared
    assert other.layers[-1].output.shape == model.layers[-1].output.shape


def test_trained_models_can_be_copied(data):
    model = two_inputs()
    model.compile("sgd", "mse")
    model.fit(data, [data[0][:, :2], data[1][:, :1]], verbose=0)
    other = copy.deepcopy(model)
    other.fit(data, [data[0][:, :2], data[1][:, :1]], verbose=0)
    assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])


def test_older_files_list_their_connections():
    config = {
        "name": "old", "layers": [
            {"class_name": "InputLayer", "module": "keras.layers", "config": {"batch_shape": [None, 3], "name": "i"},
             "name": "i", "inbound_nodes": []},
            {"class_name": "Dense", "module": "keras.layers", "config": {"units": 2, "name": "d"}, "name": "d",
             "inbound_nodes": [[["i", 0, 0, {}]]]},
            {"class_name": "Add", "module": "keras.layers", "config": {"name": "s"}, "name": "s",
             "inbound_nodes": [[["d", 0, 0, {}], ["d", 0, 0, {}]]]},
        ], "input_layers": [["i", 0, 0]], "output_layers": [["s", 0, 0]],
    }  # fmt: skip
    model = Model.from_config(config)
    assert model.output_shape == (None, 2)


def test_configurations_that_cannot_be():
    config = two_inputs().get_config()
    entry = config["layers"][3]
    assert entry["name"] == "total"
    entry["inbound_nodes"][0]["args"][0][0]["config"]["keras_history"] = ["nobody", 0, 0]
    with pytest.raises(ArgumentError, match="has calls that wait for each other or for layers that are not there"):
        Model.from_config(config)
    a = Input((2,))
    nameless = Model(a, layers.Lambda(lambda x: x)(a)).get_config()
    with pytest.raises(ArgumentError, match="code from a file is never run"):
        Model.from_config(nameless)
    config = Model(a, ops.mean(a, axis=1)).get_config()
    config["layers"][1]["class_name"] = "Meen"
    with pytest.raises(ArgumentError, match="Mean"):
        Model.from_config(config)
