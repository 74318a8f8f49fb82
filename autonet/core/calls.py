"""A call of a primitive: from any form that Python allows to the body, and to a node where derivatives are recorded.

Most calls pass Tensors of one dtype, which the body takes as they are; `prepare` brings all others to that. The rest is one text,
of which a function is compiled for one operand, for two, and for any number. (The last alone, which loops over the operands,
takes 6 to 16 % longer for an operation and its derivative on small arrays.) The text's names are this file's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from autonet.common import dtypes, lines
from autonet.common.pool import LARGE  # noqa: F401 (the text names these)
from autonet.common.refusals import explanation
from autonet.core import large  # noqa: F401
from autonet.core.large import LargeNode  # noqa: F401
from autonet.core.settings import PLAIN, freeze
from autonet.core.state import state
from autonet.core.tape import Node, Pick, record
from autonet.core.tensor import Tensor, WeakScalar, convert_to_tensor, wrap
from autonet.errors import AutonetError, DtypeError

HALF = np.dtype("float16")
MISSING = object()  # an operand that was not given by position
NONE: dict[str, Any] = {}  # the settings of a primitive that has none
ndarray, new = np.ndarray, object.__new__

_CALL = """
def call({parameters}):
    kind = Node
    try:
        {start}
        if {unready}:
            {operands}, full, other = prepare(self, {given})
            if other is not None:
                return other(self, {operands}, full)
            {read_values}
        {freeze}
        observer = state.observer
        try:
            if observer is not None:
                result = observer.compute(self, {values}, full)
            elif {some_is_large}:
                kind = LargeNode
                result = large.compute(self, {values}, full)
            else:
                result = self.body({arguments})
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            refuse(self, error, {values}, full)
            raise
        if type(result) is not ndarray:
            if type(result) is tuple:
                return several(self, {operands}, full, result, kind)
            result = np.asarray(result)
        tensor = new(Tensor)
        tensor._value = result
        tensor._node = None
        {read_parents}
        if ({some_is_tracked}) and state.recording and result.dtype.kind == "f":
            saved = {operands} if self.saves_all else {saved}
            tensor._node = record(self, {parents}, saved, full, result, kind)
        if observer is not None:
            observer.record(self, {operands}, full, (tensor,))
        return tensor
    except Exception as error:
        lines.shorten(error)
        raise
