"""Vectors that are trees, against NumPy on the numbers of all leaves in a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet
from autonet import linalg
from autonet.errors import ArgumentError, ShapeError
from tests.linalg.trees import SHAPES, flat, tree


@given(st.sampled_from(SHAPES), st.integers(0, 99), st.floats(-3, 3))
def test_vectors_are_those_of_numpy(shapes, seed, a):
    x, y = tree(shapes, seed), tree(shapes, seed + 1)
    assert float(linalg.dot(x, y)) == pytest.approx(flat(x) @ flat(y))
    assert float(linalg.norm(x)) == pytest.approx(np.linalg.norm(flat(x)))
    assert np.allclose(flat(linalg.axpy(a, x, y)), a * flat(x) + flat(y))
    assert np.allclose(flat(linalg.scale(a, x)), a * flat(x))


@pytest.mark.parametrize("shapes", SHAPES)
def test_vectors_are_differentiable(shapes):
    x, y = tree(shapes, 1), tree(shapes, 2)
    autonet.check_gradients(linalg.dot, x, y)
    autonet.check_gradients(linalg.norm, x)
    autonet.check_gradients(lambda x, y: linalg.norm(linalg.axpy(linalg.dot(x, y), x, linalg.scale(2.0, y))), x, y)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="of the same shapes"):
        linalg.dot(np.ones(3), np.ones((3, 1)))
    for wrong in (lambda: linalg.dot([], []), lambda: linalg.norm({})):
        with pytest.raises(ArgumentError, match="at least one array"):
            wrong()
    with pytest.raises((ArgumentError, ShapeError, ValueError)):
        linalg.axpy(1.0, [np.ones(2)], {"a": np.ones(2)})
