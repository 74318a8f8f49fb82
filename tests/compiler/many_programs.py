"""Random programs at length: run eagerly, by NumPy's plan (the same bits) and as machine code (within rounding).

    python -m tests.compiler.many_programs [--count 10000] [--first 0] [--seconds 3600] [--sanitize address] [--level 1]

The C of --together programs is compiled in one go (`many_plans.py`), as starting a compiler for each takes most of the time.
With --sanitize machine code alone is run, built with the address and the undefined-behaviour sanitizer ("address") or with that
of threads ("thread"), in a process in which they are loaded first (gcc on Linux; kernels in a cache folder of their own, which
--cache keeps). Their reports end the run. Printed is one line of figures; a program that differs is printed whole.
"""

import argparse
import contextlib
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator

import numpy as np

from autonet.compiler import Compiled, jit
from autonet.compiler.c.runtime import library, toolchain
from autonet.errors import GradientError
from tests.compiler.many_plans import Plans
from tests.compiler.programs import assert_same_bits
from tests.compiler.random_programs import Script, make
from tests.compiler.sanitized import BUILT, command, sanitized
from tests.compiler.test_random_programs import SEEDS, assert_close, eager, trajectory


def unlike(a: list, b: list) -> float:
    """The largest difference of the float32 results, over the largest of each."""
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if x.dtype == np.float32 and x.size and np.isfinite(y).all()]
    return max([float(np.max(np.abs(x - y)) / max(1.0, float(np.max(np.abs(y))))) for x, y in pairs], default=0.0)


def drawn(number: int) -> tuple[Script, list[str]]:
    """Program number so and so, and what other code does between its runs."""
    chance = random.Random(f"program {number}")
    differentiated = chance.random() < 0.5
    script = make(chance.randrange(2**32), chance.randint(1, 8 if differentiated else 16), differentiated)
    return script, [chance.choice(["nothing", "assign", "swap", "keep"]) for _ in SEEDS]


def compare(number: int, native: bool = True, numpy: bool = True) -> float:
    """How far machine code is from the eager run; NaN where all ways refuse. Raises: AssertionError where a plan differs."""
    script, between = drawn(number)
    try:
        expected, far = trajectory(script, SEEDS, eager, between), 0.0
    except GradientError:  # of a derivative through an assignment
        for way in [False] * numpy + [True] * native:
            with contextlib.suppress(GradientError):
                trajectory(script, SEEDS, lambda f, way=way: jit(f, native=way), between)
                raise AssertionError(f"number {number} is refused by the eager run alone: {script}") from None
        return math.nan
    if numpy:
        for a, b in zip(trajectory(script, SEEDS, lambda f: jit(f, native=False), between), expected, strict=True):
            assert_same_bits(a, b, f"NumPy's plan of number {number}: {script}")
    if native:
        made: list[Compiled] = []
        found = trajectory(script, SEEDS, lambda f: made.append(jit(f, native=True)) or made[0], between)
        assert made[0].last.plan.kind == "native", f"no machine code of number {number}: {script}"
        for a, b in zip(found, expected, strict=True):
            assert_close(a, b, f"machine code of number {number}: {script}")
            far = max(far, unlike(a, b))
    return far


def found(numbers: range, level: int, **what: bool) -> Iterator[float | AssertionError]:
    """What `compare` says of each program, all of whose machine code is compiled together."""
    plans = Plans(level)
    with plans.gathered():
        for number in numbers if what["native"] else ():
            with contextlib.suppress(Exception):  # which `compare` meets again
                script, between = drawn(number)
                trajectory(script, SEEDS, lambda f: jit(f, native=True), between)
    plans.compile()
    with plans.loaded():
        for number in numbers:
            try:
                yield compare(number, **what)
            except Exception as error:
                yield error if isinstance(error, AssertionError) else AssertionError(f"number {number}: {error!r}")
    if plans.alone:
        print(f"{plans.alone} plans of {numbers} were compiled by themselves", flush=True)


def main() -> int:
    """Run programs, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--together", type=int, default=50, help="programs whose code is compiled in one go")
    parser.add_argument("--level", type=int, default=3, choices=range(4), help="of optimization")
    parser.add_argument("--numpy", action="store_true", help="NumPy's plans alone")
    parser.add_argument("--sanitize", choices=list(BUILT))
    parser.add_argument("--cache", help="of kernels with sanitizers; a temporary folder by default")
    options = parser.parse_args()
    if options.sanitize and "LD_PRELOAD" not in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            environment = sanitized(options.sanitize, options.cache or os.path.join(folder, "cache"))
            line = command(options.sanitize, "-m", __spec__.name, *sys.argv[1:])
            return subprocess.run(line, env=environment).returncode
    warnings.simplefilter("ignore")
    if options.sanitize:  # which take a compiler long
        toolchain._run.__defaults__ = (3600.0,)  # seconds
        library._failures.clear()
    if not options.numpy and not library.available():
        sys.exit(library.why_none())
    far, count, refused, bad, began = 0.0, 0, 0, 0, time.monotonic()
    for first in range(options.first, options.first + options.count, options.together):
        if time.monotonic() - began > options.seconds:
            break
        numbers = range(first, min(first + options.together, options.first + options.count))
        for result in found(numbers, options.level, native=not options.numpy, numpy=not options.sanitize):
            count += 1
            if isinstance(result, AssertionError):
                bad += 1
                print(result, flush=True)
            else:
                refused += math.isnan(result)
                far = max(far, 0.0 if math.isnan(result) else result)
    what = f"with {options.sanitize} sanitizers, no report" if options.sanitize else "eager = NumPy's plan (bits)"
    within = "" if options.numpy else f", machine code within {far:.1e}"
    print(
        f"{count} random programs from {options.first} on, {what}{within}; {refused} refused by all, {bad} differ",
        flush=True,
    )
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
