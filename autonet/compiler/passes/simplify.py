"""Algebraic simplification, for plans in C: it keeps values up to rounding, not their bits.

Rules of derivatives of derivatives multiply by ones, transpose back and forth, and multiply by matrices of one row or
column, which as products are calls of their own, and as pointwise products with sums join the loops around them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.c.expressions import is_pointwise
from autonet.compiler.facts import FACTS, Facts, facts
from autonet.compiler.program import CONSTANT, RESULT, Instruction, Program, Value
from autonet.core.primitive import PRIMITIVES

REALS = (np.dtype("float32"), np.dtype("float64"))
LOOKED_AT = 1 << 20  # elements of a constant up to which it is looked at
FOLDED = 1 << 16  # bytes of a constant that a rule may make


def simplify(program: Program) -> Program:
    """The program with each instruction that a rule knows replaced by what is less work; what that leaves over stays."""
    return _Simplifier(program).run()


class _Simplifier:
    def __init__(self, program: Program):
        self.program = program
        self.kept: list[Instruction] = []
        self.makers: dict[Value, Instruction] = {}
        self.changed: dict[Value, Value] = {}
        uses = Counter(v for i in program.instructions for v in i.operands)
        self.uses = uses + Counter([*program.outputs, *program.writes.values()])

    def run(self) -> Program:
        for i in self.program.instructions:
            operands = tuple([self.changed.get(v, v) for v in i.operands])
            if operands != i.operands:
                i = Instruction(i.primitive, operands, i.settings, i.results)
            new = self.rewritten(i)
            if new is None:
                self._keep(i)
            else:
                self.changed[i.results[0]] = new
        return self.program.replaced(self.kept, self.changed)

    def rewritten(self, i: Instruction) -> Value | None:
        """What an instruction's result is, where a rule knows; None where none does."""
        if any(v.dtype not in REALS or v.dtype != i.results[0].dtype for v in i.operands):
            return None
        rule = RULES.get(i.op)
        new = None if rule is None else rule(self, i)
        return _pointwise(self, i) if new is None and facts(i).pointwise and not i.settings else new

    def apply(self, op: str, *operands: Value, **settings: Any) -> Value:
        """The result of another operation."""
        primitive = PRIMITIVES[op]
        dummies = [np.broadcast_to(np.zeros((), v.dtype), v.shape) for v in operands]
        if op in _SHAPES:
            shape = _SHAPES[op](*operands, **settings)
        elif not settings and FACTS.get(op, Facts()).pointwise:
            shape = np.broadcast_shapes(*[v.shape for v in operands])
        else:
            shape = primitive.body(*dummies, **settings).shape
        if all(v.kind == CONSTANT for v in operands) and math.prod(shape) * operands[0].dtype.itemsize <= FOLDED:
            array = np.asarray(primitive.body(*[v.source for v in operands], **settings))
            return self.program.value(CONSTANT, array.shape, array.dtype, array)
        result = self.program.value(RESULT, shape, operands[0].dtype)
        i = Instruction(primitive, operands, settings, (result,))
        new = self.rewritten(i)
        if new is not None:
            return new
        self._keep(i)
        return result

    def _keep(self, i: Instruction) -> None:
        self.kept.append(i)
        self.makers.update(dict.fromkeys(i.results, i))

    def made_by(self, v: Value, *ops: str) -> Instruction | None:
        """The instruction that computes `v`, if it is one of these."""
        i = self.makers.get(v)
        return i if i is not None and i.op in ops else None

    def shaped(self, v: Value, shape: tuple[int, ...]) -> Value:
        """`v`, repeated to a shape."""
        return v if v.shape == shape else self.apply("broadcast_to", v, shape=shape)


_SHAPES: dict[str, Callable] = {
    "matmul": lambda a, b: (a.shape[0], b.shape[1]),
    "sum_to": lambda x, shape: shape,
}


def _is_full(v: Value, number: float) -> bool:
    """Whether `v` is a constant, each element of which is this number."""
    return v.kind == CONSTANT and 0 < v.size <= LOOKED_AT and bool(np.all(v.source == number))


def _transposed(s: _Simplifier, x: Value) -> Value | None:
    """What `x` is the transpose of, where that is known."""
    i = s.made_by(x, "matrix_transpose")
    return None if i is None else i.operands[0]


