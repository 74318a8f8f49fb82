"""C for row updates: the rows that lookups met are grouped, then each is read, changed by the whole rule, and written once.

Each group's gradients add up in order, in one thread, so the result does not depend on the number of threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autonet.compiler.c.expressions import C_TYPES, expression, literal
from autonet.compiler.c.kernels import native
from autonet.compiler.c.lookups import address, even_rows, signed
from autonet.compiler.c.loops import PIECE
from autonet.compiler.c.runtime.sources import expand
from autonet.compiler.passes.rows import RowUpdate
from autonet.compiler.program import CONSTANT, Instruction, Value

AHEAD = 6  # rows that are on their way from memory while one is worked on


@native("update_rows")
def _update_rows(write: Any, i: RowUpdate) -> bool:
    arrays = write.arrays
    if not all(arrays[v].flags.c_contiguous for v in (*i.results, *[v for v in i.operands if i.is_rows(v)])):
        return False
    if not all(arrays[s.operands[1]].flags.c_contiguous for s in i.sources):
        return False
    write.plan.includes[expand("rows.h")] = None
    for r, old in i.old.items():
        if arrays[r] is not arrays[old]:  # somebody still needs the table as it was
            copy = [f"memcpy((char *)t[{write.slot(arrays[r])}] + begin, (const char *)t[{write.slot(arrays[old])}] + begin, "
                    "(size_t)(end - begin));"]  # fmt: skip
            write.parallel(copy, arrays[r].nbytes, 4 * PIECE)
    _Writer(write, i).write()
    return True


class _Writer:
    """Writes the C of one row update."""

    def __init__(self, write: Any, i: RowUpdate):
        self.out, self.i, self.arrays = write, i, write.arrays
        self.n, size = i.shape[0], i.positions
        self.width = math.prod(i.shape[1:])
        self.table = {old: r for r, old in i.old.items()}  # an old table's place is the new one's
        self.makers = {b.results[0]: b for b in i.body}
        self.grads = [s.results[0] for s in i.sources]
        self.slots = 1 << (2 * size - 1).bit_length()
        space = write.space
        self.at, self.rows = (write.slot(space((size,), np.int64)) for _ in range(2))
        self.first, self.next, self.tails = (write.slot(space((size,), np.int32)) for _ in range(3))
        self.hashed = write.slot(space((self.slots,), np.int32))
        self.found = write.slot(space((2,), np.int64))  # how many groups; whether all rows must be updated
        self.given = [even_rows(write, write.arrays[s.operands[0]], len(s.operands[1].shape)) for s in i.sources]
        self.none = write.slot(np.zeros(self.width, self.grads[0].dtype))

    def write(self) -> None:
        size = self.i.positions
        self._group()
        self.out.parallel(self._virtual_row(), 1, 1)
        head = [
            f"const int64_t *rows = t[{self.rows}]; const int32_t *first = t[{self.first}], *next = t[{self.next}];",
            f"const int64_t count = *(const int64_t *)t[{self.found}];",
            *self._pointers(),
            "for (int64_t u = begin; u < end && u < count; u++) { const int64_t r = rows[u];",
            *self._prefetch(),
            *self._sums(),
            *self._row(),
            "}",
        ]
        self.out.parallel(head, size, max(8, PIECE // 2 // self.width))
        others = [
            f"if (!((const int64_t *)t[{self.found}])[1]) return;",
            f"const int64_t *rows = t[{self.rows}]; const int32_t *table = t[{self.hashed}];",
            *self._pointers(),
            f"for (int64_t r = begin; r < end; r++) {{ if (an_group_of(table, {self.slots}, rows, r) >= 0) continue;",
            *[f"const {self._type(g)} *g{g.id} = t[{self.none}];" for g in self.grads],
            *self._row(),
            "}",
        ]
        self.out.parallel(others, self.n, self.n)

    @staticmethod
    def _type(v: Value) -> str:
        return C_TYPES[v.dtype]

    @staticmethod
    def _expression(b: Instruction, names: dict[Value, str]) -> str:
        """One element of an instruction's result; `any` of a single element."""
        given = [names[v] for v in b.operands]
        return f"({given[0]} != 0)" if b.op == "any" else expression(b, given)

    def _group(self) -> None:
        """Row numbers of all sources, one after the other, from 0 on; then their groups."""
        lines, start = [f"int64_t *to = t[{self.at}];"], 0
        for s in self.i.sources:
            at = self.arrays[s.operands[1]]
            ctype = C_TYPES[at.dtype]
            place = f"((const {ctype} *)t[{self.out.slot(at)}])[k]"
            if s.op == "_scatter":
                self.out.demand(s, f"({signed(at, place, self.n)})", at.size)
            lines += [f"for (int64_t k = 0; k < {at.size}; k++) {{ int64_t r = (int64_t){place} % {self.n};"]
            lines += [f"  *to++ = r + (r < 0 ? {self.n} : 0); }}"]
            start += at.size
        lines.append(
            f"*(int64_t *)t[{self.found}] = an_group_rows(t[{self.at}], {start}, t[{self.hashed}], {self.slots},"
            f" t[{self.rows}], t[{self.first}], t[{self.next}], t[{self.tails}]);"
        )
        self.out.parallel(lines, 1, 1)

    def _virtual_row(self) -> list[str]:
        """Sets the flag unless rows that no lookup met stay as they are."""
        names = {g: literal(g.dtype.type(0), self._type(g)) for g in self.grads}
        lines = []
        for b in self.i.virtual:
            lines += self._load_single(b, names)
            r = b.results[0]
            lines.append(f"const {self._type(r)} v{r.id} = {self._expression(b, names)};")
            names[r] = f"v{r.id}"
        terms = []
        for v, bits in self.i.demands:
            sign = "!!" if math.copysign(1, bits) < 0 else "!"
            terms.append(
                f"!{names[v]}" if v.dtype == bool else f"{names[v]} == 0 && {sign}__builtin_signbit({names[v]})"
            )
        return [*lines, f"((int64_t *)t[{self.found}])[1] = !({' && '.join(dict.fromkeys(terms)) or '1'});"]

    def _load_single(self, b: Instruction, names: dict[Value, str]) -> list[str]:
        """Definitions of what all rows share, where the instruction is the first that reads it."""
        lines = []
        for v in b.operands:
            if v in names or v in self.makers or self.i.is_rows(v):
                continue
            if v.kind == CONSTANT:
                names[v] = literal(v.source.reshape(())[()], self._type(v))
            else:
                lines.append(
                    f"const {self._type(v)} v{v.id} = *(const {self._type(v)} *)t[{self.out.slot(self.arrays[v])}];"
                )
                names[v] = f"v{v.id}"
        return lines

    def _pointers(self) -> list[str]:
        """What the rows are read from and written to."""
        lines = []
        for x, g in zip(self.given, self.grads, strict=True):
            lines.append(f"const {self._type(g)} *x{g.id} = t[{self.out.slot(x)}];")
        for r in self.i.results:
            lines.append(f"{self._type(r)} *y{r.id} = t[{self.out.slot(self.arrays[r])}];")
        read = dict.fromkeys([v for b in self.i.body for v in b.operands])
        self.leaves = [v for v in read if self.i.is_rows(v) and v not in self.makers and v not in self.grads]
        for v in self.leaves:
            if v not in self.table:
                lines.append(f"const {self._type(v)} *y{v.id} = t[{self.out.slot(self.arrays[v])}];")
        self.names: dict[Value, str] = {}
        for b in self.i.body:
            lines += self._load_single(b, self.names)
        return lines

    def _prefetch(self) -> list[str]:
        lines = [f"if (u + {AHEAD} < count) {{ const int64_t ahead = rows[u + {AHEAD}] * {self.width};"]
        for r in self.i.results:
            step = 64 // r.dtype.itemsize
            lines.append(
                f"  for (int64_t j = 0; j < {self.width}; j += {step}) __builtin_prefetch(y{r.id} + ahead + j, 1);"
            )
        return [*lines, "}"]

    def _sums(self) -> list[str]:
        """g: each source's gradient of the row, which is a row of its own where there is one alone."""
        lines, start = [], 0
        ctype, itemsize = self._type(self.grads[0]), self.grads[0].dtype.itemsize
        lines.append(f"{ctype} *space = an->scratch({len(self.grads)} * {self.width * itemsize});")
        for k, (s, g) in enumerate(zip(self.i.sources, self.grads, strict=True)):
            x, size = self.given[k], s.operands[1].size
            here = f"if (k >= {start} && k < {start + size}) " if len(self.grads) > 1 else ""
            position = f"(k - {start})" if start else "k"
            where = address(x, s.operands[1].shape, position)
            lines += [
                f"const {ctype} *g{g.id} = t[{self.none}]; {ctype} *sum{k} = space + {k} * {self.width}; int seen{k} = 0;",
                f"for (int64_t k = first[u]; k >= 0; k = next[k]) {here}{{",
                f"  const {ctype} *from = x{g.id} + {where};",
                f"  if (!seen{k}++) {{ g{g.id} = from; continue; }}",
                f"  if (seen{k} == 2) memcpy(sum{k}, g{g.id}, {self.width * itemsize}), g{g.id} = sum{k};",
                "  #pragma GCC ivdep",
                f"  for (int64_t j = 0; j < {self.width}; j++) sum{k}[j] += from[j];",
                "}",
            ]
            start += size
        return lines

    def _wide(self, v: Value) -> bool:
        return v.shape == self.i.shape

    def _row(self) -> list[str]:
        """The rule on row r, whose gradients are g."""
        names = dict(self.names)
        lines = []
        for v in self.leaves:
            if not self._wide(v):
                lines.append(f"const {self._type(v)} v{v.id} = y{v.id}[r];")
                names[v] = f"v{v.id}"
        for b in self.i.body:
            r = b.results[0]
            if self._wide(r):
                continue
            if b.op == "any":
                inner, inner_names = self._elements([b.operands[0]], names)
                lines += [f"int a{r.id} = 0;", f"for (int64_t j = 0; j < {self.width}; j++) {{", *inner]
                lines += [f"  a{r.id} |= {inner_names[b.operands[0]]} != 0; }}"]
                lines.append(f"const uint8_t v{r.id} = a{r.id} != 0;")
            else:
                lines.append(f"const {self._type(r)} v{r.id} = {self._expression(b, names)};")
            names[r] = f"v{r.id}"
        inner, inner_names = self._elements(list(self.i.results), names)
        lines += ["#pragma GCC ivdep", f"for (int64_t j = 0; j < {self.width}; j++) {{", *inner]
        lines += [f"  y{r.id}[r * {self.width} + j] = {inner_names[r]};" for r in self.i.results]
        return [*lines, "}"]

    def _elements(self, wanted: list[Value], names: dict[Value, str]) -> tuple[list[str], dict[Value, str]]:
        """Element j of these values, and of what they are made of."""
        names = dict(names)
        needed = set(wanted)
        for b in reversed(self.i.body):
            if b.results[0] in needed and self._wide(b.results[0]):
                needed.update(b.operands)
        lines = []
        for g in self.grads:
            names[g] = f"g{g.id}[j]"
        for v in self.leaves:
            if v in needed and self._wide(v):
                place = self.table.get(v, v)
                lines.append(f"  const {self._type(v)} v{v.id} = y{place.id}[r * {self.width} + j];")
                names[v] = f"v{v.id}"
        for b in self.i.body:
            r = b.results[0]
            if r in needed and self._wide(r):
                lines.append(f"  const {self._type(r)} v{r.id} = {self._expression(b, names)};")
                names[r] = f"v{r.id}"
        return lines, names
