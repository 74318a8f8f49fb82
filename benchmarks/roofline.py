"""How near the limits of this machine a training step comes.

    python benchmarks/roofline.py [sigmoid] [mlp] [convnet] [lstm] [transformer] [--kinds tabular,residual]
        [--seconds 0.5] [--busy]

First the limits, measured by a small C kernel through the compiler that autonet uses: fused multiply-adds in registers,
and a = b + s c over arrays that lie in each level of memory, with one thread and with all. Then each workload of
training.py, and each of the kinds asked for (kinds.py): for each part of a step its time (stamps.py), operations and bytes
(`explain_step`), the least time in which this machine could do them, and the share of the limit that is reached.

An operation's limit is the longer one of its arithmetic at the peak and its bytes at the bandwidth of memory as large as
the step's arena and weights, both on all threads: small steps run on one, and reach half at most. What stays in a nearer
cache from one operation to the next can beat it. Attention and recurrent kernels count as the products inside them.
At the end, the step through `fit` over the sum of its parts' limits. --busy counts the processor's time with one thread,
which other work on the machine changes little.
Source: Williams, Waterman, Patterson, 2009, https://doi.org/10.1145/1498765.1498785
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networks
import numpy as np
import workloads
from harness import machine
from networks import keras_net
from stamps import stamped, times

import autonet
from autonet.compiler.c import runtime
from autonet.compiler.c.runtime import toolchain
from autonet.compiler.explain import Explanation

SIZES = tuple(2**k for k in range(14, 27, 2))  # bytes that three arrays have together
TRY = 0.004  # seconds of one thread
KERNEL = """
typedef float an_vector __attribute__((vector_size(AN_BYTES), aligned(4), may_alias));

/* 12 independent sums, which hide the latency and fit in 16 registers; 2 * 12 * lanes operations a round. */
AN_EXPORT float multiply(int64_t rounds, float x) {
    an_vector sum[12], left = x - (an_vector){0}, right = 0.5f - (an_vector){0};
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) sum[i] = (an_vector){0};
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) {
            sum[i] = sum[i] * right + left;
            __asm__ volatile("" : "+REGISTER"(sum[i]));
        }
    }
    float total = 0;
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) total += sum[i][0];
    return total;
}
AN_EXPORT int64_t lanes(void) { return AN_BYTES / 4; }

AN_EXPORT void stream(int64_t rounds, int64_t n, float *a, const float *b, const float *c) {
    for (int64_t r = 0; r < rounds; r++) {
        for (int64_t i = 0; i < n; i += AN_BYTES / 4)
            *(an_vector *)(a + i) = *(const an_vector *)(b + i) + 0.5f * *(const an_vector *)(c + i);
        __asm__ volatile("" ::: "memory");
    }
}
"""


@dataclass
class Limits:
    """Of this machine, on some number of threads.

    Args:
        flops: operations per second.
        bandwidth: bytes per second, for each of SIZES.
    """

    flops: float
    bandwidth: list[float]

    def seconds(self, flops: float, moved: float, size: float) -> float:
        """The least time for so many operations and bytes, of memory of a size."""
        reach = np.interp(np.log(max(size, 1.0)), np.log(SIZES), self.bandwidth)
        return max(flops / self.flops, moved / float(reach))


class Probe:
    """The kernel, compiled and loaded.

    Raises: RuntimeError without a compiler.
    """

    def __init__(self) -> None:
        compiler = toolchain.find()
        if compiler is None:
            raise RuntimeError(toolchain.why_none() or "AUTONET_NATIVE switches the compiler off.")
        base = Path(runtime.__file__).with_name("base.h").read_text(encoding="utf-8")
        register = "w" if os.uname().machine in ("aarch64", "arm64") else "x"
        if "avx512" in toolchain.processor():
            register = "v"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "probe.so")
            path.write_bytes(compiler.compile(base + KERNEL.replace("REGISTER", register), "runtime"))
            self.library = ctypes.CDLL(str(path))
        self.library.multiply.argtypes = [ctypes.c_int64, ctypes.c_float]
        self.library.stream.argtypes = [ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 3]
        self.library.lanes.restype = ctypes.c_int64

    def limits(self, threads: int, seconds: float) -> Limits:
        """The machine's limits on so many threads; each figure takes that many seconds."""
        operations = 2 * 12 * self.library.lanes()
        flops = best(lambda rounds, k: self.library.multiply(rounds, 1.0), threads, seconds) * operations
        bandwidth = []
        for size in SIZES:
            n = size // threads // 12 // 16 * 16
            arrays = [np.ones((3, n), "float32") for _ in range(threads)]

            def stream(rounds: int, k: int, n: int = n, arrays: list = arrays) -> None:
                self.library.stream(rounds, n, *[row.ctypes.data for row in arrays[k]])

            bandwidth.append(best(stream, threads, seconds) * 12 * n)
        return Limits(flops, bandwidth)


