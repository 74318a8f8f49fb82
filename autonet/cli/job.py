"""The main job: read, split, train, judge, report."""

from __future__ import annotations

import tempfile
import time
from argparse import Namespace
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from autonet import activations, callbacks, layers, models, optimizers, regularizers, utils
from autonet.cli.options import BUNDLED
from autonet.cli.report import save_curves, save_history, table
from autonet.cli.tables import Examples, read
from autonet.errors import ArgumentError, DataError, unknown
from autonet.optimizers import schedules


@dataclass
class Parts:
    """Standardised rows (n, d) and labels (n,) for training, validation and test."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: list[str]


class EpochBar(callbacks.Callback):
    """One bar for the whole training, a step for each epoch."""

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.bar = utils.Progbar(self.epochs, stateless_metrics=(), unit_name="epoch", title="training")
        self.seen: tuple[int, dict[str, Any] | None] = 0, None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.seen = epoch + 1, logs
        self.bar.update(*self.seen, finalize=False)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.update(*self.seen, finalize=True)


def run(options: Namespace) -> None:
    """Do the job that the options describe; AutonetError for what cannot be done."""
    examples = load(options.data, options.target)
    utils.set_random_seed(options.seed)
    parts = split(examples, options)
    output = make_folder(options.output)
    model = build(parts.train[0].shape[1], len(parts.classes), options)
    steps = -(-len(parts.train[0]) // options.batch_size)
    rate = schedules.InverseTimeDecay(options.learning_rate, decay_steps=steps, decay_rate=options.decay)
    model.compile(
        optimizer_named(options.optimizer, rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    counts = ", ".join(f"{len(part[0]):,} {name}" for name, part in named(parts))
    print(
        f"{Path(options.data).name}: {counts} rows, {parts.train[0].shape[1]} inputs, {len(parts.classes)} classes",
        flush=True,
    )

    stopping = callbacks.EarlyStopping(patience=options.patience, restore_best_weights=True)
    start = time.perf_counter()
    history = model.fit(
        *parts.train,
        batch_size=options.batch_size,
        epochs=options.epochs,
        validation_data=parts.validation,
        callbacks=[stopping] if options.quiet else [stopping, EpochBar(options.epochs)],
        verbose=0,
    )
    spent = time.perf_counter() - start
    results = {name: model.evaluate(*part, verbose=0, return_dict=True) for name, part in named(parts)}
    losses = history.history["val_loss"]
    print(table(results))
    if np.any(np.isfinite(losses)):
        closing = f"the weights are those of epoch {1 + int(np.nanargmin(losses))}"
    else:
        closing = "the loss is not a number: lower --learning-rate"
    print(f"{len(losses)} of {options.epochs} epochs in {spent:.1f} s; {closing}")
    print(save_history(output, history.history))
    print(save_curves(output, history.history))


def load(data: str, target: str | None) -> Examples:
    """The data set of this name, or of this file."""
    path = Path(data).expanduser()
    if not data:
        raise ArgumentError(f"DATA is empty: name a file, or one of {', '.join(BUNDLED)}.")
    if data in BUNDLED:
        if target is not None:
            raise ArgumentError(f"--target chooses a column of a .csv file; {data} has its own labels.")
        (x, y), test = import_module(f"autonet.datasets.{data}").load_data()
        return Examples(x, y.astype(np.int64), [str(c) for c in range(10)], (test[0], test[1].astype(np.int64)))
    if path.suffix not in (".npz", ".csv"):
        if path.exists():
            raise DataError(f"{data}: expected an .npz or .csv file.")
        raise unknown("data set", data, BUNDLED)
    if not path.is_file():
        raise DataError(f"{data}: there is no such file.")
    if target is not None and path.suffix == ".npz":
        raise ArgumentError("--target chooses a column of a .csv file; an .npz has its labels in y.")
    return read(path, target)


def split(examples: Examples, options: Namespace) -> Parts:
    """Rows for training, validation and test: drawn at random, standardised by what the training rows look like."""
    chance = np.random.default_rng(options.seed)
    x = examples.x.reshape(len(examples.x), -1)
    y = examples.y
    order = chance.permutation(len(x))
    if examples.test is None:
        order, held_out = cut(order, options.test, "test")
        test_x, test_y = x[held_out], y[held_out]
    else:
        test_x, test_y = examples.test[0].reshape(len(examples.test[0]), -1), examples.test[1]
    order, checked = cut(order, options.validation, "validation")
    if len(np.unique(y[order])) < len(examples.classes):
        lost = sorted(set(range(len(examples.classes))) - set(y[order].tolist()))[0]
        raise DataError(
            f"Class {examples.classes[lost]} has too few rows: none is left for training. Give more, or drop it."
        )
    train_x = x[order].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = train_x.mean(axis=0), train_x.std(axis=0)
    if not np.all(np.isfinite(spread)):
        column = int(np.argmin(np.isfinite(spread)))
        raise DataError(f"Input {column + 1} holds numbers too large to be squared. Scale it down first.")
    spread[spread < 1e-7 * (1 + np.abs(mean))] = 1.0  # a column that never changes says nothing

    def standardise(rows):
        return ((rows - mean) / spread).astype(np.float32)

    return Parts(
        (standardise(train_x), y[order]),
        (standardise(x[checked]), y[checked]),
        (standardise(test_x), test_y),
        examples.classes,
    )


def cut(order: np.ndarray, share: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows that stay, and those that are set aside."""
    aside = round(len(order) * share)
    if aside < 1 or len(order) - aside < 2:
        raise DataError(f"{len(order)} rows are too few to set {share:g} of them aside for {name}.")
    return order[aside:], order[:aside]


