"""Where the time of a compiled step goes: the plan's own C code, with a clock read after each of its statements.

`parts` makes a second plan from the program of a model's training step. Its source is the usual one, but after each
statement (one loop, one product, one kernel) stands a call of `clock_gettime`, which adds the time since the last one to
a counter. A reading takes some 25 ns; that cost is measured and taken off. Statements are told apart by what they do:

    products     matrix products and convolutions
    update       loops that end in a weight or in what the optimizer keeps, and copies into them
    pointwise    all other fused loops (activations, their slopes, sums over rows)
    the rest     kernels of their own: normalisation, pooling, softmax with its loss, random numbers, indexing

What a step takes through `fit` beyond their sum is gathering the rows of a batch, calling the threads, and Python.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from autonet.compiler.c.plan import NativePlan
from autonet.compiler.c.runtime import library

PRODUCTS = ("matmul", "convolve", "depthwise")  # how the names of such operations begin
CLOCK = """\
#include <time.h>
static inline int64_t an_nanoseconds(void) {
  struct timespec now;
  clock_gettime(AN_CLOCK, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
static int64_t an_last;
static inline void an_stamp(int64_t *spent) {
  const int64_t now = an_nanoseconds();
  *spent += now - an_last;
  an_last = now;
}
"""


class StampedPlan(NativePlan):
    """A native plan that counts nanoseconds: `spent[k]` of the statement that `labels[k]` names.

    Args:
        program: of the step.
        moved: Variables whose change is called the update.
        busy: count the calling thread's processor time: for one thread, on a machine where others work.
    """

    def __init__(self, program: Any, moved: set, busy: bool = False):
        self.captured = program
        self.moved = moved
        self.busy = busy
        self.label = self.first = "update"
        self.labels: list[str] = []
        self.spent = np.zeros(10_000, np.int64)
        super().__init__(program)

    def run_c(self, statement: str) -> None:
        super().run_c(statement)
        self.parts[-1][-1] += f"\n  an_stamp((int64_t *)t[{self.table.slot(self.spent)}] + {len(self.labels)});"
        self.labels.append(self.label)

    def over_images(self, n: int, member: Any) -> None:
        super().over_images(n, member)
        if self._group is not None and len(self._group.members) == 1:
            self.first = self.label

    def end_group(self) -> None:
        own, self.label = self.label, self.first  # a group of loops counts as its first one
        super().end_group()
        self.label = own

    def _instruct(self, i: Any) -> None:
        self.label = self._label(i)
        super()._instruct(i)
        self.label = "update"  # what comes after the last instruction copies results into Variables

    def _label(self, i: Any) -> str:
        homes = self.layout.homes
        if any(homes.get(r) in self.moved for r in i.results if r in homes):
            return "update"
        if i.op.startswith(PRODUCTS):
            return "products"
        return "pointwise" if type(i).__name__ == "Loop" else i.op

    def _unit(self, program: Any) -> str:
        for part in self.parts:
            part.insert(0, "an_last = an_nanoseconds();")
        clock = "CLOCK_THREAD_CPUTIME_ID" if self.busy else "CLOCK_MONOTONIC"
        return f"#define AN_CLOCK {clock}\n{CLOCK}{super()._unit(program)}"


def reading(busy: bool = False) -> float:
    """Seconds that one reading of the clock takes, in C as in Python: about what time.perf_counter does, at most."""
    clock = time.thread_time_ns if busy else time.perf_counter_ns
    times = []
    for _ in range(2000):
        begin = clock()
        times.append(clock() - begin)
    return min(times) * 1e-9 / 2


def stamped(model: Any, busy: bool = False) -> StampedPlan | None:
    """The stamped plan of a model's training step; None without machine code.

    Args:
        model: trained by at least two steps.
        busy: count processor time.
    """
    entry = model._functions["train"].compiled.last
    if not library.available() or entry is None or entry.program is None:
        return None
    return StampedPlan(entry.captured, {*model.trainable_variables, *model.optimizer.variables}, busy)


def parts(model: Any, batch: tuple, seconds: float = 0.5) -> dict[str, float] | None:
    """Seconds per step by label; None without machine code.

    Args:
        model: trained by at least two steps on batches like this one.
        batch: arrays x and y.
    """
    plan = stamped(model)
    return None if plan is None else times(plan, batch, seconds)


def times(plan: StampedPlan, batch: tuple, seconds: float = 0.5) -> dict[str, float]:
    """Seconds per step by label, medians of running the stamped plan again and again on one batch."""
    inputs = [np.ascontiguousarray(a) for a in batch]
    plan.run(inputs)
    plan.run(inputs)
    names = list(dict.fromkeys(plan.labels))
    owner = np.array([names.index(label) for label in plan.labels], np.int64)
    steps, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds or not steps:
        plan.spent[:] = 0
        plan.run(inputs)
        steps.append(np.bincount(owner, plan.spent[: len(owner)], len(names)))
    cost = reading(plan.busy) * np.bincount(owner, minlength=len(names))
    spent = np.maximum(np.median(steps, axis=0) * 1e-9 - cost, 0)
    return {name: float(s) for name, s in zip(names, spent, strict=True)}
