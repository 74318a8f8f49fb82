"""Optuna behind the same call: its samplers choose parameters, its pruners stop trials early. Extra `tune`."""

import importlib
from typing import Any

from autonet.errors import ArgumentError
from autonet.tuner.methods import Method, Rounds, Task
from autonet.tuner.scales import Choice, Integer, Log, OneMinus, Scale, Uniform
from autonet.tuner.trial import Outcome

_SCALARS = (str, bool, int, float, type(None))


class Optuna(Method):
    """Any sampler and pruner of Optuna's.

    With several workers, as many trials are asked for at once as there are workers, and told in their order: the outcome
    depends on the number of workers, not on which is faster. A pruner compares trials while they run: it takes one worker.

    Args:
        sampler: of `optuna.samplers`, with a seed of its own; None for its TPESampler with the seed of the search.
        pruner: of `optuna.pruners`; None for none. It sees what trials report.

    Source: Akiba, Sano, Yanase, Ohta, Koyama, 2019, https://arxiv.org/abs/1907.10902
    """

    def __init__(self, sampler: object = None, pruner: object = None):
        self.sampler = sampler
        self.pruner = pruner

    def rounds(self, task: Task) -> Rounds:
        optuna = _optuna()
        if self.pruner is not None and task.workers > 1:
            raise ArgumentError("A pruner compares trials while they run, one after another: write workers=1.")
        sampler = optuna.samplers.TPESampler(seed=task.seed) if self.sampler is None else self.sampler
        study = _quietly(
            optuna,
            direction="maximize" if task.mode == "max" else "minimize",
            sampler=sampler,
            pruner=optuna.pruners.NopPruner() if self.pruner is None else self.pruner,
        )
        distributions = {name: _distribution(optuna, scale) for name, scale in task.space.scales.items()}
        count = task.count("Optuna")
        for first in range(0, count, task.workers):
            asked = [study.ask(distributions) for _ in range(first, min(first + task.workers, count))]
            watched = [_Watch(trial) for trial in asked]
            outcomes = yield [
                task.order(
                    n,
                    {name: _value(scale, trial.params[name]) for name, scale in task.space.scales.items()},
                    watch=None if self.pruner is None else watch,
                )
                for n, (trial, watch) in enumerate(zip(asked, watched, strict=True), first)
            ]
            for watch, outcome in zip(watched, outcomes, strict=True):
                watch.tell(optuna, study, outcome)

    def describe(self, task: Task) -> dict[str, Any]:
        parts = {k: None if v is None else type(v).__name__ for k, v in vars(self).items()}
        return {"method": "Optuna", **parts, "workers": task.workers}


class _Watch:
    """Passes reports on to a trial of Optuna's."""

    def __init__(self, trial: Any):
        self.trial = trial
        self.seen = 0

    def __call__(self, step: int, score: float) -> bool:
        self.trial.report(score, step)
        self.seen = step
        return bool(self.trial.should_prune())

    def tell(self, optuna: Any, study: Any, outcome: Outcome) -> None:
        """What came of the trial; one that a journal remembers has reported nothing yet."""
        for step, score in enumerate(outcome.reports, 1):
            if step > self.seen:
                self.trial.report(score, step)
        states = optuna.trial.TrialState
        if outcome.score != outcome.score:
            study.tell(self.trial, state=states.FAIL)
        elif outcome.pruned:
            study.tell(self.trial, state=states.PRUNED)
        else:
            study.tell(self.trial, outcome.score)


def _optuna() -> Any:
    try:
        return importlib.import_module("optuna")
    except ImportError:
        raise ArgumentError(
            'The method "optuna" needs the package optuna: pip install "autonet[tune]". Or use method="random".'
        ) from None


def _quietly(optuna: Any, **settings: Any) -> Any:
    """A study in memory, without the line that says so."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(**settings)
    finally:
        optuna.logging.set_verbosity(level)


def _distribution(optuna: Any, scale: Scale) -> Any:
    distributions = optuna.distributions
    if isinstance(scale, Choice):
        plain = all(isinstance(option, _SCALARS) for option in scale.options)
        return distributions.CategoricalDistribution(scale.options if plain else range(len(scale.options)))
    if isinstance(scale, Integer):
        return distributions.IntDistribution(scale.low, scale.high, log=scale.log)
    if isinstance(scale, OneMinus):
        return distributions.FloatDistribution(1 - scale.high, 1 - scale.low, log=True)
    if isinstance(scale, (Uniform, Log)):
        return distributions.FloatDistribution(scale.low, scale.high, log=isinstance(scale, Log))
    raise ArgumentError(f"Optuna has no distribution for {scale!r}. Use Uniform, Log, OneMinus, Integer or Choice.")


def _value(scale: Scale, drawn: Any) -> Any:
    if isinstance(scale, OneMinus):
        return min(max(1 - drawn, scale.low), scale.high)
    if isinstance(scale, Choice) and not all(isinstance(option, _SCALARS) for option in scale.options):
        return scale.options[drawn]
    return drawn
