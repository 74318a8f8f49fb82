"""The layers at work in the current thread."""

from __future__ import annotations

import threading
from typing import Any


class _Current(threading.local):
    """What a call or a build is inside of.

    layer: the innermost one whose call is under way, None outside of calls.
    building: those whose build is under way, outermost first.
    """

    layer: Any = None
    building: tuple[Any, ...] = ()


current = _Current()
