"""Eager work on large arrays: a function of arrays of 1000 x 1000, and its gradient, operation by operation."""

from __future__ import annotations

import types
from collections.abc import Callable

import numpy as np

from networks.base import Kind, Running

SIZE = 1000
CALLS = 4  # of a walk


def eagerly(title: str, f: Callable) -> Kind:
    """A kind that sums f(m, x, y) and walks back, m the library's module of operations."""

    def operands() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        return [rng.standard_normal((SIZE, SIZE)).astype("float32") for _ in range(2)]

    def autonet(kind: Kind, small: bool) -> Running:
        from autonet import Tensor, ops

        words = types.SimpleNamespace(
            relu=ops.relu,
            softmax=ops.softmax,
            tanh=ops.tanh,
            gelu=lambda x: ops.gelu(x, approximate=False),
            norm=ops.layer_normalization,
            mean=ops.mean,
        )
        return both([Tensor(a, requires_grad=True) for a in operands()], words)

    def torch(kind: Kind, small: bool, compiled: bool) -> Running:
        import torch
        from harness import Unsuitable

        if compiled:
            raise Unsuitable("eager work")
        from torch.nn import functional

        words = types.SimpleNamespace(
            relu=torch.relu,
            softmax=torch.softmax,
            tanh=torch.tanh,
            gelu=functional.gelu,
            norm=lambda x: functional.layer_norm(x, x.shape[-1:]),
            mean=lambda x, axis: x.mean(axis),
        )
        return both([torch.tensor(a, requires_grad=True) for a in operands()], words)

    def jax(kind: Kind, small: bool) -> Running:
        import jax
        from jax import numpy as jnp

        x, y = (jnp.asarray(a) for a in operands())
        words = types.SimpleNamespace(
            relu=jax.nn.relu,
            softmax=jax.nn.softmax,
            tanh=jnp.tanh,
            gelu=lambda x: jax.nn.gelu(x, approximate=False),
            norm=lambda x: (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5),
            mean=jnp.mean,
        )
        slopes = jax.value_and_grad(lambda x, y: f(words, x, y).sum(), (0, 1))

        def walk() -> None:
            for _ in range(CALLS):
                jax.block_until_ready(slopes(x, y))

        return Running(lambda: float(slopes(x, y)[0]), walk, CALLS)

    def both(leaves: list, words) -> Running:
        def once():
            total = f(words, *leaves).sum()
            total.backward()
            for leaf in leaves:
                leaf.grad = None
            return total

        def walk() -> None:
            for _ in range(CALLS):
                once()

        return Running(lambda: once().item(), walk, CALLS)

    return Kind(title, custom={"autonet": autonet, "torch": torch, "jax": jax}, task="call", close=1e-2)


KINDS = {
    "eager_product": eagerly("x * y", lambda m, x, y: x * y),
    "eager_relu": eagerly("relu(x) * y", lambda m, x, y: m.relu(x) * y),
    "eager_softmax": eagerly("softmax(x) * y", lambda m, x, y: m.softmax(x, -1) * y),
    "eager_tanh": eagerly("tanh(x * y + x)", lambda m, x, y: m.tanh(x * y + x)),
    "eager_gelu": eagerly("gelu(x) * y", lambda m, x, y: m.gelu(x) * y),
    "eager_norm": eagerly("layer_norm(x) * y", lambda m, x, y: m.norm(x) * y),
    "eager_rows": eagerly("mean(x * y, 1)", lambda m, x, y: m.mean(x * y, 1)),
    "eager_slices": eagerly("x[:, 100:900] * y.T[:, 100:900]", lambda m, x, y: x[:, 100:900] * y.T[:, 100:900]),
    "eager_matmul": eagerly("x @ y", lambda m, x, y: x @ y),
}
