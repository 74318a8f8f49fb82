"""Scheduling: a softmax moves to where the first loss of the same logits is computed, which then needs no sums of its own;
what is handed over to others, to where it is computed."""

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


def hasten(program: Program) -> Program:
    """The program with each `hand_over` right behind what gives the last of its operands."""
    if not any(i.op == "hand_over" for i in program.instructions):
        return program
    places = {r: k for k, i in enumerate(program.instructions) for r in i.results}
    order: dict[Instruction, tuple[int, int]] = {}
    for k, i in enumerate(program.instructions):
        order[i] = k, 0
        if i.op == "hand_over":  # after others there
            k = max([places[v] for v in i.operands if v in places], default=k)
            places[i.results[0]], order[i] = k, (k, 1 + len(order))
    return program.replaced(sorted(program.instructions, key=order.__getitem__), {})
