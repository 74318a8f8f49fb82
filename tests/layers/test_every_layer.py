"""What every layer keeps to, from one table: shapes, dtypes, slopes, configuration, modes, repetition, capture."""

import json
from typing import NamedTuple

import numpy as np
import pytest

from autonet import layers, ops
from autonet.compiler import Compiled
from autonet.core import Tensor, no_grad
from autonet.gradients import check_gradients
from autonet.serialization import deserialize_keras_object, serialize_keras_object
from autonet.utils import set_random_seed

FIRST = {"data_format": "channels_first"}


class Case(NamedTuple):
    name: str
    config: dict
    shape: tuple  # of an input, batch included
    masked: bool = False  # whether to call it with a mask, True for some leading places of each row
    chance: bool = False  # whether training is random
    differs: bool = False  # whether training gives another result than inference


CASES = [
    Case("Dense", {"units": 3}, (4, 5)),
    Case("Dense", {"units": 2, "activation": "sigmoid", "use_bias": False}, (2, 3, 4)),
    Case("Activation", {"activation": "softmax"}, (3, 4)),
    Case("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, (3, 4)),
    Case("LeakyReLU", {}, (3, 4)),
    Case("PReLU", {"alpha_initializer": "ones", "shared_axes": [1]}, (2, 3, 4)),
    Case("ELU", {}, (3, 4)),
    Case("Softmax", {}, (3, 4)),
    Case("Softmax", {}, (3, 4), masked=True),
    Case("InputLayer", {"shape": (4,)}, (3, 4)),
    Case("Flatten", {}, (2, 3, 4)),
    Case("Flatten", FIRST, (2, 3, 4, 2)),
    Case("Reshape", {"target_shape": (2, -1)}, (3, 4, 2)),
    Case("Dropout", {"rate": 0.5, "seed": 3}, (4, 5), chance=True, differs=True),
    Case("Dropout", {"rate": 0.5, "noise_shape": (None, 1, 4)}, (5, 3, 4), chance=True, differs=True),
    Case("BatchNormalization", {}, (6, 3), differs=True),
    Case("BatchNormalization", {"axis": 1, "scale": False}, (3, 2, 4), differs=True),
    Case("BatchNormalization", {}, (4, 5, 2), masked=True, differs=True),
    Case("Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 6, 3)),
    Case("Conv1D", {"filters": 2, "kernel_size": 2, "strides": 2, **FIRST}, (2, 3, 5)),
    Case("Conv2D", {"filters": 4, "kernel_size": (2, 3), "groups": 2, "padding": "same"}, (2, 4, 5, 2)),
    Case("Conv2D", {"filters": 2, "kernel_size": 3, "strides": 2, "activation": "tanh", **FIRST}, (2, 1, 5, 5)),
    Case("Conv3D", {"filters": 2, "kernel_size": 2}, (1, 3, 3, 2, 2)),
    Case("MaxPooling1D", {}, (2, 5, 3)),
    Case("MaxPooling2D", {"pool_size": (2, 3), "strides": 1, "padding": "same"}, (2, 3, 4, 2)),
    Case("MaxPooling3D", FIRST, (1, 2, 2, 4, 3)),
    Case("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, (2, 6, 2)),
    Case("AveragePooling2D", {"pool_size": 2, **FIRST}, (2, 2, 4, 5)),
    Case("AveragePooling3D", {"pool_size": (1, 2, 2)}, (1, 2, 3, 4, 2)),
    Case("GlobalMaxPooling1D", {}, (2, 5, 3)),
    Case("GlobalMaxPooling2D", {"keepdims": True, **FIRST}, (2, 3, 2, 3)),
    Case("GlobalMaxPooling3D", {}, (2, 2, 1, 3, 2)),
    Case("GlobalAveragePooling1D", {}, (3, 4, 2), masked=True),
    Case("GlobalAveragePooling2D", FIRST, (2, 3, 2, 3)),
    Case("GlobalAveragePooling3D", {"keepdims": True}, (2, 2, 1, 3, 2)),
]
every = pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c.name}" for i, c in enumerate(CASES)])


def make(case, **more):
    return getattr(layers, case.name)(**case.config, **more)


def draw(case, rng, dtype="float32"):
    """An input, and what else the call takes."""
    x = Tensor(rng.standard_normal(case.shape), dtype)
    places = case.shape[1]
    mask = np.arange(places) < rng.integers(1, places + 1, (case.shape[0], 1))
    return x, {"mask": Tensor(mask)} if case.masked else {}


def numbers(y):
    return np.array(y)


def test_every_layer_has_a_row():
    abstract = {"Layer", "InputSpec", "Input"}
    public = {n for n, c in vars(layers).items() if isinstance(c, type) and c.__name__ == n} - abstract
    assert public == {case.name for case in CASES} - abstract


@every
def test_docstring(case):
    assert getattr(layers, case.name).__doc__.strip()


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_dtypes(case, dtype, rng):
    """The result has the shape that was foretold, with and without knowing the batch, and the layer's dtype."""
    layer = make(case, dtype=dtype)
    foretold = layer.compute_output_shape(case.shape)
    assert case.name == "InputLayer" or not layer.weights  # nothing was built to find out
    x, options = draw(case, rng, "float64")
    for training in (True, False):
        y = layer(x, training=training, **options)
        assert y.dtype == dtype
        assert all(v.dtype == dtype for v in layer.weights)
        if case.name != "InputLayer":
            assert y.shape == tuple(foretold)
            assert tuple(layer.compute_output_shape((None, *case.shape[1:]))) == (None, *y.shape[1:])
    assert layer.built


KNOWN = {"Dense", "BatchNormalization", "PReLU", "Reshape", "InputLayer"}  # need their features, or are given a shape


@pytest.mark.parametrize("case", [c for c in CASES if c.name not in KNOWN], ids=lambda c: c.name)
def test_places_of_unknown_number(case):
    """None is passed on through the shapes, and nothing is computed."""
    layer = make(case)
    channels = 1 if case.config.get("data_format") == "channels_first" else -1
    unknown = [None] * len(case.shape)
    unknown[channels] = case.shape[channels]
    shape = layer.compute_output_shape(tuple(unknown))
    known = layer.compute_output_shape(case.shape)
    assert len(shape) == len(known)
    assert all(n is None or n == m for n, m in zip(shape, known, strict=True))


@every
@pytest.mark.parametrize("training", [False, True])
def test_slopes(case, training, rng):
    """Derivatives of a number made of the output, by inputs and weights, are those of differences."""
    layer = make(case)
    x, options = draw(case, rng, "float64")
    layer(x, **options)
    layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])

    def loss(x):
        y = layer(x, training=training, **options)
        return ops.sum(ops.square(y) + ops.sin(y))

    check_gradients(loss, x, variables=layer, order=2, elements=24)


