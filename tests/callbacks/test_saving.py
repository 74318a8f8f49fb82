"""ModelCheckpoint and SwapEMAWeights in real trainings."""

import numpy as np
import pytest

import autonet as keras
from autonet import callbacks, layers
from autonet.errors import ArgumentError

X = np.linspace(-1, 1, 24, dtype="float32").reshape(12, 2)
Y = X[:, :1] ** 2


def model(**optimizer):
    keras.utils.set_random_seed(1)
    m = keras.Sequential([layers.Input((2,)), layers.Dense(1, name="d")])
    m.compile(keras.optimizers.SGD(0.05, **optimizer), "mse", metrics=["mae"])
    return m


# ModelCheckpoint


def saved(folder, name, epochs=3, **options):
    """Names of the files that a training of so many epochs of three batches leaves, and the History."""
    m = model()
    checkpoint = callbacks.ModelCheckpoint(folder / name, **options)
    history = m.fit(X, Y, 4, epochs, verbose=0, shuffle=False, validation_data=(X, Y), callbacks=[checkpoint]).history
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()), history


@pytest.mark.parametrize(
    ("name", "options", "files"),
    [
        ("m.keras", {}, ["m.keras"]),
        ("deep/er/{epoch:02d}.keras", {}, ["deep/er/01.keras", "deep/er/02.keras", "deep/er/03.keras"]),
        ("{epoch}-{batch}.keras", {"save_freq": 2}, ["1-2.keras", "2-1.keras", "2-3.keras", "3-2.keras"]),
        ("{epoch}.keras", {"save_freq": 4}, ["2.keras", "3.keras"]),
        ("{epoch}.weights", {"save_weights_only": True}, ["1.weights", "2.weights", "3.weights"]),
        ("{epoch}.keras", {"save_best_only": True}, ["1.keras", "2.keras", "3.keras"]),
        ("{epoch}.keras", {"save_best_only": True, "mode": "max"}, ["1.keras"]),
        ("{epoch}.keras", {"save_best_only": True, "initial_value_threshold": 0.0}, []),
    ],
)
def test_files(name, options, files, tmp_path):
    assert saved(tmp_path, name, **options)[0] == files


def test_without_the_value_nothing_is_lost(tmp_path):
    with pytest.warns(UserWarning, match="'nonsense', which the logs of this epoch do not hold"):
        files, _ = saved(tmp_path, "{epoch}.keras", save_best_only=True, monitor="nonsense", mode="min")
    assert files == ["1.keras", "2.keras", "3.keras"]


def test_names_tell_the_logs(tmp_path):
    files, history = saved(tmp_path, "{epoch:02d}-{val_loss:.3f}-{mae:.2f}.keras")
    rows = zip(history["val_loss"], history["mae"], strict=True)
    assert files == [f"{i:02d}-{loss:.3f}-{mae:.2f}.keras" for i, (loss, mae) in enumerate(rows, 1)]


def test_the_best_can_be_opened(tmp_path):
    m = model()
    m.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="loss")])
    found = keras.saving.load_model(tmp_path / "best.keras")
    np.testing.assert_array_equal(found.predict(X), m.predict(X))
    assert found.optimizer.iterations == m.optimizer.iterations


@pytest.mark.parametrize(
    ("name", "options", "advice"),
    [
        ("m.h5", {}, "ends with .keras"),
        ("m.keras", {"save_weights_only": True}, r"ends with .weights or .weights.h5"),
        ("m.keras", {"save_freq": "batch"}, "save_freq 'epoch' or a number of batches"),
        ("m.keras", {"mode": "most"}, "mode 'auto', 'min' or 'max'"),
        ("{nothing}.keras", {}, "asks for 'nothing', which the logs do not hold: loss, mae"),
    ],
)
def test_refusals(name, options, advice, tmp_path):
    with pytest.raises(ArgumentError, match=advice):
        saved(tmp_path, name, **options)


# SwapEMAWeights


class Seen(callbacks.Callback):
    """The kernel at the ends of batches and epochs."""

    def __init__(self):
        self.found = {"train": [], "test": [], "epoch": []}

    def note(self, moment):
        self.found[moment].append(float(self.model.layers[0].kernel[0, 0]))

    def on_train_batch_end(self, batch, logs=None):
        self.note("train")

    def on_test_batch_end(self, batch, logs=None):
        self.note("test")

    def on_epoch_end(self, epoch, logs=None):
        self.note("epoch")


@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("validate", [False, True])
def test_averages_stand_in_for_the_weights(swap_on_epoch, validate):
    momentum = 0.5
    m = model(use_ema=True, ema_momentum=momentum)
    seen = Seen()
    m.fit(
        X, Y, 4, 3, verbose=0, shuffle=False, validation_data=(X, Y) if validate else None, validation_batch_size=12,
        callbacks=[callbacks.SwapEMAWeights(swap_on_epoch), seen],
    )  # fmt: skip
    plain = model()
    raw = Seen()
    plain.fit(X, Y, 4, 3, verbose=0, shuffle=False, callbacks=[raw])
    assert seen.found["train"] == raw.found["train"]  # training goes on from the weights, not from the averages
    average, averages = 0.0, []
    for number, value in enumerate(raw.found["train"], 1):
        average = value if number == 1 else momentum * average + (1 - momentum) * value
        averages += [average] * (number % 3 == 0)
    at_ends = averages if swap_on_epoch else raw.found["epoch"]
    assert seen.found["epoch"] == pytest.approx(at_ends, rel=1e-5)
    assert seen.found["test"] == pytest.approx(averages if validate else [], rel=1e-5)
    assert float(m.layers[0].kernel[0, 0]) == pytest.approx(averages[-1], rel=1e-5)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_evaluation_by_itself_puts_the_weights_back(swap_on_epoch):
    m = model(use_ema=True)
    m.train_on_batch(X, Y)
    m.train_on_batch(X, Y)
    before = m.get_weights()
    plain = m.evaluate(X, Y, verbose=0)
    assert m.evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch)]) != plain
    for a, b in zip(m.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("at", [2, 3, 5])
def test_a_resumed_training_has_the_same_averages(at, tmp_path):
    class Boom(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            nonlocal left
            left -= 1
            if not left:
                raise RuntimeError("boom")

    def go(folder):
        m = model(use_ema=True, ema_momentum=0.5)
        swap = callbacks.SwapEMAWeights(swap_on_epoch=True)
        m.fit(X, Y, 4, 3, verbose=0, callbacks=[callbacks.BackupAndRestore(folder, 1), swap, Boom()])
        return [np.asarray(w).tobytes() for w in m.weights + m.optimizer.variables]

    left = 100
    alone = go(tmp_path / "alone")
    left = at + 1
    with pytest.raises(RuntimeError, match="boom"):
        go(tmp_path / "again")
    left = 100
    assert go(tmp_path / "again") == alone


def test_there_must_be_averages():
    with pytest.raises(ArgumentError, match="needs an optimizer with use_ema=True"):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
