"""Methods: which parameters are tried next, knowing what came of those before.

A method is asked for `rounds`: a generator that yields orders of trials and is sent their outcomes, in the same order. What it
yields depends on its settings, the seed and these outcomes alone: so a search that goes on from a journal, or has more
workers, tries the same.
"""

import itertools
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonet.errors import ArgumentError
from autonet.ops.creation import whole_number
from autonet.tuner.space import Space
from autonet.tuner.trial import Order, Outcome, rank

Rounds = Generator[list[Order], list[Outcome], None]


@dataclass(frozen=True)
class Task:
    """What a method is to search.

    Attributes:
        space: the parameters.
        trials: how many sets of them to try; None if the method is to say.
        seed: from which all draws come.
        mode: "max" if larger scores are better, "min" if smaller ones are.
        workers: how many trials run at a time.
        epochs: for how many a trial is trained at most, where the objective says so.
    """

    space: Space
    trials: int | None
    seed: int
    mode: str
    workers: int = 1
    epochs: int | None = None

    def count(self, method: str) -> int:
        """The number of trials, for a method that needs to be told."""
        if self.trials is None:
            raise ArgumentError(f"{method} needs to know how many trials to make: write trials=20 or the like.")
        return self.trials

    def order(self, number: int, parameters: dict[str, Any] | None = None, **more: Any) -> Order:
        """Trial `number`, by default with parameters drawn from the space: by this number, not by what came before."""
        if parameters is None:
            parameters = self.draw(number, self.space)
        seed = np.random.SeedSequence([self.seed, number, 1]).generate_state(1)
        return Order(number, parameters, int(seed[0]), **more)

    def draw(self, number: int, space: Space) -> dict[str, Any]:
        """Parameters for trial `number`, from a space."""
        return space.draw(np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, number]))))


