"""Shapes of results where lengths are unknown (None, mostly the batch): any function of Tensors, run on AbstractTensors.

It runs at two lengths in place of None, and at length one if that is possible; what differs between the results is unknown.
Code that walks an unknown axis in Python does so at short lengths alone, and what has as many results as the axis is long is
refused. An operation whose unknown lengths must be others (those of a matrix product, or where it broadcasts) runs at the
lengths that it takes; a result's length is known where they all say the same.
"""

import contextlib
import itertools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from autonet.common.trees import flatten, map_structure, pack
from autonet.core.state import no_grad, uncaptured
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.abstract import DRY_RUN_ERRORS, AbstractTensor, Limits, Spec, TooLarge, limits
from autonet.untrusted.budget import STEPS, load_budget

MOST = 1 << 22  # elements that a primitive without a rule may be given, before smaller unknown lengths are tried
WALK = 1 << 12  # results that code may make where many divisors were needed: fewer than such an axis has places
FEW = 16  # unknown lengths that are varied one by one; more of them by halves
TRIES = 400  # ways to put lengths in place of None, for an operation that takes few of them

# Lengths in place of None, (batch, other axes): first many divisors, then small, then many more divisors.
LENGTHS = (((24, 120), (60, 168)), ((2, 8), (3, 12)), ((120120, 120120), (240240, 240240)))
SQUARE = ((24, 24), (60, 60))

_FAILURES = (TooLarge, MemoryError, *DRY_RUN_ERRORS)


def infer_spec(f: Callable, args: tuple, kwargs: dict[str, Any], match: bool = False) -> Any:
    """A Spec in place of each Tensor that `f(*args, **kwargs)` would return, None being a length that stays unknown.

    Args:
        f: function of Tensors; it runs, on AbstractTensors.
        args, kwargs: trees; their leaves with an attribute `_symbolic`, a shape (None where unknown) and a dtype stand
            for Tensors.
        match: of an operation: an unknown length fits any other that is needed in its place.

    Raises: what `f` raises for such shapes.
    """
    tree = [list(args), kwargs]
    leaves = flatten(tree)
    places = [i for i, x in enumerate(leaves) if hasattr(x, "_symbolic")]
    firsts: dict[int, int] = {}  # where each placeholder stands first: its lengths are the same at all its places
    for i in places:
        firsts.setdefault(id(leaves[i]), i)
    unknown = [(i, axis) for i in firsts.values() for axis, n in enumerate(leaves[i].shape) if n is None]

    def at(batch: int, other: int, fixed: dict[tuple[int, int], int] | None = None) -> Any:
        filled = list(leaves)
        for i in places:
            shape = list(leaves[i].shape)
            for axis, n in enumerate(shape):
                if n is None:
                    length = other if axis else batch
                    shape[axis] = fixed.get((firsts[id(leaves[i])], axis), length) if fixed else length
            filled[i] = AbstractTensor(tuple(shape), leaves[i].dtype)
        a, k = pack(tree, filled)
        budget = load_budget()
        if budget is not None and fixed is None:
            budget.steps = STEPS
        limits[-1].counted = batch
        with no_grad(), uncaptured():
            return map_structure(_spec, f(*a, **k))

    errors: list[Exception] = []
    for n, (one, two) in enumerate(LENGTHS):
        limits.append(Limits(MOST if unknown and n != 1 else math.inf, WALK if n == 2 else math.inf))
        try:
            first = at(*one)
            if not unknown and not limits[-1].asked:
                return first
            second = at(*two)
        except _FAILURES as error:
            if not unknown:
                raise
            errors.append(error)
            continue
        finally:
            limits.pop()
        found = _agreed(first, second)
        with contextlib.suppress(*DRY_RUN_ERRORS):  # at length one some operations have nothing to work on
            found = _agreed(found, at(1, 1))
        return _each_apart(found, at, one, unknown, {}) if match and len(unknown) > 1 else found
    known = _known_lengths(leaves, places)
    if match:
        found = _matched(at, unknown, known)
        if found is not None:
            return found
    told = [error for error in errors if not isinstance(error, (TooLarge, MemoryError))] or errors
    _forget_lengths(known, *told)
    raise told[0]


