"""What goes wrong leaves a model that can be used, and says what to do."""

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError, DataError, ShapeError

X = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")


@pytest.fixture(params=["eager", "captured", "native"])
def way(request, monkeypatch):
    """Arguments of compile() for one way to run steps."""
    monkeypatch.setenv("AUTONET_NATIVE", str(int(request.param == "native")))
    return {"run_eagerly": request.param == "eager"}


def classifier(way, **options):
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(3, activation="softmax")])
    model.compile(
        **{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **way, **options}
    )
    return model


@pytest.mark.parametrize("label", [3, -1, 100])
@pytest.mark.parametrize("at", [0, 7, 19])
def test_class_numbers_out_of_range(label, at, way):
    model, twin = classifier(way), classifier(way)
    good = np.arange(20) % 3
    bad = good.copy()
    bad[at] = label
    for m in (model, twin):
        m.fit(X, good, batch_size=4, epochs=3, shuffle=False, verbose=0)
    told = rf"between 0 and 2, as there are 3 classes; received {min(bad.min(), 0)} to {max(label, 2)}|received"
    with pytest.raises(DataError, match=told):
        model.fit(X, bad, batch_size=4, epochs=2, shuffle=False, verbose=0)
    done = at // 4  # steps before the bad one
    for i in range(done):
        twin.train_on_batch(X[4 * i : 4 * i + 4], good[4 * i : 4 * i + 4])
    assert int(model.optimizer.iterations) == 15 + done
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(DataError):
        model.evaluate(X, bad, verbose=0)
    with pytest.raises(DataError):
        model.train_on_batch(X, bad)
    for m in (model, twin):
        m.fit(X, good, batch_size=4, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("y", "error"),
    [(np.zeros((20, 2)), ShapeError), (np.zeros((20, 3, 2)), ShapeError), (np.zeros((19, 3)), DataError)],
)
def test_targets_of_a_wrong_shape(y, error, way):
    model = keras.Sequential([keras.layers.Dense(3)])
    model.compile("sgd", "mse", metrics=["mae"], **way)
    for _ in range(2):
        with pytest.raises(error):
            model.fit(X, y, verbose=0)
        with pytest.raises(error):
            model.evaluate(X, y, verbose=0)
    assert list(model.fit(X, np.zeros((20, 3)), verbose=0).history) == ["loss", "mae", "learning_rate"]
    with pytest.raises(error):
        model.fit(X, y, verbose=0)


def test_inputs_of_a_wrong_shape(way):
    model = classifier(way)
    good = np.arange(20) % 3
    model.fit(X, good, verbose=0)
    for bad in (X[:, :3], X[:, :, None]):
        for call in (lambda x: model.fit(x, good, verbose=0), lambda x: model.predict(x, verbose=0)):
            with pytest.raises(ShapeError):
                call(bad)
    assert model.fit(X, good, verbose=0).history["loss"][0] > 0


