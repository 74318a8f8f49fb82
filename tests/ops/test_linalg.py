"""Norms, determinants, equations, factorisations: rows of the gradient table, definitions, edges."""

import math

import numpy as np
import pytest

import autonet
from autonet import check_gradients, gradients, ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, GradientError, ShapeError
from autonet.ops import linalg
from tests.ops.cases import Case, made, reals

SQUARES = [((3, 3),), ((1, 1),), ((2, 3, 3),), ((0, 2, 2),)]
BATCH = {"op": None}


def regular(shape, rng):
    """Far from singular: diagonally dominant, with signs."""
    signs = rng.choice([-1.0, 1.0], shape[-1])
    return rng.uniform(-0.5, 0.5, shape) + np.eye(*shape[-2:]) * (shape[-1] * 0.7 + 0.5) * signs


def disordered(shape, rng):
    """Such matrices with their rows upside down, which a factorisation has to exchange."""
    return regular(shape, rng)[..., ::-1, :]


def definite(shape, rng):
    a = rng.uniform(-1, 1, shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def spread(shape, rng):
    """Eigenvalues and singular values well apart, other ones in each matrix."""
    m, n = shape[-2:]
    k = min(m, n)
    u, v = (np.linalg.qr(rng.standard_normal((*shape[:-2], length, k)))[0] for length in (m, n))
    return u * _values(k, rng, *shape[:-2]) @ np.swapaxes(v, -1, -2)


def _values(k, rng, *batch):
    return np.arange(1.0, k + 1) + rng.uniform(-0.25, 0.25, (*batch, 1, k))


def apart_symmetric(shape, rng):
    v = np.linalg.qr(rng.standard_normal(shape))[0]
    return v * _values(shape[-1], rng, *shape[:-2]) @ np.swapaxes(v, -1, -2)


def fixed_signs(*factors):
    """What of a factorisation does not depend on the signs that its library chose."""
    return tuple(f * f for f in factors)


def exchanges(shape, rng):
    """Row exchanges, one for each row with itself or a later one."""
    return rng.integers(np.arange(shape[-1]), shape[-1], shape)


CASES = {
    "pseudo_inverse": [
        Case(made(spread), shapes=[((3, 3),), ((4, 2),), ((2, 2, 3),)], settings={"rcond": 1e-15}, value_rtol=1e-9),
        Case(made(spread), shapes=[((3, 3),), ((4, 3),), ((2, 3, 5),)], settings={"rcond": 0.5}, value_rtol=1e-9),
    ],
    "matrix_rank": Case(made(spread), shapes=[((3, 3),), ((2, 4, 2),)], settings=[{}, {"tol": 1.5}], zero=True),
    "lu_factor": Case(made(disordered), shapes=SQUARES, value_rtol=1e-10),
    "exchanged": Case(
        reals(),
        made(exchanges, dtype="int32", smooth=False),
        shapes=[((3, 2), (3,)), ((2, 3, 3), (2, 3))],
        settings=[{"back": False}, {"back": True}],
    ),
    "det": Case(made(regular), shapes=SQUARES, numpy=np.linalg.det),
    "cofactors": [Case(made(regular), shapes=SQUARES), Case(made(regular), shapes=[((7, 7),)], order=1, rtol=1e-4)],
    "inverse_or_nan": Case(made(regular), shapes=SQUARES, numpy=np.linalg.inv, value_rtol=1e-10),
    "slogdet": Case(made(regular), shapes=SQUARES, numpy=lambda x: tuple(np.linalg.slogdet(x))),
    "inv": Case(made(regular), shapes=SQUARES, numpy=np.linalg.inv, value_rtol=1e-10),
    "solve": Case(
        made(regular),
        reals(),
        shapes=[
            ((3, 3), (3,)),
            ((3, 3), (3, 2)),
            ((2, 3, 3), (3, 2)),
            ((2, 3, 3), (3,)),
            ((3, 3), (2, 3, 1)),
            ((2, 2), (2, 0)),
        ],
        numpy=np.linalg.solve,
        value_rtol=1e-10,
    ),
    "solve_triangular": Case(
        made(regular),
        reals(),
        shapes=[((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 1))],
        settings=[{"lower": True}, {"lower": False}],
        numpy=lambda a, b, lower: np.linalg.solve(np.tril(a) if lower else np.triu(a), b),
        value_rtol=1e-10,
    ),
    "cholesky": Case(made(definite), shapes=SQUARES, settings=[{}, {"upper": True}], value_rtol=1e-10),
    "eigh": Case(
        made(apart_symmetric),
        op=lambda x: (linalg.eigh(x)[0], linalg.eigh(x)[1] ** 2),
        shapes=SQUARES,
        numpy=lambda x: (np.linalg.eigh(x)[0], np.linalg.eigh(x)[1] ** 2),
        value_rtol=1e-8,
    ),
    "qr": Case(
        made(regular),
        op=linalg.qr,
        shapes=[((3, 3),), ((2, 2, 2),), ((2, 4),), ((4, 2),), ((2, 1, 3),)],
        numpy=np.linalg.qr,
        value_rtol=1e-8,
    ),
    "qr of tall and wide": Case(
        made(spread),
        op=lambda x: fixed_signs(*linalg.qr(x)),
        shapes=[((4, 2),), ((2, 4),), ((2, 3, 1),)],
        value_rtol=1e-8,
    ),
    "singular_values": Case(
        made(spread),
        shapes=[((3, 3),), ((4, 2),), ((2, 4),), ((2, 3, 2),)],
        numpy=lambda x: np.linalg.svd(x, compute_uv=False),
        value_rtol=1e-8,
    ),
    "singular_vectors": [
        Case(
            made(spread),
            op=lambda x: fixed_signs(*linalg.singular_vectors(x)),
            shapes=[((3, 3),), ((4, 2),), ((2, 4),), ((2, 3, 2),), ((2, 2, 2),)],
            value_rtol=1e-8,
        ),
        Case(made(spread), op=lambda x: linalg.singular_vectors(x)[1], shapes=[((3, 2),)]),
    ],
    "norm": [
        Case(
            reals(0.2, 3, apart=True),
            op=ops.norm,
            shapes=[((2, 3),)],
            settings=[
                {"ord": o, "axis": a, "keepdims": k}
                for k in (True, False)
                for a, orders in {
                    None: (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf),
                    (1, 0): (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf),
                    -1: (None, 1, 2, 3, -1, -2, 0.5, math.inf, -math.inf),
                }.items()
                for o in orders
            ],
            numpy=np.linalg.norm,
        ),
        Case(reals(0.2, 3), op=ops.norm, shapes=[((2, 3, 2),), ((0,),), ((3,),)], numpy=np.linalg.norm),
        Case(
            reals(0.2, 3, apart=True),
            op=ops.norm,
            shapes=[((2, 3, 4),)],
            settings=[
                {"axis": (0, 2), "ord": o, "keepdims": k} for o in (None, 1, 2, -math.inf) for k in (True, False)
            ],
            numpy=np.linalg.norm,
        ),
        Case(reals(-3, 3, away=(0,)), op=ops.norm, settings={"ord": 0, "axis": 0}, shapes=[((4,),)], zero=True),
    ],
}


@pytest.mark.parametrize("ord", [None, 2, 3, 1, 1.5])
def test_the_slope_of_a_norm_at_zero_is_zero(ord):
    g = gradients.grad(lambda x: ops.sum(ops.norm(x, ord=ord, axis=-1)))(np.array([[0.0, 0.0], [3.0, 4.0]]))
    assert g[0].tolist() == [0.0, 0.0]
    assert np.all(np.asarray(g[1]) > 0)


def test_norm_of_integers_is_float32():
    y = ops.norm([3, 4])
    assert (y.dtype, y.item()) == ("float32", 5.0)


@pytest.mark.parametrize("ord, axis", [("abc", None), (3, (0, 1)), ("fro", 0), ("nuc", 0), (2, (0, 1, 2)), (0, None)])
def test_norms_that_do_not_exist_are_refused(ord, axis):
    with pytest.raises(ArgumentError, match="norm"):
        ops.norm(np.ones((2, 2) if axis != (0, 1, 2) else (2, 2, 2)), ord=ord, axis=axis)


def test_factors_multiply_to_the_matrix(rng):
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2)):
        x = rng.standard_normal(shape)
        q, r = ops.qr(x)
        np.testing.assert_allclose(q @ r, x, atol=1e-12)
        u, s, vt = ops.svd(x, full_matrices=False)
        np.testing.assert_allclose((u * s[..., None, :]) @ vt, x, atol=1e-12)
        assert [f.shape for f in ops.svd(x)] == [f.shape for f in np.linalg.svd(x)]
        np.testing.assert_allclose(ops.svd(x, compute_uv=False), s)
    x = definite((2, 3, 3), rng)
    low, up = ops.cholesky(x), ops.cholesky(x, upper=True)
    np.testing.assert_allclose(low @ up, x, atol=1e-12)
    w, v = ops.eigh(x)
    np.testing.assert_allclose(x @ v, v * w[..., None, :], atol=1e-12)
    np.testing.assert_allclose(ops.logdet(x), np.log(np.linalg.det(x)))


