"""grad, value_and_grad, vjp, jvp, stop_gradient, custom_gradient: JAX's signatures and the laws between them."""

import collections
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet
from autonet import (
    Tensor,
    Variable,
    custom_gradient,
    grad,
    gradients,
    jvp,
    no_grad,
    ops,
    stop_gradient,
    value_and_grad,
    vjp,
)
from autonet.errors import ArgumentError, DtypeError, GradientError, ShapeError

Point = collections.namedtuple("Point", ["x", "y"])


def program(w, x):
    """Something with branches, broadcasting and reuse."""
    h = ops.tanh(x @ w["kernel"] + w["bias"])
    return ops.sum(h * h) + ops.sum(ops.exp(-h) * w["bias"])


def weights(rng):
    return {"kernel": rng.standard_normal((3, 2)), "bias": rng.standard_normal(2)}


def test_grad_of_one_argument():
    g = grad(lambda x: x**3)(2.0)
    assert isinstance(g, Tensor)
    assert (g.item(), g.dtype, g.requires_grad) == (12.0, "float32", False)


def test_grad_of_several_arguments():
    def f(x, y, z):
        return x * y + z

    assert [g.item() for g in grad(f, (0, 2))(2.0, 3.0, 4.0)] == [3.0, 1.0]
    assert grad(f, -2)(2.0, 3.0, 4.0).item() == 2.0
    assert [g.item() for g in grad(f, [1])(2.0, 3.0, 4.0)] == [2.0]
    with pytest.raises(ArgumentError, match="argnums"):
        grad(f, 3)(2.0, 3.0, 4.0)


def test_grad_of_trees_has_their_structure(rng):
    tree = {"b": [np.array([1.0, 2.0]), (3.0,)], "a": Point(np.array(4.0), 5.0)}

    def f(t):
        return (t["b"][0] ** 2).sum() + t["b"][1][0] * t["a"].x + t["a"].y ** 3

    g = grad(f)(tree)
    assert list(g) == ["b", "a"]
    assert isinstance(g["a"], Point) and isinstance(g["b"], list) and isinstance(g["b"][1], tuple)
    assert g["b"][0].tolist() == [2.0, 4.0]
    assert (g["b"][1][0].item(), g["a"].x.item(), g["a"].y.item()) == (4.0, 3.0, 75.0)


def test_value_and_grad_and_aux():
    def f(x):
        return x * x, {"double": x * 2, "name": "aux", "count": 3}

    (value, aux), g = value_and_grad(f, has_aux=True)(3.0)
    assert (value.item(), g.item(), aux["double"].item(), aux["name"], aux["count"]) == (9.0, 6.0, 6.0, "aux", 3)
    assert not value.requires_grad and not aux["double"].requires_grad
    g, aux = grad(f, has_aux=True)(3.0)
    assert (g.item(), aux["double"].item()) == (6.0, 6.0)
    with pytest.raises(ArgumentError, match="pair"):
        grad(lambda x: x, has_aux=True)(3.0)


def test_other_arguments_pass_through():
    def f(x, n, *, scale, label="a"):
        assert (type(n), label) == (int, "b")
        return x**n * scale

    assert grad(f)(2.0, 3, scale=10.0, label="b").item() == 120.0


@pytest.mark.parametrize(
    "f, x, error, words",
    [
        (lambda x: x, np.ones(2), ShapeError, "one number"),
        (lambda x: ops.cast(x, "int32"), 1.0, DtypeError, "float"),
        (lambda x: x * 1.0, 1, DtypeError, "Cast it"),
        (lambda t: t["a"], {"a": np.array(1)}, DtypeError, r"\['a'\]"),
    ],
)
def test_questions_without_an_answer_are_refused(f, x, error, words):
    with pytest.raises(error, match=words):
        grad(f)(x)


@pytest.mark.parametrize("nothing", [[], (), {}, {"a": [], "b": {}}])
@pytest.mark.parametrize(
    "ask",
    [
        lambda f, x: value_and_grad(f)(x),
        lambda f, x: grad(f)(x),
        lambda f, x: grad(f, argnums=(0, 1))(1.0, x),
        lambda f, x: grad(f, argnums=())(x),
        lambda f, x: value_and_grad(lambda x: (f(x), 1), has_aux=True)(x),
        lambda f, x: vjp(f, x),
        lambda f, x: vjp(f),
        lambda f, x: jvp(f, (x,), (x,)),
        lambda f, x: jvp(f, (), ()),
        lambda f, x: gradients.jacobian(f)(x),
        lambda f, x: gradients.hessian(f)(x),
        lambda f, x: gradients.hvp(f, (x,), (x,)),
    ],
)
def test_derivatives_with_respect_to_nothing_are_refused(ask, nothing):
    w = Variable(np.float32(2))
    with pytest.raises(ArgumentError, match="nothing to differentiate with respect to.*build them"):
        ask(lambda *_: w * w, nothing)


