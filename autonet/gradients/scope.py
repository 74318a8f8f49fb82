"""DifferentiationScope: where in the record a transform puts its arguments, and what leaves the record meanwhile."""

from __future__ import annotations

from typing import Any

from autonet.common.lines import shown, users_line
from autonet.common.trees import flatten_with_path, pack
from autonet.core.state import Context, state
from autonet.core.tape import Leaf, Node
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import DtypeError, GradientError
from autonet.ops.identity import alias
from autonet.variable import Variable

# uses of values from which no number goes on outside the record that has a slope
_SLOPELESS = ("its truth", "its use as an index", "int()", "format()", "the condition")


class EscapedValues(Context):
    """Collects numbers that leave the record, where Python goes on with them: node, by what, the user's line."""

    def __init__(self) -> None:
        self.escaped: list[tuple[Node, str, tuple[str, int] | None]] = []

    def leaked(self, tensor: Any, asked: str) -> None:
        if tensor._node is not None and not asked.startswith(_SLOPELESS):
            self.escaped.append((tensor._node, asked, users_line()))


class DifferentiationScope(EscapedValues):
    """Context manager around a call of a function that is to be differentiated.

    `tree` puts the leaves of an argument at fresh places of the record, so that derivatives taken there do not mix with
    those of other uses. A Variable stays itself, so that a function which reaches it some other way (a layer's weights)
    is differentiated too; it gets its own place back at the end.

    Attributes:
        targets: Tensors at the fresh places, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[Tensor] = []
        self._own: list[tuple[Variable, Node | None]] = []

    def __enter__(self) -> DifferentiationScope:
        self._recording, state.recording = state.recording, True
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        for variable, node in reversed(self._own):
            variable._node = node
        for target in self.targets:
            if isinstance(target._node, Leaf):
                target._node.spent = True
        state.recording = self._recording
        super().__exit__(*exc)

    def tree(self, tree: Any, where: str) -> Any:
        """The tree for the function to see; its leaves become targets."""
        seen = []
        for path, x in flatten_with_path(tree):
            leaf = self._fresh(x, f"{where}{''.join(f'[{k!r}]' for k in path)}")
            self.targets.append(leaf)
            if isinstance(x, Variable) and not any(x is v for v, _ in self._own):  # given twice, it is a Tensor there
                self._own.append((x, x._node))
                x._node = leaf._node
                leaf = x
            seen.append(leaf)
        return pack(tree, seen)

    @staticmethod
    def _fresh(x: Any, where: str) -> Tensor:
        x = convert_to_tensor(x)
        if x.dtype.kind != "f":
            raise DtypeError(f"grad needs floats; {where} has dtype {x.dtype}. Cast it first: ops.cast(x, 'float32').")
        return alias(x) if x._node is not None else wrap(x.snapshot()._value, Leaf())

    def check(self, found: list[Any]) -> None:
        """See that a gradient that is not there (None) is zero for a good reason.

        Raises: GradientError where numbers that were computed from the target left the record.
        """
        if not self.escaped:
            return
        for target, g in zip(self.targets, found, strict=True):
            for node, asked, line in self.escaped if g is None else ():
                if _leads_to(node, target._node):
                    at = f" at {shown(line)}" if line else ""
                    raise GradientError(
                        f"The result does not depend on an argument by any recorded operation, but a number that was "
                        f"computed from it left the record{at} ({asked}), and is a constant from there on. Compute with "
                        "Tensors and autonet.ops throughout; where it is meant to be a constant, take it from "
                        "ops.stop_gradient(x)."
                    )


def _leads_to(node: Node, target: Node | None) -> bool:
    """Whether `node` was computed from `target`."""
    stack, seen = [node], {node}
    while stack:
        node = stack.pop()
        if node is target:
            return True
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return False
