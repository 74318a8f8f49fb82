"""One metric at a given level of another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import metrics
from autonet.errors import ArgumentError


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_best_of_all_thresholds(seed, level):
    rng = np.random.default_rng(seed)
    truth, guess = rng.integers(0, 2, 12), rng.uniform(size=12)
    for cls, wanted, kept in (
        (metrics.PrecisionAtRecall, metrics.Precision, metrics.Recall),
        (metrics.RecallAtPrecision, metrics.Recall, metrics.Precision),
    ):
        metric = cls(level, num_thresholds=11)
        pairs = [(wanted(t)(truth, guess).item(), kept(t)(truth, guess).item()) for t in metric.thresholds]
        best = max([w for w, k in pairs if k >= np.float32(level)], default=0)
        assert metric(truth, guess).item() == pytest.approx(best)


def test_sensitivity_is_recall_and_specificity_recall_of_the_rest(rng):
    truth, guess = rng.integers(0, 2, 30), rng.uniform(size=30)
    a = metrics.SensitivityAtSpecificity(0.4, num_thresholds=5)(truth, guess).item()
    b = metrics.SpecificityAtSensitivity(0.4, num_thresholds=5)(1 - truth, 1 - guess).item()
    assert a == pytest.approx(b)


def test_a_level_that_is_never_reached():
    metric = metrics.PrecisionAtRecall(0.5)
    metric.update_state([0, 0], [0.2, 0.8])
    assert metric.result().item() == 0.0


@pytest.mark.parametrize(("value", "count", "message"), [(1.5, 3, "recall from 0 to 1"), (0.5, 0, "num_thresholds")])
def test_refusals(value, count, message):
    with pytest.raises(ArgumentError, match=message):
        metrics.PrecisionAtRecall(value, num_thresholds=count)
