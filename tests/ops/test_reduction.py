"""Many numbers to fewer: rows of the gradient table, and edges."""

import inspect

import numpy as np
import pytest

from autonet import gradients, ops
from tests.ops.cases import Case, axes, booleans, reals

KEEP = {"keepdims": [True, False]}
ANY_AXES = axes("axis", tuples=True, none=True, extra=KEEP)
ONE_AXIS = axes("axis", none=True)
FULL = reals(min_side=1)
APART = reals(-3, 3, apart=True, min_side=1)


def logsumexp(x, axis, keepdims):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def no_scalar_axis(shape, *_):
    """NumPy gives a 0-d array another axis: keep to what both mean."""
    return [{"axis": a} for a in [*range(-len(shape), len(shape)), None]]


CASES = {
    "sum": Case(reals(), settings=ANY_AXES, numpy=np.sum),
    "mean": Case(FULL, settings=ANY_AXES, numpy=np.mean),
    "prod": Case(reals(-2, 2), settings=ANY_AXES, numpy=np.prod),
    "max": [Case(APART, settings=ANY_AXES, numpy=np.max), Case(APART, settings={"initial": -9.0}, numpy=np.max)],
    "min": [Case(APART, settings=ANY_AXES, numpy=np.min), Case(APART, settings={"initial": 9.0}, numpy=np.min)],
    "argmax": Case(APART, settings=axes("axis", none=True, extra=KEEP), numpy=np.argmax, zero=True),
    "argmin": Case(APART, settings=axes("axis", none=True, extra=KEEP), numpy=np.argmin, zero=True),
    "any": Case(booleans(), settings=ANY_AXES, numpy=np.any, zero=True),
    "all": Case(booleans(), settings=ANY_AXES, numpy=np.all, zero=True),
    "logsumexp": Case(FULL, settings=ANY_AXES, numpy=logsumexp),
    "l2_norm": Case(
        reals(0.2, 3),
        settings=lambda shape: [
            {"axis": a, "keepdims": keep} for a in (None, *range(len(shape))) for keep in (True, False)
        ],
        shapes=[((2, 3),), ((3,),)],
        numpy=lambda x, axis=None, keepdims=False: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
    ),
    "p_norm": Case(
        reals(-3, 3, away=(0,), margin=0.2),
        settings=[{"p": 3.0, "axis": -1}, {"p": 1.5, "axis": 0, "keepdims": True}, {"p": -1.0, "axis": 0}],
        shapes=[((2, 3),), ((3,),)],
        numpy=lambda x, p, axis, keepdims=False: np.linalg.norm(x, p, axis, keepdims),
    ),
    "cumsum": Case(reals(), settings=no_scalar_axis, numpy=np.cumsum),
    "_cumprod": Case(reals(-2, 2, min_dims=1), settings=axes("axis"), numpy=np.cumprod),
    "cumprod": Case(reals(-2, 2), op=ops.cumprod, settings=no_scalar_axis, numpy=np.cumprod),
    "var": Case(FULL, op=ops.var, settings=ANY_AXES, numpy=np.var),
    "std": Case(
        reals(-3, 3, apart=True, min_side=2),
        op=ops.std,
        shapes=[((3,),), ((2, 3),)],
        settings=[{"axis": None}, {"axis": -1, "keepdims": True}],
        numpy=np.std,
    ),
    "ptp": Case(APART, op=ops.ptp, settings=ANY_AXES, numpy=np.ptp),
    "median": Case(APART, op=ops.median, settings=ANY_AXES, numpy=np.median),
    "quantile": Case(
        APART,
        op=ops.quantile,
        settings=axes(
            "axis",
            tuples=True,
            none=True,
            extra={**KEEP, "q": [0.3, (0.0, 0.5, 0.9)], "method": ["linear", "lower", "higher", "midpoint"]},
        ),
        numpy=lambda x, q, **settings: np.quantile(x, np.asarray(q), **settings),
    ),
    "average": Case(
        reals(),
        reals(0.5, 1),
        op=lambda x, w, axis: ops.average(x, axis, w),
        shapes=[((2, 3), (2, 3))],
        settings=[{"axis": 0}, {"axis": None}],
        numpy=lambda x, w, axis: np.average(x, axis, w),
    ),
    "count_nonzero": Case(
        booleans(), op=ops.count_nonzero, settings=axes("axis", none=True), numpy=np.count_nonzero, zero=True
    ),
}


