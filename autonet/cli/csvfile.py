"""Comma-separated files as people have them: other separators and encodings, quotes, missing cells, decimal commas."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autonet.datasets.files import damaged
from autonet.errors import DataError

ADVICE = "Check the file."
MISSING = frozenset("NA N/A n/a NaN nan -NaN -nan NULL null None <NA> #N/A #NA ?".split()) | {""}
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})([T ].*)?|\d{1,2}:\d{2}(:\d{2}.*)?"
    r"|(\d{1,2}\.? )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?( \d{1,2},?)? \d{4}",
    re.IGNORECASE,
)
LIKE_A_NUMBER = re.compile(r"[$€£]? ?[+-]?\d{1,3}([,.' ]?\d{3})*([.,]\d+)? ?[%$€£]?|[+-]?inf(inity)?", re.IGNORECASE)


@dataclass
class Table:
    """The cells of a file by row, with the line in which each row ends."""

    path: Path
    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    decimal_comma: bool  # whether commas may stand for points, since something else separates the cells

    def where(self, row: int, column: str) -> str:
        """A cell in messages."""
        return f"{self.path}, line {self.lines[row]}, column {column}"

    def cells(self, name: str) -> list[str]:
        """One column."""
        i = self.names.index(name)
        return [row[i] for row in self.rows]

    def number(self, cell: str) -> float:
        """A finite number; NaN for what is none."""
        text = cell.replace(",", ".") if self.decimal_comma and cell.count(",") == 1 and "." not in cell else cell
        try:
            value = float(text)
        except ValueError:
            return math.nan
        return value if math.isfinite(value) and "_" not in text else math.nan

    def numbers(self, name: str) -> np.ndarray:
        """A column of numbers, NaN where they are missing, shape (rows,), float64.

        Raises: DataError that names the line of a cell that is neither.
        """
        cells = self.cells(name)
        values = np.array([self.number(cell) for cell in cells])
        for row in np.flatnonzero(np.isnan(values)).tolist():
            if cells[row] not in MISSING:
                raise DataError(
                    f"{self.where(row, name)}: {cells[row]!r} is not a finite number. Mend it, or leave it empty."
                )
        return values

    def texts(self, name: str) -> np.ndarray:
        """A column of texts, empty where they are missing, shape (rows,), objects."""
        return np.array(["" if cell in MISSING else cell for cell in self.cells(name)], object)

    def is_numeric(self, name: str) -> bool:
        """Whether a column holds numbers, rather than categories.

        Raises: DataError for dates, and for a column of numbers with other things among them.
        """
        cells = [cell for cell in self.cells(name) if cell not in MISSING]
        if all(not math.isnan(self.number(cell)) for cell in cells):
            return True
        dates = [cell for cell in cells if DATE.fullmatch(cell)]
        if 2 * len(dates) > len(cells):
            raise DataError(
                f"{self.path}, column {name}: dates and times, such as {dates[0]!r}, are neither numbers nor categories. "
                "Make numbers of them (the year, the month, the days since the first one), or leave the column out: "
                f"--drop {name!r}."
            )
        alike = sum(not math.isnan(self.number(cell)) or bool(LIKE_A_NUMBER.fullmatch(cell)) for cell in cells)
        if 2 * alike > len(cells):
            self.numbers(name)  # which says what is wrong, and where
        return False


def read_table(path: Path) -> Table:
    """The cells of a file.

    Raises: DataError that says what is wrong with the file, and in which line.
    """
    with damaged(path, ADVICE):
        text = _decoded(path.read_bytes())
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    separator = max(",;\t|", key=bare.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append(reader.line_num)
                rows.append([cell.strip() for cell in cells])
    except csv.Error as problem:
        raise DataError(f"{path}, line {reader.line_num}: {problem}.") from problem
    if not rows:
        raise DataError(f"{path} is empty.")
    width = len(rows[0])
    for line, cells in zip(lines, rows, strict=True):
        if len(cells) != width:
            raise DataError(f"{path}, line {line}: {len(cells)} columns; the first line has {width}.")
    table = Table(path, [str(i + 1) for i in range(width)], rows, lines, separator != ",")
    if all(math.isnan(table.number(cell)) for cell in rows[0]):
        table.names = rows.pop(0)
        lines.pop(0)
    repeated = [name for name, n in Counter(table.names).items() if n > 1]
    if repeated:
        raise DataError(f"{path}: the heading has {repeated[0]!r} more than once. Give each column a name of its own.")
    if not rows:
        raise DataError(f"{path} has a heading and no rows.")
    return table


def _decoded(content: bytes) -> str:
    """UTF-8 or UTF-16 by their marks, UTF-8 without one, else Latin-1, which has a letter for every byte."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    if "\0" in text:
        raise ValueError("it is no text")
    return text
