"""The networks of `training.py`, written for each library as its users would: one function `make_<library>` each.

A `make` returns `(first, epoch)`: `first()` runs the very first step, `epoch()` walks all rows once, in a new order.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import transformer
from harness import Unsuitable

Steps = tuple[Callable[[], Any], Callable[[], Any]]


@dataclass(frozen=True)
class Workload:
    """Name, batch size, and rows of one epoch (MNIST-shaped noise)."""

    title: str
    batch: int
    rows: int

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (rows, 784) from 0 to 1 and labels (rows,)."""
        rng = np.random.default_rng(0)
        return rng.random((self.rows, 784), dtype="float32"), rng.integers(0, 10, self.rows)


@dataclass(frozen=True)
class Sentences(Workload):
    """Rows are so many words out of 20,000 (noise), labels 0 or 1."""

    words: int = 80

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Word numbers (rows, words) and labels (rows,)."""
        rng = np.random.default_rng(0)
        return rng.integers(0, 20_000, (self.rows, self.words)), rng.integers(0, 2, self.rows)


WORKLOADS = {
    "sigmoid": Workload("MLP 784-30-10, sigmoid, batch 10, SGD", 10, 10_000),
    "mlp": Workload("MLP 784-512-512-10, batch norm., dropout, batch 128, Adam", 128, 12_800),
    "convnet": Workload("convnet 32-64 3x3 on 28x28, batch 128, Adam", 128, 1_280),
    "lstm": Sentences("LSTM 64 on 80 words, embedding 20000x128, batch 32, Adam", 32, 1_280),
    "transformer": Sentences("transformer block, 200 words of width 32, batch 32, Adam", 32, 640, 200),
}


def one_hot(y: np.ndarray, classes: int = 10) -> np.ndarray:
    """Rows of zeros with a single 1."""
    return np.eye(classes, dtype="float32")[y]


def keras_model(keras: Any, task: str, **compiling: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """For autonet and for Keras: the same compiled model, and its data."""
    work = WORKLOADS[task]
    x, y = work.data()
    layers = keras.layers
    if task == "sigmoid":
        model = keras.Sequential(
            [keras.Input((784,)), layers.Dense(30, activation="sigmoid"), layers.Dense(10, activation="sigmoid")]
        )
        model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", **compiling)
        y = one_hot(y)
    elif task == "mlp":
        model = keras.Sequential([keras.Input((784,))])
        for _ in range(2):
            model.add(layers.Dense(512))
            model.add(layers.BatchNormalization())
            model.add(layers.Activation("relu"))
            model.add(layers.Dropout(0.2))
        model.add(layers.Dense(10, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy", **compiling)
    elif task == "lstm":
        model = keras.Sequential(
            [
                keras.Input((80,), dtype="int32"),
                layers.Embedding(20_000, 128),
                layers.LSTM(64),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile("adam", "binary_crossentropy", **compiling)
        y = y.reshape(-1, 1)
    elif task == "transformer":
        model = transformer.keras_like(keras)
        model.compile("adam", "sparse_categorical_crossentropy", **compiling)
    else:
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", **compiling)
        x = x.reshape(-1, 28, 28, 1)
    return model, x, y


def keras_like(keras: Any, task: str, **compiling: Any) -> Steps:
    """For autonet and for Keras: the same script, through `fit`."""
    work = WORKLOADS[task]
    model, x, y = keras_model(keras, task, **compiling)

    def fit(rows: int) -> None:
        model.fit(x[:rows], y[:rows], batch_size=work.batch, epochs=1, verbose=0)

    return lambda: fit(work.batch), lambda: fit(work.rows)


def make_autonet(task: str) -> Steps:
    """autonet as `compile` sets it up by itself."""
    import autonet

    return keras_like(autonet, task)


def make_numpy(task: str) -> Steps:
    """autonet where there is no C compiler: the NumPy plan."""
    os.environ["AUTONET_NATIVE"] = "0"
    return make_autonet(task)


def make_eager(task: str) -> Steps:
    """autonet without any compilation."""
    import autonet

    return keras_like(autonet, task, run_eagerly=True)


def make_keras(task: str) -> Steps:
    """Keras on JAX."""
    import jax  # noqa: F401
    import keras

    return keras_like(keras, task)


def make_torch(task: str, compiled: bool = False) -> Steps:
    """PyTorch, its module called eagerly or compiled."""
    import torch
    from torch import nn

    work = WORKLOADS[task]
    x, y = (torch.from_numpy(a) for a in work.data())
    loss: Any = nn.CrossEntropyLoss()
    if task == "sigmoid":
        model: Any = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10))
        loss = nn.BCEWithLogitsLoss()
        y = torch.from_numpy(one_hot(y.numpy()))
    elif task == "mlp":
        model = nn.Sequential(
            *(nn.Linear(784, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.2)),
            nn.Linear(512, 10),
        )
    elif task == "lstm":

        class Reader(nn.Module):
            def __init__(self):
                super().__init__()
                self.words, self.lstm = nn.Embedding(20_000, 128), nn.LSTM(128, 64, batch_first=True)
                self.verdict = nn.Linear(64, 1)

            def forward(self, x):
                return self.verdict(self.lstm(self.words(x))[0][:, -1])[:, 0]

        model = Reader()
        loss = nn.BCEWithLogitsLoss()
        y = y.float()
    elif task == "transformer":
        model = transformer.torch_module()
    else:
        model = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * 25, 10)),
        )
        x = x.reshape(-1, 1, 28, 28)
    optimizer = torch.optim.SGD(model.parameters(), 0.5) if task == "sigmoid" else torch.optim.Adam(model.parameters())
    if compiled:
        model = torch.compile(model)

    def step(rows: Any) -> None:
        optimizer.zero_grad()
        loss(model(x[rows]), y[rows]).backward()
        optimizer.step()

    def epoch() -> None:
        for rows in torch.randperm(len(x)).split(work.batch):
            step(rows)

    return lambda: step(torch.arange(work.batch)), epoch


def make_torch_compiled(task: str) -> Steps:
    """PyTorch with torch.compile."""
    return make_torch(task, compiled=True)


def make_jax(task: str) -> Steps:
    """JAX: one jitted step, written by hand."""
    import jax
    from jax import numpy as jnp

    work = WORKLOADS[task]
    x, y = work.data()
    y = y.astype("float32") if task == "lstm" else one_hot(y, 2 if task == "transformer" else 10)
    rng = np.random.default_rng(1)

    def dense(n: int, m: int) -> dict:
        return {"w": (rng.standard_normal((n, m)) / n**0.5).astype("float32"), "b": np.zeros(m, "float32")}

    def affine(p: dict, x: Any) -> Any:
        return x @ p["w"] + p["b"]

    def drop(key: Any, x: Any, rate: float) -> Any:
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)

    def cross_entropy(logits: Any, y: Any) -> Any:
        return -(jax.nn.log_softmax(logits) * y).sum(-1).mean()

    if task == "sigmoid":
        params: Any = [dense(784, 30), dense(30, 10)]

        def loss(p, aux, x, y, key):
            z = affine(p[1], jax.nn.sigmoid(affine(p[0], x)))
            return (jax.nn.softplus(z) - y * z).mean(), aux

    elif task == "mlp":
        norm = {"g": np.ones(512, "float32"), "s": np.zeros(512, "float32")}
        params = [{**dense(784, 512), **norm}, {**dense(512, 512), **norm}, dense(512, 10)]

        def loss(p, aux, x, y, key):
            moving = []
            for layer, seen, k in zip(p[:2], aux, jax.random.split(key), strict=True):
                z = affine(layer, x)
                mean, var = z.mean(0), z.var(0)
                moving.append((0.99 * seen[0] + 0.01 * mean, 0.99 * seen[1] + 0.01 * var))
                z = (z - mean) * (jax.lax.rsqrt(var + 1e-3) * layer["g"]) + layer["s"]
                x = drop(k, jax.nn.relu(z), 0.2)
            return cross_entropy(affine(p[2], x), y), moving

    elif task == "lstm":
        words = rng.uniform(-0.05, 0.05, (20_000, 128)).astype("float32")
        params = [words, {**dense(128, 256), "u": dense(64, 256)["w"]}, dense(64, 1)]

        def loss(p, aux, x, y, key):
            def advance(state, z):
                h, c = state
                i, f, g, o = jnp.split(z + h @ p[1]["u"], 4, axis=-1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
                return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

            start = jnp.zeros((2, len(x), 64))
            steps = affine(p[1], jnp.take(p[0], x, axis=0)).swapaxes(0, 1)
            (h, _), _ = jax.lax.scan(advance, (start[0], start[1]), steps)
            z = affine(p[2], h)[:, 0]
            return (jax.nn.softplus(z) - y * z).mean(), aux

    elif task == "transformer":
        params, loss = transformer.jax_loss(rng, dense, affine, drop, cross_entropy)

    else:
        x = x.reshape(-1, 28, 28, 1)
        params = [
            {"w": (rng.standard_normal((3, 3, 1, 32)) / 3).astype("float32"), "b": np.zeros(32, "float32")},
            {"w": (rng.standard_normal((3, 3, 32, 64)) / 17).astype("float32"), "b": np.zeros(64, "float32")},
            dense(1600, 10),
        ]

        def block(p, x):
            numbers = ("NHWC", "HWIO", "NHWC")
            x = jax.nn.relu(
                jax.lax.conv_general_dilated(x, p["w"], (1, 1), "VALID", dimension_numbers=numbers) + p["b"]
            )
            return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

        def loss(p, aux, x, y, key):
            x = block(p[1], block(p[0], x))
            return cross_entropy(affine(p[2], drop(key, x.reshape(len(x), -1), 0.5)), y), aux

    def update(state, x, y):
        p, m, v, t, aux, key = state
        key, used = jax.random.split(key)
        g, aux = jax.grad(loss, has_aux=True)(p, aux, x, y, used)
        t = t + 1
        if task == "sigmoid":
            return jax.tree.map(lambda p, g: p - 0.5 * g, p, g), m, v, t, aux, key
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v)
        return p, m, v, t, aux, key

    step = jax.jit(update, donate_argnums=0)
    zeros = [jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), params) for _ in range(2)]
    aux = [(jnp.zeros(512), jnp.ones(512)) for _ in range(2)] if task == "mlp" else []
    state = (jax.tree.map(jnp.array, params), *zeros, jnp.float32(0), aux, jax.random.key(0))
    draws = np.random.default_rng(2)

    def walk(order: np.ndarray) -> None:
        nonlocal state
        for low in range(0, len(order), work.batch):
            rows = order[low : low + work.batch]
            state = step(state, x[rows], y[rows])
        jax.block_until_ready(state)

    return lambda: walk(np.arange(work.batch)), lambda: walk(draws.permutation(work.rows))


def make_sklearn(task: str) -> Steps:
    """scikit-learn's MLPClassifier (no convolution, recurrence, batch normalisation or dropout; softmax at the end)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if task in ("convnet", "lstm", "transformer"):
        raise Unsuitable("scikit-learn has no such layers")
    warnings.simplefilter("ignore", ConvergenceWarning)
    work = WORKLOADS[task]
    x, y = work.data()
    common = {"batch_size": work.batch, "max_iter": 1, "warm_start": True, "n_iter_no_change": 10**6}
    if task == "sigmoid":
        model = MLPClassifier((30,), "logistic", solver="sgd", learning_rate_init=0.5, momentum=0, **common)
    else:
        model = MLPClassifier((512, 512), **common)
    return lambda: model.fit(x[:128], y[:128]), lambda: model.fit(x, y)  # 128 rows hold all ten classes


