"""Ctrl-C during a trial: `fit` ends well after it, and the search must still know."""

import signal
import threading
from typing import Any


class Interrupt:
    """Context manager for the main thread: remembers that Ctrl-C was pressed, and passes it on.

    Attributes:
        asked: whether it was. A program's own handler stays in charge; then this says nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> "Interrupt":
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: Any) -> None:
        self.asked = True
        raise KeyboardInterrupt
