"""Descriptions of models with one value replaced: documented errors only, in little time and memory."""

import contextlib
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import AutonetError, DataError


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory is counted as Linux does")
def test_one_value_replaced():
    script = pathlib.Path(__file__).with_name("replaced.py")
    done = subprocess.run([sys.executable, script, "6", "0"], capture_output=True, text=True)
    assert not done.stdout and done.returncode == 0, done.stdout + done.stderr


def stack(*layers):
    return keras.Sequential([L.Input((4,), dtype="int32"), *layers])


@pytest.mark.parametrize("make, key, value", [
    (lambda: stack(L.CategoryEncoding(8), L.Dense(2)), "num_tokens", 10**9),
    (lambda: stack(L.Embedding(8, 2)), "input_dim", 10**12),
    (lambda: stack(L.StringLookup(vocabulary=["a"])), "num_oov_indices", 10**9),
    (lambda: stack(L.Hashing(5, output_mode="one_hot"), L.Dense(2)), "num_bins", 10**9),
    (lambda: stack(L.RepeatVector(3), L.Flatten(), L.Dense(2)), "n", 10**9),
    (lambda: keras.Sequential([L.Input((3, 4, 2)), L.ConvLSTM1D(2, 2)]), "kernel_size", [10**6]),
    (lambda: keras.Sequential([L.Input((3, 4)), L.LSTM(2)]), "units", 10**6),
])  # fmt: skip
def test_large_numbers(make, key, value):
    """The bound speaks before the memory is taken, whatever the way in."""
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(make()), default=str))
    changed = [layer for layer in stored["config"]["layers"] if key in layer["config"]]
    changed[0]["config"][key] = value
    for read in (
        lambda: keras.models.model_from_json(json.dumps(stored)),
        lambda: keras.Sequential.from_config(stored["config"]),
    ):
        with pytest.raises(AutonetError) as caught:
            read()
        assert "MemoryError" not in str(caught.value)


def test_what_has_no_weights_may_be_large():
    model = stack(L.CategoryEncoding(10**9))
    assert keras.models.model_from_json(model.to_json()).output_shape == (None, 10**9)


def test_a_copy_of_a_model_has_no_bounds(monkeypatch):
    from autonet.untrusted import faults

    monkeypatch.setattr(faults, "FRESH", 100)
    model = keras.Sequential([keras.Input((20,)), L.Dense(20)])
    assert keras.models.clone_model(model).count_params() == model.count_params()
    with pytest.raises(DataError, match="in code"):
        keras.Sequential.from_config(model.get_config())


FAMILIES = {
    "layers": "Dense Conv2D LSTM Bidirectional TimeDistributed RNN Lambda Discretization StringLookup TextVectorization".split(),
    "losses": ["Huber", "MeanSquaredError"],
    "metrics": ["AUC", "MeanMetricWrapper"],
    "optimizers": ["Adam", "LossScaleOptimizer"],
    "initializers": ["Constant", "GlorotUniform"],
    "regularizers": ["L1L2"],
    "constraints": ["MaxNorm"],
    "models": ["Model", "Sequential"],
}


@pytest.mark.parametrize("family, name", [(f, n) for f, names in FAMILIES.items() for n in names])
def test_from_config_of_anything(family, name):
    """What no `get_config` returned is a documented error, or is made."""
    cls = getattr(getattr(keras, family), name)
    for config in ANYTHING:
        with contextlib.suppress(AutonetError):
            cls.from_config(config)


ANYTHING = [
    None, 3, math.inf, "x", b"x", [], [1], np.ones(3), {1: 2}, {"x": 1}, {"name": []}, {"layers": 3}, {"layer": 3}, {"cell": {}},
    {"units": "x"}, {"trainable": np.ones(3)}, {"dtype": []}, {"dtype": {"config": 3}}, {"axis": "x"}, {"learning_rate": "x"}, {"seed": []},
    {"layers": [], "input_layers": "x", "output_layers": "x"}, {"layers": [3], "input_layers": [], "output_layers": []},
    {"bin_boundaries": 3, "num_bins": 3}, {"bin_boundaries": "x"}, {"function": 3}, {"fn": 3}, {"inner_optimizer": 3}, {"value": "x"},
]  # fmt: skip
