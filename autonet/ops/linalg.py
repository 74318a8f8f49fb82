"""Linear algebra: norms, factorisations and pseudo-inverses; with `solving`, the names of `keras.ops.linalg`."""

import math
from typing import Any, Literal, overload

import numpy as np

from autonet.common.types import Axis, TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, GradientError, ShapeError
from autonet.ops.comparison import equal, logical_and, logical_not, not_equal
from autonet.ops.creation import cast
from autonet.ops.half_precision import accumulates
from autonet.ops.kinks import times
from autonet.ops.pointwise import absolute, where
from autonet.ops.products import matmul, matrix_transpose
from autonet.ops.reduction import l2_norm, p_norm
from autonet.ops.reduction import max as largest
from autonet.ops.reduction import min as smallest
from autonet.ops.reduction import sum as total
from autonet.ops.shaping import concatenate, expand_dims, transpose
from autonet.ops.solving import solve_triangular, triangle
from autonet.ops.spectra import from_eigenvalues, from_singular_values


@accumulates(like="x")
def norm(x: TensorLike, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Norm of vectors (one axis) or matrices (two axes).

        None     root of the sum of squares, over any number of axes
        vectors  ord p: (sum |x|^p)^(1/p), with inf, -inf and 0 (how many are not zero) as limits
        matrices 1, -1, inf, -inf: sums of columns or rows; 2, -2, "nuc": singular values; "fro": as None

    Its derivative where it is zero is taken as zero.

    >>> norm([3.0, 4.0]).item()
    5.0
    """
    x = convert_to_tensor(x)
    if x.dtype.kind != "f":
        x = cast(x, "float32")
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    if ord is None or (ord == 2 and len(axes) == 1) or (ord == "fro" and len(axes) == 2):
        return l2_norm(x, axis=axes, keepdims=keepdims)
    if isinstance(ord, str) and ord not in ("fro", "nuc"):
        raise ArgumentError(f"norm knows ord None, a number, 'fro' or 'nuc'; received {ord!r}.")
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2 and ord in ("nuc", 1, -1, 2, -2, math.inf, -math.inf):
        return _matrix_norm(x, ord, [a % x.ndim for a in axes], keepdims)
    raise ArgumentError(f"norm has no ord {ord!r} over {len(axes)} axes; vectors take one axis, matrices two.")


def _vector_norm(x: Tensor, ord: float, axis: Any, keepdims: bool) -> Tensor:
    if ord == math.inf:
        return largest(absolute(x), axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return smallest(absolute(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return total(cast(not_equal(x, 0), x.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return total(absolute(x), axis=axis, keepdims=keepdims)
    return p_norm(x, p=float(ord), axis=axis, keepdims=keepdims)


def _matrix_norm(x: Tensor, ord: Any, axes: list, keepdims: bool) -> Tensor:
    rows, columns = axes
    x = transpose(x, (*[a for a in range(x.ndim) if a not in axes], rows, columns))
    if ord in (2, -2, "nuc"):
        s = singular_values(x)
        y = total(s, axis=-1) if ord == "nuc" else largest(s, axis=-1) if ord == 2 else smallest(s, axis=-1)
    else:
        sums = total(absolute(x), axis=-2 if abs(ord) == 1 else -1)
        y = largest(sums, axis=-1) if ord > 0 else smallest(sums, axis=-1)
    return expand_dims(y, tuple(sorted(axes))) if keepdims else y


# Factorisations. Rules: Giles, as in `solving`; for qr Walter, Lehmann, 2012, https://arxiv.org/abs/1001.1654, and for
# cholesky Murray, 2016, https://arxiv.org/abs/1602.07527. Where singular values or eigenvalues coincide, their vectors have
# no derivative: a gradient that asks for it is NaN. The rules of the values alone stand in `spectra`.


@primitive(floating=True, accumulates=True)
def cholesky(x, *, upper: bool = False):
    """Lower triangular L with L @ L.T = (x + x.T) / 2 for each positive definite matrix; L.T if `upper`."""
    y = np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2)
    return np.swapaxes(y, -1, -2) if upper else y


def _cholesky_rule(g, y, upper):
    if upper:
        g, y = matrix_transpose(g), matrix_transpose(y)
    half = matmul(matrix_transpose(y), g) * triangle(y.shape[-1], y.dtype, diagonal=0.5)
    half = solve_triangular(matrix_transpose(y), half, lower=False)
    half = solve_triangular(matrix_transpose(y), matrix_transpose(half), lower=False)
    return (half + matrix_transpose(half)) / 2


cholesky.vjp(x=_cholesky_rule)


@primitive(floating=True, accumulates=True)
def eigh(x) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, ascending, and eigenvectors, in columns, of each symmetric matrix; of (x + x.T) / 2 in fact."""
    values, vectors = np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2)
    return values, vectors