def test_gradients_through_factors_that_depend_on_their_signs(rng):
    x = spread((3, 3), rng)
    for f in (ops.qr, lambda x: ops.svd(x), lambda x: ops.eigh(x), lambda x: ops.qr(x, mode="complete")):
        check_gradients(f, x if f is not ops.eigh else apart_symmetric((3, 3), rng), order=1)


def test_eigenvalues_that_coincide_have_a_gradient_when_the_question_does_not_tell_them_apart():
    g = gradients.grad(lambda x: ops.sum(ops.eigh(x)[0] ** 2))(np.eye(3) * 2)
    np.testing.assert_allclose(g, 4 * np.eye(3), atol=1e-12)
    g = gradients.grad(lambda x: ops.sum(ops.svd(x)[1] ** 2))(np.eye(3) * 2)
    np.testing.assert_allclose(g, 4 * np.eye(3), atol=1e-12)
    weights = np.arange(9.0).reshape(3, 3)
    for f in (ops.eigh, ops.svd):  # but their vectors have no slope, and that is not hidden
        with np.errstate(invalid="ignore"):
            g = gradients.grad(lambda x, f=f: ops.sum(f(x)[-1] * weights))(np.eye(3) * 2)
        assert not np.any(np.isfinite(np.asarray(g)))


