"""The native plan: the program as one generated C translation unit, stepping out to NumPy where C has no kernel.

Buffers, views and storages are the NumPy plan's; their addresses stand in tables that the generated functions receive, as
do sizes (parameters.py), so the source depends on the program's structure alone: plans for other shapes share its compiled
form, which is kept on disk. A step without Python in it can be repeated over the rows of a data set in a single call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from autonet.compiler.account import NotCompiled, digest
from autonet.compiler.c import attention, copies, lookups, recurrent, rows, sampling, windows  # noqa: F401  # which enter their kernels in the table of facts
from autonet.compiler.c.groups import Group, Member
from autonet.compiler.c.loops import LoopWriter
from autonet.compiler.c.parameters import STEP, Kernels
from autonet.compiler.c.runtime import library, toolchain
from autonet.compiler.facts import facts
from autonet.compiler.numpy.kernels import refusal
from autonet.compiler.numpy.plan import NumpyPlan
from autonet.compiler.passes.fuse import Loop
from autonet.compiler.passes.layout import Layout, views_of
from autonet.compiler.passes.pipeline import lower
from autonet.compiler.program import VARIABLE, Instruction, Program, Value
from autonet.variable import storage_of

PRELUDE = """\
#define an_sqrt_f32(x) __builtin_sqrtf(x)
#define an_sqrt_f64(x) __builtin_sqrt(x)
#define an_floor_f32(x) __builtin_floorf(x)
#define an_floor_f64(x) __builtin_floor(x)
#define an_ceil_f32(x) __builtin_ceilf(x)
#define an_ceil_f64(x) __builtin_ceil(x)
#define an_trunc_f32(x) __builtin_truncf(x)
#define an_trunc_f64(x) __builtin_trunc(x)
"""
ROWS = """\
AN_EXPORT void an_rows(void **t) {{
  int64_t *control = t[{CONTROL}];
  const int64_t *order = (const int64_t *)control[3], *status = t[{STATUS}];
  for (control[2] = 0; control[2] < control[1] && !*status; control[2] += !*status) {{
    const int64_t *source = (const int64_t *)control[5];
    for (int64_t k = 0; k < control[4]; k++, source += 4) {{
      const char *from = (const char *)source[0];
      char *to = (char *)source[1];
      const int64_t rows = source[2], width = source[3], first = control[0] + control[2] * rows;
      if (!order) memcpy(to, from + first * width, rows * width);
      else for (int64_t r = 0; r < rows; r++) memcpy(to + r * width, from + order[first + r] * width, width);
    }}
    an_part((void **)control[6]);
  }}
}}
"""

# first slots of the table: what went wrong; where a run over rows stands; contexts and sizes of kernels
STATUS, CONTROL, CONTEXTS, SIZES = range(4)
PARTS, FEW = 4, 10  # of a source, and kernels of each
TABLES = ("an_conv",)  # structs of int64_t
QUICK = 300_000  # multiplications and bytes below which a call keeps Python's lock


class Table:
    """Addresses of arrays by slot number."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self._slots: dict[int, int] = {}

    def slot(self, array: np.ndarray) -> int:
        """The slot of an array, the same for arrays at one address."""
        address = array.ctypes.data
        if address not in self._slots:
            self._slots[address] = len(self.arrays)
            self.arrays.append(array)
        return self._slots[address]

    def addresses(self) -> np.ndarray:
        """The table itself."""
        return np.array([a.ctypes.data for a in self.arrays], np.uintp)


