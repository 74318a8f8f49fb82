"""New arrays: constants, ranges, patterns. The default dtype is `floatx()`."""

import math
import operator
from typing import Any, Literal, overload

import numpy as np

from autonet.common import dtypes
from autonet.common.types import Dtype, Shape, TensorLike
from autonet.core.accumulate import cast as _cast
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, fitted, wrap
from autonet.core.tensor import convert_to_tensor as _convert
from autonet.errors import ArgumentError, ShapeError
from autonet.untrusted.budget import limit

__all__ = [
    "arange",
    "array",
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "empty",
    "eye",
    "full",
    "full_like",
    "identity",
    "is_tensor",
    "linspace",
    "logspace",
    "ndim",
    "one_hot",
    "ones",
    "ones_like",
    "shape",
    "size",
    "tri",
    "zeros",
    "zeros_like",
]


def _dims(shape: Any) -> tuple[int, ...]:
    lengths = (int(shape),) if np.ndim(shape) == 0 else tuple([int(n) for n in shape])
    if lengths and min(lengths) < 0:
        raise ShapeError(f"A shape has lengths of at least 0; received {lengths}.")
    limit(f"An array of shape {lengths}", *lengths)
    return lengths


def array(x: TensorLike, dtype: Dtype = None) -> Tensor:
    """`x` as a Tensor."""
    return _convert(x, dtype)


