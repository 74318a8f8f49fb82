"""How ONNX says each primitive: one table, from names to functions that add nodes.

Each takes the graph, the step, and the names of its operands, and returns the name of its result (or a list of names).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.errors import ArgumentError
from autonet.exporting.graph import Graph
from autonet.exporting.recording import Array, Batch, Step

Writer = Callable[..., Any]
TABLE: dict[str, Writer] = {}
END = np.iinfo(np.int64).max


def writes(*names: str) -> Callable[[Writer], Writer]:
    """Enter a function for these primitives."""

    def enter(f: Writer) -> Writer:
        TABLE.update(dict.fromkeys(names, f))
        return f

    return enter


def refuse(step: Step, what: str) -> ArgumentError:
    """The error for settings that ONNX has no words for."""
    return ArgumentError(
        f"export: ONNX has no counterpart of ops.{step.op.lstrip('_')} {what}. Use other operations here."
    )


def in_dtype(g: Graph, array: Array, x: str, dtype: Any) -> str:
    """`x`, the name of `array`, with elements of this type."""
    return x if array.dtype == dtype else g.cast(x, dtype)


def axes_of(axis: Any, ndim: int) -> list[int]:
    """The axes that a setting means, counted from the first."""
    if axis is None:
        return list(range(ndim))
    return [a % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]


def number(g: Graph, value: float, like: Array) -> str:
    """A number of the dtype of `like`."""
    return g.constant(value, like.dtype)


# Elementwise

for _names, _dtype, _kind in (
    ("add subtract multiply divide power", "result", "Add Sub Mul Div Pow"),
    ("equal less less_equal greater greater_equal", "operands", "Equal Less LessOrEqual Greater GreaterOrEqual"),
    ("logical_and logical_or logical_xor", "bool", "And Or Xor"),
    ("bitwise_and bitwise_or bitwise_xor", "result", "BitwiseAnd BitwiseOr BitwiseXor"),
):
    for _name, _one in zip(_names.split(), _kind.split(), strict=True):

        def _binary(g: Graph, s: Step, a: str, b: str, kind: str = _one, how: str = _dtype) -> str:
            first, second = s.operands
            dtype = {"result": s.results[0].dtype, "bool": np.dtype(bool)}.get(how) or np.result_type(
                first.dtype, second.dtype
            )
            if kind.startswith("Bitwise") and dtype.kind == "b":
                kind = kind.removeprefix("Bitwise")
            return g.node(kind, in_dtype(g, first, a, dtype), in_dtype(g, second, b, dtype))

        TABLE[_name] = _binary

for _name, _kind in {
    **{
        name: name.capitalize()
        for name in "tanh sigmoid relu softplus erf exp log sqrt reciprocal floor ceil sign".split()
    },
    **{name: name.capitalize() for name in "sin cos tan sinh cosh".split()},
    **{f"arc{name}": f"A{name}" for name in "sin cos tan sinh cosh tanh".split()},
    "negative": "Neg",
    "absolute": "Abs",
    "isnan": "IsNaN",
    "isinf": "IsInf",
    **dict.fromkeys(["alias", "detach", "contiguous", "_top", "bounded", "grid_coordinates"], "Identity"),
}.items():
    TABLE[_name] = lambda g, s, x, kind=_kind: g.node(kind, in_dtype(g, s.operands[0], x, _operand_dtype(s)))


def _operand_dtype(s: Step) -> Any:
    """What a function of one operand takes: its own type, but floats where the result is one."""
    return s.operands[0].dtype if s.results[0].dtype == bool else s.results[0].dtype


def _formula(name: str) -> Callable[[Callable[..., str]], Writer]:
    """Enter a formula by ONNX's functions: it takes `op(kind, *names)`, `num(value)`, names and settings."""

    def enter(f: Callable[..., str]) -> Writer:
        def write(g: Graph, s: Step, *xs: str) -> str:
            dtype = s.results[0].dtype if s.results[0].dtype != bool else np.result_type(*[a.dtype for a in s.operands])
            given = [in_dtype(g, a, x, dtype) for a, x in zip(s.operands, xs, strict=True)]
            return f(g.node, lambda v: g.constant(v, dtype), *given, **s.settings)

        TABLE[name] = write
        return write

    return enter


