"""Admissions of 400 students to graduate school (UCLA's example for logistic regression).

Source: https://stats.oarc.ucla.edu/r/dae/logit-regression/
"""

import csv
import os

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets.files import damaged, find
from autonet.errors import DataError

FILE = "student_admissions.csv"
SHA256 = "2f5dcda0e455631215709575cc2eede4e5fb4e94cda9c37dab54e26d79dcf8c2"
CONTENT = "a first line admit,gre,gpa,rank, then a line of numbers for each student"
ADVICE = "Put the whole file in its place."
COLUMNS = {"admit": np.int64, "gre": np.int64, "gpa": np.float64, "rank": np.int64}


@filters_traceback
def load_data() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The students' marks by name, and who was admitted, in the original order.

    Returns: `x, y`. `x` holds columns of shape (400,): "gre", points in the entrance test (220 to 800, int64); "gpa",
        average mark (2.26 to 4, float64); "rank" of the student's college (1, the best, to 4, int64: a class, not an
        amount). `y`: 1 for admitted, else 0, int64, shape (400,). `np.column_stack` makes a matrix of columns,
        `utils.to_categorical(x["rank"] - 1)` four of the rank.

    Raises: DataError if the file is damaged, or is not there: it has no public home from which it could be downloaded.
    """
    columns = _read(find(FILE, None, SHA256, CONTENT))
    y = columns.pop("admit")
    return columns, y


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The columns of the file."""
    with damaged(path, ADVICE), open(path, encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file, strict=True)) or [[]]
        if head != list(COLUMNS) or not rows:
            raise DataError(f"{path}: expected {CONTENT}; received the line {','.join(head)[:80]!r} first. {ADVICE}")
        for number, row in enumerate(rows, 2):
            if len(row) != len(head):
                raise DataError(f"{path}, line {number}: expected {len(head)} numbers; received {row}. {ADVICE}")
        values = zip(COLUMNS.items(), zip(*rows, strict=True), strict=True)
        columns = {name: np.array(column, dtype) for (name, dtype), column in values}
    if not np.isin(columns["admit"], (0, 1)).all() or not np.isfinite(columns["gpa"]).all():
        raise DataError(f"{path}: expected admit to be 0 or 1, and gpa a number, in every row. {ADVICE}")
    return columns
