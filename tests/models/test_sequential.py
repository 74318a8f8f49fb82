"""Sequential: stacked, built, called on data and on placeholders."""

import copy
import itertools
import json
import pickle

import numpy as np
import pytest

from autonet import Input, Model, Sequential, layers, ops
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.symbolic import KerasTensor
from autonet.models import clone_model, load_model


def stack(**common):
    return Sequential([Input((3,), name="i"), layers.Dense(4, name="one"), layers.Dense(2, name="two")], **common)


def test_placeholders():
    model = stack(name="s")
    assert model.built and [layer.name for layer in model.layers] == ["one", "two"]
    assert all(isinstance(t, KerasTensor) for t in [model.input, model.output, *model.inputs, *model.outputs])
    assert (model.input_shape, model.output_shape) == ((None, 3), (None, 2))
    assert model.layers[0].output is model.layers[1].input
    assert model.output_names == ["two"]


def test_parts(rng):
    """A model of what lies inside."""
    model = stack()
    inside = Model(model.inputs, [layer.output for layer in model.layers])
    x = rng.standard_normal((5, 3)).astype("float32")
    hidden, out = inside(x)
    np.testing.assert_array_equal(np.array(out), np.array(model(x)))
    np.testing.assert_array_equal(np.array(hidden), np.array(model.layers[0](x)))


def test_step_by_step():
    model = Sequential()
    with pytest.raises(AttributeError, match="does not know its input yet"):
        _ = model.output
    assert not hasattr(model, "inputs")
    model.add(Input((3,)))
    model.add(layers.Dense(4))
    kernel = model.layers[0].kernel
    model.add(layers.Dense(2))
    assert model.layers[0].kernel is kernel and model.output_shape == (None, 2)
    assert len(list(model.layers[0]._nodes())) == 1  # nothing is laid twice
    top = model.layers[-1]
    assert model.pop() is top
    assert model.output.shape == (None, 4)


def test_built_by_data(rng):
    model = Sequential([layers.Dense(4), layers.Dense(2)])
    assert not model.built
    model(rng.standard_normal((5, 3)))
    assert model.input_shape == (None, 3) and model.output.shape == (None, 2)


def test_built_by_a_placeholder():
    model = Sequential([layers.Dense(4), layers.Dense(2)])
    a = Input((7,))
    out = model(a)
    assert out.shape == (None, 2) and model.input_shape == (None, 7)
    assert Model(a, out).layers[1] is model


@pytest.mark.parametrize("first", [
    lambda: layers.Dense(2, input_shape=(3,)),
    lambda: stack(),
    lambda: (lambda a: Model(a, layers.Dense(2)(a)))(Input((3,))),
])  # fmt: skip
def test_first_layers_that_know_their_input(first):
    model = Sequential([first(), layers.Dense(1)])
    assert model.built and model.input_shape == (None, 3)


def test_first_models_say_the_dtype():
    a = Input((5,), dtype="int32")
    model = Sequential([Model(a, layers.Embedding(4, 2)(a)), layers.Flatten()])
    assert model.input.dtype == "int32" and model.output_shape == (None, 10)


def test_unknown_lengths():
    model = Sequential([Input((None, 2)), layers.Conv1D(3, 2), layers.GlobalMaxPooling1D()])
    assert [layer.output.shape for layer in model.layers] == [(None, None, 3), (None, 3)]


def test_configuration_and_copies(rng):
    model = stack(name="s")
    again = Sequential.from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    x = rng.standard_normal((5, 3)).astype("float32")
    for other in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(np.array(other(x)), np.array(model(x)))
        assert other.layers[0].output.shape == (None, 4)
        assert other.layers[0] is not model.layers[0]


