"""Comparisons, logic, bits and rounding: nothing here has a slope."""

import numpy as np

from autonet import gradients, ops
from tests.ops.cases import Case, booleans, integers, reals

ANY = reals(-3, 3, apart=True)
OFF_HALVES = reals(-3, 3, away=tuple(i / 2 for i in range(-7, 8)), margin=0.02)
BITS = integers(0, 100)


def pairwise(f):
    return Case(reals(), reals(), numpy=f, zero=True)


CASES = {
    "equal": pairwise(np.equal),
    "not_equal": pairwise(np.not_equal),
    "less": pairwise(np.less),
    "less_equal": pairwise(np.less_equal),
    "greater": pairwise(np.greater),
    "greater_equal": pairwise(np.greater_equal),
    "logical_and": Case(booleans(), booleans(), numpy=np.logical_and, zero=True),
    "logical_or": Case(booleans(), booleans(), numpy=np.logical_or, zero=True),
    "logical_xor": Case(booleans(), booleans(), numpy=np.logical_xor, zero=True),
    "logical_not": Case(booleans(), numpy=np.logical_not, zero=True),
    "bitwise_and": Case(BITS, BITS, numpy=np.bitwise_and, zero=True),
    "bitwise_or": Case(BITS, BITS, numpy=np.bitwise_or, zero=True),
    "bitwise_xor": Case(BITS, BITS, numpy=np.bitwise_xor, zero=True),
    "bitwise_invert": Case(BITS, numpy=np.invert, zero=True),
    "left_shift": Case(BITS, integers(0, 8), numpy=np.left_shift, zero=True),
    "right_shift": Case(BITS, integers(0, 8), numpy=np.right_shift, zero=True),
    "isnan": Case(reals(), numpy=np.isnan, zero=True),
    "isinf": Case(reals(), numpy=np.isinf, zero=True),
    "isfinite": Case(reals(), numpy=np.isfinite, zero=True),
    "isclose": [
        Case(reals(), reals(), numpy=np.isclose, zero=True),
        Case(reals(), reals(), settings={"rtol": 0.5, "atol": 0.1, "equal_nan": True}, numpy=np.isclose, zero=True),
    ],
    "sign": Case(reals(-3, 3, away=(0,)), numpy=np.sign, zero=True),
    "signbit": Case(reals(), numpy=np.signbit, zero=True),
    "floor": Case(OFF_HALVES, numpy=np.floor, zero=True),
    "ceil": Case(OFF_HALVES, numpy=np.ceil, zero=True),
    "trunc": Case(OFF_HALVES, numpy=np.trunc, zero=True),
    "round": [
        Case(OFF_HALVES, numpy=np.round, zero=True),
        Case(reals(-30, 30), settings={"decimals": -1}, numpy=np.round, zero=True),
    ],
    "floor_divide": Case(reals(), reals(0.5, 3), numpy=np.floor_divide, zero=True),
    "step": Case(reals(), reals(), numpy=lambda a, b: np.heaviside(a - b, 0.5), zero=True),
}


def test_comparisons_take_arrays_and_numbers_from_either_side():
    t = ops.array([1.0, 2.0])
    assert (t == np.array([1.0, 3.0])).tolist() == [True, False]
    assert (1.5 < t).tolist() == [False, True]
    assert (t >= 2).tolist() == [False, True]


def test_a_comparison_inside_a_function_does_not_stop_its_gradient():
    assert float(gradients.grad(lambda x: x * ops.cast(x > 0, "float32"))(3.0)) == 1.0


def test_isclose():
    assert ops.isclose([1.0, 2.0], [1.0 + 1e-7, 2.1]).tolist() == [True, False]


def test_trunc_of_whole_numbers_keeps_their_type():
    assert ops.trunc(np.array([1, -2], "int8")).dtype == "int8"
