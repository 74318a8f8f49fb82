"""Long use of one process: memory stays flat, nothing hangs, and results are those of a fresh start.

    python benchmarks/trust/soak.py
    python benchmarks/trust/soak.py --scale 0.01

At scale 1: 100,000 steps on batches of other lengths each time; 1,000 models made, trained and dropped; 10,000 exceptions
thrown from callbacks at hooks drawn at random; 100 times four fits in four threads at once; 100 forks and 10 spawned
processes after the pool of threads has started. Printed are by how many megabytes the process grew after the first fifth of
each part, and how many results differ from those of the same training alone, bit for bit. Whatever takes ten minutes without
a sign of life is ended with the stacks of all threads.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import multiprocessing
import os
import random
import resource
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import autonet as keras
from autonet import layers as L

HANG = 600.0  # seconds
HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
)
HOOKS += ("on_test_batch_end", "on_epoch_end", "on_train_end")


def megabytes() -> float:
    """Memory of this process that is resident now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def growth(count: int, step: Callable[[int], Any]) -> float:
    """Megabytes by which the process grows over the last four fifths of so many steps."""
    first = 0.0
    for n in range(count):
        if n == count // 5:
            first = megabytes()
        step(n)
        if n % 64 == 0:
            faulthandler.dump_traceback_later(HANG, exit=True)
    return megabytes() - first


def model_of(seed: int, features: int | None = 6) -> Any:
    """A small network with chance and state in it, all of it from `seed`."""
    stack: list[Any] = [L.Input((None, 4)), L.GRU(5)] if features is None else [L.Input((features,))]
    stack += [L.Dense(8, "tanh", kernel_initializer=keras.initializers.GlorotUniform(seed)), L.BatchNormalization()]
    stack += [L.Dropout(0.3, seed=seed), L.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed + 1))]
    model = keras.Sequential(stack)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def data_of(rows: int = 37) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.standard_normal((rows, 6), "float32"), rng.standard_normal((rows, 2), "float32")


def trained(seed: int) -> bytes:
    """The bits in which a training ends that nothing else bears on."""
    model, (x, y) = model_of(seed), data_of()
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return b"".join(w.tobytes() for w in model.get_weights()) + np.array(history.history["loss"]).tobytes()


def ragged_batches(count: int) -> float:
    """Steps on batches of 1 to 33 rows; one in twenty is of a recurrent network's, whose lengths change too."""
    rng, dense, recurrent = np.random.default_rng(1), model_of(1), model_of(1, None)
    x, y = rng.standard_normal((33, 13, 6), "float32"), rng.standard_normal((33, 2), "float32")

    def batches(n: int, lengths: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rows in rng.integers(1, 34, n):
            yield (x[:rows, : rng.choice((5, 9, 13)), :4] if lengths else x[:rows, 0]), y[:rows]

    def epoch(n: int) -> None:
        (dense if n % 20 else recurrent).fit(batches(size, not n % 20), verbose=0)

    size = max(min(500, count // 20), 1)
    return growth(max(count // size, 1), epoch)


def many_models(count: int) -> float:
    """Models of other sizes, made, trained and dropped."""
    x, y = data_of(16)

    def one(n: int) -> None:
        model = keras.Sequential([L.Input((6,)), L.Dense(1 + n % 50, "relu"), L.Dropout(0.2), L.Dense(2)])
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x, y))

    return growth(count, one)


class Thrown(Exception):
    """What the callbacks throw."""


def many_exceptions(count: int) -> tuple[float, int]:
    """Fits that end by an exception, and how many fits afterwards are not as those of a model that never saw one."""
    rng, (x, y), differing = random.Random(2), data_of(16), 0
    alone = trained(5)
    kept = [model_of(9)]

    def one(n: int) -> None:
        nonlocal differing
        if n % 500 == 0:
            differing += trained(5) != alone
            kept[:] = [model_of(9)]
        hook, left = rng.choice(HOOKS), [rng.randrange(3)]

        def throw(*args: Any, **more: Any) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Thrown

        callback = keras.callbacks.LambdaCallback(**{hook: throw})
        try:
            kept[0].fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x, y), callbacks=[callback])
        except Thrown:
            pass

    return growth(count, one), differing + (trained(5) != alone)


def in_threads(count: int) -> tuple[float, int]:
    """Four fits at once, again and again; results that are not those of each alone."""
    alone = [trained(seed) for seed in range(4)]
    differing = [0]

    def one(n: int) -> None:
        found: dict[int, bytes] = {}

        def work(seed: int) -> None:
            found[seed] = trained(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        differing[0] += sum(found.get(seed) != alone[seed] for seed in range(4))

    return growth(count, one), differing[0]


def start_pool() -> None:
    """Something large enough for all threads."""
    x = np.random.default_rng(0).standard_normal((2048, 256), "float32")
    model = keras.Sequential([L.Input((256,)), L.Dense(256, "gelu"), L.LayerNormalization(), L.Dense(256)])
    model.compile("adam", "mse")
    model.fit(x, x, batch_size=512, verbose=0)


def forked(count: int) -> int:
    """Children, while two threads of this process train; those that end otherwise than with the result alone."""
    alone, differing, stop = trained(7), 0, threading.Event()

    def work() -> None:
        while not stop.is_set():
            trained(8)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(count):
            faulthandler.dump_traceback_later(HANG, exit=True)
            child = os.fork()
            if not child:
                code = 1
                try:
                    code = int(trained(7) != alone)
                finally:
                    os._exit(code)
            differing += waited(child) != 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return differing


def waited(child: int, seconds: float = 120.0) -> int | None:
    """Exit status of a child; None, and an end, if it hangs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def _compare(alone: bytes) -> None:
    sys.exit(int(trained(7) != alone))


def spawned(count: int) -> int:
    """The same in processes that start anew."""
    alone, differing = trained(7), 0
    for _ in range(count):
        process = multiprocessing.get_context("spawn").Process(target=_compare, args=(alone,))
        process.start()
        process.join(120)
        differing += process.exitcode != 0
        process.kill()
    return differing


def main(argv: list[str] | None = None) -> None:
    """Parse, run, print a line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of all counts")
    scale = parser.parse_args(argv).scale
    warnings.simplefilter("ignore")
    faulthandler.dump_traceback_later(HANG, exit=True)
    steps, models, exceptions = (max(int(n * scale), 10) for n in (100_000, 1000, 10_000))
    fits, forks, spawns = max(int(100 * scale), 2), max(int(100 * scale), 2), max(int(10 * scale), 1)
    start_pool()
    grown = ragged_batches(steps)
    print(f"{steps:,} steps on ragged batches: {grown:+.1f} MB; ", end="", flush=True)
    grown = many_models(models)
    print(f"{models:,} models made and dropped: {grown:+.1f} MB; ", end="", flush=True)
    grown, differing = many_exceptions(exceptions)
    print(
        f"{exceptions:,} exceptions from callbacks: {grown:+.1f} MB, {differing} results differ; ", end="", flush=True
    )
    grown, differing = in_threads(fits)
    print(f"{4 * fits:,} fits in four threads: {grown:+.1f} MB, {differing} results differ; ", end="", flush=True)
    print(f"{forks} forks while threads train: {forked(forks)} results differ; ", end="", flush=True)
    print(f"{spawns} spawned: {spawned(spawns)} results differ")
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
