"""Freezing: what `trainable`, set anywhere and at any time, does to weights, moving moments and steps."""

import numpy as np
import pytest

from autonet import Input, Model, Sequential, layers, models
from autonet.errors import ArgumentError

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((12, 4)) * 2 + 1).astype("float32")
Y = RNG.standard_normal((12, 1)).astype("float32")

WHERE = ["layer", "stack", "graph", "subclass"]
WHEN = ["made", "before compile", "after compile", "after a fit"]


class Wrap(Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


def around(norm, where):
    """The layer, or a model of it alone."""
    if where == "layer":
        return norm
    if where == "stack":
        return Sequential([Input((4,)), norm])
    if where == "graph":
        x = Input((4,))
        return Model(x, norm(x))
    return Wrap(norm)


def moments(norm):
    return np.concatenate([norm.moving_mean.numpy(), norm.moving_variance.numpy()])


def learned(norm):
    return np.concatenate([norm.gamma.numpy(), norm.beta.numpy()])


@pytest.mark.parametrize("way", [{}, {"run_eagerly": True}], ids=["captured", "eager"])
@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("trainable", [True, False])
def test_the_table_of_batch_normalization(trainable, where, when, way):
    """The same rows came from keras 3.15."""
    norm = layers.BatchNormalization(momentum=0.5)
    part = around(norm, where)
    model = Sequential([Input((4,)), part, layers.Dense(1)])
    part.trainable = not trainable
    if when in WHEN[:2]:
        part.trainable = trainable
    model.compile("sgd", "mse", **way)
    if when == "after a fit":
        model.fit(X, Y, verbose=0)
    part.trainable = trainable
    if when == "after a fit" and trainable:
        with pytest.raises(ArgumentError, match=r"unfrozen .* Call compile\(\) again"):
            model.fit(X, Y, verbose=0)
        model.compile("sgd", "mse", **way)

    for training in (True, False, None):
        before = moments(norm)
        y = (part(X) if training is None else part(X, training=training)).numpy()
        by_batch = trainable and training is True
        mean, variance = (X.mean(0), X.var(0)) if by_batch else np.split(before, 2)
        gamma, beta = np.split(learned(norm), 2)
        np.testing.assert_allclose(y, (X - mean) / np.sqrt(variance + 1e-3) * gamma + beta, rtol=1e-4, atol=1e-5)
        assert (moments(norm) != before).all() if by_batch else (moments(norm) == before).all()

    before = moments(norm), learned(norm)
    model.fit(X, Y, epochs=2, batch_size=12, verbose=0)
    for old, new in zip(before, (moments(norm), learned(norm)), strict=True):
        assert (old != new).all() if trainable else (old == new).all()
    before = moments(norm)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert (moments(norm) == before).all()
    assert len(model.trainable_weights) == (4 if trainable else 2)


def test_freezing_and_thawing_within_one_compile():
    model = Sequential([Input((4,)), layers.Dense(3, name="a"), layers.Dense(1, name="b")])
    model.compile("adam", "mse")
    kernel = model.layers[0].kernel
    for trainable in (True, False, True, False):
        model.layers[0].trainable = trainable
        before = kernel.numpy()
        model.fit(X, Y, verbose=0)
        assert np.array_equal(kernel.numpy(), before) != trainable


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_the_last_setting_counts(outer, inner):
    """As in Keras, a model's `trainable` is set for all layers inside; one of them may be set otherwise afterwards."""
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.trainable = outer
    model.layers[0].trainable = inner
    assert model.layers[1].trainable == outer
    assert len(model.trainable_weights) == (2 * inner + 2 * outer if outer else 0)
    assert len(model.non_trainable_weights) == 4 - len(model.trainable_weights)


@pytest.mark.parametrize("make", [
    lambda: layers.Bidirectional(layers.GRU(2), trainable=False),
    lambda: layers.RNN(layers.StackedRNNCells([layers.GRUCell(2)], trainable=False)),
    lambda: layers.SpectralNormalization(layers.Dense(2), trainable=False),
    lambda: layers.MultiHeadAttention(2, 2, trainable=False),
    lambda: Sequential([layers.Dense(2)], trainable=False),
])  # fmt: skip
def test_frozen_from_the_start_with_all_inside(make):
    """Made with trainable=False, a layer of layers is frozen inside any model, and its copies are."""
    x = Input((3, 4))
    layer = make()
    model = Model(x, layer(x, x) if isinstance(layer, layers.MultiHeadAttention) else layer(x))
    assert model.weights and not model.trainable_weights
    assert not Model.from_config(model.get_config()).trainable_weights
    assert not models.clone_model(model).trainable_weights


def test_exceptions_to_a_freeze_come_back():
    """The layers of a frozen model that train again do so in its copies."""
    base = Sequential([Input((4,)), layers.Dense(3), layers.Dense(3)])
    base.trainable = False
    base.layers[-1].trainable = True
    model = Sequential([Input((4,)), base, layers.Dense(1)])
    for copied in (model, Sequential.from_config(model.get_config()), models.clone_model(model)):
        assert len(copied.trainable_weights) == 4
