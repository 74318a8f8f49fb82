"""Ctrl-C between steps: a step under way is finished first, so that weights and slots belong together."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interrupt:
    """While open in the main thread, Ctrl-C inside a `step` waits until it has ended; a second one does not wait.

    Use: `with Interrupt() as interrupt: ... with interrupt.step: ...`.
    """

    def __init__(self) -> None:
        self.asked = False
        self.busy = False
        self.before: Any = None
        self.step = self  # entering again marks a step
        self.opened = False

    def __enter__(self) -> Interrupt:
        if not self.opened:
            self.opened = True
            if threading.current_thread() is threading.main_thread():
                self.before = signal.getsignal(signal.SIGINT)
                if self.before is signal.default_int_handler:  # someone else's handler stays in charge
                    signal.signal(signal.SIGINT, self._handle)
        else:
            self.busy = True
        return self

    def __exit__(self, *exc: object) -> None:
        if self.busy:
            self.busy = False
            if self.asked and exc[0] is None:
                self.asked = False
                raise KeyboardInterrupt
        else:
            self.opened = False
            if self.before is signal.default_int_handler:
                signal.signal(signal.SIGINT, self.before)

    def _handle(self, number: int, frame: Any) -> None:
        if self.busy and not self.asked:
            self.asked = True
        else:
            self.busy = False
            raise KeyboardInterrupt
