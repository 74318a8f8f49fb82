"""C for fused loops: pointwise chains and the reductions at their ends, in one pass over memory.

Axes along which all arrays go on evenly are joined first. What remains is a row number, cut into pieces for the pool, and
an inner axis that the C compiler vectorises. The pieces depend on shapes alone, so sums do not depend on threads.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from autonet.compiler.c.expressions import C_TYPES, expression, literal
from autonet.compiler.c.groups import Member
from autonet.compiler.passes.fuse import Loop, reduction_operand
from autonet.compiler.program import CONSTANT, Instruction, Value

PIECE = 16384  # elements per piece of a parallel loop: 64 KB of floats, which a core's cache holds
ALONE = 2 * PIECE  # elements below which a loop stays in one thread: the other would fetch what the first has at hand
TILE = "AN_TILE"  # elements of a row that are computed before they are summed
_ROW = {"max": "an_peak", "min": "an_dip"}  # of what reduces a row
LONG = 16 * 256  # elements of a row from which the sums of its tiles are summed like a tile, not one after the other
MOST_PIECES = 64  # private copies of a reduction's result


def collapse(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[list[int], list[list[int]]]:
    """Fewer axes for the same iteration: axes of length one gone, neighbours joined where every array allows it."""
    dims: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, n in enumerate(shape):
        if n == 1:
            continue
        if dims and all(s[-1] == own[axis] * n for s, own in zip(steps, strides, strict=True)):
            dims[-1] *= n
            for s, own in zip(steps, strides, strict=True):
                s[-1] = own[axis]
        else:
            dims.append(n)
            for s, own in zip(steps, strides, strict=True):
                s.append(own[axis])
    if not dims:
        return [1], [[0] for _ in strides]
    return dims, steps


class LoopWriter:
    """Writes the C of one Loop."""

    def __init__(self, loop: Loop, arrays: dict[Value, np.ndarray], table: Any):
        self.loop = loop
        self.table = table
        self.arrays = arrays
        self.reductions = [i for i in loop.body if reduction_operand(i) is not None]
        self.inputs: list[Value] = []
        self.fixed: dict[Value, str] = {}
        for v in loop.operands:
            if v.kind == CONSTANT and v.size == 1:
                self.fixed[v] = literal(v.source.reshape(())[()], C_TYPES[v.dtype])
            else:
                self.inputs.append(v)
        reduced = {i.results[0] for i in self.reductions}
        self.stored = [r for r in loop.results if r not in reduced]
        strides = [np.broadcast_to(arrays[v], loop.shape).strides for v in self.inputs + self.stored]
        strides += [self._result_strides(i) for i in self.reductions]
        self.dims, steps = collapse(loop.shape, strides)
        n = len(self.inputs) + len(self.stored)
        self.steps = dict(zip(self.inputs + self.stored, steps[:n], strict=True))
        self.reduced_steps = dict(zip([i.results[0] for i in self.reductions], steps[n:], strict=True))

    def _result_strides(self, i: Instruction) -> tuple[int, ...]:
        """Strides of a reduction's result along the loop's axes, in bytes, 0 along those that it sums over."""
        shape, out = self.loop.shape, self.arrays[i.results[0]]
        if i.op == "sum_to":
            lead = len(shape) - out.ndim
            kept = (1,) * lead + out.shape
        else:
            axis = i.settings["axis"]
            axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
            gone = {a % len(shape) for a in axes} if shape else set()
            kept = tuple([1 if k in gone else n for k, n in enumerate(shape)])
        return np.broadcast_to(out.reshape(kept), shape).strides

    @staticmethod
    def _combine(i: Instruction, a: str, b: str) -> str:
        if i.op in ("max", "min"):
            return f"an_{i.op}_{_suffix(i.results[0])}({b}, {a})"
        return f"{a} + {b}"

    @staticmethod
    def _start(i: Instruction) -> str:
        return {"max": "-INFINITY", "min": "INFINITY"}.get(i.op, "0")

    def write(self) -> tuple[list[str], int, int, list[str]]:
        """A body for elements or rows begin <= i < end, how many there are, how many to a piece; statements to do after it."""
        inner, outer = self.dims[-1], math.prod(self.dims[:-1])
        flat = len(self.dims) == 1
        direct = {i.results[0]: self._is_row(i) for i in self.reductions}
        shared = [i for i in self.reductions if not direct[i.results[0]]]
        total, unit = (inner, 1) if flat else (outer, inner)
        grain = max(PIECE // unit, 1) if self.loop_size() >= ALONE else total
        if shared:
            grain = max(grain, -(-total // MOST_PIECES))
            if sum(i.results[0].size for i in shared) * -(-total // grain) > 4 * self.loop_size() + 65536:
                grain = total
        pieces = -(-total // grain) if total else 0
        lines: list[str] = []
        bases = {
            v: self._pointer(lines, f"p{v.id}", self.arrays[v], v not in self.stored) for v in self.inputs + self.stored
        }
        parts: dict[Value, str] = {}
        for i in self.reductions:
            r = i.results[0]
            ctype = C_TYPES[r.dtype]
            if direct[r] or pieces <= 1:
                slot = self.table.slot(self.arrays[r])
                lines.append(f"  {ctype} *o{r.id} = t[{slot}];")
            else:
                space = np.empty((pieces, max(r.size, 1)), r.dtype)
                parts[r] = f"t[{self.table.slot(space)}]"
                lines.append(f"  {ctype} *o{r.id} = ({ctype} *){parts[r]} + begin / {grain} * {r.size};")
            if not direct[r]:
                lines.append(f"  for (int64_t k = 0; k < {r.size}; k++) o{r.id}[k] = {self._start(i)};")
        lines += self._flat(bases) if flat else self._rows(bases)
        finish = []
        for i in self.reductions:
            finish += self._finish(i, parts, pieces)
        return lines, total, grain, finish

    def member(self, body: list[str], total: int, grain: int) -> Member | None:
        """The loop as one over images, whose first axis they are; None for one that is none, or sums."""
        shape = self.loop.shape
        if (
            self.reductions
            or len(shape) < 2
            or total % shape[0]
            or not all(self.arrays[v].flags.c_contiguous for v in self.stored)
        ):
            return None
        own = [v for v in self.inputs if len(v.shape) == len(shape) and v.shape[0] == shape[0]]
        images, results = [self.arrays[v] for v in own], [self.arrays[v] for v in self.stored]
        shared = [self.arrays[v] for v in self.inputs if v not in own]
        return Member(body, total, grain, images, shared, results)

    def loop_size(self) -> int:
        """Elements of the iteration."""
        return math.prod(self.dims)

    def _is_row(self, i: Instruction) -> bool:
        """Whether the reduction takes in the inner axis only, so that each row gives its own results."""
        steps = self.reduced_steps[i.results[0]]
        return len(self.dims) > 1 and steps[-1] == 0 and all(steps[:-1])

    def _pointer(self, lines: list[str], name: str, array: np.ndarray, const: bool) -> str:
        ctype = C_TYPES[array.dtype]
        slot = self.table.slot(array)
        lines.append(f"  {'const ' if const else ''}{ctype} *{name} = t[{slot}];")
        return name

    def _flat(self, bases: dict[Value, str]) -> list[str]:
        return ["  {", *self._inner(bases, {}, "begin", "end", ""), "  }"]

    def _rows(self, bases: dict[Value, str]) -> list[str]:
        lines = ["  for (int64_t row = begin; row < end; row++) {"]
        rest = "row"
        for axis in reversed(range(len(self.dims) - 1)):
            if axis:
                lines.append(f"    int64_t i{axis} = {rest} % {self.dims[axis]};")
                rest = f"{rest} / {self.dims[axis]}" if rest == "row" else f"({rest}) / {self.dims[axis]}"
            else:
                lines.append(f"    int64_t i0 = {rest};")
        moved = {}
        for v, name in bases.items():
            steps, size = self.steps[v], v.dtype.itemsize
            offset = " + ".join([f"i{a} * {s // size}" for a, s in enumerate(steps[:-1]) if s])
            moved[v] = f"r{v.id}"
            const = "const " if v in self.inputs else ""
            lines.append(f"    {const}{C_TYPES[v.dtype]} *r{v.id} = {name}{' + ' + offset if offset else ''};")
        places = {}
        for i in self.reductions:
            r = i.results[0]
            steps, size = self.reduced_steps[r], r.dtype.itemsize
            places[r] = " + ".join([f"i{a} * {s // size}" for a, s in enumerate(steps[:-1]) if s]) or "0"
        lines += ["  " + line for line in self._inner(moved, places, "0", str(self.dims[-1]), "row")]
        return [*lines, "  }"]

    def _inner(self, bases: dict[Value, str], places: dict[Value, str], begin: str, end: str, row: str) -> list[str]:
        """The innermost axis; `places` are offsets of reduction results for this row."""
        summed = [i for i in self.reductions if self.reduced_steps[i.results[0]][-1] == 0]
        lines = []
        for v in self.inputs:
            if self.steps[v][-1] == 0:
                lines.append(f"  const {C_TYPES[v.dtype]} v{v.id} = *{bases[v]};")
        for i in summed:
            r = i.results[0]
            lines.append(f"  {C_TYPES[r.dtype]} s{r.id} = {self._start(i)};")
        if not summed:
            body = self._statements(bases, places)
            lines += ["  #pragma GCC ivdep", f"  for (int64_t j = {begin}; j < {end}; j++) {{", *body, "  }"]
            return lines
        long = self.dims[-1] > LONG
        tiles: dict[Value, str] = {}  # of results: where the numbers of a tile stand
        for i in summed:
            r, x = i.results[0], reduction_operand(i)
            there = x in self.inputs and x.dtype == r.dtype and self.steps[x][-1] == x.dtype.itemsize
            tiles[r] = f"{bases[x]} + j0" if there else f"e{r.id}"  # type: ignore[index]
            made = [f"e{r.id}[{TILE}]"] * (not there) + [f"h{r.id}[{TILE}]"] * (long and i.op not in _ROW)
            if made:
                lines.append(f"  {C_TYPES[r.dtype]} {', '.join(made)};")
        body = self._statements(bases, places, {r for r, tile in tiles.items() if tile != f"e{r.id}"})
        if long:
            lines.append("  int64_t tiles = 0;")
        lines.append(f"  for (int64_t j0 = {begin}; j0 < {end}; j0 += {TILE}) {{")
        lines.append(f"    const int64_t most = {end} - j0 < {TILE} ? {end} - j0 : {TILE};")
        for i in summed:  # what is reduced as it is, before a result of the loop takes its place
            if tiles[i.results[0]] != f"e{i.results[0].id}":
                lines += self._take_in(i, tiles, long, end)
        if body:
            lines += [
                "    #pragma GCC ivdep",
                "    for (int64_t jj = 0; jj < most; jj++) {",
                "      const int64_t j = j0 + jj;",
            ]
            lines += ["  " + line for line in body]
            lines.append("    }")
        for i in summed:
            if tiles[i.results[0]] == f"e{i.results[0].id}":
                lines += self._take_in(i, tiles, long, end)
        if long:
            lines.append(f"    tiles = tiles == {TILE} - 1 ? 0 : tiles + 1;")
        lines.append("  }")
        for i in summed:
            r = i.results[0]
            place = f"o{r.id}[{places.get(r, '0')}]"
            value = f"s{r.id}" if self._is_row(i) else self._combine(i, place, f"s{r.id}")
            lines.append(f"  {place} = {value};")
        return lines

    def _take_in(self, i: Instruction, tiles: dict[Value, str], long: bool, end: str) -> list[str]:
        """What reduces the numbers of a tile."""
        r = i.results[0]
        row = f"{_ROW.get(i.op, 'an_sum')}_{_suffix(r)}({tiles[r]}, most)"
        if not long or i.op in _ROW:
            return [f"    s{r.id} = {self._combine(i, f's{r.id}', row)};"]
        return [
            f"    h{r.id}[tiles] = {row};",
            f"    if (tiles == {TILE} - 1 || j0 + {TILE} >= {end}) s{r.id} += an_sum_{_suffix(r)}(h{r.id}, tiles + 1);",
        ]

    def _statements(
        self, bases: dict[Value, str], places: dict[Value, str], there: Collection[Value] = ()
    ) -> list[str]:
        """What happens to each element; the results `there` are reduced from arrays as they are."""
        if not self.stored and all(i.results[0] in there for i in self.loop.body):
            return []
        lines = []
        names = dict(self.fixed)
        for v in self.inputs:
            step, size = self.steps[v][-1], v.dtype.itemsize
            names[v] = f"v{v.id}"
            if step:
                at = "j" if step == size else f"j * {step // size}"
                lines.append(f"    const {C_TYPES[v.dtype]} v{v.id} = {bases[v]}[{at}];")
        for i in self.loop.body:
            r = i.results[0]
            x = reduction_operand(i)
            if x is None:
                lines.append(f"    const {_register(i)} v{r.id} = {expression(i, [names[o] for o in i.operands])};")
                names[r] = f"v{r.id}"
            elif r in there:
                continue
            elif self.reduced_steps[r][-1] == 0:
                lines.append(f"    e{r.id}[jj] = {names[x]};")
            else:
                step = self.reduced_steps[r][-1] // r.dtype.itemsize
                place = f"o{r.id}[{places.get(r, '0')} + j{'' if step == 1 else f' * {step}'}]"
                lines.append(f"    {place} = {self._combine(i, place, names[x])};")
        for r in self.stored:
            step = self.steps[r][-1] // r.dtype.itemsize
            lines.append(f"    {bases[r]}[j{'' if step == 1 else f' * {step}'}] = v{r.id};")
        return lines

    def _finish(self, i: Instruction, parts: dict[Value, str], pieces: int) -> list[str]:
        """Pieces' private results joined; sums to means."""
        r = i.results[0]
        ctype = C_TYPES[r.dtype]
        count = self.loop_size() // max(r.size, 1)
        lines = []
        if r in parts and i.op not in ("max", "min"):
            made = f"t[{self.table.slot(self.arrays[r])}]"
            lines.append(f"an_sum_pieces_{_suffix(r)}({parts[r]}, {made}, {r.size}, {pieces});")
        elif r in parts:
            out, part = f"o{r.id}", f"q{r.id}"
            lines.append(
                f"{{ {ctype} *{out} = t[{self.table.slot(self.arrays[r])}]; const {ctype} *{part} = {parts[r]};\n"
                f"  for (int64_t k = 0; k < {r.size}; k++) {out}[k] = {part}[k];\n"
                f"  for (int64_t p = 1; p < {pieces}; p++) for (int64_t k = 0; k < {r.size}; k++)\n"
                f"    {out}[k] = {self._combine(i, f'{out}[k]', f'{part}[p * {r.size} + k]')}; }}"
            )
        if i.op == "mean":
            lines.append(
                f"{{ {ctype} *o{r.id} = t[{self.table.slot(self.arrays[r])}];\n"
                f"  for (int64_t k = 0; k < {r.size}; k++) o{r.id}[k] = o{r.id}[k] / ({ctype}){count}; }}"
            )
        return lines


def _register(i: Instruction) -> str:
    """The C type in which an element of a result is held: of a truth value one as wide as what it is made of, since the
    C compiler would take vectors apart to make bytes of it."""
    if i.results[0].dtype != np.bool_:
        return C_TYPES[i.results[0].dtype]
    width = max([v.dtype.itemsize for v in i.operands], default=1)
    return {8: "int64_t", 4: "int32_t"}.get(width, "uint8_t")


def _suffix(v: Value) -> str:
    return "f32" if v.dtype == np.float32 else "f64"
