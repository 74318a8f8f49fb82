"""Segments, counts, classes: rows of the gradient table, laws, edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, jit, ops
from autonet.core import PRIMITIVES
from autonet.errors import ArgumentError, ShapeError
from tests.ops.cases import Case, integers, made, reals

ROWS = [((5,), (5,)), ((4, 2), (4,)), ((0, 2), (0,)), ((3, 1, 2), (3,))]


def taking_turns(shape, rng):
    """No segment is empty; of five rows one belongs to none."""
    ids = rng.permutation(shape[0]) % 2
    ids[np.flatnonzero(ids == 0)[2:]] = 7
    return ids


CASES = {
    "segment_total": Case(reals(), integers(-1, 4), shapes=ROWS, settings=[{"count": 3}, {"count": 5}, {"count": 0}]),
    "segment_product": Case(reals(away=(0,)), integers(0, 3), shapes=ROWS, settings=[{"count": 3}, {"count": 2}]),
    "segment_extreme": Case(
        reals(apart=True),
        made(taking_turns, dtype="int32", smooth=False),
        shapes=[((5,), (5,)), ((4, 2), (4,)), ((3, 1, 2), (3,))],
        settings=[{"count": 2, "largest": True}, {"count": 2, "largest": False}],
    ),
    "_histogram": Case(reals(), settings=[{"bins": 3, "range": None}, {"bins": 4, "range": (-1, 2)}], zero=True),
    "different": Case(
        integers(0, 4),
        shapes=[((5,),), ((2, 3),), ((3, 1),)],
        settings=[{"axis": None, "size": 4, "fill": 0}, {"axis": 0, "size": 2, "fill": 7}],
        zero=True,
    ),
    "_isin": Case(integers(0, 5), integers(0, 5), settings=[{"invert": False}, {"invert": True}], zero=True),
}


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=9), st.integers(0, 2**32 - 1))
def test_segments_are_reductions_of_their_members(ids, seed):
    x = np.random.default_rng(seed).standard_normal((len(ids), 2))
    ids = np.array(ids, np.int32)
    for op, reduce in (
        (ops.segment_sum, np.sum),
        (ops.segment_prod, np.prod),
        (ops.segment_max, lambda v, axis: v.max(axis, initial=-np.inf)),
        (ops.segment_min, lambda v, axis: v.min(axis, initial=np.inf)),
    ):
        expected = [reduce(x[ids == k], axis=0) for k in range(4)]
        np.testing.assert_allclose(op(x, ids, 4), expected, rtol=1e-12)


def test_equal_extremes_share_the_slope():
    slope = gradients.grad(lambda x: ops.sum(ops.segment_max(x, [0, 0, 1], 2)))(np.array([2.0, 2.0, 1.0]))
    assert slope.tolist() == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("f", [ops.segment_max, ops.segment_min])
def test_second_derivatives_of_extremes_too_large_for_a_table(f, monkeypatch):
    """What is told of ties without one: nothing."""
    squares = lambda x: ops.sum(f(x, [0, 0, 1, 1], 2) ** 2)
    x = np.array([2.0, 2.0, 1.0, 1.5])
    by_table = np.asarray(gradients.hessian(squares)(x))
    monkeypatch.setitem(PRIMITIVES["segment_extreme"].rules["x"].__globals__, "_TABLE", 0)
    first = gradients.grad(lambda x: ops.sum(gradients.grad(squares)(x) * [1.0, 2.0, 0.0, 4.0]))(x)
    found = np.asarray(gradients.hessian(squares)(x))
    assert np.isnan(np.diag(found)[:2]).all() and np.isnan(np.asarray(first)[:2]).all()
    np.testing.assert_array_equal(found[2:, 2:], by_table[2:, 2:])
    np.testing.assert_allclose(
        gradients.grad(lambda x: ops.sum(gradients.grad(squares)(x)[2:]))(x)[2:], by_table[2:].sum(0)[2:]
    )


@pytest.mark.parametrize("f, slope", [(ops.segment_max, -1), (ops.segment_min, 1)])
def test_derivatives_beside_an_empty_segment(f, slope):
    """Its extreme is infinite, and nobody's."""
    bounded = lambda x: x[0] * ops.tanh(f(x, [0, 0, 1], 3)[2])
    x = np.array([1.0, 3.0, 2.0])
    assert gradients.grad(bounded)(x).tolist() == [slope, 0, 0]
    assert not np.any(gradients.hessian(bounded)(x))


def test_slope_of_a_product_with_zeros():
    f = lambda x: ops.sum(ops.segment_prod(x, [0, 0, 0, 1, 1], 2))
    assert gradients.grad(f)(np.array([0.0, 2.0, 3.0, 0.0, 0.0])).tolist() == [6.0, 0.0, 0.0, 0.0, 0.0]


def test_ids_of_several_axes():
    x = np.arange(8.0).reshape(2, 2, 2)
    assert ops.segment_sum(x, [[0, 1], [1, 1]], 2).tolist() == [[0.0, 1.0], [12.0, 15.0]]
    with pytest.raises(ShapeError, match="leading place"):
        ops.segment_sum(x, [0, 1, 2])
    with pytest.raises(ArgumentError, match="whole numbers"):
        ops.segment_sum(x, [0.5, 1.0])


def test_counts():
    assert ops.bincount([[0, 2], [1, 1]]).tolist() == [[1, 0, 1], [0, 2, 0]]
    assert ops.bincount([1, 2], weights=[0.5, 2.0], minlength=4).tolist() == [0.0, 0.5, 2.0, 0.0]
    slope = gradients.grad(lambda w: ops.bincount([1, 1, 0], weights=w)[1])(np.ones(3))
    assert slope.tolist() == [1.0, 1.0, 0.0]
    with pytest.raises(ArgumentError, match="bins"):
        ops.histogram([1.0], 0)
    with pytest.raises(ArgumentError, match="low <= high"):
        ops.histogram([1.0], 2, (2.0, 1.0))


def test_captured_with_a_known_number_of_segments():
    x, ids = np.arange(6.0), np.array([0, 1, 1, 2, 0, 2])
    f = jit(lambda x, ids: (ops.segment_max(x, ids, 3), ops.segment_sum(x, ids, 3)))
    for _ in range(3):
        top, total = f(x, ids)
        assert (top.tolist(), total.tolist()) == ([4.0, 2.0, 5.0], [4.0, 3.0, 8.0])


def test_different_elements():
    values, first, back, counts = ops.unique([3, 1, 3, 2], return_index=True, return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 3] and first.tolist() == [1, 3, 0]
    assert np.asarray(values)[np.asarray(back)].tolist() == [3, 1, 3, 2] and counts.tolist() == [1, 1, 2]
    assert ops.unique([[1, 2], [1, 2]], axis=0).tolist() == [[1, 2]]
    assert ops.unique([3, 1], size=4, fill_value=7).tolist() == [1, 3, 7, 7]
