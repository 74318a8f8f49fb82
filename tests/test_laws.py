"""The laws of training, over drawn data: what weights, masks, batches and repetition must and must not change."""

import gc
import subprocess
import sys
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras

LOSSES = ["mse", "mae", "huber", "log_cosh", "binary_crossentropy", "categorical_crossentropy", "kl_divergence", "poisson"]


def small(seed=0, units=3, dropout=0.0, normalized=False, activation="softmax", **compiling):
    """A small classifier over four features."""
    keras.utils.set_random_seed(seed)
    stack = [keras.layers.Input((4,)), keras.layers.Dense(5, activation="tanh")]
    if normalized:
        stack.append(keras.layers.BatchNormalization())
    if dropout:
        stack.append(keras.layers.Dropout(dropout))
    model = keras.Sequential([*stack, keras.layers.Dense(units, activation=activation)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiling})
    return model


def rows(n, seed=0, units=3):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype("float32")
    y = rng.random((n, units)).astype("float32") + 0.1
    return x, y / y.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("loss", LOSSES)
@given(n=st.integers(2, 9), seed=st.integers(0, 99))
def test_weight_2_is_the_row_twice_and_weight_0_the_row_absent(loss, n, seed):
    x, y = rows(n, seed)
    weights = np.random.default_rng(seed).integers(0, 3, n).astype("float32")
    weights[0] = 1
    model = small(loss=loss, weighted_metrics=["mae"])
    weighted = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    times = weights.astype(int)
    repeated = model.evaluate(np.repeat(x, times, axis=0), np.repeat(y, times, axis=0), verbose=0, return_dict=True)
    # the loss is a sum over the batch's rows by their number; the metric a mean by weights
    assert weighted["loss"] * n == pytest.approx(repeated["loss"] * times.sum(), rel=1e-4, abs=1e-5)
    assert weighted["mae"] == pytest.approx(repeated["mae"], rel=1e-4, abs=1e-5)


@given(n=st.integers(1, 40), batch=st.integers(1, 45), seed=st.integers(0, 99))
def test_evaluate_does_not_depend_on_the_batch_size(n, batch, seed):
    x, y = rows(n, seed)
    model = small(loss="categorical_crossentropy", metrics=["accuracy", "mse"], normalized=True)
    whole = model.evaluate(x, y, batch_size=n, verbose=0)
    assert model.evaluate(x, y, batch_size=batch, verbose=0) == pytest.approx(whole, rel=1e-5, abs=1e-6)


@given(n=st.integers(1, 30), batch=st.integers(1, 35))
def test_predict_does_not_depend_on_the_batch_size(n, batch):
    x, _ = rows(n)
    model = small(normalized=True, dropout=0.5)
    np.testing.assert_allclose(model.predict(x, batch_size=batch, verbose=0), model.predict_on_batch(x), rtol=1e-5, atol=1e-6)


@given(parts=st.integers(2, 4), size=st.integers(1, 5), seed=st.integers(0, 99))
def test_accumulated_gradients_are_the_full_batch(parts, size, seed):
    x, y = rows(parts * size, seed)
    whole = small(optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
    split = small(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=parts))
    for _ in range(2):
        whole.fit(x, y, batch_size=parts * size, shuffle=False, verbose=0)
        split.fit(x, y, batch_size=size, shuffle=False, verbose=0)
    for a, b in zip(whole.get_weights(), split.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@given(n=st.integers(1, 25), batch=st.integers(1, 30), frozen=st.booleans())
def test_fit_reports_what_evaluate_gives(n, batch, frozen):
    x, y = rows(n)
    optimizer = "sgd" if frozen else keras.optimizers.SGD(0.0)
    model = small(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    if frozen:
        for layer in model.layers:
            layer.trainable = False
        with pytest.warns(UserWarning, match="no trainable weights"):
            history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0).history
    else:
        history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0).history
    last = {name: values[-1] for name, values in history.items()}
    assert last == pytest.approx(model.evaluate(x, y, batch_size=batch, verbose=0, return_dict=True), rel=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("options", [{}, {"dropout": 0.4}, {"normalized": True}, {"dropout": 0.4, "normalized": True}])
def test_captured_equals_eager(optimizer, options, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    x, y = rows(50)
    results = []
    for eager in (True, False):
        model = small(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"], run_eagerly=eager, **options)
        history = model.fit(x, y, batch_size=8, epochs=3, validation_data=(x[:11], y[:11]), verbose=0).history
        results.append((history, model.get_weights(), model.predict(x, verbose=0)))
    (h1, w1, p1), (h2, w2, p2) = results
    assert h1 == h2
    for a, b in zip([*w1, p1], [*w2, p2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_changes_neither_its_data_nor_its_weights_elsewhere():
    x, y = rows(30)
    kept = x.copy(), y.copy()
    model, other = small(), small()
    before = other.get_weights()
    model.fit(x, y, epochs=2, verbose=0, sample_weight=np.ones(30))
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


RUN = """
import numpy as np, autonet as keras
keras.utils.set_random_seed(7)
x = np.random.default_rng(0).standard_normal((60, 4)).astype("float32")
model = keras.Sequential([keras.layers.Dense(6, activation="relu"), keras.layers.BatchNormalization(),
                          keras.layers.Dropout(0.3), keras.layers.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(x, (x[:, 0] > 0).astype("int32"), epochs=3, batch_size=16, verbose=0).history
print([v.hex() for v in h["loss"]], [w.tobytes().hex() for w in model.get_weights()])
"""


def test_one_seed_repeats_a_whole_run_bit_for_bit():
    runs = [subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout != ""


def test_models_that_are_dropped_are_gone_without_the_collector():
    x, y = rows(20)
    gc.collect()
    gc.disable()
    try:
        model = small(loss="categorical_crossentropy", metrics=["accuracy"], normalized=True, dropout=0.1)
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        gone = weakref.ref(model), weakref.ref(model.layers[0]), weakref.ref(model.weights[0])
        del model
        keras.utils.clear_session()
        assert [r() for r in gone] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize("models", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_memory_is_flat_over_models_made_and_dropped(models):
    x, y = rows(20)

    def one():
        model = small(loss="categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)

    for _ in range(3):
        one()
    gc.collect()
    tracemalloc.start()
    try:
        one()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(models):
            one()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 2000 * models**0.5 + 20_000


@pytest.mark.parametrize("steps", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("eager", [True, False])
def test_memory_is_flat_over_steps(steps, eager):
    x, y = rows(20)
    model = small(loss="categorical_crossentropy", metrics=["accuracy"], normalized=True, dropout=0.1, run_eagerly=eager)
    model.fit(x, y, batch_size=2, epochs=3, verbose=0)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        model.fit(np.tile(x, (steps // 10, 1)), np.tile(y, (steps // 10, 1)), batch_size=2, verbose=0)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000