def _known_lengths(leaves: list[Any], places: list[int]) -> list[int]:
    """Lengths that an unknown one might have to be: those of known axes, and whole numbers among the settings."""
    shapes = [n for x in leaves for n in getattr(x, "shape", ()) if n is not None]
    settings = [n for i, n in enumerate(leaves) if i not in places and type(n) is int and 0 < n < 1000]
    return sorted({1, *shapes, *settings} - {0})


def _matched(at: Callable, unknown: list[tuple[int, int]], known: list[int]) -> Any:
    """What an operation gives at all those lengths that it takes, as few unknown ones being fixed as possible."""
    tries = 0
    for count in range(len(unknown) + 1):
        found: list[Any] = []
        for fixed in _choices(unknown, known, count):
            tries += 1
            if tries > TRIES:
                return None
            for lengths in (SQUARE, LENGTHS[0]) if count < len(unknown) else (SQUARE,):
                limits.append(Limits(MOST, WALK))
                try:
                    one = _agreed(at(*lengths[0], fixed), at(*lengths[1], fixed))
                    found.append(_each_apart(one, at, lengths[0], unknown, fixed))
                except _FAILURES:
                    continue
                finally:
                    limits.pop()
        if found:
            result = found[0]
            for other in found[1:]:
                result = _agreed(result, other)
            return result
    return None


def _each_apart(found: Any, at: Callable, lengths: tuple[int, int], unknown: list, fixed: dict) -> Any:
    """`found`, less what no longer holds when one unknown length differs: they were equal only because all were."""
    free = [place for place in unknown if place not in fixed]
    apart = [{place} for place in free]
    if len(free) > FEW:  # any two differ in one of these
        apart = [{p for n, p in enumerate(free) if n >> bit & 1} for bit in range(len(free).bit_length())]
    for places in apart:
        with contextlib.suppress(*_FAILURES):
            found = _agreed(found, at(*lengths, {**fixed, **dict.fromkeys(places, 168)}))
    return found


def _choices(unknown: list[tuple[int, int]], known: list[int], count: int) -> Iterator[dict[tuple[int, int], int]]:
    """Lengths for `count` of the unknown axes: for one alone all short ones, for more those that are known."""
    lengths = sorted({*range(1, 13), *known, *[2 * n for n in known]} if count == 1 else {1, 2, 3, *known})
    for axes in itertools.combinations(unknown, count):
        for chosen in itertools.product(lengths, repeat=count):
            yield dict(zip(axes, chosen, strict=True))


_NUMBER = re.compile(r"\b\d+\b")


def _forget_lengths(known: list[int], error: Exception, *others: Exception) -> None:
    """In the words of an error, None for the numbers that follow from lengths tried in place of None."""
    if not error.args or not isinstance(error.args[0], str):
        return
    words, numbers = _NUMBER.split(error.args[0]), _NUMBER.findall(error.args[0])
    alike = [_NUMBER.findall(str(o.args[0])) for o in others if o.args and _NUMBER.split(str(o.args[0])) == words]
    if alike:
        shown = [n if all(other[i] == n for other in alike) else "None" for i, n in enumerate(numbers)]
    else:
        shown = [n if int(n) <= 12 or int(n) in known else "None" for n in numbers]
    text = words[0] + "".join([n + word for n, word in zip(shown, words[1:], strict=True)])
    error.args = (text, *error.args[1:])


def _spec(x: Any) -> Any:
    return Spec(x.shape, x.dtype) if isinstance(x, Tensor) else x


def _agreed(first: Any, second: Any) -> Any:
    """What the results at two lengths have in common.

    Raises: ShapeError if they nest otherwise, as they then do at further lengths too.
    """
    try:
        return map_structure(_agree, first, second)
    except ArgumentError:
        raise ShapeError(
            "How many results there are depends on a length that is unknown (None). Give that length to Input, or compute "
            "on the whole axis at once."
        ) from None


def _agree(a: Any, b: Any) -> Any:
    if not isinstance(a, Spec):
        return a
    if len(a.shape) != len(b.shape):
        raise ShapeError(f"The number of axes depends on a length that is unknown: {len(a.shape)} or {len(b.shape)}.")
    return Spec([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], a.dtype)
