"""Training that is killed, again and again, and started again, ends in the very bits of one that was left alone."""

import functools
import itertools
import os
import pathlib
import pickle
import random
import signal
import subprocess
import sys
import time
import traceback

import numpy as np
import pytest

import autonet as keras
from autonet.errors import AutonetError, DataError
from autonet.saving.archive import Archive, write_archive

KILLS = 8  # per setting

MOST = 12  # kills of one training, which then may end, however slow the machine is

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
FURTHER = {  # the same with fewer kills
    "states": dict(optimizer="adam", kind="recurrent"),
    "pictures": dict(optimizer="momentum", kind="pictures"),
    "data set": dict(optimizer="adam", kind="dataset", dropout=0.3),
    "data set of steps": dict(optimizer="adam", kind="pipeline", dropout=0.3, rows=37),
    "step of its own": dict(optimizer="adam", kind="own", dropout=0.3),
    "hessian-free": dict(optimizer="hessian", dropout=0.3, normalized=True),
    "l-bfgs": dict(optimizer="lbfgs", dropout=0.3),
    "rate by epoch": dict(optimizer="momentum-epochs", dropout=0.3),
    "scheduler": dict(optimizer="momentum", dropout=0.3, scheduler=True),
    "checkpoint": dict(optimizer="adam", validate=True, checkpoint=True, double=True),
    "averages": dict(optimizer="adam-averages", validate=True, swap=True),
    "steps per epoch": dict(optimizer="adam", dropout=0.3, rows=37, steps=3),
}


def make_optimizer(name):
    kind, _, option = name.partition("-")
    schedules = keras.optimizers.schedules
    rate = schedules.ExponentialDecay(0.05, 7, 0.9) if option == "schedule" else 0.05
    if option == "epochs":
        rate = schedules.ByEpoch(schedules.InverseTimeDecay(0.05, 1, 0.5))
    if kind == "hessian":
        return keras.optimizers.HessianFree(rate, cg_iterations=5)
    if kind == "lbfgs":
        return keras.optimizers.LBFGS(rate, history=3)
    if kind == "momentum":
        return keras.optimizers.SGD(rate, momentum=0.9)
    steps = 3 if option == "accumulation" else None
    return keras.optimizers.Adam(rate, gradient_accumulation_steps=steps, use_ema=option == "averages")


