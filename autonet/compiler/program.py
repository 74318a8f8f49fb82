"""Program: what a captured step computes, as a list of primitives applied to values, each computed once.

A value is an array of known shape and dtype: an input of the step, a Variable's array at its start, a constant, or the
result of an instruction. `writes` says which values the Variables hold at the end, `outputs` which the caller gets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

INPUT, VARIABLE, CONSTANT, RESULT = "input", "variable", "constant", "result"


class Value:
    """An array in a program.

    kind: INPUT, VARIABLE, CONSTANT or RESULT.
    source: the position among the inputs, the Variable, the array, or None.
    order: of the axes in memory, slowest first; None for C order, False for an array with gaps or repeats.
    """

    __slots__ = ("dtype", "id", "kind", "order", "shape", "source")

    def __init__(
        self, id: int, kind: str, shape: tuple[int, ...], dtype: np.dtype, source: Any = None, order: Any = None
    ):
        self.id = id
        self.kind = kind
        self.shape = shape
        self.dtype = dtype
        self.source = source
        self.order = order

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.dtype.itemsize

    @property
    def name(self) -> str:
        """How listings and generated code call it: x for inputs, w for Variables, c for constants, v for results."""
        return {INPUT: "x", VARIABLE: "w", CONSTANT: "c", RESULT: "v"}[self.kind] + str(self.id)

    def __repr__(self) -> str:
        return f"{self.name}:{self.dtype.name}{list(self.shape)}"


@dataclass(slots=True, eq=False)
class Instruction:
    """One application of a primitive."""

    primitive: Any
    operands: tuple[Value, ...]
    settings: dict[str, Any]
    results: tuple[Value, ...]

    @property
    def op(self) -> str:
        """Name of the primitive."""
        return self.primitive.name

    def __repr__(self) -> str:
        details = [v.name for v in self.operands] + [f"{k}={v!r}" for k, v in self.settings.items()]
        return f"{', '.join(repr(r) for r in self.results)} = {self.op}({', '.join(details)})"


@dataclass(slots=True)
class Program:
    """Instructions in order, and what stands around them."""

    inputs: list[Value] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    writes: dict[Any, Value] = field(default_factory=dict)  # Variable: its value at the end
    outputs: list[Value] = field(default_factory=list)
    next_id: int = 0

    def value(self, kind: str, shape: tuple[int, ...], dtype: Any, source: Any = None, order: Any = None) -> Value:
        """A new value."""
        self.next_id += 1
        return Value(self.next_id, kind, tuple(shape), np.dtype(dtype), source, order)

    def used(self) -> list[Value]:
        """The values that instructions, writes and outputs read, each once, in order of first use."""
        found: dict[Value, None] = {}
        for instruction in self.instructions:
            found.update(dict.fromkeys(instruction.operands))
        found.update(dict.fromkeys(self.writes.values()))
        found.update(dict.fromkeys(self.outputs))
        return list(found)

    def variables(self) -> list[Any]:
        """The Variables that are read or written, each once."""
        found = {id(v.source): v.source for v in self.used() if v.kind == VARIABLE}
        found.update({id(w): w for w in self.writes})
        return list(found.values())

    def replaced(self, instructions: list[Instruction], changed: dict[Value, Value]) -> Program:
        """This program with other instructions, and with values exchanged everywhere."""

        def final(v: Value) -> Value:
            while v in changed:
                v = changed[v]
            return v

        new = []
        for i in instructions:
            operands = tuple([final(v) for v in i.operands])
            new.append(i if operands == i.operands else Instruction(i.primitive, operands, i.settings, i.results))
        writes = {w: final(v) for w, v in self.writes.items()}
        return Program(self.inputs, new, writes, [final(v) for v in self.outputs], self.next_id)

    def __str__(self) -> str:
        lines = [f"inputs: {', '.join(map(repr, self.inputs)) or '-'}"]
        lines += [f"  {i!r}" for i in self.instructions]
        lines += [f"  {getattr(w, 'path', w)} <- {v.name}" for w, v in self.writes.items()]
        lines.append(f"outputs: {', '.join(v.name for v in self.outputs) or '-'}")
        return "\n".join(lines)
