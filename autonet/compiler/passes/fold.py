"""Constant folding: what depends on constants alone is computed once, when the plan is made."""

from __future__ import annotations

import numpy as np

from autonet.compiler.program import CONSTANT, Program, Value

FOLD_LIMIT = 1 << 22  # bytes: a larger constant is computed where it is used, rather than kept


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