class Rows(keras.utils.PyDataset):
    """Batches of 8 rows."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return -(-len(self.arrays[0]) // 8)

    def __getitem__(self, n):
        return tuple(a[8 * n : 8 * n + 8] for a in self.arrays)


PIPELINES = {  # of rows
    "shuffle": lambda d: d.shuffle().batch(8),
    "batches": lambda d: d.batch(8).shuffle().prefetch(),
    "cache": lambda d: d.shuffle().batch(8).cache(),
    "fixed": lambda d: d.shuffle(seed=3, reshuffle_each_iteration=False).batch(8, drop_remainder=True),
    "none": lambda d: d.map(lambda x, y: (2 * x, y)).batch(8),
    "all": lambda d: d.shuffle().map(lambda x, y: (2 * x, y)).cache().shuffle(9).skip(1).take(33).batch(8).prefetch(3),
}


class Own(keras.Model):
    """A training step that reports what it likes, and draws."""

    def __init__(self, layers):
        super().__init__()
        self.inner, self.seen = keras.Sequential(layers), keras.metrics.Mean(name="seen")
        self.chance = keras.random.SeedGenerator(2)

    def call(self, x, training=None):
        return self.inner(x, training=training)

    def train_step(self, data):
        x, y = data
        x = x + 0.1 * keras.random.normal(x.shape, seed=self.chance)
        loss = self.compute_loss(x, y, self(x, training=True))
        loss.backward()
        self.optimizer.apply([w.grad for w in self.trainable_variables], self.trainable_variables)
        for w in self.trainable_variables:
            w.grad = None
        self.seen.update_state(x)
        return {"seen": self.seen.result()}


def make_model(kind, dropout, normalized):
    L = keras.layers
    stack = [L.Dense(7, activation="tanh")]
    if kind == "recurrent":
        stack = [L.Input((3, 2), batch_size=8), L.GRU(4, stateful=True, recurrent_dropout=0.2)]
    if kind == "pictures":
        stack = [L.Reshape((3, 2, 1)), L.RandomFlip(), L.RandomZoom(0.3), L.GaussianNoise(0.1), L.Flatten()]
    if normalized:
        stack.append(L.BatchNormalization())
    if dropout:
        stack.append(L.Dropout(dropout))
    stack.append(L.Dense(2, activation="softmax"))
    return Own(stack) if kind == "own" else keras.Sequential(stack)


def make_callbacks(folder, optimizer, freq, stops, plateau, scheduler, checkpoint, double, swap):
    C = keras.callbacks
    callbacks = [] if folder is None else [C.BackupAndRestore(folder, save_freq=freq, double_checkpoint=double)]
    if stops:
        callbacks.append(C.EarlyStopping("loss", patience=3, restore_best_weights=True, min_delta=0.02))
    if plateau and "schedule" not in optimizer:
        callbacks.append(C.ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.05))
    if scheduler:
        callbacks.append(C.LearningRateScheduler(lambda epoch, rate: 0.9 * rate))
    if checkpoint:
        callbacks.append(C.ModelCheckpoint(f"{folder}.best.keras", "val_loss", save_best_only=True))
    return [*callbacks, C.SwapEMAWeights(swap_on_epoch=True)] if swap else callbacks


def train(
    folder, optimizer, kind=None, dropout=0.0, normalized=False, rows=40, validate=False, freq=2, steps=None,
    stops=False, plateau=False, scheduler=False, checkpoint=False, double=False, swap=False,
):  # fmt: skip
    """A small training with a backup; returns all that it ends in, as bytes, or None if Ctrl-C ended it."""
    keras.utils.set_random_seed(11)
    rng = np.random.default_rng(5)
    x = rng.standard_normal((rows, 6)).astype("float32")
    y = (x[:, 0] + 0.3 * rng.standard_normal(rows) > 0).astype("int32")
    x = x.reshape(rows, 3, 2) if kind == "recurrent" else x
    model = make_model(kind, dropout, normalized)
    model.compile(make_optimizer(optimizer), "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = make_callbacks(folder, optimizer, freq, stops, plateau, scheduler, checkpoint, double, swap)
    data = Rows(x, y) if kind == "dataset" else PIPELINES["all"](Rows(x, y).unbatch()) if kind == "pipeline" else None
    epochs = 12 if stops or plateau else 8  # until training is stopped, and rates have fallen
    history = model.fit(
        *([data] if data is not None else [x, y]),
        batch_size=None if data is not None else 8,
        epochs=epochs,
        verbose=0,
        callbacks=callbacks,
        validation_data=(x[:9], y[:9]) if validate else None,
        steps_per_epoch=steps,
    )
    if (len(history.epoch) < epochs and not stops) or os.path.exists(f"{folder}/latest.backup"):
        return None
    ends = {
        "weights": [w.tobytes() for w in model.get_weights()],
        "optimizer": [v.numpy().tobytes() for v in model.optimizer.variables],
        "history": {k: [float(v).hex() for v in values] for k, values in history.history.items()},
        "epoch": history.epoch,
        "then": [float(u).hex() for u in np.asarray(keras.random.uniform((3,)))],
        "seed": keras.random.SeedGenerator().state.numpy().tobytes(),
    }
    if checkpoint:
        ends["best"] = [w.tobytes() for w in keras.saving.load_model(f"{folder}.best.keras").get_weights()]
    return pickle.dumps(ends)


INTERRUPTED = 3  # exit status of a child that Ctrl-C ended


def in_a_child(folder, result, setting, before=None):
    """Start `train` in a forked child: no time is lost with imports. Returns its process number."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if before is not None:
                before()
            ends = train(folder, **setting)
            if ends is not None:
                pathlib.Path(f"{result}.part").write_bytes(ends)
                os.replace(f"{result}.part", result)
            code = 0 if ends is not None else INTERRUPTED
        except KeyboardInterrupt:  # before fit, or after
            code = INTERRUPTED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def waited(child, seconds):
    """What became of a child within some time; None if it still runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


def stopped_at_random(name, setting, kills, tmp_path, how=signal.SIGKILL):
    """Trainings stopped and started again until they end; all of them end alike. Returns how often they were stopped."""
    (tmp_path / "alone").mkdir()
    alone = train(tmp_path / "alone", **setting)  # which compiles, too
    began = time.monotonic()
    assert train(tmp_path / "alone", **setting) == alone
    span = time.monotonic() - began
    delays = random.Random(name)
    count = rounds = 0
    while count < kills:
        rounds += 1
        folder, result = tmp_path / f"backup{rounds}", tmp_path / f"result{rounds}"
        for turn in range(MOST + 1):
            child = in_a_child(folder, result, setting)
            status = waited(child, delays.uniform(0.0, 0.7 * span) if turn < MOST else 60)
            if status is None:
                os.kill(child, how)
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status == 0:
                break
            assert status in (-signal.SIGKILL, INTERRUPTED), f"the training failed after {count} kills"
            count += 1
        assert pickle.loads(result.read_bytes()) == pickle.loads(alone), f"after {count} kills"
        assert [path.name for path in folder.iterdir()] == ["complete.backup"]
    return count


def forks(test):
    """For tests that fork this process, and kill the children."""
    test = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")(test)  # from Python 3.12 on
    return pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")(test)


@forks
@pytest.mark.parametrize("kills", [KILLS, pytest.param(26, marks=pytest.mark.slow)])  # in all settings: 64, and 208
@pytest.mark.parametrize("name", SETTINGS)
def test_killed_at_random_moments_it_ends_in_the_same_bits(name, kills, tmp_path):
    assert stopped_at_random(name, SETTINGS[name], kills, tmp_path) >= kills


@forks
@pytest.mark.parametrize("name", FURTHER)
def test_other_trainings_end_in_the_same_bits(name, tmp_path):
    stopped_at_random(name, FURTHER[name], KILLS // 2, tmp_path)


@forks
@pytest.mark.parametrize("name", ["momentum, dropout, ragged", "adam, normalized, ragged"])
def test_interrupted_at_random_moments_it_ends_in_the_same_bits(name, tmp_path):
    stopped_at_random(name, SETTINGS[name], KILLS, tmp_path, signal.SIGINT)


@forks
@pytest.mark.parametrize("setting", [SETTINGS["adam, accumulation"], FURTHER["checkpoint"]], ids=["one", "two"])
def test_killed_inside_saves_it_ends_in_the_same_bits(setting, tmp_path):
    """At each step of the first saves: a temporary file is made, flushed, renamed; the folder is flushed."""
    setting = {**setting, "freq": 4}
    (tmp_path / "alone").mkdir()
    alone = train(tmp_path / "alone", **setting)

    def killed_at(n):
        left = [n]
        for name in ("open", "fsync", "replace"):

            def counted(real, *args, **kwargs):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            setattr(os, name, functools.partial(counted, getattr(os, name)))

    for n in range(1, 12):
        folder, result = tmp_path / f"backup{n}", tmp_path / f"result{n}"
        child = in_a_child(folder, result, setting, functools.partial(killed_at, n))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        child = in_a_child(folder, result, setting)
        assert os.waitpid(child, 0)[1] == 0
        assert pickle.loads(result.read_bytes()) == pickle.loads(alone), f"killed at event {n}"
        assert [path.name for path in folder.iterdir()] == ["complete.backup"]


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_test_end"])
def test_an_exception_in_any_hook_loses_nothing(hook, tmp_path):
    class Boom(keras.callbacks.Callback):
        armed = False

    def bang(self, *args, **kwargs):
        if type(self).armed and self.model.optimizer.iterations > 7:
            type(self).armed = False
            raise RuntimeError("boom")

    setattr(Boom, hook, bang)

    def go(folder):
        keras.utils.set_random_seed(3)
        x = np.random.default_rng(0).standard_normal((30, 4)).astype("float32")
        model = keras.Sequential([keras.layers.Dense(5), keras.layers.Dropout(0.2), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        callbacks = [keras.callbacks.BackupAndRestore(folder, 3), Boom()]
        history = model.fit(
            x, x[:, :1], batch_size=8, epochs=5, verbose=0, callbacks=callbacks, validation_data=(x[:9], x[:9, :1])
        )
        return [w.tobytes() for w in model.get_weights()], history.history

    alone = go(tmp_path / "alone")
    Boom.armed = True
    with pytest.raises(RuntimeError, match="boom"):
        go(tmp_path / "again")
    assert go(tmp_path / "again") == alone


def test_data_that_cannot_go_back(tmp_path):
    """A generator's own state is its own: nobody pretends to know where it stood."""

    def batches():
        while True:
            yield np.ones((4, 3), "float32"), np.ones((4, 1), "float32")

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch:
                raise RuntimeError("stop")

    def go():
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        callbacks = [keras.callbacks.BackupAndRestore(tmp_path), Stop()]
        model.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0, callbacks=callbacks)

    with pytest.raises(RuntimeError, match="stop"):
        go()
    with pytest.raises(DataError, match="cannot be resumed.*Pass arrays or a PyDataset"):
        go()