_formula("square")(lambda op, num, x: op("Mul", x, x))
_formula("rsqrt")(lambda op, num, x: op("Reciprocal", op("Sqrt", x)))
_formula("expm1")(lambda op, num, x: op("Sub", op("Exp", x), num(1)))
_formula("log1p")(lambda op, num, x: op("Log", op("Add", x, num(1))))
_formula("exp2")(lambda op, num, x: op("Pow", num(2), x))
_formula("log2")(lambda op, num, x: op("Mul", op("Log", x), num(1 / math.log(2))))
_formula("log10")(lambda op, num, x: op("Mul", op("Log", x), num(1 / math.log(10))))
_formula("erfc")(lambda op, num, x: op("Sub", num(1), op("Erf", x)))
_formula("cbrt")(lambda op, num, x: op("Mul", op("Sign", x), op("Pow", op("Abs", x), num(1 / 3))))
_formula("trunc")(lambda op, num, x: op("Mul", op("Sign", x), op("Floor", op("Abs", x))))
_formula("hypot")(lambda op, num, x, y: op("Sqrt", op("Add", op("Mul", x, x), op("Mul", y, y))))
_formula("maximum")(lambda op, num, x, y: op("Max", x, y))
_formula("minimum")(lambda op, num, x, y: op("Min", x, y))
_formula("clip")(lambda op, num, x, low, high: op("Min", op("Max", x, low), high))
_formula("logaddexp")(
    lambda op, num, x, y: op("Add", op("Max", x, y), op("Softplus", op("Neg", op("Abs", op("Sub", x, y)))))
)
_formula("times")(lambda op, num, x, y: op("Where", op("Equal", x, num(0)), num(0), op("Mul", x, y)))
_formula("gate")(lambda op, num, x, switch: op("Where", op("Greater", switch, num(0)), x, num(0)))
_formula("not_equal")(lambda op, num, x, y: op("Not", op("Equal", x, y)))
_formula("isfinite")(lambda op, num, x: op("Not", op("Or", op("IsNaN", x), op("IsInf", x))))
_formula("leaky_relu")(
    lambda op, num, x, negative_slope: op("Where", op("Less", x, num(0)), op("Mul", x, num(negative_slope)), x)
)
_formula("elu")(
    lambda op, num, x, alpha: op(
        "Where", op("Greater", x, num(0)), x, op("Mul", op("Sub", op("Exp", op("Min", x, num(0))), num(1)), num(alpha))
    )
)


@_formula("squareplus")
def _squareplus(op: Any, num: Any, x: str, b: float) -> str:
    root = op("Sqrt", op("Add", op("Mul", x, x), num(b)))
    small = op("Div", num(b / 2), op("Add", root, op("Abs", x)))
    return op("Add", op("Max", x, num(0)), small)


@_formula("isclose")
def _isclose(op: Any, num: Any, x: str, y: str, rtol: float, atol: float, equal_nan: bool) -> str:
    near = op("LessOrEqual", op("Abs", op("Sub", x, y)), op("Add", op("Mul", op("Abs", y), num(rtol)), num(atol)))
    near = op("Or", near, op("Equal", x, y))
    return op("Or", near, op("And", op("IsNaN", x), op("IsNaN", y))) if equal_nan else near


@writes("mod", "floor_divide")
def _mod(g: Graph, s: Step, a: str, b: str) -> str:
    dtype = s.results[0].dtype
    a, b = (in_dtype(g, v, x, dtype) for v, x in zip(s.operands, (a, b), strict=True))
    if dtype.kind in "iu":  # here the remainder's sign is the divisor's
        rest = g.node("Mod", a, b)
        return rest if s.op == "mod" else g.node("Div", g.node("Sub", a, rest), b)
    zero = number(g, 0, s.results[0])
    rest = g.node("Mod", a, b, fmod=1)
    other = g.node("Less", g.node("Mul", rest, b), zero)
    rest = g.node("Where", other, g.node("Add", rest, b), rest)
    return rest if s.op == "mod" else g.node("Round", g.node("Div", g.node("Sub", a, rest), b))


