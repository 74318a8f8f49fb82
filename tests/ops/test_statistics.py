"""Reductions without NaN, correlation, differences, products of vectors: definitions, slopes, edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import check_gradients, gradients, ops
from autonet.errors import ArgumentError, ShapeError

NAN = np.array([[1.0, np.nan, 3.0, -2.0], [np.nan, 2.0, 5.0, np.nan], [0.5, 0.25, np.nan, 4.0]])


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd", "nanmedian"])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_leave_nan_out(name, axis, keepdims):
    op, expected = getattr(ops, name), getattr(np, name)
    np.testing.assert_allclose(op(NAN, axis=axis, keepdims=keepdims), expected(NAN, axis=axis, keepdims=keepdims))
    slope = gradients.grad(lambda x: ops.sum(op(x, axis=axis)))(NAN)
    assert np.all(np.isfinite(slope))
    assert not np.any(np.asarray(slope)[np.isnan(NAN)])


@pytest.mark.parametrize("name", ["nanmax", "nanmin", "nanmean", "nanvar", "nanstd", "nanmedian"])
def test_nothing_known_gives_nan(name):
    assert np.isnan(getattr(ops, name)(np.array([[np.nan, np.nan]]), axis=1).item())
    assert ops.nansum(np.array([np.nan])).item() == 0
    assert ops.nanargmax(np.array([np.nan])).item() == -1


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "nearest", "midpoint"])
@given(q=st.floats(0, 1), seed=st.integers(0, 999))
def test_quantiles_of_the_known(method, q, seed):
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((3, 5)) < 0.2, np.nan, rng.standard_normal((3, 5)))
    x[:, 0] = x[0] = 1.0
    np.testing.assert_allclose(
        ops.nanquantile(x, q, axis=1, method=method), np.nanquantile(x, q, axis=1, method=method)
    )
    shares = [q, 1 - q]
    expected = np.nanpercentile(x, [100 * s for s in shares], axis=0, method=method, keepdims=True)
    percents = [100 * s for s in shares]
    np.testing.assert_allclose(ops.nanpercentile(x, percents, axis=0, method=method, keepdims=True), expected)


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["valid", "same", "full"]), st.integers(0, 99))
def test_correlation_as_numpy_has_it(m, n, mode, seed):
    a, b = np.random.default_rng(seed).standard_normal((2, 6))
    np.testing.assert_allclose(ops.correlate(a[:m], b[:n], mode), np.correlate(a[:m], b[:n], mode), atol=1e-12)


def test_derivatives(rng):
    a, b = rng.standard_normal((2, 3, 4))
    check_gradients(lambda x: ops.sum(ops.sin(ops.corrcoef(x))), a)
    check_gradients(lambda x, y: ops.sum(ops.correlate(x, y, "full") ** 2), a[0], b[1])
    check_gradients(lambda x, y: ops.sum(ops.sin(ops.kron(x, y))), a, b[:2])
    check_gradients(lambda x, y: ops.sum(ops.sin(ops.cross(x, y))), a[:, :3], b[:, :3])
    check_gradients(lambda x, y: ops.sum(ops.sin(ops.cdist(x, y))), a, b)
    check_gradients(lambda y, x: ops.trapezoid(y, x=x) ** 2, a[0], np.sort(b[0]))
    check_gradients(lambda x: ops.sum(ops.diff(x, 2) ** 3), a)
    known = ~np.isnan(NAN)
    check_gradients(lambda x: ops.nanmean(ops.nanvar(ops.where(known, x, np.nan), axis=1)), a)
    check_gradients(lambda x, y: ops.psnr(x, y, 2.0), a, b)


@pytest.mark.parametrize(
    "shapes", [((3,), (3,)), ((2, 3), (3,)), ((4, 2), (4, 2)), ((3, 4, 3), (3, 4, 3)), ((5, 2), (5, 3))]
)
def test_cross_products(shapes, rng):
    x, y = (rng.standard_normal(s) for s in shapes)
    pad = lambda v: np.concatenate([v, np.zeros((*v.shape[:-1], 3 - v.shape[-1]))], -1)
    expected = np.cross(pad(x), pad(y))
    if x.shape[-1] == y.shape[-1] == 2:
        expected = expected[..., 2]
    np.testing.assert_allclose(ops.cross(x, y), expected)


def test_cross_along_other_axes(rng):
    x, y = rng.standard_normal((2, 3, 4))
    np.testing.assert_allclose(ops.cross(x, y, axis=0), np.cross(x, y, axis=0))
    np.testing.assert_allclose(
        ops.cross(x, y.T, axisa=0, axisb=1, axisc=0), np.cross(x, y.T, axisa=0, axisb=1, axisc=0)
    )


def test_distance_zero_has_a_slope_of_zero():
    assert np.all(np.isfinite(gradients.grad(lambda x: ops.sum(ops.cdist(x, x)))(np.ones((2, 3)))))


def test_errors():
    with pytest.raises(ShapeError, match="two vectors"):
        ops.correlate(np.zeros((2, 2)), np.zeros(2))
    with pytest.raises(ArgumentError, match="'valid'"):
        ops.correlate(np.zeros(2), np.zeros(2), mode="half")
    with pytest.raises(ShapeError, match="2 or 3"):
        ops.cross(np.zeros(4), np.zeros(4))
    with pytest.raises(ArgumentError, match="as many choices"):
        ops.select([np.array([True])], [])
    with pytest.raises(ArgumentError, match="nanquantile"):
        ops.nanquantile(np.zeros(3), 0.5, method="best")
    with pytest.raises(ShapeError, match="cdist"):
        ops.cdist(np.zeros((2, 3)), np.zeros((2, 4)))
