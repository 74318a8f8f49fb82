"""Many kinds of training and inference, beside the other libraries that are installed (extra `bench`).

    python benchmarks/kinds.py [--only unet,gan] [--quick] [--busy] [--libraries autonet,torch,jax]
        [--rounds 5] [--peer-python PYTHON] [--threads 2]

The kinds stand in the folder networks: each network is written once, and every library starts from the same weights. As
in training.py, every library works in a process of its own, in blocks of about half a second that alternate; the first
block is warm-up. Printed, as rows of a Markdown table: the median of milliseconds per step (of a whole pass over the
rows for predict and evaluate, of a call for derivatives and eager work); autonet's ratio to the fastest peer; the time of
its first step with no kernel of this kind in the cache ("cold": the compiler runs) and with all of them ("warm"); the
peak memory of the process, beside PyTorch's. Below: the geometric mean of the ratios. On stderr, kind by kind: quartiles,
first steps and memory of all, why a library is missing, a first loss that is not the others', a C plan slower than NumPy's.

--quick takes shorter blocks and fewer of them: good for a look, not for a figure. --busy counts the processor's time with
one thread for each library, which other work on the machine changes little: ratios, but not those of a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import networks
from harness import ROOT, Candidate, compare, machine, serve, worker_arguments

BLOCK, QUICK = 0.5, 0.1  # seconds
OURS = ("autonet", "autonet numpy")
HEADS = {
    "autonet": "autonet",
    "autonet numpy": "NumPy plan",
    "torch": "PyTorch",
    "torch channels last": "channels last",
    "torch compiled": "its compile",
    "jax": "JAX jit",
    "keras": "Keras on JAX",
}
PRIME = "import autonet, numpy; f = autonet.jit(lambda x: x + 1); f(numpy.ones(9)); f(numpy.ones(9))"


def processor_time() -> float:
    """Seconds of this process and of those that it has ended, such as a compiler."""
    import resource

    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def make(name: str, task: str):
    """A block of walks; its figure is milliseconds per step. The task is a kind's name, and "quick" or "busy" behind it."""
    kind, *options = task.split()
    quick = "quick" in options
    clock = processor_time if "busy" in options else time.perf_counter
    start = clock()
    running = networks.run(name, networks.kinds()[kind], small=quick)
    built = clock()
    loss = running.first()
    first_step = clock() - built
    running.walk()
    walked = clock()
    running.walk()
    walks = max(1, round((QUICK if quick else BLOCK) / max(clock() - walked, 1e-6)))

    def block() -> float:
        begin = clock()
        for _ in range(walks):
            running.walk()
        return (clock() - begin) / (walks * running.steps) * 1e3

    return {"build": built - start, "first_step": first_step, "loss": loss}, block