@writes("round")
def _round(g: Graph, s: Step, x: str) -> str:
    if s.results[0].dtype.kind != "f":
        return g.node("Identity", x)
    scale = number(g, 10.0 ** s.settings["decimals"], s.results[0])
    return g.node("Div", g.node("Round", g.node("Mul", x, scale)), scale)


@writes("logical_not", "bitwise_invert")
def _not(g: Graph, s: Step, x: str) -> str:
    if s.op == "bitwise_invert" and s.operands[0].dtype != bool:
        return g.node("BitwiseNot", x)
    return g.node("Not", in_dtype(g, s.operands[0], x, bool))


@writes("_select")
def _where(g: Graph, s: Step, condition: str, x: str, y: str) -> str:
    dtype = s.results[0].dtype
    first, *others = s.operands
    x, y = (in_dtype(g, a, name, dtype) for a, name in zip(others, (x, y), strict=True))
    return g.node("Where", in_dtype(g, first, condition, bool), x, y)


@writes("cast")
def _cast(g: Graph, s: Step, x: str) -> str:
    return g.cast(x, s.results[0].dtype)


# Reductions


@writes("sum", "mean", "max", "min", "prod", "any", "all", "sum_to")
def _reduce(g: Graph, s: Step, x: str) -> str:
    (operand,), (result,) = s.operands, s.results
    if s.op == "sum_to":
        lead = len(operand.shape) - len(result.shape)
        axes = [a for a in range(len(operand.shape)) if a < lead or operand.shape[a] != result.shape[a - lead]]
        return g.reshape(g.node("ReduceSum", x, g.numbers(axes)) if axes else x, result.shape)
    axes, keep = axes_of(s.settings["axis"], len(operand.shape)), int(s.settings["keepdims"])
    if s.op in ("any", "all"):
        x = g.cast(in_dtype(g, operand, x, bool), np.int32)
        kind = "ReduceMax" if s.op == "any" else "ReduceMin"
        return g.cast(g.node(kind, x, g.numbers(axes), keepdims=keep), bool)
    x = in_dtype(g, operand, x, result.dtype)
    if axes:
        x = g.node(f"Reduce{s.op.capitalize()}", x, g.numbers(axes), keepdims=keep)
    if s.settings.get("initial") is not None:
        x = g.node("Max" if s.op == "max" else "Min", x, number(g, s.settings["initial"], result))
    return x


@writes("logsumexp", "l2_norm")
def _reduced_safely(g: Graph, s: Step, x: str) -> str:
    axes, keep = axes_of(s.settings["axis"], len(s.operands[0].shape)), int(s.settings["keepdims"])
    kind = "ReduceLogSumExp" if s.op == "logsumexp" else "ReduceL2"
    return g.node(kind, in_dtype(g, s.operands[0], x, s.results[0].dtype), g.numbers(axes), keepdims=keep)


@writes("argmax", "argmin")
def _arg(g: Graph, s: Step, x: str) -> str:
    axis, keep = s.settings["axis"], int(s.settings["keepdims"])
    if axis is None:
        x = g.node(
            "ArgMax" if s.op == "argmax" else "ArgMin", g.node("Reshape", x, g.numbers([-1])), axis=0, keepdims=0
        )
        return g.cast(g.reshape(x, s.results[0].shape), np.int32)
    return g.cast(g.node("ArgMax" if s.op == "argmax" else "ArgMin", x, axis=axis, keepdims=keep), np.int32)


@writes("cumsum")
def _cumsum(g: Graph, s: Step, x: str) -> str:
    x, axis = in_dtype(g, s.operands[0], x, s.results[0].dtype), s.settings["axis"]
    if axis is None:
        x, axis = g.node("Reshape", x, g.numbers([-1])), 0
    return g.node("CumSum", x, g.constant(axis, np.int64))


