"""Locks that a forked child finds open, whoever held them in its parent."""

import os
import threading
from typing import Any


def lock() -> Any:
    """A new lock, for a module to keep; the thread that holds it may take it again."""
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=made._at_fork_reinit)  # type: ignore[attr-defined]
    return made
