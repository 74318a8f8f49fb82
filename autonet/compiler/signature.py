"""Signatures: a call's arguments taken apart, into what a plan is made for and the arrays that it computes with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.attributes import attachments
from autonet.common.trees import keys, map_structure
from autonet.compiler.texts import Reading, Texts, is_texts
from autonet.core.tensor import Tensor, WeakScalar, to_array, wrap
from autonet.errors import ArgumentError
from autonet.variable import Variable


class Reader:
    """Takes the arguments of a call apart: what belongs to the signature, and the arrays to compute with."""

    def __init__(self, static: frozenset):
        self.static = static
        self.key: list[Any] = []
        self.inputs: list[np.ndarray] = []  # each once
        self._known: dict[int, int] = {}  # where they stand there, by their identity
        self.places: list[int] = []  # in `inputs`, of each array among the arguments
        self.held: list[Any] = []  # what the key knows by identity
        self.tracked = False  # whether one of the arrays has a derivative
        self.foreign = False  # whether there are arrays that no plan can take
        self.all_tensors = True  # whether the arrays and numbers among the arguments are Tensors already
        self.texts: list[np.ndarray] = []
        self.text: Any = None  # during a capture: what stands for an array of texts there

    def read(self, place: Any, argument: Any) -> None:
        """Take in the argument at a position or of a name."""
        self.key.append(place)
        if place in self.static:
            self._structure(argument, self._fix)
        else:
            self._read(argument)

    def _read(self, tree: Any) -> None:
        kind = type(tree)
        if kind is Tensor:  # first, since most are
            self._tensor(tree)
        elif kind is list or kind is tuple:
            self.key.append((kind, len(tree)))
            for branch in tree:
                self._read(branch)
        else:
            self._structure(tree, self._leaf)

    def _structure(self, tree: Any, leaf: Callable[[Any], None]) -> None:
        if isinstance(tree, dict):
            self.key.append((type(tree), tuple(tree)))
            for branch in flatten_once(tree):
                self._structure(branch, leaf)
        elif isinstance(tree, (list, tuple)):
            self.key.append((type(tree), len(tree)))
            for branch in tree:
                self._structure(branch, leaf)
        else:
            leaf(tree)

    def _leaf(self, x: Any) -> None:
        kind = type(x)
        if kind is Tensor or (isinstance(x, Tensor) and not isinstance(x, Variable)):
            self._tensor(x)
        elif is_array(x):
            self.all_tensors = False
            if is_numeric(x):
                self._array(to_array(x))
            elif is_texts(x):
                self.texts.append(np.asarray(x))
                self.key.append(("texts", x.dtype.kind, x.shape))
            else:
                self.foreign = True
        elif kind is int or kind is float:
            self.all_tensors = False
            self.places.append(len(self.inputs))
            self.inputs.append(WeakScalar(x, type(x))._value)
            self.key.append((kind, kind is int and abs(x) >= 2**31))
        else:
            self._fix(x)

    def _tensor(self, x: Tensor) -> None:
        if x._node is not None:
            self.tracked = True
        self._array(x._value)
        if getattr(x, "_attached", None) is not None:
            for name, value in attachments(x).items():
                self.key.append(name)
                self._read(value)

    def _array(self, array: np.ndarray) -> None:
        k = self._known.setdefault(id(array), len(self.inputs))
        self.places.append(k)
        if k < len(self.inputs):  # given twice
            self.key.append(k)
        else:
            self.inputs.append(array)
            self.key.append((array.shape, array.dtype.num))

    def _fix(self, x: Any) -> None:
        if isinstance(x, (bool, int, str, bytes, type(None))):
            self.key.append((type(x), x))
        elif isinstance(x, (float, np.generic)):
            self.key.append((type(x), repr(x)))
        elif isinstance(x, np.ndarray):
            self.key.append((x.shape, x.dtype.str, x.tobytes()))
        else:
            self.key.append((type(x), id(x)))
            self.held.append(x)

    def exchange(self, place: Any, argument: Any, rest: Any) -> Any:
        """The argument with Tensors around the arrays `rest` in the place of its own."""
        if place in self.static:
            return argument
        if self.texts:
            argument = map_structure(lambda x: self.text(x) if is_array(x) and not is_numeric(x) else x, argument)
        return map_structure(lambda x: _exchanged(x, rest), argument)


def _exchanged(x: Any, rest: Any) -> Any:
    if isinstance(x, Tensor) and not isinstance(x, Variable):
        new = wrap(next(rest))
        if attached := attachments(x):
            new._attached = {k: map_structure(lambda v: _exchanged(v, rest), tree) for k, tree in attached.items()}
        return new
    if type(x) is Texts:
        return x
    if is_array(x):
        return wrap(next(rest))
    if type(x) is int or type(x) is float:
        return WeakScalar(next(rest), type(x))
    return x


def flatten_once(tree: dict) -> list[Any]:
    """The branches of a dictionary in the order in which `flatten` takes them."""
    return [tree[k] for k in keys(tree)]


def with_readings(signature: Any, readings: list[Reading], arrays: list[np.ndarray]) -> Any:
    """A signature with what layers made of its texts: the same texts' shape may become arrays of several."""
    made = arrays[-len(readings) :]
    return signature, tuple([r.key for r in readings]), tuple([(a.shape, a.dtype.num) for a in made])


def is_array(x: Any) -> bool:
    """Whether `x` is an array or scalar of NumPy's."""
    return isinstance(x, (np.ndarray, np.generic))


def is_numeric(x: Any) -> bool:
    """Whether an array holds numbers."""
    return x.dtype.kind in "biuf"


def places_of(f: Callable, static: tuple) -> frozenset:
    """Positions and names of the static arguments, each in both forms where the function's signature tells."""
    if not static:
        return frozenset()
    places = set(static)
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return frozenset(places)
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    open_ended = any(p.kind is p.VAR_POSITIONAL for p in parameters), any(p.kind is p.VAR_KEYWORD for p in parameters)
    for place in static:
        if isinstance(place, int):
            n = place + len(positional) if place < 0 else place
            if not 0 <= n < len(positional) and not (open_ended[0] and n >= 0):
                raise ArgumentError(f"jit: static_argnums names argument {place}, but f takes {len(positional)}.")
            places.update([n, positional[n]] if n < len(positional) else [n])
        elif place in positional:
            places.add(positional.index(place))
        elif not open_ended[1] and place not in [p.name for p in parameters]:
            raise ArgumentError(f"jit: static_argnames names {place!r}, but f has no such argument.")
    return frozenset(places)
