"""A study of Optuna's in a file, on which any number of processes and machines work."""

import json
import os
import time
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import TrialState

from autonet.errors import DataError
from autonet.random.seeds import fresh_seed
from autonet.tuner import heartbeat, journal
from autonet.tuner.annexes import samplers
from autonet.tuner.heartbeat import Heartbeat, Mutex
from autonet.tuner.methods import Task
from autonet.tuner.result import Folder
from autonet.tuner.trial import Order, Outcome, rank
from autonet.utils.files import append

SEARCH, WORKER, OUTCOME, EXHAUSTED = (f"autonet:{name}" for name in ("search", "worker", "outcome", "exhausted"))


class JournalFile(JournalFileBackend):
    """Optuna's journal, in which half a line that a killed process left is removed before the next one is written."""

    def __init__(self, path: str):
        self._turn = JournalFileSymlinkLock(path)
        super().__init__(path, self._turn)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._turn.acquire()
        try:
            with open(self._file_path, "rb+", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(end - 1, 0))
                if file.read(1) not in (b"", b"\n"):
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
                    file.seek(0, os.SEEK_END)
                append(file, lines.encode(), flush=True)
        finally:
            self._turn.release()


class SharedStudy:
    """The study in a file, seen from one process. A context manager: at its end, trials that were begun wait for others.

    Trials have the numbers from 0 on. One that a process has begun and will not finish, since it was killed, waits again as
    soon as another process sees that: under its number, with its parameters.

    Args:
        path: of the file; beside it are the folders `<path>.workers`, with a heartbeat of each process, and `<path>.trials`.
        header: what makes the search, as plain values by name; the first process writes it down.

    Raises: DataError for the study of another search.
    """

    def __init__(self, path: Any, header: dict[str, Any], task: Task, sampler: Any, pruner: Any):
        self.path = Path(os.path.abspath(path))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.folder = Folder(f"{self.path}.trials")
        self.heartbeat = Heartbeat(Path(f"{self.path}.workers"))
        self.heartbeat.folder.mkdir(exist_ok=True)
        self.turn = Mutex(self.heartbeat.folder / "turn")
        self.space, self.scales = task.space, task.space.scales
        self._given = {name: samplers.distribution(scale) for name, scale in self.scales.items()}
        self._watched = pruner is not None
        self._running: dict[int, Any] = {}
        storage = JournalStorage(JournalFile(str(_checked(self.path))))
        settings = samplers.settings(sampler, pruner, 0, task.mode)
        with self.turn:
            self.study = samplers.quiet(optuna.create_study, storage=storage, load_if_exists=True, **settings)
            if not self.study.user_attrs and not self.study.get_trials(deepcopy=False):
                seed = fresh_seed() if header.get("seed") is None else header["seed"]
                self.study.set_user_attr(SEARCH, {**header, "seed": seed})
            self.header = journal.agreed(self.study.user_attrs.get(SEARCH, {}), header, self.path)
        self.sampler = settings["sampler"]
        self.seed = self.sampler.seed = self.header["seed"]

    def __enter__(self) -> "SharedStudy":
        self.heartbeat.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        for trial in self._running.values():
            self._wait_again(trial._trial_id)
        self.heartbeat.__exit__(*exc)

    def ask(self, task: Task) -> Order | None:
        """A trial to be run by this process; None where there is nothing to do now."""
        with self.turn:
            self._look_for_gone()
            trials = self.study.get_trials(deepcopy=False)
            waiting = any(t.state == TrialState.WAITING and t.number < task.count("Optuna") for t in trials)
            if not waiting and (len(trials) >= task.count("Optuna") or self._is_exhausted()):
                return None
            trial = self.study.ask(self._given)
            trial.set_user_attr(WORKER, self.heartbeat.name)
        if trial.number >= task.count("Optuna"):  # others were faster, where files cannot be locked
            self._wait_again(trial._trial_id)
            return None
        self._running[trial.number] = trial
        parameters = {name: samplers.value(scale, trial.params[name]) for name, scale in self.scales.items()}
        return task.order(
            trial.number,
            parameters,
            watch=samplers.Watch(trial) if self._watched else None,
            folder=self.folder.of(trial.number),
        )

    def tell(self, outcome: Outcome) -> None:
        """What came of a trial. Where others have finished it meanwhile, because this process stood still, theirs counts."""
        trial = self._running.pop(outcome.number)
        if self.study._storage.get_trial(trial._trial_id).state != TrialState.RUNNING:
            return
        try:
            trial.set_user_attr(OUTCOME, journal.written(outcome))
            tell(self.study, trial, outcome)
        except UpdateFinishedTrialError:
            return
        if self.sampler.exhausted and not self._is_exhausted():
            self.study.set_user_attr(EXHAUSTED, True)

    def is_done(self, task: Task) -> bool:
        """Whether all trials have an outcome."""
        trials = [t for t in self.study.get_trials(deepcopy=False) if t.number < task.count("Optuna")]
        return all(t.state.is_finished() for t in trials) and (
            len(trials) == task.count("Optuna") or self._is_exhausted()
        )

    def outcomes(self) -> list[Outcome]:
        """Those of all trials so far, in order of their numbers."""
        trials = self.study.get_trials(deepcopy=False, states=[s for s in TrialState if s.is_finished()])
        return [
            journal.read(t.user_attrs[OUTCOME], f"{self.path}, trial {t.number},", self.space)
            for t in trials
            if OUTCOME in t.user_attrs
        ]

    def forget_folders(self, mode: str) -> None:
        """Remove the folders of trials that are done, but for the best."""
        outcomes = self.outcomes()
        if outcomes:
            self.folder.remove({o.number for o in outcomes} - {rank(outcomes, mode)[0].number})

    def _look_for_gone(self) -> None:
        """Let trials whose process is no more wait for another."""
        gone: dict[str, bool] = {}
        for t in self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            worker = t.user_attrs.get(WORKER, "")
            if not worker:  # which says so a moment after it has begun
                began = t.datetime_start
                gone[worker] = began is not None and time.time() - began.timestamp() > heartbeat.GRACE
            elif worker not in gone:
                gone[worker] = self.heartbeat.gone(worker)
            if gone[worker]:
                self._wait_again(t._trial_id)
        for worker in gone:
            if worker and gone[worker]:
                self.heartbeat.forget(worker)

    def _wait_again(self, trial_id: int) -> None:
        storage = self.study._storage
        try:
            storage.set_trial_user_attr(trial_id, WORKER, "")
            storage.set_trial_state_values(trial_id, TrialState.WAITING)
        except UpdateFinishedTrialError:  # it was finished meanwhile
            pass

    def _is_exhausted(self) -> bool:
        return bool(self.study.user_attrs.get(EXHAUSTED))


def tell(study: Any, trial: Any, outcome: Outcome) -> None:
    """Tell a study what came of a trial."""
    if outcome.score != outcome.score:
        study.tell(trial, state=TrialState.FAIL)
    elif outcome.pruned:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, outcome.score)


def _checked(path: Path) -> Path:
    """Raises: DataError for a file that is no journal of Optuna's: it is left alone."""
    with open(path, "ab+") as file:
        file.seek(0)
        start = file.read(len(_START))
    if not _START.startswith(start):
        raise DataError(f"{path} is no journal of Optuna's. Give another path, or remove it.")
    return path


_START = b'{"op_code":'
