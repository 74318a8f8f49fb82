"""Draws in the table of gradients: functions of a generator's state, without a slope; the same state, the same draw."""

import numpy as np
import pytest

from autonet import gradients, ops, random
from tests.ops.cases import Case, made


def seeded(shape, rng):
    return [rng.integers(0, 2**32), rng.integers(0, 100)]


def fixed(values, dtype="float64"):
    return made(lambda shape, rng: np.full(shape, values), dtype=dtype, smooth=False)


STATE = made(seeded, dtype="uint32", smooth=False)
WORDS = [((2,),)]
SHAPES = [{"shape": s, "dtype": d} for s in [(), (3,), (2, 0), (2, 3)] for d in ("float32", "float16")]
ONE = {"shapes": [((2,), ())], "settings": SHAPES, "zero": True}

CASES = {
    "random_uniform": Case(STATE, shapes=WORDS, settings=SHAPES, zero=True),
    "random_normal": Case(STATE, shapes=WORDS, settings=SHAPES, zero=True),
    "random_truncated_normal": Case(STATE, shapes=WORDS, settings=SHAPES, zero=True),
    "random_integers": Case(
        STATE,
        fixed(0, "int64"),
        fixed(9, "int64"),
        shapes=[((2,), (), ()), ((2,), (3,), (1,))],
        settings={"shape": (2, 3)},
        zero=True,
    ),
    "random_categorical": Case(STATE, fixed(0.0), shapes=[((2,), (2, 4))], settings={"num_samples": 3}, zero=True),
    "random_permutation": Case(STATE, shapes=WORDS, settings=[{"n": 0}, {"n": 5}], zero=True),
    "dropout_mask": Case(
        STATE, shapes=WORDS, settings=[{"shape": (3, 5), "rate": 0.3}, {"shape": (), "rate": 0.5}], zero=True
    ),
    "random_gamma": Case(STATE, fixed(2.0), **ONE),
    "random_beta": Case(STATE, fixed(2.0), fixed(3.0), **{**ONE, "shapes": [((2,), (), ())]}),
    "random_binomial": Case(STATE, fixed(7), fixed(0.5), **{**ONE, "shapes": [((2,), (), ())]}),
}


def test_dropout_passes_the_derivative_through_its_mask():
    x = np.ones((4, 5))
    y = np.asarray(random.dropout(x, 0.5, seed=3))
    g = gradients.grad(lambda x: ops.sum(random.dropout(x, 0.5, seed=3)))(x)
    np.testing.assert_array_equal(g, y)
    assert set(np.unique(y)) == {0.0, 2.0}


def test_bounds_of_uniform_take_derivatives():
    low, high = gradients.grad(lambda a, b: ops.mean(random.uniform((1000,), a, b, seed=1)), (0, 1))(0.0, 1.0)
    assert float(low) + float(high) == pytest.approx(1, abs=1e-5)
    assert float(high) == pytest.approx(0.5, abs=0.05)


def test_shuffle_carries_the_derivative_back_to_the_places():
    x = np.arange(5.0)
    shuffled = np.asarray(random.shuffle(x, seed=4))
    g = gradients.grad(lambda t: ops.sum(random.shuffle(t, seed=4) * np.arange(5.0)))(x)
    np.testing.assert_array_equal(np.asarray(g)[shuffled.astype(int)], np.arange(5.0))
