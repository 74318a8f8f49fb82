"""The shortest way through a call of a primitive, written out for its number of operands.

Most calls pass Tensors of one dtype, which the body takes as they are. What such a call does is one text, of which a
function is compiled for each form of call, as `rules` does for the way back. (One function for all forms, which loops over
the operands, takes 6 to 16 % longer for an operation and its derivative on small arrays.) All else is `Primitive._prepare`'s.
"""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from autonet.common.lines import shorten
from autonet.core.halves import HALF
from autonet.core.refusals import explanation
from autonet.core.settings import PLAIN, freeze
from autonet.core.state import state
from autonet.core.tape import Node
from autonet.core.tensor import Tensor, wrap
from autonet.errors import AutonetError

_TEXT = """
def call({parameters}):
    try:
        if {some_is_none}:
            {operands} = tensors({operands})
        if {all_are_tensors}:
            {values} = {values_of}
            dtype = {value}.dtype
            {full}
            if {one_dtype} and not ((self.floating and dtype.kind != "f") or (self.accumulates and dtype is HALF)):
                {freeze}
                try:
                    result = self.body({arguments})
                except AutonetError:
                    raise
                except (ValueError, IndexError, TypeError) as error:
                    raise explanation(self, error, [{values}], {settings}) from None
                if type(result) is not ndarray:
                    if type(result) is tuple:
                        return self._wrap_many(({operands},), {settings}, result)
                    result = np.asarray(result)
                tensor = new(Tensor)
                tensor._value = result
                tensor._node = None
                {parents} = {parents_of}
                if ({some_is_tracked}) and state.recording and not self.flat and result.dtype.kind == "f":
                    if self.saves_all:
                        saved = ({operands},)
                    else:
                        {saves}, = self.saves
                        saved = ({saved},)
                    tensor._node = Node(self, ({parents},), saved, {settings}, result if self.saves_result else None)
                if state.observer is not None:
                    state.observer.record(self, ({operands},), {settings}, (tensor,))
                return tensor
        way, operands, values, settings = self._prepare({given})
        return way(operands, values, settings)
    except Exception as error:
        shorten(error)
        raise
"""
_FREEZE = """for name, setting in full.items():
                    if setting.__class__ not in PLAIN:
                        full[name] = freeze(setting, self.name, name)"""


@functools.cache
def _code(names: tuple[str, ...], settings: bool, parameters: str) -> CodeType:
    """The text for operands of these names, compiled."""
    every = range(len(names))
    v, p, s = ([f"{letter}{i}" for i in every] for letter in "vps")
    first = names[0]
    text = _TEXT.format(
        parameters=parameters,
        operands=", ".join(names),
        values=", ".join(v),
        value=v[0],
        parents=", ".join(p),
        saves=", ".join(s),
        some_is_none=" or ".join([f"type({x}) is not Tensor" for x in names]),
        all_are_tensors=" and ".join([f"type({x}) is Tensor" for x in names] + ["not rest"] * settings),
        values_of=", ".join([f"{x}._value" for x in names]),
        parents_of=", ".join([f"{x}._node" for x in names]),
        some_is_tracked=" or ".join([f"{x} is not None" for x in p]),
        one_dtype=" and ".join(
            [f"{x}.dtype is dtype" for x in v[1:]] + ["len(full) == len(self.setting_names)"] * settings
        )
        or "True",
        saved=", ".join([f"{names[i]} if s{i} else (v{i}.shape, dtype)" for i in every]),
        arguments=", ".join(v + ["**full"] * settings),
        full="full = settings if len(settings) == len(self.setting_names) else {**self.defaults, **settings}"
        if settings
        else "",
        freeze=_FREEZE if settings else "",
        settings="full" if settings else "NONE",
        given=f"() if {first} is MISSING else ({first}, *rest), settings"
        if settings
        else f"({', '.join(names)},), {{}}",
    )
    name = f"<autonet call({parameters})>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)  # so that tracebacks show it
    module = compile(text, name, "exec")
    return next(c for c in module.co_consts if isinstance(c, CodeType))


_LOOKS = {
    "AutonetError": AutonetError,
    "HALF": HALF,
    "MISSING": (missing := object()),
    "NONE": {},  # the settings of a primitive that has none
    "Node": Node,
    "PLAIN": PLAIN,
    "Tensor": Tensor,
    "explanation": explanation,
    "freeze": freeze,
    "ndarray": np.ndarray,
    "new": object.__new__,
    "np": np,
    "shorten": shorten,
    "state": state,
}


def compile_method(names: tuple[str, ...], settings: bool) -> Callable:
    """`__call__` for primitives with one or two operands of these names."""
    looks = {**_LOOKS, "tensors": _one if len(names) == 1 else _pair}
    if not settings:
        return FunctionType(_code(names, False, ", ".join(("self", *names))), looks)
    return FunctionType(_code(names, True, f"self, {names[0]}=MISSING, *rest, **settings"), looks, "call", (missing,))


def compile_operator(primitive: Any, reflected: bool = False) -> Callable:
    """A call of a primitive of two operands as a function of these alone, for `Tensor.__add__` or `Tensor.__radd__`."""
    code = _code(("x1", "x2"), False, "x2, x1" if reflected else "x1, x2")
    own = code.replace()  # since Python's caches of globals belong to the code
    return FunctionType(own, {**_LOOKS, "tensors": _pair, "self": primitive})


def _one(x: Any) -> Any:
    """An operand, as a Tensor where it is a Variable."""
    return x.snapshot() if isinstance(x, Tensor) else x


def _pair(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two operands, as Tensors where one is a Variable or a number beside a float."""
    a, b = _one(x1), _one(x2)
    if type(a) is not Tensor:
        if type(a) in (float, int) and type(b) is Tensor and b._value.dtype.kind == "f":
            a = wrap(np.array(a, b._value.dtype))
    elif type(b) is not Tensor and type(b) in (float, int) and a._value.dtype.kind == "f":
        b = wrap(np.array(b, a._value.dtype))
    return a, b
