"""Functions of two operands, and dtypes for them to meet in, that Keras's ops and autonet's both answer."""

import warnings

import numpy as np

FUNCTIONS = """add append arctan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor correlate divide
divide_no_nan dot equal floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot inner isclose kron lcm ldexp
left_shift less less_equal linspace logaddexp logaddexp2 logical_and logical_or logical_xor logspace matmul maximum minimum
mod multiply nextafter not_equal outer power right_shift subtract true_divide vdot""".split()
DTYPES = "bool uint8 int8 int16 int32 float16 float32".split()
NUMBERS = {"a bool": True, "an int": 2, "a float": 1.5}


def pairs(*names):
    """Names of a function and two operands, and these."""
    for name in names or FUNCTIONS:
        for first in DTYPES:
            for second in (*DTYPES, *NUMBERS):
                x = np.ones(3, first)
                yield name, first, second, x, NUMBERS[second] if second in NUMBERS else np.ones(3, second)


def answer(f, x1, x2):
    """The dtype of f(x1, x2), or that it is refused."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = f(x1, x2)
        except (TypeError, ValueError):
            return "refused"
    return np.dtype(found.dtype).name
