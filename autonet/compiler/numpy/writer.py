"""The code writer of NumPy plans: lines of the generated function, and the objects that they name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.passes.memory import shaped
from autonet.compiler.program import Instruction, Value

RESERVED = frozenset(
    "inputs outputs step body make fill store seen rows more flat laid frame sums target source to piece matrix values "
    "shares parts back own to_bits peaks bits first free picked picked_bits a b x g y p sum map status fail".split()
)


class Writer:
    """The generated function in the making.

    names: everything that the lines refer to; statics: the arrays among them, the same in every run; definitions: lines
    that stand before the function, and are run once.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.definitions: list[str] = []  # made once, before the function
        self.names: dict[str, Any] = {}
        self.statics: dict[str, np.ndarray] = {}
        self._by_id: dict[int, str] = {}
        self._free: list[np.ndarray] = []  # bytes for workspaces
        self._borrowed: list[np.ndarray] = []
        self.workspace_bytes = 0

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def call(self, f: Callable, *arguments: Any, indent: str = "", **keywords: Any) -> None:
        """A line that calls `f`; arguments are names, numbers, or anything else, which gets a name."""
        details = [self.literal(a) for a in arguments] + [f"{k}={self.literal(v)}" for k, v in keywords.items()]
        self(f"{indent}{self.constant(f)}({', '.join(details)})")

    def define(self, expression: str) -> str:
        """The name of what an expression gives when the plan is made."""
        name = f"_own{len(self.definitions)}"  # no other name begins so
        self.definitions.append(f"{name} = {expression}")
        return name

    def define_function(self, parameters: list[str], lines: list[str]) -> str:
        """The name of a function beside the generated one."""
        name = f"_own{len(self.definitions)}"
        self.definitions += [f"def {name}({', '.join(parameters)}):", *[f"    {line}" for line in lines]]
        return name

    def literal(self, x: Any) -> str:
        """How the generated code writes `x`; texts are names already."""
        if isinstance(x, str):
            return x
        if type(x) in (bool, int, type(None)) or (type(x) is float and math.isfinite(x)):
            return repr(x)
        if type(x) is tuple and all(type(n) is int for n in x):
            return repr(x)
        return self.constant(x)

    def constant(self, thing: Any, name: str | None = None) -> str:
        """The name of a function, number or array in the generated code.

        Functions are called by their own names, values as in listings, the rest by numbers: so the names of many plans
        are few, and Python, which keeps a table of all names, does not grow by making plans.
        """
        known = self._by_id.get(id(thing))
        if known is not None:
            return known
        if name is None:
            name = getattr(thing, "__name__", None)
            if isinstance(owner := getattr(thing, "__self__", None), np.ufunc):
                name = f"{owner.__name__}_{name}"  # a method, which Python makes anew each time it is looked up
                if name in self.names and self.names[name] == thing:
                    return name
            if not isinstance(name, str) or not name.isidentifier() or name in (*RESERVED, *self.names):
                name = f"k{len(self.names)}"
        self.names[name] = thing
        self._by_id[id(thing)] = name
        if isinstance(thing, np.ndarray):
            self.statics[name] = thing
        return name

    def workspace(self, shape: tuple[int, ...], dtype: Any, order: Any = None) -> str:
        """A buffer for use within the current instruction only, its axes in this order in memory (None: C order)."""
        dtype = np.dtype(dtype)
        nbytes = math.prod(shape) * dtype.itemsize
        fits = [raw for raw in self._free if nbytes <= raw.nbytes <= 4 * nbytes + 4096]
        raw = min(fits, key=lambda r: r.nbytes) if fits else np.empty(nbytes, np.uint8)
        if fits:
            self._free = [r for r in self._free if r is not raw]
        else:
            self.workspace_bytes += nbytes
        self._borrowed.append(raw)
        return self.constant(shaped(raw[:nbytes].view(dtype), shape, order))

    def like(self, v: Value, name: str, shape: tuple[int, ...] | None = None) -> str:
        """A workspace of the operand's dtype, and of its memory order, as NumPy gives it to what it makes from that."""
        order = v.order or None
        if self.is_static(name):
            strides = self.statics[name].strides
            order = tuple(sorted(range(len(strides)), key=lambda a: (-abs(strides[a]), a)))
        return self.workspace(v.shape if shape is None else shape, v.dtype, order)

    def end_instruction(self) -> None:
        """Workspaces are free again."""
        self._free += self._borrowed
        self._borrowed = []

    def is_static(self, name: str) -> bool:
        """Whether `name` is the same array in every run."""
        return name in self.statics

    def view(self, name: str, f: Callable[[np.ndarray], np.ndarray]) -> str:
        """The name of a view of a static array, made now."""
        whole = self.statics[name]
        part = f(whole)
        assert part is whole or not part.size or np.may_share_memory(part, whole), "a copy in the place of a view"
        return self.constant(part)

    def held(self, v: Value, name: str) -> np.ndarray:
        """An array that holds the operand `v`, called `name`, in every run: its own, or a copy made in each."""
        if not self.is_static(name):
            own = self.workspace(v.shape, v.dtype, v.order or None)
            self.call(np.copyto, own, name)
            name = own
        return self.statics[name]

    def rows(self, v: Value, name: str, shape: tuple[int, ...], moved: Callable | None = None) -> np.ndarray:
        """The operand `v`, its axes `moved`, as an array of `shape` in C order: a view, or a copy made in each run."""
        x = self.held(v, name)
        x = x if moved is None else moved(x)
        if not x.flags.c_contiguous:
            own = self.workspace(x.shape, x.dtype)
            self.call(np.copyto, own, x)
            x = self.statics[own]
        return x.reshape(shape)

    def shared(self, name: str, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | None:
        """What `f` makes of a static array if that is a view of it, else None."""
        whole = self.statics[name]
        part = f(whole)
        return part if np.may_share_memory(part, whole) or not part.size else None

    def arguments(self, i: Instruction, given: list[str]) -> str:
        """The arguments of a call of the primitive's body."""
        settings = [f"{k}={repr(v) if isinstance(v, str) else self.literal(v)}" for k, v in i.settings.items()]
        return ", ".join([*given, *settings])
