"""Every option of training, evaluating, predicting, saving, printing, and of callbacks, has an effect."""

import contextlib
import functools
import inspect
import io
import os
import pathlib
import sys
import types

import numpy as np
import pytest

import autonet as keras
from autonet import callbacks, layers, optimizers
from autonet.utils import set_random_seed
from tests.options.hints import silent
from tests.options.probe import UNSET, Instead, With, options, works

_rng = np.random.default_rng(0)
X = _rng.normal(size=(12, 3)).astype("float32")
Y = _rng.integers(0, 2, (12, 1)).astype("float32")
WEIGHTS = _rng.uniform(size=12).astype("float32")


class Seen(callbacks.Callback):
    """Notes which batches and epochs there were."""

    def __init__(self):
        self.events = []

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(("batch", batch, sorted(logs)))

    def on_test_batch_end(self, batch, logs=None):
        self.events.append(("test", batch))

    def on_predict_batch_end(self, batch, logs=None):
        self.events.append(("predict", batch))

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(("epoch", epoch, sorted(logs)))


def made(units=2, **compiled):
    set_random_seed(1)
    inner = keras.Sequential([layers.Dense(3)], name="inner")
    model = keras.Sequential(
        [layers.Input((3,)), layers.Dense(units, "tanh", name="a"), inner, layers.Dropout(0.2), layers.Dense(1)]
    )
    if "auto_scale_loss" in compiled:
        model.dtype_policy = "mixed_float16"
    settings = {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], "run_eagerly": True}
    model.compile(**{**settings, **compiled})
    return model


def printed(run):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        found = run()
    return found, "".join(c for c in out.getvalue() if not c.isdigit())  # times


def files():
    """Names and sizes below the current folder, and what texts say."""
    return sorted(
        (str(p), p.stat().st_size, p.read_text() if p.suffix == ".csv" else "") for p in pathlib.Path().rglob("*")
    )


def called(method, arguments=(), compiled=None, **given):
    """What a method of a model gives, prints and writes, and what is seen of it."""
    model, seen = made(**(compiled or {})), Seen()
    if "callbacks" in inspect.signature(getattr(model, method)).parameters:
        given["callbacks"] = [seen, *given.get("callbacks", ())]
    model.optimizer.build(model.trainable_variables)
    made(units=4).save_weights("other.weights")
    pathlib.Path("old.keras").touch()
    pathlib.Path("old.weights.h5").touch()
    found, text = printed(lambda: getattr(model, method)(*arguments, **given))
    if isinstance(found, callbacks.History):
        found = found.history
    if method == "lr_find":
        found = [found.rates, found.batch_losses, found.losses]
    return found, text, seen.events, files(), [w.numpy() for w in model.weights]


