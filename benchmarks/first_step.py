"""What a sweep over sizes costs when nothing has been compiled yet.

    python benchmarks/first_step.py [--sizes 20] [--epochs 10]

Twenty two-layer networks (Dense of 8, 16, ... units, then 10 classes) learn the digits one after the other, in a process of
its own with an empty kernel cache, again in one with that cache as the first left it, and on NumPy alone. Printed: the
seconds of each, the first model's, and the median of the others. Two batch shapes come up in each training: 32 rows and
the 30 that are left over.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def sweep(sizes: int, epochs: int) -> list[float]:
    """Seconds of each training."""
    import autonet as keras

    (x, y), _ = keras.datasets.digits.load_data()
    x = x.reshape(len(x), -1) / 16
    seconds = []
    for k in range(sizes):
        start = time.perf_counter()
        model = keras.Sequential(
            [keras.layers.Dense(8 * (k + 1), activation="relu"), keras.layers.Dense(10, activation="softmax")]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=epochs, verbose=0)
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(sweep(options.sizes, options.epochs)))
        return
    counts = [f"--{name}={getattr(options, name)}" for name in ("sizes", "epochs")]
    with tempfile.TemporaryDirectory() as folder:
        for told, native in (("cold cache", "1"), ("warm cache", "1"), ("NumPy alone", "0")):
            environment = {**os.environ, "AUTONET_CACHE": folder, "AUTONET_NATIVE": native, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                [sys.executable, __file__, "--worker", *counts], env=environment, stdout=subprocess.PIPE, check=True
            )
            first, *others = json.loads(done.stdout)
            print(
                f"{told:12} {first + sum(others):6.1f} s   first model {first:5.2f} s   others, median "
                f"{statistics.median(others or [first]):5.2f} s"
            )


if __name__ == "__main__":
    main()
