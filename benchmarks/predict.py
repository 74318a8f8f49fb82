"""Time of one answer, beside the other libraries that are installed (extra `bench`).

    python benchmarks/predict.py [predict] [call] [--peer-python PYTHON] [--only autonet,torch] [--rounds 9]

One row goes through a trained classifier 784-128-10 (relu, softmax; random weights do as well), in two ways:

    predict    the library's way from an array to an array of probabilities: `model.predict(x)`, PyTorch's module call with
               what NumPy needs around it, scikit-learn's `predict_proba`
    call       the bare call of the model on what it likes best: `model(x)` on a Tensor; scikit-learn has no such thing

Every library works in a process of its own, one at a time, in blocks of about a quarter of a second that alternate; the
first block is warm-up. Printed: microseconds per call, the median of the blocks with its quartiles, the ratio to the
fastest peer, and the time of the very first call. "products" is no library: two matrix products of NumPy's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Unsuitable, compare, machine, serve, worker_arguments

BLOCK = 0.25  # seconds
TASKS = {"predict": "an array in, probabilities out", "call": "the bare call of the model"}
LIMITS = {"predict": 40.0, "call": 60.0}  # microseconds that autonet allows itself
ROW = np.random.default_rng(0).random((1, 784), dtype="float32")


def keras_like(keras: Any, task: str, tensor: Callable) -> Callable[[], Any]:
    """For autonet and for Keras: the same script."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((784,)), layers.Dense(128, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    if task == "predict":
        return lambda: model.predict(ROW, verbose=0)
    x = tensor(ROW)
    return lambda: model(x)


def make_autonet(task: str) -> Callable[[], Any]:
    """autonet."""
    import autonet

    return keras_like(autonet, task, autonet.ops.convert_to_tensor)


def make_keras(task: str) -> Callable[[], Any]:
    """Keras on JAX, its answer waited for."""
    import jax
    import keras

    run = keras_like(keras, task, jax.numpy.asarray)
    return run if task == "predict" else lambda: run().block_until_ready()


def make_torch(task: str) -> Callable[[], Any]:
    """PyTorch's module call."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10), nn.Softmax(dim=-1)).eval()
    tensor = torch.from_numpy(ROW)

    @torch.inference_mode()
    def predict() -> Any:
        return model(torch.from_numpy(ROW)).numpy()

    @torch.inference_mode()
    def call() -> Any:
        return model(tensor)

    return predict if task == "predict" else call


def make_jax(task: str) -> Callable[[], Any]:
    """JAX: one jitted function, its answer waited for."""
    import jax
    from jax import numpy as jnp

    rng = np.random.default_rng(1)
    a, b = (jnp.asarray(rng.standard_normal(shape, dtype="float32")) for shape in ((784, 128), (128, 10)))

    @jax.jit
    def model(x: Any) -> Any:
        return jax.nn.softmax(jax.nn.relu(x @ a) @ b)

    if task == "predict":
        return lambda: np.asarray(model(ROW))
    x = jnp.asarray(ROW)
    return lambda: model(x).block_until_ready()


def make_sklearn(task: str) -> Callable[[], Any]:
    """scikit-learn's MLPClassifier."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    if task == "call":
        raise Unsuitable("scikit-learn has no call without its checks")
    warnings.simplefilter("ignore")
    model = MLPClassifier((128,), max_iter=1)
    model.fit(np.random.default_rng(0).random((100, 784), dtype="float32"), np.arange(100) % 10)
    return lambda: model.predict_proba(ROW)


def make_products(task: str) -> Callable[[], Any]:
    """The two matrix products alone."""
    rng = np.random.default_rng(1)
    a, b = (rng.random(shape, dtype="float32") for shape in ((784, 128), (128, 10)))
    return lambda: ROW @ a @ b


MAKERS = {
    "autonet": make_autonet,
    "torch": make_torch,
    "jax": make_jax,
    "keras": make_keras,
    "sklearn": make_sklearn,
    "products": make_products,
}
OURS = ("autonet", "products")


def make(name: str, task: str) -> tuple[dict, Callable[[], float]]:
    """A block of calls; its figure is microseconds per call."""
    if name == "torch":
        import torch

        torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
    run = MAKERS[name](task)
    begin = time.perf_counter()
    run()
    first = time.perf_counter() - begin
    for _ in range(20):
        run()
    begin = time.perf_counter()
    for _ in range(50):
        run()
    calls = max(20, int(BLOCK * 50 / (time.perf_counter() - begin)))

    def block() -> float:
        begin = time.perf_counter()
        for _ in range(calls):
            run()
        return (time.perf_counter() - begin) / calls * 1e6

    return {"first": first}, block


def report(results: dict[str, dict], limit: float) -> None:
    """Print one task's table."""
    best = min((r["median"] for name, r in results.items() if "median" in r and name not in OURS), default=None)
    print(f"{'':<12}{'us/call':>10}{'quartiles':>20}{'of fastest peer':>17}{'first call':>14}")
    for name, r in results.items():
        if "problem" in r:
            print(f"{name:<12}{'-':>10}  {r['problem']}")
            continue
        ratio = f"{r['median'] / best:.2f}x" if best else "-"
        spread = f"{r['low']:,.1f} - {r['high']:,.1f}"
        print(f"{name:<12}{r['median']:>10,.1f}{spread:>20}{ratio:>17}{r['first'] * 1e3:>11,.1f} ms", flush=True)
    if "median" in results.get("autonet", {}):
        kept = results["autonet"]["median"] <= limit
        print(f"autonet allows itself {limit:.0f} us: {'kept' if kept else 'NOT KEPT'}")


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)} (default: all)")
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has the peers")
    parser.add_argument("--only", default=",".join(MAKERS), help=f"some of: {', '.join(MAKERS)}")
    parser.add_argument("--rounds", type=int, default=9, help="blocks of each")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    names = options.only.split(",")
    for name, known in [(n, MAKERS) for n in names] + [(t, TASKS) for t in options.tasks]:
        if name not in known:
            parser.error(f"unknown: {name!r}; known: {', '.join(known)}")
    print(f"{machine()}, {options.threads} threads")
    for task in options.tasks or TASKS:
        print(f"\n{task}: {TASKS[task]}")
        pythons = {name: sys.executable if name in OURS else options.peer_python for name in names}
        report(compare(__file__, names, task, pythons.__getitem__, options.rounds, options.threads), LIMITS[task])


if __name__ == "__main__":
    started = worker_arguments(sys.argv[1:])
    if started:
        serve(started[0], started[1], make)
    else:
        main()