VALUES = ([w.numpy() for w in made().trainable_variables], [w.numpy() for w in made().non_trainable_variables], X)
VALIDATED = {"validation_data": (X, Y)}
SEARCHED = {"x": X, "y": Y, "steps": 20}
ENDLESS = {"x": [X, X], "y": None}
METHODS = {
    "compile": ((), {}),  # by what fit does then, below
    "fit": ((), {
        "x": Instead(X * 2, X, y=Y), "y": Instead(Y * 2, Y, x=X), "batch_size": 5, "epochs": 2, "verbose": 0,
        "callbacks": [callbacks.LearningRateScheduler(lambda epoch: 0.5)], "validation_split": 0.5,
        "validation_data": (X, Y), "shuffle": False, "class_weight": {0: 3.0, 1: 1.0}, "sample_weight": WEIGHTS,
        "initial_epoch": With(1, epochs=3), "steps_per_epoch": With(2, batch_size=4),
        "validation_steps": With(1, validation_batch_size=4, **VALIDATED),
        "validation_batch_size": With(4, **VALIDATED), "validation_freq": With(2, epochs=3, **VALIDATED),
    }),
    "evaluate": ((), {
        "x": Instead(X * 2, X, y=Y), "y": Instead(Y * 2, Y, x=X), "batch_size": 5, "verbose": 0,
        "sample_weight": WEIGHTS, "steps": With(1, batch_size=4), "return_dict": True,
        "callbacks": [callbacks.LambdaCallback(on_test_begin=lambda logs: print("begun"))],
    }),
    "lr_find": ((), {
        "x": Instead(X * 2, X, y=Y, steps=20), "y": Instead(Y * 2, Y, x=X, steps=20), "batch_size": With(5, **SEARCHED),
        "start": With(1e-3, **SEARCHED), "end": With(0.1, **SEARCHED), "steps": With(20, x=X, y=Y),
        "beta": With(0.7, **SEARCHED), "class_weight": With({0: 3.0, 1: 1.0}, **SEARCHED),
        "sample_weight": With(WEIGHTS, **SEARCHED),
    }),
    "reinitialize": ((), {"seed": 5}),
    "predict": ((X,), {
        "batch_size": 5, "verbose": 0, "steps": With(1, batch_size=4),
        "callbacks": [callbacks.LambdaCallback(on_predict_begin=lambda logs: print("begun"))],
    }),
    "train_on_batch": ((X,), {
        "y": Instead(Y * 2, Y), "sample_weight": With(WEIGHTS, y=Y), "class_weight": With({0: 3.0, 1: 1.0}, y=Y),
        "return_dict": With(True, y=Y),
    }),
    "test_on_batch": ((X,), {
        "y": Instead(Y * 2, Y), "sample_weight": With(WEIGHTS, y=Y), "return_dict": With(True, y=Y),
    }),
    "summary": ((), {
        "line_length": 120, "positions": [0.4, 0.7, 1.0], "print_fn": lambda text: None, "show_trainable": True,
        "layer_range": ["a", "a"], "expand_nested": True,
    }),
    "save": (("m.keras",), {
        "overwrite": With(False, filepath="old.keras"), "zipped": False, "include_optimizer": False,
        "format": "hdf5", "save_format": "tf",
    }),
    "save_weights": (("m.weights",), {"overwrite": With(False, filepath="old.weights.h5")}),
    "load_weights": (("other.weights",), {"skip_mismatch": True}),
    "export": (("m.c",), {"format": "json", "verbose": True, "input_signature": [X]}),
    "get_state_tree": ((), {"value_format": "numpy_array"}),
    "stateless_call": (VALUES, {"return_losses": True}),
    "get_layer": ((), {"name": Instead("a", "dropout"), "index": Instead(0, 1)}),
}  # fmt: skip
OF_COMPILE = {
    "optimizer": "adam",
    "loss": "mae",
    "loss_weights": [3.0],
    "metrics": ["mse"],
    "weighted_metrics": ["mse"],
    "run_eagerly": With(False, jit_compile=True),
    "jit_compile": With(False, run_eagerly=False),
    "steps_per_execution": Instead(2, 1),
    "auto_scale_loss": Instead(False, True),
}


def fitted(**compiled):
    """What a fit gives after compile, and how its step was run."""
    model = made(**compiled)
    seen = [Seen()] if "steps_per_execution" in compiled else None
    history = model.fit(X, Y, sample_weight=WEIGHTS, batch_size=4, verbose=0, callbacks=seen).history
    told = (seen and seen[0].events, type(model.optimizer).__name__)
    step = model._functions["train"]
    return told, history, [w.numpy() for w in model.weights], type(getattr(step, "compiled", None)).__name__


FOUND = {
    name: options(f)
    for name in dir(keras.Model)
    if not name.startswith(
        ("_", "on_", "compute_", "build", "call", "add_", "from_", "explain", "test_step", "predict_step")
    )
    and inspect.isfunction(f := inspect.getattr_static(keras.Model, name))
    and f.__module__.startswith("autonet.")
    and options(f)
}


