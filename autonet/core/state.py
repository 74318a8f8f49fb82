"""What the current thread is doing: recording derivatives or not, observed or not, and inside of what."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np


class Observer:
    """What may stand in `state.observer`: it is told of every operation of its thread.

    The compiler's recorder is one, the check for NaN another. A method does nothing unless a subclass says more.
    """

    replays: bool = False  # whether what it sees will be run again without Python
    pulled: Any = None  # the node whose derivative rules a reverse walk is applying; None outside of one

    def compute(self, primitive: Any, values: list[np.ndarray], settings: dict[str, Any]) -> Any:
        """The result of a primitive's body, an array or several."""
        return primitive.body(*values, **settings)

    def record(
        self, primitive: Any, operands: tuple[Any, ...], settings: dict[str, Any], results: tuple[Any, ...]
    ) -> None:
        """A primitive was applied to Tensors and gave these."""

    def read(self, variable: Any) -> np.ndarray:
        """A Variable is read, or about to be assigned.

        Returns: the array to compute with.
        """
        return variable._value

    def assigned(self, variable: Any, array: np.ndarray) -> None:
        """A Variable was given an array."""

    def accumulates(self, leaf: Any) -> None:
        """backward() is about to add to the gradient of a leaf."""

    def leaked(self, tensor: Any, asked: str) -> None:
        """Python is about to see values of a Tensor, by what `asked` names."""

    def touch(self, thing: Any) -> None:
        """An object with attributes that operations depend on takes part."""

    def returned(self, thing: Any, result: Any) -> None:
        """What was touched before gives its result: a layer's call has come to its end."""

    def refuse(self, reason: str) -> None:
        """Something happens that a replay would not repeat."""


class Context:
    """What a floor above may put around a stretch of work, by `with`.

    The core keeps the stack (`state.contexts`) and tells it of rarer things than operations; it reads nothing there. A
    method does nothing unless a subclass says more.
    """

    eager: bool = False  # whether compiled functions run as they are written inside

    def __enter__(self) -> Any:
        state.contexts = (*state.contexts, self)
        return self

    def __exit__(self, *exc: object) -> None:
        state.contexts = state.contexts[:-1]

    def reserve(self, nbytes: int) -> bool | None:
        """A Variable of so many bytes is about to be made.

        Returns: whether zeros will do for its first values; None to let the next outer context say.
        """
        return None

    def assigns(self, variable: Any, source: Any = None) -> None:
        """A Variable is about to be given other values, or more: those of a node of the tape, None for constants."""

    def applies(self, optimizer: Any, grads: list[Any], variables: list[Any] | None) -> bool:
        """An optimizer is about to step along gradients.

        Returns: whether it shall leave that.
        """
        return False

    def divisor(self, count: Any) -> Any:
        """Losses that were summed are about to be divided by `count`, the number of those that a mean is over; None for a
        sum.

        Returns: what to divide by.
        """
        return count

    def sums(self, total: Any) -> Any:
        """A layer has summed over rows, and wants those of the whole batch, of which others may be elsewhere.

        Returns: the sum over all; None where these are all.
        """
        return None

    def casts(self, old: np.dtype[Any], new: Any) -> Any:
        """Values of dtype `old` are cast.

        Returns: the dtype that they get.
        """
        return new

    def leaked(self, tensor: Any, asked: str) -> None:
        """Python is about to see values of a Tensor, by what `asked` names."""


class State(threading.local):
    """Switches of one thread."""

    recording: bool = True  # whether primitives leave nodes for the backward walk
    training: bool | None = None  # what an enclosing layer call was told about training
    observer: Any = None  # the Observer that sees every operation, or None
    contexts: tuple[Context, ...] = ()  # what the floors above have put around the present work, outermost first
    made: int = 0  # how many Variables this thread has made


state = State()


def capturing() -> bool:
    """Whether what happens now is recorded for replays."""
    return state.observer is not None and state.observer.replays


@contextlib.contextmanager
def uncaptured() -> Iterator[None]:
    """Inside `with uncaptured():` nothing is recorded for replays: for what is made once, such as first weights."""
    before, state.observer = state.observer, None
    try:
        yield
    finally:
        state.observer = before


class _Recording(contextlib.ContextDecorator):
    """Context manager and decorator that switches recording and puts it back."""

    def __init__(self, recording: bool):
        self.recording = recording
        self.before: list[bool] = []

    def _recreate_cm(self) -> "_Recording":  # for each call of a decorated function, in whatever thread
        return _Recording(self.recording)

    def __enter__(self) -> None:
        self.before.append(state.recording)
        state.recording = self.recording

    def __exit__(self, *exc: object) -> None:
        state.recording = self.before.pop()


def no_grad() -> _Recording:
    """Inside `with no_grad():`, or in a function decorated by `@no_grad()`, nothing is recorded for derivatives."""
    return _Recording(False)


def enable_grad() -> _Recording:
    """The opposite of `no_grad`, for inside one."""
    return _Recording(True)


def is_recording() -> bool:
    """Whether operations on tracked Tensors are being recorded in this thread."""
    return state.recording
