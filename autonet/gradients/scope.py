"""DifferentiationScope: where in the record a transform puts its arguments, and what leaves the record meanwhile."""

from __future__ import annotations

from typing import Any

from autonet.common.lines import shown, users_line
from autonet.common.trees import flatten_with_path, pack
from autonet.core.state import Context, state
from autonet.core.tape import AssignedLeaf, Leaf, Node
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

    A Variable that is assigned what has a derivative gets, until the outermost scope ends, a leaf of its own, which shows
    whether a result depends on it.

    Attributes:
        targets: Tensors at the fresh places, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[Tensor] = []
        self._own: list[tuple[Variable, Node | None]] = []
        # of the outermost scope alone: nodes of assigned Variables before, and each leaf with what it hides
        self._outermost = self
        self._before: dict[Variable, Node | None] = {}
        self._assigned: dict[Node, tuple[Node, Variable, tuple[str, int] | None]] = {}

    def __enter__(self) -> DifferentiationScope:
        self._recording, state.recording = state.recording, True
        self._outermost = next((c for c in state.contexts if isinstance(c, DifferentiationScope)), self)
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        top = self._outermost
        if top is self:
            for variable, node in self._before.items():
                variable._node = node
        for variable, node in reversed(self._own):
            if top is not self and variable in top._before:
                top._before[variable] = node
            else:
                variable._node = node
        for leaf in [t._node for t in self.targets] + (list(self._assigned) if top is self else []):
            if isinstance(leaf, Leaf):
                leaf.spent = True
        state.recording = self._recording
        super().__exit__(*exc)

    def assigns(self, variable: Variable, source: Node | None = None) -> None:
        if self._outermost is not self:
            return
        if source is not None and variable.dtype.kind == "f":
            self._before.setdefault(variable, variable._node)
            variable._node = AssignedLeaf()
            self._assigned[variable._node] = source, variable, users_line()
        elif variable in self._before:
            variable._node = self._before.pop(variable)

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

    def check_assigned(self, outputs: list[Tensor]) -> None:
        """See that no derivative of the outputs is lost in a Variable.

        Raises: GradientError where a Variable was assigned what was computed from a target, and read after that.
        """
        hidden = self._outermost._assigned
        if not hidden:
            return
        sources = {leaf: source for leaf, (source, *_) in hidden.items()}
        read = _behind([y._node for y in outputs], {})
        for leaf, (source, variable, line) in hidden.items():
            if leaf in read and not _behind([source], sources).isdisjoint([t._node for t in self.targets]):
                at = f" at {shown(line)}" if line else ""
                raise GradientError(
                    f"The result depends on Variable {variable.path!r}, which was assigned a value that was computed from an "
                    f"argument{at}. Derivatives do not pass through an assignment: compute with the value itself in place "
                    "of the Variable; where it is meant to be a constant, assign ops.stop_gradient(value)."
                )

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
    return target in _behind([node], {})


def _behind(nodes: list[Node | None], sources: dict[Node, Node]) -> set[Node]:
    """These nodes and all that they were computed from, through assignments with their sources too."""
    seen = {node for node in nodes if node is not None}
    stack = list(seen)
    while stack:
        node = stack.pop()
        for parent in (*node.parents, sources.get(node)):
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen
