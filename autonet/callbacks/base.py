"""Callback: what the training loop calls at each moment."""

import weakref
from typing import Any

from autonet.callbacks.state import load_state, state_of
from autonet.common.types import Model
from autonet.distribution.parallel import rank
from autonet.utils import progress


class Callback:
    """Base of callbacks: the training loop calls these hooks, a subclass overrides those that it needs.

    State starts in `on_train_begin`, so that one callback serves several `fit`s. To end training, set
    `self.model.stop_training = True`. Logs are dictionaries of numbers; what is added to them in `on_epoch_end` goes
    into the History.

    Attributes:
        model: the model in training.
        params: {"epochs": ..., "steps": ..., "verbose": ...}; steps per epoch, None if unknown.
        due: number of the first batch, counted within the epoch, whose end the callback must see. At 0 it sees all. One
            that looks only now and then raises it, and the loop may run the steps before it in a row.
        steers: whether the callback changes what is trained; None, the default, to tell it from the code. A training that
            is resumed must have the callbacks that steer and remember something; others may come and go.
        outward: whether all it does is seen outside the process, in files or on a screen. Where several processes train
            together, that of rank 0 alone is called.

    >>> class Enough(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 100
    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> model.fit(x, x, epochs=9, verbose=0, callbacks=[Enough()]).epoch
    [0]
    """

    _model: Any = None
    unkept: frozenset[str] = frozenset(
        {"_model", "params", "due", "steers", "outward"}
    )  # attributes that a backup leaves out
    params: dict[str, Any] | None = None
    due: int = 0
    steers: bool | None = None
    outward: bool = False

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training with what `params` shall be."""
        self.params = params

    @property
    def model(self) -> Any:
        """The model in training. Held weakly: a model holds its History, and the two must not keep each other alive."""
        return None if self._model is None else self._model()

    @model.setter
    def model(self, model: Any) -> None:
        self._model = None if model is None else weakref.ref(model)

    def set_model(self, model: Model) -> None:
        """Called before training with the model."""
        self.model = model

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or what a pickle holds, belongs to no model yet."""
        return {name: value for name, value in self.__dict__.items() if name != "_model"}

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plain values and arrays from which `set_state` goes on in another process: by default the plain attributes."""
        return state_of(self)

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        load_state(self, plain, arrays)

    def say(self, message: str) -> None:
        """Print a line, above the progress bar if there is one.

        Silent if this callback's own `verbose` is 0; without one, if `fit` was called with verbose=0.
        """
        verbose = getattr(self, "verbose", None)
        if verbose is None:
            verbose = (self.params or {}).get("verbose", 1)
        if verbose and not rank():
            progress.write(message)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before each epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after each epoch, validation included; logs hold the loss, the metrics, and theirs for validation."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before each batch of training; by default `on_batch_begin`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after each batch of training, with the means of the epoch so far; by default `on_batch_end`."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Shorter name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Shorter name of `on_train_batch_end`."""

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before each batch of evaluation, that inside `fit` included."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after each batch of evaluation, that inside `fit` included."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called before each batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after each batch of prediction; logs hold its "outputs"."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called once at the start of `fit`."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called once at the end of `fit`, with the last epoch's logs; also after Ctrl-C."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called at the start of evaluation."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called at the end of evaluation, with its results."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Called at the start of prediction."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Called at the end of prediction."""
