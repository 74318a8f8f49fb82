"""The reverse walk: from results to leaves, each node once, newest first.

Nodes carry the order in which they were made, so a heap of those that have received a cotangent yields every node after
all of its uses. There is no recursion: a chain of any length differentiates.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from autonet.common.locks import lock
from autonet.common.pool import LARGE
from autonet.common.refusals import misfit
from autonet.core import large
from autonet.core.accumulate import add, sum_to, zeros_of
from autonet.core.large import LargeNode
from autonet.core.state import enable_grad, no_grad, state
from autonet.core.tape import Leaf, Node, Pick
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import DataError, GradientError, ShapeError


class NotRecorded(GradientError):
    """A gradient was asked of something that was not computed from tracked Tensors."""


_adding = lock()  # so that walks of several threads that end in one leaf lose no gradient


def backward(tensor: Tensor, gradient: Any = None, retain_graph: bool = False) -> None:
    """`Tensor.backward`: see there."""
    node = tensor._node
    if node is None:
        raise NotRecorded(
            "backward() finds no record behind this Tensor. Make a Tensor with requires_grad=True, compute from it, "
            "and stay outside no_grad()."
        )
    cotangent = seed(tensor, gradient)
    with no_grad():
        leaves: dict[Any, Tensor] = walk([(node, cotangent)], free=not retain_graph)
        for leaf, g in leaves.items():
            if state.observer is not None:
                state.observer.accumulates(leaf)
            with _adding:
                leaf.grad = g if leaf.grad is None else add(leaf.grad, g)


Tensor._walk_back = backward


def seed(tensor: Tensor, gradient: Any) -> Tensor:
    """The cotangent to start with: `gradient` if it fits, else one for a Tensor of one element."""
    if gradient is None:
        if tensor.size != 1:
            raise ShapeError(
                f"backward() without a gradient expects one number; this Tensor has shape {tensor.shape}. "
                "Reduce it first (mean, sum), or pass the gradient."
            )
        return wrap(np.ones(tensor.shape, tensor.dtype))
    cotangent = convert_to_tensor(gradient, tensor.dtype)
    if cotangent.shape != tensor.shape:
        raise ShapeError(f"The gradient must have the Tensor's shape {tensor.shape}; received {cotangent.shape}.")
    return cotangent


def gradients(
    outputs: list[tuple[Tensor, Tensor]], targets: list[Node], record: bool | None = None
) -> list[Tensor | None]:
    """Cotangents of the target nodes, given (result, cotangent) pairs; None where a target was not used.

    With `record` None the walk is recorded when its result may itself be differentiated: when something other than the
    targets was tracked, here or outside, and is not spent.
    """
    roots = [(t._node, g) for t, g in outputs if t._node is not None]
    wanted, closed = paths([node for node, _ in roots], targets)
    roots = [(node, g) for node, g in roots if node in wanted]
    if record is None:
        record = not closed or any(g._node is not None for _, g in outputs)
    with enable_grad() if record and state.recording else no_grad():
        found = walk(roots, wanted=wanted, stops=set(targets))
    return [found.get(target) for target in targets]


def paths(roots: list[Node], targets: list[Node]) -> tuple[set[Node], bool]:
    """Nodes that lead from the roots to a target, and whether nothing else was tracked on the way.

    A rule that is not the package's own may use tracked Tensors that it finds outside, so it counts as one.
    """
    stops = set(targets)
    closed = not any(t.parents for t in targets)
    seen: set[Node] = set()
    stack = list(roots)
    oldest = min([t.order for t in targets], default=0)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in stops:
            continue
        if node.order < oldest:
            closed = False  # older than every target
            continue
        if not node.parents and not (isinstance(node, Leaf) and node.spent):
            closed = False  # another leaf
        stack.extend([p for p in node.parents if p is not None and p not in seen])
    wanted: set[Node] = set()
    for node in sorted(seen, key=lambda node: node.order):
        if node in stops or any(p in wanted for p in node.parents):
            wanted.add(node)
    if closed:
        closed = not any(node.primitive is not None and node.primitive.open for node in wanted)
    return wanted, closed


def walk(
    roots: list[tuple[Node, Tensor]],
    wanted: set[Node] | None = None,
    stops: set[Node] | frozenset[Node] = frozenset(),
    free: bool = False,
) -> dict[Node, Tensor]:
    """Carry cotangents from the roots back to the leaves, or to `stops`, within `wanted` if given.

    With `free`, nodes are emptied once passed, so the memory of a record goes as the walk goes.
    """
    found: dict[Node, Tensor] = {}
    cotangents: dict[Node, Any] = {}  # of nodes that are still to be passed; a list for a node of several results
    for node, g in roots:
        cotangents[node] = add(cotangents[node], g) if node in cotangents else g
    heap = [(-node.order, node) for node in cotangents]  # newest first
    heapq.heapify(heap)
    push, pop = heapq.heappush, heapq.heappop
    observer = state.observer
    outer = None if observer is None else observer.pulled
    on_arrays = observer is None and not state.recording  # nobody sees this walk: bodies will do for primitives
    plus = _add_arrays if on_arrays else add
    try:
        while heap:
            node = pop(heap)[1]
            g = cotangents.pop(node)
            if node.primitive is None or node in stops:
                if isinstance(node, Pick) and node not in stops:
                    _hand_over(node, g, cotangents, heap)
                else:
                    found[node] = g
                continue
            if observer is not None:
                observer.pulled = node
            for parent, operand, c in _pull(node, g, wanted, on_arrays):
                if not isinstance(c, Tensor):
                    c = convert_to_tensor(c)
                shape = operand[0] if type(operand) is tuple else operand._value.shape
                if c._value.shape != shape:
                    c = fit(c, shape, node, parent, on_arrays)
                if parent in cotangents:
                    cotangents[parent] = plus(cotangents[parent], c)
                else:
                    cotangents[parent] = c
                    push(heap, (-parent.order, parent))
            if free:
                node.operands = node.result = None
                node.parents = ()
    finally:
        if observer is not None:
            observer.pulled = outer
    return found


def _pull(node: Node, g: Any, wanted: set[Node] | None, on_arrays: bool) -> list[tuple[Node, Any, Any]]:
    """The wanted parents of a node, the operands there and their cotangents, given the cotangent of the node's result."""
    primitive = node.primitive
    if node.operands is None:
        raise freed(f" (at {primitive.name})")
    if type(g) is list:
        g = complete(g, node.result)
    if on_arrays and type(node) is LargeNode:
        pulled = large.pull(g, node, wanted)
        if pulled is not None:
            return pulled
    pull = primitive.pull
    if on_arrays and primitive.pull_on_arrays is not None and g._value.ndim:  # numbers would not stay arrays
        pull = primitive.pull_on_arrays
    try:
        return pull(g, node, wanted)
    except DataError as error:  # of an operation of the rule, which the user did not write
        raise DataError(f"The derivative of {primitive.name.lstrip('_')} fails at these numbers: {error}") from None


