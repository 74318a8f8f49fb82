"""Products of matrices in C, of one row or column too, in every layout."""

import functools
import itertools

import numpy as np
import pytest

from autonet import jit
from autonet.ops.products import matrix_transpose

SIZES = (1, 2, 5, 16, 37, 70)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("turned", list(itertools.product([False, True], repeat=2)))
def test_of_all_small_shapes_and_layouts(turned, dtype, rng):
    for m, k, n in itertools.product(SIZES, repeat=3):
        if min(m, k, n) > 1 and (m, k, n) not in ((2, 5, 16), (37, 16, 5)):
            continue
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        given = [np.ascontiguousarray(x.T) if t else x for x, t in zip((a, b), turned, strict=True)]
        f = _product(turned)
        f(*given)
        np.testing.assert_allclose(f(*given).numpy(), a @ b, rtol=1e-4, atol=1e-5)


@functools.cache
def _product(turned):
    ta, tb = turned
    f = jit(lambda a, b: (matrix_transpose(a) if ta else a) @ (matrix_transpose(b) if tb else b))
    f.account.ahead = 1000  # a plan for each shape
    return f


def test_large_ones_in_pieces(rng):
    a, x = rng.standard_normal((3000, 120)).astype("float32"), rng.standard_normal((120, 1)).astype("float32")
    f = jit(lambda a, x: (a @ x, matrix_transpose(x) @ matrix_transpose(a), matrix_transpose(a) @ (a @ x)))
    for _ in range(2):
        y, z, w = f(a, x)
    np.testing.assert_allclose(y.numpy(), a @ x, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(z.numpy(), y.numpy().T)
    np.testing.assert_allclose(w.numpy(), a.T @ (a @ x), rtol=1e-3, atol=1e-2)
    if f.last.plan.kind == "native":
        assert not f.last.plan.stepped_out
