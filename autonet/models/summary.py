"""The printed table of a model's layers."""

from __future__ import annotations

from typing import Any

from autonet.errors import NotBuiltError


def summary(
    model: Any,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> str:
    """The table: a line per layer with type, output shape and number of parameters, then the totals."""
    if not model.built:
        raise NotBuiltError(
            f"{model.label} does not know its shapes yet: build it, fit it, or call it on data, then ask for its summary()."
        )
    header = ["Layer (type)", "Output Shape", "Param #"] + ["Trainable"] * show_trainable
    table = _rows(model, expand_nested, show_trainable, "")
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
        return "".join(c.rjust(w) if i == 2 else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))

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


def _rows(model: Any, expand: bool, show_trainable: bool, indent: str) -> list[list[str]]:
    shapes = getattr(model, "_shapes", None)
    rows = []
    for i, layer in enumerate(model.layers):
        shape = shapes[i] if shapes is not None and i < len(shapes) else getattr(layer, "_output_shape", "?")
        cells = [
            f"{indent}{layer.name} ({type(layer).__name__})",
            str(shape),
            f"{sum(v.size for v in layer.weights):,}",
        ]
        if show_trainable:
            cells.append("Y" if layer.trainable else "N")
        rows.append(cells)
        if expand and hasattr(layer, "layers"):
            rows += _rows(layer, expand, show_trainable, indent + "  ")
    return rows


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.2f} {unit}"
        n /= 1024
    return f"{n:.2f} GB"
