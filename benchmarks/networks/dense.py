"""Networks of dense layers."""

from __future__ import annotations

import numpy as np

from networks.base import Kind, noise


def tabular(n, x):
    for _ in range(3):
        x = n.dense(x, 512, "relu")
    return n.dense(x, 1)


def deep(n, x):
    for _ in range(40):
        x = n.dense(x, 64, "tanh")
    return n.dense(x, 10)


def autoencoder(n, x):
    for units in (256, 32, 256):
        x = n.dense(x, units, "relu")
    return n.dense(x, 784)


def siamese(n, a, b):
    return n.dense(n.distance(*n.shared(lambda n, x: n.dense(n.dense(x, 256, "relu"), 128, "relu"), a, b)), 1)


def highway(n, x):
    """A functional graph with branches that meet again."""
    x = n.dense(x, 128, "relu")
    for _ in range(4):
        x = n.concat(x, n.layer_norm(n.dense(x, 64, "gelu")))
    return n.dense(x, 10)


def classifier(n, x):
    return n.dense(n.dense(x, 128, "relu"), 10)


def rows_and_targets(rng, rows):
    x = rng.random((rows, 100), dtype="float32")
    return (x,), np.sin(x.sum(1, keepdims=True)).astype("float32")


def pictures(rng, rows):
    x = rng.random((rows, 784), dtype="float32")
    return (x,), x


def pairs(rng, rows):
    return tuple(rng.random((rows, 784), dtype="float32") for _ in range(2)), rng.integers(0, 2, (rows, 1)).astype(
        "float32"
    )


KINDS = {
    "tabular": Kind("tabular MLP 100-512-512-512-1, batch 1,024, Adam", tabular, rows_and_targets, 1024, 8, loss="mse"),
    "deep": Kind("MLP of 40 layers of 64, tanh, batch 64, SGD", deep, noise((64,)), 64, 32, optimizer="sgd"),
    "autoencoder": Kind("autoencoder 784-256-32-256-784, batch 128, Adam", autoencoder, pictures, 128, 16, loss="mse"),
    "siamese": Kind("siamese 784-256-128, shared, batch 128, Adam", siamese, pairs, 128, 16, loss="sigmoid"),
    "branches": Kind("dense branches, concatenated, layer norm., batch 64, Adam", highway, noise((64,)), 64, 32),
    "mlp_predict": Kind(
        "MLP 784-128-10, predict 10,000 rows", classifier, noise((784,)), 128, rows=10_000, task="predict"
    ),
}
