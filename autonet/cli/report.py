"""What the main job leaves behind: a table, the numbers of each epoch, and their curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from autonet.callbacks.plots import curves
from autonet.common.extras import installed
from autonet.errors import DataError
from autonet.utils.files import atomic_write


def table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Loss and accuracy, or loss, mean absolute error and R2, of each part, one line each.

    >>> print(table({"test": {"loss": 0.25, "accuracy": 0.975}}))
                    loss   accuracy
    test          0.2500     97.5 %
    >>> print(table({"test": {"loss": 0.25, "mean_absolute_error": 12.5, "r2_score": 0.75}}))
                    loss   mean absolute error        R2
    test          0.2500                  12.5     0.750
    """
    if all("accuracy" in r for r in results.values()):
        lines = [f"{'':<12}{'loss':>8}{'accuracy':>11}"]
        lines += [f"{name:<12}{r['loss']:>8.4f}{100 * r['accuracy']:>9.1f} %" for name, r in results.items()]
    else:
        lines = [f"{'':<12}{'loss':>8}{'mean absolute error':>22}{'R2':>10}"]
        lines += [
            f"{name:<12}{r['loss']:>8.4f}{r['mean_absolute_error']:>22.5g}{r['r2_score']:>10.3f}"
            for name, r in results.items()
        ]
    return "\n".join(lines)


def save_history(folder: Path, history: Mapping[str, Sequence[float]]) -> str:
    """Write `history.csv`, one row for each epoch; returns the line that says so."""
    path = folder / "history.csv"
    try:
        with atomic_write(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", *history])
            writer.writerows([epoch, *row] for epoch, row in enumerate(zip(*history.values(), strict=True), 1))
    except OSError as problem:
        raise DataError(f"{path} cannot be written ({problem.strerror}).") from problem
    return f"numbers: {path}"


def save_curves(folder: Path, history: Mapping[str, Sequence[float]]) -> str:
    """Draw `curves.png` if matplotlib is there; returns the line that says what was done."""
    if not installed("matplotlib"):
        return "curves: not drawn, because matplotlib is not installed (pip install matplotlib)"
    path = folder / "curves.png"
    names = ["loss", "accuracy" if "accuracy" in history else "mean_absolute_error"]
    figure = curves(history, names, width=4.5, height=3.6)
    try:
        with atomic_write(path) as file:
            figure.savefig(file, format="png", dpi=120)
    except OSError as problem:
        raise DataError(f"{path} cannot be written ({problem.strerror}).") from problem
    return f"curves: {path}"
