"""Tracebacks show the user's line last, and at most two frames of the package."""

import pathlib
import traceback

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L

PACKAGE = str(pathlib.Path(keras.__file__).parent)
X = np.zeros((3, 2))


class Broken(L.Layer):
    def call(self, x):
        return keras.ops.matmul(x, np.zeros((7, 3)))


class Raising(L.Layer):
    def call(self, x):
        raise KeyError("the user's own")


def compiled(*layers):
    model = keras.Sequential([*layers])
    model.compile("sgd", "mse")
    return model


ENTRANCES = {
    "fit": lambda: compiled(L.Dense(2)).fit(X, X[:2], verbose=0),
    "fit of a layer": lambda: compiled(L.Dense(2), Broken()).fit(X, X, verbose=0),
    "fit of a layer that raises": lambda: compiled(L.Dense(2), Raising()).fit(X, X, verbose=0),
    "evaluate": lambda: compiled(L.Dense(2)).evaluate(X, X[:2], verbose=0),
    "predict": lambda: compiled(L.Dense(2), Broken()).predict(X, verbose=0),
    "compile": lambda: keras.Sequential().compile("nothing", "mse"),
    "train_on_batch": lambda: compiled(L.Dense(2)).train_on_batch(X, X[:2]),
    "a layer": lambda: Broken()(X),
    "a constructor": lambda: L.Dense(-1),
    "a stack": lambda: keras.Sequential([L.Input((3,)), L.Conv2D(2, 3)]),
    "add": lambda: keras.Sequential().add(3),
    "a graph": lambda: L.Conv2D(2, 3)(keras.Input((3,))),
    "an operation": lambda: keras.ops.matmul(X, X),
    "an operator": lambda: keras.Tensor(X) @ X,
    "an operator of numbers": lambda: keras.Tensor(X) + keras.Tensor(X[:2]),
    "an operator of other dtypes": lambda: keras.Tensor(X) + keras.Tensor(X[:2], "float32"),
    "an operator reflected": lambda: [[0.0] * 2] @ keras.Tensor(X),
    "an operator of NumPy": lambda: X @ keras.Tensor(X),
    "a function of NumPy": lambda: np.matmul(keras.Tensor(X), X),
    "a primitive of one operand": lambda: keras.ops.squeeze(keras.Tensor(X), axis=0),
    "a primitive of a Variable": lambda: keras.ops.multiply(keras.Variable(X), keras.Tensor(X[:2])),
    "a primitive of an array": lambda: keras.ops.multiply(X, X[:2]),
    "jit": lambda: keras.jit(lambda x: keras.ops.matmul(x, x))(X),
    "grad": lambda: keras.grad(lambda x: keras.ops.matmul(x, x))(X),
    "jacobian": lambda: keras.jacobian(lambda x: keras.ops.matmul(x, x))(X),
    "vjp": lambda: keras.vjp(lambda x: keras.ops.matmul(x, x), X),
    "check_gradients": lambda: keras.check_gradients(lambda x: keras.ops.matmul(x, x), X),
    "load_model": lambda: keras.models.load_model("nowhere.keras"),
}


@pytest.mark.parametrize("name", ENTRANCES)
def test_the_users_line_stands_out(name):
    with pytest.raises((keras.errors.AutonetError, KeyError)) as told:
        ENTRANCES[name]()
    frames = [frame.filename for frame in traceback.extract_tb(told.tb)]
    ours = [frame for frame in frames if frame.startswith((PACKAGE, "<autonet"))]
    assert len(ours) <= 2
    assert all(frame in ours or frame == __file__ for frame in frames)
    if not name.startswith(("an operator", "an operation", "a primitive")):  # which have no time for it
        assert frames[-1] == __file__
    assert told.value.__cause__ is None


def test_a_fault_of_the_package_shows_where(monkeypatch):
    monkeypatch.setattr("autonet.training.loop.Position", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError) as told:
        compiled(L.Dense(2)).fit(X, X, verbose=0)
    assert len(traceback.extract_tb(told.tb)) > 1


def test_it_can_be_switched_off():
    keras.config.disable_traceback_filtering()
    try:
        with pytest.raises(keras.errors.AutonetError) as told:
            ENTRANCES["fit"]()
        assert len(told.traceback) > 4 and not keras.config.is_traceback_filtering_enabled()
    finally:
        keras.config.enable_traceback_filtering()
    assert keras.config.is_traceback_filtering_enabled()
