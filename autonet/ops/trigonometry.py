"""Trigonometric and hyperbolic functions and their inverses, elementwise; angles are in radians."""

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor
from autonet.ops.pointwise import hypot, multiply, rsqrt


@primitive(floating=True)
def sin(x):
    """Sine, elementwise."""
    return np.sin(x)


sin.vjp(x=lambda g, x: g * cos(x))


@primitive(floating=True)
def cos(x):
    """Cosine, elementwise."""
    return np.cos(x)


cos.vjp(x=lambda g, x: -g * sin(x))


@primitive(floating=True)
def tan(x):
    """Tangent, elementwise."""
    return np.tan(x)


tan.vjp(x=lambda g, y: g * (1 + y * y))


@primitive(floating=True)
def arcsin(x):
    """Inverse sine, elementwise, for x in [-1, 1]."""
    return np.arcsin(x)


arcsin.vjp(x=lambda g, x: g * rsqrt(1 - x * x))


@primitive(floating=True)
def arccos(x):
    """Inverse cosine, elementwise, for x in [-1, 1]."""
    return np.arccos(x)


arccos.vjp(x=lambda g, x: -g * rsqrt(1 - x * x))


@primitive(floating=True)
def arctan(x):
    """Inverse tangent, elementwise."""
    return np.arctan(x)


arctan.vjp(x=lambda g, x: g / (1 + x * x))


@primitive(floating=True)
def arctan2(x1, x2):
    """Angle of the point (x2, x1), elementwise."""
    return np.arctan2(x1, x2)


def _arctan2_rule(g, x1, x2):
    r = hypot(x1, x2)  # no square of it, which may not be representable
    return g * (x2 / r) / r


arctan2.vjp(x1=_arctan2_rule, x2=lambda g, x1, x2: _arctan2_rule(-g, x2, x1))


@primitive(floating=True)
def sinh(x):
    """Hyperbolic sine, elementwise."""
    return np.sinh(x)


sinh.vjp(x=lambda g, x: g * cosh(x))


@primitive(floating=True)
def cosh(x):
    """Hyperbolic cosine, elementwise."""
    return np.cosh(x)


cosh.vjp(x=lambda g, x: g * sinh(x))


@primitive(floating=True)
def tanh(x):
    """Hyperbolic tangent, elementwise."""
    return np.tanh(x)


tanh.vjp(x=lambda g, y: g - g * y * y)


@primitive(floating=True)
def arcsinh(x):
    """Inverse hyperbolic sine, elementwise."""
    return np.arcsinh(x)


arcsinh.vjp(x=lambda g, x: g / hypot(x, 1))


@primitive(floating=True)
def arccosh(x):
    """Inverse hyperbolic cosine, elementwise, for x >= 1."""
    return np.arccosh(x)


arccosh.vjp(x=lambda g, x: g * rsqrt(x - 1) * rsqrt(x + 1))


@primitive(floating=True)
def arctanh(x):
    """Inverse hyperbolic tangent, elementwise, for |x| < 1."""
    return np.arctanh(x)


arctanh.vjp(x=lambda g, x: g / ((1 - x) * (1 + x)))


def deg2rad(x: TensorLike) -> Tensor:
    """Degrees to radians."""
    return multiply(x, float(np.pi / 180))


def rad2deg(x: TensorLike) -> Tensor:
    """Radians to degrees."""
    return multiply(x, float(180 / np.pi))


for _p in (sin, cos, tan, sinh, cosh, tanh, arcsinh, arctan):
    _p.on_arrays()
