"""Decomposition: large primitives are replaced by compositions of small ones, which fuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from autonet.compiler.program import Instruction, Program, Value
from autonet.compiler.sketch import Sketch
from autonet.core.state import no_grad, state
from autonet.core.tensor import wrap


def expand(program: Program, further: Mapping[str, Callable] = {}) -> Program:
    """The program with every primitive that has a `composition`, or one in `further`, replaced by what that is made of."""
    kept: list[Instruction] = []
    changed: dict[Value, Value] = {}
    for i in program.instructions:
        composition = i.primitive.composition or further.get(i.op)
        if composition is None or any(v.dtype == np.float16 for v in i.operands):
            kept.append(i)
            continue
        inner, results = _record(i, composition)
        names: dict[Value, Value] = dict(zip(inner.inputs, i.operands, strict=True))

        def outer(v: Value, names: dict[Value, Value] = names) -> Value:
            if v not in names:
                names[v] = program.value(v.kind, v.shape, v.dtype, v.source)
            return names[v]

        for part in inner.instructions:
            operands = tuple([outer(v) for v in part.operands])
            kept.append(Instruction(part.primitive, operands, part.settings, tuple([outer(r) for r in part.results])))
        changed.update(zip(i.results, [outer(r) for r in results], strict=True))
    return program.replaced(kept, changed)


def _record(i: Instruction, composition: Callable) -> tuple[Program, list[Value]]:
    """The program of an instruction's composition, recorded on arrays of zeros, and its results."""
    recorder = Sketch()
    tensors = [wrap(recorder.input(recorder.array(v.shape, v.dtype))) for v in i.operands]
    before, state.observer = state.observer, recorder
    try:
        with no_grad(), np.errstate(all="ignore"):
            made = composition(*tensors, **i.settings)
    finally:
        state.observer = before
    made = made if isinstance(made, tuple) else (made,)
    return recorder.program, [recorder.values[id(t._value)] for t in made]
