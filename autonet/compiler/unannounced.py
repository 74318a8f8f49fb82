"""What changes without a word: lists, dictionaries and arrays in place, attributes of classes and of objects of others, global
variables that functions name. Guards have it in what they compare, and a `Watch` says where it changed since it last looked:
before each step, or several in a row, of fit, evaluate and predict. Only what is not the package's own is looked at.
"""

from __future__ import annotations

import functools
import weakref
import zlib
from collections import deque
from collections.abc import Iterable
from operator import is_
from sys import intern
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autonet.common.versions import Versioned, structure
from autonet.compiler.chance import is_library, used
from autonet.core.tensor import Tensor

MOST = 2000  # things that are looked at, and things in a container; of a larger one, so many that are evenly spaced
WHOLE = 1 << 18  # bytes of an array that are; of a larger one, so many of evenly spaced rows
_PLAIN = (bool, int, str, bytes, type(None))
_MUTABLE = (list, dict, set, deque, np.ndarray)
_CONTAINERS = (list, dict, set, deque, tuple, frozenset)
_NAMESPACES = ("types.SimpleNamespace", "argparse.Namespace")  # Python's own, of attributes of others


class Same:
    """Equal to the same object only; does not keep it alive, and is not fooled by another one at its address."""

    __slots__ = ("id", "ref")

    def __init__(self, thing: Any):
        self.id = id(thing)
        try:
            self.ref: Any = weakref.ref(thing)
        except TypeError:
            self.ref = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same) or self.id != other.id:
            return False
        return self.ref is None or other.ref is None or self.ref() is other.ref()

    def __hash__(self) -> int:
        return self.id


def plain(x: Any) -> Any:
    """A number, text or None, in a form that compares with ==; None for anything else."""
    if isinstance(x, _PLAIN):
        return type(x), x
    if isinstance(x, (float, np.generic)):
        return type(x), repr(x)  # nan is itself, -0.0 is not 0.0
    return None


class Watch:
    """Lets plans look again where anything changed that a model holds, or what it holds."""

    def __init__(self) -> None:
        self.version = -1
        self.found: list[Any] = []
        self.places: list[tuple[Any, Any]] = []  # things, and what they held

    def look(self, model: Any) -> None:
        """See whether anything changed since the last time."""
        if self.version == structure.version and not any(_moved(*place) for place in self.places):
            return
        self.places = []
        found = contents(holders([model]), self.places)
        if found != self.found:
            self.found = found
            structure.changed()
        self.version = structure.version


def holders(things: Iterable[Any]) -> list[Any]:
    """Of these layers, losses, ..., and those that they hold: the ones that hold something of others, or a container that
    anybody may change, by weak references."""
    found, seen, stack = [], set(), list(things)
    while stack:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Versioned):
            stack.extend(v for name, v in vars(thing).items() if name not in thing._unfixed)
            if _values(thing):
                found.append(weakref.ref(thing))
        elif isinstance(thing, _CONTAINERS):
            stack.extend(thing.values() if isinstance(thing, dict) else thing)
    return found


def contents(references: list[Any], places: list[tuple[Any, Any]] | None = None) -> list[Any]:
    """What the things hold that may change unannounced, in a form that compares with ==; where it stands comes to `places`."""
    found: list[Any] = []
    seen: set[int] = set()
    stack = [thing for ref in references if (thing := ref()) is not None]
    while stack and len(seen) < MOST:
        thing = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        inside = _values(thing)
        if places is not None and not isinstance(thing, Versioned):  # which announces what it gets
            places.append((thing, inside))
        found.append([plain(v) or Same(v) for v in inside])
        stack.extend(v for v in inside if _may_change(v))
    return found


def _moved(thing: Any, held: list[Any]) -> bool:
    """Whether a thing holds other objects now, be they equal or not."""
    now = _values(thing)
    if isinstance(thing, np.ndarray):
        return now != held
    return len(now) != len(held) or not all(map(is_, now, held))


def _some(values: list[Any]) -> list[Any]:
    n = len(values)
    return values if n <= MOST else [intern(str(n)), *values[:: -(-n // MOST)]]  # the number, as an object that stays


def _may_change(x: Any) -> bool:
    """Whether `x` is an array, a container, or a function, class or object of others, whose attributes nobody announces."""
    return isinstance(x, (*_CONTAINERS, np.ndarray)) or _is_open(x)


def _is_open(x: Any) -> bool:
    """Whether `x` is a function, class or object of others."""
    if isinstance(x, (*_PLAIN, float, Tensor, Versioned, ModuleType, *_CONTAINERS, np.ndarray)):
        return False
    if is_library(x):
        return f"{type(x).__module__}.{type(x).__name__}" in _NAMESPACES
    return isinstance(x, (FunctionType, MethodType, functools.partial, type)) or hasattr(x, "__dict__")


def _values(thing: Any) -> list[Any]:
    """What a thing holds, and under which names."""
    if isinstance(thing, np.ndarray):
        part = thing if thing.nbytes <= WHOLE else thing[:: -(-thing.nbytes // WHOLE)]
        return [] if thing.dtype.kind == "O" else [thing.dtype.str, zlib.crc32(np.ascontiguousarray(part).tobytes())]
    if isinstance(thing, dict):
        return _some([*thing, *thing.values()])
    if isinstance(thing, _CONTAINERS):
        return _some(list(thing))
    if isinstance(thing, FunctionType):
        return [v for _, v in used(thing)]
    if isinstance(thing, MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, type):
        own = [(n, v) for n, v in vars(thing).items() if n[:2] != "__" or n == "__call__"]
        return [x for n, v in own for x in (n, getattr(v, "fget", None) or getattr(v, "__func__", v))]
    classes = [c for c in type(thing).__mro__ if not is_library(c)]
    if not isinstance(thing, Versioned):
        return [*vars(thing), *vars(thing).values(), *classes]
    fixed = [(name, v) for name, v in vars(thing).items() if name not in thing._unfixed]
    if classes:
        return [*[v for _, v in fixed if _may_change(v)], *classes]
    inside = type(thing).__module__.startswith("autonet.training.")  # nobody else's hands get there
    return [v for name, v in fixed if _leads_out(v) or (name[0] != "_" and not inside and isinstance(v, _MUTABLE))]


def _leads_out(x: Any, most: int = 4) -> bool:
    """Whether `x` is, or holds, something of others."""
    if not most or not isinstance(x, _CONTAINERS):
        return _is_open(x)
    return any(_leads_out(v, most - 1) for v in (x.values() if isinstance(x, dict) else x))
