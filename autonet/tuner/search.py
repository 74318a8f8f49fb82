"""search: try parameters of a space, and keep what came of them."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Any

from autonet.common.types import PathLike
from autonet.errors import ArgumentError, DataError, unknown
from autonet.random.seeds import checked_seed, fresh_seed
from autonet.tuner.journal import Journal
from autonet.tuner.methods import CoarseToFine, Grid, Halving, Method, Random, Task
from autonet.tuner.optuna import Optuna
from autonet.tuner.result import Folder, Result, show
from autonet.tuner.scales import Scale
from autonet.tuner.space import Space
from autonet.tuner.trial import Order, Outcome, Trial, rank
from autonet.tuner.workers import Workers
from autonet.utils import progress

METHODS: dict[str, type[Method]] = {
    "random": Random,
    "grid": Grid,
    "coarse_to_fine": CoarseToFine,
    "halving": Halving,
    "optuna": Optuna,
}
POLL = 0.5  # seconds between looks at what other processes have finished
ALL_FAIL = 5  # so many trials, if the first ones all raise, are enough


def search(
    objective: Callable[[Trial], float],
    space: Space | Mapping[str, Scale],
    method: str | Method = "random",
    trials: int | None = None,
    seed: int | None = None,
    *,
    mode: str = "auto",
    workers: int = 1,
    processes: bool = False,
    journal: PathLike | None = None,
    verbose: int = 1,
) -> Result:
    """Try parameters of a space.

    The same seed makes the same trials, with the same chance in each, whatever the number of workers, and whether or not the
    search was killed and started again. All generators start each trial from its `seed`, and are for whoever called as if
    nothing had been drawn; but threads share those behind np.random and random: there, draw from
    np.random.default_rng(trial.seed).

    Args:
        objective: function of a `Trial` that returns its score; or a `Training`, which builds and fits models.
        space: the parameters and their scales.
        method: "random", "grid", "coarse_to_fine", "halving", "optuna", or one of their classes' instances, with settings.
        trials: how many sets of parameters to try.
        seed: integer from 0 to 2**32 - 1; None takes that of the journal, else one from the stream that
            `utils.set_random_seed` starts.
        mode: "max" if larger scores are better, "min" if smaller ones are; "auto": as the objective's monitored value says,
            else "max".
        workers: number of trials at a time.
        processes: whether these are processes of their own, which find the objective by its name; otherwise threads. Steps
            that are not compiled to C (eager ones, and all where there is no compiler) share the processors better with
            OPENBLAS_NUM_THREADS=1 in the environment.
        journal: path of a file that keeps each outcome as it comes, from which the same search, started again after whatever
            ended it, goes on; folder `<journal>.trials` beside it holds what trials need to go on, and the best weights. For
            several processes or machines that search together: method=Optuna(storage=...).
        verbose: 0 silent, 1 a line for each trial.

    Trials that raise are kept with their error and without a score, and the search goes on, unless the first five all do.

    Returns: the Result.

    Raises: ArgumentError for what does not fit, and where the first trials all fail; DataError for the journal of another
    search.
    """
    space = space if isinstance(space, Space) else Space(**space)
    chosen = _method(method)
    for name, value in {"trials": trials, "workers": workers}.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ArgumentError(f"search expects {name} to be a whole number of at least 1; received {value!r}.")
    if not callable(objective):
        raise ArgumentError(
            f"search expects a function of a Trial as objective, or a Training; received {objective!r}."
        )
    if hasattr(objective, "check"):
        objective.check(list(space.scales))
    chosen.check()
    mode = _mode(mode, objective)
    wanted = None if seed is None else checked_seed(seed)
    task = Task(space, trials, wanted or 0, mode, workers, getattr(objective, "epochs", None))
    if isinstance(chosen, Optuna) and chosen.storage is not None:
        if journal is not None:
            raise ArgumentError("Optuna(storage=...) keeps the outcomes itself: leave journal out.")
        return _search_together(chosen, task, objective, wanted, processes, verbose)
    with _Records(journal, _header(objective, chosen, task, wanted), space) as records:
        task = Task(space, trials, records.seed, mode, workers, task.epochs)
        try:
            with Workers(objective, workers, processes) as pool:
                _run(chosen, task, records, pool, verbose)
        except KeyboardInterrupt as error:
            error.add_note(_interrupted(len(records.outcomes), journal))
            raise
    return Result(space, mode, records.seed, records.sorted(), objective, records.folder)


def _run(method: Method, task: Task, records: "_Records", pool: Workers, verbose: int) -> None:
    rounds = method.rounds(task)
    orders = next(rounds)
    while True:
        records.keep_folders({o.number for o in orders}, task.mode)
        outcomes = {o.number: known for o in orders if (known := records.known(o)) is not None}
        _give_up(outcomes)
        left = [records.placed(o) for o in orders if o.number not in outcomes]
        for outcome in pool.run(left):
            records.add(outcome)
            outcomes[outcome.number] = outcome
            if verbose:
                progress.write(_line(outcome, records.best(task.mode)))
            _give_up(outcomes)
            if outcome.epochs is None:  # it will not go on
                records.keep_folders({o.number for o in left} - outcomes.keys(), task.mode)
        try:
            orders = rounds.send([outcomes[o.number] for o in orders])
        except StopIteration:
            break
    records.keep_folders(set(), task.mode)


def _search_together(
    method: Optuna, task: Task, objective: Any, seed: int | None, processes: bool, verbose: int
) -> Result:
    """Work on a study that other processes may work on too, until it is done."""
    with method._open(_header(objective, method, task, seed), task) as study:
        task = replace(task, seed=study.seed)
        running: dict[Future[Outcome], Order] = {}
        try:
            with Workers(objective, task.workers, processes) as pool:
                while True:
                    while len(running) < task.workers and (order := study.ask(task)) is not None:
                        running[pool.start(order)] = order
                    if not running and study.is_done(task):
                        break
                    done = wait(running, None if len(running) == task.workers else POLL, FIRST_COMPLETED).done
                    if not running:
                        time.sleep(POLL)  # others have what is left
                    for future in done:
                        running.pop(future)
                        study.tell(outcome := pool.outcome(future))
                        outcomes = study.outcomes()
                        study.forget_folders(task.mode)
                        if verbose:
                            progress.write(_line(outcome, rank(outcomes, task.mode)[0]))
                        _give_up({o.number: o for o in outcomes[:ALL_FAIL]})
        except KeyboardInterrupt as error:
            error.add_note(_interrupted(len(study.outcomes()), study.path))
            raise
        return Result(task.space, task.mode, task.seed, study.outcomes(), objective, study.folder)


class _Records:
    """All outcomes so far, in a journal or in memory alone, and the folders of the trials. A context manager."""

    def __init__(self, path: Any, header: dict[str, Any], space: Space):
        self.journal = None if path is None else Journal(path, header, space)
        self.outcomes = {} if self.journal is None else self.journal.outcomes
        seed = (header if self.journal is None else self.journal.header)["seed"]
        self.seed: int = fresh_seed() if seed is None else seed
        self.folder = Folder(None if path is None else f"{path}.trials")

    def __enter__(self) -> "_Records":
        return self

    def __exit__(self, *exc: object) -> None:
        if self.journal is not None:
            self.journal.close()

    def add(self, outcome: Outcome) -> None:
        if self.journal is not None:
            self.journal.add(outcome)
        self.outcomes[outcome.number, outcome.epochs] = outcome

    def known(self, order: Order) -> Outcome | None:
        """What came of it before.

        Raises: DataError if it was another trial then.
        """
        found = self.outcomes.get((order.number, order.epochs))
        if found is not None and found.parameters != order.parameters:
            raise DataError(
                f"Trial {order.number} had the parameters {found.parameters} when the search was begun, and has "
                f"{order.parameters} now. Give a sampler of Optuna's a seed of its own, or another journal."
            )
        return found

    def placed(self, order: Order) -> Order:
        """With its folder."""
        return replace(order, folder=self.folder.of(order.number))

    def sorted(self) -> list[Outcome]:
        return sorted(self.outcomes.values(), key=lambda o: (o.number, o.epochs or 0))

    def best(self, mode: str) -> Outcome:
        return rank(self.sorted(), mode)[0]

    def keep_folders(self, numbers: set[int], mode: str) -> None:
        """Remove the folders of all trials but these and the best."""
        self.folder.keep(numbers | ({self.best(mode).number} if self.outcomes else set()))


def _interrupted(count: int, journal: Any) -> str:
    """What Ctrl-C leaves."""
    done = f"The search had {count} outcome{'s' if count != 1 else ''}"
    if journal is None:
        return f"{done}, which are gone. With journal='search.json' the same call goes on where it was ended."
    return f"{done}, which {str(journal)!r} keeps: the same call with this journal goes on from there."


def _header(objective: Any, method: Method, task: Task, seed: int | None) -> dict[str, Any]:
    """What makes a search, for its journal."""
    described = objective.describe() if hasattr(objective, "describe") else None
    return {
        "space": task.space.describe(),
        "method": method.describe(task),
        "seed": seed,
        "mode": task.mode,
        "objective": described,
    }


def _method(method: str | Method) -> Method:
    if isinstance(method, str):
        if method not in METHODS:
            raise unknown("method of search", method, METHODS)
        return METHODS[method]()
    if isinstance(method, type) and issubclass(method, Method):
        return method()
    if not isinstance(method, Method):
        raise ArgumentError(
            f"search expects method to be one of {', '.join(METHODS)}, or a Method; received {method!r}."
        )
    return method


def _mode(mode: str, objective: Any) -> str:
    if mode not in ("auto", "min", "max"):
        raise ArgumentError(f"search expects mode 'auto', 'min' or 'max'; received {mode!r}.")
    own = getattr(objective, "mode", "auto")
    if mode != "auto" and own in ("min", "max") and mode != own:
        raise ArgumentError(f"search received mode={mode!r}, the objective has mode={own!r}. Give it to one of them.")
    return mode if mode != "auto" else own if own in ("min", "max") else "max"


def _give_up(outcomes: dict[int, Outcome]) -> None:
    """An objective that fails at once fails always.

    Raises: ArgumentError if the first trials, all that there are or enough of them, raised.
    """
    first = [outcomes.get(n) for n in range(ALL_FAIL)]
    if all(o is not None and o.error is not None for o in first):
        assert first[0] is not None
        raise ArgumentError(
            f"The first {ALL_FAIL} trials all failed, the first with {first[0].error}. Mend the objective, and remove the "
            "journal, if there is one."
        )


def _line(outcome: Outcome, best: Outcome) -> str:
    parameters = ", ".join(f"{name}={show(value)}" for name, value in outcome.parameters.items())
    epochs = "" if outcome.epochs is None else f" after {outcome.epochs} epochs"
    said = show(outcome.score) if outcome.error is None else outcome.error.partition("\n")[0][:200]
    leads = f"best {show(best.score)} of trial {best.number}"
    return f"Trial {outcome.number}: {said}{epochs}, {parameters} ({leads})"
