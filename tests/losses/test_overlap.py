"""Dice and Tversky."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import losses
from autonet.errors import ShapeError

TRUTH = np.array([[[[1.0], [1.0]], [[0.0], [0.0]]], [[[1.0], [1.0]], [[0.0], [0.0]]]])
GUESS = np.array([[[[0.0], [1.0]], [[0.0], [1.0]]], [[[0.4], [0.0]], [[0.0], [0.9]]]])


def test_regions_of_the_batch_or_of_each_sample():
    assert losses.Dice()(TRUTH, GUESS).item() == pytest.approx(0.6164384)
    per_image = losses.Dice(axis=[1, 2, 3], reduction=None)
    np.testing.assert_allclose(per_image(TRUTH, GUESS), [0.5, 0.75757575], rtol=1e-6)
    assert per_image.get_config()["axis"] == (1, 2, 3)


def test_weights_need_regions_of_single_samples():
    assert losses.Dice(axis=(1, 2, 3), reduction="sum")(TRUTH, GUESS, [2.0, 0.0]).item() == pytest.approx(1.0)
    with pytest.raises(ShapeError, match="one per sample"):
        losses.Dice()(TRUTH, GUESS, [2.0, 0.0])


@given(st.integers(0, 2**32 - 1))
def test_even_weights_make_tversky_dice(seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, (3, 5)), rng.uniform(size=(3, 5))
    np.testing.assert_allclose(losses.tversky(y, p, axis=-1), losses.dice(y, p, axis=-1), atol=1e-6)


def test_limits():
    y = np.array([[1.0, 1.0, 0.0]])
    assert losses.dice(y, y, axis=-1).numpy() == pytest.approx([0.0], abs=1e-6)
    assert losses.dice(y, 1 - y, axis=-1).tolist() == [1.0]
    assert losses.dice(0 * y, 0 * y, axis=-1).tolist() == [1.0]
    missed = np.array([[1.0, 0.0, 0.0]])
    costs = [losses.tversky(y, missed, alpha, 1 - alpha, axis=-1).item() for alpha in (0.0, 0.5, 1.0)]
    assert costs[0] < 1e-6 < costs[1] < costs[2]
