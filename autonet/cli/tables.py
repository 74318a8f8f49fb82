"""A user's own table of examples, read from an .npz or .csv file: rows of numbers, and a label for each."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autonet.datasets.files import damaged, open_npz
from autonet.errors import DataError, unknown

ADVICE = "Check the file."


@dataclass
class Examples:
    """Rows `x` (n, ...) in floating point, labels `y` (n,) as numbers 0 to k - 1, and the k labels' own names.

    `test` is the part that the file itself sets aside, if it does.
    """

    x: np.ndarray
    y: np.ndarray
    classes: list[str]
    test: tuple[np.ndarray, np.ndarray] | None = None


def read(path: Path, target: str | None = None) -> Examples:
    """The examples in a file.

    Args:
        path: an .npz with `x` and `y`, or with `x_train`, `y_train` and perhaps `x_test`, `y_test`; or a .csv.
        target: the label's column in a .csv: its name, or its number from 1; default: the last.

    Raises: DataError that says what is wrong with the file, and where.
    """
    if path.suffix == ".npz":
        return _read_npz(path)
    return _read_csv(path, target)


def number_labels(path: Path, *parts: np.ndarray) -> tuple[list[str], list[np.ndarray]]:
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
    if not whole or len(classes) > max(20, len(everything) // 4):
        raise DataError(
            f"{path}: the labels take {len(classes)} different values in {len(everything)} rows, such as "
            f"{', '.join(str(c) for c in classes[:3])}. That is no set of classes; choose another column with --target."
        )
    names = [str(int(c)) if classes.dtype.kind == "f" else str(c) for c in classes]
    if len(classes) < 2:
        raise DataError(f"{path}: all labels are {names[0]}; a classifier needs at least two classes.")
    numbers = numbers.reshape(-1).astype(np.int64)
    return names, np.split(numbers, np.cumsum([len(p) for p in parts])[:-1])


def _read_npz(path: Path) -> Examples:
    arrays: dict[str, np.ndarray] = {}
    with open_npz(path, ADVICE) as content:
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
    classes, numbered = number_labels(path, *ys)
    return Examples(xs[0], numbered[0], classes, (xs[1], numbered[1]) if len(xs) > 1 else None)


def _numbers(path: Path, key: str, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "iubf" or x.ndim < 1 or x.size == 0:
        raise DataError(f"{path}: {key} has dtype {x.dtype} and shape {x.shape}; expected rows of numbers.")
    x = x.reshape(len(x), -1) if x.ndim == 1 else x
    if x.dtype.kind == "f" and not np.all(np.isfinite(x)):
        row = int(np.argwhere(~np.isfinite(x.reshape(len(x), -1)))[0, 0])
        raise DataError(f"{path}: {key} holds a value that is not finite in row {row}. Fill or drop such rows first.")
    return x


def _read_csv(path: Path, target: str | None) -> Examples:
    lines: list[tuple[int, list[str]]] = []
    with damaged(path, ADVICE), open(path, newline="", encoding="utf-8-sig") as file:
        sample = file.read(8192)
        file.seek(0)
        separator = max(",;\t", key=sample.split("\n", 1)[0].count)
        reader = csv.reader(file, delimiter=separator, strict=True, skipinitialspace=True)
        try:
            for cells in reader:
                if cells:
                    lines.append((reader.line_num, [cell.strip() for cell in cells]))
        except csv.Error as problem:
            raise DataError(f"{path}, line {reader.line_num}: {problem}.") from problem
    if not lines:
        raise DataError(f"{path} is empty.")
    width = len(lines[0][1])
    if width < 2:
        raise DataError(f"{path} has one column; expected inputs and a label, separated by commas.")
    headed = not any(_is_number(cell) for cell in lines[0][1])
    names = lines[0][1] if headed else [str(i + 1) for i in range(width)]
    column = _column(path, names, target)
    rows = lines[1:] if headed else lines
    if not rows:
        raise DataError(f"{path} has a heading and no rows.")
    x = np.empty((len(rows), width - 1), np.float64)
    labels = []
    for i, (line, cells) in enumerate(rows):
        if len(cells) != width:
            raise DataError(f"{path}, line {line}: {len(cells)} columns; the first line has {width}.")
        label = cells.pop(column)
        if not label:
            raise DataError(f"{path}, line {line}: the label (column {names[column]}) is missing.")
        labels.append(label)
        for j, cell in enumerate(cells):
            if not _is_number(cell):
                name = names[j + (j >= column)]
                raise DataError(f"{path}, line {line}, column {name}: {cell!r} is not a finite number.")
            x[i, j] = float(cell)
    numeric = all(_is_number(label) for label in labels)
    y = np.array([float(label) for label in labels]) if numeric else np.array(labels)
    classes, (numbers,) = number_labels(path, y)
    return Examples(x, numbers, classes)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _column(path: Path, names: list[str], target: str | None) -> int:
    if target is None:
        return len(names) - 1
    if target in names:
        return names.index(target)
    if target.isdigit() and 1 <= int(target) <= len(names):
        return int(target) - 1
    raise DataError(f"{path}: {unknown('column', target, names)}")
