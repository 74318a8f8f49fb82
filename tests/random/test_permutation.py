"""Permutation: a bijection of every size, even over positions and pairs, the same wherever it is looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.random.permutation import CHUNK, Permutation


def test_every_size_up_to_2000_is_a_bijection():
    for n in range(2001):
        rows = Permutation(n, [n, 7])[:]
        assert len(rows) == n and np.array_equal(np.sort(rows), np.arange(n)), n


@given(n=st.integers(2001, 300_000), key=st.integers(0, 2**64 - 1))
def test_larger_ones_are_bijections(n, key):
    assert np.bincount(Permutation(n, key)[:], minlength=n).tolist() == [1] * n


@given(n=st.integers(2**31, 2**63 - 1), key=st.integers(0, 2**64 - 1), start=st.integers(0, 2**31 - 5000))
def test_of_enormous_ones_parts_are_inside_and_differ(n, key, start):
    rows = Permutation(n, key)[start : start + 3000]
    assert len(set(rows.tolist())) == 3000 and rows.min() >= 0 and rows.max() < n


@given(n=st.integers(1, 40_000), key=st.integers(0, 100), data=st.data())
def test_parts_are_those_of_the_whole(n, key, data):
    p = Permutation(n, key)
    whole = p[:]
    first = data.draw(st.integers(0, n - 1))
    assert np.array_equal(p[first : first + CHUNK + 3], whole[first : first + CHUNK + 3])
    at = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=20)), np.int64)
    assert np.array_equal(p[at], whole[at]) and p[first] == whole[first] and len(p) == n


def chi_square_bound(cells):
    """Five standard deviations above the mean of a chi-square with so many cells."""
    return cells - 1 + 5 * (2 * (cells - 1)) ** 0.5


@pytest.mark.parametrize("n", [3, 5, 8, 12, 33])
def test_each_row_is_at_each_position_equally_often(n):
    draws = 60 * n
    counts = np.zeros((n, n))
    for key in range(draws):
        counts[np.arange(n), Permutation(n, [1, key])[:]] += 1
    assert ((counts - draws / n) ** 2 / (draws / n)).sum() < chi_square_bound(n * n)


def test_neighbours_and_parts_are_even():
    n, cells = 1_000_003, 40
    p = Permutation(n, [3, 1])
    rows = p[:200_000] * cells // n
    for lag in (1, 2, 32, 4096):
        counts = np.bincount(rows[:-lag] * cells + rows[lag:], minlength=cells * cells)
        expected = (len(rows) - lag) / cells**2
        assert ((counts - expected) ** 2 / expected).sum() < chi_square_bound(cells * cells)
    steps = np.bincount((p[1:200_000] - p[:199_999]) % cells, minlength=cells)
    assert ((steps - 199_999 / cells) ** 2 / (199_999 / cells)).sum() < chi_square_bound(cells)


def test_keys_make_other_orders():
    orders = {tuple(Permutation(500, [seed, epoch])[:20]) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400


def test_positions_outside_are_refused():
    with pytest.raises(IndexError, match="positions from 0 to 9"):
        Permutation(10, 1)[np.array([10])]
    with pytest.raises(IndexError):
        Permutation(10, 1)[-1]
