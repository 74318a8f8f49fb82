"""Capture, or tracing: run a function once, eagerly, and record every primitive that it applies as a program.

Values are recognised by their arrays: operations never change one, so an array is the same value wherever it turns up.
An input, and a Variable's value at the start, get array objects of their own, since two of them may share one. What
else the function finds outside is a constant of the program.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.lines import shown, users_line
from autonet.compiler.chance import Chance
from autonet.compiler.guards import Changes, numbers
from autonet.compiler.program import CONSTANT, INPUT, RESULT, VARIABLE, Instruction, Program, Value
from autonet.compiler.texts import Reading, Texts, read_ahead
from autonet.core.state import Observer, state
from autonet.core.tensor import Tensor
from autonet.errors import AutonetError

WAYS_OUT = (
    "Two ways out: let the data decide inside the computation (ops.where, ops.cond, a Variable), "
    "or run step by step (run_eagerly=True; for jit, leave this part outside, or "
    "give numbers that only count or choose as static_argnums)."
)


class CaptureError(AutonetError, TypeError):
    """A function that cannot be captured, because what it does depends on values."""


class _Result(weakref.ref):
    """A result that a recorder has met: its identity is forgotten when it ends, since another array may get it."""

    __slots__ = ("key", "values")
    key: int
    values: dict[int, Value]


def _forget(result: Any) -> None:
    result.values.pop(result.key, None)


class Recorder(Observer):
    """The observer during a capture.

    Args:
        strict: raise CaptureError where Python looks at a value; otherwise keep the reason in `obstacle`.
    """

    replays = True  # what it sees will be run again without it

    def __init__(self, strict: bool):
        self.strict = strict
        self.obstacle: str | None = None
        self.program = Program()
        self.values: dict[int, Value] = {}  # by the identity of arrays, as long as these live
        self.kept: list[Any] = []  # inputs, Variables' arrays and constants
        self.results: list[_Result] = []  # kept by the run alone, so that it takes no more memory than without a record
        self.current: dict[int, np.ndarray] = {}  # for each Variable, by identity, the array of its present value
        self.held: dict[int, np.ndarray] = {}  # and the array that it had itself then
        self.touched: dict[int, tuple[Any, dict[str, Any]]] = {}  # what the step takes fixed numbers from; as it was
        self.leaves: list[Any] = []  # that received gradients from backward()
        self.texts: list[np.ndarray] = []  # arrays of texts among the arguments
        self.readings: list[Reading] = []  # calls of layers on them, whose results are the last of the inputs
        self.arrays: list[np.ndarray] = []  # the inputs of this run
        self.changes = Changes()
        self.chance = Chance()
        self.drawn: str | None = None  # random numbers that replays would not draw again, in words
        self.changed: str | None = None  # what the run changed, so that the next one will be another
        self.made = state.made  # how many Variables there were; in the end, how many were made

    def known(self, array: np.ndarray, kind: str, source: Any = None) -> Value:
        """The program's Value of an array, a new one if it was not met before."""
        value = self.values.get(id(array))
        if value is None:
            value = self.program.value(kind, array.shape, array.dtype, source, order_of(array))
            self.values[id(array)] = value
            if kind == RESULT and isinstance(array, np.ndarray):
                result = _Result(array, _forget)
                result.key, result.values = id(array), self.values
                self.results.append(result)
            else:
                self.kept.append(array)
        return value

    def input(self, array: np.ndarray) -> np.ndarray:
        """The array to compute with in the place of an input."""
        own = np.asarray(array, order="C").view()
        self.program.inputs.append(self.known(own, INPUT, len(self.program.inputs)))
        self.arrays.append(own)
        return own

    def text(self, array: np.ndarray) -> Texts:
        """What the step receives in the place of an array of texts."""
        self.texts.append(array)
        return Texts(array, len(self.texts) - 1, np.arange(array.size).reshape(array.shape))

    def read_ahead(self, layer: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The result of a layer that reads texts of the arguments, computed before each run; None if that cannot be."""
        return read_ahead(self, layer, args, kwargs)

    def read(self, variable: Any) -> np.ndarray:
        """The array to compute with in the place of a Variable."""
        array = self.current.get(id(variable))
        if array is None or self.held[id(variable)] is not variable._array:  # or assigned while nothing was recorded
            if array is not None:
                self.changed = f"the Variable {variable.path!r} is assigned outside the record"
            array = self.current[id(variable)] = variable._value.view()
            self.held[id(variable)] = variable._array
            self.known(array, VARIABLE, variable)
            self.changes.read(variable)
        return array

    def assigned(self, variable: Any, array: np.ndarray) -> None:
        """A Variable was given an array."""
        self.program.writes[variable] = self.known(array, CONSTANT, array)
        self.current[id(variable)] = array
        self.held[id(variable)] = variable._array

    def former(self, variable: Any, current: dict[int, np.ndarray]) -> np.ndarray:
        """The array of a Variable at the time when `current` was copied."""
        array = current.get(id(variable))
        if array is not None:
            return array
        values = [(a, self.values[id(a)]) for a in self.kept]
        return next(a for a, v in values if v.kind == VARIABLE and v.source is variable)

    def record(self, primitive: Any, operands: tuple, settings: dict, results: tuple) -> None:
        """Append the application of a primitive to the program."""
        given = tuple([self.known(x._value, CONSTANT, x._value) for x in operands])
        if len(results) == 1:
            array = results[0]._value
            for x, value in zip(operands, given, strict=True):
                if array is x._value:  # alias, detach: the operand itself
                    self.values[id(array)] = value
                    return
        made = tuple([self.known(t._value, RESULT) for t in results])
        self.program.instructions.append(Instruction(primitive, given, settings, made))

    def leaked(self, tensor: Tensor, asked: str) -> None:
        """Python looks at a value: a later replay would not look again."""
        if hasattr(tensor, "_array"):
            array = self.current.get(id(tensor))
            value = None if array is None else self.values[id(array)]
            fixed = value is not None and self._fixed(value)
        else:
            value = self.values.get(id(tensor._value))
            fixed = value is None or self._fixed(value)
        if not fixed:
            self.refuse(f"this line looks at the value of a Tensor ({asked}), which a captured step cannot repeat.")

    def refuse(self, reason: str) -> None:
        """Something happens that replays would not repeat."""
        message = f"{_caller()}: {reason} {WAYS_OUT}"
        if self.strict:
            raise CaptureError(message)
        self.obstacle = self.obstacle or message

    def accumulates(self, leaf: Any) -> None:
        """backward() is about to add to the gradient of a leaf."""
        if leaf.grad is not None and id(leaf.grad._value) not in self.values:
            self.refuse("backward() adds to a gradient that was there before this step, and that is kept outside it.")
        self.leaves.append(leaf)

    def finish(self) -> None:
        """The function has ended: what did it leave behind?"""
        self.made = state.made - self.made
        self.changed = self.changes.found(self.values) or self.changed
        self.drawn = self.chance.found()
        for thing, before in self.touched.values():
            for name, value in numbers(thing).items():
                if name in before and value != before[name] and value == value:
                    label = getattr(thing, "label", type(thing).__name__)
                    self.refuse(
                        f"{label} changes its attribute {name!r} as it runs, which only the first run would do."
                    )
        nodes = {id(v.source._node) for v in self.values.values() if v.kind == VARIABLE}
        if any(leaf.grad is not None and id(leaf) in nodes for leaf in self.leaves):
            self.refuse(
                "backward() leaves gradients in .grad of Variables, which only the first run would do. "
                "Use autonet.value_and_grad(f)(variables), or set .grad to None before the end."
            )

    def take_back(self) -> None:
        """Undo the run: every Variable that was assigned gets the value back that it had at the start."""
        for array in reversed(self.kept):  # where one was read twice, the first counts
            value = self.values[id(array)]
            if value.kind == VARIABLE and value.source in self.program.writes:
                value.source._array = array.copy()

    def _fixed(self, value: Value) -> bool:
        """Whether a value is a constant expression."""
        makers = {r: i for i in self.program.instructions for r in i.results}
        stack = [value]
        seen = set()
        while stack:
            v = stack.pop()
            if v in seen:
                continue
            seen.add(v)
            if v.kind in (INPUT, VARIABLE):
                return False
            if v in makers:
                stack.extend(makers[v].operands)
        return True

    def touch(self, thing: Any) -> None:
        """A layer or optimizer takes part: its attributes are fixed into the program."""
        if id(thing) not in self.touched:
            self.touched[id(thing)] = thing, numbers(thing)
            self.changes.meet(thing)
            self.chance.meet(thing)


def order_of(array: np.ndarray) -> Any:
    """In which order an array's axes follow each other in memory: None for C order, False if it has gaps or repeats.

    Buffers of a plan have their values' order, since sums are rounded according to it.
    """
    if array.flags.c_contiguous:
        return None
    axes = tuple(sorted(range(array.ndim), key=lambda a: (-array.strides[a], a)))
    return axes if array.transpose(axes).flags.c_contiguous else False


def _caller() -> str:
    """The user's line, as text."""
    line = users_line()
    return "autonet" if line is None else shown(line)


def capture(recorder: Recorder, call: Callable[[], Any]) -> Any:
    """Run `call()` and let the recorder see what it does. The program's outputs are left to the caller."""
    if state.observer is not None:
        raise CaptureError("A capture is under way already: nested jit functions run inside the outer one's capture.")
    state.observer = recorder
    try:
        result = call()
        recorder.finish()
        return result
    finally:
        state.observer = None
