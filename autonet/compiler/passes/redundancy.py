"""What need not be computed: dead code, constant expressions (once, when the plan is made), and equal ones but for the first."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.facts import facts
from autonet.compiler.program import CONSTANT, VARIABLE, Instruction, Program, Value
from autonet.core.settings import exact_key

COMPARED = 256  # bytes up to which constants are compared by content
FOLD_LIMIT = 1 << 22  # bytes: a larger constant is computed where it is used, rather than kept


def eliminate_dead_code(program: Program) -> Program:
    """The program without instructions whose results are unused, and without writes that change nothing."""
    writes = {w: v for w, v in program.writes.items() if not (v.kind == VARIABLE and v.source is w)}
    wanted = {*writes.values(), *program.outputs}
    kept = []
    for instruction in reversed(program.instructions):
        if any(r in wanted for r in instruction.results):
            wanted.update(instruction.operands)
            kept.append(instruction)
    return Program(program.inputs, kept[::-1], writes, program.outputs, program.next_id)


def fold_constants(program: Program) -> Program:
    """The program with constant expressions replaced by their values, which the primitives' own bodies compute now."""
    changed: dict[Value, Value] = {}
    kept = []
    for instruction in program.instructions:
        operands = [changed.get(v, v) for v in instruction.operands]
        small = sum(r.nbytes for r in instruction.results) <= FOLD_LIMIT
        if small and instruction.primitive.pure and all(v.kind == CONSTANT for v in operands):
            with np.errstate(all="ignore"):  # the captured run said what there is to say
                arrays = instruction.primitive.body(*[v.source for v in operands], **instruction.settings)
            for r, a in zip(instruction.results, arrays if isinstance(arrays, tuple) else (arrays,), strict=True):
                a = np.asarray(a)
                changed[r] = Value(r.id, CONSTANT, a.shape, a.dtype, a)
        else:
            kept.append(instruction)
    return program.replaced(kept, changed)


def eliminate_common_subexpressions(program: Program) -> Program:
    """The program with one instruction for each primitive, operands and settings, and one value for equal small constants.

    Primitives are functions of their operands alone (a draw has its generator's state among them), so this is exact;
    but for a product of a matrix with its own transpose, which BLAS rounds otherwise than that of two equal ones: what
    are two operands there stay two.
    """
    rivals = _rivals(program)
    members: dict[Value, set[Value]] = {}  # what was merged into a value
    changed: dict[Value, Value] = {}
    constants: dict[Any, Value] = {}
    seen: dict[Any, tuple[Value, ...]] = {}
    kept = []

    def unique(v: Value) -> Value:
        v = changed.get(v, v)
        if v.kind == CONSTANT and v not in changed:
            small = v.nbytes <= COMPARED
            key = (v.dtype, v.shape, v.source.strides, v.source.tobytes()) if small else id(v.source)
            first = constants.setdefault(key, v)
            if first is not v:
                changed[v] = first
            return first
        return v

    for instruction in program.instructions:
        operands = tuple([unique(v) for v in instruction.operands])
        key = (instruction.primitive, operands, exact_key(instruction.settings))
        pairs = list(zip(instruction.results, seen.get(key, ()), strict=False))
        if pairs and all(rivals[r].isdisjoint(members.get(first, {first})) for r, first in pairs if r in rivals):
            changed.update(pairs)
            for r, first in pairs:
                members.setdefault(first, {first}).update(members.get(r, {r}))
        else:
            seen.setdefault(key, instruction.results)
            same = operands == instruction.operands
            new = instruction.primitive, operands, instruction.settings, instruction.results
            kept.append(instruction if same else Instruction(*new))
    for v in [*program.writes.values(), *program.outputs]:
        unique(v)
    return program.replaced(kept, changed)


def _rivals(program: Program) -> dict[Value, set[Value]]:
    """For each value that a product's operand is, or is a view of: those of the other operands."""
    roots: dict[Value, Value] = {}
    found: dict[Value, set[Value]] = {}
    for i in program.instructions:
        if facts(i).view:
            roots.update(dict.fromkeys(i.results, roots.get(i.operands[0], i.operands[0])))
        elif i.op == "matmul":
            a, b = (roots.get(v, v) for v in i.operands)
            if a is not b:
                found.setdefault(a, set()).add(b)
                found.setdefault(b, set()).add(a)
    return found
