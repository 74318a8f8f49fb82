"""Objectives that processes find by name, and what the tests of the tuner have in common."""

import os
import time

import numpy as np

import autonet
from autonet import tuner
from autonet.layers import Dense, Dropout, Flatten, Input

SPACE = tuner.Space(rate=tuner.Log(1e-4, 1e-1), units=tuner.Integer(4, 16), kind=tuner.Choice(["relu", "tanh"]))


def smooth(trial):
    """A peak at rate 0.01, with chance from autonet's generators, named and not."""
    trial.report(trial["rate"])
    noise = float(autonet.random.uniform(())) + float(autonet.random.SeedGenerator().state.numpy()[0]) / 2**32
    return -abs(np.log10(trial["rate"]) + 2) + 0.01 * noise


def failing(trial):
    """Every third trial raises, every other third has no number."""
    if trial.number % 3 == 1:
        raise ZeroDivisionError(f"trial {trial.number}")
    return float("nan") if trial.number % 3 == 2 else smooth(trial)


def slow(trial):
    time.sleep(0.15)
    return smooth(trial)


def dying(trial):
    os._exit(3)


def elsewhere(trial):
    """Tells its process; the first raises."""
    if trial.number == 0:
        raise ZeroDivisionError("trial 0")
    return os.getpid()


def endless(trial):
    time.sleep(600)


def build(rate, units, kind):
    """A small net with chance in it, whose sizes come with the data."""
    model = autonet.Sequential([Flatten(), Dense(units, kind), Dropout(0.2), Dense(10, "softmax")])
    model.compile(autonet.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_sized(rate, units, kind):
    """The same, whose sizes are known from the start."""
    model = autonet.Sequential([Input((8, 8)), *build(rate, units, kind).layers])
    model.compile(autonet.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def digits(n=200):
    (x, y), (x_test, y_test) = autonet.datasets.digits.load_data()
    return x[:n] / 16, y[:n], (x_test[:100] / 16, y_test[:100])


def training(build=build, epochs=3, **options):
    x, y, held_out = digits()
    return tuner.Training(
        build, x, y, epochs=epochs, **{"monitor": "val_accuracy", "validation_data": held_out, **options}
    )


def key(result):
    """All of a result but the time it took."""
    return [(o.number, o.parameters, repr(o.score), o.epochs, o.error, o.pruned, o.reports) for o in result.outcomes]
