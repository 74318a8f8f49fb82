"""Uniform draws are NumPy's, bit for bit, from any place on."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .support import at, compiled, needs_compiler

pytestmark = needs_compiler

SOURCE = "".join(
    f"AN_EXPORT void {kind}({t} *out, int64_t begin, int64_t end, const uint64_t *key, const uint64_t *counter) "
    f"{{ an_uniform_{kind}(out, begin, end, key, counter); }}\n"
    for t, kind in (("float", "f32"), ("double", "f64"))
)
word = st.integers(0, 2**64 - 1) | st.integers(0, 3) | st.integers(2**64 - 40, 2**64 - 1)


def drawn(dtype, begin, end, key, counter):
    out = np.full(end - begin, np.nan, dtype)
    name = "f32" if dtype == np.float32 else "f64"
    types = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    compiled(SOURCE).function(name, None, *types)(at(out), begin, end, at(key), at(counter))
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    key=st.tuples(word, word),
    counter=st.tuples(word, word, word, word),
    bounds=st.tuples(st.integers(0, 700), st.integers(0, 700)).map(sorted),
)
def test_draws_are_numpys(dtype, key, counter, bounds):
    key, counter = np.array(key, np.uint64), np.array(counter, np.uint64)
    begin, end = bounds
    want = np.random.Generator(np.random.Philox(key=key, counter=counter)).random(end, dtype=dtype)[begin:]
    np.testing.assert_array_equal(drawn(dtype, begin, end, key, counter), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_make_the_whole(dtype):
    key, counter = np.array([7, 0], np.uint64), np.array([0, 3, 0, 0], np.uint64)
    cuts = [0, 1, 7, 8, 100, 128, 129, 1000]
    pieces = [drawn(dtype, a, b, key, counter) for a, b in zip(cuts, cuts[1:], strict=False)]
    np.testing.assert_array_equal(np.concatenate(pieces), drawn(dtype, 0, 1000, key, counter))


def test_dropout_draws_what_autonet_draws():
    from autonet.random.draws import philox

    state = np.array([5, 9], np.uint32)
    key, counter = np.array([5, 0], np.uint64), np.array([0, 9, 0, 0], np.uint64)
    want = np.random.Generator(philox(state)).random(50, dtype=np.float32)
    np.testing.assert_array_equal(drawn(np.float32, 0, 50, key, counter), want)
