"""MonitorCallback: base of those that watch one number and know which way is better."""

import difflib
import re
from typing import Any

import numpy as np

from autonet import ops
from autonet.callbacks.base import Callback
from autonet.common.lines import warn
from autonet.common.trees import flatten
from autonet.errors import ArgumentError, DataError
from autonet.serialization import snake_case

# Ends of the names of metrics, or of their classes, that shall become small, and of those that shall become large.
FALLING = (
    *("loss", "error", "crossentropy", "divergence", "hinge", "poisson", "perplexity"),
    *("mse", "rmse", "mae", "mape", "msle"),
)
RISING = (
    *("accuracy", "acc", "auc", "precision", "recall", "specificity", "sensitivity"),
    *("f1_score", "fbeta_score", "f_beta_score", "r2_score", "iou", "io_u", "similarity", "correlation"),
)


class MonitorCallback(Callback):
    """Watches a value in the logs of each epoch.

    Args:
        monitor: its name, such as "val_loss".
        mode: "min" if smaller is better, "max" if larger is, "auto" to ask the metric of that name.
        min_delta: a change must exceed this to be an improvement.
        verbose: 1 to print a line when something is done.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0, verbose: int = 0):
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(f"{type(self).__name__} expects mode 'auto', 'min' or 'max'; received {mode!r}.")
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.verbose = verbose
        self.rises: bool | None = None  # whether larger is better; None until training begins

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.rises = None if self.mode == "auto" else self.mode == "max"

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        super().set_state(plain, arrays)
        if not isinstance(getattr(self, "best", None), (int, float, type(None))):
            raise DataError(f"The backup's best value of {self.monitor!r} is no number. Remove it.")

    @property
    def monitor_op(self) -> Any:
        """The function (value, best) that says whether a value is better: ops.greater or ops.less; None before training."""
        return None if self.rises is None else ops.greater if self.rises else ops.less

    def current(self, logs: dict[str, Any] | None) -> float | None:
        """The monitored value in `logs`; None, and a warning, if it is not there."""
        logs = logs or {}
        if self.monitor not in logs:
            warn(
                f"{type(self).__name__} watches {self.monitor!r}, which the logs of this epoch do not hold. "
                f"{missing(self.monitor, logs)}"
            )
            return None
        return float(logs[self.monitor])

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether `value` is better than `reference` by more than `min_delta`; anything is better than None."""
        if self.rises is None:
            self.rises = self._direction()
        if reference is None:
            return True
        return value - self.min_delta > reference if self.rises else value + self.min_delta < reference

    def _direction(self) -> bool:
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return False
        names = [name]
        for metric in _metrics(self.model):
            if getattr(metric, "name", None) == name:
                direction = getattr(metric, "_direction", None)
                if direction in ("up", "down"):
                    return direction == "up"
                names.insert(0, snake_case(type(metric).__name__))  # the user may have named it anything
        for name in names:
            name = re.sub(r"_\d+$", "", name)  # precision_1, the second of its kind
            if name.endswith(FALLING):
                return False
            if name.endswith(RISING):
                return True
        raise undirected(type(self).__name__, self.monitor)


def undirected(who: str, monitor: str, more: str = "") -> ArgumentError:
    """The error for a value that no usual metric has the name of."""
    name = monitor.removeprefix("val_")
    near = difflib.get_close_matches(name, [*FALLING, *RISING], n=1, cutoff=0.75)
    meant = f"Did you mean {monitor.removesuffix(name) + near[0]!r}? " if near and near[0] != name else ""
    return ArgumentError(
        f"{who} cannot tell whether {monitor!r} shall rise or fall: it is no metric of that name that is known. {meant}{more}"
        "For a metric of your own, pass mode='max' or mode='min'."
    )


def missing(monitor: str, logs: dict[str, Any]) -> str:
    """What to do where the logs do not hold a value, and what they hold."""
    near = difflib.get_close_matches(monitor, logs, n=1)
    advice = f"Did you mean {near[0]!r}? " if near else ""
    if monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
        advice = "Pass validation_data or validation_split to fit. "
    return f"{advice}They hold: {', '.join(logs)}."


def _metrics(model: Any) -> list[Any]:
    """The model's metrics, those inside containers of metrics included."""
    found = []
    for metric in flatten(list(getattr(model, "metrics", None) or ())):
        found.append(metric)
        inner = getattr(metric, "metrics", None)
        if isinstance(inner, (list, tuple)):
            found.extend(flatten(inner))
    return found


def whole(value: Any, name: str, callback: Any, least: int = 0, of: str = "epochs") -> int:
    """`value` if it is a whole number, of epochs or of steps; ArgumentError otherwise."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least:
        return int(value)
    raise ArgumentError(
        f"{type(callback).__name__} expects {name} to be a number of {of}, {least} or more; received {value!r}. "
        f"Write {name}=3."
    )


def is_finite(value: Any) -> bool:
    """Whether every number in `value` is neither NaN nor infinite."""
    return bool(np.all(np.isfinite(np.asarray(value))))
