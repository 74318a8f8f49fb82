"""C for copies: arrays of any strides put into place, side by side or among zeros."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autonet.compiler.c.kernels import any_strides, native
from autonet.compiler.c.loops import PIECE, collapse
from autonet.compiler.program import Instruction
from autonet.ops.indexing import _thaw

_WORDS = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}


def copy(write: Any, to: np.ndarray, source: np.ndarray) -> None:
    """Write the loop that copies `source` into `to`: equal shapes and dtypes, strides as they come."""
    if not to.size:
        return
    dims, (to_steps, from_steps) = collapse(to.shape, [to.strides, source.strides])
    size, inner = to.itemsize, dims[-1]
    lines = [f"char *to = t[{write.slot(to)}]; const char *from = t[{write.slot(source)}];"]
    rest, terms = "row", ([], [])  # type: tuple[str, tuple[list[str], list[str]]]
    for axis in reversed(range(len(dims) - 1)):
        index = f"{rest} % {dims[axis]}" if axis else rest
        for steps, found in zip((to_steps, from_steps), terms, strict=True):
            found.append(f"{index} * {steps[axis]}")
        rest = f"row / {math.prod(dims[axis : len(dims) - 1])}"
    places = [" + ".join(found) or "0" for found in terms]
    lines.append("for (int64_t row = begin; row < end; row++) {")
    lines.append(f"  char *a = to + ({places[0]}); const char *b = from + ({places[1]});")
    if to_steps[-1] == from_steps[-1] == size:
        lines.append(f"  memcpy(a, b, {inner * size});")
    else:
        word = _WORDS[size]
        element = f"*({word} *)(a + j * {to_steps[-1]}) = *(const {word} *)(b + j * {from_steps[-1]});"
        lines.append(f"  for (int64_t j = 0; j < {inner}; j++) {element}")
    lines.append("}")
    write.parallel(lines, math.prod(dims[:-1]), max(1, 4 * PIECE // (inner * size)))


@native("_join", any_strides)
def _join(write: Any, i: Instruction) -> bool:
    y = write.arrays[i.results[0]]
    axis = i.settings["axis"] % y.ndim
    start = 0
    for v in i.operands:
        x = write.arrays[v]
        stop = start + x.shape[axis]
        copy(write, y[(slice(None),) * axis + (slice(start, stop),)], x)
        start = stop
    return True


def _among_zeros(write: Any, y: np.ndarray, place: np.ndarray, x: np.ndarray) -> bool:
    if not y.flags.c_contiguous:
        return False
    if y.size:
        grain = max(1, 4 * PIECE)
        write.parallel([f"memset((char *)t[{write.slot(y)}] + begin, 0, (size_t)(end - begin));"], y.nbytes, grain)
    copy(write, place, np.broadcast_to(x, place.shape))
    return True


@native("_putitem", any_strides)
def _putitem(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    key = _thaw(i.settings["key"])
    place = y[key if Ellipsis in key else (*key, ...)]  # a view even where the key names one element
    return _among_zeros(write, y, place, x)


@native("_within", any_strides)
def _within(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    axis, start = i.settings["axis"] % y.ndim, i.settings["start"]
    return _among_zeros(write, y, y[(slice(None),) * axis + (slice(start, start + x.shape[axis]),)], x)


@native("_pad", any_strides)
def _pad(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    inside = tuple([slice(low, low + n) for (low, _), n in zip(i.settings["widths"], x.shape, strict=True)])
    return _among_zeros(write, y, y[inside], x)