def convert_to_tensor(
    x: TensorLike, dtype: Dtype = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """`x` as a Tensor: itself if it is one already (and has `dtype`), else a copy of its values.

    Lists may hold Tensors, which are stacked, with derivatives. `sparse` and `ragged` are for Keras's sake.
    """
    if sparse or ragged:
        raise ArgumentError("autonet has no sparse or ragged arrays: convert_to_tensor makes dense ones only.")
    return _convert(x, dtype)


def cast(x: TensorLike, dtype: Dtype) -> Tensor:
    """`x` with element type `dtype`; between floats the derivative passes.

    Of an array or Tensor, numbers that an integer type does not hold become others, as in NumPy; `saturate_cast` takes the
    nearest.

    Raises: DtypeError where a number or a list holds such.
    """
    name = dtypes.standardize_dtype(dtype)
    x = _convert(x, name) if isinstance(x, (int, float, list, tuple)) else _convert(x)
    return x if x.dtype == name else _cast(x, dtype=name)


def convert_to_numpy(x: TensorLike) -> np.ndarray:
    """`x` as a NumPy array of the caller's own."""
    return x.numpy() if isinstance(x, Tensor) else np.array(x)


def is_tensor(x: TensorLike) -> bool:
    """Whether `x` is a Tensor."""
    return isinstance(x, Tensor)


def shape(x: TensorLike) -> tuple[int, ...]:
    """Lengths of the axes of `x`."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)  # type: ignore[arg-type]


def ndim(x: TensorLike) -> int:
    """Number of axes of `x`."""
    return len(shape(x))


def size(x: TensorLike) -> int:
    """Number of elements of `x`.

    Raises: ShapeError for a placeholder with a length that is unknown (None).
    """
    if None in shape(x):
        raise ShapeError(f"size expects an array whose lengths are known; received shape {shape(x)}.")
    return math.prod(shape(x))


def zeros(shape: Shape, dtype: Dtype = None) -> Tensor:
    """Zeros of `shape`."""
    return wrap(np.zeros(_dims(shape), dtypes.as_dtype(dtype)))


def ones(shape: Shape, dtype: Dtype = None) -> Tensor:
    """Ones of `shape`."""
    return wrap(np.ones(_dims(shape), dtypes.as_dtype(dtype)))


def empty(shape: Shape, dtype: Dtype = None) -> Tensor:
    """An array of `shape` whose values do not matter; they are zeros."""
    return zeros(shape, dtype)


def full(shape: Shape, fill_value: TensorLike, dtype: Dtype = None) -> Tensor:
    """`fill_value`, a number or an array that broadcasts, repeated to `shape`."""
    from autonet.core.accumulate import broadcast_to

    value = _convert(fill_value, dtype or dtypes.floatx())
    return broadcast_to(value, shape=_dims(shape))


def _like(x, dtype) -> np.dtype:
    return dtypes.as_dtype(dtype) if dtype is not None else x.dtype


def zeros_like(x: TensorLike, dtype: Dtype = None) -> Tensor:
    """Zeros of the shape and dtype of `x`."""
    x = _convert(x)
    return wrap(np.zeros(x.shape, _like(x, dtype)))


def ones_like(x: TensorLike, dtype: Dtype = None) -> Tensor:
    """Ones of the shape and dtype of `x`."""
    x = _convert(x)
    return wrap(np.ones(x.shape, _like(x, dtype)))


def full_like(x: TensorLike, fill_value: TensorLike, dtype: Dtype = None) -> Tensor:
    """`fill_value` repeated to the shape of `x`."""
    x = _convert(x)
    return full(x.shape, fill_value, _like(x, dtype))


def arange(
    start: float | Tensor, stop: float | Tensor | None = None, step: float | Tensor | None = None, dtype: Dtype = None
) -> Tensor:
    """start, start + step, ... below stop; with one argument 0, 1, ... below it. Integers unless a float is given."""
    given = [v for v in (start, stop, step) if v is not None]
    if dtype is None:
        dtype = dtypes.result_type(*[getattr(v, "dtype", type(v)) for v in given])
        if "int64" in [dtypes.of_number(v) for v in given if type(v) is int]:
            dtype = dtypes.result_type(dtype, "int64")
    values = [v.item() if isinstance(v, Tensor) else v for v in given]
    first, last = (0, values[0]) if len(values) == 1 else values[:2]
    limit(f"arange{tuple(values)}", (last - first) / (values[2] if len(values) > 2 and values[2] else 1))
    if dtypes.as_dtype(dtype).kind not in "iu":
        return wrap(np.arange(*values, dtype=dtypes.as_dtype(dtype)))
    return wrap(fitted(np.arange(*values), dtype))


@overload
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: Literal[False] = False,
    dtype: Dtype = None,
    axis: int = 0,
) -> Tensor: ...
@overload
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Dtype = None,
    axis: int = 0,
) -> Tensor | tuple[Tensor, Tensor]: ...
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Dtype = None,
    axis: int = 0,
) -> Tensor | tuple[Tensor, Tensor]:
    """`num` evenly spaced numbers from start to stop, whose derivatives reach both ends."""
    from autonet.ops.shaping import moveaxis

    num = whole_number(num, "linspace", "num")
    floats = _float_of(start, stop)
    start, stop = _convert(start), _convert(stop)
    if dtype is not None and not dtypes.is_float(dtypes.standardize_dtype(dtype)):  # whole numbers: rounded down
        from autonet.ops.comparison import floor

        for end in (start, stop):
            _holds(dtype, end)
        found = linspace(start, stop, num, endpoint, retstep, floats, axis)
        values, *step = found if retstep else (found,)
        values = cast(floor(values), dtype)
        return (values, *step) if retstep else values  # type: ignore[return-value]
    dtype = dtype or floats
    limit("linspace", num)
    steps = max(num - 1 if endpoint else num, 1)
    ndim = max(start.ndim, stop.ndim)
    t = wrap((np.arange(num) / steps).astype(dtypes.as_dtype(dtype)).reshape((num,) + (1,) * ndim))
    start, stop = cast(start, dtype), cast(stop, dtype)
    values = start * (1 - t) + stop * t
    if axis not in (0, -ndim - 1):
        values = moveaxis(values, 0, axis)
    return (values, (stop - start) / steps) if retstep else values


def _holds(dtype: Dtype, x: Any) -> None:
    """Raise DtypeError where x, rounded down, does not fit in dtype; of what is still to be computed nothing is known."""
    if x._node is None and not hasattr(x, "_symbolic"):
        fitted(np.floor(x._value), dtype)


def _float_of(*ends: Any) -> str:
    """The float in which ends meet, Python's numbers being weak."""
    return dtypes.result_type(*[type(x) if type(x) in (bool, int, float) else _convert(x).dtype for x in ends], float)


def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Dtype = None,
    axis: int = 0,
) -> Tensor:
    """`base` to the powers `linspace(start, stop, num)`; whole numbers are rounded down."""
    from autonet.ops.pointwise import power

    kind = dtypes.standardize_dtype(dtype or _float_of(start, stop))
    if type(start) in (int, float) and type(stop) in (int, float):  # rounded once
        num = whole_number(num, "logspace", "num")
        limit("logspace", num)
        return wrap(fitted(np.logspace(start, stop, num, endpoint, base), kind))  # type: ignore[arg-type]
    exponents = linspace(start, stop, num, endpoint, dtype="float64", axis=axis)  # whose rounding the powers enlarge
    for end in () if dtypes.is_float(kind) else (start, stop):
        _holds(kind, power(base, cast(end, "float64")))
    return cast(power(base, exponents), kind)


