"""Callbacks that change the learning rate."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.callbacks.base import Callback
from autonet.callbacks.monitor import MonitorCallback, whole
from autonet.errors import ArgumentError
from autonet.saving.names import numbered


class LearningRateScheduler(Callback):
    """Set the learning rate at the start of each epoch.

    The rate appears in the logs as "learning_rate"; those of a `MultiOptimizer`, each of which is set by itself, as
    "learning_rate_adam" and the like.

    Args:
        schedule: function (epoch, rate) -> rate or (epoch) -> rate, epochs counted from 0.
        verbose: 1 to print each rate.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> schedule = LearningRateScheduler(lambda epoch: 0.1 / 2**epoch)
    >>> history = model.fit(x, x, epochs=3, verbose=0, callbacks=[schedule])
    >>> [round(rate, 3) for rate in history.history["learning_rate"]]
    [0.1, 0.05, 0.025]
    """

    def __init__(self, schedule: Callable[[int, float], float] | Callable[[int], float], verbose: int = 0):
        if not callable(schedule):
            raise ArgumentError(f"LearningRateScheduler expects a function of the epoch; received {schedule!r}.")
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_two(schedule)

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        super().set_state(plain, arrays)
        self._takes_rate = _takes_two(self.schedule)  # which older backups hold

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name, optimizer in _optimizers(self).items():
            rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)  # type: ignore[call-arg]
            optimizer.learning_rate = rate = _number(rate)
            self.say(f"Epoch {epoch + 1}: LearningRateScheduler setting {_words(name)} to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs.update(rates(self.model))


class ReduceLROnPlateau(MonitorCallback):
    """Lower the learning rate when a value has stopped improving.

    The rate appears in the logs as "learning_rate"; those of a `MultiOptimizer`, all of which are lowered, as
    "learning_rate_adam" and the like.

    Args:
        monitor: name of the value in the logs.
        factor: new rate = old rate times this, below 1.
        patience: number of epochs in a row without improvement after which the rate is lowered.
        verbose: 1 to print a line then.
        mode: "min" if smaller is better, "max" if larger is, "auto" to ask the metric.
        min_delta: a change must exceed this to be an improvement.
        cooldown: number of epochs after a reduction in which no patience is lost.
        min_lr: the rate does not fall below this.
        stop_at: training ends once the rate has fallen to this share of the one that it began with, above 0 and below 1; by
            default it goes on. Not one of Keras's.

    Nielsen's schedule (Neural Networks and Deep Learning, chapter 3), to halve the rate whenever accuracy has not improved in
    10 epochs, and to end when it is 1/128 of what it was:

        ReduceLROnPlateau("val_accuracy", factor=1 / 2, patience=10, min_delta=0, stop_at=1 / 128)

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=100)
    >>> history = model.fit(x, x, epochs=4, verbose=0, callbacks=[plateau])
    >>> [round(rate, 4) for rate in history.history["learning_rate"]]
    [0.01, 0.01, 0.005, 0.0025]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
        stop_at: float | None = None,
    ):
        super().__init__(monitor, mode, min_delta, verbose)
        if not 0 < factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau expects a factor above 0 and below 1; received {factor!r}.")
        self.factor = factor
        self.patience = whole(patience, "patience", self)
        self.cooldown = whole(cooldown, "cooldown", self)
        self.min_lr = min_lr
        if stop_at is not None and (isinstance(stop_at, bool) or not 0 < stop_at < 1):
            raise ArgumentError(
                f"ReduceLROnPlateau expects stop_at, a share of the first rate, above 0 and below 1; received {stop_at!r}."
            )
        self.stop_at = stop_at
        self._reset()

    def _reset(self) -> None:
        self.first_rate: float | None = None
        self.wait = 0
        self.cooldown_counter = 0
        self.best: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        optimizers = _optimizers(self)
        found = rates(self.model)
        rate = max(found.values())
        if self.first_rate is None:
            self.first_rate = self._first(rate)
        if logs is not None:
            logs.update(found)
        value = self.current(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                for name, optimizer in optimizers.items():
                    if found[name] > np.float32(self.min_lr):
                        optimizer.learning_rate = lower = max(found[name] * self.factor, self.min_lr)
                        self.say(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing {_words(name)} to {lower}.")
                rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter = self.cooldown
                self.wait = 0
                if self.stop_at is not None and rate <= self.stop_at * self.first_rate * (1 + 1e-5):  # 0.1 ten times
                    self.model.stop_training = True
                    self.say(f"Epoch {epoch + 1}: the rate is {self.stop_at:.6g} of the first or less, training stops.")

    def _first(self, rate: float) -> float:
        """`rate`, if `stop_at` can be reached from it."""
        if self.stop_at is not None and self.min_lr > self.stop_at * rate:
            raise ArgumentError(
                f"ReduceLROnPlateau would never end training: min_lr={self.min_lr} is above stop_at={self.stop_at:.6g} times the "
                f"first rate, {rate:.6g}. Leave min_lr out."
            )
        return rate

    def in_cooldown(self) -> bool:
        """Whether the rate was lowered less than `cooldown` epochs ago."""
        return self.cooldown_counter > 0


def rates(model: Any) -> dict[str, float]:
    """The learning rates of a model's optimizer, as the logs call them."""
    return {name: float(optimizer.learning_rate) for name, optimizer in named_optimizers(model.optimizer).items()}


def named_optimizers(optimizer: Any) -> dict[str, Any]:
    """The optimizers that have a rate, by its name in the logs."""
    several = getattr(optimizer, "stepping", [optimizer])
    if len(several) == 1:
        return {"learning_rate": several[0]}  # not asked for its rate, which may change what comes
    return {f"learning_rate_{n}": x for n, x in zip(numbered([x.name for x in several]), several, strict=True)}


def _optimizers(callback: Callback) -> dict[str, Any]:
    optimizer = getattr(callback.model, "optimizer", None)
    found = named_optimizers(optimizer)
    if not found or not all(hasattr(x, "learning_rate") for x in found.values()):
        raise ArgumentError(
            f"{type(callback).__name__} needs an optimizer with a learning_rate; the model has {optimizer!r}."
        )
    return found


def _words(name: str) -> str:
    """The name of a rate in a sentence: "learning rate", "learning rate of adam"."""
    rate, of = "learning_rate", name.removeprefix("learning_rate_")
    return "learning rate" if name == rate else f"learning rate of {of}"


def _number(rate: Any) -> float:
    if not isinstance(rate, (bool, str)):
        try:
            value = float(rate)
        except (TypeError, ValueError):
            value = math.nan
        if math.isfinite(value):
            return value
    raise ArgumentError(f"The schedule of a LearningRateScheduler must return a number; it returned {rate!r}.")


def _takes_two(function: Callable[..., Any]) -> bool:
    """Whether `function` can be called with two arguments; those that do not say cannot."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except (TypeError, ValueError):
        return False
    return True
