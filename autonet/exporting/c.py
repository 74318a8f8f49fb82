"""A model as C99: one file and its header, without heap and without libraries but libm.

The record of one prediction, for a batch of one, is written out primitive by primitive: each that only shows its operand
otherwise (reshape, transpose, slices) becomes other strides, each other one a few plain loops (`autonet.exporting.c_loops`).
Results lie in static arrays that are planned as those of a compiled step, so the functions are not reentrant.
"""

from __future__ import annotations

import math
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from autonet.compiler.c.expressions import C_TYPES, literal
from autonet.compiler.capture import Recorder, capture
from autonet.compiler.facts import facts
from autonet.compiler.passes.expand import expand
from autonet.compiler.passes.memory import Slot, assign_offsets
from autonet.compiler.passes.pipeline import optimize
from autonet.compiler.program import CONSTANT, VARIABLE, Instruction, Program, Value
from autonet.core.state import no_grad
from autonet.core.tensor import Tensor, wrap
from autonet.errors import ArgumentError, DtypeError, NotBuiltError
from autonet.exporting.c_helpers import helpers
from autonet.exporting.c_loops import is_pointwise, pointwise
from autonet.exporting.c_sequences import WRITERS
from autonet.tree import flatten, pack_sequence_as
from autonet.utils.files import atomic_write

LINE = 110  # characters of a line of numbers


