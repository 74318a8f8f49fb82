"""How the cost of a step grows, where it should grow in proportion and where it should not grow.

    python benchmarks/growth.py [layers] [width] [batch] [rows] [vocabulary] [steps] [capture] [compile]
        [--quick] [--busy] [--picture growth.png]

    layers      a step against dense layers of 64 units, 1 to 100: in proportion
    width       against the units of two dense layers: with their square, once products outweigh all else
    batch       against the rows of a batch: in proportion, once arithmetic outweighs calls
    rows        against the rows of the data set, 1,000 to 100,000: not at all
    vocabulary  against an embedding's words, 1,000 to 1,000,000, 640 of them in a batch, plain SGD: not at all
    steps       from one training's first steps to its last, 100,000 in all: not at all (nor does memory grow)
    capture     the first step without machine code (capture, passes) against layers up to 200: in proportion; CPU time
    compile     the same with machine code, the C compiler's time included, and an empty cache of kernels

Printed for each: the figures, and the slope of their logarithms over the second half of the range: 1 is in proportion, 0
is flat. --picture draws them (extra `plot`). Figures are medians of blocks. --busy counts the processor's time with one
thread, which other work on the machine changes little.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from harness import machine

import autonet
from autonet import layers

BATCH = 32
clock = time.perf_counter  # or time.process_time


@dataclass(frozen=True)
class Subject:
    """One question.

    Args:
        unit: of the horizontal axis.
        points: at which it is asked.
        quick: a few of them.
        measure: of points; yields seconds for each.
        expected: the slope of the logarithms over the second half; None where it depends on the machine's caches.
        what: the seconds are of.
    """

    unit: str
    points: tuple[int, ...]
    quick: tuple[int, ...]
    measure: Callable[[tuple[int, ...]], Any]
    expected: float
    what: str = "a step"


def per_step(model: Any, x: Any, y: Any, batch: int = BATCH, seconds: float = 0.5) -> float:
    """Seconds of one step through `fit`, the median of five blocks."""
    steps = len(x) // batch

    def epoch() -> float:
        begin = clock()
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        return (clock() - begin) / steps

    epoch()
    count = max(round(seconds / 5 / (epoch() * steps)), 1)
    return statistics.median(statistics.fmean(epoch() for _ in range(count)) for _ in range(5))


def compiled(parts: list, optimizer: str = "adam") -> Any:
    model = autonet.Sequential(parts)
    model.compile(optimizer, "mse")
    return model


def data(rows: int, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((rows, width), dtype="float32"), rng.random((rows, 1), dtype="float32")


def stack(depth: int, width: int = 64) -> Any:
    return compiled([autonet.Input((width,)), *[layers.Dense(width, "tanh") for _ in range(depth)], layers.Dense(1)])


def by_layers(points):
    for depth in points:
        yield per_step(stack(depth), *data(64 * BATCH))


def by_width(points):
    for width in points:
        yield per_step(stack(2, width), *data(64 * BATCH, width))


def by_batch(points):
    for batch in points:
        yield per_step(stack(2, 128), *data(max(8 * batch, 2048), 128), batch)


def by_rows(points):
    for rows in points:
        yield per_step(stack(2), *data(rows))


def by_vocabulary(points):
    rng = np.random.default_rng(0)
    for words in points:
        x = rng.integers(0, words, (16 * BATCH, 20)).astype("int32")
        model = compiled(
            [autonet.Input((20,), dtype="int32"), layers.Embedding(words, 32), layers.Flatten(), layers.Dense(1)], "sgd"
        )
        yield per_step(model, x, data(len(x))[1])


def by_steps(points):
    """Seconds of the steps up to each point, from the one before."""
    model, (x, y) = stack(1, 16), data(320, 16)
    model.fit(x, y, epochs=2, verbose=0)
    done, before = 0, memory()
    for steps in points:
        begin = clock()
        model.fit(x, y, epochs=max((steps - done) // 10, 1), verbose=0)
        yield (clock() - begin) / max(steps - done, 10)
        done = steps
    print(f"\nMemory after {done:,} steps: {memory() - before:+.1f} MB.")


def memory() -> float:
    """MB that this process has now (its peak, where the system does not say)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_seconds() -> float:
    """Of this process and of those that it has ended: a busy machine does not lengthen it as it does a first step."""
    return sum(os.times()[:4])


def by_capturing(points):
    """Without machine code: capture, passes, and the NumPy plan's source."""
    x, y = data(BATCH)
    before = os.environ.get("AUTONET_NATIVE")
    os.environ["AUTONET_NATIVE"] = "0"
    try:
        stack(1).fit(x, y, batch_size=BATCH, verbose=0)
        for depth in points:
            model = stack(depth)
            begin = cpu_seconds()
            model.fit(x, y, batch_size=BATCH, verbose=0)
            yield cpu_seconds() - begin
    finally:
        os.environ["AUTONET_NATIVE"] = before or "1"


