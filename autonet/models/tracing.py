"""From placeholders back to where they come from: the nodes between, in order, walked and made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autonet.common.trees import flatten, map_structure
from autonet.errors import ArgumentError
from autonet.layers.input import InputLayer, Origin, origin_of
from autonet.layers.symbolic import KerasTensor, LayerCall


def trace(inputs: list[Origin], outputs: list[Origin], label: str) -> tuple[list[LayerCall], dict[Any, int]]:
    """The nodes between `inputs` and `outputs`, sources first, and the order in which operations are met from behind.

    Raises: ArgumentError where the way back ends at another Input.
    """
    borders = set(inputs)
    finished: list[LayerCall] = []
    seen: set[LayerCall] = set()
    met: dict[Any, int] = {}
    for number, start in enumerate(outputs):
        stack: list[tuple[LayerCall, Any]] = []

        def visit(place: Origin, stack: list = stack, number: int = number) -> None:
            node = place[0]
            if node in seen:
                return
            seen.add(node)
            met.setdefault(node.op, len(met))
            if not node.inputs and place not in borders:
                raise ArgumentError(
                    f"{label}: output {number} depends on the input {node.op.name!r}, which is not among the inputs "
                    f"{[n.op.name for n, _ in inputs]}. Add it to `inputs`."
                )
            stack.append((node, iter([] if place in borders else [origin_of(x) for x in node.inputs])))

        visit(start)
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is not None:
                visit(following)
            else:
                finished.append(node)
                stack.pop()
    return finished, met


def ordered(nodes: list[LayerCall], met: dict[Any, int]) -> list[Any]:
    """The operations by the longest way to an output, far ones first; a shared one counts where it is farthest."""
    depths: dict[LayerCall, int] = {}
    farthest: dict[Any, int] = dict.fromkeys(met, 0)
    for node in reversed(nodes):
        depth = max(depths.get(node, 0), farthest[node.op])
        depths[node] = farthest[node.op] = depth
        for x in node.inputs:
            before = origin_of(x)[0]
            depths[before] = max(depths.get(before, 0), depth + 1)
    return sorted(met, key=lambda op: (-farthest[op], met[op]))


def replay(nodes: list[LayerCall], tensors: dict[Origin, Any], apply: Callable[[LayerCall, tuple, dict], Any]) -> None:
    """Go through `nodes` in order, from the placeholders known in `tensors`, adding what `apply` returns for each."""

    def swapped(x: Any) -> Any:
        return tensors[origin_of(x)] if isinstance(x, KerasTensor) else x

    for node in sorted(nodes, key=lambda n: n.number):
        if node.inputs and (node, 0) not in tensors:
            outputs = apply(node, tuple(map_structure(swapped, list(node.args))), map_structure(swapped, node.kwargs))
            for place, x in enumerate([x for x in flatten(outputs) if isinstance(x, KerasTensor)]):
                tensors.setdefault((node, place), x)


def cut(inputs: Any, outputs: Any, label: str) -> tuple[Any, Any]:
    """The same graph from Inputs of its own, where some input is inside a larger one."""
    tensors: dict[Origin, Any] = {}
    for x in flatten(inputs):
        node, place = origin_of(x)
        own = isinstance(node.op, InputLayer)
        tensors[node, place] = x if own else InputLayer(batch_shape=x.shape, dtype=x.dtype, name=x.name).output
    ends = [origin_of(x) for x in flatten(outputs)]
    nodes, _ = trace(list(tensors), ends, label)
    known = dict(tensors)
    replay([n for n in nodes if not any((n, i) in known for i in range(len(n.specs)))], tensors, _again)
    return (
        map_structure(lambda x: tensors[origin_of(x)], inputs),
        map_structure(lambda x: tensors[origin_of(x)], outputs),
    )


def _again(node: LayerCall, args: tuple, kwargs: dict[str, Any]) -> Any:
    return LayerCall(node.op, args, kwargs, node.spec_tree).outputs
