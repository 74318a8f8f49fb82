"""A function's program for any batch size, from records at two: equal but for lengths that are multiples of the batch's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonet.common.trees import flatten
from autonet.compiler.capture import Recorder, capture
from autonet.compiler.passes.expand import expand
from autonet.compiler.passes.redundancy import eliminate_common_subexpressions, eliminate_dead_code, fold_constants
from autonet.compiler.program import CONSTANT, INPUT, VARIABLE, Program, Value
from autonet.core.primitive import PRIMITIVES
from autonet.core.state import no_grad
from autonet.core.tensor import Tensor, wrap
from autonet.errors import ArgumentError
from autonet.ops import recurrent

SIZES = (3, 5)
SCANS: dict[
    str, Callable[..., Any]
] = {  # recurrent layers step by step, since ONNX knows neither their gates' order nor all their activations
    "simple_rnn_scan": recurrent._simple_composed,
    "lstm_scan": recurrent._lstm_composed,
    "gru_scan": recurrent._gru_composed,
}
FOLLOWS = ("newshape", "shape", "lengths")  # settings that the result's shape tells


@dataclass(frozen=True)
class Batch:
    """A length that is `times` the batch's."""

    times: int = 1

    def __repr__(self) -> str:
        return "batch" if self.times == 1 else f"{self.times} * batch"


Dims = tuple[Any, ...]  # of ints and Batches


@dataclass(eq=False)
class Array:
    """A value of the program: its name in records, shape, dtype, and numbers if these are known."""

    name: str
    shape: Dims
    dtype: np.dtype
    constant: np.ndarray | None = None


@dataclass(eq=False)
class Step:
    """One application of the primitive `op`."""

    op: str
    operands: list[Array]
    settings: dict[str, Any]
    results: list[Array]


@dataclass
class Recording:
    """Steps in order, from inputs to outputs."""

    inputs: list[Array]
    steps: list[Step]
    outputs: list[Array]
    result: Any  # what the function returned, for its structure


def record(f: Callable[[list[Tensor]], Any], inputs: Sequence[tuple[Dims, Any]]) -> Recording:
    """The program of `f`, which takes a list of Tensors of these (shape, dtype).

    Raises: ArgumentError for what depends on the batch in another way than by lengths that are multiples of it.
    """
    made = [_program(f, inputs, size) for size in (SIZES if any(Batch() in s for s, _ in inputs) else SIZES[:1])]
    (first, names, result), (second, _, _) = made[0], made[-1]
    return _Pairing(first, second, names).recording(result)


def _program(f: Callable, inputs: Sequence[tuple[Dims, Any]], size: int) -> tuple[Program, dict[int, str], Any]:
    """The program at one batch size, without what computes no output; names of weights by their ids; the result."""
    for again in (False, True):
        recorder = Recorder(strict=True)
        shapes = [tuple([size * d.times if isinstance(d, Batch) else d for d in shape]) for shape, _ in inputs]
        given = [wrap(recorder.input(np.zeros(s, d))) for s, (_, d) in zip(shapes, inputs, strict=True)]
        with no_grad():
            result = capture(recorder, functools.partial(f, given))
        if not recorder.made or again:  # else this run made weights, and the next one finds them
            break
    program = recorder.program
    for x in flatten(result):
        if not isinstance(x, Tensor):
            raise ArgumentError(f"export expects a function that returns Tensors; received {x!r}.")
        program.outputs.append(recorder.known(x._value, CONSTANT, x._value))
    if recorder.drawn is not None or program.writes:
        what = recorder.drawn or "it assigns " + ", ".join(repr(w.path) for w in program.writes)
        raise ArgumentError(f"export cannot write a function that leaves something for its next call: {what}.")
    names: dict[int, str] = {}
    frozen = {}
    for v in program.used():
        if v.kind == VARIABLE:
            array = v.source._value
            frozen[v] = Value(v.id, CONSTANT, array.shape, array.dtype, array)
            names[v.id] = v.source.path
    program = program.replaced(program.instructions, frozen)
    program = eliminate_dead_code(expand(program, SCANS))
    program = eliminate_dead_code(eliminate_common_subexpressions(fold_constants(program)))
    return program, names, result


