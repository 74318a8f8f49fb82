"""jit: a function that is captured at its first call for each signature, and replayed after that."""

from __future__ import annotations

import functools
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.capture import Recorder, capture
from autonet.compiler.guards import Guards
from autonet.compiler.numpy_plan import NumpyPlan
from autonet.compiler.pipeline import optimize
from autonet.compiler.program import Program, Value
from autonet.core.state import state
from autonet.core.tensor import Tensor, convert_to_tensor, to_array, wrap
from autonet.core.trees import flatten, map_structure, pack
from autonet.core.variable import Variable

PLANS = 16  # signatures of one function whose plans are kept; the one used longest ago goes first


class Entry:
    """What is known of a function for one signature: its program, and, from the second call on, its plan."""

    def __init__(self, recorder: Recorder, result: Any):
        self.obstacle = recorder.obstacle
        self.tracked = any(isinstance(t, Tensor) and t._node is not None for t in flatten(result))
        self.leaves = []  # of the result: (True, number of the output) or (False, value)
        outputs: list[Value] = []
        for leaf in flatten(result):
            if isinstance(leaf, Tensor) and not isinstance(leaf, Variable):
                value = recorder.values.get(id(leaf._value)) or recorder.known(leaf._value, "constant", leaf._value)
                self.leaves.append((True, len(outputs)))
                outputs.append(value)
            else:
                self.leaves.append((False, leaf))
        self.tree = map_structure(lambda leaf: None, result)
        recorder.program.outputs = outputs
        self.captured = recorder.program
        self.guards = Guards(list(recorder.touched.values()), recorder.program.variables())
        self.program: Program | None = None
        self.plan: Any = None
        self.lock = threading.Lock()

    def result(self, arrays: list[np.ndarray]) -> Any:
        """The function's result, with these arrays as its Tensors."""
        return pack(self.tree, [wrap(arrays[x]) if is_tensor else x for is_tensor, x in self.leaves])


def make_plan(program: Program, native: Any = "auto") -> Any:
    """The fastest plan that can be made here: native if wanted and a C compiler is at hand, else NumPy's."""
    from autonet.compiler.native import library, toolchain

    if native in ("auto", True) and library.available():
        from autonet.compiler.native_plan import NativePlan

        try:
            return NativePlan(program)
        except toolchain.CompilationError as error:
            warnings.warn(f"Native code could not be made, so the step runs with NumPy: {error}", stacklevel=2)
    return NumpyPlan(program)