"""
_ANY_NUMBER = {
    "parameters": "self, *operands, **settings",
    "start": "",
    "unready": "True",
    "operands": "operands",
    "given": "operands, settings",
    "read_values": "values = [x._value for x in operands]",
    "freeze": "",
    "arguments": "*values, **full",
    "values": "values",
    "some_is_large": "any([v.size >= LARGE for v in values])",
    "read_parents": "parents = tuple([x._node for x in operands])",
    "some_is_tracked": "any(parents)",
    "parents": "parents",
    "saved": "save(self, operands)",
}
_FULL = "full = settings if len(settings) == len(self.setting_names) else {**self.defaults, **settings}"
_FREEZE = """else:
            for name, setting in full.items():
                if setting.__class__ not in PLAIN:
                    full[name] = freeze(setting, self.name, name)"""


def _written_out(names: tuple[str, ...], settings: bool) -> dict[str, str]:
    """What stands in the text for one operand x, or two, x1 and x2."""

    def each(form: str, joint: str = ", ") -> str:
        return joint.join([form.format(x=x, i=i) for i, x in enumerate(names)])

    x, v, spec = each("{x}"), each("v{i}"), "(v{i}.shape, v{i}.dtype)"
    saved = spec if len(names) == 1 else "{x} if self.saves[{i}] else " + spec
    some_is_no_tensor = each("type({x}) is not Tensor", " or ")
    unready = [
        "strange",
        f"(dtype := (v0 := {names[0]}._value).dtype) is HALF and self.accumulates",
        "self.floating and dtype.kind != 'f'",
        *[f"(v{i} := {x}._value).dtype is not dtype" for i, x in enumerate(names) if i],
        *["rest or len(full) != len(self.setting_names)"] * settings,
    ]
    start = f"""{_FULL if settings else "full = NONE"}
        strange = {some_is_no_tensor}
        if strange:
            {x} = {"pair" if len(names) > 1 else "one"}({x})
            strange = {some_is_no_tensor}"""
    return {
        "parameters": f"self, {each('{x}=MISSING')}" + ", /, *rest, **settings" * settings,
        "start": start,
        "unready": " or ".join(unready),
        "operands": f"({x},)",
        "given": f"({x}, *rest), settings" if settings else f"({x},), NONE",
        "read_values": each("v{i} = {x}._value", "; "),
        "freeze": _FREEZE * settings,
        "arguments": v + ", **full" * settings,
        "values": f"[{v}]",
        "some_is_large": each("v{i}.size >= LARGE", " or "),
        "read_parents": each("p{i} = {x}._node", "; "),
        "some_is_tracked": each("p{i} is not None", " or "),
        "parents": f"({each('p{i}')},)",
        "saved": f"({each(saved)},)",
    }


@functools.cache
def _code(names: tuple[str, ...], settings: bool, parameters: str) -> CodeType:
    parts = _written_out(names, settings) if names else _ANY_NUMBER
    text = _CALL.format(**{**parts, "parameters": parameters or parts["parameters"]})
    return lines.compiled(text, f"call({parameters or parts['parameters']})")


def compile_call(names: tuple[str, ...] = (), settings: bool = True) -> Callable:
    """`__call__` for primitives of one operand x or two, x1 and x2, and of settings or none; by default, for all."""
    return FunctionType(_code(names, settings, ""), globals(), "call", (MISSING,) * len(names))


def compile_operator(primitive: Any, reflected: bool = False) -> Callable:
    """A call of a primitive of two operands as a function of these alone, for `Tensor.__add__` or `Tensor.__radd__`."""
    code = _code(("x1", "x2"), False, "x2, x1" if reflected else "x1, x2")
    own = code.replace()  # since Python's caches of globals belong to the code
    return FunctionType(own, {**globals(), "self": primitive})


def one(x: Any) -> Any:
    """An operand, as a Tensor where it is a Variable."""
    return x.snapshot() if isinstance(x, Tensor) else x


def pair(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two operands, as Tensors where one is a Variable or a number beside a float."""
    if type(x1) is not Tensor and isinstance(x1, Tensor):
        x1 = x1.snapshot()
    if type(x2) is not Tensor and isinstance(x2, Tensor):
        x2 = x2.snapshot()
    if type(x1) in _NUMBERS:
        if type(x2) is Tensor and x2._value.dtype.kind == "f":
            x1 = wrap(np.array(x1, x2._value.dtype))
    elif type(x2) in _NUMBERS and type(x1) is Tensor and x1._value.dtype.kind == "f":
        x2 = wrap(np.array(x2, x1._value.dtype))
    return x1, x2


_NUMBERS = (float, int)


def prepare(op: Any, operands: tuple, settings: dict) -> tuple[tuple, dict, Callable | None]:
    """Operands of one dtype and the full settings, from any call; and who is to answer instead of the body, or None."""
    if operands and (operands[0] is MISSING or operands[-1] is MISSING):
        named = {name: x for name, x in zip(op.operand_names, operands, strict=True) if x is not MISSING}
        operands, settings = (), {**named, **settings}
    operands, settings = bind(op, operands, settings)
    if op.symbolic is not None:
        for x in operands:
            if type(x) is not Tensor and hasattr(x, "_symbolic"):
                return operands, settings, op.symbolic
    operands = convert(op, operands)
    if op.accumulates:
        for x in operands:
            if x._value.dtype is HALF:
                return operands, settings, op.in_single
    return operands, settings, None


def bind(op: Any, args: tuple, settings: dict) -> tuple[tuple, dict]:
    """Operands and the full set of settings, from any of the spellings that Python allows.

    Raises: SignatureError.
    """
    operands, given, fits = args, settings, True
    if len(args) != len(op.operand_names) and not op.variadic:
        n = len(op.operand_names)
        extra = args[n:]
        given = {**dict(zip(op.setting_names, extra, strict=False)), **settings}
        fits = len(given) == len(extra) + len(settings)  # none too many, none twice
        try:
            operands = args[:n] + tuple([given.pop(name) for name in op.operand_names[len(args) :]])
        except KeyError:
            fits = False
    full = {**op.defaults, **given} if op.defaults else given
    if not fits or len(full) != len(op.setting_names):
        raise op.refusal(args, settings)
    for name, value in full.items():
        if value.__class__ not in PLAIN:
            full[name] = freeze(value, op.name, name)
    return operands, full


