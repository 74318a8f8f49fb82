"""What may be taken while something is made from a description that came from outside.

A few letters of a file can ask for any number of weights, bins or steps. Whoever makes things of a number's size asks here
first; outside of a reading, nothing is asked.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from autonet.core.state import state
from autonet.errors import DataError

FRESH = 1 << 30  # bytes of the weights of a description that comes without their values
MOST = 1 << 22  # elements or repetitions of anything else
STEPS = 1 << 14  # operations that the shapes of one layer or operation may be found by
SLACK = 16 << 20  # bytes for what no file holds: metrics, learning rates


class Allowance:
    """What the things that are made of one description may take together.

    Args:
        nbytes: of Variables.
        path: the file that holds their values, which then begin as zeros; None if there is none.
    """

    def __init__(self, nbytes: float, path: str | None = None):
        self.left = nbytes
        self.path = path
        self.steps = STEPS

    def take(self, nbytes: int) -> None:
        """Account for so many bytes of Variables.

        Raises: DataError if they are too many.
        """
        self.left -= nbytes
        if self.left >= 0:
            return
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

    def first(self, initializer: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """The first values of a Variable, if it may be made: zeros where a file has the right ones."""
        self.take(math.prod(shape) * np.dtype(dtype).itemsize)
        return initializer(shape, dtype=dtype) if self.path is None else np.zeros(shape, dtype)


def limit(what: str, *counts: Any, most: int = MOST) -> None:
    """Ask, before something of so many elements or repetitions is made, whether it may be.

    Args:
        what: whose the numbers are, in words.
        counts: whole numbers, which are multiplied; None stands for 1.

    Raises: DataError if they are too many, while something is made from a description.
    """
    if state.allowance is None or state.allowance.left == math.inf:
        return
    total = 1
    for n in counts:
        total *= 1 if n is None else max(abs(n), 1)
    if total > most:
        raise DataError(
            f"{what} asks for {total:.4g} elements; what is made from a configuration has at most {most:,}. "
            "Correct the configuration, or make it in code."
        )


@contextlib.contextmanager
def allowing(allowance: Allowance) -> Iterator[None]:
    """Within it, this allowance counts."""
    outer = state.allowance
    state.allowance = allowance
    try:
        yield
    finally:
        state.allowance = outer