def best(work: Any, threads: int, seconds: float) -> float:
    """Rounds per second of all threads together, the best of many short tries; work(rounds, number of the thread).

    A thread's rate is of the time that it had a processor: others at work on the machine lower no limit.
    """
    rates = [0.0] * threads

    def run(rounds: int, k: int) -> None:
        begin = time.thread_time()
        work(rounds, k)
        rates[k] = rounds / max(time.thread_time() - begin, 1e-9)

    rounds = 1
    while True:
        run(rounds, 0)
        if rounds > rates[0] * TRY / 4:
            break
        rounds *= 4
    rounds = max(int(rates[0] * TRY), 1)
    found = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not found:
        team = [threading.Thread(target=run, args=(rounds, k)) for k in range(threads)]
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
        found.append(sum(rates))
    return max(found)


def counts(i: Any, flops: int, moved: int) -> tuple[int, int]:
    """Operations and bytes of an instruction: `explain_step`'s, but for kernels whose insides it does not count."""
    if i.op.startswith("attend"):
        queries, keys = i.operands[2:4] if i.op.endswith("vjp") else i.operands[:2]
        return 2 * (5 if i.op.endswith("vjp") else 2) * queries.size * keys.shape[1], moved
    if i.op in ("lstm_scan", "lstm_vjp", "gru_scan", "gru_vjp"):
        steps = i.operands[0].shape[0] * i.operands[0].shape[1]
        matrices = [v for v in i.operands if len(v.shape) == 2 and v.size]
        kernels = [v for v in matrices if v.shape[1] in (3 * v.shape[0], 4 * v.shape[0])]
        return 2 * (2 if i.op.endswith("vjp") else 1) * steps * kernels[-1].size, moved
    if i.op == "_take":
        return 0, moved - i.operands[0].nbytes + i.results[0].nbytes  # the rows read alone
    return flops, moved


def examine(
    model: Any, fit: Any, batch: tuple, limits: Limits, seconds: float, busy: bool = False
) -> tuple[float, list[tuple], str]:
    """Seconds of a step through `fit`, (part, seconds, limit, flops, bytes) for each part, the longest first, and
    what NumPy does outside the C code, which no part counts.

    Args:
        fit: trains for one epoch, and says how many steps that was.
    """
    clock = time.process_time if busy else time.perf_counter
    fit()
    spent = []
    for _ in range(5):
        begin = clock()
        steps = fit()
        spent.append((clock() - begin) / steps)
    plan = stamped(model, busy)
    if plan is None:
        raise RuntimeError("The step has no plan in machine code.")
    taken = times(plan, batch, seconds)
    explained = Explanation("step", plan.captured, plan)
    size = plan.arena_bytes + sum(v.nbytes for v in plan.program.used() if v.kind == "variable")
    sums: dict[str, list[float]] = {}
    for i, (_, _, *told) in zip(plan.program.instructions, explained.rows, strict=True):
        flops, moved = counts(i, *told) if any(told) else told  # views cost nothing
        total = sums.setdefault(plan._label(i), [0.0, 0.0, 0.0])
        for k, value in enumerate((limits.seconds(flops, moved, size), flops, moved)):
            total[k] += value
    parts = [(part, s, *sums.get(part, (0.0, 0.0, 0.0))) for part, s in taken.items()]
    outside = dict(explained.facts)["run by NumPy inside a native plan"]
    return statistics.median(spent), sorted(parts, key=lambda p: -p[1]), outside