# Callbacks: three epochs or more in which losses are told to be these


class Told(callbacks.Callback):
    """Puts losses into the logs."""

    losses = (3.0, 2.0, 2.05, 1.95, 2.5, 2.6)

    def on_epoch_end(self, epoch, logs=None):
        logs |= {"val_loss": self.losses[epoch], "down": -self.losses[epoch]}


def watched(name, **given):
    """What a callback does to a training, prints and writes."""
    model, seen = made(optimizer=optimizers.SGD(0.1, use_ema=True)), Seen()
    made_from = {"backup_dir": "backup", "filename": "log.csv", "filepath": "best.keras", "schedule": lambda epoch: 0.5}
    required = [p.name for p in inspect.signature(getattr(callbacks, name)).parameters.values() if p.default is p.empty]
    arguments = {k: made_from[k] for k in required if k in made_from}
    pathlib.Path("log.csv").write_text("epoch,down,loss,mae,val_loss\n0,1.0,1.0,1.0,1.0\n")
    callback = KINDS.get(name, getattr(callbacks, name))(**{**arguments, **given})
    x = X * np.nan if name == "TerminateOnNaN" else X
    fit = lambda: model.fit(
        x, Y, batch_size=4, epochs=6, verbose=0, shuffle=False, callbacks=[Told(), callback, seen, Weights()]
    )
    given_to = callback.model is not None if name == "CallbackList" else None
    if name == "CallbackList":  # which is all that fit has
        fit = lambda: model.fit(X, Y, epochs=6, verbose=0, callbacks=callback)
    try:
        text = printed(fit)[1]
    except RuntimeError as error:
        return str(type(error))
    if name == "CallbackList":
        return text, [type(c).__name__ for c in callback.callbacks], given_to
    rates = [float(model.optimizer.learning_rate), Weights.path.copy()]
    looked = list(getattr(getattr(callback, "history", None), "step", getattr(callback, "steps", ())))
    return (
        text,
        seen.events,
        files(),
        rates,
        [w.numpy() for w in model.weights],
        looked,
        str(model.history.history["loss"]),
    )


class Weights(callbacks.Callback):
    """Notes sums of the weights, and rates, at each end of an epoch."""

    path = []

    def on_train_begin(self, logs=None):
        self.path.clear()

    def on_epoch_end(self, epoch, logs=None):
        rate = float(self.model.optimizer.learning_rate)
        self.path.append((rate, float(sum(np.sum(w.numpy()) for w in self.model.weights)), len(files())))


class Best(callbacks.MonitorCallback):
    """Says at which epochs the value was better than ever."""

    best = None

    def on_epoch_end(self, epoch, logs=None):
        value = self.current(logs)
        if value is not None and self.improves(value, self.best):
            self.best = value
            print("better", value)
            self.say("better")


class Writer:
    """In the place of tensorboardX's: writes names and steps as text."""

    def __init__(self, folder, **options):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        self.path = pathlib.Path(folder, "events.csv")

    def _write(self, name, value, step, **options):
        with self.path.open("a") as file:
            file.write(f"{name},{np.shape(value)},{step}\n")

    add_scalar = add_histogram = add_images = _write

    def close(self):
        pass


