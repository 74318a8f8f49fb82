"""Operator fusion: pointwise chains and the reductions at their ends become loops that touch memory once.

A loop is an instruction whose primitive is LOOP: its `body` holds the pointwise instructions of one iteration shape, and
reductions of what they compute. Only what is used outside gets a buffer. Instructions are taken as late as their uses
allow, so that a value which only the backward pass needs is computed there, not stored in between.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonet.compiler.c.expressions import is_pointwise
from autonet.compiler.facts import facts
from autonet.compiler.program import Instruction, Program, Value

REALS = (np.dtype("float32"), np.dtype("float64"))


class _Loop:
    """Stands where a primitive would."""

    name = "loop"


LOOP = _Loop()


@dataclass(slots=True, eq=False)
class Loop(Instruction):
    """Several instructions in one pass over an iteration `shape`."""

    shape: tuple[int, ...] = ()
    body: list[Instruction] = field(default_factory=list)

    def __repr__(self) -> str:
        inner = "; ".join(i.op for i in self.body)
        return f"{', '.join(repr(r) for r in self.results)} = loop{list(self.shape)}({inner})"


def reduction_operand(i: Instruction) -> Value | None:
    """What an instruction reduces, None if it is no reduction that a loop can end with."""
    if not facts(i).reduction or i.operands[0].dtype not in REALS or i.settings.get("initial") is not None:
        return None
    if i.results[0].dtype != i.operands[0].dtype or not i.operands[0].size:
        return None
    return i.operands[0]


class _Group:
    """A future loop, or a single instruction that is none."""

    def __init__(self, shape: tuple[int, ...] | None, member: Instruction):
        self.shape = shape  # None: not a loop
        self.members = [member]  # last first


def fuse(program: Program) -> Program:
    """The program with its pointwise instructions and reductions fused to loops."""
    groups = _gather(program)
    groups = _join_reductions(groups)
    groups = _join_siblings(groups)
    users: dict[Value, set[int]] = {}
    for n, g in enumerate(groups):
        for i in g.members:
            for v in i.operands:
                users.setdefault(v, set()).add(n)
    kept_outside = {*program.outputs, *program.writes.values()}
    instructions: list[Instruction] = []
    for n, g in enumerate(groups):
        if g.shape is None:
            instructions.append(g.members[0])
            continue
        body = g.members[::-1]
        made = {r for i in body for r in i.results}
        operands = tuple(dict.fromkeys([v for i in body for v in i.operands if v not in made]))
        results = tuple([r for i in body for r in i.results if r in kept_outside or users.get(r, set()) - {n}])
        instructions.append(Loop(LOOP, operands, {}, results, g.shape, body))
    return Program(program.inputs, instructions, program.writes, program.outputs, program.next_id)


def _gather(program: Program) -> list[_Group]:
    """Groups in order of execution, each pointwise instruction with the earliest of its users where that is a loop."""
    late_first: list[_Group] = []  # grows towards the program's start
    place: dict[Value, int] = {}  # the earliest group (highest index here) that uses a value
    for i in reversed(program.instructions):
        at = max([place.get(r, -1) for r in i.results])
        shape = i.results[0].shape if is_pointwise(i) else None
        reduced = reduction_operand(i)
        home = None
        if shape is not None and at >= 0 and late_first[at].shape == shape:
            home = at
        if home is None:
            late_first.append(_Group(shape if shape is not None else reduced.shape if reduced is not None else None, i))
            home = len(late_first) - 1
        else:
            late_first[home].members.append(i)
        for v in i.operands:
            place[v] = max(place.get(v, -1), home)
    return late_first[::-1]


def _join_reductions(groups: list[_Group]) -> list[_Group]:
    """Each lone reduction with the loop that computes its operand."""
    maker = {r: g for g in groups for i in g.members for r in i.results}
    order = {id(g): n for n, g in enumerate(groups)}
    gone = set()
    for g in groups:
        if g.shape is None or len(g.members) != 1 or reduction_operand(g.members[0]) is None:
            continue
        reduced = reduction_operand(g.members[0])
        home = maker.get(reduced)  # type: ignore[arg-type]
        if home is None or home is g or home.shape != g.shape or order[id(home)] > order[id(g)]:
            continue
        if any(reduction_operand(m) is not None and m.results[0] is reduced for m in home.members):
            continue
        home.members.insert(0, g.members[0])
        maker[g.members[0].results[0]] = home
        gone.add(id(g))
    return [g for g in groups if id(g) not in gone]


def _join_siblings(groups: list[_Group]) -> list[_Group]:
    """Loops of one shape that read the same array, where the later one does not wait for anything in between."""
    order = {id(g): n for n, g in enumerate(groups)}
    maker = {r: g for g in groups for i in g.members for r in i.results}
    needs = [{v for i in g.members for v in i.operands} for g in groups]
    readers: dict[tuple[Any, Value], list[int]] = {}  # shape of a loop, value: places of the loops, in order
    for n, g in enumerate(groups):
        for v in needs[n] if g.shape else ():
            readers.setdefault((g.shape, v), []).append(n)
    gone: set[int] = set()
    for at, first in enumerate(groups):
        if not first.shape or at in gone:
            continue
        reduced = {r for i in first.members for r in i.results if reduction_operand(i) is not None}
        own = {r for i in first.members for r in i.results} - reduced
        reads = {v for i in first.members for v in i.operands if v.shape == first.shape} | own
        last, waiting = at, [n for v in reads for n in readers.get((first.shape, v), ()) if n > at]
        heapq.heapify(waiting)
        while waiting:
            n = heapq.heappop(waiting)
            if n == last or n in gone:
                continue
            last, other = n, groups[n]
            if needs[n] & reduced:
                continue
            if any(g is not other and order[id(g)] > at for g in (maker[v] for v in needs[n] if v in maker)):
                continue  # it waits for something in between
            first.members[:0] = other.members
            for i in other.members:
                (reduced if reduction_operand(i) is not None else own).update(i.results)
                maker.update(dict.fromkeys(i.results, first))
            new = ({v for v in needs[n] if v.shape == first.shape} | own) - reads
            reads |= new
            for v in new:
                for m in readers.get((first.shape, v), ()):
                    if m > n:
                        heapq.heappush(waiting, m)
            gone.add(n)
    return [g for n, g in enumerate(groups) if n not in gone]