def measure(task: str, names: list[str], pythons, rounds: int, threads: int, primed: Path) -> dict[str, dict]:
    """What `compare` finds, autonet with "cold": its first step, taken by a process of its own before."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(primed, folder, dirs_exist_ok=True)
        os.environ["AUTONET_CACHE"] = folder
        cold = {}
        if "autonet" in names:
            worker = Candidate(__file__, "autonet", task, sys.executable, threads)
            cold = worker.info
            worker.close()
        results = compare(__file__, names, task, pythons, rounds, threads)
    if "median" in results.get("autonet", {}):
        results["autonet"]["cold"] = cold.get("first_step", float("nan"))
    return results


def ratio(results: dict[str, dict], ours: str = "autonet") -> float | None:
    """How many times as fast as the fastest peer."""
    peers = [r["median"] for name, r in results.items() if "median" in r and name not in OURS]
    mine = results.get(ours, {}).get("median")
    return min(peers) / mine if peers and mine else None


def row(kind: networks.Kind, results: dict[str, dict], names: list[str]) -> str:
    """One line of the table."""
    cells = [kind.title]
    for name in names:
        median = results[name].get("median")
        cells.append("" if median is None else f"{median:,.0f}" if median >= 100 else f"{median:.3g}")
    found = ratio(results)
    ours, theirs = results.get("autonet", {}), results.get("torch", {})
    cells.append("" if found is None else f"{found:.2f}x")
    cells.append(f"{ours['cold']:.2f}, {ours['first_step']:.2f} s" if "cold" in ours else "")
    cells.append(", ".join(f"{r['peak_mb']:.0f}" for r in (ours, theirs) if "peak_mb" in r) + " MB")
    return f"| {' | '.join(cells)} |"


def remarks(kind: networks.Kind, results: dict[str, dict]) -> list[str]:
    """All that the table has no room for."""
    lines = []
    for name, r in results.items():
        if "problem" in r:
            lines.append(f"{name}: {r['problem']}")
        else:
            lines.append(
                f"{name}: {r['low']:.4g} to {r['high']:.4g} ms, first step {r['first_step']:.2f} s, {r['peak_mb']:.0f} MB"
            )
    losses = {name: r["loss"] for name, r in results.items() if r.get("loss") is not None}
    if losses:
        usual = statistics.median(losses.values())
        for name, loss in losses.items():
            if not abs(loss - usual) <= kind.close * abs(usual):
                lines.append(f"LOSS: {name} begins with {loss:.6g}, the others with {usual:.6g}")
    ours, plain = (results.get(name, {}).get("median") for name in OURS)
    if ours and plain and plain < ours:
        lines.append(f"SLOWER THAN NUMPY: the C plan takes {ours / plain:.2f} times as long as the NumPy plan")
    return lines


def close_table(ratios: dict[str, dict[str, float]]) -> None:
    """Print the geometric means of the ratios, and the kinds that are not first."""
    for name, found in ratios.items():
        if found:
            mean = statistics.geometric_mean(found.values())
            behind = [f"{kind} {r:.2f}x" for kind, r in sorted(found.items(), key=lambda p: p[1]) if r < 1]
            print(f"\n{name}: {mean:.2f}x the fastest peer, in the geometric mean of {len(found)} kinds; ", end="")
            print(f"behind in {len(behind)}: {', '.join(behind)}" if behind else "first on all")


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    kinds = networks.kinds()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(kinds), help=f"some of: {', '.join(kinds)}")
    parser.add_argument("--libraries", default=",".join(networks.LIBRARIES), help="some of: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a look in minutes")
    parser.add_argument("--busy", action="store_true", help="processor time, one thread each")
    parser.add_argument("--rounds", type=int, help="blocks of each (5, or 2 with --quick)")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    wanted, names = options.only.split(","), options.libraries.split(",")
    for name, known in [(n, networks.LIBRARIES) for n in names] + [(k, kinds) for k in wanted]:
        if name not in known:
            parser.error(f"unknown: {name!r}; known: {', '.join(known)}")
    if options.busy:
        options.threads = 1
        os.environ |= {"AUTONET_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
    behind = "".join(f" {mode}" for mode in ("quick", "busy") if getattr(options, mode))
    rounds = options.rounds or (2 if options.quick else 5)
    pythons = lambda name: sys.executable if name in OURS else options.peer_python
    ratios: dict[str, dict[str, float]] = {name: {} for name in OURS if name in names}
    print(f"{machine()}, {options.threads} threads; milliseconds{' of processor time' * options.busy}\n")
    heads = [
        "kind",
        *(HEADS[n] for n in names),
        "to the fastest peer",
        "first step: cold, warm",
        "memory: autonet, PyTorch",
    ]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    with tempfile.TemporaryDirectory() as primed:
        environment = {**os.environ, "AUTONET_CACHE": primed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", PRIME], env=environment, check=True)
        for name in wanted:
            results = measure(name + behind, names, pythons, rounds, options.threads, Path(primed))
            print(row(kinds[name], results, names), flush=True)
            print(name, *remarks(kinds[name], results), sep="\n  ", file=sys.stderr, flush=True)
            for ours, found in ratios.items():
                value = ratio(results, ours)
                if value is not None:
                    found[name] = value
    close_table(ratios)


if __name__ == "__main__":
    started = worker_arguments(sys.argv[1:])
    if started:
        serve(started[0], started[1], make)
    else:
        main()
