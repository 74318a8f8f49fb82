"""Parts of arrays: rows of the gradient table; slices, fancy indices with repeats, masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonet import gradients, ops
from autonet.errors import ArgumentError, ShapeError
from tests.ops.cases import Case, integers, made, reals

KEYS = [
    (0,),
    (-1, 2),
    (("slice", None, None, -1),),
    (("slice", 1, None, None), ("slice", None, None, 2)),
    (Ellipsis, 0),
    (None, ("slice", 0, 0, None)),
]
PLACES = integers(-3, 3)


def distinct(shape, rng):
    """Rows of different places in an array of shape (3, 4)."""
    return np.stack(np.unravel_index(rng.permutation(12)[: shape[0]], (3, 4)), -1)[:, : shape[1]]


CASES = {
    "_getitem": Case(reals(), shapes=[((2, 3),), ((2, 3, 2),)], settings=[{"key": k} for k in KEYS]),
    "_putitem": [
        Case(
            reals(),
            shapes=[((3,),)],
            settings=[{"key": (1,), "shape": (2, 3)}, {"key": (("slice", None, None, -1),), "shape": (3,)}],
        ),
        Case(reals(), shapes=[((0,),)], settings={"key": (("slice", 2, 2, None),), "shape": (4,)}),
    ],
    "_gather": [
        Case(
            reals(),
            PLACES,
            shapes=[((3, 2), (5,)), ((3,), (2, 2)), ((3,), ()), ((3, 0), (2,))],
            settings={"key": (("array", 0),)},
        ),
        Case(
            reals(),
            PLACES,
            PLACES,
            shapes=[((3, 3), (4,), (4,)), ((3, 3), (2, 1), (3,))],
            settings={"key": (("array", 0), ("array", 1))},
        ),
        Case(reals(), PLACES, shapes=[((2, 3), (4,))], settings={"key": (("slice", None, None, -1), ("array", 0))}),
    ],
    "_scatter": [
        Case(
            reals(), PLACES, shapes=[((5, 2), (5,)), ((0, 2), (0,))], settings={"key": (("array", 0),), "shape": (3, 2)}
        ),
        Case(
            reals(),
            PLACES,
            PLACES,
            shapes=[((4,), (4,), (4,))],
            settings={"key": (("array", 0), ("array", 1)), "shape": (3, 3)},
        ),
    ],
    "_take": [
        Case(
            reals(),
            PLACES,
            shapes=[((3, 2), (5,)), ((3,), (2, 2)), ((3, 2), ()), ((3, 2), (0,))],
            settings={"axis": 0},
            numpy=np.take,
        ),
        Case(reals(), PLACES, shapes=[((2, 3), (5,)), ((2, 2, 3), (2, 1))], settings={"axis": -1}, numpy=np.take),
    ],
    "_take_back": [
        Case(
            reals(), PLACES, shapes=[((5, 2), (5,)), ((0, 2), (0,)), ((2,), ())], settings={"axis": 0, "shape": (3, 2)}
        ),
        Case(reals(), PLACES, shapes=[((2, 2, 2), (2, 2))], settings={"axis": -1, "shape": (2, 3)}),
    ],
    "_take_along": [
        Case(
            reals(),
            PLACES,
            shapes=[((3, 2), (5, 2)), ((3, 2), (1, 2)), ((3,), (0,))],
            settings={"axis": 0},
            numpy=np.take_along_axis,
        ),
        Case(reals(), PLACES, shapes=[((2, 3), (2, 4))], settings={"axis": -1}, numpy=np.take_along_axis),
    ],
    "_take_along_back": [
        Case(reals(), PLACES, shapes=[((5, 2), (5, 2)), ((1, 2), (1, 2))], settings={"axis": 0, "shape": (3, 2)}),
        Case(reals(), PLACES, shapes=[((2, 5), (2, 5))], settings={"axis": -1, "shape": (2, 3)}),
    ],
    "_replace": [
        Case(
            reals(),
            reals(),
            made(distinct, dtype="int32", smooth=False),
            shapes=[((3, 4), (5,), (5, 2)), ((3, 4), (0,), (0, 2))],
        ),
        Case(reals(), reals(), PLACES, shapes=[((3, 4), (5, 4), (5, 1))]),
    ],
    "_winners": Case(reals(), PLACES, shapes=[((5, 4), (5, 1))], settings={"shape": (3, 4)}, zero=True),
    "take": Case(reals(), op=lambda x: ops.take(x, [[0, 5], [5, -1]]), shapes=[((2, 3),)]),
    "slice": Case(reals(), op=ops.slice, shapes=[((3, 4),)], settings={"start_indices": (1, 0), "shape": (2, 3)}),
    "slice_update": Case(reals(), reals(), op=lambda x, u: ops.slice_update(x, (1, 0), u), shapes=[((3, 4), (2, 3))]),
    "scatter": Case(reals(), op=lambda v: ops.scatter([[0], [2], [0]], v, (3, 2)), shapes=[((3, 2),)]),
}


@given(st.data())
def test_any_basic_index_is_numpys(data):
    x = np.arange(60.0).reshape(3, 4, 5)
    key = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    np.testing.assert_array_equal(ops.array(x)[key], x[key])
    expected = np.zeros_like(x)
    expected[key] = 1
    np.testing.assert_array_equal(gradients.grad(lambda t: t[key].sum())(x), expected)


@given(st.data())
def test_any_index_array_is_numpys_and_repeats_add_up(data):
    x = np.arange(12.0).reshape(3, 4)
    rows, columns = data.draw(hnp.integer_array_indices(x.shape))
    np.testing.assert_array_equal(ops.array(x)[rows, columns], x[rows, columns])
    expected = np.zeros_like(x)
    np.add.at(expected, (rows, columns), 1.0)
    np.testing.assert_array_equal(gradients.grad(lambda t: t[rows, columns].sum())(x), expected)


@pytest.mark.parametrize(
    "key",
    [
        np.array([True, False, True]),
        (slice(None), np.array([True, False, True, True])),
        [0, 2, 0],
        (np.array([[0], [2]]), np.array([1, 3])),
        (slice(None), [1, 1], None),
        ([0, 1], slice(1, 3)),
        (Ellipsis, [0, 0]),
        np.zeros((0,), int),
        np.int64(1),
    ],
    ids=str,
)
def test_fancy_indices_are_numpys(key):
    x = np.arange(12.0).reshape(3, 4)
    y = ops.array(x)[key]
    np.testing.assert_array_equal(y, x[key])
    expected = np.zeros_like(x)
    np.add.at(expected, key, 1.0)
    np.testing.assert_array_equal(gradients.grad(lambda t: t[key].sum())(x), expected)


def test_a_tensor_indexes_a_tensor():
    x, i = ops.array([10.0, 20.0, 30.0]), ops.array([2, 0])
    assert x[i].tolist() == [30.0, 10.0]
    assert x[x > 15].tolist() == [20.0, 30.0]
    assert [10, 20, 30][i[0]] == 30


def test_masks_take_derivatives():
    g = gradients.grad(lambda t: (t[t > 1] ** 2).sum())(np.array([1.0, 2.0, 3.0]))
    assert g.tolist() == [0.0, 4.0, 6.0]


@given(st.data())
def test_masks_are_numpys(data):
    """A mask anywhere in a key chooses as in NumPy, and where NumPy refuses its shape, so does autonet."""
    x = np.arange(24.0).reshape(2, 3, 4)
    mask = data.draw(hnp.arrays(bool, st.sampled_from([(2,), (3,), (4,), (2, 3), (3, 4), (1,), (2, 3, 4)])))
    key = data.draw(st.sampled_from([(mask,), (slice(None), mask), (..., mask), (None, mask), (mask, ...), (0, mask)]))
    try:
        expected = x[key]
    except IndexError:
        with pytest.raises(ShapeError, match="A mask has the shape of the axes"):
            ops.array(x)[key]
    else:
        np.testing.assert_array_equal(ops.array(x)[key], expected)


def test_a_truth_is_no_mask():
    with pytest.raises(ShapeError, match=r"here \(3,\); received \(\)"):
        ops.ones(3)[True]


def test_large_gathers_accumulate(rng):
    table, words = rng.standard_normal((50, 3)), rng.integers(0, 50, (20, 30))
    g = gradients.grad(lambda t: (ops.take(t, words, axis=0) * 2.0).sum())(table)
    expected = np.zeros_like(table)
    np.add.at(expected, words.reshape(-1), 2.0)
    np.testing.assert_allclose(g, expected)


def test_scatter_update_replaces_and_the_last_of_repeats_counts():
    y = ops.scatter_update(np.zeros(3), [[1], [1]], np.array([5.0, 7.0]))
    assert y.tolist() == [0.0, 7.0, 0.0]
    g = gradients.grad(lambda u: ops.scatter_update(np.zeros(3), [[1], [1]], u).sum())(np.array([5.0, 7.0]))
    assert g.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("key", [3, (0, 4), [0, 3], (slice(None), slice(None), 0)])
def test_an_index_outside_is_refused(key):
    with pytest.raises((ShapeError, IndexError)):
        ops.ones((3, 4))[key]


def test_fractions_are_no_indices():
    with pytest.raises(ArgumentError, match="whole numbers"):
        ops.ones(3)[[0.5]]
    with pytest.raises(ArgumentError, match="whole numbers"):
        ops.take(ops.ones(3), [0.5])


def test_tensors_do_not_change():
    with pytest.raises(TypeError, match="slice_update"):
        ops.ones(3)[0] = 1.0
