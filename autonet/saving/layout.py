"""JSON laid out for people: what fits on a line stands on one, and numbers have no more digits than they need."""

import json
from typing import Any

import numpy as np

WIDTH = 120


def numbers(array: np.ndarray) -> Any:
    """Nested lists from which the array's dtype gives its numbers back, to the bit but for which NaN; NaN and infinities
    are the texts "nan", "inf" and "-inf"."""
    flat = array.ravel()
    values: list[Any] = flat.tolist()
    if flat.dtype.kind == "f":
        if flat.dtype.itemsize < 8:
            short = [float(str(x)) for x in flat]
            exact = np.array(short, np.float64).astype(flat.dtype) == flat
            values = [a if same else b for a, b, same in zip(short, values, exact.tolist(), strict=True)]
        for i in np.flatnonzero(~np.isfinite(flat)).tolist():
            values[i] = str(flat[i])
    for n in reversed(array.shape[1:]):
        values = [values[i * n : (i + 1) * n] for i in range(len(values) // n)] if n else values
    if 0 in array.shape:
        return np.empty(array.shape).tolist()
    return values if array.ndim else values[0]


def laid_out(x: Any, before: str = "", depth: int = 0) -> str:
    """Plain values as JSON, rows of numbers below each other.

    Args:
        before: what stands before it on its first line.
        depth: columns by which later lines are indented.
    """
    line = json.dumps(x, ensure_ascii=False)
    if len(line) + len(before) + depth < WIDTH or not isinstance(x, (list, dict)) or _is_row(x):
        return before + (line if not _is_row(x) else _wrapped(x, len(before), depth))
    pad = " " * (depth + 1)
    if isinstance(x, dict):
        rows = [pad + laid_out(v, f"{json.dumps(k, ensure_ascii=False)}: ", depth + 1) for k, v in x.items()]
        return before + "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"
    return before + "[\n" + ",\n".join([pad + laid_out(v, "", depth + 1) for v in x]) + "\n" + " " * depth + "]"


def _is_row(x: Any) -> bool:
    return isinstance(x, list) and bool(x) and not any(isinstance(v, (list, dict)) for v in x)


def _wrapped(row: list[Any], used: int, depth: int) -> str:
    """A list of plain values over as many lines as it needs."""
    lines: list[str] = []
    words: list[str] = []
    room = WIDTH - used - depth - 2
    left = room
    for v in row:
        word = repr(v) if type(v) is float or type(v) is int else json.dumps(v, ensure_ascii=False)
        if words and len(word) + 2 > left:
            lines.append(", ".join(words) + ",")
            words, left = [], WIDTH - depth - 2
        words.append(word)
        left -= len(word) + 2
    lines.append(", ".join(words))
    return "[" + ("\n" + " " * (depth + 1)).join(lines) + "]"
