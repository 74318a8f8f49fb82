"""Work on large arrays, outside of plans: kernels of the compiler may do it, on all threads (compiler/large.py).

The core knows no compiler: the front door says where one is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autonet.core.tape import Node


class LargeNode(Node):
    """A node with an operand of common.pool.LARGE elements or more, whose rules may be kernels too."""

    __slots__ = ()


load: Callable[[], Any] | None = None  # gives the module of kernels


def compute(primitive: Any, values: tuple, settings: dict) -> Any:
    """The result of a primitive's body on arrays of which one is large: an array or several."""
    result = None if load is None else load().compute(primitive, values, settings)
    return primitive.body(*values, **settings) if result is None else result


def pull(g: Any, node: LargeNode, wanted: Any) -> list[tuple[Node, Any, Any]] | None:
    """What a primitive's pull gives in a walk that nobody records; None where no kernels are for it."""
    return None if load is None else load().pull(g, node, wanted)
