"""How ONNX says look-ups by number, and categories: a part of the table in `operators`."""

from __future__ import annotations

import numpy as np

from autonet.exporting.graph import Graph
from autonet.exporting.operators import TABLE as TABLE
from autonet.exporting.operators import cut, refuse, writes
from autonet.exporting.recording import Step


@writes("_take")
def _take(g: Graph, s: Step, x: str, places: str) -> str:
    return g.node("Gather", x, places, axis=s.settings["axis"])


@writes("_gather")
def _gather(g: Graph, s: Step, x: str, *places: str) -> str:
    key = s.settings["key"]
    n = len(s.operands[0].shape)
    plain = all(isinstance(k, tuple) or k is Ellipsis for k in key) and all(
        a.dtype.kind in "iu" for a in s.operands[1:]
    )
    if not plain:
        raise refuse(s, "with such a key")
    order = [k[1] for k in key if isinstance(k, tuple) and k[0] == "array"]
    x, axes = cut(g, key, x, n)
    if len(axes) == 1:
        return g.node("Gather", x, places[order[0]], axis=axes[0])
    if axes != list(range(len(axes))):
        raise refuse(s, "with arrays that are not at the key's beginning")
    dims = s.results[0].shape[: len(s.results[0].shape) - (n - len(axes))]
    parts = [
        g.node("Unsqueeze", g.node("Expand", g.cast(places[k], np.int64), g.shape(dims)), g.numbers([-1]))
        for k in order
    ]
    return g.node("GatherND", x, g.node("Concat", *parts, axis=-1))


@writes("_take_along")
def _take_along(g: Graph, s: Step, x: str, places: str) -> str:
    axis = s.settings["axis"] % len(s.operands[0].shape)
    a, b = (v.shape for v in s.operands)
    if any(m != n for k, (m, n) in enumerate(zip(a, b, strict=True)) if k != axis):
        result = s.results[0].shape
        x = g.node("Expand", x, g.shape((*result[:axis], a[axis], *result[axis + 1 :])))
        places = g.node("Expand", places, g.shape(result))
    return g.node("GatherElements", x, places, axis=axis)


@writes("_replace")
def _replace(g: Graph, s: Step, x: str, updates: str, places: str) -> str:
    places = g.cast(places, np.int64)
    dims = (*s.operands[2].shape[:-1], *s.operands[0].shape[s.operands[2].shape[-1] :])
    return g.node("ScatterND", x, places, g.node("Expand", updates, g.shape(dims)))


@writes("category_encoding", "category_weights")
def _categories(g: Graph, s: Step, x: str, *weights: str) -> str:
    """Numbers out of range, which the layers refuse, count for nothing."""
    depth, result = s.settings["depth"], s.results[0]
    hits = g.node(
        "Equal", g.node("Unsqueeze", x, g.numbers([-1])), g.constant(np.arange(depth, dtype=s.operands[0].dtype))
    )
    hits = g.cast(hits, result.dtype)
    if s.settings.get("mode") == "one_hot":
        return hits
    if weights:
        hits = g.node("Mul", hits, g.node("Unsqueeze", weights[0], g.numbers([-1])))
    kind = "ReduceMax" if s.settings.get("mode") == "multi_hot" else "ReduceSum"
    return g.node(kind, hits, g.numbers([-2]), keepdims=0)


@writes("_one_hot")
def _one_hot(g: Graph, s: Step, x: str) -> str:
    n, result = s.settings["num_classes"], s.results[0]
    axis = s.settings["axis"] % len(result.shape)
    classes = np.arange(n, dtype=s.operands[0].dtype).reshape((n,) + (1,) * (len(result.shape) - 1 - axis))
    equal = g.node("Equal", g.node("Unsqueeze", x, g.numbers([axis])), g.constant(classes))
    return equal if result.dtype == bool else g.cast(equal, result.dtype)
