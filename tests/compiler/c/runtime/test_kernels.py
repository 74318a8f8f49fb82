"""Row, column, update and window loops of the runtime against NumPy."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .support import at, compiled, needs_compiler

pytestmark = needs_compiler

SOURCE = """
typedef struct { const float *x, *g, *peaks; float *y, *z, *w; const an_conv *p; int64_t n, rows; } job;
AN_EXPORT void adam(job *j, int64_t b, int64_t e) { an_adam_f32(j->y, j->z, j->w, j->x, b, e, .1f, .001f, .01f, 1e-7f); }
AN_EXPORT void patches(job *j, int64_t b, int64_t e) { an_patches_f32(j->p, j->x, j->y, b, e); }
AN_EXPORT void unpatches(job *j, int64_t b, int64_t e) { an_unpatches_f32(j->p, j->x, j->y, b, e); }
AN_EXPORT void pool(job *j, int64_t b, int64_t e) { an_pool_max_f32(j->p, j->x, j->y, b, e); }
AN_EXPORT void unpool(job *j, int64_t b, int64_t e) { an_unpool_max_f32(j->p, j->g, j->x, j->peaks, j->y, b, e); }
AN_EXPORT void softmax(job *j, int64_t b, int64_t e) { an_softmax_rows_f32(j->x, b, e, j->n, j->y, j->z, j->w); }
AN_EXPORT void columns(job *j, int64_t b, int64_t e) { an_column_sums_f32(j->x, b, e, j->n, j->n, j->y, 0); }
AN_EXPORT void more(job *j, int64_t b, int64_t e) { an_column_sums_f32(j->x, b, e, j->n, j->n, j->y, 1); }
AN_EXPORT void moments(job *j, int64_t b, int64_t e) { an_moments_f32(j->x, 0, j->rows, b, e, j->n, j->y, j->z); }
AN_EXPORT void sums(job *j, int64_t b, int64_t e) {
    for (int64_t i = b; i < e; i++) {
        j->y[i] = an_sum_f32(j->x + i * j->n, j->n);
        j->z[i] = an_peak_f32(j->x + i * j->n, j->n);
    }
}
"""


class Job(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("x", "g", "peaks", "y", "z", "w", "p")]
    _fields_ += [("n", ctypes.c_int64), ("rows", ctypes.c_int64)]


def run(name, begin, end, **fields):
    job = Job(**{k: v if isinstance(v, int) else at(v) for k, v in fields.items()})
    function = compiled(SOURCE).function(name, None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    function(ctypes.addressof(job), begin, end)


def floats(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


rows, width, seeds = (
    st.integers(1, 300),
    st.integers(1, 140) | st.sampled_from([10, 64, 128, 129, 500]),
    st.integers(0, 9),
)


@given(rows, width, seeds)
def test_rows(m, n, seed):
    x = floats(seed, m, n)
    total, peak = np.empty(m, np.float32), np.empty(m, np.float32)
    run("sums", 0, m, x=x, y=total, z=peak, n=n)
    np.testing.assert_allclose(total, x.sum(1, dtype=float), rtol=0, atol=1e-5 * np.sqrt(n) * 4)
    np.testing.assert_array_equal(peak, x.max(1))
    x[m // 2, n // 2] = np.nan
    run("sums", 0, m, x=x, y=total, z=peak, n=n)
    assert np.isnan(peak).tolist() == np.isnan(total).tolist() == [i == m // 2 for i in range(m)]


@given(rows, width, seeds, st.sampled_from([1.0, 50.0, 1e4]))
def test_softmax(m, n, seed, scale):
    x = floats(seed, m, n) * np.float32(scale)
    y, peaks, logs = np.empty_like(x), *np.empty((2, m), np.float32)
    run("softmax", 0, m, x=x, y=y, z=peaks, w=logs, n=n)
    wide = x.astype(float)
    e = np.exp(wide - wide.max(1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=5e-6, atol=1e-38)
    np.testing.assert_array_equal(peaks, x.max(1))
    np.testing.assert_allclose(logs, np.log(e.sum(1)), rtol=1e-6, atol=1e-6)
    alone = np.empty_like(logs)
    run("softmax", 0, m, x=x, z=peaks, w=alone, n=n)
    np.testing.assert_array_equal(alone, logs)


@given(rows | st.just(1000), width, seeds)
def test_columns(m, n, seed):
    x = floats(seed, m, n) + 3
    total, mean, square = (np.empty(n, np.float32) for _ in range(3))
    run("columns", 0, m, x=x, y=total, n=n)
    np.testing.assert_allclose(total, x.sum(0, dtype=float), rtol=2e-6)
    twice = total.copy()
    run("more", 0, m, x=x, y=twice, n=n)
    np.testing.assert_allclose(twice, 2 * total, rtol=1e-6)
    run("moments", 0, n // 2, x=x, y=mean, z=square, n=n, rows=m)
    run("moments", n // 2, n, x=x, y=mean, z=square, n=n, rows=m)
    np.testing.assert_allclose(mean, x.mean(0, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(square / m, x.var(0, dtype=float), rtol=2e-5, atol=1e-10)


def test_moments_far_from_zero():
    x = floats(0, 5000, 3) + 10_000
    mean, square = np.empty(3, np.float32), np.empty(3, np.float32)
    run("moments", 0, 3, x=x, y=mean, z=square, n=3, rows=len(x))
    np.testing.assert_allclose(square / len(x), x.var(0, dtype=float), rtol=1e-3)


def test_adam_has_numpys_bits():
    w, m, v, g = (np.abs(floats(i, 1003)) for i in range(4))
    one, two, a, e = np.float32(0.1), np.float32(0.001), np.float32(0.01), np.float32(1e-7)
    want_m, want_v = m + one * (g - m), v + two * (g * g - v)
    want_w = w - a * want_m / (np.sqrt(want_v) + e)
    run("adam", 0, 1003, y=w, z=m, w=v, x=g)
    for got, want in ((w, want_w), (m, want_m), (v, want_v)):
        np.testing.assert_array_equal(got, want)


def table(n, h, w, c, kh, kw, oh, ow, sh=1, sw=1, dh=1, dw=1, top=0, left=0):
    return np.array([n, h, w, c, kh, kw, c, oh, ow, sh, sw, dh, dw, top, left, 1], np.int64)


GEOMETRIES = [  # h, w, c, kh, kw, sh, sw, top, left, extra below and right
    (26, 26, 32, 2, 2, 2, 2, 0, 0, 0),
    (11, 11, 5, 2, 2, 2, 2, 0, 0, 0),
    (11, 7, 3, 3, 2, 2, 1, 1, 1, 1),
    (9, 9, 70, 3, 3, 1, 1, 1, 1, 1),
    (8, 8, 4, 2, 2, 2, 2, 1, 1, 1),
    (5, 6, 1, 5, 6, 1, 1, 0, 0, 0),
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_windows(geometry):
    h, w, c, kh, kw, sh, sw, top, left, more = geometry
    n, oh, ow = 3, (h + top + more - kh) // sh + 1, (w + left + more - kw) // sw + 1
    x = np.round(floats(1, n, h, w, c) * 2)  # with ties
    p = table(n, h, w, c, kh, kw, oh, ow, sh, sw, top=top, left=left)

    def seen(fill):
        framed = np.full((n, h + top + more, w + left + more, c), fill, np.float32)
        framed[:, top : top + h, left : left + w] = x
        return np.lib.stride_tricks.sliding_window_view(framed, (kh, kw), (1, 2))[:, ::sh, ::sw][:, :oh, :ow]

    taps = seen(0).transpose(0, 1, 2, 4, 5, 3)
    got = np.full(taps.shape, np.nan, np.float32)
    run("patches", 0, n, x=x, y=got, p=p)
    np.testing.assert_array_equal(got, taps)

    back, g = np.full_like(x, np.nan), floats(2, *taps.shape)
    run("unpatches", 0, n, x=g, y=back, p=p)
    assert np.vdot(back.astype(float), x) == pytest.approx(np.vdot(g.astype(float), taps), rel=1e-4)  # the transpose

    peaks = np.full((n, oh, ow, c), np.nan, np.float32)
    run("pool", 0, n, x=x, y=peaks, p=p)
    np.testing.assert_array_equal(peaks, seen(-np.inf).max((-1, -2)))

    dy, dx = floats(3, n, oh, ow, c), np.full_like(x, np.nan)
    run("unpool", 0, n, g=dy, x=x, peaks=peaks, y=dx, p=p)
    first = seen(-np.inf).reshape(n, oh, ow, c, -1).argmax(-1)
    want = np.zeros((n, h + top + more, w + left + more, c))
    b, i, j, k = np.indices(dy.shape)
    np.add.at(want, (b, i * sh + first // kw, j * sw + first % kw, k), dy)
    np.testing.assert_allclose(dx, want[:, top : top + h, left : left + w], rtol=1e-5, atol=1e-6)