def _over(x, d):
    """x / d; where d is zero, zero if x is, else NaN: the derivative that was asked for does not exist."""
    zero = equal(d, 0)
    return times(x, where(zero, np.nan, 1 / where(zero, 1, d)))


def _gaps(x):
    """x_j - x_i at (i, j), infinite on the diagonal, which nobody asks for."""
    return where(np.eye(x.shape[-1], dtype=bool), math.inf, expand_dims(x, -2) - expand_dims(x, -1))


def _eigh_rule(g, x, y):
    values, vectors = y
    result = None if _absent(g[0]) else from_eigenvalues(g[0], x, values, vectors)
    if _absent(g[1]):
        return result
    turned = matmul(matrix_transpose(vectors), g[1]) * _off_diagonal(values)
    inside = matmul(matmul(vectors, _over(turned, _gaps(values))), matrix_transpose(vectors))
    inside = (inside + matrix_transpose(inside)) / 2
    return inside if result is None else result + inside


def _absent(g):
    """Whether a result's cotangent is zero because nobody used it."""
    return getattr(g, "_absent", False)


def _off_diagonal(x):
    """Ones, with zeros on the diagonal, in the dtype of x."""
    return 1 - np.eye(x.shape[-1], dtype=x.dtype)


eigh.vjp(x=_eigh_rule)


@primitive(floating=True, accumulates=True)
def qr(x, *, mode: Literal["reduced", "complete"] = "reduced") -> tuple[np.ndarray, np.ndarray]:
    """Q with orthonormal columns and upper triangular R, with Q @ R = x; `mode` "reduced" or "complete"."""
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr knows the modes 'reduced' and 'complete'; received {mode!r}.")
    q, r = np.linalg.qr(x, mode)
    return q, r


def _qr_rule(g, x, y, mode):
    (gq, gr), (q, r) = g, y
    m, n = x.shape[-2:]
    if m <= n:
        gr = gr * triangle(n, r.dtype, lower=False)[:m]
        if m < n:  # the first m columns make q; the others only meet it
            rest = gr[..., m:]
            gq = gq + matmul(x[..., m:], matrix_transpose(rest))
            square = _qr_square(gq, gr[..., :m], q, r[..., :m])
            return concatenate([square, matmul(q, rest)], axis=-1)
    elif mode == "complete":
        raise GradientError("qr has no derivative in mode 'complete' for tall matrices. Take mode='reduced'.")
    else:
        gr = gr * triangle(n, r.dtype, lower=False)
    return _qr_square(gq, gr, q, r)


def _qr_square(gq, gr, q, r):
    inside = matmul(r, matrix_transpose(gr)) - matmul(matrix_transpose(gq), q)
    lower = inside * triangle(inside.shape[-1], inside.dtype, diagonal=0.5)
    outer = gq + matmul(q, lower + matrix_transpose(lower))
    return matrix_transpose(solve_triangular(r, matrix_transpose(outer), lower=False))


qr.vjp(x=_qr_rule)


@primitive(floating=True, accumulates=True)
def singular_values(x):
    """Singular values of each matrix, descending."""
    return np.linalg.svd(x, compute_uv=False)


@primitive(floating=True, accumulates=True)
def singular_vectors(x, *, full_matrices: bool = False):
    """Matrices U, vectors s and matrices V.T with U @ diag(s) @ V.T = x."""
    return tuple(np.linalg.svd(x, full_matrices=full_matrices))


@overload
def svd(
    x: TensorLike, full_matrices: bool = True, compute_uv: Literal[True] = True
) -> tuple[Tensor, Tensor, Tensor]: ...
@overload
def svd(
    x: TensorLike, full_matrices: bool = True, compute_uv: bool = True
) -> Tensor | tuple[Tensor, Tensor, Tensor]: ...
def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """Singular value decomposition of each matrix: (U, s, V.T), or s alone without `compute_uv`.

    Has a derivative for square matrices, with `full_matrices=False`, and without `compute_uv`.
    """
    return singular_vectors(x, full_matrices=full_matrices) if compute_uv else singular_values(x)


