"""Fourier transforms: rows of the gradient table, inverses, laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import check_gradients, ops
from autonet.errors import ArgumentError, DtypeError, ShapeError
from tests.ops.cases import Case, reals


def parts(z):
    return z.real, z.imag


SOME = [((4,), (4,)), ((5,), (5,)), ((2, 3), (2, 3)), ((0, 2), (0, 2)), ((1,), (1,))]

CASES = {
    "complex_fft": Case(reals(), reals(), shapes=SOME, numpy=lambda a, b: parts(np.fft.fft(a + 1j * b))),
    "real_fft": Case(reals(), shapes=[(s,) for s, _ in SOME], numpy=lambda x: parts(np.fft.rfft(x)), value_rtol=1e-11),
    "irfft": Case(
        reals(),
        reals(),
        op=lambda a, b, n: ops.irfft((a, b), n),
        settings=[{"n": None}, {"n": 5}, {"n": 3}, {"n": 8}],
        shapes=[((4,), (4,)), ((2, 3), (2, 3))],
        numpy=lambda a, b, n: np.fft.irfft(a + 1j * b, n),
        value_rtol=1e-11,
    ),
    "stft": Case(
        reals(),
        op=lambda x, **kw: ops.stft(x, 4, 2, 6, **kw),
        settings=[{}, {"window": "hamming"}, {"center": False}, {"window": None}],
        shapes=[((9,),), ((2, 8),)],
    ),
}


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_transforms_have_inverses(n, seed):
    rng = np.random.default_rng(seed)
    x, a, b = rng.standard_normal((3, 2, n, n))
    np.testing.assert_allclose(ops.irfft(ops.rfft(x), n), x, atol=1e-12)
    np.testing.assert_allclose(ops.ifft2(ops.fft2((a, b))), (a, b), atol=1e-12)


@pytest.mark.parametrize("window", ["hann", "hamming", None])
@pytest.mark.parametrize("center", [True, False])
def test_short_time_transform_has_an_inverse(window, center, rng):
    x = rng.standard_normal((2, 40))
    settings = {"window": window, "center": center}
    y = ops.istft(ops.stft(x, 8, 2, 8, **settings), 8, 2, 8, length=40, **settings)
    inside = slice(None) if center or window is None else slice(1, 39)  # hann is zero at the first place
    np.testing.assert_allclose(np.asarray(y)[:, inside], x[:, : y.shape[1]][:, inside], atol=1e-10)


def test_energy_is_kept(rng):
    x = rng.standard_normal(16)
    real, imag = ops.fft((x, np.zeros(16)))
    assert ops.sum(real**2 + imag**2).item() == pytest.approx(16 * np.sum(x**2))


def test_derivatives_of_a_spectrogram(rng):
    def power(x):
        real, imag = ops.stft(x, 4, 3, 4)
        return ops.sum(ops.log1p(real**2 + imag**2))

    check_gradients(power, rng.standard_normal(11))


def test_half_precision_comes_back():
    real, imag = ops.rfft(np.ones(4, "float16"))
    assert real.dtype == imag.dtype == "float16"
    assert ops.rfft(np.ones(4, "int32"))[0].dtype == "float32"


def test_errors():
    x = np.zeros(4, "float32")
    with pytest.raises(ArgumentError, match="pair"):
        ops.fft(x)
    with pytest.raises(ShapeError, match="one shape"):
        ops.fft((x, x[:2]))
    with pytest.raises(DtypeError, match="floats"):
        ops.fft((x.astype(int), x))
    with pytest.raises(ArgumentError, match="window"):
        ops.stft(x, 2, 1, 2, window="square")
    with pytest.raises(ShapeError, match="sequence_length=2"):
        ops.stft(x, 2, 1, 2, window=np.ones(3))
    with pytest.raises(ArgumentError, match="fft_length"):
        ops.stft(x, 4, 1, 2)
    with pytest.raises(ShapeError, match="two axes"):
        ops.fft2((x, x))


def test_without_a_window_every_place_of_a_transform_counts(rng):
    x = rng.standard_normal(20)
    real, imag = ops.stft(x, 6, 3, 8, window=None, center=False)
    rows = np.lib.stride_tricks.sliding_window_view(x, 8)[::3]
    np.testing.assert_allclose(np.asarray(real) + 1j * np.asarray(imag), np.fft.rfft(rows), rtol=1e-6, atol=1e-9)
