"""Derivatives of functions of eigenvalues and singular values, where some of these coincide too.

Let F depend on a matrix through its eigenvalues w alone, x = V diag(w) V.T, and let g = dF/dw. Then dF/dx = V diag(g) V.T,
whose derivative needs no derivative of V (Daleckii, Krein, 1951; in Bhatia, Matrix Analysis, 1997, theorem V.3.3): with m
as V.T dx V

    d(V diag(g) V.T) = V (q * m + diag(dg)) V.T,  q_ij = (g_i - g_j) / (w_i - w_j) off the diagonal

Where w_i = w_j, q_ij is the limit dg/dw if g_i = g_j, as it is for the sum of some function of each eigenvalue; else the
derivative does not exist, and is NaN. Singular values are likewise, with a second quotient of sums.
"""

from typing import Any

import numpy as np

from autonet.core.primitive import primitive
from autonet.core.tape import Node
from autonet.ops.comparison import equal, less_equal, logical_and, not_equal
from autonet.ops.kinks import rate_of, times
from autonet.ops.pointwise import absolute, where
from autonet.ops.products import matmul, matrix_transpose
from autonet.ops.reduction import any as some
from autonet.ops.reduction import max as largest
from autonet.ops.shaping import diagonal, expand_dims


@primitive
def from_eigenvalues(g, x, values, vectors):
    """V diag(g) V.T, the cotangent of a symmetric `x`, given that of its eigenvalues."""
    return np.matmul(vectors * g[..., None, :], vectors.swapaxes(-1, -2))


@primitive
def from_singular_values(g, x, u, s, vt):
    """U diag(g) V.T, the cotangent of `x`, given that of its singular values: nothing for those that are 0."""
    return np.matmul(u * np.where(s == 0, 0, g)[..., None, :], vt)


def _eigen_pull(c: Any, n: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
    g, x, values, vectors = n.operands  # type: ignore[misc]
    turned = _both(c, vectors, matrix_transpose(vectors))
    symmetric = (turned + matrix_transpose(turned)) / 2
    inside = times(symmetric, _quotients(g, values, rate_of(g, values, n)))
    to_x = matmul(matmul(vectors, inside), matrix_transpose(vectors))
    return _wanted([(g._node, g, _diagonal(turned)), (x._node, x, to_x)], wanted)


def _singular_pull(c: Any, n: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
    g, x, u, s, vt = n.operands  # type: ignore[misc]
    v, ut = matrix_transpose(vt), matrix_transpose(u)
    turned = _both(c, u, vt)
    there = matrix_transpose(turned)
    rate = rate_of(g, s, n)
    own = where(np.eye(s.shape[-1], dtype=bool), expand_dims(_of_zero(g, s, rate), -1), 0)
    quotients = _quotients(g, s, rate) + own
    inside = times((turned + there) / 2, quotients)
    inside = inside + times((turned - there) / 2, _sum_quotients(g, s, rate))
    to_x = matmul(matmul(u, inside), vt)
    each = expand_dims(where(_disagree(quotients)[..., 0], np.nan, _over_own(g, s, rate)), -2)
    if x.shape[-2] > x.shape[-1]:  # what of c lies outside the columns of u, or the rows of vt
        along = matmul(c, v)
        to_x = to_x + matmul(times(along - matmul(u, matmul(ut, along)), each), vt)
    elif x.shape[-2] < x.shape[-1]:
        across = matmul(matrix_transpose(c), u)
        to_x = to_x + matmul(u, matrix_transpose(times(across - matmul(v, matmul(vt, across)), each)))
    to_g = where(_zero(s), 0, _diagonal(turned))
    return _wanted([(g._node, g, to_g), (x._node, x, to_x)], wanted)


def _both(c: Any, left: Any, right: Any) -> Any:
    """left.T @ c @ right.T, for vectors in the columns of `left` and the rows of `right`."""
    return matmul(matmul(matrix_transpose(left), c), matrix_transpose(right))


def _quotients(g: Any, w: Any, rate: Any) -> Any:
    """(g_i - g_j) / (w_i - w_j), the rate where w_i = w_j to rounding, 0 on the diagonal."""
    rows, columns = (lambda a: expand_dims(a, -1)), (lambda a: expand_dims(a, -2))
    apart = rows(w) - columns(w)
    same = less_equal(absolute(apart), _rounding(w))
    found = (rows(g) - columns(g)) / where(same, 1, apart)
    agreed = less_equal(absolute(rows(g) - columns(g)), 4 * _rounding(g))
    if getattr(rate, "ndim", 0):
        agreed = logical_and(agreed, less_equal(absolute(rows(rate) - columns(rate)), 4 * _rounding(rate)))
        rate = rows(rate)
    found = where(same, where(agreed, rate, np.nan), found)
    own = np.eye(w.shape[-1], dtype=bool)
    found = where(own, 0, found)
    return where(logical_and(own, _disagree(found)), np.nan, found)


def _disagree(found: Any) -> Any:
    """Which values have equals that g, or its rate, does not treat as equals: no direction is theirs. Axes (..., n, 1)."""
    return some(not_equal(found, found), axis=-1, keepdims=True)


def _sum_quotients(g: Any, s: Any, rate: Any) -> Any:
    """(g_i + g_j) / (s_i + s_j), the rate where both are 0."""
    sums = expand_dims(s, -1) + expand_dims(s, -2)
    zero = less_equal(sums, _rounding(s))
    total = expand_dims(g, -1) + expand_dims(g, -2)
    limit = rate
    if getattr(rate, "ndim", 0):
        limit, other = expand_dims(rate, -1), expand_dims(rate, -2)
        limit = where(less_equal(absolute(limit - other), 4 * _rounding(rate)), limit, np.nan)
    none = less_equal(absolute(total), 8 * _rounding(g))
    return where(zero, where(none, limit, np.nan), total / where(zero, 1, sums))


def _of_zero(g: Any, s: Any, rate: Any) -> Any:
    """The rate where a singular value is 0 and g too, NaN where it alone is 0: there it has a kink, as |x|; else 0."""
    return where(_zero(s), where(less_equal(absolute(g), 4 * _rounding(g)[..., 0]), rate, np.nan), 0)


def _over_own(g: Any, s: Any, rate: Any) -> Any:
    """g_i / s_i, the rate where s_i is 0."""
    return where(_zero(s), _of_zero(g, s, rate), g / where(equal(s, 0), 1, s))


def _zero(s: Any) -> Any:
    """Which singular values are 0 to rounding."""
    return less_equal(s, _rounding(s)[..., 0])


def _rounding(w: Any) -> Any:
    """What numbers computed together may differ by although they are equal; axes (..., 1, 1)."""
    scale = float(16 * w.shape[-1] * np.finfo(w.dtype).eps)
    return expand_dims(largest(absolute(w), axis=-1, keepdims=True), -1) * scale


def _diagonal(x: Any) -> Any:
    return diagonal(x, offset=0, axis1=-2, axis2=-1)


def _wanted(pulled: list, wanted: Any) -> list[tuple[Node, Any, Any]]:
    return [p for p in pulled if p[0] is not None and (wanted is None or p[0] in wanted)]


from_eigenvalues.pull_vjp(_eigen_pull)
from_singular_values.pull_vjp(_singular_pull)
