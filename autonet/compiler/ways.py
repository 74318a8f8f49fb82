"""Ways that a call of a compiled function goes: by its plan, recorded, or operation by operation, and why."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple


class Reason(NamedTuple):
    """Why a call runs operation by operation.

    advice: what to do about it, which is said once in a warning; None where it is meant to be so.
    """

    why: str
    advice: str | None = None


REASONS = {
    "watched": Reason("every operation was watched"),
    "nested": Reason("it was part of another function's recording"),
    "rehearsed": Reason("it ran where compiled functions are not to write into Variables"),
    "tracked": Reason(
        "a derivative was to be taken through it: a plan leaves no record. Compiled as a whole is jit(grad(f))"
    ),
    "closure": Reason(
        "its result depends on a tracked Tensor that it finds outside, and a plan leaves no record of that",
        "Pass the Tensor as an argument, take the gradient inside, or call it inside no_grad().",
    ),
    "foreign": Reason(
        "an argument is an array neither of numbers nor of texts", "Give real numbers of at most 64 bits."
    ),
    "lengths": Reason("a layer makes rows of another length of each batch of texts", "Set its output_sequence_length."),
    "shapes": Reason(
        "its arguments came in more shapes than plans pay for",
        "Give it few shapes: batches of one size, padded rows.",
    ),
    "changed": Reason(
        "what it finds outside changes again and again, which each plan takes as it is",
        "Let a Variable hold what changes, or pass it as an argument.",
    ),
    "unsettled": Reason(
        "it makes Variables, or changes what its next run finds",
        "Make things once, and let a Variable hold what changes.",
    ),
    "obstacle": Reason("it cannot be captured", "See the line that the warning names."),
}
PATIENCE = 4096  # calls without a plan, and most of all calls, after which those for want of plans are worth a warning


class Ways:
    """How the calls of one function went that ran no plan; its account counts the others."""

    def __init__(self) -> None:
        self.recorded = 0
        self.eager: Counter[str] = Counter()
        self.last: str | None = None  # the reason of the last call; None if that was recorded or ran a plan

    def took(self, reason: str | None) -> None:
        """A call is going operation by operation, or (None) is recorded."""
        self.last = reason
        if reason is None:
            self.recorded += 1
        else:
            self.eager[reason] += 1

    def warning(self, reason: str, plans: int) -> str | None:
        """What is to be said of that reason, if anything, where so many calls ran a plan."""
        found = REASONS[reason]
        if found.advice is None:
            return None
        if reason in ("shapes", "changed") and not PATIENCE <= self.eager[reason] > plans:
            return None
        return f"This call runs operation by operation, since {found.why}. {found.advice}"

    def told(self, plans: int) -> str:
        """The calls in words, where so many ran a plan."""
        told = f"{plans:,} by a plan, {self.recorded:,} recorded"
        for reason, count in self.eager.items():
            told += f"; {count:,} operation by operation, since {REASONS[reason].why}"
        return told
