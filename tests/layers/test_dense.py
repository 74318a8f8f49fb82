"""Dense: the product over the last axis, its logits, and its errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import initializers, layers, losses
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError


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
    with pytest.raises(ArgumentError, match="no quantization here: leave quantization_config None"):
        layers.Dense(2, quantization_config={"mode": "int8"})


def test_unknown_names_come_with_near_ones():
    with pytest.raises(ArgumentError, match="'relu'"):
        layers.Dense(2, activation="rellu")
    with pytest.raises(ArgumentError, match="'glorot_uniform'"):
        layers.Dense(2, kernel_initializer="glorot_unifrom")


# EinsumDense


@pytest.mark.parametrize("equation, output_shape, bias_axes, shape, kernel, bias, result", [
    ("ab,bc->ac", 4, "c", (2, 3), (3, 4), (4,), (2, 4)),
    ("abc,cd->abd", (None, 4), "d", (2, 3, 5), (5, 4), (4,), (2, 3, 4)),
    ("abc,cd->abd", (None, 4), "bd", (2, 3, 5), (5, 4), (3, 4), (2, 3, 4)),
    ("abc,cde->abde", (None, 2, 4), "d", (2, 3, 5), (5, 2, 4), (2, 1), (2, 3, 2, 4)),
    ("...x,xy->...y", 4, "y", (2, 3, 6, 5), (5, 4), (4,), (2, 3, 6, 4)),
    ("ab...,bc->ac...", 4, "c", (2, 3, 5), (3, 4), (4, 1), (2, 4, 5)),
    ("abc,acd->abd", (None, 7), None, (2, 3, 5), (2, 5, 7), None, (2, 3, 7)),
])  # fmt: skip
def test_shapes_of_an_equation(equation, output_shape, bias_axes, shape, kernel, bias, result, rng):
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes, bias_initializer="normal", dtype="float64")
    x = rng.standard_normal(shape)
    y = layer(x)
    assert layer.kernel.shape == kernel and (layer.bias is None) == (bias is None)
    assert y.shape == result == layer.compute_output_shape(shape)
    expected = np.einsum(equation, x, layer.kernel.numpy())
    if bias is not None:
        assert layer.bias.shape == bias
        expected = expected + layer.bias.numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-12)


@pytest.mark.parametrize("equation, output_shape, bias_axes, error, advice", [
    ("ab,bc,cd->ad", 4, None, ArgumentError, "an equation of the form"),
    ("...ab,bc->ac", 4, None, ArgumentError, "an equation of the form"),
    ("ab,cd->ac", 4, None, ArgumentError, "the letter 'd' .* neither in the input"),
    ("ab,bc->ac", 4, "x", ArgumentError, "has no 'x'"),
    ("abc,cd->abd", 4, None, ShapeError, "expects 3 axes; received shape .2, 3."),
    ("ab,bc->abc", (9, 4), None, ShapeError, "expects length 9 along 'b'"),
])  # fmt: skip
def test_equations_that_do_not_fit(equation, output_shape, bias_axes, error, advice):
    with pytest.raises(error, match=advice):
        layers.EinsumDense(equation, output_shape, bias_axes=bias_axes)(np.zeros((2, 3)))


def test_letters_that_are_missing_in_the_output_shape():
    with pytest.raises(ArgumentError, match="'d' .* neither in the input nor"):
        layers.EinsumDense("ab,bcd->acd", 4)(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("equation", "output_shape", "shape", "inputs", "outputs"),
    [
        ("ab,bc->ac", 40, (2, 30), 30, 40),
        ("abx,xyz->abyz", (None, 4, 5), (2, 3, 60), 60, 20),
        ("abyz,yzx->abx", (None, 30), (2, 3, 8, 9), 72, 30),
        ("...x,yx->...y", 50, (2, 3, 40), 40, 50),
    ],
)
def test_first_values_count_inputs_and_outputs_by_the_equation(equation, output_shape, shape, inputs, outputs):
    given = initializers.VarianceScaling(3.0, "fan_avg", "uniform", seed=1)
    layer = layers.EinsumDense(equation, output_shape, kernel_initializer=given)
    layer.build(shape)
    limit = (3 * 3.0 / ((inputs + outputs) / 2)) ** 0.5
    assert 0.97 * limit < np.abs(layer.kernel).max() <= limit
    assert layer.get_config()["kernel_initializer"]["config"]["input_axes"] is None  # as it was given
    told = initializers.VarianceScaling(3.0, "fan_in", "uniform", seed=1, input_axes=[0], output_axes=[1])
    other = layers.EinsumDense(equation, output_shape, kernel_initializer=told)
    other.build(shape)
    np.testing.assert_array_equal(other.kernel, told(other.kernel.shape))


def test_heads_begin_as_wide_as_a_dense_layer_of_their_outputs():
    attention = layers.MultiHeadAttention(8, 16, kernel_initializer="lecun_normal", seed=1)
    attention.build((None, 10, 32), (None, 10, 32))
    np.testing.assert_allclose(np.std(attention.query_dense.kernel), (1 / 32) ** 0.5, rtol=0.05)
    np.testing.assert_allclose(np.std(attention.output_dense.kernel), (1 / 128) ** 0.5, rtol=0.05)
