"""TrainingMonitor: looks into the layers of a model in training, now and then."""

import math
import sys
import time
from typing import Any

import numpy as np

from autonet.callbacks.activity import Activity
from autonet.callbacks.base import Callback
from autonet.callbacks.findings import Findings, look_into
from autonet.callbacks.measures import loss_sums, steps_of_epoch
from autonet.callbacks.monitor import whole
from autonet.callbacks.state import decoded, encoded
from autonet.common.lines import warn
from autonet.common.types import Figure
from autonet.common.versions import structure
from autonet.errors import ArgumentError
from autonet.utils.progress import format_value

QUANTITIES = ("gradient", "update", "saturated", "dead", "mean", "std")
REST = 64  # rows in a row at which a unit was 0, after which it counts as dead
ALLOWANCE = 0.04  # seconds that samples may take of a short training, even if that is more than its share
CAUTION = 0.75  # a sample also costs what steps in a row lose by it


class LayerHistory(dict[str, dict[str, np.ndarray]]):
    """Layer to quantity to an array with a number for each sample, NaN where there is none. Shown as a table.

    Attributes:
        epoch: number of the epoch of each sample, from 0, shape (samples,).
        step: number of training steps before each sample, shape (samples,).
        loss: the batch's loss in each sample, shape (samples,).
    """

    def __init__(self, values: dict[str, dict[str, np.ndarray]], epoch: Any, step: Any, loss: Any):
        super().__init__(values)
        self.epoch = np.array(epoch, np.int64)
        self.step = np.array(step, np.int64)
        self.loss = np.array(loss, np.float64)

    def __repr__(self) -> str:
        """A line for each layer: medians over the last quarter of the samples."""
        if not self:
            return "<LayerHistory of no samples>"
        rows = [["layer", *QUANTITIES]]
        for name, own in self.items():
            late = [own[q][-math.ceil(len(self.step) / 4) :] for q in QUANTITIES]
            medians = [float(np.median(v[~np.isnan(v)])) if not np.isnan(v).all() else None for v in late]
            rows.append([name, *("" if m is None else format_value(m) for m in medians)])
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        lines = ["  ".join([r[0].ljust(widths[0]), *map(str.rjust, r[1:], widths[1:])]).rstrip() for r in rows]
        title = f"{len(self.step)} samples of {int(self.epoch[-1]) + 1} epochs; medians of the last quarter:"
        return "\n".join([title, *lines])


