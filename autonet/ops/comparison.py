"""Comparisons, logic, bits and rounding: results without a derivative."""

import numpy as np

from autonet.core.primitive import Primitive, primitive


def _flat(name: str, body, doc: str, **options) -> Primitive:
    """A primitive whose derivative is zero in every operand."""
    body.__name__ = name
    body.__doc__ = doc
    made = primitive(body, **options) if not options else primitive(**options)(body)
    made.vjp(**dict.fromkeys(made.operand_names))
    return made


def whole(*xs):
    """The arrays, int32 where they are booleans: for arithmetic that NumPy does on bytes then."""
    return [x.astype(np.int32) if x.dtype.kind == "b" else x for x in xs]


equal = _flat("equal", lambda x1, x2: np.equal(x1, x2), "Whether x1 == x2, elementwise.")
not_equal = _flat("not_equal", lambda x1, x2: np.not_equal(x1, x2), "Whether x1 != x2, elementwise.")
less = _flat("less", lambda x1, x2: np.less(x1, x2), "Whether x1 < x2, elementwise.")
less_equal = _flat("less_equal", lambda x1, x2: np.less_equal(x1, x2), "Whether x1 <= x2, elementwise.")
greater = _flat("greater", lambda x1, x2: np.greater(x1, x2), "Whether x1 > x2, elementwise.")
greater_equal = _flat("greater_equal", lambda x1, x2: np.greater_equal(x1, x2), "Whether x1 >= x2, elementwise.")

logical_and = _flat("logical_and", lambda x1, x2: np.logical_and(x1, x2), "Both true, elementwise.")
logical_or = _flat("logical_or", lambda x1, x2: np.logical_or(x1, x2), "Either true, elementwise.")
logical_xor = _flat("logical_xor", lambda x1, x2: np.logical_xor(x1, x2), "Exactly one true, elementwise.")
logical_not = _flat("logical_not", lambda x: np.logical_not(x), "True where x is false or 0.")

bitwise_and = _flat("bitwise_and", lambda x, y: np.bitwise_and(x, y), "Bits set in both, for integers and booleans.")
bitwise_or = _flat("bitwise_or", lambda x, y: np.bitwise_or(x, y), "Bits set in either, for integers and booleans.")
bitwise_xor = _flat(
    "bitwise_xor", lambda x, y: np.bitwise_xor(x, y), "Bits set in one only, for integers and booleans."
)
bitwise_invert = _flat("bitwise_invert", lambda x: np.invert(x), "Every bit turned over, for integers and booleans.")
bitwise_not = bitwise_invert
left_shift = _flat(
    "left_shift", lambda x, y: np.left_shift(*whole(x, y)), "Bits of x moved up by y places, for integers."
)
right_shift = _flat(
    "right_shift", lambda x, y: np.right_shift(*whole(x, y)), "Bits of x moved down by y places, for integers."
)
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift

isnan = _flat("isnan", lambda x: np.isnan(x), "Whether x is not a number, elementwise.")
isinf = _flat("isinf", lambda x: np.isinf(x), "Whether x is infinite, elementwise.")
isfinite = _flat("isfinite", lambda x: np.isfinite(x), "Whether x is neither infinite nor NaN, elementwise.")

sign = _flat("sign", lambda x: np.sign(x), "-1, 0 or 1: the sign of x, elementwise.")
signbit = _flat("signbit", lambda x: np.signbit(x), "Whether the sign bit is set, elementwise.")
floor = _flat("floor", lambda x: np.floor(x), "The largest whole number not above x.", floating=True)
ceil = _flat("ceil", lambda x: np.ceil(x), "The smallest whole number not below x.", floating=True)
trunc = _flat("trunc", lambda x: np.trunc(x), "x without its fraction.")
floor_divide = _flat(
    "floor_divide", lambda x1, x2: np.floor_divide(*whole(x1, x2)), "The largest whole number not above x1/x2."
)


@primitive
def round(x, *, decimals: int = 0):
    """x rounded to `decimals` places, halves to even."""
    return np.round(x, decimals)


round.vjp(x=None)


@primitive
def step(x1, x2):
    """1 where x1 > x2, 1/2 where they are equal, 0 elsewhere: the derivative of max(x1, x2) along x1."""
    dtype = x1.dtype
    return np.greater(x1, x2).astype(dtype) + np.equal(x1, x2) * dtype.type(0.5)


step.vjp(x1=None, x2=None)


@primitive
def isclose(x1, x2, *, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False):
    """Whether |x1 - x2| <= atol + rtol |x2|, elementwise."""
    return np.isclose(x1, x2, rtol, atol, equal_nan)


isclose.vjp(x1=None, x2=None)
