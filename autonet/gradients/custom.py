"""custom_gradient: a function that brings its own derivative."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from autonet.common.lines import filters_traceback
from autonet.core.rules import shape_of
from autonet.core.state import state
from autonet.core.tape import Node, Pick, count
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, GradientError, ShapeError
from autonet.gradients.blame import ApplicationRecorder
from autonet.ops.identity import alias, detach

P = ParamSpec("P")
R = TypeVar("R")


class _Custom:
    """Stands in a node where a primitive would, with the caller's own pullback.

    The node's parents are those of the arguments, then places of the record that the function used without having
    received them: of these the pullback knows nothing, so a gradient that would pass there is refused.
    """

    pull_on_arrays = None
    open = True  # the pullback may use anything tracked

    def __init__(self, name: str, pullback: Callable[..., Any], many: bool):
        self.name = name
        self.pullback = pullback
        self.many = many

    def pull(self, g: Any, node: Node, wanted: Any) -> list[Any]:
        operands: Any = node.operands
        n = len(operands)
        if any(wanted is None or p in wanted for p in node.parents[n:]):
            raise GradientError(
                f"{self.name} uses a Tensor or Variable that it did not receive as an argument, for which its pullback "
                "has no cotangent. Pass it as a positional argument; where it is to be constant, use "
                "ops.stop_gradient(x) of it inside."
            )
        found = self.pullback(*g) if self.many else self.pullback(g)
        found = found if isinstance(found, (tuple, list)) else (found,)
        if len(found) != n:
            raise GradientError(
                f"The gradient of {self.name} expects one cotangent per argument, {n}; received {len(found)}."
            )
        pulled = []
        for i, (p, o, c) in enumerate(zip(node.parents[:n], operands, found, strict=True)):
            if p is None or c is None or not (wanted is None or p in wanted):
                continue
            c = convert_to_tensor(c)
            if c.shape != shape_of(o):
                raise ShapeError(
                    f"The gradient of {self.name} for argument {i} must have shape {shape_of(o)}; received {c.shape}."
                )
            pulled.append((p, o, c))
        return pulled


def _positional(pullback: Callable[..., Any], operands: list[Tensor], many: bool) -> Callable[..., Any]:
    """The pullback as a function of the cotangents alone: one with a keyword-only `upstream` is given that, after the
    operands if it takes any."""
    try:
        parameters = inspect.signature(pullback).parameters.values()
    except (TypeError, ValueError):
        return pullback
    asked = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if [p.name for p in asked] != ["upstream"]:
        return pullback
    given = (
        operands
        if any(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in parameters)
        else []
    )
    return lambda *gs: pullback(*given, upstream=gs if many else gs[0])


def _used(outputs: list[Tensor], given: set[Node], start: int) -> list[Node]:
    """Places of the record, older than `start`, from which outputs were computed other than by way of `given`."""
    stack = [y._node for y in outputs if y._node is not None]
    seen, used = set(stack), []
    while stack:
        node = stack.pop()
        if node in given:
            continue
        if node.order < start:
            used.append(node)
            continue
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return used


def custom_gradient(f: Callable[P, tuple[R, Callable[..., Any]]]) -> Callable[P, R]:
    """Decorator for a function that brings its own derivative.

    `f(*args)` returns (result, pullback); pullback(*cotangents of the result) returns one cotangent per argument, None
    for zero. It is called when a gradient is taken, and is itself differentiated when that gradient is: through the
    cotangents, through the arguments, and through what `f` computed from them. A pullback whose only cotangent is a
    keyword, `def pullback(*args, upstream)`, is given the arguments, too.

    Raises: GradientError, from the gradient, for one that passes by Tensors or Variables which f's result depends on
        although they are no arguments.

    >>> @custom_gradient
    ... def clipped(x):
    ...     return x * 1.0, lambda g: g.clip(-1.0, 1.0)
    >>> import autonet
    >>> autonet.grad(lambda x: 5 * clipped(x))(2.0)
    Tensor(1., dtype=float32)
    """

    function: Callable[..., Any] = f

    @functools.wraps(f)
    @filters_traceback
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        name = getattr(f, "__name__", "custom function")
        operands = [convert_to_tensor(x) for x in args]
        tracked = state.recording and any(t._node is not None for t in operands)
        start = count()
        # places of their own, so that uses of the arguments differ from uses of the same Tensors around f
        tensors = [alias(t) if tracked and t._node is not None else t for t in operands]
        made: Any = function(*tensors, **kwargs)
        if not (isinstance(made, (tuple, list)) and len(made) == 2 and callable(made[1])):
            raise ArgumentError(
                f"custom_gradient expects {name} to return a pair (result, pullback); received {made!r:.80}."
            )
        result, pullback = made
        many = isinstance(result, tuple)
        inner = [convert_to_tensor(y) for y in (result if many else (result,))]
        outputs = [detach(y) for y in inner]
        nodes = [t._node for t in tensors]
        outer = _used(inner, {p for p in nodes if p is not None}, start)
        if state.recording and (tracked or outer):
            node = Node(
                _Custom(name, _positional(pullback, tensors, many), many),
                (*nodes, *outer),
                tuple([(t.shape, t.dtype) for t in tensors]),
                {},
                tuple([(y.shape, y.dtype) for y in outputs]),
            )
            for i, y in enumerate(outputs):
                if y.dtype.kind == "f":
                    y._node = Pick(node, i) if many else node
            if isinstance(state.observer, ApplicationRecorder):
                state.observer.add(name, lambda *xs: wrapper(*xs, **kwargs), tuple(tensors), node)
        return tuple(outputs) if many else outputs[0]

    return wrapper