@pytest.mark.parametrize("f", [ops.max, ops.min])
def test_equal_extremes_share_the_derivative(f):
    assert gradients.grad(f)(np.array([2.0, 2.0, 2.0, 2.0])).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    "x, slopes", [([2.0, 3.0, 4.0], [12, 8, 6]), ([0.0, 3.0, 4.0], [12, 0, 0]), ([0.0, 0.0, 4.0], [0, 0, 0])]
)
def test_products_with_zeros_have_their_slopes(x, slopes):
    assert gradients.grad(ops.prod)(np.array(x)).tolist() == slopes


def test_hessian_of_a_product_with_zeros():
    h = gradients.hessian(ops.prod)(np.array([0.0, 3.0, 4.0]))
    assert h.tolist() == [[0, 4, 3], [4, 0, 0], [3, 0, 0]]


def test_logsumexp_does_not_overflow():
    x = np.array([1000.0, 1000.0])
    assert float(ops.logsumexp(x)) == pytest.approx(1000 + np.log(2))
    np.testing.assert_allclose(gradients.grad(ops.logsumexp)(x), [0.5, 0.5])
    assert float(ops.logsumexp(np.array([-np.inf, 0.0]))) == 0.0
    assert float(ops.logsumexp(np.array([-np.inf, -np.inf]))) == -np.inf


@pytest.mark.parametrize(
    "dtype, result",
    [("bool", "int32"), ("int8", "int32"), ("uint8", "uint32"), ("int32", "int32"), ("float16", "float16")],
)
def test_sums_of_small_integers_do_not_overflow(dtype, result):
    y = ops.sum(np.ones(300).astype(dtype))
    assert y.dtype == result
    assert y.item() == 300


def test_mean_of_integers_is_a_float():
    assert ops.mean([1, 2]).dtype == "float32"
    assert ops.mean([1, 2]).item() == 1.5


def test_methods_are_the_operations(rng):
    x = rng.standard_normal((2, 3))
    t = ops.array(x)
    for name in ("sum", "mean", "max", "min", "prod", "var", "std", "argmax", "argmin", "cumsum"):
        np.testing.assert_allclose(getattr(t, name)(axis=1), getattr(x, name)(axis=1))


# Over nothing

EMPTY = [((0,), None), ((0, 3), None), ((0, 3), 0), ((0, 3), -1), ((3, 0), 1), ((2, 0, 3), (0, 1))]
SHARES = {"quantile": (0.5,), "percentile": (50,), "nanquantile": (0.5,), "nanpercentile": (50,)}
COUNTERPARTS = {  # where NumPy has none of that name
    "logsumexp": lambda x, **options: np.log(np.sum(np.exp(x), **options)),
    "norm": np.linalg.norm,
}


def reductions():
    """Operations that keep, on request, the axes that they reduce."""
    for name in dir(ops):
        f = getattr(ops, name)
        if callable(f) and not isinstance(f, type) and {"axis", "keepdims"} <= inspect.signature(f).parameters.keys():
            yield name


def answer(f, *args, **options):
    """What a call gives, or that it is an error."""
    try:
        return np.asarray(f(*args, **options))
    except (ValueError, TypeError, IndexError):
        return "error"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(reductions()))
def test_reductions_of_nothing(name):
    """They give what NumPy gives, be it a number, NaN or an error."""
    f, more = getattr(ops, name), SHARES.get(name, ())
    other = COUNTERPARTS.get(name) or getattr(np, name)
    for shape, axis in EMPTY:
        for keepdims in (False, True):
            for dtype in ("float32", "int32"):
                x = np.zeros(shape, dtype)
                options = {"axis": axis, "keepdims": keepdims}
                found = answer(f, x, *more, **options)
                expected = answer(other, x, *more, **options)
                assert isinstance(found, str) == isinstance(expected, str), (shape, options, found, expected)
                if not isinstance(expected, str):
                    np.testing.assert_array_equal(found, expected, err_msg=f"{shape} {options}")
                if not isinstance(expected, str) and dtype == "float32" and found.dtype.kind == "f":
                    slopes = gradients.grad(lambda x, f=f, o=options: ops.sum(f(x, *more, **o)))(x)
                    assert slopes.shape == shape
