"""Columns of a file as what a network can read: numbers standardised, texts as categories, gaps filled; all of it layers."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from autonet import layers, models, ops
from autonet.cli.csvfile import Table
from autonet.errors import DataError

MOST_CATEGORIES = 100  # of one column; rarer ones share a place
ROW_NUMBERS = "it numbers the rows"
OTHER = "\0other"  # what no cell is called
NAMES_ROWS = re.compile(r"|#|index|id|.*[_ -]id|.*[a-z](Id|ID)|row|rownames|unnamed: 0", re.IGNORECASE)


class Preparation:
    """What a table's columns become.

    Args:
        table: the file.
        names: the columns to read.
        rows: those from which medians, means and categories are learned.

    Attributes:
        columns: what is read, by name: shape (all rows, 1), numbers (NaN where they are missing) or texts (empty).
        notes: sentences on what was left out or filled.
        inputs: a placeholder for each column, by name.
        output: the placeholder of the features, shape (None, features), float32.
    """

    def __init__(self, table: Table, names: list[str], rows: np.ndarray):
        self.rows = rows
        self.columns: dict[str, np.ndarray] = {}
        self.notes: list[str] = []
        numeric: list[str] = []
        texts: list[str] = []
        for name in names:
            is_numeric = table.is_numeric(name)
            values = table.numbers(name) if is_numeric else table.texts(name)
            useless = _useless(name, values[rows])
            if useless and (useless != ROW_NUMBERS or len(names) > 1):
                self.notes.append(f"column {name}: left out, {useless}")
                continue
            (numeric if is_numeric else texts).append(name)
            self.columns[name] = values[:, None]
        if not self.columns:
            raise DataError(f"{table.path}: no column says anything of the label: {'; '.join(self.notes)}.")
        self.inputs = {
            name: layers.Input((1,), name=f"column_{i}", dtype="float64" if name in numeric else "string")
            for i, name in enumerate(self.columns, 1)
        }
        parts = ([self._numbers(numeric)] if numeric else []) + [self._categories(name) for name in texts]
        self.output = layers.Concatenate(name="features", dtype="float32")(parts) if len(parts) > 1 else parts[0]

    def features(self) -> np.ndarray:
        """All rows, shape (rows, features), float32."""
        return np.asarray(
            models.Model(self.inputs, self.output).predict(self.columns, batch_size=1024, verbose=0), "float32"
        )

    def _numbers(self, names: list[str]) -> Any:
        """Numeric columns: the median for what is missing, then mean 0 and variance 1."""
        learned = np.concatenate([self.columns[name][self.rows] for name in names], axis=1)
        medians = np.nanmedian(learned, axis=0)
        for name, median in zip(names, medians, strict=True):
            self._note_gaps(name, int(np.isnan(self.columns[name]).sum()), f"the median, {median:g}")
        placeholders = [self.inputs[name] for name in names]
        x = layers.Concatenate(name="numbers", dtype="float64")(placeholders) if len(names) > 1 else placeholders[0]
        scaled = layers.Normalization(name="standardised", dtype="float64")
        with np.errstate(over="ignore", invalid="ignore"):
            scaled.adapt(np.where(np.isnan(learned), medians, learned))
        variance = np.ravel(scaled.adapt_variance)
        if not np.all(np.isfinite(variance)):
            column = names[int(np.argmin(np.isfinite(variance)))]
            raise DataError(f"Column {column} holds numbers too large to be squared. Scale it down first.")
        return scaled(ops.where(ops.isnan(x), medians, x))

    def _categories(self, name: str) -> Any:
        """A column of texts: a feature for each category; the most frequent for what is missing."""
        column = self.columns[name][:, 0]
        counts = Counter(text for text in column[self.rows].tolist() if text)
        tokens = [token for token, _ in counts.most_common(MOST_CATEGORIES)]
        self._note_gaps(name, int((column == "").sum()), f"the most frequent, {tokens[0]}")
        if len(counts) > len(tokens):
            self.notes.append(
                f"column {name}: {len(counts) - len(tokens)} rare categories of {len(counts)} count as one"
            )
        lookup = layers.StringLookup(
            vocabulary=tokens, mask_token="", oov_token=OTHER, name=f"places_{self._number(name)}"
        )
        places = lookup(self.inputs[name])  # 0: missing, 1: another text, 2: the most frequent one
        places = ops.where(ops.equal(places, 0), 2, places)
        rows = layers.CategoryEncoding(len(tokens) + 2, "one_hot", name=f"categories_{self._number(name)}")(places)
        return rows[:, 1 if len(counts) > len(tokens) else 2 :]  # what training has not seen is no category: zeros

    def _number(self, name: str) -> int:
        return list(self.columns).index(name) + 1

    def _note_gaps(self, name: str, count: int, filling: str) -> None:
        if count:
            self.notes.append(f"column {name}: {count:,} missing values, filled with {filling}")


def _useless(name: str, values: np.ndarray) -> str | None:
    """Why a column says nothing to a network, if it does not."""
    missing = values == "" if values.dtype == object else np.isnan(values)
    there = values[~missing]
    different = len(set(there.tolist()))
    if different == 0:
        return "it is empty"
    with np.errstate(over="ignore"):
        constant = different == 1 or (values.dtype != object and np.std(there) <= 1e-12 * abs(np.mean(there)))
    if constant:
        return f"it is always {there[0]}"
    if values.dtype == object:
        if different > len(there) / 2 and len(there) >= 20:
            return f"its texts differ in nearly every row ({different} in {len(there)}), so they are no categories"
    elif different == len(values) and NAMES_ROWS.fullmatch(name) and np.all(there == np.floor(there)):
        return ROW_NUMBERS
    return None
