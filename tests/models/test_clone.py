"""clone_model: new layers, the same connections."""

import json

import numpy as np
import pytest

from autonet import Input, Model, Sequential, layers, ops
from autonet.errors import ArgumentError
from autonet.models import clone_model


def branched():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    dense = layers.Dense(3, name="d")
    stack = Sequential([Input((3,)), layers.Dense(3, name="s")], name="stack")
    h = layers.Add(name="sum")([dense(a), stack(b)])
    return Model([a, b], [ops.tanh(dense(h)), h], name="branched")


def stacked():
    return Sequential([Input((3,), name="i"), layers.Dense(4, name="d"), layers.Dense(2, name="e")], name="stacked")


def check(model, copied, x):
    """Other layers, other weights, and with the same weights the same results."""
    assert json.dumps(copied.get_config()) == json.dumps(model.get_config())
    inside = {id(layer) for layer in model._flatten_layers()}
    assert not inside & {id(layer) for layer in copied._flatten_layers()}
    assert not np.array_equal(copied.get_weights()[0], model.get_weights()[0])
    copied.set_weights(model.get_weights())
    for u, v in zip(*[r if isinstance(r, list) else [r] for r in (model(x), copied(x))], strict=True):
        np.testing.assert_array_equal(np.array(u), np.array(v))


@pytest.mark.parametrize("recursive", [False, True])
def test_graphs(recursive, rng):
    x = [rng.standard_normal((2, 3)).astype("float32") for _ in range(2)]
    model = branched()
    check(model, clone_model(model, recursive=recursive), x)


def test_stacks(rng):
    model = stacked()
    check(model, clone_model(model), rng.standard_normal((2, 3)).astype("float32"))
    later = Sequential([layers.Dense(2)])
    assert not clone_model(later).built
    later.build((None, 5))
    assert clone_model(later).output_shape == (None, 2)


def test_subclasses():
    class Own(Model):
        def __init__(self, units, **common):
            super().__init__(**common)
            self.units = units
            self.dense = layers.Dense(units)

        def call(self, inputs):
            return self.dense(inputs)

        def get_config(self):
            return {"units": self.units, "name": self.name}

    model = Own(3, name="own")
    assert clone_model(model).units == 3
    with pytest.raises(ArgumentError, match="has a call of its own"):
        clone_model(model, clone_function=lambda layer: layer)
    with pytest.raises(ArgumentError, match="expects a model"):
        clone_model(layers.Dense(2))


def test_clone_function():
    """Layers may be replaced, or kept; models inside come whole unless it is recursive."""
    met = []

    def wider(layer):
        met.append(layer.name)
        if isinstance(layer, layers.Dense):
            return layers.Dense.from_config({**layer.get_config(), "use_bias": False})
        return layer

    model = branched()
    copied = clone_model(model, clone_function=wider)
    assert sorted(met) == ["d", "stack", "sum"]
    assert copied.get_layer("stack") is model.get_layer("stack")
    assert copied.get_layer("d").bias is None
    met.clear()
    copied = clone_model(model, clone_function=wider, recursive=True)
    assert sorted(met) == ["d", "s", "sum"]
    assert copied.get_layer("stack").layers[0].bias is None


def test_call_function():
    def twice(layer, *args, **kwargs):
        out = layer(*args, **kwargs)
        return out * 2 if isinstance(layer, layers.Dense) else out

    a = Input((3,))
    model = Model(a, layers.Dense(2, kernel_initializer="ones")(a))
    doubled = clone_model(model, call_function=twice)
    x = np.ones((1, 3))
    np.testing.assert_array_equal(np.array(doubled(x)), 2 * np.array(model(x)))
    with pytest.raises(ArgumentError, match="Sequential, for which there is no call_function"):
        clone_model(stacked(), call_function=twice)


def test_on_other_inputs():
    u, v = Input((3,), name="u", batch_size=4), Input((3,), name="v")
    copied = clone_model(branched(), input_tensors=[u, v])
    assert copied.input_names == ["u", "v"]
    assert clone_model(stacked(), input_tensors=u).input_shape == (4, 3)
    with pytest.raises(ArgumentError, match="has 2 inputs"):
        clone_model(branched(), input_tensors=[u])
    with pytest.raises(ArgumentError, match="has one input"):
        clone_model(stacked(), input_tensors=[u, v])


def test_lambdas_are_kept():
    """In memory nothing has to be stored."""
    a = Input((2,))
    model = Model(a, layers.Lambda(lambda x: x * 3)(a))
    np.testing.assert_array_equal(np.array(clone_model(model)(np.ones((1, 2)))), [[3, 3]])


def test_frozen_layers_stay_frozen():
    model = stacked()
    model.layers[0].trainable = False
    assert [layer.trainable for layer in clone_model(model).layers] == [False, True]
