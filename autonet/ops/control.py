"""Loops and choices whose course the data decides: cond, switch, while_loop, fori_loop, scan, map and their relatives.

Run eagerly they are Python's own `if` and `for`, and every step is recorded for derivatives. In a captured step, `cond`
and `switch` compute all branches and select (so do the Variables that a branch assigns), loops of known length are
unrolled, and `while_loop` is refused where values decide when it ends.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autonet.common.trees import assert_same_structure, flatten, map_structure
from autonet.common.types import TensorLike
from autonet.core.state import capturing, state
from autonet.core.tape import AssignedLeaf
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.ops.abstract import AbstractTensor, symbolic_wrapper
from autonet.ops.comparison import equal
from autonet.ops.creation import zeros
from autonet.ops.pointwise import clip, where
from autonet.ops.shaping import broadcast_to, concatenate, expand_dims, flip, length_along, reshape, stack
from autonet.variable import Variable

# Choices


def cond(pred: TensorLike, true_fn: Callable, false_fn: Callable) -> Any:
    """true_fn() if `pred` holds, else false_fn().

    In a captured step both run: they must then return the same structure, shapes and dtypes, and what they do besides
    computing and assigning Variables (printing, appending to lists) happens for both. Derivatives flow through the
    branch that was taken; the other one's are multiplied by zero, so they must be finite.

    Raises: ShapeError unless `pred` is a single value; ArgumentError, in a captured step, for results that differ in
        structure, shape or dtype.

    >>> cond(True, lambda: 1, lambda: 2)
    1
    """
    if isinstance(pred, (bool, np.bool_)):
        return true_fn() if pred else false_fn()
    pred = convert_to_tensor(pred)
    if pred.shape != ():
        raise ShapeError(f"cond expects a single value to decide by; received shape {pred.shape}.")
    if type(pred) is AbstractTensor:
        return _alike([true_fn(), false_fn()], "cond")
    if not capturing():
        return true_fn() if pred._value else false_fn()
    return _selected([(pred, true_fn), (None, false_fn)], "cond")


def switch(index: TensorLike, branches: Sequence[Callable], *operands: Any) -> Any:
    """branches[index](*operands), an index out of range taking the first or the last branch.

    In a captured step all branches run, as with `cond`.

    >>> switch(1, [lambda x: x, lambda x: -x], 3)
    -3
    """
    if not branches:
        raise ArgumentError("switch expects at least one branch; received none.")
    if isinstance(index, int) and not isinstance(index, bool):
        return branches[min(max(index, 0), len(branches) - 1)](*operands)
    index = convert_to_tensor(index)
    if index.shape != () or index.dtype.kind not in "iu":
        raise DtypeError(f"switch expects one whole number as its index; received {index.dtype}{list(index.shape)}.")
    if type(index) is AbstractTensor:
        return _alike([branch(*operands) for branch in branches], "switch")
    if not capturing():
        return branches[min(max(int(index._value), 0), len(branches) - 1)](*operands)
    index = clip(index, 0, len(branches) - 1)
    choices: list = [
        (equal(index, i), lambda branch=branch: branch(*operands)) for i, branch in enumerate(branches[:-1])
    ]
    return _selected([*choices, (None, lambda: branches[-1](*operands))], "switch")


def _alike(results: list[Any], who: str) -> Any:
    """The first of results of branches, on shapes alone, where they have the same structure, shapes and dtypes."""
    for other in results[1:]:
        assert_same_structure(results[0], other)
        for x, y in zip(flatten(results[0]), flatten(other), strict=True):
            kinds = ["None" if z is None else f"{(t := convert_to_tensor(z)).dtype}{list(t.shape)}" for z in (x, y)]
            if kinds[0] != kinds[1]:
                raise ArgumentError(
                    f"{who} expects branches that return the same shapes and dtypes; received {' and '.join(kinds)}. "
                    "Make them agree."
                )
    return results[0]


def _selected(choices: list[tuple[Any, Callable]], who: str) -> Any:
    """The result of the first choice whose condition holds (the last one's is None), all of them being computed."""
    recorder = state.observer
    results: list[Any] = []
    changes: list[dict[Variable, Tensor]] = []
    before: dict[Variable, Tensor] = {}
    for _, f in choices:
        known = dict(recorder.current)
        results.append(f())
        changed = {}
        for variable in list(recorder.program.writes):
            array = recorder.current[id(variable)]
            if array is not known.get(id(variable)):
                node = variable._node  # which shows that the value has a derivative
                changed[variable] = wrap(array, node if isinstance(node, AssignedLeaf) else None)
                if variable not in before:
                    before[variable] = wrap(recorder.former(variable, known))
                variable.assign(before[variable])
        changes.append(changed)
    for variable, was in before.items():
        now = changes[-1].get(variable, was)
        for (condition, _), changed in zip(reversed(choices[:-1]), reversed(changes[:-1]), strict=True):
            now = where(condition, changed.get(variable, was), now)
        variable.assign(now)
    result = results[-1]
    for (condition, _), other in zip(reversed(choices[:-1]), reversed(results[:-1]), strict=True):
        result = _one_of(condition, other, result, who)
    return result


def _one_of(condition: Any, x1: Any, x2: Any, who: str) -> Any:
    assert_same_structure(x1, x2)

    def leaf(a: Any, b: Any) -> Any:
        if a is None and b is None:
            return None
        a, b = convert_to_tensor(a), convert_to_tensor(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ArgumentError(
                f"{who} in a captured step expects branches that return the same shapes and dtypes; received "
                f"{a.dtype}{list(a.shape)} and {b.dtype}{list(b.shape)}. Make them agree, or run step by step "
                "(run_eagerly=True; for jit, leave this part outside)."
            )
        return where(condition, a, b)

    return map_structure(leaf, x1, x2)


# Loops


def while_loop(cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """Repeat loop_vars = body(*loop_vars) as long as cond(*loop_vars) holds.

    Args:
        cond, body: take the elements of a tuple or list `loop_vars`, or any other structure as one argument.
        loop_vars: the start; body returns the same structure.
        maximum_iterations: how often body runs at most.

    Returns: loop_vars at the end; Python numbers become Tensors.

    Raises: CaptureError in a captured step where the end depends on values; take `fori_loop` with a known number of
        rounds and `where` inside, or run step by step.

    >>> while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))
    (Tensor(4, dtype=int32), Tensor(6, dtype=int32))
    """
    many = isinstance(loop_vars, (tuple, list))
    now = map_structure(convert_to_tensor, loop_vars)
    known = [x for x in flatten(now) if type(x) is AbstractTensor]
    if known:  # shapes alone: they stay as they are, and no values say when the loop ends
        maximum_iterations = 1
    rounds: Any = itertools.count() if maximum_iterations is None else range(maximum_iterations)
    for _ in rounds:
        if not known and not _holds(cond(*now) if many else cond(now)):
            break
        new = body(*now) if many else body(now)
        if many and not isinstance(new, (tuple, list)):
            new = (new,)
        if many:
            new = type(loop_vars)(new) if not hasattr(loop_vars, "_fields") else type(loop_vars)(*new)
        assert_same_structure(now, new)
        now = _alike([now, new], "while_loop") if known else map_structure(convert_to_tensor, new)
    return now


def _holds(condition: Any) -> bool:
    if capturing() and isinstance(condition, Tensor):
        state.observer.leaked(
            condition, "the condition of while_loop; fori_loop with a known number of rounds can be captured"
        )
        return bool(condition._value)
    return bool(condition)


def fori_loop(lower: int | Tensor, upper: int | Tensor, body_fun: Callable, init_val: Any) -> Any:
    """Repeat value = body_fun(i, value) for i from `lower` to `upper` - 1.

    In a captured step the bounds must be known, and the rounds are unrolled.

    >>> fori_loop(0, 10, lambda i, s: s + i, 0).item()
    45
    """
    value = map_structure(convert_to_tensor, init_val)
    for i in range(int(lower), int(upper)):
        value = body_fun(wrap(np.array(i, np.int32)), value)
    return value


def _arrays(xs: Any) -> Any:
    """The structure with Tensors as leaves; a list of numbers is one of them."""
    if isinstance(xs, (list, tuple)):
        if xs and all(isinstance(x, (int, float)) for x in xs):
            return convert_to_tensor(xs)
        parts = [_arrays(x) for x in xs]
        return type(xs)(*parts) if hasattr(xs, "_fields") else type(xs)(parts)
    if isinstance(xs, dict):
        return {key: _arrays(x) for key, x in xs.items()}
    return None if xs is None else convert_to_tensor(xs)


def _leading(xs: Any, length: int | None, who: str) -> int:
    """The common length of the leading axes."""
    lengths = {convert_to_tensor(x).shape[:1] for x in flatten(xs) if x is not None}
    if () in lengths:
        raise ShapeError(f"{who} goes along the leading axis; received a number without axes.")
    if length is not None:
        lengths.add((int(length),))
    if len(lengths) != 1:
        raise ShapeError(
            f"{who} expects one length for all leading axes{' and `length`' if length is not None else ''}; "
            f"received {sorted(n for (n,) in lengths) or 'none'}."
        )
    return lengths.pop()[0]


def _gathered(rows: list) -> Any:
    """Results of one structure, stacked along a new leading axis."""
    return map_structure(lambda *leaves: None if leaves[0] is None else stack([*leaves]), *rows)


def _no_rows(f: Callable, *arguments: Any) -> Any:
    """What stacking no result of f gives: f tells the shapes."""
    return map_structure(lambda y: None if y is None else zeros((0, *y.shape), y.dtype), f(*arguments))


def _row(xs: Any, i: int) -> Any:
    return map_structure(lambda x: None if x is None else x[i], xs)


def _empty_row(xs: Any) -> Any:
    return map_structure(lambda x: None if x is None else zeros(x.shape[1:], x.dtype), xs)


def scan(
    f: Callable, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int | bool = 1
) -> tuple[Any, Any]:
    """carry, y = f(carry, x) for each x along the leading axis; the last carry and the stacked ys.

    Args:
        f: function of a carry and a slice of xs, which returns a new carry and a result.
        init: the first carry, any structure of arrays.
        xs: arrays with one leading length, in any structure; None gives f a None `length` times.
        length: how many rounds; needed where xs is None.
        reverse: go from the last place to the first; y stays at the place of its x.
        unroll: a hint without effect: the rounds are always unrolled.

    Returns: the last carry and the results, of which f may return None.

    >>> carry, sums = scan(lambda c, x: (c + x, c + x), 0, [1, 2, 3])
    >>> carry.item(), sums.tolist()
    (6, [1, 3, 6])
    """
    if not callable(f):
        raise TypeError(f"scan expects a function f(carry, x); received {type(f).__name__}.")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ArgumentError(f"scan expects unroll, True, False or a number above 0; received {unroll!r}.")
    if xs is None and length is None:
        raise ArgumentError("scan expects xs, or length where there are none; received neither.")
    carry = map_structure(convert_to_tensor, init)
    xs = _arrays(xs)
    n = int(length) if xs is None and length is not None else _leading(xs, length, "scan")
    if not n:
        return carry, _no_rows(lambda c, x: f(c, x)[1], carry, None if xs is None else _empty_row(xs))
    rows: list[Any] = [None] * n
    for i in reversed(range(n)) if reverse else range(n):
        carry, rows[i] = f(carry, None if xs is None else _row(xs, i))
    return carry, None if rows[0] is None else _gathered(rows)


def map(f: Callable, xs: Any) -> Any:
    """f of each slice along the leading axis of `xs`, stacked.

    >>> map(lambda x: x * x, [1, 2, 3]).tolist()
    [1, 4, 9]
    """
    xs = _arrays(xs)
    n = _leading(xs, None, "map")
    return _gathered([f(_row(xs, i)) for i in range(n)]) if n else _no_rows(f, _empty_row(xs))


def vectorized_map(function: Callable, elements: Any) -> Any:
    """`function` of each slice along the leading axis of `elements`, stacked; here the same as `map`.

    >>> vectorized_map(lambda pair: pair[0] + pair[1], [[1, 2], [10, 20]]).tolist()
    [11, 22]
    """
    return map(function, elements)


def associative_scan(f: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Running results of an associative operation: place k holds f(... f(f(x0, x1), x2) ..., xk).

    Args:
        f: takes two structures like `elems`, with any number of places along the axis, and combines them place by place.
        elems: an array, or a structure of arrays, with one length along the axis.
        reverse: run from the last place to the first.
        axis: along which.

    It takes 2 log2(n) applications of f to about half of the places.

    >>> associative_scan(lambda a, b: a + b, [1, 2, 3, 4]).tolist()
    [1, 3, 6, 10]

    Source: Blelloch, 1990, Prefix sums and their applications, https://www.cs.cmu.edu/~guyb/papers/Ble93.pdf
    """
    if not callable(f):
        raise TypeError(f"associative_scan expects a function f(a, b); received {type(f).__name__}.")
    elems = _arrays(elems)
    leaves = flatten(elems)
    lengths = {length_along(x, axis, "associative_scan") for x in leaves}
    if len(lengths) != 1:
        raise ShapeError(f"associative_scan expects one length along axis {axis}; received {sorted(lengths)}.")
    if reverse:
        elems = map_structure(lambda x: flip(x, axis=axis), elems)
    y = _running(f, elems, axis, lengths.pop())
    return map_structure(lambda x: flip(x, axis=axis), y) if reverse else y


def _cut(tree: Any, axis: int, start: int, stop: int | None, step: int) -> Any:
    def one(x: Tensor) -> Tensor:
        return x[(*(slice(None),) * (axis % x.ndim), slice(start, stop, step))]

    return map_structure(one, tree)


def _running(f: Callable, elems: Any, axis: int, n: int) -> Any:
    if n < 2:
        return elems
    even = n - n % 2
    pairs = f(_cut(elems, axis, 0, even, 2), _cut(elems, axis, 1, even, 2))
    odd_places = _running(f, pairs, axis, even // 2)  # results at 1, 3, 5, ...
    first = _cut(elems, axis, 0, 1, 1)
    if n > 2:
        last = n // 2 - (n % 2 == 0)
        later = f(_cut(odd_places, axis, 0, last, 1), _cut(elems, axis, 2, n, 2))
        even_places = map_structure(lambda a, b: concatenate([a, b], axis), first, later)
    else:
        even_places = first
    return map_structure(lambda a, b: _alternating(a, b, axis % a.ndim), even_places, odd_places)


def _alternating(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """a0, b0, a1, b1, ...; a may have one place more."""
    n = b.shape[axis]
    head = a if a.shape[axis] == n else _cut(a, axis, 0, n, 1)
    woven = stack([head, b], axis + 1)
    woven = reshape(woven, (*a.shape[:axis], 2 * n, *a.shape[axis + 1 :]))
    return woven if head is a else concatenate([woven, _cut(a, axis, n, None, 1)], axis)


def vectorize(
    pyfunc: Callable, *, excluded: Iterable[int | str] | None = None, signature: str | None = None
) -> Callable:
    """A function that applies `pyfunc` to each element of its arguments, which broadcast.

    Args:
        pyfunc: function of numbers, or, with a signature, of arrays.
        excluded: positions of arguments that are handed on as they are.
        signature: the axes that pyfunc takes and gives, such as "(m,n),(n)->(m)".

    >>> vectorize(lambda a, b: a + b)([1, 2, 3], 2).tolist()
    [3, 4, 5]
    """
    if not callable(pyfunc):
        raise ArgumentError(f"vectorize expects a function first; received {pyfunc!r}.")
    kept = set(excluded or ())
    names = _signature(signature) if signature else None

    def wrapper(*args: Any) -> Any:
        taken = [i for i in range(len(args)) if i not in kept]
        arrays = [convert_to_tensor(args[i]) for i in taken]
        inner = [0] * len(arrays) if names is None else [len(group) for group in names]
        if len(inner) != len(arrays):
            raise ArgumentError(f"The signature {signature!r} has {len(inner)} operands; received {len(arrays)}.")
        lead = [x.shape[: x.ndim - k] for x, k in zip(arrays, inner, strict=True)]
        try:
            shape = np.broadcast_shapes(*lead)
        except ValueError:
            raise ShapeError(f"vectorize cannot broadcast the shapes {', '.join(str(s) for s in lead)}.") from None
        wide = [
            reshape(broadcast_to(x, (*shape, *x.shape[x.ndim - k :])), (-1, *x.shape[x.ndim - k :]))
            if shape
            else expand_dims(x, axis=0)
            for x, k in zip(arrays, inner, strict=True)
        ]

        def one(row: Any) -> Any:
            given = list(args)
            for i, x in zip(taken, row, strict=True):
                given[i] = x
            return pyfunc(*given)

        return map_structure(lambda y: reshape(y, (*shape, *y.shape[1:])), map(one, tuple(wide)))

    return symbolic_wrapper(wrapper)


def _signature(text: str) -> list[list[str]]:
    """The axes of each operand of a signature."""
    if not re.fullmatch(r"\s*\([\w\s,]*\)(\s*,\s*\([\w\s,]*\))*\s*->.*", text):
        raise ArgumentError(f"vectorize expects a signature such as '(m,n),(n)->(m)'; received {text!r}.")
    groups = re.findall(r"\(([^)]*)\)", text.partition("->")[0])
    return [[name for name in re.split(r"[\s,]+", group) if name] for group in groups]
