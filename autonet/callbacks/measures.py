"""Callbacks that measure what `fit` does not log: each batch's own loss; training data at the end of an epoch."""

import sys
from typing import Any

from autonet.callbacks.base import Callback
from autonet.callbacks.monitor import whole
from autonet.callbacks.state import decoded, encoded


def loss_sums(model: Any) -> tuple[float, float]:
    """What the loss in the logs is made of, so far in the epoch: the sum of losses times rows, and of rows."""
    total, rows = (float(v.numpy()) for v in model._loss_tracker.variables)
    return total, rows


def steps_of_epoch(model: Any, seen: int) -> int:
    """Steps of the epoch that ends: what the loop says, else what a callback has seen."""
    position = getattr(model, "_position", None)
    return seen if position is None else max(position.step, seen)


class BatchLoss(Callback):
    """The loss of each batch by itself, before the step that is made on it; logs hold the mean of the epoch so far.

        loss = (total - total of the step before) / (rows - rows of the step before)

    from the float64 sums that the mean is made of, so with penalties of regularized weights; nothing is computed anew.

    Args:
        every: note every so many steps, from the first on. Steps between may run in a row, as without callbacks.

    Attributes:
        losses: a number for each step noted, of all epochs, as a list; those of the last `fit`.
        steps: their numbers, from 0.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> noted = BatchLoss(every=3)
    >>> history = model.fit(x, x, epochs=2, batch_size=1, verbose=0, callbacks=[noted])
    >>> noted.steps, len(noted.losses)
    ([0, 3, 6], 3)
    """

    steers = False

    def __init__(self, every: int = 1):
        self.every = whole(every, "every", self, 1, "steps")
        self._clear()

    def _clear(self) -> None:
        self.losses: list[float] = []
        self.steps: list[int] = []
        self._done = 0  # steps before this epoch
        self._seen = 0  # in this epoch
        self._sums = (0.0, 0.0)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._clear()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._seen, self._sums = 0, (0.0, 0.0)
        self._wait()

    def _wait(self) -> None:
        """The next batch to note; where others lie between, the one before it, too, for its sums."""
        ahead = -(self._done + self._seen) % self.every
        self.due = self._seen + max(ahead - 1, 0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        total, rows = loss_sums(self.model)
        step = self._done + batch
        if step % self.every == 0 and rows > self._sums[1]:
            self.losses.append((total - self._sums[0]) / (rows - self._sums[1]))
            self.steps.append(step)
        self._sums, self._seen = (total, rows), batch + 1
        self._wait()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._done += steps_of_epoch(self.model, self._seen)
        self.due = sys.maxsize

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        plain = {k: getattr(self, k) for k in ("losses", "steps", "_done", "_seen", "_sums")}
        return encoded(plain), {}

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        kept = decoded(plain)
        self.losses, self.steps = [float(v) for v in kept["losses"]], [int(v) for v in kept["steps"]]
        self._done, self._seen = int(kept["_done"]), int(kept["_seen"])
        self._sums = float(kept["_sums"][0]), float(kept["_sums"][1])
        self._wait()


class TrainingEvaluation(Callback):
    """Loss and metrics of training measured after each epoch, in place of the means over its steps.

    What `fit` reports of training is a mean over an epoch in which the weights change, with dropout at work: beside the
    validation's it looks too bad at first. Here the training data is evaluated as validation data is, and the results take
    the places of the means in the logs, so also in the History, progress bar and files of later callbacks in the list. The
    training stays the same to the bit; data must be arrays or a data set that can be walked again.

    Args:
        every: evaluate after every so many epochs, and after the last; the others' logs keep their means.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, verbose=0, callbacks=[TrainingEvaluation()])
    >>> history.history["loss"] == [model.evaluate(x, x, verbose=0)]
    True
    """

    steers = False

    def __init__(self, every: int = 1):
        self.every = whole(every, "every", self, 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        last = epoch + 1 == (self.params or {}).get("epochs") or self.model.stop_training
        if logs is not None and ((epoch + 1) % self.every == 0 or last):
            logs.update(self.model._evaluate_training())