def test_an_argument_that_is_not_used_has_a_gradient_of_zeros():
    _, b = grad(lambda a, b: ops.sum(a), (0, 1))(np.ones(2), np.ones((3, 1)))
    assert b.tolist() == [[0.0]] * 3
    assert grad(lambda x: ops.sum(np.ones(2)))(np.ones(2)).tolist() == [0, 0]


def test_gradients_of_gradients():
    f = ops.sin
    expected = [np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]
    for e in expected:
        assert f(np.float64(0.7)).item() == pytest.approx(e(0.7))
        f = grad(f)


def test_nested_gradients_do_not_confuse_their_variables():
    # J. M. Siskind and B. A. Pearlmutter, 2008, "Nesting forward-mode AD in a functional framework": the answer is 1
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0).item() == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0).item() == 6.0
    assert grad(lambda x: x * grad(lambda y: x * y * y)(x))(2.0).item() == pytest.approx(24.0)  # x * 2 x^2
    assert jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1].item() == 1.0
    assert grad(lambda x: jvp(lambda y: x * y * y, (x,), (1.0,))[1])(3.0).item() == pytest.approx(12.0)  # (2 x^2)'
    assert jvp(lambda x: grad(lambda y: x * y * y)(x), (3.0,), (1.0,))[1].item() == pytest.approx(12.0)


def test_a_closure_over_a_tracked_tensor():
    outer = Tensor(np.array(3.0), requires_grad=True)
    inner = grad(lambda x: x * x * outer)(2.0)  # 2 x outer
    assert inner.item() == 12.0
    inner.backward()
    assert outer.grad.item() == 4.0


def test_the_same_value_as_two_arguments():
    x = Tensor(np.array(3.0), requires_grad=True)
    assert [g.item() for g in grad(lambda a, b: a * a * b, (0, 1))(x, x)] == [18.0, 9.0]
    assert x.grad is None


def test_the_gradient_of_a_tracked_argument_is_tracked():
    x = Tensor(np.array(3.0), requires_grad=True)
    grad(lambda t: t**3)(x).backward()
    assert x.grad.item() == 18.0


def test_variables_as_closures_and_as_arguments():
    v = Variable(np.array(2.0))
    g = grad(lambda x: x * v * v)(3.0)
    assert g.item() == 4.0
    g.backward()  # the gradient depends on v
    assert v.grad.item() == 4.0
    assert grad(lambda w: w * w)(v).item() == 4.0


def test_a_result_is_not_tracked_unless_something_outside_is():
    value, g = value_and_grad(lambda x: x * x)(3.0)
    assert not value.requires_grad and not g.requires_grad
    with no_grad():
        v = Variable(2.0)
        assert not grad(lambda x: x * v)(3.0).requires_grad


def test_vjp_and_its_pullback(rng):
    x, y = rng.standard_normal((2, 3)), rng.standard_normal(3)
    out, pullback = vjp(lambda x, y: {"a": x * y, "b": [ops.sum(x)]}, x, y)
    np.testing.assert_allclose(out["a"], x * y)
    gx, gy = pullback({"a": np.ones((2, 3)), "b": [10.0]})
    np.testing.assert_allclose(gx, np.broadcast_to(y, (2, 3)) + 10)
    np.testing.assert_allclose(gy, x.sum(0))
    again, _ = pullback({"a": np.zeros((2, 3)), "b": [1.0]})
    np.testing.assert_allclose(again, np.ones((2, 3)))
    with pytest.raises(ShapeError, match="shape"):
        pullback({"a": np.ones((3, 2)), "b": [1.0]})
    with pytest.raises(ArgumentError, match="Structures"):
        pullback({"a": np.ones((2, 3))})
    with pytest.raises(ArgumentError, match="Structures"):
        pullback(1.0)


def test_vjp_with_aux():
    out, pullback, aux = vjp(lambda x: (x * x, "aux"), 3.0, has_aux=True)
    assert (out.item(), pullback(1.0)[0].item(), aux) == (9.0, 6.0, "aux")


def test_vjp_of_results_that_are_no_floats():
    (place, _), pullback = vjp(lambda x: (ops.argmax(x), ops.sum(x)), np.array([1.0, 5.0]))
    assert place.item() == 1
    assert pullback((0, 2.0))[0].tolist() == [2.0, 2.0]


