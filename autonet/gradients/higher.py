"""jacobian, hessian, hvp: derivatives of many numbers, and of derivatives."""

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten, pack
from autonet.common.types import Derivative, SupportsArray
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError
from autonet.gradients.functional import grad, jvp, spread, vjp

P = ParamSpec("P")
R = TypeVar("R")


@overload
def jacobian(
    f: Callable[Concatenate[Tensor, P], Tensor], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Derivative[P, Tensor, list[Tensor]]: ...
@overload
def jacobian(f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[P, Any]: ...
def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns all partial derivatives of f's result with respect to the arguments `argnums`.

    Shapes: for a result (...y) and an argument (...x), (...y, ...x); trees of results hold trees of arguments.

    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    @filters_traceback
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from autonet.ops.shaping import reshape, stack

        numbers, single = spread(argnums, args)

        def of_chosen(*chosen: Any) -> Any:
            new = list(args)
            for n, value in zip(numbers, chosen, strict=True):
                new[n] = value
            return f(*new, **kwargs)

        chosen = [args[n] for n in numbers]
        result, pullback, *aux = vjp(of_chosen, *chosen, has_aux=has_aux)
        outputs = flatten(result)
        per_output = []
        for i, y in enumerate(outputs):
            rows = []
            for k in range(y.size):
                cotangents = [np.zeros(o.shape, o.dtype) for o in outputs]
                cotangents[i].reshape(-1)[k] = 1
                rows.append(flatten(list(pullback(pack(result, cotangents)))))
            leaves = []
            for j, x in enumerate(flatten(chosen)):
                x = convert_to_tensor(x)
                shape = (*y.shape, *x.shape)
                leaves.append(
                    reshape(stack([row[j] for row in rows]), newshape=shape)
                    if rows
                    else convert_to_tensor(np.zeros(shape, y.dtype))
                )
            tree = pack(chosen, leaves)
            per_output.append(tree[0] if single else tuple(tree))
        jac = pack(result, per_output) if not isinstance(result, Tensor) else per_output[0]
        return (jac, aux[0]) if has_aux else jac

    return wrapper


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
