"""Damaged and malicious files into every reader: a documented error, or what the file says; little memory, little time.

    python benchmarks/trust/fuzz.py --inputs 10000000
    python benchmarks/trust/fuzz.py --inputs 10000000 --seconds 60
    python benchmarks/trust/fuzz.py --inputs 500 --readers pickle,IDX --seed 3 --keep FOLDER

Each reader of `readers.py` reads sound files that `mutations.py` has changed: bytes, offsets and lengths, and what stands
inside containers, whose check sums are made true again. It may raise errors of autonet alone; it may take at most twice
the file and 64 MB of memory (what it asks for beyond that fails, and is told), and 2 seconds of the processor.
An input is made by its number, so that each fault can be had again: --readers NAME --only NUMBER.

There is no guidance by coverage: atheris, which has that, cannot be installed for every Python that this runs on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

os.environ["AUTONET_NATIVE"] = "0"

from mutations import mutate
from readers import READERS, Reader

from autonet.errors import AutonetError

MEMORY, SECONDS = 64 << 20, 2.0
LARGEST = 1 << 18  # bytes of a file: what is longer was made by mistake
FOLDER = "/dev/shm"


class TooLong(BaseException):
    """The time is up."""


def ring(number: int, frame: Any) -> None:
    raise TooLong


def size() -> int:
    """Bytes of this process's address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def attempt(reader: Reader, path: Path) -> tuple[str, BaseException | None]:
    """What came of reading a file: "read", "refused", or a fault with its error."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        reader.read(path)
        return "read", None
    except AutonetError as error:
        return "refused", error
    except BaseException as error:
        return "fault", error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def place_of(error: BaseException) -> str:
    """Where an error came from: its kind, and the last lines of autonet's in it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "autonet" in f.filename]
    lines = [f"{Path(f.filename).name}:{f.lineno}" for f in frames[-2:]]
    return f"{type(error).__name__} at {' < '.join(reversed(lines))}"


def worker(name: str, seed: int, numbers: range, pipe: int, keep: Path | None, seconds: float) -> None:
    """Read the inputs of these numbers; tells how far it has come, and of faults."""
    reader, folder = (
        READERS[name],
        Path(tempfile.mkdtemp(prefix="autonet-fuzz-", dir=FOLDER if os.path.isdir(FOLDER) else None)),
    )
    os.environ["AUTONET_CACHE"] = str(folder / "cache")
    (folder / "sound").mkdir()
    sounds = list(reader.sound(folder / "sound"))
    path = folder / f"x{reader.ending}"
    for data in sounds:
        path.write_bytes(data)
        reader.read(path)
    signal.signal(signal.SIGPROF, ring)
    room = size() + MEMORY
    counts: Counter = Counter()

    def tell(**what: Any) -> None:
        os.write(pipe, json.dumps(what).encode() + b"\n")

    end = time.process_time() + seconds
    for number in numbers:
        if time.process_time() > end:
            break
        rng = random.Random(f"{name} {seed} {number}")
        data = mutate(rng, rng.choice(sounds), reader.kind)
        if len(data) > LARGEST:
            data = data[:LARGEST]
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        if counts["inputs"] % 500 == 0:
            tell(at=number)
        resource.setrlimit(resource.RLIMIT_AS, (room + 2 * len(data), resource.RLIM_INFINITY))
        outcome, error = attempt(reader, path)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        counts["faults" if outcome == "fault" else outcome] += 1
        counts["inputs"] += 1
        if outcome == "fault" and error is not None:
            tell(fault=number, what=place_of(error))
            if keep is not None:
                (keep / f"{name}-{number}{reader.ending}".replace(" ", "_")).write_bytes(data)
    tell(**counts)
    os._exit(0)


def fuzz(
    name: str, seed: int, numbers: range, keep: Path | None, seconds: float
) -> tuple[Counter, dict[str, list[int]]]:
    """A reader's figures, and its faults by place."""
    counts: Counter = Counter()
    faults: dict[str, list[int]] = {}
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            warnings.simplefilter("ignore")
            worker(name, seed, numbers, writer, keep, seconds)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writer)
    last = numbers.start
    with os.fdopen(reader) as lines:
        for line in lines:
            told = json.loads(line)
            last = told.pop("at", last)
            if "fault" in told:
                faults.setdefault(told["what"], []).append(told["fault"])
            else:
                counts.update(told)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        counts["inputs"] += max(last - numbers.start, 0)
        faults.setdefault(f"the process ended with {status} after input {last}", []).append(last)
    return counts, faults


def main(argv: list[str] | None = None) -> dict[str, list[int]]:
    """Parse, run, print a line for each reader on stderr, the figures, and what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="of all readers together")
    parser.add_argument("--readers", default=",".join(READERS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="read the input of this number")
    parser.add_argument("--keep", type=Path, help="folder for inputs that make faults")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of the processor for each reader, at most")
    options = parser.parse_args(argv)
    names = options.readers.split(",")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    total, found = Counter(), {}
    for name in names:
        share = options.inputs // len(names)
        numbers = range(share) if options.only is None else range(options.only, options.only + 1)
        start = time.process_time() + sum(os.times()[2:4])
        counts, faults = fuzz(name, options.seed, numbers, options.keep, options.seconds)
        spent = time.process_time() + sum(os.times()[2:4]) - start
        total += counts
        rate = counts["inputs"] / max(spent, 1e-9)
        print(f"{name}: {counts['inputs']:,} inputs, {counts['read']:,} read, {rate:,.0f} a second", file=sys.stderr)
        for what, cases in faults.items():
            found[f"{name}: {what}"] = cases
            print(f"  {len(cases)} x {what} ({', '.join(map(str, cases[:4]))})", file=sys.stderr)
    print(
        f"{total['inputs']:,} inputs into {len(names)} readers: {total['read']:,} read, {total['refused']:,} refused, "
        f"{sum(map(len, found.values())):,} faults of {len(found)} kinds"
    )
    return found


if __name__ == "__main__":
    main()
