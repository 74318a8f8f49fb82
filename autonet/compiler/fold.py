"""Passes that leave work out: what nobody reads, and what is the same in every run."""

from __future__ import annotations

import numpy as np

from autonet.compiler.program import CONSTANT, VARIABLE, Program, Value

FOLD_LIMIT = 1 << 22  # bytes: a larger constant is computed where it is used, rather than kept


def drop_dead(program: Program) -> Program:
    """Without instructions whose results nobody reads, and without writes that change nothing."""
    writes = {w: v for w, v in program.writes.items() if not (v.kind == VARIABLE and v.source is w)}
    wanted = {*writes.values(), *program.outputs}
    kept = []
    for instruction in reversed(program.instructions):
        if any(r in wanted for r in instruction.results):
            wanted.update(instruction.operands)
            kept.append(instruction)
    return Program(program.inputs, kept[::-1], writes, program.outputs, program.next_id)


def fold_constants(program: Program) -> Program:
    """With what depends on constants alone computed now, by the primitives' own bodies."""
    changed: dict[Value, Value] = {}
    kept = []
    for instruction in program.instructions:
        operands = [changed.get(v, v) for v in instruction.operands]
        small = sum(r.nbytes for r in instruction.results) <= FOLD_LIMIT
        if small and all(v.kind == CONSTANT for v in operands):
            with np.errstate(all="ignore"):  # the captured run said what there is to say
                arrays = instruction.primitive.body(*[v.source for v in operands], **instruction.settings)
            for r, a in zip(instruction.results, arrays if isinstance(arrays, tuple) else (arrays,), strict=True):
                a = np.asarray(a)
                changed[r] = Value(r.id, CONSTANT, a.shape, a.dtype, a)
        else:
            kept.append(instruction)
    return program.replaced(kept, changed)
