"""Microseconds per operation, forward and backward, of eager code on a (10, 30) float32 array.

    python benchmarks/eager.py [--peer-python PYTHON] [--rounds 9]

Each figure is the time of a chain of 100 operations and of its backward walk, divided by 100; the recording of one
operation is about half of it. Peers: PyTorch and autograd where the interpreter given has them.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from harness import compare, machine, serve, worker_arguments

CHAIN = 100
TASKS = ("x * w", "x + w", "x - 0.1 * x", "tanh(x)", "x[:, :]", "x @ w", "tanh(x @ w * v + v)")


def forward(task: str, tanh, x, w, square):
    """The chain of a task: a function of an array, of weights and of the library's tanh."""
    y = x
    if task == "x * w":
        for _ in range(CHAIN):
            y = y * w
    elif task == "x + w":
        for _ in range(CHAIN):
            y = y + w
    elif task == "x - 0.1 * x":
        for _ in range(CHAIN // 2):
            y = y - 0.1 * y
    elif task == "tanh(x)":
        for _ in range(CHAIN):
            y = tanh(y)
    elif task == "x[:, :]":
        for _ in range(CHAIN):
            y = y[:, :]
    elif task == "x @ w":
        for _ in range(CHAIN):
            y = y @ square
    else:  # a mixture, as in a layer
        for _ in range(CHAIN // 4):
            y = tanh((y @ square) * w + w)
    return y


def make(name: str, task: str):
    """A block that times the chain, and does it often enough."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((10, 30)).astype("float32")
    w = (1 + 0.01 * rng.standard_normal((10, 30))).astype("float32")
    square = np.linalg.qr(rng.standard_normal((30, 30)))[0].astype("float32")
    if name == "autonet":
        from autonet import Tensor, ops

        a, b, c = (Tensor(v, requires_grad=True) for v in (x, w, square))

        def once():
            forward(task, ops.tanh, a, b, c).sum().backward()
            a.grad = b.grad = c.grad = None

    elif name == "torch":
        import torch

        torch.set_num_threads(1)  # faster for arrays as small as these
        a, b, c = (torch.tensor(v, requires_grad=True) for v in (x, w, square))

        def once():
            forward(task, torch.tanh, a, b, c).sum().backward()
            a.grad = b.grad = c.grad = None

    else:
        import autograd
        from autograd import numpy as anp

        slope = autograd.grad(lambda v: anp.sum(forward(task, anp.tanh, *v)))

        def once():
            slope((x, w, square))

    for _ in range(20):
        once()

    def block() -> float:
        times = []
        for _ in range(40):
            start = time.perf_counter()
            once()
            times.append(time.perf_counter() - start)
        return sorted(times)[len(times) // 2] / CHAIN * 1e6

    return {}, block


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    names = ["autonet", "torch", "autograd"]
    print(machine())
    print(
        f"microseconds per operation, forward and backward, (10, 30) float32\n{'':<22}"
        + "".join(f"{n:>12}" for n in names)
    )
    for task in TASKS:
        results = compare(
            __file__,
            names,
            task,
            lambda name: sys.executable if name == "autonet" else options.peer_python,
            options.rounds,
            threads=1,
        )
        cells = [f"{results[n]['median']:.2f}" if "median" in results[n] else "-" for n in names]
        print(f"{task:<22}" + "".join(f"{cell:>12}" for cell in cells), flush=True)
    for name in names:
        if "problem" in results[name]:
            print(f"{name}: {results[name]['problem']}")


if __name__ == "__main__":
    started = worker_arguments(sys.argv[1:])
    if started:
        serve(started[0], started[1], make)
    else:
        main()
