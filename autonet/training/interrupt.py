"""Ctrl-C between steps: a step under way is finished first, so that weights and slots belong together."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Step:
    """Marks, as a context, what Ctrl-C must not cut in two. It may be entered inside itself.

    Args:
        ranks: the Communicator of those that step together: they stop after the same step.
    """

    def __init__(self, ranks: Any = None) -> None:
        self.depth = 0
        self.asked = False
        self.ranks = ranks

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *exc: object) -> None:
        self.depth -= 1
        if not self.depth:
            asked, self.asked = self.asked, False
            if self.ranks is not None and self.ranks.agreed_to_stop():
                asked = True
            if asked and exc[0] is None:
                raise KeyboardInterrupt


class Interrupt:
    """While open in the main thread, Ctrl-C inside `step` waits for its end; a second one does not wait.

    One that is opened while another is, as by a callback that evaluates, shares its step. Where a program has a handler
    of its own for Ctrl-C, that one stays in charge.

    Args:
        ranks: see Step.

    Use: `with Interrupt() as interrupt: ... with interrupt.step: ...`
    """

    def __init__(self, ranks: Any = None) -> None:
        self.step = Step(ranks)
        self.ours = False

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            self.ours = handler is signal.default_int_handler
            outer = getattr(handler, "__self__", None)
            if self.ours:
                signal.signal(signal.SIGINT, self._handle)
            elif isinstance(outer, Interrupt):
                self.step = outer.step
        return self

    def __exit__(self, *exc: object) -> None:
        if not self.ours:
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ranks = self.step.ranks
        if ranks is not None and not ranks.agreed_to_stop() and ranks.asked_to_stop:
            ranks.asked_to_stop = False  # no exchange came that could tell the others: they hear how this rank ends
            if exc[0] is None:
                raise KeyboardInterrupt

    def _handle(self, number: int, frame: Any) -> None:
        ranks = self.step.ranks
        if ranks is not None and not ranks.asked_to_stop:
            ranks.asked_to_stop = True  # which the others learn by the next exchange
            return
        if not self.step.depth or self.step.asked or ranks is not None:
            raise KeyboardInterrupt
        self.step.asked = True
