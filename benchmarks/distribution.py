"""Training on one and two ranks of an MPI job, one thread each, beside one process that knows nothing of MPI.

    python benchmarks/distribution.py [mlp] [convnet] [--ranks 1 2] [--rounds 3] [--epochs 4] [--fast] [--busy]

Sides take turns, each a job of its own. Printed, per side: milliseconds per step through `fit`, the median over epochs and
rounds with its quartiles; of these, the time that rank 0 spent in exchanges (waiting for the other rank included) and in
sending what a step sends when nobody has to be waited for ("wire": the same sums again and again, after a barrier); and how
many times faster the side is than one rank and than the plain process. Needs the extra `mpi`. Where
others work on the machine, `--busy` counts the processor's time of a step, waiting left out, in the place of the clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

STEPS = 6  # per epoch
ONE_THREAD = {"AUTONET_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
TASKS = ("mlp", "convnet")


def task(name: str):
    """Model, x, y and batch size."""
    import numpy as np

    import autonet as keras

    layers, rng = keras.layers, np.random.default_rng(0)
    keras.utils.set_random_seed(1)
    if name == "mlp":
        batch, shape = 1024, (784,)
        model = keras.Sequential([layers.Dense(512, "relu"), layers.Dense(512, "relu"), layers.Dense(10, "softmax")])
    else:
        batch, shape = 128, (28, 28, 1)
        parts = [
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
        ]
        model = keras.Sequential([*parts, layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rows = batch * STEPS
    return model, rng.random((rows, *shape), dtype="float32"), rng.integers(0, 10, rows), batch


def work(name: str, side: str, epochs: int, busy: bool) -> None:
    """Train, and print milliseconds per step of each epoch, from the second on."""
    import numpy as np

    from autonet import distribution

    if side != "plain":
        distribution.set_distribution(distribution.DataParallel(reproducible=side != "fast"))
    model, x, y, batch = task(name)
    chosen = distribution.distribution()
    idle = [0.0]  # processor's seconds spent on looking whether a message is there
    if chosen is not None:
        wait = chosen.group._wait

        def timed(requests) -> None:
            begin = time.process_time()
            wait(requests)
            idle[0] += time.process_time() - begin

        chosen.group._wait = timed

    def clock() -> float:
        return time.process_time() - idle[0] if busy else time.perf_counter()

    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    steps, exchanged = [], []
    for _ in range(epochs):
        waited = 0.0 if chosen is None else chosen.group.seconds
        begin = clock()
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        steps.append(1e3 * (clock() - begin) / STEPS)
        exchanged.append(0.0 if chosen is None else 1e3 * (chosen.group.seconds - waited) / STEPS)
    wire = 0.0
    if chosen is not None and chosen.group.size > 1:
        group, n = chosen.group, sum(v.size for v in model.trainable_variables)
        parts = [[(r, r + 1)] for r in range(group.size)]
        taken = []
        for _ in range(15):
            own, out = np.ones((2, n), np.float32)
            group.gather(None)
            begin = time.perf_counter()
            with group.begin([out], (parts, (0, group.size))) as under_way:
                under_way.start(0, {parts[group.rank][0]: own})
            taken.append(1e3 * (time.perf_counter() - begin))
        wire = statistics.median(taken)
    if distribution.rank() == 0:
        print(json.dumps([steps, exchanged, wire]))


def run(name: str, side: str, ranks: int, epochs: int, busy: bool):
    """What a job printed."""
    command = [sys.executable, __file__, "--work", side, name, "--epochs", str(epochs), *["--busy"] * busy]
    if side != "plain":
        beside = pathlib.Path(sys.executable).with_name("mpiexec")
        command = [str(beside) if beside.exists() else shutil.which("mpiexec"), "-n", str(ranks), *command]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD})
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=[])
    parser.add_argument("--ranks", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--fast", action="store_true", help="let MPI sum in its own order")
    parser.add_argument("--busy", action="store_true", help="count the processor's time")
    parser.add_argument("--work")
    chosen = parser.parse_args()
    tasks = chosen.tasks or list(TASKS)
    if chosen.work:
        work(tasks[0], chosen.work, chosen.epochs, chosen.busy)
        return
    kind = "fast" if chosen.fast else "reproducible"
    sides = [("plain", 0), *[(kind, r) for r in chosen.ranks]]
    for name in tasks:
        found = {side: [] for side in sides}
        for _ in range(chosen.rounds):
            for side in sides:
                found[side].append(run(name, *side, chosen.epochs, chosen.busy))
        print(f"\n{name}, batch {'1,024' if name == 'mlp' else '128'}, one thread per rank, {kind}\n")
        print("| side | ms per step | quartiles | exchanges | wire | times one rank | times plain |")
        print("|---|---|---|---|---|---|---|")
        medians = {s: statistics.median(t for steps, _, _ in f for t in steps) for s, f in found.items()}
        for side, results in found.items():
            times = [t for steps, _, _ in results for t in steps]
            low, _, high = statistics.quantiles(times, n=4)
            exchanged = statistics.median(t for _, waits, _ in results for t in waits)
            wire = statistics.median(w for *_, w in results)
            one = medians[sides[1]] / medians[side]
            plain = medians[sides[0]] / medians[side]
            label = "plain" if side[0] == "plain" else f"{side[1]} rank{'s' if side[1] > 1 else ''}"
            print(
                f"| {label} | {medians[side]:.1f} | {low:.1f} to {high:.1f} | {exchanged:.2f} | {wire:.2f} | {one:.2f} | {plain:.2f} |"
            )


if __name__ == "__main__":
    main()
