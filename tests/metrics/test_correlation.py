"""Pearson's and Lin's correlations, against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import metrics


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_pearson(seed, scale):
    y, p = np.random.default_rng(seed).normal(size=(2, 4, 6))
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(y, p, strict=True)]
    np.testing.assert_allclose(metrics.pearson_correlation(y, scale * p), expected, rtol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_concordance(seed):
    y, p = np.random.default_rng(seed).normal(size=(2, 4, 6))
    expected = [
        2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
        for a, b in zip(y, p, strict=True)
    ]
    np.testing.assert_allclose(metrics.concordance_correlation(y, p), expected, rtol=1e-5, atol=1e-7)


def test_what_does_not_vary_has_no_correlation():
    y = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    assert metrics.pearson_correlation(y, y[::-1]).tolist() == [0.0, 0.0]
    assert metrics.concordance_correlation(y, y[::-1]).tolist() == [0.0, 0.0]


def test_axes(rng):
    y, p = rng.normal(size=(2, 3, 4, 2))
    flat = metrics.pearson_correlation(y.reshape(3, 8), p.reshape(3, 8))
    np.testing.assert_allclose(metrics.pearson_correlation(y, p, axis=(1, 2)), flat)
    assert metrics.PearsonCorrelation(axis=[1, 2])(y, p).item() == pytest.approx(flat.numpy().mean())
    assert metrics.get("concordance_correlation").name == "concordance_correlation"
