"""Training that is killed, again and again, and started again, ends in the very bits of one that was left alone."""

import os
import pickle
import random
import signal
import sys
import time

import numpy as np
import pytest

import autonet as keras
from autonet.errors import DataError

KILLS = 26  # per setting; eight settings: more than two hundred

SETTINGS = {
    "momentum": dict(optimizer="momentum"),
    "momentum, dropout, ragged": dict(optimizer="momentum", dropout=0.3, rows=37),
    "momentum, schedule, plateau": dict(optimizer="momentum-schedule", stops=True, normalized=True),
    "momentum, plateau": dict(optimizer="momentum", plateau=True, rows=37),
    "adam": dict(optimizer="adam", dropout=0.3),
    "adam, normalized, ragged": dict(optimizer="adam", normalized=True, rows=37, validate=True),
    "adam, stops, plateau": dict(optimizer="adam", stops=True, plateau=True, validate=True),
    "adam, accumulation": dict(optimizer="adam-accumulation", dropout=0.2, normalized=True),
}


def make_optimizer(name):
    kind, _, option = name.partition("-")
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 7, 0.9) if option == "schedule" else 0.05
    if kind == "momentum":
        return keras.optimizers.SGD(rate, momentum=0.9)
    return keras.optimizers.Adam(rate, gradient_accumulation_steps=3 if option == "accumulation" else None)


def train(
    folder, optimizer, dropout=0.0, normalized=False, rows=40, stops=False, plateau=False, validate=False, freq=2
):
    """A small training with a backup; returns all that it ends in, as bytes."""
    keras.utils.set_random_seed(11)
    rng = np.random.default_rng(5)
    x = rng.standard_normal((rows, 6)).astype("float32")
    y = (x[:, 0] + 0.3 * rng.standard_normal(rows) > 0).astype("int32")
    stack = [keras.layers.Dense(7, activation="tanh")]
    if normalized:
        stack.append(keras.layers.BatchNormalization())
    if dropout:
        stack.append(keras.layers.Dropout(dropout))
    model = keras.Sequential([*stack, keras.layers.Dense(2, activation="softmax")])
    model.compile(make_optimizer(optimizer), "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = [] if folder is None else [keras.callbacks.BackupAndRestore(folder, save_freq=freq)]
    if stops:
        callbacks.append(keras.callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True, min_delta=0.02))
    if plateau and "schedule" not in optimizer:
        callbacks.append(keras.callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.05))
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=12,
        verbose=0,
        callbacks=callbacks,
        validation_data=(x[:9], y[:9]) if validate else None,
    )
    ends = {
        "weights": [w.tobytes() for w in model.get_weights()],
        "optimizer": [v.numpy().tobytes() for v in model.optimizer.variables],
        "history": {k: [float(v).hex() for v in values] for k, values in history.history.items()},
        "epoch": history.epoch,
        "then": [float(u).hex() for u in np.asarray(keras.random.uniform((3,)))],
        "seed": keras.random.SeedGenerator().state.numpy().tobytes(),
    }
    return pickle.dumps(ends)


def in_a_child(folder, result, setting):
    """Start `train` in a forked child: no time is lost with imports. Returns its process number."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ends = train(folder, **setting)
            with open(f"{result}.part", "wb") as file:
                file.write(ends)
            os.replace(f"{result}.part", result)
            code = 0
        finally:
            os._exit(code)
    return child


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children; this system cannot fork")
@pytest.mark.parametrize("name", SETTINGS)
def test_killed_at_random_moments_it_ends_in_the_same_bits(name, tmp_path):
    setting = SETTINGS[name]
    alone = train(None, **setting)
    delays = random.Random(name)
    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        folder, result = tmp_path / f"backup{rounds}", tmp_path / f"result{rounds}"
        while True:
            child = in_a_child(folder, result, setting)
            end = time.monotonic() + delays.uniform(0.0, 0.12)
            status = None
            while time.monotonic() < end and status is None:
                done, code = os.waitpid(child, os.WNOHANG)
                status = code if done else None
                time.sleep(0.001)
            if status is None:
                os.kill(child, signal.SIGKILL)
                done, status = os.waitpid(child, 0)
                if os.WIFSIGNALED(status):
                    kills += 1
                    continue
            assert os.WEXITSTATUS(status) == 0, f"the training failed after {kills} kills"
            break
        ends = pickle.loads(result.read_bytes())
        assert ends == pickle.loads(alone), f"after {kills} kills"
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("freq", [1, 3, 5, "epoch"])
@pytest.mark.parametrize("at", [0, 4, 7, 13])
def test_an_exception_in_a_callback_loses_nothing(at, freq, tmp_path):
    class Boom(keras.callbacks.Callback):
        calls = 0

        def on_train_batch_end(self, batch, logs=None):
            type(self).calls += 1
            if type(self).calls == at + 1:
                raise RuntimeError("boom")

    def go(folder, boom):
        keras.utils.set_random_seed(3)
        x = np.random.default_rng(0).standard_normal((30, 4)).astype("float32")
        model = keras.Sequential(
            [keras.layers.Dense(5, activation="relu"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
        )
        model.compile("adam", "mse")
        model.fit(
            x,
            x[:, :1],
            batch_size=8,
            epochs=5,
            verbose=0,
            callbacks=[keras.callbacks.BackupAndRestore(folder, freq), boom],
        )
        return [w.tobytes() for w in model.get_weights()]

    Boom.calls = 1000
    alone = go(tmp_path / "alone", Boom())
    Boom.calls = 0
    with pytest.raises(RuntimeError, match="boom"):
        go(tmp_path / "again", Boom())
    assert go(tmp_path / "again", Boom()) == alone


def test_a_backup_of_something_else_is_refused(tmp_path):
    def model(units):
        made = keras.Sequential([keras.layers.Dense(units, input_shape=(4,)), keras.layers.Dense(1)])
        made.compile("sgd", "mse")
        return made

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stop")

    x = np.ones((8, 4), "float32")
    folder = tmp_path / "backup"
    backup = keras.callbacks.BackupAndRestore(folder, save_freq=1)
    with pytest.raises(RuntimeError, match="stop"):
        model(3).fit(x, x[:, :1], batch_size=2, verbose=0, callbacks=[backup, Stop()])
    before = (folder / "latest.backup").read_bytes()
    with pytest.raises((DataError, ValueError)):
        model(5).fit(x, x[:, :1], batch_size=2, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(folder), Stop()])
    with pytest.raises(DataError, match="callbacks"):
        model(3).fit(x, x[:, :1], batch_size=2, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(folder)])
    assert (folder / "latest.backup").read_bytes() == before
    (folder / "latest.backup").write_bytes(before[:-7])
    with pytest.raises(DataError, match="damaged"):
        model(3).fit(x, x[:, :1], batch_size=2, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(folder), Stop()])
