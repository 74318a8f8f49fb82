"""Normalisations against their compositions, their invariances, and their rows of the gradient table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import constraints, gradients, jit, layers, losses, ops, regularizers, utils
from autonet.core import Tensor
from autonet.errors import ArgumentError, GradientError, ShapeError
from autonet.gradients import grad
from autonet.ops import sliding_windows
from autonet.ops.normalization import batch_normalize, standardize
from tests.ops.cases import Case, axes, reals, same_derivatives

SLOPES = ("gy", "gmean", "gvariance", "x", "scale", "mean", "variance")


def _slopes_by_numpy(gy, gmean, gvariance, x, scale, mean, variance, axis, epsilon):
    gy, x = np.moveaxis(gy, axis, -1), np.moveaxis(x, axis, -1)
    n = x.size // x.shape[-1]
    others = tuple(range(x.ndim - 1))
    standard = (x - mean) / np.sqrt(variance + epsilon)
    gscale, goffset = np.sum(gy * standard, axis=others), np.sum(gy, axis=others)
    gx = scale / np.sqrt(variance + epsilon) * (gy - goffset / n - standard * gscale / n)
    gx = gx + gmean / n + gvariance * 2 * (x - mean) / n
    return np.moveaxis(gx, -1, axis), gscale, goffset


CASES = {
    # only used where nobody differentiates it: see _batch_rule
    "batch_normalize_vjp": Case(
        *[reals(0.5, 2, smooth=False) if name == "variance" else reals(smooth=False) for name in SLOPES],
        shapes=[
            ((4, 3), (3,), (3,), (4, 3), (3,), (3,), (3,)),
            ((2, 3, 2, 2), (3,), (3,), (2, 3, 2, 2), (3,), (3,), (3,)),
        ],
        settings=lambda gy, *_: {"axis": 1, "epsilon": 0.01},
        numpy=_slopes_by_numpy,
    ),
    "batch_normalize": [
        Case(
            reals(),
            reals(0.5, 2),
            reals(),
            shapes=[((4, 3), (3,), (3,)), ((2, 3, 2), (2,), (2,))],
            settings=[{}, {"epsilon": 0.1}],
        ),
        Case(
            reals(),
            reals(0.5, 2),
            reals(),
            shapes=[((3, 2, 2), (2,), (2,)), ((1, 2, 4), (2,), (2,))],
            settings={"axis": 1, "epsilon": 0.1},
        ),
    ],
    "standardize": Case(
        reals(min_dims=1, min_side=1), settings=axes("axis", tuples=True, none=True, extra={"epsilon": [0.1]})
    ),
    # only used where nobody differentiates it: see _standardize_rule
    "standardize_vjp": Case(
        *(reals(smooth=False),) * 4,
        shapes=[((2, 3, 4), (2, 3, 1), (2, 3, 4), (2, 3, 1)), ((5, 40), (5, 1), (5, 40), (5, 1))],
        settings={"axis": -1},
        numpy=lambda gy, gr, y, r, axis: (
            r * (gy - gy.mean(axis, keepdims=True) - y * ((gy * y).mean(axis, keepdims=True) + gr * r / y.shape[axis]))
        ),
    ),
    "layer_normalization": Case(
        reals(),
        reals(),
        reals(),
        op=ops.layer_normalization,
        shapes=[((2, 3), (3,), (3,))],
        settings=[{}, {"epsilon": 0.1}],
    ),
    "rms_normalization": Case(
        reals(),
        reals(),
        op=ops.rms_normalization,
        shapes=[((2, 3), (3,)), ((2, 3, 2), (2,))],
        settings=[{"epsilon": 0.1}],
    ),
    "batch_normalization": Case(
        reals(),
        reals(),
        reals(0.5, 2),
        op=ops.batch_normalization,
        shapes=[((4, 3), (3,), (3,))],
        settings={"axis": -1},
    ),
    "moments": Case(reals(min_dims=1, min_side=1), op=ops.moments, settings=axes("axes")),
    "normalize": [
        Case(reals(0.2, 2, min_dims=1, min_side=1), op=ops.normalize, settings=axes("axis", none=True)),
        Case(reals(0.2, 2, min_dims=1), op=ops.normalize, settings=[{"order": 1}, {"order": 3}]),
    ],
}


def batch_composed(x, scale, offset, axis, epsilon):
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    shape = tuple(n if i not in others else 1 for i, n in enumerate(x.shape))
    mean = ops.mean(x, axis=others, keepdims=True)
    variance = ops.mean((x - mean) ** 2, axis=others, keepdims=True)
    y = (x - mean) / ops.sqrt(variance + epsilon)
    y = y * ops.reshape(scale, shape) + ops.reshape(offset, shape)
    return y, ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))


@pytest.mark.parametrize("shape, axis", [((5, 3), -1), ((2, 3, 2, 2), 1), ((3, 2, 2), 2)])
def test_derivatives_of_the_composition_over_the_batch(shape, axis, rng):
    x, scale, offset = rng.standard_normal(shape), *rng.uniform(0.5, 2, (2, shape[axis]))
    same_derivatives(
        lambda *xs: batch_normalize(*xs, axis=axis, epsilon=0.01),
        lambda *xs: batch_composed(*xs, axis, 0.01),
        [x, scale, offset],
        rng,
    )


def test_slopes_are_the_same_whether_they_are_recorded_or_not(rng):
    x, scale, offset = (
        Tensor(v, requires_grad=True) for v in (rng.standard_normal((4, 3)), *rng.uniform(1, 2, (2, 3)))
    )

    def loss(x, scale, offset):
        y, mean, variance = batch_normalize(x, scale, offset)
        return ops.sum(y**3) + ops.sum(mean**2) + ops.sum(variance**2)

    loss(x, scale, offset).backward()
    seen = []

    def outer(*xs):
        seen.extend(grad(loss, (0, 1, 2))(*xs))
        return ops.sum(seen[0])

    grad(outer)(*[np.asarray(v) for v in (x, scale, offset)])
    for a, b in zip((x, scale, offset), seen, strict=True):
        np.testing.assert_allclose(a.grad, np.asarray(b), rtol=1e-10)


@pytest.mark.parametrize("axis", [-1, 0, (0, 2), None])
def test_derivatives_of_the_composition_over_features(axis, rng):
    def composed(x):
        apart = x - ops.mean(x, axis=axis, keepdims=True)
        r = 1 / ops.sqrt(ops.mean(apart * apart, axis=axis, keepdims=True) + 0.01)
        return apart * r, r

    same_derivatives(lambda x: standardize(x, axis=axis, epsilon=0.01), composed, [rng.standard_normal((2, 3, 4))], rng)


@given(st.integers(0, 2**32 - 1))
def test_normalised_batches_have_the_moments_asked_for(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((7, 4, 3)) * 5 + 100
    y, mean, variance = batch_normalize(x, np.full(3, 2.0), np.full(3, -1.0), epsilon=0.0)
    np.testing.assert_allclose(mean, x.mean((0, 1)))
    np.testing.assert_allclose(variance, x.var((0, 1)))
    np.testing.assert_allclose(np.asarray(y).mean((0, 1)), -1, atol=1e-9)
    np.testing.assert_allclose(np.asarray(y).std((0, 1)), 2, atol=1e-9)
    frozen = ops.batch_normalization(x, mean, variance, -1, np.full(3, -1.0), np.full(3, 2.0), epsilon=0.0)
    np.testing.assert_allclose(frozen, y, atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 3), st.floats(-5, 5))
def test_layer_normalization_ignores_shift_and_scale(seed, scale, shift):
    x = np.random.default_rng(seed).standard_normal((3, 6))
    y = ops.layer_normalization(x, epsilon=0.0)
    np.testing.assert_allclose(ops.layer_normalization(x * scale + shift, epsilon=0.0), y, atol=1e-9)
    np.testing.assert_allclose(
        ops.rms_normalization(x * scale, epsilon=0.0), ops.rms_normalization(x, epsilon=0.0), atol=1e-9
    )


def test_blocks_give_what_one_block_gives(rng, monkeypatch):
    x = rng.standard_normal((50, 3))
    whole = batch_normalize(x, np.ones(3), np.zeros(3))
    monkeypatch.setattr(sliding_windows, "SCRATCH", 500)
    for a, b in zip(batch_normalize(x, np.ones(3), np.zeros(3)), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_large_offsets_do_not_spoil_the_variance(rng):
    x = (rng.standard_normal((1000, 2)) + 1e4).astype("float32")
    expected = x.astype("float64").var(0)
    np.testing.assert_allclose(batch_normalize(x, np.ones(2), np.zeros(2))[2], expected, rtol=1e-4)
    np.testing.assert_allclose(ops.moments(x, 0)[1], expected, rtol=1e-4)
    with np.errstate(over="raise"):
        half = (rng.standard_normal((1000, 2)) * 100 + 200).astype("float16")
        np.testing.assert_allclose(ops.moments(half, 0)[1], half.astype("float64").var(0), rtol=1e-2)
        np.testing.assert_allclose(
            batch_normalize(half, np.ones(2, "float16"), np.zeros(2, "float16"))[1],
            half.astype("float64").mean(0),
            rtol=1e-2,
        )


def test_features_in_other_places(rng):
    x = rng.standard_normal((2, 7, 6, 4))
    gamma, beta = rng.standard_normal((2, 7, 6))
    y = np.asarray(ops.layer_normalization(x, gamma, beta, axis=(1, 2), epsilon=0.1))
    one = x[1, :, :, 2]
    np.testing.assert_allclose(y[1, :, :, 2], (one - one.mean()) / np.sqrt(one.var() + 0.1) * gamma + beta)
    y = np.asarray(ops.rms_normalization(x, np.arange(7.0), axis=1, epsilon=0.1))
    one = x[1, :, 3, 2]
    np.testing.assert_allclose(y[1, :, 3, 2], one / np.sqrt((one**2).mean() + 0.1) * np.arange(7))


def test_dtypes():
    x = np.ones((2, 3), "float16")
    assert ops.layer_normalization(x, np.ones(3, "float32")).dtype == "float16"
    assert ops.rms_normalization(x).dtype == "float16"
    assert ops.layer_normalization(np.ones((2, 3), "int32")).dtype == "float32"
    assert ops.batch_normalization(np.ones((2, 3), "int32"), np.zeros(3), np.ones(3), -1).dtype == "float64"


def test_normalize_as_keras():
    x = np.array([[3.0, 4, 0], [0, 0, 0], [1e-9, 0, 0]])
    np.testing.assert_allclose(ops.normalize(x), [[0.6, 0.8, 0], [0, 0, 0], [0.01, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(ops.normalize(x, order=1)[0], [3 / 7, 4 / 7, 0])
    np.testing.assert_allclose(ops.normalize(x, order=3)[0], [0.6669718, 0.8892957, 0], rtol=1e-6)
    np.testing.assert_allclose(ops.normalize([2.0, 1.0], epsilon=3), [2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(ops.normalize(x, axis=None)[0], [0.6, 0.8, 0], rtol=1e-6)
    assert ops.normalize(np.zeros(3), order=9).tolist() == [0, 0, 0]
    slope = grad(lambda x: ops.sum(ops.normalize(x)))(np.zeros(3))
    np.testing.assert_allclose(slope, 1e7)


@pytest.mark.parametrize(
    "call, advice",
    [
        (lambda: ops.batch_normalization(np.ones((2, 3)), np.ones(2), np.ones(3), -1), "Check axis"),
        (lambda: ops.batch_normalization(np.ones((2, 3)), np.ones(3), np.ones(3), -1, scale=np.ones(1)), "Check axis"),
        (lambda: ops.layer_normalization(np.ones((2, 3)), np.ones(2)), "one number per feature"),
        (lambda: ops.rms_normalization(np.ones((2, 3)), np.ones(2)), "one number per feature"),
        (lambda: ops.normalize([1.0], order=0), "whole number from 1"),
        (lambda: ops.normalize([1.0], order=np.inf), "whole number from 1"),
        (lambda: ops.moments([1.0], 0, synchronized=True), "Leave it False"),
    ],
)
def test_errors_give_advice(call, advice):
    with pytest.raises((ShapeError, ArgumentError), match=advice):
        call()


# At zero

WEIGHTS = np.arange(8.0).reshape(2, 4) + 1
OF_LENGTHS = {  # functions that divide by a length, or are one
    **{f"normalize {order}": lambda x, order=order: ops.normalize(x, order=order) for order in (1, 2, 3)},
    **{f"norm {order}": lambda x, order=order: ops.norm(x, ord=order, axis=-1) for order in (1, 2, 3, np.inf)},
    "UnitNormalization": lambda x: layers.UnitNormalization(dtype="float64")(x),
    "Dot": lambda x: layers.Dot(-1, normalize=True, dtype="float64")([x, Tensor(WEIGHTS)]),
    "cosine_similarity": lambda x: losses.cosine_similarity(WEIGHTS, x),
    "cosine_similarity of targets": lambda x: losses.cosine_similarity(x, WEIGHTS),
    "CosineSimilarity": lambda x: losses.CosineSimilarity(dtype="float64")(WEIGHTS, x),
    "UnitNorm": constraints.UnitNorm(axis=-1),
    "MaxNorm": constraints.MaxNorm(axis=-1),
    "MinMaxNorm": constraints.MinMaxNorm(axis=-1),
    "OrthogonalRegularizer": regularizers.OrthogonalRegularizer(),
    "utils.normalize": utils.normalize,
    "LayerNormalization": lambda x: layers.LayerNormalization(dtype="float64")(x),
    "RMSNormalization": lambda x: layers.RMSNormalization(dtype="float64")(x),
    "std": lambda x: ops.std(x, axis=-1),
}


@pytest.mark.parametrize("name", OF_LENGTHS)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_row_of_zeros_has_no_steep_slope(name, compiled):
    """0 or that of the formula, but for `ops.normalize`, whose slope there is 1 / epsilon; other rows keep theirs."""
    f = OF_LENGTHS[name]
    slopes = gradients.grad(lambda x: ops.sum(f(x) * (1 + ops.arange(f(x).size, dtype="float64").reshape(f(x).shape))))
    slopes = jit(slopes) if compiled else slopes
    x = np.array([[0.0, 0.0, 0.0, 0.0], [3.0, 0.5, 4.0, -1.0]])
    found = slopes(x).numpy()
    assert np.all(np.isfinite(f(x)))
    assert np.abs(found[0]).max() < (1e8 if name.startswith("normalize") else 1e4)
    near = slopes(x + [[1e-3, -2e-3, 1e-3, 3e-3], [0, 0, 0, 0]]).numpy()
    if name != "OrthogonalRegularizer":
        np.testing.assert_allclose(found[1], near[1], rtol=1e-6, atol=1e-9)


def test_spectral_normalization_of_zeros():
    layer = layers.SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))
    np.testing.assert_array_equal(layer(np.ones((3, 4), "float32"), training=True), 0)
    assert np.all(np.isfinite(layer.layer.kernel))


def test_checks_at_zeros_say_that_it_jumps_there():
    with pytest.raises(GradientError, match="the function jumps there .* no derivative"):
        gradients.check_gradients(layers.UnitNormalization(), np.zeros((2, 3)))
    with pytest.raises(GradientError, match="the function jumps there"):
        gradients.check_gradients(lambda x: ops.sign(x) + x, np.zeros(2))
