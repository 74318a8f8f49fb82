"""What a search of hyperparameters gains by processes: the same trials one after another, and side by side.

    python benchmarks/searching.py [--workers 2] [--trials 16] [--rows 50000] [--rounds 3]

Each trial trains an MLP 100-n-10 by `tuner.search` for four epochs; n, the rate and the batches' size are drawn. Printed are
the seconds of each search, its processes' start included, the processor time of all its processes, and the medians' ratio.
Both searches try the same and find the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np
from harness import machine

from autonet import Input, Sequential, layers, optimizers, tuner


def build(units: int, rate: float) -> Sequential:
    """The network of a trial."""
    model = Sequential([Input((100,)), layers.Dense(units, activation="relu"), layers.Dense(10, activation="softmax")])
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def objective(rows: int) -> tuner.Training:
    """Ten classes of rows, told apart by the largest of ten random directions."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, 100), dtype="float32")
    y = (x @ rng.standard_normal((100, 10), dtype="float32")).argmax(1)
    return tuner.Training(build, x, y, epochs=4, monitor="val_accuracy", validation_split=0.2)


SPACE = {"units": tuner.Integer(16, 256), "rate": tuner.Log(1e-4, 1e-1), "batch_size": tuner.Choice((32, 64, 128))}


def measure(workers: int, trials: int, rows: int) -> tuple[float, float, list[float]]:
    """Seconds, processor time and scores of a search."""
    before, began = os.times(), time.perf_counter()
    found = tuner.search(
        objective(rows), SPACE, trials=trials, seed=1, workers=workers, processes=workers > 1, verbose=0
    )
    seconds, after = time.perf_counter() - began, os.times()
    return seconds, sum(after[:4]) - sum(before[:4]), [o.score for o in found.outcomes]


def main(arguments: Sequence[str] | None = None) -> None:
    """Search in turn, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(machine())
    measure(1, options.trials, options.rows)  # kernels are compiled once, and kept
    seconds: dict[int, list[float]] = {1: [], options.workers: []}
    for _ in range(options.rounds):
        scores = []
        for workers, found in seconds.items():
            wall, processor, score = measure(workers, options.trials, options.rows)
            found.append(wall)
            scores.append(score)
            print(f"{workers} at a time: {wall:.1f} s, processors' time {processor:.1f} s", flush=True)
        if scores[0] != scores[1]:
            sys.exit("The searches found different scores.")
    one, many = (statistics.median(v) for v in seconds.values())
    print(f"{one / many:.2f} times as fast")


if __name__ == "__main__":
    main()
