"""The NumPy plan: a program as straight Python over buffers that are made once.

Every result has a fixed place in one arena (or in its Variable's storage), views are made once, and the generated
function is a list of NumPy calls with `out=`: no allocation, no look-up, no object per operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.fuse import Loop, reduction_operand
from autonet.compiler.memory import Slot, place
from autonet.compiler.numpy_kernels import IN_PLACE, KERNELS, VIEWS, by_body
from autonet.compiler.program import CONSTANT, INPUT, VARIABLE, Instruction, Program, Value
from autonet.core.variable import settle

BUFFER, VIEW, DYNAMIC = "buffer", "view", "dynamic"  # where a result lives


class Layout:
    """Where each value of a program lives.

    kinds: BUFFER (a slot of the arena), VIEW (of another static value), DYNAMIC (made in each run).
    roots: the value whose memory a VIEW shows.
    """

    def __init__(self, program: Program, all_static: bool = False):
        self.program = program
        self.all_static = all_static
        self.kinds: dict[Value, str] = {}
        self.roots: dict[Value, Value] = {}
        self.copied: set[Value] = set()  # results of view operations that strides forced to copy
        self._classify()
        self.last_read = self._last_reads()
        self.homes = self._homes()

    def root(self, v: Value) -> Value:
        """The value whose memory `v` shows: itself unless it is a view."""
        return self.roots.get(v, v)

    def is_static(self, v: Value) -> bool:
        """Whether the array of `v` is the same object in every run."""
        return self.kinds.get(v) != DYNAMIC

    def _classify(self) -> None:
        shadows: dict[Value, np.ndarray] = {}  # arrays of the right shape and strides, whose pages stay untouched

        def shadow(v: Value) -> np.ndarray:
            if v not in shadows:
                shadows[v] = v.source if v.kind == CONSTANT else np.empty(v.shape, v.dtype)
            return shadows[v]

        for i in self.program.instructions:
            static = all(self.is_static(v) for v in i.operands)
            if i.op in VIEWS:
                if not static:
                    self.kinds.update(dict.fromkeys(i.results, DYNAMIC))
                    continue
                made = i.primitive.body(shadow(i.operands[0]), **i.settings)
                for r, a in zip(i.results, made if isinstance(made, tuple) else (made,), strict=True):
                    if np.may_share_memory(a, shadow(i.operands[0])) or not a.size:
                        shadows[r] = a
                        self.kinds[r] = VIEW
                        self.roots[r] = self.root(i.operands[0])
                    else:
                        self.kinds[r] = BUFFER
                        self.copied.add(r)
            elif self.all_static or (i.op in KERNELS and len(i.results) == 1):
                self.kinds.update(dict.fromkeys(i.results, BUFFER))
            else:
                self.kinds.update(dict.fromkeys(i.results, DYNAMIC))

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
            n, i = made[v]
            before = old.get(w)
            read = -1 if before is None else self.last_read.get(before, -1)
            if read < n or (read == n and before is not None and self.overwrites(i, v, before)):
                homes[v] = w
        return homes

    def overwrites(self, i: Instruction, result: Value, operand: Value) -> bool:
        """Whether `result` may be written over `operand` (a root), which `i` is the last to read."""
        if operand.shape != result.shape or operand.dtype != result.dtype:
            return False
        if isinstance(i, Loop):
            reduced = {b.results[0] for b in i.body if reduction_operand(b) is not None}
            if result in reduced or result.shape != i.shape:
                return False
        elif i.op not in IN_PLACE:
            return False
        return not any(o is not operand and self.root(o) is operand for o in i.operands)  # no view of it


class Writer:
    """Collects the lines of the generated function, and the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}  # everything the lines refer to
        self.statics: dict[str, np.ndarray] = {}  # buffers among them
        self._by_id: dict[int, str] = {}
        self._pool: dict[tuple, list[str]] = {}
        self._borrowed: list[tuple[tuple, str]] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def constant(self, thing: Any) -> str:
        """The name of a function, number or array in the generated code."""
        name = self._by_id.get(id(thing))
        if name is None:
            base = getattr(thing, "__name__", "k")
            base = base if base.isidentifier() else "k"
            name = f"{base}_{len(self.names)}"
            self.names[name] = thing
            self._by_id[id(thing)] = name
            if isinstance(thing, np.ndarray):
                self.statics[name] = thing
        return name

    def workspace(self, shape: tuple[int, ...], dtype: np.dtype) -> str:
        """A buffer for use within the current instruction only."""
        key = (tuple(shape), dtype)
        pool = self._pool.setdefault(key, [])
        name = pool.pop() if pool else self.constant(np.empty(shape, dtype))
        self._borrowed.append((key, name))
        return name

    def end_instruction(self) -> None:
        """Workspaces are free again."""
        for key, name in self._borrowed:
            self._pool[key].append(name)
        self._borrowed.clear()

    def is_static(self, name: str) -> bool:
        """Whether `name` is the same array in every run."""
        return name in self.statics

    def view(self, name: str, f: Callable[[np.ndarray], np.ndarray]) -> str:
        """The name of a view of a static array, made now."""
        return self.constant(f(self.statics[name]))

    def arguments(self, i: Instruction, given: list[str]) -> str:
        """The arguments of a call of the primitive's body."""
        return ", ".join(given + [f"{k}={self._literal(v)}" for k, v in i.settings.items()])

    def _literal(self, v: Any) -> str:
        return repr(v) if isinstance(v, (int, float, str, bool, type(None))) and v == v else self.constant(v)


