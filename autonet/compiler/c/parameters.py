"""Parametrized kernels: sizes and numbers of generated functions become arguments, so that one serves many shapes.

A kernel is a C function `void name(void *context, int64_t begin, int64_t end)`. Its context is a table of addresses: of its
sizes, of its numbers, then of its arrays in the order in which the text names them. What remains of the text depends on the
structure of the computation alone: layers of any width, and plans for any batch, share their kernels and their compiled
form. A result's bits do not depend on it, since the compiler may not reorder sums whether it knows their length or not.

In which order kernels are called is data, too: a table of steps that a loop walks through. So the C compiler sees each kernel
once, however deep the network is.
"""

from __future__ import annotations

import re

import numpy as np

SMALL = 4  # sizes up to this stay in the text: gates, strides, windows, whose loops the compiler unrolls
PLAIN = frozenset({0.0, 0.5, 1.0, 2.0, -0.5, -1.0, -2.0})  # numbers that stay in the text
ARRAYS = 2  # of a context: its first array
STEP = 4  # numbers of a step

_SLOT = re.compile(r"\bt\[(\d+)\]")
_NAME = re.compile(r"(?<![>.])\b([a-z])(\d+)\b")
_SIZE = re.compile(r"(?<![\w.\[])(?<![pP][+-])\d+(?![\w.])")  # lengths of arrays and slots stand in brackets, and stay
_NUMBER = re.compile(r"\(\((float|double)\)(-?0x[0-9a-f.]+p[+-]\d+)\)")
_CALL = re.compile(r"(?:an->parallel\()?an_kernel_(\d+)[(,] ?contexts \+ (\d+), (?:0, )?(\d+)(?:, (\d+))?\);")
_STEPS = """\
static void an_run(void **table, const int64_t *step, const int64_t *end) {{
  void **contexts = table[{contexts}];
  const int64_t *sizes = table[{sizes}], *status = table[{status}];
  for (; step < end && !*status; step += {STEP}) {{
    if (step[0] < 0) an_others[-1 - step[0]](contexts + step[1], contexts, sizes + step[2]);
    else if (step[3]) an->parallel(an_kernels[step[0]], contexts + step[1], step[2], step[3]);
    else an_kernels[step[0]](contexts + step[1], 0, step[2]);
  }}
}}
AN_EXPORT void an_part(void **part) {{ an_run(part[0], part[1], part[2]); }}
"""


