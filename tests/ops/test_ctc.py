"""Rows of the gradient table for the primitives of connectionist temporal classification.

What they compute is tested in tests/losses/test_sequence.py.
"""

import numpy as np

from autonet.ops import ctc
from tests.ops.cases import Case, integers, made, reals


def lengths(low):
    """From `low` to 3."""
    return made(lambda shape, rng: rng.integers(low, 4, shape), dtype="int64", smooth=False)


SHAPES = [((2, 4, 3), (2, 3), (2,), (2,)), ((1, 3, 4), (1, 3), (1,), (1,))]
LABELS = integers(1, 3, dtype="int64")
SETTINGS = [{}, {"blank": 2}]
CASES = {
    "ctc_cost": Case(reals(-2, 2), LABELS, lengths(0), lengths(3), shapes=SHAPES, settings=SETTINGS),
    "ctc_emission": Case(
        made(lambda shape, rng: rng.normal(size=shape), smooth=False),  # only slopes that have none use it
        LABELS,
        lengths(0),
        lengths(3),
        shapes=SHAPES,
        settings=SETTINGS,
    ),
}


def test_what_frames_emit_sums_to_one(rng):
    p = ctc.ctc_emission(rng.normal(size=(2, 5, 4)), np.array([[1, 2], [3, 3]]), np.array([2, 1]), np.array([5, 3]))
    np.testing.assert_allclose(np.asarray(p).sum(-1), [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], atol=1e-12)
