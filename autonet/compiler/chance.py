"""Random numbers that a run draws outside autonet: a replay would not draw them again.

The generators of NumPy and Python are compared before and after the run, and so are those that its functions hold: as
attributes, global variables, or in closures. The line that draws is looked up in the code of these functions.
"""

from __future__ import annotations

import dis
import functools
import pickle
import random
import sys
import threading
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autonet.common.lines import shown

MOST = 2000  # things that are looked at in one run
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
_GLOBAL: Any = {"NumPy's": np.random.mtrand._rand, "Python's": random._inst}  # type: ignore[attr-defined]
_LIBRARIES = {"autonet", "numpy", *sys.stdlib_module_names} - {"__main__"}


class Chance:
    """The generators within reach of a run, as they were when it met them."""

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}
        self._functions: list[FunctionType] = []
        self._before: list[tuple[Any, Any]] = [(g, _state(g)) for g in _GLOBAL.values()]
        self._names: dict[int, set[str]] = {id(g): set() for g in _GLOBAL.values()}

    def meet(self, root: Any) -> None:
        """A function or an object takes part from now on, and so does what it holds."""
        stack = [("", root)]
        while stack and len(self._seen) < MOST:
            name, thing = stack.pop()
            if isinstance(thing, _GENERATORS):
                if id(thing) not in self._names and (state := _state(thing)) is not None:
                    self._before.append((thing, state))
                self._names.setdefault(id(thing), set()).add(name)
            if id(thing) not in self._seen and (thing is root or not is_library(thing)):
                self._seen[id(thing)] = thing
                stack.extend(self._held(thing))

    def _held(self, thing: Any) -> Iterator[tuple[str, Any]]:
        """Names and values of what `thing` holds."""
        if isinstance(thing, FunctionType):
            self._functions.append(thing)
            yield from used(thing)
        elif isinstance(thing, MethodType):
            yield from (("", thing.__self__), ("", thing.__func__))
        elif isinstance(thing, functools.partial):
            yield from (("", x) for x in (thing.func, *thing.args, *thing.keywords.values()))
        elif isinstance(thing, (list, tuple)):
            yield from (("", x) for x in thing[:100])
        elif isinstance(thing, dict):
            yield from (("", x) for x in list(thing.values())[:100])
        elif hasattr(thing, "__dict__") and not isinstance(thing, type):
            yield from list(vars(thing).items())
            for cls in type(thing).__mro__:
                if not is_library(cls):
                    yield from ((n, f) for n, f in vars(cls).items() if isinstance(f, FunctionType))

    def found(self) -> str | None:
        """What was drawn since then, in words; None if nothing was."""
        for generator, state in self._before:
            if _state(generator) != state:
                line = self._line(generator)
                if line is None and any(t.name.startswith("autonet-data") for t in threading.enumerate()):
                    continue  # threads that load data may draw meanwhile
                whose = next((w for w, g in _GLOBAL.items() if g is generator), None)
                what = f"{whose} random numbers" if whose else f"random numbers of a {type(generator).__name__}"
                return f"{'This function' if line is None else f'{shown(line)}: this line'} draws {what}"
        return None

    def _line(self, generator: Any) -> tuple[str, int] | None:
        for f in self._functions:
            for code in _codes(f.__code__):
                for i in dis.get_instructions(code):
                    if isinstance(i.argval, str) and self._means(i.argval, f, code, generator):
                        lines = [n for start, end, n in code.co_lines() if start <= i.offset < end and n]
                        return code.co_filename, lines[0] if lines else code.co_firstlineno
        return None

    def _means(self, name: str, f: FunctionType, code: CodeType, generator: Any) -> bool:
        """Whether a name in a function's code stands for a generator, or for what draws from it."""
        if name in self._names[id(generator)]:
            return True
        if name == "random" and "random" in code.co_names:
            modules = [f.__globals__.get(n) for n in code.co_names]
            home = np.random if generator is _GLOBAL["NumPy's"] else random
            return home in modules or (home is np.random and np in modules and generator is _GLOBAL["NumPy's"])
        return name in code.co_names and getattr(f.__globals__.get(name), "__self__", None) is generator


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of functions within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def used(f: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function finds outside: global variables, also of modules of others, what its closure holds, and defaults."""
    names, attributes = _names(f.__code__)
    for name in names:
        value = f.__globals__.get(name)
        if isinstance(value, ModuleType) and not is_library(value):
            yield from ((n, vars(value).get(n)) for n in attributes)
        else:
            yield name, value
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from (("", f.__defaults__), ("", f.__kwdefaults__))


@functools.lru_cache(4096)
def _names(code: CodeType) -> tuple[list[str], list[str]]:
    """The global variables that a function names, and whatever it names."""
    names = {i.argval for c in _codes(code) for i in dis.get_instructions(c) if i.opname == "LOAD_GLOBAL"}
    return sorted(names), sorted({n for c in _codes(code) for n in c.co_names})


def is_library(thing: Any) -> bool:
    """Whether a function, module, class or object is of this package, NumPy, or Python."""
    if isinstance(thing, (list, tuple, dict, functools.partial, MethodType)):
        return False
    named = thing if isinstance(thing, (FunctionType, type)) else type(thing)
    module = thing.__name__ if isinstance(thing, ModuleType) else named.__module__
    return str(module).partition(".")[0] in _LIBRARIES


def _state(generator: Any) -> Any:
    """Where a generator stands; None where it does not say."""
    try:
        if isinstance(generator, np.random.Generator):
            return pickle.dumps(generator.bit_generator.state)
        if isinstance(generator, np.random.RandomState):
            legacy: Any = generator.get_state()
            return [part.tobytes() if isinstance(part, np.ndarray) else part for part in legacy]
        return generator.getstate()
    except (AttributeError, NotImplementedError, TypeError):
        return None
