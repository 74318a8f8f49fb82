"""Optuna behind the same call: its samplers choose parameters, its pruners stop trials early. Extra `tune`."""

import importlib
from typing import Any

from autonet.common.extras import advice
from autonet.common.types import PathLike
from autonet.errors import ArgumentError
from autonet.tuner.methods import Method, Rounds, Task


class Optuna(Method):
    """Any sampler and pruner of Optuna's.

    What a sampler draws for a trial depends on the seed of the search, the number of the trial, and what is known when it is
    drawn; a seed of the sampler's own is not used. Samplers that name parameters see them as Optuna does: a `OneMinus` as its
    distance from 1, a `Choice` of tuples as their numbers.

    Without `storage`, one process searches: with several workers, as many trials are asked for at once as there are workers,
    and told in their order. The outcome depends on the number of workers, not on which is faster. A pruner compares trials
    while they run: it takes one worker.

    With `storage` the study is in a file, in Optuna's own format, and the same script may be started any number of times, at
    any time, also on other machines that see the file: all work on one study until it has as many trials as asked for, and each
    returns the result of all. Started again, a search goes on. The trial of a process that was killed is run again, from its
    start, by another one: on the same machine at once, on others after a minute. One worker alone comes to the same trials
    however often it was killed; with several, a sampler that learns knows what happens to be finished.

        tuner.search(objective, space, tuner.Optuna(storage="study.log"), trials=200, seed=1)

    Args:
        sampler: of `optuna.samplers`, or a class like them; None for its TPESampler.
        pruner: of `optuna.pruners`; None for none. It sees what trials report.
        storage: path of the file with the study, which Optuna knows as "autonet" (`JournalStorage`, `JournalFileBackend`).

    Source: Akiba, Sano, Yanase, Ohta, Koyama, 2019, https://arxiv.org/abs/1907.10902
    """

    def __init__(self, sampler: object = None, pruner: object = None, storage: PathLike | None = None):
        self.sampler = sampler
        self.pruner = pruner
        self.storage = storage

    def rounds(self, task: Task) -> Rounds:
        from autonet.tuner.annexes import samplers, study

        if self.pruner is not None and task.workers > 1:
            raise ArgumentError(
                "A pruner compares trials while they run, one after another: write workers=1, or Optuna(storage='study.log')."
            )
        settings = samplers.settings(self.sampler, self.pruner, task.seed, task.mode)
        found = samplers.quiet(study.optuna.create_study, **settings)
        given = {name: samplers.distribution(scale) for name, scale in task.space.scales.items()}
        count = task.count("Optuna")
        for first in range(0, count, task.workers):
            asked = [found.ask(given) for _ in range(first, min(first + task.workers, count))]
            watches = [samplers.Local(trial) for trial in asked]
            outcomes = yield [
                task.order(
                    n,
                    {name: samplers.value(scale, trial.params[name]) for name, scale in task.space.scales.items()},
                    watch=None if self.pruner is None else watch,
                )
                for n, (trial, watch) in enumerate(zip(asked, watches, strict=True), first)
            ]
            for watch, outcome in zip(watches, outcomes, strict=True):
                watch.replay(outcome.reports)
                study.tell(found, watch.trial, outcome)
            if settings["sampler"].exhausted:
                return

    def _open(self, header: dict[str, Any], task: Task) -> Any:
        """The study in the file `storage`.

        Raises: DataError for another search's.
        """
        from autonet.tuner.annexes.study import SharedStudy

        return SharedStudy(self.storage, header, task, self.sampler, self.pruner)

    def describe(self, task: Task) -> dict[str, Any]:
        parts = {k: None if v is None else type(v).__name__ for k, v in vars(self).items() if k != "storage"}
        return {"method": "Optuna", **parts, "workers": task.workers if self.storage is None else "any"}

    def check(self) -> None:
        """Raises: ArgumentError where Optuna is not installed."""
        try:
            importlib.import_module("optuna")
        except ImportError:
            raise ArgumentError(
                f'The method "optuna" needs the package optuna: {advice("tune")}. Or use method="random".'
            ) from None
