"""CallbackList: several callbacks called as one, and which of them look at which batches."""

import sys
from collections.abc import Callable
from typing import Any

from autonet.callbacks.base import Callback
from autonet.callbacks.reports import History, ProgbarLogger
from autonet.common.trees import flatten
from autonet.common.types import Callbacks, Model
from autonet.distribution.parallel import rank
from autonet.errors import ArgumentError

_BATCH_HOOKS = {
    (mode, moment): (f"on_{mode}_batch_{moment}", *([f"on_batch_{moment}"] if mode == "train" else []))
    for mode in ("train", "test", "predict")
    for moment in ("begin", "end")
}


class CallbackList:
    """Several callbacks, called as one, in their order.

    The loop need not report a batch before `due`: nobody looks. Logs of batches may be a function that computes them,
    which is called only if somebody does look.

    Args:
        callbacks: callbacks, or nested lists of them.
        add_history: append a `History` unless there is one.
        add_progbar: append a `ProgbarLogger` unless there is one.
        model: passed to `set_model` of each.
        **params: passed to `set_params` of each, if any are given.

    Attributes:
        extensions: what hangs on the loop beside the callbacks: called at the same moments, when all of these have had
            their say.

    >>> from autonet.callbacks import LambdaCallback
    >>> CallbackList([LambdaCallback(on_epoch_begin=lambda epoch, logs: print(epoch))]).on_epoch_begin(3)
    3
    """

    def __init__(
        self,
        callbacks: Callbacks = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Model | None = None,
        **params: Any,
    ):
        self.callbacks: list[Callback] = []
        self.params: dict[str, Any] | None = None
        self.model: Any = None
        self.extensions: list[Callback] = []
        self.due = 0
        for callback in flatten(callbacks) if callbacks is not None else ():
            self.append(callback)
        self._add_defaults(add_history, add_progbar)
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)
        self._look()

    def _add_defaults(self, add_history: bool, add_progbar: bool) -> None:
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.append(History())
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.append(ProgbarLogger())

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        if not isinstance(callback, Callback):
            advice = "Pass an instance, with ()" if isinstance(callback, type) else "Derive it from callbacks.Callback"
            raise ArgumentError(f"callbacks expects Callback objects; received {callback!r}. {advice}.")
        if not (callback.outward and rank()):
            self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        """Pass `params` on to each callback."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Model) -> None:
        """Pass the model on to each callback; its `history` becomes the History among them."""
        self.model = model
        for callback in self.callbacks:
            if isinstance(callback, History):
                model.history = callback
            callback.set_model(model)

    # Batches. Most callbacks do not override these hooks, so only those that do are asked.

    def _look(self, mode: str = "train") -> None:
        """Find out who looks at the batches of `mode`."""
        self._begin = self._overriders(mode, "begin")
        self._end = self._overriders(mode, "end")
        self._wait()

    def _overriders(self, mode: str, moment: str) -> list[tuple[Callback, Callable[..., Any]]]:
        hooks = _BATCH_HOOKS[mode, moment]
        return [
            (callback, getattr(callback, hooks[0]))
            for callback in self.callbacks
            if any(getattr(getattr(callback, h), "__func__", None) is not getattr(Callback, h) for h in hooks)
        ]

    def _wait(self) -> None:
        """Set `due` to the first batch whose end somebody wants to see."""
        self.due = 0 if self._begin else min([c.due for c, _ in self._end], default=sys.maxsize)

    def _batch_end(self, batch: int, logs: Any) -> None:
        if batch < self.due:
            return
        if callable(logs):
            logs = logs()
        logs = {} if logs is None else logs
        for callback, hook in self._end:
            if batch >= callback.due:
                hook(batch, logs)
        self._wait()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of training."""
        for _, hook in self._begin:
            hook(batch, logs or {})

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | Callable[..., Any] | None = None) -> None:
        """After a batch of training."""
        self._batch_end(batch, logs)
        for extension in self.extensions:
            extension.on_train_batch_end(batch)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of evaluation."""
        for _, hook in self._begin:
            hook(batch, logs or {})

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | Callable[..., Any] | None = None) -> None:
        """After a batch of evaluation."""
        self._batch_end(batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of prediction."""
        for _, hook in self._begin:
            hook(batch, logs or {})

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | Callable[..., Any] | None = None) -> None:
        """After a batch of prediction."""
        self._batch_end(batch, logs)

    on_batch_begin = on_train_batch_begin
    on_batch_end = on_train_batch_end

    def compiling(self) -> None:
        """A step is about to be compiled: who shows progress may say so."""
        for callback in self.callbacks:
            if isinstance(callback, ProgbarLogger):
                callback.compiling()

    # Epochs, and the whole

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Before an epoch."""
        self._call("on_epoch_begin", epoch, {} if logs is None else logs, look="train")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """After an epoch. All callbacks share `logs`, so what one adds the later ones see."""
        self._call("on_epoch_end", epoch, {} if logs is None else logs)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """At the start of `fit`."""
        self._call("on_train_begin", {} if logs is None else logs, look="train")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """At the end of `fit`."""
        self._call("on_train_end", {} if logs is None else logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """At the start of evaluation."""
        self._call("on_test_begin", {} if logs is None else logs, look="test")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """At the end of evaluation."""
        self._call("on_test_end", {} if logs is None else logs, look="train")

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """At the start of prediction."""
        self._call("on_predict_begin", {} if logs is None else logs, look="predict")

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """At the end of prediction."""
        self._call("on_predict_end", {} if logs is None else logs)

    def _call(self, hook: str, *args: Any, look: str = "") -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)
        if look:
            self._look(look)
        for extension in self.extensions:
            getattr(extension, hook)(*args)
