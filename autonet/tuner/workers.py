"""Workers: trials one after another, or side by side in threads or processes."""

import concurrent.futures
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any

from autonet.common import dtypes, processors
from autonet.errors import ArgumentError
from autonet.tuner.trial import Order, Outcome, run

Objective = Callable[[Any], Any]


class Workers:
    """Runs trials of one objective, `count` at a time. A context manager: at its end all have stopped.

    Args:
        processes: in processes of their own rather than in threads of this one.
    """

    def __init__(self, objective: Objective, count: int, processes: bool):
        self.objective = objective
        self.stopping = threading.Event()
        self.pool: Any = None
        self.processes = processes
        if processes:
            share = max(processors.available() // count, 1)
            self.pool = concurrent.futures.ProcessPoolExecutor(
                count,
                mp_context=get_context("spawn"),
                initializer=_begin,
                initargs=(_pickled(objective), share, dtypes.floatx(), dtypes.epsilon()),
            )
        elif count > 1:
            self.pool = concurrent.futures.ThreadPoolExecutor(count, "autonet-trial")

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopping.set()  # trials that are running in threads end with their next report
        if self.pool is not None:
            if exc[0] is not None and self.processes:
                for process in list((self.pool._processes or {}).values()):
                    process.terminate()  # what they have written is whole, and they go on from it
            self.pool.shutdown(wait=True, cancel_futures=True)

    def run(self, orders: list[Order]) -> Iterator[Outcome]:
        """The outcomes of trials, as they come."""
        if self.pool is None:
            for order in orders:
                yield run(self.objective, order)
            return
        for future in concurrent.futures.as_completed([self.start(order) for order in orders]):
            yield self.outcome(future)

    def start(self, order: Order) -> Future[Outcome]:
        """Begin a trial; where there is one worker, it is done when this returns."""
        if self.pool is None:
            future: Future[Outcome] = Future()
            future.set_result(run(self.objective, order))
            return future
        with _told():
            if self.processes:
                return self.pool.submit(_work, order)
            return self.pool.submit(run, self.objective, order, self.stopping.is_set)

    def outcome(self, future: Future[Outcome]) -> Outcome:
        """What came of a trial that was started."""
        with _told():
            return future.result()


@contextmanager
def _told() -> Iterator[None]:
    """With a clear error where a process has died."""
    try:
        yield
    except BrokenProcessPool:
        raise ArgumentError(
            "A worker process ended before its trial did: it was killed, perhaps for want of memory, or the script that "
            'starts the search does so when it is imported too. Put the search under: if __name__ == "__main__":'
        ) from None


def _pickled(objective: Objective) -> bytes:
    try:
        return pickle.dumps(objective)
    except Exception as error:
        raise _unknown(error) from None


def _unknown(error: BaseException) -> ArgumentError:
    return ArgumentError(
        f"Processes must find the objective by its name: {type(error).__name__}: {error}. Define it, and what it holds, at "
        "the top of a module or script, or use threads: processes=False."
    )


# In a process of its own

_given: dict[str, Any] = {}


def _begin(objective: bytes, threads: int, floatx: str, epsilon: float) -> None:
    """What a worker process does first. It ends with its parent, however that ends, and its plans take their share of threads.

    NumPy's BLAS is left as it is: the bits of its products depend on its threads, those of plans do not.
    """
    threading.Thread(target=_follow_parent, daemon=True).start()
    os.environ.setdefault("AUTONET_NUM_THREADS", str(threads))
    dtypes.set_floatx(floatx)
    dtypes.set_epsilon(epsilon)
    _given["pickled"] = objective


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(order: Order) -> Outcome:
    if "objective" not in _given:
        try:
            _given["objective"] = pickle.loads(_given["pickled"])
        except Exception as error:
            raise _unknown(error) from None
    return run(_given["objective"], order)
