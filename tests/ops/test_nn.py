"""Activations against their formulas, at their edges, and their rows of the gradient table."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonet import ops
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import grad, hessian, vjp
from tests.ops.cases import Case, axes, made, reals, same_derivatives


def _sparse_logits(shape, rng):
    """Numbers whose sparsemax keeps its support under small changes."""
    while True:
        x = rng.uniform(-1, 1, shape)
        if not x.size:
            return x
        falling = -np.sort(-x, axis=-1)
        rank = np.arange(1, shape[-1] + 1)
        excess = (np.cumsum(falling, axis=-1) - 1) / rank
        if np.min(np.abs(falling - excess)[..., 1:], initial=1) > 1e-3:
            return x


def _np_softmax(x, axis):
    e = np.exp(x)
    return e / np.sum(e, axis=axis, keepdims=True)


CASES = {
    "relu": Case(reals(away=(0,)), numpy=lambda x: np.maximum(x, 0)),
    "gate": Case(reals(), reals(away=(0,)), numpy=lambda x, switch: np.where(switch > 0, x, 0)),
    "leaky_relu": Case(
        reals(away=(0,)),
        settings=[{}, {"negative_slope": 0.0}, {"negative_slope": 1.5}, {"negative_slope": -0.5}],
        numpy=lambda x, negative_slope=0.2: np.where(x > 0, x, negative_slope * x),
    ),
    "leak": Case(
        reals(),
        reals(away=(0,)),
        settings={"negative_slope": 0.3},
        numpy=lambda x, switch, negative_slope: np.where(switch > 0, x, negative_slope * x),
    ),
    "elu": Case(
        reals(away=(0,)),
        settings=[{}, {"alpha": 0.3}, {"alpha": -1.5}],
        numpy=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x)),
    ),
    "sigmoid": Case(reals(), numpy=lambda x: 1 / (1 + np.exp(-x))),
    "softplus": Case(reals(), numpy=lambda x: np.log(1 + np.exp(x))),
    "silu": Case(reals(), numpy=lambda x: x / (1 + np.exp(-x))),
    "gelu": Case(reals(), settings=[{"approximate": True}, {"approximate": False}]),
    "squareplus": Case(reals(), settings=[{}, {"b": 0.5}], numpy=lambda x, b=4: (x + np.sqrt(x * x + b)) / 2),
    "softmax": [
        Case(reals(min_dims=1, min_side=1), settings=axes("axis", tuples=True, none=True), numpy=_np_softmax),
        Case(reals(), shapes=[((),)]),
    ],
    # only used where nobody differentiates it: see the rule of softmax
    "softmax_vjp": Case(
        reals(smooth=False),
        reals(smooth=False),
        shapes=[((2, 3, 4), (2, 3, 4)), ((5, 40), (5, 40))],
        settings=[{"axis": -1}, {"axis": 0}, {"axis": None}],
        numpy=lambda g, y, axis: y * (g - np.sum(g * y, axis=axis, keepdims=True)),
    ),
    "log_softmax": Case(
        reals(min_dims=1, min_side=1),
        settings=axes("axis", tuples=True, none=True),
        numpy=lambda x, axis: np.log(_np_softmax(x, axis)),
    ),
    "sparsemax": [
        Case(made(_sparse_logits, min_dims=1)),
        Case(
            made(lambda shape, rng: _sparse_logits(shape[::-1], rng).T),
            shapes=[((3, 2),), ((4, 3, 2),)],
            settings={"axis": 0},
        ),
    ],
    "selu": Case(reals(away=(0,)), op=ops.selu),
    "celu": Case(reals(away=(0,)), op=ops.celu, settings=[{}, {"alpha": 2.0}]),
    "soft_shrink": Case(reals(away=(-0.5, 0.5)), op=ops.soft_shrink),
    "hard_shrink": Case(reals(away=(-0.5, 0.5)), op=ops.hard_shrink),
    "threshold": Case(reals(away=(1,)), op=ops.threshold, settings={"threshold": 1.0, "default_value": 5.0}),
    "glu": Case(
        reals(), op=ops.glu, shapes=[((4,),), ((2, 3),)], settings=lambda x: {"axis": int(np.argmin(np.array(x) % 2))}
    ),
    "sparse_plus": Case(reals(away=(-1, 1)), op=ops.sparse_plus),
    "hard_silu": Case(reals(-5, 5, away=(-3, 3)), op=ops.hard_silu),
    "log_sigmoid": Case(reals(), op=ops.log_sigmoid, numpy=lambda x: -np.log(1 + np.exp(-x))),
}


def where_positive(f, h):
    return lambda x: ops.where(x > 0, f(x), h(x))


COMPOSITIONS = {
    "relu": (ops.relu, where_positive(lambda x: x, lambda x: x * 0)),
    "leaky_relu": (ops.leaky_relu, where_positive(lambda x: x, lambda x: x * 0.2)),
    "elu": (lambda x: ops.elu(x, 1.3), where_positive(lambda x: x, lambda x: 1.3 * (ops.exp(x) - 1))),
    "sigmoid": (ops.sigmoid, lambda x: 1 / (1 + ops.exp(-x))),
    "softplus": (ops.softplus, lambda x: ops.log(1 + ops.exp(x))),
    "squareplus": (lambda x: ops.squareplus(x, 2), lambda x: (x + ops.sqrt(x * x + 2)) / 2),
    "softmax": (
        lambda x: ops.softmax(x, axis=0),
        lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=0, keepdims=True),
    ),
    "log_softmax": (ops.log_softmax, lambda x: x - ops.log(ops.sum(ops.exp(x), axis=-1, keepdims=True))),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_derivatives_of_the_composition(name, rng):
    x = rng.uniform(0.1, 2, (3, 4)) * rng.choice([-1, 1], (3, 4))
    same_derivatives(*COMPOSITIONS[name], [x], rng)


@pytest.mark.parametrize("axis", [0, 1])
def test_sparsemax_has_no_second_derivative_at_the_edge_of_its_support(axis):
    x = np.array([[1.0, 0.0], [0.5, 0.25]])  # the first row's second number is about to leave 0
    along_rows = ops.sparsemax if axis else lambda x: ops.transpose(ops.sparsemax(ops.transpose(x), axis=0))
    found = np.asarray(hessian(lambda x: ops.sum(along_rows(x) * [1.0, 2.0]))(x)).reshape(4, 4)
    assert np.isnan(found[:2, :2]).all() and np.isfinite(found[2:]).all()  # of all that share the support


def test_sparsemax_of_a_known_support(rng):
    x = np.array([0.3, 0.7, -2.0, 0.6])
    support = np.array([1.0, 1, 0, 1])

    def linear(x):
        return (x - (ops.sum(x * support) - 1) / 3) * support

    same_derivatives(lambda x: ops.sparsemax(x) ** 3, lambda x: linear(x) ** 3, [x], rng)


@given(
    hnp.arrays("float64", hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5), elements=st.floats(-9, 9))
)
def test_sparsemax_is_the_nearest_point_of_probabilities(x):
    y = np.asarray(ops.sparsemax(x))
    assert np.all(y >= 0)
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-12)
    # the projection's condition: x - y is largest, and the same, wherever y is above 0
    rest = x - y
    top = rest.max(-1, keepdims=True)
    assert np.all((y == 0) | (np.abs(rest - top) < 1e-9))
    np.testing.assert_allclose(np.swapaxes(np.asarray(ops.sparsemax(np.swapaxes(x, 0, -1), axis=0)), 0, -1), y)


# keras 3.15 on JAX
X = np.array([-10, -3, -1, -0.5, 0, 0.5, 1, 2, 8], "float32")
EXPECTED = {
    "relu6": [0, 0, 0, 0, 0, 0.5, 1, 2, 6],
    "leaky_relu": [-2, -0.6, -0.2, -0.1, 0, 0.5, 1, 2, 8],
    "elu": [-0.9999546, -0.95021296, -0.63212055, -0.39346933, 0, 0.5, 1, 2, 8],
    "selu": [-1.7580194, -1.6705688, -1.1113307, -0.6917582, 0, 0.5253505, 1.050701, 2.101402, 8.405608],
    "celu": [-0.9999546, -0.95021296, -0.63212055, -0.39346933, 0, 0.5, 1, 2, 8],
    "gelu": [0, -3.6373436e-03, -1.5880796e-01, -1.5428600e-01, 0, 0.345714, 0.841192, 1.9545977, 8],
    "silu": [-4.5397872e-04, -0.14227763, -0.26894143, -0.18877034, 0, 0.31122968, 0.7310586, 1.7615941, 7.9973173],
    "softplus": [4.5398901e-05, 0.048587352, 0.3132617, 0.474077, 0.6931472, 0.974077, 1.3132617, 2.126928, 8.0003357],
    "softsign": [-0.90909094, -0.75, -0.5, -0.33333334, 0, 0.33333334, 0.5, 0.6666667, 0.8888889],
    "sigmoid": [4.5397872e-05, 0.047425874, 0.26894143, 0.3775407, 0.5, 0.6224593, 0.7310586, 0.880797, 0.99966466],
    "hard_sigmoid": [0, 0, 0.33333334, 0.4166667, 0.5, 0.5833334, 0.6666667, 0.8333334, 1],
    "hard_silu": [0, 0, -0.33333334, -0.20833334, 0, 0.2916667, 0.6666667, 1.6666667, 8],
    "hard_tanh": [-1, -1, -1, -0.5, 0, 0.5, 1, 1, 1],
    "tanh_shrink": [-9, -2.0049453, -0.23840582, -0.037882835, 0, 0.037882835, 0.23840582, 1.0359724, 7],
    "soft_shrink": [-9.5, -2.5, -0.5, 0, 0, 0, 0.5, 1.5, 7.5],
    "hard_shrink": [-10, -3, -1, 0, 0, 0, 1, 2, 8],
    "squareplus": [0.09901953, 0.30277562, 0.618034, 0.7807764, 1, 1.2807764, 1.618034, 2.4142137, 8.123106],
    "sparse_plus": [0, 0, 0, 0.0625, 0.25, 0.5625, 1, 2, 8],
    "sparse_sigmoid": [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1],
    "log_sigmoid": [-10.00005, -3.048587, -1.313262, -0.974077, -0.693147, -0.474077, -0.313262, -0.126928, -0.0003354],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_as_keras(name):
    y = getattr(ops, name)(X)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, EXPECTED[name], rtol=2e-6, atol=2e-7)


def test_slopes_at_the_kinks_as_keras():
    def slope(f, x):
        return float(grad(f)(x))

    assert slope(ops.relu, 0.0) == 0
    assert slope(ops.leaky_relu, 0.0) == 1
    assert slope(ops.elu, 0.0) == 1
    assert slope(ops.selu, 0.0) == pytest.approx(1.0507 * 1.67326, rel=1e-5)
    assert slope(ops.squareplus, 0.0) == 0.5
    assert slope(ops.softsign, 0.0) == 1
    assert slope(ops.sparse_plus, 1.0) == 1
    assert slope(ops.sparse_plus, -1.0) == 0


def test_extremes_stay_finite():
    x = np.array([-1e4, -200.0, 200.0, 1e4], "float32")
    for name in ("sigmoid", "softplus", "log_sigmoid", "silu", "elu", "squareplus", "softsign", "gelu", "sparse_plus"):
        f = getattr(ops, name)
        y, pull = vjp(f, x)
        slope = np.asarray(pull(ops.ones(4))[0])
        assert np.all(np.isfinite(y)), name
        assert np.all(np.isfinite(slope)), name
    assert ops.sigmoid(np.float32(-80)).item() == pytest.approx(math.exp(-80), rel=1e-5)
    assert ops.squareplus(np.float32(-1e4)).item() == pytest.approx(1e-4, rel=1e-5)
    for f in (ops.softmax, ops.log_softmax):
        y, pull = vjp(f, x)
        assert np.all(np.isfinite(y))
        assert np.all(np.isfinite(pull(ops.ones(4))[0]))


def test_relu_stops_what_is_infinite_behind_it():
    with np.errstate(divide="ignore"):
        y = grad(lambda x: ops.sum(ops.sqrt(ops.relu(x))))(np.array([-1.0, 4.0]))
    np.testing.assert_array_equal(y, [0, 0.25])
    assert np.isnan(ops.relu(np.float32(np.nan)).item())


def test_relu_of_large_arrays(rng):
    x = rng.standard_normal((70, 80)).astype("float32")
    x[0, :4] = [np.nan, np.inf, -np.inf, -0.0]
    np.testing.assert_array_equal(ops.relu(x), np.where(np.isnan(x), x, np.where(x > 0, x, 0)))
    assert ops.relu(x).dtype == "float32"


def test_integers_become_floats_where_halves_can_appear():
    x = np.array([1, 2, -3], "int32")
    for name in ("relu", "hard_tanh"):
        assert getattr(ops, name)(x).dtype == "int32"
    for name in ("relu6", "elu", "leaky_relu", "sigmoid", "softmax", "softplus", "hard_sigmoid", "gelu", "hard_shrink"):
        assert getattr(ops, name)(x).dtype == "float32", name
    assert ops.sigmoid(np.float16(0.5)).dtype == "float16"


def test_softmax_over_several_axes_and_nothing(rng):
    x = rng.standard_normal((2, 3, 4))
    np.testing.assert_allclose(np.asarray(ops.softmax(x, axis=(0, 2))).sum((0, 2)), 1)
    assert np.asarray(ops.softmax(x, None)).sum() == pytest.approx(1)
    for f in (ops.softmax, ops.log_softmax, ops.sparsemax):
        assert f(np.ones((3, 0))).shape == (3, 0)
        assert f(np.ones((0, 3))).shape == (0, 3)


def test_glu():
    np.testing.assert_allclose(ops.glu([1.0, 2.0, 0.0, 0.0]), [0.5, 1.0])
    with pytest.raises(ShapeError, match="even length"):
        ops.glu(np.ones(3))


def test_squareplus_needs_room_below_the_root():
    with pytest.raises(ArgumentError, match="relu"):
        ops.squareplus(1.0, b=0)


def test_multi_hot():
    np.testing.assert_array_equal(ops.multi_hot([[0, 1], [2, 2]], 3), [[1, 1, 0], [0, 0, 1]])
    assert ops.multi_hot(np.zeros((1, 2, 1), "int32"), 4).shape == (1, 1, 4)
    assert ops.multi_hot([1, 9], 3, dtype="int32").tolist() == [0, 1, 0]
    with pytest.raises(ArgumentError, match="num_classes"):
        ops.multi_hot([1])


def test_softmax_of_one_number():
    assert float(ops.softmax(3.0)) == 1
    assert float(ops.log_softmax(3.0, axis=None)) == 0
