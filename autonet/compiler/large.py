"""Eager work on large arrays by kernels: an operation, or its derivative rules, as a plan of its own on all threads.

Each gets its plan where it first meets arrays of such shapes, and the plan does that call already, so that no bit depends on
what ran before. What has none (views, products of matrices, what NumPy has to do in part) stays NumPy's.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from autonet.common import dtypes
from autonet.common.locks import lock
from autonet.compiler.account import announcing
from autonet.compiler.c.direct import DirectPlan
from autonet.compiler.c.runtime import library, toolchain
from autonet.compiler.capture import capture
from autonet.compiler.facts import FACTS, Facts
from autonet.compiler.passes.pipeline import optimize
from autonet.compiler.program import INPUT, RESULT
from autonet.compiler.sketch import NumbersNeeded, Sketch
from autonet.core.backward import fit
from autonet.core.settings import exact_key
from autonet.core.state import Context, no_grad, state
from autonet.core.tape import Leaf, Node
from autonet.core.tensor import Tensor, wrap
from autonet.ops import broadcast_to, transpose

PLANS = 512  # kept, those that were used last
MEMORY = 1 << 28  # bytes of their workspaces together
SHAPES = 64  # of one operation, after which others are NumPy's: making a plan takes some milliseconds
BY_NUMPY = frozenset({"matmul"})  # whose own kernels are no faster


class _Work(NamedTuple):
    """What is done for one key: a plan, and for each of its results the number of the operand whose cotangent it is."""

    plan: DirectPlan
    operands: list[int]


class _Form(NamedTuple):
    """How an array lies in memory: it is one of shape `whole` in C order, of which the first `kept` along each axis are left
    (and of a further axis the first alone), with its axes in another order, repeated until it has `shape`."""

    dtype: np.dtype
    whole: tuple[int, ...]
    kept: tuple[int, ...]
    axes: tuple[int, ...]
    shape: tuple[int, ...]


_works: OrderedDict[Any, _Work | None] = OrderedDict()
_shapes: Counter[Any] = Counter()  # that an operation has met
_lock = lock()


def compute(primitive: Any, values: list[np.ndarray], settings: dict[str, Any]) -> Any:
    """The result of a primitive's body, an array or several; None where no kernels are for it."""
    if not _has_kernels(primitive):
        return None

    def f(tensors: list[Tensor]) -> tuple[list[Tensor], list[int]]:
        made = primitive(*tensors, **settings)
        return list(made) if isinstance(made, tuple) else [made], []

    done = _do(("compute", primitive, exact_key(settings)), values, f)
    if done is None:
        return None
    arrays = done[0]
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def pull(g: Any, node: Node, wanted: Any) -> list[tuple[Node, Any, Any]] | None:
    """What a primitive's pull gives, without a record of it; None where no kernels are for its rules."""
    primitive, result = node.primitive, node.result
    operands: tuple = node.operands  # type: ignore[assignment]
    by_rules = primitive.rules or primitive.joint
    if not by_rules or primitive.open or primitive.name in BY_NUMPY or not _is_own(primitive):
        return None
    gs = g if isinstance(g, tuple) else (g,)
    results = () if result is None else result if isinstance(result, tuple) else (result,)
    if results and type(results[0]) is tuple:  # shapes and dtypes, which the rules do not ask for
        results = ()
    asked = tuple([p is not None and (wanted is None or p in wanted) for p in node.parents])
    known = tuple([o if type(o) is tuple else None for o in operands])  # shape and dtype, where that is all
    values = [*[t._value for t in gs], *[o._value for o in operands if type(o) is not tuple], *results]

    def f(tensors: list[Tensor]) -> tuple[list[Tensor], list[int]]:
        rest = iter(tensors)
        cotangents = tuple([next(rest) for _ in gs])
        own = tuple([next(rest) if o is None else o for o in known])
        arrays = tuple([t._value for t in rest])
        twin = Node(primitive, tuple([Leaf() if a else None for a in asked]), own, node.settings, result)
        if arrays:
            twin.result = arrays if isinstance(result, tuple) else arrays[0]
        made, which = [], []
        for parent, operand, c in primitive.pull(cotangents if isinstance(g, tuple) else cotangents[0], twin, None):
            shape = operand[0] if type(operand) is tuple else operand._value.shape
            made.append(c if c._value.shape == shape else fit(c, shape, twin, parent))
            which.append(twin.parents.index(parent))
        return made, which

    done = _do(("pull", primitive, exact_key(node.settings), asked, known), values, f)
    return done and [(node.parents[k], operands[k], wrap(a)) for k, a in zip(done[1], done[0], strict=True)]


