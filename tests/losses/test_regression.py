"""Regression losses: what is theirs alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, losses
from autonet.errors import ArgumentError, ShapeError


@given(st.floats(-50, 50), st.floats(0.1, 5))
def test_huber_is_squared_then_absolute(e, delta):
    expected = e * e / 2 if abs(e) <= delta else delta * abs(e) - delta**2 / 2
    assert losses.huber([[0.0]], np.array([[e]]), delta).item() == pytest.approx(expected)
    slope = gradients.grad(lambda p: losses.huber(np.zeros((1, 1)), p, delta)[0])(np.array([[e]]))
    assert slope.item() == pytest.approx(np.clip(e, -delta, delta))


def test_huber_curves_at_zero():
    """The second derivative is 1 where the error is exactly 0: no |e| hides in the formula."""
    curve = gradients.hessian(lambda p: losses.huber(np.zeros(1), p))(np.zeros(1))
    assert curve.item() == 1.0
    curve = gradients.hessian(lambda p: losses.log_cosh(np.zeros(1), p))(np.zeros(1))
    assert curve.item() == pytest.approx(1.0)


@pytest.mark.parametrize("delta", [0.0, -1.0, float("nan")])
def test_huber_needs_a_positive_delta(delta):
    with pytest.raises(ArgumentError, match="above 0"):
        losses.huber([0.0], [1.0], delta)


@given(st.floats(-1e4, 1e4, width=32))
def test_log_cosh_never_overflows(e):
    found = losses.log_cosh(np.zeros((1, 1), "float32"), np.array([[e]], "float32")).item()
    assert found == pytest.approx(np.logaddexp(e, -e) - np.log(2), rel=1e-5, abs=1e-6)


def test_cosine_of_a_zero_vector():
    """The loss is 0, and its gradient is finite."""
    f = lambda p: losses.cosine_similarity(np.ones(3), p)
    assert f(np.zeros(3)).item() == 0
    assert np.isfinite(gradients.grad(f)(np.zeros(3)).numpy()).all()


def test_whole_numbers_and_wide_targets():
    """Integers are predictions, too; float64 targets do not widen float32 predictions."""
    assert losses.mean_squared_error([[1, 2]], [[3, 5]]).numpy().tolist() == [6.5]
    one = np.ones((2, 1), "float32")
    assert losses.mean_squared_error(one.astype("float64"), one).dtype == "float32"
    assert losses.mean_squared_error(np.ones((2, 1), bool), one).dtype == "float32"


def test_mismatch_names_shapes_and_advice():
    with pytest.raises(ShapeError, match=r"y_true \(4,\), y_pred \(4, 3\).*sparse_categorical_crossentropy"):
        losses.mean_squared_error(np.zeros(4), np.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"y_true \(4, 1\), y_pred \(4, 3\)"):
        losses.mean_squared_error(np.zeros((4, 1)), np.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"y_true \(4, 2\), y_pred \(4, 3\).*reshape"):
        losses.MeanSquaredError()(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ShapeError, match=r"shape \(1,\)"):
        losses.mean_squared_error(1.0, 2.0)