@every
def test_configuration_comes_back(case, rng):
    """Through JSON to a layer with the same configuration, and with the same weights to the same results."""
    layer = make(case, trainable=False, name="mine")
    stored = json.loads(json.dumps(serialize_keras_object(layer)))
    assert (stored["module"], stored["class_name"], stored["registered_name"]) == ("keras.layers", case.name, None)
    again = deserialize_keras_object(stored)
    assert type(again) is type(layer) and again.name == "mine"
    assert json.loads(json.dumps(serialize_keras_object(again))) == stored
    x, options = draw(case, rng)
    y = layer(x, **options)
    again(x, **options)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numbers(again(x, **options)), numbers(y))
    assert again.trainable is (case.name == "InputLayer")  # which Keras stores without it


@every
def test_training_and_inference(case, rng):
    """Only layers that say so behave differently in training, and only with `training=True`."""
    layer = make(case)
    x, options = draw(case, rng)
    default, inference = numbers(layer(x, **options)), numbers(layer(x, training=False, **options))
    np.testing.assert_array_equal(default, inference)
    training = numbers(layer(x, training=True, **options))
    assert np.array_equal(training, inference) is not case.differs


@every
def test_repeats_under_a_seed(case, rng):
    """The same seed gives the same weights and draws; the draws of one layer go on."""
    x, options = draw(case, rng)

    def run():
        set_random_seed(5)
        layer = make(case)
        return [numbers(layer(x, training=True, **options)) for _ in range(2)]

    (a, b), again = run(), run()
    np.testing.assert_array_equal([a, b], again)
    assert np.array_equal(a, b) is not case.chance


@every
def test_captured_equals_eager(case, rng):
    """Recorded and replayed it gives the same results bit for bit, and leaves the same state."""
    inputs = [draw(case, rng) for _ in range(3)]
    results = []
    for wrapped in (lambda f: f, lambda f: Compiled(f, native=False)):
        set_random_seed(5)
        layer = make(case)
        layer(inputs[0][0], **inputs[0][1])
        f = wrapped(lambda x, options, layer=layer: layer(x, training=True, **options))
        with no_grad():
            outputs = [numbers(f(*arguments)) for arguments in inputs]
        results.append([*outputs, *[v.numpy() for v in layer.variables]])
    for eager, captured in zip(*results, strict=True):
        np.testing.assert_array_equal(captured, eager)


@every
def test_inputs_stay(case, rng):
    """No call changes what it was given."""
    layer = make(case)
    x, options = draw(case, rng)
    before = x.numpy()
    for training in (False, True):
        layer(x, training=training, **options)
    np.testing.assert_array_equal(x.numpy(), before)


@every
def test_unknown_argument(case):
    with pytest.raises(ValueError, match=f"{case.name} has no argument 'colour'"):
        make(case, colour="red")