def export(model: Any, filepath: Path) -> None:
    """Write `model` to `filepath`, which ends with .c, and the header beside it; see `Model.export`."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise NotBuiltError(
            f"export expects a model that knows the shapes of its inputs; {model.label} does not. Make it of Input and "
            "layers: Sequential([Input(shape), ...]) or Model(inputs, outputs)."
        )
    shapes = [((1, *x.shape[1:]), np.dtype(str(x.dtype))) for x in flatten(inputs)]
    call = lambda tensors: model(pack_sequence_as(inputs, tensors), training=False)
    write(recorded(call, shapes, model.label), filepath, rows=True)


def write(program: Program, filepath: Path, rows: bool) -> None:
    """Write a program, and the header beside it; with a function for many rows if the program is that of one.

    A fault of the disk leaves the earlier pair. A crash between the two renames leaves the new source with the old header,
    which the compiler refuses.
    """
    name = re.sub(r"\W", "_", filepath.stem, flags=re.ASCII)
    name = name if name[0].isalpha() else f"m_{name}"
    body, header = Writer(program).write(name, filepath.with_suffix(".h").name, rows)
    body, header = _paired(body, header, f"{name.upper()}_H")
    with atomic_write(filepath.with_suffix(".h")) as first, atomic_write(filepath) as second:
        for file, text in ((first, header), (second, body)):
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())  # both are on the disk before either takes its name


def _paired(body: str, header: str, guard: str) -> tuple[str, str]:
    """Both, so that they compile together only: each is replaced at once, but whoever is killed between has one of each."""
    told = f"{guard}_TEXT 0x{zlib.crc32(header.encode()):08x}"
    name, number = told.split()
    check = f'#if {name} != {number}\n#error "the header is of another export: export the model again"\n#endif\n'
    line = body.index("\n", body.index('#include "')) + 1
    return body[:line] + check + body[line:], header.replace(
        f"#define {guard}\n", f"#define {guard}\n#define {told}\n", 1
    )


def recorded(
    call: Callable[[list[Tensor]], Any], inputs: list[tuple[tuple[Any, ...], np.dtype]], label: str
) -> Program:
    """What a function of a list of Tensors of these shapes and dtypes computes, its Variables' values as constants.

    Raises: ArgumentError and DtypeError for what it cannot take; ArgumentError for what a function of the inputs cannot do.
    """
    for shape, dtype in inputs:
        if not all(isinstance(n, int) for n in shape):
            raise ArgumentError(
                f"Export to C expects inputs whose lengths are known but for a model's batch; received {shape}. "
                "Give the whole shape."
            )
        if dtype not in C_TYPES:
            raise DtypeError(f"Export to C knows no inputs of dtype {dtype}; it takes {', '.join(map(str, C_TYPES))}.")
    recorder = Recorder(strict=True)
    own = [wrap(recorder.input(np.zeros(shape, dtype))) for shape, dtype in inputs]
    with no_grad(), np.errstate(all="ignore"):
        result = capture(recorder, lambda: call(own))
    program = recorder.program
    for t in flatten(result):
        if not isinstance(t, Tensor):
            raise ArgumentError(f"export expects a function that returns Tensors; received {t!r}.")
        program.outputs.append(recorder.known(t._value, CONSTANT, t._value))
    if program.writes or recorder.drawn:
        what = "draws random numbers" if recorder.drawn else "assigns " + ", ".join(w.path for w in program.writes)
        raise ArgumentError(f"Export to C expects what only computes; {label} {what}.")
    fixed = {v: Value(v.id, CONSTANT, v.shape, v.dtype, v.source.numpy()) for v in program.used() if v.kind == VARIABLE}
    program = optimize(program.replaced(program.instructions, fixed))
    return optimize(expand(program))


class Writer:
    """The text of a program.

    Attributes:
        shown: for each value, the array that it is in NumPy: its place and strides within its base are those in C.
        lines: of the function, so far.
    """

    def __init__(self, program: Program):
        self.program = program
        self.shown: dict[Value, np.ndarray] = {}
        self.names: dict[int, str] = {}  # of bases, by their addresses
        self.bases: list[np.ndarray] = []
        self.constants: dict[int, np.ndarray] = {}  # by the same
        self.slots: dict[int, Slot] = {}
        self.lines: list[str] = []
        self.step = 0

    # Places

    def base(self, name: str, size: int, dtype: np.dtype) -> np.ndarray:
        """A flat array that the C file will have, too."""
        made = np.empty(max(size, 1), dtype)
        self.names[made.ctypes.data] = name
        self.bases.append(made)
        return made

    def space(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Memory for a result, or for the time of the present step."""
        made = self.base(f"v{len(self.bases)}", math.prod(shape), np.dtype(dtype))
        self.slots[made.ctypes.data] = Slot(made.nbytes, self.step, self.step)
        return made.reshape(shape)

    def result(self, v: Value) -> np.ndarray:
        """Memory for a result."""
        self.shown[v] = self.space(v.shape, v.dtype)
        return self.shown[v]

    def operand(self, v: Value) -> np.ndarray:
        """The array that a value is."""
        if v not in self.shown:
            array = np.ascontiguousarray(v.source).reshape(v.shape)
            base = self.base(f"c{len(self.bases)}", v.size, v.dtype)
            base[: v.size] = array.ravel()
            self.constants[base.ctypes.data] = base
            self.shown[v] = base[: v.size].reshape(v.shape)
        self.used(self.shown[v])
        return self.shown[v]

    def used(self, array: np.ndarray) -> None:
        """The array is read or written in this step, so its memory is not free before the end of it."""
        if (slot := self.slots.get(_base(array).ctypes.data)) is not None:
            slot.last = self.step

    # Text

    def at(self, array: np.ndarray, indices: list[str]) -> str:
        """The element of an array at these indices, in C."""
        base = _base(array)
        if base.ctypes.data in self.constants and array.size == 1:
            return literal(array.reshape(-1)[0], C_TYPES[array.dtype])
        terms = []
        for index, n, stride in zip(indices, array.shape, array.strides, strict=True):
            step = stride // array.itemsize
            if step and (n > 1 or index != "0"):
                terms.append(index if step == 1 else f"{index} * {step}")
        start = (array.ctypes.data - base.ctypes.data) // array.itemsize
        if start or not terms:
            terms.append(str(start))
        return f"{self.names[base.ctypes.data]}[{' + '.join(terms)}]"

    def each(self, shape: tuple[int, ...], letter: str = "i") -> Nest:
        """Loops over all places of `shape`, to be entered by `with`."""
        return Nest(self, shape, letter)

    def line(self, text: str) -> None:
        """A line, as deep as the loops around it."""
        self.lines.append("    " * (self.depth + 1) + text)

    depth = 0

    def copy(self, to: np.ndarray, source: np.ndarray) -> None:
        """to[...] = source"""
        with self.each(to.shape) as i:
            self.line(f"{self.at(to, i)} = {self.at(source, i)};")

    def fill(self, to: np.ndarray, value: str = "0") -> None:
        """to[...] = value"""
        with self.each(to.shape) as i:
            self.line(f"{self.at(to, i)} = {value};")

    # The program

    def write(self, name: str, header: str, rows: bool) -> tuple[str, str]:
        """The C file, and its header; with `rows`, the program is that of one row of many."""
        inputs, outputs = self.program.inputs, self.program.outputs
        takes, gives = _numbered("x", inputs), _numbered("y", outputs)
        for argument, v in zip(takes, inputs, strict=True):
            self.shown[v] = self.base(argument, v.size, v.dtype)[: v.size].reshape(v.shape)
        for step, i in enumerate(self.program.instructions):
            self.step = step
            self.instruct(i)
        self.step = len(self.program.instructions)
        for argument, v in zip(gives, outputs, strict=True):
            _check([v], "the results")
            self.copy(self.base(argument, v.size, v.dtype)[: v.size].reshape(v.shape), self.operand(v))
        text = "\n".join(self.lines)
        arguments = [f"const {C_TYPES[v.dtype]} *{a}" for a, v in zip(takes, inputs, strict=True)]
        arguments += [f"{C_TYPES[v.dtype]} *{a}" for a, v in zip(gives, outputs, strict=True)]
        one = f"void {name}_{'predict' if rows else 'call'}({', '.join(arguments)})"
        many = f"void {name}_predict_rows(long n, {', '.join(arguments)})"
        pairs = [*zip(takes, inputs, strict=True), *zip(gives, outputs, strict=True)]
        moved = ", ".join([f"{a} + k * {v.size}" for a, v in pairs])
        parts = [
            f'/* Made by autonet: see {header}. */\n#include "{header}"\n#include <math.h>\n#include <stdint.h>\n#include <string.h>\n'
        ]
        parts.append("#ifdef __clang__\n#pragma STDC FP_CONTRACT OFF\n#endif\n")
        parts += [*helpers(text), *self._constants(text)]
        places, spaces = self._memory(text)
        parts += spaces
        unread = [f"    (void){a};" for a, v in zip(takes, inputs, strict=True) if not re.search(rf"\b{a}\[", text)]
        parts.append("\n".join([one + " {", *places, *unread, text, "}\n"]))
        if rows:
            parts.append(f"{many} {{\n    for (long k = 0; k < n; k++) {name}_predict({moved});\n}}\n")
        return "\n".join(parts), _header(name, [one, many] if rows else [one], pairs)

    def instruct(self, i: Instruction) -> None:
        """Write one instruction."""
        _check([v for v in i.operands if v.size], i.op)
        _check([*i.results], i.op)
        operands = [self.operand(v) for v in i.operands]
        if facts(i).view:
            return self._show(i, operands[0])
        self.line(f"/* {i.op} */")
        if is_pointwise(i):
            pointwise(self, i, operands)
        elif i.op in WRITERS:
            WRITERS[i.op](self, i, *operands)
        else:
            raise ArgumentError(
                f"Export to C has no loops for the operation {i.op!r}, of {', '.join(map(repr, i.operands))}. "
                f"Leave what uses it outside the model, or make it of operations that it has: "
                f"pointwise ones, views, {', '.join(sorted(WRITERS))}."
            )

    def _show(self, i: Instruction, x: np.ndarray) -> None:
        """A view of the operand, or of a copy of it where strides do not allow one."""
        shown = i.primitive.body(x, **i.settings)
        shown = shown if isinstance(shown, tuple) else (shown,)
        if not all(np.may_share_memory(s, x) for s in shown):
            self.line(f"/* {i.op} */")
            whole = self.space(x.shape, x.dtype)
            self.copy(whole, x)
            return self._show(i, whole)
        self.shown.update(zip(i.results, shown, strict=True))

    def _constants(self, text: str) -> list[str]:
        parts = []
        for address, array in self.constants.items():
            if re.search(rf"\b{self.names[address]}\[", text):
                declared = f"static const {C_TYPES[array.dtype]} {self.names[address]}[{array.size}]"
                parts.append(f"{declared} = {{\n{_numbers(array)}\n}};\n")
        return parts

    def _memory(self, text: str) -> tuple[list[str], list[str]]:
        """Pointers into the arrays for results, and these."""
        places, spaces = [], []
        for dtype in dict.fromkeys(b.dtype for b in self.bases):
            used = [b for b in self.bases if b.dtype == dtype and b.ctypes.data in self.slots]
            used = [b for b in used if re.search(rf"\b{self.names[b.ctypes.data]}\[", text)]
            if not used:
                continue
            slots = [self.slots[b.ctypes.data] for b in used]
            size = assign_offsets(slots) // dtype.itemsize
            ctype = C_TYPES[dtype]
            spaces.append(f"static {ctype} space_{dtype.name}[{size}];\n")
            for b, slot in zip(used, slots, strict=True):
                name = self.names[b.ctypes.data]
                places.append(f"    {ctype} *const {name} = space_{dtype.name} + {slot.offset // dtype.itemsize};")
        return places, spaces


