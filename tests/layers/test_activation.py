"""Activations as layers: their formulas, slopes shared and learned, masks, and their errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers, ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.legacy import LegacyWarning

X = np.array([[-2.0, -0.5, 0.0, 0.5, 3.0]])


def test_relu_in_pieces():
    y = layers.ReLU(max_value=2.0, negative_slope=0.5, threshold=0.25)(X)
    np.testing.assert_allclose(y, [[-1.125, -0.375, -0.125, 0.5, 2.0]])


def test_elu():
    np.testing.assert_allclose(layers.ELU(alpha=2.0)(X), np.where(X > 0, X, 2 * np.expm1(X)), rtol=1e-6)


def test_leaky_relu_and_its_older_word():
    np.testing.assert_allclose(layers.LeakyReLU()(X), np.where(X > 0, X, 0.3 * X), rtol=1e-6)
    with pytest.warns(LegacyWarning, match=r"LeakyReLU: write negative_slope=... instead of alpha="):
        assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1


def test_prelu_learns_its_slopes():
    layer = layers.PReLU(alpha_initializer="ones", shared_axes=[1])
    x = Tensor(np.array([[[-1.0, 2.0], [-3.0, -4.0]]], "float32"))
    layer(x).sum().backward()
    assert layer.alpha.shape == (1, 2)
    np.testing.assert_array_equal(layer.alpha.grad, [[-4.0, -4.0]])
    assert layer.compute_output_shape((None, None, 2)) == (None, None, 2)


@given(rows=st.integers(1, 4), n=st.integers(1, 5), seed=st.integers(0, 99))
def test_masked_softmax_is_the_softmax_of_what_is_left(rows, n, seed):
    rng = np.random.default_rng(seed)
    x, mask = 50 * rng.standard_normal((rows, n)), rng.random((rows, n)) < 0.6
    y = np.array(layers.Softmax(dtype="float64")(x, mask=Tensor(mask)))
    for row, keep, out in zip(x, mask, y, strict=True):
        assert not out[~keep].any()
        if keep.any():
            np.testing.assert_allclose(out[keep], ops.softmax(row[keep]), rtol=1e-12)


def test_softmax_over_several_axes():
    y = np.array(layers.Softmax(axis=(1, 2))(np.zeros((2, 2, 3))))
    np.testing.assert_allclose(y, np.full((2, 2, 3), 1 / 6), rtol=1e-6)


@pytest.mark.parametrize("make, name", [
    (lambda: layers.ReLU(-1.0), "max_value"),
    (lambda: layers.ReLU(negative_slope=None), "negative_slope"),
    (lambda: layers.ReLU(threshold=-1.0), "threshold"),
    (lambda: layers.LeakyReLU("steep"), "negative_slope"),
])  # fmt: skip
def test_misfits(make, name):
    with pytest.raises(ArgumentError, match=f"expects {name} to be a number of at least 0"):
        make()


def test_a_function_of_ones_own():
    layer = layers.Activation(lambda x: x * 2)
    np.testing.assert_array_equal(layer(X), 2 * X)
    with pytest.raises(ArgumentError, match="lambda cannot be serialized"):
        layer.get_config()


def test_a_penalty_on_what_passes():
    layer = layers.ActivityRegularization(l1=0.5, l2=2.0)
    x = np.array([[1.0, -2.0], [0.0, 1.0]], "float32")
    np.testing.assert_array_equal(layer(x), x)
    assert float(layer.losses[0]) == pytest.approx((0.5 * 4 + 2 * 6) / 2)


def test_prelu_shares_along_axes_that_are_there():
    with pytest.raises(ShapeError, match="Name axes from 1 to 1"):
        layers.PReLU(shared_axes=[1, 2])(X)
