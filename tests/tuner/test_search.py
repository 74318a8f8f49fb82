"""search: the same trials however they are run; errors are kept; chance is each trial's own."""

import math
import random

import numpy as np
import pytest

import autonet
from autonet import tuner
from autonet.errors import ArgumentError
from tests.tuner.objectives import SPACE, failing, key, smooth

METHODS = {
    "random": {"trials": 12},
    "grid": {"trials": 20},
    "coarse_to_fine": {"trials": 12},
    "halving": {"trials": 9},
    "optuna": {"trials": 6},
}
every = pytest.mark.parametrize(
    "method", [m if m != "optuna" else pytest.param(m, marks=pytest.mark.extra("tune")) for m in METHODS]
)


def search(method, objective=smooth, **more):
    return tuner.search(objective, SPACE, method, **{"seed": 3, "verbose": 0, **METHODS[method], **more})


def test_every_method_is_here():
    from autonet.tuner.search import METHODS as known

    assert known.keys() == METHODS.keys()


@every
def test_the_seed_decides(method, tmp_path):
    result = search(method)
    assert key(search(method, journal=tmp_path / "j")) == key(result)
    assert key(search(method, journal=tmp_path / "j")) == key(result)  # from the journal
    if method != "grid":
        assert [o.parameters for o in search(method, seed=4).outcomes] != [o.parameters for o in result.outcomes]


@every
def test_workers_change_nothing(method):
    if method == "optuna":
        assert key(search(method, workers=2)) == key(search(method, workers=2))
    else:
        assert key(search(method, workers=3)) == key(search(method))


@every
@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_is_best(method, mode):
    result = search(method, mode=mode)
    scores = [o.score for o in result.outcomes]
    assert result.best.score == (max if mode == "max" else min)(scores)
    assert (SPACE.contains(result.best.parameters), result.mode) == (True, mode)


@every
def test_trials_that_raise_are_kept(method):
    result = search(method, failing)
    numbers = {o.number: o for o in result.outcomes}
    assert numbers[1].error.startswith("ZeroDivisionError: trial 1 (objectives.py:")
    assert math.isnan(numbers[1].score) and math.isnan(numbers[2].score) and numbers[2].error is None
    assert not math.isnan(result.best.score)
    assert "failed, first trial 1: ZeroDivisionError: trial 1" in repr(result)


@every
def test_the_callers_chance_is_left_alone(method):
    autonet.utils.set_random_seed(7)
    expected = float(autonet.random.uniform(())), autonet.initializers.GlorotUniform().seed
    autonet.utils.set_random_seed(7)
    search(method)
    assert (float(autonet.random.uniform(())), autonet.initializers.GlorotUniform().seed) == expected


def test_draws_of_numpy_and_python_belong_to_the_trial():
    def objective(trial):
        return np.random.random() + random.random()

    np.random.seed(4)
    random.seed(4)
    expected = np.random.random(), random.random()
    np.random.seed(4)
    random.seed(4)
    whole = key(tuner.search(objective, SPACE, trials=6, seed=1, verbose=0))
    assert (np.random.random(), random.random()) == expected
    assert len({row[2] for row in whole}) == 6
    assert key(tuner.search(objective, SPACE, trials=3, seed=1, verbose=0)) == whole[:3]
    with pytest.warns(UserWarning, match="Trials in threads share the generators"):
        tuner.search(objective, SPACE, trials=2, seed=1, verbose=0, workers=2)


def test_without_a_seed_the_global_one_decides():
    found = []
    for n in (1, 1, 2):
        autonet.utils.set_random_seed(n)
        found.append(key(search("random", seed=None)))
    assert found[0] == found[1] != found[2]


def test_an_objective_that_always_fails_ends_the_search(tmp_path):
    calls = []

    def wrong(trial):
        calls.append(trial.number)
        raise KeyError("nowhere")

    for _ in range(2):
        with pytest.raises(ArgumentError, match=r"first 5 trials all failed, the first with KeyError: 'nowhere'"):
            tuner.search(wrong, SPACE, trials=30, seed=1, verbose=0, journal=tmp_path / "j")
    assert calls == [0, 1, 2, 3, 4]


def test_few_trials_that_all_fail_are_a_result_without_a_best():
    result = tuner.search(lambda trial: [None, np.ones(1)][trial.number], SPACE, trials=2, seed=1, verbose=0)
    assert "one number as its score; received None" in result.outcomes[0].error
    assert "received array([1.])" in result.outcomes[1].error
    with pytest.raises(ArgumentError, match="No trial of this search has a score"):
        _ = result.best