class Nest:
    """Loops within each other."""

    def __init__(self, writer: Writer, shape: tuple[int, ...], letter: str):
        self.writer, self.shape, self.letter = writer, shape, letter
        self.bare = all(n == 1 for n in shape)  # then a block, for what is declared in it

    def __enter__(self) -> list[str]:
        indices = []
        if self.bare:
            self.writer.line("{")
            self.writer.depth += 1
        for k, n in enumerate(self.shape):
            if n == 1:
                indices.append("0")
                continue
            i = f"{self.letter}{k}"
            self.writer.line(f"for (int {i} = 0; {i} < {n}; {i}++) {{")
            self.writer.depth += 1
            indices.append(i)
        return indices

    def __exit__(self, *error: object) -> None:
        for _ in range(1 if self.bare else sum(n != 1 for n in self.shape)):
            self.writer.depth -= 1
            self.writer.line("}")


def _base(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _check(values: list[Value], what: str) -> None:
    for v in values:
        if v.dtype not in C_TYPES:
            raise DtypeError(f"Export to C knows no numbers of dtype {v.dtype}, which {what} has. Use float32.")
        if not 0 < v.size < 2**31:
            raise ArgumentError(f"Export to C expects arrays of 1 to 2**31 - 1 elements; {what} has shape {v.shape}.")


def _numbered(letter: str, values: list[Value]) -> list[str]:
    return [letter] if len(values) == 1 else [f"{letter}{k + 1}" for k in range(len(values))]


def _numbers(array: np.ndarray) -> str:
    """Elements as C has them, exactly, in lines."""
    lines, line = [], ""
    for x in array.tolist():
        if array.dtype.kind != "f":
            text = literal(x, C_TYPES[array.dtype])
        elif math.isfinite(x):
            text = re.sub(r"\.?0*p", "p", float(x).hex()) + "f" * (array.dtype == np.float32)
        else:
            text = "NAN" if math.isnan(x) else "INFINITY" if x > 0 else "-INFINITY"
        if len(line) + len(text) > LINE:
            lines.append(line)
            line = ""
        line += text + ","
    return "\n".join([*lines, line])


def _header(name: str, functions: list[str], pairs: list[tuple[str, Value]]) -> str:
    guard, rows = f"{name.upper()}_H", len(functions) > 1
    shapes = [(a, v, list(v.shape[1:] if rows else v.shape)) for a, v in pairs]
    arrays = "\n".join([f" *   {a}: {C_TYPES[v.dtype]}, shape {shape}, {v.size} in all" for a, v, shape in shapes])
    what = "a model's prediction for one row, and for n rows, one after the other" if rows else "a function"
    declared = "\n".join([f"{f};" for f in functions])
    return f"""\
/* Made by autonet: {what}.
 *
{arrays}
 *
 * The functions keep results in static arrays: call them from one thread at a time. A lookup outside its table gives NaN.
 */
#ifndef {guard}
#define {guard}
#include <stdint.h>
#ifdef __cplusplus
extern "C" {{
#endif
{declared}
#ifdef __cplusplus
}}
#endif
#endif
"""
