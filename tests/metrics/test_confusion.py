"""Counts, what is made of them, and the areas under their curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import metrics
from autonet.errors import ArgumentError, ShapeError

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, n=st.integers(1, 12), threshold=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_counts(seed, n, threshold):
    """The four add up to the weights; precision, recall and F1 follow from them."""
    rng = np.random.default_rng(seed)
    y, p, w = rng.integers(0, 2, n), rng.integers(0, 11, n).astype("float32") / 10, rng.uniform(0, 2, n)
    said, limit = p > np.float32(threshold), threshold
    tp, fp, tn, fn = (
        float(cls(limit)(y, p, w).item())
        for cls in (metrics.TruePositives, metrics.FalsePositives, metrics.TrueNegatives, metrics.FalseNegatives)
    )
    assert tp == pytest.approx(w[said & (y == 1)].sum())
    assert fp == pytest.approx(w[said & (y == 0)].sum())
    assert tn == pytest.approx(w[~said & (y == 0)].sum())
    assert fn == pytest.approx(w[~said & (y == 1)].sum())
    assert metrics.Precision(limit)(y, p, w).item() == pytest.approx(tp / (tp + fp) if tp + fp else 0, rel=1e-5)
    assert metrics.Recall(limit)(y, p, w).item() == pytest.approx(tp / (tp + fn) if tp + fn else 0, rel=1e-5)
    if threshold:
        f1 = metrics.F1Score(threshold=threshold)(y[:, None], p[:, None], w).item()
        assert f1 == pytest.approx(2 * tp / (2 * tp + fp + fn) if 2 * tp + fp + fn else 0, rel=1e-5)


@given(seed=seeds, n=st.integers(2, 30))
def test_area_under_roc_is_how_often_ones_outrank_zeros(seed, n):
    """Exactly so when every distinct prediction has a threshold beside it."""
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, n), rng.integers(0, 11, n) / 10
    y[:2] = 0, 1
    ones, zeros = p[y == 1], p[y == 0]
    ranks = np.mean((ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros))
    thresholds = np.arange(0.05, 1, 0.1)
    assert metrics.AUC(thresholds=thresholds.tolist())(y, p).item() == pytest.approx(ranks, abs=1e-6)
    assert metrics.AUC()(y, p).item() == pytest.approx(ranks, abs=1e-6)
    logits = 8 * p - 4
    assert metrics.AUC(from_logits=True)(y, logits).item() == metrics.AUC()(y, 1 / (1 + np.exp(-logits))).item()


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
def test_areas_of_perfect_answers(curve):
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    for method in ("interpolation", "minoring", "majoring"):
        if (curve, method) != ("PR", "minoring"):  # at its end, where nothing is predicted, precision counts as 0
            assert metrics.AUC(curve=curve, summation_method=method)(y, p).item() == pytest.approx(1.0)


@given(seed=seeds)
def test_lower_and_upper_sums_enclose_the_area(seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, 20), rng.uniform(size=20)
    low, middle, high = (
        metrics.AUC(num_thresholds=9, summation_method=m)(y, p).item()
        for m in ("minoring", "interpolation", "majoring")
    )
    assert low - 1e-6 <= middle <= high + 1e-6


def test_areas_by_label():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, (20, 3)), rng.uniform(size=(20, 3))
    each = [metrics.AUC()(y[:, i], p[:, i]).item() for i in range(3)]
    for labels in (None, 3):
        assert metrics.AUC(multi_label=True, num_labels=labels)(y, p).item() == pytest.approx(np.mean(each))
    weights = [0.2, 0.3, 0.5]
    weighed = metrics.AUC(multi_label=True, label_weights=weights)(y, p).item()
    assert weighed == pytest.approx(np.average(each, weights=weights))
    assert metrics.AUC()(y, p).item() == pytest.approx(metrics.AUC()(y.ravel(), p.ravel()).item())


def test_nan_says_no():
    assert metrics.FalseNegatives()([1, 1], [float("nan"), 0.9]).item() == 1


def test_one_threshold_gives_one_number():
    assert metrics.Precision(thresholds=[0.5])([1], [0.9]).shape == ()
    assert metrics.Precision(thresholds=[0.2, 0.5])([1], [0.9]).shape == (2,)
    assert metrics.Recall(top_k=1).thresholds == [-1e10]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: metrics.Precision(thresholds=2.0), "from 0 to 1"),
        (lambda: metrics.TruePositives(thresholds=[0.1, float("nan")]), "from 0 to 1"),
        (lambda: metrics.AUC(num_thresholds=1), "above 1"),
        (lambda: metrics.AUC(curve="ROCK"), "'PRGAIN'"),
        (lambda: metrics.AUC(summation_method="middle"), "'minoring'"),
        (lambda: metrics.AUC(num_labels=2), "multi_label=True"),
        (lambda: metrics.FBetaScore(average="mean"), "'macro'"),
        (lambda: metrics.FBetaScore(beta=-1.0), "above 0"),
        (lambda: metrics.FBetaScore(threshold=2.0), "threshold"),
        (lambda: metrics.Recall(class_id=3)([[0, 1]], [[0.2, 0.8]]), "class_id below 2"),
        (lambda: metrics.R2Score(class_aggregation="mean"), "'uniform_average'"),
        (lambda: metrics.R2Score(num_regressors=-1), "0 or more"),
    ],
)
def test_bad_arguments(make, says):
    with pytest.raises(ArgumentError, match=says):
        make()


@pytest.mark.parametrize(
    ("metric", "true", "pred", "says"),
    [
        (metrics.Precision(), (4,), (4, 2), "one shape"),
        (metrics.AUC(multi_label=True, num_labels=2), (4, 3), (4, 3), "num_labels of them"),
        (metrics.AUC(multi_label=True, label_weights=[1.0]), (4, 3), (4, 3), "one label weight"),
        (metrics.F1Score(), (4,), (4,), "to_categorical"),
        (metrics.R2Score(), (4,), (4,), "its axis of length 1"),
        (metrics.R2Score(), (4, 2), (4, 3), "one shape"),
    ],
)
def test_bad_shapes(metric, true, pred, says):
    with pytest.raises(ShapeError, match=says):
        metric.update_state(np.zeros(true), np.zeros(pred))


@given(seed=seeds, n=st.integers(3, 8))
def test_r2(seed, n):
    """By the formula; a large offset of the targets does not matter."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, 2))
    p = y + 0.5 * rng.normal(size=(n, 2))
    expected = 1 - ((y - p) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(metrics.R2Score(None)(y, p), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(metrics.R2Score(None)(y + 1e4, p + 1e4), expected, rtol=1e-4, atol=1e-4)
    adjusted = 1 - (1 - expected.mean()) * (n - 1) / (n - 2)
    assert metrics.R2Score(num_regressors=1)(y, p).item() == pytest.approx(adjusted, rel=1e-4, abs=1e-5)
    assert metrics.R2Score()(np.ones((n, 1)), np.ones((n, 1))).item() == 1
    assert metrics.R2Score()(np.ones((n, 1)), np.zeros((n, 1))).item() == 0
