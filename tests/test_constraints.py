"""Constraints: where weights end up, that a second projection changes nothing, names and configurations."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import constraints
from autonet.core import Tensor
from autonet.errors import ArgumentError
from autonet.variable import Variable

seeds = st.integers(0, 2**32 - 1)
axes = st.sampled_from([0, 1, -1, (0, 1), [0, 2], (0, 1, 2)])
EACH = {
    "MaxNorm": constraints.MaxNorm(0.7, axis=[0, 1]),
    "NonNeg": constraints.NonNeg(),
    "UnitNorm": constraints.UnitNorm(1),
    "MinMaxNorm": constraints.MinMaxNorm(0.5, 0.9, 0.75, 1),
}
DEFAULTS = {
    "MaxNorm": {"max_value": 2, "axis": 0},
    "NonNeg": {},
    "UnitNorm": {"axis": 0},
    "MinMaxNorm": {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
}


def draw(seed, shape=(3, 4, 2)):
    return np.random.default_rng(seed).normal(size=shape)


def lengths(w, axis):
    return np.sqrt(np.sum(np.asarray(w) ** 2, axis=tuple(axis) if isinstance(axis, list) else axis))


@given(seed=seeds, axis=axes, most=st.floats(0.1, 5))
def test_max_norm(seed, axis, most):
    w = draw(seed)
    y = constraints.MaxNorm(most, axis)(w).numpy()
    np.testing.assert_allclose(lengths(y, axis), np.minimum(lengths(w, axis), most), rtol=1e-5)
    assert np.all(np.sign(y) == np.sign(w))


@given(seed=seeds, axis=axes)
def test_unit_norm(seed, axis):
    y = constraints.UnitNorm(axis)(draw(seed)).numpy()
    np.testing.assert_allclose(lengths(y, axis), 1, rtol=1e-5)


@given(seed=seeds, axis=axes, rate=st.floats(0.1, 1), least=st.floats(0, 2), width=st.floats(0, 2))
def test_min_max_norm(seed, axis, rate, least, width):
    w = draw(seed)
    before = lengths(w, axis)
    y = constraints.MinMaxNorm(least, least + width, rate, axis)(w).numpy()
    expected = rate * np.clip(before, least, least + width) + (1 - rate) * before
    np.testing.assert_allclose(lengths(y, axis), expected, rtol=1e-5)


@given(seed=seeds)
def test_non_neg(seed):
    w = draw(seed)
    np.testing.assert_array_equal(constraints.NonNeg()(w).numpy(), np.where(w > 0, w, 0))


@pytest.mark.parametrize(
    "make", [constraints.MaxNorm, constraints.NonNeg, constraints.UnitNorm, constraints.MinMaxNorm]
)
def test_a_second_projection_changes_nothing(make):
    once = make()(draw(5))
    np.testing.assert_allclose(make()(once).numpy(), once.numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", EACH)
def test_zeros_shapes_and_dtypes(name):
    for dtype in ("float32", "float64"):
        w = Tensor(draw(1), dtype)
        y = EACH[name](w)
        assert isinstance(y, Tensor) and y.shape == w.shape and y.dtype == dtype
    assert EACH[name](np.zeros((2, 3))).tolist() == np.zeros((2, 3)).tolist()
    v = Variable(draw(2))
    before = v.numpy()
    y = EACH[name](v)
    np.testing.assert_array_equal(v.numpy(), before)
    v.assign(y)


def test_values_of_keras():
    w = np.array([[1.0, -2.0, 0.0], [3.0, 4.0, 0.0]], "float32")
    for constraint, expected in (
        (constraints.MaxNorm(2), [[0.63245553, -0.8944272, 0.0], [1.8973666, 1.7888544, 0.0]]),
        (constraints.MaxNorm(2, axis=1), [[0.8944272, -1.7888543, 0.0], [1.2, 1.6, 0.0]]),
        (constraints.UnitNorm(), [[0.31622776, -0.4472136, 0.0], [0.94868326, 0.8944272, 0.0]]),
        (constraints.MinMaxNorm(1, 2, rate=0.5), [[0.8162277, -1.4472136, 0.0], [2.4486833, 2.894427, 0.0]]),
    ):
        np.testing.assert_allclose(constraint(w).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", EACH)
def test_configuration_round_trip(name):
    assert getattr(constraints, name)().get_config() == DEFAULTS[name]
    stored = constraints.serialize(EACH[name])
    assert stored["module"] == "keras.constraints" and stored["class_name"] == name
    assert list(stored["config"]) == list(DEFAULTS[name])
    again = constraints.deserialize(json.loads(json.dumps(stored)))
    assert type(again) is type(EACH[name]) and again.get_config() == EACH[name].get_config()
    np.testing.assert_array_equal(again(draw(3)).numpy(), EACH[name](draw(3)).numpy())


def test_names():
    for snake, cls in {
        "max_norm": constraints.MaxNorm,
        "min_max_norm": constraints.MinMaxNorm,
        "non_neg": constraints.NonNeg,
        "unit_norm": constraints.UnitNorm,
    }.items():
        assert getattr(constraints, snake) is cls
        assert type(constraints.get(snake)) is type(constraints.get(cls.__name__)) is type(constraints.get(cls)) is cls
    assert constraints.get(None) is None
    assert constraints.Constraint()([1.0]).tolist() == [1.0]


def test_errors():
    with pytest.raises(ArgumentError, match="Did you mean 'max_norm'"):
        constraints.get("max_nrom")
    with pytest.raises(ArgumentError, match="Pass a name such as"):
        constraints.get(3)
