"""Models given by inputs and outputs are Keras's: recorded by tests/golden/record_functional.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from autonet import models, optimizers
from autonet.common.trees import flatten, map_structure, pack
from autonet.serialization import deserialize_keras_object, serialize_keras_object

with np.load(Path(__file__).parents[1] / "golden" / "functional.npz") as file:
    GOLDEN = dict(file)
FACTS = json.loads(str(GOLDEN["facts"]))["models"]
PLAIN = sorted(set(FACTS) - {"trained"})


def arrays(name):
    """The recorded arrays of a model by name."""
    layout = FACTS[name]["layout"]
    parts = np.split(GOLDEN[name], np.cumsum([int(np.prod(shape)) for _, shape in layout])[:-1])
    return {n: part.reshape(shape) for (n, shape), part in zip(layout, parts, strict=True)}


def numbered(found, letter):
    return [found[f"{letter}{i}"] for i in range(len(found)) if f"{letter}{i}" in found]


def without_build(config):
    """The configuration without what says when weights are made, and without arguments that are None."""
    if isinstance(config, dict):
        left_out = {"build_config", "build_input_shape", "compile_config"}
        kept = {k: without_build(v) for k, v in config.items() if k not in left_out}
        if "kwargs" in kept:
            kept["kwargs"] = {k: v for k, v in kept["kwargs"].items() if any(x is not None for x in flatten(v))}
        return kept
    return [without_build(v) for v in config] if isinstance(config, list) else config


def through_json(model):
    return without_build(json.loads(json.dumps(model.get_config())))


@pytest.mark.parametrize("name", PLAIN)
def test_their_configuration_is_read_and_written(name):
    """Keras's configuration makes the same graph, with layers and weights in the same order, and comes out again."""
    facts = FACTS[name]
    model = models.Model.from_config(facts["config"])
    assert [layer.name for layer in model.layers] == facts["layers"]
    assert model.output_names == facts["output_names"]
    assert map_structure(lambda x: list(x.shape), model.output) == facts["output_shape"]
    assert len(model.trainable_weights) == facts["trainable"]
    expected = without_build(facts["config"])
    assert through_json(model) == expected
    again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(model))))
    assert type(again) is models.Functional and through_json(again) == expected


@pytest.mark.parametrize("name", PLAIN)
def test_predictions(name):
    facts, found = FACTS[name], arrays(name)
    model = models.Model.from_config(facts["config"])
    model.set_weights(numbered(found, "w"))
    leaves = [a.astype(x.dtype) for a, x in zip(numbered(found, "x"), model.inputs, strict=True)]
    inputs = pack(facts["inputs"], leaves)
    expected = numbered(found, "y")
    for outputs in (model(inputs), model.predict(inputs, verbose=0)):
        for received, wanted in zip(flatten(outputs), expected, strict=True):
            np.testing.assert_allclose(np.array(received), wanted, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("form", [list, dict])
def test_training_with_a_loss_for_each_output(form, eagerly):
    facts, found = FACTS["trained"], arrays("trained")
    model = models.Model.from_config(facts["config"])
    model.set_weights(numbered(found, "before"))
    words = {"loss": {"p": "mse", "q": "categorical_crossentropy"}, "loss_weights": {"p": 0.5, "q": 2.0}}
    words["metrics"] = {"p": ["mae"], "q": ["accuracy"]}
    y = {"p": found["p"], "q": found["q"]}
    if form is list:
        words, y = {k: list(v.values()) for k, v in words.items()}, list(y.values())
    model.compile(optimizers.SGD(0.1), run_eagerly=eagerly, **words)
    for expected in facts["logs"]:
        model.reset_metrics()
        logs = model.train_on_batch(found["x"], y, return_dict=True)
        assert logs.keys() == expected.keys()
        assert logs == pytest.approx(expected, rel=1e-5)
    for w, after in zip(model.weights, numbered(found, "after"), strict=True):
        np.testing.assert_allclose(np.array(w), after, rtol=1e-4, atol=1e-6)
