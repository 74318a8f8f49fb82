"""Result: what a search found, as a table, pictures, and the best model."""

import shutil
import tempfile
import textwrap
import weakref
from pathlib import Path
from typing import Any

from autonet.common.types import Model
from autonet.errors import ArgumentError
from autonet.tuner.methods import Task
from autonet.tuner.space import Space
from autonet.tuner.trial import Outcome, rank

WIDTH = 80
MOST_ROWS = 20


class Folder:
    """A folder of folders, one for each trial: what they need to go on, and the best its weights.

    Args:
        path: where it is; None for a temporary one, which goes when this object does.
    """

    def __init__(self, path: str | None):
        if path is None:
            self.path = Path(tempfile.mkdtemp(prefix="autonet-search-"))
            weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        else:
            self.path = Path(path)

    def of(self, number: int) -> Path:
        """The folder of trial `number`, which that makes if it needs one."""
        return self.path / f"{number:06d}"

    def keep(self, numbers: set[int]) -> None:
        """Remove those of all other trials."""
        for found in self.path.glob("[0-9]" * 6) if self.path.is_dir() else ():
            if int(found.name) not in numbers:
                shutil.rmtree(found)

    def remove(self, numbers: set[int]) -> None:
        """Remove those of some trials; others may be under way in other processes."""
        for number in numbers:
            shutil.rmtree(self.of(number), ignore_errors=True)


class Result:
    """What a search found. Shown, it is a table of its trials, the best first.

    Attributes:
        space: the parameters that were searched.
        mode: "max" if larger scores are better, "min" if smaller ones are.
        seed: of the search.
        outcomes: everything that was run, in order of the trials' numbers; under successive halving a trial is here once for
            each rung that it reached.
        objective: what was searched for.
    """

    def __init__(
        self,
        space: Space,
        mode: str,
        seed: int,
        outcomes: list[Outcome],
        objective: object = None,
        folder: Folder | None = None,
    ):
        self.space = space
        self.mode = mode
        self.seed = seed
        self.outcomes = outcomes
        self.objective = objective
        self._folder = folder  # of the trials; one that is temporary goes when this result does

    @property
    def trials(self) -> list[Outcome]:
        """The last outcome of each trial, the best trial first; those without a score come last."""
        last = {o.number: o for o in sorted(self.outcomes, key=lambda o: o.epochs or 0)}
        return rank(last.values(), self.mode)

    @property
    def best(self) -> Outcome:
        """The best outcome: `best.parameters`, `best.score`.

        Raises: ArgumentError if no trial has a score.
        """
        found = rank(self.outcomes, self.mode)
        if not found or found[0].score != found[0].score:
            raise ArgumentError(f"No trial of this search has a score{_why(self.trials)}")
        return found[0]

    def best_model(self) -> Model:
        """A new model with the parameters of the best trial and the weights that it had at its best score, to the bit.

        Raises: ArgumentError where the objective is no `Training`; DataError where the weights are not kept any more.
        """
        if not hasattr(self.objective, "rebuild") or self._folder is None:
            raise ArgumentError(
                "best_model() needs a search whose objective is a tuner.Training, which knows how models are built. Build one "
                "with result.best.parameters."
            )
        best = self.best
        order = Task(self.space, None, self.seed, self.mode).order(best.number, best.parameters)
        return self.objective.rebuild(best, order.seed, self._folder.of(best.number))

    def rows(self) -> list[dict[str, Any]]:
        """The table as plain values, a row for each trial: for a data frame, as by `pandas.DataFrame(result.rows())`."""
        return [
            {
                "trial": o.number,
                "score": o.score,
                **o.parameters,
                "epochs": o.epochs,
                "seconds": o.seconds,
                "error": o.error,
            }
            for o in self.trials
        ]

    def plot(self) -> Any:
        """A matplotlib Figure: scores against each parameter, on its scale; a star marks the best. Needs the extra `plot`."""
        from autonet.tuner import plots

        return plots.against_each(self)

    def plot_parallel(self) -> Any:
        """A matplotlib Figure of parallel coordinates: each trial a line through its parameters to its score. Extra `plot`."""
        from autonet.tuner import plots

        return plots.parallel(self)

    def __repr__(self) -> str:
        trials = self.trials
        if not trials:
            return "<Result of no trials>"
        failed = [o for o in trials if o.error is not None]
        better = "larger" if self.mode == "max" else "smaller"
        lines = [f"{len(trials)} trials, best first ({better} scores are better)", *_table(self.space, trials)]
        if failed:
            first = min(failed, key=lambda o: o.number)
            lines += textwrap.wrap(
                f"{len(failed)} failed, first trial {first.number}: {first.error}", WIDTH, max_lines=4
            )
        return "\n".join(lines)


def show(value: Any) -> str:
    """A parameter or score in few characters."""
    if isinstance(value, float):
        return f"{value:.4g}" if value < 0.99 or value >= 1 else f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 16 else f"{text[:13]}..."


def _table(space: Space, trials: list[Outcome]) -> list[str]:
    """Lines of at most WIDTH characters: of many trials the first, and as many parameters as there is room for."""
    shown = trials[:MOST_ROWS]
    columns = [["trial", *(str(o.number) for o in shown)], ["score", *(show(o.score) for o in shown)]]
    if any(o.epochs is not None for o in trials):
        columns.append(["epochs", *(str(o.epochs) for o in shown)])
    left_out = []
    for name in space.scales:
        title = name if len(name) <= 20 else f"{name[:17]}..."
        column = [title, *(show(o.parameters[name]) for o in shown)]
        if sum(2 + max(map(len, c)) for c in [*columns, column]) - 2 <= WIDTH:
            columns.append(column)
        else:
            left_out.append(name)
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in zip(*columns, strict=True)
    ]
    if len(trials) > len(shown):
        lines.append(f"... and {len(trials) - len(shown)} more: result.rows()")
    if left_out:
        line = f"not shown: {', '.join(left_out)}"
        lines.append(line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}...")
    return lines


def _why(trials: list[Outcome]) -> str:
    """The end of the sentence that says that no trial has a score."""
    failed = sum(o.error is not None for o in trials)
    nans = f"{len(trials) - failed} returned NaN. Look at the objective, or the losses, there: rates may be too high."
    if not trials:
        return ": none was made."
    if not failed:
        return f": all {nans}"
    return f": {failed} raised (look at the errors in its table){'.' if failed == len(trials) else f', {nans}'}"
