"""Dead code elimination: instructions whose results are never used, and writes that change nothing."""

from __future__ import annotations

from autonet.compiler.program import VARIABLE, Program


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
