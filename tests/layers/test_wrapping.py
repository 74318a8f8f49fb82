"""Lambda, Wrapper, Identity and Masking."""

import json

import numpy as np
import pytest

from autonet import Input, Model, layers, ops
from autonet.core import Tensor
from autonet.serialization import deserialize_keras_object, serialize_keras_object
from autonet.serialization.registry import register_keras_serializable


@register_keras_serializable("tests")
def scaled(x, factor=1.0):
    return x * factor


def stored(layer):
    return json.loads(json.dumps(serialize_keras_object(layer)))


def test_lambda():
    x = np.ones((2, 3), "float32")
    layer = layers.Lambda(scaled, arguments={"factor": 3.0})
    np.testing.assert_array_equal(np.array(layer(x)), 3 * x)
    config = stored(layer)["config"]
    assert config["arguments"] == {"factor": 3.0} and "output_shape" not in config
    again = deserialize_keras_object(stored(layer))
    np.testing.assert_array_equal(np.array(again(x)), 3 * x)
    assert stored(again) == stored(layer)


def test_lambda_is_told_what_it_asks_for():
    seen = []

    def f(x, mask=None, training=None):
        seen.append((mask is not None, training))
        return x

    x = Tensor(np.ones((2, 3), "float32"))
    x._mask = Tensor(np.ones(2, bool))
    layers.Lambda(f)(x, training=True)
    assert seen == [(True, True)]


def test_shapes_of_lambdas():
    """By a dry run, or as stated."""
    x = Input((3, 4))
    assert layers.Lambda(lambda t: t[:, 0])(x).shape == (None, 4)
    assert layers.Lambda(lambda t: t[:, 0], output_shape=(7,))(x).shape == (None, 7)
    assert layers.Lambda(lambda t: t[:, 0], output_shape=lambda s: (s[0], 9))(x).shape == (None, 9)
    assert layers.Lambda(lambda t: t > 0)(x).dtype == "bool"
    two = layers.Lambda(lambda ts: ts[0] + ts[1])([x, x])
    assert Model(x, two)(np.ones((1, 3, 4))).shape == (1, 3, 4)


def test_masks_of_lambdas():
    x = Tensor(np.ones((2, 3, 4), "float32"))
    assert getattr(layers.Lambda(lambda t: t + 1)(x), "_mask", None) is None
    y = layers.Lambda(lambda t: t + 1, mask=lambda t, m: ops.any(t > 0, axis=-1))(x)
    assert y._mask.shape == (2, 3)


def test_code_is_not_stored():
    """Of a lambda the file keeps the layer's name, by which whoever reads it can say what it is."""
    layer = layers.Lambda(lambda x: x * 2, name="twice")
    with pytest.raises(ValueError, match="code from a file is never run"):
        deserialize_keras_object(stored(layer))
    again = deserialize_keras_object(stored(layer), custom_objects={"twice": layer.function})
    assert again.function is layer.function
    with pytest.raises(TypeError, match="expects a function"):
        layers.Lambda(3)


def test_identity():
    x = Tensor(np.ones((2, 3), "int32"))
    x._mask = Tensor(np.ones(2, bool))
    y = layers.Identity()(x)
    assert y.dtype == "int32" and y._mask is x._mask
    assert layers.Identity().compute_output_shape([(None, 2), (3,)]) == [(None, 2), (3,)]


def test_masking():
    x = np.array([[[1, 1], [2, 1]], [[1, 1], [1, 1]]], "float32")
    y = layers.Masking(1.0)(x)
    np.testing.assert_array_equal(np.array(y), [[[0, 0], [2, 1]], [[0, 0], [0, 0]]])
    np.testing.assert_array_equal(np.array(y._mask), [[False, True], [False, False]])


def test_wrapper():
    inner = layers.Dense(2)
    layer = layers.Wrapper(inner, name="around")
    layer.build((None, 3))
    assert inner.built and [v.path for v in layer.weights] == [
        f"around/{inner.name}/kernel",
        f"around/{inner.name}/bias",
    ]
    again = deserialize_keras_object(stored(layer))
    assert type(again) is layers.Wrapper and again.layer.units == 2
    with pytest.raises(ValueError, match="expects a layer to hold"):
        layers.Wrapper("dense")
    with pytest.raises(NotImplementedError):
        layer(np.ones((1, 3)))


def test_a_wrapper_of_ones_own():
    class Twice(layers.Wrapper):
        def call(self, inputs):
            return self.layer(self.layer(inputs))

    x = Input((3,))
    layer = Twice(layers.Dense(3))
    out = layer(x)
    assert out.shape == (None, 3)
    data = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(np.array(Model(x, out)(data)), np.array(layer.layer(layer.layer(data))))