@pytest.mark.parametrize(
    "data, at, freq",
    [
        *itertools.product(["arrays"], [0, 4, 7, 13], [1, 3, 5, "epoch"]),
        *[(data, 6, 1) for data in ["windows", *PIPELINES]],
        ("all", 13, "epoch"),
    ],
)
def test_an_exception_in_a_callback_loses_nothing(data, at, freq, tmp_path):
    class Boom(keras.callbacks.Callback):
        calls = 0

        def on_train_batch_end(self, batch, logs=None):
            type(self).calls += 1
            if type(self).calls == at + 1:
                raise RuntimeError("boom")

    def make_data(x):
        if data == "windows":
            return keras.utils.timeseries_dataset_from_array(x[:, 0], x[:, 1], 4, batch_size=7, shuffle=True)
        return PIPELINES[data](Rows(x, x[:, :1]).unbatch())

    def go(folder, boom):
        keras.utils.set_random_seed(3)
        x = np.random.default_rng(0).standard_normal((30, 4)).astype("float32")
        model = keras.Sequential(
            [keras.layers.Dense(5, activation="relu"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
        )
        model.compile("adam", "mse")
        given = dict(x=x, y=x[:, :1], batch_size=8) if data == "arrays" else dict(x=make_data(x))
        model.fit(**given, epochs=5, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(folder, freq), boom])
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
    with pytest.raises(DataError, match="callbacks steer: none; this one has EarlyStopping"):
        model(3).fit(
            x,
            x[:, :1],
            batch_size=2,
            verbose=0,
            callbacks=[keras.callbacks.BackupAndRestore(folder), keras.callbacks.EarlyStopping("loss")],
        )
    for other in (x + 1, x[:6], x.reshape(8, 2, 2)):
        with pytest.raises(DataError, match="other data"):
            model(3).fit(other, x[: len(other), :1], batch_size=2, verbose=0, callbacks=[backup])
    assert (folder / "latest.backup").read_bytes() == before
    (folder / "latest.backup").write_bytes(before[:-7])
    with pytest.raises(DataError, match="damaged"):
        model(3).fit(x, x[:, :1], batch_size=2, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(folder), Stop()])