def test_nan_goes_through_and_is_told(way, capsys):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", **way)
    x = X.copy()
    x[5] = np.nan
    with pytest.warns(UserWarning, match="loss is NaN in epoch 1. The data hold such numbers: x, column 0, row 5"):
        history = model.fit(x, X[:, :1], epochs=2, verbose=0).history
    assert np.isnan(history["loss"]).all() and np.isnan(model.get_weights()[0]).all()
    assert np.isnan(model.evaluate(X, X[:, :1], verbose=0)) and np.isnan(model.predict(X, verbose=0)).all()
    stopped = model.fit(X, X[:, :1], epochs=9, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(stopped.epoch) == 1


def test_an_error_in_a_callback(way):
    class Boom(keras.callbacks.Callback):
        def __init__(self, hook):
            setattr(self, hook, self.boom)

        def boom(self, *args):
            raise RuntimeError("boom")

    model, twin = classifier(way), classifier(way)
    good = np.arange(20) % 3
    hooks = (
        "train_begin",
        "epoch_begin",
        "train_batch_begin",
        "train_batch_end",
        "test_batch_end",
        "epoch_end",
        "train_end",
    )
    for hook in hooks:
        options = dict(batch_size=5, shuffle=False, validation_split=0.25, verbose=0)
        with pytest.raises(RuntimeError, match="boom"):
            model.fit(X, good, callbacks=[Boom(f"on_{hook}")], **options)
    for _ in range(int(model.optimizer.iterations) // 3):
        twin.fit(X, good, **options)
    steps = int(model.optimizer.iterations)
    assert model.fit(X, good, **options).epoch == [0]
    assert int(model.optimizer.iterations) == steps + 3
    assert np.isfinite(model.evaluate(X, good, verbose=0)[0])


def test_callbacks_may_train_and_evaluate(way):
    other = classifier(way)
    good = np.arange(20) % 3

    class Busy(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.predict(X, verbose=0)

        def on_epoch_end(self, epoch, logs=None):
            other.fit(X, good, batch_size=7, verbose=0)
            self.model.evaluate(X, good, verbose=0)

    model, twin = classifier(way), classifier(way)
    options = dict(batch_size=5, epochs=3, shuffle=False, verbose=0)
    busy = model.fit(X, good, callbacks=[Busy()], **options).history
    assert busy == twin.fit(X, good, **options).history
    assert int(other.optimizer.iterations) == 9


def test_models_side_by_side(way):
    good = np.arange(20) % 3
    several, alone = [classifier(way) for _ in range(3)], classifier(way)
    for _ in range(3):
        for model in several:
            model.fit(X, good, batch_size=6, shuffle=False, verbose=0)
        alone.fit(X, good, batch_size=6, shuffle=False, verbose=0)
    for model in several:
        for a, b in zip(model.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_models_in_threads(way):
    import threading

    good = np.arange(20) % 3
    several, alone = [classifier(way) for _ in range(4)], classifier(way)
    work = [
        threading.Thread(target=m.fit, args=(X, good), kwargs=dict(epochs=20, batch_size=6, shuffle=False, verbose=0))
        for m in several
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    alone.fit(X, good, epochs=20, batch_size=6, shuffle=False, verbose=0)
    for model in several:
        for a, b in zip(model.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


# Layers that come and go


def test_a_layer_on_top_asks_for_compile(way):
    model = classifier(way)
    good = np.arange(20) % 3
    model.fit(X, good, verbose=0)
    model.add(keras.layers.Dense(2, activation="softmax"))
    with pytest.raises(ArgumentError, match=r"Call compile\(\) again"):
        model.fit(X, good % 2, verbose=0)
    assert model.predict(X, verbose=0).shape == (20, 2)
    model.compile("adam", "sparse_categorical_crossentropy", **way)
    before = model.layers[0].get_weights()
    model.fit(X, good % 2, epochs=2, verbose=0)
    assert not np.array_equal(before[0], model.layers[0].get_weights()[0])


def test_a_layer_taken_off(way):
    model = classifier(way, loss="mse", metrics=[])
    model.fit(X, np.zeros((20, 3)), verbose=0)
    assert model.predict(X, verbose=0).shape == (20, 3)
    model.pop()
    assert model.predict(X, verbose=0).shape == (20, 5)
    assert model.fit(X, np.zeros((20, 5)), verbose=0).history["loss"][0] > 0
    model.add(keras.layers.Activation("relu"))
    assert (model.predict(X, verbose=0) >= 0).all()


def test_an_optimizer_that_serves_another_model(way):
    shared = keras.optimizers.Adam()
    one, two = classifier(way, optimizer=shared), classifier(way, optimizer=shared)
    good = np.arange(20) % 3
    one.fit(X, good, verbose=0)
    with pytest.raises(ArgumentError, match="serves another model"):
        two.fit(X, good, verbose=0)


def test_changes_between_fits_are_seen(way):
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones"), keras.layers.Dropout(0.0)])
    model.compile(keras.optimizers.SGD(0.0), "mae", **way)
    zeros = np.zeros((20, 1), "float32")
    first = model.fit(X, zeros, verbose=0).history["loss"][0]
    model.layers[0].activation = keras.activations.relu
    kernel = model.layers[0].kernel
    assert model.fit(X, zeros, verbose=0).history["loss"][0] == pytest.approx(np.maximum(X.sum(1), 0).mean(), rel=1e-4)
    kernel.assign(kernel * 2)
    assert model.fit(X, zeros, verbose=0).history["loss"][0] == pytest.approx(
        2 * np.maximum(X.sum(1), 0).mean(), rel=1e-4
    )
    kernel.regularizer = keras.regularizers.L1(1.0)
    assert model.evaluate(X, zeros, verbose=0) == pytest.approx(2 * np.maximum(X.sum(1), 0).mean() + 8, rel=1e-4)
    assert first == pytest.approx(np.abs(X.sum(1)).mean(), rel=1e-4)
    model.optimizer.learning_rate = 0.1
    model.fit(X, zeros, verbose=0)
    assert not np.array_equal(kernel.numpy(), np.full((4, 1), 2))
