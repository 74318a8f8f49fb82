"""Scheduling: a softmax moves to where the first loss of the same logits is computed, which then needs no sums of its own."""

from __future__ import annotations

from autonet.compiler.program import Instruction, Program, Value

LOSSES = frozenset({"class_crossentropy", "softmax_crossentropy", "log_softmax"})  # of logits, their last operand


def schedule(program: Program) -> Program:
    """The program with each softmax along the last axis no later than the first of LOSSES of its operand."""
    softmaxes: dict[Value, Instruction] = {}
    for i in program.instructions:
        if i.op == "softmax" and i.settings["axis"] in (-1, i.operands[0].ndim - 1):
            softmaxes.setdefault(i.operands[0], i)
    kept: list[Instruction] = []
    moved: set[Instruction] = set()
    for i in program.instructions:
        first = softmaxes.get(i.operands[-1]) if i.op in LOSSES else None
        if first is not None and first not in moved:
            moved.add(first)
            kept.append(first)
        if i not in moved:
            moved.update([i] if i.op == "softmax" else [])
            kept.append(i)
    return program.replaced(kept, {})
