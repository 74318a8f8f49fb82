"""What the numbers of a TrainingMonitor say in words."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

# Where an illness begins. Shares and ratios were chosen between those of some thirty nets that train well and of as many
# that were made ill, with a wide margin to the former.
SATURATED = 0.4  # share of a hidden layer's units, in the first quarter of the samples
SATURATED_LATE = 0.9  # and in the last quarter, where training has not got anywhere
WRONG = 0.08  # share of rows with an output saturated far from its target
DEAD = 0.6  # share of a layer's relus
DEAD_STALLED = 0.4  # where training has not got anywhere
VANISHED = 1e-2  # gradient of the first layers, as a part of that of the last
GROWN = 100.0  # spread of the last hidden layer's results over that of the first
STALLED = 0.9  # the last epoch's loss, as a part of the loss before the first step
LARGE = 0.1  # ratio of update to weight
SMALL = 2e-5
UNMOVED = 0.01  # that ratio times the number of steps

ADVICE = {
    "exploding": "Smaller initial weights (he_normal for relu, glorot_uniform for tanh), normalisation layers, or "
    "clipped gradients (clipnorm=1.0 in the optimizer); scale inputs and targets to about 1.",
    "vanishing": "relu with he_normal instead of sigmoid, normalisation layers, residual connections, or fewer layers.",
    "saturated": "Smaller initial weights (glorot_uniform, or a standard deviation of 1/sqrt(inputs)), inputs scaled to "
    "about 1, a smaller learning rate, or relu.",
    "saturated output": "A cross-entropy instead of a squared error: its gradient does not vanish where an output is "
    "wrong and sure.",
    "dead": "A smaller learning rate, he_normal and zeros for the biases, inputs scaled to about 1, or leaky_relu.",
    "rate too large": "A learning rate 3 to 10 times smaller, again until the loss falls; warm-up, or clipnorm=1.0.",
    "rate too small": "A learning rate 10 times larger, again until the loss falls; about 0.001 is usual for the ratio.",
}


@dataclass
class Finding:
    """One thing that was found.

    Attributes:
        kind: "exploding", "vanishing", "saturated", "dead", "rate too large", "rate too small" or "healthy"; "nothing" where
            there was nothing to look at.
        layer: name of the layer that shows it most; None if it is about all.
        epoch: number of the epoch in which it shows, from 0.
        value: the figure that shows it.
        text: what is the matter, with that figure.
        advice: what usually helps; "" for "healthy" and "nothing".
    """

    kind: str
    layer: str | None
    epoch: int | None
    value: float
    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" + (f" What usually helps: {self.advice}" if self.advice else "")


class Findings(list[Finding]):
    """A list of findings; printed, a paragraph each."""

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    __repr__ = __str__


def look_into(history: Any, facts: dict[str, Any]) -> Findings:
    """The findings in a monitor's numbers, in the order in which to mend them."""
    if not len(history.step):
        return Findings(
            [Finding("nothing", None, None, math.nan, "no step was sampled yet: fit a model with this callback first.")]
        )
    look = _Look(history, facts)
    found = [*look.saturated(), *look.dead(), *look.vanishing(), *look.exploding(), *look.too_large()]
    return Findings(found or look.too_small() or [look.healthy()])


