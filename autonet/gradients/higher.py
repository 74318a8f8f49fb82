"""jacobian, hessian, hvp: derivatives of many numbers, and of derivatives."""

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten, pack
from autonet.common.types import Derivative, SupportsArray
from autonet.core.accumulate import zeros_of
from autonet.core.tensor import Tensor, wrap
from autonet.errors import ArgumentError
from autonet.gradients.functional import applied, detach_closed, grad, jvp, spread
from autonet.gradients.scope import DifferentiationScope

P = ParamSpec("P")
R = TypeVar("R")

MOST = 1 << 24  # numbers of the largest array that one walk for many rows is to make


@overload
def jacobian(
    f: Callable[Concatenate[Tensor, P], Tensor], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Derivative[P, Tensor, list[Tensor]]: ...
@overload
def jacobian(f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[P, Any]: ...
def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns all partial derivatives of f's result with respect to the arguments `argnums`.

    All rows come from one walk back, or from as few as memory allows.

    Shapes: for a result (...y) and an argument (...x), (...y, ...x); trees of results hold trees of arguments.

    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    @filters_traceback
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers, single = spread(argnums, args)

        def of_chosen(*chosen: Any) -> Any:
            new = list(args)
            for n, value in zip(numbers, chosen, strict=True):
                new[n] = value
            return f(*new, **kwargs)

        chosen = [args[n] for n in numbers]
        result, scope, aux = applied(of_chosen, chosen, has_aux, "jacobian")
        per_output = []
        for y in flatten(result):
            tree = pack(chosen, _rows(y, scope))
            per_output.append(tree[0] if single else tuple(tree))
        jac = pack(result, per_output) if not isinstance(result, Tensor) else per_output[0]
        return (jac, detach_closed(aux)) if has_aux else jac

    return wrapper


def _rows(y: Tensor, scope: DifferentiationScope) -> list[Tensor]:
    """The derivatives of y with respect to each target of `scope`, all rows by one walk, or by as few as memory allows."""
    from autonet.gradients.stacked import stacked_gradients
    from autonet.ops.shaping import concatenate, reshape

    scope.check_assigned([y])
    targets = scope.targets
    at_once = max(1, MOST // max([t.size for t in targets] + [y.size, 1]))
    stacks: list[list[Tensor | None]] = []
    for first in range(0, y.size if y.dtype.kind == "f" else 0, at_once):
        count = min(at_once, y.size - first)
        ones = np.eye(count, y.size, first, dtype=y.dtype).reshape(count, *y.shape)
        stacks.append(stacked_gradients(y, wrap(ones), [t._node for t in targets]))  # type: ignore[misc]
        scope.check(stacks[-1])
    rows: list[Tensor] = []
    for t, found in zip(targets, zip(*stacks, strict=True) if stacks else [()] * len(targets), strict=True):
        shape = (*y.shape, *t.shape)
        if not found or found[0] is None:
            rows.append(zeros_of(shape, t.dtype))
        else:
            rows.append(reshape(found[0] if len(found) == 1 else concatenate(list(found)), newshape=shape))  # type: ignore[arg-type]
    return detach_closed(rows)


@overload
def hessian(
    f: Callable[Concatenate[Tensor, P], Any], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Derivative[P, Tensor, list[list[Tensor]]]: ...
@overload
def hessian(f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[P, Any]: ...
def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the second partial derivatives of f's one number.

    Exactly at a kink (relu at 0, a tie of max) they are the limit where there is one, as for relu(x)^3, else NaN, where JAX
    and PyTorch give what the first derivative's rule gives. For a gradient penalty, or a step that is differentiated,
    through inputs that are exactly 0, take a smooth function (softplus, gelu, average pooling) or add a little noise.
    `config.debug_nans()` names the operation.

    Shapes: for an argument (...x), (...x, ...x).

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacobian(grad(f, argnums, has_aux), argnums, has_aux)


@overload
def hvp(f: Callable[..., Any], primals: tuple[Tensor | SupportsArray | float], tangents: Sequence[Any]) -> Tensor: ...
@overload
def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any: ...
def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of f's one number times the tangents, without the Hessian: the derivative of the gradient along them.

    Returns: a tree like primals[0] if there is one primal, else a tuple of trees like the primals.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),)).tolist()
    [6.0, 0.0]
    """
    if not isinstance(primals, (tuple, list)) or not primals:
        raise ArgumentError(
            "hvp expects primals and tangents as tuples, one for each argument of the function, as in hvp(f, (x,), (v,))."
        )
    primals = tuple(primals)
    numbers = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(f, numbers), primals, tangents)[1]