_WEAK = (bool, int, float, WeakScalar)  # what takes the dtype of the Tensors that it meets


def convert(op: Any, operands: tuple) -> tuple[Tensor, ...]:
    """Operands as Tensors of one dtype, but for those named in `keep`."""
    kept = op.kept * len(operands) if op.variadic else op.kept
    common: Any = None
    weak, tensors, differ = [], [], False
    for x, keep in zip(operands, kept, strict=True):
        if type(x) is not Tensor:
            if not keep and type(x) in _WEAK:
                weak.append(x)
                tensors.append(x)
                continue
            x = convert_to_tensor(x).snapshot()
        tensors.append(x)
        if not keep and common is not (dtype := x._value.dtype):
            differ = common is not None
            common = dtypes.promote(common, dtype, dtypes.floatx()) if differ else dtype
    if weak:
        common = _meet(weak, common)
    if op.floating and common is not None and common.kind != "f":
        common, differ = dtypes.as_dtype(dtypes.floatx()), True
    if weak or differ:
        tensors = [x if keep else _as_dtype(x, common) for x, keep in zip(tensors, kept, strict=True)]
    return tuple(tensors)


def _meet(numbers: list[Any], common: np.dtype | None) -> np.dtype:
    """The dtype in which numbers meet, among Tensors that have met in `common`, or alone."""
    if common is None:
        alone = [dtypes.of_number(x._value.item() if type(x) is WeakScalar else x) for x in numbers]
        return dtypes.as_dtype(dtypes.result_type(*alone))
    for x in numbers:
        common = dtypes.weaken(x.kind if type(x) is WeakScalar else type(x), common)
    return common


def _as_dtype(x: Any, dtype: np.dtype) -> Tensor:
    if type(x) is WeakScalar:
        return x.to_strong(dtype)
    if not isinstance(x, Tensor):
        try:
            return wrap(np.array(x, dtype))
        except OverflowError:
            raise DtypeError(
                f"The number {x} does not fit in {dtype}, the dtype that it meets. Cast that first."
            ) from None
    return x if x._value.dtype == dtype else Tensor._cast(x, dtype=dtype.name)


def several(op: Any, operands: tuple, settings: dict, results: tuple, kind: type[Node]) -> tuple[Tensor, ...]:
    """Tensors of the results of a body that gives several: places in one node."""
    arrays = tuple([np.asarray(r) for r in results])
    tensors = tuple([wrap(a) for a in arrays])
    parents = tuple([x._node for x in operands])
    node = record(op, parents, save(op, operands), settings, arrays, kind) if state.recording and any(parents) else None
    if node is not None:
        if node.result is None:  # the walk needs their number, shapes and dtypes for missing cotangents
            node.result = tuple([(a.shape, a.dtype) for a in arrays])
        for i, t in enumerate(tensors):
            if t._value.dtype.kind == "f":
                t._node = Pick(node, i)
    if state.observer is not None:
        state.observer.record(op, operands, settings, tensors)
    return tensors


def save(op: Any, operands: tuple) -> tuple:
    """What a node keeps of the operands: those that a derivative rule needs, of others shape and dtype."""
    saves = op.saves * len(operands) if op.variadic else op.saves
    return tuple([x if s else (x._value.shape, x._value.dtype) for x, s in zip(operands, saves, strict=True)])


def refuse(op: Any, error: Exception, values: list[np.ndarray], settings: dict) -> None:
    """Explain why the body refused its operands with `error`, unless it does so itself."""
    if isinstance(error, AutonetError):
        return
    if settings.keys() != set(op.setting_names):  # as many as there are, which was all that a call looked at
        raise op.refusal(tuple(values), settings) from None
    raise explanation(op, error, values, settings) from None
