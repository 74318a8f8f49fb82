"""Gathering: arithmetic on large arrays, of which updates of weights consist, waits until somebody needs its results.

So all of it stands together, and the NumPy plan can run it block by block, on several threads (numpy/shares.py).
"""

from __future__ import annotations

from autonet.compiler.facts import facts
from autonet.compiler.passes.rows import EXACT
from autonet.compiler.program import Instruction, Program, Value

LEAST = 1 << 14  # elements of an array that is worth sharing


def is_shareable(i: Instruction) -> bool:
    """Whether any part of the result can be computed by itself, with the same bits, from that part of the operands."""
    if facts(i).ufunc is None or i.op not in EXACT or i.settings or i.results[0].size < LEAST:
        return False
    shape = i.results[0].shape
    return i.results[0].order is None and all(v.size == 1 or (v.shape == shape and v.order is None) for v in i.operands)


def gather(program: Program) -> Program:
    """The program with shareable instructions as late as their users allow, in the same order."""
    done: list[Instruction] = []
    waiting: list[Instruction] = []
    awaited: set[Value] = set()
    for i in program.instructions:
        if is_shareable(i):
            waiting.append(i)
            awaited.update(i.results)
            continue
        if not awaited.isdisjoint(i.operands):
            done += waiting
            waiting, awaited = [], set()
        done.append(i)
    return Program(program.inputs, done + waiting, program.writes, program.outputs, program.next_id)
