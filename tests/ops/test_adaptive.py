"""Adaptive pooling against windows cut by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.errors import ArgumentError
from tests.ops.cases import Case, reals

CASES = {
    "adaptive_average_pool": Case(
        reals(),
        op=ops.adaptive_average_pool,
        shapes=[((2, 5, 2),), ((1, 4, 3, 2),)],
        settings=[{"output_size": 2}, {"output_size": 3}],
    ),
    "adaptive_max_pool": Case(
        reals(apart=True),
        op=ops.adaptive_max_pool,
        shapes=[((2, 5, 2),), ((1, 4, 3, 2),)],
        settings=[{"output_size": 2}, {"output_size": 3}],
    ),
}


def by_hand(f, x, counts):
    """`f` of the places from floor(i n / m) to ceil((i + 1) n / m) along each axis."""
    cuts = [
        [slice(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in zip(x.shape[1:-1], counts, strict=True)
    ]
    axes = tuple(range(1, x.ndim - 1))
    values = [f(x[(slice(None), *cut)], axis=axes) for cut in itertools.product(*cuts)]
    return np.moveaxis(np.array(values), 0, 1).reshape(x.shape[0], *counts, x.shape[-1])


@given(st.data())
@pytest.mark.parametrize("op, f", [(ops.adaptive_average_pool, np.mean), (ops.adaptive_max_pool, np.max)])
def test_against_windows_by_hand(op, f, data):
    rank = data.draw(st.integers(1, 3))
    places, counts = (tuple(data.draw(st.integers(1, 6)) for _ in range(rank)) for _ in range(2))
    x = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal((2, *places, 2))
    first = data.draw(st.booleans())
    y = np.asarray(op(np.moveaxis(x, -1, 1), counts, "channels_first") if first else op(x, counts))
    y = np.moveaxis(y, 1, -1) if first else y
    np.testing.assert_allclose(y, by_hand(f, x, counts), rtol=1e-12, atol=1e-12)


def test_misfits():
    with pytest.raises(ArgumentError, match="output_size must be a whole number above 0"):
        ops.adaptive_max_pool(np.zeros((1, 4, 1)), 0)
    with pytest.raises(ArgumentError, match="at least one place"):
        ops.adaptive_average_pool(np.zeros((1, 0, 1)), 2)


def test_means_of_whole_numbers_have_fractions():
    assert ops.adaptive_average_pool(np.array([[[1], [2], [4]]]), 1).numpy().item() == pytest.approx(7 / 3)
