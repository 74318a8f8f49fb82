"""Determinants, inverses and equations. Rules: Giles, 2008, "Collected matrix derivative results for forward and reverse
mode algorithmic differentiation"."""

from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor
from autonet.ops.creation import zeros_like
from autonet.ops.indexing import take
from autonet.ops.products import matmul, matrix_transpose
from autonet.ops.reduction import sum as total
from autonet.ops.shaping import expand_dims, squeeze


@primitive(floating=True, accumulates=True)
def det(x):
    """Determinant of each matrix.

    Its derivative is the matrix of cofactors, of singular matrices too; of those that are larger than 6 x 6 the second
    one is NaN.
    """
    return np.linalg.det(x)


@primitive(floating=True, accumulates=True)
def cofactors(x):
    """At (i, j) of each matrix: (-1)^(i + j) times the determinant of what remains without row i and column j."""
    u, s, vt = np.linalg.svd(x)
    # of U diag(s) V.T: det(U) det(V) U diag(products of the other s) V.T, whatever of s is zero
    n = x.shape[-1]
    others = np.prod(np.where(np.eye(n, dtype=bool), 1, s[..., None, :]), axis=-1)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))[..., None, None]
    return (sign * np.matmul(u * others[..., None, :], vt)).astype(x.dtype, copy=False)


@primitive(floating=True, accumulates=True)
def inverse_or_nan(x):
    """Inverse of each matrix, NaN for one that has none."""
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        if x.ndim == 2:
            return np.full_like(x, np.nan)
        return np.stack([inverse_or_nan.body(matrix) for matrix in x]).astype(x.dtype, copy=False)


@primitive(floating=True, accumulates=True)
def slogdet(x) -> tuple[np.ndarray, np.ndarray]:
    """Sign, and logarithm of the absolute value, of the determinant of each matrix: 0 and -inf of a singular one, whose
    derivative is NaN."""
    sign, log = np.linalg.slogdet(x)
    return np.asarray(sign), np.asarray(log)


def logdet(x: TensorLike) -> Tensor:
    """Logarithm of the determinant of each symmetric positive definite matrix; -inf, with a derivative of NaN, of a singular
    one."""
    return slogdet(x)[1]


@primitive(floating=True, accumulates=True)
def inv(x):
    """Inverse of each matrix."""
    return np.linalg.inv(x)


@primitive(floating=True, accumulates=True)
def solve(a, b):
    """The x with a @ x = b, for each matrix `a`; `b` holds columns (..., n, k), or is one vector (n,)."""
    return np.linalg.solve(a, b)


@primitive(floating=True, accumulates=True)
def solve_triangular(a, b, *, lower: bool = False):
    """`solve` that reads only the upper (or `lower`) triangle of `a`."""
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)


def _outwards(x):
    return expand_dims(x, (-2, -1))


def _transposed_solution(solution, g, b_shape):
    """Cotangent of b, which solves the transposed equations."""
    return squeeze(solution(expand_dims(g, -1)), -1) if len(b_shape) == 1 else solution(g)


def _coefficients(w, y, b_shape):
    """Cotangent of a, from that of b."""
    return -(expand_dims(w, -1) * expand_dims(y, -2)) if len(b_shape) == 1 else -matmul(w, matrix_transpose(y))


def _solve_rule(g, a, b, y):
    w = _transposed_solution(lambda c: solve(matrix_transpose(a), c), g, b.shape)
    return _coefficients(w, y, b.shape), w


def _solve_triangular_rule(g, a, b, y, lower):
    w = _transposed_solution(lambda c: solve_triangular(matrix_transpose(a), c, lower=not lower), g, b.shape)
    return _coefficients(w, y, b.shape) * triangle(a.shape[-1], a.dtype, lower), w


def triangle(n: int, dtype: Any, lower: bool = True, diagonal: float = 1.0) -> np.ndarray:
    """Ones in a triangle, another number on the diagonal, zeros beyond."""
    mask = np.tri(n, dtype=dtype)
    np.fill_diagonal(mask, diagonal)
    return mask if lower else mask.T


def _cofactors_rule(g, x, y):
    n = x.shape[-1]
    if n > 6:
        joint = _outwards(total(g * y, axis=(-2, -1))) * y
        return (joint - matmul(matmul(y, matrix_transpose(g)), y)) / _outwards(det(x))
    # each cofactor is a determinant of a minor, whose derivative are the minor's cofactors
    c = zeros_like(x)
    for i in range(n):
        for j in range(n):
            rows, columns = ([k for k in range(n) if k != without] for without in (i, j))
            if rows:
                minor = take(take(x, rows, -2), columns, -1)
                put = np.eye(n, dtype=x.dtype)
                share = matmul(matmul(put[:, rows], cofactors(minor)), put[columns])
                c = c + _outwards(g[..., i, j] * float((-1) ** (i + j))) * share
    return c


det.vjp(x=lambda g, x: _outwards(g) * cofactors(x))
cofactors.vjp(x=_cofactors_rule)
slogdet.vjp(x=lambda g, x: _outwards(g[1]) * matrix_transpose(inverse_or_nan(x)))
inverse_or_nan.vjp(x=lambda g, y: -matmul(matmul(matrix_transpose(y), g), matrix_transpose(y)))
inv.vjp(x=lambda g, y: -matmul(matmul(matrix_transpose(y), g), matrix_transpose(y)))
solve.joint_vjp(_solve_rule)
solve_triangular.joint_vjp(_solve_triangular_rule)
