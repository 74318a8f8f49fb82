"""Locks that a forked child finds open, whoever held them in its parent, and turns at what several threads use."""

import os
import threading
from collections.abc import Callable, Hashable, Set
from typing import Any


def lock() -> Any:
    """A new lock, for a module to keep; the thread that holds it may take it again."""
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=made._at_fork_reinit)  # type: ignore[attr-defined]
    return made


turns: dict[
    Any, tuple[int, Set[Hashable], Set[Hashable]]
] = {}  # at work or waiting, in the order in which they came, by their locks
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=turns.clear)


def in_turn(uses: Set[Hashable], changes: Set[Hashable], work: Callable[..., Any], *args: Any) -> Any:
    """`work(*args)`, which uses some things and changes some of them, while no other thread's turn changes or uses those.

    Who comes first goes first. Turns inside of a thread's own wait for nobody, so that no two threads wait for each other.
    """
    thread, done = threading.get_ident(), threading.Lock()
    with done:  # whatever interrupts this, it is open afterwards
        try:
            turns[done] = thread, uses, changes
            if len(turns) > 1:
                _wait(done, thread, uses, changes)
            return work(*args)
        finally:
            turns.pop(done, None)


def _wait(done: Any, thread: int, uses: Set[Hashable], changes: Set[Hashable]) -> None:
    earlier = []
    for lock, (other, used, changed) in list(turns.items()):
        if lock is done:
            break
        if not lock.locked():
            turns.pop(lock, None)  # interrupted at its very end
        elif other == thread:
            return
        elif not (changes.isdisjoint(used) and uses.isdisjoint(changed)):
            earlier.append(lock)
    for lock in earlier:
        with lock:
            pass
