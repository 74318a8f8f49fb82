"""Gathering: what the NumPy plan runs block by block, on several threads (numpy/shares.py), stands together.

Arithmetic on large arrays, of which updates of weights consist, waits until somebody needs its results. Dropout's masks, which
depend on nothing but generators' states, come first of all.
"""

from __future__ import annotations

from autonet.compiler.facts import facts
from autonet.compiler.passes.rows import EXACT
from autonet.compiler.program import RESULT, Instruction, Program, Value

LEAST = 1 << 14  # elements of an array that is worth sharing
STATE = 2  # elements of a generator's


def is_shareable(i: Instruction) -> bool:
    """Whether any part of the result can be computed by itself, with the same bits, from that part of the operands."""
    if facts(i).ufunc is None or i.op not in EXACT or i.settings or i.results[0].size < LEAST:
        return False
    shape = i.results[0].shape
    return i.results[0].order is None and all(v.size == 1 or (v.shape == shape and v.order is None) for v in i.operands)


def is_mask(i: Instruction) -> bool:
    """Whether any part of the result can be drawn by itself."""
    r = i.results[0]
    return i.op == "dropout_mask" and r.size >= LEAST and r.order is None and r.dtype.itemsize >= 4


def gather(program: Program) -> Program:
    """The program with masks as early, and shareable arithmetic as late as possible, each in the same order."""
    done = _early(program)
    early = set(done)
    waiting: list[Instruction] = []
    awaited: set[Value] = set()
    for i in program.instructions:
        if i in early:
            continue
        if is_shareable(i):
            waiting.append(i)
            awaited.update(i.results)
            continue
        if not awaited.isdisjoint(i.operands):
            done += waiting
            waiting, awaited = [], set()
        done.append(i)
    return Program(program.inputs, done + waiting, program.writes, program.outputs, program.next_id)


def _early(program: Program) -> list[Instruction]:
    """The masks that depend on what is there before the step alone, after the states that they need: no larger than one."""
    maker: dict[Value, Instruction] = {}
    states: dict[Instruction, None] = {}
    masks = []
    for i in program.instructions:
        if all(v.kind != RESULT or v in maker for v in i.operands):
            if is_mask(i):
                masks.append(i)
            elif all(r.size <= STATE for r in i.results):
                maker.update(dict.fromkeys(i.results, i))
    stack = [v for i in masks for v in i.operands]
    while stack:
        i = maker.get(stack.pop())  # type: ignore[assignment]
        if i is not None and i not in states:
            states[i] = None
            stack += i.operands
    return [i for i in program.instructions if i in states] + masks