def by_compiling(points):
    """With an empty cache of kernels."""
    x, y = data(BATCH)
    for depth in points:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["AUTONET_CACHE"] = folder
            compiled([autonet.Input((64,)), layers.Dense(1)]).fit(x, y, verbose=0)  # the runtime, kept from then on
            model = stack(depth)
            begin = cpu_seconds()
            model.fit(x, y, batch_size=BATCH, verbose=0)
            yield cpu_seconds() - begin


FIRST = "the first step's CPU time"
SUBJECTS = {
    "layers": Subject("layers", (1, 2, 5, 10, 20, 50, 100), (1, 8), by_layers, 1),
    "width": Subject("units", (16, 32, 64, 128, 256, 512, 1024), (16, 64), by_width, 2),
    "batch": Subject("rows of a batch", (8, 32, 128, 512, 2048, 8192), (8, 64), by_batch, 1),
    "rows": Subject("rows", (1_000, 3_000, 10_000, 30_000, 100_000), (320, 3200), by_rows, 0),
    "vocabulary": Subject("words", (1_000, 10_000, 100_000, 1_000_000), (1_000, 10_000), by_vocabulary, 0),
    "steps": Subject("steps", (100, 1_000, 10_000, 30_000, 100_000), (100, 1_000), by_steps, 0),
    "capture": Subject("layers", (1, 10, 25, 50, 100, 200), (1, 5), by_capturing, 1, FIRST),
    "compile": Subject("layers", (1, 10, 25, 50, 100, 200), (1, 5), by_compiling, 1, FIRST),
}


def slope(points: tuple[int, ...], seconds: list[float]) -> float:
    """How the logarithm of the seconds grows with that of the points, over the second half of them (least squares)."""
    half = (len(points) - 1) // 2
    x, y = np.log(points[half:]), np.log(seconds[half:])
    return float(np.polyfit(x, y, 1)[0])


def told(seconds: float) -> str:
    return (
        f"{seconds:.2f} s"
        if seconds >= 1
        else f"{seconds * 1e3:,.3g} ms"
        if seconds >= 1e-3
        else f"{seconds * 1e6:,.0f} us"
    )


def draw(found: dict[str, tuple[tuple[int, ...], list[float]]], path: str) -> None:
    """A panel for each subject, both axes logarithmic, with the line of the expected growth through the last point."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = min(len(found), 4)
    lines = math.ceil(len(found) / columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3.2 * columns, 2.8 * lines), squeeze=False)
    for panel in axes.flat[len(found) :]:
        panel.set_axis_off()
    for panel, (name, (points, seconds)) in zip(axes.flat, found.items(), strict=False):
        subject = SUBJECTS[name]
        known = [(p, 1e3 * s) for p, s in zip(points, seconds, strict=True) if s]  # 0: below what its clock can tell
        panel.loglog(*zip(*known, strict=True), "o-", label="measured")
        expected = [1e3 * seconds[-1] * (p / points[-1]) ** subject.expected for p in points]
        panel.loglog(points, expected, "--", label=f"slope {subject.expected:g}")
        low, high = panel.get_ylim()
        if high < 10 * low:  # or noise would look like growth
            panel.set_ylim(low / 3, high * 3)
        panel.set_xlabel(subject.unit)
        panel.set_ylabel(f"ms, {subject.what}")
        panel.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Print a table for each subject."""
    global clock
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"{', '.join(SUBJECTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a few small points")
    parser.add_argument("--busy", action="store_true", help="processor time, one thread")
    parser.add_argument("--picture", help="file to draw the figures in")
    options = parser.parse_args(argv)
    for name in options.subjects:
        if name not in SUBJECTS:
            parser.error(f"unknown: {name!r}; known: {', '.join(SUBJECTS)}")
    if options.busy:
        autonet.config.set_threads(1)
        clock = time.process_time
    print(machine())
    found = {}
    for name in options.subjects or SUBJECTS:
        subject = SUBJECTS[name]
        points = subject.quick if options.quick else subject.points
        seconds = list(subject.measure(points))
        found[name] = points, seconds
        print(f"\n| {subject.unit} | {' | '.join(f'{p:,}' for p in points)} |\n|{'---|' * (len(points) + 1)}")
        print(f"| {subject.what} | {' | '.join(map(told, seconds))} |")
        print(f"\n{name}: slope {slope(points, seconds):.2f}, expected {subject.expected:g}", flush=True)
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
