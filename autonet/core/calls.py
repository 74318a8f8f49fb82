"""A call of a primitive: from any form that Python allows to the body, and to a node where derivatives are recorded.

Most calls pass Tensors of one dtype, which the body takes as they are; `prepare` brings all others to that. The rest is one text,
of which a function is compiled for one operand, for two, and for any number. (The last alone, which loops over the operands,
takes 6 to 16 % longer for an operation and its derivative on small arrays.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.lines import compiled, shorten
from autonet.common.refusals import explanation
from autonet.core.settings import PLAIN, freeze
from autonet.core.state import state
from autonet.core.tape import Pick, record
from autonet.core.tensor import Tensor, WeakScalar, convert_to_tensor, wrap
from autonet.errors import AutonetError

HALF = np.dtype("float16")
MISSING = object()  # an operand that was not given by position

_CALL = """
def call({parameters}):
    try:
        {start}
        if {unready}:
            {operands}, {taken}, other = prepare(self, {given})
            if other is not None:
                return other(self, {operands}, {full})
            {read_values}
        {ready}
        try:
            result = self.body({arguments})
        except AutonetError:
            raise
        except (ValueError, IndexError, TypeError) as error:
            raise refusal(self, error, {values}, {full}) from None
        if type(result) is not ndarray:
            if type(result) is tuple:
                return several(self, {operands}, {full}, result)
            result = np.asarray(result)
        tensor = new(Tensor)
        tensor._value = result
        tensor._node = None
        {read_parents}
        if ({some_is_tracked}) and state.recording and result.dtype.kind == "f":
            saved = {operands} if self.saves_all else {saved}
            tensor._node = record(self, {parents}, saved, {full}, result)
        if state.observer is not None:
            state.observer.record(self, {operands}, {full}, (tensor,))
        return tensor
    except Exception as error:
        shorten(error)
        raise