class _Look:
    """The numbers of a training, and questions to them; each gives a list of findings, empty if there is none.

    Attributes:
        start: the loss before the first step.
        losses: of the epochs, means of their batches.
    """

    def __init__(self, history: Any, facts: dict[str, Any]):
        self.history = history
        self.facts = facts
        self.count = len(history.step)
        self.early = slice(0, math.ceil(self.count / 4))
        self.late = slice(self.count - math.ceil(self.count / 4), self.count)
        before = np.array(facts.get("before", [])[:1] or [math.nan])
        self.losses = np.array(facts.get("losses", []), np.float64)
        self.start = float(before[0]) if np.isfinite(before[0]) else self._first_finite()
        last = self.losses[-max(1, len(self.losses) // 10) :] if len(self.losses) else history.loss[self.late]
        self.last = float(np.median(last))
        self.stalled = not self.last < self._part(self.start, STALLED)
        if len(self.losses) > 2 and not self.losses[0] < self._part(self.start, 0.7):  # the first batch was a bad one
            self.stalled |= not self.last < self._part(self.losses[0], 0.95)
        self.layers = [name for name in history if not np.isnan(history[name]["gradient"]).all()]

    @staticmethod
    def _part(loss: float, share: float) -> float:
        """What is to be reached from `loss`; a loss that may be negative has to fall at all."""
        return share * loss if loss > 0 else loss

    def _first_finite(self) -> float:
        finite = [x for x in [*self.losses, *self.history.loss] if math.isfinite(x)]
        return finite[0] if finite else math.nan

    def level(self, name: str, quantity: str, when: slice) -> float:
        """Median of a quantity over a part of the samples, NaN if it was never there."""
        values = self.history[name][quantity][when]
        values = values[~np.isnan(values)]
        return float(np.median(values)) if len(values) else math.nan

    def highest(self, quantity: str, when: slice, names: Any = None) -> tuple[float, str]:
        """The greatest level among layers, and its layer; (-inf, "") if there is none."""
        levels = [(self.level(name, quantity, when), name) for name in (self.history if names is None else names)]
        return max(((v, n) for v, n in levels if not math.isnan(v)), default=(-math.inf, ""))

    def epoch(self, when: slice) -> int:
        return int(self.history.epoch[when][-1])

    # Units

    def saturated(self) -> list[Finding]:
        output = self.facts.get("output")
        hidden = [name for name in self.history if name != output]
        share, layer = self.highest("saturated", self.early, hidden)
        late, late_layer = self.highest("saturated", self.late, hidden)
        found = []
        if share > SATURATED:
            text = (
                f"{share:.0%} of the units of {layer} sit on the flat parts of their activation, from the start on "
                f"(epoch {self.epoch(self.early) + 1}): they pass hardly any gradient."
            )
            found.append(Finding("saturated", layer, self.epoch(self.early), share, text, ADVICE["saturated"]))
        elif late > SATURATED_LATE and self.stalled:
            text = (
                f"{late:.0%} of the units of {late_layer} came to sit on the flat parts of their activation "
                f"(epoch {self.epoch(self.late) + 1}): they pass hardly any gradient, and the loss does not fall."
            )
            found.append(Finding("saturated", late_layer, self.epoch(self.late), late, text, ADVICE["saturated"]))
        wrong = self.facts.get("wrong", [])[-math.ceil(self.count / 4) :]
        if output and wrong and not self.facts.get("crossentropy") and (share := float(np.median(wrong))) > WRONG:
            text = (
                f"at {share:.0%} of the rows an output of {output} is saturated far from its target "
                f"(epoch {self.epoch(self.late) + 1}), where this loss has hardly any gradient to mend it."
            )
            found.append(Finding("saturated", output, self.epoch(self.late), share, text, ADVICE["saturated output"]))
        return found

    def dead(self) -> list[Finding]:
        share, layer = self.highest("dead", self.late)
        if share < (DEAD_STALLED if self.stalled else DEAD) or not np.isfinite(self.history.loss[self.late]).all():
            return []  # what is no number is no rest either
        text = (
            f"{share:.0%} of the relus of {layer} are 0 at every row that was looked at (epoch {self.epoch(self.late) + 1}): "
            "they pass no gradient, so they stay so."
        )
        return [Finding("dead", layer, self.epoch(self.late), share, text, ADVICE["dead"])]

    # Gradients

    def vanishing(self) -> list[Finding]:
        """Gradients shrink from layer to layer backward, and the first layers stand still."""
        levels = {name: self.level(name, "gradient", slice(0, self.count)) for name in self.layers}
        names = [n for n in levels if math.isfinite(levels[n]) and "/query" not in n and "/key" not in n]
        if len(names) < 4:
            return []
        values = np.array([levels[n] for n in names])
        first, last = float(np.median(values[:2])), float(np.max(values[-2:]))
        if last == 0 or first >= VANISHED * last or np.mean(np.diff(values) > 0) < 0.6:
            return []
        updates = [self.level(n, "update", slice(0, self.count)) for n in (names[0], names[-1])]
        still = updates[0] < VANISHED * updates[1] and first < VANISHED / 10 * last
        if not self.stalled and not still:
            return []
        part = first / last
        text = (
            f"the gradient of {names[0]} has {part:.1g} of the length of that of the last layers ({first:.1g} against "
            f"{last:.1g}, over all epochs): the first layers hardly learn."
        )
        return [Finding("vanishing", names[0], self.epoch(self.late), part, text, ADVICE["vanishing"])]

    def exploding(self) -> list[Finding]:
        """Numbers that are no longer finite, or that grow from layer to layer."""
        hidden = self.layers[:-1]
        spreads = [(self.history[n]["std"][0], n) for n in hidden]
        finite = [(s, n) for s, n in spreads if math.isfinite(s) and s > 0]
        growth = [b[0] / a[0] for a, b in itertools.pairwise(finite)]
        if len(finite) > 2 and finite[-1][0] > GROWN * finite[0][0] and np.median(growth) > 1.5:
            grown, layer = finite[-1][0] / finite[0][0], finite[-1][1]
            text = (
                f"results grow from layer to layer: their spread is {finite[0][0]:.2g} in {finite[0][1]} and "
                f"{finite[-1][0]:.2g} in {layer}, {grown:.1g} times as much (epoch {self.history.epoch[0] + 1}); so do "
                "gradients."
            )
            return [Finding("exploding", layer, int(self.history.epoch[0]), grown, text, ADVICE["exploding"])]
        first = {n: float(self.history[n]["gradient"][0]) for n in self.layers}
        if len(first) > 3 and all(math.isfinite(v) for v in first.values()):
            *_, last = first.values()
            top = max(first, key=first.__getitem__)
            if first[top] > 10 * GROWN * last > 0 and first[top] > 10 * GROWN:
                text = (
                    f"gradients grow from layer to layer backward: {last:.2g} in the last, {first[top]:.2g} in {top} "
                    f"(epoch {self.history.epoch[0] + 1})."
                )
                return [Finding("exploding", top, int(self.history.epoch[0]), first[top], text, ADVICE["exploding"])]
        bad = [n for n in self.layers if np.isinf(self.history[n]["gradient"]).any()]
        ill = ~np.isfinite(self.history.loss)
        if not bad and not ill.any() and np.isfinite(self.losses).all():
            return []
        for n in bad:
            ill = ill | np.isinf(self.history[n]["gradient"])
        if ill.any():
            epoch = int(self.history.epoch[np.argmax(ill)])
        else:
            epoch = int(np.argmax(~np.isfinite(self.losses)))
        layer = bad[-1] if bad else None
        text = f"numbers are no longer finite from epoch {epoch + 1} on" + (
            f", gradients of {layer} first." if layer else "."
        )
        return [Finding("exploding", layer, epoch, math.inf, text, ADVICE["exploding"])]

    # Rates

    def too_large(self) -> list[Finding]:
        """The loss is above where it began, or thrown about, after steps that were large beside the weights."""
        before, after = np.array(self.facts.get("before", [])), self.history.loss
        n = min(len(before), len(after))
        with np.errstate(all="ignore"):
            raised = after[:n] / before[:n]  # of the step's own batch, which it should lower
        updates = [
            (float(value), name, int(epoch))
            for name, own in self.history.items()
            for value, epoch in zip(own["update"], self.history.epoch, strict=True)
            if math.isfinite(value)
        ]
        largest = max(updates, default=(0.0, "", 0))
        late, layer = self.highest("update", self.late)
        thrown = bool(n) and math.isfinite(before[0]) and not raised[0] < 3
        diverged = not self.last < 1.2 * self.start or not float(np.max(self.losses, initial=0.0)) < 3 * self.start
        if not self.stalled or not ((diverged and (thrown or largest[0] > LARGE)) or LARGE < late < math.inf):
            return []
        if thrown:
            epoch, value, layer = int(self.history.epoch[0]), float(raised[0]), ""
            how = f"the first steps raised the loss of their own batch from {before[0]:.3g} to {after[0]:.3g}"
        else:
            value, layer, epoch = (late, layer, self.epoch(self.late)) if LARGE < late < math.inf else largest
            how = f"a step changes the weights of {layer} by {value:.2g} of their length"
        text = f"{how} (epoch {epoch + 1}), and the loss, {self.start:.3g} at the start, is {self.last:.3g} at the end."
        return [Finding("rate too large", layer or None, epoch, value, text, ADVICE["rate too large"])]

    def too_small(self) -> list[Finding]:
        """Weights hardly move, and the loss has not fallen."""
        ratio, layer = self.highest("update", slice(0, self.count))
        steps = int(self.history.step[-1]) + 1
        if not self.stalled or not ratio > -math.inf or not (ratio < SMALL or ratio * steps < UNMOVED):
            return []
        text = (
            f"a step changes the weights of {layer}, where it changes most, by {ratio:.1g} of their length, and the loss "
            f"has gone from {self.start:.4g} to {self.last:.4g} only (epoch {self.epoch(self.late) + 1})."
        )
        return [
            Finding("rate too small", layer, self.epoch(self.late), ratio, text, ADVICE["rate too small"]),
        ]

    def healthy(self) -> Finding:
        ratio, layer = self.highest("update", slice(0, self.count))
        text = f"nothing was found in {self.count} samples; the loss went from {self.start:.3g} to {self.last:.3g}"
        if ratio > -math.inf:
            text += f", with steps of up to {ratio:.1g} of the weights' length ({layer})"
        return Finding("healthy", None, self.epoch(self.late), ratio, text + ".")