class _Pairing:
    """Two records of one function, value by value."""

    def __init__(self, first: Program, second: Program, names: dict[int, str]):
        self.programs = first, second
        self.names = names
        self.known: dict[Value, tuple[Value, Array]] = {}
        self.steps: list[Step] = []

    def recording(self, result: Any) -> Recording:
        first, second = self.programs
        inputs = [self.array(a, b, "an input") for a, b in zip(first.inputs, second.inputs, strict=True)]
        if [i.op for i in first.instructions] != [i.op for i in second.instructions]:
            raise _depends("which operations it applies")
        for a, b in zip(first.instructions, second.instructions, strict=True):
            if len(a.operands) != len(b.operands):
                raise _depends(f"how many operands {_shown(a.op)} has")
            operands = [self.array(x, y, a.op) for x, y in zip(a.operands, b.operands, strict=True)]
            for name, value in a.settings.items():
                if name not in FOLLOWS and value != b.settings[name]:
                    raise _depends(f"the setting {name}={value!r} of {_shown(a.op)}")
            results = [self.array(x, y, a.op) for x, y in zip(a.results, b.results, strict=True)]
            self.steps.append(Step(a.op, operands, a.settings, results))
        outputs = [self.array(a, b, "an output") for a, b in zip(first.outputs, second.outputs, strict=True)]
        return Recording(inputs, self.steps, outputs, result)

    def array(self, a: Value, b: Value, where: str) -> Array:
        """What two values are for any batch."""
        if a in self.known:
            other, array = self.known[a]
            if other is b or (a.kind == CONSTANT == b.kind and _same(other.source, b.source)):
                return array
            raise _depends(f"what goes into {_shown(where)}")
        if a.kind != b.kind or a.dtype != b.dtype or a.ndim != b.ndim:
            raise _depends(f"what goes into {_shown(where)}")
        shape = tuple([_length(m, n, f"a shape in {_shown(where)}") for m, n in zip(a.shape, b.shape, strict=True)])
        array = Array(self.names.get(a.id, a.name), shape, a.dtype)
        if a.kind == CONSTANT:
            array = self._constant(array, np.asarray(a.source), np.asarray(b.source), where)
        elif a.kind == INPUT and a.source != b.source:
            raise _depends(f"which input goes into {_shown(where)}")
        self.known[a] = b, array
        return array

    def _constant(self, array: Array, a: np.ndarray, b: np.ndarray, where: str) -> Array:
        """A constant, which may be repeated along the batch."""
        one = tuple([slice(0, 1) if isinstance(d, Batch) else slice(None) for d in array.shape])
        row = a[one]
        if not (
            _same(row, b[one]) and _same(np.broadcast_to(row, a.shape), a) and _same(np.broadcast_to(row, b.shape), b)
        ):
            raise _depends(f"a constant in {_shown(where)}")
        if row.shape == a.shape:
            array.constant = a
        else:
            self.steps.append(Step("broadcast_to", [Array(f"{array.name}_row", row.shape, a.dtype, row)], {}, [array]))
        return array


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


def _length(m: int, n: int, what: str) -> int | Batch:
    if m == n:
        return m
    times, rest = divmod(m, SIZES[0])
    if rest or n != times * SIZES[1]:
        raise _depends(what)
    return Batch(times)


def _shown(op: str) -> str:
    return f"ops.{op.lstrip('_')}" if op in PRIMITIVES else op


def _depends(what: str) -> ArgumentError:
    return ArgumentError(
        f"export writes one graph for batches of any size, but here {what} depends on the batch size. Give a fixed one: "
        "input_signature=[InputSpec(shape=(1, ...))]."
    )
