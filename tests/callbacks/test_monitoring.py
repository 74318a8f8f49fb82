"""EarlyStopping, ReduceLROnPlateau, LearningRateScheduler, TerminateOnNaN."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

import autonet as keras
from autonet import callbacks, metrics
from autonet.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau, TerminateOnNaN
from autonet.callbacks.monitor import FALLING, RISING
from autonet.errors import ArgumentError
from autonet.optimizers import SGD, schedules
from autonet.serialization import snake_case

from .models import Counter, fit

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "callbacks.json").read_text())
NAN = float("nan")


def losses(values):
    return [{} if v is None else {"val_loss": v} for v in values]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=range(len(GOLDEN["cases"])))
def test_as_keras_does(case):
    name, options, values, expected = case
    callback = getattr(callbacks, name)(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # values that are missing
        model, rates = fit([callback], losses(values))
    assert rates == pytest.approx(expected["rates"])
    assert model.weight == expected["weight"] and callback.wait == expected["wait"]
    if "stopped" in expected:
        assert (callback.stopped_epoch, callback.best_epoch) == (expected["stopped"], expected["best_epoch"])
        assert callback.best == pytest.approx(expected["best"], nan_ok=True)


@pytest.mark.parametrize("values", [[5.0, 4.0, 3.0, 6.0], [5.0, 4.0, 3.0, 6.0, 7.0, 8.0]])
def test_the_best_weights_return_also_when_training_simply_ends(values):
    model, _ = fit([EarlyStopping(patience=2, restore_best_weights=True)], losses(values))
    assert model.weight == 3.0


def test_one_callback_serves_several_fits():
    stopper = EarlyStopping(patience=0)
    for _ in range(2):
        model, rates = fit([stopper], losses([1.0, 2.0, 3.0]))
        assert len(rates) == 2 and stopper.best == 1.0
    plateau = ReduceLROnPlateau(patience=1, factor=0.5)
    for _ in range(2):
        model, rates = fit([plateau], losses([1.0, 1.0, 1.0]))
        assert rates == [1.0, 0.5, 0.25]
        assert model.history.history["learning_rate"] == [1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    "factor, stop_at, times", [(1 / 2, 1 / 128, 7), (0.1, 1 / 1024, 4), (0.1, 1e-5, 5), (1 / 2, 0.3, 2)]
)
@pytest.mark.parametrize("start", [1.0, 0.3, 0.001])
def test_training_ends_where_the_rate_has_fallen_to_a_share_of_the_first(factor, stop_at, times, start):
    for patience in (1, 3):
        plateau = ReduceLROnPlateau("loss", factor=factor, patience=patience, stop_at=stop_at)
        for _ in range(2):  # each fit begins anew
            model = keras.Sequential([keras.layers.Dense(1, input_shape=(1,))])
            model.compile(keras.optimizers.SGD(start), lambda y, p: 0 * p[:, 0] + 1.0, run_eagerly=True)
            history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=99, callbacks=[plateau], verbose=0)
            assert len(history.epoch) == 1 + times * patience
            assert float(model.optimizer.learning_rate) == pytest.approx(start * factor**times, rel=1e-5)


def test_no_improvement_in_n_is_patience_n():
    for n in (1, 2, 5):
        values = [3.0, 2.0, *[2.0] * 20]
        _, rates = fit([EarlyStopping(patience=n)], losses(values))
        assert len(rates) == 2 + n


@pytest.mark.parametrize("stop_at", [0, 1, 2.0, -0.5, True])
def test_a_share_that_is_none_is_refused(stop_at):
    with pytest.raises(ArgumentError, match="share of the first rate"):
        ReduceLROnPlateau(stop_at=stop_at)


def test_a_share_that_cannot_be_reached_is_refused():
    with pytest.raises(ArgumentError, match="never end training"):
        fit([ReduceLROnPlateau(min_lr=0.5, stop_at=0.1)], losses([1.0, 2.0]))


class Measured:
    def __init__(self, name, direction=None):
        self.name = name
        self._direction = direction


class Container:
    name = "compile_metrics"

    def __init__(self, *metrics):
        self.metrics = metrics


@pytest.mark.parametrize(
    ("monitor", "measured", "rises"),
    [
        ("loss", [], False),
        ("val_loss", [], False),
        ("val_score", [Measured("score", "up")], True),
        ("score", [Container(Measured("other", "up"), Measured("score", "down"))], False),
        ("mean_squared_error", [Measured("mean_squared_error")], False),
        ("val_sparse_categorical_accuracy", [], True),
        ("acc", [], True),
        ("val_precision_1", [], True),
        ("mae", [], False),
        ("val_mine", [metrics.MeanSquaredError(name="mine")], False),
        ("val_mine", [metrics.AUC(name="mine")], True),
    ],
)
@pytest.mark.parametrize("cls", [EarlyStopping, ReduceLROnPlateau])
def test_auto_knows_the_direction(cls, monitor, measured, rises):
    callback = cls(monitor, patience=1)
    fit([callback], [{monitor: 1.0}, {monitor: 2.0}], model=Counter(measured))
    assert callback.rises is rises and callback.best == (2.0 if rises else 1.0)


def test_the_direction_of_every_metric_is_known():
    undirected = {"Mean", "Sum", "MeanMetricWrapper", "Metric", "SumOverBatchSize", "SumOverBatchSizeMetricWrapper"}
    counts = {"FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"}
    for name, cls in vars(metrics).items():
        if isinstance(cls, type) and issubclass(cls, metrics.Metric) and name not in undirected | counts:
            assert snake_case(name).endswith(FALLING + RISING), name


def test_auto_refuses_to_guess():
    with pytest.raises(ArgumentError, match="mode='max' or mode='min'"):
        fit([EarlyStopping("thing")], [{"thing": 1.0}])
    with pytest.raises(ArgumentError, match="mode 'auto'"):
        EarlyStopping(mode="maximum")
    with pytest.raises(ArgumentError, match="factor"):
        ReduceLROnPlateau(factor=1.0)


@pytest.mark.parametrize("cls", [EarlyStopping, ReduceLROnPlateau])
def test_a_value_that_is_missing_is_named(cls):
    with pytest.warns(UserWarning, match="watches 'val_loss'.*They hold: loss"):
        fit([cls()], [{"loss": 1.0}])


def test_messages(capsys):
    fit([EarlyStopping(verbose=1, restore_best_weights=True)], losses([1.0, 2.0]))
    fit([ReduceLROnPlateau(verbose=1, patience=1, factor=0.5)], losses([1.0, 2.0]))
    fit([LearningRateScheduler(lambda epoch: 0.5, verbose=1)], losses([1.0]))
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: early stopping",
        "Restoring model weights from the end of the best epoch: 1.",
        "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.5.",
        "Epoch 1: LearningRateScheduler setting learning rate to 0.5.",
    ]


# LearningRateScheduler


@pytest.mark.parametrize("schedule", [lambda epoch: 0.5**epoch, lambda epoch, rate: rate * 0.5 if epoch else rate])
def test_a_rate_for_each_epoch(schedule):
    model, rates = fit([LearningRateScheduler(schedule)], losses([1.0] * 3))
    assert rates == [1.0, 0.5, 0.25] and model.history.history["learning_rate"] == rates


def test_an_error_inside_a_schedule_is_its_own():
    def broken(epoch, rate):
        return rate + None

    with pytest.raises(TypeError, match="NoneType"):
        fit([LearningRateScheduler(broken)], losses([1.0]))


@pytest.mark.parametrize("wrong", [None, "fast", [0.1], True, NAN])
def test_a_rate_that_is_no_number(wrong):
    with pytest.raises(ArgumentError, match="schedule of a LearningRateScheduler"):
        fit([LearningRateScheduler(lambda epoch: wrong)], losses([1.0]))


def test_rates_that_cannot_be_set():
    model = Counter()
    model.optimizer = SGD(schedules.ExponentialDecay(0.1, 1, 0.5))
    with pytest.raises(ArgumentError, match="follows ExponentialDecay"):
        fit([LearningRateScheduler(lambda epoch: 0.5)], losses([1.0]), model=model)
    model.optimizer = None
    with pytest.raises(ArgumentError, match="optimizer with a learning_rate"):
        fit([ReduceLROnPlateau()], losses([1.0]), model=model)
    with pytest.raises(ArgumentError, match="function of the epoch"):
        LearningRateScheduler(0.1)


# TerminateOnNaN


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf, np.float32("nan")])
def test_training_ends_at_the_first_bad_loss(bad, capsys):
    seen = []
    spy = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    model, rates = fit([TerminateOnNaN(), spy], [{"loss": 1.0}, {"loss": bad}, {"loss": 1.0}], verbose=0)
    assert model.stop_training and len(rates) == 2 and seen == [0, 1, 2, 0]
    assert capsys.readouterr().out == ""
    fit([TerminateOnNaN(), spy], [{"loss": bad}], verbose=2)
    assert "Batch 0: Invalid loss, terminating training" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="batch 0"):
        fit([TerminateOnNaN(raise_error=True)], [{"loss": bad}])