class Parameters:
    """Sizes and numbers taken out of texts, in the order of the texts."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.numbers: list[float] = []

    def extract(self, text: str) -> str:
        """The body of a function without its sizes and numbers: it reads them from what `sizes` and `numbers` point to."""
        sizes: dict[str, int] = {}
        numbers: dict[tuple[str, str], int] = {}

        def number(found: re.Match) -> str:
            if float.fromhex(found[2]) in PLAIN:
                return found[0]
            return f"c{numbers.setdefault((found[1], found[2]), len(numbers))}_"

        def size(found: re.Match) -> str:
            return found[0] if int(found[0]) <= SMALL else f"n{sizes.setdefault(found[0], len(sizes))}_"

        text = _SIZE.sub(size, _NUMBER.sub(number, text))
        loads = [f"  const int64_t n{k}_ = sizes[{k}];" for k in sizes.values()]
        loads += [f"  const {kind} c{k}_ = ({kind})numbers[{k}];" for (kind, _), k in numbers.items()]
        self.sizes += [int(n) for n in sizes]
        self.numbers += [float.fromhex(x) for _, x in numbers]
        return "\n".join([*loads, text])


class Kernels:
    """The kernels of a plan, each once, and the contexts in which they are called."""

    def __init__(self) -> None:
        self.parameters = Parameters()
        self.texts: dict[str, str] = {}  # of bodies, to the names of kernels
        self.calls: list[tuple[int, int, list[int]]] = []  # first size, first number, slots of arrays
        self.others: dict[str, int] = {}  # statements that are no calls of kernels, to their numbers
        self.length = 0  # of all contexts

    def add(self, body: list[str]) -> tuple[str, int]:
        """The kernel that does what the lines of `body` do, and where its context begins."""
        slots: dict[str, int] = {}
        ids: dict[str, int] = {}
        text = "\n".join([f"  {line}" for line in body])
        text = _SLOT.sub(lambda found: f"t[{slots.setdefault(found[1], len(slots)) + ARRAYS}]", text)
        text = _NAME.sub(lambda found: f"{found[1]}{ids.setdefault(found[2], len(ids))}", text)
        self.calls.append((len(self.parameters.sizes), len(self.parameters.numbers), [int(s) for s in slots]))
        text = self.parameters.extract(text)
        place, self.length = self.length, self.length + ARRAYS + len(slots)
        return self.texts.setdefault(text, f"an_kernel_{len(self.texts)}"), place

    def step(self, statement: str) -> tuple[int, int, int, int]:
        """A statement as a step: of a kernel's call the kernel, its context, for how many and how many at a time (0: all at
        once); of others the function that it becomes, counted from -1 down, its arrays, its sizes, 0."""
        call = _CALL.fullmatch(statement)
        if call is not None:
            kernel, context, n, grain = call.groups(default="0")
            return int(kernel), int(context), int(n), int(grain)
        slots: list[int] = []
        sizes = self.parameters.sizes
        first = len(sizes)

        def slot(found: re.Match) -> str:
            slots.append(int(found[1]))
            return f"t[{len(slots) - 1}]"

        def size(found: re.Match) -> str:
            if int(found[0]) <= 1:
                return found[0]  # no address, no transposing
            sizes.append(int(found[0]))
            return f"sizes[{len(sizes) - 1 - first}]"

        text = _SIZE.sub(size, _SLOT.sub(slot, statement))
        place = self.length + ARRAYS
        self.calls.append((0, 0, slots))
        self.length += ARRAYS + len(slots)
        return -1 - self.others.setdefault(text, len(self.others)), place, first, 0

    def source(self, status: int, contexts: int, sizes: int) -> tuple[list[str], list[str]]:
        """Functions in C that stand in any order, each once declared; then an_run, which walks through steps. These are slots
        of its table.

        Kernels are not inlined, or the time to compile would grow with the calls, and layers of one shape share them.
        """
        head = "  void **t = context; const int64_t *sizes = t[0]; const double *numbers = t[1]; (void)sizes, (void)numbers;"
        signature = "(void *context, int64_t begin, int64_t end)"
        kernels = [f"void {name}{signature} {{\n{head}\n{text}\n}}\n" for text, name in self.texts.items()]
        lines = [f"void {name}{signature};" for name in self.texts.values()]
        signature = "(void **t, void **contexts, const int64_t *sizes)"
        lines += [
            f"static void an_other_{k}{signature} {{\n  (void)t, (void)contexts, (void)sizes;\n  {text}\n}}"
            for text, k in self.others.items()
        ]
        names = ", ".join([*self.texts.values(), "0"])
        lines.append(f"static const an_body an_kernels[] = {{{names}}};")
        names = ", ".join([*[f"an_other_{k}" for k in self.others.values()], "0"])
        lines.append(f"static void (*const an_others[]){signature} = {{{names}}};")
        return kernels, [*lines, _STEPS.format(STEP=STEP, status=status, contexts=contexts, sizes=sizes)]

    def arrays(self, addresses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All contexts, sizes and numbers, where `addresses` are those of the slots."""
        sizes, numbers = np.array([*self.parameters.sizes, 0], np.int64), np.array([*self.parameters.numbers, 0.0])
        contexts: list[int] = []
        for size, number, slots in self.calls:
            contexts += [sizes[size:].ctypes.data, numbers[number:].ctypes.data, *[int(addresses[s]) for s in slots]]
        return np.array([*contexts, 0], np.uintp), sizes, numbers