# A backup is a file like any other: what does not fit is refused, and nothing in it names another file


class Halt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch:
            raise RuntimeError("halt")


def watched(folder):
    """A training with callbacks that remember, halted in its second epoch."""
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dropout(0.3), keras.layers.Dense(1)])
    model.compile("adam", "mse", run_eagerly=True)
    x = np.ones((24, 3), "float32")
    C = keras.callbacks
    callbacks = [
        *(C.BackupAndRestore(folder, 2), C.EarlyStopping("loss"), C.ModelCheckpoint(f"{folder}/own.keras", "loss")),
        *(C.ReduceLROnPlateau("loss"), Halt()),
    ]
    with pytest.raises(RuntimeError, match="halt"):
        model.fit(x, x[:, :1], batch_size=8, epochs=4, verbose=0, callbacks=callbacks)


PLACES = {
    "no order": {"place": {"position": 0}},
    "a word": {"place": {"order": "/dev/zero", "position": 0}},
    "negative order": {"place": {"order": [-1, 0], "position": 0}},
    "half an order": {"place": {"order": [1], "position": 0}},
    "negative position": {"place": {"order": [1, 0], "position": -1}},
    "past the data": {"place": {"order": [1, 0], "position": 4}},
    "past the epoch": {"step": 4},
    "before the epoch": {"step": -1},
    "a float": {"epoch": 1.0},
    "seeds": {"seeds": ["x"]},
    "no callbacks": {"callbacks": []},
    "callbacks that are none": {"callbacks": [3] * 6},
    "more": {"run": "x"},
}
STATES = {  # of a callback by its number
    "no state": (1, None),
    "a path": (2, {"filepath": "../evil.keras"}),
    "a frequency": (2, {"save_freq": 1}),
    "a hook": (1, {"on_epoch_end": 3}),
    "a private name": (1, {"__class__": "x"}),
    "another model": (1, {"_model": 3}),
    "a word for a number": (1, {"wait": "x"}),
    "a word for the best": (2, {"best": "x"}),
    "a list for a number": (3, {"cooldown_counter": [3]}),
    "a history of numbers": (5, {"history": {"loss": 3}}),
    "no history": (5, {"history": [3]}),
    "epochs that are none": (5, {"epochs_of": {"loss": 3}}),
}


