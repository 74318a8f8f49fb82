"""Which learning rate? Steps at rates that rise from far too small to far too large, and where the loss falls meanwhile."""

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np

from autonet.common.lines import warn
from autonet.errors import ArgumentError
from autonet.random import seeds
from autonet.training import loop
from autonet.training.bad_data import bad_places
from autonet.training.batches import make_batches
from autonet.training.data import as_tensors
from autonet.training.function import Replaced
from autonet.training.interrupt import Interrupt
from autonet.variable import Variable

LEAST_STEPS = 200  # below these a curve is too coarse
DIVERGED = 4.0  # times the least loss so far, and the search ends


class RateSearch:
    """What `Model.lr_find` found: the loss at each learning rate.

    Attributes:
        rates: the learning rates, rising, shape (n,).
        losses: the loss at each, smoothed; see `utils.exponential_average`.
        batch_losses: the same, as each batch gave it.
        diverged: whether the search ended because the loss blew up, before the last rate.
    """

    def __init__(self, rates: Any, losses: Any, batch_losses: Any, diverged: bool):
        self.rates = np.asarray(rates, np.float64)
        self.losses = np.asarray(losses, np.float64)
        self.batch_losses = np.asarray(batch_losses, np.float64)
        self.diverged = diverged

    @property
    def minimum(self) -> float:
        """The rate at which the smoothed loss is least: the edge, beyond which training is unstable."""
        return float(self.rates[self._least()])

    @property
    def steepest(self) -> float:
        """The rate around which the loss falls fastest against the logarithm of the rate, below `minimum`.

        The slope at a rate is that of the straight line through `batch_losses` of the decade around it, by least squares.
        """
        falling = self.batch_losses[: self._least() + 1]
        decades = math.log10(self.rates[-1] / self.rates[0]) or 1.0
        half = max(int((len(self.rates) - 1) / decades / 2), 2)
        if len(falling) < 2 * half + 1:
            return self.minimum
        slopes = np.correlate(falling, np.arange(-half, half + 1), mode="valid")  # up to a factor that all share
        return float(self.rates[half + int(np.argmin(slopes))])

    @property
    def suggestion(self) -> float | None:
        """A rate to train with: `steepest`, but at most a tenth of `minimum`; None where the loss did not fall.

        A loss falls if it does so by more than batches differ: by more than the standard deviation of `batch_losses`
        around `losses`.
        """
        end = self._least() + 1
        scatter = float(np.std(self.batch_losses[:end] - self.losses[:end]))
        if end < 3 or not self.losses[0] - self.losses[end - 1] > scatter:
            return None
        return min(self.steepest, self.minimum / 10)

    def _least(self) -> int:
        return int(np.nanargmin(self.losses)) if np.isfinite(self.losses).any() else 0

    def __repr__(self) -> str:
        span = f"{len(self.rates)} rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        end = ", where the loss diverged" if self.diverged else ""
        if self.suggestion is None:
            return f"<RateSearch: {span}{end}; the loss did not fall, so there is no suggestion>"
        return (
            f"<RateSearch: {span}{end}; the loss falls fastest at {self.steepest:.3g} and is least at "
            f"{self.minimum:.3g}; suggestion {self.suggestion:.3g}>"
        )

    def plot(self) -> Any:
        """The loss against the rate, with the suggestion, as a matplotlib Figure; matplotlib is the extra `plot`."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.batch_losses, color="0.75", linewidth=1, label="each batch")
        axes.plot(self.rates, self.losses, label="smoothed")
        if self.suggestion is not None:
            axes.axvline(self.suggestion, color="C1", linestyle="--", label=f"suggestion {self.suggestion:.2g}")
        low, high = float(np.nanmin(self.losses)), float(self.losses[0])
        margin = 0.15 * (high - low) or 1.0
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - margin, high + 3 * margin))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        return figure


def search(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    batch_size: int | None,
    class_weight: Any,
    start: float,
    end: float,
    steps: int | None,
    beta: float | None,
) -> RateSearch:
    """`Model.lr_find`: see there."""
    _check(start, end, steps, beta)
    if getattr(model.optimizer, "needs_function", False):
        raise ArgumentError(
            f"lr_find looks for the rate of an optimizer that steps by it; {model.optimizer.name} searches for the length of "
            "each step by itself. Leave its learning_rate at 1."
        )
    stream = seeds.get_stream()
    try:
        sized: dict[str, Any] = {"batch_size": batch_size, "shuffle": True, "endless": True}
        sized |= {"class_weight": class_weight, "float_dtype": model._data_dtype()}
        count = steps
        if count is None:
            count = max(make_batches(x, y, sample_weight, **sized).steps or 0, LEAST_STEPS)
        if batch_size is None and not hasattr(x, "__next__"):
            sized["batch_size"] = 32  # which arrays have whatever the number of steps
        batches = make_batches(x, y, sample_weight, steps=count, **sized)
        beta = 1 - 1 / max(count / 20, 2) if beta is None else beta
        with Interrupt() as interrupt:
            found = _run(model, batches, np.geomspace(start, end, count), beta, interrupt)
        _tell(model.label, found, batches, (x, y, sample_weight))
        return found
    finally:
        seeds.set_stream(stream)


def _tell(label: str, found: RateSearch, batches: Any, given: Any) -> None:
    """Warn of data that hold NaN or infinity where the loss is none any more, and of a search that suggests no rate."""
    last = found.batch_losses[-1]
    what = "NaN" if math.isnan(last) else "infinite"
    if not math.isfinite(last) and (bad := bad_places(batches, given)):
        warn(f"{label}: the loss is {what} in step {len(found.rates)} of lr_find. {bad}")
    elif found.suggestion is None:
        ended = "" if math.isfinite(last) else f" before it was {what}, at the rate {found.rates[-1]:.3g}"
        warn(
            f"{label}: lr_find has no suggestion, since the loss did not fall by more than batches differ{ended}. Take more "
            "steps, lower start, or look whether the model can learn these data."
        )


def _run(model: Any, batches: Any, rates: np.ndarray, beta: float, interrupt: Interrupt) -> RateSearch:
    """Steps at `rates`, until the loss diverges; after which all Variables are as before."""
    function = model._step_function("train")
    function.adopt(batches)
    source = batches.epoch()
    first = next(source)
    function.prepare(first)
    losses: list[float] = []
    smoothed: list[float] = []
    mean, diverged = 0.0, False
    replaced = Replaced({})
    try:
        with interrupt.step, replaced:  # once by operations, which tells what Variables a step moves
            function.run(*[as_tensors(part) for part in first])
        replaced.put_back()
        with _rate_of(model.optimizer) as rate:
            replaced.assigns(rate)
            for i, batch in enumerate(itertools.chain([first], source)):
                rate.assign(rates[i])
                model.reset_metrics()
                with interrupt.step:
                    loss = _loss(model, function(batch, i))
                mean = beta * mean + (1 - beta) * loss
                losses.append(loss)
                smoothed.append(mean / (1 - beta ** (i + 1)))
                least = min(smoothed)
                if not math.isfinite(loss) or smoothed[-1] > least + (DIVERGED - 1) * abs(least):
                    diverged = True
                    break
    finally:
        with interrupt.step:
            replaced.put_back()
        source.close()
    return RateSearch(rates[: len(losses)], smoothed, losses, diverged)


def _loss(model: Any, returned: Any) -> float:
    """The loss of the batch that was just trained on; all metrics were reset before."""
    if returned is None:
        return float(model._loss_tracker.result())
    logs = loop.read(model, returned)
    if "loss" not in logs:
        raise ArgumentError(
            f"lr_find watches the loss, and the train_step of {model.label} returns {', '.join(logs) or 'nothing'}. "
            'Let it return {"loss": ...} too.'
        )
    return float(logs["loss"])


@contextmanager
def _rate_of(optimizer: Any) -> Iterator[Variable]:
    """The optimizer's rate as a Variable to assign to; a schedule steps aside meanwhile."""
    rate = optimizer.learning_rate
    if isinstance(rate, Variable):
        yield rate
        return
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = inner._rate
    optimizer.learning_rate = rate = Variable(rate, trainable=False, name="learning_rate")
    try:
        yield rate
    finally:
        optimizer.learning_rate = schedule


def _check(start: float, end: float, steps: int | None, beta: float | None) -> None:
    if not all(isinstance(r, Real) and not isinstance(r, bool) for r in (start, end)) or not 0 < start < end < math.inf:
        raise ArgumentError(
            f"lr_find expects rates, numbers with 0 < start < end; received start={start!r}, end={end!r}."
        )
    if steps is not None and (not isinstance(steps, (int, np.integer)) or isinstance(steps, bool) or steps < 10):
        raise ArgumentError(f"lr_find expects steps to be a whole number of at least 10; received {steps!r}.")
    if beta is not None and (not isinstance(beta, Real) or not 0 <= beta < 1):
        raise ArgumentError(f"lr_find expects beta in [0, 1); received {beta!r}.")
