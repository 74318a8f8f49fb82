"""C for primitives that are no loops of single elements: products, softmax, draws, pooling.

A kernel writes what its instruction needs and returns True, or returns False where it does not know the case; the plan
then steps out to NumPy for that instruction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.c.expressions import C_TYPES, literal
from autonet.compiler.c.groups import Member
from autonet.compiler.c.loops import ALONE, PIECE
from autonet.compiler.facts import row
from autonet.compiler.passes.schedule import LOSSES
from autonet.compiler.program import Instruction, Value

STRIP = 64  # columns side by side; AN_STRIP in kernels.h


def _in_order(a: np.ndarray) -> bool:
    return a.flags.c_contiguous


def any_strides(a: np.ndarray) -> bool:
    """Of a kernel that takes operands as they come."""
    return True


def native(name: str, strides: Callable[[np.ndarray], bool] = _in_order) -> Callable:
    """Register the C kernel of the primitive `name`, which takes operands of such `strides`, by default those in C order."""

    def register(f: Callable) -> Callable:
        row(name).c_kernel, row(name).c_strides = f, strides
        return f

    return register


def _floats(*arrays: np.ndarray) -> bool:
    return all(a.dtype == np.float32 for a in arrays)


def _contiguous(*arrays: np.ndarray) -> bool:
    return all(map(_in_order, arrays))


def _along_last(i: Instruction, ndim: int) -> bool:
    axis = i.settings["axis"]
    return isinstance(axis, int) and axis % ndim == ndim - 1


# Products


def _matrix(a: np.ndarray) -> tuple[int, int] | None:
    """(transposed, leading dimension) of a 2-D view in BLAS's terms, None if it has no such form."""
    rows, columns = a.shape
    s0, s1 = (s // a.itemsize for s in a.strides)
    if (s1 == 1 or columns == 1) and (s0 >= columns or rows == 1):
        return 0, max(s0, columns) if rows > 1 else columns
    if (s0 == 1 or rows == 1) and (s1 >= rows or columns == 1):
        return 1, max(s1, rows) if columns > 1 else rows
    return None


def _of_matrices(a: np.ndarray) -> bool:
    return a.ndim < 2 or not a.size or _matrix(a[(0,) * (a.ndim - 2)]) is not None


@native("matmul", _of_matrices)
def _matmul(write: Any, i: Instruction) -> bool:
    a, b = (write.arrays[v] for v in i.operands)
    c = write.arrays[i.results[0]]
    if a.dtype != c.dtype or c.dtype not in (np.float32, np.float64) or not (a.size and b.size) or not _contiguous(c):
        return False
    if a.ndim == 1:
        a = a[None]
    if b.ndim == 1:
        b = b[:, None]
    if b.ndim == 2 and a.ndim > 2:
        rows = a.reshape(-1, a.shape[-1])
        a = rows if np.may_share_memory(rows, a) else a
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    f = "sgemm" if c.dtype == np.float32 else "dgemm"
    if a.ndim == b.ndim == 2:
        forms = _matrix(a), _matrix(b)
        if None in forms:
            return False
        (ta, lda), (tb, ldb) = forms  # type: ignore[misc]
        pa, pb, pc = write.slot(a), write.slot(b), write.slot(c)
        write.flops += 2 * m * n * k
        if n == 1 and not ta and (tb or ldb == 1):
            return _rows_times_column(write, pa, lda, pb, pc, m, k, c.dtype)
        if m == 1 and tb and not (ta and lda > 1):
            return _rows_times_column(write, pb, ldb, pa, pc, n, k, c.dtype)
        if n == 1 and ta and (tb or ldb == 1):  # the row that is its transpose
            pa, pb, ta, lda, ldb, m, n = pb, pa, 0, k, lda, 1, m
        write.run(f"an->{f}({ta}, {tb}, {m}, {n}, {k}, t[{pa}], {lda}, t[{pb}], {ldb}, t[{pc}], {n}, 0, 0, 0);")
        return True
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, (*lead, m, k)), np.broadcast_to(b, (*lead, k, n))
    first = (0,) * len(lead)
    forms = _matrix(a[first]), _matrix(b[first])
    if None in forms:
        return False
    (ta, lda), (tb, ldb) = forms  # type: ignore[misc]
    count = math.prod(lead)
    at = {}
    for name, x in (("a", a), ("b", b)):
        rest, terms = "i", []
        for axis in reversed(range(len(lead))):
            step = x.strides[axis] // x.itemsize
            if step:
                terms.append(f"{rest} % {lead[axis]} * {step}" if axis else f"({rest}) * {step}")
            rest = f"i / {math.prod(lead[axis:])}"
        at[name] = " + ".join(terms) or "0"
    ctype = C_TYPES[c.dtype]
    pa, pb, pc = write.slot(a), write.slot(b), write.slot(c)
    body = [
        f"const {ctype} *a = t[{pa}], *b = t[{pb}]; {ctype} *c = t[{pc}];",
        f"for (int64_t i = begin; i < end; i++) an->{f}_one({ta}, {tb}, {m}, {n}, {k}, a + {at['a']}, {lda},",
        f"    b + {at['b']}, {ldb}, c + i * {m * n}, {n}, 0);",
    ]
    write.parallel(body, count, max(1, 100_000 // (m * n * k + 1)))
    write.flops += 2 * m * n * k * count
    return True


def _rows_times_column(write: Any, a: int, lda: int, x: int, y: int, m: int, k: int, dtype: np.dtype) -> bool:
    kind = "f32" if dtype == np.float32 else "f64"
    body = [f"an_rows_times_column_{kind}(t[{a}], {lda}, t[{x}], t[{y}], begin, end, {k});"]
    write.parallel(body, m, max(4, 4 * PIECE // k))
    return True


# Turns


def _turned(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if not _contiguous(x, y) or x.dtype not in (np.float32, np.float64) or not x.size:
        return False
    if x.dtype == np.float32:
        body = [f"an_turned_f32((float *)t[{write.slot(x)}] + begin, (float *)t[{write.slot(y)}] + begin,"]
        body.append(f"    end - begin, {int(i.op == 'cos')});")
    else:
        body = [f"const double *x = t[{write.slot(x)}]; double *y = t[{write.slot(y)}];"]
        body.append(f"for (int64_t k = begin; k < end; k++) y[k] = {i.op}(x[k]);")
    write.parallel(body, x.size, x.size if x.size < ALONE else PIECE)
    return True


native("sin")(_turned)
native("cos")(_turned)


# Classes


@native("softmax")
def _softmax(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if not (_floats(x) and _contiguous(x) and x.ndim and _along_last(i, x.ndim) and x.size):
        return False
    n, ends = x.shape[-1], ["0", "0"]
    if any(j.op in LOSSES and j.operands[-1] is i.operands[0] for j in write.plan.program.instructions):
        write.plan.row_ends[i.operands[0]] = write.space((2, x.size // n), np.float32)
        ends = [f"t[{write.slot(a)}]" for a in write.plan.row_ends[i.operands[0]]]
    call = f"an_softmax_rows_f32(t[{write.slot(x)}], begin, end, {n}, t[{write.slot(y)}], {', '.join(ends)});"
    write.parallel([call], x.size // n, _rows(n))
    return True


def _row_ends(write: Any, logits: Value) -> list[str]:
    """C that gives a piece's `x`, and `peaks` and `logs`: the largest of each row, the logarithm of its sum of e^(x - peak).

    A softmax of the same logits has left them, or they are computed.
    """
    x = write.arrays[logits]
    known = write.plan.row_ends.get(logits)
    peaks, logs = write.space((2, x.size // x.shape[-1]), np.float32) if known is None else known
    lines = [
        f"const float *x = t[{write.slot(x)}];",
        f"float *peaks = t[{write.slot(peaks)}], *logs = t[{write.slot(logs)}];",
    ]
    if known is None:
        lines.append(f"an_softmax_rows_f32(x, begin, end, {x.shape[-1]}, 0, peaks, logs);")
    return lines


def _rows(n: int) -> int:
    return max(16, PIECE // 4 // n // 16 * 16)


@native("log_softmax")
def _log_softmax(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if not (_floats(x) and _contiguous(x) and x.ndim and _along_last(i, x.ndim) and x.size):
        return False
    n = x.shape[-1]
    body = [
        *_row_ends(write, i.operands[0]),
        f"float *y = t[{write.slot(y)}];",
        f"for (int64_t r = begin; r < end; r++) for (int64_t j = 0; j < {n}; j++)",
        f"  y[r * {n} + j] = x[r * {n} + j] - peaks[r] - logs[r];",
    ]
    write.parallel(body, x.size // n, _rows(n))
    return True


@native("softmax_crossentropy")
def _softmax_crossentropy(write: Any, i: Instruction) -> bool:
    target, x = (write.arrays[v] for v in i.operands)
    y = write.arrays[i.results[0]]
    if not (
        _floats(target, x) and _contiguous(target, x) and x.shape == target.shape and _along_last(i, x.ndim) and x.size
    ):
        return False
    n = x.shape[-1]
    body = [
        *_row_ends(write, i.operands[1]),
        f"const float *target = t[{write.slot(target)}]; float *y = t[{write.slot(y)}];",
        "for (int64_t r = begin; r < end; r++) {",
        "  float s = 0;",
        f"  for (int64_t j = 0; j < {n}; j++) s += (logs[r] - (x[r * {n} + j] - peaks[r])) * target[r * {n} + j];",
        "  y[r] = s;",
        "}",
    ]
    write.parallel(body, x.size // n, _rows(n))
    return True


@native("class_crossentropy")
def _class_crossentropy(write: Any, i: Instruction) -> bool:
    target, x = (write.arrays[v] for v in i.operands)
    y = write.arrays[i.results[0]]
    if not (_floats(x) and _contiguous(target, x) and target.dtype.kind in "iu" and _along_last(i, x.ndim) and x.size):
        return False
    n = x.shape[-1]
    ctype = C_TYPES[target.dtype]
    write.demand(i, f"(uint64_t)((const {ctype} *)t[{write.slot(target)}])[k] < {n}", target.size)
    body = [
        *_row_ends(write, i.operands[1]),
        f"const {ctype} *target = t[{write.slot(target)}]; float *y = t[{write.slot(y)}];",
        f"for (int64_t r = begin; r < end; r++) y[r] = logs[r] - (x[r * {n} + (int64_t)target[r]] - peaks[r]);",
    ]
    write.parallel(body, x.size // n, _rows(n))
    return True


@native("bounded")
def _bounded(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if not _contiguous(x, y) or x.dtype not in C_TYPES or not x.size:
        return False
    own = C_TYPES[x.dtype]
    at = f"((const {own} *)t[{write.slot(x)}])[k]"
    low, high = (
        literal(x.dtype.type(i.settings[k]) if x.dtype.kind == "f" else i.settings[k], "double")
        for k in ("low", "high")
    )
    whole = f" || {at} != floor({at})" if i.settings["whole"] and x.dtype.kind == "f" else ""
    write.demand(i, f"!({at} < {low} || {at} > {high}{whole})", x.size)
    write.run(f"memcpy(t[{write.slot(y)}], t[{write.slot(x)}], {x.nbytes});")
    return True


@native("_one_hot")
def _one_hot(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if not (_contiguous(x) and x.dtype.kind in "iu" and i.settings["axis"] % (x.ndim + 1) == x.ndim and x.size):
        return False
    n = i.settings["num_classes"]
    own, made = C_TYPES[x.dtype], C_TYPES[y.dtype]
    write.run(
        f"{{ const {own} *x = t[{write.slot(x)}]; {made} *y = t[{write.slot(y)}];"
        f" for (int64_t r = 0; r < {x.size}; r++) for (int64_t j = 0; j < {n}; j++) y[r * {n} + j] = x[r] == j; }}"
    )
    return True


@native("argmax")
def _argmax(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    axis = i.settings["axis"]
    if not (_contiguous(x) and x.dtype in C_TYPES and x.ndim and x.size and axis is not None) or not _along_last(
        i, x.ndim
    ):
        return False
    n, ctype = x.shape[-1], C_TYPES[x.dtype]
    write.run(  # the first NaN wins, as in NumPy
        f"{{ const {ctype} *x = t[{write.slot(x)}]; int32_t *y = t[{write.slot(y)}];"
        f" for (int64_t r = 0; r < {x.size // n}; r++, x += {n}) {{ int32_t at = 0;"
        f" for (int32_t j = 1; j < {n}; j++) if (x[at] == x[at] && (x[j] > x[at] || x[j] != x[j])) at = j; y[r] = at; }} }}"
    )
    return True


# Draws


def _philox(write: Any, state: np.ndarray) -> str:
    return (
        f"const uint32_t *state = t[{write.slot(state)}];"
        " const uint64_t key[2] = {state[0], 0}, counter[4] = {0, state[1], 0, 0};"
    )


@native("random_uniform")
def _random_uniform(write: Any, i: Instruction) -> bool:
    state, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if y.dtype not in (np.float32, np.float64) or not _contiguous(state, y):
        return False
    kind = "f32" if y.dtype == np.float32 else "f64"
    ctype = C_TYPES[y.dtype]
    body = [
        _philox(write, state),
        f"an_uniform_{kind}(({ctype} *)t[{write.slot(y)}] + begin, begin, end, key, counter);",
    ]
    write.parallel(body, y.size, PIECE)
    return True


@native("dropout_mask")
def _dropout_mask(write: Any, i: Instruction) -> bool:
    state, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if not _floats(y) or not _contiguous(state, y):
        return False
    rate = i.settings["rate"]
    scale = literal(np.float32(1 / (1 - rate)) if rate < 1 else np.float32(0), "float")
    body = [
        _philox(write, state),
        f"float *y = t[{write.slot(y)}];",
        "an_uniform_f32(y + begin, begin, end, key, counter);",
        "#pragma GCC ivdep",
        f"for (int64_t k = begin; k < end; k++) y[k] = y[k] >= {literal(np.float32(rate), 'float')} ? {scale} : 0.0f;",
    ]
    write.parallel(body, y.size, PIECE)
    return True


# Normalisation


@native("batch_normalize")
def _batch_normalize(write: Any, i: Instruction) -> bool:
    x, scale, offset = (write.arrays[v] for v in i.operands)
    y, mean, variance = (write.arrays[v] for v in i.results)
    if not (_floats(x, scale, offset) and _contiguous(x, scale, offset) and _along_last(i, x.ndim) and x.size):
        return False
    c = x.shape[-1]
    rows = x.size // c
    factor = write.space((2, c), np.float32)
    strips = -(-c // STRIP)
    head = f"float *mean = t[{write.slot(mean)}], *variance = t[{write.slot(variance)}], *factor = t[{write.slot(factor)}];"
    if strips >= 4 or rows * c < PIECE:  # columns apart: each strip does its own
        body = [head, f"const int64_t last = end * AN_STRIP < {c} ? end * AN_STRIP : {c};"]
        body.append(f"an_moments_f32(t[{write.slot(x)}], 0, {rows}, begin * AN_STRIP, last, {c}, mean, variance);")
        write.parallel(body, strips, max(1, PIECE // (rows * STRIP)))
        write.run(
            f"{{ float *variance = t[{write.slot(variance)}]; for (int64_t j = 0; j < {c}; j++) variance[j] /= {rows}; }}"
        )
    else:
        pieces = min(64, max(1, rows * c // PIECE))
        grain = -(-rows // pieces)
        pieces = -(-rows // grain)
        part = write.space((pieces, 2, c), np.float32)
        body = [
            f"float *part = (float *)t[{write.slot(part)}] + begin / {grain} * {2 * c};",
            f"an_moments_f32(t[{write.slot(x)}], begin, end, 0, {c}, {c}, part, part + {c});",
        ]
        write.parallel(body, rows, grain)
        write.run(
            f"{{ {head} const float *part = t[{write.slot(part)}];"
            f" for (int64_t j = 0; j < {c}; j++) {{ float m = 0, s = 0; for (int64_t p = 0; p < {pieces}; p++)"
            f" an_merge_moments(&m, &s, part[p * {2 * c} + j], part[p * {2 * c} + {c} + j], p * {grain},"
            f" p * {grain} + {grain} > {rows} ? {rows} - p * {grain} : {grain});"
            f" mean[j] = m; variance[j] = s / {rows}; }} (void)factor; }}"
        )
    epsilon = literal(np.float32(i.settings["epsilon"]), "float")
    write.run(
        f"{{ {head} const float *scale = t[{write.slot(scale)}]; for (int64_t j = 0; j < {c}; j++)"
        f' factor[j] = __builtin_isinf(variance[j]) ? __builtin_nanf("") : scale[j] / __builtin_sqrtf(variance[j] + {epsilon});'
        " (void)mean; }"
    )
    body = [
        f"const float *x = t[{write.slot(x)}], *mean = t[{write.slot(mean)}], *factor = t[{write.slot(factor)}];",
        f"const float *offset = t[{write.slot(offset)}]; float *y = t[{write.slot(y)}];",
        "for (int64_t r = begin; r < end; r++) {",
        "  #pragma GCC ivdep",
        f"  for (int64_t j = 0; j < {c}; j++) y[r * {c} + j] = (x[r * {c} + j] - mean[j]) * factor[j] + offset[j];",
        "}",
    ]
    write.parallel(body, rows, max(1, PIECE // c))
    return True


# Windows over images


def _window(write: Any, i: Instruction, x: np.ndarray) -> str:
    s = i.settings
    n, h, w, c = x.shape
    numbers = (n, h, w, c, *s["window"], c, *s["size"], *s["strides"], 1, 1, *s["starts"], 1)
    return write.declare("an_conv", numbers)


@native("pool_max")
def _pool_max(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if x.ndim != 4 or not (_floats(x) and _contiguous(x) and y.size):
        return False
    p = _window(write, i, x)
    body = [f"an_pool_max_f32(&{p}, t[{write.slot(x)}], t[{write.slot(y)}], begin, end);"]
    n = x.shape[0]
    write.over_images(n, Member(body, n, max(1, PIECE // (x.size // n)), [x], [], [y]))
    return True


@native("unpool_max")
def _unpool_max(write: Any, i: Instruction) -> bool:
    dy, x, peaks = (write.arrays[v] for v in i.operands)
    dx = write.arrays[i.results[0]]
    if x.ndim != 4 or not (_floats(dy, x, peaks) and _contiguous(dy, x, peaks) and dx.size):
        return False
    p = _window(write, i, x)
    slots = [write.slot(a) for a in (dy, x, peaks, dx)]
    body = [f"an_unpool_max_f32(&{p}, {', '.join(f't[{s}]' for s in slots)}, begin, end);"]
    write.parallel(body, x.shape[0], max(1, PIECE // (x.size // x.shape[0])))
    return True
