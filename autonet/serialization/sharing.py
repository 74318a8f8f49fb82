"""Objects that a configuration mentions more than once stay one object.

While something is being stored, every object in it gets a number, `shared_object_id`, of which those that turn out to be
needed are kept; while something is being built, an object of a number that came before is that object.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from typing import Any

KEY = "shared_object_id"


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.storing: dict[int, tuple[int, Any]] | None = None  # id of an object to its number; held, so that ids stay
        self.building: dict[int, Any] | None = None  # number to object


_scopes = _Scopes()


class Storing:
    """Context manager around the storing of one thing; only the outermost one counts."""

    def __enter__(self) -> Storing:
        self.outermost = _scopes.storing is None
        if self.outermost:
            _scopes.storing = {}
        return self

    def __exit__(self, *exc: object) -> None:
        if self.outermost:
            _scopes.storing = None

    def number(self, obj: Any) -> int:
        """The number of `obj`."""
        known = _scopes.storing
        assert known is not None
        return known.setdefault(id(obj), (len(known), obj))[0]

    def finish(self, stored: Any) -> Any:
        """What was stored, with numbers where they are needed, counted from 0."""
        if not self.outermost:
            return stored
        seen = Counter(_numbers(stored))
        fresh = itertools.count()
        return _renumbered(stored, {n: next(fresh) for n, times in seen.items() if times > 1})


def _numbers(tree: Any) -> list[int]:
    found: list[int] = []
    if isinstance(tree, dict):
        if KEY in tree:
            found.append(tree[KEY])
        for value in tree.values():
            found += _numbers(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            found += _numbers(value)
    return found


def _renumbered(tree: Any, numbers: dict[int, int]) -> Any:
    if isinstance(tree, dict):
        kept = {k: _renumbered(v, numbers) for k, v in tree.items() if k != KEY}
        return {**kept, KEY: numbers[tree[KEY]]} if tree.get(KEY) in numbers else kept
    if isinstance(tree, (list, tuple)):
        return type(tree)([_renumbered(v, numbers) for v in tree])
    return tree


class Building:
    """Context manager around the building of one thing; only the outermost one counts.

    Attributes:
        outermost: whether it is that one.
        known: the objects by number.
    """

    def __enter__(self) -> Building:
        self.outermost = _scopes.building is None
        if _scopes.building is None:
            _scopes.building = {}
        self.known = _scopes.building
        return self

    def __exit__(self, *exc: object) -> None:
        if self.outermost:
            _scopes.building = None
