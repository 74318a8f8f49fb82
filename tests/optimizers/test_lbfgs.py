"""LBFGS: the two loops against the matrix that they stand for, and what is kept. More in test_searching.py."""

import numpy as np
import pytest

from autonet import ops, optimizers
from autonet.errors import ArgumentError
from autonet.variable import Variable


def quadratic(n, rng):
    root = rng.standard_normal((n, n))
    matrix, b = root @ root.T + np.eye(n), rng.standard_normal(n)
    return np.linalg.solve(matrix, b), matrix, lambda w: (w @ (matrix @ w)) / 2 - (w * b).sum()


@pytest.mark.parametrize("history", [1, 3, 20])
def test_the_direction_is_that_of_the_bfgs_matrix(history, rng):
    """H by the update (7.16) of Nocedal and Wright, as a matrix, from the pairs that are kept."""
    _, matrix, f = quadratic(5, rng)
    w = Variable(rng.standard_normal(5), dtype="float64")
    optimizer = optimizers.LBFGS(history=history)
    pairs = []
    for _ in range(6):
        before = w.numpy()
        optimizer.minimize(lambda: f(w), [w])
        s = w.numpy() - before
        pairs.append((s, matrix @ s))
    assert int(optimizer.pairs) == 6
    s, y = pairs[-1]
    h = (s @ y) / (y @ y) * np.eye(5)
    for s, y in pairs[-history:]:
        rho = 1 / (s @ y)
        v = np.eye(5) - rho * np.outer(y, s)
        h = v.T @ h @ v + rho * np.outer(s, s)
    g = rng.standard_normal(5)
    direction = optimizer._direction([g], int(optimizer.pairs))[0]
    assert np.allclose(direction, -h @ g, rtol=1e-5)


def test_a_quadratic_is_solved_in_few_steps(rng):
    solution, _, f = quadratic(8, rng)
    w = Variable(np.zeros(8), dtype="float64")
    optimizer = optimizers.LBFGS()
    for _ in range(40):
        optimizer.minimize(lambda: f(w), [w])
    assert np.allclose(w.numpy(), solution, atol=1e-6)


def test_several_weights_are_one_vector(rng):
    *_, f = quadratic(5, rng)
    whole = Variable(np.zeros(5), dtype="float64")
    parts = [Variable(np.zeros((2, 1)), dtype="float64", name="a"), Variable(np.zeros(3), dtype="float64", name="b")]
    one, other = optimizers.LBFGS(history=3), optimizers.LBFGS(history=3)
    for _ in range(8):
        one.minimize(lambda: f(whole), [whole])
        other.minimize(lambda: f(ops.concatenate([ops.reshape(parts[0], (-1,)), parts[1]])), parts)
    assert np.allclose(whole.numpy(), np.concatenate([p.numpy().ravel() for p in parts]), rtol=1e-6)


def test_where_no_point_is_lower_the_weights_stay_and_pairs_go(rng):
    w = Variable(np.ones(2))
    optimizer = optimizers.LBFGS()
    for _ in range(2):
        optimizer.minimize(lambda: (w**4).sum(), [w])
    assert int(optimizer.pairs) == 2
    before = w.numpy()
    calls = iter([1.0, 1.0, *[9.0] * 100])  # a function that is not the one of its gradient
    optimizer.minimize(lambda: (w**4).sum() * 0 + w.sum() * 1e-3 + next(calls), [w])
    assert np.array_equal(w.numpy(), before) and int(optimizer.pairs) == 0


@pytest.mark.parametrize("wrong", [{"history": 0}, {"evaluations": 0}], ids=str)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ArgumentError, match=f"expects {next(iter(wrong))}"):
        optimizers.LBFGS(**wrong)
