"""One walk for many cotangents gives what one walk for each gives: every rule for stacks, and what has none."""

import sys

import numpy as np
import pytest

from autonet import Tensor, Variable, layers, ops
from autonet.core.primitive import PRIMITIVES
from autonet.gradients import grad, hessian, higher, jacobian, stacked, vjp

X = np.array([[0.3, 0.7, 1.1], [0.2, 0.9, 0.5]], np.float32)
Y = np.array([0.8, 1.3, 0.6], np.float32)
M = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
CUBE = np.linspace(-1, 2, 24, dtype=np.float32).reshape(4, 2, 3)

BINARY = {"add", "subtract", "multiply", "divide", "times", "maximum", "minimum", "gate", "leak"}
CASES = {name: lambda x, name=name: PRIMITIVES[name](x) for name in sorted(stacked.ELEMENTWISE | stacked.KINKED)}
CASES |= {name: lambda x, name=name: PRIMITIVES[name](x, x[:, :1] * Y) for name in sorted(BINARY)}
CASES |= {
    "leak": lambda x: PRIMITIVES["leak"](x, Y, negative_slope=0.1),
    "cast": lambda x: ops.cast(ops.cast(x, "float64") * 2.0, "float32"),
    "numbers": lambda x: x[0, 0] * x * x[1, 2],
    "repeated": lambda x: x[0] + x[:, :1] * CUBE,
    "softmax": lambda x: ops.softmax(x),
    "log_softmax": lambda x: ops.log_softmax(x) + ops.log_softmax(x, axis=0),
    "reshape": lambda x: ops.reshape(x, (3, 2)) * 2,
    "expand_dims": lambda x: ops.expand_dims(x, 1) ** 2,
    "squeeze": lambda x: ops.squeeze(x[:, :1] ** 2, 1),
    "sum": lambda x: ops.sum(x * x, axis=0) + ops.sum(x, axis=(0, -1)) + ops.sum(x, axis=-1, keepdims=True),
    "mean": lambda x: ops.mean(x * x, axis=0) + ops.mean(x) + ops.mean(x, axis=-1, keepdims=True),
    "sum_to": lambda x: PRIMITIVES["sum_to"](x * x, shape=(1, 3)) + PRIMITIVES["sum_to"](x * x, shape=(3,)),
    "broadcast_to": lambda x: ops.broadcast_to(x * x, (4, 2, 3)),
    "transpose": lambda x: ops.transpose(x * CUBE, (2, 0, 1)) * ops.transpose(x)[:, None],
    "matmul": lambda x: x @ M,
    "matmul of a vector": lambda x: x[0] @ M,
    "matmul by a vector": lambda x: M[:2, :3] @ x[0] + (x * Y) @ (x[0] * Y),
    "matmul of vectors": lambda x: x[0] @ (x[1] * x[0]),
    "matmul of columns and rows": lambda x: (x[:, :1] @ x[:1]) @ ops.transpose(x[1:2]) * (x[:1] @ ops.transpose(x)),
    "matmul of stacks": lambda x: CUBE @ ops.transpose(x) + (x * CUBE) @ ops.transpose(x),
    "matmul of a matrix and stacks": lambda x: x @ ops.transpose(x * CUBE, (0, 2, 1)),
    "matmul of a stack and vectors": lambda x: (x * CUBE) @ x[0] + x[1] @ ops.transpose(x * CUBE, (0, 2, 1)),
    "no rule: indexing": lambda x: x[:, 1:] * x[:, :2],
    "no rule: concatenate": lambda x: ops.concatenate([x * x, x[:1]], 0),
    "no rule: sort": lambda x: ops.sort(x * Y),
    "no rule: cumsum": lambda x: ops.cumsum(x * x, axis=0),
    "no rule: several results": lambda x: ops.split(x * x, 3, axis=1)[1] * ops.split(x, 3, axis=1)[0],
    "no rule: layers": lambda x: layers.LayerNormalization()(x * x),
}


def rows(f, x):
    """The Jacobian, one cotangent after the other."""
    y, pullback = vjp(f, x)
    ones = np.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
    return ops.reshape(ops.stack([pullback(one)[0] for one in ones]), (*y.shape, *x.shape))


def test_there_is_a_case_for_every_rule():
    names = stacked.ELEMENTWISE | stacked.KINKED | stacked.LAST | stacked.SHAPES | stacked.STACKED.keys()
    assert names <= CASES.keys() and names <= PRIMITIVES.keys()


@pytest.mark.parametrize("name", CASES)
def test_stacks_of_cotangents(name):
    f = CASES[name]
    np.testing.assert_allclose(jacobian(f)(X).numpy(), rows(f, X).numpy(), rtol=1e-4, atol=1e-6)

    def curvature(derivative):
        return grad(lambda x: ops.sum(ops.sin(derivative(f, x))))(Tensor(X))

    one_by_one = curvature(rows)
    np.testing.assert_allclose(curvature(lambda f, x: jacobian(f)(x)).numpy(), one_by_one.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_stacks_of_what_counts_as_large(name, monkeypatch):
    for module in [m for n, m in sys.modules.items() if n.startswith("autonet.ops") and hasattr(m, "LARGE")]:
        monkeypatch.setattr(module, "LARGE", 4)
    found, expected = jacobian(CASES[name])(X), rows(CASES[name], X)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-6)


def test_rows_in_as_few_walks_as_memory_allows(monkeypatch):
    f = CASES["matmul of stacks"]
    whole = jacobian(f)(X).numpy()
    monkeypatch.setattr(higher, "MOST", 40)
    np.testing.assert_allclose(jacobian(f)(X).numpy(), whole, rtol=1e-5, atol=1e-6)


def test_results_that_are_whole_empty_or_independent():
    def f(x):
        return {"places": ops.argmax(x), "none": x[:0], "same": x, "other": ops.ones(2)}

    found = jacobian(f)(Y)
    assert found["places"].shape == (3,) and found["none"].shape == (0, 3)
    assert not found["places"].numpy().any() and not found["other"].numpy().any()
    np.testing.assert_array_equal(found["same"].numpy(), np.eye(3))


def test_of_weights_by_one_walk():
    layer = layers.Dense(3, "tanh")
    layer.build((None, 3))
    x = X[0]
    kernel, bias = jacobian(lambda weights: layer(x[None])[0])(layer.trainable_weights)
    slope = 1 - np.tanh(x @ layer.kernel.numpy()) ** 2
    np.testing.assert_allclose(bias.numpy(), np.diag(slope), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kernel.numpy(), np.diag(slope)[:, None, :] * x[:, None], rtol=1e-4, atol=1e-6)


def test_hessians_of_variables():
    w = Variable(Y)
    np.testing.assert_allclose(hessian(lambda w: ops.sum(w**3))(w).numpy(), np.diag(6 * Y), rtol=1e-5)