def test_a_pullback_can_be_differentiated(rng):
    x = rng.standard_normal(3)
    g = grad(lambda x: ops.sum(vjp(ops.sin, x)[1](x)[0]))(x)  # sum of x cos(x)
    np.testing.assert_allclose(g, np.cos(x) - x * np.sin(x))


def test_jvp_takes_trees(rng):
    primal, tangent = {"a": rng.standard_normal(3), "b": 2.0}, {"a": np.ones(3), "b": 0.5}
    _, slope = jvp(lambda t: (ops.sum(t["a"] ** 2) * t["b"], t["a"]), (primal,), (tangent,))
    expected = 2 * primal["a"].sum() * 2 + 0.5 * (primal["a"] ** 2).sum()
    assert slope[0].item() == pytest.approx(expected)
    np.testing.assert_array_equal(slope[1], np.ones(3))
    with pytest.raises(ArgumentError, match="tangent"):
        jvp(ops.sin, (1.0,), (1.0, 2.0))
    with pytest.raises(ShapeError, match="tangent"):
        jvp(ops.sin, (np.ones(2),), (np.ones(3),))
    with pytest.raises(ArgumentError, match="Structures"):
        jvp(ops.sin, (np.ones(2),), ([np.ones(2)],))


def test_jvp_of_what_does_not_depend_on_its_argument():
    assert jvp(lambda x: ops.ones((2,)), (3.0,), (1.0,))[1].tolist() == [0.0, 0.0]
    assert jvp(lambda x: (x, ops.argmax(x)), (np.ones(2),), (np.ones(2),))[1][1].tolist() == 0


@given(seed=st.integers(0, 999))
def test_jvp_and_vjp_are_dual(seed):
    """<g, J u> = <J' g, u>."""
    rng = np.random.default_rng(seed)
    w, x, u = weights(rng), rng.standard_normal((4, 3)), weights(rng)

    def f(w):
        return ops.tanh(x @ w["kernel"] + w["bias"]) * w["bias"]

    out, slope = jvp(f, (w,), (u,))
    g = rng.standard_normal(out.shape)
    (back,) = vjp(f, w)[1](g)
    left = float(np.sum(g * np.asarray(slope)))
    right = sum(float(np.sum(np.asarray(back[k]) * u[k])) for k in u)
    assert left == pytest.approx(right)


@given(seed=st.integers(0, 999))
def test_jvp_is_the_slope(seed):
    rng = np.random.default_rng(seed)
    w, u, x, h = weights(rng), weights(rng), rng.standard_normal((4, 3)), 1e-5
    ahead, behind = (float(program({k: w[k] + s * u[k] for k in w}, x)) for s in (h, -h))
    slope = jvp(lambda w: program(w, x), (w,), (u,))[1]
    assert slope.item() == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)


@given(seed=st.integers(0, 999), a=st.floats(-2, 2))
def test_the_gradient_is_linear_in_the_function(seed, a):
    x = np.random.default_rng(seed).standard_normal(3)

    def f(x):
        return ops.sum(ops.sin(x) * x)

    def g(x):
        return ops.sum(ops.exp(x))

    both = grad(lambda x: a * f(x) + g(x))(x)
    np.testing.assert_allclose(both, a * np.asarray(grad(f)(x)) + np.asarray(grad(g)(x)), atol=1e-12)


def test_stop_gradient_is_a_constant():
    assert grad(lambda x: x * stop_gradient(x))(3.0).item() == 3.0
    assert grad(grad(lambda x: x * stop_gradient(x * x)))(3.0).item() == 0.0
    t = Tensor([1.0], requires_grad=True)
    tree = gradients.stop_gradient({"a": [t, 2.0]})
    assert not tree["a"][0].requires_grad


def test_custom_gradient_replaces_the_rule():
    @custom_gradient
    def clipped(x):
        return x * 1.0, lambda g: ops.clip(g, -1.0, 1.0)

    assert grad(lambda x: 5 * clipped(x))(2.0).item() == 1.0
    assert grad(lambda x: 0.5 * clipped(x))(2.0).item() == 0.5


def test_custom_gradients_are_differentiated_too():
    @custom_gradient
    def log1pexp(x):
        e = ops.exp(x)
        return ops.log(1 + e), lambda g: g * (1 - 1 / (1 + ops.exp(x)))

    s = 1 / (1 + np.exp(-0.3))
    assert grad(log1pexp)(np.float64(0.3)).item() == pytest.approx(s)
    assert grad(grad(log1pexp))(np.float64(0.3)).item() == pytest.approx(s * (1 - s))


def test_custom_gradients_of_many():
    @custom_gradient
    def both(x, y):
        return (x * y, x + y), lambda g, h: (g * y + h, None)

    assert [g.item() for g in grad(lambda x, y: both(x, y)[0] + 10 * both(x, y)[1], (0, 1))(2.0, 3.0)] == [13.0, 0.0]
    assert grad(lambda x: both(x, 3.0)[1])(2.0).item() == 1.0


