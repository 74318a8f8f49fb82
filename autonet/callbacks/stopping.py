"""Callbacks that end training."""

from typing import Any

from autonet.callbacks.base import Callback
from autonet.callbacks.monitor import MonitorCallback, is_finite, whole


class EarlyStopping(MonitorCallback):
    """End training when a value has stopped improving.

    "No improvement in n" epochs, as early stopping is often stated, is `patience=n`.

    Args:
        monitor: name of the value in the logs.
        min_delta: a change must exceed this to be an improvement.
        patience: number of epochs in a row without improvement after which training ends.
        verbose: 1 to print a line at the end.
        mode: "min" if smaller is better, "max" if larger is, "auto" to ask the metric.
        baseline: a value that must be beaten before patience starts anew.
        restore_best_weights: put the weights of the best epoch back when training ends, for whatever reason.
        start_from_epoch: number of first epochs that are not watched.

    Attributes:
        best, best_epoch: the best value, and its epoch counted from 0.
        stopped_epoch: the epoch after which this callback ended training, 0 if it did not.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, epochs=9, verbose=0, callbacks=[EarlyStopping("loss", min_delta=100)])
    >>> history.epoch
    [0, 1]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta, verbose)
        self.patience = whole(patience, "patience", self)
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = whole(start_from_epoch, "start_from_epoch", self)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:  # where nothing improves (NaN), the first is best
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.stopped_epoch > 0:
            self.say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            self.say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """End training at the first batch after which the loss is NaN or infinite, and say where that came from.

    The last steps run once more, operation by operation, from what they started from: named are the epoch and batch, the
    first operation that made a NaN or Inf, forward or backward, and the layer whose call it was in; or the rows of the
    data, or the weights, that held it before. For that a copy of all state is kept, which takes at most a twentieth of
    the time. The weights stay as the bad step left them; `config.debug_nans()` finds the same without that step.

    Args:
        raise_error: raise a RuntimeError instead, so that no later callback saves the ruined weights.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x * float("inf"), epochs=9, verbose=0, callbacks=[TerminateOnNaN()])
    >>> history.epoch
    [0]
    """

    unkept = Callback.unkept | {"journal"}

    def __init__(self, raise_error: bool = False):
        self.raise_error = raise_error
        self.journal: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        keep = getattr(self.model, "_keep_journal", None)
        self.journal = keep() if keep is not None else None

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or is_finite(loss):
            return
        why = f" {self.journal.explain()}" if self.journal is not None else ""
        self.journal = None
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately.{why}"
            )
        self.say(f"Batch {batch}: Invalid loss, terminating training.{why}")
        self.model.stop_training = True
