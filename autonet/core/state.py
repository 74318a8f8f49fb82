"""What the current thread is doing: recording derivatives or not, capturing a step or not."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable
from typing import Any


class State(threading.local):
    """Switches of one thread."""

    recording: bool = True  # whether primitives leave nodes for the backward walk
    capture: Any = None  # the compiler's recorder while a step is captured, or a Watch while NaN is looked for
    rehearsal: dict | None = None  # while a check rehearses: arrays that assign replaced; floats are not narrowed
    probing: bool = False  # whether derivatives at kinks are NaN rather than agreed ones; see ops/kinks.py
    training: bool | None = None  # what an enclosing layer call was told about training
    calling: Any = None  # the innermost layer whose call is under way
    scope: tuple = ()  # layers whose build is under way, outermost first
    taken: list | None = None  # while a derivative is traced: numbers that left the record, see gradients/places.py
    made: int = 0  # how many Variables this thread has made
    replaced: dict | None = (
        None  # while a step may have to be undone: the first value that assign replaced, by Variable
    )
    allowance: Any = None  # while something is made from a description: what it may take, see core/allowance.py


state = State()


def capturing() -> bool:
    """Whether what happens now is recorded for replays."""
    return state.capture is not None and state.capture.replays


class Structure:
    """Numbers the changes of what a captured step takes as fixed: attributes of layers, optimizers, losses."""

    def __init__(self) -> None:
        self.version = 0
        self._next = itertools.count(1).__next__

    def changed(self) -> None:
        """Say, after a change, that there was one."""
        self.version = self._next()


structure = Structure()


class Watched:
    """Base of what steps take their fixed numbers from: captured steps look again after an attribute was set."""

    _unfixed: frozenset[str] = frozenset()  # attributes that change from step to step, which no step reads
    _same_made_again: bool = False  # whether a step that finds its attributes made does what the one did that made them

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name not in self._unfixed:
            structure.changed()


class _Uncaptured:
    """Context manager: what happens inside is no part of the step that is being captured."""

    def __enter__(self) -> None:
        self.before, state.capture = state.capture, None

    def __exit__(self, *exc: object) -> None:
        state.capture = self.before


def uncaptured() -> _Uncaptured:
    """Inside `with uncaptured():` nothing is recorded for replays: for what is made once, such as first weights."""
    return _Uncaptured()


class _Recording:
    """Context manager and decorator that switches recording and puts it back."""

    def __init__(self, recording: bool):
        self.recording = recording
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(state.recording)
        state.recording = self.recording

    def __exit__(self, *exc: object) -> None:
        state.recording = self.before.pop()

    def __call__(self, f: Callable) -> Callable:
        recording = self.recording

        @functools.wraps(f)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _Recording(recording):
                return f(*args, **kwargs)

        return wrapper


def no_grad() -> _Recording:
    """Inside `with no_grad():`, or in a function decorated by `@no_grad()`, nothing is recorded for derivatives."""
    return _Recording(False)


def enable_grad() -> _Recording:
    """The opposite of `no_grad`, for inside one."""
    return _Recording(True)


def is_recording() -> bool:
    """Whether operations on tracked Tensors are being recorded in this thread."""
    return state.recording
