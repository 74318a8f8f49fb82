"""Sketch: a capture whose large results are foretold, not computed.

What a plan is made from are shapes, dtypes and orders of memory, not numbers; where the plan itself is to do the step of the
captured call, its numbers serve nobody. So an operation on large arrays gives one of the same shape, dtype and order that is
made of zeros which take no memory. A run that needs numbers all the same (Python looks at one, a body refuses zeros, code of
others takes part) is not to be trusted: it is undone, and comes again as a capture that computes.
"""

from __future__ import annotations

import functools
import math
import mmap
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.versions import Versioned
from autonet.compiler.capture import Recorder
from autonet.compiler.chance import is_library
from autonet.compiler.facts import FACTS
from autonet.core.tensor import Tensor
from autonet.ops.abstract import POINTWISE, RULES, blank, sample

_PLAIN = frozenset({bool, int, float, str, type(None), np.ndarray})
LEAST = 1 << 13  # elements of an operand from which on foretelling takes less time than computing


class NumbersNeeded(BaseException):
    """A sketch has met what it cannot foretell. Nobody but the compiler is to catch it."""


class Sketch(Recorder):
    """The recorder of a run that is to be undone, of the package's own code alone."""

    def __init__(self) -> None:
        super().__init__(strict=False)
        self.zeros = _zeros(mmap.PAGESIZE)
        self.own: set[int] = set()  # identities of what takes part and runs no code of others

    def compute(self, primitive: Any, values: list[np.ndarray], settings: dict[str, Any]) -> Any:
        """What the body gives, or what has its form."""
        if max([v.size for v in values], default=0) >= LEAST and primitive.name in FORETOLD:
            found = self._foretold(primitive, values, settings)
            if found is not None:
                return found
        return primitive.body(*values, **settings)

    def _foretold(self, op: Any, values: list[np.ndarray], settings: dict[str, Any]) -> Any:
        orderly = all(v.flags.c_contiguous for v in values)
        if op.name in POINTWISE:
            dtype = sample(op, [(1,)] * len(values), values, settings).dtype
            if orderly:
                return self.array(np.broadcast_shapes(*[v.shape for v in values]), dtype)
            if op.name in FACTS and FACTS[op.name].ufunc is not None:
                return self._like(values, dtype)
            return None
        if not (orderly or (op.name == "matmul" and all(v.ndim == 2 for v in values))):
            return None
        made = FORETOLD[op.name](op, *values, **settings)
        if made is None:
            return None
        if type(made) is tuple:
            return tuple([self.array(m.shape, m.dtype) for m in made])
        return self.array(made.shape, made.dtype)

    def _like(self, values: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
        """In the order that NumPy's functions give results of such operands."""
        operands = [*[v.view(f"V{v.itemsize}") for v in values], None]
        flags: list[Any] = [["readonly"]] * len(values) + [["writeonly", "allocate"]]
        dtypes = [*[v.dtype for v in operands[:-1]], np.dtype(f"V{dtype.itemsize}")]  # type: ignore[union-attr]
        made = np.nditer(operands, ["zerosize_ok"], flags, dtypes).operands[-1]  # type: ignore[arg-type]
        return self.array(made.shape, dtype, made.strides)

    def array(self, shape: tuple[int, ...], dtype: Any, strides: Any = None) -> np.ndarray:
        """Zeros; all arrays of a sketch are the same ones in memory."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        if size > len(self.zeros):
            self.zeros = _zeros(size)
        made = np.ndarray(shape, dtype, self.zeros, 0, strides)
        made.flags.writeable = False
        return made

    def leaked(self, tensor: Tensor, asked: str) -> None:
        raise NumbersNeeded

    def refuse(self, reason: str) -> None:
        raise NumbersNeeded

    def read_ahead(self, layer: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        raise NumbersNeeded

    def touch(self, thing: Any) -> None:
        if not self._is_own(thing):
            raise NumbersNeeded  # it may count its calls, or do else what is seen
        super().touch(thing)

    def _is_own(self, thing: Any) -> bool:
        """Whether a thing, and what it holds, runs the package's own code alone."""
        stack = [thing]
        while stack:
            thing = stack.pop()
            if isinstance(thing, (list, tuple)):
                stack.extend(thing)
            elif isinstance(thing, dict):
                stack.extend(thing.values())
            elif isinstance(thing, functools.partial):
                stack.extend((thing.func, *thing.args, *thing.keywords.values()))
            elif isinstance(thing, types.MethodType):
                stack.extend((thing.__self__, thing.__func__))
            elif type(thing) in _PLAIN:
                pass
            elif not is_library(thing):
                return False
            elif isinstance(thing, Versioned) and id(thing) not in self.own:
                self.own.add(id(thing))
                stack.extend(vars(thing).values())
        return True


def _zeros(size: int) -> mmap.mmap:
    """Memory of the process's own, of which nothing is there until it is written."""
    own = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    return mmap.mmap(-1, size, **own)


def _kernel(op: Any, x: np.ndarray, out: np.ndarray, *, size: tuple, groups: int, **_: Any) -> np.ndarray:
    return blank((*size, x.shape[-1] // groups, out.shape[-1]), x.dtype)


def _as(which: int) -> Callable[..., Any]:
    """The form of an operand."""
    return lambda op, *values, **settings: blank(values[which].shape, values[0].dtype)


def _pooled(op: Any, x: np.ndarray, *, window: tuple, size: tuple, **_: Any) -> np.ndarray | None:
    if math.prod(window) == 1:
        return None  # a view
    return blank((x.shape[0], *size, x.shape[-1]), x.dtype)


def _normalized(op: Any, *values: np.ndarray, axis: int, epsilon: float) -> tuple | None:
    x, scale = values[3:5] if len(values) > 3 else values[:2]
    if axis % x.ndim < x.ndim - 1:
        return None  # its own order of memory
    return blank(x.shape, x.dtype), blank(scale.shape, x.dtype), blank(scale.shape, x.dtype)


_BY_RULE = """sum mean max min logsumexp softmax log_softmax cumsum sum_to cast matmul _join _pad _within convolve convolve_input
attend standardize""".split()
FORETOLD: dict[str, Callable[..., Any]] = {  # none that refuses operands by their numbers
    **dict.fromkeys(POINTWISE, sample),
    **{name: RULES[name] for name in _BY_RULE},
    "convolve_kernel": _kernel,
    **dict.fromkeys(["pool_max", "pool_mean"], _pooled),
    "unpool_max": _as(1),
    "softmax_vjp": _as(1),
    "batch_normalize": _normalized,
    "batch_normalize_vjp": _normalized,
}
