"""Special functions: the error function and its relatives, the logarithm of gamma and its derivatives.

The rational approximations are this file's own: least relative error (Loeb's iteration with Lawson's weights, in 60
digits), all coefficients positive, so that Horner's rule loses nothing. The number beside each table is its error.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor
from autonet.ops.pointwise import exp

BLOCK = 1 << 14  # numbers worked on at a time, so that the intermediate steps stay in the cache

# erf(x) / x as a function of u = x^2 in [0, 35.4]: 3.77e-17
ERF_P = (
    1.1283791670955126,
    0.22047921025619566,
    0.0661750887811644,
    0.00690614515938311,
    0.0008571299153689766,
    5.7128530399444484e-05,
    3.9100935536421686e-06,
    1.7011113798691504e-07,
    6.776758756028008e-09,
    1.724932875871252e-10,
    3.3316754351453044e-12,
    2.211382694181798e-14,
    1.553936356571006e-17,
)
ERF_Q = (
    1.0,
    0.5287279459649311,
    0.1348887941271073,
    0.0220200723798756,
    0.0025698873126336176,
    0.00022664985550466905,
    1.5542598800293836e-05,
    8.376157562238682e-07,
    3.526639975409769e-08,
    1.1276760340264463e-09,
    2.553122022688995e-11,
    3.30456182848592e-13,
    8.770140586420497e-16,
)
# the same for float32, in [0, 16]: 2.56e-8
ERF32_P = (
    1.1283791406463162,
    0.19338759040995068,
    0.05307913055119056,
    0.003876158035321428,
    0.00028433291371400007,
    1.9870267764636454e-06,
)
ERF32_Q = (
    1.0,
    0.5047178776839628,
    0.11528330747385551,
    0.01519284136847155,
    0.0011836999270001217,
    3.741057935539785e-05,
)
# exp(x^2) erfc(x), x in [0.5, 28]: 3.85e-18
ERFCX_P = (
    0.9999999999662025,
    2.273128425449743,
    2.5495993215234476,
    1.8181963879463388,
    0.9010838046198987,
    0.3209782584360519,
    0.08230623987656065,
    0.014735187565337255,
    0.0016907784649632164,
    9.710099240416777e-05,
)
ERFCX_Q = (
    1.0,
    3.4015075920152547,
    5.387789628980423,
    5.2484111298942135,
    3.4942855503621133,
    1.6685730293395784,
    0.5818918177262824,
    0.14738242518826972,
    0.026203493458756357,
    0.002996826801241077,
    0.000172107027913584,
)
# log gamma(x) / ((x - 1) (x - 2)), x in [0.5, 4]: 3.51e-17
LGAMMA_P = (
    2.7787604616973867,
    124.06766663774098,
    1203.9391078417425,
    4029.142798379671,
    5477.79497593113,
    3168.6673134021444,
    763.5200702436165,
    68.66652160052722,
    1.6984079156833094,
    0.002455386761555578,
)
LGAMMA_Q = (
    1.0,
    72.51675373115705,
    1017.4164185838056,
    4758.226061158541,
    9030.51762935925,
    7538.67832904074,
    2815.131907825497,
    449.4946596661139,
    26.72041405231834,
    0.40754845285190255,
)
# rest of Stirling's series times x, as a function of u = 1 / x^2 in [0, 1/16]: 4.63e-15
STIRLING_P = (
    0.08333333333333294,
    0.3848090887170753,
    0.32272052649740446,
    0.029768978705891107,
)
STIRLING_Q = (
    1.0,
    4.651042397930064,
    4.01815725738396,
    0.45401328025811727,
)

# B_2k / (2k)! of Bernoulli's numbers, for the asymptotic series of the polygamma functions
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def _ratio(u: Any, p: tuple, q: tuple) -> Any:
    """p(u) / q(u), coefficients from the constant upwards."""
    above = u * p[-1]
    for c in p[-2:0:-1]:
        above += c
        above *= u
    above += p[0]
    below = u * q[-1]
    for c in q[-2:0:-1]:
        below += c
        below *= u
    below += q[0]
    above /= below
    return above


def _in_blocks(f: Callable, x: np.ndarray, dtype: Any = np.float64) -> np.ndarray:
    """f(x) elementwise, a cache-sized block at a time, worked out in `dtype` and given in x's own."""
    flat = x.reshape(-1)
    y = np.empty(flat.shape, x.dtype)
    for i in range(0, flat.size, BLOCK):
        y[i : i + BLOCK] = f(flat[i : i + BLOCK].astype(dtype, copy=False))
    return y.reshape(x.shape)


def _erf64(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -5.949, 5.949)  # beyond, the nearest float64 is 1
    return np.clip(x * _ratio(x * x, ERF_P, ERF_Q), -1, 1)


def _erf32(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, np.float32(-4), np.float32(4))
    return np.clip(x * _ratio(x * x, ERF32_P, ERF32_Q), -1, 1)


def _scaled_tail(x: np.ndarray) -> np.ndarray:
    """exp(x^2) erfc(x) for x in [0.5, 28]."""
    return _ratio(x, ERFCX_P, ERFCX_Q)


def _exp_of_square(x: np.ndarray) -> np.ndarray:
    """exp(-x^2) without the rounding of x^2: its leading bits are squared exactly."""
    high = np.round(x * 1048576) / 1048576
    return np.exp(-high * high) * np.exp((high - x) * (high + x))


