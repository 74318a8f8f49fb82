"""Penalties: formulas, gradients, names and configurations."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops, regularizers
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import check_gradients, grad

seeds = st.integers(0, 2**32 - 1)
factors = st.floats(0, 10)
EACH = {
    "L1": regularizers.L1(0.3),
    "L2": regularizers.L2(0.3),
    "L1L2": regularizers.L1L2(0.3, 0.2),
    "OrthogonalRegularizer": regularizers.OrthogonalRegularizer(0.3, "columns"),
}
DEFAULTS = {
    "L1": {"l1": 0.01},
    "L2": {"l2": 0.01},
    "L1L2": {"l1": 0.0, "l2": 0.0},
    "OrthogonalRegularizer": {"factor": 0.01, "mode": "rows"},
}


def draw(seed, shape=(3, 4)):
    return np.random.default_rng(seed).normal(size=shape)


@given(seed=seeds, a=factors, b=factors)
def test_sums_of_powers(seed, a, b):
    w = draw(seed)
    expected = a * np.abs(w).sum(), b * (w * w).sum()
    assert regularizers.L1(a)(w).item() == pytest.approx(expected[0])
    assert regularizers.L2(b)(w).item() == pytest.approx(expected[1])
    assert regularizers.L1L2(a, b)(w).item() == pytest.approx(sum(expected))
    np.testing.assert_allclose(grad(regularizers.L2(b))(w).numpy(), 2 * b * w)
    np.testing.assert_allclose(grad(regularizers.L1(a))(w).numpy(), a * np.sign(w))


@given(seed=seeds, factor=factors)
def test_mean_cosine(seed, factor):
    w = draw(seed)
    rows = w / np.linalg.norm(w, axis=1, keepdims=True)
    expected = np.mean([abs(rows[i] @ rows[j]) for i in range(3) for j in range(i)]) * factor
    assert regularizers.OrthogonalRegularizer(factor)(w).item() == pytest.approx(expected)
    assert regularizers.OrthogonalRegularizer(factor, "columns")(w.T).item() == pytest.approx(expected)
    assert regularizers.OrthogonalRegularizer(factor)(5 * w).item() == pytest.approx(expected)  # lengths do not count


def test_orthogonal_vectors_are_free():
    q = np.linalg.qr(draw(1, (5, 3)))[0]
    penalty = regularizers.OrthogonalRegularizer(1.0, "columns")
    assert penalty(q).item() == pytest.approx(0, abs=1e-12)
    assert regularizers.OrthogonalRegularizer(1.0)(np.ones((4, 2))).item() == pytest.approx(1)
    assert regularizers.OrthogonalRegularizer(1.0)(np.ones((1, 2))).item() == 0
    zero_row = grad(regularizers.OrthogonalRegularizer(1.0))(np.array([[0.0, 0.0], [1.0, 2.0]]))
    assert np.isfinite(zero_row.numpy()).all()


def test_values_of_keras():
    w = np.arange(6.0).reshape(2, 3) - 2
    assert regularizers.OrthogonalRegularizer(0.1)(w).item() == pytest.approx(0.0478091426, rel=1e-6)
    assert regularizers.OrthogonalRegularizer(0.1, "columns")(w).item() == pytest.approx(0.0713880286, rel=1e-6)
    assert regularizers.L1L2(0.1, 0.2)(w).item() == pytest.approx(4.7)


@pytest.mark.parametrize("name", EACH)
def test_gradients(name):
    check_gradients(EACH[name], draw(4), order=3)


@pytest.mark.parametrize("name", EACH)
def test_shapes_and_dtypes(name):
    penalty = EACH[name]
    for dtype in ("float32", "float64"):
        y = penalty(Tensor(draw(2), dtype))
        assert isinstance(y, Tensor) and y.shape == () and y.dtype == dtype
    assert penalty(np.ones((2, 2), "int32")).dtype == "float32"
    assert penalty(np.zeros((0, 3))).item() == 0


@pytest.mark.parametrize("name", EACH)
def test_configuration_round_trip(name):
    assert getattr(regularizers, name)().get_config() == DEFAULTS[name]
    stored = regularizers.serialize(EACH[name])
    assert stored["module"] == "keras.regularizers" and stored["class_name"] == name
    assert list(stored["config"]) == list(DEFAULTS[name])
    again = regularizers.deserialize(json.loads(json.dumps(stored)))
    assert type(again) is type(EACH[name]) and again.get_config() == EACH[name].get_config()
    w = draw(3)
    assert again(w).item() == EACH[name](w).item()


def test_names():
    for name, cls in {
        "l1": "L1",
        "L1": "L1",
        "l2": "L2",
        "l1l2": "L1L2",
        "l1_l2": "L1L2",
        "L1L2": "L1L2",
        "orthogonal_regularizer": "OrthogonalRegularizer",
    }.items():
        assert type(regularizers.get(name)) is getattr(regularizers, cls)
    assert regularizers.l1 is regularizers.L1 and regularizers.l2 is regularizers.L2
    assert regularizers.l1_l2 is regularizers.L1L2
    assert regularizers.orthogonal_regularizer is regularizers.OrthogonalRegularizer
    assert regularizers.get(None) is None
    assert regularizers.get(ops.sum) is ops.sum
    assert regularizers.L1(None).l1 == 0.01 and regularizers.L1L2(None, 0.1).l1 == 0.0


def test_errors():
    for bad in (-1, float("nan"), float("inf"), "a", True, [1]):
        with pytest.raises(ArgumentError, match="l2 to be a finite number not below 0"):
            regularizers.L2(bad)
    with pytest.raises(ArgumentError, match="'rows' or 'columns'"):
        regularizers.OrthogonalRegularizer(mode="row")
    with pytest.raises(ShapeError, match="Use another regularizer"):
        regularizers.OrthogonalRegularizer()(np.ones(3))
    with pytest.raises(ArgumentError, match="Unknown regularizer: 'l3'"):
        regularizers.get("l3")
    with pytest.raises(ArgumentError, match="Pass a name such as"):
        regularizers.get(3)
    with pytest.raises(NotImplementedError, match="must define __call__"):
        regularizers.Regularizer()(1.0)
    with pytest.raises(NotImplementedError, match="must define get_config"):
        regularizers.Regularizer().get_config()