def _pointwise(s: _Simplifier, i: Instruction) -> Value | None:
    """Of what is repeated before it is computed with, only one is computed with."""
    repeated = [s.made_by(v, "broadcast_to") for v in i.operands]
    if not any(repeated):
        return None
    operands = [v if r is None else r.operands[0] for v, r in zip(i.operands, repeated, strict=True)]
    return s.shaped(s.apply(i.op, *operands), i.results[0].shape)


def _matrix_transpose(s: _Simplifier, i: Instruction) -> Value | None:
    x = i.operands[0]
    before = _transposed(s, x)
    if before is not None:
        return before
    product = s.made_by(x, "matmul")
    if product is None or x.ndim != 2 or s.uses[x] != 1 or any(v.ndim != 2 for v in product.operands):
        return None
    a, b = product.operands
    return s.apply("matmul", s.apply("matrix_transpose", b), s.apply("matrix_transpose", a))


def _multiply(s: _Simplifier, i: Instruction) -> Value | None:
    a, b = i.operands
    for x, ones in ((a, b), (b, a)):
        if _is_full(ones, 1):
            return s.shaped(x, i.results[0].shape)
    return None


def _divide(s: _Simplifier, i: Instruction) -> Value | None:
    return s.shaped(i.operands[0], i.results[0].shape) if _is_full(i.operands[1], 1) else None


def _add(s: _Simplifier, i: Instruction) -> Value | None:
    a, b = i.operands
    for x, y in ((a, b), (b, a)):
        if _is_full(y, 0):
            return s.shaped(x, i.results[0].shape)
        minus = s.made_by(y, "negative")
        if minus is not None:
            return s.apply("subtract", x, minus.operands[0])
    return None


def _subtract(s: _Simplifier, i: Instruction) -> Value | None:
    a, b = i.operands
    if _is_full(b, 0):
        return s.shaped(a, i.results[0].shape)
    minus = s.made_by(b, "negative")
    return None if minus is None else s.apply("add", a, minus.operands[0])


def _negative(s: _Simplifier, i: Instruction) -> Value | None:
    minus = s.made_by(i.operands[0], "negative")
    return None if minus is None else minus.operands[0]


def _matmul(s: _Simplifier, i: Instruction) -> Value | None:
    """Products of one term as pointwise ones, those of one row or column as sums of pointwise ones."""
    a, b = i.operands
    if a.ndim == 1 or b.ndim == 1:
        if a.ndim > 2 or b.ndim > 2 or not (a.size and b.size):
            return None
        left = s.apply("reshape", a, newshape=(1, a.size)) if a.ndim == 1 else a
        right = s.apply("reshape", b, newshape=(b.size, 1)) if b.ndim == 1 else b
        return s.apply("reshape", s.apply("matmul", left, right), newshape=i.results[0].shape)
    if a.ndim != 2 or b.ndim != 2 or not (a.size and b.size):
        return None
    if a.shape[1] == 1:
        return s.apply("multiply", a, b)
    if b.shape[1] == 1:
        return _matrix_times_column(s, a, b)
    if a.shape[0] == 1:
        column = _matrix_times_column(s, s.apply("matrix_transpose", b), s.apply("matrix_transpose", a))
        return None if column is None else s.apply("matrix_transpose", column)
    return None


def _matrix_times_column(s: _Simplifier, a: Value, b: Value) -> Value | None:
    """a (m, k) @ b (k, 1), summed along or across rows as `a` lies in memory, where the loop that computes `a` can do it."""
    before = _transposed(s, a)
    maker = s.makers.get(a if before is None else before)
    if maker is None or not is_pointwise(maker):
        return None
    if before is not None:
        total = s.apply("sum_to", s.apply("multiply", before, b), shape=(1, a.shape[0]))
        return s.apply("matrix_transpose", total)
    return s.apply("sum_to", s.apply("multiply", a, s.apply("matrix_transpose", b)), shape=(a.shape[0], 1))


RULES: dict[str, Callable[[_Simplifier, Instruction], Value | None]] = {
    "matrix_transpose": _matrix_transpose,
    "multiply": _multiply,
    "divide": _divide,
    "add": _add,
    "subtract": _subtract,
    "negative": _negative,
    "matmul": _matmul,
}
