"""custom_gradient, and what users' functions hold from outside: every derivative is right, or refused, never a zero."""

import gc
import weakref

import numpy as np
import pytest

import autonet
from autonet import Tensor, Variable, custom_gradient, grad, jvp, ops, stop_gradient, vjp
from autonet.core.primitive import primitive
from autonet.errors import ArgumentError, GradientError


def positional(slope):
    return lambda g: g * slope()


def upstream(slope):
    def pullback(*args, upstream=None):
        if upstream is None:
            (upstream,) = args
        return upstream * slope()

    return pullback


def keyword(slope):
    return lambda *args, upstream: upstream * slope()


def keyword_alone(slope):
    return lambda *, upstream: upstream * slope()


@pytest.mark.parametrize("form", [positional, upstream, keyword, keyword_alone])
@pytest.mark.parametrize("compiled", [False, True])
def test_what_the_pullback_holds_of_the_forward_pass_is_differentiated(form, compiled):
    scale, offset = np.float64(1.0), Variable(np.float64(0.0), trainable=False)

    @custom_gradient
    def softplus(x):
        e = ops.exp(x * scale + offset)
        return ops.log(1 + e), form(lambda: 1.0 - 1.0 / (1 + e))

    s = 1 / (1 + np.exp(-0.5))
    f = softplus
    for expected in (s, s * (1 - s), s * (1 - s) * (1 - 2 * s), s * (1 - s) * (1 - 6 * s + 6 * s * s)):
        f = grad(f)
        run = autonet.jit(f) if compiled else f
        for _ in range(3):
            assert run(np.float64(0.5)).item() == pytest.approx(expected, rel=1e-12)


def test_a_result_that_the_pullback_holds_is_differentiated():
    @custom_gradient
    def exp(x):
        y = ops.exp(x)
        return y, lambda g: g * y

    x = np.float64(0.3)
    for f in (grad(exp), grad(grad(exp)), autonet.hessian(exp)):
        assert f(x).item() == pytest.approx(np.exp(0.3))
    assert autonet.hvp(exp, (x,), (2.0,)).item() == pytest.approx(2 * np.exp(0.3))
    autonet.check_gradients(exp, x)


def test_several_operands_have_second_derivatives():
    @custom_gradient
    def product(x, y):
        p = x * y
        return p * p, lambda g: (g * 2 * p * y, 2 * g * p * x)

    a, b = np.float64(1.5), np.float64(-0.7)
    found = autonet.hessian(product, argnums=(0, 1))(a, b)
    expected = [[2 * b * b, 4 * a * b], [4 * a * b, 2 * a * a]]
    np.testing.assert_allclose([[h.item() for h in row] for row in found], expected)


def test_a_gradient_through_what_was_not_received_is_refused():
    w = Variable(2.0)

    @custom_gradient
    def scaled(x, factor=1.0):
        return x * w * factor, lambda g: g * w * factor

    assert grad(scaled)(3.0).item() == 2.0
    assert grad(lambda v: grad(scaled)(3.0))(w).item() == 1.0  # through the pullback, which may use anything
    for f in (lambda v: scaled(3.0), lambda v: scaled(v), lambda v: v * scaled(3.0)):
        with pytest.raises(GradientError, match="scaled uses a Tensor or Variable that it did not receive"):
            grad(f)(w)
    with pytest.raises(GradientError, match="scaled uses"):
        grad(lambda k: scaled(3.0, factor=k))(2.0)

    def twice(x):
        @custom_gradient
        def inner(y):
            return x * y, lambda g: g * x

        return inner(x)

    with pytest.raises(GradientError, match="inner uses"):
        grad(twice)(3.0)

    @custom_gradient
    def constant(x):
        c = stop_gradient(w)
        return x * c, lambda g: g * c

    assert grad(lambda v: v * constant(3.0))(w).item() == 6.0
    t = Tensor(3.0, requires_grad=True)
    with pytest.raises(GradientError, match="scaled uses"):
        scaled(t).backward()
    constant(t).backward()
    assert t.grad.item() == 2.0


