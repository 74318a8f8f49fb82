"""Dropout: how much it drops, how it scales, what it shares, and how it repeats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.core import Tensor
from autonet.errors import ArgumentError, DtypeError
from autonet.utils import set_random_seed


@given(rate=st.floats(0.05, 0.95), seed=st.integers(0, 2**32 - 1))
def test_share_and_scale(rate, seed):
    """About `rate` of the elements are 0, the others x / (1 - rate): the expectation stays."""
    n = 20_000
    y = np.array(layers.Dropout(rate, seed=seed)(np.full((1, n), 2.0), training=True))
    dropped = y == 0
    np.testing.assert_allclose(y[~dropped], 2 / (1 - rate), rtol=1e-6)
    assert abs(dropped.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / n)


@pytest.mark.parametrize("rate", [0, 1])
def test_all_or_nothing(rate):
    layer = layers.Dropout(rate)
    x = np.ones((3, 4), "float32")
    np.testing.assert_array_equal(layer(x, training=True), x * (1 - rate))
    assert len(layer.variables) == rate  # nothing is drawn at rate 0


def test_inference_passes_everything():
    x = Tensor(np.ones((2, 3), "float32"))
    layer = layers.Dropout(0.5)
    assert layer(x) is x and layer(x, training=False) is x


def test_slope_is_the_mask():
    x = Tensor(np.ones((4, 50), "float32"), requires_grad=True)
    y = layers.Dropout(0.5, seed=1)(x, training=True)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y)


@pytest.mark.parametrize("noise_shape", [(None, 1, 4), (5, 1, 4)])
def test_a_shared_mask(noise_shape):
    y = np.array(layers.Dropout(0.5, noise_shape=noise_shape, seed=2)(np.ones((5, 3, 4)), training=True))
    assert (y == y[:, :1]).all()
    assert 0 < (y[:, 0] == 0).mean() < 1


def test_draws_go_on_and_repeat():
    x = np.ones((2, 50), "float32")

    def run(seed):
        layer = layers.Dropout(0.5, seed=seed)
        return np.array([layer(x, training=True).numpy() for _ in range(3)])

    first = run(7)
    np.testing.assert_array_equal(run(7), first)
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(run(8), first)
    set_random_seed(3)
    one, other = run(None), run(None)
    assert not np.array_equal(one, other)
    set_random_seed(3)
    np.testing.assert_array_equal(run(None), one)


@pytest.mark.parametrize("rate", [np.float32(-1), -0.1, 1.5, "half", None, True])
def test_rates_outside(rate):
    with pytest.raises(ArgumentError, match="expects a rate from 0 to 1; received"):
        layers.Dropout(rate)


def test_noise_that_does_not_fit():
    with pytest.raises(ArgumentError, match="noise_shape to be a tuple"):
        layers.Dropout(0.5, noise_shape=3)
    with pytest.raises(ValueError, match="noise_shape .* does not broadcast"):
        layers.Dropout(0.5, noise_shape=(2, 2))(np.ones((3, 2)), training=True)


def test_integers_are_refused_in_training():
    with pytest.raises(DtypeError, match="expects floats"):
        layers.Dropout(0.5)(np.ones((2, 2), "int32"), training=True)


# Relatives


@pytest.mark.parametrize("rank, first", [(1, False), (2, False), (2, True), (3, False), (3, True)])
def test_whole_channels_are_dropped(rank, first):
    shape = (6, *(3, 2, 2)[:rank], 5)
    form = {"data_format": "channels_first"} if first else {}
    layer = getattr(layers, f"SpatialDropout{rank}D")(0.5, seed=3, **form)
    y = np.array(layer(np.ones((6, 5, *shape[1:-1]) if first else shape), training=True))
    y = (y if first else np.moveaxis(y, -1, 1)).reshape(6, 5, -1)
    assert (y == y[..., :1]).all() and 0 < (y[..., 0] == 0).mean() < 1


@given(rate=st.floats(0.05, 0.9), seed=st.integers(0, 99))
def test_noise_keeps_mean_and_variance(rate, seed):
    """Of normal numbers for AlphaDropout; the others keep the mean, and add the variance that they say."""
    n = 40_000
    x = np.random.default_rng(seed).standard_normal((1, n))
    y = np.array(layers.AlphaDropout(rate, seed=seed)(x, training=True))
    assert abs(y.mean()) < 0.05 and abs(y.var() - 1) < 0.1
    y = np.array(layers.GaussianNoise(rate, seed=seed)(np.zeros((1, n)), training=True))
    assert abs(y.mean()) < 0.05 and abs(y.std() - rate) < 0.05
    y = np.array(layers.GaussianDropout(rate, seed=seed)(np.ones((1, n)), training=True))
    assert abs(y.mean() - 1) < 0.05 and abs(y.var() - rate / (1 - rate)) < 0.1 / (1 - rate)


def test_what_alpha_dropout_drops_becomes_one_number():
    y = np.array(layers.AlphaDropout(0.5, seed=1)(np.zeros((1, 1000)), training=True))
    assert len(np.unique(y)) == 2
    rows = np.array(layers.AlphaDropout(0.5, noise_shape=(None, 1), seed=1)(np.zeros((9, 50)), training=True))
    assert (rows == rows[:, :1]).all() and len(np.unique(rows)) == 2


@pytest.mark.parametrize(
    "make", [layers.SpatialDropout1D, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise]
)
def test_nothing_to_do(make):
    x = Tensor(np.ones((2, 3, 4), "float32"))
    assert make(0.0)(x, training=True) is x and make(0.5)(x, training=False) is x
    assert not make(0.0).variables


@pytest.mark.parametrize("make", [layers.AlphaDropout, layers.GaussianDropout])
def test_something_must_be_left(make):
    with pytest.raises(ArgumentError, match="a rate below 1, for something to be left"):
        make(1.0)
    with pytest.raises(ArgumentError, match="expects a rate from 0 to 1"):
        make(-0.1)


def test_stddev_from_0_to_1_as_in_keras():
    with pytest.raises(ArgumentError, match="expects a stddev from 0 to 1; received 2"):
        layers.GaussianNoise(2)
