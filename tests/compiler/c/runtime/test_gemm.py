"""Matrix products of the runtime."""

import ctypes
import shutil

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autonet.compiler.c import runtime
from autonet.compiler.c.runtime import library, sources

from .support import TILE, at, needs_compiler, own_products, services, services_at

pytestmark = needs_compiler

size = st.integers(0, 40) | st.sampled_from([1, 13, 14, 15, 16, 31, 32, 33, 48, 64, 65, 128, 321, 400])


def operands(rng, dtype, m, n, k, ta, tb, pad):
    """Left, right and result inside larger arrays whose other numbers are NaN."""

    def inside(rows, columns):
        outer = np.full((rows, columns + pad), np.nan, dtype)
        outer[:, :columns] = rng.standard_normal((rows, columns))
        return outer

    return inside(*((k, m) if ta else (m, k))), inside(*((n, k) if tb else (k, n))), inside(m, n)


def product(function, ta, tb, m, n, k, a, b, c, add, *more):
    function(ta, tb, m, n, k, at(a), a.shape[1], at(b), b.shape[1], at(c), c.shape[1], add, *more)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(size, size, size, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 99))
@example(150, 150, 450, False, False, True, 0, 1)
@example(150, 150, 450, True, True, False, 2, 1)
@example(340, 100, 20, False, False, False, 0, 1)
def test_products(dtype, m, n, k, ta, tb, add, pad, seed):
    rng = np.random.default_rng(seed)
    a, b, c = operands(rng, dtype, m, n, k, ta, tb, pad)
    left, right = (a[:, : m if ta else k].T if ta else a[:, :k]), (b[:, :k].T if tb else b[:, :n])
    want = left.astype(float) @ right.astype(float) + (c[:, :n] if add else 0)
    kind = "s" if dtype == np.float32 else "d"
    one, many = c.copy(), c.copy()
    product(getattr(services(), f"{kind}gemm_one"), ta, tb, m, n, k, a, b, one, add)
    product(getattr(services(), f"{kind}gemm"), ta, tb, m, n, k, a, b, many, add, None, None)
    for found in (one, many):
        assert np.isnan(found[:, n:]).all()  # what lies outside the result is untouched
        np.testing.assert_allclose(found[:, :n], want, rtol=0, atol=np.finfo(dtype).eps * 10 * (k + 1))
    if kind == "d" or own_products():
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 10, 90, 200])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("ta", [False, True])
def test_an_element_does_not_depend_on_its_neighbours(ta, tb, n, dtype):
    rng = np.random.default_rng(0)
    m, k, kind = 310, 600, "s" if dtype == np.float32 else "d"
    a, b, c = operands(rng, dtype, m, n, k, ta, tb, 0)
    whole, part = getattr(services(), f"{kind}gemm"), getattr(services(), f"{kind}gemm_one")
    product(whole, ta, tb, m, n, k, a, b, c, False, None, None)
    for rows in (slice(0, 1), slice(33, 34), slice(300, 310), slice(5, 80), slice(1, 309)):
        left = np.ascontiguousarray(a[:, rows] if ta else a[rows])
        got = np.empty((rows.stop - rows.start, n), dtype)
        product(part, ta, tb, len(got), n, k, left, b, got, False)
        np.testing.assert_array_equal(got, c[rows])
    for columns in (slice(0, 2), slice(5, n - 3), slice(n - 7, n)) if n > 1 else ():
        right = np.ascontiguousarray(b[columns] if tb else b[:, columns])
        got = np.empty((m, columns.stop - columns.start), dtype)
        product(part, ta, tb, m, got.shape[1], k, a, right, got, False)
        np.testing.assert_array_equal(got, c[:, columns])


def test_nothing_is_read_beyond_the_operands():
    """b ends where an unreadable page begins: narrow strips, which read whole vectors, must stop before it."""
    mmap = pytest.importorskip("mmap")
    if not hasattr(mmap, "PROT_READ"):
        pytest.skip("needs mprotect")
    page, libc = mmap.PAGESIZE, ctypes.CDLL(None)
    memory = mmap.mmap(-1, 9 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert libc.mprotect(ctypes.c_void_p(start + 8 * page), page, 0) == 0
    for n, k in ((10, 30), (30, 12), (1, 64), (33, 40), (17, 3)):
        for tb in (0, 1):
            b = np.frombuffer(memory, np.float32, n * k, offset=8 * page - 4 * n * k).reshape((n, k) if tb else (k, n))
            b[:] = np.arange(n * k).reshape(b.shape) % 7
            a, c = np.ones((3, k), np.float32), np.empty((3, n), np.float32)
            product(services().sgemm_one, 0, tb, 3, n, k, a, b, c, False)
            np.testing.assert_array_equal(c, a @ (b.T if tb else b))
    assert libc.mprotect(ctypes.c_void_p(start + 8 * page), page, 3) == 0


def test_tiles_are_announced_once_and_cover_the_result():
    m, n, k = 300, 400, 128
    seen = np.zeros((m, n), int)
    a, b, c = operands(np.random.default_rng(0), np.float32, m, n, k, 0, 0, 0)
    want = a @ b

    @TILE
    def done(context, row0, row1, column0, column1):
        seen[row0:row1, column0:column1] += 1
        np.testing.assert_allclose(
            c[row0:row1, column0:column1], want[row0:row1, column0:column1], rtol=1e-3, atol=1e-3
        )

    product(services().sgemm, 0, 0, m, n, k, a, b, c, False, ctypes.cast(done, ctypes.c_void_p), None)
    assert (seen == 1).all()


def test_numpys_blas_can_take_over(tmp_path):
    """Where the compiler has short vectors only, sgemm goes to the BLAS: the same table, other bits."""
    blas = runtime.blas.find()
    if blas is None:
        pytest.skip("NumPy's BLAS is hidden here")
    copy = shutil.copy(library.build(sources.library(), "runtime"), tmp_path / "copy.so")  # its own static variables
    other = library.Library(copy)
    other.function("an_use_blas", None, ctypes.c_void_p, ctypes.c_int64)(blas.sgemm, blas.ilp64)
    table = services_at(other.function("an_start", ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(2, None))
    rng = np.random.default_rng(0)
    for m, n, k, ta, tb, add in ((3, 4, 5, 0, 0, 0), (64, 70, 30, 1, 0, 1), (5, 60, 7, 0, 1, 0), (3, 3, 0, 0, 0, 0)):
        a, b, c = operands(rng, np.float32, m, n, k, ta, tb, 0)
        if not k:
            a, b = np.zeros((m, 1), np.float32), np.zeros((1, n), np.float32)
        want = c.copy()
        product(services().sgemm_one, ta, tb, m, n, k, a, b, want, add)
        product(table.sgemm, ta, tb, m, n, k, a, b, c, add, None, None)
        np.testing.assert_allclose(c, want, rtol=1e-4, atol=1e-4)
