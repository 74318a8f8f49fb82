"""Loops in C for the primitives of a model's prediction, one table.

A writer of the table is called with the text's `Writer`, the instruction and its operands as arrays, whose places and strides
are those in C. Sums of float32 are taken in the order of a plan of plain C (AUTONET_INSTRUCTIONS=plain), so that results are
the same bits: products term after term, other sums by lanes. What such a plan leaves to NumPy is summed in double.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.c import expressions
from autonet.compiler.c.expressions import C_TYPES
from autonet.compiler.program import Instruction
from autonet.errors import ArgumentError

BLOCK = 256  # numbers of a row that a plan sums at a time
WRITERS: dict[str, Callable[..., None]] = {}

# Pointwise

_MORE = {  # of floats, functions of libm with the primitive's operands
    **dict(sin="sin", cos="cos", tan="tan", arcsin="asin", arccos="acos", arctan="atan", arctan2="atan2", sinh="sinh"),
    **dict(cosh="cosh", arcsinh="asinh", arccosh="acosh", arctanh="atanh", hypot="hypot", cbrt="cbrt", exp2="exp2"),
    **dict(log2="log2", log10="log10"),
}


def is_pointwise(i: Instruction) -> bool:
    """Whether each element of the result is an expression of one element of each operand."""
    return expressions.is_pointwise(i) or (i.op in _MORE and all(v.dtype.kind == "f" for v in i.operands))


def pointwise(w: Any, i: Instruction, operands: list[np.ndarray]) -> None:
    """A loop over the elements of the result."""
    y = w.result(i.results[0])
    operands = [np.broadcast_to(x, y.shape) for x in operands]
    with w.each(y.shape) as at:
        elements = [w.at(x, at) for x in operands]
        if i.op in _MORE:
            text = f"{_MORE[i.op]}{_f(y)}({', '.join(elements)})"
        else:
            text = expressions.expression(i, elements)
        w.line(f"{w.at(y, at)} = {text};")


def _f(x: np.ndarray) -> str:
    return "f" if x.dtype == np.float32 else ""


def suffix(x: np.ndarray) -> str:
    """How names of the runtime's functions on numbers of this dtype end."""
    return "f32" if x.dtype == np.float32 else "f64"