def _erfc64(x: np.ndarray) -> np.ndarray:
    z = np.clip(np.abs(x), 0.5, 28.0)
    tail = _exp_of_square(z) * _scaled_tail(z)
    return np.where(np.abs(x) > 0.5, np.where(x > 0, tail, 2 - tail), 1 - _erf64(x))


def _erfinv64(y: np.ndarray) -> np.ndarray:
    """Winitzki's closed form, good to 2e-3, then two steps of Halley's method (error cubed each time)."""
    size = np.abs(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        a, log = 0.147, np.log1p(-y * y)
        s = 2 / (math.pi * a) + log / 2
        z = np.sqrt(np.maximum(np.sqrt(s * s - log / a) - s, 0))
        for _ in range(2):
            z = np.minimum(z, 6.0)  # erfinv of the float64 before 1 is 5.86
            grown = np.exp(z * z)
            near = (_erf64(z) - size) * grown
            far = (1 - size) * grown - _scaled_tail(np.clip(z, 0.5, 28.0))
            step = np.where(size < 0.55, near, far) * (math.sqrt(math.pi) / 2)
            z = z - step / (1 + z * step)
    z = np.where(size == 1, np.inf, np.where(size <= 1, z, np.nan))
    return np.copysign(z, y)


def _lgamma64(x: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        left = x < 0.5
        z = np.where(left, 1 - x, x)
        near = np.clip(z, 0.5, 4)
        low = (near - 1) * (near - 2) * _ratio(near, LGAMMA_P, LGAMMA_Q)
        far = np.maximum(z, 4)
        rest = _ratio(1 / (far * far), STIRLING_P, STIRLING_Q) / far
        high = (far - 0.5) * (np.log(far) - 1) + (0.5 * math.log(2 * math.pi) - 0.5) + rest
        y = np.where(z < 4, low, np.where(np.isinf(z), np.inf, high))
        if left.any():  # gamma(x) gamma(1 - x) = pi / sin(pi x)
            mirrored = np.log(math.pi / np.abs(np.sin(math.pi * (x - np.round(x))))) - y
            y = np.where(left, np.where(np.isinf(x), np.inf, mirrored), y)
    return np.where(np.isnan(x), np.nan, y)


def _polygamma64(x: np.ndarray, n: int) -> np.ndarray:
    """Recurrence up to 12 + n, then the asymptotic series; left of 0 by reflection."""
    with np.errstate(all="ignore"):
        left = x <= 0
        z = np.where(left, 1 - x, x)
        sign = (-1.0) ** (n + 1)
        y = np.zeros_like(z)
        for _ in range(12 + n):
            small = z < 12 + n
            y = y + np.where(small, sign * math.factorial(n) / z ** (n + 1), 0)
            z = np.where(small, z + 1, z)
        tail = np.log(z) if n == 0 else sign * math.factorial(n - 1) / z**n
        tail = tail + sign * math.factorial(n) / (2 * z ** (n + 1))
        for k, b in enumerate(BERNOULLI, 1):
            tail = tail + sign * b * math.factorial(2 * k + n - 1) / math.factorial(2 * k) / z ** (2 * k + n)
        y = y + tail
        if left.any():  # psi_n(x) = (-1)^n psi_n(1 - x) - pi d^n/dx^n cot(pi x)
            cot = np.polynomial.Polynomial([0, 1])
            for _ in range(n):  # d cot = -(1 + cot^2)
                cot = -np.polynomial.Polynomial([1, 0, 1]) * cot.deriv()
            derivative = math.pi ** (n + 1) * cot(1 / np.tan(math.pi * (x - np.round(x))))
            y = np.where(left, np.where(x == np.round(x), np.nan, (-1) ** n * y - derivative), y)
    return np.where(np.isposinf(x), np.inf if n == 0 else 0.0, y)


@primitive(floating=True)
def erf(x):
    """Error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    >>> round(erf(0.5).item(), 4)
    0.5205
    """
    return _in_blocks(_erf64, x) if x.dtype == np.float64 else _in_blocks(_erf32, x, np.float32)


@primitive(floating=True)
def erfc(x):
    """1 - erf(x), with full relative accuracy where it is small."""
    return _in_blocks(_erfc64, x)


@primitive(floating=True)
def erfinv(x):
    """The number whose erf is x; infinite at -1 and 1, nan beyond."""
    return _in_blocks(_erfinv64, x)


@primitive(floating=True)
def lgamma(x):
    """Logarithm of the absolute value of gamma(x), where gamma(n + 1) = n!; infinite at 0, -1, -2, ..."""
    return _in_blocks(_lgamma64, x)


@primitive(floating=True)
def polygamma(x, *, n: int):
    """Derivative number n + 1 of log gamma(x): n = 0 gives digamma, 1 trigamma."""
    return _in_blocks(lambda block: _polygamma64(block, n), x)


def digamma(x: TensorLike) -> Tensor:
    """Derivative of lgamma."""
    return polygamma(x, n=0)


erf.vjp(x=lambda g, x: g * (2 / math.sqrt(math.pi)) * exp(-x * x))
erfc.vjp(x=lambda g, x: g * (-2 / math.sqrt(math.pi)) * exp(-x * x))
erfinv.vjp(x=lambda g, y: g * (math.sqrt(math.pi) / 2) * exp(y * y))
lgamma.vjp(x=lambda g, x: g * digamma(x))
polygamma.vjp(x=lambda g, x, n: g * polygamma(x, n=n + 1))
