"""TensorBoard: its event files read back, record by record."""

import struct
import sys

import numpy as np
import pytest

import autonet as keras
from autonet import callbacks, layers
from autonet.callbacks import TensorBoard
from autonet.errors import ArgumentError

tensorboardX = pytest.importorskip("tensorboardX", reason="the extra `tensorboard` is not installed")
pytestmark = pytest.mark.extra("tensorboard")

X = np.linspace(-1, 1, 40, dtype="float32").reshape(20, 2)
Y = X[:, :1] ** 2


def events(folder):
    """The summaries of all event files in a folder, by tag: lists of (step, value)."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                found.setdefault(value.tag, []).append((event.step, getattr(value, kind)))
    return found


def model(**compiled):
    keras.utils.set_random_seed(1)
    m = keras.Sequential([layers.Input((2,)), layers.Dense(3, activation="tanh", name="a"), layers.Dense(1, name="b")])
    m.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **compiled})
    return m


def test_an_epoch_is_what_the_history_says(tmp_path):
    m = model()
    history = m.fit(
        X, Y, batch_size=4, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[TensorBoard(tmp_path)]
    ).history
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    assert set(train) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert set(validation) == {"epoch_loss", "epoch_mae"}
    for name in ("loss", "mae"):
        assert train[f"epoch_{name}"] == [(i, pytest.approx(v)) for i, v in enumerate(history[name])]
        assert validation[f"epoch_{name}"] == [(i, pytest.approx(v)) for i, v in enumerate(history[f"val_{name}"])]
    assert train["epoch_learning_rate"] == [(i, pytest.approx(0.01)) for i in range(3)]


def test_the_rate_of_a_schedule(tmp_path):
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    model(optimizer=keras.optimizers.SGD(rate)).fit(X, Y, 4, 2, verbose=0, callbacks=[TensorBoard(tmp_path)])
    assert [v for _, v in events(tmp_path / "train")["epoch_learning_rate"]] == pytest.approx([0.05, 0.025])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("freq", "written"), [("batch", list(range(1, 11))), (3, [3, 6, 9])])
def test_batches(freq, written, known, tmp_path):
    class Seen(callbacks.Callback):
        values = []

        def on_train_batch_end(self, batch, logs=None):
            self.values.append(logs["loss"])

    def batches():
        for i in range(0, 40, 4):
            yield X[i % 20 : i % 20 + 4], Y[i % 20 : i % 20 + 4]

    class Batches(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, i):
            if i >= 5:
                raise IndexError
            return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]

    seen = Seen()
    board = TensorBoard(tmp_path, update_freq=freq, write_steps_per_second=True)
    data = {"x": X, "y": Y, "batch_size": 4, "shuffle": False} if known else {"x": batches(), "steps_per_epoch": 5}
    model().fit(**data, epochs=2, verbose=0, callbacks=[board, seen])
    train = events(tmp_path / "train")
    assert train["batch_loss"] == [(n, pytest.approx(seen.values[n - 1])) for n in written]
    assert [n for n, _ in train["batch_steps_per_second"]] == written
    assert all(v > 0 for _, v in train["batch_steps_per_second"] + train["epoch_steps_per_second"])


def test_batches_of_an_epoch_of_unknown_length(tmp_path):
    """Each epoch is counted in full, also what lies between the batches that are written."""
    board, saver = (
        TensorBoard(tmp_path / "logs", update_freq=3),
        callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=3),
    )
    m = model()
    for callback in (board, saver):
        callback.set_model(m)
        callback.set_params({"epochs": 2, "steps": None, "verbose": 0})
    m.fit(X, Y, verbose=0)
    several = callbacks.CallbackList([board, saver])
    several.on_train_begin()
    for epoch in range(2):
        several.on_epoch_begin(epoch)
        for batch in range(5):
            several.on_train_batch_begin(batch)
            several.on_train_batch_end(batch, {"loss": 10.0 * epoch + batch})
        several.on_epoch_end(epoch, {"loss": 0.0})
    several.on_train_end()
    assert events(tmp_path / "logs" / "train")["batch_loss"] == [(3, 2.0), (6, 10.0), (9, 13.0)]
    assert {p.name for p in tmp_path.glob("*.keras")} == {"1-3.keras", "2-1.keras", "2-4.keras"}


def test_between_the_batches_that_are_written_nobody_looks(tmp_path):
    board = TensorBoard(tmp_path, update_freq=100)
    board.set_params({"steps": 1000})
    board.on_train_begin()
    board.on_epoch_begin(0)
    assert board.due == 99
    board.on_train_batch_end(99, {"loss": 1.0})
    assert board.due == 199


def test_histograms_and_images_of_the_weights(tmp_path):
    m = model()
    board = TensorBoard(tmp_path, histogram_freq=2, write_images=True)
    m.fit(X, Y, epochs=4, verbose=0, callbacks=[board])
    train = events(tmp_path / "train")
    for weight in m.weights:
        histograms = train[f"{weight.path}/histogram"]
        assert [step for step, _ in histograms] == [0, 2]
        assert all(h.num == weight.size for _, h in histograms)
    last = train[f"{m.layers[1].kernel.path}/histogram"]
    assert last[0][1].max != last[1][1].max
    picture = train[f"{m.layers[0].kernel.path}/image"][0][1]
    assert (picture.height, picture.width) == (2, 3)


@pytest.mark.parametrize(
    ("shape", "seen"), [((5,), (1, 1, 5, 1)), ((4, 3), (1, 4, 3, 1)), ((3, 3, 2, 4), (8, 3, 3, 1))]
)
def test_weights_as_pictures(shape, seen, rng):
    from autonet.callbacks.tensorboard import _image

    values = rng.standard_normal(shape)
    picture = _image(values)
    assert picture.shape == seen and picture.min() == 0 and picture.max() == 1
    low, high = values.min(), values.max()
    np.testing.assert_allclose(np.sort(picture.ravel()), np.sort((values.ravel() - low) / (high - low)))
    if len(shape) == 4:
        np.testing.assert_allclose(picture[5, ..., 0], (values[:, :, 1, 1] - low) / (high - low))
    assert _image(np.zeros((2, 2, 2, 2, 2))) is None
    assert not _image(np.ones(3)).any()


def test_evaluation_by_itself(tmp_path):
    m = model()
    m.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    found = m.evaluate(X, Y, verbose=0, return_dict=True, callbacks=[TensorBoard(tmp_path)])
    written = events(tmp_path / "validation")
    assert written == {f"evaluation_{k}_vs_iterations": [(10, pytest.approx(v))] for k, v in found.items()}


def test_a_resumed_training_counts_on(tmp_path):
    class Ends(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if armed and self.epoch == 1 and batch == 3:
                raise RuntimeError("out of power")

    def run(logs):
        board = TensorBoard(tmp_path / logs, update_freq=1)
        parts = [callbacks.BackupAndRestore(tmp_path / "backup", save_freq=2), board, Ends()]
        model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=parts)

    armed = True
    with pytest.raises(RuntimeError, match="out of power"):
        run("first")
    armed = False
    run("second")
    written = events(tmp_path / "second" / "train")
    assert [n for n, _ in written["batch_loss"]] == [8, 9, 10]
    assert [n for n, _ in written["epoch_loss"]] == [1]


def test_refusals(tmp_path, monkeypatch):
    for wrong in (0, -1, "step", 2.5):
        with pytest.raises(ArgumentError, match="expects update_freq 'epoch', 'batch' or a number"):
            TensorBoard(tmp_path, update_freq=wrong)
    for word in ("profile_batch", "embeddings_freq", "embeddings_metadata"):
        with pytest.raises(ArgumentError, match=f"TensorBoard has no {word} here"):
            TensorBoard(tmp_path, **{word: 1})
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install tensorboardX pillow \(the extra 'tensorboard'\)"):
        TensorBoard(tmp_path)
    assert not list(tmp_path.iterdir())
