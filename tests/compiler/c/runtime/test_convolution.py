"""Convolutions of the runtime and their derivatives, against plain sums in float64."""

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.share import share

from .support import at, needs_compiler, services

pytestmark = needs_compiler


class Case:
    """A convolution: its table for the runtime, and what it is."""

    def __init__(self, n, h, w, cg, kh, kw, og, strides, dilations, before, after, groups):
        self.strides, self.dilations, self.before, self.groups = strides, dilations, before, groups
        self.x_shape, self.w_shape = (n, h, w, cg * groups), (kh, kw, cg, og * groups)
        spans = [(k - 1) * d + 1 for k, d in zip((kh, kw), dilations, strict=True)]
        room = [s + b + a - span for s, b, a, span in zip((h, w), before, after, spans, strict=True)]
        assume(min(room) >= 0)
        self.places = [r // s + 1 for r, s in zip(room, strides, strict=True)]
        self.y_shape = (n, *self.places, og * groups)
        self.cg, self.og = cg, og
        numbers = [*self.x_shape, kh, kw, og * groups, *self.places, *strides, *dilations, *before, groups]
        self.table = np.array(numbers, np.int64)

    def windows(self, x):
        """Each tap of the kernel with the pixels that it sees, in a frame with its borders."""
        framed = np.zeros(
            (x.shape[0], *(s + b + 40 for s, b in zip(x.shape[1:3], self.before, strict=True)), x.shape[3])
        )
        top, left = self.before
        framed[:, top : top + x.shape[1], left : left + x.shape[2]] = x
        for i, j in np.ndindex(self.w_shape[:2]):
            first = i * self.dilations[0], j * self.dilations[1]
            place = [slice(f, f + (p - 1) * s + 1, s) for f, p, s in zip(first, self.places, self.strides, strict=True)]
            yield (i, j), (slice(None), *place), framed

    def forward(self, x, w):
        y = np.zeros(self.y_shape)
        for tap, place, framed in self.windows(x):
            for g in range(self.groups):
                ins, outs = slice(g * self.cg, (g + 1) * self.cg), slice(g * self.og, (g + 1) * self.og)
                y[..., outs] += framed[place][..., ins] @ w[tap][:, outs]
        return y

    def backward(self, x, w, dy):
        dw, frame = np.zeros(self.w_shape), None
        for tap, place, framed in self.windows(x):
            frame = np.zeros_like(framed) if frame is None else frame
            for g in range(self.groups):
                ins, outs = slice(g * self.cg, (g + 1) * self.cg), slice(g * self.og, (g + 1) * self.og)
                frame[place][..., ins] += dy[..., outs] @ w[tap][:, outs].T
                dw[tap][:, outs] = np.tensordot(framed[place][..., ins], dy[..., outs], ((0, 1, 2), (0, 1, 2)))
        top, left = self.before
        return frame[:, top : top + x.shape[1], left : left + x.shape[2]], dw


few, pair = st.integers(1, 4), lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))
channels = st.sampled_from([1, 2, 3, 5, 8, 16, 17, 32, 40])


@given(st.integers(1, 3), st.integers(1, 13), st.integers(1, 13), st.integers(1, 6), few, few, channels, pair(1, 3),
       pair(1, 2), pair(0, 4), pair(0, 4), st.sampled_from([1, 1, 1, 2, 3]), st.integers(0, 99))  # fmt: skip
@example(2, 13, 13, 32, 3, 3, 64, (1, 1), (1, 1), (0, 0), (0, 0), 1, 0)
@example(4, 13, 13, 5, 3, 3, 64, (2, 1), (1, 2), (1, 2), (1, 3), 1, 1)
@example(9, 28, 28, 1, 3, 3, 32, (1, 1), (1, 1), (1, 1), (1, 1), 1, 0)
@example(1, 7, 7, 150, 3, 3, 33, (2, 2), (1, 1), (1, 1), (1, 1), 1, 0)
def test_forward_and_both_derivatives(n, h, w, cg, kh, kw, og, strides, dilations, before, after, groups, seed):
    check(n, h, w, cg, kh, kw, og, strides, dilations, before, after, groups, seed)


narrow = st.one_of(st.tuples(st.just(1), st.integers(1, 3)), pair(1, 4))  # channels and results of a group


@share(1 / 2)
@given(st.integers(1, 3), st.integers(1, 13), st.integers(1, 13), few, few, narrow, pair(1, 3), pair(1, 2), pair(0, 4),
       pair(0, 4), st.integers(2, 40), st.integers(0, 99))  # fmt: skip