def report(title: str, step: float, parts: list[tuple], outside: str) -> None:
    """Print one table."""
    print(f"\n{title}\n\n| part | us | least us | share of the limit | GFLOP/s | GB/s |\n|---|---|---|---|---|---|")
    for part, spent, least, flops, moved in parts:
        if spent < 0.005 * step:
            continue
        rates = f"{flops / spent / 1e9:.1f} | {moved / spent / 1e9:.1f}"
        print(f"| {part} | {spent * 1e6:,.1f} | {least * 1e6:,.1f} | {least / spent:.0%} | {rates} |")
    known, least = (sum(part[k] for part in parts) for k in (1, 2))
    print(f"| step through fit | {step * 1e6:,.1f} | {least * 1e6:,.1f} | {least / step:.0%} | | |")
    print(f"\nA step takes {step / known:.2f} times its parts, and {step / least:.2f} times their limits.")
    print("" if outside == "0" else f"Run by NumPy, outside these parts: {outside}.", flush=True)


def workload(name: str) -> tuple:
    """(title, model, fit, batch) of one of training.py's workloads."""
    work = workloads.WORKLOADS[name]
    model, x, y = workloads.keras_model(autonet, name)

    def fit() -> int:
        model.fit(x, y, batch_size=work.batch, epochs=1, verbose=0)
        return -(-work.rows // work.batch)

    dtype = "int32" if np.issubdtype(y.dtype, np.integer) else "float32"
    return work.title, model, fit, (x[: work.batch], y[: work.batch].astype(dtype))


def kind(name: str) -> tuple:
    """(title, model, fit, batch) of a kind that is trained by `fit`."""
    found = networks.kinds()[name]
    if found.task != "train" or found.custom:
        raise SystemExit(f"{name} is not trained by fit in the usual way.")
    inputs, y = found.arrays(small=True)
    running = keras_net.run(found, "autonet", small=True)
    dtype = "int32" if np.issubdtype(y.dtype, np.integer) else "float32"
    batch = *(a[: found.batch] for a in inputs), y[: found.batch].astype(dtype)

    def fit() -> int:
        running.walk()
        return running.steps

    return found.title, running.model, fit, batch


def main(argv: list[str] | None = None) -> None:
    """Print the limits, and a table for each workload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join(workloads.WORKLOADS)} (default: all)"
    )
    parser.add_argument("--kinds", default="", help="names of kinds.py, those that are trained by fit")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure")
    parser.add_argument("--busy", action="store_true", help="processor time, one thread")
    options = parser.parse_args(argv)
    for name in options.workloads:
        if name not in workloads.WORKLOADS:
            parser.error(f"unknown: {name!r}; known: {', '.join(workloads.WORKLOADS)}")
    kinds = [k for k in options.kinds.split(",") if k]
    if options.busy:
        os.environ["AUTONET_THREADS"] = "1"
    threads = int(os.environ.get("AUTONET_THREADS") or os.cpu_count() or 1)
    probe = Probe()
    found = {n: probe.limits(n, options.seconds) for n in sorted({1, threads})}
    heads = [f"{s // 1024} KB" if s < 2**20 else f"{s // 2**20} MB" for s in SIZES]
    print(f"{machine()}\n\n| threads | GFLOP/s | GB/s in {' | '.join(heads)} |\n|{'---|' * (2 + len(heads))}")
    for n, limits in found.items():
        reach = " | ".join(f"{b / 1e9:.1f}" for b in limits.bandwidth)
        print(f"| {n} | {limits.flops / 1e9:.1f} | {reach} |", flush=True)
    names = options.workloads or (() if kinds else workloads.WORKLOADS)
    for make, name in [(workload, name) for name in names] + [(kind, name) for name in kinds]:
        title, model, fit, batch = make(name)
        report(title, *examine(model, fit, batch, found[threads], options.seconds, options.busy))


if __name__ == "__main__":
    main()
