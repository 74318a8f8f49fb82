"""Facts about primitives: one table, from which passes and back ends read.

What holds of a primitive in itself is declared here; each back end enters how it runs it, beside the code that does.
`print(table())` of explain.py shows the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(slots=True)
class Facts:
    """What is known of one primitive.

    Attributes:
        ufunc: what its body is; the result may then lie in an operand's own buffer.
        view: its body gives a view of its operand wherever strides allow.
        reduction: a fused loop may end with it.
        numpy_kernel: writes the NumPy calls that compute it into a buffer; None: its body runs, and allocates.
        c_expression: whether operands and result suit it, and one element of the result as C; None: not fused.
        c_kernel: writes the C that computes it, or returns False; None: the native plan steps out to NumPy.
        c_strides: whether c_kernel takes an operand of such strides; views of others are copied first, once for all.
    """

    ufunc: np.ufunc | None = None
    view: bool = False
    reduction: bool = False
    numpy_kernel: Callable[[Any, Any, list[str], list[str]], None] | None = None
    c_expression: tuple[Callable[[Any], bool], str | Callable[[Any], str | None]] | None = None
    c_kernel: Callable[[Any, Any], bool] | None = None
    c_strides: Callable[[np.ndarray], bool] | None = None

    @property
    def pointwise(self) -> bool:
        """Whether each element of the result depends on one element of each operand."""
        return self.ufunc is not None or self.c_expression is not None

    @property
    def in_place(self) -> bool:
        """Whether the result may overwrite an operand."""
        return self.ufunc is not None


FACTS: dict[str, Facts] = {}  # by the names of primitives, of which there is one each
_NONE = Facts()


def facts(i: Any) -> Facts:
    """What is known of an instruction's primitive."""
    return FACTS.get(i.op, _NONE)


def row(name: str) -> Facts:
    """The row of the primitive `name`, to enter something."""
    return FACTS.setdefault(name, Facts())


_UFUNCS = (
    *("add", "subtract", "multiply", "divide", "negative", "absolute", "reciprocal", "square", "sqrt", "cbrt"),
    *("power", "hypot", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "sin", "cos"),
    *("tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
    *("maximum", "minimum", "sign", "signbit", "floor", "ceil", "trunc", "floor_divide", "equal", "not_equal"),
    *("less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor"),
    *("logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"),
    *("isnan", "isinf", "isfinite"),
)
_VIEWS = "reshape transpose matrix_transpose expand_dims squeeze broadcast_to _getitem _part _crop flip diagonal _split"
_REDUCTIONS = "sum mean max min sum_to"

for _name in _UFUNCS:
    row(_name).ufunc = getattr(np, _name)
row("mod").ufunc = np.remainder
row("bitwise_invert").ufunc = np.invert
for _name in _VIEWS.split():
    row(_name).view = True
for _name in _REDUCTIONS.split():
    row(_name).reduction = True
