"""The verifier: what every program must satisfy, checked after each pass."""

from __future__ import annotations

from autonet.compiler.passes.fuse import Loop
from autonet.compiler.program import RESULT, Instruction, Program, Value
from autonet.errors import AutonetError


class CompilerError(AutonetError, RuntimeError):
    """A pass broke a program: a defect of autonet, not of the model."""


def verify(program: Program, after: str) -> Program:
    """`program` itself, if each value is computed once, before its uses, and settings are static; else CompilerError."""
    known: set[Value] = set()
    for n, i in enumerate(program.instructions):
        if isinstance(i, Loop):
            _check_loop(i, f"After {after}: instruction {n} (loop)")
        problem = _problem(i, known)
        if problem is not None:
            raise CompilerError(f"After {after}: instruction {n} ({i.op}) {problem}")
    for w, v in program.writes.items():
        if v.kind == RESULT and v not in known:
            raise CompilerError(f"After {after}: {w.path} is to become {v.name}, which is never computed.")
        if v.shape != w.shape or v.dtype != w.dtype:
            raise CompilerError(f"After {after}: {w.path} of {w.dtype}{list(w.shape)} is to become {v!r}.")
    for v in program.outputs:
        if v.kind == RESULT and v not in known:
            raise CompilerError(f"After {after}: the output {v.name} is never computed.")
    return program


def _problem(i: Instruction, known: set[Value]) -> str | None:
    """Take the results of an instruction into `known`, if they are new and its operands are there; else what is wrong."""
    for v in i.operands:
        if v not in known and v.kind == RESULT:
            return f"uses {v.name} before it exists."
    for v in i.results:
        if v in known:
            return f"computes {v.name}, which is computed twice."
        if v.kind != RESULT:
            return f"overwrites {v!r}."
        known.add(v)
    if i.settings:
        try:
            hash(tuple(i.settings.values()))
        except TypeError:
            return f"has settings that are not static: {i.settings}."
    return None


def _check_loop(loop: Loop, where: str) -> None:
    """A loop's body uses what the loop is given and what stands before in the body, and makes what the loop gives."""
    known = {v for v in loop.operands if v.kind == RESULT}
    for i in loop.body:
        problem = _problem(i, known)
        if problem is not None:
            raise CompilerError(f"{where}, {i.op}, {problem}")
    made = {r for i in loop.body for r in i.results}
    for v in (v for i in loop.body for v in i.operands):
        if v not in made and v not in loop.operands:
            raise CompilerError(f"{where} uses {v.name}, which is none of its operands.")
    for r in loop.results:
        if r not in made:
            raise CompilerError(f"{where} gives {r.name}, which it does not compute.")