class TrainingMonitor(Callback):
    """Look into the layers while the model trains: how gradients, updates and activations are doing.

    A sample is one training step, run once more operation by operation on the batch that was just seen, with weights as
    they are, and undone: the training goes on to the same bits as without. Per layer it holds

        gradient   |g|, the length of the gradient of the loss with respect to the layer's weights, taken together
        update     |w' - w| / |w|, what the last step changed, relative to the weights; about 0.001 is usual
        saturated  share of sigmoids and tanhs whose slope is below 1/10 of its greatest: y (1 - y), 1 - y^2
        dead       share of relus (channels, in convolutions) that were 0 at every one of the last 64 rows or more
        mean, std  of the layer's results

    Layers without weights are listed if they are activations. A recurrent layer is one layer, and its gates are not
    seen; other layers made of layers are listed by parts ("block/dense").

    Args:
        every: sample the first step, and then every so many, whatever it costs; None for as often as `share` allows.
        share: part of the training's time that samples may take. The first step is always looked at, and short trainings
            are for 0.04 s in all, spread over their epochs.

    Attributes:
        history: the numbers by layer and quantity (a `LayerHistory`); those of the last `fit`.

    Sources: Glorot, Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html (activations and gradients per layer);
    He et al., 2015, https://arxiv.org/abs/1502.01852 (rectifiers); Karpathy, CS231n, "Babysitting the learning process"
    (ratio of updates to weights).

    >>> from autonet import Sequential, layers, ops
    >>> model, x = Sequential([layers.Dense(1, name="out")]), ops.ones((4, 1))
    >>> model.compile("sgd", "mse")
    >>> monitor = TrainingMonitor(every=1)
    >>> history = model.fit(x, x, epochs=3, verbose=0, callbacks=[monitor])
    >>> monitor.history["out"]["gradient"].shape
    (3,)
    """

    steers = False

    def __init__(self, every: int | None = None, share: float = 0.02):
        if not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise ArgumentError(
                f"TrainingMonitor expects share to be a part of the time, above 0, at most 1; received {share!r}."
            )
        self.every = None if every is None else whole(every, "every", self, 1, "steps")
        self.share = float(share)
        self._clear()

    def _clear(self) -> None:
        self._epochs: list[int] = []
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._values: dict[str, dict[str, list[float]]] = {}
        self._idle: dict[str, tuple[np.ndarray, int]] = {}  # by layer: rows since each relu was active, rows seen
        self._facts: dict[str, Any] = {}  # what the findings ask for besides
        self._before: list[np.ndarray] | None = None  # trainable weights before the step that is to be measured
        self._sums: tuple[float, float] | None = None  # of losses and rows, before that step
        self._epoch = self._done = self._seen = 0
        self._spent = self._cost = 0.0
        self._began = time.perf_counter()
        self._first = True
        self._most = 1  # steps of the longest epoch so far
        self._target = sys.maxsize
        self._layers: tuple[int, dict[str, tuple[Any, list[Any]]]] | None = None

    @property
    def history(self) -> LayerHistory:
        """The numbers so far."""
        values = {name: {q: np.array(v) for q, v in own.items()} for name, own in self._values.items()}
        return LayerHistory(values, self._epochs, self._steps, self._losses)

    def diagnose(self) -> Findings:
        """What the numbers say in words: a list of `Finding`s, to print; one of kind "healthy" if nothing
        is wrong, of kind "nothing" before a step was sampled."""
        return look_into(self.history, self._facts)

    def plot(self) -> Figure:
        """A matplotlib Figure: a small picture for each quantity, against the steps, with a line for each layer.

        It needs the extra `plot`.
        """
        from autonet.callbacks.plots import layer_curves

        return layer_curves(self.history)

    def __repr__(self) -> str:
        return f"<TrainingMonitor>\n{self.history!r}" if self._steps else "<TrainingMonitor of no samples>"

    # When to look

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._clear()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._seen = epoch, 0
        self._before = None
        self._target = -1
        self._plan()

    def _plan(self) -> None:
        """Choose the batch of the next sample: when the time for it will have been earned."""
        if not self._steps:
            self._wait(self._seen)
        elif self.every is not None:
            done = self._done + self._seen
            self._wait(self._seen + self.every - 1 - done % self.every)
        else:
            self._wait(self._seen + min(self._steps_by_time(), self._steps_by_progress()))

    def _steps_by_time(self) -> int:
        """Steps until `share` of the time pays for another sample, at the training's pace."""
        now = time.perf_counter()
        missing = (self._spent + self._cost) / (CAUTION * self.share) - (now - self._began)
        steps = self._done + self._seen - self._steps[0]
        pace = (now - self._began - self._spent) / steps if steps else 0.0
        return math.ceil(min(missing / pace, sys.maxsize // 2)) if missing > 0 and pace > 0 else int(missing > 0)

    def _steps_by_progress(self) -> int:
        """Steps until the allowance, handed out evenly over the training, pays for another sample."""
        params = self.params or {}
        steps = (params.get("steps") or self._most) * params.get("epochs", 1)
        return max(math.ceil((self._spent + self._cost) / ALLOWANCE * steps) - self._done - self._seen, 0)

    def _wait(self, batch: int) -> None:
        """Sample at the end of `batch`; its weights are wanted before."""
        self._target = batch
        if batch <= self._seen:
            self._remember()
        self._see()

    def _see(self) -> None:
        self.due = self._target - (self._target > self._seen)  # the batch before it, for its weights

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._seen = batch + 1
        if batch < self._target:
            self._wait(self._target)
            return
        began = time.perf_counter()
        self._sample(batch)
        cost = time.perf_counter() - began
        if self._first:
            self._began, self._first = began, False  # what came before, the step's compilation, does not count
        self._spent += cost
        self._cost = max(cost, 0.5 * self._cost)
        self._plan()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._seen = steps_of_epoch(self.model, self._seen)
        self._done += self._seen
        self._most = max(self._most, self._seen)
        self._before = None
        loss = (logs or {}).get("loss")
        if isinstance(loss, float):
            self._facts.setdefault("losses", []).append(loss)

    # What to look at

    def _remember(self) -> None:
        """Keep the weights as they are before the next step."""
        position = getattr(self.model, "_position", None)
        if position is None or position.restored is None:  # else they are about to be replaced
            self._before = [v.numpy() for v in self.model.trainable_variables] or None
            self._sums = loss_sums(self.model)

    def _sample(self, batch: int) -> None:
        if self._layers is None or self._layers[0] != structure.version:
            self._layers = structure.version, layers_of(self.model)
        layers = self._layers[1]
        activity = Activity({layer: name for name, (layer, _) in layers.items()}, self._whole())
        try:
            seen = self.model._rehearse(batch, activity)
        except Exception as error:  # training shall go on
            warn(f"TrainingMonitor cannot run a training step of {self.model.label} apart: {error} It looks no more.")
            self.due = self._target = sys.maxsize
            return
        if seen is None:
            return
        found = {name: {q: float(np.mean(v)) for q, v in own.items()} for name, own in activity.values.items()}
        before = dict(zip(self.model.trainable_variables, self._before or (), strict=False))
        for name, (_, variables) in layers.items():
            own = found.setdefault(name, {})
            own |= self._gradient_and_update(variables, seen.gradients, before)
        for name, (active, rows) in activity.active.items():
            found[name]["dead"] = self._dead(name, active, rows)
        self._note(activity, seen.targets)
        self._append(found, batch, seen.loss)
        self._before = None

    def _whole(self) -> bool:
        return self.model._step_function("train").custom

    def _gradient_and_update(
        self, variables: list[Any], gradients: dict[Any, np.ndarray], before: dict[Any, np.ndarray]
    ) -> dict[str, float]:
        own = {}
        if known := [gradients[v] for v in variables if v in gradients]:
            own["gradient"] = length(known)
        if before and known:
            moved = [v.numpy() - before[v] for v in variables if v in before]
            size, change = length([before[v] for v in variables if v in before]), length(moved)
            if size and not (change == 0 and own["gradient"]):  # else gradients are being accumulated
                own["update"] = change / size if math.isfinite(change) else math.inf
        return own

    def _dead(self, name: str, active: np.ndarray, rows: int) -> float:
        """Share of units at rest for long."""
        idle, seen = self._idle.get(name, (np.zeros(len(active), np.int64), 0))
        if len(idle) != len(active):
            idle, seen = np.zeros(len(active), np.int64), 0
        idle = np.where(active, 0, idle + rows)
        self._idle[name] = idle, seen + rows
        return float(np.mean(idle >= min(REST, seen + rows))) if seen + rows >= REST / 4 else math.nan

    def _note(self, activity: Activity, targets: Any) -> None:
        """What tells whether saturated outputs are an illness: share of rows that are saturated far from their target."""
        if activity.output is None:
            return
        name, kind, y = activity.output
        self._facts["output"] = name
        loss = getattr(self.model, "loss", None)
        called = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
        self._facts["crossentropy"] = any(word in str(called).lower() for word in ("crossentropy", "bce"))
        if kind == "relu":
            return
        if isinstance(targets, np.ndarray) and targets.shape == y.shape:
            span = 1.0 if kind == "sigmoid" else 2.0
            wrong = np.abs(y - targets) > 0.9 * span
            self._facts.setdefault("wrong", []).append(float(np.mean(wrong.reshape(len(y), -1).any(axis=1))))

    def _append(self, found: dict[str, dict[str, float]], batch: int, loss: float) -> None:
        count = len(self._steps)
        for name in found:
            self._values.setdefault(name, {q: [math.nan] * count for q in QUANTITIES})
        for name, own in self._values.items():
            for q in QUANTITIES:
                own[q].append(found.get(name, {}).get(q, math.nan))
        self._epochs.append(self._epoch)
        self._steps.append(self._done + batch)
        self._losses.append(loss)
        self._facts.setdefault("before", []).append(self._loss_before(batch))

    def _loss_before(self, batch: int) -> float:
        """The loss of the batch before the step that was made on it."""
        (total, count), since = loss_sums(self.model), self._sums if batch else (0.0, 0.0)
        return (total - since[0]) / (count - since[1]) if since is not None and count > since[1] else math.nan

    # Backups

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        plain = {
            "epochs": self._epochs,
            "steps": self._steps,
            "losses": self._losses,
            "values": self._values,
            "facts": self._facts,
            "done": self._done,
            "seen": self._seen,
            "target": self._target,
            "sums": self._sums,
            "rows": {name: seen for name, (_, seen) in self._idle.items()},
        }
        before = {f"before/{n}": weight for n, weight in enumerate(self._before or ())}
        return encoded(plain), before | {f"idle/{name}": idle for name, (idle, _) in self._idle.items()}

    def set_state(self, plain: dict[str, Any], arrays: dict[str, Any]) -> None:
        kept = decoded(plain)
        self._epochs, self._steps, self._losses = (list(kept[k]) for k in ("epochs", "steps", "losses"))
        self._values = {name: {q: list(own[q]) for q in QUANTITIES} for name, own in kept["values"].items()}
        self._facts = dict(kept["facts"])
        self._done, self._seen, self._target = (int(kept[k]) for k in ("done", "seen", "target"))
        self._sums = None if kept["sums"] is None else (float(kept["sums"][0]), float(kept["sums"][1]))
        self._before = [arrays[f"before/{n}"] for n in range(sum(k.startswith("before/") for k in arrays))] or None
        self._idle = {name: (arrays[f"idle/{name}"], int(seen)) for name, seen in kept["rows"].items()}
        _ = self.history
        self._see()


def length(arrays: list[np.ndarray]) -> float:
    """The square root of the sum of all squares; inf if that is not finite."""
    with np.errstate(all="ignore"):
        total = math.fsum(float(np.vdot(a, a)) if a.dtype == np.float64 else _squares(a) for a in arrays)
    return math.sqrt(total) if math.isfinite(total) else math.inf


def _squares(a: np.ndarray) -> float:
    found = float(np.vdot(a, a))
    return found if math.isfinite(found) and found > 1e-30 else float(np.sum(np.square(a, dtype=np.float64)))


def layers_of(model: Any) -> dict[str, tuple[Any, list[Any]]]:
    """The layers with weights of their own to train, parents first: name to layer and those weights."""
    found: dict[str, tuple[Any, list[Any]]] = {}
    seen: set[int] = set()

    def visit(layer: Any, prefix: str) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        inner = [] if hasattr(layer, "cell") else layer._sublayers  # a recurrent layer is one
        below = {id(v) for child in inner for v in child.trainable_variables}
        own = [v for v in layer.trainable_variables if id(v) not in below]
        name = layer.name if layer is model else f"{prefix}{layer.name}"
        if own:
            while name in found:
                name += "'"
            found[name] = layer, own
        for child in inner:
            visit(child, "" if layer is model else f"{name}/")

    visit(model, "")
    return found
