"""The reverse walk for many cotangents at once: they stand side by side along a new first axis.

A rule that works element by element, or on the last axes, is as good for a stack. Products, sums, and changes of shape
have one of their own here; what else was recorded is walked through for one cotangent after the other.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from autonet.core import backward as walk
from autonet.core.accumulate import broadcast_to, sum_to
from autonet.core.rules import shape_of
from autonet.core.state import enable_grad, no_grad, state
from autonet.core.tape import Node, Pick
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.ops.products import matmul, matrix_transpose
from autonet.ops.reduction import kept_shape
from autonet.ops.shaping import expand_dims, reshape, stack, transpose

ELEMENTWISE = frozenset(
    """add subtract multiply divide negative square rsqrt reciprocal exp expm1 exp2 log log1p log2 log10 sin cos tan arctan
    sinh cosh arcsinh tanh sigmoid softplus erf times alias contiguous cast matrix_transpose""".split()
)  # whose rules are right for a stack as they stand
KINKED = frozenset(["absolute", "relu", "leaky_relu", "gate", "leak", "maximum", "minimum"])  # unless that is recorded
LAST = frozenset(["softmax", "log_softmax"])  # where they work along an axis counted from the end
SHAPES = frozenset(["reshape", "expand_dims", "squeeze"])


def stacked_gradients(y: Tensor, cotangents: Tensor, targets: list[Node]) -> list[Tensor | None]:
    """Of each target a stack of cotangents, given one of cotangents (k, *y.shape) of y; None where y does not depend on it."""
    if y._node is None:
        return [None] * len(targets)
    wanted, closed = walk.paths([y._node], targets)
    if y._node not in wanted:
        return [None] * len(targets)
    with no_grad() if closed or not state.recording else enable_grad():
        found = _walk(y._node, cotangents, wanted, set(targets))
    return [found.get(target) for target in targets]


def _walk(root: Node, cotangents: Tensor, wanted: set[Node], stops: set[Node]) -> dict[Node, Tensor]:
    found: dict[Node, Tensor] = {}
    stacks: dict[Node, Any] = {root: cotangents}
    heap = [(-root.order, root)]
    count = cotangents.shape[0]

    def give(node: Node, c: Tensor) -> None:
        if node in stacks:
            stacks[node] = stacks[node] + c
        else:
            stacks[node] = c
            heapq.heappush(heap, (-node.order, node))

    while heap:
        node = heapq.heappop(heap)[1]
        g = stacks.pop(node)
        if node in stops:
            found[node] = g
        elif isinstance(node, Pick):
            main: Node = node.parents[0]
            gs = stacks.setdefault(main, [None] * len(main.result))
            if all(x is None for x in gs):
                heapq.heappush(heap, (-main.order, main))
            index: Any = node.settings
            gs[index] = g if gs[index] is None else gs[index] + g
        elif node.primitive is not None:
            if node.operands is None:
                raise walk.freed(f" (at {node.primitive.name})")
            for parent, c in _pulled(g, node, wanted, count):
                give(parent, c)
    return found


def _pulled(g: Any, node: Node, wanted: set[Node], count: int) -> list[tuple[Node, Tensor]]:
    """Parents of a node, each with its stack of cotangents."""
    name = node.primitive.name
    if type(g) is list:
        return _one_by_one(g, node, wanted, count)
    if name in STACKED:
        pulled = STACKED[name](g, node, wanted)
    elif (
        name in ELEMENTWISE
        or (name in KINKED and not state.recording)
        or (name in LAST and type(node.settings["axis"]) is int and node.settings["axis"] < 0)
    ):
        pulled = [(p, shape_of(x), c) for p, x, c in node.primitive.pull(g, node, wanted)]
    elif name in SHAPES:
        parent, shape = node.parents[0], shape_of(node.operands[0])  # type: ignore[index]
        pulled = [(parent, shape, reshape(g, newshape=(count, *shape)))]
    else:
        return _one_by_one(g, node, wanted, count)
    return [(p, _fit(convert_to_tensor(c), shape, count)) for p, shape, c in pulled if p is not None and p in wanted]


def _one_by_one(g: Any, node: Node, wanted: set[Node], count: int) -> list[tuple[Node, Tensor]]:
    rows: dict[int, list[Tensor]] = {}
    order: list[tuple[Node, tuple[int, ...]]] = []
    for k in range(count):
        one = walk.complete([None if x is None else x[k] for x in g], node.result) if type(g) is list else g[k]
        for n, (parent, operand, c) in enumerate(node.primitive.pull(one, node, wanted)):
            shape = shape_of(operand)
            c = convert_to_tensor(c)
            if not k:
                order.append((parent, shape))
            rows.setdefault(n, []).append(c if c.shape == shape else walk.fit(c, shape, node, parent))
    return [(parent, stack(rows[n])) for n, (parent, _) in enumerate(order)]


def _fit(c: Tensor, shape: tuple[int, ...], count: int) -> Tensor:
    """A stack summed over the axes along which its operand was repeated."""
    if c.shape == (count, *shape):
        return c
    lead = c.ndim - 1 - len(shape)
    return reshape(sum_to(c, shape=(count, *(1,) * lead, *shape)), newshape=(count, *shape))


# Rules for stacks: of (g, node, wanted), parent, shape of its operand, cotangents


def _product(g: Tensor, node: Node, wanted: set[Node]) -> list[tuple[Any, tuple[int, ...], Any]]:
    a, b = node.operands  # type: ignore[misc]
    pa, pb = node.parents
    left, right = len(shape_of(a)), len(shape_of(b))
    if right == 1:
        g = expand_dims(g, axis=-1)
    if left == 1:
        g = expand_dims(g, axis=-2)
    pulled = []
    if pa is not None and pa in wanted:
        c = g * b if right == 1 else matmul(g, matrix_transpose(b))
        pulled.append((pa, (1,) * (left == 1) + shape_of(a), c))
    if pb is not None and pb in wanted:
        x = expand_dims(a, axis=-1) if left == 1 else matrix_transpose(a)
        if x.shape[-1] == 1:
            c = x * g
        elif g.shape[-1] == 1 and x.ndim == 2 and g.ndim == 3:  # columns, which are rows of one matrix
            c = expand_dims(matmul(g[:, :, 0], a), axis=-1)
        else:
            c = matmul(x, g)
        pulled.append((pb, shape_of(b) + (1,) * (right == 1), c))
    count = g.shape[0]
    shapes = {pa: shape_of(a), pb: shape_of(b)}
    return [(p, shapes[p], reshape(_fit(c, s, count), newshape=(count, *shapes[p]))) for p, s, c in pulled]


def _total(g: Tensor, node: Node, wanted: set[Node]) -> list[tuple[Any, tuple[int, ...], Any]]:
    shape, count = shape_of(node.operands[0]), g.shape[0]  # type: ignore[index]
    kept = kept_shape(shape, node.settings["axis"])
    g = reshape(g, newshape=(count, *kept))
    if node.primitive.name == "mean":
        n = 1
        for whole, left in zip(shape, kept, strict=True):
            n *= whole if left == 1 else 1
        g = g * (1.0 / (n or 1))
    return [(node.parents[0], shape, broadcast_to(g, shape=(count, *shape)))]


def _summed_to(g: Tensor, node: Node, wanted: set[Node]) -> list[tuple[Any, tuple[int, ...], Any]]:
    shape, count = shape_of(node.operands[0]), g.shape[0]  # type: ignore[index]
    lead = len(shape) + 1 - g.ndim
    g = reshape(g, newshape=(count, *(1,) * lead, *g.shape[1:]))
    return [(node.parents[0], shape, broadcast_to(g, shape=(count, *shape)))]


def _repeated(g: Tensor, node: Node, wanted: set[Node]) -> list[tuple[Any, tuple[int, ...], Any]]:
    return [(node.parents[0], shape_of(node.operands[0]), g)]  # type: ignore[index]


def _turned(g: Tensor, node: Node, wanted: set[Node]) -> list[tuple[Any, tuple[int, ...], Any]]:
    shape, axes = shape_of(node.operands[0]), node.settings["axes"]  # type: ignore[index]
    n = len(shape)
    axes = tuple(range(n))[::-1] if axes is None else tuple([a % n for a in axes])
    back = [0] * n
    for place, axis in enumerate(axes):
        back[axis] = place + 1
    return [(node.parents[0], shape, transpose(g, axes=(0, *back)))]


STACKED: dict[str, Callable[..., list[tuple[Any, tuple[int, ...], Any]]]] = {
    "matmul": _product,
    "sum": _total,
    "mean": _total,
    "sum_to": _summed_to,
    "broadcast_to": _repeated,
    "transpose": _turned,
}
