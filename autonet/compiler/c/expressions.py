"""C expressions for pointwise primitives: what one element of the result is, from one element of each operand."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.facts import facts, row
from autonet.compiler.program import Instruction

C_TYPES = {
    np.dtype(name): f"{name}_t" for name in ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
} | {np.dtype("bool"): "uint8_t", np.dtype("float32"): "float", np.dtype("float64"): "double"}


def literal(value: Any, ctype: str) -> str:
    """A number as C source, exact to the last bit."""
    if ctype in ("float", "double"):
        x = float(value)
        if math.isnan(x):
            return f"(({ctype})NAN)"
        if math.isinf(x):
            return f"(({ctype}){'-' if x < 0 else ''}INFINITY)"
        return f"(({ctype}){x.hex()})"
    n = int(value)
    if n == -(2**63):
        return "(-9223372036854775807LL - 1)"
    return f"(({ctype}){n}{'ULL' if n >= 2**63 else 'LL' if abs(n) >= 2**31 else ''})"


# A template sees a, b, c: operands; T: the result's C type; F: the float suffix f32 or f64 of the result; s: settings.
Template = str | Callable[[Instruction], str | None]


def _suffix(dtype: np.dtype) -> str:
    return "f32" if dtype == np.float32 else "f64"


def _setting(i: Instruction, name: str) -> str:
    return literal(i.results[0].dtype.type(i.settings[name]), C_TYPES[i.results[0].dtype])


_ANY: dict[str, Template] = {
    "equal": "(a == b)",
    "not_equal": "(a != b)",
    "less": "(a < b)",
    "less_equal": "(a <= b)",
    "greater": "(a > b)",
    "greater_equal": "(a >= b)",
    "logical_and": "((a != 0) & (b != 0))",
    "logical_or": "((a != 0) | (b != 0))",
    "logical_xor": "((a != 0) ^ (b != 0))",
    "logical_not": "(a == 0)",
    "contiguous": "a",
    "cast": lambda i: _cast(i.operands[0].dtype, i.results[0].dtype),
    "_select": lambda i: "an_where_F(a != 0, b, c)" if i.results[0].dtype.kind == "f" else "(a != 0 ? b : c)",
}
_NUMBERS: dict[str, Template] = {  # floats and integers, not booleans
    "add": "(a + b)",
    "subtract": "(a - b)",
    "multiply": "(a * b)",
    "negative": "(-a)",
    "square": "(a * a)",
}
_INTEGERS: dict[str, Template] = {
    "bitwise_and": "(a & b)",
    "bitwise_or": "(a | b)",
    "bitwise_xor": "(a ^ b)",
}
_FLOATS: dict[str, Template] = {
    "divide": "(a / b)",
    "reciprocal": "(1 / a)",
    "absolute": "an_abs_F(a)",
    "sign": "an_sign_F(a)",
    "sqrt": "an_sqrt_F(a)",
    "rsqrt": "(1 / an_sqrt_F(a))",
    "times": "(a * an_where_F(a == 0, 0, b))",
    "exp": "an_exp_F(a)",
    "expm1": "an_expm1_F(a)",
    "log": "an_log_F(a)",
    "log1p": "an_log1p_F(a)",
    "tanh": "an_tanh_F(a)",
    "sigmoid": "an_sigmoid_F(a)",
    "softplus": "an_softplus_F(a)",
    "erf": "an_erf_F(a)",
    "power": "an_pow_F(a, b)",
    "maximum": "an_max_F(a, b)",
    "minimum": "an_min_F(a, b)",
    "clip": "an_min_F(an_max_F(a, b), c)",
    "step": "((T)(a > b) + (T)0.5 * (T)(a == b))",
    "relu": "an_max_F(a, 0)",
    "gate": "an_where_F(b > 0, a, 0)",
    "floor": "an_floor_F(a)",
    "ceil": "an_ceil_F(a)",
    "trunc": "an_trunc_F(a)",
    "sigmoid_crossentropy": "(an_max_F(b, 0) - b * a + an_log1p_F(an_exp_F(-an_abs_F(b))))",
    "leaky_relu": lambda i: f"an_where_F(a >= 0, a, a * {_setting(i, 'negative_slope')})",
    "leak": lambda i: f"an_where_F(b < 0, a * {_setting(i, 'negative_slope')}, a)",
    "elu": lambda i: f"(an_expm1_F(an_min_F(a, 0)) * {_setting(i, 'alpha')} + an_max_F(a, 0))",
}
_TESTS: dict[str, Template] = {  # of floats, giving booleans
    "isnan": "(a != a)",
    "isinf": "(an_abs_G(a) == (U)INFINITY)",
    "isfinite": "(an_abs_G(a) < (U)INFINITY)",
}


def _kinds(i: Instruction) -> set[str]:
    return {v.dtype.kind for v in i.operands}


def _enter(fits: Callable[[Instruction], bool], templates: dict[str, Template]) -> None:
    for name, text in templates.items():
        row(name).c_expression = fits, text


_enter(lambda i: True, _ANY)
_enter(lambda i: "b" not in _kinds(i), _NUMBERS)
_enter(lambda i: _kinds(i) <= set("bui"), _INTEGERS)
_enter(lambda i: i.results[0].dtype.kind == "f" and _kinds(i) == {"f"}, _FLOATS)
_enter(lambda i: _kinds(i) == {"f"}, _TESTS)


def _cast(old: np.dtype, new: np.dtype) -> str | None:
    if old.kind == "f" and new.kind == "u" and new.itemsize > 2:
        return None  # C leaves open what becomes of numbers below zero; NumPy's wrap around
    return "(a != 0)" if new.kind == "b" else "((T)a)"


def template(i: Instruction) -> str | None:
    """The expression of one element of the instruction's result, None if there is none."""
    found = facts(i).c_expression
    if found is None or any(v.dtype not in C_TYPES for v in (*i.operands, i.results[0])):
        return None
    fits, text = found
    if not fits(i):
        return None
    return text(i) if callable(text) else text


def is_pointwise(i: Instruction) -> bool:
    """Whether a loop in C can compute the instruction, element by element."""
    return len(i.results) == 1 and template(i) is not None


def expression(i: Instruction, names: list[str]) -> str:
    """One element of the result, with the C variables `names` holding those of the operands."""
    text = template(i)
    assert text is not None
    words: dict[str, Any] = dict(zip("abc", names, strict=False))
    words["T"] = C_TYPES[i.results[0].dtype]
    words["F"] = _suffix(i.results[0].dtype)
    words["U"] = C_TYPES[i.operands[0].dtype]
    words["G"] = _suffix(i.operands[0].dtype)
    return _fill(text, words)


def _fill(text: str, words: dict[str, str]) -> str:
    return "".join([words[part] if named else part for part, named in _parts(text, frozenset(words))])


@functools.cache
def _parts(text: str, words: frozenset[str]) -> tuple[tuple[str, bool], ...]:
    """A template's text in pieces, and whether each is one of these words."""
    out: list[tuple[str, bool]] = []
    for k, c in enumerate(text):
        c = text[k]
        before = text[k - 1] if k else " "
        after = text[k + 1] if k + 1 < len(text) else " "
        alone = not (before.isalnum() or after.isalnum() or after == "_" or before == ".")
        out.append((c, c in words and alone and (before != "_" or c in "FG")))
    return tuple(out)
