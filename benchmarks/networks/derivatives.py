"""Derivatives of functions: equations as losses, Jacobians, Hessians, products with them; each as one compiled function.

Written once, with each library's names for the same few things (`Words`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from networks.base import Kind, Running

CALLS = 16  # of a walk; a quarter of them where it is to be small


@dataclass
class Words:
    """What a library calls things. Functions take arrays; a list of arrays stands for weights."""

    array: Callable[[np.ndarray], Any]
    tanh: Callable
    sin: Callable
    sum: Callable
    grad: Callable[..., Any]
    jacobian: Callable[..., Any]
    hessian: Callable[..., Any]
    hvp: Callable[..., Any]
    compile: Callable[..., Any]
    wait: Callable[[Any], Any]


def weights(*widths: int) -> list[np.ndarray]:
    """Kernels and biases of a dense network."""
    rng = np.random.default_rng(1)
    kernels = [rng.standard_normal(pair) / np.sqrt(pair[0]) for pair in zip(widths[:-1], widths[1:], strict=True)]
    return [a.astype("float32") for kernel in kernels for a in (kernel, np.zeros(kernel.shape[1]))]


def mlp(words: Words, p: list, x: Any) -> Any:
    """A dense network, tanh between the layers."""
    for k in range(0, len(p) - 2, 2):
        x = words.tanh(x @ p[k] + p[k + 1])
    return x @ p[-2] + p[-1]


def poisson(words: Words):
    """One descent of the squared residual of u_xx + u_yy = -2 pi^2 sin(pi x) sin(pi y), u a network, at 1,024 points."""
    p = weights(2, 32, 32, 32, 1)
    rng = np.random.default_rng(2)
    points, edge = rng.random((1024, 2)).astype("float32"), rng.random((256, 2)).astype("float32")
    edge[np.arange(256), rng.integers(0, 2, 256)] = rng.integers(0, 2, 256)
    pi = float(np.pi)

    def loss(p, points, edge):
        u = lambda q: words.sum(mlp(words, p, q))
        slope = words.grad(u)
        curved = words.grad(lambda q: words.sum(slope(q)[:, 0]))(points)[:, 0]
        curved = curved + words.grad(lambda q: words.sum(slope(q)[:, 1]))(points)[:, 1]
        apart = curved + 2 * pi**2 * words.sin(pi * points[:, 0]) * words.sin(pi * points[:, 1])
        return words.sum(apart**2) / 1024 + words.sum(mlp(words, p, edge) ** 2) / 256

    def descend(p, points, edge):
        return [a - 1e-4 * g for a, g in zip(p, words.grad(loss)(p, points, edge), strict=True)]

    return descend, [p, points, edge]


def jacobian_softmax(words: Words):
    """The Jacobian of the logarithms of a logistic regression's ten outputs by its 784 inputs, one row."""
    (kernel, bias), x = weights(784, 10), np.random.default_rng(2).random(784, dtype="float32")
    return lambda p, x: words.jacobian(lambda x: words.tanh(x @ p[0] + p[1]))(x), [[kernel, bias], x]


def jacobian_mlp(words: Words):
    x = np.random.default_rng(2).random(100, dtype="float32")
    return lambda p, x: words.jacobian(lambda x: mlp(words, p, x))(x), [weights(100, 128, 128, 20), x]


def hessian_mlp(words: Words):
    x = np.random.default_rng(2).random(20, dtype="float32")
    return lambda p, x: words.hessian(lambda x: words.sum(mlp(words, p, x)))(x), [weights(20, 64, 64, 1), x]


def product_mlp(words: Words):
    """The Hessian of a squared error by all weights, times a direction."""
    p, direction = weights(100, 128, 10), weights(100, 128, 10)
    rng = np.random.default_rng(2)
    x, y = rng.random((128, 100), dtype="float32"), rng.random((128, 10), dtype="float32")

    def product(p, direction, x, y):
        return words.hvp(lambda p: words.sum((mlp(words, p, x) - y) ** 2), p, direction)

    return product, [p, direction, x, y]


def input_slopes(words: Words):
    """The gradient of a loss by its inputs, as adversarial examples need it."""
    x = np.random.default_rng(2).random((128, 784), dtype="float32")
    return words.grad(lambda x, p: words.sum(mlp(words, p, x) ** 2)), [x, weights(784, 256, 10)]


def autonet_words() -> Words:
    import autonet
    from autonet import ops

    tensors = lambda leaf: autonet.tree.map_structure(ops.convert_to_tensor, leaf)
    hvp = lambda f, p, v: autonet.hvp(lambda *p: f(list(p)), tuple(p), tuple(v))
    derivatives = autonet.grad, autonet.jacobian, autonet.hessian, hvp
    return Words(tensors, ops.tanh, ops.sin, ops.sum, *derivatives, autonet.jit, lambda result: result)


def jax_words() -> Words:
    import jax
    from jax import numpy as jnp

    def hvp(f, p, v):
        return jax.jvp(jax.grad(f), (p,), (v,))[1]

    tensors = lambda leaf: jax.tree.map(jnp.asarray, leaf)
    derivatives = jax.grad, jax.jacobian, jax.hessian, hvp
    return Words(tensors, jnp.tanh, jnp.sin, jnp.sum, *derivatives, jax.jit, jax.block_until_ready)


def torch_words(compiled: bool) -> Words:
    import torch
    from torch import func
    from torch.utils import _pytree as trees

    def hvp(f, p, v):
        return func.jvp(func.grad(f), (p,), (v,))[1]

    tensors = lambda leaf: trees.tree_map(torch.from_numpy, leaf)
    derivatives = func.grad, func.jacrev, func.hessian, hvp
    make = torch.compile if compiled else lambda f: f
    return Words(tensors, torch.tanh, torch.sin, torch.sum, *derivatives, make, lambda result: result)


def at_work(words: Words, question: Callable, small: bool) -> Running:
    """Calls of a question's compiled function, on the library's own arrays."""
    function, arguments = question(words)
    asked = words.compile(function)
    calls = CALLS // 4 if small else CALLS
    arguments = [words.array(a) for a in arguments]

    def first() -> float:
        answer = asked(*arguments)
        flat = answer if isinstance(answer, list | tuple) else [answer]
        return float(sum(np.abs(np.asarray(a)).sum() for a in flat))

    def walk() -> None:
        for _ in range(calls):
            words.wait(asked(*arguments))

    return Running(first, walk, calls, asked)


def asked(title: str, question: Callable, close: float = 1e-3) -> Kind:
    """A kind that asks a question."""
    ways = {
        "autonet": lambda kind, small: at_work(autonet_words(), question, small),
        "jax": lambda kind, small: at_work(jax_words(), question, small),
        "torch": lambda kind, small, compiled: at_work(torch_words(compiled), question, small),
    }
    return Kind(title, custom=ways, task="call", close=close)


KINDS = {
    "pinn": asked("Poisson's equation as a loss, grad of grad, 1,024 points", poisson),
    "jacobian_row": asked("Jacobian of 784 to 10, one row", jacobian_softmax),
    "jacobian": asked("Jacobian of an MLP 100-128-128-20, one row", jacobian_mlp),
    "hessian": asked("Hessian of an MLP 20-64-64-1, one row", hessian_mlp),
    "hvp": asked("Hessian-vector product by the weights of 100-128-10, 128 rows", product_mlp),
    "input_slopes": asked("gradient by the inputs of 784-256-10, 128 rows", input_slopes),
}