def make_products(task: str) -> Steps:
    """No training at all: NumPy's matrix products of one step, forward and backward, into buffers that are there."""
    work = WORKLOADS[task]
    rng = np.random.default_rng(0)
    if task in ("convnet", "lstm", "transformer"):
        raise Unsuitable("counted for the dense networks only")
    widths = (784, 30, 10) if task == "sigmoid" else (784, 512, 512, 10)
    jobs = []
    for i, (n, m) in enumerate(zip(widths, widths[1:], strict=False)):
        x, w, z = (rng.random(shape, dtype="float32") for shape in ((work.batch, n), (n, m), (work.batch, m)))
        jobs += [(x, w, z), (x.T, z, np.empty_like(w))]
        if i:
            jobs.append((z, w.T, np.empty_like(x)))

    def step() -> None:
        for a, b, out in jobs:
            np.matmul(a, b, out)

    def epoch() -> None:
        for _ in range(-(-work.rows // work.batch)):
            step()

    return step, epoch


MAKERS = {
    "autonet": make_autonet,
    "autonet numpy": make_numpy,
    "autonet eager": make_eager,
    "torch": make_torch,
    "torch compiled": make_torch_compiled,
    "jax": make_jax,
    "keras": make_keras,
    "sklearn": make_sklearn,
    "products": make_products,
}
OURS = ("autonet", "autonet numpy", "autonet eager", "products")
