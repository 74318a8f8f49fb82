"""How ONNX says products, convolutions, pooling, attention and normalisation: the rest of the table in `operators`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from autonet.exporting.graph import Graph
from autonet.exporting.lookups import TABLE as TABLE
from autonet.exporting.operators import axes_of, in_dtype, moved, number, padded, refuse, sliced, writes
from autonet.exporting.recording import Array, Batch, Step


@writes("matmul")
def _matmul(g: Graph, s: Step, a: str, b: str) -> str:
    dtype = s.results[0].dtype
    return g.node("MatMul", in_dtype(g, s.operands[0], a, dtype), in_dtype(g, s.operands[1], b, dtype))


def _framed(g: Graph, array: Array, x: str, body: Callable[[str], str]) -> str:
    """What `body` makes of `x`, for it with the channels second, as ONNX has them."""
    n = len(array.shape)
    y = body(moved(g, array, x, [0, n - 1, *range(1, n - 1)]))
    return g.node("Transpose", y, perm=[0, *range(2, n), 1])


def _pads(s: Step, window: tuple, dilation: tuple) -> list[int]:
    """How far the windows reach beyond the input, before all axes and after all."""
    ends = []
    setting = s.settings
    for length, w, step, d, count, start in zip(
        s.operands[0].shape[1:-1], window, setting["strides"], dilation, setting["size"], setting["starts"], strict=True
    ):
        if isinstance(length, Batch):
            raise refuse(s, "along the batch")
        end = max((count - 1) * step + (w - 1) * d + 1 - start - length, 0)
        if (start + length + end - (w - 1) * d - 1) // step + 1 != count:
            raise refuse(s, "with windows that leave out places")
        ends.append(end)
    return [*setting["starts"], *ends]


def _windows(g: Graph, s: Step, kernel: str) -> tuple[tuple, str, dict[str, Any]]:
    """Of a convolution: the window's lengths, the kernel as ONNX has it, and what else it takes."""
    window, setting = s.operands[1].shape[:-2], s.settings
    n = len(window)
    weights = moved(g, s.operands[1], kernel, [n + 1, n, *range(n)])
    options = dict(strides=list(setting["strides"]), dilations=list(setting["dilation"]), group=setting["groups"])
    return window, weights, options


def _cells(
    g: Graph, array: Array, x: str, window: tuple, strides: tuple, dilation: tuple, count: tuple, pads: list[int]
) -> Iterator[str]:
    """What each cell of a window sees as it moves over `x`, zeros around: float64, whose windows onnxruntime does not know."""
    n = len(window)
    x = g.node("Pad", x, g.numbers([0, *pads[:n], 0, 0, *pads[n:], 0]), g.constant(0, array.dtype))
    for cell in np.ndindex(window):
        places = zip(cell, strides, dilation, count, strict=True)
        yield sliced(
            g, x, {i: (t * d, t * d + (m - 1) * step + 1, step) for i, (t, step, d, m) in enumerate(places, 1)}
        )


def _sum(g: Graph, terms: Iterable[str]) -> str:
    return functools.reduce(lambda a, b: g.node("Add", a, b), terms)


def _convolve_by_cells(g: Graph, s: Step, x: str, weights: str, window: tuple, strides: tuple, pads: list[int]) -> str:
    """The sum over cells of what each sees times its `weights`, (cells, groups, channels in, channels out)."""
    count, groups = s.results[0].shape, s.settings["groups"]
    inside = s.operands[0].shape[-1] // groups
    seen = _cells(g, s.results[0], x, window, strides, s.settings["dilation"], count[1:-1], pads)
    terms = [
        g.node(
            "MatMul",
            g.reshape(part, (*count[:-1], groups, 1, inside)),
            g.node("Gather", weights, g.constant(k), axis=0),
        )
        for k, part in enumerate(seen)
    ]
    return g.reshape(_sum(g, terms), count)