def build(inputs: int, classes: int, options: Namespace) -> Any:
    """Dense, batch normalisation, activation and dropout for each hidden layer, then softmax."""
    penalty = regularizers.L2(options.l2) if options.l2 else None
    activation = activation_named(options.activation)
    model = models.Sequential([layers.Input((inputs,))])
    for width in options.layers:
        model.add(layers.Dense(width, kernel_regularizer=penalty, use_bias=options.no_batch_normalization))
        if not options.no_batch_normalization:
            model.add(layers.BatchNormalization())
        model.add(layers.Activation(activation))
        if options.dropout:
            model.add(layers.Dropout(options.dropout))
    model.add(layers.Dense(classes, activation="softmax", kernel_regularizer=penalty))
    return model


def activation_named(name: str) -> Any:
    """The activation of this name; ArgumentError unless it maps every unit to one, and needs nothing else."""
    function = activations.get(name)
    try:
        fits = function(np.zeros((1, 2), np.float32)).shape == (1, 2)
    except TypeError:  # further arguments are missing
        fits = False
    if not fits:
        raise ArgumentError(f"--activation: {name} does not map each unit by itself. Choose another, such as relu.")
    return function


def optimizer_named(name: str, rate: Any) -> Any:
    """The optimizer of this name, with this learning rate."""
    try:
        kind: Any = type(optimizers.get(name))
        return kind(learning_rate=rate)
    except TypeError:
        raise ArgumentError(
            f"--optimizer: {name} needs more than a learning rate. Choose another, such as adam."
        ) from None


def named(parts: Parts) -> list[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """The parts with their names, in the order of the report."""
    return [("training", parts.train), ("validation", parts.validation), ("test", parts.test)]


def make_folder(name: str) -> Path:
    """The output folder, made if it is not there."""
    folder = Path(name).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ArgumentError(f"--output: the folder {name} cannot be made ({problem.strerror}).") from problem
    try:
        tempfile.TemporaryFile(dir=folder).close()  # rather now than after the training
    except OSError as problem:
        raise ArgumentError(f"--output: the folder {name} cannot be written to ({problem.strerror}).") from problem
    return folder
