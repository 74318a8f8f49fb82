"""Row updates: a table of which a step reads a few rows is changed in those alone, where the others stay as they are.

The gradient of a lookup is zero but for the rows that were looked up. A rule, such as gradient descent's
w <- w - lr g, whose instructions work row by row, then leaves the others alone, and the step need not touch them: its cost
does not depend on how many there are. Whether it does leave them is read from the instructions: with zero in the place of
the gradient, some values depend on nothing but single numbers (a virtual row computes them in each run), and a Variable
stays what it is if these have certain bits: w - 0, w + (-0), where(False, ..., w). Rules to which no such proof applies
(momentum, decay, averages, penalties, another gradient beside the lookup's) are left as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonet.compiler.c.expressions import is_pointwise
from autonet.compiler.program import CONSTANT, VARIABLE, Instruction, Program, Value

FEW = 2  # at most one row in so many may be met, or the whole table is updated
EXACT = frozenset(  # whose bits depend neither on the processor nor on where in an array an element stands
    "add subtract multiply divide negative absolute square sqrt reciprocal maximum minimum clip sign equal not_equal less "
    "less_equal greater greater_equal logical_and logical_or logical_xor logical_not _select cast contiguous gate "
    "isfinite isnan isinf".split()
)


class _UpdateRows:
    """Stands where a primitive would."""

    name = "update_rows"


UPDATE_ROWS = _UpdateRows()


@dataclass(slots=True, eq=False)
class RowUpdate(Instruction):
    """A rule applied to the rows of tables that lookups met.

    body: its instructions, on values of whole tables.
    sources: the pull-backs of lookups, whose results are the gradients in the body.
    old: for each result, the table's value before.
    demands: what the virtual row must give for the other rows to stay: a value of the body, and its only allowed bits.
    virtual: the instructions of the body that the virtual row computes.
    """

    body: list[Instruction] = field(default_factory=list)
    sources: list[Instruction] = field(default_factory=list)
    old: dict[Value, Value] = field(default_factory=dict)
    demands: list[tuple[Value, Any]] = field(default_factory=list)
    virtual: list[Instruction] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tables."""
        return self.results[0].shape

    @property
    def positions(self) -> int:
        """How many places of tables the step looks up; fewer rows, where some repeat."""
        return sum(s.operands[1].size for s in self.sources)

    def is_rows(self, v: Value) -> bool:
        """Whether a value of the body has a row for each of the table's; otherwise all rows share it."""
        return len(v.shape) == len(self.shape) and v.shape[:1] == self.shape[:1]

    def spares_others(self, known: dict[Value, Any]) -> bool:
        """Whether rows that no lookup met stay as they are, given the single numbers that the rule reads."""
        known = {**known, **{s.results[0]: np.zeros((1,) * len(self.shape), s.results[0].dtype) for s in self.sources}}
        with np.errstate(all="ignore"):
            for i in self.virtual:
                known[i.results[0]] = np.asarray(i.primitive.body(*[known[v] for v in i.operands], **i.settings))
        return all(_has_bits(known[v], bits) for v, bits in self.demands)

    def __repr__(self) -> str:
        inner = "; ".join(i.op for i in self.body)
        return f"{', '.join(repr(r) for r in self.results)} = update_rows[{self.positions} of {self.shape[0]}]({inner})"


def _has_bits(x: np.ndarray, bits: Any) -> bool:
    """Whether a single number is this one, its sign included."""
    return bool(x == bits) and (x.dtype.kind != "f" or bool(np.signbit(x) == np.signbit(bits)))


def is_lookup_gradient(i: Instruction) -> bool:
    """Whether an instruction adds rows to a table of zeros: the pull-back of a lookup of rows."""
    if len(i.operands) != 2 or i.op not in ("_take_back", "_scatter"):
        return False
    shape, (x, at) = i.settings["shape"], i.operands
    if not (at.size and x.size and shape[0] > 1) or x.shape != (*at.shape, *shape[1:]) or at.dtype.kind not in "iu":
        return False
    if i.op == "_take_back":
        return i.settings["axis"] % len(shape) == 0
    return whole_rows(i.settings["key"]) and math.prod(shape[1:]) > 1


