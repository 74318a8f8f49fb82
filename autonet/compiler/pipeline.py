"""The passes in their order, each named, with the verifier between them."""

from __future__ import annotations

from collections.abc import Callable

from autonet.compiler.fold import drop_dead, fold_constants
from autonet.compiler.program import Program
from autonet.compiler.share import share_equal
from autonet.compiler.verify import verify

PASSES: tuple[Callable[[Program], Program], ...] = (drop_dead, fold_constants, share_equal, drop_dead)


def optimize(program: Program, show: Callable[[str, Program], None] | None = None) -> Program:
    """The program after all passes; `show(name, program)` sees it after each."""
    verify(program, "capture")
    if show is not None:
        show("capture", program)
    for step in PASSES:
        program = verify(step(program), step.__name__)
        if show is not None:
            show(step.__name__, program)
    return program
