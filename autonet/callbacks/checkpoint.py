"""Callbacks that write to disk what must not be lost: the best model so far, and where training stands."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np

from autonet.callbacks.base import Callback
from autonet.callbacks.monitor import MonitorCallback
from autonet.common.types import PathLike, Position
from autonet.compiler.account import is_account
from autonet.errors import ArgumentError, DataError


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, after epochs or every so many batches.

    Args:
        filepath: ends with ".keras", or, for weights, ".weights"; may hold {epoch} (from 1), {batch}, and names of logs,
            as in "model-{epoch:02d}-{val_loss:.2f}.keras".
        monitor: the value that decides what is best.
        verbose: 1 to print a line for each file.
        save_best_only: write only when the value improves; where logs do not hold it, write, with a warning.
        save_weights_only: write weights instead of the model.
        mode: "min", "max", or "auto" to ask the metric.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: a value that must be beaten before anything counts as best.

    A file is replaced at once when the new one is whole. Missing folders are made.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, epochs=2, verbose=0, callbacks=[ModelCheckpoint("saved/{epoch}.keras")])
    >>> sorted(path.name for path in Path("saved").iterdir())
    ['1.keras', '2.keras']
    """

    outward = True

    def __init__(
        self,
        filepath: PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | Literal["epoch"] = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode, 0.0, verbose)
        self.filepath = os.fspath(filepath)
        ending = (".weights", ".weights.h5") if save_weights_only else (".keras",)
        if not self.filepath.endswith(ending):
            raise ArgumentError(
                f"ModelCheckpoint expects a filepath that ends with {' or '.join(ending)}; received {filepath!r}."
            )
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ArgumentError(
                f"ModelCheckpoint expects save_freq 'epoch' or a number of batches; received {save_freq!r}."
            )
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq: int | Literal["epoch"] = save_freq
        self.best = initial_value_threshold
        self._batches = 0  # before this epoch
        self._seen = 0  # in this epoch
        self._epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._seen = 0
        self._wait()

    def _wait(self) -> None:
        """Look again at the next batch to save after; where nobody knows how many an epoch has, at all, to count them."""
        if self.save_freq == "epoch":
            self.due = sys.maxsize
        elif (self.params or {}).get("steps") is None:
            self.due = 0
        else:
            self.due = self._seen + self.save_freq - 1 - (self._batches + self._seen) % self.save_freq

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._seen = batch + 1
        if self.save_freq != "epoch" and (self._batches + self._seen) % self.save_freq == 0:
            self._save(self._epoch, batch, logs or {})
        self._wait()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += (self.params or {}).get("steps") or self._seen
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        if self.save_best_only:
            value = self.current(logs)
            if value is not None and not self.improves(value, self.best):
                return
            self.best = self.best if value is None else value
        named = dict(logs) if batch is None else {**logs, "batch": batch + 1}
        try:
            path = self.filepath.format(epoch=epoch + 1, **named)
        except KeyError as error:
            raise ArgumentError(
                f"ModelCheckpoint's filepath {self.filepath!r} asks for {error}, which the logs do not hold: {', '.join(logs)}."
            ) from None
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path, overwrite=True)
        self.say(f"Epoch {epoch + 1}: saved {path}")


_completed: set[tuple[int, str]] = set()  # marks of the trainings that this process has completed


def _mark(path: Path) -> tuple[int, str]:
    return os.getpid(), os.path.realpath(path)


