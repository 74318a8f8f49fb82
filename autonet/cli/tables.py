"""A user's own table of examples, read from an .npz or .csv file: rows of numbers, and a label for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autonet.cli.csvfile import ADVICE, MISSING, Table, read_table
from autonet.datasets.files import open_npz
from autonet.errors import DataError, unknown


@dataclass
class Examples:
    """Rows and their labels.

    Attributes:
        x: numbers, shape (n, ...); None where the rows are in a `table`, whose columns `names` are the inputs.
        y: classes as numbers 0 to k - 1, shape (n,), and the k `classes`' own names; or any numbers, and None.
        test: the part that the file itself sets aside, if it does.
        doubtful: whether the labels might as well be numbers to predict.
    """

    x: np.ndarray | None
    y: np.ndarray
    classes: list[str] | None
    test: tuple[np.ndarray, np.ndarray] | None = None
    table: Table | None = None
    names: list[str] = field(default_factory=list)
    target: str = "y"
    doubtful: bool = False


def read(path: Path, target: str | None = None, task: str | None = None, drop: Sequence[str] = ()) -> Examples:
    """The examples in a file.

    Args:
        path: an .npz with `x` and `y`, or with `x_train`, `y_train` and perhaps `x_test`, `y_test`; or a .csv.
        target: the label's column in a .csv: its name, or its number from 1; default: the last.
        task: "classification" or "regression"; by default what the labels look like.
        drop: columns of a .csv that are not read.

    Raises: DataError that says what is wrong with the file, and where.
    """
    if path.suffix.lower() == ".npz":
        return _read_npz(path, task)
    return _read_csv(path, target, task, drop)


def number_labels(path: Path, *parts: np.ndarray, sure: bool = False) -> tuple[list[str], list[np.ndarray]]:
    """The classes, in order, and each part's labels as their numbers."""
    for labels in parts:
        if labels.ndim != 1:
            raise DataError(f"{path}: labels have shape {labels.shape}; expected one label for each row, shape (n,).")
        if labels.dtype.kind == "f" and not np.all(np.isfinite(labels)):
            raise DataError(f"{path}: there are labels that are not finite. {ADVICE}")
        if labels.dtype.kind not in "iubfU":
            raise DataError(f"{path}: labels have dtype {labels.dtype}; expected integers or text.")
    everything = np.concatenate(parts)
    classes, numbers = np.unique(everything, return_inverse=True)
    whole = classes.dtype.kind != "f" or np.all(classes == np.floor(classes))
    if (not whole or len(classes) > max(20, len(everything) // 4)) and not (
        sure and len(classes) <= len(everything) // 2
    ):
        raise DataError(
            f"{path}: the labels take {len(classes)} different values in {len(everything)} rows, such as "
            f"{', '.join(str(c) for c in classes[:3])}. "
            "That is no set of classes; choose another column with --target, or --task regression for numbers."
        )
    names = [f"{c:.15g}" if classes.dtype.kind == "f" else str(c) for c in classes]
    if len(classes) < 2:
        raise DataError(f"{path}: all labels are {names[0]}; a classifier needs at least two classes.")
    numbers = numbers.reshape(-1).astype(np.int64)
    return names, np.split(numbers, np.cumsum([len(p) for p in parts])[:-1])


def _read_npz(path: Path, task: str | None) -> Examples:
    arrays: dict[str, np.ndarray] = {}
    with open_npz(path, ADVICE, bounded=False) as content:
        names = set(content.files)
        keys: tuple[str, ...] = ("x_train", "y_train") if "x_train" in names else ("x", "y")
        if not names.issuperset(keys):
            raise DataError(
                f"{path} has no arrays x and y, nor x_train and y_train; it holds {', '.join(sorted(names)) or 'none'}."
            )
        if keys[0] == "x_train" and names.issuperset(("x_test", "y_test")):
            keys += ("x_test", "y_test")
        for key in keys:
            arrays[key] = content[key]
    xs = [_numbers(path, key, arrays[key]) for key in keys[::2]]
    ys = [
        arrays[key][:, 0] if arrays[key].ndim == 2 and arrays[key].shape[1] == 1 else arrays[key] for key in keys[1::2]
    ]
    for key, x, y in zip(keys[::2], xs, ys, strict=True):
        if len(x) != (len(y) if y.ndim else -1):
            raise DataError(
                f"{path}: {key} has {len(x)} rows, its labels have shape {y.shape}; expected one for each row."
            )
    if len(xs) > 1 and xs[0].shape[1:] != xs[1].shape[1:]:
        raise DataError(f"{path}: rows of x_train have shape {xs[0].shape[1:]}, those of x_test {xs[1].shape[1:]}.")
    floats = all(y.dtype.kind == "f" for y in ys) and not all(np.array_equal(y, np.floor(y)) for y in ys)
    if task == "regression" or (task is None and floats and all(np.all(np.isfinite(y)) for y in ys)):
        for y in ys:
            if y.ndim != 1 or y.dtype.kind not in "iubf" or not np.all(np.isfinite(y)):
                raise DataError(
                    f"{path}: labels have shape {y.shape}, dtype {y.dtype}; expected a finite number for each row."
                )
        ys = [y.astype(np.float64) for y in ys]
        return Examples(xs[0], ys[0], None, (xs[1], ys[1]) if len(xs) > 1 else None)
    classes, numbered = number_labels(path, *ys, sure=task is not None)
    return Examples(xs[0], numbered[0], classes, (xs[1], numbered[1]) if len(xs) > 1 else None)


def _numbers(path: Path, key: str, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "iubf" or x.ndim < 1 or x.size == 0:
        raise DataError(f"{path}: {key} has dtype {x.dtype} and shape {x.shape}; expected rows of numbers.")
    x = x.reshape(len(x), -1) if x.ndim == 1 else x
    if x.dtype.kind == "f" and not np.all(np.isfinite(x)):
        row = int(np.argwhere(~np.isfinite(x.reshape(len(x), -1)))[0, 0])
        raise DataError(f"{path}: {key} holds a value that is not finite in row {row}. Fill or drop such rows first.")
    return x


def _read_csv(path: Path, target: str | None, task: str | None, drop: Sequence[str]) -> Examples:
    table = read_table(path)
    for name in drop:
        _column(path, table.names, name)
    label = table.names[_column(path, table.names, target)]
    names = [name for name in table.names if name != label and name not in drop]
    if len(table.names) < 2:
        raise DataError(f"{path} has one column; expected inputs and a label, separated by commas.")
    if label in drop or not names:
        raise DataError(f"{path}: --drop leaves {'no label' if label in drop else 'no inputs'}. Drop fewer columns.")
    numeric = table.is_numeric(label)
    for row, cell in enumerate(table.cells(label)):
        if cell in MISSING:
            raise DataError(f"{path}, line {table.lines[row]}: the label (column {label}) is missing.")
    if task == "regression" and not numeric:
        table.numbers(label)  # which names the first that is none
    y = table.numbers(label) if numeric else table.texts(label).astype(str)
    if task == "regression" or (task is None and numeric and not _are_classes(y)):
        return Examples(None, y, None, table=table, names=names, target=label)
    classes, (numbers,) = number_labels(path, y, sure=task is not None)
    return Examples(None, numbers, classes, table=table, names=names, target=label, doubtful=numeric and task is None)


def _are_classes(y: np.ndarray) -> bool:
    """Whether numbers are more likely names of classes: two whole ones, or up to twenty, each several times."""
    different = len(np.unique(y))
    return bool(np.all(y == np.floor(y))) and (different <= 2 or (different <= 20 and 3 * different <= len(y)))


def _column(path: Path, names: list[str], target: str | None) -> int:
    if target is None:
        return len(names) - 1
    if target in names:
        return names.index(target)
    if target.isdigit() and 1 <= int(target) <= len(names):
        return int(target) - 1
    raise DataError(f"{path}: {unknown('column', target, names, cutoff=0.7)}")