def whole_number(n: Any, who: str, name: str, least: int = 0) -> int:
    """`n` as an int.

    Raises: ArgumentError unless it is a whole number of at least `least`.
    """
    try:
        whole = least - 1 if isinstance(n, bool) else operator.index(n)
    except TypeError:
        whole = least - 1
    if whole < least:
        raise ArgumentError(f"{who} expects {name} to be a whole number of at least {least}; received {n!r}.")
    return whole


def eye(N: int, M: int | None = None, k: int = 0, dtype: Dtype = None) -> Tensor:
    """N x M matrix with ones on diagonal `k`."""
    limit("eye", N, M or N)
    return wrap(np.eye(N, M, k, dtypes.as_dtype(dtype)))


def identity(n: int, dtype: Dtype = None) -> Tensor:
    """n x n identity matrix."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Dtype = None) -> Tensor:
    """N x M matrix with ones on and below diagonal `k`."""
    if N < 0 or (M or 0) < 0:
        raise ArgumentError(f"tri expects lengths of at least 0; received {N} and {M}.")
    limit("tri", N, M or N)
    return wrap(np.tri(N, M, k, dtypes.as_dtype(dtype)))


@primitive
def _one_hot(x, *, num_classes, axis, dtype):
    """Indicator rows of integer classes; a class out of range gives a row of zeros."""
    axis = axis % (x.ndim + 1)
    classes = np.arange(num_classes, dtype=x.dtype).reshape((num_classes,) + (1,) * (x.ndim - axis))
    return np.equal(np.expand_dims(x, axis), classes).astype(dtype)


_one_hot.vjp(x=None)


def one_hot(x: TensorLike, num_classes: int, axis: int = -1, dtype: Dtype = None, sparse: bool = False) -> Tensor:
    """1 at each class number of `x`, 0 elsewhere, along a new `axis` of length `num_classes`.

    Class numbers outside 0 ... num_classes - 1 give zeros only.
    """
    if sparse:
        raise ArgumentError("autonet has no sparse arrays: one_hot(..., sparse=True) is not available.")
    x = _convert(x)
    if not -x.ndim - 1 <= axis <= x.ndim:
        raise ShapeError(f"one_hot expects axis from {-x.ndim - 1} to {x.ndim} for shape {x.shape}; received {axis}.")
    count = whole_number(num_classes, "one_hot", "num_classes")
    if x.dtype.itemsize < 4:  # whose numbers may be fewer than the classes
        x = cast(x, "float32" if x.dtype.kind == "f" else "int32")
    return _one_hot(x, num_classes=count, axis=axis, dtype=dtypes.standardize_dtype(dtype))
