"""Babysitter: one model, watched over: where training gets worse, it goes back and goes on with another rate."""

from typing import Any

import numpy as np

from autonet.callbacks.monitor import MonitorCallback, whole
from autonet.errors import ArgumentError
from autonet.saving.names import layer_variables, optimizer_variables


class Babysitter(MonitorCallback):
    """Callback that takes snapshots, and rolls back to the last good one when the monitored value gets worse.

    After each epoch whose value is better than any before, weights and optimizer are copied, and the rate is multiplied by
    `growth`. After `patience` epochs in a row whose value is worse than the best by more than `tolerance` of it (NaN always
    is), the weights are put back, the optimizer begins anew (its momentum comes from the rate that failed), and the rate is
    multiplied by `factor`. After `most` rolls back without a better value between them, training stops. The rate appears in
    the logs as "learning_rate". When training ends, weights and optimizer are those of the best epoch.

    The other way to search is many models side by side: `tuner.search(..., workers=...)`.

    Args:
        monitor: name of the value in the logs.
        mode: "min" if smaller is better, "max" if larger is, "auto" to ask the metric.
        tolerance: how much worse than the best is still well, as a part of the best.
        patience: number of epochs in a row that must be worse.
        factor: of the rate at a roll back, below 1.
        growth: of the rate after a better epoch, 1 or more.
        most: number of rolls back in a row before training stops.
        verbose: 1 to print a line for each roll back.

    Attributes:
        rollbacks: the epochs, from 0, after which the snapshot was put back.
        best, best_epoch: the best value, and its epoch.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        tolerance: float = 0.1,
        patience: int = 1,
        factor: float = 0.5,
        growth: float = 1.0,
        most: int = 5,
        verbose: int = 0,
    ):
        super().__init__(monitor, mode, 0.0, verbose)
        if not tolerance >= 0:
            raise ArgumentError(f"Babysitter expects a tolerance of at least 0; received {tolerance!r}. Write 0.1.")
        if not 0 < factor < 1:
            raise ArgumentError(f"Babysitter expects a factor above 0 and below 1; received {factor!r}. Write 0.5.")
        if not growth >= 1:
            raise ArgumentError(f"Babysitter expects a growth of at least 1; received {growth!r}. Write 1.05.")
        self.tolerance = float(tolerance)
        self.patience = max(whole(patience, "patience", self), 1)
        self.factor = float(factor)
        self.growth = float(growth)
        self.most = max(whole(most, "most", self), 1)
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0
        self.rollbacks: list[int] = []
        self.wait = 0
        self.in_a_row = 0
        self.snapshot: list[np.ndarray] = []
        self.rate = 0.0  # with which training goes on

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        optimizer = self.model.optimizer
        if not hasattr(optimizer, "learning_rate"):
            raise ArgumentError(f"Babysitter needs an optimizer with a learning_rate; the model has {optimizer!r}.")
        self.rate = float(optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = self.rate
        value = self.current(logs)
        if value is None:
            return
        if value == value and self.improves(value, self.best):
            self.best, self.best_epoch, self.wait, self.in_a_row = value, epoch, 0, 0
            self._set_rate(self.rate * self.growth)
            self.snapshot = [v.numpy() for v in self._variables()]
        elif self._is_worse(value):
            self.wait += 1
            if self.wait >= self.patience:
                self._roll_back(epoch, value)
        else:
            self.wait = 0

    def _is_worse(self, value: float) -> bool:
        """Than the best, by more than the tolerance; before there is a best, NaN is no ground to go back to."""
        if self.best is None:
            return False
        gap = self.best - value if self.rises else value - self.best
        return not gap <= self.tolerance * abs(self.best)

    def _roll_back(self, epoch: int, value: float) -> None:
        self.rollbacks = [*self.rollbacks, epoch]
        self.wait = 0
        self.in_a_row += 1
        self._put_back()
        self._begin_anew()
        self._set_rate(self.rate * self.factor)
        self.say(
            f"Epoch {epoch + 1}: {self.monitor} is {value:.4g}, was {self.best:.4g} after epoch {self.best_epoch + 1}; going "
            f"back there with the rate {self.rate:.4g}."
        )
        if self.in_a_row >= self.most:
            self.model.stop_training = True

    def _set_rate(self, rate: float) -> None:
        self.rate = rate
        self.model.optimizer.learning_rate = rate

    def _put_back(self) -> None:
        for variable, array in zip(self._variables(), self.snapshot, strict=True):
            variable.assign(array)

    def _begin_anew(self) -> None:
        optimizer = self.model.optimizer
        fresh = type(optimizer).from_config(optimizer.get_config())
        fresh.build(self.model.trainable_variables)
        for variable, first in zip(optimizer.variables, fresh.variables, strict=True):
            variable.assign(first)

    def _variables(self) -> list[Any]:
        """Weights, moving averages, and what the optimizer keeps."""
        model = self.model
        return [*layer_variables(model, generators=False).values(), *optimizer_variables(model.optimizer).values()]

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.snapshot:
            self._put_back()
