"""jacobian, hessian, hvp against closed forms and against each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import grad, hessian, hvp, jacobian, jvp, ops, vjp
from autonet.errors import ArgumentError


def rosenbrock(x):
    return ops.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def smooth(x):
    return ops.sum(ops.sin(x) * ops.exp(x[::-1])) + ops.prod(x)


def test_jacobian_of_a_linear_map(rng):
    a, x = rng.standard_normal((4, 3)), rng.standard_normal(3)
    np.testing.assert_allclose(jacobian(lambda x: a @ x)(x), a)
    x = rng.standard_normal((3, 2))
    j = jacobian(lambda x: a @ x)(x)
    assert j.shape == (4, 2, 3, 2)
    np.testing.assert_allclose(j, np.einsum("ik,jl->ijkl", a, np.eye(2)))


def test_jacobian_of_several_arguments_and_trees():
    j = jacobian(lambda x, y: x * y, (0, 1))(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert isinstance(j, tuple)
    assert [m.tolist() for m in j] == [[[3, 0], [0, 4]], [[1, 0], [0, 2]]]
    j = jacobian(lambda t: {"sum": ops.sum(t["a"]), "all": [t["a"] * t["b"]]})({"a": np.array([1.0, 2.0]), "b": 3.0})
    assert j["sum"]["a"].tolist() == [1, 1]
    assert j["sum"]["b"].tolist() == 0
    assert j["all"][0]["a"].tolist() == [[3, 0], [0, 3]]
    assert j["all"][0]["b"].tolist() == [1, 2]


def test_jacobian_with_aux_and_of_nothing():
    j, aux = jacobian(lambda x: (x * x, "aux"), has_aux=True)(np.array([1.0, 2.0]))
    assert (j.tolist(), aux) == ([[2, 0], [0, 4]], "aux")
    assert jacobian(lambda x: x * 2)(np.zeros(0)).shape == (0, 0)
    assert jacobian(lambda x: x[:0])(np.zeros(3)).shape == (0, 3)


def test_the_gradient_is_the_jacobian_of_one_number(rng):
    x = rng.standard_normal(4)
    np.testing.assert_allclose(jacobian(smooth)(x), grad(smooth)(x))


@given(seed=st.integers(0, 999))
def test_jacobian_times_vectors(seed):
    rng = np.random.default_rng(seed)
    x, u, g = rng.standard_normal((3, 4))

    def f(x):
        return ops.sin(x) * ops.sum(x)

    j = np.asarray(jacobian(f)(x))
    np.testing.assert_allclose(jvp(f, (x,), (u,))[1], j @ u, atol=1e-10)
    np.testing.assert_allclose(vjp(f, x)[1](g)[0], g @ j, atol=1e-10)


def test_hessian_of_a_quadratic(rng):
    a, x = rng.standard_normal((3, 3)), rng.standard_normal(3)
    np.testing.assert_allclose(hessian(lambda x: x @ (a @ x))(x), a + a.T)


@given(seed=st.integers(0, 999))
def test_hessians_are_symmetric(seed):
    x = np.random.default_rng(seed).standard_normal(4)
    for f in (rosenbrock, smooth):
        h = np.asarray(hessian(f)(x))
        np.testing.assert_allclose(h, h.T, rtol=1e-9, atol=1e-9)


def test_hessian_of_the_rosenbrock_function():
    h = hessian(rosenbrock)(np.array([1.0, 1.0]))
    np.testing.assert_allclose(h, [[802, -400], [-400, 200]])


def test_hessian_of_several_arguments():
    h = hessian(lambda x, y: ops.sum(x * x * y), (0, 1))(np.array([1.0, 2.0]), np.array(3.0))
    assert h[0][0].tolist() == [[6, 0], [0, 6]]
    assert h[0][1].tolist() == h[1][0].tolist() == [2, 4]
    assert h[1][1].tolist() == 0


@given(seed=st.integers(0, 999))
def test_hvp_is_the_hessian_times_the_vector(seed):
    rng = np.random.default_rng(seed)
    x, u = rng.standard_normal((2, 4))
    for f in (rosenbrock, smooth):
        np.testing.assert_allclose(hvp(f, (x,), (u,)), np.asarray(hessian(f)(x)) @ u, rtol=1e-8, atol=1e-8)


def test_hvp_of_several_primals():
    a, b = hvp(lambda x, y: ops.sum(x * x * y), (np.array([1.0, 2.0]), 3.0), (np.array([1.0, 0.0]), 1.0))
    assert a.tolist() == [8.0, 4.0]
    assert b.item() == 2.0
    with pytest.raises(ArgumentError, match="primal"):
        hvp(rosenbrock, (), ())


def test_third_derivatives():
    d3 = jacobian(hessian(lambda x: ops.sum(x**4)))(np.array([1.0, 2.0]))
    assert d3.shape == (2, 2, 2)
    assert d3[0, 0, 0].item() == 24.0 and d3[1, 1, 1].item() == 48.0
    assert np.count_nonzero(np.asarray(d3)) == 2


def test_newtons_method_finds_the_minimum():
    x = np.array([-1.2, 1.0])
    for _ in range(10):
        x = x - np.linalg.solve(np.asarray(hessian(rosenbrock)(x)), np.asarray(grad(rosenbrock)(x)))
    np.testing.assert_allclose(x, [1, 1])
