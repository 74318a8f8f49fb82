"""pad beside np.pad, over all its modes; other functions of modes beside NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonet import check_gradients, jit, ops
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.padding import MODES
from autonet.ops.reduction import METHODS

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def framed(draw, dtypes=("float64", "int32", "uint8")):
    shape = draw(hnp.array_shapes(max_dims=3, max_side=4))
    x = np.random.default_rng(draw(SEEDS)).integers(0, 99, shape).astype(draw(st.sampled_from(dtypes)))
    return x, [draw(st.tuples(st.integers(0, 5), st.integers(0, 5))) for _ in shape]


@given(framed(), st.sampled_from([m for m in MODES if m != "empty"]))
def test_every_mode_pads_as_numpy_does(case, mode):
    x, widths = case
    y = ops.pad(x, widths, mode)
    assert y.dtype == x.dtype
    np.testing.assert_allclose(y, np.pad(x, widths, mode), rtol=1e-14)
    np.testing.assert_array_equal(jit(lambda x: ops.pad(x, widths, mode))(x), y)


@given(framed(("float64",)), st.sampled_from(MODES))
def test_every_mode_has_its_derivative(case, mode):
    x, widths = case
    check_gradients(lambda x: ops.sin(ops.pad(x, widths, mode) / 50), x, elements=4)


def test_an_empty_frame_has_the_shape():
    y = np.asarray(ops.pad(np.ones((2, 3)), ((1, 2), (0, 1)), "empty"))
    assert y.shape == (5, 4) and np.all(y[1:3, :3] == 1)


@pytest.mark.parametrize("constants", [7, np.inf, np.nan, (1, 2), ((1, 2), (3, 4))])
def test_constants(constants):
    x, widths = np.arange(6.0).reshape(2, 3), ((1, 2), (2, 0))
    np.testing.assert_array_equal(
        ops.pad(x, widths, constant_values=constants), np.pad(x, widths, constant_values=constants)
    )


@pytest.mark.parametrize("width", [-1, 1.5, ((1, 2, 3),), {0: 1}, ((1, 2),) * 3])
def test_widths_are_whole_and_not_below_zero(width):
    with pytest.raises(ArgumentError, match="whole numbers"):
        ops.pad(np.ones((2, 2)), width)


def test_what_pad_refuses():
    with pytest.raises(ArgumentError, match="reflect"):
        ops.pad(np.ones(2), 1, "reflekt")
    with pytest.raises(ArgumentError, match="constant"):
        ops.pad(np.ones(2), 1, "edge", constant_values=1)
    for mode in sorted(set(MODES) - {"constant", "empty"}):
        with pytest.raises(ShapeError, match="elements"):
            ops.pad(np.ones((0, 2)), 1, mode)
    assert ops.pad(np.ones((0, 2)), ((0, 0), (1, 1)), "mean").shape == (0, 4)


# Other functions with a mode, method or side

NUMBERS = hnp.arrays("float64", hnp.array_shapes(min_dims=1, max_dims=2, max_side=6), elements=st.integers(-3, 3))


@given(NUMBERS, hnp.arrays("float64", (3,), elements=st.integers(0, 12)), st.sampled_from(METHODS), st.booleans())
def test_quantiles(x, q, method, odd):
    q, axis = q / 12, -1 if odd else None
    for f, g in ((ops.quantile, np.quantile), (ops.nanquantile, np.nanquantile)):
        np.testing.assert_allclose(f(x, q, axis, method), g(x, q, axis, method=method), rtol=1e-12, atol=1e-12)
    for f, g in ((ops.percentile, np.percentile), (ops.nanpercentile, np.nanpercentile)):
        np.testing.assert_allclose(f(x, 100 * q, axis, method), g(x, 100 * q, axis, method=method), atol=1e-12)
    x[..., 0] = np.nan
    np.testing.assert_array_equal(ops.quantile(x, q, axis, method), np.quantile(x, q, axis, method=method))


@pytest.mark.parametrize(
    "method, between", [("linear", 2.8), ("lower", 2.0), ("higher", 4.0), ("nearest", 2.0), ("midpoint", 3.0)]
)
def test_quantiles_among_infinities(method, between):
    x, q = np.array([-np.inf, 1.0, 2.0, 4.0, np.inf]), [0.25, 0.5, 0.6, 0.75, 1.0]
    expected = [1.0, 2.0, between, 4.0, np.inf]
    np.testing.assert_allclose(ops.quantile(x, q, method=method), expected)
    np.testing.assert_allclose(ops.nanquantile(np.append(x, np.nan), q, method=method), expected)


@pytest.mark.parametrize("f", [ops.quantile, ops.nanquantile])
def test_what_quantiles_refuse(f):
    with pytest.raises(ArgumentError, match="linear"):
        f([1.0], 0.5, method="liner")
    for q in (1.5, -0.1, np.nan):
        with pytest.raises(ArgumentError, match="from 0 to 1"):
            f([1.0, 2.0], q)


@given(NUMBERS, NUMBERS, st.sampled_from(["left", "right"]))
def test_searchsorted(x, values, side):
    x = np.sort(x.ravel())
    np.testing.assert_array_equal(ops.searchsorted(x, values, side=side), np.searchsorted(x, values, side))


@given(NUMBERS, NUMBERS, st.sampled_from(["full", "same", "valid"]))
def test_correlate(a, v, mode):
    a, v = a.ravel(), v.ravel()
    np.testing.assert_allclose(ops.correlate(a, v, mode), np.correlate(a, v, mode), atol=1e-12)


@given(NUMBERS, NUMBERS, st.sampled_from(["xy", "ij"]))
def test_meshgrid(a, b, indexing):
    for found, expected in zip(
        ops.meshgrid(a, b, indexing=indexing), np.meshgrid(a, b, indexing=indexing), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


ORDERS = [None, np.inf, -np.inf, 0, 1, 2, 3, -1, 0.5, "fro", "nuc", -2]


@given(hnp.arrays("float64", (3, 4), elements=st.floats(0.5, 3)), st.sampled_from(ORDERS), st.booleans())
def test_norm(x, order, matrix):
    axis = (0, 1) if matrix else 1
    try:
        expected = np.linalg.norm(x, order, axis)
    except ValueError:
        with pytest.raises(ArgumentError):
            ops.norm(x, order, axis)
        return
    np.testing.assert_allclose(ops.norm(x, order, axis), expected, rtol=1e-9, atol=1e-9)


@given(hnp.arrays("float64", (4, 3), elements=st.floats(-3, 3)), st.sampled_from(["reduced", "complete"]))
def test_qr(x, mode):
    q, r = (np.asarray(v) for v in ops.qr(x, mode))
    expected = np.linalg.qr(x, mode)
    assert q.shape == expected[0].shape and r.shape == expected[1].shape
    np.testing.assert_allclose(q @ r, x, atol=1e-9)


@pytest.mark.parametrize(
    "f",
    [
        lambda: ops.searchsorted([1.0, 2.0], [1.0], side="middle"),
        lambda: ops.correlate([1.0], [2.0], mode="some"),
        lambda: ops.meshgrid([1.0], indexing="ji"),
        lambda: ops.qr(np.ones((2, 2)), mode="raw"),
        lambda: ops.norm([1.0], ord="nuclear"),
    ],
)
def test_unknown_modes_are_refused(f):
    with pytest.raises(ValueError, match=r"middle|some|ji|raw|nuclear"):
        f()
