"""The transformer of `workloads.py`, written for each library: words and their places embedded, one block, a verdict.

200 words out of 20,000, width 32, two heads of width 32, a feed-forward layer of 32, means over the words, two classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS, PLACES, WIDTH, HEADS = 20_000, 200, 32, 2


def keras_like(keras: Any) -> Any:
    """For autonet and for Keras: a functional model with a layer of one's own."""
    layers = keras.layers

    class Placed(layers.Layer):
        """Embeddings of words and of their places, added."""

        def __init__(self, **common: Any):
            super().__init__(**common)
            self.words, self.places = layers.Embedding(WORDS, WIDTH), layers.Embedding(PLACES, WIDTH)

        def call(self, x: Any) -> Any:
            return self.words(x) + self.places(keras.ops.arange(0, PLACES))

        def compute_output_shape(self, input_shape: Any) -> tuple:
            return (*input_shape, WIDTH)

    words = keras.Input((PLACES,), dtype="int32")
    x = Placed()(words)
    seen = layers.MultiHeadAttention(HEADS, WIDTH)(x, x)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, seen]))
    bent = layers.Dense(WIDTH)(layers.Dense(WIDTH, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, bent]))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    x = layers.Dropout(0.1)(layers.Dense(20, activation="relu")(x))
    return keras.Model(words, layers.Dense(2, activation="softmax")(x))


def torch_module() -> Any:
    """For PyTorch, with its fused attention."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.project, self.join = nn.Linear(WIDTH, 3 * HEADS * WIDTH), nn.Linear(HEADS * WIDTH, WIDTH)
            self.bend = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
            self.norms = nn.ModuleList([nn.LayerNorm(WIDTH, 1e-6) for _ in range(2)])

        def forward(self, x):
            parts = self.project(x).view(len(x), PLACES, 3, HEADS, WIDTH).permute(2, 0, 3, 1, 4)
            seen = functional.scaled_dot_product_attention(*parts).transpose(1, 2)
            x = self.norms[0](x + self.join(seen.reshape(len(x), PLACES, -1)))
            return self.norms[1](x + self.bend(x))

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places, self.block = nn.Embedding(WORDS, WIDTH), nn.Embedding(PLACES, WIDTH), Block()
            drop = nn.Dropout(0.1)
            self.verdict = nn.Sequential(drop, nn.Linear(WIDTH, 20), nn.ReLU(), drop, nn.Linear(20, 2))

        def forward(self, x):
            return self.verdict(self.block(self.words(x) + self.places(torch.arange(PLACES))).mean(1))

    return Reader()


def jax_loss(rng: np.random.Generator, dense: Any, affine: Any, drop: Any, cross_entropy: Any) -> tuple[Any, Any]:
    """For JAX: the weights, and the loss as a function of them."""
    import jax
    from jax import numpy as jnp

    def norm(p: Any, x: Any) -> Any:
        mean = x.mean(-1, keepdims=True)
        apart = x - mean
        return apart * jax.lax.rsqrt((apart * apart).mean(-1, keepdims=True) + 1e-6) * p["g"] + p["s"]

    def even(*shape: int) -> Any:
        return rng.uniform(-0.05, 0.05, shape).astype("float32")

    scales = {"g": np.ones(WIDTH, "float32"), "s": np.zeros(WIDTH, "float32")}
    params = {
        "words": even(WORDS, WIDTH),
        "places": even(PLACES, WIDTH),
        "project": dense(WIDTH, 3 * HEADS * WIDTH),
        "join": dense(HEADS * WIDTH, WIDTH),
        "norms": [scales, scales],
        "bend": [dense(WIDTH, WIDTH), dense(WIDTH, WIDTH)],
        "verdict": [dense(WIDTH, 20), dense(20, 2)],
    }

    def loss(p: Any, aux: Any, x: Any, y: Any, key: Any) -> Any:
        x = p["words"][x] + p["places"]
        parts = jnp.split(affine(p["project"], x).reshape(len(x), PLACES, 3 * HEADS, WIDTH), 3, axis=2)
        seen = jax.nn.dot_product_attention(*parts).reshape(len(x), PLACES, -1)
        x = norm(p["norms"][0], x + affine(p["join"], seen))
        x = norm(p["norms"][1], x + affine(p["bend"][1], jax.nn.relu(affine(p["bend"][0], x))))
        first, second = jax.random.split(key)
        x = jax.nn.relu(affine(p["verdict"][0], drop(first, x.mean(1), 0.1)))
        return cross_entropy(affine(p["verdict"][1], drop(second, x, 0.1)), y), aux

    return params, loss
