"""Steps under a NonFiniteChecker; the journal, from which the last steps run again to find the one that made a NaN."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.trees import flatten
from autonet.core.state import state
from autonet.errors import NonFiniteError
from autonet.random import seeds
from autonet.training.data import NAMES, as_tensors
from autonet.training.nonfinite import checking, is_bad

SHARE = 20  # a journal's copies take at most one part in so many of the time


def run_checked(run: Callable, model: Any, batch: Any, trains: bool, number: int | None) -> Any:
    """Run a step while every operation is checked. One that fails, for whatever reason, is undone.

    Raises: NonFiniteError naming the operation that made the first NaN or infinity, or what held it before the step.
    """
    checker: Any = state.observer
    position = model._position if trains else None
    epoch = rows = None
    if position is not None:
        epoch, rows = position.epoch, position.batches.rows(number)
    data = []
    for name, part in zip(NAMES, batch, strict=True):
        leaves = [a for a in flatten(part) if isinstance(a, np.ndarray)]
        data += [(f"{name}{[i] if len(leaves) > 1 else ''}", a) for i, a in enumerate(leaves)]
    checker.begin((epoch, number), data, rows)
    try:
        with np.errstate(all="ignore"):  # the error says more
            return run(*[as_tensors(part) for part in batch])
    except BaseException:
        checker.take_back()
        raise
    finally:
        checker.end()


class Journal:
    """What the last steps of a `fit` started from, and their batches.

    A copy of all Variables is made anew once the steps since the last one took `SHARE` times as long as it did, so
    there are never many steps to repeat.
    """

    def __init__(self, position: Any, step: Any):
        self.position = position
        self.step = step
        self.start: list[tuple[Any, np.ndarray]] = []
        self.stream: Any = None
        self.batches: list[tuple[int | None, Any]] = []
        self.due = 0.0  # when the next copy is to be made
        self.open = True  # whether steps are still written down

    def before(self, batch: Any, number: int | None) -> None:
        """A step on `batch` is about to run."""
        if not self.open:
            return
        now = time.perf_counter()
        if now >= self.due or not number:
            copy = self._copy()
            if self.start and len(_bad(copy)) > len(_bad(self.start)):
                self.open = False  # the step that is looked for is among those in the journal: keep them
                return
            self.start, self.stream, self.batches = copy, seeds.get_stream(), []
            end = time.perf_counter()
            self.due = end + SHARE * (end - now)
        self.batches.append((number, batch))

    def _copy(self) -> list[tuple[Any, np.ndarray]]:
        return [(v, v.numpy()) for v in self.position.variables().values()]

    @staticmethod
    def _put_back(copy: list[tuple[Any, np.ndarray]]) -> None:
        for variable, array in copy:
            variable.assign(array)

    def explain(self) -> str:
        """Where the NaN or infinity, which has been noticed now, came from. Nothing is changed."""
        now, stream, self.open = self._copy(), seeds.get_stream(), False
        try:
            return self._search()
        finally:
            self._put_back(now)
            seeds.set_stream(stream)

    def _search(self) -> str:
        self._put_back(self.start)
        seeds.set_stream(self.stream)
        before = _bad(self.start)
        for number, batch in self.batches:
            copy, known = self._copy(), seeds.get_stream()
            self.step(batch, number)
            after = [path for path in _bad(self._copy()) if path not in before]
            if not after and not (before and number == self.batches[-1][0]):
                continue
            self._put_back(copy)
            seeds.set_stream(known)
            try:
                with checking():
                    self.step(batch, number)
            except NonFiniteError as error:
                return str(error)
            return (
                f"Batch {(number or 0) + 1} made {', '.join(after[:5]) or 'it'} NaN or Inf; run operation by operation, "
                "the same step stays finite, so a number is close to the largest that its dtype can hold. "
                "Lower the learning rate, or clip the gradients with the optimizer's clipnorm."
            )
        return (
            "The last steps, run again, stay finite: something beside the batches and Variables has changed since. "
            "Train inside `with autonet.config.debug_nans():` to see it happen."
        )


def _bad(copy: list[tuple[Any, np.ndarray]]) -> list[str]:
    """Paths of the Variables that hold NaN or infinity."""
    return [variable.path for variable, array in copy if is_bad(array)]
