"""Which operation's rule is wrong: what a function applies, each held against differences of its own values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autonet.common.lines import shown, users_line
from autonet.core import backward as walk
from autonet.core.state import Observer, state
from autonet.core.tape import Node
from autonet.core.tensor import Tensor
from autonet.errors import GradientError
from autonet.gradients.scope import EscapedValues

MOST = 2000  # applications that are looked at, the first ones


class Application(NamedTuple):
    """One use of an operation: a primitive, or a function with a gradient of its own."""

    name: str
    f: Callable
    operands: tuple[Tensor, ...]
    node: Node | None  # None where no derivative passes
    line: tuple[str, int] | None


class ApplicationRecorder(Observer):
    """The observer that collects what is applied to tracked Tensors."""

    def __init__(self) -> None:
        self.applied: list[Application] = []

    def record(self, primitive: Any, operands: tuple, settings: dict, results: tuple) -> None:
        if not any(x._node is not None for x in operands):
            return
        node = results[0]._node
        for result in results:
            node = node or result._node
        if node is not None and type(node.settings) is int:  # one of several results: the operation is behind it
            node = node.parents[0]
        self.add(primitive.name.strip("_"), lambda *xs: primitive(*xs, **settings), operands, node)

    def add(self, name: str, f: Callable, operands: tuple, node: Node | None) -> None:
        """An operation was applied."""
        if len(self.applied) < MOST:
            self.applied.append(Application(name, f, operands, node, users_line()))


def explain(run: Callable[[], tuple[list[Tensor], list[Any]]], check: Callable) -> str:
    """A sentence that names the operation whose rule is wrong, or where a number left the record.

    Args:
        run: applies the function, and gives its results and the nodes of its operands.
        check: called with a function and its float64 operands, raises GradientError where they disagree.
    """
    recorder = ApplicationRecorder()
    before, state.observer = state.observer, recorder
    try:
        with EscapedValues() as outside:
            ys, nodes = run()
    finally:
        state.observer = before
    targets = [node for node in nodes if node is not None]
    path, _ = walk.paths([y._node for y in ys if y._node is not None], targets)
    for one in recorder.applied:
        if one.node not in path:
            continue
        tracked = [i for i, x in enumerate(one.operands) if x._node is not None and x._value.dtype.kind == "f"]

        def alone(*xs: Any, one: Application = one, tracked: list[int] = tracked) -> Any:
            operands: list[Any] = [x.detach() for x in one.operands]
            for i, x in zip(tracked, xs, strict=True):
                operands[i] = x
            return one.f(*operands)

        try:
            check(alone, *[np.array(one.operands[i]._value) for i in tracked])
        except GradientError as error:
            at = f", applied at {shown(one.line)}" if one.line else ""
            if "nan or infinite" in str(error):
                return f"It passes through {one.name!r}{at}, which has no derivative there."
            return f"The rule that is wrong by itself is that of {one.name!r}{at}."
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # it cannot be applied alone
            continue
    cuts = [f"{asked} at {shown(line)}" if line else asked for _, asked, line in outside.escaped]
    cuts += [
        f"stop_gradient{f' at {shown(one.line)}' if one.line else ''}"
        for one in recorder.applied
        if one.name == "detach" and one.line is not None
    ]
    if cuts:
        return (
            f"Each operation on the way is right by itself, but numbers leave the record there: {'; '.join(cuts[:3])}."
        )
    return "Each operation on the way is right by itself: look for numbers that leave the record between them."
