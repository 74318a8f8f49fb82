"""Elementwise mathematics with broadcasting: arithmetic, powers, exponentials, selection."""

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.accumulate import add as add
from autonet.core.primitive import primitive
from autonet.core.state import is_recording, state
from autonet.core.tensor import Tensor
from autonet.ops.comparison import equal, floor_divide, isinf, less_equal, sign, step, whole
from autonet.ops.kinks import at_kinks

# Arithmetic


@primitive
def subtract(x1, x2):
    """Difference x1 - x2, elementwise, with broadcasting."""
    return np.subtract(x1, x2)


subtract.vjp(x1=lambda g: g, x2=lambda g: -g)


@primitive
def multiply(x1, x2):
    """Product x1 * x2, elementwise, with broadcasting."""
    return np.multiply(x1, x2)


multiply.vjp(x1=lambda g, x2: multiply(g, x2), x2=lambda g, x1: multiply(g, x1))


@primitive(floating=True)
def divide(x1, x2):
    """Quotient x1 / x2, elementwise, with broadcasting; integers give floats."""
    return np.divide(x1, x2)


divide.vjp(
    x1=lambda g, x2: g / x2,
    x2=lambda g, x2, y: -g * y / x2,  # d(x1/x2)/dx2 = -y/x2
)
true_divide = divide


@primitive
def mod(x1, x2):
    """Remainder of x1 / x2 with the sign of x2, elementwise."""
    return np.remainder(*whole(x1, x2))


mod.vjp(x1=lambda g: g, x2=lambda g, x1, x2: -g * floor_divide(x1, x2))


@primitive
def negative(x):
    """-x, elementwise."""
    return np.negative(x)


negative.vjp(x=lambda g: negative(g))


@primitive
def absolute(x):
    """|x|, elementwise; derivative 0 at 0."""
    return np.absolute(x)


def _absolute_rule(g, x, y):
    c = g * sign(x)
    return at_kinks(c, g, y, x, equal(x, 0), "radial") if is_recording() else c


absolute.vjp(x=_absolute_rule)
abs = absolute


@primitive(floating=True)
def reciprocal(x):
    """1 / x, elementwise."""
    return np.reciprocal(x)


reciprocal.vjp(x=lambda g, y: -g * y * y)

# Powers


@primitive
def square(x):
    """x * x, elementwise."""
    return np.square(x) if x.dtype.kind != "b" else x.astype(np.int32)


square.vjp(x=lambda g, x: g * (x + x))


@primitive(floating=True)
def sqrt(x):
    """Square root, elementwise."""
    return np.sqrt(x)


sqrt.vjp(x=lambda g, y: g * 0.5 / y)


@primitive(floating=True)
def rsqrt(x):
    """1 / sqrt(x), elementwise."""
    return np.reciprocal(np.sqrt(x))


rsqrt.vjp(x=lambda g, y: g * -0.5 * y * y * y)


@primitive(floating=True)
def cbrt(x):
    """Cube root, elementwise."""
    return np.cbrt(x)


cbrt.vjp(x=lambda g, y: g / (3.0 * y * y))


@primitive
def power(x1, x2):
    """x1 to the power x2, elementwise.

    The derivative along x1 is 0 where x2 is 0. The derivative along x2 is 0 where x1 is negative, and where x1 is 0 and x2 is
    positive; at 0 to the power 0 or less it is -inf.
    """
    return np.power(*whole(x1, x2))


def _power_base(g, x1, x2, y):
    nonzero = x2 != 0
    if is_recording():  # x2 x1^(x2 - 1) is 0 where x2 is, and its slope is 1 / x1
        nonzero |= absolute(x1) > float(np.finfo(x1.dtype).tiny)
    c = where(nonzero, g * x2 * power(x1, where(nonzero, x2 - 1, 1)), 0)
    return at_kinks(c, g, y, x2, x1 < 0, "lost") if is_recording() else c


def _power_exponent(g, x1, x2, y):
    away = (x1 > 0) | equal(x1, 0) & less_equal(x2, 0)
    c = where(away, g * y * log(where(away, x1, 1)), 0)
    if is_recording():  # beside a negative base there are no powers, and at 0 the derivative of x log(x) is infinite
        lost = (x1 < 0) | equal(x1, 0) & less_equal(x2, 1)
        for x in (x1, x2):
            c = at_kinks(c, g, y, x, lost, "lost")
    return c


power.vjp(x1=_power_base, x2=_power_exponent)


@primitive(floating=True)
def hypot(x1, x2):
    """sqrt(x1^2 + x2^2), elementwise, without overflow; derivative 0 at the origin."""
    return np.hypot(x1, x2)


def _hypot_rule(g, x1, x2, y):
    origin = equal(y, 0)
    c = g * x1 / where(origin, np.inf, y)
    return at_kinks(c, g, y, x1, origin, "radial", beside=x2) if is_recording() else c


hypot.vjp(x1=lambda g, x1, x2, y: _hypot_rule(g, x1, x2, y), x2=lambda g, x1, x2, y: _hypot_rule(g, x2, x1, y))

# Exponentials and logarithms


@primitive(floating=True)
def exp(x):
    """e to the power x, elementwise."""
    return np.exp(x)


exp.vjp(x=lambda g, y: g * y)


@primitive(floating=True)
def exp2(x):
    """2 to the power x, elementwise."""
    return np.exp2(x)


exp2.vjp(x=lambda g, y: g * y * float(np.log(2)))


@primitive(floating=True)
def expm1(x):
    """exp(x) - 1, elementwise, exact near 0."""
    return np.expm1(x)