@pytest.mark.parametrize(
    "scores, why",
    [
        ([math.nan, math.nan], r": all 2 returned NaN\. "),
        ([None, math.nan], r": 1 raised \(look at the errors in its table\), 1 returned NaN\. "),
        ([None, None], r": 2 raised \(look at the errors in its table\)\.$"),
    ],
    ids=["nan", "both", "raised"],
)
def test_it_says_why_no_trial_has_a_score(scores, why):
    result = tuner.search(lambda trial: scores[trial.number], SPACE, trials=2, seed=1, verbose=0)
    with pytest.raises(ArgumentError, match="No trial of this search has a score" + why):
        _ = result.best


@pytest.mark.parametrize("score", [1, np.float32(1), np.array(1.0), True, autonet.Tensor(1.0)], ids=repr)
def test_whatever_is_a_number_is_a_score(score):
    with np.errstate(all="ignore"):
        assert tuner.search(lambda trial: score, SPACE, trials=1, verbose=0).best.score == 1.0


def test_a_line_for_each_trial(capsys):
    tuner.search(failing, SPACE, trials=3, seed=3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Trial 0: ") and "rate=" in lines[0] and lines[0].endswith("of trial 0)")
    assert lines[1].startswith("Trial 1: ZeroDivisionError: trial 1")


def test_a_folder_stays_while_it_is_needed(tmp_path):
    seen = {}

    def objective(trial):
        seen[trial.number, trial.epochs] = sorted(p.name for p in (tmp_path / "j.trials").glob("*"))
        count = trial.folder / "count"
        before = int(count.read_text()) if count.exists() else 0
        count.write_text(str(trial.epochs))
        return 100 * trial.number + before

    result = tuner.search(objective, SPACE, tuner.Halving(2), 4, seed=1, verbose=0, journal=tmp_path / "j")
    assert [(o.number, o.epochs, o.score) for o in result.trials] == [(3, 4, 302), (2, 2, 201), (1, 1, 100), (0, 1, 0)]
    assert seen[3, 2] == ["000002", "000003"] or seen[2, 2] == ["000002", "000003"]
    assert [p.name for p in (tmp_path / "j.trials").glob("*")] == ["000003"]


def test_a_temporary_folder_goes_with_the_result():
    folders = []

    def objective(trial):
        folders.append(trial.folder)
        return trial.number

    result = tuner.search(objective, SPACE, trials=3, verbose=0)
    assert [f.exists() for f in folders] == [False, False, True]
    del result
    assert not folders[2].parent.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "randon"}, "Did you mean 'random'"),
        ({"method": 3}, "or a Method"),
        ({"trials": 0}, "trials to be a whole number"),
        ({"workers": 0}, "workers to be a whole number"),
        ({"trials": None}, "how many trials"),
        ({"mode": "best"}, "'min' or 'max'"),
        ({"seed": -1}, "A seed is an integer"),
        ({"objective": 3}, "function of a Trial"),
        ({"space": {"rate": 1}}, "a scale for 'rate'"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        tuner.search(**{"objective": smooth, "space": SPACE, "trials": 3, "verbose": 0, **options})


def test_methods_and_spaces_come_in_several_forms():
    expected = key(tuner.search(smooth, SPACE, "halving", 4, 1, verbose=0))
    assert key(tuner.search(smooth, dict(SPACE.scales), tuner.Halving, 4, 1, verbose=0)) == expected
    assert key(tuner.search(smooth, SPACE, tuner.Halving(), 4, 1, verbose=0)) == expected


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_says_how_to_go_on(kept, tmp_path):
    def ended(trial):
        if trial.number == 3:
            raise KeyboardInterrupt
        return 0.5

    journal = tmp_path / "j" if kept else None
    with pytest.raises(KeyboardInterrupt) as caught:
        tuner.search(ended, SPACE, trials=5, seed=1, verbose=0, journal=journal)
    (note,) = caught.value.__notes__
    assert note.startswith("The search had 3 outcomes, which ")
    assert f"{str(journal)!r} keeps" in note if kept else "are gone" in note
    files = [entry.path.name for entry in caught.traceback]
    assert set(map(str, files)) <= {"test_search.py", "lines.py", "objectives.py"}, files
    result = tuner.search(smooth, SPACE, trials=5, seed=1, verbose=0, journal=journal)
    assert sum(o.score == 0.5 for o in result.outcomes) == (3 if kept else 0)
