"""Training steps per second, through `fit`, beside the other libraries that are installed (extra `bench`).

    python benchmarks/training.py [sigmoid] [mlp] [convnet] [lstm] [transformer] [--rounds 7]
        [--peer-python PYTHON] [--only autonet,torch]

Every library works in a process of its own, one at a time, in blocks of about half a second that alternate; the first
block is warm-up. Printed: the median with its quartiles, the ratio to the fastest peer, the time of the first step
(compiling included) and the peak memory. "products" is no library: only the matrix products that the network needs.

Below each table stands where a step of autonet's native plan spends its time (see stamps.py); what is left of a step's
time through `fit` is Python, gathering the rows, and waking the threads.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np
from harness import Candidate, compare, machine, serve, worker_arguments
from workloads import MAKERS, OURS, WORKLOADS

BLOCK = 0.5  # seconds


def make(name: str, task: str):
    """A block of whole epochs; its figure is steps per second."""
    if name == "parts":
        return make_parts(task)
    work = WORKLOADS[task]
    if name.startswith("torch"):
        import torch

        torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
    start = time.perf_counter()
    first, epoch = MAKERS[name](task)
    built = time.perf_counter()
    first()
    first_step = time.perf_counter() - built
    epoch()
    walked = time.perf_counter()
    epoch()
    spent = time.perf_counter() - walked
    epochs = max(1, round(BLOCK / spent))
    steps = epochs * -(-work.rows // work.batch)

    def block() -> float:
        begin = time.perf_counter()
        for _ in range(epochs):
            epoch()
        return steps / (time.perf_counter() - begin)

    return {"build": built - start, "first_step": first_step}, block


def make_parts(task: str):
    """Microseconds per step through `fit` ("step") and of each part of the plan; the block does nothing."""
    from stamps import parts
    from workloads import keras_model

    import autonet

    work = WORKLOADS[task]
    model, x, y = keras_model(autonet, task)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        model.fit(x, y, batch_size=work.batch, epochs=1, verbose=0)
        times.append((time.perf_counter() - begin) / -(-work.rows // work.batch))
    dtype = "int32" if np.issubdtype(y.dtype, np.integer) else "float32"
    found = parts(model, (x[: work.batch], y[: work.batch].astype(dtype))) or {}
    return {"step": statistics.median(times[1:]), "parts": found}, lambda: 0.0


def report_parts(task: str, threads: int) -> None:
    """Print one line: the parts of a step, largest first."""
    worker = Candidate(__file__, "parts", task, sys.executable, threads)
    info = worker.info
    worker.close()
    if "problem" in info:
        print(f"parts of a step: {info['problem']}")
        return
    known = sum(info["parts"].values())
    rest = max(info["step"] - known, 0.0)
    shares = {**info["parts"], "Python and rows": rest}
    total = known + rest
    told = [f"{k} {v / total:.0%}" for k, v in sorted(shares.items(), key=lambda p: -p[1]) if v > 0.005 * total]
    print(f"parts of a step of {total * 1e6:,.0f} us: {', '.join(told)}", flush=True)


def report(results: dict[str, dict]) -> None:
    """Print one workload's table."""
    peers = [r["median"] for name, r in results.items() if "median" in r and name not in OURS]
    best = max(peers, default=None)
    print(f"{'':<16}{'steps/s':>10}{'quartiles':>20}{'of fastest peer':>17}{'first step':>12}{'memory':>10}")
    for name, r in results.items():
        if "problem" in r:
            print(f"{name:<16}{'-':>10}  {r['problem']}")
            continue
        ratio = f"{r['median'] / best:.2f}x" if best else "-"
        spread = f"{r['low']:,.1f} - {r['high']:,.1f}"
        print(
            f"{name:<16}{r['median']:>10,.1f}{spread:>20}{ratio:>17}{r['first_step']:>10.2f} s{r['peak_mb']:>7,.0f} MB",
            flush=True,
        )


def main() -> None:
    """Print a table for each workload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join(WORKLOADS)} (default: all)")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument("--only", default=",".join(MAKERS), help=f"some of: {', '.join(MAKERS)}")
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    names = options.only.split(",")
    for name, known in [(n, MAKERS) for n in names] + [(w, WORKLOADS) for w in options.workloads]:
        if name not in known:
            parser.error(f"unknown: {name!r}; known: {', '.join(known)}")
    print(f"{machine()}, {options.threads} threads")
    for task in options.workloads or WORKLOADS:
        print(f"\n{task}: {WORKLOADS[task].title}")
        report(
            compare(
                __file__,
                names,
                task,
                lambda name: sys.executable if name in OURS else options.peer_python,
                options.rounds,
                options.threads,
            )
        )
        if "autonet" in names:
            report_parts(task, options.threads)


if __name__ == "__main__":
    started = worker_arguments(sys.argv[1:])
    if started:
        serve(started[0], started[1], make)
    else:
        main()
