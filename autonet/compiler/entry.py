"""An entry of a function's cache of plans, for one signature: the captured program, its guards, its plan."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Collection
from typing import Any

import numpy as np

from autonet.common.attributes import attachments
from autonet.common.lines import warn
from autonet.common.trees import map_structure
from autonet.compiler.capture import Recorder
from autonet.compiler.guards import Guards
from autonet.compiler.numpy.plan import NumpyPlan
from autonet.compiler.passes.pipeline import optimize
from autonet.compiler.program import CONSTANT, Program
from autonet.compiler.replayed import leaves_of, tensors_of
from autonet.core.tensor import Tensor, wrap
from autonet.variable import Variable


class _Output:
    """Stands in a result's structure for the Tensor that output `number` becomes, with what that carries."""

    __slots__ = ("attached", "number")

    def __init__(self, number: int, attached: dict[str, Any]):
        self.number = number
        self.attached = attached

    def fill(self, arrays: list[np.ndarray]) -> Tensor:
        tensor = wrap(arrays[self.number])
        if self.attached:
            tensor._attached = {name: _filled(tree, arrays) for name, tree in self.attached.items()}
        return tensor


def _filled(template: Any, arrays: list[np.ndarray]) -> Any:
    kind = type(template)
    if kind is _Output:
        return template.fill(arrays)
    if kind is list:  # these two apart, since the general way takes several times as long
        return [_filled(branch, arrays) for branch in template]
    if kind is tuple:
        return tuple([_filled(branch, arrays) for branch in template])
    return map_structure(lambda x: x.fill(arrays) if type(x) is _Output else x, template)


def _template(result: Any, recorder: Recorder) -> Any:
    """A result with _Outputs in the place of Tensors, which become outputs of the program."""

    def leaf(x: Any) -> Any:
        if not isinstance(x, Tensor) or isinstance(x, Variable):
            return x
        outputs = recorder.program.outputs
        outputs.append(recorder.known(x._value, CONSTANT, x._value))
        number = len(outputs) - 1
        return _Output(number, {k: _template(v, recorder) for k, v in attachments(x).items()})

    return map_structure(leaf, result)


class Entry:
    """The captured program of one signature, its guards, and, from the second call on, its plan."""

    def __init__(self, recorder: Recorder, result: Any, held: list[Any], differentiable: bool):
        self.obstacle = recorder.obstacle
        self.held = held  # for arguments that the key knows by identity
        found = tensors_of(result) if differentiable else []
        self.tracked = [k for k, t in enumerate(found) if t._node is not None]
        self.guards = Guards(
            [thing for thing, _ in recorder.touched.values()], recorder.program.variables(), recorder.values
        )
        self.variables = recorder.program.variables()
        self.leaves = self._trained(found) if self.tracked else []  # None if the record leads to others, too
        self.readings = recorder.readings
        self.template = _template(result, recorder)
        self.captured = Program() if self.obstacle else recorder.program
        self.program: Program | None = None
        self.plan: Any = None
        self.compiled: set[str] = set()  # names of C that is there
        self.may_compile = True
        self.lends = False  # whether results lie where the next run writes its own
        self.lock = threading.Lock()

    def _trained(self, tensors: list[Tensor]) -> list[Variable] | None:
        """The Variables on which Tensors depend, None if there are other leaves behind them."""
        wanted = leaves_of(tensors)
        found = [w for w in self.variables if w._node in wanted]
        return found if len({w._node for w in found}) == len(wanted) else None

    @property
    def nbytes(self) -> int:
        """About what it takes of memory: the plan's buffers, and some 4 KiB of Python for each instruction."""
        return getattr(self.plan, "arena_bytes", 0) + 4096 * len(self.captured.instructions)

    def run(self, inputs: list[np.ndarray], native: Any) -> Any:
        """The function's result for these inputs."""
        with self.lock:
            if self.plan is None:
                self.build(native)
            arrays = self.plan.run(inputs)
        return None if self.template is None else _filled(self.template, arrays)

    def build(self, native: Any) -> None:
        """Make the plan: NumPy's, quickly made, where each batch of texts may need another.

        Raises: NotCompiled if that needs the compiler, which may not run.
        """
        if any(r.varies for r in self.readings):
            native = False
        self.program = optimize(self.captured)
        self.plan = make_plan(self.program, native, None if self.may_compile else self.compiled, self.lends)
        if self.plan.kind == "native":
            self.compiled.add(self.plan.source_name)


@functools.cache
def _say_once(line: str) -> None:
    print(f"autonet: {line}", file=sys.stderr)


def make_plan(
    program: Program, native: Any = "auto", compiled: Collection[str] | None = None, lends: bool = False
) -> Any:
    """The fastest plan that can be made here: native if wanted and a C compiler is at hand, else NumPy's.

    Raises: NotCompiled if its C is none of `compiled`, where that is given.
    """
    from autonet.compiler.c.runtime import cache, library, toolchain

    if native is not False:
        if library.available():
            if (why := cache.why_not()) is not None:
                _say_once(why)
            from autonet.compiler.c.plan import NativePlan

            try:
                return NativePlan(program, compiled, lends)
            except toolchain.CompilationError as error:
                warn(f"Native code could not be made, so the step runs with NumPy: {error}")
        elif (why := library.why_none()) is not None:
            _say_once(why)
    return NumpyPlan(program, lends)
