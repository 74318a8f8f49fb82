"""The laws of training, over drawn data: what weights, masks, batches and repetition must and must not change."""

import contextlib
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
from tests.share import share

LOSSES = [
    *("mse", "mae", "huber", "log_cosh"),
    *("binary_crossentropy", "categorical_crossentropy", "kl_divergence", "poisson"),
]
WAYS = ("eager", "captured", "native")  # in which a step can run


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Arguments of compile() for one way to run steps."""
    if request.param == "captured":
        monkeypatch.setenv("AUTONET_NATIVE", "0")
    return {"run_eagerly": request.param == "eager"}


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
@given(n=st.integers(2, 9), seed=st.integers(0, 99), eager=st.booleans())
def test_weight_2_is_the_row_twice_and_weight_0_the_row_absent(loss, n, seed, eager, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")  # a compiler's run for each size; the test below has machine code
    check_weights(loss, n, seed, run_eagerly=eager)


@share(1 / 3)
@given(n=st.integers(2, 5), seed=st.integers(0, 99))
def test_weights_of_rows_in_each_way(way, n, seed):
    check_weights("categorical_crossentropy", n, seed, **way)


def check_weights(loss, n, seed, **compiling):
    x, y = rows(n, seed)
    weights = np.random.default_rng(seed).integers(0, 3, n).astype("float32")
    weights[0] = 1
    model = small(loss=loss, weighted_metrics=["mae"], **compiling)
    weighted = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    times = weights.astype(int)
    repeated = model.evaluate(np.repeat(x, times, axis=0), np.repeat(y, times, axis=0), verbose=0, return_dict=True)
    # the loss is a sum over the batch's rows by their number; the metric a mean by weights
    assert weighted["loss"] * n == pytest.approx(repeated["loss"] * times.sum(), rel=1e-4, abs=1e-5)
    assert weighted["mae"] == pytest.approx(repeated["mae"], rel=1e-4, abs=1e-5)


@share(1 / 2)
@given(seed=st.integers(0, 99))
def test_training_on_weighted_rows_is_training_on_repeated_ones(way, seed):
    x, y = rows(6, seed)
    times = np.array([2, 0, 1, 1, 0, 2])  # as many as there are rows, so that both losses have one divisor
    weighted, repeated = (small(optimizer="adam", loss="categorical_crossentropy", **way) for _ in range(2))
    weighted.fit(x, y, sample_weight=times.astype("float32"), epochs=3, verbose=0)
    repeated.fit(np.repeat(x, times, axis=0), np.repeat(y, times, axis=0), epochs=3, verbose=0)
    for a, b in zip(weighted.get_weights(), repeated.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@share(1 / 2)
@given(t=st.integers(1, 4), extra=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_masked_step_is_a_shorter_sequence(way, t, extra, seed):
    class SkipsZeros(keras.layers.Layer):
        def compute_mask(self, inputs, previous_mask):
            return keras.ops.any(keras.ops.not_equal(inputs, 0), axis=-1)

        def call(self, inputs):
            return inputs

    def model():
        keras.utils.set_random_seed(seed)
        stack = [SkipsZeros(), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2, activation="softmax")]
        made = keras.Sequential(stack)
        made.compile("sgd", "categorical_crossentropy", weighted_metrics=["accuracy"], **way)
        return made

    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((5, t, 3)).astype("float32"), np.eye(2, dtype="float32")[rng.integers(0, 2, (5, t))]
    longer = [np.concatenate([a, np.zeros((5, extra, a.shape[-1]), "float32")], axis=1) for a in (x, y)]
    short, masked = model(), model()
    a = short.fit(x, y, epochs=2, verbose=0).history
    b = masked.fit(*longer, epochs=2, verbose=0).history
    assert a == {name: pytest.approx(values, rel=1e-4, abs=1e-6) for name, values in b.items()}
    for u, v in zip(short.get_weights(), masked.get_weights(), strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-4, atol=1e-5)


@share(1 / 2)
@given(n=st.integers(1, 40), batch=st.integers(1, 45), seed=st.integers(0, 99))
def test_evaluate_does_not_depend_on_the_batch_size(way, n, batch, seed):
    x, y = rows(n, seed)
    model = small(loss="categorical_crossentropy", metrics=["accuracy", "mse"], normalized=True, **way)
    whole = model.evaluate(x, y, batch_size=n, verbose=0)
    assert model.evaluate(x, y, batch_size=batch, verbose=0) == pytest.approx(whole, rel=1e-5, abs=1e-6)


@given(n=st.integers(1, 30), batch=st.integers(1, 35))
def test_predict_does_not_depend_on_the_batch_size(way, n, batch):
    x, _ = rows(n)
    model = small(normalized=True, dropout=0.5, **way)
    whole = model.predict_on_batch(x)
    np.testing.assert_allclose(model.predict(x, batch_size=batch, verbose=0), whole, rtol=1e-5, atol=1e-6)


@share(1 / 3)
@given(parts=st.integers(2, 4), size=st.integers(1, 5), seed=st.integers(0, 99))
def test_accumulated_gradients_are_the_full_batch(way, parts, size, seed):
    x, y = rows(parts * size, seed)
    whole = small(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), **way)
    split = small(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=parts), **way)
    for _ in range(2):
        whole.fit(x, y, batch_size=parts * size, shuffle=False, verbose=0)
        split.fit(x, y, batch_size=size, shuffle=False, verbose=0)
    for a, b in zip(whole.get_weights(), split.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@share(1 / 3)
@given(n=st.integers(1, 25), batch=st.integers(1, 30), frozen=st.booleans())
def test_fit_reports_what_evaluate_gives(way, n, batch, frozen):
    x, y = rows(n)
    optimizer = "sgd" if frozen else keras.optimizers.SGD(0.0)
    model = small(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"], **way)
    for layer in model.layers if frozen else ():
        layer.trainable = False
    with pytest.warns(UserWarning, match="no trainable weights") if frozen else contextlib.nullcontext():
        history = model.fit(x, y, batch_size=batch, epochs=2, verbose=0).history
    last = {name: values[-1] for name, values in history.items() if name != "learning_rate"}
    assert last == pytest.approx(model.evaluate(x, y, batch_size=batch, verbose=0, return_dict=True), rel=1e-5)


OPTIONS = [{}, {"dropout": 0.4}, {"normalized": True}, {"dropout": 0.4, "normalized": True}]


def trained(optimizer="adam", n=50, held=11, **options):
    """All that a training on n rows, `held` of which validate it, leaves behind."""
    x, y = rows(n)
    model = small(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"], **options)
    history = model.fit(x, y, batch_size=8, epochs=3, validation_data=(x[:held], y[:held]), verbose=0).history
    predicted = model.predict(x, batch_size=8, verbose=0)
    return history, [*model.get_weights(), *[v.numpy() for v in model.optimizer.variables], predicted]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("options", OPTIONS)
def test_captured_equals_eager(optimizer, options, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    (h1, a1), (h2, a2) = (trained(optimizer, run_eagerly=eager, **options) for eager in (True, False))
    assert h1 == h2
    for a, b in zip(a1, a2, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("options", OPTIONS)
def test_native_agrees_with_eager(options):
    # whole batches: the compiler runs once for each kind of step
    (h1, a1), (h2, a2) = (trained(n=48, held=16, run_eagerly=eager, **options) for eager in (True, False))
    assert h1 == {name: pytest.approx(values, rel=1e-4) for name, values in h2.items()}
    for a, b in zip(a1, a2, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5)


@share(1 / 2)
@given(sizes=st.lists(st.sampled_from([1, 3, 6]), min_size=2, max_size=6))
def test_a_plan_for_a_second_shape_does_not_disturb_the_first(way, sizes):
    x, y = rows(6)
    model = small(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"], normalized=True, **way)
    other = small(
        optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"], normalized=True, run_eagerly=True
    )
    for n in sizes * 2:
        for m in (model, other):
            m.train_on_batch(x[:n], y[:n])
            m.predict_on_batch(x[:n])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert model.test_on_batch(x, y) == pytest.approx(other.test_on_batch(x, y), rel=1e-3)


def test_a_run_changes_neither_its_data_nor_weights_elsewhere(way):
    x, y = rows(30)
    kept = x.copy(), y.copy()
    model, other = small(**way), small(**way)
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


def test_models_that_are_dropped_are_gone_without_the_collector(way):
    x, y = rows(20)
    gc.collect()
    gc.disable()
    try:
        model = small(loss="categorical_crossentropy", metrics=["accuracy"], normalized=True, dropout=0.1, **way)
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

    tracemalloc.start()  # from the start: memory that was there before and is only made anew would count as grown
    try:
        for _ in range(12):
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


@pytest.mark.parametrize("steps", [300, pytest.param(100_000, marks=pytest.mark.slow)])
def test_memory_is_flat_over_steps(way, steps):
    x, y = rows(20)
    model = small(loss="categorical_crossentropy", metrics=["accuracy"], normalized=True, dropout=0.1, **way)
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
    assert grown < min(50 * steps, 50_000)
