"""What the progress bar costs: the same training with verbose=1 and verbose=0, in blocks that alternate.

    python benchmarks/progress.py [short] [long] [slow] [--rounds 41] [--stream terminal,pipe]

    short    MLP 784-30-10 with sigmoids, batch 10, as machine code where a C compiler is at hand: 1,000 steps per epoch
    long     the same steps, 20,000 per epoch
    slow     run_eagerly=True: 500 steps per epoch, each some milliseconds

The output goes into a terminal (a pseudo-terminal, in which the bar is drawn over and over) or into a pipe (in which it is
plain lines); another process reads it. Each pair of blocks takes both sides once, in changing order, each block about a
third of a second. Printed: time per epoch of each side (median), and the median of the pairs' differences, in per cent of
the silent side, with its quartiles: by the clock, and in processor time of the process, which other programs on the
machine disturb less. The aim is at most 1 %; the quartiles say how far the machine let that be seen.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from harness import ROOT, machine

sys.path.insert(0, str(ROOT))
BLOCK = 0.35  # seconds
AIM = 1.0  # per cent
TASKS = {"short": (10_000, {}), "long": (200_000, {}), "slow": (5_000, {"run_eagerly": True})}
BATCH = 10
READER = """
import os
try:
    while os.read(0, 65536):
        pass
except OSError:  # how a terminal ends
    pass
"""


@contextlib.contextmanager
def stream(kind: str) -> Iterator[Any]:
    """A file to print into, a terminal or a pipe, that somebody reads."""
    if kind == "terminal":
        import pty

        ours, theirs = pty.openpty()
    else:
        ours, theirs = os.pipe()

    reader = subprocess.Popen([sys.executable, "-c", READER], stdin=ours)
    os.close(ours)
    try:
        with open(theirs, "w", buffering=1, encoding="utf-8") as file:
            yield file
    finally:
        reader.wait(timeout=10)


def make(task: str) -> Any:
    """A function (epochs, verbose) that trains."""
    import autonet as keras

    rows, compiling = TASKS[task]
    rng = np.random.default_rng(0)
    x = rng.random((1_000, 784), dtype="float32")[np.arange(rows) % 1_000]
    y = np.eye(10, dtype="float32")[rng.integers(0, 10, rows)]
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((784,)), layers.Dense(30, activation="sigmoid"), layers.Dense(10, activation="sigmoid")]
    )
    model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", metrics=["accuracy"], **compiling)
    return lambda epochs, verbose: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=verbose)


def measure(task: str, kind: str, rounds: int) -> dict[int, np.ndarray]:
    """Seconds per epoch of each block, by verbosity: rows (clock, processor)."""
    fit = make(task)
    found: dict[int, list[tuple[float, float]]] = {0: [], 1: []}
    with stream(kind) as file, contextlib.redirect_stdout(file):
        fit(2, 1)
        begin = time.perf_counter()
        fit(2, 0)
        epochs = max(1, round(BLOCK * 2 / (time.perf_counter() - begin)))
        for turn in range(rounds + 1):
            for verbose in (0, 1) if turn % 2 else (1, 0):
                begin, worked = time.perf_counter(), time.process_time()
                fit(epochs, verbose)
                spent = time.perf_counter() - begin, time.process_time() - worked
                found[verbose].append((spent[0] / epochs, spent[1] / epochs))
    return {verbose: np.array(times[1:]).T for verbose, times in found.items()}  # the first pair is warm-up


def main() -> None:
    """Print a line for each task and stream."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)} (default: all)")
    parser.add_argument("--stream", default="terminal,pipe", help="terminal, pipe, or both (default)")
    parser.add_argument("--rounds", type=int, default=41, help="pairs of blocks")
    options = parser.parse_args()
    kinds = options.stream.split(",")
    for name, known in [(t, TASKS) for t in options.tasks] + [(k, ("terminal", "pipe")) for k in kinds]:
        if name not in known:
            parser.error(f"unknown: {name!r}; known: {', '.join(known)}")
    print(machine())
    print(f"{'':<16}{'silent':>12}{'with bar':>12}{'by the clock':>26}{'processor time':>30}")
    for task in options.tasks or TASKS:
        for kind in kinds:
            times = measure(task, kind, options.rounds)
            costs = [statistics.quantiles(c, n=4) for c in 100 * (times[1] - times[0]) / times[0]]
            told = [f"{middle:.2f} % ({low:.2f} to {high:.2f})" for low, middle, high in costs]
            silent, bar = (f"{statistics.median(times[v][0]) * 1e3:,.2f} ms" for v in (0, 1))
            kept = min(middle for _, middle, _ in costs) <= AIM
            print(
                f"{task + ', ' + kind:<16}{silent:>12}{bar:>12}{told[0]:>26}{told[1]:>30}   {'' if kept else 'NOT KEPT'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
