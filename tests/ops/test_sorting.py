"""Order: rows of the gradient table, ties, edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, ops
from autonet.errors import ArgumentError, ShapeError
from tests.ops.cases import Case, axes, integers, made, reals

APART = reals(-3, 3, apart=True, min_dims=1)
AXIS = axes("axis", none=True)


def ascending(shape, rng):
    return np.sort(rng.uniform(-3, 3, shape))


CASES = {
    "sort": Case(APART, settings=AXIS, numpy=np.sort),
    "argsort": Case(APART, settings=AXIS, numpy=np.argsort, zero=True),
    "argpartition": Case(APART, settings={"kth": 1}, shapes=[((3,),), ((2, 3),)], zero=True),
    "top_k_indices": Case(APART, settings={"k": 2}, shapes=[((3,),), ((2, 3),), ((0, 2),)], zero=True),
    "searchsorted": Case(
        made(ascending),
        reals(),
        shapes=[((4,), ()), ((4,), (2, 3)), ((0,), (2,))],
        settings=[{}, {"side": "right"}],
        numpy=np.searchsorted,
        zero=True,
    ),
    "in_top_k": Case(
        integers(-1, 5),
        reals(),
        shapes=[((3,), (3, 4)), ((2, 3), (2, 3, 4)), ((), (4,))],
        settings=[{"k": 1}, {"k": 3}],
        zero=True,
    ),
    "top_k": Case(
        APART,
        op=lambda x, k: ops.top_k(x, k)[0],
        shapes=[((4,),), ((2, 3),)],
        settings=[{"k": 1}, {"k": 3}, {"k": 0}],
        numpy=lambda x, k: np.sort(x)[..., ::-1][..., :k],
    ),
}


def test_equal_elements_keep_their_order():
    x = [2.0, 1.0, 2.0, 1.0]
    assert ops.argsort(x).tolist() == [1, 3, 0, 2]
    values, places = ops.top_k(x, 3)
    assert (values.tolist(), places.tolist()) == ([2, 2, 1], [0, 2, 1])
    assert places.dtype == "int32"


def test_nan_counts_as_largest():
    x = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(ops.sort(x), [1, 3, np.nan])
    assert ops.top_k(x, 2)[1].tolist() == [1, 2]


@given(st.data())
def test_the_first_k_of_a_sorted_row(data):
    """Of rows that are long for k, as of short ones, with ties, nan and infinities."""
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    rows, n, k = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 90)), data.draw(st.integers(0, 9))
    x = rng.choice([-np.inf, -1.0, -0.0, 0.0, 2.0, np.inf, np.nan], (rows, n))
    x = x.astype(data.draw(st.sampled_from(["float16", "float32", "float64"])))
    if data.draw(st.booleans()):
        x = np.nan_to_num(x, posinf=3, neginf=0).astype(data.draw(st.sampled_from(["uint8", "int32", "bool"])))
    k = min(k, n)
    key = lambda row: lambda i: (not np.isnan(row[i]), -row[i] if not np.isnan(row[i]) else 0, i)
    expected = [sorted(range(n), key=key(row.astype(float)))[:k] for row in x]
    assert ops.top_k(x, k)[1].tolist() == expected


def test_the_gradient_goes_to_the_places_that_were_taken():
    g = gradients.grad(lambda x: ops.sum(ops.top_k(x, 2)[0] * np.array([1.0, 10.0])))(np.array([3.0, 9.0, 5.0]))
    assert g.tolist() == [0.0, 1.0, 10.0]
    g = gradients.grad(lambda x: ops.sum(ops.sort(x, axis=None) * np.arange(4.0)))(np.array([[3.0, 1.0], [2.0, 9.0]]))
    assert g.tolist() == [[2.0, 0.0], [1.0, 3.0]]


@given(st.data())
def test_in_top_k_counts_what_is_above(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    predictions = rng.integers(0, 4, (5, 4)).astype(np.float32)  # many ties
    targets = rng.integers(0, 4, 5)
    k = data.draw(st.integers(1, 4))
    expected = [(row > row[t]).sum() < k for row, t in zip(predictions, targets, strict=True)]
    assert ops.in_top_k(targets, predictions, k).tolist() == expected


def test_in_top_k_at_its_edges():
    rows = np.array([[1.0, np.nan, 1.0], [1.0, np.nan, 1.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    assert ops.in_top_k([0, 1, -1, 3], rows, 3).tolist() == [True, False, False, False]
    with pytest.raises(ShapeError, match="in_top_k"):
        ops.in_top_k([0, 1], rows, 1)


def test_searchsorted():
    assert ops.searchsorted([1.0, 2.0, 2.0, 3.0], 2.0).item() == 1
    assert ops.searchsorted([1.0, 2.0, 2.0, 3.0], 2.0, side="right").item() == 3
    with pytest.raises(ShapeError, match="one axis"):
        ops.searchsorted([[1.0]], 1.0)
    with pytest.raises(ShapeError, match="side"):
        ops.searchsorted([1.0], 1.0, side="middle")


@pytest.mark.parametrize("k", [-1, 4])
def test_top_k_of_too_many_is_refused(k):
    with pytest.raises(ArgumentError, match="top_k"):
        ops.top_k([1.0, 2.0, 3.0], k)


def test_argpartition_puts_one_element_in_its_place(rng):
    x = rng.permutation(10)
    places = ops.argpartition(x, 4)
    assert places.dtype == "int32"
    assert x[np.asarray(places)][4] == 4
    assert set(x[np.asarray(places)[:4]]) == {0, 1, 2, 3}