def fit(c: Tensor, shape: tuple[int, ...], node: Node, parent: Node, on_arrays: bool = False) -> Tensor:
    """A cotangent summed over the axes along which its operand was repeated.

    Raises: ShapeError where an operand of `shape` does not broadcast to the cotangent's.
    """
    received = c._value.shape
    lead = len(received) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, received[lead:], strict=True)):
        raise misfit(node, parent, received, shape)
    return wrap(np.asarray(sum_to.body(c._value, shape=shape))) if on_arrays else sum_to(c, shape=shape)


def _add_arrays(a: Tensor, b: Tensor) -> Tensor:
    """`add` by the body alone."""
    if a._value.dtype is not b._value.dtype or a._value.size >= LARGE:
        return add(a, b)
    return wrap(np.asarray(np.add(a._value, b._value)))


def _hand_over(pick: Pick, g: Tensor, cotangents: dict[Node, Any], heap: list[tuple[int, Node]]) -> None:
    """Collect the cotangent of one of several results at the node that they share."""
    main, k = pick.parents[0], pick.settings
    if main not in cotangents:
        if main.result is None:
            raise freed("")
        cotangents[main] = [None] * len(main.result)
        heapq.heappush(heap, (-main.order, main))
    gs = cotangents[main]
    gs[k] = g if gs[k] is None else add(gs[k], g)


def complete(gs: list[Tensor | None], results: tuple) -> tuple[Tensor, ...]:
    """Cotangents of all results, zeros where none came."""
    specs = [r if type(r) is tuple else (r.shape, r.dtype) for r in results]
    return tuple([zeros_of(*spec) if g is None else g for g, spec in zip(gs, specs, strict=True)])


def freed(where: str) -> GradientError:
    """The error for a second walk over a record that the first one freed."""
    return GradientError(
        f"The record behind this Tensor{where} was freed by an earlier backward(). "
        "Compute it again, or call that backward with retain_graph=True."
    )
