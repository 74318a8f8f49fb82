"""What a captured step took as fixed: attributes of layers, optimizers, losses, and which weights are trained.

Whoever is `Watched` moves `structure.version` when an attribute is set; only then do plans compare their signatures.
What changes unannounced (an array or a list changed in place, a global variable) is not seen.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from autonet.core import dtypes
from autonet.core.state import Watched, structure
from autonet.core.tensor import Tensor
from autonet.ops.windows import image_data_format


class _Same:
    """Equal to the same object only; does not keep it alive, and is not fooled by another one at its address."""

    __slots__ = ("id", "ref")

    def __init__(self, thing: Any):
        self.id = id(thing)
        try:
            self.ref: Any = weakref.ref(thing)
        except TypeError:
            self.ref = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same) or self.id != other.id:
            return False
        return self.ref is None or other.ref is None or self.ref() is other.ref()

    def __hash__(self) -> int:
        return self.id


def numbers(thing: Any) -> dict[str, Any]:
    """The numbers among the attributes of `thing`."""
    ignored = getattr(thing, "_unfixed", ())
    return {n: v for n, v in vars(thing).items() if type(v) in (int, float) and n not in ignored}


class Guards:
    """The attributes of everything that took part in a capture, as they were when it ended.

    Args:
        touched: the things.
        variables: the Variables of the program.
        own: identities of the arrays that the capture made: attributes that hold these are results, not conditions.
    """

    def __init__(self, touched: list[Any], variables: list[Any], own: Any = ()):
        self.ignored: dict[int, set[str]] = {}  # names, by identity of the thing
        for thing in touched:
            self.ignored[id(thing)] = {n for n, v in vars(thing).items() if isinstance(v, Tensor) and _made(v, own)}
        self.things = [weakref.ref(t) for t in touched]
        self.variables = [weakref.ref(v) for v in variables]
        self.version = structure.version
        self.taken = self._take()

    def hold(self) -> bool:
        """Whether everything is as it was."""
        version = structure.version
        if self.version != version:
            if self._take() != self.taken:
                return False
            self.version = version
        return True

    def _take(self) -> list[Any]:
        seen: set[int] = set(self.ignored)
        taken: list[Any] = [(dtypes.floatx(), dtypes.epsilon(), image_data_format())]
        taken += [None if t is None else self._signature(t, seen) for t in (ref() for ref in self.things)]
        for v in (ref() for ref in self.variables):
            if v is not None:
                taken.append((v.trainable, self._frozen(v.constraint, seen), self._frozen(v.regularizer, seen)))
        return taken

    def _signature(self, thing: Any, seen: set[int]) -> dict[str, Any]:
        """The attributes of `thing` that a step may have used as constants, in a form that compares with ==."""
        ignored = {*getattr(thing, "_unfixed", ()), *self.ignored.get(id(thing), ())}
        return {name: self._frozen(value, seen) for name, value in vars(thing).items() if name not in ignored}

    def _frozen(self, value: Any, seen: set[int]) -> Any:
        if isinstance(value, (bool, int, str, bytes, type(None))):
            return type(value), value
        if isinstance(value, (float, np.generic)):
            return type(value), repr(value)  # nan is itself, -0.0 is not 0.0
        if isinstance(value, (list, tuple)):
            return type(value), [self._frozen(v, seen) for v in value]
        if isinstance(value, dict):
            return type(value), [(self._frozen(k, seen), self._frozen(v, seen)) for k, v in value.items()]
        if isinstance(value, Watched) and id(value) not in seen:
            seen.add(id(value))
            return _Same(value), self._signature(value, seen)
        return _Same(value)


def _made(tensor: Tensor, own: Any) -> bool:
    return not hasattr(tensor, "_array") and id(tensor._value) in own
