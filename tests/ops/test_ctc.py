"""Rows of the gradient table for the primitives of connectionist temporal classification.

What they compute is tested in tests/losses/test_sequence.py.
"""

import numpy as np
import pytest

from autonet import gradients, ops
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


@pytest.mark.parametrize("frames", [2, 4])  # fewer and more than the three that two equal labels need
def test_derivatives_of_half_precision(frames, rng):
    """Also of labels that have no room in the frames: what stands for a probability of 0 is finite in any dtype."""
    x = rng.normal(size=(1, 4, 3))
    f = lambda x: ops.sum(ctc.ctc_cost(ops.log_softmax(x), np.array([[1, 1]]), np.array([2]), np.array([frames])))
    first, second = (np.asarray(d(f)(x)) for d in (gradients.grad, gradients.hessian))
    slope = gradients.grad(f)(x.astype("float16"))
    recorded, pullback = gradients.vjp(gradients.grad(f), x.astype("float16"))
    assert slope.dtype == recorded.dtype == "float16"
    np.testing.assert_allclose(slope, first, atol=0.01)
    np.testing.assert_allclose(recorded, first, atol=0.1)
    np.testing.assert_allclose(
        pullback(slope)[0], np.sum(second.reshape(first.shape * 2) * first, axis=(3, 4, 5)), atol=0.1
    )


def test_what_frames_emit_sums_to_one(rng):
    p = ctc.ctc_emission(rng.normal(size=(2, 5, 4)), np.array([[1, 2], [3, 3]]), np.array([2, 1]), np.array([5, 3]))
    np.testing.assert_allclose(np.asarray(p).sum(-1), [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], atol=1e-12)
