"""Position: where a `fit` stands, and all that its next step depends on: what a backup holds and restores exactly."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from autonet.callbacks.base import Callback
from autonet.callbacks.callback_list import CallbackList
from autonet.callbacks.state import give_back, steers
from autonet.common.lines import warn
from autonet.common.trees import flatten
from autonet.core.state import no_grad
from autonet.distribution.parallel import rank
from autonet.errors import DataError
from autonet.random import seeds
from autonet.saving.matching import assign
from autonet.saving.names import layer_variables, named_layers, optimizer_variables
from autonet.saving.optimizer_state import build, describe
from autonet.training import step as steps
from autonet.training.data import as_tensors
from autonet.training.identity import of_data, of_model
from autonet.variable import Variable


class Position(Callback):
    """The place of a running `fit`: an extension of its loop, called when all callbacks have had their say.

    Attributes:
        epoch: number of the epoch under way, or, between epochs, of the next.
        step: steps done in it.
        stopped: whether training was told to stop.
        interrupted: whether Ctrl-C did so.
        checkpointer: the callback that writes positions, if there is one; it is told after each group of steps and each
            epoch.
        journal: what can run the last steps again, if a callback asked for it.

    Args:
        callbacks: the list of callbacks, whose state a snapshot keeps.
        epoch: number of the first one.
        guard: a context that Ctrl-C does not cut in two.
    """

    def __init__(self, model: Any, callbacks: list[Callback], batches: Any, epoch: int, guard: AbstractContextManager):
        self.model = model
        self.callbacks = callbacks
        self.batches = batches
        self.epoch = epoch
        self.guard = guard
        self.step = 0
        self.stopped = False
        self.interrupted = False
        self.checkpointer: Any = None
        self.journal: Any = None
        self.restored: tuple[dict, dict] | None = None
        self.matched: list[int | None] = []  # for each callback, its number among those of the snapshot
        self.identity: dict[str, str] = {}  # fingerprints of the data and the model, where a checkpointer asks
        self.data_position = batches.tell()

    # On the loop

    @contextmanager
    def extending(self, callbacks: CallbackList) -> Iterator[None]:
        """Hang on the loop of these callbacks. Ctrl-C ends this context, not the program, as `stop_training` ends training."""
        callbacks.extensions.append(self)
        try:
            yield
            self._finish()
        except KeyboardInterrupt:
            self.model.stop_training = self.interrupted = True
            self._finish()
            for callback in self.callbacks:
                callback.say("Interrupted: training stops, what it learned so far stays.")
                break
        finally:
            callbacks.extensions.remove(self)

    def epochs(self, end: int) -> Iterator[int]:
        """Numbers of the epochs to come: from where training stands, until it is told to stop or the data ends."""
        for epoch in range(self.epoch, end):
            if self.stopped:
                return
            if not self.batches.has_more():
                warn(
                    f"The data ended with epoch {epoch} of {end}, so training stops. A generator can be walked "
                    "once: let it go on without end and set steps_per_epoch, or pass arrays or a PyDataset."
                )
                return
            yield epoch
            if self.model.stop_training:
                return

    def on_train_begin(self, logs: dict | None = None) -> None:
        """All callbacks have started afresh: load their states, if training goes on."""
        place = self.epoch, self.step, self.stopped, self.restored
        shared = self.model._step_function("train").broadcast(place)
        if shared is not place:
            self.epoch, self.step, self.stopped, self.restored = shared
            if rank() and self.restored is not None:  # some of rank 0's callbacks are not called here
                self.matched = self._matched(self.restored[0]["callbacks"])
        if self.restored is not None:
            self._load_callbacks()
            if not self.step:
                self._finish()  # before callbacks hear of the epoch, which may change what is trained

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remember the data's order. An epoch that was under way gets its state back, and callbacks theirs in its midst."""
        self.epoch = epoch
        if hasattr(self.model.optimizer, "begin_epoch"):
            self.model.optimizer.begin_epoch()  # before a restored one puts the number of its own back
        if self.restored is None:
            self.step = 0
        else:
            self._load_callbacks()
        self._finish()
        if not self.step:
            self.model.reset_metrics()
        self.data_position = self.batches.tell()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After the last step there is nothing to keep until the epoch has ended."""
        self.step = batch + 1
        if self.checkpointer is not None and self.step != self.batches.steps:
            self.checkpointer.stepped(self)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """The next epoch is the one to come."""
        self.model.stop_training = self.model._step_function("train").agree(self.model.stop_training)
        self.epoch, self.step, self.stopped = self.epoch + 1, 0, self.model.stop_training
        self.data_position = self.batches.tell()
        if self.checkpointer is not None:
            self.checkpointer.epoch_ended(self)

    def _finish(self) -> None:
        """Put back what was restored, if that has not happened yet."""
        if self.restored is not None:
            with self.guard:
                self._put_back(*self.restored)
                self.restored = None

    # Snapshots

    def variables(self) -> dict[str, Variable]:
        """All state that a training step reads or changes, by name."""
        model = self.model
        found = {f"model/{k}": v for k, v in layer_variables(model).items()} | optimizer_variables(model.optimizer)
        for place, layer in named_layers(model):  # of recurrent layers, which no file of a model keeps
            states = flatten(getattr(layer, "states", None))
            found |= {f"state/{place}/{n}": v for n, v in enumerate(states) if isinstance(v, Variable)}
        for n, metric in enumerate(model.metrics):
            found |= {f"metric/{n}/{k}": v for k, v in enumerate(metric.variables)}
        return {**found, "global_seed_generator": seeds.global_generator().state}

    def snapshot(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values and arrays from which `restore` goes on to the same bits."""
        states: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {}
        for n, callback in enumerate(self.callbacks):  # before the weights: one may hold them swapped
            plain, own = callback.get_state()
            bears = bool(plain or own) and steers(callback)
            states.append({"class": type(callback).__name__, "state": plain, "steers": bears})
            arrays |= {f"callback/{n}/{name}": a for name, a in own.items()}
        arrays |= {name: v.numpy() for name, v in self.variables().items()}
        config = {
            "epoch": self.epoch,
            "step": self.step,
            "stopped": self.stopped,
            "place": self.data_position,
            "seeds": seeds.get_stream(),
            "callbacks": states,
            "optimizer": self._optimized(),
            "plans": {w: self._account(w).get_state() for w in ("train", "test")},
            **self.identity,
        }
        return config, arrays

    def _account(self, which: str) -> Any:
        """What decides which batches have plans: their bits are not quite those of eager runs."""
        return self.model._step_function(which).compiled.account

    def _optimized(self) -> dict[str, list[str]]:
        """For which weights the optimizer was built, by name."""
        return describe(self.model, {"optimizer": self.model.optimizer})[0]["weights"]

    def restore(self, config: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Go on from a snapshot: its position at once, callbacks when training begins, the rest then too, or, in the midst
        of an epoch, when that has begun.

        Raises: DataError if it is of a training on other data, or with other callbacks that steer it.
        """
        if config["data"] != self.identity["data"]:
            raise DataError(
                "The backup is of a training on other data: shapes, dtypes or numbers differ. Use the same data, or delete "
                "the backup to train anew."
            )
        self.matched = self._matched(config["callbacks"])
        self._check_matched(config["callbacks"])
        self.epoch, self.step, self.stopped = config["epoch"], config["step"], config["stopped"]
        self.restored = config, arrays

    def _matched(self, entries: list[dict[str, Any]]) -> list[int | None]:
        """For each callback the number of the entry, of the same class, that it goes on from."""
        left = list(range(len(entries)))
        matched: list[int | None] = []
        for callback in self.callbacks:
            found = next((n for n in left if entries[n]["class"] == type(callback).__name__), None)
            matched.append(found)
            if found is not None:
                left.remove(found)
        return matched

    def _check_matched(self, entries: list[dict[str, Any]]) -> None:
        """Raise a DataError unless those that steer training and remember something are the same, in the same order."""
        own = [
            type(callback).__name__
            for callback, n in zip(self.callbacks, self.matched, strict=True)
            if (steers(callback) and any(callback.get_state()) if n is None else entries[n]["steers"])
        ]
        kept = [entry["class"] for entry in entries if entry["steers"]]
        if own != kept:
            raise DataError(
                f"The backup is of a training that these callbacks steer: {', '.join(kept) or 'none'}; this one has "
                f"{', '.join(own) or 'none'}. Use the same ones, or delete the backup. One that only looks on says so "
                "with the class attribute steers = False."
            )

    def identify(self) -> None:
        """Take the fingerprints of what is trained on what: a snapshot holds them."""
        self.identity = {"data": of_data(getattr(self.batches, "data", None)), "model": of_model(self.model)}

    def is_of(self, config: dict[str, Any]) -> bool:
        """Whether a snapshot is of this very training: the same model, compiled alike, on the same data."""
        return self.identity.items() <= config.items()

    def _load_callbacks(self) -> None:
        assert self.restored is not None
        config, arrays = self.restored
        for callback, n in zip(self.callbacks, self.matched, strict=True):
            if n is not None:
                prefix = f"callback/{n}/"
                own = {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}
                give_back(callback, config["callbacks"][n]["state"], own)

    def _put_back(self, config: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        within = config["place"]["position"] <= getattr(self.batches, "available", 0)
        if not within or (self.batches.steps is not None and self.step > self.batches.steps):
            raise DataError("The backup is of a training on more data, or with smaller batches. Use the same ones.")
        self.batches.seek(config["place"])
        if (optimized := config.get("optimizer")) is not None:  # else an older backup
            build(self.model, self.model.optimizer, "optimizer", optimized)
        for batch in itertools.islice(self.batches.epoch(), 1):
            make_state(self.model, batch)
        self.batches.seek(config["place"])
        if optimized is not None and optimized != self._optimized():
            raise DataError(
                "The backup is of a training whose optimizer knew other weights: layers were frozen, unfrozen or replaced "
                "since it was built. Freeze and unfreeze them as then, or delete the backup to train anew."
            )
        kept = {k: a for k, a in arrays.items() if not k.startswith("callback/")}
        assign(self.variables(), kept, "the backup", "Build the model as it was, or delete the backup's folder.")
        seeds.set_stream(config["seeds"])
        for which, plans in config.get("plans", {}).items():
            self._account(which).set_state(plans)


def make_state(model: Any, batch: Any) -> None:
    """Evaluate a batch once, so that every Variable that a training step uses exists."""
    model._step_function("train").prepare(batch)
    with no_grad():
        steps.test_step(model, *[as_tensors(part) for part in batch])
    model.reset_metrics()