def test_custom_gradients_of_the_wrong_form_are_refused():
    @custom_gradient
    def too_few(x, y):
        return x * y, lambda g: g

    @custom_gradient
    def wrong_shape(x):
        return x * 1.0, lambda g: ops.ones((5,))

    with pytest.raises(GradientError, match="too_few"):
        grad(too_few)(1.0, 2.0)
    with pytest.raises(ShapeError, match="wrong_shape"):
        grad(lambda x: ops.sum(wrong_shape(x)))(np.ones(2))


def test_functions_keep_their_names():
    def loss(x):
        """What it is."""
        return x

    assert grad(loss).__name__ == "loss"
    assert value_and_grad(loss).__doc__ == "What it is."


# What leaves the record, and Variables

TAKEN = {
    "float": lambda x: ops.square(float(x)),
    "item": lambda x: x.item() * 2.0,
    "numpy": lambda x: ops.sum(x.numpy()),
    "asarray": lambda x: ops.sum(np.asarray(x) * 2),
    "tolist": lambda x: ops.square(x.tolist()),
    "math": lambda x: ops.square(math.sin(x)),
}


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize(
    "transform",
    [
        lambda f: autonet.grad(f)(3.0),
        lambda f: autonet.hessian(f)(3.0),
        lambda f: autonet.jvp(f, (3.0,), (1.0,)),
        lambda f: autonet.hvp(f, (3.0,), (1.0,)),
        lambda f: autonet.vjp(f, 3.0)[1](1.0),
        lambda f: autonet.grad(lambda x: autonet.grad(f)(x))(3.0),
    ],
    ids=["grad", "hessian", "jvp", "hvp", "vjp", "nested"],
)
def test_a_zero_that_is_none_is_refused(name, transform):
    with pytest.raises(GradientError, match=r"left the record at .*test_functional.py:\d+: .*stop_gradient"):
        transform(TAKEN[name])


def test_zeros_that_are_meant_stay_zeros():
    g = autonet.grad(lambda a, b: a * 2.0 + float(a), argnums=(0, 1))(1.0, 2.0)
    assert [x.item() for x in g] == [2.0, 0.0]
    assert autonet.grad(lambda x: ops.square(float(ops.stop_gradient(x))))(3.0).item() == 0.0
    x = Tensor(2.0, requires_grad=True)
    assert float(x * 3.0) == 6.0  # outside a transform


@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_variables_count_wherever_the_function_meets_them(n, seed):
    v = autonet.Variable(np.random.default_rng(seed).standard_normal(n))
    by_argument = lambda w: ops.sum(w**3)
    around = lambda w: ops.sum(v**3)
    for transform in (
        autonet.grad,
        autonet.hessian,
        lambda f: autonet.grad(lambda w: ops.sum(autonet.grad(f)(w) ** 2)),
    ):
        plain = transform(by_argument)(v.numpy()).numpy()
        place = v._node
        for f in (by_argument, around):
            np.testing.assert_allclose(transform(f)(v).numpy(), plain, rtol=1e-12)
        assert v._node is place
    frozen = autonet.Variable([1.0, 2.0], trainable=False)
    assert autonet.grad(lambda w: ops.sum(frozen * frozen))(frozen).tolist() == [2.0, 4.0]
    assert not frozen.requires_grad


def test_a_variable_given_twice_has_two_derivatives():
    v = autonet.Variable([2.0, 3.0])
    f = lambda a, b: ops.sum(a * b * b)
    for x in (v, v.numpy()):
        first, second = autonet.grad(f, (0, 1))(x, x)
        assert first.tolist() == [4.0, 9.0] and second.tolist() == [8.0, 18.0]
        assert autonet.jvp(f, (x, x), (np.ones(2), np.zeros(2)))[1].item() == 13.0
        assert [g.tolist() for g in autonet.vjp(f, x, x)[1](1.0)] == [[4.0, 9.0], [8.0, 18.0]]


def test_a_variable_gets_its_place_back_after_an_error():
    v = autonet.Variable(1.0)
    place = v._node
    with pytest.raises(ZeroDivisionError):
        autonet.grad(lambda w: 1 / 0)(v)
    assert v._node is place


@pytest.mark.parametrize("ask", [lambda f: autonet.jvp(f, 3.0, 1.0), lambda f: autonet.hvp(f, 3.0, 1.0)])
def test_primals_are_tuples(ask):
    with pytest.raises(ArgumentError, match=r"as a tuple|as tuples"):
        ask(lambda x: x * x)
