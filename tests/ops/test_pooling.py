"""Pooling against plain loops and against compositions of small ops, and its rows of the gradient table."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import grad, vjp
from autonet.ops import sliding_windows
from autonet.ops.pooling import pick_max, pool_max, pool_mean, unpool_max, unpool_mean
from tests.ops.cases import Case, reals, same_derivatives

SHAPES = [(2, 5, 2), (1, 4, 5, 2), (2, 3, 6, 1), (1, 3, 2, 4, 2), (0, 4, 4, 2)]


def _geometries(places):
    """Settings of every pooling of `places` with small windows."""
    n = len(places)
    found = []
    for window, stride, padding in itertools.product((1, 2, 3), (1, 2, 3), ("valid", "same")):
        try:
            starts, size = sliding_windows.place(places, (window,) * n, (stride,) * n, padding, (1,) * n, "test")
        except ShapeError:
            continue
        found.append({"window": (window,) * n, "strides": (stride,) * n, "size": size, "starts": starts})
    return found


# Maps back and forth, with the peaks of the x at hand
def _unpool(values, x, **settings):
    return unpool_max(values, x, pool_max(x, **settings), **settings)


def _pick(values, x, **settings):
    return pick_max(values, x, pool_max(x, **settings), **settings)


CASES = {
    "pool_max": Case(reals(apart=True), shapes=[(s,) for s in SHAPES], settings=lambda x: _geometries(x[1:-1])),
    "unpool_max": Case(
        reals(),
        reals(apart=True),
        op=_unpool,
        shapes=[((2, 3, 2), (2, 5, 2)), ((2, 2, 2, 1), (2, 4, 4, 1))],
        settings=lambda values, x: [g for g in _geometries(x[1:-1]) if g["size"] == values[1:-1]],
    ),
    "pick_max": Case(
        reals(),
        reals(apart=True),
        op=_pick,
        shapes=[((2, 5, 2), (2, 5, 2)), ((1, 4, 3, 2), (1, 4, 3, 2))],
        settings=lambda values, x: _geometries(x[1:-1]),
    ),
    "pool_mean": Case(reals(), shapes=[(s,) for s in SHAPES], settings=lambda x: _geometries(x[1:-1])),
    "unpool_mean": Case(
        reals(),
        shapes=[((2, 3, 2),), ((1, 2, 2, 2),), ((0, 2, 2, 1),)],
        settings=lambda values: [
            {**g, "places": places}
            for places in itertools.product((3, 4, 5), repeat=len(values) - 2)
            for g in _geometries(places)
            if g["size"] == values[1:-1]
        ],
    ),
}


def loops(x, window, strides, padding, take):
    """`take` of the cells of each window that are not padding."""
    n = x.ndim - 2
    starts, counts = sliding_windows.place(x.shape[1:-1], window, strides, padding, (1,) * n, "test")
    y = np.zeros((x.shape[0], *counts, x.shape[-1]))
    for o in np.ndindex(*counts):
        first = [i * s - start for i, s, start in zip(o, strides, starts, strict=True)]
        cells = x[(slice(None), *[slice(max(a, 0), a + w) for a, w in zip(first, window, strict=True)])]
        y[(slice(None), *o)] = take(cells, axis=tuple(range(1, n + 1)))
    return y


@st.composite
def problems(draw):
    n = draw(st.integers(1, 3))
    window = draw(st.tuples(*[st.integers(1, 4)] * n))
    strides = draw(st.one_of(st.none(), st.tuples(*[st.integers(1, 4)] * n)))
    padding = draw(st.sampled_from(["valid", "same"]))
    low = [1] * n if padding == "same" else window
    places = draw(st.tuples(*[st.integers(a, 6) for a in low]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((draw(st.integers(0, 3)), *places, draw(st.integers(1, 3))))
    if draw(st.booleans()):
        x = np.round(x)  # ties
    return x, window, strides, padding


@given(problems())
def test_values(problem):
    x, window, strides, padding = problem
    for pool, take in ((ops.max_pool, np.max), (ops.average_pool, np.mean)):
        expected = loops(x, window, strides or window, padding, take)
        np.testing.assert_allclose(pool(x, window, strides, padding), expected, rtol=1e-12, atol=1e-12)
        first = pool(np.moveaxis(x, -1, 1), window, strides, padding, "channels_first")
        np.testing.assert_allclose(np.moveaxis(np.asarray(first), 1, -1), expected, rtol=1e-12, atol=1e-12)


@given(problems(), st.integers(0, 2**32 - 1))
def test_slope_of_the_maximum_goes_to_its_first_place(problem, seed):
    x, window, strides, padding = problem
    y, pull = vjp(lambda x: ops.max_pool(x, window, strides, padding), x)
    g = np.random.default_rng(seed).standard_normal(y.shape)
    starts, counts = sliding_windows.place(
        x.shape[1:-1], window, strides or window, padding, (1,) * len(window), "test"
    )
    expected = np.zeros(x.shape)
    for n, o, c in itertools.product(range(x.shape[0]), np.ndindex(*counts), range(x.shape[-1])):
        first = [i * s - start for i, s, start in zip(o, strides or window, starts, strict=True)]
        at = [range(max(a, 0), min(a + w, size)) for a, w, size in zip(first, window, x.shape[1:-1], strict=True)]
        peak = max(itertools.product(*at), key=lambda place: x[(n, *place, c)])  # the first of equal ones
        expected[(n, *peak, c)] += g[(n, *o, c)]
    np.testing.assert_allclose(pull(Tensor(g))[0], expected, atol=1e-12)


@given(problems())
def test_blocks_give_what_one_block_gives(problem):
    x, window, strides, padding = problem
    for pool in (ops.max_pool, ops.average_pool):

        def results(pool=pool):
            y, pull = vjp(lambda x: pool(x, window, strides, padding), x)
            return [np.asarray(y), np.asarray(pull(y)[0])]

        whole = results()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sliding_windows, "SCRATCH", 1)
            for a, b in zip(results(), whole, strict=True):
                np.testing.assert_array_equal(a, b)


def windows_of(x, window, strides, size, starts):
    """The cells of each window along a new first axis, from pad and slices; padding is nan-free and far below."""
    reach = [(c - 1) * s + w for c, s, w in zip(size, strides, window, strict=True)]
    after = [max(r - a - n, 0) for r, a, n in zip(reach, starts, x.shape[1:-1], strict=True)]
    widths = ((0, 0), *zip(starts, after, strict=True), (0, 0))
    x = ops.pad(x, widths, constant_values=-1e3)
    parts = []
    for cell in np.ndindex(*window):
        at = [slice(int(t), int(t) + (c - 1) * s + 1, s) for t, c, s in zip(cell, size, strides, strict=True)]
        parts.append(x[(slice(None), *at)])
    return ops.stack(parts)


@pytest.mark.parametrize("shape", SHAPES[:4])
def test_derivatives_of_the_composition(shape, rng):
    x = rng.permutation(np.prod(shape)).reshape(shape) / 7.0
    for settings in _geometries(shape[1:-1])[1::3]:
        same_derivatives(
            lambda x, s=settings: pool_max(x, **s) ** 2,
            lambda x, s=settings: ops.max(windows_of(x, **s), axis=0) ** 2,
            [x],
            rng,
        )

        def mean(x, s=settings):
            seen = windows_of(x, **s)
            real = ops.cast(seen > -500, "float64")
            return (ops.sum(seen * real, axis=0) / ops.sum(real, axis=0)) ** 2

        same_derivatives(lambda x, s=settings: pool_mean(x, **s) ** 2, mean, [x], rng)


def test_unpool_mean_is_the_transpose(rng):
    settings = {"window": (3, 2), "strides": (2, 2), "size": (3, 2), "starts": (1, 0)}
    x, g = rng.standard_normal((2, 5, 4, 3)), rng.standard_normal((2, 3, 2, 3))
    there = np.sum(np.asarray(pool_mean(x, **settings)) * g)
    back = np.sum(np.asarray(unpool_mean(g, places=(5, 4), **settings)) * x)
    assert there == pytest.approx(back)


def test_ties_and_infinities():
    x = np.array([1.0, 3, 3, 2, 2, 2, -np.inf]).reshape(1, 7, 1)
    assert np.asarray(grad(lambda x: ops.sum(ops.max_pool(x, 3, 1)))(x))[0, :, 0].tolist() == [0, 2, 1, 1, 1, 0, 0]
    assert np.asarray(ops.max_pool(x, 2, padding="same"))[0, :, 0].tolist() == [3, 3, 2, -np.inf]
    nan = np.array([1.0, np.nan, 3, 2]).reshape(1, 4, 1)
    np.testing.assert_array_equal(np.asarray(ops.max_pool(nan, 2))[0, :, 0], [np.nan, 3])
    # an infinite cotangent stays where it belongs
    _, pull = vjp(lambda x: ops.max_pool(x, 2), np.array([1.0, 2, 4, 3]).reshape(1, 4, 1))
    g = pull(Tensor(np.array([np.inf, 1.0]).reshape(1, 2, 1)))[0]
    np.testing.assert_array_equal(np.asarray(g)[0, :, 0], [0, np.inf, 1, 0])


def test_integers():
    x = np.arange(-6, 6, dtype="int32").reshape(1, 12, 1)
    assert ops.max_pool(x, 3).dtype == "int32"
    assert np.asarray(ops.max_pool(x - 10, 4, 2, "same")).ravel().tolist() == [-14, -12, -10, -8, -6, -5]
    assert ops.average_pool(x, 3).dtype == "float32"


@pytest.mark.parametrize(
    "call, advice",
    [
        (lambda: ops.max_pool(np.ones((5, 2)), 2), "expand_dims"),
        (lambda: ops.max_pool(np.ones((1, 2, 2, 1)), 3), "smaller window"),
        (lambda: ops.average_pool(np.ones((1, 2, 1)), 2, padding="full"), "'valid' or 'same'"),
        (lambda: ops.average_pool(np.ones((1, 2, 1)), 0), "pool_size must be"),
        (lambda: ops.max_pool(np.ones((1, 4, 4, 1)), 2, (1, 2, 3)), "strides must be"),
        (lambda: ops.max_pool(np.ones((1, 4, 1)), 2, data_format="nhwc"), "channels_last"),
    ],
)
def test_errors_give_advice(call, advice):
    with pytest.raises((ShapeError, ArgumentError), match=advice):
        call()