class Compiled:
    """A function with its plans; `jit` makes it.

    Args:
        f: the function.
        static: positions and names of arguments whose value, rather than shape, belongs to the signature.
        strict: whether Python that looks at a value is an error; otherwise the function runs eagerly and says so once.
        native: True, False or "auto": whether plans may be machine code.
    """

    def __init__(self, f: Callable, static: tuple = (), strict: bool = True, native: Any = "auto"):
        self.f = f
        self.static = frozenset(static)
        self.strict = strict
        self.native = native
        self.entries: OrderedDict[Any, Entry] = OrderedDict()
        self.last: Entry | None = None
        self._lock = threading.RLock()
        functools.update_wrapper(self, f)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.capture is not None:
            return self.f(*args, **kwargs)  # part of an outer capture
        key, inputs, tracked = self._signature(args, kwargs)
        if tracked and state.recording:
            return self.f(*args, **kwargs)  # its result is to be differentiated: only the eager run is recorded
        entry = self.entries.get(key)
        if entry is None or not entry.guards.hold():
            return self._capture(key, inputs, args, kwargs)
        if entry.obstacle is not None or (state.recording and entry.tracked):
            return self.f(*args, **kwargs)
        self.last = entry
        with entry.lock:
            if entry.plan is None:
                self._build(entry)
            return entry.result(entry.plan.run(inputs))

    def _signature(self, args: tuple, kwargs: dict) -> tuple[Any, list[np.ndarray], bool]:
        """The key of a call, the arrays that it passes, and whether one of them is tracked."""
        key: list[Any] = [_structure(args), _structure(kwargs), state.training]
        inputs = []
        tracked = False
        named = [(i, a) for i, a in enumerate(args)] + sorted(kwargs.items())
        for place, argument in named:
            for leaf in flatten(argument):
                if place in self.static or _is_static(leaf):
                    key.append((type(leaf), leaf if _hashable(leaf) else id(leaf)))
                    continue
                if isinstance(leaf, Tensor):
                    array = leaf._value
                    tracked = tracked or leaf._node is not None
                else:
                    array = to_array(leaf) if isinstance(leaf, np.ndarray) else convert_to_tensor(leaf)._value
                inputs.append(array)
                key.append((array.shape, array.dtype.num))
        return tuple(key), inputs, tracked

    def _capture(self, key: Any, inputs: list[np.ndarray], args: tuple, kwargs: dict) -> Any:
        def call(tensors: list[Tensor]) -> Any:
            rest = iter(tensors)

            def exchange(place: Any, argument: Any) -> Any:
                return map_structure(
                    lambda leaf: leaf if place in self.static or _is_static(leaf) else next(rest), argument
                )

            new = [exchange(i, a) for i, a in enumerate(args)]
            named = {k: exchange(k, kwargs[k]) for k in sorted(kwargs)}
            return self.f(*new, **named)

        with self._lock:
            result, recorder = capture(self.f, inputs, call, self.strict)
            if recorder.obstacle is not None:
                warnings.warn(
                    f"This step runs operation by operation, since it cannot be captured. {recorder.obstacle}",
                    stacklevel=3,
                )
            entry = Entry(recorder, result)
            self.entries[key] = entry
            self.last = entry
            while len(self.entries) > PLANS:
                self.entries.popitem(last=False)
        return result

    def _build(self, entry: Entry) -> None:
        entry.program = optimize(entry.captured)
        entry.plan = make_plan(entry.program, self.native)

    def explain(self) -> Any:
        """The plan used last: operations, memory, what was joined, the generated code. Prints, and shows in a notebook.

        Raises: NotBuiltError before the first call.
        """
        from autonet.compiler.explain import Explanation
        from autonet.errors import NotBuiltError

        entry = self.last
        if entry is None:
            raise NotBuiltError("There is no plan yet: call the function (or fit, evaluate, predict) first.")
        if entry.obstacle is not None:
            raise NotBuiltError(f"There is no plan, since the function cannot be captured. {entry.obstacle}")
        with entry.lock:
            if entry.plan is None:
                self._build(entry)
        return Explanation(getattr(self.f, "__name__", "function"), entry.captured, entry.plan)

    def repeatable(self, data: tuple, batch: int) -> Any:
        """The plan for batches of so many rows of `data` if it can run many of them in one call, else None."""
        leaves = [a for a in flatten(data) if a is not None]
        entry = self.last
        if entry is None or entry.plan is None or not getattr(entry.plan, "whole", False) or not entry.guards.hold():
            return None
        wanted = [(v.shape, v.dtype) for v in entry.program.inputs]  # type: ignore[union-attr]
        if [((batch, *a.shape[1:]), a.dtype) for a in leaves] != wanted or not all(
            a.flags.c_contiguous for a in leaves
        ):
            return None
        return entry.plan

    def clear(self) -> None:
        """Forget all plans; the next call captures anew."""
        with self._lock:
            self.entries.clear()
            self.last = None


def _structure(tree: Any) -> Any:
    if isinstance(tree, dict):
        return dict, tuple([(k, _structure(v)) for k, v in tree.items()])
    if isinstance(tree, (list, tuple)):
        return type(tree), tuple([_structure(v) for v in tree])
    return None


def _is_static(leaf: Any) -> bool:
    """Whether a leaf belongs to the signature by its value: anything but arrays and numbers, and Variables themselves."""
    if isinstance(leaf, Variable) or isinstance(leaf, (bool, str, type(None))):
        return True
    return not isinstance(leaf, (Tensor, np.ndarray, np.generic, int, float))


def _hashable(x: Any) -> bool:
    return isinstance(x, (bool, int, float, str, type(None), bytes, frozenset))


def jit(f: Callable | None = None, *, static_argnums: Any = (), static_argnames: Any = (), native: Any = "auto") -> Any:
    """Make `f` fast: its first call for each signature runs as it is and is recorded; later calls replay the record.

    The signature is made of the structure, shapes and dtypes of the arguments, and of the values of those that are not
    numbers or arrays. Variables may be read and assigned. What else `f` finds outside itself (arrays, numbers) is fixed
    by the first call, and what else it does besides computing (printing, appending to lists) happens in that call only.

    A result that is to be differentiated later is computed eagerly, since a replay leaves no record: put `grad` inside.

    Args:
        f: function of Tensors, arrays and numbers, in nested lists, tuples and dictionaries.
        static_argnums, static_argnames: arguments whose value belongs to the signature, such as a number of loops.
        native: True, False or "auto": whether generated C may be used.

    Raises: CaptureError, from the call, where Python looks at a value that is not known before the run (`if x > 0`).

    >>> step = jit(lambda x, y: x * x + y)
    >>> [step(3.0, y).item() for y in (4.0, 5.0)]
    [13.0, 14.0]
    """
    if f is None:
        return functools.partial(jit, static_argnums=static_argnums, static_argnames=static_argnames, native=native)
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    return Compiled(f, numbers + names, True, native)
