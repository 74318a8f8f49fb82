"""Trainings drawn at random, killed again and again and started again: they end in the bits of those left alone.

    python benchmarks/trust/kills.py --kills 1000
    python benchmarks/trust/kills.py --kills 20 --seed 7

Each training runs once undisturbed, then in processes that SIGKILL ends at random moments until enough have been killed;
then it may end. Half of the kills hit saves: a process tells when it begins to write a file and when the folder is flushed,
and dies within. After each kill every file in the folder is read; at the end weights, optimizer, History, what callbacks
remember, the files that they wrote and the next random numbers are compared bit for bit.

A generator cannot be resumed: that must be said by the documented error, and a training anew must end alike.
"""

from __future__ import annotations

import argparse
import csv
import os
import pickle
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from trainings import draw, train, undrawn

from autonet.saving import load_model
from autonet.saving.archive import Archive

MOST = 8  # kills of one training, which then may end
MEMORY = "/dev/shm"  # files of killed processes need not reach a disk
PATIENCE = 120.0  # seconds for a training that nobody kills
BEGIN, END = b"b", b"e"  # of a save


def start(drawn: dict[str, Any], folder: Path, result: Path) -> tuple[int, int]:
    """Train in a forked child: its process number, and a pipe in which it tells when saves begin and end."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    code = 1
    try:
        os.close(reader)
        tell_saves(writer)
        ends = pickle.dumps(train(drawn, folder))
        result.with_suffix(".part").write_bytes(ends)
        os.replace(result.with_suffix(".part"), result)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def tell_saves(writer: int) -> None:
    """Have `os` tell when a temporary file is made, and when the folder it took its name in has been flushed."""
    real_open, real_close, saving = os.open, os.close, [False]

    def opened(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).endswith(".part"):
            os.write(writer, BEGIN)
            saving[0] = True
        return real_open(path, *args, **kwargs)

    def closed(handle: int) -> None:
        real_close(handle)
        if saving[0]:
            os.write(writer, END)
            saving[0] = False

    os.open, os.close = opened, closed


def follow(
    child: int, reader: int, seconds: float, saves: int = sys.maxsize, delay: float = 0.0
) -> tuple[int | None, list]:
    """Wait for the end, and kill after some seconds, or some time after a save begins.

    Returns: exit status, negative if it was killed; (what, when) was told of saves.
    """
    told: list[tuple[bytes, float]] = []
    end, running = time.perf_counter() + seconds, True
    while running and time.perf_counter() < end:
        if not select.select([reader], [], [], max(end - time.perf_counter(), 0))[0]:
            break
        letters = os.read(reader, 1)
        running = bool(letters)
        if running:
            told.append((letters, time.perf_counter()))
            if letters == BEGIN and sum(letter == BEGIN for letter, _ in told) == saves:
                end = told[-1][1] + delay
    if running:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    while letters := os.read(reader, 1):
        told.append((letters, time.perf_counter()))
    os.close(reader)
    return status, told


def unreadable(folder: Path) -> list[str]:
    """Files that cannot be read, with what was said. Temporary ones are nobody's."""
    found = []
    for path in folder.iterdir():
        try:
            if path.suffix == ".backup":
                with Archive(path, "backup") as archive:
                    archive.arrays()
            elif path.suffix == ".keras":
                load_model(path, compile=False)
            elif path.suffix == ".csv":
                rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
                if any(len(row) != len(rows[0]) for row in rows):
                    raise ValueError(f"rows of {path} have other lengths")
            elif path.suffix != ".part":
                raise ValueError(f"nobody knows what {path} is")
        except Exception as error:
            found.append(f"{path.name}: {error!r}")
    return found


def differing_bits(ours: dict[str, bytes], theirs: dict[str, bytes]) -> int:
    """Bits by which two endings differ."""
    count = 0
    for name in ours.keys() | theirs.keys():
        a, b = ours.get(name, b""), theirs.get(name, b"")
        size = max(len(a), len(b))
        count += (int.from_bytes(a, "little") ^ int.from_bytes(b, "little")).bit_count() + 8 * (
            size - min(len(a), len(b))
        )
    return count


def interrupted(seed: int, kills: int, top: Path, so_far: Counter) -> Counter:
    """One training drawn: figures of what became of it. As many kills hit saves as others, with those so far."""
    drawn, rng = draw(seed), random.Random(seed + 1)
    alone, alone_result = top / "alone", top / "alone.pickle"
    alone.mkdir(parents=True)
    for _ in range(2):  # the first compiles, the second tells how long it takes
        for path in alone.iterdir():
            path.unlink()
        began = time.perf_counter()
        status, told = follow(*start(drawn, alone, alone_result), PATIENCE)
        span = time.perf_counter() - began
        if status != 0:
            raise RuntimeError(f"the training of seed {seed} fails alone: {drawn}")
    saves = sum(letter == BEGIN for letter, _ in told)
    lengths = sorted(b - a for (x, a), (y, b) in zip(told, told[1:], strict=False) if x + y == BEGIN + END) or [0.01]
    folder, result, figures = top / "killed", top / "killed.pickle", Counter(trainings=1)
    folder.mkdir()
    for turn in range(kills + 1):
        if turn == kills:
            status, told = follow(*start(drawn, folder, result), PATIENCE)
        elif 2 * (so_far["inside"] + figures["inside"]) > so_far["kills"] + figures["kills"]:
            status, told = follow(*start(drawn, folder, result), rng.uniform(0, 0.9 * span))
        else:
            which = rng.randint(1, max(1, min(saves - 1, 1 + saves // 3)))
            delay = rng.uniform(0, 0.5 * lengths[len(lengths) // 2])
            status, told = follow(*start(drawn, folder, result), PATIENCE, which, delay)
        if status == 0:
            break
        if status != -signal.SIGKILL:
            raise RuntimeError(f"the training of seed {seed} fails after {figures['kills']} kills: {drawn}")
        figures["kills"] += 1
        figures["inside"] += bool(told) and told[-1][0] == BEGIN
        for what in unreadable(folder):
            figures["unreadable"] += 1
            print(f"seed {seed}: {what}", file=sys.stderr)
    ours, theirs = pickle.loads(result.read_bytes()), pickle.loads(alone_result.read_bytes())
    figures["refused"] += ours.pop("refused", None) is not None
    if bits := differing_bits(ours, theirs):
        figures["bits"] += bits
        names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        print(f"seed {seed}: {bits} bits differ in {', '.join(names)} of {drawn}", file=sys.stderr)
    left = {path.name for path in folder.iterdir()} - {path.name for path in alone.iterdir()}
    figures["left"] += len(left)
    return figures


def main(argv: list[str] | None = None) -> Counter:
    """Parse, run, print a line of figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first training")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no training after so many")
    options = parser.parse_args(argv)
    if undrawn():
        raise SystemExit(f"trainings.py says nothing about {', '.join(sorted(undrawn()))}")
    figures, seed, began = Counter(), options.seed, time.monotonic()
    while figures["kills"] < options.kills and time.monotonic() - began < options.seconds:
        with tempfile.TemporaryDirectory(prefix="autonet-kills-", dir=MEMORY if os.path.isdir(MEMORY) else None) as top:
            figures += interrupted(seed, min(MOST, options.kills - figures["kills"]), Path(top), figures)
        seed += 1
    print(
        f"{figures['kills']:,} kills ({figures['inside']:,} inside saves) of {figures['trainings']:,} trainings: "
        f"{figures['bits']} differing bits, {figures['unreadable']} unreadable files, {figures['left']} left over; "
        f"{figures['refused']} on generators were refused and begun anew"
    )
    return figures


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
