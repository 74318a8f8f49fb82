"""Rarer miscellaneous mathematics: rows of the gradient table, NumPy's answers, edges."""

import numpy as np
import pytest

from autonet import gradients, ops
from autonet.errors import DtypeError, ShapeError
from autonet.ops import miscellaneous
from tests.ops.cases import Case, integers, made, reals


def between_multiples(shape, rng):
    """Quotients by numbers near 1 that stay away from whole numbers."""
    return rng.integers(-3, 4, shape) + rng.uniform(0.3, 0.6, shape)


CASES = {
    "fmod": [
        Case(made(between_multiples), reals(0.97, 1.03), numpy=np.fmod),
        Case(reals(4.2, 4.8), reals(-2, -1.96), numpy=np.fmod),
    ],
    "gcd": Case(integers(-9, 10), integers(1, 9), numpy=np.gcd, zero=True),
    "lcm": Case(integers(-9, 10), integers(1, 9), numpy=np.lcm, zero=True),
    "logaddexp2": Case(reals(), reals(), numpy=np.logaddexp2),
    "_ldexp": Case(reals(), integers(-4, 5), numpy=np.ldexp),
    "nextafter": Case(reals(-2, 2), made(lambda shape, rng: np.full(shape, 9.0)), numpy=np.nextafter),
    "sinc_derivative": Case(reals(-4, 4), settings=[{"n": 0}, {"n": 1}, {"n": 3}], rtol=1e-4),
    "sinc": Case(reals(-4, 4), op=ops.sinc, numpy=np.sinc, value_rtol=1e-10),
    "bessel_i": Case(reals(-3, 3), settings=[{"n": 0}, {"n": 1}, {"n": 2}], value_rtol=1e-10),
    "i0": Case(reals(-3, 3), op=ops.i0, numpy=np.i0),
    "bits_as": Case(reals(), settings={"dtype": "int64"}, zero=True, half=False, shapes=[((2, 3),), ((0,),), ((2,),)]),
    "fmax": Case(reals(-3, -1), reals(1, 3), op=ops.fmax, numpy=np.fmax),
    "fmin": Case(reals(-3, -1), reals(1, 3), op=ops.fmin, numpy=np.fmin),
    "divide_no_nan": Case(reals(), reals(0.5, 3), op=ops.divide_no_nan, numpy=np.divide),
    "heaviside": Case(reals(away=(0,)), reals(), op=ops.heaviside, numpy=np.heaviside, zero=True),
}


def test_sinc_is_smooth_at_zero():
    second = gradients.grad(gradients.grad(ops.sinc))
    assert second(np.float64(0.0)).item() == pytest.approx(-(np.pi**2) / 3)


def test_division_by_zero_has_a_slope_of_zero():
    slope = gradients.grad(lambda x: ops.sum(ops.divide_no_nan(x, [0.0, 2.0])))(np.ones(2, "float32"))
    assert slope.tolist() == [0.0, 0.5]


def test_fmax_takes_the_number_beside_nan():
    assert ops.fmax([np.nan, 1.0], [2.0, np.nan]).tolist() == [2.0, 1.0]
    slope = gradients.grad(lambda x: ops.sum(ops.fmax(x, [2.0, np.nan])))(np.array([np.nan, 1.0]))
    assert slope.tolist() == [0.0, 1.0]


def test_ldexp_takes_whole_exponents():
    assert ops.ldexp([3, 1], [2, -1]).tolist() == [12.0, 0.5]
    with pytest.raises(DtypeError, match="whole numbers"):
        ops.ldexp(1.0, 0.5)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("source", ["float32", "float64", "int64"])
def test_saturate_cast_stops_at_the_ends(dtype, source):
    info = np.iinfo(dtype)
    x = np.array([-1e30, 1e30] if source != "int64" else [-(2**62), 2**62]).astype(source)
    low, high = ops.saturate_cast(x, dtype).tolist()
    if source == "int64":
        assert (low, high) == (max(info.min, -(2**62)), min(info.max, 2**62))
    else:
        assert info.min <= low <= info.min * 0.999 and info.max * 0.999 <= high <= info.max


def test_view_reads_bits():
    x = np.array([[1.0, -2.0]], "float32")
    assert ops.view(x, "uint8").shape == (1, 8)
    np.testing.assert_array_equal(ops.view(ops.view(x, "uint8"), "float32"), x)
    with pytest.raises(ShapeError, match="evenly"):
        ops.view(np.zeros(3, "uint8"), "int32")


def test_real_numbers_as_complex_ones():
    x = np.array([-1.0, 2.0], "float32")
    assert ops.angle(x).tolist() == [pytest.approx(np.pi), 0.0]
    assert ops.imag(x).tolist() == [0.0, 0.0]
    assert ops.isreal(x).dtype == bool
    np.testing.assert_array_equal(ops.conj(ops.real(x)), x)


def test_bessel_functions_know_each_other():
    x = np.array([0.3, 5.0, 40.0])
    i0, i1, i2 = (np.asarray(miscellaneous.bessel_i(x, n=n)) for n in range(3))
    np.testing.assert_allclose(i0 - i2, 2 * i1 / x, rtol=1e-10)


def test_unravelled_places_find_their_elements():
    x = np.arange(24).reshape(2, 3, 4)
    places = ops.unravel_index(np.array([0, 7, 23, -1]), x.shape)
    np.testing.assert_array_equal(x[tuple(np.asarray(p) for p in places)], [0, 7, 23, 23])
