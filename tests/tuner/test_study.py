"""A study in a file: processes work on it together; what a killed one had begun, another takes up again."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from autonet import tuner
from autonet.errors import ArgumentError, DataError
from tests.tuner.objectives import SPACE, failing, key, smooth, training

pytestmark = pytest.mark.extra("tune")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def search(path, trials=8, objective=smooth, **more):
    settings = {"seed": 3, "verbose": 0, **more}
    return tuner.search(objective, SPACE, tuner.Optuna(storage=path), trials, **settings)


def alone(trials=8):
    return tuner.search(smooth, SPACE, "optuna", trials, seed=3, verbose=0)


def raw(path):
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    return optuna.load_study(study_name="autonet", storage=storage)


def test_it_is_the_search_in_memory_and_goes_on(tmp_path):
    first = search(tmp_path / "s", 5)
    assert key(first) == key(alone(5))
    text = (tmp_path / "s").read_bytes()
    assert key(search(tmp_path / "s", 5)) == key(first) and (tmp_path / "s").read_bytes()[: len(text)] == text
    longer = search(tmp_path / "s", 8, seed=None)
    assert key(longer) == key(alone()) and longer.seed == 3
    assert [t.number for t in raw(tmp_path / "s").trials] == list(range(8))


def test_a_full_disk_adds_nothing_and_is_said_with_the_file(tmp_path, monkeypatch):
    from autonet.tuner.annexes.study import JournalFile

    search(tmp_path / "s", 2)
    text = (tmp_path / "s").read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device: .*s'"):
            JournalFile(str(tmp_path / "s")).append_logs([{"a": 1}])
    assert (tmp_path / "s").read_bytes() == text
    assert key(search(tmp_path / "s", 5)) == key(alone(5))


@pytest.mark.parametrize(("workers", "processes"), [(3, False), (2, True)])
def test_workers_share_it(workers, processes, tmp_path):
    import optuna

    method = tuner.Optuna(optuna.samplers.RandomSampler(), optuna.pruners.PercentilePruner(10.0), tmp_path / "s")
    result = tuner.search(smooth, SPACE, method, 12, seed=3, verbose=0, workers=workers, processes=processes)
    expected = tuner.search(smooth, SPACE, tuner.Optuna(optuna.samplers.RandomSampler()), 12, seed=3, verbose=0)
    assert [(o.number, o.parameters) for o in result.outcomes] == [(o.number, o.parameters) for o in expected.outcomes]
    assert all(o.error is None and len(o.reports) == 1 for o in result.outcomes)
    assert all(t.intermediate_values for t in raw(tmp_path / "s").trials)


def test_searches_side_by_side_make_each_trial_once(tmp_path):
    ran, results = [], []

    def objective(trial):
        ran.append(trial.number)
        time.sleep(0.01)
        return smooth(trial)

    threads = [threading.Thread(target=lambda: results.append(search(tmp_path / "s", 12, objective))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == list(range(12))
    assert len(results) == 3 and key(results[0]) == key(results[1]) == key(results[2])


SCRIPT = """
import sys, time
from pathlib import Path
from autonet import tuner
from tests.tuner.objectives import SPACE, smooth

def objective(trial):
    if trial.number == 2 and len(sys.argv) > 2:
        trial.report(trial["rate"])
        Path(sys.argv[2]).write_text(repr(trial.parameters))
        time.sleep(600)
    return smooth(trial)

tuner.search(objective, SPACE, tuner.Optuna(storage=sys.argv[1]), 6, seed=3, verbose=0)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
def test_what_a_killed_process_had_begun_is_taken_up_again(tmp_path):
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "s"), str(tmp_path / "begun")]
    with subprocess.Popen(command, env=environment) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    states = [t.state.name for t in raw(tmp_path / "s").trials]
    assert states == ["COMPLETE", "COMPLETE", "RUNNING"]
    with open(tmp_path / "s", "ab") as file:
        file.write(b'{"op_code":6,"wor')  # as if it had been writing
    result = search(tmp_path / "s", 6)
    assert key(result) == key(alone(6))
    assert repr(result.outcomes[2].parameters) == (tmp_path / "begun").read_text()
    assert [t.state.name for t in raw(tmp_path / "s").trials] == ["COMPLETE"] * 6


def test_a_process_elsewhere_takes_up_what_has_not_been_touched_for_a_minute(tmp_path, monkeypatch):
    from autonet.tuner import heartbeat, methods

    task = methods.Task(SPACE, 2, 3, "max")
    monkeypatch.setattr(heartbeat, "_machine", lambda: "there")
    header = {"space": SPACE.describe(), "seed": 3}
    with tuner.Optuna(storage=tmp_path / "s")._open(header, task) as there:
        order = there.ask(task)
        monkeypatch.setattr(heartbeat, "_machine", lambda: "here")
        with tuner.Optuna(storage=tmp_path / "s")._open(header, task) as here:
            other = here.ask(task)
            assert (order.number, other.number) == (0, 1) and here.ask(task) is None
            beat = tmp_path / "s.workers" / there.heartbeat.name
            os.utime(beat, (1.0, 1.0))
            again = here.ask(task)
            assert again.number == 0 and (again.parameters, again.seed) == (order.parameters, order.seed)
            outcome = tuner.Outcome(0, again.parameters, 1.0)
            here.tell(outcome)
            there.tell(tuner.Outcome(0, order.parameters, 2.0))  # it had only stood still: too late
            assert here.outcomes() == [outcome]


def test_ctrl_c_leaves_the_trial_to_others(tmp_path):
    def objective(trial):
        if trial.number == 2:
            raise KeyboardInterrupt
        return smooth(trial)

    with pytest.raises(KeyboardInterrupt) as caught:
        search(tmp_path / "s", 4, objective)
    assert caught.value.__notes__[0].startswith("The search had 2 outcomes, which ")
    assert [t.state.name for t in raw(tmp_path / "s").trials] == ["COMPLETE", "COMPLETE", "WAITING"]
    assert key(search(tmp_path / "s", 4)) == key(alone(4))
    assert {path.name for path in (tmp_path / "s.workers").iterdir()} == {"turn"}


def test_failures_are_kept_and_given_up(tmp_path):
    result = search(tmp_path / "s", 6, failing)
    assert key(result) == key(tuner.search(failing, SPACE, "optuna", 6, seed=3, verbose=0))
    with pytest.raises(ArgumentError, match="first 5 trials all failed"):
        search(tmp_path / "t", 9, lambda trial: 1 / 0)


def test_the_best_model_stays(tmp_path):
    result = search(tmp_path / "s", 3, training(epochs=2))
    again = search(tmp_path / "s", 3, training(epochs=2))
    assert [p.name for p in (tmp_path / "s.trials").iterdir()] == [f"{result.best.number:06d}"]
    for a, b in zip(result.best_model().get_weights(), again.best_model().get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_another_search_and_another_file_are_refused(tmp_path):
    search(tmp_path / "s", 2)
    with pytest.raises(DataError, match="another search: its seed is"):
        search(tmp_path / "s", 2, seed=4)
    with pytest.raises(DataError, match="another search: its mode is"):
        search(tmp_path / "s", 2, mode="min")
    for text in (b"important", b"important\n", b'{"a": 1}\n'):
        (tmp_path / "f").write_bytes(text)
        with pytest.raises(DataError, match="no journal of Optuna's"):
            search(tmp_path / "f", 2)
        assert (tmp_path / "f").read_bytes() == text
    with pytest.raises(ArgumentError, match="leave journal out"):
        search(tmp_path / "s", 2, journal=tmp_path / "j")
