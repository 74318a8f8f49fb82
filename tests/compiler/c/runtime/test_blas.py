"""The pointers into NumPy's own BLAS."""

import numpy as np
import pytest

from autonet.compiler.c.runtime import blas

PLAIN, TRANSPOSED = blas.PLAIN, blas.TRANSPOSED

needs_blas = pytest.mark.skipif(blas.find() is None, reason="NumPy's BLAS is hidden here")


@needs_blas
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ta", [PLAIN, TRANSPOSED])
@pytest.mark.parametrize("tb", [PLAIN, TRANSPOSED])
@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (3, 4, 5), (128, 33, 70), (300, 200, 100)])
def test_products_are_numpys(dtype, ta, tb, m, n, k):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((m, k) if ta == PLAIN else (k, m)).astype(dtype)
    b = rng.standard_normal((k, n) if tb == PLAIN else (n, k)).astype(dtype)
    c = rng.standard_normal((m, n)).astype(dtype)
    want = 2 * (a if ta == PLAIN else a.T) @ (b if tb == PLAIN else b.T) + 3 * c
    gemm = blas.find().gemm(dtype)
    sizes = (m, n, k)
    gemm(blas.ROW_MAJOR, ta, tb, *sizes, 2, a.ctypes.data, a.shape[1], b.ctypes.data, b.shape[1], 3, c.ctypes.data, n)
    np.testing.assert_allclose(c, want, rtol=0, atol=(1e-5 if dtype == "float32" else 1e-13) * 10 * np.sqrt(k))


@needs_blas
def test_threads_can_be_asked_and_set():
    found = blas.find()
    if found.get_threads is None or found.set_threads is None:
        pytest.skip("this BLAS does not tell")
    before = found.get_threads()
    assert before >= 1
    found.set_threads(1)
    assert found.get_threads() == 1
    found.set_threads(before)
    assert found.get_threads() == before


def test_nothing_is_guessed(monkeypatch):
    monkeypatch.setattr(blas, "_libraries", lambda: iter(()))
    blas.find.cache_clear()
    assert blas.find() is None
    blas.find.cache_clear()


@needs_blas
def test_a_pointer_that_multiplies_wrongly_is_not_handed_out(monkeypatch):
    monkeypatch.setattr(blas, "_works", lambda *_: False)
    blas.find.cache_clear()
    assert blas.find() is None
    blas.find.cache_clear()
