"""What may be made while objects are built from a description that came from outside.

A few letters of a file can ask for any number of weights, bins or steps. Whoever makes things of a number's size asks here
first; outside of a reading, nothing is asked.
"""

from __future__ import annotations

import math
from typing import Any

from autonet.core.state import Context, state
from autonet.errors import DataError

FRESH = 1 << 30  # bytes of the weights of a description that comes without their values
MOST = 1 << 22  # elements or repetitions of anything else
STEPS = 1 << 14  # operations that the shapes of one layer or operation may be found by
SLACK = 16 << 20  # bytes for what no file holds: metrics, learning rates


class LoadBudget(Context):
    """What the things that are made of one description may take together, within `with LoadBudget(...)`.

    Args:
        nbytes: of Variables.
        path: the file that holds their values, which then begin as zeros; None if there is none.
    """

    def __init__(self, nbytes: float, path: str | None = None):
        self.left = nbytes
        self.path = path
        self.steps = STEPS

    def reserve(self, nbytes: int) -> bool:
        """Account for a Variable of so many bytes; whether zeros do for its first values, as a file has the right ones.

        Raises: DataError if they are too many.
        """
        self.left -= nbytes
        if self.left >= 0:
            return self.path is not None
        if self.path is None:
            raise DataError(
                f"The configuration describes weights of more than {FRESH >> 20} MiB. Make such a model in code, or load "
                "it from a file that holds its weights."
            )
        raise DataError(
            f"{self.path}: its configuration describes larger weights than the file holds. Take another copy of it, "
            "or write it again."
        )

    def step(self, name: str) -> None:
        """Account for one more operation.

        Raises: DataError if they are too many.
        """
        self.steps -= 1
        if self.steps < 0 and self.left != math.inf:
            raise DataError(
                f"What the configuration describes takes more than {STEPS:,} operations for one layer, of which the last is "
                f"{name}. Correct its numbers, or make it in code."
            )


def load_budget() -> LoadBudget | None:
    """The budget that counts now; None while nothing is made from a description."""
    for context in reversed(state.contexts):
        if isinstance(context, LoadBudget):
            return context
    return None


def limit(what: str, *counts: Any, most: int = MOST) -> None:
    """Ask, before something of so many elements or repetitions is made, whether it may be.

    Args:
        what: whose the numbers are, in words.
        counts: whole numbers, which are multiplied; None stands for 1.

    Raises: DataError if they are too many, while something is made from a description.
    """
    budget = load_budget()
    if budget is None or budget.left == math.inf:
        return
    total = 1
    for n in counts:
        total *= 1 if n is None else max(abs(n), 1)
    if total > most:
        raise DataError(
            f"{what} asks for {total:.4g} elements; what is made from a configuration has at most {most:,}. "
            "Correct the configuration, or make it in code."
        )
