"""A loss that is no number is told once, with the place in the data where that is why."""

import importlib
import warnings

import numpy as np
import pytest

import autonet
from autonet import layers

X = np.random.default_rng(0).normal(size=(64, 3))
Y = X[:, 0].copy()
BAD_X = X.copy()
BAD_X[5, 1] = np.nan
BAD_Y = Y.copy()
BAD_Y[3] = np.inf


def pandas():
    return importlib.import_module("pandas")


def frame():
    return pandas().DataFrame(BAD_X, columns=["a", "b", "c"], index=[f"i{k}" for k in range(64)])


def polars_frame():
    return importlib.import_module("polars").DataFrame({"a": X[:, 0], "b": BAD_X[:, 1]})


def model(rate=0.01):
    m = autonet.Sequential([layers.Dense(1)])
    m.compile(autonet.optimizers.SGD(rate), "mse")
    return m


CASES = {
    "array": lambda: (BAD_X, Y, {}, r"loss is NaN in epoch 1.*: x, column 1, row 5: NaN \(1 of 64 rows"),
    "target": lambda: (X, BAD_Y, {}, r"y, row 3: Inf \(1 of 64"),
    "weights": lambda: (X, Y, {"sample_weight": np.abs(BAD_Y)}, "sample_weight, row 3: Inf"),
    "validation": lambda: (X, Y, {"validation_data": (BAD_X, Y)}, "val_loss is NaN in epoch 1.*x, column 1, row 5"),
    "split": lambda: (BAD_X, Y, {"validation_split": 0.25}, r"loss is NaN in epoch 1.*column 1.*\(1 of 48"),
    "stream": lambda: (iter([(X, BAD_Y)] * 3), None, {"steps_per_epoch": 1}, "loss is .*TerminateOnNaN"),
}
TABLES = {
    "Series": lambda: (X, pandas().Series(BAD_Y, name="price"), {}, "y, column 'price', row 3: Inf"),
    "DataFrame": lambda: (frame(), Y, {}, r"x, column 'b', row 5 \(index 'i5'\): NaN"),
    "polars": lambda: (polars_frame(), Y, {}, "x, column 'b', row 5: NaN"),
    "validation": lambda: (X, Y, {"validation_data": (frame(), Y)}, "val_loss is NaN in epoch 1.*x, column 'b', row 5"),
    "split": lambda: (frame(), Y, {"validation_split": 0.25}, r"loss is NaN in epoch 1.*column 'b'.*\(1 of 48"),
}


def check(x, y, options, words):
    with pytest.warns(UserWarning, match=words) as told:
        model().fit(x, y, epochs=3, verbose=0, **options)
    assert len(told) == 1


@pytest.mark.parametrize("name", CASES)
def test_data_that_are_no_numbers_are_named_once(name):
    check(*CASES[name]())


@pytest.mark.extra("dev")
@pytest.mark.parametrize("name", TABLES)
def test_tables_that_hold_no_numbers_are_named_by_column(name):
    check(*TABLES[name]())


@pytest.mark.extra("dev")
def test_several_inputs_are_named():
    a, b = autonet.Input((2,), name="a"), autonet.Input((1,), name="b")
    m = autonet.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate()([a, b])))
    m.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=r"x\['b'\], column 'age', row 5"):
        m.fit({"a": X[:, :2], "b": pandas().Series(BAD_X[:, 1], name="age").to_frame()}, Y, verbose=0)


def test_a_training_that_diverges_is_told_that_the_data_are_finite():
    with pytest.warns(UserWarning, match=r"The data are finite.*TerminateOnNaN.*learning rate") as told:
        model(1e30).fit(X, Y, epochs=3, verbose=0)
    assert len(told) == 1


def test_the_data_are_not_looked_at_otherwise(monkeypatch):
    monkeypatch.setattr("autonet.training.bad_data.is_bad", lambda array: pytest.fail("looked"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().fit(X, Y, epochs=2, verbose=0, validation_split=0.5)
        monkeypatch.undo()
        model().fit(X, BAD_Y, epochs=2, verbose=0, callbacks=[autonet.callbacks.TerminateOnNaN()])  # says more
