"""Small trainings drawn at random, each with a backup and with what callbacks remember: `kills.py` interrupts them."""

from __future__ import annotations

import importlib.util
import os
import random
from pathlib import Path
from typing import Any

import numpy as np

import autonet as keras
from autonet import layers as L
from autonet.errors import DataError

BATCH = 8
KINDS = ("dense", "several inputs", "several outputs", "recurrent", "own step", "pictures", "convolution")
WEIGHTED = ("dense", "several inputs", "pictures", "convolution")  # kinds that class weights make sense for
SOURCES = ("arrays", "arrays", "data set", "generator")
OPTIMIZERS = {
    "momentum": lambda **more: keras.optimizers.SGD(0.05, momentum=0.9, **more),
    "adam": lambda **more: keras.optimizers.Adam(0.02, **more),
    "accumulation": lambda **more: keras.optimizers.Adam(0.02, gradient_accumulation_steps=3, **more),
    "rmsprop": lambda **more: keras.optimizers.RMSprop(0.01, momentum=0.5, **more),
    "schedule": lambda **more: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.05, 7, 0.9), **more),
}

C = keras.callbacks
CALLBACKS = {  # how each is made: from the folder of the training
    "BatchLoss": lambda folder: C.BatchLoss(every=3),
    "CSVLogger": lambda folder: C.CSVLogger(folder / "log.csv"),
    "EarlyStopping": lambda folder: C.EarlyStopping("loss", patience=3, min_delta=0.02, restore_best_weights=True),
    "LearningRateScheduler": lambda folder: C.LearningRateScheduler(lambda epoch, rate: 0.95 * rate),
    "ModelCheckpoint": lambda folder: C.ModelCheckpoint(folder / "best.keras", "loss", save_best_only=True),
    "ReduceLROnPlateau": lambda folder: C.ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.05),
    "SwapEMAWeights": lambda folder: C.SwapEMAWeights(swap_on_epoch=True),
    "TrainingEvaluation": lambda folder: C.TrainingEvaluation(),
    "TrainingMonitor": lambda folder: C.TrainingMonitor(every=4),
}
OTHERS = {  # what a training has anyway, is no callback by itself, or keeps nothing
    *("BackupAndRestore", "History", "Callback", "CallbackList", "MonitorCallback", "LambdaCallback", "ProgbarLogger"),
    *("TerminateOnNaN", "TensorBoard"),  # TensorBoard's files hold the times of their events
}
RATES = {"LearningRateScheduler", "ReduceLROnPlateau"}  # which a schedule does not go with


def undrawn() -> set[str]:
    """Callbacks of the library that nothing is said about here."""
    return {name for name, value in vars(C).items() if isinstance(value, type)} - set(CALLBACKS) - OTHERS


def draw(seed: int) -> dict[str, Any]:
    """A training: what it is of, as plain values."""
    rng = random.Random(seed)
    kind = rng.choice(KINDS)
    source = "arrays" if kind == "recurrent" else rng.choice(SOURCES)
    optimizer = rng.choice(sorted(OPTIMIZERS))
    names = sorted(CALLBACKS) if rng.random() < 0.4 else rng.sample(sorted(CALLBACKS), rng.randrange(4))
    if optimizer == "schedule":
        names = [name for name in names if name not in RATES]
    if source == "generator":
        names = [name for name in names if name != "TrainingEvaluation"]  # it walks the data once more
    return {
        "seed": seed,
        "kind": kind,
        "source": source,
        "optimizer": optimizer,
        "rows": 40 if kind == "recurrent" else rng.choice((24, 37, 40)),
        "epochs": rng.choice((3, 5, 8)),
        "freq": rng.choice((1, 2, 4, "epoch")),
        "double": rng.random() < 0.3,
        "dropout": rng.choice((0.0, 0.3)),
        "weights": rng.choice((None, "classes", "rows")) if kind in WEIGHTED and source == "arrays" else None,
        "validate": rng.random() < 0.5,
        "callbacks": names,
        "native": importlib.util.find_spec("autonet.compiler.c") is not None and rng.random() < 0.15,
    }


