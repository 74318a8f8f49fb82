"""Callbacks that tell what happens: in memory, on the screen, in a file, or to functions."""

import csv
import html
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from autonet.callbacks.base import Callback
from autonet.callbacks.findings import Findings
from autonet.callbacks.history_findings import look_at_history
from autonet.callbacks.learning_rate import named_optimizers
from autonet.callbacks.plots import curves
from autonet.common.extras import installed
from autonet.common.lines import warn
from autonet.common.types import Figure
from autonet.errors import DataError, unknown
from autonet.utils.files import append, atomic_write
from autonet.utils.progress import Progbar, format_value


class History(Callback):
    """What the logs held at the end of each epoch, and the learning rate. `fit` makes one by itself and returns it.

    Attributes:
        epoch: the epochs' numbers, from 0.
        history: name to its value in each of them, or in those that have one: validation may be rarer. "learning_rate" is
            the rate in force; of a schedule, that at the end of the epoch.
        epochs_of: name to the numbers of those epochs.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, epochs=2, verbose=0)
    >>> history.epoch, sorted(history.history)
    ([0, 1], ['learning_rate', 'loss'])
    """

    def __init__(self) -> None:
        self.on_train_begin()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.epochs_of: dict[str, list[int]] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        values = dict(logs or {})
        for name, rate in _rates(self.model).items():
            values.setdefault(name, rate)
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
            self.epochs_of.setdefault(name, []).append(epoch)

    def __repr__(self) -> str:
        """A table of the first and the last epochs."""
        if not self.history:
            return "<History of no epochs>"
        return "\n".join("  ".join(cell.rjust(12) for cell in row).rstrip() for row in self._table())

    def _table(self, most: int = 10) -> list[list[str]]:
        """Rows of texts: names, then an epoch, counted from 1, each; of many only the first and the last."""
        columns = [dict(zip(self.epochs_of.get(k, self.epoch), v, strict=False)) for k, v in self.history.items()]
        rows = [["epoch", *self.history]]
        for epoch in self.epoch if len(self.epoch) <= most else [*self.epoch[:3], None, *self.epoch[3 - most :]]:
            cells = ["..." if epoch is None else format_value(c[epoch]) if epoch in c else "" for c in columns]
            rows.append(["..." if epoch is None else str(epoch + 1), *cells])
        return rows

    def _repr_html_(self) -> str:
        """For a notebook: the curves, where matplotlib is installed, and the table."""
        if not self.history:
            return "<p>History of no epochs</p>"
        head, *body = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in self._table()]
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        table = f"<table><thead><tr>{head.replace('td>', 'th>')}</tr></thead><tbody>{rows}</tbody></table>"
        return f"{self._curves()}{table}"

    def _curves(self) -> str:
        """Up to three curves as SVG, where there is something to draw and matplotlib to do it."""
        names = self._names()[:3]
        if not names or len(self.epoch) < 2 or not installed("matplotlib"):
            return ""
        drawn = io.StringIO()
        curves(self.history, names, self.epochs_of).savefig(drawn, format="svg")
        return "".join(drawn.getvalue().partition("<svg")[1:])

    def plot(self) -> Figure:
        """A matplotlib Figure: the loss and each metric against the epoch, of training and of validation.

        It needs the extra `plot`.
        """
        return curves(self.history, self._names(), self.epochs_of)

    def diagnose(self, noise_floor: float | None = None) -> Findings:
        """What the curves say in words: a list of `Finding`s, to print.

        Judged are the errors of training and validation at the end: 1 - accuracy where there is an accuracy, else the loss.

            avoidable bias = training error - noise floor        variance = validation error - training error

        "bias" and "variance" name the larger, or both; "over-fitting" says from which epoch on, by the loss (its minimum)
        and by the accuracy (where it stops rising), which may be much later; "too short" that the validation loss still
        falls; "healthy" that nothing was found; "nothing" that there is no epoch to judge.

        Args:
            noise_floor: error that nobody can avoid, as that of people who know the task, in the units of the error
                (0.01 for 1 % wrong); 0 unless given. A loss is judged for bias only if it is given.

        Source: Ng, Machine Learning Yearning, 2018, chapters 20 to 27.
        """
        return look_at_history(self.history, self.epochs_of, noise_floor)

    def _names(self) -> list[str]:
        """Names that can be drawn, without those of validation."""
        return [
            name
            for name, values in self.history.items()
            if not name.startswith(("val_", "learning_rate")) and np.ndim(values) == 1
        ]

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        super().set_state(plain, arrays)
        if not all(isinstance(values, list) for values in [*self.history.values(), *self.epochs_of.values()]):
            raise DataError("The backup holds no history of a training. Remove it.")


