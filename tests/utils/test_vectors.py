"""Nearest rows against the whole table of cosines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.utils import nearest_neighbors, vectors


@given(
    seed=st.integers(0, 999), n=st.integers(1, 40), m=st.integers(0, 5), d=st.integers(1, 4), block=st.integers(1, 50)
)
def test_the_whole_table_says_the_same(seed, n, m, d, block):
    rng = np.random.default_rng(seed)
    table, queries = rng.integers(-2, 3, (n, d)) * 1.0, rng.integers(-2, 3, (m, d)) * 1.0
    k = int(rng.integers(1, n + 1))
    usual, vectors.BLOCK = vectors.BLOCK, block
    try:
        rows, cosines = nearest_neighbors(table, queries, k)
    finally:
        vectors.BLOCK = usual
    norms = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(table, axis=1)
    expected = np.divide(queries @ table.T, norms, out=np.zeros((m, n)), where=norms > 0)
    assert rows.shape == cosines.shape == (m, k) and rows.dtype == np.int32
    assert np.allclose(cosines, -np.sort(-expected, axis=1)[:, :k])
    assert np.allclose(np.take_along_axis(expected, rows, 1), cosines) and all(len(set(r)) == k for r in rows.tolist())


def test_ties_go_by_row_and_zeros_are_at_right_angles():
    table = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    rows, cosines = nearest_neighbors(table, [4.0, 0.0], 5)
    assert rows.tolist() == [1, 2, 0, 4, 3] and cosines.tolist() == [1, 1, 0, 0, -1]
    assert nearest_neighbors(table, [0.0, 0.0], 2)[0].tolist() == [0, 1]


@pytest.mark.parametrize("dtype, size", [("float32", 1e30), ("float32", 1e-30), ("float64", 1e200), ("float16", 3e4)])
def test_large_and_small_numbers(dtype, size):
    table = np.array([[1, 1], [1, -1], [0, 1]], dtype) * np.array(size, dtype)
    rows, cosines = nearest_neighbors(table, table, 3)
    assert rows.tolist() == [[0, 2, 1], [1, 0, 2], [2, 0, 1]]
    assert np.allclose(cosines, [[1, 0.5**0.5, 0], [1, 0, -(0.5**0.5)], [1, 0.5**0.5, -(0.5**0.5)]], atol=1e-3)
    assert cosines.dtype == ("float64" if dtype == "float64" else "float32")


def test_tensors_and_integers():
    assert nearest_neighbors(ops.convert_to_tensor([[1.0, 2.0], [2.0, 1.0]]), [[3, 1]], 1)[0].tolist() == [[1]]


def test_errors():
    table = np.eye(3)
    with pytest.raises(ShapeError, match=r"received \(3, 3\) and \(2,\)"):
        nearest_neighbors(table, [1.0, 2.0])
    with pytest.raises(ArgumentError, match="k from 1 to 3"):
        nearest_neighbors(table, table, 4)
    with pytest.raises(DataError, match="finite"):
        nearest_neighbors(table * np.nan, table, 1)
    with pytest.raises(DataError, match="finite"):
        nearest_neighbors(table, table - np.inf, 1)
    with pytest.raises(DataError, match="numbers as queries"):
        nearest_neighbors(table, ["a", "b", "c"], 1)


def test_by_default_ten_or_all_of_fewer(rng):
    assert [nearest_neighbors(rng.normal(size=(n, 3)), [1.0, 2.0, 3.0])[0].shape for n in (1, 5, 10, 12)] == [
        (1,),
        (5,),
        (10,),
        (10,),
    ]
    for k in (None, 1):
        with pytest.raises(ArgumentError, match="from 1 to 0"):
            nearest_neighbors(np.zeros((0, 3)), [1.0, 2.0, 3.0], k)
    with pytest.raises(ArgumentError, match="from 1 to 5, the number of vectors; received 10"):
        nearest_neighbors(rng.normal(size=(5, 3)), [1.0, 2.0, 3.0], 10)
