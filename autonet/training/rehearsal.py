"""A rehearsal: a training step that runs once more, is looked at, and leaves nothing behind."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonet.core.state import Context, Observer, state
from autonet.random import seeds
from autonet.training.data import as_tensors
from autonet.variable import Variable


@dataclass
class Rehearsal(Context):
    """What a step showed: its loss, and the gradients that it gave to optimizers, which leave their step.

    Whatever is assigned inside gets its value back at the end.
    """

    loss: float = float("nan")
    targets: Any = None
    gradients: dict[Variable, np.ndarray] = field(default_factory=dict)
    before: dict[Variable, np.ndarray] = field(default_factory=dict)
    eager = True  # no compiled function may write into the Variables' storage

    def assigns(self, variable: Any, source: Any = None) -> None:
        self.before.setdefault(variable, variable._array)

    def applies(self, optimizer: Any, grads: list[Any], variables: list[Any] | None) -> bool:
        scale = optimizer.loss_scale_factor or 1.0
        known = optimizer._trainable_variables if variables is None else variables
        self.gradients |= {v: np.asarray(g) / scale for v, g in zip(known, grads, strict=True) if g is not None}
        return True

    def undo(self) -> None:
        """Put back what was assigned: the very arrays, so that compiled plans notice nothing."""
        for variable, array in self.before.items():
            variable._array = array
        self.before = {}


def rehearse(model: Any, batch: Any, observer: Observer) -> Rehearsal:
    """Run the training step of `model` on a batch operation by operation, watched by `observer`, and undo it.

    Weights, optimizers, generators, moving averages, metrics and layers' losses are afterwards what they were.
    """
    function = model._step_function("train")
    parts = [as_tensors(part) for part in batch]
    losses = {layer: layer._losses for layer in model._flatten_layers()}
    chance = seeds.get_stream(), np.random.get_state(), random.getstate()
    rehearsal = Rehearsal(targets=batch[1])
    outer, state.observer = state.observer, observer
    try:
        with rehearsal, np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # both were told before
            model._loss_tracker.reset_state()
            returned = function.run(*parts)
            state.observer = None
            loss = returned.get("loss") if isinstance(returned, dict) else model._loss_tracker.result()
            rehearsal.loss = float("nan") if loss is None else float(loss)
    finally:
        state.observer = outer
        rehearsal.undo()
        seeds.set_stream(chance[0])
        np.random.set_state(chance[1])
        random.setstate(chance[2])
        for layer, kept in losses.items():
            layer._losses = kept
    return rehearsal
