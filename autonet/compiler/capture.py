"""Capture: run a function once, eagerly, and keep the program of every primitive that it applied.

Values are recognised by their arrays: operations never change one, so an array is the same value wherever it turns up.
What the function finds outside (weights through Variables apart) is a constant of the program.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.program import CONSTANT, INPUT, RESULT, VARIABLE, Instruction, Program, Value
from autonet.core.state import state
from autonet.core.tensor import Tensor
from autonet.errors import AutonetError


class CaptureError(AutonetError, TypeError):
    """A function that cannot be captured, because what it does depends on values."""


class Recorder:
    """What `state.capture` is during a capture.

    Args:
        strict: raise CaptureError where Python looks at a value; otherwise keep the reason in `obstacle`.
    """

    def __init__(self, strict: bool):
        self.strict = strict
        self.obstacle: str | None = None
        self.program = Program()
        self.values: dict[int, Value] = {}  # by the identity of arrays, which `kept` keeps alive
        self.kept: list[Any] = []
        self.touched: dict[int, Any] = {}  # layers and optimizers whose attributes the step may have read

    def known(self, array: np.ndarray, kind: str, source: Any = None) -> Value:
        """The value behind `array`, a new one if it was not met before."""
        value = self.values.get(id(array))
        if value is None:
            value = self.program.value(kind, array.shape, array.dtype, source)
            self.values[id(array)] = value
            self.kept.append(array)
        return value

    def read(self, variable: Any, array: np.ndarray) -> None:
        """A Variable is about to be used, with this array as its value."""
        if id(array) not in self.values:
            self.known(array, VARIABLE, variable)

    def assigned(self, variable: Any, array: np.ndarray) -> None:
        """A Variable was given a new array, by a copy of which it may stand for."""
        source = self.values.get(id(array))
        if source is None:
            source = self.known(array, CONSTANT, array)
        self.known(variable._array, RESULT)
        self.values[id(variable._array)] = source
        self.program.writes[variable] = source

    def record(self, primitive: Any, operands: tuple, settings: dict, results: tuple) -> None:
        """A primitive was applied."""
        given = []
        for x in operands:
            array = x._value
            given.append(self.values.get(id(array)) or self.known(array, CONSTANT, array))
        if len(results) == 1:
            array = results[0]._value
            for x, value in zip(operands, given, strict=True):
                if array is x._value:  # alias, detach: the operand itself
                    self.values[id(array)] = value
                    return
        made = tuple([self.known(t._value, RESULT) for t in results])
        self.program.instructions.append(Instruction(primitive, tuple(given), settings, made))

    def leaked(self, tensor: Tensor, asked: str) -> None:
        """Python looks at a value: a later replay would not look again."""
        array = tensor._array if hasattr(tensor, "_array") else tensor._value
        value = self.values.get(id(array))
        if value is None or self._fixed(value):
            if not hasattr(tensor, "_array"):
                return
        where = _caller()
        message = (
            f"{where}: this line looks at the value of a Tensor ({asked}), which a captured step cannot repeat. "
            "Two ways out: let the data decide inside the computation (ops.where, ops.cond, a Variable), "
            "or run step by step (run_eagerly=True; for jit, leave this part outside)."
        )
        if self.strict:
            raise CaptureError(message)
        self.obstacle = self.obstacle or message

    def _fixed(self, value: Value) -> bool:
        """Whether a value depends on constants only."""
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
        self.touched[id(thing)] = thing


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _caller() -> str:
    """File and line of the innermost frame outside the package."""
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(_PACKAGE):
            return f"{frame.filename}:{frame.lineno}: {frame.line}"
    return "autonet"


def capture(f: Callable, inputs: list[np.ndarray], call: Callable, strict: bool) -> tuple[Any, Recorder]:
    """Run `call(tensors)`, which applies `f` to Tensors around `inputs`, and record it.

    Returns: what `call` returned, and the Recorder with the program. Its outputs are left to the caller.
    """
    from autonet.core.tensor import wrap

    recorder = Recorder(strict)
    tensors = []
    for i, array in enumerate(inputs):
        own = array.view() if id(array) in recorder.values else array  # one array given twice is two inputs
        recorder.program.inputs.append(recorder.known(own, INPUT, i))
        tensors.append(wrap(own))
    before = state.capture
    if before is not None:
        raise CaptureError("A capture is under way already: nested jit functions run inside the outer one's capture.")
    state.capture = recorder
    try:
        return call(tensors), recorder
    finally:
        state.capture = before
