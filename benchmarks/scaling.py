"""What data-parallel training keeps of its speed on up to 1,024 ranks: a model on paper, and its check on two ranks.

    python benchmarks/scaling.py [--picture scaling.png] [--jitter 0.03]
    python benchmarks/scaling.py --measure [--rounds 3]

The batch of a rank stays as it is, so the global one grows with the ranks, and efficiency is the time of a step on one rank
over that on p. A step is

    slowest of p ranks  =  t (1 + jitter z_p)           z_p: the expected largest of p standard normal draws (Blom, 1958)
    exchange            =  k buckets of the gradient's n bytes, each of them b bytes in (p: ranks, r: bytes added per second)
        ordered:  2 (p - 1) latency + 2 (p - 1) / p b / bandwidth + b / r         every rank sums a slice, in one order
        fast:     the cheaper of a ring, which costs the same but for its sum's (p - 1) / p, and
                  2 log2(p) latency + 2 (p - 1) / p b / bandwidth + b / r         recursive halving and doubling

one after the other at the end of a step, or overlapped, as `DataParallel` has it in a rank's last block, its only one here:
bucket i is ready when (i + 1) / k of the backward pass, the last two thirds of the step, have run, and goes out when those
before it are through.
Source: Thakur, Rabenseifner, Gropp, 2005, https://doi.org/10.1177/1094342005051521

`--measure` asks two ranks of this machine for what the model takes: latency and bandwidth by a ping-pong, the rate of sums,
the step of one rank; and prints the model's exchange and step on two ranks beside those measured there. All are the least of
many, since others may work on the machine: of a step through `fit` the processor's time, waiting left out; of an exchange the
clock's, after a barrier. One thread for each rank; needs the extra `mpi`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace

BUCKET = 1 << 20  # bytes, as in autonet.distribution.annexes.mpi
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
ENOUGH = 0.8
WAYS = {  # the sum, and whether it overlaps
    "ordered, at the end": ("ordered", False),
    "ordered": ("ordered", True),
    "fast": ("fast", True),
}


@dataclass(frozen=True)
class Network:
    """Seconds of a step on one rank with `rows` rows, and bytes of its gradient."""

    title: str
    rows: int
    seconds: float
    bytes: float


@dataclass(frozen=True)
class Link:
    """Seconds of a small message, bytes sent per second, bytes added per second."""

    title: str
    latency: float
    bandwidth: float
    adding: float = 4e9


LINKS = {
    "ethernet": Link("10 Gbit/s Ethernet", 30e-6, 1.15e9),
    "infiniband": Link("200 Gbit/s InfiniBand", 1.5e-6, 23e9),
}
NETWORKS = {  # seconds: of `training.py` on two threads, as in README.md
    "mlp": Network("MLP 784-512-512-10, batch 128", 128, 1 / 294, 2.69e6),
    "convnet": Network("convnet 32-64 3x3, batch 128", 128, 1 / 70, 0.14e6),
    "lstm": Network("LSTM 64, embedding 20000x128, batch 32", 32, 1 / 119, 10.44e6),
}


# The model


def exchange(bucket: float, p: int, link: Link, how: str) -> float:
    """Seconds to sum a bucket of so many bytes over p ranks."""
    if p == 1:
        return 0.0
    moved = 2 * (p - 1) / p * bucket / link.bandwidth
    ordered = 2 * (p - 1) * link.latency + moved + bucket / link.adding
    if how == "ordered":
        return ordered
    ring = ordered - bucket / p / link.adding
    return min(ring, 2 * math.ceil(math.log2(p)) * link.latency + moved + bucket / link.adding)


def step(
    network: Network, p: int, link: Link, how: str = "ordered", overlap: bool = True, jitter: float = 0.0
) -> float:
    """Seconds of a step on p ranks."""
    largest = statistics.NormalDist().inv_cdf((p - 0.375) / (p + 0.25)) if p > 1 else 0.0
    slowest = network.seconds * (1 + jitter * largest)
    k = math.ceil(network.bytes / BUCKET)
    each = exchange(network.bytes / k, p, link, how)
    if not overlap:
        return slowest + k * each
    end = 0.0
    for i in range(k):
        end = max(end, slowest * (1 + 2 * (i + 1) / k) / 3) + each
    return max(slowest, end)


def efficiency(network: Network, p: int, link: Link, **how) -> float:
    """Of p ranks, whose batch grows with their number."""
    return network.seconds / step(network, p, link, **how)


def compressed(network: Network, by: float) -> Network:
    """With a gradient of fewer bytes."""
    return replace(network, bytes=network.bytes / by)


def larger(network: Network, by: int) -> Network:
    """With a larger batch on each rank."""
    return replace(network, seconds=network.seconds * by)


REMEDIES = {  # from the one that costs least; the first that is enough is named
    "nothing": ("ordered", lambda n: n),
    "the fast sum": ("fast", lambda n: n),
    "float16 gradients": ("fast", lambda n: compressed(n, 2)),
    "8-bit gradients": ("fast", lambda n: compressed(n, 4)),
    "batch x 4": ("fast", lambda n: larger(n, 4)),
    "batch x 4, float16 gradients": ("fast", lambda n: compressed(larger(n, 4), 2)),
    "batch x 16": ("fast", lambda n: larger(n, 16)),
    "batch x 16, 8-bit gradients": ("fast", lambda n: compressed(larger(n, 16), 4)),
}


def needed(network: Network, p: int, link: Link, jitter: float) -> str:
    """The first remedy that brings p ranks to 80 %."""
    for name, (how, change) in REMEDIES.items():
        if (found := efficiency(change(network), p, link, jitter=jitter, how=how)) >= ENOUGH:
            return f"{name} ({found:.0%})"
    return "more than these"


def table(jitter: float) -> None:
    """Efficiencies as Markdown, and what is needed."""
    shown = (2, 8, 64, 256, 1024)
    print(
        f"| network | network between ranks | sum | {' | '.join(f'{p:,}' for p in shown)} | for 80 % of 64 | of 1,024 |"
    )
    print("|" + "---|" * (5 + len(shown)))
    for network in NETWORKS.values():
        for link in LINKS.values():
            for title, (how, overlap) in WAYS.items():
                row = [efficiency(network, p, link, how=how, overlap=overlap, jitter=jitter) for p in shown]
                last = [needed(network, p, link, jitter) if title == "ordered" else "" for p in (64, 1024)]
                cells = [network.title, link.title, title, *(f"{e:.0%}" for e in row), *last]
                print(f"| {' | '.join(cells)} |")


def draw(path: str, jitter: float) -> None:
    """A panel for each network: efficiency against ranks."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(NETWORKS), figsize=(4 * len(NETWORKS), 3.4), sharey=True)
    for panel, network in zip(axes, NETWORKS.values(), strict=True):
        for link, color in zip(LINKS.values(), ("tab:red", "tab:blue"), strict=True):
            for (title, (how, overlap)), line in zip(WAYS.items(), (":", "-", "--"), strict=True):
                found = [100 * efficiency(network, p, link, how=how, overlap=overlap, jitter=jitter) for p in RANKS]
                label = f"{link.title}, {title}"
                panel.semilogx(RANKS, found, line, color=color, label=label, base=2)
        panel.axhline(100 * ENOUGH, color="gray", linewidth=0.6)
        panel.set_title(network.title, fontsize=9)
        panel.set_xlabel("ranks")
        panel.set_xticks([1, 4, 16, 64, 256, 1024], ["1", "4", "16", "64", "256", "1,024"])
        panel.set_ylim(0, 105)
    axes[0].set_ylabel("efficiency, %")
    axes[1].legend(fontsize=6.5, loc="lower left")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