def _rates(model: Any) -> dict[str, float]:
    """The learning rates that a model's optimizer steps with now, by name; none if it has none, or has not stepped."""
    optimizer: Any = getattr(model, "optimizer", None)
    found: dict[str, Any] = {}
    for name, inner in named_optimizers(optimizer).items() if getattr(optimizer, "built", True) else ():
        inner = getattr(inner, "inner_optimizer", inner)
        asked = getattr(inner, "asks", False)  # then its last answer: to ask for another may change what comes
        found[name] = inner._rate.answer if asked else getattr(inner, "learning_rate", None)
    return {name: float(rate) for name, rate in found.items() if rate is not None and not callable(rate)}


class ProgbarLogger(Callback):
    """Progress on the screen. `fit`, `evaluate` and `predict` make one by themselves unless verbose is 0.

    It looks at a batch only when a drawing is due, at most ten times a second.
    """

    outward = True

    def __init__(self) -> None:
        self._bar: Progbar | None = None
        self._rate = 0.0  # steps per second of the last bar
        self._fitting = False
        self._batches = 0

    @property
    def _verbose(self) -> int:
        verbose = (self.params or {}).get("verbose", 1)
        return 1 if verbose == "auto" else int(verbose)

    def _open(self, title: str = "") -> None:
        target = (self.params or {}).get("steps")
        self._bar = Progbar(target, verbose=self._verbose, stateless_metrics=(), title=title, rate=self._rate)
        self._batches = 0
        self._wait()

    def _wait(self) -> None:
        """Until the bar has something new to draw, nobody need call."""
        if self._bar is None or self._verbose == 0:
            self.due = sys.maxsize
        elif self._bar.target is None:
            self.due = 0  # somebody has to count
        else:
            self.due = sys.maxsize if self._verbose == 2 else self._bar.due - 1

    def _advance(self, batch: int, logs: dict[str, Any] | None) -> None:
        if self._bar is not None:
            self._batches = batch + 1
            self._bar.update(batch + 1, logs, finalize=False)
            self._wait()

    def compiling(self) -> None:
        """A step is about to be compiled, which takes seconds."""
        if self._bar is not None:
            self._bar.note("compiling")

    def _close(self, logs: dict[str, Any] | None) -> None:
        """Show the final figures."""
        if self._bar is not None:
            done = self._batches if self._bar.target is None else self._bar.target
            self._bar.update(done, logs, finalize=True)
            self._rate = self._bar.rate
            self._bar = None

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {}, {}  # a picture is drawn anew

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._fitting = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        epochs = (self.params or {}).get("epochs", 1)
        self._open(f"Epoch {epoch + 1}/{epochs}" if epochs > 1 else "")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._advance(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._close(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._fitting = False
        if self._bar is not None:  # interrupted
            self._bar.close()
            self._bar = None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._fitting:
            self.due = sys.maxsize  # validation shows its results at the end of the epoch
        else:
            self._open()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not self._fitting:
            self._advance(batch, logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self._fitting:
            self._close(logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._open()

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._advance(batch, None)  # logs hold the outputs

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._close(None)


class CSVLogger(Callback):
    """A line for each epoch in a file of separated values.

    The first line names the columns: the epoch, counted from 0, then what the first epoch's logs hold, and the same for
    validation. A value that an epoch lacks is written as NA. The file is complete after every epoch.

    Args:
        filename: where to write; missing folders are made.
        separator: what stands between values.
        append: go on with the file, if there is one, and its columns; otherwise it is written anew.

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1)]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> import pathlib
    >>> history = model.fit(x, x, verbose=0, callbacks=[CSVLogger("log.csv")])
    >>> pathlib.Path("log.csv").read_text().splitlines()[0]
    'epoch,loss,val_loss'
    """

    outward = True

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._columns: list[str] | None = None
        self._left_out: set[str] = set()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._columns = None
        self._left_out = set()
        path = Path(self.filename)
        if self.append and path.exists() and path.stat().st_size:
            text = self._without_cut_line(path)
            if not text:
                return
            header = _fields(text.splitlines()[0], self.separator)
            if not header or header[0] != "epoch":
                raise self._other_kind(
                    f"its first line does not begin with the column 'epoch' and the separator {self.separator!r}"
                )
            self._columns = header[1:]
            if not text.endswith("\n"):  # the last run ended within a line
                with path.open("ab", buffering=0) as file:
                    append(file, os.linesep.encode())
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")

    def _other_kind(self, what: str) -> DataError:
        return DataError(
            f"CSVLogger cannot append to {self.filename!r}: {what}. Use its separator, another file, or append=False."
        )

    def _without_cut_line(self, path: Path) -> str:
        """What the file holds, after a last line was removed that has less than the first: the machine went down within it."""
        try:
            with path.open(newline="", encoding="utf-8") as file:
                text = file.read()
        except UnicodeDecodeError as problem:
            raise self._other_kind(f"it is no text in UTF-8 ({problem})") from problem
        last = text[text.rfind("\n") + 1 :]
        first = text.splitlines()[0]
        start = f"epoch{self.separator}"
        if last == first:
            cut = start.startswith(last) or last.startswith(start)
        else:
            cut = bool(last) and len(_fields(last, self.separator)) < len(_fields(first, self.separator))
        if not cut:
            return text
        if last != first:
            warn(f"CSVLogger: the last line of {self.filename!r} was cut off, {last!r}, and is removed.")
        text = text[: len(text) - len(last)]
        with atomic_write(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return text

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        text = Path(self.filename).read_text(encoding="utf-8") if Path(self.filename).exists() else ""
        return {"columns": self._columns, "text": text}, {}

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        """The file as it was: lines that came after the backup are written again."""
        columns, text = plain["columns"], plain["text"]
        if not (columns is None or (isinstance(columns, list) and all(isinstance(c, str) for c in columns))):
            raise DataError(f"The backup holds no columns of a CSVLogger: {str(columns)[:100]}. Remove the backup.")
        self._columns = columns
        with atomic_write(self.filename, "w", encoding="utf-8", newline="") as file:
            file.write(str(text))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        rows: list[list[Any]] = []
        if self._columns is None:
            self._columns = sorted(logs)
            if not any(name.startswith("val_") for name in logs):  # validation may come in a later epoch
                self._columns += [f"val_{name}" for name in self._columns if not name.startswith("learning_rate")]
            rows.append(["epoch", *self._columns])
        rows.append([epoch, *(_plain(logs[name]) if name in logs else "NA" for name in self._columns)])
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.separator, lineterminator=os.linesep).writerows(rows)
        try:
            with open(self.filename, "ab", buffering=0) as file:
                append(file, text.getvalue().encode())
        except OSError as problem:
            raise DataError(
                f"CSVLogger cannot write epoch {epoch + 1} to {self.filename!r} ({problem.strerror}). Make room, or "
                "choose another file; the model is as the epoch left it."
            ) from problem
        new = set(logs) - set(self._columns) - self._left_out
        if new:
            self._left_out |= new
            warn(f"CSVLogger: {self.filename!r} has no column for {', '.join(sorted(new))}, which the logs hold.")


def _fields(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:  # a field of more than 131,072 letters
        return []


def _plain(value: Any) -> Any:
    """A value as text that can be read back: numbers as they are, arrays as a list in brackets."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value if isinstance(value, (str, int, float)) else np.asarray(value).item()
    return f"[{', '.join(str(v) for v in np.asarray(value).ravel().tolist())}]"


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Functions called at the hooks of their names, with the hooks' arguments.

    Args:
        on_epoch_begin, on_epoch_end: functions of (epoch, logs).
        on_train_begin, on_train_end: functions of (logs).
        on_train_batch_begin, on_train_batch_end: functions of (batch, logs).
        **kwargs: functions for any other hook of `Callback`.

    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs)).on_epoch_end(0, {"loss": 1.5})
    0 {'loss': 1.5}
    """

    def __init__(
        self,
        on_epoch_begin: Callable[[int, dict[str, Any]], Any] | None = None,
        on_epoch_end: Callable[[int, dict[str, Any]], Any] | None = None,
        on_train_begin: Callable[[dict[str, Any]], Any] | None = None,
        on_train_end: Callable[[dict[str, Any]], Any] | None = None,
        on_train_batch_begin: Callable[[int, dict[str, Any]], Any] | None = None,
        on_train_batch_end: Callable[[int, dict[str, Any]], Any] | None = None,
        **kwargs: Callable[..., Any],
    ):
        named = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in {**named, **kwargs}.items():
            if name not in HOOKS:
                raise unknown("hook of LambdaCallback", name, HOOKS)
            if function is not None:
                setattr(self, name, function)
