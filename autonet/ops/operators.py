"""Gives Tensor its operators, its few methods, and NumPy's protocols."""

from typing import Any

import numpy as np

from autonet.common.attributes import Absent, Attachment
from autonet.common.dtypes import standardize_dtype
from autonet.common.lines import filters_traceback, shorten
from autonet.common.types import Dtype
from autonet.common.words import NAMES
from autonet.core.accumulate import cast
from autonet.core.calls import compile_operator
from autonet.core.tensor import Tensor
from autonet.errors import AutonetError
from autonet.ops import comparison as c
from autonet.ops import pointwise as p
from autonet.ops import reduction as r
from autonet.ops import shaping as s
from autonet.ops.abstract import name_caller
from autonet.ops.indexing import getitem
from autonet.ops.products import matmul


def _power(x: Any, n: Any) -> Tensor:
    try:
        if type(n) in (int, float):  # the powers that need no logarithm
            if n == 2:
                return p.square(x)
            if n == 1:
                return p.multiply(x, 1)
        return p.power(x, n)
    except Exception as error:
        shorten(error)
        raise


BINARY = {  # __add__ and __radd__, ...
    "add": p.add,
    "sub": p.subtract,
    "mul": p.multiply,
    "truediv": p.divide,
    "floordiv": c.floor_divide,
    "mod": p.mod,
    "pow": p.power,
    "matmul": matmul,
    "and": c.bitwise_and,
    "or": c.bitwise_or,
    "xor": c.bitwise_xor,
    "lshift": c.left_shift,
    "rshift": c.right_shift,
}
COMPARISONS = {"lt": c.less, "le": c.less_equal, "gt": c.greater, "ge": c.greater_equal}


OPERATORS = {
    **{f"__{name}__": compile_operator(op) for name, op in {**BINARY, **COMPARISONS}.items()},
    **{f"__r{name}__": compile_operator(op, reflected=True) for name, op in BINARY.items()},
    "__pow__": _power,
    "__divmod__": lambda a, b: (c.floor_divide(a, b), p.mod(a, b)),
    "__rdivmod__": lambda a, b: (c.floor_divide(b, a), p.mod(b, a)),
    "__eq__": lambda a, b: NotImplemented if b is None or type(b) is str else c.equal(a, b),  # then Python says no
    "__ne__": lambda a, b: NotImplemented if b is None or type(b) is str else c.not_equal(a, b),
    "__neg__": lambda a: p.negative(a),
    "__pos__": lambda a: a,
    "__abs__": lambda a: p.absolute(a),
    "__invert__": lambda a: c.bitwise_invert(a),
    "__round__": lambda a, n=0: c.round(a, decimals=n),
    "__getitem__": getitem,
}

METHODS = {
    "sum": r.sum,
    "mean": r.mean,
    "max": r.max,
    "min": r.min,
    "prod": r.prod,
    "var": r.var,
    "std": r.std,
    "argmax": r.argmax,
    "argmin": r.argmin,
    "cumsum": r.cumsum,
    "all": r.all,
    "any": r.any,
    "squeeze": s.squeeze,
    "swapaxes": s.swapaxes,
    "ravel": s.ravel,
    "flatten": s.ravel,
    "round": c.round,
    "clip": p.clip,
}


def _method(op: Any) -> Any:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        try:
            return op(self, *args, **kwargs)
        except Exception as error:
            if isinstance(error, AutonetError):
                name_caller(error, op.__name__)
            shorten(error)
            raise

    method.__name__ = op.__name__
    method.__doc__ = op.__doc__
    return method


def _reshape(self: Tensor, *newshape: Any) -> Tensor:
    """The same elements in another shape, given as numbers or as one tuple."""
    return s.reshape(self, newshape=newshape[0] if len(newshape) == 1 else newshape)


def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """The axes in another order, by default reversed."""
    return s.transpose(self, axes=axes[0] if len(axes) == 1 else axes or None)


def _astype(self: Tensor, dtype: Dtype) -> Tensor:
    """The values with another element type."""
    return cast(self, dtype=standardize_dtype(dtype))


# NumPy's protocols: np.exp(t), np.sum(t), arr * t, np.concatenate([t, t]) give Tensors

_UFUNC_NAMES = {
    "matmul": "matmul",
    "invert": "bitwise_invert",
    "remainder": "mod",
    "conjugate": None,
    "fabs": "absolute",
    "round_": "round",
    "around": "round",
    "amax": "max",
    "amin": "min",
}


def op_named(name: str) -> Any:
    """The operation that is NumPy's function `name`; None if there is none."""
    from autonet import ops

    known = _UFUNC_NAMES.get(name, name)
    return getattr(ops, known, None) if known else None


@filters_traceback
def _array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    op = op_named(ufunc.__name__)
    if "out" in kwargs:
        raise TypeError(
            f"np.{ufunc.__name__} cannot write into an array from Tensors: leave `out` away, or use .numpy() for plain arrays."
        )
    if method == "reduce" and ufunc.__name__ in ("add", "multiply", "maximum", "minimum"):
        named = {"add": r.sum, "multiply": r.prod, "maximum": r.max, "minimum": r.min}[ufunc.__name__]
        return named(inputs[0], axis=kwargs.get("axis", 0), keepdims=kwargs.get("keepdims", False))
    if not callable(op):
        raise _no_counterpart(f"np.{ufunc.__name__}")
    if method != "__call__":
        raise _no_counterpart(f"np.{ufunc.__name__}.{method}")
    if kwargs:
        raise TypeError(
            f"np.{ufunc.__name__} of Tensors takes no {', '.join(kwargs)}: use autonet.ops.{op.__name__}, with ops.cast or "
            "ops.where around it."
        )
    return op(*inputs)


def _no_counterpart(what: str) -> TypeError:
    return TypeError(f"{what} has no counterpart in autonet.ops. Use it on t.numpy(), without derivatives.")


@filters_traceback
def _array_function(self: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    op = op_named(func.__name__)
    if not callable(op):
        raise _no_counterpart(f"np.{func.__name__}")
    if kwargs.pop("out", None) is not None:
        raise TypeError(f"np.{func.__name__} cannot write into an array from Tensors: leave `out` away.")
    return op(*args, **kwargs)


for _name, _f in OPERATORS.items():
    setattr(Tensor, _name, _f)
for _name, _f in METHODS.items():
    setattr(Tensor, _name, _method(_f))
for _name, _f in {"reshape": _reshape, "transpose": _transpose, "astype": _astype}.items():
    setattr(Tensor, _name, _f)
for _name, _advice in NAMES["Tensor"].items():
    setattr(Tensor, _name, Absent(_name, str(_advice)))
Tensor.T = property(lambda self: s.transpose(self), doc="The Tensor with its axes reversed.")  # type: ignore
Tensor._stack = staticmethod(s.stack)
Tensor._mask = Attachment("mask")  # which time steps count
Tensor._logits = Attachment("logits")  # what softmax or sigmoid was applied to: its name, the operand, the axis
Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
Tensor.__array_function__ = _array_function  # type: ignore[attr-defined]
