"""Scaled: the literature's costs, by their gradients; and which losses are means over outputs."""

import json

import numpy as np
import pytest

import autonet as keras
from autonet import losses, ops, regularizers
from autonet.core import convert_to_tensor
from autonet.errors import ArgumentError
from autonet.losses.scaled import averages
from tests.losses.table import CASES

RNG = np.random.default_rng(0)
N, D = 5, 3
A = RNG.uniform(0.1, 0.9, (N, D))
Y = RNG.integers(0, 2, (N, D)).astype("float64")
LABELS = np.eye(D)[np.arange(N) % D]
P = A / A.sum(axis=1, keepdims=True)

LITERATURE = {  # loss here, targets, outputs, the derivative of the cost by the outputs as the literature writes it
    "quadratic": (losses.Scaled("mse", 1 / 2, outputs="sum"), Y, A, (A - Y) / N),
    "cross-entropy": (losses.Scaled("binary_crossentropy", outputs="sum"), Y, A, (A - Y) / (A * (1 - A)) / N),
    "log-likelihood": (losses.CategoricalCrossentropy(), LABELS, P, None),
    "error of 1986": (losses.Scaled("mse", 1 / 2, outputs="sum", reduction="sum"), Y, A, A - Y),
    "least squares": (losses.Scaled("mse", 1 / 2), Y[:, :1], A[:, :1], (A - Y)[:, :1] / N),
    "pytorch": (losses.MeanSquaredError(), Y, A, 2 * (A - Y) / (N * D)),
}


@pytest.mark.parametrize("name", LITERATURE)
def test_gradients_are_the_literatures(name):
    loss, y, a, expected = LITERATURE[name]
    if expected is None:  # the gradient by logits z, a = softmax(z)
        z = np.log(a)
        gradient = keras.grad(lambda z: losses.CategoricalCrossentropy(from_logits=True)(y, z))(z)
        expected = (a - y) / N
    else:
        gradient = keras.grad(lambda a: loss(y, a))(a)
    assert np.allclose(np.asarray(gradient), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy"])
def test_a_step_of_nielsens_network_is_his(cost):
    """His `update_mini_batch`, with his eta and lambda, on a network of one hidden layer."""
    eta, lmbda, rows = 3.0, 5.0, 100
    keras.utils.set_random_seed(0)
    penalty = regularizers.L2(lmbda / (2 * rows))
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, "sigmoid", kernel_regularizer=penalty, bias_initializer="normal"),
            keras.layers.Dense(D, "sigmoid", kernel_regularizer=penalty, bias_initializer="normal"),
        ]
    )
    model.compile(keras.optimizers.SGD(eta), LITERATURE[cost][0])
    x = RNG.standard_normal((N, 4))
    w1, b1, w2, b2 = (w.astype("float64") for w in model.get_weights())
    h = 1 / (1 + np.exp(-(x @ w1 + b1)))
    a = 1 / (1 + np.exp(-(h @ w2 + b2)))
    delta2 = (a - Y) * (a * (1 - a) if cost == "quadratic" else 1.0)
    delta1 = delta2 @ w2.T * h * (1 - h)
    model.fit(x, Y, batch_size=N, verbose=0, shuffle=False)
    for new, old, nabla, decays in zip(
        model.get_weights(),
        (w1, b1, w2, b2),
        (x.T @ delta1, delta1.sum(0), h.T @ delta2, delta2.sum(0)),
        (True, False, True, False),
        strict=True,
    ):
        shrunk = (1 - eta * lmbda / rows) * old if decays else old
        assert np.allclose(new, shrunk - eta / N * nabla, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_the_list_of_means_over_outputs_is_right(name):
    """A mean over outputs stays as it is when each output comes twice; those that stay are on the list."""
    case = CASES[name]
    rng = np.random.default_rng(1)
    try:
        y, p = case.y_true(rng, 6, 3), case.y_pred(rng, 6, 3).astype("float64")
        once = np.asarray(case.function(y, p, **case.arguments))
        twice = np.asarray(case.function(np.concatenate([y, y], -1), np.concatenate([p, p], -1), **case.arguments))
        stays = once.shape == (6,) and case.elementwise and np.allclose(once, twice)
    except (ValueError, TypeError):
        stays = False
    assert stays == averages(losses.LossFunctionWrapper(case.function))


@pytest.mark.parametrize("loss", ["mse", losses.MeanSquaredError(), losses.mean_squared_error])
def test_weights_masks_and_reductions_are_those_of_the_loss(loss):
    scaled = losses.Scaled(loss, 3.0, outputs="sum", reduction="none")
    plain = losses.MeanSquaredError(reduction="none")
    weight = np.arange(N)
    assert np.allclose(scaled(Y, A, weight), 9 * np.asarray(plain(Y, A, weight)))
    masked = convert_to_tensor(A)
    masked._mask = convert_to_tensor(np.arange(N) % 2 == 0)
    assert np.allclose(scaled(Y, masked), 9 * np.asarray(plain(Y, masked)))
    assert losses.Scaled(losses.MeanSquaredError(reduction="sum", name="mine")).get_config()["reduction"] == "sum"


def test_logits_of_a_sigmoid_are_used():
    z = convert_to_tensor([[100.0, -100.0]], "float32")
    value = losses.Scaled("binary_crossentropy", outputs="sum")([[0.0, 1.0]], keras.activations.sigmoid(z))
    assert float(value) == pytest.approx(200.0)


def test_another_axis():
    scaled = losses.Scaled(losses.BinaryCrossentropy(axis=0, reduction="none"), outputs="sum")
    assert np.allclose(scaled(Y, A), N * np.asarray(losses.BinaryCrossentropy(axis=0, reduction="none")(Y, A)))


@pytest.mark.parametrize("loss", ["mse", losses.Huber(delta=0.5), losses.binary_crossentropy])
def test_configuration_there_and_back(loss):
    scaled = losses.Scaled(loss, 0.5, outputs="sum", name="mine")
    again = losses.deserialize(json.loads(json.dumps(losses.serialize(scaled))))
    assert again.get_config() == scaled.get_config()
    assert float(again(Y, A)) == float(scaled(Y, A))


def test_it_is_saved_with_a_model(tmp_path):
    model = keras.Sequential([keras.Input((D,)), keras.layers.Dense(D, "sigmoid")])
    model.compile("sgd", losses.Scaled("binary_crossentropy", outputs="sum"))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.evaluate(A, Y, verbose=0) == model.evaluate(A, Y, verbose=0)


def test_what_it_cannot_do_is_refused():
    for loss in (
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "kl_divergence",
        lambda y, p: ops.mean(y - p, -1),
    ):
        with pytest.raises(ArgumentError, match="means over outputs"):
            losses.Scaled(loss, outputs="sum")
    with pytest.raises(ArgumentError, match='"mean" or "sum"'):
        losses.Scaled("mse", outputs="total")
    with pytest.raises(ArgumentError, match="scale to be a number"):
        losses.Scaled("mse", "half")
