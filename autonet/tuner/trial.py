"""Trial: what an objective is given; Outcome: what came of it."""

import math
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autonet.common.lines import PACKAGE, warn
from autonet.errors import ArgumentError
from autonet.random import seeds


@dataclass(frozen=True)
class Order:
    """A trial to be run.

    Attributes:
        number: of the trial, from 0.
        parameters: its values, by name.
        seed: from which all its chance comes.
        epochs: how many it is to have been trained in all, where the method says so.
        folder: where it may keep what it needs to go on.
        watch: where the method looks on: function of (step, score) that says whether to stop.
    """

    number: int
    parameters: dict[str, Any]
    seed: int = 0
    epochs: int | None = None
    folder: Path | None = None
    watch: Callable[[int, float], bool] | None = None


class Trial:
    """One set of parameters, given to an objective.

    Attributes:
        number: from 0.
        parameters: name to value; `trial["rate"]` is one of them.
        seed: an integer below 2**32 that belongs to this trial. Autonet's generators start from it, and, where trials are not
            in threads, those of np.random and random.
        epochs: how many epochs the trial is to have been trained for in all, those before included; None where the method
            does not say (all but successive halving).
        reports: the scores that were reported.
    """

    def __init__(self, order: Order, stopped: Callable[[], bool] = lambda: False):
        self.number = order.number
        self.parameters: dict[str, Any] = dict(order.parameters)
        self.seed = order.seed
        self.epochs = order.epochs
        self.reports: list[float] = []
        self._order = order
        self._stopped = stopped
        self._pruned = False

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    @property
    def folder(self) -> Path:
        """A folder of this trial's own, for what it needs to go on later. It stays while the trial may go on or is the best."""
        if self._order.folder is None:
            raise ArgumentError("This trial has no folder: it was made outside of a search.")
        self._order.folder.mkdir(parents=True, exist_ok=True)
        return self._order.folder

    def report(self, score: float) -> bool:
        """Tell the score so far, after an epoch for example.

        Returns: whether the trial shall stop, and return its score.
        """
        if self._stopped():
            raise KeyboardInterrupt("The search is being given up.")
        self.reports.append(_number(score))
        if self._order.watch is not None and self._order.watch(len(self.reports), self.reports[-1]):
            self._pruned = True
        return self._pruned

    def __repr__(self) -> str:
        return f"<Trial {self.number}: {self.parameters}>"


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        number: of the trial.
        parameters: name to value.
        score: what the objective returned; NaN if it raised.
        epochs: for how many it had been trained in all, where the method says so.
        seconds: that this part of it took.
        error: what it raised, in words; None if nothing.
        pruned: whether the method stopped it early.
        reports: the scores that it reported.
    """

    number: int
    parameters: dict[str, Any]
    score: float
    epochs: int | None = None
    seconds: float = 0.0
    error: str | None = None
    pruned: bool = False
    reports: tuple[float, ...] = field(default=(), repr=False)


def run(objective: Callable[[Trial], Any], order: Order, stopped: Callable[[], bool] = lambda: False) -> Outcome:
    """Run a trial. What it raises becomes its outcome; Ctrl-C goes on, also where a `fit` inside ended well after it.

    Args:
        stopped: says whether the search is being given up.
    """
    error = None
    score = math.nan
    started = time.perf_counter()
    with Interrupt() as interrupt:
        trial = Trial(order, lambda: interrupt.asked or stopped())
        try:
            with _chance(order.seed):
                score = _number(objective(trial))
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}{_place(problem)}"[:1000]
    if interrupt.asked:
        raise KeyboardInterrupt
    return Outcome(
        order.number,
        dict(order.parameters),
        score,
        order.epochs,
        round(time.perf_counter() - started, 3),
        error,
        trial._pruned,
        tuple(trial.reports),
    )


@contextmanager
def _chance(seed: int) -> Iterator[None]:
    """Autonet's generators start from `seed` inside; so do the global ones of NumPy and Python, unless threads share them."""
    with seeds.apart(seed):
        if threading.current_thread() is not threading.main_thread():
            before = _global_chance()
            yield
            if _global_chance() != before:
                warn(
                    "Trials in threads share the generators behind np.random and random: what one draws depends on which is "
                    "faster. Draw from np.random.default_rng(trial.seed), or use processes=True."
                )
            return
        kept = np.random.get_state(), random.getstate()
        np.random.seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(kept[0])
            random.setstate(kept[1])


def _global_chance() -> Any:
    state: Any = np.random.get_state()
    return state[1].tobytes(), state[2], random.getstate()


def rank(outcomes: Iterable[Outcome], mode: str) -> list[Outcome]:
    """The best first; NaN is worst, and of equal ones the earlier is better."""
    sign = -1 if mode == "max" else 1
    return sorted(outcomes, key=lambda o: (o.score != o.score, sign * o.score if o.score == o.score else 0, o.number))


def _number(score: Any) -> float:
    if not isinstance(score, (str, bytes, type(None))) and getattr(score, "ndim", 0) == 0:
        try:
            return float(score)
        except (TypeError, ValueError):
            pass
    raise ArgumentError(
        f"An objective returns, and a trial reports, one number as its score; received {repr(score)[:100]}."
    )


def _place(problem: BaseException) -> str:
    """Where it was raised: the innermost line of the user's own."""
    entries = [
        e for e in traceback.extract_tb(problem.__traceback__) if not e.filename.startswith((PACKAGE, sys.prefix))
    ]
    return f" ({os.path.basename(entries[-1].filename)}:{entries[-1].lineno})" if entries else ""


class Interrupt:
    """Context manager for the main thread: remembers that Ctrl-C was pressed, and passes it on.

    `fit` ends well after it, and the search must still know.

    Attributes:
        asked: whether it was. A program's own handler stays in charge; then this says nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> "Interrupt":
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: Any) -> None:
        self.asked = True
        raise KeyboardInterrupt
