"""The main job: read, split, train, judge, report."""

from __future__ import annotations

import tempfile
import time
import warnings
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from autonet import activations, callbacks, layers, models, optimizers, regularizers, utils
from autonet.cli.features import Preparation
from autonet.cli.options import BUNDLED
from autonet.cli.report import save_curves, save_history, table
from autonet.cli.tables import Examples, read
from autonet.errors import ArgumentError, DataError, unknown
from autonet.optimizers import schedules


@dataclass
class Parts:
    """Standardised rows (n, d) and labels for training, validation and test: classes (n,), or standardised numbers (n, 1).

    mean, spread: of the numbers to predict. preparation: what made the rows of a table's columns.
    """

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: list[str] | None
    mean: float = 0.0
    spread: float = 1.0
    preparation: Preparation | None = None


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
    examples = load(options)
    utils.set_random_seed(options.seed)
    parts = split(examples, options)
    output = make_folder(options.output)
    outputs = 1 if parts.classes is None else len(parts.classes)
    model = build(parts.train[0].shape[1], outputs, "linear" if parts.classes is None else "softmax", options)
    steps = -(-len(parts.train[0]) // options.batch_size)
    rate = schedules.InverseTimeDecay(options.learning_rate, decay_steps=steps, decay_rate=options.decay)
    model.compile(
        optimizer_named(options.optimizer, rate),
        loss="mean_squared_error" if parts.classes is None else "sparse_categorical_crossentropy",
        metrics=["mean_absolute_error", "r2_score"] if parts.classes is None else ["accuracy"],
    )
    for line in describe(examples, parts, Path(options.data).name):
        print(line, flush=True)

    stopping = callbacks.EarlyStopping(patience=options.patience, restore_best_weights=True)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* in epoch .*learning rate")  # said below, in the words of the options
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
    for logs in [*results.values(), history.history]:
        restore_units(logs, parts.spread)
    print(table(results))
    if np.any(np.isfinite(losses)):
        closing = f"the weights are those of epoch {1 + int(np.nanargmin(losses))}"
    else:
        closing = "the loss is not a number: lower --learning-rate"
    print(f"{len(losses)} of {options.epochs} epochs in {spent:.1f} s; {closing}")
    print(save_history(output, history.history))
    print(save_curves(output, history.history))
    if options.save:
        print(save(model, parts, examples.target, options.save))


def describe(examples: Examples, parts: Parts, name: str) -> list[str]:
    """What is about to be learned from, in lines."""
    counts = ", ".join(f"{len(part[0]):,} {which}" for which, part in named(parts))
    inputs = parts.train[0].shape[1]
    kinds = f"numbers of {examples.target}" if parts.classes is None else f"{len(parts.classes)} classes"
    if parts.preparation is None:
        return [f"{name}: {counts} rows, {inputs} inputs, {kinds}"]
    columns = len(parts.preparation.columns)
    lines = [f"{name}: {counts} rows, {columns} inputs, {kinds}"]
    if inputs != columns:
        lines.append(f"the {columns} columns make {inputs} features, one for each category")
    if examples.doubtful:
        lines.append(
            f"{examples.target} holds few whole numbers, taken for classes (--task regression predicts numbers)"
        )
    return lines + parts.preparation.notes


def restore_units(logs: dict[str, Any], spread: float) -> None:
    """Mean absolute errors in the label's own units."""
    for name in [name for name in logs if name.endswith("mean_absolute_error")]:
        logs[name] = (np.asarray(logs[name]) * spread).tolist()


def save(model: Any, parts: Parts, target: str, name: str) -> str:
    """Write one model from a table's columns to the label, by name; returns the line that says so.

    Its inputs are the columns; its outputs each class's probability, or the number, shape (n,), under the target's name.
    """
    assert parts.preparation is not None
    y = model(parts.preparation.output)
    if parts.classes is None:
        y = layers.Rescaling(parts.spread, parts.mean, name="units")(y)
    outputs = {c: y[:, i] for i, c in enumerate(parts.classes or [target])}
    whole = models.Model(parts.preparation.inputs, outputs, name=target.replace("/", "_") or "target")
    whole.save(name)
    return f"model: {name}"


def load(options: Namespace) -> Examples:
    """The data set of this name, or of this file."""
    data, target = options.data, options.target
    path = Path(data).expanduser()
    if not data:
        raise ArgumentError(f"DATA is empty: name a file, or one of {', '.join(BUNDLED)}.")
    kind = path.suffix.lower()
    for name, value in (("--target", target), ("--drop", options.drop), ("--save", options.save)):
        if value and (data in BUNDLED or kind == ".npz"):
            own = f"{data} has its own labels" if data in BUNDLED else "an .npz has its labels in y"
            what = "keeps the model of" if name == "--save" else "chooses a column of"
            raise ArgumentError(f"{name} {what} a .csv file; {own}.")
    if options.save and Path(options.save).suffix != ".keras":
        raise ArgumentError(f"--save expects a name that ends in .keras; received {options.save!r}.")
    if options.save and not Path(options.save).absolute().parent.is_dir():
        raise ArgumentError(f"--save: there is no folder {Path(options.save).parent}.")
    if data in BUNDLED:
        if options.task == "regression":
            raise ArgumentError(f"--task regression predicts numbers; {data} has classes.")
        (x, y), test = import_module(f"autonet.datasets.{data}").load_data()
        return Examples(x, y.astype(np.int64), [str(c) for c in range(10)], (test[0], test[1].astype(np.int64)))
    if kind not in (".npz", ".csv", ".tsv"):
        if path.exists():
            raise DataError(f"{data}: expected an .npz or .csv file.")
        raise unknown("data set", data, BUNDLED, cutoff=0.7)
    if not path.is_file():
        raise DataError(f"{data}: there is no such file.")
    return read(path, target, options.task, options.drop)


def split(examples: Examples, options: Namespace) -> Parts:
    """Rows for training, validation and test: drawn at random, standardised by what the training rows look like."""
    y = examples.y
    order = np.random.default_rng(options.seed).permutation(len(y))
    held_out = None
    if examples.test is None:
        order, held_out = cut(order, options.test, "test")
    order, checked = cut(order, options.validation, "validation")
    if examples.classes is not None and len(np.unique(y[order])) < len(examples.classes):
        lost = sorted(set(range(len(examples.classes))) - set(y[order].tolist()))[0]
        raise DataError(
            f"Class {examples.classes[lost]} has too few rows: none is left for training. Give more, or drop it."
        )
    mean, spread = 0.0, 1.0
    if examples.classes is None:
        mean, spread = float(np.mean(y[order])), float(np.std(y[order]))
        if not 1e-7 * (1 + abs(mean)) < spread < np.inf:
            raise DataError(
                f"The labels, {examples.target}, hardly differ, or cannot be squared: there is nothing to learn."
            )
    units = lambda y: y if examples.classes is not None else ((y[:, None] - mean) / spread).astype(np.float32)
    preparation = None
    if examples.table is not None:
        preparation = Preparation(examples.table, examples.names, order)
        x = preparation.features()
    else:
        assert examples.x is not None
        x, scale = examples.x.reshape(len(y), -1), standardiser(examples.x.reshape(len(y), -1)[order])
        x = scale(x)
    if held_out is not None:
        test = x[held_out], units(y[held_out])
    else:
        assert examples.test is not None
        test = scale(examples.test[0].reshape(len(examples.test[0]), -1)), units(examples.test[1])
    train, validation = (x[order], units(y[order])), (x[checked], units(y[checked]))
    return Parts(train, validation, test, examples.classes, mean, spread, preparation)


def standardiser(rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What gives each column of these rows mean 0 and variance 1."""
    train = rows.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = train.mean(axis=0), train.std(axis=0)
    if not np.all(np.isfinite(spread)):
        column = int(np.argmin(np.isfinite(spread)))
        raise DataError(f"Input {column + 1} holds numbers too large to be squared. Scale it down first.")
    spread[spread < 1e-7 * (1 + np.abs(mean))] = 1.0  # a column that never changes says nothing
    return lambda x: ((x - mean) / spread).astype(np.float32)


def cut(order: np.ndarray, share: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows that stay, and those that are set aside."""
    aside = round(len(order) * share)
    if aside < 1 or len(order) - aside < 2:
        raise DataError(f"{len(order)} rows are too few to set {share:g} of them aside for {name}.")
    return order[aside:], order[:aside]


def build(inputs: int, outputs: int, last: str, options: Namespace) -> Any:
    """Dense, batch normalisation, activation and dropout for each hidden layer, then the outputs."""
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
    model.add(layers.Dense(outputs, activation=last, kernel_regularizer=penalty))
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
