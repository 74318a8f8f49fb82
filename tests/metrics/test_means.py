"""Mean, Sum and the mean of a function: totals, weights, masks, names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonet import losses, metrics, ops
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError

values = hnp.arrays("float64", hnp.array_shapes(min_dims=0, max_dims=3, max_side=4), elements=st.floats(-100, 100))


@given(values)
def test_mean_and_sum_are_those_of_all_values(x):
    assert metrics.Mean()(x).item() == pytest.approx(x.mean(), rel=1e-5, abs=1e-4)
    assert metrics.Sum()(x).item() == pytest.approx(x.sum(), rel=1e-5, abs=1e-3)


@given(values, st.integers(0, 2**32 - 1))
def test_weights_go_with_the_first_axes(x, seed):
    """Weights of shape (), (n,), (n, t), ... for values of (n, t, ...)."""
    rng = np.random.default_rng(seed)
    for axes in range(x.ndim + 1):
        w = rng.uniform(0.1, 2, x.shape[:axes])
        full = np.broadcast_to(w.reshape(w.shape + (1,) * (x.ndim - axes)), x.shape)
        assert metrics.Mean()(x, w).item() == pytest.approx(np.average(x, weights=full), rel=1e-4, abs=1e-4)
        assert metrics.Sum()(x, w).item() == pytest.approx((x * full).sum(), rel=1e-4, abs=1e-2)


def test_no_count_is_lost():
    """float32 stands still at 2^24; the totals do not."""
    mean, total = metrics.Mean(), metrics.Sum()
    for metric in (mean, total):
        for v in metric.variables:
            v.assign(np.full((), 2.0**24))
        metric.update_state(1.0)
    assert mean.count.numpy() == mean.total.numpy() == total.total.numpy() == 2**24 + 1
    counts = metrics.TruePositives()
    counts.totals[0].assign([2.0**24])
    counts.update_state([1], [0.9])
    assert counts.totals[0].numpy() == 2**24 + 1


def test_a_metric_keeps_nothing_of_the_graph():
    x = Tensor([1.0, 2.0], requires_grad=True)
    mean = metrics.Mean()
    mean.update_state(x * x)
    assert not any(v.requires_grad for v in mean.variables)


def test_one_value_for_a_batch_counts_once_per_row():
    """So the mean over ragged batches is the mean over all rows."""

    def error(y_true, y_pred):
        return ops.mean(ops.abs(y_pred - y_true))

    y = np.arange(5.0)[:, None]
    metric = metrics.MeanMetricWrapper(error)
    metric.update_state(y[:4], 0 * y[:4])
    metric.update_state(y[4:], 0 * y[4:])
    assert metric.result().item() == y.mean()
    assert metric.name == "error"
    flat = metrics.MeanSquaredError()
    flat.update_state(np.arange(4.0), np.zeros(4))
    flat.update_state(np.arange(4.0, 5.0), np.zeros(1))
    assert flat.result().item() == np.mean(np.arange(5.0) ** 2)
    with pytest.raises(ShapeError, match="one per sample"):
        metric.update_state(y, y, np.ones(5))


def test_samples_of_one_number():
    y, p, w = np.array([1.0, 2.0, 4.0]), np.zeros(3), np.array([1.0, 0.0, 2.0])
    for pair in ((y, p), (y, p[:, None]), (y[:, None], p), (y[:, None], p[:, None])):
        assert metrics.MeanSquaredError()(*pair, w).item() == 11
        assert metrics.MeanSquaredError()(*pair).item() == 7
        assert metrics.RootMeanSquaredError()(*pair, w).item() == pytest.approx(11**0.5)


@given(st.integers(0, 2**32 - 1))
def test_steps_of_one_number_can_be_masked(seed):
    rng = np.random.default_rng(seed)
    y, p, mask = rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 1)), rng.random((3, 4)) < 0.5
    mask[0, 0] = True
    masked = Tensor(p)
    masked._mask = convert_to_tensor(mask)
    for cls, power in ((metrics.MeanSquaredError, 2), (metrics.MeanAbsoluteError, 1)):
        expected = np.mean(np.abs(y - p[:, :, 0])[mask] ** power)
        assert cls()(y, masked).item() == pytest.approx(expected, rel=1e-5)
        assert cls()(y, p, mask.astype(float)).item() == pytest.approx(expected, rel=1e-5)


def test_what_a_masked_step_holds_does_not_matter():
    y_pred = Tensor(np.array([[[1.0], [np.nan]]]))
    y_pred._mask = convert_to_tensor(np.array([[True, False]]))
    assert metrics.MeanSquaredError()(np.zeros((1, 2, 1)), y_pred).item() == 1


def test_an_ignored_class_is_left_out():
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=0)
    assert metric([0, 1], [[0.5, 0.5], [0.2, 0.8]]).item() == pytest.approx(-np.log(0.8))
    metric.reset_state()
    assert metric([0, 1], [[0.5, 0.5], [0.2, 0.8]], [3.0, 5.0]).item() == pytest.approx(-np.log(0.8))


def test_functions_only():
    with pytest.raises(ArgumentError, match="function"):
        metrics.MeanMetricWrapper("mse")
    assert metrics.MeanMetricWrapper(lambda y, p: y).name == "lambda"
    assert metrics.MeanMetricWrapper(losses.huber, name="own").name == "own"


def test_a_metric_of_ones_own():
    class Twofold(metrics.Metric):
        """State in attributes, in lists, and in another metric."""

        def __init__(self, **common):
            super().__init__(**common)
            self.total = self.add_weight(name="total")
            self.parts = [self.add_variable((2,), "ones", name="part")]
            self.mean = metrics.Mean()

        def update_state(self, x):
            self.total.assign_add(ops.sum(x))
            self.mean.update_state(x)

        def result(self):
            return {"total": self.total.value, "mean": self.mean.result()}

    metric = Twofold(name="own")
    assert [v.path for v in metric.variables] == ["own/total", "own/part", "mean/total", "mean/count"]
    assert metric.total.dtype == "float32"
    found = metric([1.0, 3.0])
    assert (found["total"].item(), found["mean"].item()) == (4, 2)
    metric.reset_state()
    assert not any(v.numpy().any() for v in metric.variables)
    with pytest.raises(NotImplementedError, match="update_state"):
        metrics.Metric().update_state(1)
    with pytest.raises(NotImplementedError, match="result"):
        metrics.Metric().result()
    with pytest.raises(ArgumentError, match="4 variables"):
        metric.stateless_result([1.0])


def test_automatic_names_are_numbered():
    first, second = metrics.Precision(), metrics.Precision()
    assert first.name.startswith("precision")
    assert first.name != second.name
    assert metrics.Mean().name == metrics.Mean().name == "mean"
