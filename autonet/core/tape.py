"""Nodes of the record that primitives leave behind and that `backward` walks.

References point from results to operands only, and a node knows its result's array but not its Tensor: dropping the last
result frees the whole record at once, with no cycle for the garbage collector.
"""

from __future__ import annotations

import itertools
from typing import Any

_new = object.__new__
count = itertools.count(1).__next__  # nodes are numbered as they are made, so operands precede results


class Node:
    """One application of a primitive, or a leaf (primitive None) at which cotangents stay.

    parents: the operands' nodes, None where an operand is not tracked.
    operands: Tensors where a derivative rule needs them, else (shape, dtype).
    result: array (or tuple of arrays) where a rule needs it.
    grad: the cotangent that `backward` left at a leaf.
    """

    __slots__ = ("grad", "operands", "order", "parents", "primitive", "result", "settings")

    grad: Any

    def __init__(self, primitive: Any, parents: tuple, operands: tuple | None, settings: dict, result: Any):
        self.primitive = primitive
        self.parents = parents
        self.operands = operands
        self.settings = settings
        self.result = result
        self.order = count()


def record(
    primitive: Any, parents: tuple, operands: tuple, settings: dict, result: Any, kind: type[Node] = Node
) -> Node | None:
    """The node of an application of a primitive; None where all that is tracked has a derivative of zero."""
    if primitive.zeros:
        zeros = primitive.zeros * len(parents) if primitive.variadic else primitive.zeros
        if all(p is None or zero for p, zero in zip(parents, zeros, strict=True)):
            return None
    node = _new(kind)  # as Node(...) does, without another call
    node.primitive = primitive
    node.parents = parents
    node.operands = operands
    node.settings = settings
    node.result = result if primitive.saves_result else None
    node.order = count()
    return node


class Leaf(Node):
    """Where tracking starts: a Tensor that requires a gradient, or a trainable Variable.

    spent: whether it is the place of a transform's argument, and the transform is over: nobody will ask for its gradient.
    """

    __slots__ = ("spent",)

    def __init__(self) -> None:
        super().__init__(None, (), (), {}, None)
        self.grad: Any = None
        self.spent = False


class AssignedLeaf(Leaf):
    """Where a Variable stands, while a transform looks, that was assigned a value that has a derivative."""

    __slots__ = ()


class Pick(Node):
    """Result number `settings` of a primitive that returns several."""

    __slots__ = ()

    def __init__(self, node: Node, index: int):
        super().__init__(None, (node,), (), index, None)  # type: ignore[arg-type]
