"""Algebraic simplification: each rule takes away what it is for, and no value changes beyond rounding."""

import numpy as np
import pytest

from autonet import jit, ops
from autonet.compiler.passes.pipeline import lower, optimize
from autonet.gradients import grad, value_and_grad
from autonet.ops.products import matrix_transpose

A = np.linspace(-1, 1, 30, dtype=np.float32).reshape(6, 5)
B = np.linspace(0.5, 2, 20, dtype=np.float32).reshape(5, 4)
C = np.linspace(-2, 1, 24, dtype=np.float32).reshape(6, 4)
COLUMN, ROW = B[:, :1], A[:1]
ONES, ZEROS = np.ones((6, 5), np.float32), np.zeros((6, 5), np.float32)

_t = matrix_transpose
RULES = {  # function, arguments, operations left
    "transposes cancel": (lambda a: ops.exp(_t(_t(a))), (A,), "exp"),
    "a transposed product": (lambda a, c: _t(_t(a) @ c), (A, C), "matmul matrix_transpose"),
    "of one term": (lambda c, r: c @ r, (COLUMN, ROW), "multiply"),
    "by a column": (lambda a, b: ops.exp(a) @ b, (A, COLUMN), "exp multiply sum_to"),
    "by a row": (lambda a, b: a @ ops.exp(b), (ROW, B), "exp multiply sum_to"),
    "of a transposed matrix by a column": (lambda a, c: _t(ops.exp(a)) @ c, (A, C[:, :1]), "exp multiply sum_to"),
    "by a row of a transposed matrix": (lambda a, r: r @ _t(ops.exp(a)), (A, ROW), "exp multiply sum_to"),
    "by a vector": (lambda a, b: ops.exp(a) @ b, (A, B[:, 0]), "exp multiply sum_to"),
    "of a vector": (lambda a, b: a @ ops.exp(b), (A[0], B), "exp multiply sum_to"),
    "by a column of what no loop computes": (lambda a, b: a @ b, (A, COLUMN), "matmul"),
    "by ones": (lambda a: ops.exp(a * ONES / ONES), (A,), "exp"),
    "by a column of ones": (lambda a: ONES[:, :1] @ a + C[:, :1], (ROW,), "add"),
    "with zeros": (lambda a: ops.exp(ZEROS + (a - ZEROS)), (A,), "exp"),
    "minus minus": (lambda a, b: a - (-b) + (-b), (A, A * A), "add subtract"),
    "repeated and then computed with": (lambda r, a: -ops.broadcast_to(r, (6, 5)) * a, (ROW, A), "multiply negative"),
}


def left(f, args):
    """Names of the operations that the simplified program of f has, without views that cost nothing."""
    compiled = jit(f, native=False)
    compiled(*args)
    program = lower(optimize(compiled.last.captured))
    names = set()
    for i in program.instructions:
        names |= {part.op for part in getattr(i, "body", [i])}
    return names - {"reshape", "broadcast_to", "matrix_transpose"}


@pytest.mark.parametrize("name", RULES)
def test_rules(name):
    f, args, expected = RULES[name]
    assert left(f, args) == set(expected.split()) - {"matrix_transpose"}
    compiled = jit(f)
    for _ in range(2):
        np.testing.assert_allclose(compiled(*args).numpy(), f(*map(ops.convert_to_tensor, args)).numpy(), rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 1, 4), (3, 4, 1), (1, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_products_that_no_rule_is_for_stay(shape, dtype):
    a = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    for b in (np.ones((*shape[:-2], shape[-1], 2), dtype), np.ones((shape[-1], 1), dtype)):
        f = jit(lambda a, b: a @ b)
        for _ in range(2):
            np.testing.assert_array_equal(f(a, b).numpy(), a @ b)


def test_nan_and_infinities_are_not_multiplied_away():
    x = np.array([[np.nan, np.inf, 1.0]], np.float32)
    f = jit(lambda x: x * np.zeros_like(x))
    with np.errstate(all="ignore"):
        for _ in range(2):
            np.testing.assert_array_equal(f(x).numpy(), [[np.nan, np.nan, 0]])


def test_results_that_become_inputs_or_constants():
    f = jit(lambda x: (x * ONES, ops.negative(ONES) * -1.0, _t(_t(x))))
    for _ in range(2):
        for y, expected in zip(f(A), (A, ONES, A), strict=True):
            np.testing.assert_array_equal(y.numpy(), expected)


def test_a_second_derivative_in_a_loss_has_no_product_of_one_column_left():
    def net(weights, x):
        for w, b in weights[:-1]:
            x = ops.tanh(x @ w + b)
        return x @ weights[-1][0] + weights[-1][1]

    def loss(weights, x):
        slope = grad(lambda x: ops.sum(net(weights, x)))
        return ops.mean(ops.square(grad(lambda x: ops.sum(slope(x)))(x) + x))

    rng = np.random.default_rng(0)
    sizes = [1, 8, 8, 1]
    weights = [
        [rng.standard_normal((n, m)).astype("float32"), np.zeros(m, np.float32)]
        for n, m in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    f, args = value_and_grad(loss), (weights, np.linspace(0, 1, 16, dtype=np.float32)[:, None])
    compiled = jit(f, native=False)
    compiled(*args)
    program = lower(optimize(compiled.last.captured))
    products = [i for i in program.instructions if i.op == "matmul"]
    assert products and all(min(v.shape) > 1 for i in products for v in i.operands)
    assert len(program.instructions) < 50