class Rows(keras.utils.PyDataset):
    """Batches of rows."""

    def __init__(self, x: dict[str, np.ndarray], y: Any):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self) -> int:
        return -(-len(next(iter(self.x.values()))) // BATCH)

    def __getitem__(self, n: int) -> tuple:
        part = slice(BATCH * n, BATCH * (n + 1))
        x = {name: a[part] for name, a in self.x.items()}
        y = {name: a[part] for name, a in self.y.items()} if isinstance(self.y, dict) else self.y[part]
        return (x if len(x) > 1 else next(iter(x.values()))), y


@keras.saving.register_keras_serializable("trust")
class OwnStep(keras.Model):
    """A training step that draws, and reports what it likes."""

    def __init__(self, dropout: float):
        super().__init__()
        stack = [L.Dense(7, activation="tanh"), L.Dropout(dropout), L.Dense(2, activation="softmax")]
        self.inner, self.seen = keras.Sequential(stack), keras.metrics.Mean(name="seen")
        self.chance = keras.random.SeedGenerator(2)

    def call(self, x: Any, training: Any = None) -> Any:
        return self.inner(x, training=training)

    def train_step(self, data: Any) -> dict:
        x, y = data[:2]
        x = x + 0.1 * keras.random.normal(x.shape, seed=self.chance)
        loss = self.compute_loss(x, y, self(x, training=True))
        loss.backward()
        self.optimizer.apply([w.grad for w in self.trainable_variables], self.trainable_variables)
        for w in self.trainable_variables:
            w.grad = None
        self.seen.update_state(x)
        return {"loss": loss, "seen": self.seen.result()}


def model_of(drawn: dict[str, Any]) -> Any:
    """The network, not compiled."""
    kind, drop = drawn["kind"], [L.Dropout(drawn["dropout"])] if drawn["dropout"] else []
    if kind.startswith("several"):
        a, b = keras.Input((6,), name="a"), keras.Input((3,), name="b")
        h = L.Concatenate()([L.Dense(5, "tanh")(a), L.Dense(4, "relu")(b)])
        for layer in (L.BatchNormalization(), *drop):
            h = layer(h)
        label = L.Dense(2, "softmax", name="label")(h)
        if kind == "several inputs":
            return keras.Model({"a": a, "b": b}, label)
        return keras.Model({"a": a, "b": b}, {"label": label, "value": L.Dense(1, name="value")(h)})
    if kind == "own step":
        return OwnStep(drawn["dropout"])
    if kind == "recurrent":
        start: list = [L.Input((3, 2), batch_size=BATCH), L.GRU(4, stateful=True, recurrent_dropout=0.2)]
    elif kind == "pictures":
        start = [L.Reshape((3, 2, 1)), L.RandomFlip(), L.RandomZoom(0.3), L.GaussianNoise(0.1), L.Flatten()]
    elif kind == "convolution":
        start = [L.Reshape((6, 1)), L.Conv1D(3, 3, activation="relu"), L.BatchNormalization(), L.Flatten()]
    else:
        start = [L.Dense(7, activation="tanh")]
    return keras.Sequential([*start, *drop, L.Dense(2, activation="softmax")])


def data_of(drawn: dict[str, Any]) -> tuple[dict[str, np.ndarray], Any]:
    """Inputs by name, and targets."""
    rng, rows = np.random.default_rng(5), drawn["rows"]
    x = rng.standard_normal((rows, 6)).astype("float32")
    y = (x[:, 0] + 0.3 * rng.standard_normal(rows) > 0).astype("int32")
    if not drawn["kind"].startswith("several"):
        return {"x": x.reshape(rows, 3, 2) if drawn["kind"] == "recurrent" else x}, y
    targets = {"label": y, "value": x[:, 1:2]} if drawn["kind"] == "several outputs" else y
    return {"a": x, "b": x[:, 3:]}, targets


def fit_arguments(drawn: dict[str, Any]) -> dict[str, Any]:
    """What `fit` gets as data."""
    x, y = data_of(drawn)
    rows = Rows(x, y)
    arguments: dict[str, Any] = {"validation_data": rows[0]} if drawn["validate"] else {}
    if drawn["source"] == "data set":
        return {"x": rows, **arguments}
    if drawn["source"] == "generator":
        batches = (rows[n % len(rows)] for n in range(len(rows) * drawn["epochs"]))
        return {"x": batches, "steps_per_epoch": len(rows), **arguments}
    if drawn["weights"] == "classes":
        arguments["class_weight"] = {0: 0.5, 1: 2.0}
    if drawn["weights"] == "rows":
        arguments["sample_weight"] = np.linspace(0, 2, drawn["rows"], dtype="float32")
    return {"x": x if len(x) > 1 else x["x"], "y": y, "batch_size": BATCH, **arguments}


def train(drawn: dict[str, Any], folder: Path) -> dict[str, bytes]:
    """Train, going on from what `folder` holds; all that the training ends in, as bytes by name.

    Data that cannot be walked again is refused on resuming; then the backup is removed, and training begins anew: that is
    told by the name "refused".
    """
    os.environ["AUTONET_NATIVE"] = str(int(drawn["native"]))
    try:
        return _train(drawn, folder)
    except DataError as error:
        if drawn["source"] != "generator" or "cannot be resumed" not in str(error):
            raise
    for path in folder.glob("*.backup"):
        path.unlink()
    return {**_train(drawn, folder), "refused": b""}


def _train(drawn: dict[str, Any], folder: Path) -> dict[str, bytes]:
    keras.utils.clear_session()  # names as in a process that has made no layers yet
    keras.utils.set_random_seed(drawn["seed"])
    model = model_of(drawn)
    optimizer = OPTIMIZERS[drawn["optimizer"]](use_ema="SwapEMAWeights" in drawn["callbacks"])
    several = drawn["kind"] == "several outputs"
    losses = {"label": "sparse_categorical_crossentropy", "value": "mse"}
    model.compile(optimizer, losses if several else losses["label"], metrics=None if several else ["accuracy"])
    backup = keras.callbacks.BackupAndRestore(folder, drawn["freq"], drawn["double"])
    callbacks = [backup, *(CALLBACKS[name](folder) for name in drawn["callbacks"])]
    history = model.fit(**fit_arguments(drawn), epochs=drawn["epochs"], verbose=0, callbacks=callbacks)
    ends = {f"weight {n}": w.numpy().tobytes() for n, w in enumerate(model.variables)}
    ends |= {f"optimizer {n}": v.numpy().tobytes() for n, v in enumerate(model.optimizer.variables)}
    ends |= {f"history {k}": np.array(v, np.float64).tobytes() for k, v in history.history.items()}
    ends["epochs"] = repr(history.epoch).encode()
    ends["draws"] = np.asarray(keras.random.uniform((3,))).tobytes()
    for callback in callbacks[1:]:
        plain, arrays = callback.get_state()
        ends[type(callback).__name__] = repr(plain).encode() + b"".join(a.tobytes() for a in arrays.values())
    if "ModelCheckpoint" in drawn["callbacks"]:
        best = keras.saving.load_model(folder / "best.keras", compile=False)
        ends |= {f"best {n}": w.numpy().tobytes() for n, w in enumerate(best.variables)}
    return ends
