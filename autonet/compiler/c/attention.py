"""C for attention and layer normalisation: what takes rows of a few hundred numbers through a core's cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autonet.compiler.c.kernels import native
from autonet.compiler.c.loops import PIECE, TILE, literal
from autonet.compiler.program import CONSTANT, Instruction

LANES = 32  # partial results of a row, side by side; AN_LANES in kernels.h
SCORES = 65536  # scores of a head that are worked on at a time: with their gradients, half of a second cache


# Attention, a head at a time


class _Heads:
    """Where the heads of a batch lie, and the C that iterates over them."""

    def __init__(self, write: Any, i: Instruction, query: np.ndarray, key: np.ndarray, value: np.ndarray):
        self.n, self.t, self.h, self.d = query.shape
        self.s, self.e = key.shape[1], value.shape[3]
        self.rows = max(16, min(self.t, SCORES // self.s))
        self.causal = i.settings["causal"]
        if self.causal:  # so that much of what is hidden is passed over
            self.rows = min(self.rows, 48)
        self.scale = literal(np.float32(i.settings["scale"]), "float")
        self.write = write
        self.arrays: list[str] = []

    def pointer(self, name: str, a: np.ndarray, heads_axis: int = 2, const: bool = True) -> None:
        """Declare `name`, the array's part for one head of one sample, and `name_ld`, from row to row."""
        n, h, row = (a.strides[k] // a.itemsize for k in ((0, 2, 1) if heads_axis == 2 else (0, 1, 2)))
        kind = "uint8_t" if a.dtype == np.bool_ else "float"
        self.arrays.append(
            f"{'const ' if const else ''}{kind} *{name} = ({kind} *)t[{self.write.slot(a)}] + n * {n} + h * {h};"
            f" const int64_t {name}_ld = {row}; (void){name}_ld;"
        )

    def mask(self, i: Instruction, mask: np.ndarray) -> str:
        """The condition under which score j of row r of a block counts, "" if all do."""
        v = i.operands[-3] if i.op == "attend_vjp" else i.operands[-1]
        if v.kind == CONSTANT and v.source.all():
            return ""
        wide = np.broadcast_to(mask, (self.n, self.h, self.t, self.s))
        self.pointer("mask", wide, heads_axis=1)
        step = wide.strides[3]
        return f"mask[(first + r) * mask_ld + j * {step}]"

    def run(self, setup: str, block: list[str], finish: list[str], products: int) -> None:
        """The loop over heads and blocks of rows; `products` are matrix products of the scores' size."""
        cols = f"first + rows < {self.s} ? first + rows : {self.s}" if self.causal else str(self.s)
        body = [
            setup,
            "for (int64_t i = begin; i < end; i++) {",
            f"  const int64_t n = i / {self.h}, h = i % {self.h};",
            *[f"  {line}" for line in (*self.arrays, *finish)],
            f"  for (int64_t first = 0; first < {self.t}; first += {self.rows}) {{",
            f"    const int64_t rows = {self.t} - first < {self.rows} ? {self.t} - first : {self.rows}, cols = {cols};",
            *[f"    {line}" for line in block],
            "  }",
            "}",
        ]
        work = self.t * self.s * max(self.d, self.e)
        self.write.parallel(body, self.n * self.h, max(1, 500_000 // max(work * products, 1)))
        self.write.flops += 2 * products * work * self.n * self.h

    @property
    def own(self) -> str:
        """How many scores of row r of a block count, masks aside."""
        return "(cols < first + r + 1 ? cols : first + r + 1)" if self.causal else "cols"


def _supported(*arrays: np.ndarray) -> bool:
    """Whether they are float32 with rows of consecutive numbers, none of them empty."""
    return all(a.dtype == np.float32 and a.size and _of_rows(a) for a in arrays)


def _of_rows(a: np.ndarray) -> bool:
    return a.strides[-1] == 4 or a.shape[-1] == 1


def _of_rows_or_masks(a: np.ndarray) -> bool:
    return a.dtype == np.bool_ or not a.ndim or _of_rows(a)


@native("attend", _of_rows_or_masks)
def _attend(write: Any, i: Instruction) -> bool:
    query, key, value, mask = (write.arrays[v] for v in i.operands)
    y, lse = (write.arrays[v] for v in i.results)
    if not _supported(query, key, value, y, lse) or i.settings["scale"] <= 0:
        return False
    heads = _Heads(write, i, query, key, value)
    for name, a, const in (("q", query, True), ("k", key, True), ("v", value, True), ("y", y, False)):
        heads.pointer(name, a, const=const)
    seen = heads.mask(i, mask)
    s, scale = heads.s, heads.scale
    wide = -(-s // LANES) * LANES  # room for rows of whole vectors
    hide = f"for (int64_t j = 0; j < own; j++) x[j] = {seen} ? x[j] : -INFINITY;" if seen else ""
    row = [f"  float *restrict x = w + r * {wide};", f"  const int64_t own = {heads.own}, full = {_whole('own')};"]
    block = [
        f"an->sgemm_one(0, 1, rows, cols, {heads.d}, q + first * q_ld, q_ld, k, k_ld, w, {wide}, 0);",
        "for (int64_t r = 0; r < rows; r++) {",  # apart from what follows, which would wait for these stores
        *row,
        f"  {hide}",
        "  for (int64_t j = own; j < full; j++) x[j] = -INFINITY;",
        "}",
        "for (int64_t r = 0; r < rows; r++) {",
        *row,
        "  float top[AN_LANES], e[AN_LANES], sum[AN_LANES] = {0};",
        "  for (int k = 0; k < AN_LANES; k++) top[k] = x[k];",
        "  for (int64_t j = AN_LANES; j < full; j += AN_LANES)",  # a NaN is lost here, and comes back with the exponentials
        "    for (int k = 0; k < AN_LANES; k++) top[k] = x[j + k] > top[k] ? x[j + k] : top[k];",
        "  float most = top[0];",
        "  for (int k = 1; k < AN_LANES; k++) most = top[k] > most ? top[k] : most;",
        f"  const float shift = most > -INFINITY ? most * {scale} : 0;",
        "  for (int64_t j = 0; j < full; j += AN_LANES) {",
        f"    for (int k = 0; k < AN_LANES; k++) e[k] = an_exp_f32(x[j + k] * {scale} - shift);",
        "    for (int k = 0; k < AN_LANES; k++) x[j + k] = e[k];",
        "    for (int k = 0; k < AN_LANES; k++) sum[k] += e[k];",
        "  }",
        "  for (int64_t j = full; j < cols; j++) x[j] = 0;",
        "  peak[r] = shift; total[r] = an_sum_f32(sum, AN_LANES);",
        "}",
        f"an->sgemm_one(0, 0, rows, {heads.e}, cols, w, {wide}, v, v_ld, y + first * y_ld, y_ld, 0);",
        "for (int64_t r = 0; r < rows; r++) {",
        f"  lse[i * {heads.t} + first + r] = total[r] == 0 ? 0 : peak[r] + an_log_f32(total[r]);",
        "  total[r] = total[r] == 0 ? 1 : 1 / total[r];",
        "}",
        f"for (int64_t r = 0; r < rows; r++) for (int64_t j = 0; j < {heads.e}; j++) y[(first + r) * y_ld + j] *= total[r];",
    ]
    setup = (
        f"float *w = an->scratch({(heads.rows * (wide + 2)) * 4}), *peak = w + {heads.rows * wide},"
        f" *total = peak + {heads.rows}, *lse = t[{write.slot(lse)}];"
    )
    heads.run(setup, block, [], 2)
    return True


def _whole(n: str) -> str:
    """`n` rounded up to whole vectors."""
    return f"({n} + AN_LANES - 1) / AN_LANES * AN_LANES"


@native("attend_vjp", _of_rows_or_masks)
def _attend_vjp(write: Any, i: Instruction) -> bool:
    gy, glse, query, key, value, mask, y, lse = (write.arrays[v] for v in i.operands)
    gq, gk, gv = (write.arrays[v] for v in i.results)
    if not _supported(gy, query, key, value, y, gq, gk, gv) or not (glse.flags.c_contiguous and lse.flags.c_contiguous):
        return False
    heads = _Heads(write, i, query, key, value)
    inputs = (("g", gy), ("q", query), ("k", key), ("v", value), ("y", y))
    for name, a in inputs:
        heads.pointer(name, a)
    for name, a in (("gq", gq), ("gk", gk), ("gv", gv)):
        heads.pointer(name, a, const=False)
    seen = heads.mask(i, mask)
    s, scale, d, e = heads.s, heads.scale, heads.d, heads.e
    weight = f"an_exp_f32(p[j] * {scale} - sum)"
    weight = f"an_where_f32({seen} != 0, {weight}, 0)" if seen else weight
    more = "" if _zeros(i.operands[1]) else f" - glse[i * {heads.t} + first + r]"
    block = [
        f"an->sgemm_one(0, 1, rows, cols, {d}, q + first * q_ld, q_ld, k, k_ld, w, {s}, 0);",
        f"an->sgemm_one(0, 1, rows, cols, {e}, g + first * g_ld, g_ld, v, v_ld, m, {s}, 0);",
        "for (int64_t r = 0; r < rows; r++) {",
        f"  float *restrict p = w + r * {s}, *restrict x = m + r * {s}, part[{e}];",
        f"  const float sum = lse[i * {heads.t} + first + r]; const int64_t own = {heads.own};",
        f"  for (int64_t j = 0; j < {e}; j++) part[j] = g[(first + r) * g_ld + j] * y[(first + r) * y_ld + j];",
        f"  const float inner = an_sum_f32(part, {e}){more};",
        "  for (int64_t j = 0; j < own; j++) {",
        f"    p[j] = {weight};",
        f"    x[j] = p[j] * (x[j] - inner) * {scale};",
        "  }",
        "  for (int64_t j = own; j < cols; j++) p[j] = x[j] = 0;",
        "}",
        f"an->sgemm_one(1, 0, cols, {e}, rows, w, {s}, g + first * g_ld, g_ld, gv, gv_ld, first > 0);",
        f"an->sgemm_one(0, 0, rows, {d}, cols, m, {s}, k, k_ld, gq + first * gq_ld, gq_ld, 0);",
        f"an->sgemm_one(1, 0, cols, {d}, rows, m, {s}, q + first * q_ld, q_ld, gk, gk_ld, first > 0);",
    ]
    finish = []
    if heads.causal:  # the first block does not reach all keys
        block = [line.replace("first > 0", "1") for line in block]
        finish = [
            f"for (int64_t j = 0; j < {s}; j++) memset(gk + j * gk_ld, 0, {4 * d}), memset(gv + j * gv_ld, 0, {4 * e});"
        ]
    setup = (
        f"float *w = an->scratch({2 * heads.rows * s * 4}), *m = w + {heads.rows * s};"
        f" const float *lse = t[{write.slot(lse)}], *glse = t[{write.slot(glse)}]; (void)glse;"
    )
    heads.run(setup, block, finish, 5)
    return True


def _zeros(v: Any) -> bool:
    return v.kind == CONSTANT and not v.source.any()


# Masks


def _whether(write: Any, i: Instruction, found: str) -> bool:
    """Rows in which some element (or, for `all`, none that is zero) decides: `found` is what the loop looks for."""
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    n = _row_length(i, x)
    if x.dtype != np.bool_ or not n or not x.size or not x.flags.c_contiguous:
        return False
    body = [
        f"const uint8_t *x = t[{write.slot(x)}]; uint8_t *y = t[{write.slot(y)}];",
        "for (int64_t i = begin; i < end; i++) {",
        "  uint8_t seen = 0;",
        f"  for (int64_t j = 0; j < {n}; j++) seen |= {found};",
        f"  y[i] = {'seen' if i.op == 'any' else '!seen'};",
        "}",
    ]
    write.parallel(body, x.size // n, max(1, 4 * PIECE // n))
    return True


@native("any")
def _any(write: Any, i: Instruction) -> bool:
    return _whether(write, i, f"x[i * {_row_length(i, write.arrays[i.operands[0]])} + j] != 0")


@native("all")
def _all(write: Any, i: Instruction) -> bool:
    return _whether(write, i, f"x[i * {_row_length(i, write.arrays[i.operands[0]])} + j] == 0")


# Layer normalisation


def _row_length(i: Instruction, x: np.ndarray) -> int:
    """Numbers of a row if the last axes, and only they, are normalised; else 0."""
    axis = i.settings["axis"]
    axis = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted({a % x.ndim for a in axis})
    if not axes or axes != list(range(x.ndim - len(axes), x.ndim)):
        return 0
    return math.prod(x.shape[axes[0] :])


@native("standardize")
def _standardize(write: Any, i: Instruction) -> bool:
    x = write.arrays[i.operands[0]]
    y, r = (write.arrays[v] for v in i.results)
    n = _row_length(i, x)
    if x.dtype != np.float32 or not n or not x.size or not x.flags.c_contiguous:
        return False
    epsilon = literal(np.float32(i.settings["epsilon"]), "float")
    body = [
        f"const float *x = t[{write.slot(x)}]; float *y = t[{write.slot(y)}], *r = t[{write.slot(r)}];",
        "for (int64_t i = begin; i < end; i++) {",
        f"  const float *restrict from = x + i * {n}; float *restrict to = y + i * {n};",
        f"  const float mean = an_sum_f32(from, {n}) / {n};",
        "  float total = 0;",
        *_squares(n),
        f'  const float scale = __builtin_isinf(total) ? __builtin_nanf("") : 1 / __builtin_sqrtf(total / {n} + {epsilon});',
        f"  for (int64_t j = 0; j < {n}; j++) to[j] *= scale;",
        "  r[i] = scale;",
        "}",
    ]
    write.parallel(body, x.size // n, max(1, PIECE // n))
    return True


def _squares(n: int) -> list[str]:
    """`to` becomes `from` less the mean, `total` the sum of its squares."""
    return [
        f"  for (int64_t j0 = 0; j0 < {n}; j0 += {TILE}) {{",
        f"    const int64_t most = {n} - j0 < {TILE} ? {n} - j0 : {TILE}; float part[{TILE}];",
        "    for (int64_t j = 0; j < most; j++) {",
        "      to[j0 + j] = from[j0 + j] - mean;",
        "      part[j] = to[j0 + j] * to[j0 + j];",
        "    }",
        "    total += an_sum_f32(part, most);",
        "  }",
    ]


@native("standardize_vjp")
def _standardize_vjp(write: Any, i: Instruction) -> bool:
    gy, gr, y, r = (write.arrays[v] for v in i.operands)
    gx = write.arrays[i.results[0]]
    n = _row_length(i, y)
    if y.dtype != np.float32 or not n or not y.size or not all(a.flags.c_contiguous for a in (gy, gr, y, r)):
        return False
    more = "" if _zeros(i.operands[1]) else " + gr[i] * r[i]"
    body = [
        f"const float *gy = t[{write.slot(gy)}], *gr = t[{write.slot(gr)}], *y = t[{write.slot(y)}];",
        f"const float *r = t[{write.slot(r)}]; float *gx = t[{write.slot(gx)}]; (void)gr;",
        "for (int64_t i = begin; i < end; i++) {",
        f"  const float *restrict g = gy + i * {n}, *restrict v = y + i * {n}; float *restrict to = gx + i * {n};",
        f"  const float mean = an_sum_f32(g, {n}) / {n};",
        "  float total = 0;",
        f"  for (int64_t j0 = 0; j0 < {n}; j0 += {TILE}) {{",
        f"    const int64_t most = {n} - j0 < {TILE} ? {n} - j0 : {TILE}; float part[{TILE}];",
        "    for (int64_t j = 0; j < most; j++) part[j] = g[j0 + j] * v[j0 + j];",
        "    total += an_sum_f32(part, most);",
        "  }",
        f"  const float derivative = (total{more}) / {n}, scale = r[i];",
        f"  for (int64_t j = 0; j < {n}; j++) to[j] = (g[j] - v[j] * derivative - mean) * scale;",
        "}",
    ]
    write.parallel(body, y.size // n, max(1, PIECE // n))
    return True