class BackupAndRestore(Callback):
    """Keep where training stands, so that the same script, started again after a crash, goes on to the same bits.

    Kept are weights, the optimizer's and generators' state, the data's order and the place in it, metrics, the History,
    and what other callbacks remember. Data must be arrays or a PyDataset; a generator's own state is its own. The training
    that goes on must have the same data (told by a fingerprint of arrays) and the same callbacks, of those that steer it
    and remember something (see `Callback.steers`).

    When training ends, the last backup becomes `complete.backup`. The same script, started again, gets its result from
    there and trains no further; so does one that asks for more epochs, which then goes on. A training with another model,
    compilation or data starts anew, as does each `fit` of the process that completed one.

    Args:
        backup_dir: folder for the backup, made if need be. One training per folder.
        save_freq: "epoch", or a number of batches after which to keep the place within an epoch too.
        double_checkpoint: keep the backup before the last as well.
        delete_checkpoint: keep no backup but `complete.backup` when training ends. False keeps the last one for a training
            that goes on, in this process too.

    Raises: DataError, from `fit`, for a backup of another model or other data, or of callbacks unlike these.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, epochs=2, verbose=0, callbacks=[BackupAndRestore("backup")])
    >>> sorted(path.name for path in Path("backup").iterdir())
    ['complete.backup']
    """

    steers = False
    outward = True

    def __init__(
        self,
        backup_dir: PathLike,
        save_freq: int | Literal["epoch"] = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        if not str(backup_dir):
            raise ArgumentError("BackupAndRestore needs a folder as backup_dir.")
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ArgumentError(
                f"BackupAndRestore expects save_freq 'epoch' or a number of batches; received {save_freq!r}."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq: int | Literal["epoch"] = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint

    @property
    def path(self) -> Path:
        """The backup."""
        return Path(self.backup_dir) / "latest.backup"

    @property
    def complete(self) -> Path:
        """The last backup of a training that has ended."""
        return Path(self.backup_dir) / "complete.backup"

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        from autonet.saving.archive import Archive

        position = self.model._position
        position.checkpointer = self
        Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        position.identify()
        if self.path.exists():
            with Archive(self.path, "backup") as archive:
                position.restore(_checked(archive.config, str(self.path)), archive.arrays())
        elif self.complete.exists() and _mark(self.complete) not in _completed:
            with Archive(self.complete, "backup") as archive:
                config = _checked(archive.config, str(self.complete))
                if position.is_of(config):
                    position.restore(config, archive.arrays())
                    self.say(
                        f"This training is complete: its result is that of {self.complete}. Remove it to train anew."
                    )
        self._plan(position.step)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The loop stops at `due`, and then calls `stepped`."""

    def _plan(self, done: int) -> None:
        self.due = sys.maxsize if self.save_freq == "epoch" else done + self.save_freq - 1

    def stepped(self, position: Position) -> None:
        """The loop has done some steps."""
        if position.step > self.due:
            self._write(position)
            self._plan(position.step)

    def epoch_ended(self, position: Position) -> None:
        """An epoch has ended, and all callbacks have seen it."""
        self._write(position)
        self._plan(0)

    def _write(self, position: Any) -> None:
        from autonet.saving.archive import write_archive
        from autonet.utils.files import atomic_write

        if self.double_checkpoint and self.path.exists():
            with open(self.path, "rb") as last, atomic_write(self.path.with_name("previous.backup")) as file:
                shutil.copyfileobj(last, file)
        write_archive(self.path, "backup", *position.snapshot())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.delete_checkpoint and not self.model._position.interrupted:
            if self.path.exists():
                os.replace(self.path, self.complete)
                _completed.add(_mark(self.complete))
            self.path.with_name("previous.backup").unlink(missing_ok=True)

    def get_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, {}


class SwapEMAWeights(Callback):
    """Evaluate with the optimizer's moving averages of the weights in their place.

    Args:
        swap_on_epoch: swap them at the end of each epoch too, until the next begins, so that callbacks that come after
            this one (ModelCheckpoint, ...) see the averages.

    Needs an optimizer with use_ema=True; the end of `fit` makes its averages the weights.

    >>> from autonet import Sequential, layers, ops, optimizers
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=1), "mse")
    >>> history = model.fit(x, x, epochs=3, validation_data=(x, x), verbose=0, callbacks=[SwapEMAWeights()])
    >>> len(set(history.history["val_loss"]))  # that of the weights after the first step, which this momentum keeps
    1
    """

    def __init__(self, swap_on_epoch: bool = False):
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False
        self._found: list[Any] = []  # the averages, while they stand in the weights' place

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not any(x.use_ema for x in getattr(self.model.optimizer, "stepping", ())):
            raise ArgumentError("SwapEMAWeights needs an optimizer with use_ema=True.")
        self._swapped, self._found = False, []

    def _averaged(self) -> list[tuple[Any, Any]]:
        """Each weight that has an average, with it."""
        return [
            pair
            for x in self.model.optimizer.stepping
            if x.use_ema and x.built
            for pair in zip(x._trainable_variables, x._averages, strict=True)
        ]

    def _swap(self) -> None:
        for weight, average in self._averaged():
            kept = weight.value
            weight.assign(average)
            average.assign(kept)
        self._swapped = not self._swapped
        self._found = [weight.value for weight, _ in self._averaged()] if self._swapped else []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._swapped:
            self._swap()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._swapped and self.model.optimizer.built:
            self._swap()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._swapped:
            self._swap()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch and not self._swapped:
            self._swap()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """The end of `fit` puts the averages into the weights; what it takes for them are, if swapped, the weights."""
        if self._swapped:
            for (weight, average), found in zip(self._averaged(), self._found, strict=True):
                weight.assign(found)
                average.assign(found)
            self._swapped, self._found = False, []

    def get_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Nothing: a backup is taken when all have seen the epoch's end, and it keeps every weight in its own place."""
        if self._swapped:
            self._swap()
        return {}, {}


def _checked(config: Any, path: str) -> dict[str, Any]:
    """A backup's description, if it is one."""
    kinds = {"epoch": int, "step": int, "stopped": bool, "place": dict, "seeds": list, "callbacks": list}
    kinds |= {"data": str, "model": str}
    if (
        not isinstance(config, dict)
        or {k: type(v) for k, v in config.items() if k not in ("optimizer", "plans")} != kinds
    ):
        raise DataError(f"{path} is no backup of a training. Remove it, or choose another backup_dir.")
    place, lists = config["place"], config.get("optimizer", {})
    plans = config.get("plans", {})
    sound = (
        isinstance(lists, dict)
        and isinstance(plans, dict)
        and plans.keys() <= {"train", "test"}
        and all(is_account(state) for state in plans.values())
        and all(isinstance(names, list) and all(isinstance(n, str) for n in names) for names in lists.values())
        and min(config["epoch"], config["step"]) >= 0
        and place.keys() - {"source"} == {"order", "position"}
        and isinstance(place.get("source", {}), dict)
        and type(place["position"]) is int
        and place["position"] >= 0
        and isinstance(place["order"], list)
        and len(place["order"]) in (0, 2)
        and all(type(n) is int and 0 <= n < 2**32 for n in place["order"])
    )
    if not sound:
        raise DataError(f"{path} stands at an impossible place. Remove it.")
    for entry in config["callbacks"]:
        if not isinstance(entry, dict) or {k: type(v) for k, v in entry.items()} != {
            "class": str,
            "state": dict,
            "steers": bool,
        }:
            raise DataError(f"{path} describes callbacks that are none. Remove it.")
    return config
