"""Conjugate gradients, against NumPy on the numbers of all leaves in a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet
from autonet import linalg, ops
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from tests.linalg.trees import SHAPES, definite, flat, joined, rng, tree, unflat


@given(st.sampled_from(SHAPES), st.integers(0, 99), st.booleans(), st.booleans())
def test_n_iterations_solve_n_equations(shapes, seed, conditioned, started):
    b = tree(shapes, seed)
    n = flat(b).size
    matrix = definite(n, seed)
    product = lambda v: unflat(Tensor(matrix) @ joined(v), b)
    inverse = (lambda v: unflat(joined(v) / np.diag(matrix), b)) if conditioned else None
    found = linalg.conjugate_gradient(
        product, b, tree(shapes, seed + 1) if started else None, tolerance=1e-9, preconditioner=inverse
    )
    assert np.allclose(flat(found.x), np.linalg.solve(matrix, flat(b)), atol=1e-6)
    assert found.converged and found.iterations <= n and not found.negative_curvature
    assert found.residuals[-1] <= 1e-9 * np.linalg.norm(flat(b))
    assert (np.diff(found.values) <= 1e-12).all()
    x = flat(found.x)
    assert found.values[-1] == pytest.approx(x @ matrix @ x / 2 - flat(b) @ x, abs=1e-9)


def test_as_many_iterations_as_different_eigenvalues():
    q = np.linalg.qr(rng(0).standard_normal((12, 12)))[0]
    matrix = q @ np.diag([1.0] * 5 + [2.0] * 4 + [7.0] * 3) @ q.T
    found = linalg.conjugate_gradient(lambda v: matrix @ v, rng(1).standard_normal(12), tolerance=1e-9)
    assert found.iterations == 3


def test_a_preconditioner_saves_iterations():
    scales = np.geomspace(1, 1e4, 40)
    b = rng(0).standard_normal(40)
    product = lambda v: scales * v + 0.1 * ops.sum(v)
    plain = linalg.conjugate_gradient(product, b, iterations=200)
    helped = linalg.conjugate_gradient(product, b, iterations=200, preconditioner=lambda r: r / scales)
    assert helped.iterations < 10 < 40 < plain.iterations and helped.converged


@pytest.mark.parametrize("n", [1, 4, 30])
def test_the_solution_is_differentiable_like_the_exact_one(n):
    b, root = rng(0).standard_normal(n), rng(1).standard_normal((n, n))
    matrix = lambda root: root @ ops.transpose(root) + ops.eye(n, dtype="float64")
    solve = lambda root, b: (
        linalg.conjugate_gradient(lambda v: matrix(root) @ v, b, iterations=4 * n, tolerance=1e-12).x
    )
    exact = lambda root, b: ops.solve(matrix(root), b)
    if n < 30:
        autonet.check_gradients(solve, root, b)
    else:
        ours = autonet.grad(lambda *a: ops.sum(solve(*a) ** 3), (0, 1))(root, b)
        known = autonet.grad(lambda *a: ops.sum(exact(*a) ** 3), (0, 1))(root, b)
        assert all(np.allclose(o, k, rtol=1e-6, atol=1e-9) for o, k in zip(ours, known, strict=True))
        return
    for number in (0, 1):
        ours = autonet.hessian(lambda *a: ops.sum(solve(*a) ** 3), number)(root, b)
        assert np.allclose(ours, autonet.hessian(lambda *a: ops.sum(exact(*a) ** 3), number)(root, b), rtol=1e-6)


def test_trees_of_several_leaves_are_differentiable():
    b = tree(SHAPES[0], 3)
    matrix = definite(10, 1)
    exact = np.linalg.inv(matrix)
    product = lambda v: unflat(Tensor(matrix) @ joined(v), b)
    gradient = autonet.grad(lambda b: ops.sum(joined(linalg.conjugate_gradient(product, b, tolerance=1e-12).x)))(b)
    assert np.allclose(flat(gradient), exact.sum(axis=0))


def test_it_ends_where_it_is_told_to():
    matrix = definite(8, 0)
    b = rng(2).standard_normal(8)
    product = lambda v: matrix @ v
    assert linalg.conjugate_gradient(product, b, iterations=0).x.tolist() == [0.0] * 8
    short = linalg.conjugate_gradient(product, b, iterations=3)
    assert short.iterations == 3 and not short.converged
    assert linalg.conjugate_gradient(product, b, stop=lambda values: len(values) == 3).iterations == 2
    assert linalg.conjugate_gradient(product, np.zeros(8)).converged
    bent = linalg.conjugate_gradient(lambda v: v * np.array([1.0, -1.0]), np.array([0.1, 1.0]))
    assert bent.negative_curvature and not bent.converged


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="products like b"):
        linalg.conjugate_gradient(lambda v: np.ones((3, 1)), np.ones(3))
    with pytest.raises(ArgumentError, match="at least one array"):
        linalg.conjugate_gradient(len, [])
    for options in ({"iterations": -1}, {"iterations": 2.0}, {"tolerance": -1e-3}):
        with pytest.raises(ArgumentError, match="conjugate_gradient expects"):
            linalg.conjugate_gradient(lambda v: v, np.ones(3), **options)