@writes("softmax", "log_softmax")
def _softmax(g: Graph, s: Step, x: str) -> str:
    axes = axes_of(s.settings["axis"], len(s.operands[0].shape))
    x = in_dtype(g, s.operands[0], x, s.results[0].dtype)
    if len(axes) == 1:
        return g.node("Softmax" if s.op == "softmax" else "LogSoftmax", x, axis=axes[0])
    y = g.node("Sub", x, g.node("ReduceLogSumExp", x, g.numbers(axes), keepdims=1)) if axes else g.node("Sub", x, x)
    return g.node("Exp", y) if s.op == "softmax" else y


@writes("top_k_indices")
def _top(g: Graph, s: Step, x: str) -> str:
    _, places = g.several("TopK", x, g.numbers([s.settings["k"]]), results=2, axis=-1)
    return g.cast(places, np.int32)


@writes("sort", "argsort")
def _sort(g: Graph, s: Step, x: str) -> str:
    axis, shape = s.settings["axis"], s.operands[0].shape
    if axis is None:
        x, axis, shape = g.node("Reshape", x, g.numbers([-1])), 0, s.results[0].shape
    count = g.shape((shape[axis],))
    values, places = g.several("TopK", x, count, results=2, axis=axis, largest=0)
    return values if s.op == "sort" else g.cast(places, np.int32)


@writes("searchsorted")
def _searchsorted(g: Graph, s: Step, sorted_sequence: str, values: str) -> str:
    dtype = np.result_type(*[a.dtype for a in s.operands])
    below = in_dtype(g, s.operands[0], sorted_sequence, dtype)
    values = g.node("Unsqueeze", in_dtype(g, s.operands[1], values, dtype), g.numbers([-1]))
    found = g.node("Less" if s.settings["side"] == "left" else "LessOrEqual", below, values)
    return g.node("ReduceSum", g.cast(found, np.int32), g.numbers([-1]), keepdims=0)


# Shapes


@writes("reshape", "expand_dims", "squeeze")
def _reshape(g: Graph, s: Step, x: str) -> str:
    return g.reshape(x, s.results[0].shape)


@writes("broadcast_to")
def _expand(g: Graph, s: Step, x: str) -> str:
    return g.node("Expand", x, g.shape(s.results[0].shape))


@writes("transpose", "matrix_transpose")
def _transpose(g: Graph, s: Step, x: str) -> str:
    n = len(s.operands[0].shape)
    if s.op == "transpose":
        axes = s.settings["axes"]
        perm = list(range(n))[::-1] if axes is None else [a % n for a in axes]
    else:
        perm = [*range(n - 2), n - 1, n - 2]
    return moved(g, s.operands[0], x, perm)


def moved(g: Graph, array: Array, x: str, perm: list[int]) -> str:
    """`x` with its axes in another order; a constant at once."""
    if array.constant is not None:
        return g.constant(np.ascontiguousarray(array.constant.transpose(perm)), name=f"{array.name}_transposed")
    return g.node("Transpose", x, perm=perm)


@writes("_join")
def _concat(g: Graph, s: Step, *xs: str) -> str:
    dtype = s.results[0].dtype
    return g.node(
        "Concat", *[in_dtype(g, a, x, dtype) for a, x in zip(s.operands, xs, strict=True)], axis=s.settings["axis"]
    )


def sliced(g: Graph, x: str, cuts: dict[int, tuple[int, int, int]]) -> str:
    """`x` with (start, stop, step) along some axes."""
    starts, stops, steps = zip(*cuts.values(), strict=True) if cuts else ((), (), ())
    if not cuts:
        return x
    return g.node("Slice", x, g.numbers(starts), g.numbers(stops), g.numbers(cuts), g.numbers(steps))


@writes("_part")
def _part(g: Graph, s: Step, x: str) -> str:
    axis = s.settings["axis"] % len(s.operands[0].shape)
    start, stop = s.settings["start"], s.settings["stop"]
    return sliced(g, x, {axis: (0 if start is None else start, END if stop is None else stop, 1)})