@pytest.fixture(scope="module")
def halted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("halted")
    watched(folder)
    with Archive(folder / "latest.backup") as archive:
        return archive.config, archive.arrays()


@pytest.mark.parametrize("name", [*PLACES, *STATES])
def test_backups_that_are_none(name, halted, tmp_path):
    config, arrays = halted
    if name in PLACES:
        config = {**config, **PLACES[name]}
    else:
        number, state = STATES[name]
        states = [dict(entry) for entry in config["callbacks"]]
        states[number]["state"] = state and {**states[number]["state"], **state}
        config = {**config, "callbacks": states}
    write_archive(tmp_path / "latest.backup", "backup", config, arrays)
    with pytest.raises(AutonetError):
        watched(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["latest.backup"]


@pytest.mark.parametrize("name", ["global_seed_generator", "model/generators/dropout/seed_generator", "optimizer/0"])
def test_backups_with_other_arrays(name, halted, tmp_path):
    config, arrays = halted
    for change in ({name: np.array([-1, 2])}, {name: np.zeros((3, 3, 3), "float32")}, {"more": np.zeros(1)}, None):
        changed = {**arrays, **change} if change else {k: v for k, v in arrays.items() if k != name}
        write_archive(tmp_path / "latest.backup", "backup", config, changed)
        with pytest.raises(AutonetError):
            watched(tmp_path)


def test_what_a_script_says_now_counts(tmp_path):
    """Another patience or another file in the script that is started again."""
    watched(tmp_path)
    with Archive(tmp_path / "latest.backup") as archive:
        states = [entry["state"] for entry in archive.config["callbacks"]]
    assert "patience" not in states[1] and "wait" in states[1] and "filepath" not in states[2]


# Who may come and go


class Looker(keras.callbacks.Callback):
    """Looks on, and remembers what it saw."""

    def __init__(self):
        super().__init__()
        self.seen, self.count = [], 0

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))
        self.count += 1