def test_a_custom_function_returns_a_pair():
    with pytest.raises(ArgumentError, match=r"custom_gradient expects lonely to return a pair \(result, pullback\)"):

        @custom_gradient
        def lonely(x):
            return x * 2

        lonely(1.0)


def test_a_gradient_of_a_custom_function_is_no_part_of_a_record_and_goes_at_once():
    @custom_gradient
    def exp(x):
        y = ops.exp(x)
        return y, lambda g: g * y

    gc.disable()
    try:
        t = Tensor(1.0, requires_grad=True)
        y = exp(t)
        assert not grad(exp)(1.0).requires_grad
        node = weakref.ref(y)
        y.backward()
        del y
        assert node() is None
    finally:
        gc.enable()


@primitive
def _cube_for_closures(x):
    return x**3


_outer = [None]
_cube_for_closures.vjp(x=lambda g, x: 3 * g * x * x * _outer[0])


def by_rule(w, x):
    _outer[0] = w
    return grad(_cube_for_closures)(x)


def by_pullback_made_inside(w, x):
    return vjp(lambda x: x**3 * w, x)[1](ops.ones((), "float64"))[0]


def by_jvp(w, x):
    return jvp(lambda x: x**3 * w, (x,), (np.float64(1.0),))[1]


def by_custom(w, x):
    return grad(custom_gradient(lambda x, w: (x**3 * w, lambda g: (3 * g * x * x * w, None))))(x, w)


def by_pullback_alone(w, x):
    return grad(custom_gradient(lambda x: (x**3, lambda g: 3 * g * x * x * w)))(x)


def inside(body):
    return lambda w, x: grad(lambda x: body(w, x))(x)


HOLDERS = {
    "rule of a primitive": by_rule,
    "pullback": by_pullback_made_inside,
    "jvp": by_jvp,
    "custom_gradient": by_custom,
    "pullback of custom_gradient": by_pullback_alone,
    "cond": inside(lambda w, x: ops.cond(x > 0, lambda: w * x**3, lambda: x)),
    "switch": inside(lambda w, x: ops.switch(1, [lambda: x, lambda: w * x**3])),
    "while_loop": inside(lambda w, x: ops.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * x), (0, w))[1]),
    "fori_loop": inside(lambda w, x: ops.fori_loop(0, 3, lambda i, s: s * x, w)),
    "scan": inside(lambda w, x: ops.scan(lambda c, a: (c * x * a, None), w, np.ones(3))[0]),
    "map": inside(lambda w, x: ops.sum(ops.map(lambda a: a * w * x**3, np.full(4, 0.25)))),
    "vectorized_map": inside(lambda w, x: ops.sum(ops.vectorized_map(lambda a: a * w * x**3, np.full(4, 0.25)))),
    "vectorize": inside(lambda w, x: ops.sum(ops.vectorize(lambda a: a * w * x**3)(np.full(4, 0.25)))),
    "associative_scan": inside(
        lambda w, x: w * ops.associative_scan(lambda a, b: a * b * x / x, ops.stack([x, x, x]))[-1]
    ),
    "jit": inside(lambda w, x: autonet.jit(lambda x: w * x**3)(x)),
    "value_and_grad": lambda w, x: autonet.value_and_grad(lambda x: w * x**3)(x)[1],
    "jacobian": lambda w, x: autonet.jacobian(lambda x: w * x**3)(x),
}


@pytest.mark.parametrize("name", HOLDERS)
@pytest.mark.parametrize("kind", [np.float64, Variable])
def test_whoever_holds_a_tensor_of_an_outer_computation_passes_its_gradient(name, kind):
    """d/dw d/dx w x^3 = 3 x^2, however w comes into the inner function."""
    f, x = HOLDERS[name], np.float64(1.5)
    w = Variable(np.float64(2.0)) if kind is Variable else np.float64(2.0)
    for _ in range(2):
        assert grad(lambda w: f(w, x))(w).item() == pytest.approx(3 * 1.5**2)
    assert autonet.jit(grad(lambda w: f(w, x)))(w).item() == pytest.approx(3 * 1.5**2)
    slope = grad(lambda x: grad(lambda w: f(w, x))(w))(x)
    assert slope.item() == pytest.approx(6 * 1.5)