def _svd_rule(g, x, y, full_matrices):
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise GradientError("svd has no derivative for full_matrices=True unless the matrices are square.")
    (gu, gs, gv), (u, s, vt) = g, y
    result = None if _absent(gs) else from_singular_values(gs, x, u, s, vt)
    if _absent(gu) and _absent(gv):
        return result
    gv, v = matrix_transpose(gv), matrix_transpose(vt)
    gaps = _gaps(s * s)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    left, right = matmul(matrix_transpose(u), gu), matmul(matrix_transpose(v), gv)
    turned_left, turned_right = (_over(m - matrix_transpose(m), gaps) for m in (left, right))
    of_vectors = matmul(matmul(u, turned_left * row + column * turned_right), vt)
    result = of_vectors if result is None else result + of_vectors
    if x.shape[-2] > x.shape[-1]:  # what of gu lies outside the columns of u
        result = result + matmul(_over(gu - matmul(u, left), row), vt)
    elif x.shape[-2] < x.shape[-1]:
        result = result + matmul(u, matrix_transpose(_over(gv - matmul(v, right), row)))
    return result


def _singular_values_rule(g, x, y):
    u, _, vt = singular_vectors(x)
    return from_singular_values(g, x, u, y, vt)


singular_vectors.vjp(x=_svd_rule)
singular_values.vjp(x=_singular_values_rule)


# Pseudo-inverses, ranks, and factors of matrices in general


@primitive(floating=True, accumulates=True)
def pseudo_inverse(x, *, rcond):
    """The Moore-Penrose inverse of each matrix, singular values up to `rcond` times the largest counting as zero."""
    return np.linalg.pinv(x, rcond=rcond)


def _pseudo_inverse_rule(g, x, y, rcond):
    # Golub, Pereyra, 1973, https://doi.org/10.1137/0710036, of the part of x whose singular values count
    yt, gt = matrix_transpose(y), matrix_transpose(g)
    left, right = matmul(matmul(gt, y), yt), matmul(matmul(yt, y), gt)
    outside = left - matmul(x, matmul(y, left)) + right - matmul(matmul(right, y), x)
    c = outside - matmul(matmul(yt, g), yt)
    if rcond <= _cutoff(x, None):
        return c
    # Kept values s turn, by first-order perturbation, into those that are left out, if these are not zero
    u, s, vt = singular_vectors(x)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    kept = s > rcond * largest(s, axis=-1, keepdims=True)
    mixed = logical_and(expand_dims(kept, -1), logical_not(expand_dims(kept, -2)))
    rate = where(mixed, row / where(mixed, column * column - row * row, 1), 0)
    inside = matmul(matmul(matrix_transpose(u), c), matrix_transpose(vt))
    turned = matrix_transpose(inside)
    mixed = rate * (row * inside + column * turned) + matrix_transpose(rate * (row * turned + column * inside))
    return c + matmul(matmul(u, mixed), vt)


pseudo_inverse.vjp(x=_pseudo_inverse_rule)


def _cutoff(x: Tensor, rcond: Any) -> float:
    return 10 * max(x.shape[-2:]) * float(np.finfo(x.dtype).eps) if rcond is None else float(rcond)


@accumulates(like="x")
def pinv(x: TensorLike, rcond: float | None = None) -> Tensor:
    """The Moore-Penrose inverse of each matrix (..., m, n): shape (..., n, m).

    Singular values up to `rcond` times the largest count as zero, by default 10 max(m, n) times the dtype's precision.

    >>> pinv([[2.0, 0.0]]).tolist()
    [[0.5], [0.0]]
    """
    x = convert_to_tensor(x)
    x = x if x.dtype.kind == "f" else cast(x, "float32")
    if x.ndim < 2:
        raise ShapeError(f"pinv expects matrices; received shape {x.shape}.")
    return pseudo_inverse(x, rcond=_cutoff(x, rcond))