class Tuner(keras.callbacks.Callback):
    """Steers by what it remembers."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        self.model.optimizer.learning_rate = 0.01 / self.count


class Stopper(Tuner):
    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        if self.count > 9:
            self.model.stop_training = True


class Weigher(Tuner):
    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        for w in self.model.weights:
            w.assign_add(0.0 * w)


class Declared(Weigher):
    steers = False


def go(folder, *others, epochs=4, verbose=0, halted=False, shift=0.0):
    """A training; halted, it ends in an error in its third epoch."""
    keras.utils.set_random_seed(3)
    x = np.random.default_rng(0).standard_normal((30, 4)).astype("float32") + np.float32(shift)
    model = keras.Sequential([keras.layers.Dense(5), keras.layers.Dropout(0.2), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    callbacks = [keras.callbacks.BackupAndRestore(folder, 3), *others, *([Halt()] if halted else [])]
    history = model.fit(x, x[:, :1], batch_size=8, epochs=epochs, verbose=verbose, callbacks=callbacks)
    return [w.tobytes() for w in model.get_weights()], history.history


def bystanders(folder):
    C = keras.callbacks
    return {
        "none": [],
        "a looker": [Looker()],
        "declared": [Declared()],
        "a printer": [C.LambdaCallback(on_epoch_end=lambda epoch, logs: None)],
        "a table": [C.CSVLogger(folder / "table.csv")],
        "a checkpoint": [C.ModelCheckpoint(folder / "own.keras", "loss", save_best_only=True)],
        "a guard": [C.TerminateOnNaN()],
        "two": [Looker(), C.CSVLogger(folder / "table.csv"), Looker()],
    }


@pytest.mark.parametrize("after", bystanders(pathlib.Path()))
@pytest.mark.parametrize("before", bystanders(pathlib.Path()))
def test_bystanders_come_and_go(before, after, tmp_path):
    alone = go(tmp_path / "alone")
    with pytest.raises(RuntimeError, match="halt"):
        go(tmp_path / "again", *bystanders(tmp_path)[before], halted=True)
    assert go(tmp_path / "again", *bystanders(tmp_path)[after], verbose=2) == alone


@pytest.mark.parametrize("make", [Tuner, Stopper, Weigher, lambda: keras.callbacks.ReduceLROnPlateau("loss")])
def test_those_that_steer_must_agree(make, tmp_path):
    alone = go(tmp_path / "alone", make())
    with pytest.raises(RuntimeError, match="halt"):
        go(tmp_path / "with", make(), halted=True)
    with pytest.raises(DataError, match="callbacks steer: .*this one has none"):
        go(tmp_path / "with")
    assert go(tmp_path / "with", Looker(), make()) == alone
    with pytest.raises(RuntimeError, match="halt"):
        go(tmp_path / "without", halted=True)
    with pytest.raises(DataError, match="callbacks steer: none"):
        go(tmp_path / "without", make())


# Training that is complete


AGAIN = """
import pathlib, sys
import numpy as np
import autonet as keras
sys.path.insert(0, {top!r})
from tests.callbacks.test_resume import Looker, go
folder = pathlib.Path(sys.argv[1])
weights, history = go(folder / "backup", keras.callbacks.CSVLogger(folder / "table.csv"), **eval(sys.argv[2]))
print(weights, history)
"""


def as_a_script(folder, **settings):
    script = AGAIN.format(top=str(pathlib.Path(__file__).parents[2]))
    done = subprocess.run(
        [sys.executable, "-c", script, folder, repr(settings)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1], (folder / "table.csv").read_text(), done.stdout


def test_a_training_that_is_complete_stays_so(tmp_path):
    """Started again, the script gets the result and writes nothing twice; more epochs go on; other data begin anew."""
    first = as_a_script(tmp_path)
    assert [p.name for p in (tmp_path / "backup").iterdir()] == ["complete.backup"]
    again = as_a_script(tmp_path, verbose=2)
    assert again[:2] == first[:2]
    assert "This training is complete" in again[2]
    assert as_a_script(tmp_path, epochs=6)[:2] == as_a_script(fresh(tmp_path), epochs=6)[:2]
    assert as_a_script(tmp_path, shift=1.0)[:2] == as_a_script(fresh(tmp_path), shift=1.0)[:2]


def fresh(folder):
    made = folder / f"fresh{len(list(folder.iterdir()))}"
    made.mkdir()
    return made


def test_in_one_process_each_fit_trains(tmp_path):
    callback = keras.callbacks.BackupAndRestore(tmp_path)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).standard_normal((30, 4)).astype("float32")
    losses = [model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[callback]).history["loss"] for _ in range(2)]
    assert min(losses[0]) > max(losses[1])
