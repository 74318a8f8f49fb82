"""What every program must satisfy, checked between passes."""

from __future__ import annotations

from autonet.compiler.program import RESULT, Program
from autonet.errors import AutonetError


class CompilerError(AutonetError, RuntimeError):
    """A pass broke a program: a defect of autonet, not of the model."""


def verify(program: Program, after: str) -> Program:
    """`program` itself, if each value is computed once, before its uses, and settings are static; else CompilerError."""
    known = set()
    for i, instruction in enumerate(program.instructions):
        for v in instruction.operands:
            if v.kind == RESULT and v not in known:
                raise CompilerError(
                    f"After {after}: instruction {i} ({instruction.op}) uses {v.name} before it exists."
                )
        for v in instruction.results:
            if v in known:
                raise CompilerError(
                    f"After {after}: {v.name} is computed twice, again by instruction {i} ({instruction.op})."
                )
            if v.kind != RESULT:
                raise CompilerError(f"After {after}: instruction {i} ({instruction.op}) overwrites {v!r}.")
            known.add(v)
        try:
            hash(tuple(instruction.settings.items()))
        except TypeError:
            raise CompilerError(
                f"After {after}: {instruction.op} has settings that are not static: {instruction.settings}."
            ) from None
    for w, v in program.writes.items():
        if v.kind == RESULT and v not in known:
            raise CompilerError(f"After {after}: {w.path} is to become {v.name}, which is never computed.")
        if v.shape != w.shape or v.dtype != w.dtype:
            raise CompilerError(f"After {after}: {w.path} of {w.dtype}{list(w.shape)} is to become {v!r}.")
    for v in program.outputs:
        if v.kind == RESULT and v not in known:
            raise CompilerError(f"After {after}: the output {v.name} is never computed.")
    return program