def _by_group(g: Graph, s: Step, kernel: str, perm: list[int]) -> str:
    """A kernel as (cells, groups, ...), of which `perm` says how they come from (cells, channels, groups, filters)."""
    channels, filters = s.operands[1].shape[-2:]
    groups = s.settings["groups"]
    return g.node(
        "Transpose", g.node("Reshape", kernel, g.numbers([-1, channels, groups, filters // groups])), perm=perm
    )


@writes("convolve")
def _convolve(g: Graph, s: Step, x: str, kernel: str) -> str:
    window, weights, options = _windows(g, s, kernel)
    pads = _pads(s, window, s.settings["dilation"])
    if s.results[0].dtype == np.float64:
        return _convolve_by_cells(g, s, x, _by_group(g, s, kernel, [0, 2, 1, 3]), window, s.settings["strides"], pads)
    return _framed(g, s.operands[0], x, lambda x: g.node("Conv", x, weights, pads=pads, **options))


def _convolve_input_by_cells(g: Graph, s: Step, x: str, kernel: str, window: tuple) -> str:
    """The reversed kernel over places that lie `strides` apart, zeros between."""
    setting, shape, befores, afters = s.settings, [*s.operands[0].shape], [], []
    n = len(window)
    for axis in range(1, n + 1):
        w, step, d, size, start = (
            window[axis - 1],
            *(setting[name][axis - 1] for name in ("strides", "dilation", "size", "starts")),
        )
        apart = g.node("Unsqueeze", x, g.numbers([axis + 1]))
        widths = [0] * (2 * n + 6)
        widths[n + 3 + axis + 1] = step - 1
        apart = g.node("Pad", apart, g.numbers(widths), g.constant(0, np.float64))
        shape[axis] *= step
        x = g.reshape(apart, tuple(shape))
        befores.append((w - 1) * d - start)
        afters.append(size + start - shape[axis])
    weights = _by_group(g, s, kernel, [0, 2, 3, 1])
    backward = g.numbers(range(int(np.prod(window)))[::-1])
    return _convolve_by_cells(
        g, s, x, g.node("Gather", weights, backward, axis=0), window, (1,) * n, [*befores, *afters]
    )


@writes("convolve_input")
def _convolve_input(g: Graph, s: Step, x: str, kernel: str) -> str:
    window, weights, options = _windows(g, s, kernel)
    if s.results[0].dtype == np.float64:
        return _convolve_input_by_cells(g, s, x, kernel, window)

    def body(x: str) -> str:
        y = g.node("ConvTranspose", x, weights, **options)
        beyond, cuts = [], {}
        places = zip(
            s.operands[0].shape[1:-1],
            window,
            s.settings["strides"],
            s.settings["dilation"],
            s.settings["size"],
            s.settings["starts"],
            strict=True,
        )
        for axis, (count, w, step, d, size, start) in enumerate(places, 2):
            covered = (count - 1) * step + (w - 1) * d + 1
            beyond.append(max(start + size - covered, 0))
            cuts[axis] = (start, start + size, 1)
        if any(beyond):
            y = padded(g, s, y, [0] * (len(window) + 4) + beyond)
        return sliced(g, y, cuts)

    return _framed(g, s.operands[0], x, body)


@writes("pool_max", "pool_mean")
def _pool(g: Graph, s: Step, x: str) -> str:
    window = s.settings["window"]
    options = dict(
        kernel_shape=list(window), strides=list(s.settings["strides"]), pads=_pads(s, window, (1,) * len(window))
    )
    if s.op == "pool_mean" and s.results[0].dtype == np.float64:
        count = s.results[0].shape[1:-1]

        def total(x: str, array: Array) -> str:
            ones = (1,) * len(window)
            return _sum(g, _cells(g, array, x, window, s.settings["strides"], ones, count, options["pads"]))

        inside = g.constant(np.ones((1, *s.operands[0].shape[1:-1], 1)))
        return g.node(
            "Div", total(in_dtype(g, s.operands[0], x, np.float64), s.results[0]), total(inside, s.results[0])
        )
    kind = "MaxPool" if s.op == "pool_max" else "AveragePool"  # which does not count what it adds around
    x = in_dtype(g, s.operands[0], x, s.results[0].dtype)
    return _framed(g, s.operands[0], x, lambda x: g.node(kind, x, **options))


@writes("attend")
def _attend(g: Graph, s: Step, query: str, key: str, value: str, mask: str) -> list[str]:
    y = s.results[0]
    q = moved(g, s.operands[0], query, [0, 2, 1, 3])
    k = moved(g, s.operands[1], key, [0, 2, 3, 1])
    v = moved(g, s.operands[2], value, [0, 2, 1, 3])
    scores = g.node("Mul", g.node("MatMul", q, k), number(g, s.settings["scale"], y))
    hidden = s.operands[3]
    seen = None if hidden.constant is not None and hidden.constant.all() else mask
    if seen is not None and hidden.dtype != bool:
        seen = g.cast(seen, bool)
    if s.settings["causal"]:
        t, length = s.operands[0].shape[1], s.operands[1].shape[1]
        if isinstance(t, Batch) or isinstance(length, Batch):
            raise refuse(s, "along the batch")
        past = g.constant(np.tri(t, length, dtype=bool))
        seen = past if seen is None else g.node("And", seen, past)
    if seen is not None:
        scores = g.node("Where", seen, scores, number(g, -1e30 if y.dtype != np.float16 else -6e4, y))
    weights = g.node("Softmax", scores, axis=-1)
    if seen is not None:
        weights = g.node("Where", seen, weights, number(g, 0, y))
    made = g.node("Transpose", g.node("MatMul", weights, v), perm=[0, 2, 1, 3])
    return [made, g.node("ReduceLogSumExp", scores, g.numbers([-1]), keepdims=0)]


@writes("standardize")
def _standardize(g: Graph, s: Step, x: str) -> list[str]:
    dtype = s.results[0].dtype
    x, axes = in_dtype(g, s.operands[0], x, dtype), g.numbers(axes_of(s.settings["axis"], len(s.operands[0].shape)))
    apart = g.node("Sub", x, g.node("ReduceMean", x, axes, keepdims=1))
    variance = g.node("ReduceMean", g.node("Mul", apart, apart), axes, keepdims=1)
    root = g.node("Sqrt", g.node("Add", variance, g.constant(s.settings["epsilon"], dtype)))
    return [g.node("Div", apart, root), g.node("Reciprocal", root)]
