"""Whole models in HDF5 that tf_keras (Keras 2) wrote (tests/golden/keras2_files), opened here; and files that are none."""

import copy
import json
import pathlib
import re

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import ArgumentError, AutonetError, DataError
from autonet.saving import keras2_words, load_model
from autonet.saving.hdf5 import HDF5File

FILES = pathlib.Path(__file__).parents[1] / "golden" / "keras2_files"
NAMES = sorted(path.stem for path in FILES.glob("*.h5") if not path.stem.endswith("-weights"))
STATE = pytest.mark.filterwarnings("ignore:.*state of the optimizer is not read")


def recorded(name):
    with np.load(FILES / "values.npz") as values:
        found = {k.partition("/")[2]: values[k] for k in values.files if k.startswith(f"{name}/")}
    return [v for k, v in found.items() if k[0] == "x"], [v for k, v in found.items() if k[0] == "y"]


def predicted(model, x):
    y = model.predict(x if len(x) > 1 else x[0], verbose=0)
    return y if isinstance(y, list) else [y]


def close(ours, theirs):
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in zip(ours, theirs, strict=True)
    )


@STATE
@pytest.mark.parametrize("name", NAMES)
def test_models_that_keras_wrote(name):
    x, y = recorded(name)
    model = load_model(FILES / f"{name}.h5")
    assert close(predicted(model, x), y)
    other = load_model(FILES / f"{name}.h5", compile=False)
    other.set_weights([0 * w for w in other.get_weights()])
    report = other.load_weights(FILES / f"{name}.h5")
    assert len(report.loaded) == len(other.weights) and close(predicted(other, x), y)


@STATE
def test_weights_alone():
    x, y = recorded("tf_keras-nested")
    model = load_model(FILES / "tf_keras-nested.h5")
    model.set_weights([0 * w for w in model.get_weights()])
    model.load_weights(FILES / "tf_keras-nested-weights.h5")
    assert close(predicted(model, x), y)


@STATE
def test_layers_of_other_names_are_matched_in_order():
    x, y = recorded("tf_keras-mlp")
    config = described()
    for n, layer in enumerate(config["config"]["layers"]):
        layer["config"]["name"] = f"other_{n}"
    model = keras.saving.deserialize_keras_object(keras2_words.model(config, False))
    report = model.load_weights(FILES / "tf_keras-mlp.h5")
    assert len(report.loaded) == len(model.weights) and close(predicted(model, x), y)


def test_state_of_the_optimizer_is_left_out():
    with pytest.warns(UserWarning, match="state of the optimizer"):
        model = load_model(FILES / "tf_keras-mlp.h5")
    assert isinstance(model.optimizer.get_config()["learning_rate"], dict)
    model.fit(np.ones((4, 4), "float32"), np.zeros(4, int), verbose=0)


def described(name="tf_keras-mlp"):
    with open(FILES / f"{name}.h5", "rb") as file:
        return json.loads(HDF5File(file, name).attributes()["model_config"])


@pytest.mark.parametrize("name", ["Lambda", "TensorFlowOpLayer", "SlicingOpLambda", "CuDNNLSTM", "TFOpLambda"])
def test_what_cannot_be_read_is_named(name):
    config = described()
    config["config"]["layers"][1] = {"class_name": name, "config": {"name": "it", "function": "image.resize"}}
    with pytest.raises(ArgumentError, match="'it'"):
        keras2_words.model(config, False)


def places(tree, path=()):
    yield path
    for k, v in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(v, (*path, k))


def test_damaged_configurations_are_errors_of_one_kind():
    """Places of a configuration, each with something else in it: a model, or an error of ours; nothing else."""
    from autonet.saving import loading

    config = described("tf_keras-functional")
    for n, path in enumerate([p for p in places(config) if p][::7]):
        damaged = copy.deepcopy(config)
        at = damaged
        for k in path[:-1]:
            at = at[k]
        at[path[-1]] = [None, -1, "x", [], {}, [["a", 7, 0]]][n % 6]
        try:
            with loading.loading("x.h5", 1000):
                loading.make_model(keras2_words.model(damaged, False), "x.h5")
        except AutonetError:
            continue


def test_damaged_files_are_errors_of_one_kind(tmp_path):
    content = bytearray((FILES / "tf_keras-functional.h5").read_bytes())
    rng = np.random.default_rng(1)
    for n in range(20):
        damaged = content[: rng.integers(8, len(content))] if n % 3 == 0 else bytearray(content)
        for at in rng.integers(8, len(damaged), 8):
            damaged[at] ^= 1 << rng.integers(8)
        (tmp_path / "x.h5").write_bytes(damaged)
        try:
            load_model(tmp_path / "x.h5", compile=False)
        except AutonetError:
            continue


@STATE
def test_weights_of_another_model_are_refused():
    model = keras.Sequential([L.Input((4,)), L.Dense(5), L.Dense(4)])
    with pytest.raises(DataError, match="3 layers"):
        model.load_weights(FILES / "tf_keras-mlp.h5")
    before = model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_file_of_weights_is_no_model(tmp_path):
    model = keras.Sequential([L.Input((4,)), L.Dense(5)])
    model.save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(DataError, match=re.escape("model.load_weights()")):
        load_model(tmp_path / "x.weights.h5")


def test_older_words():
    """What earlier versions of Keras 2 wrote."""
    policy = {"class_name": "Policy", "config": {"name": "float32"}}
    entries = [
        {"class_name": "GRU", "config": {"name": "g", "units": 2, "implementation": 1, "batch_input_shape": [None, 3, 2]}},
        {"class_name": "BatchNormalizationV1", "config": {"name": "b", "axis": [1], "dtype": policy}},
        {"class_name": "LeakyReLU", "config": {"name": "l", "alpha": {"type": "ndarray", "value": 0.25}}},
    ]  # fmt: skip
    model = keras.saving.deserialize_keras_object(
        keras2_words.model({"class_name": "Sequential", "config": entries}, False)
    )
    assert model.layers[0].reset_after is False and model.layers[1].axis == 1 and model.layers[2].negative_slope == 0.25
    compiled = keras2_words.compiling(
        {
            "optimizer_config": {"class_name": "SGD", "config": {"lr": 0.5, "decay": 0.1, "momentum": 0.0}},
            "loss": "mse",
            "metrics": ["accuracy"],
        }
    )
    optimizer = keras.saving.deserialize_keras_object(compiled["optimizer"])
    assert float(optimizer.learning_rate) == 0.5 and compiled["metrics"] == ["accuracy"]