class Method:
    """Base of methods. A subclass says its `rounds`; its attributes are its settings."""

    def rounds(self, task: Task) -> Rounds:
        """Yields lists of orders, is sent the list of their outcomes."""
        raise NotImplementedError

    def check(self) -> None:
        """See that what the method needs is installed."""

    def describe(self, task: Task) -> dict[str, Any]:
        """What decides, beside space and seed, which trials are made: as plain values."""
        return {"method": type(self).__name__, **vars(self)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class Random(Method):
    """Parameters drawn independently.

    Better than a grid where some parameters matter much more than others: each trial tries another value of each.

    Source: Bergstra, Bengio, 2012, https://jmlr.org/papers/v13/bergstra12a.html
    """

    def rounds(self, task: Task) -> Rounds:
        yield [task.order(n) for n in range(task.count("Random"))]


class Grid(Method):
    """Every combination of evenly spaced values: all options of a Choice, `points` values on every other scale.

    Args:
        points: how many, for all or by name; None for as many, the same for all, as the number of trials allows, which a
            space of choices alone need not be told. One point is the middle of a scale; integers have no more points than
            values.
    """

    def __init__(self, points: int | dict[str, int] | None = None):
        for each in points.values() if isinstance(points, dict) else () if points is None else (points,):
            whole_number(each, "Grid", "points", 1)
        self.points = points

    def values(self, space: Space, trials: int | None = None) -> list[list[Any]]:
        """The values of each parameter."""
        if self.points is None:
            if trials is None:
                values = [scale.grid(1) for scale in space.scales.values()]
                if values == [scale.grid(2) for scale in space.scales.values()]:  # of choices alone: there is one grid
                    return values
                raise ArgumentError("Grid needs to know its size: write trials=30, or method=tuner.Grid(points=3).")
            return self._largest(space, trials)
        points: dict[str, int] = (
            self.points if isinstance(self.points, dict) else dict.fromkeys(space.scales, self.points)
        )
        if unknown := points.keys() - space.scales.keys():
            raise ArgumentError(
                f"Grid has points for {sorted(unknown)}; the space has {list(space.scales)}. Use its names."
            )
        return [scale.grid(points.get(name, 3)) for name, scale in space.scales.items()]

    @staticmethod
    def _largest(space: Space, trials: int) -> list[list[Any]]:
        best = None
        for points in range(1, trials + 1):
            values = [scale.grid(points) for scale in space.scales.values()]
            if math.prod(map(len, values)) > trials or values == best:
                break
            best = values
        if best is None:
            least = math.prod(len(scale.grid(1)) for scale in space.scales.values())
            raise ArgumentError(
                f"The smallest grid over this space has {least} trials; received trials={trials}. Give it more."
            )
        return best

    def rounds(self, task: Task) -> Rounds:
        values = self.values(task.space, task.trials)
        if self.points is not None and task.trials not in (None, size := math.prod(map(len, values))):
            raise ArgumentError(
                f"{self!r} has {size} trials here; received trials={task.trials}. Leave one of them out."
            )
        names = list(task.space.scales)
        yield [
            task.order(n, dict(zip(names, combination, strict=True)))
            for n, combination in enumerate(itertools.product(*values))
        ]

    def describe(self, task: Task) -> dict[str, Any]:
        return {**super().describe(task), "trials": task.trials}


class CoarseToFine(Method):
    """Random draws in rounds, each from a part of the space around the best so far.

    After a round the mean position of the best `keep` trials, of those inside the present box, is the centre of the next box,
    which is `shrink` as wide on every scale and moved inside where it would stick out; of a Choice, the options of these
    trials remain.

    Args:
        steps: how many rounds; the trials are spread evenly over them, the first ones take what is left.
        keep: number of best trials.
        shrink: width of a box, as a part of that before.
    """

    def __init__(self, steps: int = 3, keep: int = 3, shrink: float = 0.5):
        self.steps = whole_number(steps, "CoarseToFine", "steps", 1)
        self.keep = whole_number(keep, "CoarseToFine", "keep", 1)
        if not 0 < shrink < 1:
            raise ArgumentError(f"CoarseToFine expects shrink above 0 and below 1; received {shrink!r}. Write 0.5.")
        self.shrink = float(shrink)

    def rounds(self, task: Task) -> Rounds:
        trials = task.count("CoarseToFine")
        space = task.space
        outcomes: list[Outcome] = []
        for k in range(self.steps):
            first, last = _share(trials, self.steps, k)
            orders = [task.order(n, task.draw(n, space)) for n in range(first, last)]
            outcomes += yield orders
            space = self.zoom(space, outcomes, task.mode)

    def zoom(self, space: Space, outcomes: list[Outcome], mode: str) -> Space:
        """The next box; the same where no trial inside this one has a score."""
        inside = [o for o in outcomes if o.score == o.score and space.contains(o.parameters)]
        best = rank(inside, mode)[: self.keep]
        return space.zoom([o.parameters for o in best], self.shrink) if best else space

    def describe(self, task: Task) -> dict[str, Any]:
        return {**super().describe(task), "trials": task.trials}


class Halving(Method):
    """Successive halving: many trials trained for a short time, the best of them for longer, and so on.

    The first rung has all trials at `first` epochs; each next one has the best 1/`factor` of those, which go on from where
    they stopped until `factor` times as many epochs, up to `last`; the last rung has one trial, or `last` epochs. All rungs
    cost about alike.

    Source: Jamieson, Talwalkar, 2016, https://arxiv.org/abs/1502.07943

    Args:
        factor: of how many trials one goes on.
        first: epochs of the first rung.
        last: epochs that no trial exceeds; None for those of the objective (`Training(epochs=...)`), or any.

    >>> Halving(factor=3).rungs(27)
    [(27, 1), (9, 3), (3, 9), (1, 27)]
    """

    def __init__(self, factor: int = 3, first: int = 1, last: int | None = None):
        self.factor = whole_number(factor, "Halving", "factor", 2)
        self.first = whole_number(first, "Halving", "first", 1)
        self.last = None if last is None else whole_number(last, "Halving", "last", self.first)

    def rungs(self, trials: int, last: int | None = None) -> list[tuple[int, int]]:
        """(Number of trials, epochs in all) of each rung, with at most `last` epochs where the method does not say."""
        most = math.inf if (bound := self.last or last) is None else bound
        epochs = min(self.first, most)
        found = [(trials, int(epochs))]
        while trials > 1 and epochs < most:
            trials, epochs = max(trials // self.factor, 1), min(epochs * self.factor, most)
            found.append((trials, int(epochs)))
        return found

    def cost(self, trials: int, last: int | None = None) -> int:
        """Epochs of training that all rungs take together: those of a rung before are not trained again."""
        rungs = self.rungs(trials, last)
        before = [0, *(epochs for _, epochs in rungs)]
        return sum(n * (epochs - done) for (n, epochs), done in zip(rungs, before, strict=False))

    def rounds(self, task: Task) -> Rounds:
        alive = list(range(task.count("Halving")))
        for n, epochs in self.rungs(len(alive), task.epochs):
            outcomes = yield [task.order(number, epochs=epochs) for number in alive[:n]]
            alive = [o.number for o in rank(outcomes, task.mode) if o.score == o.score]
            if not alive:
                return

    def describe(self, task: Task) -> dict[str, Any]:
        return {**super().describe(task), "trials": task.trials, "most": task.epochs}


def _share(trials: int, rounds: int, k: int) -> tuple[int, int]:
    """Numbers of the trials of round k, of as many as possible alike."""
    each, left = divmod(trials, rounds)
    first = k * each + min(k, left)
    return first, first + each + (k < left)
