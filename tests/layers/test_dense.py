"""Dense: the product over the last axis, its logits, and its errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers, losses
from autonet.core import Tensor
from autonet.errors import ArgumentError


@given(
    lead=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    n=st.integers(1, 4),
    units=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_any_number_of_leading_axes(lead, n, units, seed):
    """(..., n) is the same as its rows one by one."""
    x = np.random.default_rng(seed).standard_normal((*lead, n))
    layer = layers.Dense(units, activation="tanh", bias_initializer="ones", dtype="float64")
    y = layer(x)
    assert y.shape == (*lead, units)
    expected = np.tanh(x.reshape(-1, n) @ layer.kernel.numpy() + layer.bias.numpy())
    np.testing.assert_allclose(np.array(y).reshape(-1, units), expected, rtol=1e-13)


def test_without_bias():
    layer = layers.Dense(2, use_bias=False)
    layer.build((None, 3))
    assert len(layer.weights) == 1 and layer.bias is None


@pytest.mark.parametrize("name, loss", [
    ("softmax", losses.CategoricalCrossentropy()),
    ("sigmoid", losses.BinaryCrossentropy()),
])  # fmt: skip
@pytest.mark.parametrize("apart", [False, True])
def test_crossentropy_sees_the_logits(name, loss, apart):
    """Where probabilities round to 0 and 1, the loss still follows the logits, and so does its slope."""
    x = Tensor(np.array([[200.0, 0.0]], "float32"), requires_grad=True)
    eye = {"kernel_initializer": "identity"}
    stack = [layers.Dense(2, **eye), layers.Activation(name)] if apart else [layers.Dense(2, activation=name, **eye)]
    y = x
    for layer in stack:
        y = layer(y)
    value = loss(np.array([[0.0, 1.0]], "float32"), y)
    assert float(value) == pytest.approx(200 if name == "softmax" else 100 + np.log(2) / 2)
    value.backward()
    assert x.grad.numpy()[0, 0] == pytest.approx(1 if name == "softmax" else 0.5)


def test_an_activation_may_be_a_layer():
    layer = layers.Dense(2, kernel_initializer="ones", activation=layers.PReLU(alpha_initializer="ones"))
    layer(np.ones((1, 3)))
    assert len(layer.trainable_weights) == 3
    again = layers.Dense.from_config(layer.get_config())
    assert type(again.activation) is layers.PReLU


@pytest.mark.parametrize("units", [0, -1, 2.0, True, "3", None])
def test_units_is_a_whole_number(units):
    with pytest.raises(ArgumentError, match="units to be a whole number above 0; received"):
        layers.Dense(units)


def test_numpy_integers_are_whole_numbers():
    assert type(layers.Dense(np.int64(3)).get_config()["units"]) is int


def test_what_is_not_offered():
    with pytest.raises(ArgumentError, match="no lora_rank here: leave it None"):
        layers.Dense(2, lora_rank=4)


def test_unknown_names_come_with_near_ones():
    with pytest.raises(ArgumentError, match="'relu'"):
        layers.Dense(2, activation="rellu")
    with pytest.raises(ArgumentError, match="'glorot_uniform'"):
        layers.Dense(2, kernel_initializer="glorot_unifrom")
