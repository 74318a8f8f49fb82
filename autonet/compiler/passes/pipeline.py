"""The pass pipeline: passes in order, the verifier after each. What follows is buffer assignment (layout.py)."""

from __future__ import annotations

from collections.abc import Callable

from autonet.compiler.passes.expand import expand
from autonet.compiler.passes.fuse import fuse
from autonet.compiler.passes.gather import gather
from autonet.compiler.passes.redundancy import eliminate_common_subexpressions, eliminate_dead_code, fold_constants
from autonet.compiler.passes.rows import update_rows
from autonet.compiler.passes.schedule import hasten, schedule
from autonet.compiler.passes.simplify import simplify
from autonet.compiler.passes.verify import verify
from autonet.compiler.program import Program

Pass = Callable[[Program], Program]
Show = Callable[[str, Program], None]

PASSES: tuple[Pass, ...] = (
    eliminate_dead_code,
    fold_constants,
    eliminate_common_subexpressions,
    eliminate_dead_code,
    hasten,
)  # for every plan
NUMPY_PASSES: tuple[Pass, ...] = (update_rows, gather)  # and then, for NumPy
NATIVE_PASSES: tuple[Pass, ...] = (
    expand,
    simplify,
    eliminate_common_subexpressions,
    eliminate_dead_code,
    update_rows,
    schedule,
    fuse,
)  # and then, where loops become C


def optimize(program: Program, show: Show | None = None) -> Program:
    """A captured program after the passes for every plan; `show(name, program)` sees it after each."""
    if show is not None:
        show("capture", program)
    return _run(PASSES, verify(program, "capture"), show)


def finish(program: Program, show: Show | None = None) -> Program:
    """An optimized program, ready to be run by NumPy."""
    return _run(NUMPY_PASSES, program, show)


def lower(program: Program, show: Show | None = None) -> Program:
    """An optimized program as loops, ready to be written in C."""
    return _run(NATIVE_PASSES, program, show)


def _run(passes: tuple[Pass, ...], program: Program, show: Show | None) -> Program:
    for step in passes:
        program = verify(step(program), step.__name__)
        if show is not None:
            show(step.__name__, program)
    return program