def enters(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Enter a writer under these primitives' names."""

    def enter(writer: Callable[..., None]) -> Callable[..., None]:
        WRITERS.update(dict.fromkeys(names, writer))
        return writer

    return enter


# Products


@enters("matmul")
def _matmul(w: Any, i: Instruction, a: np.ndarray, b: np.ndarray) -> None:
    y = w.result(i.results[0])
    if b.ndim == 1:
        b, y = b[:, None], y[..., None]
    if a.ndim == 1:
        a, y = a[None], y[..., None, :]
    stack = y.shape[:-2]
    if b.ndim == 2 and b.shape[-1] == 1:
        return _column(w, y, a, b)
    product(w, y, np.broadcast_to(a, (*stack, *a.shape[-2:])), np.broadcast_to(b, (*stack, *b.shape[-2:])))


def _column(w: Any, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """Rows times one column, in lanes as in runtime/kernels.h."""
    n, T = a.shape[-1], C_TYPES[y.dtype]
    lanes = 16 // y.itemsize
    term = lambda row, k: f"{w.at(a, [*row, k])} * {w.at(b, [k, '0'])}"
    with w.each(y.shape[:-1]) as row:
        w.line(f"{T} s[{lanes}] = {{0}}, u[{lanes}] = {{0}}, total = 0;")
        w.line("int k = 0;")
        if n >= 2 * lanes:
            w.line(f"for (; k + {2 * lanes} <= {n}; k += {2 * lanes})")
            w.line(f"    for (int l = 0; l < {lanes}; l++) {{")
            w.line(f"        s[l] += {term(row, '(k + l)')};")
            w.line(f"        u[l] += {term(row, f'(k + {lanes} + l)')};")
            w.line("    }")
        w.line(f"for (int l = 0; l < {lanes}; l++) total += s[l] + u[l];")
        w.line(f"for (; k < {n}; k++) total += {term(row, 'k')};")
        w.line(f"{w.at(y, [*row, '0'])} = total;")


def product(w: Any, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """y = a @ b for stacks of matrices of one shape, term after term."""
    w.fill(y)
    with w.each((*y.shape[:-1], a.shape[-1])) as at:
        *row, k = at
        w.line(f"const {C_TYPES[a.dtype]} a = {w.at(a, [*row, k])};") if y.shape[-1] > 1 else None
        with w.each(y.shape[-1:], "j") as (j,):
            factor = "a" if y.shape[-1] > 1 else w.at(a, [*row, k])
            w.line(f"{w.at(y, [*row, j])} += {factor} * {w.at(b, [*row[:-1], k, j])};")


@enters("convolve", "convolve_input")
def _convolve(w: Any, i: Instruction, x: np.ndarray, kernel: np.ndarray) -> None:
    """Windows of the larger array, taken up into the result (convolve), or laid down from the operand (convolve_input)."""
    y = w.result(i.results[0])
    w.fill(y)
    s = i.settings
    wide, narrow = (x, y) if i.op == "convolve" else (y, x)
    groups, window = s["groups"], kernel.shape[:-2]
    channels, filters = kernel.shape[-2], narrow.shape[-1] // groups
    n = len(window)
    lengths = (
        (narrow.shape[1:-1], window) if i.op == "convolve" else (window, narrow.shape[1:-1])
    )  # a plan's order of terms
    with w.each((narrow.shape[0], *lengths[0], *lengths[1])) as (row, *at):
        places, cell = (at[:n], at[n:]) if i.op == "convolve" else (at[n:], at[:n])
        seen, tests = _seen(
            places, cell, s["strides"], s["dilation"], s["starts"], wide.shape[1:-1], narrow.shape, window
        )
        if tests:
            w.line(f"if ({tests})")
        with w.each((groups, channels, filters), "j") as (g, c, f):
            into, out = _sum((g, channels), (c, 1)), _sum((g, filters), (f, 1))
            a, b = w.at(wide, [row, *seen, into]), w.at(narrow, [row, *places, out])
            to, source = (b, a) if i.op == "convolve" else (a, b)
            w.line(f"{to} += {source} * {w.at(kernel, [*cell, c, out])};")


def _seen(
    places: list[str], cell: list[str], strides: Any, dilation: Any, starts: Any, lengths: Any, counts: Any, window: Any
) -> tuple[list[str], str]:
    """The place that a cell of a window sees, along each axis, and the test that it lies inside, if it may not."""
    seen, tests = [], []
    for k, (p, c) in enumerate(zip(places, cell, strict=True)):
        index = _sum((p, strides[k]), (c, dilation[k]), (str(-starts[k]), 1) if starts[k] else ("0", 1))
        last = (counts[k + 1] - 1) * strides[k] + (window[k] - 1) * dilation[k] - starts[k]
        if starts[k] > 0:
            tests.append(f"{index} >= 0")
        if last >= lengths[k]:
            tests.append(f"{index} < {lengths[k]}")
        seen.append(f"({index})")
    return seen, " && ".join(tests)


def _sum(*terms: tuple[str, int]) -> str:
    """The sum of indices times numbers, in brackets."""
    texts = [index if factor == 1 else f"{index} * {factor}" for index, factor in terms if index != "0"]
    return f"({' + '.join(texts)})" if texts else "0"


@enters("pool_max", "pool_mean")
def _pool(w: Any, i: Instruction, x: np.ndarray) -> None:
    y = w.result(i.results[0])
    s, T = i.settings, C_TYPES[y.dtype]
    window, most = s["window"], i.op == "pool_max"
    if y.dtype.kind != "f":
        raise unfit(i)
    with w.each(y.shape) as at:
        w.line(f"{T} total = {'-INFINITY' if most else '0'};")
        if not most:
            w.line("int count = 0;")
        with w.each(window, "j") as cell:
            places = at[1:-1]
            ones = (1,) * len(window)
            seen, tests = _seen(places, cell, s["strides"], ones, s["starts"], x.shape[1:-1], y.shape, window)
            value = w.at(x, [at[0], *seen, at[-1]])
            w.line(f"{f'if ({tests}) ' if tests else ''}{{")
            w.line(f"    total = an_max_{suffix(y)}(total, {value});" if most else f"    total += {value};")
            w.line("}" if most else "    count++; }")
        w.line(f"{w.at(y, at)} = {'total' if most else f'total / ({T})count'};")


# Reductions


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted({int(a) % ndim for a in np.atleast_1d(axis)}))


class _Rows:
    """The loops of a reduction: `kept` over what remains, `along` over what is reduced within it."""

    def __init__(self, w: Any, x: np.ndarray, axis: Any):
        self.w, self.x = w, x
        self.axes = _axes(axis, x.ndim)
        self.shape = tuple([1 if a in self.axes else n for a, n in enumerate(x.shape)])
        self.inner = tuple([n if a in self.axes else 1 for a, n in enumerate(x.shape)])
        self.count = int(np.prod(self.inner))

    def kept(self) -> Any:
        return self.w.each(self.shape)

    def along(self) -> Any:
        return self.w.each(self.inner, "j")

    def join(self, at: list[str], inner: list[str]) -> list[str]:
        return [j if a in self.axes else i for a, (i, j) in enumerate(zip(at, inner, strict=True))]

    def each(self, at: list[str], text: Callable[[list[str]], str]) -> None:
        """A statement for every reduced element."""
        with self.along() as inner:
            self.w.line(text(self.join(at, inner)))


@enters("sum", "mean", "prod", "max", "min", "any", "all", "logsumexp", "l2_norm")
def _reduce(w: Any, i: Instruction, x: np.ndarray) -> None:
    whole = w.result(i.results[0])
    rows = _Rows(w, x, i.settings.get("axis"))
    y = whole.reshape(rows.shape)
    T = C_TYPES[y.dtype]
    wide = "double" if y.dtype.kind == "f" else T
    initial = i.settings.get("initial")
    if (initial is not None and i.op not in ("max", "min")) or i.settings.get("dtype") is not None:
        raise unfit(i)
    if i.op in ("max", "min") and x.dtype.kind != "f":
        raise unfit(i)
    with rows.kept() as at:
        value = lambda j: w.at(x, j)
        to = w.at(y, at)
        if i.op in ("sum", "mean") and x.dtype == np.float32:
            _total(w, rows, at)
            w.line(f"{to} = total{f' / {rows.count}.0f' if i.op == 'mean' else ''};")
        elif i.op in ("sum", "mean", "prod"):
            sign = "*=" if i.op == "prod" else "+="
            w.line(f"{wide} total = {int(i.op == 'prod')};")
            rows.each(at, lambda j: f"total {sign} {value(j)};")
            w.line(f"{to} = ({T})(total{f' / {rows.count}' if i.op == 'mean' else ''});")
        elif i.op in ("max", "min"):
            start = f"{'-' if i.op == 'max' else ''}INFINITY" if initial is None else expressions.literal(initial, T)
            w.line(f"{T} most = {start};")
            rows.each(at, lambda j: f"most = an_{i.op}_{suffix(y)}(most, {value(j)});")
            w.line(f"{to} = most;")
        elif i.op in ("any", "all"):
            w.line(f"int found = {int(i.op == 'all')};")
            rows.each(at, lambda j: f"found = found {'&&' if i.op == 'all' else '||'} {value(j)} != 0;")
            w.line(f"{to} = ({T})found;")
        elif i.op == "l2_norm":
            if y.dtype != np.float32:
                raise unfit(i)  # squares may overflow
            w.line("double total = 0;")
            rows.each(at, lambda j: f"total += (double){value(j)} * (double){value(j)};")
            w.line(f"{to} = (float)sqrt(total);")
        else:
            _peak(w, rows, at, x)
            w.line("if (!isfinite(peak)) peak = 0;")
            rows.each(at, lambda j: f"total += exp{_f(x)}({value(j)} - peak);")
            w.line(f"{to} = ({T})log(total) + peak;")


def _total(w: Any, rows: _Rows, at: list[str]) -> None:
    """The float `total` of a row, in the order of a plan's loops: numbers side by side by lanes in blocks, others one by one."""
    w.line("float total = 0;")
    last = max((a for a, n in enumerate(rows.x.shape) if n > 1), default=-1)
    if last not in rows.axes:
        rows.each(at, lambda j: f"total += {w.at(rows.x, j)};")
        return
    first = last  # of the axes that are one run of numbers
    while first and first - 1 in rows.axes:
        first -= 1
    lengths = rows.x.shape[first : last + 1]
    n = int(np.prod(lengths))
    with w.each(tuple([1 if a >= first else m for a, m in enumerate(rows.inner)]), "j") as inner:
        places, left = rows.join(at, inner), n
        for a, length in enumerate(lengths, first):
            left //= length
            places[a] = (
                f"((s + k) / {left} % {length})" if left > 1 else f"((s + k) % {length})" if length < n else "(s + k)"
            )
        w.line("float row = 0;")
        _blocks(w, n, "row", f"part[k] = {w.at(rows.x, places)};")
        w.line("total += row;")


def _blocks(w: Any, n: int, to: str, part: str) -> None:
    """Add n numbers up, some hundred at a time by lanes: `part` is the statement for number s + k."""
    w.line(f"for (int s = 0; s < {n}; s += {BLOCK}) {{")
    w.line(f"    float part[{BLOCK}];")
    w.line(f"    const int most = {n} - s < {BLOCK} ? {n} - s : {BLOCK};")
    w.line(f"    for (int k = 0; k < most; k++) {{ {part} }}")
    w.line(f"    {to} += an_sum_f32(part, most);")
    w.line("}")


def _peak(w: Any, rows: _Rows, at: list[str], x: np.ndarray) -> None:
    w.line(f"{C_TYPES[x.dtype]} peak = -INFINITY;")
    w.line("double total = 0;")
    rows.each(at, lambda j: f"peak = an_max_{suffix(x)}(peak, {w.at(x, j)});")


@enters("argmax", "argmin")
def _argmax(w: Any, i: Instruction, x: np.ndarray) -> None:
    whole = w.result(i.results[0])
    axis = i.settings["axis"]
    if axis is None:
        if x.ndim != 1:
            raise unfit(i)
        axis = 0
    rows = _Rows(w, x, axis)
    y = whole.reshape(rows.shape)
    first = [*["0"] * x.ndim]
    with rows.kept() as at:
        w.line(f"{C_TYPES[x.dtype]} best = {w.at(x, rows.join(at, first))};")
        w.line("int32_t place = 0;")
        with rows.along() as inner:
            v, k = w.at(x, rows.join(at, inner)), inner[rows.axes[0]]
            nan = f" || ({v} != {v} && best == best)" if x.dtype.kind == "f" else ""
            w.line(f"if ({v} {'>' if i.op == 'argmax' else '<'} best{nan}) {{ best = {v}; place = {k}; }}")
        w.line("(void)best;")
        w.line(f"{w.at(y, at)} = place;")


@enters("softmax", "log_softmax")
def _softmax(w: Any, i: Instruction, x: np.ndarray) -> None:
    y = w.result(i.results[0])
    T = C_TYPES[y.dtype]
    rows = _Rows(w, x, i.settings["axis"])
    if y.dtype == np.float32 and rows.axes == (x.ndim - 1,):
        return _softmax_rows(w, i.op, y, x, rows)
    with rows.kept() as at:
        _peak(w, rows, at, x)
        if i.op == "softmax":
            rows.each(at, lambda j: f"total += {w.at(y, j)} = exp{_f(y)}({w.at(x, j)} - peak);")
            rows.each(at, lambda j: f"{w.at(y, j)} /= ({T})total;")
        else:
            rows.each(at, lambda j: f"total += exp{_f(y)}({w.at(x, j)} - peak);")
            rows.each(at, lambda j: f"{w.at(y, j)} = {w.at(x, j)} - peak - ({T})log(total);")


def _softmax_rows(w: Any, op: str, y: np.ndarray, x: np.ndarray, rows: _Rows) -> None:
    """As a plan does it: sums of up to 128 numbers one by one, of more by lanes in blocks of these."""
    n = x.shape[-1]
    with rows.kept() as at:
        w.line("float peak = -INFINITY, total = 0;")
        rows.each(at, lambda j: f"peak = an_max_f32(peak, {w.at(x, j)});")
        rows.each(at, lambda j: f"{w.at(y, j)} = an_exp_f32({w.at(x, j)} - peak);")
        if n <= 128:
            rows.each(at, lambda j: f"total += {w.at(y, j)};")
        else:
            start = w.at(y, [*at[:-1], "s"])
            w.line(f"for (int s = 0; s < {n}; s += 128) total += an_sum_f32(&{start}, {n} - s < 128 ? {n} - s : 128);")
        if op == "softmax":
            rows.each(at, lambda j: f"{w.at(y, j)} /= total;")
        else:
            w.line("const float logarithm = an_log_f32(total);")
            rows.each(at, lambda j: f"{w.at(y, j)} = {w.at(x, j)} - peak - logarithm;")


@enters("standardize")
def _standardize(w: Any, i: Instruction, x: np.ndarray) -> None:
    y, r = (w.result(v) for v in i.results)
    T = C_TYPES[y.dtype]
    rows = _Rows(w, x, i.settings["axis"])
    if x.dtype == np.float32 and rows.axes == tuple(range(x.ndim - len(rows.axes), x.ndim)):
        return _standardize_rows(w, i, y, r, rows)
    with rows.kept() as at:
        w.line("double mean = 0, spread = 0;")
        rows.each(at, lambda j: f"mean += {w.at(x, j)};")
        w.line(f"mean /= {rows.count};")
        rows.each(
            at,
            lambda j: f"{{ {T} d = {w.at(x, j)} - ({T})mean; {w.at(y, j)} = d; spread += (double)d * (double)d; }}",
        )
        w.line(f"spread = spread / {rows.count} + {expressions.literal(i.settings['epsilon'], 'double')};")
        w.line(f"const {T} r = ({T})spread < INFINITY ? ({T})(1 / sqrt(spread)) : NAN;")
        rows.each(at, lambda j: f"{w.at(y, j)} *= r;")
        w.line(f"{w.at(r, at)} = r;")


def _standardize_rows(w: Any, i: Instruction, y: np.ndarray, r: np.ndarray, rows: _Rows) -> None:
    """As a plan does it: the mean of all numbers by lanes, squares by lanes in blocks."""
    x, n, lead = rows.x, rows.count, rows.x.ndim - len(rows.axes)
    flat = y.reshape(*x.shape[:lead], n)
    epsilon = expressions.literal(np.float32(i.settings["epsilon"]), "float")
    with rows.kept() as at:
        rows.each(at, lambda j: f"{w.at(y, j)} = {w.at(x, j)};")
        w.line(f"const float mean = an_sum_f32(&{w.at(flat, [*at[:lead], '0'])}, {n}) / {n}.0f;")
        w.line("float total = 0;")
        _blocks(w, n, "total", f"const float d = {w.at(flat, [*at[:lead], '(s + k)'])} -= mean; part[k] = d * d;")
        w.line(f"const float scale = isinf(total) ? NAN : 1 / sqrtf(total / {n}.0f + {epsilon});")
        rows.each(at, lambda j: f"{w.at(y, j)} *= scale;")
        w.line(f"{w.at(r, at)} = scale;")


@enters("cumsum")
def _cumsum(w: Any, i: Instruction, x: np.ndarray) -> None:
    y = w.result(i.results[0])
    if i.settings["axis"] is None or i.settings["dtype"] is not None:
        raise unfit(i)
    rows = _Rows(w, x, i.settings["axis"])
    with rows.kept() as at:
        w.line(f"{C_TYPES[y.dtype]} total = 0;")
        rows.each(at, lambda j: f"{w.at(y, j)} = total += {w.at(x, j)};")


# Arrangement


@enters("_join")
def _join(w: Any, i: Instruction, *xs: np.ndarray) -> None:
    y = w.result(i.results[0])
    to = np.moveaxis(y, i.settings["axis"], 0)
    start = 0
    for x in xs:
        x = np.moveaxis(x, i.settings["axis"], 0)
        w.copy(to[start : start + len(x)], x)
        start += len(x)


@enters("_pad", "_within", "_putitem", "_on_diagonal", "roll")
def _place(w: Any, i: Instruction, x: np.ndarray) -> None:
    """The operand's elements at other places, zeros elsewhere: runs of places that go on evenly are loops."""
    y = w.result(i.results[0])
    if i.op in ("_pad", "_within"):
        w.fill(y)
        widths = i.settings.get("widths")
        if widths is None:
            widths = [(0, 0)] * x.ndim
            widths[i.settings["axis"] % x.ndim] = (i.settings["start"], 0)
        return w.copy(y[tuple([slice(b, b + n) for (b, _), n in zip(widths, x.shape, strict=True)])], x)
    numbers = i.primitive.body(np.arange(1, x.size + 1, dtype=np.int64).reshape(x.shape), **i.settings)
    table = w.base(f"c{len(w.bases)}", numbers.size, np.dtype("int32"))
    table[:] = numbers.ravel() - 1
    w.constants[table.ctypes.data] = table
    place = table.reshape(y.shape)
    flat = w.space(x.shape, x.dtype)
    w.copy(flat, x)
    with w.each(y.shape) as at:
        k = w.at(place, at)
        w.line(f"{w.at(y, at)} = {k} < 0 ? 0 : {w.at(flat.reshape(-1), [k])};")


@enters("_take")
def _take(w: Any, i: Instruction, x: np.ndarray, indices: np.ndarray) -> None:
    y = w.result(i.results[0])
    axis = i.settings["axis"] % x.ndim
    n, T = x.shape[axis], C_TYPES[y.dtype]
    missing = "NAN" if y.dtype.kind == "f" else "0"
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    with w.each(indices.shape) as at:
        w.line(f"long k = (long){w.at(indices, at)};")
        if indices.dtype.kind == "i":
            w.line(f"if (k < 0) k += {n};")
        with w.each((*before, *after), "j") as inner:
            head, tail = inner[: len(before)], inner[len(before) :]
            to, source = w.at(y, [*head, *at, *tail]), w.at(x, [*head, "k", *tail])
            w.line(f"{to} = k >= 0 && k < {n} ? {source} : ({T}){missing};")


def unfit(i: Instruction) -> ArgumentError:
    """The error for an instruction that the table cannot write."""
    return ArgumentError(f"Export to C has no loops for {i!r}. Leave what uses it outside the model.")
