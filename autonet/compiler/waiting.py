"""Whom to tell that a compiler is about to run, which takes seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable


class _Listener(threading.local):
    told: Callable[[], None] | None = None


_listener = _Listener()


class announcing:
    """Context manager: inside it, `told` is called in this thread before each run of the C compiler."""

    def __init__(self, told: Callable[[], None]):
        self.told = told

    def __enter__(self) -> None:
        self.before, _listener.told = _listener.told, self.told

    def __exit__(self, *exc: object) -> None:
        _listener.told = self.before


def announce() -> None:
    """The compiler is about to run."""
    if _listener.told is not None:
        _listener.told()
