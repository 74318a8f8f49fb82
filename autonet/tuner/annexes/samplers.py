"""Optuna's samplers and pruners, asked by number of the trial."""

import copy
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from autonet.errors import ArgumentError
from autonet.tuner.scales import Choice, Integer, Log, OneMinus, Scale, Uniform

_SCALARS = (str, bool, int, float, type(None))


class Sampler(BaseSampler):
    """A sampler whose draws for a trial depend on the seed, the number of the trial and what the study holds, on nothing else.

    So a search that goes on after a kill, with a sampler that is made anew, does not repeat its first draws, and processes
    side by side do not draw the same. Optuna's samplers keep what they learn in the study: each trial has a copy of its own.
    Others may keep it in themselves: they stay, and only their generators start anew.

    Attributes:
        exhausted: whether it has said that there is nothing left to try.
    """

    def __init__(self, sampler: BaseSampler, seed: int):
        self.sampler = sampler
        self.seed = seed
        self.exhausted = False

    def _of(self, number: int, part: int) -> BaseSampler:
        own = type(self.sampler).__module__.startswith("optuna.")
        sampler = copy.deepcopy(self.sampler) if own else self.sampler
        _reseed(sampler, [self.seed, number, part])
        return sampler

    def before_trial(self, study: Any, trial: Any) -> None:
        self._now = self._of(trial.number, 2)
        self._taken_up = bool(trial.params)  # it has its parameters, from a process that was killed
        if not self._taken_up:
            self._now.before_trial(study, trial)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {} if self._taken_up else self._now.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        return {} if self._taken_up else self._now.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return self._now.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        try:
            self._of(trial.number, 3).after_trial(study, trial, state, values)
        except RuntimeError as error:
            if "Study.stop" not in str(error):  # which is for Optuna's own loop
                raise
            self.exhausted = True


def _reseed(sampler: Any, seed: list[int]) -> None:
    """Start all generators of a sampler, and of the samplers in it, from a seed."""
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    waiting, seen = [sampler], {id(sampler)}
    while waiting:
        part = waiting.pop()
        for name, value in vars(part).items():
            if isinstance(state := getattr(value, "rng", value), np.random.RandomState):
                state.seed(number)
            elif isinstance(value, np.random.Generator):
                value.bit_generator.state = type(value.bit_generator)(number).state
            elif name == "_seed" and isinstance(value, (int, np.integer)):  # of a sequence, which all trials share
                part._seed = seed[0]
            elif hasattr(value, "__dict__") and _is_part(value) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)


def _is_part(value: Any) -> bool:
    return isinstance(value, BaseSampler) or type(value).__module__.startswith("optuna.samplers")


class Watch:
    """Passes the reports of a trial on to Optuna's, and asks its pruner. It goes into other processes if its study does."""

    def __init__(self, trial: Any):
        self.trial = trial
        self.seen: int = trial.study._storage.get_trial(trial._trial_id).last_step or 0  # by a process that was killed

    def __call__(self, step: int, score: float) -> bool:
        if step < self.seen:  # it was not pruned there
            return False
        if step > self.seen:
            self.trial.report(score, step)
            self.seen = step
        return bool(self.trial.should_prune())

    def replay(self, scores: tuple[float, ...]) -> None:
        """Report those scores that were not reported while the trial ran: a pruner remembers what it was asked."""
        for step, score in enumerate(scores, 1):
            if step > self.seen:
                self(step, score)


class Local(Watch):
    """One whose study is in the memory of this process."""

    def __reduce__(self) -> Any:
        raise ArgumentError(
            "A pruner compares trials while they run, which processes see in a file alone: write "
            "Optuna(pruner=..., storage='study.log'), or processes=False."
        )


def quiet(function: Any, *args: Any, **settings: Any) -> Any:
    """Call a function of Optuna's without the lines that say what it does."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return function(*args, **settings)
    finally:
        optuna.logging.set_verbosity(level)


def settings(sampler: Any, pruner: Any, seed: int, mode: str) -> dict[str, Any]:
    """How a study is made."""
    return {
        "study_name": "autonet",  # Hyperband's brackets go by it
        "direction": "maximize" if mode == "max" else "minimize",
        "sampler": Sampler(optuna.samplers.TPESampler() if sampler is None else sampler, seed),
        "pruner": optuna.pruners.NopPruner() if pruner is None else pruner,
    }


def distribution(scale: Scale) -> Any:
    """Optuna's counterpart of a scale."""
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


def value(scale: Scale, drawn: Any) -> Any:
    """The value on a scale that Optuna's draw from its distribution means."""
    if isinstance(scale, OneMinus):
        return min(max(1 - drawn, scale.low), scale.high)
    if isinstance(scale, Choice) and not all(isinstance(option, _SCALARS) for option in scale.options):
        return scale.options[drawn]
    return drawn
