"""The printed table of a model's layers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from autonet.common.trees import map_structure
from autonet.errors import ArgumentError
from autonet.ops.abstract import DRY_RUN_ERRORS


def summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
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
        table = _between(table, *layer_range)
    widths = _widths([header, *table], line_length) if positions is None else _placed(positions, line_length, header)
    rule = "─" * sum(widths)

    def line(cells: list[str]) -> str:
        pairs = enumerate(zip(cells, widths, strict=True))
        return "".join([c.rjust(w) if i == 2 else ("  " * (i > 2) + c).ljust(w) for i, (c, w) in pairs]).rstrip()

    trained = model.trainable_variables
    moved = {id(v) for v in trained}
    others = [v for v in model.weights if id(v) not in moved]
    optimizer = getattr(model, "optimizer", None)
    slots = optimizer.variables if optimizer is not None and optimizer.built else []
    groups = {"Total": [*trained, *others, *slots], "Trainable": trained, "Non-trainable": others}
    groups |= {"Optimizer": slots} if slots else {}
    totals = [f" {word} params: {_count(variables)}" for word, variables in groups.items()]
    return "\n".join(
        [
            f'Model: "{model.name}"',
            rule,
            line(header),
            rule,
            *[line(r) for row in table for r in _folded(row, widths)],
            rule,
            *totals,
        ]
    )


def _widths(table: list[list[str]], line_length: int | None) -> list[int]:
    """Columns for all rows within `line_length`, by default 65 to 80: the widest give way, and their cells are folded."""
    widths = [max(len(row[i]) for row in table) + 2 for i in range(len(table[0]))]
    widths = [w + 2 * (i > 2) for i, w in enumerate(widths)]  # for what stands before the last columns
    widths[0] += max((line_length or 65) - sum(widths), 0)
    while sum(widths) > max(line_length or 80, 12 * len(widths)):
        widths[widths.index(max(widths))] -= 1
    return widths


def _placed(positions: Any, line_length: int | None, header: list[str]) -> list[int]:
    """Widths of columns that end at these positions: numbers of characters, or parts of a line where all are up to 1.

    Raises: ArgumentError unless there is a position for each column, each 8 characters or more after the one before.
    """
    ends = list(positions)
    scale = (line_length or 80) if ends and max(ends) <= 1 else 1
    ends = [round(end * scale) for end in ends[: len(header)]]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if len(widths) < len(header) or min(widths) < 8:
        raise ArgumentError(
            f"summary expects positions where its {len(header)} columns ({', '.join(header)}) end, ascending by 8 "
            f"characters at least; received {positions!r}."
        )
    return widths


def _folded(row: list[str], widths: list[int]) -> list[list[str]]:
    """A row as lines whose cells fit: cut at spaces where that helps, else anywhere."""
    cells = []
    for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
        indent = " " * (len(cell) - len(cell.lstrip()))
        room = width - 2 - 2 * (i > 2)
        cells.append(
            textwrap.wrap(cell, room, subsequent_indent=indent, drop_whitespace=True) if len(cell) > room else [cell]
        )
    return [[cell[k] if k < len(cell) else "" for cell in cells] for k in range(max(map(len, cells)))]


def _between(table: list[list[str]], first: str, last: str) -> list[list[str]]:
    """The rows from the first layer whose name begins with `first` to the one that begins with `last`."""
    starts = [i for i, row in enumerate(table) if row[0]] + [len(table)]
    names = [table[i][0].strip() for i in starts[:-1]]
    begin, end = (next((k for k, n in enumerate(names) if n.startswith(s)), None) for s in (first, last))
    return table[starts[begin or 0] : starts[-1 if end is None else end + 1]]


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
            yield layer, str(shapes[i] if known else _shape_of(layer)), []  # type: ignore[index]
        return
    for op in graph.operations:
        nodes = [node for node in graph.nodes if node.op is op]
        shape = map_structure(lambda x: x.shape if hasattr(x, "shape") else x, nodes[0].outputs)
        sources = ["{}[{}][{}]".format(*graph.history(x)) for node in nodes for x in node.inputs]
        yield op, str(shape), sources


def _shape_of(layer: Any) -> Any:
    """The output's shape for any number of samples, as far as the shape with which the layer was built tells it."""
    shapes = [s for s in (layer.__dict__.get("_Layer__built_with") or {}).values() if s is not None]
    if len(shapes) != 1 or not all(n is None or isinstance(n, int) for n in shapes[0]):
        return "?"
    try:
        return layer.compute_output_shape((None, *shapes[0][1:]))
    except DRY_RUN_ERRORS:  # whatever a layer of the user's own does not do without data
        return "?"


def _count(variables: list[Any]) -> str:
    """How many numbers, and their bytes."""
    size = sum(v.size * v.dtype.itemsize for v in variables)
    return f"{sum(v.size for v in variables):,} ({_bytes(size)})"


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"