class NativePlan(NumpyPlan):
    """A program made ready to run as machine code.

    Args:
        program: the program.
        compiled: names of C sources that may be used; None where the compiler may run.

    Raises: CompilationError; NotCompiled.
    """

    kind = "native"

    def __init__(self, program: Program, compiled: Collection[str] | None = None, lends: bool = False):
        self.compiled = compiled
        self.table = Table()
        self.status = np.zeros(1, np.int64)
        # first row, steps wanted, steps done, address of the order or 0; inputs, addresses of their rows and of the part
        self.control = np.zeros(7, np.int64)
        for array in (self.status, self.control, *np.zeros((2, 1))):
            self.table.slot(array)
        self.includes: dict[str, None] = {}  # of the runtime's texts, those that not every plan needs
        self.kernels = Kernels()
        self.parts: list[list[str]] = []  # statements of each part without Python
        self.demands: dict[int, Instruction] = {}
        self.flops = 0
        self.stepped_out: list[Instruction] = []  # to NumPy
        # of logits whose softmax was written: peaks of rows, and the logarithms of their sums
        self.row_ends: dict[Value, np.ndarray] = {}
        self._in_native = False
        self._group: Group | None = None  # whose members may not be all yet
        self._entries: dict[str, Callable] = {}
        super().__init__(program, lends)

    def _lower(self, program: Program) -> Program:
        return lower(program)

    def _layout(self, program: Program) -> Layout:
        return Layout(program, all_static=True)

    def _in_order(self) -> list[Instruction]:
        return self.program.instructions

    # What kernels write with

    def slot(self, array: np.ndarray) -> int:
        """The table's slot of an array."""
        return self.table.slot(array)

    def space(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """A workspace of the plan's own."""
        return np.empty(shape, dtype)

    def declare(self, ctype: str, numbers: tuple) -> str:
        """A constant struct: in a table where it is made of whole numbers alone, so that all kernels of a kind are one."""
        if ctype in TABLES:
            return f"(*(const {ctype} *)t[{self.slot(np.array(numbers, np.int64))}])"
        return f"({ctype}){{{', '.join(map(str, numbers))}}}"

    def run_c(self, statement: str) -> None:
        """Add a C statement, or a block of them, to the current part."""
        self.end_group()
        if "for (" in statement:
            kernel, place = self.kernels.add([statement])
            statement = f"{kernel}(contexts + {place}, 0, 1);"
        if not self._in_native:
            self.parts.append([])
            name = f"an_part_{len(self.parts) - 1}"
            self.write(f"{name}()")
            self.write(f"if status[0]: fail({len(self.parts) - 1})")
            self._in_native = True
        self.parts[-1].append(statement)

    def parallel(self, body: list[str], n: int, grain: int) -> None:
        """A loop over n in pieces, each done by `body` for begin <= i < end."""
        kernel, place = self.kernels.add(body)
        if grain >= n:
            self.run_c(f"{kernel}(contexts + {place}, 0, {n});")
        else:
            self.run_c(f"an->parallel({kernel}, contexts + {place}, {n}, {grain});")

    def over_images(self, n: int, member: Member) -> None:
        """A loop over the steps of n images, as `parallel` does it, joined with those before it where that is possible."""
        if self._group is None or self._group.n != n or not self._group.takes(member):
            self.end_group()
            self._group = Group(n)
        self._group.members.append(member)

    def end_group(self) -> None:
        """Write the loops over images that have been waiting for more of them."""
        if (group := self._group) is not None:
            self._group = None
            self.parallel(*group.write())

    def demand(self, i: Instruction, condition: str, count: int) -> None:
        """Stop the step, and let the primitive's body say why, unless the condition holds for all k < count."""
        number = len(self.demands) + 1
        self.demands[number] = i
        self.run_c(
            f"for (int64_t k = 0; k < {count}; k++) if (!({condition})) {{ *(int64_t *)t[{STATUS}] = {number}; return; }}"
        )

    def _instruct(self, i: Instruction) -> None:
        if isinstance(i, Loop):
            if not math.prod(i.shape):
                return
            loop = LoopWriter(i, self.arrays, self.table)
            body, n, grain, finish = loop.write()
            if (member := loop.member(body, n, grain)) is not None:
                return self.over_images(i.shape[0], member)
            self.parallel(body, n, grain)
            for statement in finish:
                self.run_c(statement)
            return
        if copied := [r for r in i.results if r in self.layout.copied]:
            source = self.arrays[i.operands[0]]
            for r, shown in zip(i.results, views_of(i, source), strict=True):
                if r not in copied:
                    continue
                to = self.arrays[r]
                if np.may_share_memory(shown, source):
                    copies.copy(_KernelWriter(self), to, shown)
                else:  # reshaped, in another order of memory
                    copies.copy(_KernelWriter(self), to.reshape(source.shape), source)
            return
        kernel = facts(i).c_kernel
        if kernel is not None and kernel(_KernelWriter(self), i):
            return
        self.end_group()
        self._in_native = False
        self.stepped_out.append(i)
        super()._instruct(i)

    # The end

    def _finish(self, writes: dict[Any, Value]) -> None:
        program, write = self.program, self.write
        self.end_group()
        simple = all(
            self.arrays[v].flags.c_contiguous and self.layout.root(v).kind != VARIABLE for v in writes.values()
        )
        self.whole = simple and not program.outputs and len(self.parts) <= 1 and len(write.lines) == 2 * len(self.parts)
        if self.whole:
            for w, v in writes.items():
                self.run_c(f"memcpy(t[{self.slot(storage_of(w))}], t[{self.slot(self.arrays[v])}], {v.nbytes});")
            writes = {}
        self.whole = self.whole and bool(self.parts)
        self.bare = not self.stepped_out
        self.source_c = self._unit(program)
        self.source_name = digest(self.source_c)
        if self.compiled is not None and self.source_name not in self.compiled:
            raise NotCompiled
        self.addresses = self.table.addresses()
        self._parameters = self.kernels.arrays(self.addresses)
        self.addresses[[CONTEXTS, SIZES]] = [a.ctypes.data for a in self._parameters[:2]]
        self.library = library.load(self.source_c, double="an->dgemm" in self.source_c)
        quick = self.flops + sum(i.results[0].nbytes if i.results else 0 for i in program.instructions) < QUICK
        where = self.addresses.ctypes.data
        self._ranges[:, 0] = where
        for k in range(len(self.parts)):
            write.names[f"an_part_{k}"] = self.library.entry("an_part", self._ranges[k].ctypes.data, hold_gil=quick)
        if self.whole:
            self._run_rows = self.library.entry("an_rows", where)
        write.names["status"] = self.status
        self._refuse = write.names["fail"] = _Failure(self.status, self.demands, self.arrays)
        super()._finish(writes)

    def _unit(self, program: Program) -> str:
        table = [[self.kernels.step(statement) for statement in part] for part in self.parts]
        self._steps = np.array([step for part in table for step in part], np.int64).reshape(-1, STEP)
        ends = self._steps.ctypes.data + self._steps.strides[0] * np.cumsum([0, *map(len, table)])
        ranges = [[0, *ends[k : k + 2]] for k in range(len(table))]  # of each part: table, first step, end
        self._ranges = np.array(ranges, np.uintp).reshape(-1, 3)
        kernels, steps = self.kernels.source(STATUS, CONTEXTS, SIZES)
        if self.whole:
            steps.append(self._rows(program))
        parts = max(1, min(PARTS, len(kernels) // FEW))  # to be compiled side by side
        texts = ["".join([*["\n".join([*steps, ""])] * (k == 0), *kernels[k::parts]]) for k in range(parts)]
        return toolchain.NEXT.join(["\n".join([PRELUDE, *self.includes, ""]), *texts])

    def _rows(self, program: Program) -> str:
        """A function that does steps over consecutive batches of rows."""
        used = set(program.used())
        self._taken = [k for k, v in enumerate(program.inputs) if v in used and v.shape]
        table = []  # where an input's rows are from, where they go to, how many, their bytes
        for v in [program.inputs[k] for k in self._taken]:
            table.append([0, self.arrays[v].ctypes.data, v.shape[0], v.nbytes // max(v.shape[0], 1)])
        self._sources = np.array(table, np.int64).reshape(-1, 4)
        self.control[4:] = len(table), self._sources.ctypes.data, self._ranges.ctypes.data
        return ROWS.format(CONTROL=CONTROL, STATUS=STATUS)

    def _steps_on(self, sources: list[np.ndarray], order: np.ndarray | None, first: int, steps: int) -> None:
        if not self.whole:  # there is Python in it
            return super()._steps_on(sources, order, first, steps)
        for n, k in enumerate(self._taken):
            self._sources[n, 0] = sources[k].ctypes.data
        self.control[:4] = first, steps, 0, 0 if order is None else order.ctypes.data
        self._run_rows()
        if self.status[0]:
            self._refuse(0)


class _Failure:
    """Raises the error of the instruction that refused its operands."""

    def __init__(self, status: np.ndarray, demands: dict[int, Instruction], arrays: dict[Value, np.ndarray]):
        self.status, self.demands, self.arrays = status, demands, arrays

    def __call__(self, part: int) -> None:
        i = self.demands[int(self.status[0])]
        self.status[0] = 0
        refusal(i)(*[self.arrays[v] for v in i.operands])


class _KernelWriter:
    """What a kernel's code generator may use of the plan."""

    def __init__(self, plan: NativePlan):
        self.plan = plan
        self.arrays = plan.arrays
        self.slot = plan.slot
        self.space = plan.space
        self.declare = plan.declare
        self.run = plan.run_c
        self.parallel = plan.parallel
        self.over_images = plan.over_images
        self.demand = plan.demand

    @property
    def flops(self) -> int:
        return self.plan.flops

    @flops.setter
    def flops(self, value: int) -> None:
        self.plan.flops = value
