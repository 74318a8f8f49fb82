"""Babysitter: snapshots, roll backs, and the rate."""

import numpy as np
import pytest

import autonet
from autonet import tuner
from autonet.callbacks import BackupAndRestore, Callback
from autonet.errors import ArgumentError
from tests.tuner.objectives import build_sized, digits


class Script(Callback):
    """Puts given values into the logs, before others look."""

    steers = False

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["watched"] = self.values[epoch]


class Look(Callback):
    """Remembers weights and rates after each epoch."""

    steers = False

    def __init__(self):
        self.weights, self.rates = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())
        self.rates.append(float(self.model.optimizer.learning_rate))


def fit(values, mode="min", sitter=None, **options):
    autonet.utils.set_random_seed(3)
    x, y, _ = digits(64)
    model = build_sized(0.01, 4, "relu")
    before, after = Look(), Look()
    sitter = sitter or tuner.Babysitter("watched", mode, **options)
    history = model.fit(x, y, epochs=len(values), verbose=0, callbacks=[Script(values), before, sitter, after])
    return model, sitter, before, after, history


def same(a, b):
    return all(u.tobytes() == v.tobytes() for u, v in zip(a, b, strict=True))


@pytest.mark.parametrize("worse", [1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_it_goes_back_where_things_get_worse(mode, worse):
    values = [1.0, 0.5, worse, 0.4, 0.41, 0.3]
    values = values if mode == "min" else [-v for v in values]
    model, sitter, before, after, history = fit(values, mode)
    assert sitter.rollbacks == [2]
    assert same(after.weights[2], before.weights[1]) and not same(before.weights[2], before.weights[1])
    assert same(after.weights[4], before.weights[4])  # within the tolerance
    assert after.rates == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.005, 0.005])
    assert history.history["learning_rate"] == pytest.approx([0.01, 0.01, 0.01, 0.005, 0.005, 0.005])
    assert (sitter.best, sitter.best_epoch) == (values[5], 5)
    assert same(model.get_weights(), before.weights[5])


def test_patience_growth_and_the_end():
    model, sitter, before, after, _ = fit([1.0, 0.9, 2, 2, 0.8, 2, 2, 2, 2, 2, 2], patience=2, growth=2.0, most=2)
    assert sitter.rollbacks == [3, 6, 8] and len(after.rates) == 9
    assert after.rates == pytest.approx([0.02, 0.04, 0.04, 0.02, 0.04, 0.04, 0.02, 0.02, 0.01])
    assert same(model.get_weights(), before.weights[4])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.04)


@pytest.mark.parametrize("name", ["Adam", "SGD", "RMSprop", "Adagrad"])
def test_the_optimizer_begins_anew_and_ends_as_it_was(name):
    def make():
        momentum = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
        return getattr(autonet.optimizers, name)(0.01, use_ema=True, **momentum)

    autonet.utils.set_random_seed(3)
    x, y, _ = digits(64)
    model = build_sized(0.01, 4, "relu")
    model.compile(make(), "sparse_categorical_crossentropy")
    kept = []

    class Slots(Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append([v.numpy() for v in [*model.optimizer.variables, *model.trainable_variables]])

    sitter = tuner.Babysitter("watched", "min")
    model.fit(x, y, epochs=3, verbose=0, callbacks=[Script([1.0, 2.0, 1.05]), Slots(), sitter, Slots()])
    count = len(model.optimizer.variables)
    first, after = kept[1], kept[3]
    assert same(first[count:], after[count:])
    fresh = make()
    weights = [autonet.Variable(a) for a in first[count:]]
    fresh.build(weights)
    fresh.learning_rate = 0.005
    assert same([v.numpy() for v in fresh.variables], after[:count])


def test_before_there_is_a_best_there_is_nothing_to_go_back_to():
    _, sitter, _, _, _ = fit([float("nan"), float("nan"), 1.0])
    assert sitter.rollbacks == [] and sitter.best == 1.0


@pytest.mark.parametrize("broken_after", [1, 3, 4])
def test_it_goes_on_from_a_backup(broken_after, tmp_path):
    values = [1.0, 0.9, 3.0, 2.0, 0.8, 5.0]
    x, y, _ = digits(64)

    class Killed(Exception):
        pass

    class Kill(Callback):
        steers = False

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == broken_after and not (tmp_path / "killed").exists():
                (tmp_path / "killed").touch()
                raise Killed

    def run(folder, *more):
        autonet.utils.set_random_seed(3)
        model = build_sized(0.01, 4, "relu")
        sitter = tuner.Babysitter("watched", "min", growth=1.5)
        callbacks = [Script(values), sitter, BackupAndRestore(folder), *more]
        history = model.fit(x, y, epochs=6, verbose=0, callbacks=callbacks)
        return (
            [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)],
            history.history,
            sitter.rollbacks,
        )

    whole = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "broken", Kill())
    broken = run(tmp_path / "broken", Kill())
    assert same(whole[0], broken[0]) and whole[1:] == broken[1:]


def test_it_saves_a_training_whose_rate_is_too_large():
    x, y, held_out = digits(1000)
    loss = autonet.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = []
    for callbacks in ([], [tuner.Babysitter("loss", tolerance=0.2, factor=0.3)]):
        autonet.utils.set_random_seed(1)
        model = autonet.Sequential(
            [autonet.layers.Flatten(), autonet.layers.Dense(30, "relu"), autonet.layers.Dense(10)]
        )
        model.compile(autonet.optimizers.SGD(0.6, 0.9), loss, metrics=["accuracy"])
        model.fit(x, y, epochs=12, verbose=0, callbacks=callbacks)
        accuracy.append(model.evaluate(*held_out, verbose=0, return_dict=True)["accuracy"])
    assert accuracy[0] < 0.7 and accuracy[1] > 0.9


@pytest.mark.parametrize(
    "options",
    [{"factor": 1}, {"factor": 0}, {"growth": 0.9}, {"tolerance": -1}, {"tolerance": np.nan}, {"patience": 1.5}],
)
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ArgumentError):
        tuner.Babysitter(**options)