def _is_own(primitive: Any) -> bool:
    return f"{primitive.__module__}.".startswith("autonet.")


def _has_kernels(primitive: Any) -> bool:
    """Whether a plan of the primitive alone could be C."""
    known: Facts | None = FACTS.get(primitive.name)
    if known is not None and (known.view or primitive.name in BY_NUMPY):
        return False
    kernel = known is not None and (known.c_kernel or known.c_expression or known.reduction)
    return bool(kernel or primitive.composition) and primitive.pure and _is_own(primitive)


def _do(name: tuple, values: list[np.ndarray], f: Callable) -> tuple[list[np.ndarray], list[int]] | None:
    """The arrays of what f makes of Tensors of these values, by its plan, and what else f gives; None if it has no plan."""
    if toolchain.switched_off() or "raise" in np.geterr().values():  # what overflows is for NumPy to see
        return None
    if any(type(context).casts is not Context.casts for context in state.contexts):  # no plan casts as it does
        return None
    forms = []
    for a in values:
        if (form := _form(a)) is None:
            return None
        forms.append(form)
    key = (*name, dtypes.floatx(), *forms)
    with _lock:
        if key in _works:
            work = _works[key]
            _works.move_to_end(key)
        else:
            work = _works[key] = _work((*name, *[(form.dtype, form.axes) for form in forms]), f, forms)
            _trim()
    if work is None:
        return None
    results = work.plan.run(values)
    return None if results is None else (results, work.operands)


def _form(a: np.ndarray) -> _Form | None:
    """None for an array that no such form gives, as of windows that overlap, or that the processor cannot read as it lies."""
    if not a.flags.aligned:
        return None
    if a.flags.c_contiguous:
        return _Form(a.dtype, a.shape, a.shape, (), a.shape)
    own = [1 if not step else n for n, step in zip(a.shape, a.strides, strict=True)]  # without what is repeated
    order = sorted(range(a.ndim), key=lambda k: (own[k] > 1, -a.strides[k]))  # slowest first, after those of length 1
    steps = [*[a.strides[k] for k in order if own[k] > 1], a.itemsize]
    if any(s <= 0 or s % t for s, t in pairwise(steps)):
        return None
    kept = tuple([own[k] for k in order])
    inner = [s // t for s, t in pairwise(steps)]  # how many of the next axis lie from one to the next of this one
    whole = (*kept[: len(kept) + 1 - len(inner)], *inner)
    if any(n > m for n, m in zip(kept, whole, strict=False)):
        return None
    if len(whole) > len(kept) and whole[-1] == 1:
        whole = whole[:-1]
    return _Form(a.dtype, whole, kept, tuple([order.index(k) for k in range(a.ndim)]), a.shape)


def _work(family: Any, f: Callable, forms: list[_Form]) -> _Work | None:
    """The plan of f, None where it is not C alone."""
    with announcing(_tell):
        if toolchain.find() is None or _shapes[family] >= SHAPES or not library.available():
            return None
    _shapes[family] += 1
    recorder = Sketch()

    def tensor(form: _Form) -> Tensor:
        array = recorder.array(form.whole, form.dtype)
        recorder.program.inputs.append(recorder.known(array, INPUT, len(recorder.program.inputs)))
        t = wrap(array)
        if form.kept != form.whole:
            t = t[(*[slice(n) for n in form.kept], *[0] * (len(form.whole) - len(form.kept)))]
        if form.axes:
            t = transpose(t, form.axes)
        return t if t.shape == form.shape else broadcast_to(t, form.shape)

    contexts, state.contexts = state.contexts, ()
    try:
        with no_grad(), np.errstate(all="ignore"), announcing(_tell):
            made, operands = capture(recorder, lambda: f([tensor(form) for form in forms]))
            recorder.program.outputs += [recorder.known(t._value, RESULT) for t in made]
            return _Work(DirectPlan(optimize(recorder.program)), operands)
    except (NumbersNeeded, Exception):
        return None  # NumPy does it, or says what is wrong with the operands
    finally:
        state.contexts = contexts


@functools.cache
def _tell() -> None:
    if sys.stderr.isatty():  # somebody waits for it
        print("autonet: a C compiler makes kernels for large arrays, which this machine keeps.", file=sys.stderr)


def _trim() -> None:
    while len(_works) > PLANS or (sum(w.plan.arena_bytes for w in _works.values() if w) > MEMORY and len(_works) > 1):
        _works.popitem(last=False)