@writes("_split")
def _split(g: Graph, s: Step, x: str) -> list[str]:
    axis = s.settings["axis"] % len(s.operands[0].shape)
    bounds = [0, *s.settings["bounds"], END]
    return [sliced(g, x, {axis: (a, b, 1)}) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


@writes("_crop")
def _crop(g: Graph, s: Step, x: str) -> str:
    cuts = {}
    for axis, (start, n, m) in enumerate(
        zip(s.settings["starts"], s.results[0].shape, s.operands[0].shape, strict=True)
    ):
        if isinstance(n, Batch) and n != m:
            raise refuse(s, "with a length that depends on the batch size")
        if n != m:
            cuts[axis] = (start, start + n, 1)
    return sliced(g, x, cuts)


@writes("flip")
def _flip(g: Graph, s: Step, x: str) -> str:
    return sliced(g, x, dict.fromkeys(axes_of(s.settings["axis"], len(s.operands[0].shape)), (-1, -END, -1)))


@writes("roll")
def _roll(g: Graph, s: Step, x: str) -> str:
    shift, axis = s.settings["shift"], s.settings["axis"]
    shape = s.operands[0].shape
    if axis is None:
        x = g.node("Reshape", x, g.numbers([-1]))
    pairs = np.broadcast_arrays(np.asarray(shift), np.asarray(0 if axis is None else axis))
    for by, a in zip(*[p.ravel().tolist() for p in pairs], strict=True):
        n = shape[a] if axis is not None else math.prod([-1 if isinstance(d, Batch) else d for d in shape])
        if isinstance(n, Batch) or n < 0:
            raise refuse(s, "along the batch")
        if n and by % n:
            k = n - by % n
            x = g.node("Concat", sliced(g, x, {a: (k, END, 1)}), sliced(g, x, {a: (0, k, 1)}), axis=a)
    return g.reshape(x, shape) if axis is None else x


@writes("_pad")
def _pad(g: Graph, s: Step, x: str) -> str:
    before, after = zip(*s.settings["widths"], strict=True)
    return padded(g, s, x, [*before, *after])


def padded(g: Graph, s: Step, x: str, widths: list[int]) -> str:
    """`x` with zeros around: so many before all axes, then so many after."""
    dtype = s.results[0].dtype
    if dtype.kind != "b":
        return g.node("Pad", x, g.numbers(widths), number(g, 0, s.results[0]))
    return g.cast(g.node("Pad", g.cast(x, np.int32), g.numbers(widths), g.constant(0, np.int32)), bool)


@writes("_within")
def _within(g: Graph, s: Step, x: str) -> str:
    n, axis = len(s.operands[0].shape), s.settings["axis"] % len(s.operands[0].shape)
    size = s.operands[0].shape[axis]
    if isinstance(size, Batch):
        raise refuse(s, "along the batch")
    widths = [0] * (2 * n)
    widths[axis] = s.settings["start"]
    widths[n + axis] = s.settings["length"] - s.settings["start"] - size
    return padded(g, s, x, widths)


def cut(g: Graph, key: tuple, x: str, ndim: int) -> tuple[str, list[int]]:
    """`x` cut by a key's slices, whose axes that numbers take away are left with one place, and the axes for arrays."""
    cuts: dict[int, tuple[int, int, int]] = {}
    arrays: list[int] = []
    given = sum(k is not None and k is not Ellipsis for k in key)
    axis = 0
    for k in key:
        if k is None:
            continue
        if k is Ellipsis:
            axis += ndim - given
            continue
        if isinstance(k, tuple) and k[0] == "array":
            arrays.append(axis)
        elif isinstance(k, tuple):
            start, stop, step = (slice(*k[1:]).start, slice(*k[1:]).stop, slice(*k[1:]).step or 1)
            if (start, stop, step) != (None, None, 1):
                start = (0 if step > 0 else -1) if start is None else start
                cuts[axis] = (start, (END if step > 0 else -END) if stop is None else stop, step)
        else:
            cuts[axis] = (int(k), END if k == -1 else int(k) + 1, 1)
        axis += 1
    return sliced(g, x, cuts), arrays


@writes("_getitem")
def _getitem(g: Graph, s: Step, x: str) -> str:
    x, _ = cut(g, s.settings["key"], x, len(s.operands[0].shape))
    return g.reshape(x, s.results[0].shape)
