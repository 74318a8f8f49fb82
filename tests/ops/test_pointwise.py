"""Elementwise mathematics: its rows in the table of gradients, and its edges."""

import numpy as np
import pytest

from autonet import gradients, ops
from tests.ops.cases import Case, booleans, made, reals

OFF_AXES = reals(-3, 3, away=(0,), margin=0.2)


def uneven(shape, rng):
    """Numbers a little above whole ones."""
    return rng.integers(-3, 3, shape) + rng.uniform(0.1, 0.3, shape)


CASES = {
    "add": Case(reals(), reals(), numpy=np.add),
    "subtract": Case(reals(), reals(), numpy=np.subtract),
    "multiply": Case(reals(), reals(), numpy=np.multiply),
    "divide": Case(reals(), reals(0.5, 3), numpy=np.divide),
    "mod": [
        Case(reals(0.1, 0.9), reals(1, 2), numpy=np.mod),
        Case(reals(4.2, 4.8), reals(-1.04, -1), numpy=np.mod),
    ],
    "negative": Case(reals(), numpy=np.negative),
    "absolute": Case(OFF_AXES, numpy=np.absolute),
    "reciprocal": Case(reals(0.5, 3), numpy=np.reciprocal),
    "square": Case(reals(), numpy=np.square),
    "sqrt": Case(reals(0.5, 3), numpy=np.sqrt),
    "rsqrt": Case(reals(0.5, 3), numpy=lambda x: 1 / np.sqrt(x)),
    "cbrt": Case(OFF_AXES, numpy=np.cbrt),
    "power": [
        Case(reals(0.5, 3), reals(-2, 2), numpy=np.power),
        Case(reals(-2, -0.5), op=lambda x: ops.power(x, 3.0), numpy=lambda x: x**3),
        Case(OFF_AXES, op=lambda x: ops.power(x, 2), numpy=lambda x: x**2),
    ],
    "hypot": Case(OFF_AXES, OFF_AXES, numpy=np.hypot),
    "exp": Case(reals(), numpy=np.exp),
    "exp2": Case(reals(), numpy=np.exp2),
    "expm1": Case(reals(), numpy=np.expm1),
    "log": Case(reals(0.5, 3), numpy=np.log),
    "log2": Case(reals(0.5, 3), numpy=np.log2),
    "log10": Case(reals(0.5, 3), numpy=np.log10),
    "log1p": Case(reals(-0.5, 3), numpy=np.log1p),
    "logaddexp": Case(reals(), reals(), numpy=np.logaddexp),
    "sin": Case(reals(), numpy=np.sin),
    "cos": Case(reals(), numpy=np.cos),
    "tan": Case(reals(-1, 1), numpy=np.tan),
    "arcsin": Case(reals(-0.8, 0.8), numpy=np.arcsin),
    "arccos": Case(reals(-0.8, 0.8), numpy=np.arccos),
    "arctan": Case(reals(), numpy=np.arctan),
    "arctan2": Case(OFF_AXES, reals(0.5, 3), numpy=np.arctan2),
    "sinh": Case(reals(), numpy=np.sinh),
    "cosh": Case(reals(), numpy=np.cosh),
    "tanh": Case(reals(), numpy=np.tanh),
    "arcsinh": Case(reals(), numpy=np.arcsinh),
    "arccosh": Case(reals(1.5, 3), numpy=np.arccosh),
    "arctanh": Case(reals(-0.8, 0.8), numpy=np.arctanh),
    "_select": Case(booleans(), reals(), reals(), numpy=np.where),
    "maximum": Case(made(uneven), made(lambda *drawn: 0.5 + uneven(*drawn)), numpy=np.maximum),
    "minimum": Case(made(uneven), made(lambda *drawn: 0.5 + uneven(*drawn)), numpy=np.minimum),
    "clip": Case(reals(-3, 3, away=(-1, 1)), reals(-1, -1), reals(1, 1), numpy=np.clip),
    "nan_to_num": Case(reals(), op=ops.nan_to_num, numpy=np.nan_to_num),
    "where": Case(booleans(), reals(), reals(), op=ops.where, numpy=np.where),
    "deg2rad": Case(reals(), op=ops.deg2rad, numpy=np.deg2rad),
    "rad2deg": Case(reals(), op=ops.rad2deg, numpy=np.rad2deg),
}


@pytest.mark.parametrize("f", [ops.maximum, ops.minimum])
def test_equal_operands_share_the_derivative(f):
    assert [float(g) for g in gradients.grad(f, (0, 1))(1.0, 1.0)] == [0.5, 0.5]


@pytest.mark.parametrize(
    "f, at, slope",
    [
        (ops.absolute, 0.0, 0.0),
        (lambda x: ops.power(x, 2), 0.0, 0.0),
        (lambda x: ops.power(x, 1.0), 0.0, 1.0),
        (lambda x: ops.power(x, 0.0), 0.0, 0.0),
        (lambda x: ops.clip(x, 0.0, 1.0), 1.0, 1.0),
        (lambda x: ops.clip(x, 0.0, 1.0), 1.5, 0.0),
        (lambda x: ops.hypot(x, 0.0), 0.0, 0.0),
    ],
)
def test_slopes_at_kinks(f, at, slope):
    assert float(gradients.grad(f)(at)) == slope


def test_where_keeps_nan_out_of_the_other_side():
    def safe_log(x):
        return ops.sum(ops.where(x > 0, ops.log(ops.where(x > 0, x, 1.0)), 0.0))

    np.testing.assert_array_equal(gradients.grad(safe_log)(np.array([0.0, 2.0])), [0.0, 0.5])


def test_power_of_negative_numbers_has_all_derivatives_along_the_base():
    third = gradients.grad(gradients.grad(gradients.grad(lambda x: ops.power(x, 3.0))))
    assert float(third(-2.0)) == 6.0


def test_integers_divide_to_floats():
    y = ops.divide(ops.array([1, 2]), 2)
    assert y.dtype == "float32"
    assert y.tolist() == [0.5, 1.0]