expm1.vjp(x=lambda g, y: g * (y + 1))


@primitive(floating=True)
def log(x):
    """Natural logarithm, elementwise."""
    return np.log(x)


log.vjp(x=lambda g, x: g / x)


@primitive(floating=True)
def log2(x):
    """Logarithm to base 2, elementwise."""
    return np.log2(x)


log2.vjp(x=lambda g, x: g / (x * float(np.log(2))))


@primitive(floating=True)
def log10(x):
    """Logarithm to base 10, elementwise."""
    return np.log10(x)


log10.vjp(x=lambda g, x: g / (x * float(np.log(10))))


@primitive(floating=True)
def log1p(x):
    """log(1 + x), elementwise, exact near 0."""
    return np.log1p(x)


log1p.vjp(x=lambda g, x: g / (1 + x))


@primitive(floating=True)
def logaddexp(x1, x2):
    """log(exp(x1) + exp(x2)), elementwise, without overflow."""
    return np.logaddexp(x1, x2)


def _logaddexp_rule(g, x1, x2, y, rate=1.0):
    from autonet.ops.nn import sigmoid

    # from the difference of the operands: y itself has lost it where they are large
    if state.observer is None and np.isfinite(y._value).all():  # the usual case, with the same bits
        return g * sigmoid((x1 - x2) * rate)
    same = isinf(x1) & equal(x1, x2)  # where the difference is NaN: half of the derivative at inf, nothing at -inf
    share = sigmoid((where(same, 0, x1) - where(same, 0, x2)) * rate)
    return g * where(same & (x1 < 0), 0, share)


logaddexp.vjp(
    x1=lambda g, x1, x2, y: _logaddexp_rule(g, x1, x2, y), x2=lambda g, x1, x2, y: _logaddexp_rule(g, x2, x1, y)
)

# Selection


@primitive(keep=("condition",))
def _select(condition, x1, x2):
    """x1 where condition holds, x2 elsewhere."""
    return np.where(condition, x1, x2)


_select.vjp(
    condition=None,
    x1=lambda g, condition: _select(condition, g, 0),
    x2=lambda g, condition: _select(condition, 0, g),
)


def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> Tensor:
    """x1 where condition holds, x2 elsewhere, with broadcasting; with the condition alone, `nonzero(condition)`.

    No derivative flows into the side that was not taken, not even a NaN.
    """
    if x1 is None and x2 is None:
        from autonet.ops.indexing import nonzero

        return nonzero(condition)  # type: ignore[return-value]
    return _select(condition, x1, x2)


@primitive
def maximum(x1, x2):
    """The larger of x1 and x2, elementwise, NaN if either is; equal operands share the derivative."""
    return np.maximum(x1, x2)


def _at_ties(c, g, x, other, y):
    return at_kinks(c, g, y, x, equal(x, other), "jump", beside=other) if is_recording() else c


maximum.vjp(
    x1=lambda g, x1, x2, y: _at_ties(g * step(x1, x2), g, x1, x2, y),
    x2=lambda g, x1, x2, y: _at_ties(g * step(x2, x1), g, x2, x1, y),
)


@primitive
def minimum(x1, x2):
    """The smaller of x1 and x2, elementwise, NaN if either is; equal operands share the derivative."""
    return np.minimum(x1, x2)


minimum.vjp(
    x1=lambda g, x1, x2, y: _at_ties(g * step(x2, x1), g, x1, x2, y),
    x2=lambda g, x1, x2, y: _at_ties(g * step(x1, x2), g, x2, x1, y),
)


@primitive
def clip(x, x_min, x_max):
    """x moved into [x_min, x_max], elementwise; derivative 1 within and at the bounds, 0 outside."""
    return np.minimum(np.maximum(x, x_min), x_max)


def _clip_kinks(c, g, y, x, x_min, x_max):
    """`c`, the cotangent of any of the three, with what happens where two of them meet."""
    if not is_recording():
        return c
    largest = maximum(x, x_min)
    inner, outer = equal(x, x_min) & (x_min <= x_max), equal(largest, x_max)
    for operand, at in ((x, inner | outer), (x_min, inner | outer & (x <= x_min)), (x_max, outer)):
        if operand._node is not None:
            c = at_kinks(c, g, y, operand, at, "jump")
    return c


clip.vjp(
    x=lambda g, x, x_min, x_max, y: _clip_kinks(_select((x >= x_min) & (x <= x_max), g, 0), g, y, x, x_min, x_max),
    x_min=lambda g, x, x_min, x_max, y: _clip_kinks(
        _select((x < x_min) & (x_min <= x_max), g, 0), g, y, x, x_min, x_max
    ),
    x_max=lambda g, x, x_min, x_max, y: _clip_kinks(
        _select((x > x_max) | (x_min > x_max), g, 0), g, y, x, x_min, x_max
    ),
)


def nan_to_num(x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with NaN and infinities replaced by numbers (infinities by the largest finite ones unless given)."""
    from autonet.core.tensor import convert_to_tensor
    from autonet.ops.comparison import isnan

    x = convert_to_tensor(x)
    if x.dtype.kind != "f":
        return x
    info = np.finfo(x.dtype)
    x = _select(isnan(x), nan, x)
    x = _select(x == np.inf, float(info.max) if posinf is None else posinf, x)
    return _select(x == -np.inf, float(info.min) if neginf is None else neginf, x)


for _p in (subtract, multiply, divide, negative, absolute, reciprocal, square, sqrt, rsqrt, exp, expm1, log, log1p):
    _p.on_arrays()
for _p in (maximum, minimum):
    _p.on_arrays()
