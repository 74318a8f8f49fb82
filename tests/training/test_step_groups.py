"""Steps that run in a row as machine code are those that run one by one."""

import numpy as np
import pytest

import autonet as keras
from autonet.compiler.c.runtime import library

pytestmark = pytest.mark.skipif(not library.available(), reason="there is no C compiler")

X = np.random.default_rng(0).standard_normal((203, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


@pytest.fixture(autouse=True)
def native(monkeypatch):
    """Machine code, which runs rows of steps by itself."""
    monkeypatch.setenv("AUTONET_NATIVE", "1")


class Sees(keras.callbacks.Callback):
    """Looks at every n-th batch only."""

    def __init__(self, every):
        super().__init__()
        self.every = every
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.due = self.every - 1

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, logs["loss"]))
        self.due = batch + self.every


def run(every=None, **options):
    keras.utils.set_random_seed(5)
    stack = [keras.layers.Dense(6, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dropout(0.2)]
    model = keras.Sequential([*stack, keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    callback = Sees(every or 1)
    given = {"x": X, "y": Y, "batch_size": 4, "epochs": 3, "verbose": 0, **options}
    history = model.fit(**given, callbacks=[callback] if every else None)
    return history.history, model, callback.seen


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": False},
        {"shuffle": "batch"},
        {"steps_per_epoch": 20},
        {"steps_per_epoch": 70},
        {"validation_split": 0.3},
        {"sample_weight": np.linspace(0, 1, 203)},
        {"class_weight": {1: 3.0}},
        {"x": (X * 50).astype("int8")},
        {"x": np.asfortranarray(X)},
        {"batch_size": 300},
        {"batch_size": 203},
    ],
    ids=str,
)
def test_steps_in_a_row_are_single_steps(options):
    alone, one, seen = run(every=1, **options)
    row, two, _ = run(**options)
    assert row == alone
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for every in (2, 7):
        found = run(every=every, **options)
        assert found[0] == alone
        assert found[2] == [s for s in seen if s[0] % every == every - 1]


def test_they_do_run_in_a_row():
    _, model, _ = run()
    function = model._functions["train"]
    calls = []
    single = function.compiled.f
    function.compiled.f = lambda *args: calls.append(args) or single(*args)
    plan_runs = []
    entry = function.compiled.last
    whole = next(
        e for e in function.compiled.entries.values() if e.program is not None and e.program.inputs[0].shape[0] == 4
    )
    run_one = whole.plan.run
    whole.plan.run = lambda inputs: plan_runs.append(1) or run_one(inputs)
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    assert not calls and len(plan_runs) == 2, "one single step per epoch begins it"
    assert entry is not None


def test_evaluation_in_a_row():
    _, model, _ = run()
    one = model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[Every()])
    assert model.evaluate(X, Y, batch_size=4, verbose=0) == one
    assert model.evaluate(X, Y, batch_size=4, steps=7, verbose=0) == model.evaluate(
        X[:28], Y[:28], batch_size=4, verbose=0
    )


class Every(keras.callbacks.Callback):
    def on_test_batch_end(self, batch, logs=None):
        pass


def test_other_data_of_the_same_shape_is_seen():
    """What stood in x may stand in y next time."""
    model = keras.Sequential([keras.layers.Dense(4, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.0), "mae")
    for _ in range(2):
        assert model.fit(X, X * 0, batch_size=4, verbose=0).history["loss"] == [0.0]
        assert model.fit(X * 0, X, batch_size=4, verbose=0).history["loss"] == pytest.approx(
            [np.abs(X).mean()], rel=1e-4
        )
