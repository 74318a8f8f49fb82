"""A pass that computes equal expressions once."""

from __future__ import annotations

from typing import Any

from autonet.compiler.program import CONSTANT, Instruction, Program, Value

COMPARED = 256  # bytes up to which constants are compared by content


def share_equal(program: Program) -> Program:
    """With one instruction for each primitive, operands and settings, and one value for equal small constants.

    Primitives are functions of their operands alone (a draw has its generator's state among them), so this is exact.
    """
    changed: dict[Value, Value] = {}
    constants: dict[Any, Value] = {}
    seen: dict[Any, tuple[Value, ...]] = {}
    kept = []

    def unique(v: Value) -> Value:
        v = changed.get(v, v)
        if v.kind == CONSTANT and v not in changed:
            small = v.nbytes <= COMPARED
            key = (v.dtype, v.shape, v.source.tobytes()) if small else id(v.source)
            first = constants.setdefault(key, v)
            if first is not v:
                changed[v] = first
            return first
        return v

    for instruction in program.instructions:
        operands = tuple([unique(v) for v in instruction.operands])
        # True == 1 == 1.0 as keys, so types belong to the key
        settings = tuple([(k, type(s), repr(s)) for k, s in instruction.settings.items()])
        key = (instruction.primitive, operands, settings)
        if key in seen:
            changed.update(zip(instruction.results, seen[key], strict=True))
        else:
            seen[key] = instruction.results
            kept.append(Instruction(instruction.primitive, operands, instruction.settings, instruction.results))
    for v in [*program.writes.values(), *program.outputs]:
        unique(v)
    return program.replaced(kept, changed)
