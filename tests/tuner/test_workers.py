"""Workers: side by side in threads or processes, to the same end as one after another; Ctrl-C ends the search."""

import os
import signal
import threading

import pytest

from autonet import tuner
from autonet.errors import ArgumentError
from tests.tuner.objectives import SPACE, dying, elsewhere, endless, key, smooth, training


def test_processes_do_what_one_worker_does():
    result = tuner.search(training(), SPACE, "halving", 4, seed=2, verbose=0)
    beside = tuner.search(training(), SPACE, "halving", 4, seed=2, verbose=0, workers=2, processes=True)
    assert key(beside) == key(result)
    for a, b in zip(beside.best_model().get_weights(), result.best_model().get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_threads_that_fit_do_what_one_worker_does():
    result = tuner.search(training(), SPACE, trials=6, seed=2, verbose=0)
    beside = tuner.search(training(), SPACE, trials=6, seed=2, verbose=0, workers=3)
    assert key(beside) == key(result)
    for a, b in zip(beside.best_model().get_weights(), result.best_model().get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_processes_are_others_and_keep_errors():
    result = tuner.search(elsewhere, SPACE, trials=2, seed=2, verbose=0, processes=True)
    assert result.outcomes[0].error.startswith("ZeroDivisionError: trial 0 (objectives.py:")
    assert result.outcomes[1].score not in (0, os.getpid())


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_ends_processes_that_have_not_heard_of_it():
    timer = threading.Timer(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        tuner.search(endless, SPACE, trials=2, verbose=0, processes=True)
    timer.join()


def test_a_process_that_dies_is_told():
    with pytest.raises(ArgumentError, match="worker process ended before its trial did"):
        tuner.search(dying, SPACE, trials=2, verbose=0, processes=True)


def test_an_objective_that_processes_cannot_find_is_told():
    with pytest.raises(ArgumentError, match="find the objective by its name.*processes=False"):
        tuner.search(lambda trial: 1.0, SPACE, trials=2, verbose=0, processes=True)


def test_trials_really_run_side_by_side():
    meet = threading.Barrier(3, timeout=60)
    result = tuner.search(lambda trial: meet.wait() * 0.0, SPACE, trials=6, verbose=0, workers=3)
    assert [o.error for o in result.outcomes] == [None] * 6


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_the_search_and_what_was_under_way_is_not_kept(workers, tmp_path):
    begun = []
    fitted = training()

    def objective(trial):
        begun.append(trial.number)
        if trial.number < 2:
            return smooth(trial)
        if trial.number == 2:
            threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        model = fitted.build(0.01, 4, "relu")
        while True:  # fit ends well after Ctrl-C, and the search must still know
            model.fit(fitted.x, fitted.y, epochs=1, verbose=0)
            trial.report(0.0)

    with pytest.raises(KeyboardInterrupt):
        tuner.search(objective, SPACE, trials=8, seed=3, verbose=0, workers=workers, journal=tmp_path / "j")
    assert len(begun) <= 2 + workers
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    result = tuner.search(smooth, SPACE, trials=8, seed=3, verbose=0, journal=tmp_path / "j")
    assert key(result) == key(tuner.search(smooth, SPACE, trials=8, seed=3, verbose=0))
