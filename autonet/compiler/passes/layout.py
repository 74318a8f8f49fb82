"""Buffer assignment: each value lives in the arena, in its Variable's storage, as a view, or is allocated in each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autonet.compiler.facts import facts
from autonet.compiler.passes.fuse import Loop, reduction_operand
from autonet.compiler.passes.memory import Slot, aligned, assign_offsets, check_overlaps, shaped
from autonet.compiler.passes.rows import RowUpdate
from autonet.compiler.program import CONSTANT, INPUT, VARIABLE, Instruction, Program, Value
from autonet.variable import storage_of

BUFFER, VIEW, DYNAMIC = "buffer", "view", "dynamic"


def views_of(i: Instruction, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The results of a view operation on an array."""
    settings = i.settings
    if i.op == "_getitem" and Ellipsis not in settings["key"]:
        settings = {"key": (*settings["key"], Ellipsis)}  # a single element as a view, not as a number
    made = i.primitive.body(x, **settings)
    return made if isinstance(made, tuple) else (made,)


class Layout:
    """Where each value of a program lives.

    Args:
        program: the program.
        all_static: whether every result gets a buffer, in C order; otherwise those that NumPy can write in place, in
            the order in which the captured run had them, so that sums are rounded alike.
        apart: results that get memory of their own, outside of the arena.

    kinds: BUFFER (a slot of the arena), VIEW (of another static value), DYNAMIC (made in each run).
    roots: the value whose memory a VIEW shows.
    homes: results that are computed right in the storage of the Variable that they become.
    offsets: of the buffers in the arena, in bytes, once they are allocated.
    """

    def __init__(self, program: Program, all_static: bool = False, apart: Iterable[Value] = ()):
        self.program = program
        self.all_static = all_static
        self.apart = set(apart)
        self.kinds: dict[Value, str] = {}
        self.roots: dict[Value, Value] = {}
        self.copied: set[Value] = set()  # results of view operations that strides, or a kernel, forced to copy
        self._classify()
        self.last_read = self._last_reads()
        self.homes = self._homes()
        self.offsets: dict[Value, int] = {}

    def root(self, v: Value) -> Value:
        """The value whose memory `v` aliases: itself unless it is a view."""
        return self.roots.get(v, v)

    def is_static(self, v: Value) -> bool:
        """Whether the array of `v` is the same object in every run."""
        return self.kinds.get(v) != DYNAMIC

    def order(self, v: Value) -> Any:
        """The order of the axes of a buffer in memory."""
        return None if self.all_static else v.order or None

    def _classify(self) -> None:
        shadows: dict[Value, np.ndarray] = {}  # arrays of the right shape and strides, whose pages stay untouched

        def shadow(v: Value) -> np.ndarray:
            if v not in shadows:
                made = v.source if v.kind == CONSTANT else None
                shadows[v] = shaped(np.empty(v.size, v.dtype), v.shape, self.order(v)) if made is None else made
            return shadows[v]

        readers = self._readers() if self.all_static else {}
        for i in self.program.instructions:
            if facts(i).view and all(self.is_static(v) for v in i.operands):
                whole = shadow(i.operands[0])
                for r, a in zip(i.results, views_of(i, whole), strict=True):
                    shared = np.may_share_memory(a, whole) and all(takes(a) for takes in readers.get(r, ()))
                    if shared or not a.size:
                        shadows[r] = a
                        self.kinds[r] = VIEW
                        self.roots[r] = self.root(i.operands[0])
                    else:
                        self.kinds[r] = BUFFER
                        self.copied.add(r)
            elif self.all_static or self._has_kernel(i):
                self.kinds.update(dict.fromkeys(i.results, BUFFER))
            else:
                self.kinds.update(dict.fromkeys(i.results, DYNAMIC))

    def _readers(self) -> dict[Value, list[Callable[[np.ndarray], bool]]]:
        """Which strides the kernels in C take that read a value."""
        readers: dict[Value, list[Callable[[np.ndarray], bool]]] = {}
        for i in self.program.instructions:
            if (takes := facts(i).c_strides) is not None:
                for v in i.operands:
                    readers.setdefault(v, []).append(takes)
        return readers

    def _has_kernel(self, i: Instruction) -> bool:
        """Whether NumPy computes the instruction into buffers, exactly as the primitive's body does it."""
        if facts(i).numpy_kernel is None or any(r.order is False for r in i.results):
            return False
        return facts(i).in_place or all(self.is_static(v) or v.order is not False for v in i.operands)

    def _last_reads(self) -> dict[Value, int]:
        """For each root, the last instruction that reads its memory; len(instructions) if what follows them does."""
        last: dict[Value, int] = {}
        for n, i in enumerate(self.program.instructions):
            for v in i.operands:
                last[self.root(v)] = n
        end = len(self.program.instructions)
        for v in [*self.program.outputs, *self.program.writes.values()]:
            last[self.root(v)] = end
        return last

    def _homes(self) -> dict[Value, Any]:
        """Results that may be computed right in the storage of the Variable that they become."""
        made = {r: (n, i) for n, i in enumerate(self.program.instructions) for r in i.results}
        old = {v.source: v for v in self.program.used() if v.kind == VARIABLE}
        counts: dict[Value, int] = {}
        for v in self.program.writes.values():
            counts[self.root(v)] = counts.get(self.root(v), 0) + 1
        outputs = {self.root(v) for v in self.program.outputs}
        homes = {}
        for w, v in self.program.writes.items():
            if self.kinds.get(v) != BUFFER or counts[v] > 1 or v in outputs or v in self.copied:
                continue
            if self.order(v) is not None:
                continue  # storages are in C order
            n, i = made[v]
            before = old.get(w)
            read = -1 if before is None else self.last_read.get(before, -1)
            if read < n or (read == n and before is not None and self.overwrites(i, v, before)):
                homes[v] = w
        return homes

    def overwrites(self, i: Instruction, result: Value, operand: Value) -> bool:
        """Whether `result` may be written over `operand` (a root), which `i` is the last to read."""
        if operand.shape != result.shape or operand.dtype != result.dtype or self.order(operand) != self.order(result):
            return False
        if isinstance(i, Loop):
            reduced = {b.results[0] for b in i.body if reduction_operand(b) is not None}
            if result in reduced or result.shape != i.shape:
                return False
        elif isinstance(i, RowUpdate):
            if i.old[result] is not operand:
                return False
        elif not facts(i).in_place:
            return False
        return not any(o is not operand and self.root(o) is operand for o in i.operands)  # no view of it

    def where(self, v: Value) -> str:
        """In words, where an allocated result lies."""
        if v in self.homes:
            return f"in {getattr(self.homes[v], 'path', 'a Variable')}"
        if v in self.offsets:
            return f"at {self.offsets[v]:,}"
        return {VIEW: f"view of {self.root(v).name}", DYNAMIC: "allocates"}.get(self.kinds[v], "")

    def allocate(self) -> tuple[dict[Value, np.ndarray], int]:
        """The arrays of everything that is not a view or made anew in each run, and the arena's size in bytes."""
        arrays: dict[Value, np.ndarray] = {}
        slots: dict[Value, Slot] = {}
        for n, i in enumerate(self.program.instructions):
            for r in i.results:
                if self.kinds[r] == BUFFER and r in self.apart:
                    arrays[r] = np.empty(r.shape, r.dtype)
                elif self.kinds[r] == BUFFER and r not in self.homes:
                    donors = [slots[o] for o in i.operands if o in slots and self.overwrites(i, r, o)]
                    slots[r] = Slot(r.nbytes, n, self.last_read.get(r, n), donors)
        size = assign_offsets(list(slots.values()))
        arena = aligned(size)
        check_overlaps(list(slots.values()))
        for r, slot in slots.items():
            self.offsets[r] = slot.offset
            flat = arena[slot.offset : slot.offset + r.nbytes].view(r.dtype)
            arrays[r] = shaped(flat, r.shape, self.order(r))
        for r, w in self.homes.items():
            arrays[r] = storage_of(w)
        for v in {*self.program.used(), *self.program.inputs}:
            if v.kind == CONSTANT:
                arrays[v] = v.source
            elif v.kind == VARIABLE:
                arrays[v] = storage_of(v.source)
            elif v.kind == INPUT:
                arrays[v] = np.empty(v.shape, v.dtype)
        return arrays, size