@accumulates()
def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> Tensor:
    """The x that brings a @ x nearest to `b`; of several the smallest.

    Shapes: a (m, n), b (m,) or (m, k), result (n,) or (n, k). `rcond` as in `pinv`, by default max(m, n) times the
    dtype's precision.

    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).numpy().round(5).tolist()
    [2.0]
    """
    a, b = convert_to_tensor(a), convert_to_tensor(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(f"lstsq expects shapes (m, n) and (m,) or (m, k); received {a.shape} and {b.shape}.")
    if rcond is None:
        rcond = max(a.shape) * float(np.finfo(a.dtype if a.dtype.kind == "f" else np.float32).eps)
    return matmul(pinv(a, rcond), b)


@primitive(floating=True, accumulates=True)
def matrix_rank(x, *, tol: float | None = None):
    """How many singular values of each matrix are above `tol`; by default max(m, n) times precision times the largest."""
    if x.ndim < 2:
        raise ShapeError(f"matrix_rank expects matrices; received shape {x.shape}.")
    s = np.linalg.svd(x, compute_uv=False)
    bound = s.max(axis=-1, keepdims=True, initial=0) * max(x.shape[-2:]) * np.finfo(x.dtype).eps if tol is None else tol
    return np.asarray(np.sum(s > bound, axis=-1), np.int32)


matrix_rank.vjp(x=None)


@accumulates(like="x")
def cholesky_inverse(x: TensorLike, upper: bool = False) -> Tensor:
    """The inverse of L @ L.T, given its triangular factor L (or, if `upper`, of U.T @ U, given U), for each matrix.

    >>> cholesky_inverse([[2.0, 0.0], [0.0, 1.0]]).tolist()
    [[0.25, 0.0], [0.0, 1.0]]
    """
    x = convert_to_tensor(x)
    x = x if x.dtype.kind == "f" else cast(x, "float32")
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"cholesky_inverse expects square matrices; received shape {x.shape}.")
    identity = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    y = solve_triangular(x, identity, lower=not upper)
    return matmul(y, matrix_transpose(y)) if upper else matmul(matrix_transpose(y), y)


@primitive(floating=True, accumulates=True)
def lu_factor(x) -> tuple[np.ndarray, np.ndarray]:
    """L and U, lower (its diagonal of ones left out) and upper triangular, in one matrix, and the row exchanges.

    Row i was exchanged with row pivots[i], one after the other; L @ U is `x` with its rows so exchanged.

    Shapes: x (..., n, n), result (..., n, n) and pivots (..., n), int32.
    """
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"lu_factor expects square matrices; received shape {x.shape}.")
    n = x.shape[-1]
    a = x.reshape((math.prod(x.shape[:-2]), n, n)).copy()
    stack = np.arange(len(a))
    pivots = np.zeros((len(a), n), np.int32)
    for k in range(n):
        p = k + np.argmax(np.abs(a[:, k:, k]), axis=-1)
        pivots[:, k] = p
        a[stack, k], a[stack, p] = a[stack, p], a[stack, k].copy()
        pivot = a[:, k, k]
        a[:, k + 1 :, k] /= np.where(pivot == 0, 1, pivot)[:, None]
        a[:, k + 1 :, k + 1 :] -= a[:, k + 1 :, k, None] * a[:, k, None, k + 1 :]
    return a.reshape(x.shape), pivots.reshape(x.shape[:-1])


@primitive(keep=("pivots",))
def exchanged(x, pivots, *, back: bool):
    """The rows of each matrix exchanged as `lu_factor` did, or `back` again."""
    n = x.shape[-2]
    flat = x.reshape((-1, n, x.shape[-1])).copy()
    moves = pivots.reshape((-1, n))
    stack = np.arange(len(flat))
    for k in reversed(range(n)) if back else range(n):
        p = moves[:, k]
        flat[stack, k], flat[stack, p] = flat[stack, p], flat[stack, k].copy()
    return flat.reshape(x.shape)


exchanged.vjp(x=lambda g, pivots, back: exchanged(g, pivots, back=not back), pivots=None)


def _lu_rule(g, y):
    lu, pivots = y
    n = lu.shape[-1]
    strict = triangle(n, lu.dtype, diagonal=0.0)
    lower, upper = lu * strict + np.eye(n, dtype=lu.dtype), lu * (1 - strict)
    inside = matmul(matrix_transpose(lower), g[0] * strict) * strict
    inside = inside + matmul(g[0] * (1 - strict), matrix_transpose(upper)) * (1 - strict)
    inside = solve_triangular(matrix_transpose(lower), inside, lower=False)
    inside = matrix_transpose(solve_triangular(upper, matrix_transpose(inside), lower=False))
    return exchanged(inside, pivots, back=True)


lu_factor.vjp(x=_lu_rule)


def __getattr__(name: str) -> Any:  # keras.ops.linalg has more names, whose rooms are others
    from autonet import ops

    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(ops, name)