# The check


def work(name: str, rounds: int) -> None:
    """On a rank: train, and print the seconds of a step in each round; on two, the link's figures too."""
    import numpy as np
    import workloads

    import autonet
    from autonet import distribution

    autonet.utils.set_random_seed(1)
    ranks = distribution.initialize() or distribution.size()
    distribution.set_distribution(distribution.DataParallel(blocks=ranks))
    model, x, y = workloads.keras_model(autonet, name)
    batch = NETWORKS[name].rows * ranks
    rows = 2 * batch
    x, y = np.resize(x, (rows, *x.shape[1:])), np.resize(y, (rows, *y.shape[1:]))
    group, n, waited = distribution.distribution().group, sum(v.size for v in model.trainable_variables), [0.0]
    wait = group._wait

    def timed(requests) -> None:
        begin = time.process_time()
        wait(requests)
        waited[0] += time.process_time() - begin

    group._wait = timed
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    took = []
    for _ in range(4 * rounds):
        begin = time.process_time() - waited[0]
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        took.append((time.process_time() - waited[0] - begin) / (rows // batch))
    found = {"step": min(took), "bytes": 4 * n}
    if ranks == 2:
        found |= link_here(group, rounds)
        sums, parts = [], [[(0, 1)], [(1, 2)]]
        for _ in range(40 * rounds):
            own, out = np.ones((2, n), np.float32)
            group.gather(None)
            begin = time.perf_counter()
            with group.begin([out], (parts, (0, 2))) as under_way:
                under_way.start(0, {parts[group.rank][0]: own})
            sums.append(time.perf_counter() - begin)
        found["sum"] = min(sums)
    if distribution.rank() == 0:
        print(json.dumps(found))


def link_here(group, rounds: int) -> dict[str, float]:
    """Latency, bandwidth and rate of sums between two ranks, which wait as `DataParallel` does: a pure spin would keep
    the other from the processor where others work too."""
    import numpy as np
    from mpi4py import MPI

    world = MPI.COMM_WORLD

    def there_and_back(array: np.ndarray) -> float:
        taken = []
        for _ in range(100 * rounds):
            begin = time.perf_counter()
            for sends in (world.rank == 0, world.rank == 1):
                group._wait([world.Isend(array, 1 - world.rank) if sends else world.Irecv(array, 1 - world.rank)])
            taken.append((time.perf_counter() - begin) / 2)
        return min(taken)

    large = np.zeros(BUCKET // 4, np.float32)
    other, added = np.ones_like(large), []
    for _ in range(50 * rounds):
        begin = time.perf_counter()
        np.add(large, other, out=large)
        added.append(time.perf_counter() - begin)
    latency = there_and_back(np.zeros(1, np.float32))
    return {"latency": latency, "bandwidth": BUCKET / (there_and_back(large) - latency), "adding": BUCKET / min(added)}


def measure(rounds: int) -> None:
    """The model beside `fit` on two ranks."""
    beside = pathlib.Path(sys.executable).with_name("mpiexec")
    start = str(beside) if beside.exists() else shutil.which("mpiexec")
    one_thread = {"AUTONET_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    print(
        "| network | gradient | latency, bandwidth, sums | exchange: model, measured | one rank | two: model, measured |"
    )
    print("|---|---|---|---|---|---|")
    for name, network in NETWORKS.items():
        found = []
        for ranks in (1, 2):
            command = [start, "-n", str(ranks), sys.executable, __file__, "--work", name, "--rounds", str(rounds)]
            answer = subprocess.run(
                command, capture_output=True, text=True, check=True, env={**os.environ, **one_thread}
            )
            found.append(json.loads(answer.stdout.splitlines()[-1]))
        one, two = found
        link = Link("here", two["latency"], two["bandwidth"], two["adding"])
        own = replace(network, seconds=one["step"], bytes=one["bytes"])
        told = step(own, 2, link)
        print(
            f"| {network.title} | {own.bytes / 1e6:.2f} MB | {1e6 * link.latency:.1f} us, "
            f"{link.bandwidth / 1e9:.1f} GB/s, {link.adding / 1e9:.1f} GB/s | {1e3 * (told - own.seconds):.2f}, "
            f"{1e3 * two['sum']:.2f} ms | {1e3 * own.seconds:.1f} ms | {1e3 * told:.1f}, "
            f"{1e3 * (two['step'] + two['sum']):.1f} ms |",
            flush=True,
        )


def main(argv: list[str] | None = None) -> None:
    """Print the table; or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", help="file to draw the efficiencies in (extra `plot`)")
    parser.add_argument("--jitter", type=float, default=0.03, help="standard deviation of a rank's step, of its mean")
    parser.add_argument("--measure", action="store_true", help="check the model on two ranks of this machine")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.work:
        return work(options.work, options.rounds)
    if options.measure:
        return measure(options.rounds)
    table(options.jitter)
    if options.picture:
        draw(options.picture, options.jitter)


if __name__ == "__main__":
    main()