class NumpyPlan:
    """A program made ready to run with NumPy.

    `run(arrays)` takes the inputs, updates the Variables, and returns the outputs as new arrays.
    """

    kind = "numpy"

    def __init__(self, program: Program):
        self.program = program
        self.layout = self._layout(program)
        self.arrays = self._allocate(program, self.layout)
        self.names: dict[Value, str] = {}
        self.write = Writer()
        for i in program.instructions:
            if not self._show(i):
                self._instruct(i)
            self.write.end_instruction()
        self._finish(program, self.layout, self.write, self._name)

    def _layout(self, program: Program) -> Layout:
        return Layout(program)

    def _name(self, v: Value) -> str:
        if v not in self.names:
            self.names[v] = self.write.constant(self.arrays[v])
        return self.names[v]

    def _show(self, i: Instruction) -> bool:
        """Make the views that an instruction of that kind stands for; False for another."""
        if i.op not in VIEWS or not all(self.layout.kinds[r] == VIEW for r in i.results):
            return False
        made = i.primitive.body(self.arrays[i.operands[0]], **i.settings)
        self.arrays.update(zip(i.results, made if isinstance(made, tuple) else (made,), strict=True))
        return True

    def _instruct(self, i: Instruction) -> None:
        """Write the lines of one instruction."""
        write = self.write
        given = [self._name(v) for v in i.operands]
        if self.layout.kinds[i.results[0]] == DYNAMIC:
            targets = [f"d{r.id}" for r in i.results]
            self.names.update(zip(i.results, targets, strict=True))
            write(f"{', '.join(targets)} = {write.constant(i.primitive.body)}({write.arguments(i, given)})")
        elif i.results[0] in self.layout.copied:
            shaped = self.arrays[i.results[0]].reshape(i.operands[0].shape)
            write(f"{write.constant(np.copyto)}({write.constant(shaped)}, {given[0]})")
        else:
            KERNELS.get(i.op, by_body)(write, i, given, [self._name(r) for r in i.results])

    def _allocate(self, program: Program, layout: Layout) -> dict[Value, np.ndarray]:
        """The arrays of everything that is not a view or made anew in each run."""
        arrays: dict[Value, np.ndarray] = {}
        slots: dict[Value, Slot] = {}
        for n, i in enumerate(program.instructions):
            for r in i.results:
                if layout.kinds[r] == BUFFER and r not in layout.homes:
                    donors = [slots[o] for o in i.operands if o in slots and layout.overwrites(i, r, o)]
                    slots[r] = Slot(r.nbytes, n, layout.last_read.get(r, n), donors)
        self.arena_bytes = place(list(slots.values()))
        arena = np.empty(self.arena_bytes + 64, np.uint8)
        skip = -arena.ctypes.data % 64
        for r, slot in slots.items():
            at = skip + slot.offset
            arrays[r] = arena[at : at + r.nbytes].view(r.dtype).reshape(r.shape)
        for r, w in layout.homes.items():
            arrays[r] = settle(w)
        for v in {*program.used(), *program.inputs}:
            if v.kind == CONSTANT:
                arrays[v] = v.source
            elif v.kind == VARIABLE:
                arrays[v] = settle(v.source)
            elif v.kind == INPUT:
                arrays[v] = np.empty(v.shape, v.dtype)
        return arrays

    def _finish(self, program: Program, layout: Layout, write: Writer, name: Callable[[Value], str]) -> None:
        """The ends of the generated function: inputs in, outputs and writes out."""
        copy = write.constant(np.copyto)
        head = [f"{copy}({name(v)}, inputs[{n}])" for n, v in enumerate(program.inputs) if v in set(program.used())]
        tail = []
        made = [f"{name(v)}.copy()" if layout.is_static(v) else name(v) for v in program.outputs]
        tail.append(f"outputs = [{', '.join(made)}]")
        pending = []
        for w, v in program.writes.items():
            if v in layout.homes:
                continue
            source = name(v)
            root = layout.root(v)
            if root.kind == VARIABLE and root.source is not w and root.source in program.writes:
                write.names[f"s{v.id}"] = None
                tail.append(f"s{v.id} = {source}.copy()")  # another Variable is about to be overwritten
                source = f"s{v.id}"
            pending.append(f"{copy}({write.constant(settle(w))}, {source})")
        self.source = self._assemble(write, head + write.lines + tail + pending + ["return outputs"])
        self.variables = program.variables()
        self.written = list(program.writes)
        namespace: dict[str, Any] = {}
        exec(compile(self.source, "<autonet plan>", "exec"), namespace)
        self._step = namespace["make"](
            **{k: v for k, v in write.names.items() if v is not None or not k.startswith("s")}
        )

    @staticmethod
    def _assemble(write: Writer, body: list[str]) -> str:
        names = [k for k, v in write.names.items() if v is not None or not k.startswith("s")]
        lines = [f"def make({', '.join(names)}):", "    def step(inputs):"]
        lines += [f"        {line}" for line in body]
        return "\n".join([*lines, "    return step", ""])

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """One step."""
        for w in self.variables:
            if w._array is not w._storage:
                settle(w)
        for w in self.written:
            w._mirror = None
        with np.errstate(all="ignore"):
            return self._step(inputs)
