"""Optuna behind the same call."""

import importlib.util
import math
import sys

import pytest

from autonet import tuner
from autonet.errors import ArgumentError
from tests.tuner.objectives import SPACE, failing, key, smooth, training

WIDE = tuner.Space(
    **SPACE.scales,
    drop=tuner.Uniform(0, 0.5),
    momentum=tuner.OneMinus(0.9, 0.999),
    wide=tuner.Integer(1, 512, log=True),
    sizes=tuner.Choice([(64,), (64, 32)]),
)


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ArgumentError, match="pip install optuna cmaes scipy"):
        tuner.search(smooth, SPACE, "optuna", 2, verbose=0)


# Every sampler and pruner that Optuna has, by name: those which need arguments or a space of their own, with these

FEW = tuner.Space(units=tuner.Integer(1, 4), kind=tuner.Choice(["relu", "tanh"]), drop=tuner.Choice([0.0, 0.5]))
NEEDS_SPACE = {"GridSampler": FEW, "BruteForceSampler": FEW}
ARGUMENTS = {
    "GridSampler": {"search_space": {"units": [1, 3], "kind": ["relu", "tanh"], "drop": [0.0, 0.5]}},
    "PartialFixedSampler": {"fixed_params": {"units": 7}},
    "PatientPruner": {"wrapped_pruner": None, "patience": 1},
    "PercentilePruner": {"percentile": 25.0},
    "ThresholdPruner": {"lower": -1.5},
}


def names(module, base):
    """The classes below a base in a module of Optuna's; none where that is not installed."""
    try:
        import optuna
    except ImportError:
        return []
    found = getattr(optuna, module)
    every = [getattr(found, name) for name in found.__all__]
    classes = [c for c in every if isinstance(c, type) and issubclass(c, getattr(found, base))]
    return sorted(c.__name__ for c in classes if not c.__abstractmethods__)


def make(module, name):
    import optuna

    arguments = dict(ARGUMENTS.get(name, {}))
    if name == "PartialFixedSampler":
        arguments["base_sampler"] = optuna.samplers.TPESampler()
    if name == "GPSampler" and importlib.util.find_spec("torch"):  # without it, it draws at random for a while
        arguments["n_startup_trials"] = 3
    if name == "CmaEsSampler":
        arguments["warn_independent_sampling"] = False  # choices are not its own
    if name == "QMCSampler":
        arguments |= {"warn_independent_sampling": False, "warn_asynchronous_seeding": False, "scramble": True}
    return getattr(getattr(optuna, module), name)(**arguments)


def peak(trial):
    """Scores that depend on the parameters alone, told step by step."""
    for step in range(1, 4):
        if trial.report(-((trial["units"] - 3) ** 2) / step):
            break
    return trial.reports[-1]


@pytest.mark.extra("tune")
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning" if names("samplers", "BaseSampler") else "")
@pytest.mark.parametrize("name", names("samplers", "BaseSampler"))
def test_every_sampler_draws_inside_and_goes_on(name, tmp_path):
    space = NEEDS_SPACE.get(name, WIDE)

    def found(journal=None, trials=9, **options):
        method = tuner.Optuna(make("samplers", name), **options)
        return tuner.search(peak, space, method, trials, seed=1, verbose=0, journal=journal)

    result = found(tmp_path / "j")
    assert all(space.contains(o.parameters) and o.error is None for o in result.outcomes)
    assert len(result.outcomes) == (8 if name == "GridSampler" else 9)
    assert len({str(o.parameters) for o in result.outcomes}) > (8 if name == "BruteForceSampler" else 7)
    lines = (tmp_path / "j").read_text().splitlines(keepends=True)
    (tmp_path / "j").write_text("".join(lines[:5]))  # as if it had been killed
    assert key(found(tmp_path / "j")) == key(result)
    found(trials=4, storage=tmp_path / "study")
    assert key(found(storage=tmp_path / "study")) == key(result)


@pytest.mark.extra("tune")
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning" if names("pruners", "BasePruner") else "")
@pytest.mark.parametrize("name", names("pruners", "BasePruner"))
def test_every_pruner_goes_on(name, tmp_path):
    def found(journal=None, trials=9, **options):
        method = tuner.Optuna(pruner=make("pruners", name), **options)
        return tuner.search(peak, SPACE, method, trials, seed=1, verbose=0, journal=journal)

    result = found(tmp_path / "j")
    assert len(result.outcomes) == 9 and all(o.error is None for o in result.outcomes)
    if name in ("ThresholdPruner", "PercentilePruner"):
        assert any(o.pruned for o in result.outcomes)
    if name == "NopPruner":
        assert not any(o.pruned for o in result.outcomes)
    lines = (tmp_path / "j").read_text().splitlines(keepends=True)
    (tmp_path / "j").write_text("".join(lines[:5]))
    assert key(found(tmp_path / "j")) == key(result)
    found(trials=4, storage=tmp_path / "study")
    assert key(found(storage=tmp_path / "study")) == key(result)


@pytest.mark.extra("tune")
def test_a_sampler_of_ones_own_keeps_what_it_knows(tmp_path):
    import optuna

    class Walk(optuna.samplers.RandomSampler):
        """Remembers how often it was asked."""

        def __init__(self):
            super().__init__()
            self.asked = 0

        def before_trial(self, study, trial):
            self.asked += 1

    walk = Walk()
    tuner.search(smooth, SPACE, tuner.Optuna(walk), 3, seed=1, verbose=0)
    assert walk.asked == 3


@pytest.mark.extra("tune")
def test_it_learns_from_scores():
    result = tuner.search(smooth, SPACE, "optuna", 40, seed=1, verbose=0)
    early, late = result.outcomes[:10], result.outcomes[-10:]
    assert sum(o.score for o in late) > sum(o.score for o in early)
    assert abs(math.log10(result.best.parameters["rate"]) + 2) < 0.2


@pytest.mark.extra("tune")
def test_failures_are_told_to_it():
    result = tuner.search(failing, SPACE, "optuna", 8, seed=1, verbose=0)
    assert len(result.outcomes) == 8 and result.outcomes[1].error


@pytest.mark.extra("tune")
def test_a_pruner_stops_trials_early(tmp_path):
    import optuna

    def found():
        method = tuner.Optuna(pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
        return tuner.search(training(epochs=4), SPACE, method, 8, seed=1, verbose=0, journal=tmp_path / "j")

    result = found()
    pruned = [o for o in result.outcomes if o.pruned]
    assert 0 < len(pruned) < 8 and all(len(o.reports) < 4 for o in pruned)
    assert all(len(o.reports) == 4 for o in result.outcomes if not o.pruned)
    lines = (tmp_path / "j").read_text().splitlines(keepends=True)
    (tmp_path / "j").write_text("".join(lines[:6]))
    assert key(found()) == key(result)
    median = tuner.Optuna(pruner=optuna.pruners.MedianPruner())
    with pytest.raises(ArgumentError, match="workers=1"):
        tuner.search(training(), SPACE, median, 2, workers=2, verbose=0)
    with pytest.raises(ArgumentError, match="storage='study.log'"):
        tuner.search(smooth, SPACE, median, 2, processes=True, verbose=0)


@pytest.mark.extra("tune")
def test_it_says_nothing_by_itself(capsys):
    tuner.search(smooth, SPACE, "optuna", 2, verbose=0)
    assert capsys.readouterr() == ("", "")
