"""The NumPy plan: a program as straight Python over buffers that are made once.

Every result has a fixed place in one arena (or in its Variable's storage), views are made once, and the generated
function is a list of NumPy calls with `out=`: no allocation, no look-up, no object per operation. What has no kernel is
run by its primitive's body, which allocates its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autonet.common.locks import in_turn
from autonet.compiler.facts import facts
from autonet.compiler.numpy import blocks, nn, rows
from autonet.compiler.numpy.kernels import by_body
from autonet.compiler.numpy.shares import Group, Masks, in_order
from autonet.compiler.numpy.writer import Writer
from autonet.compiler.passes.layout import BUFFER, DYNAMIC, VIEW, Layout, views_of
from autonet.compiler.passes.pipeline import finish
from autonet.compiler.program import RESULT, VARIABLE, Instruction, Program, Value
from autonet.variable import storage_of, sync_storage

__all__ = ["BUFFER", "DYNAMIC", "VIEW", "Layout", "NumpyPlan"]
assert blocks and nn and rows  # which enter their kernels in the table of facts


class NumpyPlan:
    """A program made ready to run with NumPy.

    `run(arrays)` takes the inputs, updates the Variables, and returns the outputs as new arrays. One run at a time.

    Args:
        lends: return the outputs where they were made: the next run writes others there.
    """

    kind = "numpy"
    bare = False  # whether no operation of NumPy's takes part, which could warn

    def __init__(self, program: Program, lends: bool = False):
        self.lends = lends
        self.program = program = self._lower(program)
        self.layout = self._layout(program)
        self.arrays, self.arena_bytes = self.layout.allocate()
        self.names: dict[Value, str] = {}
        self.write = Writer()
        for i in self._in_order():
            if isinstance(i, (Group, Masks)):
                self._share(i)
            elif not self._show(i):
                self._instruct(i)
            self.write.end_instruction()
        self.variables = program.variables()
        self.written = list(program.writes)
        self._uses, self._changes = frozenset(map(id, self.variables)), frozenset(map(id, self.written))
        self._finish({w: v for w, v in program.writes.items() if v not in self.layout.homes})

    def _lower(self, program: Program) -> Program:
        return finish(program)

    def _layout(self, program: Program) -> Layout:
        return Layout(program)

    def _in_order(self) -> Iterable[Instruction | Group | Masks]:
        return in_order(self.program, self.layout)

    def _name(self, v: Value) -> str:
        if v not in self.names:
            self.names[v] = self.write.constant(self.arrays[v], v.name)
        return self.names[v]

    def _show(self, i: Instruction) -> bool:
        """Make the views that an instruction of that kind stands for; whether that is all it does."""
        if not facts(i).view or self.layout.kinds[i.results[0]] == DYNAMIC:
            return False
        views = [r for r in i.results if self.layout.kinds[r] == VIEW]
        if views:
            made = dict(zip(i.results, views_of(i, self.arrays[i.operands[0]]), strict=True))
            self.arrays.update({r: made[r] for r in views})
        return len(views) == len(i.results)

    def _share(self, group: Group | Masks) -> None:
        """Write a group of instructions as blocks, or one after the other where that is not the same."""
        if group.is_free(self.arrays):
            for v in [v for i in group.members for v in i.operands if v.size == 1]:
                self._name(v)
            group.write(self.write, self.names, self.arrays)
            return
        for i in group.members:
            self._instruct(i)
            self.write.end_instruction()

    def _instruct(self, i: Instruction) -> None:
        """Write the lines of one instruction."""
        write = self.write
        given = [self._name(v) for v in i.operands]
        if self.layout.kinds[i.results[0]] == DYNAMIC:
            targets = [f"d{r.id}" for r in i.results]
            self.names.update(zip(i.results, targets, strict=True))
            # a body of the user's own may return a view of an operand, whose buffer others will use
            own = np.asarray if i.primitive.__module__.startswith("autonet.") else np.array
            call = f"{write.constant(i.primitive.body)}({write.arguments(i, given)})"
            if len(targets) == 1:
                write(f"{targets[0]} = {write.constant(own)}({call})")
            else:
                write(f"{', '.join(targets)} = map({write.constant(own)}, {call})")
        elif i.results[0] in self.layout.copied:
            target = self.arrays[i.results[0]].reshape(i.operands[0].shape)
            write.call(np.copyto, write.constant(target), given[0])
        else:
            (facts(i).numpy_kernel or by_body)(write, i, given, [self._name(r) for r in i.results])

    def _finish(self, writes: dict[Any, Value]) -> None:
        """The ends of the generated function: inputs in, outputs and these writes out."""
        program, layout, write, name = self.program, self.layout, self.write, self._name
        copy = write.constant(np.copyto)
        used = set(program.used())
        head = [f"{copy}({name(v)}, inputs[{n}])" for n, v in enumerate(program.inputs) if v in used]
        lent = {v for v in program.outputs if self.lends and v not in layout.homes and layout.root(v).kind == RESULT}
        made = [f"{name(v)}.copy()" if layout.is_static(v) and v not in lent else name(v) for v in program.outputs]
        tail = [f"outputs = [{', '.join(made)}]"]
        pending = []
        for w, v in writes.items():
            source = name(v)
            root = layout.root(v)
            if root.kind == VARIABLE and root.source is not w and root.source in program.writes:
                tail.append(f"s{v.id} = {source}.copy()")  # another Variable is about to be overwritten
                source = f"s{v.id}"
            pending.append(f"{copy}({write.constant(storage_of(w))}, {source})")
        lines = [
            f"def make({', '.join(write.names)}):",
            *[f"    {line}" for line in write.definitions],
            "    def body():",
        ]
        lines += [f"        {line}" for line in [*write.lines, *tail, *pending, "return outputs"]]
        lines += ["    def step(inputs):", *[f"        {line}" for line in [*head, "return body()"]]]
        self.source = "\n".join([*lines, "    return step, body", ""])
        namespace: dict[str, Any] = {}
        exec(compile(self.source, "<autonet plan>", "exec"), namespace)
        self._step, self._body = namespace.pop("make")(*write.names.values())  # _body: the inputs are in their buffers

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """One step."""
        if not self.variables:
            return self._run(self._step, inputs)
        return in_turn(self._uses, self._changes, self._run, self._step, inputs)

    def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        """`work(*args)` on the Variables' values: before it they are where the plan reads and writes them.

        After it whoever reads the Variables sees what was written: what was read before is out of date. What other threads
        assigned meanwhile stays, as if it came after it.
        """
        for w in self.variables:
            if w._array is not w._storage:
                sync_storage(w)
        try:
            if self.bare:
                return work(*args)
            with np.errstate(all="ignore"):
                return work(*args)
        finally:
            version = object()
            for w in self.written:
                w._version = version
                w._readback = None

    @property
    def repeats(self) -> bool:
        """Whether `run_rows` can repeat the step: it gives nothing back, and every input has the batch as its first axis."""
        return not self.program.outputs and bool(self.program.inputs) and all(v.shape for v in self.program.inputs)

    def run_rows(self, sources: list[np.ndarray], order: np.ndarray | None, first: int, steps: int) -> None:
        """`steps` steps on consecutive batches, from row `first` of the order (row numbers) or of the data itself."""
        in_turn(self._uses, self._changes, self._run, self._steps_on, sources, order, first, steps)

    def _steps_on(self, sources: list[np.ndarray], order: np.ndarray | None, first: int, steps: int) -> None:
        size = self.program.inputs[0].shape[0]
        own = [self.arrays[v] for v in self.program.inputs]
        for start in range(first, first + steps * size, size):
            if order is None:
                self._step([a[start : start + size] for a in sources])
                continue
            for a, x in zip(sources, own, strict=True):
                np.take(a, order[start : start + size], 0, x, "clip")  # straight into the plan's buffers
            self._body()
