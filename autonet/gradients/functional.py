"""grad, value_and_grad, vjp, jvp: derivatives of functions, with JAX's signatures.

Arguments and results may be nested dicts, lists and tuples of arrays. Every transform gives its function fresh places in
the record, so transforms nest in any order without confusing whose derivative is whose.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.common.trees import assert_same_structure, flatten, map_structure, pack
from autonet.common.types import Derivative
from autonet.core import backward as walk
from autonet.core.accumulate import zeros_of
from autonet.core.tape import Leaf, Node
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.gradients.scope import DifferentiationScope
from autonet.ops.identity import detach

P = ParamSpec("P")
R = TypeVar("R")


def spread(argnums: int | Sequence[int], args: tuple[Any, ...]) -> tuple[list[int], bool]:
    """Positions of the chosen arguments, and whether a single one was chosen."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise ArgumentError(f"argnums names argument {n}; the function received {len(args)} positional arguments.")
    return [n % len(args) for n in numbers], isinstance(argnums, int)


@overload
def value_and_grad(
    f: Callable[Concatenate[Tensor, P], Any], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Derivative[P, tuple[Tensor, Tensor], tuple[Tensor, list[Tensor]]]: ...
@overload
def value_and_grad(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[P, Any]: ...
def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns f's value and its gradient with respect to the arguments `argnums`.

    Args:
        f: function whose result is one number (or a pair of it and anything else, with `has_aux`).
        argnums: position of the argument, or several; the gradient has its structure, or is a tuple of such. Variables
            among them (a model's weights) count wherever f meets them, so f may call the model and ignore the argument.
        has_aux: f returns (value, auxiliary); the new function then returns ((value, auxiliary), gradient).

    Raises: ShapeError if the value is not one number; DtypeError for arguments that are not floats; GradientError where
    the gradient would be zero only because a number left the record (float(x), x.numpy()).

    >>> value_and_grad(lambda x: x["a"] * x["b"])({"a": 2.0, "b": 3.0})
    (Tensor(6., dtype=float32), {'a': Tensor(3., dtype=float32), 'b': Tensor(2., dtype=float32)})
    """

    @functools.wraps(f)
    @filters_traceback
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers, single = spread(argnums, args)
        new = list(args)
        with DifferentiationScope() as scope:
            for n in numbers:
                new[n] = scope.tree(args[n], f"argument {n}")
            result = f(*new, **kwargs)
        for n in numbers:
            if not flatten(args[n]):  # said now, when what f builds by its first call is there for another one
                raise _nothing(f"argument {n} is an empty {type(args[n]).__name__}")
        if not numbers:
            raise _nothing("argnums names no argument")
        value, aux = _pair(result, "grad") if has_aux else (result, None)
        if not isinstance(value, Tensor):
            value = convert_to_tensor(value)
        if value.size != 1 or value.ndim:
            raise ShapeError(
                f"grad expects a function of one number as its value; received shape {value.shape}. "
                "Reduce it (sum, mean), or use jacobian."
            )
        if value.dtype.kind != "f":
            raise DtypeError(f"grad expects a float as the value; received dtype {value.dtype}.")
        ones = wrap(np.ones((), value.dtype))
        found = cotangents_of([(value, ones)], scope)
        trees = []
        for n in numbers:
            count = len(flatten(args[n]))
            trees.append(pack(args[n], found[:count]))
            found = found[count:]
        gradient = trees[0] if single else tuple(trees)
        value, aux = detach_closed((value, aux))
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return wrapper


def _nothing(why: str) -> ArgumentError:
    return ArgumentError(
        f"There is nothing to differentiate with respect to: {why}. Layers have no weights before they are built: build "
        "them, or call them once, and ask for trainable_variables after that."
    )


def cotangents_of(
    pairs: list[tuple[Tensor, Tensor]], scope: DifferentiationScope, record: bool | None = None
) -> list[Tensor]:
    """Gradients of the targets of `scope`; zeros where one was not used."""
    scope.check_assigned([y for y, _ in pairs])
    found = walk.gradients(pairs, [t._node for t in scope.targets], record)  # type: ignore[misc]
    scope.check(found)
    if record is None:  # a walk may have been recorded for rules that turn out to use nothing from outside
        found = detach_closed(found)
    return _filled(found, scope.targets)


def _filled(found: list[Any], targets: list[Tensor]) -> list[Tensor]:
    return [zeros_of(t.shape, t.dtype) if g is None else g for g, t in zip(found, targets, strict=True)]


def detach_closed(tree: Any) -> Any:
    """A transform's results, without a record where all that they were computed from are places of transforms' arguments.

    Of transforms that are over, this one's own and those inside it: nobody can ask for a derivative there any more.
    """
    closed: set[Node] = set()  # nodes behind which there is nothing else

    def cut(x: Any) -> Any:
        if not isinstance(x, Tensor) or x._node is None:
            return x
        stack: list[Node] = [x._node]
        seen: set[Node] = set()
        while stack:
            node = stack.pop()
            if node in seen or node in closed:
                continue
            seen.add(node)
            if not node.parents and not (isinstance(node, Leaf) and node.spent):
                return x
            stack.extend([p for p in node.parents if p is not None])
        closed.update(seen)
        return detach(x)

    return map_structure(cut, tree)


def _pair(result: Any, who: str) -> Any:
    """What a function gave that has an auxiliary; ArgumentError if that is no pair."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentError(f"{who} with has_aux=True expects the function to return a pair (value, auxiliary).")
    return result


@overload
def grad(
    f: Callable[Concatenate[Tensor, P], Any], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Derivative[P, Tensor, list[Tensor]]: ...
@overload
def grad(f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[P, Any]: ...
def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of f with respect to the arguments `argnums`; see `value_and_grad`.

    A gradient of a gradient is NaN exactly at a kink where there is none, as that of a relu at 0 is; see `hessian`.

    >>> grad(lambda x: x**3)(2.0)
    Tensor(12., dtype=float32)
    >>> grad(grad(lambda x: x**3))(2.0)
    Tensor(12., dtype=float32)
    """
    pair = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    @filters_traceback
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        value, gradient = pair(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def applied(
    f: Callable[..., Any], primals: Sequence[Any], has_aux: bool, who: str
) -> tuple[Any, DifferentiationScope, Any]:
    """f's results at fresh places of the record, as Tensors; the scope with these places; the auxiliary or None."""
    with DifferentiationScope() as scope:
        result = f(*[scope.tree(primal, f"primal {n}") for n, primal in enumerate(primals)])
    if not scope.targets:
        raise _nothing(f"{who} received no primals")
    result, aux = _pair(result, who) if has_aux else (result, None)
    return map_structure(lambda y: y if isinstance(y, Tensor) else convert_to_tensor(y), result), scope, aux


@filters_traceback
def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """f(*primals), and the function that carries a cotangent of that result back to the primals.

    Returns: (result, pullback), with has_aux (result, pullback, auxiliary). pullback(cotangent) is a tuple with one
    cotangent per primal; it may be called repeatedly, and differentiated.

    >>> y, pullback = vjp(lambda x: x * x, 3.0)
    >>> pullback(1.0)
    (Tensor(6., dtype=float32),)
    """
    result, scope, aux = applied(f, primals, has_aux, "vjp")
    outputs = flatten(result)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        assert_same_structure(result, cotangent)
        pairs = []
        for y, g in zip(outputs, flatten(cotangent), strict=True):
            if y.dtype.kind != "f":
                continue
            g = convert_to_tensor(g, y.dtype)
            if g.shape != y.shape:
                raise ShapeError(f"The cotangent must have the result's shape {y.shape}; received {g.shape}.")
            pairs.append((y, g))
        found = cotangents_of(pairs, scope)
        trees = []
        for primal in primals:
            count = len(flatten(primal))
            trees.append(pack(primal, found[:count]))
            found = found[count:]
        return tuple(trees)

    closed, aux = detach_closed((result, aux))
    return (closed, pullback, aux) if has_aux else (closed, pullback)


@filters_traceback
def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """fun(*primals) and its derivative along `tangents`: (result, tangent of the result).

    With has_aux `fun` returns (result, auxiliary), and the auxiliary comes third.

    By two reverse passes: the pullback is linear in its cotangent, and its own derivative is the forward derivative
    (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).

    >>> jvp(lambda x: x * x, (3.0,), (1.0,))
    (Tensor(9., dtype=float32), Tensor(6., dtype=float32))
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise ArgumentError(
                f"jvp expects {name} as a tuple, one for each argument of the function, as in jvp(f, (x,), (v,)); "
                f"received {type(given).__name__}."
            )
    primals, tangents = tuple(primals), tuple(tangents)
    if len(primals) != len(tangents):
        raise ArgumentError(f"jvp expects one tangent per primal; received {len(primals)} and {len(tangents)}.")
    directions = []
    with DifferentiationScope() as scope:
        new = [scope.tree(primal, f"primal {n}") for n, primal in enumerate(primals)]
        for primal, tangent in zip(primals, tangents, strict=True):
            assert_same_structure(primal, tangent)
            directions += flatten(tangent)
        directions = [convert_to_tensor(u, t.dtype) for u, t in zip(directions, scope.targets, strict=True)]
        for u, t in zip(directions, scope.targets, strict=True):
            if u.shape != t.shape:
                raise ShapeError(f"A tangent must have its primal's shape {t.shape}; received {u.shape}.")
        result, aux = _pair(fun(*new), "jvp") if has_aux else (fun(*new), None)
        if not scope.targets:
            raise _nothing("jvp received no primals")
        result = map_structure(convert_to_tensor, result)
        outputs = flatten(result)
        floats = [y for y in outputs if y.dtype.kind == "f"]
        duals = [wrap(np.zeros(y.shape, y.dtype), Leaf()) for y in floats]
        pulled = cotangents_of(list(zip(floats, duals, strict=True)), scope, record=True)
    pairs = [(p, u) for p, u in zip(pulled, directions, strict=True) if p._node is not None]
    derivatives = iter(_filled(walk.gradients(pairs, [t._node for t in duals]), duals))  # type: ignore[misc]
    for dual in duals:
        dual._node.spent = True  # type: ignore[union-attr]
    tangent = [next(derivatives) if y.dtype.kind == "f" else zeros_of(y.shape, y.dtype) for y in outputs]
    found = detach_closed((result, pack(result, tangent), aux))
    return found if has_aux else found[:2]


def stop_gradient(x: Any) -> Any:
    """`x` as a constant: no derivative passes. Trees are taken leaf by leaf."""
    return map_structure(lambda leaf: detach(leaf) if not hasattr(leaf, "_symbolic") else leaf, x)
