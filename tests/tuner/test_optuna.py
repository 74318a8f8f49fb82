"""Optuna behind the same call."""

import math
import sys

import pytest

from autonet import tuner
from autonet.errors import ArgumentError, DataError
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
    with pytest.raises(ArgumentError, match=r"autonet\[tune\]"):
        tuner.search(smooth, SPACE, "optuna", 2, verbose=0)


@pytest.mark.extra("tune")
@pytest.mark.parametrize("sampler", ["TPESampler", "RandomSampler", "NSGAIISampler"])
def test_any_sampler_draws_inside(sampler, tmp_path):
    import optuna

    def found():
        method = tuner.Optuna(getattr(optuna.samplers, sampler)(seed=1))
        return tuner.search(smooth, WIDE, method, 8, seed=1, verbose=0, journal=tmp_path / "j")

    result = found()
    assert all(WIDE.contains(o.parameters) for o in result.outcomes)
    lines = (tmp_path / "j").read_text().splitlines(keepends=True)
    (tmp_path / "j").write_text("".join(lines[:5]))  # as if it had been killed
    assert key(found()) == key(result)


@pytest.mark.extra("tune")
def test_a_sampler_without_a_seed_cannot_go_on(tmp_path):
    import optuna

    for n, expected in enumerate((None, DataError)):
        method = tuner.Optuna(optuna.samplers.RandomSampler())
        if expected is None:
            tuner.search(smooth, SPACE, method, 3, seed=1, verbose=0, journal=tmp_path / "j")
        else:
            with pytest.raises(expected, match="a seed of its own"):
                tuner.search(smooth, SPACE, method, 3 + n, seed=1, verbose=0, journal=tmp_path / "j")


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
    with pytest.raises(ArgumentError, match="workers=1"):
        method = tuner.Optuna(pruner=optuna.pruners.MedianPruner())
        tuner.search(training(), SPACE, method, 2, workers=2, verbose=0)


@pytest.mark.extra("tune")
def test_it_says_nothing_by_itself(capsys):
    tuner.search(smooth, SPACE, "optuna", 2, verbose=0)
    assert capsys.readouterr() == ("", "")
