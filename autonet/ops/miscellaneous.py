"""Elementwise mathematics that few programs need: remainders, bits of floats, sinc, Bessel's I, real numbers as complex."""

import math
from collections.abc import Sequence

import numpy as np

from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core.calls import convert
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import DtypeError, ShapeError
from autonet.ops.abstract import AbstractTensor
from autonet.ops.comparison import _flat, equal, greater, isinf, isnan, less, logical_and, trunc, whole
from autonet.ops.creation import cast, ones_like, zeros_like
from autonet.ops.pointwise import _logaddexp_rule, absolute, clip, divide, maximum, minimum, where
from autonet.ops.reduction import all as every


def fabs(x: TensorLike) -> Tensor:
    """|x|, elementwise, as floats."""
    x = convert_to_tensor(x)
    return absolute(x if x.dtype.kind == "f" else cast(x, dtypes.floatx()))


def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger of x1 and x2, elementwise, the other one where one is NaN."""
    x1, x2 = convert(maximum, (x1, x2))
    return where(isnan(x1), x2, where(isnan(x2), x1, maximum(x1, x2)))


def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller of x1 and x2, elementwise, the other one where one is NaN."""
    x1, x2 = convert(minimum, (x1, x2))
    return where(isnan(x1), x2, where(isnan(x2), x1, minimum(x1, x2)))


@primitive
def fmod(x1, x2):
    """Remainder of x1 / x2 with the sign of x1, elementwise."""
    return np.fmod(*whole(x1, x2))


fmod.vjp(x1=lambda g: g, x2=lambda g, x1, x2: -g * trunc(x1 / x2))

gcd = _flat("gcd", lambda x1, x2: np.gcd(x1, x2), "Greatest common divisor of whole numbers, elementwise.")
lcm = _flat("lcm", lambda x1, x2: np.lcm(x1, x2), "Least common multiple of whole numbers, elementwise.")


def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """0 where x1 < 0, x2 where x1 = 0, 1 where x1 > 0, elementwise.

    >>> heaviside([-1.0, 0.0, 2.0], 0.5).tolist()
    [0.0, 0.5, 1.0]
    """
    x1, x2 = convert(divide, (x1, x2))
    return where(isnan(x1), x1, where(equal(x1, 0), x2, cast(greater(x1, 0), x1.dtype)))


@primitive(floating=True)
def logaddexp2(x1, x2):
    """log2(2^x1 + 2^x2), elementwise, without overflow."""
    return np.logaddexp2(x1, x2)


logaddexp2.vjp(
    x1=lambda g, x1, x2, y: _logaddexp_rule(g, x1, x2, y, math.log(2)),
    x2=lambda g, x1, x2, y: _logaddexp_rule(g, x2, x1, y, math.log(2)),
)


@primitive(keep=("x1", "x2"))
def _ldexp(x1, x2):
    """x1 times 2 to the whole number x2."""
    return np.ldexp(x1, x2)


_ldexp.vjp(x1=lambda g, x2: _ldexp(g, x2), x2=None)


def ldexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 times 2 to the power x2, whole numbers, elementwise and exact.

    Raises: DtypeError unless x2 holds integers.
    """
    x1, x2 = convert_to_tensor(x1), convert_to_tensor(x2)
    if x2.dtype.kind not in "iub" and type(x2) is not AbstractTensor:
        raise DtypeError(f"ldexp expects whole numbers as exponents; received dtype {x2.dtype}. Use x1 * exp2(x2).")
    return _ldexp(x1 if x1.dtype.kind == "f" else cast(x1, dtypes.floatx()), cast(x2, "int32"))


@primitive(floating=True)
def nextafter(x1, x2):
    """The next number after x1 that its dtype can hold, towards x2; elementwise."""
    return np.nextafter(x1, x2)


nextafter.vjp(x1=lambda g: g, x2=None)


def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 / x2, elementwise, 0 where x2 is 0.

    >>> divide_no_nan([1.0, 2.0], [0.0, 4.0]).tolist()
    [0.0, 0.5]
    """
    x1, x2 = convert(divide, (x1, x2))
    none = equal(x2, 0)
    return where(none, 0, divide(x1, where(none, 1, x2)))