def test_refusals(rng):
    model = stack()
    with pytest.raises(ArgumentError, match="has a layer named 'one' already"):
        model.add(layers.Dense(3, name="one"))
    with pytest.raises(ArgumentError, match="expects layers; received <KerasTensor"):
        model.add(layers.Dense(3)(Input((2,))))
    with pytest.raises(ArgumentError, match="takes an Input only as its first layer"):
        model.add(Input((2,)))
    with pytest.raises(ShapeError, match=r"expects inputs of shape \(None, 3\); received \(5, 4\)"):
        model(rng.standard_normal((5, 4)))


def test_a_layer_in_several_places_is_shared(tmp_path):
    """One set of weights, through training, configuration, copies and files."""
    shared = layers.Dense(3, activation="tanh", name="shared")
    model = Sequential(
        [layers.Input((3,)), shared, layers.Dense(3, name="between"), shared, layers.Dense(1, name="end")]
    )
    assert len(model.layers) == 4 and len(model.weights) == 6
    x = np.random.default_rng(0).standard_normal((16, 3)).astype("float32")
    by_hand = lambda m: m.layers[3](m.layers[0](m.layers[1](m.layers[0](x))))
    np.testing.assert_allclose(model.predict(x, verbose=0), by_hand(model), rtol=1e-5)
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    model.summary(print_fn=lambda table: None)
    copy = Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    for again in (copy, load_model(tmp_path / "m.keras")):
        assert again.layers[0] is again.layers[2] and len(again.weights) == 6
        np.testing.assert_allclose(again.predict(x, verbose=0), by_hand(model), rtol=1e-5)
    cloned = clone_model(model)
    assert cloned.layers[0] is cloned.layers[2] and cloned.layers[0] is not shared
    model.pop()
    assert model.pop() is shared and model.layers[0] is shared
    with pytest.raises(ArgumentError, match="another name"):
        model.add(layers.Dense(3, name="shared"))


def test_lengths_that_data_had_may_change():
    """Without an Input, the first data fixes what layers must know, and no more: as in Keras."""
    model = Sequential([layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    sizes = itertools.cycle([(8, 8), (6, 9)])
    model.fit(
        ((np.ones((2, *next(sizes), 3)), np.ones((2, 1))) for _ in range(4)), steps_per_epoch=2, epochs=2, verbose=0
    )
    layer = model.layers[0]
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    expected = model.layers[2](ops.mean(layer(x), axis=(1, 2)))
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ShapeError, match="expects length 3 on axis -1"):
        model(np.ones((2, 5, 7, 4)))
    with pytest.raises(ShapeError, match=r"expects inputs of shape \(None, 8, 8, 3\)"):
        model(np.ones((2, 5, 3)))
    fixed = Sequential([layers.Input((8, 8, 3)), *model.layers])
    with pytest.raises(ShapeError, match=r"expects inputs of shape \(None, 8, 8, 3\)"):
        fixed(x)


def test_a_first_layer_that_takes_several_inputs():
    a, b = np.ones((3, 2), "float32"), np.ones((3, 4), "float32")
    model = Sequential([layers.Concatenate(), layers.Dense(2)])
    assert model([a, b]).shape == (3, 2) and len(model.weights) == 2
    model.compile("sgd", "mse")
    assert len(model.fit([a, b], np.ones((3, 2)), verbose=0).history["loss"]) == 1

    class Sum(layers.Layer):
        def call(self, inputs):
            return inputs["a"] + inputs["b"]

    assert Sequential([Sum(), layers.Dense(1)])({"a": a, "b": 2 * a}).shape == (3, 1)
    for several in ([a, b], {"a": a, "b": b}):
        with pytest.raises(ArgumentError, match="expects one input; received 2"):
            Sequential([layers.Dense(2)])(several)


def test_before_there_is_an_input():
    for name in ("input_shape", "output_shape", "inputs", "outputs", "input", "output"):
        assert not hasattr(Sequential([layers.Dense(2)]), name)
    assert Sequential([Sequential([layers.Input((16,), dtype="int32")])]).input_shape == (None, 16)
    with pytest.raises(ArgumentError, match="has no layers to call"):
        Sequential()(np.ones((2, 2)))
