"""Results of plans as places of the record, where they depend on trained Variables.

A replay leaves no record. If a derivative with respect to the Variables is asked all the same, the function runs once more,
operation by operation, with the arguments and Variables of that call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autonet.common.attributes import attachments
from autonet.common.trees import flatten
from autonet.core import backward as walk
from autonet.core.state import Context, enable_grad, state
from autonet.core.tape import Leaf, Node, Pick
from autonet.core.tensor import Tensor
from autonet.errors import GradientError
from autonet.variable import Variable

KEPT = 1 << 20  # bytes of the Variables that a call changes, up to which their values before it are kept
ADVICE = "Take the gradient inside the function, as in jit(value_and_grad(f)), or call it without jit."


class _Again(Context):
    """Around the second run."""

    eager = True


class Call:
    """One call of a plan, which can run again; it stands where a primitive would.

    Args:
        run: the function on the arrays of the call.
        variables: those that the plan reads or writes.
        written: those that it writes.
        leaves: the trained ones that the result depends on.
    """

    name = "jit"
    open = True  # what it computes by may be tracked otherwise
    defaults: dict[str, Any] = {}
    pull_on_arrays = None

    def __init__(
        self, run: Callable[[], Any], variables: list[Variable], written: list[Variable], leaves: list[Variable]
    ):
        self.run = run
        self.training = state.training
        self.variables = variables
        self.leaves = leaves
        own = {id(w) for w in leaves}
        self.lost = [w for w in written if id(w) in own]  # whose values before the call are not kept
        if not self.lost and sum(w._array.nbytes for w in written) > KEPT:
            self.lost = written
        self.before = {} if self.lost else {w: w._value for w in written}
        self.states: list[Any] = []
        self.results: list[np.ndarray] = []

    def record(self, result: Any, tracked: list[int]) -> None:
        """Give the tracked ones among the results of the plan, which has run, their place in the record."""
        found = tensors_of(result)
        self.states = [None if w in self.before else (w._array, w._version) for w in self.variables]
        self.results = [found[k]._value for k in tracked]
        self.tracked = tracked
        kinds = tuple([(a.shape, a.dtype) for a in self.results])
        given = tuple([(w.shape, w.dtype) for w in self.leaves])
        node = Node(self, tuple([w._node for w in self.leaves]), given, {}, kinds)
        for n, k in enumerate(tracked):
            found[k]._node = Pick(node, n)

    def pull(self, cotangents: Any, node: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
        """Cotangents of the leaves, by a second run."""
        self._check(node)
        with self._as_it_was():
            found = tensors_of(self.run())
        outputs = [found[k] for k in self.tracked]
        for y, a in zip(outputs, self.results, strict=True):
            if y.shape != a.shape or not np.allclose(y._value, a, rtol=1e-3, atol=1e-3 * _size(a), equal_nan=True):
                raise GradientError(
                    "A derivative is asked through a call of a jit function, which runs again for it, and gives another "
                    f"result than it did: what it finds outside itself has changed. {ADVICE}"
                )
        pulled = walk.gradients(list(zip(outputs, cotangents, strict=True)), list(node.parents), state.recording)
        rows = zip(node.parents, node.operands or (), pulled, strict=True)
        return [(parent, given, c) for parent, given, c in rows if c is not None]  # type: ignore[misc]

    def _check(self, node: Node) -> None:
        if self.lost:
            raise GradientError(
                f"A derivative is asked through a call of a jit function that assigned {self.lost[0].path!r} by itself, so "
                f"that the values which it depends on are gone. {ADVICE}"
            )
        for w, kept in zip(self.variables, self.states, strict=True):
            if kept is not None and (w._array is not kept[0] or w._version is not kept[1]):
                raise GradientError(
                    f"A derivative is asked through a call of a jit function, but {w.path!r} was assigned since. {ADVICE}"
                )
        if any(w._node is not p for w, p in zip(self.leaves, node.parents, strict=True)):
            raise GradientError(
                f"A derivative is asked through a call of a jit function whose Variables are no longer trained. {ADVICE}"
            )

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        """The Variables that the call changed have their values of before it; what the second run assigns is undone."""
        now = [(w, w._array) for w in self.variables]
        training, state.training = state.training, self.training
        try:
            for w, array in self.before.items():
                w._array = array
            with _Again(), enable_grad():
                yield
        finally:
            state.training = training
            for w, array in now:
                w._array = array


def tensors_of(result: Any) -> list[Tensor]:
    """The Tensors in a result and in what they carry, in order, without Variables."""
    found = []
    for x in flatten(result):
        if isinstance(x, Tensor) and not isinstance(x, Variable):
            found.append(x)
            for _, tree in sorted(attachments(x).items()):
                found += tensors_of(tree)
    return found


def leaves_of(tensors: list[Tensor]) -> set[Node]:
    """Where the record behind these begins."""
    stack = [t._node for t in tensors if t._node is not None]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend([p for p in node.parents if p is not None])
    return {node for node in seen if not node.parents and not (isinstance(node, Leaf) and node.spent)}


def _size(a: np.ndarray) -> float:
    return float(np.max(np.abs(a), initial=0, where=np.isfinite(a)))
