"""Pictures of the record behind a Tensor: a box for each operation that led to it."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from autonet.common.types import PathLike
from autonet.core.rules import dtype_of, shape_of
from autonet.core.tape import Leaf, Node, Pick
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, GradientError
from autonet.layers.base import Layer
from autonet.layers.symbolic import KerasTensor
from autonet.pictures.diagram import Box, Diagram, draw
from autonet.pictures.models import DIRECTIONS, Shown, _behind, graph_diagram
from autonet.pictures.picture import Picture

OFTEN = 3  # a leaf that more operations use is drawn at each of them
Names = Mapping[str, Any] | Iterable[Any] | Layer | None


def plot_graph(
    tensor: Tensor,
    names: Names = None,
    to_file: PathLike | None = None,
    rankdir: str = "TB",
    limit: int = 120,
    dpi: float = 200,
) -> Picture:
    """A picture of how a tracked Tensor was computed: its operations, with shapes, from the leaves down.

    Only what is tracked has a record; other operands appear as constants. Of a larger graph the operations nearest to the
    Tensor are drawn, and a note says how many came before.

    Args:
        tensor: a Tensor that requires a gradient; or a placeholder, whose layers are drawn.
        names: of leaves: a dictionary from names to Tensors or Variables; Variables, which have names; or a layer or
            model, for its weights.
        to_file: where to write, as for `plot_model`; by default nowhere.
        rankdir: where lines lead: "TB" down, "BT" up, "LR" to the right, "RL" to the left.
        limit: most operations to draw.
        dpi: resolution of a PNG.

    Returns: the Picture, which Jupyter shows.

    Raises: GradientError for a Tensor without a record; ArgumentError for what is no Tensor.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> "multiply" in plot_graph(x * x, {"x": x}).svg
    True
    """
    if rankdir not in DIRECTIONS:
        raise ArgumentError(f"plot_graph expects rankdir to be one of {', '.join(DIRECTIONS)}; received {rankdir!r}.")
    if isinstance(tensor, KerasTensor):
        diagram = graph_diagram(_behind([tensor]), Shown(shapes=True, names=True))
    elif isinstance(tensor, Tensor):
        if tensor._node is None:
            raise GradientError(
                "plot_graph finds no record behind this Tensor. Make a Tensor with requires_grad=True, compute from it, "
                "and stay outside no_grad()."
            )
        diagram = record_diagram(tensor, _by_node(names), limit)
    else:
        raise ArgumentError(f"plot_graph expects a Tensor or a placeholder; received {tensor!r}.")
    picture = Picture(draw(diagram, rankdir), f"the record of a Tensor of shape {tensor.shape}")
    if to_file is not None:
        picture.save(to_file, dpi)
    return picture


def _by_node(names: Names) -> dict[Node, str]:
    """Names of leaves."""
    if names is None:
        return {}
    if isinstance(names, str):
        raise ArgumentError(
            f"plot_graph expects names of leaves; received {names!r}. A file goes in as to_file={names!r}."
        )
    variables = names.weights if isinstance(names, Layer) else names
    named = isinstance(variables, Mapping)
    pairs = variables.items() if named else [(getattr(v, "path", ""), v) for v in variables]  # type: ignore[union-attr]
    found = {}
    for name, tensor in pairs:
        if not isinstance(tensor, Tensor) or not name:
            raise ArgumentError(
                f"plot_graph expects names as a dictionary from names to Tensors, as Variables, or as a layer; received {tensor!r}."
            )
        if tensor._node is not None:
            found[tensor._node] = str(name)
    return found


def _main(node: Node) -> Node:
    """The node of the operation, where this is one of its several results."""
    return node.parents[0] if isinstance(node, Pick) and node.parents else node


def record_diagram(tensor: Tensor, names: dict[Node, str], limit: int) -> Diagram:
    """The operations behind `tensor`, newest `limit` of them, and one box that stands for those before."""
    end = _main(tensor._node)  # type: ignore[arg-type]
    kept, left_out = _nearest(end, limit)
    used: Counter[Node] = Counter(parent for node in kept for parent in set(node.parents) if isinstance(parent, Leaf))
    kept = [node for node in kept if used[node] <= OFTEN]  # others have a box at each use
    numbers = {node: i for i, node in enumerate(kept)}
    shapes = {end: f"{tensor.shape}{_kind(tensor.dtype)}"}
    diagram = Diagram([Box("") for _ in kept])
    extra: list[tuple[Box, int]] = []  # boxes that lead to the one of this number
    cut: list[tuple[Box, int]] = []
    for node in reversed(kept):
        number = numbers[node]
        diagram.boxes[number] = _box(node, shapes.get(node, ""), names, node is end)
        if node.operands is None and node.primitive is not None:
            extra.append((Box("freed by backward()", kind="note"), number))
            continue
        for parent, operand in zip(node.parents, node.operands or (), strict=False):
            if parent is None:
                extra.append((_constant(operand), number))
                continue
            main = _main(parent)
            shapes[main] = f"{shape_of(operand)}{_kind(dtype_of(operand))}"
            if main in numbers:
                diagram.edges.append((numbers[main], number))
            elif used[main] > OFTEN:
                extra.append((_box(main, shapes[main], names, False), number))
            else:
                cut.append((Box("…", kind="note"), number))
    if cut:
        cut[-1][0].title = f"… {left_out:,} before"
    extra += cut
    shift = len(extra)
    edges = [(i, number + shift) for i, (_, number) in enumerate(extra)]
    edges += [(a + shift, b + shift) for a, b in diagram.edges]
    return Diagram([box for box, _ in extra] + diagram.boxes, edges)


def _nearest(end: Node, limit: int) -> tuple[list[Node], int]:
    """The newest `limit` nodes behind `end` in the order in which they were made, and how many more there are."""
    heap = [(-end.order, end)]
    seen = {end}
    kept: list[Node] = []
    while heap:
        node = heapq.heappop(heap)[1]
        if len(kept) < limit:
            kept.append(node)
        for parent in node.parents:
            main = None if parent is None else _main(parent)
            if main is not None and main not in seen:
                seen.add(main)
                heapq.heappush(heap, (-main.order, main))
    return kept[::-1], len(seen) - len(kept)


def _box(node: Node, shape: str, names: dict[Node, str], last: bool) -> Box:
    lines = [shape] if shape else []
    if isinstance(node, Leaf):
        return Box(names.get(node, "leaf"), lines, "weights")
    if node.primitive is None:  # one result of an operation whose record is gone
        return Box("result", lines, "result")
    settings = [f"{k}={v!r}" for k, v in node.settings.items() if v != node.primitive.defaults.get(k)]
    title = names.get(node) or node.primitive.name.removeprefix("_")
    if node in names:
        lines.insert(0, node.primitive.name)
    return Box(title, [*settings[:3], *lines], "result" if last else "operation")


def _constant(operand: Any) -> Box:
    shape = shape_of(operand)
    if isinstance(operand, Tensor) and operand._value.size == 1:
        return Box(f"{operand._value.item():.6g}", kind="note")
    return Box(f"constant {shape}{_kind(dtype_of(operand))}", kind="note")


def _kind(dtype: Any) -> str:
    """The dtype, where it is not the usual one."""
    return "" if str(dtype) == "float32" else f" {dtype}"
