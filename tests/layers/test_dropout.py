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