def test_what_has_no_derivative_says_so(rng):
    x = Tensor(rng.standard_normal((4, 2)), requires_grad=True)
    with pytest.raises(GradientError, match="full_matrices"):
        ops.sum(ops.svd(x)[0]).backward()
    with pytest.raises(GradientError, match="complete"):
        ops.sum(ops.qr(x, mode="complete")[0]).backward()


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda: ops.inv(np.zeros((2, 2))), "inv.*Singular"),
        (lambda: ops.inv(np.ones((2, 3))), "inv.*square"),
        (lambda: ops.det(np.ones(3)), "det"),
        (lambda: ops.solve(np.eye(2), np.ones(3)), "solve"),
        (lambda: ops.cholesky(-np.eye(2)), "cholesky.*positive definite"),
        (lambda: ops.qr(np.eye(2), mode="full"), "reduced"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(wrong, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        wrong()


def test_integers_become_floats():
    assert ops.det([[2, 0], [0, 3]]).dtype == "float32"
    assert ops.det([[2, 0], [0, 3]]).item() == pytest.approx(6)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 3, 3)])
def test_factors_of_a_matrix_in_general(shape, rng):
    x = rng.standard_normal(shape)
    lu, pivots = ops.lu_factor(x)
    n = shape[-1]
    lower, upper = np.tril(lu, -1) + np.eye(n), np.triu(lu)
    np.testing.assert_allclose(linalg.exchanged(lower @ upper, pivots, back=True), x, atol=1e-12)
    assert np.all(np.abs(lower) <= 1) and pivots.dtype == "int32"


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_least_squares(shape, rng):
    a, b = rng.standard_normal(shape), rng.standard_normal((shape[0], 2))
    np.testing.assert_allclose(ops.lstsq(a, b), np.linalg.lstsq(a, b)[0], atol=1e-10)
    np.testing.assert_allclose(ops.lstsq(a, b[:, 0]), np.linalg.lstsq(a, b[:, 0])[0], atol=1e-10)
    check_gradients(lambda a, b: ops.sum(ops.sin(ops.lstsq(a, b))), a, b)