KINDS = {"MonitorCallback": Best}
SAVING = {"save_best_only": True, "filepath": "m{epoch}.keras"}
OF_CALLBACKS = {
    "BatchLoss": {"every": 2},
    "BackupAndRestore": {"save_freq": 1, "double_checkpoint": True, "delete_checkpoint": False},
    "CSVLogger": {"separator": ";", "append": True},
    "EarlyStopping": {
        "monitor": With("down", patience=1, mode="min"), "min_delta": With(0.5, patience=2), "patience": 3, "verbose": 1, "mode": "max",
        "baseline": With(1.0, patience=2), "restore_best_weights": True, "start_from_epoch": 4,
    },
    "CallbackList": {
        "callbacks": [callbacks.TerminateOnNaN()], "add_history": True, "add_progbar": True, "model": made(),
    },
    "LambdaCallback": {f"on_{when}": lambda *given: print("called", *given[:1]) for when in
        ("epoch_begin", "epoch_end", "train_begin", "train_end", "train_batch_begin", "train_batch_end")},
    "LearningRateScheduler": {"verbose": 1},
    "ModelCheckpoint": {
        "monitor": With("down", mode="min", **SAVING), "verbose": 1, "save_best_only": With(True, filepath="m{epoch}.keras"),
        "save_weights_only": With(True, filepath="m.weights"), "mode": With("max", **SAVING), "save_freq": With(2, verbose=1),
        "initial_value_threshold": With(2.0, **SAVING),
    },
    "MonitorCallback": {
        "monitor": With("down", mode="min"), "mode": "max", "min_delta": 0.5, "verbose": 1,
    },
    "ReduceLROnPlateau": {
        "monitor": With("down", patience=0, mode="min"), "factor": With(0.5, patience=0), "patience": 0,
        "verbose": With(1, patience=0), "mode": With("max", patience=0), "min_delta": With(0.5, patience=0),
        "cooldown": With(9, patience=0), "min_lr": With(0.05, patience=0), "stop_at": With(0.5, patience=0),
    },
    "SwapEMAWeights": {"swap_on_epoch": True},
    "TensorBoard": {
        "log_dir": "elsewhere", "histogram_freq": 1, "write_images": With(True, histogram_freq=1),
        "write_steps_per_second": True, "update_freq": 2, "profile_batch": 2, "embeddings_freq": 1,
        "embeddings_metadata": "words.tsv",
    },
    "TerminateOnNaN": {"raise_error": True},
    "TrainingEvaluation": {"every": 3},
}  # fmt: skip
WATCHED = [
    (n, o) for n in dir(callbacks) if isinstance(c := getattr(callbacks, n), type) and c.__module__.startswith("autonet.")
    for o in options(c) if not silent(n, o)
]  # fmt: skip
CHECKS = [(n, o) for n, found in FOUND.items() for o in found if not silent(n, o) or n == "get_layer"]


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """Files go to a folder of their own."""
    monkeypatch.chdir(tmp_path)


def again(run, **given):
    """`run` in a folder of its own."""
    pathlib.Path("run").mkdir()
    os.chdir("run")
    try:
        return run(**given)
    finally:
        os.chdir("..")
        os.rename("run", f"done{len(os.listdir())}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, option", CHECKS, ids=[f"{n}-{o}" for n, o in CHECKS])
def test_method(name, option, monkeypatch):
    assert name in METHODS, f"give Model.{name} a row in the table"
    monkeypatch.setenv("AUTONET_NATIVE", str(int(option in ("run_eagerly", "jit_compile"))))  # whose bits differ by it
    arguments, values = METHODS[name]
    values, run = (OF_COMPILE, fitted) if name == "compile" else (values, functools.partial(called, name, arguments))
    if name == "fit" and option not in ("x", "y"):
        run = functools.partial(called, name, (X, Y))
    if name == "evaluate" and option not in ("x", "y"):
        run = functools.partial(called, name, (X, Y))
    if name.startswith("save"):
        run = lambda filepath=arguments[0], **given: called(name, (filepath,), **given)
    value = values.get(option, UNSET)
    assert value is not UNSET, f"the table has no value for Model.{name}({option}=...)"
    assert works(functools.partial(again, run), option, value), f"Model.{name}({option}=...) does nothing"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, option", WATCHED, ids=[f"{n}-{o}" for n, o in WATCHED])
def test_callback(name, option, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Writer))
    value = OF_CALLBACKS.get(name, {}).get(option, UNSET)
    assert value is not UNSET, f"the table has no value for {name}({option}=...)"
    assert works(functools.partial(again, functools.partial(watched, name)), option, value), f"{name}({option}=...)"
