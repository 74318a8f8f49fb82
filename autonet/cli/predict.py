"""`python -m autonet predict MODEL FILE`: what a model kept with --save says of new rows, as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autonet.cli.csvfile import read_table
from autonet.errors import ArgumentError, DataError, unknown

USAGE = """usage: python -m autonet predict MODEL FILE

Write what MODEL, kept with --save, predicts for the rows of FILE, a .csv with the columns that it was trained on, in any
order (further ones are not looked at). The answer is CSV: a column of the target's name, and each class's probability.

  python -m autonet predict m.keras new.csv > out.csv
"""


def run(arguments: Sequence[str]) -> int:
    """Predict; returns the exit code.

    Raises: DataError, ArgumentError for files that do not fit.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if arguments else 2
    if len(arguments) != 2:
        raise ArgumentError(
            f"predict expects a model and a file; received {len(arguments)} arguments. See predict --help."
        )
    names, rows, notes = predictions(*map(Path, arguments))
    for note in notes:
        print(note, file=sys.stderr)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return 0


def predictions(model_path: Path, path: Path) -> tuple[list[str], list[list[str]], list[str]]:
    """The heading and the rows of the answer, and notes on what was filled."""
    from autonet.models import load_model

    if path.suffix == ".keras" or model_path.suffix in (".csv", ".tsv"):
        raise ArgumentError(f"predict expects the model first, then the file: predict {path} {model_path}.")
    for file in (model_path, path):
        if not file.is_file():
            raise DataError(f"{file}: there is no such file.")
    model: Any = load_model(model_path)
    inputs, outputs = getattr(model, "input", None), getattr(model, "output", None)
    if not isinstance(inputs, dict) or not isinstance(outputs, dict):
        raise DataError(f"{model_path} is no model of a table: its inputs have no columns. Make one with --save.")
    table = read_table(path)
    columns, notes = {}, []
    for name, placeholder in inputs.items():
        if name not in table.names:
            raise DataError(
                f"{path} lacks a column that {model_path} reads. {unknown('column', name, table.names, cutoff=0.7)}"
            )
        values = table.texts(name) if placeholder.dtype == "string" else table.numbers(name)
        columns[name] = values[:, None]
        notes += surprises(name, values, model, placeholder.name.removeprefix("column_"))
    found = {name: np.ravel(values) for name, values in model.predict(columns, batch_size=1024, verbose=0).items()}
    if len(found) == 1:
        ((target, values),) = found.items()
        return [target], [[f"{value:.7g}"] for value in values], notes
    classes = list(found)
    chances = np.stack(list(found.values()), axis=1)
    rows = [[classes[i], *(f"{p:.5f}" for p in row)] for i, row in zip(chances.argmax(1), chances, strict=True)]
    return [model.name, *(f"p({name})" for name in classes)], rows, notes


def surprises(name: str, values: np.ndarray, model: Any, number: str) -> list[str]:
    """What a column holds that has to be filled, or that training did not meet, in sentences."""
    texts = values.dtype == object
    missing = values == "" if texts else np.isnan(values)
    notes = [f"column {name}: {missing.sum():,} missing values, filled as in training"] if missing.any() else []
    if texts:
        known = set(next(x for x in model.layers if x.name == f"places_{number}").get_vocabulary())
        strange = [text for text in values[~missing].tolist() if text not in known]
        if strange:
            shown = ", ".join(list(dict.fromkeys(strange))[:3])
            notes.append(
                f"column {name}: {len(strange):,} values that are no categories of the training, such as {shown}"
            )
    return notes