def test_inverses_from_factors(rng):
    x = rng.standard_normal((2, 3, 3))
    x = x @ np.swapaxes(x, -1, -2) + np.eye(3)
    factor = ops.cholesky(x)
    np.testing.assert_allclose(ops.cholesky_inverse(factor), np.linalg.inv(x), atol=1e-10)
    upper = ops.cholesky(x, upper=True)
    np.testing.assert_allclose(ops.cholesky_inverse(upper, upper=True), np.linalg.inv(x), atol=1e-10)


def test_small_singular_values_count_as_zero():
    assert ops.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).item() == 1
    np.testing.assert_allclose(ops.pinv(np.diag([1.0, 1e-20])), np.diag([1.0, 0.0]), atol=1e-12)
    with pytest.raises(ShapeError, match="matrices"):
        ops.pinv(np.zeros(3))
    with pytest.raises(ShapeError, match="lstsq"):
        ops.lstsq(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ShapeError, match="square"):
        ops.lu_factor(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="square"):
        ops.cholesky_inverse(np.zeros((2, 3)))


SINGULAR = [
    [[1.0, 2.0], [2.0, 4.0]],
    [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]],
    np.ones((3, 3)),
    np.zeros((1, 1)),
    np.zeros((4, 4)),
    np.diag([1.0, 2.0, 3.0, 0.0, 5.0, 6.0, 7.0, 8.0]),
]


def by_minors(x):
    n = len(x)
    minor = lambda i, j: np.delete(np.delete(x, i, 0), j, 1)
    return np.array([[(-1) ** (i + j) * np.linalg.det(minor(i, j)) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("way", [lambda f: f, autonet.jit, lambda f: autonet.jit(f, native=False)])
@pytest.mark.parametrize("x", SINGULAR, ids=lambda x: f"{len(x)}")
def test_the_derivative_of_det_is_the_cofactors_also_of_singular_matrices(x, way):
    batch = np.stack([np.eye(len(x)), np.asarray(x), 2 * np.eye(len(x))])
    slope = way(gradients.grad(lambda x: ops.sum(ops.det(x))))(batch)
    np.testing.assert_allclose(slope, [by_minors(m) for m in batch], atol=1e-9)


def test_second_derivatives_of_det_exist_where_it_is_zero():
    h = np.asarray(gradients.hessian(ops.det)(np.array([[1.0, 2.0], [2.0, 4.0]]))).reshape(4, 4)
    np.testing.assert_allclose(h, np.fliplr(np.diag([1.0, -1, -1, 1])), atol=1e-12)


@pytest.mark.parametrize("f", [lambda x: ops.slogdet(x)[1], ops.logdet])
def test_one_singular_matrix_leaves_the_slogdet_of_others_alone(f):
    batch = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    with np.errstate(all="ignore"):
        assert f(batch).numpy()[1] == -np.inf
        slope = gradients.grad(lambda x: ops.sum(f(x)))(batch).numpy()
    np.testing.assert_allclose(slope, [np.eye(2), np.full((2, 2), np.nan), np.eye(2) / 2])


def test_errors_name_what_was_called():
    with pytest.raises(DataError, match="The derivative of qr fails at these numbers"):
        gradients.grad(lambda x: ops.sum(ops.qr(x)[1]))(np.zeros((2, 2)))
    with pytest.raises(DataError, match="^svd cannot take"):
        ops.svd(np.full((2, 2), np.nan))
