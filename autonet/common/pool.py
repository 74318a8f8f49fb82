"""Work on large arrays in cache-sized parts, on every thread: of bodies that pass over the same rows several times, and of
plans' updates of weights."""

import contextvars
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autonet.common import processors

LARGE = 1 << 18  # elements from which it pays
BLOCK = 1 << 15  # elements of one array in a block: several of these fit the cache of a processor

Parts = Sequence[tuple[Callable[..., object], Sequence[Any]]]  # functions, and what each is called with


def by_rows(f: Callable[..., object], *rows: np.ndarray) -> None:
    """f(*blocks) for block after block of matrices of equally many rows, in any order, on several threads.

    The bits are those of f(*rows) where `f` treats each row, or each element, by itself.
    """
    n = len(rows[0])
    step = max(1, BLOCK * n // max(array.size for array in rows))
    parts = [(f, [array[i : i + step] for array in rows]) for i in range(0, n, step)]
    together([parts] * min(threads(), len(parts)))


def threads() -> int:
    """How many threads work together: as `set_threads` says, else as the process found it when it first asked."""
    return processors.chosen or _at_start()


def together(shares: Sequence[Parts]) -> None:
    """Run all parts of a job once, in any order, on as many threads as there are shares and may be threads.

    Threads take the next part when they are done with one: where the others are late, since other work is on their
    processors, this one does it all, and waits for parts that were begun alone.

    Args:
        shares: for each thread, the parts as it runs them; they are equally many, and differ in workspaces alone.

    Raises: what a part raises.
    """
    count = min(threads(), len(shares))
    if count < 2 or not _crew.lock.acquire(blocking=False):  # while another thread's job runs, this one's runs alone
        for f, arguments in shares[0]:
            f(*arguments)
        return
    try:
        _crew.run(shares[:count])
    finally:
        _crew.lock.release()


def _work(share: Parts, numbers: Iterator[int]) -> None:
    for k in numbers:
        f, arguments = share[k]
        f(*arguments)


class _Helper:
    """A thread that waits to be called; asleep, it costs nothing."""

    def __init__(self, number: int) -> None:
        self.called, self.busy = threading.Lock(), threading.Lock()
        self.called.acquire()
        self.job: tuple[contextvars.Context, Parts, Iterator[int]] | None = None
        self.error: BaseException | None = None
        threading.Thread(target=self._serve, name=f"autonet-helper-{number}", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self.called.acquire()
            with self.busy:  # parts are taken only while this is held
                if self.job is not None:
                    context, share, numbers = self.job
                    try:
                        context.run(_work, share, numbers)
                    except BaseException as error:
                        self.error = error
                    context = share = numbers = None  # type: ignore[assignment]

    def call(self, share: Parts, numbers: Iterator[int]) -> None:
        self.job = contextvars.copy_context(), share, numbers  # numpy.errstate lives in the context
        if self.called.locked():  # else it has not yet come to the last call, and finds this job
            self.called.release()

    def wait(self) -> BaseException | None:
        """Until it writes nowhere; what went wrong."""
        with self.busy:
            error, self.job, self.error = self.error, None, None
        return error


class _Crew:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.helpers: list[_Helper] = []

    def run(self, shares: Sequence[Parts]) -> None:
        numbers = iter(range(len(shares[0])))
        while len(self.helpers) < len(shares) - 1:
            self.helpers.append(_Helper(len(self.helpers) + 1))
        helpers = self.helpers[: len(shares) - 1]
        errors = []
        try:
            for helper, share in zip(helpers, shares[1:], strict=True):
                helper.call(share, numbers)
            _work(shares[0], numbers)
        finally:  # whatever happens, nobody writes to an array that was given back
            for _ in numbers:
                pass
            errors = [error for helper in helpers if (error := helper.wait()) is not None]
        for error in errors:
            raise error


_crew = _Crew()


@functools.cache
def _at_start() -> int:
    return processors.threads()


def _begin_anew() -> None:
    global _crew
    _crew = _Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)  # a child has none of its parent's threads
