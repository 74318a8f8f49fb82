"""Special functions against values computed with 30 digits, and their rows of the gradient table."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, ops
from tests.ops.cases import Case, reals

CASES = {
    "erf": Case(reals(), numpy=np.vectorize(math.erf, otypes=[float]), value_rtol=1e-15),
    "erfc": Case(reals(), numpy=np.vectorize(math.erfc, otypes=[float]), value_rtol=1e-15),
    "erfinv": Case(reals(-0.9, 0.9)),
    "lgamma": [
        Case(reals(0.5, 6), numpy=np.vectorize(math.lgamma, otypes=[float]), value_rtol=1e-14),
        Case(reals(-2.8, -2.2), numpy=np.vectorize(math.lgamma, otypes=[float])),
    ],
    "polygamma": [
        Case(reals(0.5, 20), settings=[{"n": 0}, {"n": 1}, {"n": 2}]),
        Case(reals(-2.8, -2.2), settings=[{"n": 0}, {"n": 1}]),
    ],
    "digamma": Case(reals(0.5, 20), op=ops.digamma),
}


@given(st.floats(-7, 7))
def test_erf_is_accurate_to_the_last_digits(x):
    y = ops.erf(np.float64(x)).item()
    assert y == pytest.approx(math.erf(x), rel=1e-15, abs=1e-300)
    assert ops.erf(np.float32(x)).item() == pytest.approx(math.erf(float(np.float32(x))), rel=4e-7)


@given(st.floats(-5, 26))
def test_erfc_keeps_its_digits_in_the_tail(x):
    assert ops.erfc(np.float64(x)).item() == pytest.approx(math.erfc(x), rel=2e-15)


@given(st.floats(-6, 6))
def test_erfinv_undoes_erf(x):
    y = math.erf(x)
    if abs(y) < 1:
        assert math.erf(ops.erfinv(np.float64(y)).item()) == pytest.approx(y, rel=3e-15)


@given(st.floats(1e-3, 1e6))
def test_lgamma(x):
    assert ops.lgamma(np.float64(x)).item() == pytest.approx(math.lgamma(x), rel=3e-15, abs=3e-15)


# from the series with 30 digits (mpmath 1.3)
@pytest.mark.parametrize(
    "n, x, y",
    [
        (0, 1.0, -0.577215664901532861),
        (0, 0.5, -1.96351002602142348),
        (0, 10.0, 2.25175258906672111),
        (0, -0.5, 0.0364899739785765206),
        (1, 1.0, 1.64493406684822644),
        (1, 0.5, 4.93480220054467931),
        (1, -0.5, 8.93480220054467931),
        (2, 1.0, -2.40411380631918857),
        (3, 1.0, 6.49393940226682914),
    ],
)
def test_polygamma(n, x, y):
    assert ops.polygamma(np.float64(x), n=n).item() == pytest.approx(y, rel=1e-14)


def test_edges():
    inf, nan = math.inf, math.nan
    np.testing.assert_array_equal(ops.erf(np.array([-inf, -0.0, 0.0, inf, nan])), [-1, -0.0, 0, 1, nan])
    np.testing.assert_array_equal(ops.erf(np.array([-inf, 0.0, inf, nan], np.float32)), np.float32([-1, 0, 1, nan]))
    np.testing.assert_array_equal(ops.erfc(np.array([-inf, 0.0, inf, nan])), [2, 1, 0, nan])
    np.testing.assert_array_equal(ops.erfinv(np.array([-1.0, 0.0, 1.0, 2.0, nan])), [-inf, 0, inf, nan, nan])
    np.testing.assert_array_equal(ops.lgamma(np.array([0.0, -1.0, 1.0, 2.0, inf, nan])), [inf, inf, 0, 0, inf, nan])
    np.testing.assert_array_equal(ops.digamma(np.array([-1.0, inf, nan])), [nan, inf, nan])


def test_erf_is_odd_and_monotone():
    x = np.linspace(0, 6, 10001)
    y = np.asarray(ops.erf(x))
    np.testing.assert_array_equal(ops.erf(-x), -y)
    assert np.all(np.diff(y) >= -2e-15)
    assert np.all(np.abs(y) <= 1)


def test_large_arrays_are_taken_in_blocks(rng):
    x = rng.standard_normal((300, 123))
    np.testing.assert_array_equal(np.asarray(ops.erf(x))[7, 5], ops.erf(x[7, 5]))
    np.testing.assert_array_equal(np.asarray(ops.erf(x.T)), np.asarray(ops.erf(x)).T)


def test_integers_and_half_floats():
    assert ops.erf([0, 1]).dtype == "float32"
    y = ops.erf(np.float16(0.5))
    assert y.dtype == "float16"
    assert y.item() == pytest.approx(0.5205, rel=1e-3)


def test_the_chain_of_derivatives_goes_on():
    f = ops.lgamma
    for n in range(4):
        f = gradients.grad(f)
        assert float(f(np.float64(2.5))) == pytest.approx(ops.polygamma(np.float64(2.5), n=n).item(), rel=1e-13)