def whole_rows(key: tuple[Any, ...]) -> bool:
    """Whether a key of `x[key]` names rows by one array of numbers: x[at], x[at, :], x[at, ...]."""
    return key[:1] == (("array", 0),) and all(k is Ellipsis or k == ("slice", None, None, None) for k in key[1:])


def update_rows(program: Program) -> Program:
    """The program with updates of whole tables replaced by updates of the rows that lookups met, where that is the same."""
    sources = {i for i in program.instructions if is_lookup_gradient(i)}
    if not sources:
        return program
    view = _View(program)
    groups: list[tuple[set[Value], set[Instruction]]] = []  # Variables' new values, and what these are made of
    tables = {s.results[0].shape for s in sources}
    for v in [v for v in program.writes.values() if v.shape in tables]:
        cone = view.cone(v, sources)
        if not cone & sources:
            continue
        joined = [g for g in groups if g[1] & cone]
        groups = [g for g in groups if g not in joined]
        groups.append(({v}.union(*[g[0] for g in joined]), cone.union(*[g[1] for g in joined])))
    inserted: dict[int, list[Instruction]] = {}
    gone: set[Instruction] = set()
    for finals, cone in groups:
        made = _rule(view, finals, cone, sources)
        if made is not None:
            update, at, replaced = made
            inserted.setdefault(at, []).append(update)
            gone |= replaced
    new: list[Instruction] = []
    for n, i in enumerate([*program.instructions, None]):
        new += inserted.get(n, [])
        if i is not None and i not in gone:
            new.append(i)
    return Program(program.inputs, new, program.writes, program.outputs, program.next_id)


class _View:
    """A program, and who makes and uses each value."""

    def __init__(self, program: Program):
        self.program = program
        self.place = {i: n for n, i in enumerate(program.instructions)}
        self.maker = {r: i for i in program.instructions for r in i.results}
        self.users: dict[Value, list[Instruction]] = {}
        for i in program.instructions:
            for v in i.operands:
                self.users.setdefault(v, []).append(i)
        self.written = {v: w for w, v in program.writes.items()}
        self.outputs = set(program.outputs)

    def cone(self, v: Value, sources: set[Instruction]) -> set[Instruction]:
        """The instructions that make the value row by row, from sources and from what is there anyway."""
        found: set[Instruction] = set()
        stack = [v]
        shape = v.shape
        while stack:
            i = self.maker.get(stack.pop())
            if i is None or i in found or i.results[0].shape[:1] != shape[:1] or len(i.results[0].shape) != len(shape):
                continue
            if i in sources:
                found.add(i)
            elif _by_rows(i, shape):
                found.add(i)
                stack += i.operands
        return found


def _by_rows(i: Instruction, shape: tuple[int, ...]) -> bool:
    """Whether row k of the result depends on the rows k of operands and on what all rows share."""
    sizes = (shape, (shape[0], *(1,) * (len(shape) - 1)))
    r = i.results[0]
    if i.op == "any":  # of each row
        x, axis = i.operands[0], i.settings["axis"]
        axes = axis if isinstance(axis, tuple) else (axis,)
        if None in axes or not i.settings["keepdims"]:
            return False
        return x.shape == shape and {a % len(shape) for a in axes} == set(range(1, len(shape)))
    if i.op not in EXACT or not is_pointwise(i) or r.shape not in sizes:
        return False
    return all(v.shape in sizes or v.size == 1 for v in i.operands)


