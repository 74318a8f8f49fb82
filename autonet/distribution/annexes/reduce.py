"""What ranks add up in the midst of a step, as operations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from autonet.core.primitive import primitive
from autonet.core.state import state
from autonet.distribution import parallel

_take: Callable[[int, list[np.ndarray]], None] | None = None  # who is waiting for groups of arrays


@primitive
def add_over_ranks(x):
    """The sum of every rank's x, on every rank, in MPI's order."""
    total = np.array(x, order="C")
    parallel.communicator().add(total.reshape(-1))
    return total


add_over_ranks.pure = False
add_over_ranks.vjp(x=lambda g: add_over_ranks(g))  # every rank's loss depends on every rank's x


@primitive(keep=("arrays",))
def hand_over(*arrays, group):
    """All but the first, to whoever is `waiting` for them; in a plan as soon as they are there (`compiler.passes.schedule`).

    The first is what the group before gave, so that groups keep their order.
    """
    if _take is not None and state.observer is None:  # a run that is recorded is not the one that counts
        _take(group, list(arrays[1:]))
    return np.zeros(())


hand_over.pure = False


@contextmanager
def waiting(take: Callable[[int, list[np.ndarray]], None]) -> Iterator[None]:
    """Have `take` called by `hand_over`."""
    global _take
    before, _take = _take, take
    try:
        yield
    finally:
        _take = before
