"""What a layer owns: Variables, layers, metrics and generators, found by assigning them to attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autonet.common.versions import Versioned, structure
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.random.seeds import SeedGenerator
from autonet.variable import Variable

_CONTAINERS = (list, tuple, dict)
_NUMBERS = (Tensor, np.ndarray, np.generic, int, float)


class Tracking(Versioned):
    """Base that remembers the owned objects among its attributes, in the order in which they came.

    Lists, tuples and dictionaries are looked through when asked, so what is appended later counts too.
    """

    _owned: list[Any]

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__"):
            owned = self.__dict__.get("_owned")
            if owned is None:
                owned = self.__dict__["_owned"] = []
            old = self.__dict__.get(name)
            if old is not value:
                if isinstance(old, Variable) and isinstance(value, _NUMBERS) and not isinstance(value, Variable):
                    raise ArgumentError(
                        f"{getattr(self, 'label', type(self).__name__)}: its attribute {name!r} is a Variable, in whose place a "
                        f"{type(value).__name__} would come, as by self.{name} += 1. Change its values: self.{name}.assign(...) "
                        "or assign_add."
                    )
                if old is not None and _trackable(old) and sum(v is old for v in self.__dict__.values()) == 1:
                    owned[:] = [x for x in owned if x is not old]
                if _trackable(value) and not any(x is value for x in owned) and name not in self._untracked:
                    owned.append(value)
            object.__setattr__(self, name, value)
            if old is not value and name not in self._unfixed:
                structure.changed()
            return
        object.__setattr__(self, name, value)

    _untracked: frozenset[str] = frozenset()  # attributes whose values are not owned

    def __delattr__(self, name: str) -> None:
        old = self.__dict__.get(name)
        object.__delattr__(self, name)
        self._owned[:] = [x for x in self._owned if x is not old]
        structure.changed()

    def _own(self, kind: type | tuple[type, ...]) -> Iterator[Any]:
        """Owned objects of `kind`, each once, containers looked through."""
        seen: set[int] = set()
        for x in _leaves(self.__dict__.get("_owned", ())):
            if isinstance(x, kind) and id(x) not in seen:
                seen.add(id(x))
                yield x


def _trackable(x: Any) -> bool:
    return isinstance(x, (Variable, SeedGenerator, Tracking, *_CONTAINERS)) or hasattr(x, "update_state")


def _leaves(values: Any, around: tuple[int, ...] = ()) -> Iterator[Any]:
    """What is in containers; `around` are the ids of those under way, since one may hold itself."""
    for x in values:
        if not isinstance(x, (dict, list, tuple)):
            yield x
        elif id(x) not in around:
            yield from _leaves(x.values() if isinstance(x, dict) else x, (*around, id(x)))