def _rule(
    view: _View, finals: set[Value], cone: set[Instruction], sources: set[Instruction]
) -> tuple[RowUpdate, int, set[Instruction]] | None:
    """The update of rows for these values of Variables, where it stands, and what it replaces; None if there is none."""
    own = sorted(cone & sources, key=view.place.__getitem__)
    body = sorted(cone - sources, key=view.place.__getitem__)
    rows = own[0].results[0].shape
    if FEW * sum(s.operands[1].size for s in own) > rows[0] or any(s.results[0].shape != rows for s in own):
        return None
    if any(v.shape != rows or v not in view.maker or view.maker[v] in sources for v in finals):
        return None
    proof = _Proof(own)
    for i in body:
        proof.step(i)
    results = tuple(sorted(finals, key=lambda v: view.place[view.maker[v]]))
    old: dict[Value, Value] = {}
    for v in results:
        kept = proof.same.get(v)
        if kept is None or kept.kind != VARIABLE or kept.source is not view.written[v]:
            return None
        old[v] = kept
    if len(set(old.values())) < len(old):
        return None

    def outside(v: Value, inside: set[Instruction]) -> bool:
        return v in view.outputs or v in view.written or any(u not in inside for u in view.users.get(v, ()))

    gone = set(cone)
    while kept_too := {i for i in gone for r in i.results if r not in old and outside(r, gone)}:
        gone -= kept_too
    fed = {s.results[0] for s in own}  # by the gradients
    for i in body:
        if fed & set(i.operands):
            fed.add(i.results[0])
    if any(r in fed for i in cone - gone for r in i.results):
        return None

    made = {r for i in cone for r in i.results}
    given = [v for s in own for v in s.operands] + list(old.values()) + [v for i in body for v in i.operands]
    operands = tuple(dict.fromkeys([v for v in given if v not in made]))
    first = 1 + max([view.place[view.maker[v]] for v in operands if v in view.maker], default=-1)
    late = [view.place[u] for v in old for u in view.users.get(v, ()) if u not in cone]
    reads = [view.place[u] + 1 for v in old.values() for u in view.users.get(v, ()) if u not in gone]
    at = min(max([first, *reads]), min(late, default=len(view.program.instructions)))
    if at < first:
        return None
    virtual: list[Instruction] = []
    needed = {v for v, _ in proof.demands}
    for i in reversed(body):
        if i.results[0] in needed:
            needed.update(i.operands)
            virtual.insert(0, i)
    update = RowUpdate(UPDATE_ROWS, operands, {}, results, body, own, old, proof.demands, virtual)
    usual = {v: v.source if v.kind == CONSTANT else np.ones(v.shape, v.dtype) for v in needed if v.size == 1}
    return (update, at, gone) if update.spares_others(usual) else None  # always to find that it does not would be slow


class _Proof:
    """What the instructions of a rule give at rows whose gradient is zero.

    single: values that are the same number in all those rows, found by a virtual row.
    same: values that are those of another, before the step.
    demands: the bits that the virtual row must have for that.
    """

    def __init__(self, sources: list[Instruction]):
        self.single = {s.results[0] for s in sources}
        self.same: dict[Value, Value] = {}
        self.demands: list[tuple[Value, Any]] = []

    def _is_single(self, v: Value) -> bool:
        return v in self.single or v.size == 1

    def step(self, i: Instruction) -> None:
        """Learn what an instruction gives."""
        r, xs = i.results[0], i.operands
        if all(self._is_single(v) for v in xs):
            self.single.add(r)
            return
        same = [self.same.get(v, v if v.kind == VARIABLE and v.shape == r.shape else None) for v in xs]
        if i.op == "contiguous":
            self._note(r, same[0])
        elif i.op == "subtract" and self._is_single(xs[1]):
            self._note(r, same[0], (xs[1], 0.0))
        elif i.op == "add":
            for one, other in ((0, 1), (1, 0)):
                if self._is_single(xs[other]):
                    self._note(r, same[one], (xs[other], -0.0))
        elif i.op == "_select" and xs[0] in self.single and xs[0].dtype == bool:
            self._note(r, same[2], (xs[0], False))

    def _note(self, r: Value, same: Value | None, *demands: tuple[Value, Any]) -> None:
        if same is not None and same.shape == r.shape and same.dtype == r.dtype:
            self.same[r] = same
            self.demands += demands