@example(3, 9, 13, 3, 3, (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), 32, 0)
@example(2, 9, 9, 5, 2, (1, 2), (2, 1), (1, 2), (2, 1), (2, 1), 19, 0)
def test_narrow_groups(n, h, w, kh, kw, group, strides, dilations, before, after, groups, seed):
    check(n, h, w, group[0], kh, kw, group[1], strides, dilations, before, after, groups, seed)


@share(1 / 2)
@given(st.integers(1, 4), st.integers(1, 13), st.integers(1, 13), st.sampled_from([8, 16, 17, 32]),
       st.sampled_from([8, 11, 20, 32]), pair(1, 5).filter(lambda window: max(window) > 1), pair(1, 3), pair(0, 4),
       pair(0, 4), st.integers(0, 99))  # fmt: skip
@example(9, 12, 12, 16, 32, (3, 3), (1, 1), (1, 1), (1, 1), 0)
@example(9, 1, 100, 64, 64, (1, 3), (1, 1), (0, 0), (0, 0), 0)
@example(9, 1, 100, 64, 64, (1, 3), (1, 1), (0, 0), (0, 0), 1)
@example(5, 1, 100, 20, 17, (1, 5), (1, 4), (0, 8), (0, 8), 0)
@example(2, 11, 12, 40, 32, (5, 5), (1, 1), (2, 2), (2, 2), 0)
@example(2, 17, 15, 16, 16, (2, 4), (3, 2), (2, 2), (1, 5), 0)
def test_winograd(n, h, w, c, f, window, dilations, before, after, seed):
    """The same results from fewer multiplications."""
    case = Case(n, h, w, c, *window, f, (1, 1), dilations, before, after, 1)
    x, k, dy, y, dx, dw, rt, table = drawn(case, seed)
    u, turned, transposed = (np.full(c * f * 36 + 1, np.nan, np.float32) for _ in range(3))
    rt.winograd_weights(table, 0, at(k), at(u), 0, c)
    rt.conv_transpose_kernel(table, at(k), at(transposed))
    rt.winograd_weights(table, 1, at(transposed), at(turned), 0, f)
    for first, last in ((0, n // 2), (n // 2, n)):
        if first < last:
            rt.winograd_forward(table, at(x), at(k), at(u), at(y), first, last)
            rt.winograd_input(table, at(dy), at(transposed), at(turned), at(dx), first, last)
            rt.winograd_kernel(table, at(x), at(dy), at(dw), first, last)
    compare(case, x, k, dy, y, dx, dw)


def drawn(case, seed):
    """Arrays of a case, places for results, the runtime and the table. One dy in three is sparse, as behind a maximum."""
    rng = np.random.default_rng(seed)
    x, k, dy = (rng.standard_normal(s).astype(np.float32) for s in (case.x_shape, case.w_shape, case.y_shape))
    if seed % 3 == 1:
        dy *= rng.random(dy.shape) < 1 / 40
    y, dx, dw = np.full_like(dy, np.nan), np.full_like(x, np.nan), np.ones_like(k)
    return x, k, dy, y, dx, dw, services(), at(case.table)


def compare(case, x, k, dy, y, dx, dw):
    """Results with those of plain sums."""
    want_dx, want_dw = case.backward(x, k, dy)
    close = {"rtol": 0, "atol": 2e-6 * (1 + k[..., 0].size) + 2e-6 * dy[..., 0].size + 1e-5 * case.og}
    np.testing.assert_allclose(y, case.forward(x, k), **close)
    np.testing.assert_allclose(dx, want_dx, **close)
    np.testing.assert_allclose(dw, want_dw + 1, **close)  # it adds to what is there


def check(n, h, w, cg, kh, kw, og, strides, dilations, before, after, groups, seed):
    case = Case(n, h, w, cg, kh, kw, og, strides, dilations, before, after, groups)
    x, k, dy, y, dx, dw, c, table = drawn(case, seed)
    transposed = np.full(k.size + 1, np.nan, np.float32)  # the last says whether all are finite
    cut = n // 2  # in two pieces, as threads would
    for first, last in ((0, cut), (cut, n)):
        c.conv_forward(table, at(x), at(k), at(y), first, last)
    c.conv_transpose_kernel(table, at(k), at(transposed))
    for first, last in ((0, cut), (cut, n)):
        c.conv_input(table, at(dy), at(transposed), at(dx), first, last)
        c.conv_kernel(table, at(x), at(dy), at(dw), first, last)
    compare(case, x, k, dy, y, dx, dw)
