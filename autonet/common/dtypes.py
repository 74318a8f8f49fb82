"""Float policy and promotion.

Promotion follows JAX and Keras, not NumPy: an integer array never widens a float array (int32 with float32 is float32),
and Python scalars are weak (they take the array's dtype, or the default float where a float meets integers).
"""

import functools
from typing import Any

import numpy as np

from autonet.common.complex_numbers import ADVICE
from autonet.common.types import Dtype
from autonet.common.versions import structure
from autonet.errors import ArgumentError, DtypeError, UnknownDtypeError

NAMES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
)
_DTYPES = {name: np.dtype(name) for name in NAMES}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_PYTHON = {bool: "bool", int: "int32", float: None, "bool": "bool", "int": "int32", "float": None, "half": "float16"}

_floatx = "float32"
_epsilon = 1e-7


def floatx() -> str:
    """Name of the dtype that new floats get: "float32" unless `set_floatx` changed it."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the dtype of new floats: "float16", "float32" or "float64"."""
    global _floatx
    if value not in ("float16", "float32", "float64"):
        raise ArgumentError(f"set_floatx expects 'float16', 'float32' or 'float64'; received {value!r}.")
    _floatx = value
    structure.changed()


def epsilon() -> float:
    """The fuzz factor that keeps divisions and logarithms finite, 1e-7 unless `set_epsilon` changed it."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the fuzz factor, a positive number."""
    global _epsilon
    if not value > 0:
        raise ArgumentError(f"set_epsilon expects a number above 0; received {value!r}.")
    _epsilon = float(value)
    structure.changed()


INSTEAD_OF_BFLOAT16 = "Take float32, or the policy 'mixed_float16', for which fit scales losses by itself."


def standardize_dtype(dtype: Dtype) -> str:
    """The name of `dtype`, given as a name, a NumPy dtype or type, a Python type, or None for the default float.

    >>> standardize_dtype(None), standardize_dtype(np.int64), standardize_dtype(float)
    ('float32', 'int64', 'float32')
    """
    if dtype is None:
        return _floatx
    if isinstance(dtype, str) and dtype in _DTYPES:
        return dtype
    if isinstance(dtype, np.dtype) and dtype in _NAMES:
        return _NAMES[dtype]
    if isinstance(dtype, (str, type)) and dtype in _PYTHON:
        return _PYTHON[dtype] or _floatx
    try:
        name = np.dtype(dtype).name
    except (TypeError, ValueError, SyntaxError):  # NumPy reads "2f4,(3,)i4" as a structure, if it can
        name = str(dtype)[:100]
    if name.startswith("complex"):
        raise DtypeError(f"autonet has no complex dtypes; received {dtype!r}. {ADVICE}")
    if "bfloat16" in name:
        raise UnknownDtypeError(
            f"NumPy has no bfloat16, so there is none here; received {dtype!r}. {INSTEAD_OF_BFLOAT16}"
        )
    if name not in _DTYPES:
        raise UnknownDtypeError(f"autonet knows no dtype {dtype!r}. Choose one of {', '.join(NAMES)}.")
    return name


def as_dtype(dtype: Dtype) -> np.dtype[Any]:
    """The NumPy dtype behind `dtype`; None is the default float."""
    return _DTYPES[standardize_dtype(dtype)]


def is_float(dtype: Dtype) -> bool:
    """Whether values of `dtype` can carry a derivative."""
    return np.dtype(dtype).kind == "f"


@functools.cache
def promote(a: np.dtype[Any], b: np.dtype[Any], default: str) -> np.dtype[Any]:
    """The dtype in which arrays of dtypes `a` and `b` meet, `default` being the current floatx."""
    if a == b:
        return a
    if a.kind == "f" or b.kind == "f":
        if a.kind != "f":
            return b
        return a if b.kind != "f" else np.promote_types(a, b)
    if a.kind == "b":
        return b
    if b.kind == "b":
        return a
    common = np.promote_types(a, b)
    return common if common.kind != "f" else np.dtype(default)  # uint64 with a signed one


def result_type(*dtypes: Any) -> str:
    """Name of the dtype in which operands of these dtypes meet; Python types are weak.

    >>> result_type("int32", "float32"), result_type("int64", float), result_type("uint8", int)
    ('float32', 'float32', 'uint8')
    """
    weak = [d for d in dtypes if d is int or d is float or d is bool]  # np.dtype("float64") == float, but is strong
    strong = [as_dtype(d) for d in dtypes if not (d is int or d is float or d is bool)]
    if not strong:
        return _floatx if float in weak or not weak else "int32" if int in weak else "bool"
    common = functools.reduce(lambda a, b: promote(a, b, _floatx), strong)
    for kind in weak:
        common = weaken(kind, common)
    return common.name


def of_number(x: int | float) -> str:
    """Name of the dtype that a number alone gets: int64 for a Python integer that int32 does not hold.

    >>> of_number(1), of_number(2**31), of_number(0.5)
    ('int32', 'int64', 'float32')
    """
    return "int64" if type(x) is int and abs(x) >= 2**31 else result_type(type(x))


def weaken(kind: type[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which a Python scalar of type `kind` meets an array of dtype `other`."""
    if kind is bool or other.kind == "f" or (kind is int and other.kind != "b"):
        return other
    return _DTYPES["int32"] if kind is int else _DTYPES[_floatx]
