"""The passes in their order, each named, with the verifier between them. What follows them is the layout (layout.py)."""

from __future__ import annotations

from collections.abc import Callable

from autonet.compiler.expand import expand
from autonet.compiler.fold import drop_dead, fold_constants
from autonet.compiler.fuse import fuse
from autonet.compiler.program import Program
from autonet.compiler.share import share_equal
from autonet.compiler.verify import verify

Pass = Callable[[Program], Program]
Show = Callable[[str, Program], None]

PASSES: tuple[Pass, ...] = (drop_dead, fold_constants, share_equal, drop_dead)  # for every plan
NATIVE_PASSES: tuple[Pass, ...] = (expand, share_equal, drop_dead, fuse)  # and then, where loops become C


def optimize(program: Program, show: Show | None = None) -> Program:
    """A captured program after the passes for every plan; `show(name, program)` sees it after each."""
    if show is not None:
        show("capture", program)
    return _run(PASSES, verify(program, "capture"), show)


def lower(program: Program, show: Show | None = None) -> Program:
    """An optimized program as loops, ready to be written in C."""
    return _run(NATIVE_PASSES, program, show)


def _run(passes: tuple[Pass, ...], program: Program, show: Show | None) -> Program:
    for step in passes:
        program = verify(step(program), step.__name__)
        if show is not None:
            show(step.__name__, program)
    return program
