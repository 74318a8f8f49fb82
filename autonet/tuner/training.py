"""Training: an objective made of a function that builds a model, and data."""

import copy
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from autonet.callbacks import BackupAndRestore
from autonet.callbacks.monitor import MonitorCallback, missing, undirected
from autonet.common.trees import flatten
from autonet.common.types import Callbacks, Data, Model
from autonet.errors import ArgumentError, DataError
from autonet.random import seeds
from autonet.tuner.trial import Outcome, Trial

_OF_FIT = ("batch_size",)  # parameters that go to `fit` where the function that builds does not take them
WEIGHTS = "best.weights"


class Training:
    """An objective: builds a model from a trial's parameters, fits it, and tells its best score over the epochs.

    After each epoch it reports the score. Under successive halving a trial goes on to the bits that it would have come to
    without a break: weights, optimizer, draws and order of the data are kept in the trial's folder.

    Args:
        build: function of the parameters, by name, that returns a compiled model.
        x, y: data as for `fit`.
        epochs: for each trial; under successive halving, the most.
        monitor: name of the score in the logs, such as "val_accuracy".
        mode: "max" if larger is better, "min" if smaller is, "auto" to tell it from the name.
        callbacks: for `fit`; each trial has copies of its own.
        **fit: further arguments of `fit`: validation_data, batch_size, ... A parameter `batch_size` of the space comes before.
    """

    def __init__(
        self,
        build: Callable[..., Model],
        x: Data,
        y: Data = None,
        epochs: int | None = None,
        monitor: str = "val_loss",
        mode: str = "auto",
        callbacks: Callbacks = None,
        **fit: Any,
    ):
        if not callable(build):
            raise ArgumentError(f"Training expects a function that builds a model; received {build!r}.")
        self.build = build
        self.x, self.y = x, y
        self.epochs = epochs
        self.monitor = monitor
        self.mode = self._direction(mode, fit)
        self.callbacks = callbacks
        self.fit = fit

    def __call__(self, trial: Trial) -> float:
        """Train the model of a trial.

        Returns: its best score.
        """
        epochs = self.epochs if trial.epochs is None else trial.epochs
        if epochs is None:
            raise ArgumentError("Training needs to know for how many epochs to train: write Training(..., epochs=10).")
        model, options = self._made(trial.parameters)
        best = _Best(self.monitor, self.mode, trial)
        given = [] if self.callbacks is None else flatten(copy.deepcopy(self.callbacks))
        going_on = [] if trial.epochs is None else [BackupAndRestore(trial.folder, delete_checkpoint=False)]
        model.fit(
            self.x, self.y, epochs=epochs, callbacks=[*given, best, *going_on], **{"verbose": 0, **self.fit, **options}
        )
        trial.reports[:] = best.scores  # those of earlier parts too
        if best.best_weights is not None:
            model.set_weights(best.best_weights)
            model.save_weights(trial.folder / WEIGHTS)
        return math.nan if best.best is None else best.best

    def describe(self) -> dict[str, Any]:
        """What a journal says of it: how long is trained on what, and what counts."""
        from autonet.training.identity import of_data

        plain = {k: v for k, v in self.fit.items() if isinstance(v, (str, int, float, type(None)))}
        data = [a for a in flatten([self.x, self.y, self.fit.get("validation_data")]) if isinstance(a, np.ndarray)]
        return {"monitor": self.monitor, "mode": self.mode, "epochs": self.epochs, "fit": plain, "data": of_data(data)}

    def check(self, names: list[str]) -> None:
        """See that the function that builds takes the parameters of a space.

        Raises: ArgumentError if it does not.
        """
        parameters = inspect.signature(self.build).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return
        taken = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
        unknown = [n for n in names if n not in taken and n not in _OF_FIT]
        lacking = [n for n in needed if n not in names]
        if unknown or lacking:
            raise ArgumentError(
                f"The space has the parameters {', '.join(names)}; the function that builds the model takes "
                f"{', '.join(taken) or 'none'}. Give both the same names."
            )

    def rebuild(self, outcome: Outcome, seed: int, folder: Path) -> Model:
        """The model of a trial with the weights that it had at its best score.

        Raises: DataError where these are not kept any more.
        """
        path = folder / WEIGHTS
        if not path.is_file():
            raise DataError(
                f"The weights of trial {outcome.number} are not in {folder} any more. Search anew, with a journal in a folder "
                "that stays."
            )
        with seeds.apart(seed):
            model, _ = self._made(outcome.parameters)
            if not model._is_built():
                from autonet.common.trees import map_structure

                model.predict_on_batch(map_structure(lambda a: a[:1], self.x))
        model.load_weights(path)
        return model

    def _direction(self, mode: str, fit: dict[str, Any]) -> str:
        """ "max" or "min", where "auto" is told from the name of the value."""
        try:
            return direction(self.monitor, mode)
        except ArgumentError:
            if mode != "auto":
                raise
        held_out = fit.get("validation_data") is not None or fit.get("validation_split")
        val = self.monitor.startswith("val_") and not held_out
        more = "Values of validation need validation_data or validation_split, which were not given. " if val else ""
        raise undirected("Training", self.monitor, more)

    def _made(self, parameters: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The model of some parameters, and those among them that are for `fit`."""
        signature = inspect.signature(self.build).parameters
        every = any(p.kind is p.VAR_KEYWORD for p in signature.values())
        options = {k: v for k, v in parameters.items() if k in _OF_FIT and k not in signature and not every}
        model = self.build(**{k: v for k, v in parameters.items() if k not in options})
        if not getattr(model, "compiled", False):
            raise ArgumentError(
                f"The function that builds must return a compiled model; it returned {str(model)[:100]}."
            )
        return model, options


def direction(monitor: str, mode: str) -> str:
    """ "max" or "min", where "auto" is told from the name of the value."""
    return mode if mode in ("min", "max") else "max" if MonitorCallback(monitor, mode)._direction() else "min"


class _Best(MonitorCallback):
    """Reports the score after each epoch, and keeps the weights of the best."""

    steers = True

    def __init__(self, monitor: str, mode: str, trial: Trial):
        super().__init__(monitor, mode)
        self.trial = trial
        self.scores: list[float] = []
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.monitor not in (logs or {}):
            raise ArgumentError(
                f"Training monitors {self.monitor!r}, which the logs do not hold. {missing(self.monitor, logs or {})}"
            )
        value = float((logs or {})[self.monitor])
        self.scores.append(value)
        if value == value and self.improves(value, self.best):
            self.best, self.best_weights = value, self.model.get_weights()
        if self.trial.report(value):
            self.model.stop_training = True
