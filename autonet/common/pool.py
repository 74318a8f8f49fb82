"""Large arrays, a cache-sized block at a time and on every thread: for bodies that pass over the same rows several times."""

import concurrent.futures
import contextvars
import functools
import os
from collections.abc import Callable

import numpy as np

from autonet.common import processors

LARGE = 1 << 18  # elements from which it pays
BLOCK = 1 << 15  # elements of one array in a block: several of these fit the cache of a processor


def by_rows(f: Callable[..., object], *rows: np.ndarray) -> None:
    """f(*blocks) for block after block of matrices of equally many rows, in any order, on several threads.

    The bits are those of f(*rows) where `f` treats each row, or each element, by itself.
    """
    n = len(rows[0])
    step = max(1, BLOCK * n // max(array.size for array in rows))
    blocks = [slice(i, min(i + step, n)) for i in range(0, n, step)]
    shares = min(processors.chosen or _at_start(), len(blocks))

    def run(share: int) -> None:
        for block in blocks[share::shares]:
            f(*[array[block] for array in rows])

    # numpy.errstate lives in the context
    others = [_pool().submit(contextvars.copy_context().run, run, k) for k in range(1, shares)]
    try:
        run(0)
    finally:
        concurrent.futures.wait(others)  # whatever happens, nobody writes to an array that was given back
    for other in others:
        other.result()


@functools.cache
def _at_start() -> int:
    return processors.threads()


@functools.cache
def _pool() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1, "autonet-shares")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of its parent's threads
