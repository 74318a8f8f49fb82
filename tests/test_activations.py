"""Activations: values against formulas in float64, slopes, the logits they leave, names."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Sequential, activations, layers, losses, ops
from autonet.core import Tensor
from autonet.errors import ArgumentError
from autonet.gradients import check_gradients
from autonet.serialization import register_keras_serializable
from autonet.variable import Variable

X = np.array([-30.0, -3.0, -1.3, -0.7, -0.2, 0.1, 0.45, 0.8, 1.6, 7.0, 30.0, 2.5])


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def _sparsemax(x):
    """By bisection: the shift at which the positive parts sum to 1."""
    low, high = x.max() - 1, x.max()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(x - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(x - low, 0)


FORMULAS = {
    "celu": lambda x: np.maximum(x, 0) + np.minimum(np.expm1(np.minimum(x, 0)), 0),
    "elu": _elu,
    "exponential": np.exp,
    "gelu": lambda x: x * 0.5 * np.array([math.erfc(-v / math.sqrt(2)) for v in x]),
    "glu": lambda x: x[:6] * _sigmoid(x[6:]),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x < 0, 0.2 * x, x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -np.logaddexp(0, -x),
    "log_softmax": lambda x: x - x.max() - np.log(np.exp(x - x.max()).sum()),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "softmax": _softmax,
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": lambda x: np.where(x >= 1, x, np.where(x <= -1, 0, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sparsemax": _sparsemax,
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
    "threshold": lambda x: np.where(x > 0.3, x, -2.0),
}
ARGUMENTS = {"threshold": (0.3, -2.0)}


def apply(name, x):
    return getattr(activations, name)(x, *ARGUMENTS.get(name, ()))


@pytest.mark.parametrize("name", FORMULAS)
def test_values(name):
    expected = FORMULAS[name](X)
    y = apply(name, X)
    assert isinstance(y, Tensor) and y.dtype == "float64"
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-9, atol=1e-12)
    y = apply(name, X.astype("float32"))
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.numpy(), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_slopes(name):
    check_gradients(lambda x: apply(name, x), X[1:9], order=2)


@pytest.mark.parametrize("name", FORMULAS)
def test_names(name):
    f = activations.get(name)
    assert f is getattr(activations, name)
    assert activations.serialize(f) == name
    assert activations.deserialize(name) is f
    stored = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    assert activations.deserialize(stored) is activations.get(stored) is f


def test_further_names():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.swish is activations.silu
    assert activations.get("hard_swish") is activations.hard_swish is activations.hard_silu
    assert activations.serialize(activations.swish) == "silu"
    assert activations.get(abs) is abs
    with pytest.raises(ArgumentError, match="Did you mean 'relu"):
        activations.get("rellu")
    with pytest.raises(ArgumentError, match="Pass a name such as"):
        activations.get(3)
    with pytest.raises(ArgumentError, match="lambda cannot be serialized"):
        activations.serialize(lambda x: x)


def test_own_functions():
    @register_keras_serializable("test_activations")
    def bent(x):
        return x + 1

    stored = json.loads(json.dumps(activations.serialize(bent)))
    assert activations.deserialize(stored) is bent

    def plain(x):
        return x

    assert activations.deserialize(activations.serialize(plain), custom_objects={"plain": plain}) is plain
    hidden = {"softmax": plain}
    assert activations.deserialize("softmax", custom_objects=hidden) is plain


# relu's arguments

AT = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 8.0])
RELU = [  # as Keras 3 answers
    ({}, [0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 2.0, 8.0]),
    ({"negative_slope": 0.1}, [-0.3, -0.1, -0.05, 0.0, 0.5, 1.0, 2.0, 8.0]),
    ({"max_value": 2}, [0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 2.0, 2.0]),
    ({"max_value": 0.0}, [0.0] * 8),
    ({"threshold": 1.0}, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 8.0]),
    ({"threshold": 1.0, "max_value": 0.5}, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]),
    ({"negative_slope": 0.1, "max_value": 2, "threshold": 1.0}, [-0.4, -0.2, -0.15, -0.1, -0.05, 0.0, 2.0, 2.0]),
    ({"threshold": -1.0}, [0.0, 0.0, -0.5, 0.0, 0.5, 1.0, 2.0, 8.0]),
    ({"threshold": -1.0, "max_value": 2}, [0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 2.0, 2.0]),
    ({"negative_slope": -1}, [3.0, 1.0, 0.5, 0.0, 0.5, 1.0, 2.0, 8.0]),
]


@pytest.mark.parametrize(("arguments", "expected"), RELU)
def test_relu(arguments, expected):
    y = activations.relu(AT, **arguments)
    np.testing.assert_allclose(y.numpy(), expected, atol=1e-15)
    assert activations.relu(AT.astype("float32"), **arguments).dtype == "float32"
    check_gradients(lambda x: activations.relu(x, **arguments), AT + 0.01)


def test_relu_of_infinities_and_integers():
    x = np.array([-np.inf, np.inf])
    assert activations.relu(x, threshold=1.0).tolist() == [0.0, np.inf]
    assert activations.relu(x, max_value=6.0).tolist() == [0.0, 6.0]
    assert activations.relu([-1, 2]).dtype == "int32"
    with pytest.raises(ArgumentError, match="max_value not below 0"):
        activations.relu(x, max_value=-1)


# Arguments of the others


def test_arguments():
    x = X[1:9]
    np.testing.assert_allclose(activations.elu(x, 2.0).numpy(), _elu(x, 2.0))
    np.testing.assert_allclose(activations.leaky_relu(x, 0.3).numpy(), np.where(x < 0, 0.3 * x, x))
    cubic = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(activations.gelu(x, approximate=True).numpy(), cubic)
    m = x.reshape(2, 2, 2)
    np.testing.assert_allclose(activations.softmax(m, axis=(0, 2)).numpy().sum(axis=(0, 2)), 1)
    np.testing.assert_allclose(activations.softmax(m, axis=0).numpy().sum(axis=0), 1)
    np.testing.assert_allclose(np.exp(activations.log_softmax(m, axis=1).numpy()).sum(axis=1), 1)


# Logits


@given(shift=st.floats(-1e4, 1e4), axis=st.sampled_from([-1, 1]))
def test_softmax_then_crossentropy_is_the_stable_form(shift, axis):
    x = Tensor([[0.0, shift, 1.0]], dtype="float64", requires_grad=True)
    y = activations.softmax(x, axis=axis)
    assert y._logits[0] == "softmax" and y._logits[1] is x and y._logits[2] == axis
    loss = ops.sum(losses.sparse_categorical_crossentropy([2], y))
    assert loss.item() == pytest.approx(np.logaddexp.reduce([0.0, shift, 1.0]) - 1.0, rel=1e-12)
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), activations.softmax(x).numpy() - [[0, 0, 1]], atol=1e-12)


@given(x=st.floats(-1e4, 1e4), label=st.sampled_from([0.0, 1.0]))
def test_sigmoid_then_crossentropy_is_the_stable_form(x, label):
    y = activations.sigmoid(np.array([[x]]))
    assert losses.binary_crossentropy([[label]], y).item() == pytest.approx(
        np.logaddexp(0, x) - label * x, rel=1e-12, abs=1e-300
    )


def test_logits_of_a_variable_are_those_of_the_moment():
    v = Variable(np.zeros((1, 2)))
    y = activations.softmax(v)
    v.assign(np.array([[9.0, 0.0]]))
    assert losses.sparse_categorical_crossentropy([0], y).item() == pytest.approx(math.log(2))


def test_several_axes_leave_no_logits():
    y = activations.softmax(np.zeros((2, 2, 2)), axis=(1, 2))
    assert getattr(y, "_logits", None) is None


@pytest.mark.parametrize(
    "way",
    [
        activations.softmax,
        layers.Softmax(),
        layers.Softmax(axis=-1),
        layers.Activation("softmax"),
        layers.Dense(1, activation="softmax"),
        layers.Conv1D(1, 1, activation="softmax"),
        lambda x: layers.Softmax(axis=1)(x[:, :1]),
        lambda x: activations.softmax(x[:, :1], axis=-2),
    ],
)
def test_a_softmax_of_one_number_warns(way):
    with pytest.warns(UserWarning, match="always 1.*sigmoid"):
        way(np.ones((3, 2, 1), "float32"))


def test_softmax_of_one_unit_warns_in_training():
    model = Sequential([layers.Dense(1, activation="softmax")])
    model.compile("sgd", "binary_crossentropy")
    with pytest.warns(UserWarning, match="always 1.*sigmoid"):
        model.fit(np.ones((4, 2)), np.zeros(4), verbose=0)


def test_attention_to_one_place_is_no_mistake():
    x, one = np.ones((2, 3, 4), "float32"), np.ones((2, 1, 4), "float32")
    layers.Attention()([x, one])
    layers.MultiHeadAttention(2, 3)(x, one, return_attention_scores=True)
