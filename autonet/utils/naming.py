"""Automatic names: dense, dense_1, dense_2, ..."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_counts: Counter[str] = Counter()
_uids: Counter[str] = Counter()
_lock = threading.Lock()


def unique_name(prefix: str) -> str:
    """`prefix` the first time, then with _1, _2, ..."""
    with _lock:
        n = _counts[prefix]
        _counts[prefix] += 1
    return f"{prefix}_{n}" if n else prefix


def reset_names() -> None:
    """Start the numbers of automatic names again."""
    with _lock:
        _counts.clear()
        _uids.clear()


@contextmanager
def numbers_kept() -> Iterator[None]:
    """Names given inside do not count: those after go on as if there had been none."""
    before = Counter(_counts)
    try:
        yield
    finally:
        with _lock:
            _counts.clear()
            _counts.update(before)


def get_uid(prefix: str = "") -> int:
    """1 the first time for a prefix, then 2, ...; `clear_session` starts again."""
    with _lock:
        _uids[prefix] += 1
        return _uids[prefix]


def clear_session(free_memory: bool = True) -> None:
    """Start automatic names again, as in a fresh process.

    Args:
        free_memory: also collect garbage now.
    """
    import gc

    reset_names()
    if free_memory:
        gc.collect()
