"""C for lookups of rows, and for their pull-backs, which add rows to a table of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.c.copies import copy
from autonet.compiler.c.expressions import C_TYPES
from autonet.compiler.c.kernels import native
from autonet.compiler.c.loops import ALONE, PIECE, collapse
from autonet.compiler.passes.fuse import REALS
from autonet.compiler.passes.rows import whole_rows
from autonet.compiler.program import Instruction


@native("_take")
def _take(write: Any, i: Instruction) -> bool:
    return i.settings["axis"] % len(i.operands[0].shape) == 0 and _rows_of(write, i)


@native("_gather")
def _gather(write: Any, i: Instruction) -> bool:
    return len(i.operands) == 2 and whole_rows(i.settings["key"]) and _rows_of(write, i)


def _rows_of(write: Any, i: Instruction) -> bool:
    x, at = (write.arrays[v] for v in i.operands)
    y = write.arrays[i.results[0]]
    if not (
        x.flags.c_contiguous
        and at.flags.c_contiguous
        and at.size
        and x.size
        and at.dtype in C_TYPES
        and at.dtype.kind in "iu"
    ):
        return False
    n = x.shape[0]
    width = x.size // n * x.itemsize
    ctype = C_TYPES[at.dtype]
    write.demand(i, f"({signed(at, f'((const {ctype} *)t[{write.slot(at)}])[k]', n)})", at.size)
    body = [
        f"const char *x = t[{write.slot(x)}]; const {ctype} *at = t[{write.slot(at)}]; char *y = t[{write.slot(y)}];",
        f"for (int64_t k = begin; k < end; k++) {{ int64_t r = at[k]; r += r < 0 ? {n} : 0;",
        f"  if (k + 8 < end) {{ const char *ahead = x + (at[k + 8] < 0 ? 0 : (int64_t)at[k + 8]) * {width};",
        f"    for (int64_t j = 0; j < {width}; j += 64) __builtin_prefetch(ahead + j); }}",
        f"  memcpy(y + k * {width}, x + r * {width}, {width}); }}",
    ]
    write.parallel(body, at.size, max(1, 4 * PIECE // max(width, 1)))
    return True


def signed(at: np.ndarray, element: str, n: int) -> str:
    """C that says whether an index is inside an axis of length n."""
    if at.dtype.kind == "u":
        return f"(uint64_t){element} < {n}"
    return f"(int64_t){element} < {n} && (int64_t){element} >= -{n}"


def address(x: np.ndarray, lead: tuple[int, ...], position: str) -> str:
    """C for where, in elements, the part of `x` begins that stands at a position along its first axes, `lead` long."""
    dims, (steps,) = collapse(lead, [x.strides[: len(lead)]])
    terms, inner = [], 1
    for axis in reversed(range(len(dims))):
        index = position if inner == 1 else f"{position} / {inner}"
        index = f"({index}) % {dims[axis]}" if axis else f"({index})"
        if steps[axis]:
            terms.append(f"{index} * {steps[axis] // x.itemsize}")
        inner *= dims[axis]
    return " + ".join(terms) or "0"


def even_rows(write: Any, x: np.ndarray, lead: int) -> np.ndarray:
    """`x`, or a copy of it made in each run, whose axes after the first `lead` follow each other without gaps."""
    if x.size and x[(0,) * lead].flags.c_contiguous:
        return x
    whole = write.space(x.shape, x.dtype)
    copy(write, whole, x)
    return whole


@native("_take_back")
def _take_back(write: Any, i: Instruction) -> bool:
    return i.settings["axis"] % len(i.settings["shape"]) == 0 and _rows_back(write, i)


@native("_scatter")
def _scatter(write: Any, i: Instruction) -> bool:
    g, at = i.operands[0], i.operands[1]
    if len(i.operands) != 2 or not whole_rows(i.settings["key"]) or g.shape != (*at.shape, *i.results[0].shape[1:]):
        return False
    return _rows_back(write, i, checked=False)


def _rows_back(write: Any, i: Instruction, checked: bool = True) -> bool:
    g, at = (write.arrays[v] for v in i.operands)
    y = write.arrays[i.results[0]]
    if y.dtype not in REALS or not (at.flags.c_contiguous and at.size and at.dtype.kind in "iu" and y.size):
        return False
    g = even_rows(write, g, at.ndim)
    n, real = y.shape[0], C_TYPES[y.dtype]
    width = y.size // n
    ctype = C_TYPES[at.dtype]
    if not checked:
        write.demand(i, f"({signed(at, f'((const {ctype} *)t[{write.slot(at)}])[k]', n)})", at.size)
    zeros = f"memset(({real} *)t[{write.slot(y)}] + begin, 0, (size_t)(end - begin) * sizeof({real}));"
    write.parallel([zeros], y.size, PIECE if y.size >= ALONE else y.size)
    body = [  # each piece owns its columns, so equal places add up in order
        f"const {real} *g = t[{write.slot(g)}]; const {ctype} *at = t[{write.slot(at)}]; {real} *y = t[{write.slot(y)}];",
        f"for (int64_t k = 0; k < {at.size}; k++) {{ int64_t r = (int64_t)at[k] % {n}; r += r < 0 ? {n} : 0;",
        f"  {real} *to = y + r * {width}; const {real} *from = g + {address(g, at.shape, 'k')};",
        "  #pragma GCC ivdep",
        "  for (int64_t j = begin; j < end; j++) to[j] += from[j]; }",
    ]
    write.parallel(body, width, max(16, -(-width // 4)))
    return True