"""
_ANY_NUMBER = {
    "parameters": "self, *operands, **settings",
    "start": "",
    "unready": "True",
    "taken": "settings",
    "full": "settings",
    "given": "operands, settings",
    "ready": "",
    "operands": "operands",
    "values": "values",
    "parents": "parents",
    "read_values": "values = [x._value for x in operands]",
    "read_parents": "parents = tuple([x._node for x in operands])",
    "arguments": "*values, **settings",
    "some_is_tracked": "any(parents)",
    "saved": "save(self, operands)",
}
_SETTLE = """full = settings if len(settings) == len(self.setting_names) else {{**self.defaults, **settings}}
        """
_SHAPE = "(v{i}.shape, v{i}.dtype)"
_SAVED = "{x} if self.saves[{i}] else " + _SHAPE
_TRY = """strange = {some_is_no_tensor}
        if strange:
            {x} = tensors({x})
            strange = {some_is_no_tensor}"""
_FREEZE = """else:
            for name, setting in full.items():
                if setting.__class__ not in PLAIN:
                    full[name] = freeze(setting, self.name, name)"""


def _written_out(names: tuple[str, ...], settings: bool) -> dict[str, str]:
    """What stands in the text for one operand x, or two, x1 and x2."""

    def each(form: str, joint: str = ", ") -> str:
        return joint.join([form.format(x=x, i=i) for i, x in enumerate(names)])

    x, v, full = each("{x}"), each("v{i}"), "full" if settings else "NONE"
    some_is_no_tensor = each("type({x}) is not Tensor", " or ")
    unready = [
        "strange",
        f"(dtype := (v0 := {names[0]}._value).dtype) is HALF and self.accumulates",
        "self.floating and dtype.kind != 'f'",
        *[f"(v{i} := {x}._value).dtype is not dtype" for i, x in enumerate(names) if i],
        *["rest or len(full) != len(self.setting_names)"] * settings,
    ]
    return {
        "parameters": f"self, {each('{x}=MISSING')}" + ", /, *rest, **settings" * settings,
        "start": (_SETTLE * settings + _TRY).format(x=x, some_is_no_tensor=some_is_no_tensor),
        "unready": " or ".join(unready),
        "taken": "full" if settings else "_",
        "full": full,
        "given": f"({x}, *rest), settings" if settings else f"({x},), NONE",
        "ready": _FREEZE * settings,
        "operands": f"({x},)",
        "values": f"[{v}]",
        "parents": f"({each('p{i}')},)",
        "read_values": each("v{i} = {x}._value", "; "),
        "read_parents": each("p{i} = {x}._node", "; "),
        "arguments": v + ", **full" * settings,
        "some_is_tracked": each("p{i} is not None", " or "),
        "saved": f"({each(_SAVED if len(names) > 1 else _SHAPE)},)",
    }


@functools.cache
def _code(names: tuple[str, ...], settings: bool, parameters: str) -> CodeType:
    parts = _written_out(names, settings) if names else _ANY_NUMBER
    if parameters:
        parts["parameters"] = parameters
    return compiled(_CALL.format(**parts), f"call({parts['parameters']})")


def compile_call(names: tuple[str, ...] = (), settings: bool = True) -> Callable:
    """`__call__` for primitives of one operand x or two, x1 and x2, and of settings or none; by default, for all."""
    defaults = (MISSING,) * len(names)
    return FunctionType(_code(names, settings, ""), _known(len(names)), "call", defaults)


def compile_operator(primitive: Any, reflected: bool = False) -> Callable:
    """A call of a primitive of two operands as a function of these alone, for `Tensor.__add__` or `Tensor.__radd__`."""
    code = _code(("x1", "x2"), False, "x2, x1" if reflected else "x1, x2")
    own = code.replace()  # since Python's caches of globals belong to the code
    return FunctionType(own, {**_known(2), "self": primitive})


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
                return operands, settings, _in_single
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


def convert(op: Any, operands: tuple) -> tuple:
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
        common = _weaken(common, weak)
    if op.floating and common is not None and common.kind != "f":
        common, differ = dtypes.as_dtype(dtypes.floatx()), True
    if weak or differ:
        tensors = [x if keep else _as_dtype(x, common) for x, keep in zip(tensors, kept, strict=True)]
    return tuple(tensors)


def _as_dtype(x: Any, dtype: np.dtype) -> Tensor:
    if type(x) is WeakScalar:
        return x.to_strong(dtype)
    if not isinstance(x, Tensor):
        return wrap(np.array(x, dtype))
    return x if x._value.dtype == dtype else Tensor._cast(x, dtype=dtype.name)


def _weaken(common: np.dtype | None, numbers: list[Any]) -> np.dtype:
    """The dtype in which numbers meet, among Tensors that have met in `common`."""
    kinds = [x.kind if type(x) is WeakScalar else type(x) for x in numbers]
    if common is None:
        common = dtypes.as_dtype(dtypes.result_type(*kinds))
        if common.kind == "i" and any(
            kind is int and abs(_number(x)) >= 2**31 for x, kind in zip(numbers, kinds, strict=True)
        ):
            common = np.dtype("int64")
    for kind in kinds:
        common = dtypes.weaken(kind, common)
    return common


def _number(x: Any) -> int:
    return int(x._value) if type(x) is WeakScalar else x


def _in_single(op: Any, operands: tuple, settings: dict) -> Any:
    """Apply to float16 operands as float32, and round the results to float16 (or to the dtype asked for)."""
    asked = settings.get("dtype")
    if asked is not None and dtypes.as_dtype(asked) == HALF:
        settings, asked = {**settings, "dtype": None}, None
    wide = [Tensor._cast(x, dtype="float32") if x._value.dtype is HALF else x for x in operands]
    results = op(*wide, **settings)
    if asked is not None:
        return results
    many = type(results) is tuple
    narrow = [
        Tensor._cast(y, dtype="float16") if y.dtype == "float32" else y for y in (results if many else (results,))
    ]
    return tuple(narrow) if many else narrow[0]


def _several(op: Any, operands: tuple, settings: dict, results: tuple) -> tuple[Tensor, ...]:
    """Tensors of the results of a body that gives several: places in one node."""
    arrays = tuple([np.asarray(r) for r in results])
    tensors = tuple([wrap(a) for a in arrays])
    parents = tuple([x._node for x in operands])
    node = record(op, parents, _save(op, operands), settings, arrays) if state.recording and any(parents) else None
    if node is not None:
        if node.result is None:  # the walk needs their number, shapes and dtypes for missing cotangents
            node.result = tuple([(a.shape, a.dtype) for a in arrays])
        for i, t in enumerate(tensors):
            if t._value.dtype.kind == "f":
                t._node = Pick(node, i)
    if state.observer is not None:
        state.observer.record(op, operands, settings, tensors)
    return tensors


def _save(op: Any, operands: tuple) -> tuple:
    """What a node keeps of the operands: those that a derivative rule needs, of others shape and dtype."""
    saves = op.saves * len(operands) if op.variadic else op.saves
    return tuple([x if s else (x._value.shape, x._value.dtype) for x, s in zip(operands, saves, strict=True)])


def _refusal(op: Any, error: Exception, values: list[np.ndarray], settings: dict) -> Exception:
    """What to raise where the body refused its operands with `error`."""
    if settings.keys() != set(op.setting_names):  # as many as there are, which was all that a call looked at
        return op.refusal(tuple(values), settings)
    return explanation(op, error, values, settings)


def _one(x: Any) -> Any:
    """An operand, as a Tensor where it is a Variable."""
    return x.snapshot() if isinstance(x, Tensor) else x


def _pair(x1: Any, x2: Any) -> tuple[Any, Any]:
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


def _known(n: int) -> dict[str, Any]:
    """What the text needs."""
    return {
        "AutonetError": AutonetError,
        "HALF": HALF,
        "MISSING": MISSING,
        "NONE": _NONE,
        "PLAIN": PLAIN,
        "Tensor": Tensor,
        "freeze": freeze,
        "ndarray": np.ndarray,
        "new": object.__new__,
        "np": np,
        "prepare": prepare,
        "record": record,
        "refusal": _refusal,
        "save": _save,
        "several": _several,
        "shorten": shorten,
        "state": state,
        "tensors": _one if n == 1 else _pair,
    }


_NUMBERS = (float, int)
_NONE: dict[str, Any] = {}  # the settings of a primitive that has none
