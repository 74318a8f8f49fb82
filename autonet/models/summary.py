"""The printed table of a model's layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autonet.core.trees import map_structure


def summary(
    model: Any,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> str:
    """The table: a line per layer with type, output shape and number of parameters, then the totals.

    A layer that is not built yet has "?" for its shape. Where the layers are no stack, a column says what each is
    connected to: name[call][output] of those before it.
    """
    graph = getattr(model, "_graph", None)
    connected = graph is not None and not graph.is_stack
    header = ["Layer (type)", "Output Shape", "Param #"] + ["Trainable"] * show_trainable
    header += ["Connected to"] * connected
    table = _rows(model, expand_nested, show_trainable, connected, "")
    if layer_range is not None:
        names = [r[0].split(" ")[0] for r in table]
        first, last = (next((i for i, n in enumerate(names) if n.startswith(s)), None) for s in layer_range)
        table = table[first : None if last is None else last + 1]
    widths = [max(len(r[i]) for r in [header, *table]) + 2 for i in range(len(header))]
    spare = (line_length or 65) - sum(widths)
    if spare > 0:
        widths[0] += spare
    rule = "─" * sum(widths)

    def line(cells: list[str]) -> str:
        pairs = enumerate(zip(cells, widths, strict=True))
        return "".join([c.rjust(w) if i == 2 else ("  " * (i > 2) + c).ljust(w) for i, (c, w) in pairs]).rstrip()

    trained = sum(v.size for v in model.trainable_variables)
    total = sum(v.size for v in model.weights)
    size = sum(v.size * v.dtype.itemsize for v in model.weights)
    lines = [f'Model: "{model.name}"', rule, line(header), rule, *[line(r) for r in table], rule]
    lines.append(f" Total params: {total:,} ({_bytes(size)})")
    lines.append(f" Trainable params: {trained:,}")
    lines.append(f" Non-trainable params: {total - trained:,}")
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        lines.append(f" Optimizer params: {sum(v.size for v in optimizer.variables):,}")
    return "\n".join(lines)


def _rows(model: Any, expand: bool, show_trainable: bool, connected: bool, indent: str) -> list[list[str]]:
    rows = []
    for layer, shape, sources in _entries(model):
        weights = getattr(layer, "weights", [])
        kind = getattr(layer, "word", None) or type(layer).__name__
        size = f"{sum(v.size for v in weights):,}" if getattr(layer, "built", True) else "0 (unbuilt)"
        cells = [f"{indent}{layer.name} ({kind})", shape, size]
        if show_trainable:
            cells.append(("Y" if layer.trainable else "N") if weights else "-")
        if connected:
            cells.append(sources[0] if sources else "-")
        rows.append(cells)
        rows += [[""] * (len(cells) - 1) + [source] for source in sources[1:] if connected]
        if expand and hasattr(layer, "layers"):
            rows += _rows(layer, expand, show_trainable, connected, indent + "  ")
    return rows


def _entries(model: Any) -> Iterator[tuple[Any, str, list[str]]]:
    """Each layer of a model, with the shape of its output, and what its calls are connected to."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        shapes = getattr(model, "_shapes", None)
        for i, layer in enumerate(model.layers):
            known = shapes is not None and i < len(shapes)
            yield layer, str(shapes[i] if known else getattr(layer, "_output_shape", "?")), []  # type: ignore[index]
        return
    for op in graph.operations:
        nodes = [node for node in graph.nodes if node.op is op]
        shape = map_structure(lambda x: x.shape if hasattr(x, "shape") else x, nodes[0].outputs)
        sources = ["{}[{}][{}]".format(*graph.history(x)) for node in nodes for x in node.inputs]
        yield op, str(shape), sources


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"
