"""Which thread trains or evaluates a model: its metrics and weights are one thread's at a time."""

from __future__ import annotations

import threading
from typing import Any

from autonet.errors import ArgumentError

_lock = threading.Lock()
_workers: dict[int, list[Any]] = {}  # by the identity of models at work: thread, what was asked, how deep


class Busy:
    """Context manager around what moves a model's weights or metrics: no other thread may do so meanwhile.

    The same thread may: a callback of `fit` may evaluate.

    Args:
        model: the model.
        asked: the method, for the error.
    """

    __slots__ = ("asked", "model")

    def __init__(self, model: Any, asked: str):
        self.model = model
        self.asked = asked

    def __enter__(self) -> None:
        me = threading.get_ident()
        with _lock:
            worker = _workers.get(id(self.model))
            if worker is None:
                _workers[id(self.model)] = [me, self.asked, 1]
                return
            if worker[0] == me:
                worker[2] += 1
                return
        raise ArgumentError(
            f"{self.model.label}: {self.asked}() was called while another thread runs {worker[1]}() on the same model, and "
            "both would move its weights and metrics. Let one thread wait for the other, or give each a model of its own "
            "(models.clone_model)."
        )

    def __exit__(self, *exc: object) -> None:
        with _lock:
            worker = _workers[id(self.model)]
            worker[2] -= 1
            if not worker[2]:
                del _workers[id(self.model)]