def isneginf(x: TensorLike) -> Tensor:
    """Whether x is minus infinity, elementwise."""
    x = convert_to_tensor(x)
    return logical_and(isinf(x), less(x, 0))


def isposinf(x: TensorLike) -> Tensor:
    """Whether x is plus infinity, elementwise."""
    x = convert_to_tensor(x)
    return logical_and(isinf(x), greater(x, 0))


def allclose(
    x1: TensorLike, x2: TensorLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| <= atol + rtol |x2| everywhere."""
    from autonet.ops.comparison import isclose

    return every(isclose(x1, x2, rtol, atol, equal_nan))


# Functions with derivatives of every order


@primitive(floating=True)
def sinc_derivative(x, *, n):
    """Derivative number n of sin(pi x) / (pi x)."""
    small = np.absolute(x) < 1 + n / 4
    z = np.where(small, x, 0).astype(np.float64)
    series = np.zeros_like(z)
    for k in range(-(-n // 2), -(-n // 2) + 26 + n):
        term = (-1) ** k * math.exp(2 * k * math.log(math.pi) - math.lgamma(2 * k - n + 1)) / (2 * k + 1)
        series += term * z ** (2 * k - n)
    w = np.where(small, 1, x).astype(np.float64)
    far = np.sin(np.pi * w) / (np.pi * w)
    for i in range(1, n + 1):  # x f_i + i f_(i-1) = pi^(i-1) sin(pi x + i pi / 2)
        far = (np.pi ** (i - 1) * np.sin(np.pi * w + i * np.pi / 2) - i * far) / w
    return np.where(small, series, far).astype(x.dtype)


sinc_derivative.vjp(x=lambda g, x, n: g * sinc_derivative(x, n=n + 1))


def sinc(x: TensorLike) -> Tensor:
    """sin(pi x) / (pi x), elementwise, 1 at 0."""
    return sinc_derivative(x, n=0)


@primitive(floating=True)
def bessel_i(x, *, n):
    """Modified Bessel function of the first kind, of whole order n."""
    if n == 0:
        return np.i0(x).reshape(x.shape).astype(x.dtype)
    # 1/pi times the integral of exp(x cos t) cos(n t) from 0 to pi: the trapezoid rule converges exponentially
    angles = np.arange(1, 257) * (np.pi / 257)
    cosines = np.cos(angles)
    z = x.astype(np.float64)
    size = np.absolute(z)
    total = (np.exp(z - size) + (-1) ** n * np.exp(-z - size)) / 2
    for c, w in zip(cosines.tolist(), np.cos(n * angles).tolist(), strict=True):
        total += w * np.exp(z * c - size)
    with np.errstate(over="ignore"):
        return (total / 257 * np.exp(size)).astype(x.dtype)


def _bessel_rule(g, x, n):
    return g * bessel_i(x, n=1) if n == 0 else g * (bessel_i(x, n=n - 1) + bessel_i(x, n=n + 1)) / 2


bessel_i.vjp(x=_bessel_rule)


def i0(x: TensorLike) -> Tensor:
    """Modified Bessel function of the first kind, order 0, elementwise."""
    return bessel_i(x, n=0)


# Real numbers seen as complex ones: Tensors hold no others


def real(x: TensorLike) -> Tensor:
    """The real part: x itself, since Tensors hold real numbers."""
    return convert_to_tensor(x)


def imag(x: TensorLike) -> Tensor:
    """The imaginary part: zeros, since Tensors hold real numbers."""
    return zeros_like(x)


def conj(x: TensorLike) -> Tensor:
    """The complex conjugate: x itself, since Tensors hold real numbers."""
    return convert_to_tensor(x)


conjugate = conj


def isreal(x: TensorLike) -> Tensor:
    """Whether the imaginary part is zero: everywhere, since Tensors hold real numbers."""
    return ones_like(x, "bool")


def angle(x: TensorLike) -> Tensor:
    """The angle of x in the complex plane: 0 where x >= 0, pi below."""
    x = convert_to_tensor(x)
    x = x if x.dtype.kind == "f" else cast(x, dtypes.floatx())
    return where(isnan(x), x, where(less(x, 0), math.pi, zeros_like(x)))


# Other element types


def saturate_cast(x: TensorLike, dtype: Dtype) -> Tensor:
    """`x` with another element type, numbers beyond its range moved to its ends.

    >>> saturate_cast([-1.0, 256.0], "uint8").tolist()
    [0, 255]
    """
    x, name = convert_to_tensor(x), dtypes.standardize_dtype(dtype)
    there = np.dtype(name)
    if there.kind in "iu" and x.dtype.kind in "iuf":
        low: float = np.iinfo(there).min
        high: float = np.iinfo(there).max
        if x.dtype.kind == "f":
            kind = x.dtype.type  # the nearest floats inside the range
            low, high = (
                float(np.nextafter(kind(v), kind(0))) if float(kind(v)) != v and abs(float(kind(v))) > abs(v) else v
                for v in (low, high)
            )
            if not np.isfinite(kind(high)):
                low, high = float(np.finfo(kind).min), float(np.finfo(kind).max)
        else:
            own = np.iinfo(x.dtype)
            low, high = max(low, own.min), min(high, own.max)
        x = clip(x, low, high)
    elif there.kind == "f" and x.dtype.kind == "f" and there.itemsize < x.dtype.itemsize:
        x = clip(x, float(np.finfo(there).min), float(np.finfo(there).max))
    return cast(x, name)


@primitive
def bits_as(x, *, dtype):
    """The bytes of `x` read as numbers of another type."""
    return np.ascontiguousarray(x).reshape(x.shape).view(dtype)


bits_as.vjp(x=None)


def view(x: TensorLike, dtype: Dtype = None) -> Tensor:
    """The bits of `x` read as another element type; the last axis grows or shrinks with the elements' size.

    >>> view(np.float32(1.0), "int32").item() == 0x3F800000
    True
    """
    x = convert_to_tensor(x)
    if dtype is None:
        return x
    name = dtypes.standardize_dtype(dtype)
    old, new = x.dtype.itemsize, np.dtype(name).itemsize
    if old != new and (not x.ndim or (x.shape[-1] * old) % new):
        raise ShapeError(
            f"view cannot read shape {x.shape} of {x.dtype} as {name}: the bytes of its last axis do not divide evenly."
        )
    return x if name == x.dtype.name else bits_as(x, dtype=name)


def copy(x: TensorLike) -> Tensor:
    """`x` itself: Tensors do not change."""
    x = convert_to_tensor(x)
    return x.snapshot() if isinstance(x, Tensor) else x


def dtype(x: TensorLike) -> str:
    """Name of the element type of `x`, such as "float32"."""
    return dtypes.standardize_dtype(x.dtype if hasattr(x, "dtype") else convert_to_tensor(x).dtype)


def unravel_index(indices: TensorLike, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """Places along each axis of an array of `shape`, from places in the flattened array; int32.

    >>> [int(i) for i in unravel_index(5, (3, 3))]
    [1, 2]
    """
    indices = convert_to_tensor(indices)
    places = []
    step = math.prod(shape)
    total = step
    flat = clip(
        where(indices < 0, indices + total, indices), 0, max(total - 1, 0)
    )  # the last place for those beyond it
    for n in shape:
        step //= max(n, 1)
        places.append(cast(flat // max(step, 1) % max(n, 1), "int32"))
    return tuple(places)
