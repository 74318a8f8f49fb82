"""Linear equations between trees of arrays."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autonet import ops
from autonet.common.lines import filters_traceback
from autonet.common.trees import assert_same_structure, flatten, map_structure
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.linalg.vectors import Tree, axpy, dot, empty, norm


class Solution(NamedTuple):
    """What `conjugate_gradient` found.

    Attributes:
        x: the tree that solves the equations, as far as asked.
        residuals: the length of b - A x at first and after each iteration; floats.
        values: likewise the quadratic x.A x / 2 - b.x, which each iteration lowers.
        converged: whether the last residual is within the tolerance.
        negative_curvature: whether it ended at a direction p with p.A p <= 0, so that A is not positive definite.
    """

    x: Tree
    residuals: list[float]
    values: list[float]
    converged: bool
    negative_curvature: bool

    @property
    def iterations(self) -> int:
        """Number of products with A that moved x."""
        return len(self.residuals) - 1


@filters_traceback
def conjugate_gradient(
    a: Callable[[Tree], Tree],
    b: Tree,
    x0: Tree | None = None,
    *,
    iterations: int | None = None,
    tolerance: float = 1e-5,
    preconditioner: Callable[[Tree], Tree] | None = None,
    stop: Callable[[list[float]], bool] | None = None,
) -> Solution:
    """Solve A x = b for a symmetric positive definite A that is known by its products alone.

        r = b - A x,  z = M r,  p = z
        alpha = r.z / p.A p
        x <- x + alpha p
        r <- r - alpha A p
        p <- z + (new r.z / old r.z) p        with the new z = M r

    Without rounding, n unknowns take at most n iterations, and as many as A has different eigenvalues. Derivatives of x are
    those of the iterations that were made. Whether to go on is decided by values, so `jit` cannot record it; A's product can
    be jitted by itself.

    Args:
        a: takes a tree like b and returns A times it.
        b: a tree of floats.
        x0: where to start, like b; by default zeros.
        iterations: at most so many; by default the number of unknowns.
        tolerance: ends once |r| <= tolerance |b|.
        preconditioner: takes r and returns M r, M symmetric positive definite, near the inverse of A.
        stop: takes `values` so far after each iteration; True ends it.

    Returns: a `Solution`. Where a direction has no positive curvature, x is what was reached before it.

    Raises: ArgumentError, ShapeError for products that are not like b.

    Source: Hestenes, Stiefel, 1952; in this form Nocedal, Wright, 2006, algorithm 5.3.

    >>> matrix = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradient(lambda v: matrix @ v, np.array([1.0, 2.0])).x.numpy().round(4)
    array([0.0909, 0.6364])
    """
    if iterations is not None and (
        not isinstance(iterations, (int, np.integer)) or isinstance(iterations, bool) or iterations < 0
    ):
        raise ArgumentError(
            f"conjugate_gradient expects iterations to be a whole number of at least 0; received {iterations!r}."
        )
    if not tolerance >= 0:
        raise ArgumentError(f"conjugate_gradient expects a tolerance of at least 0; received {tolerance!r}.")
    b = map_structure(convert_to_tensor, b)
    if not flatten(b):
        raise empty("conjugate_gradient")
    if iterations is None:
        iterations = sum(leaf.size for leaf in flatten(b))
    return _iterate(a, b, x0, iterations, tolerance, preconditioner, stop)


def _iterate(
    a: Callable, b: Tree, x0: Tree | None, iterations: int, tolerance: float, preconditioner: Any, stop: Any
) -> Solution:
    x = map_structure(ops.zeros_like, b) if x0 is None else map_structure(convert_to_tensor, x0)
    r = b if x0 is None else axpy(-1, _product(a, x, b), b)
    p = z = r if preconditioner is None else preconditioner(r)
    rz = dot(r, z)
    enough = tolerance * _number(norm(b))
    residuals, values = [_number(norm(r))], [_value(x, r, b)]
    negative = False
    while residuals[-1] > enough and len(residuals) <= iterations:
        ap = _product(a, p, b)
        curvature = dot(p, ap)
        if not _number(curvature) > 0:
            negative = True
            break
        alpha = rz / curvature
        x, r = axpy(alpha, p, x), axpy(-alpha, ap, r)
        residuals.append(_number(norm(r)))
        values.append(_value(x, r, b))
        if not math.isfinite(residuals[-1]) or (stop is not None and stop(values)):
            break
        z = r if preconditioner is None else preconditioner(r)
        before, rz = rz, dot(r, z)
        p = axpy(rz / before, p, z)
    return Solution(x, residuals, values, residuals[-1] <= enough, negative)


def _value(x: Tree, r: Tree, b: Tree) -> float:
    """x.A x / 2 - b.x without another product: A x = b - r."""
    return -0.5 * _number(dot(x, axpy(1, r, b)))


def _number(x: Tensor) -> float:
    """The value, to decide by, which has no derivative."""
    return float(ops.stop_gradient(x))


def _product(a: Callable, x: Tree, like: Tree) -> Tree:
    product = a(x)
    assert_same_structure(like, product)
    for got, wanted in zip(flatten(product), flatten(like), strict=True):
        if tuple(got.shape) != wanted.shape:
            raise ShapeError(
                f"conjugate_gradient expects products like b; A x has shape {tuple(got.shape)} beside {wanted.shape}."
            )
    return map_structure(convert_to_tensor, product)
