"""Half precision: what adds up float16 numbers gives the float64 result, rounded; derivatives too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import constraints, gradients, jit, layers, losses, metrics, ops, regularizers
from autonet.common import trees
from autonet.optimizers import clipping
from tests.share import share

from .calls import ARRAYS, CALLS, answer

LAYERS = "BatchNormalization LayerNormalization RMSNormalization UnitNormalization GlobalAveragePooling1D".split()
ORDERS = [None, 0, 1, 2, 3, -1, np.inf, -np.inf]


def _sides(x):
    """Labels -1 and 1 for numbers x."""
    return np.where(np.arange(x.size).reshape(x.shape) % 3, 1.0, -1.0).astype(x.dtype)


def _against(x, step=1):
    """Targets beside predictions x."""
    return np.roll(np.asarray(x), step, axis=0).astype(x.dtype)


def _shares(x):
    """The same numbers between 0 and 1, exactly."""
    return x / 2.0 ** np.ceil(np.log2(np.max(x)))


def _names(table, module):
    return {name: lambda x, name=name: getattr(module, name)(_against(x), x) for name in table.split()}


# Name, and what it computes from an array (n, 3) that is reduced along axis 0 or 1; rows are long, or many
ACCUMULATING = {
    **{name: lambda x, name=name: getattr(ops, name)(x, axis=0) for name in
       """sum mean prod max min amax amin ptp var std average median logsumexp cumsum cumprod softmax log_softmax
       count_nonzero nansum nanprod nanmax nanmin nanmean nanvar nanstd nanmedian nancumsum nancumprod sparsemax
       normalize""".split()},
    **{f"norm {order}": lambda x, order=order: ops.norm(x, order, axis=0) for order in ORDERS},
    **{f"norm {order} of a matrix": lambda x, order=order: ops.norm(x, order) for order in ("fro", 1, np.inf)},
    "normalize 1": lambda x: ops.normalize(x, axis=0, order=1),
    "normalize 3": lambda x: ops.normalize(x, axis=0, order=3),
    "quantile": lambda x: ops.quantile(x, [0.1, 0.7], axis=0),
    "percentile": lambda x: ops.percentile(x, 30, axis=0),
    "nanquantile": lambda x: ops.nanquantile(x, 0.3, axis=0),
    "nanpercentile": lambda x: ops.nanpercentile(x, 30, axis=0),
    "weighted average": lambda x: ops.average(x, axis=0, weights=x[:, 0]),
    "moments": lambda x: ops.moments(x, 0),
    "layer_normalization": lambda x: ops.layer_normalization(x, x[:, 0], x[:, 1], axis=0),
    "rms_normalization": lambda x: ops.rms_normalization(x, axis=0),
    "batch_normalization": lambda x: ops.batch_normalization(x, x[1], x[2], -1, x[0], x[1]),
    "batch_normalize": lambda x: ops.batch_normalize(x, x[0], x[1]),
    "matmul": lambda x: ops.matmul(x[:, 0], x),
    "dot": lambda x: ops.dot(x[:, 0], x),
    "inner": lambda x: ops.inner(x[:, 0], x[:, 1]),
    "vdot": lambda x: ops.vdot(x, x),
    "tensordot": lambda x: ops.tensordot(x, x, 2),
    "einsum": lambda x: ops.einsum("ni,nj->ij", x, x),
    "einsum of three": lambda x: ops.einsum("ni,nj,n->ij", x, x, x[:, 0]),
    "trace": lambda x: ops.trace(ops.reshape(x[:9, 0], (3, 3))),
    "cross": lambda x: ops.cross(x, x[::-1]),
    "cdist": lambda x: ops.cdist(x[:4], x[4:8]),
    "correlate": lambda x: ops.correlate(x[:, 0], x[:, 1]),
    "corrcoef": lambda x: ops.corrcoef(ops.transpose(x)),
    "trapezoid": lambda x: ops.trapezoid(x, axis=0),
    "psnr": lambda x: ops.psnr(x, x[::-1], 255.0),
    "conv": lambda x: ops.conv(x[None], x[:7, :, None], padding="valid"),
    "depthwise_conv": lambda x: ops.depthwise_conv(x[None], x[:7, :, None], padding="same"),
    "separable_conv": lambda x: ops.separable_conv(x[None], x[:7, :, None], x[None, :3, :2], padding="same"),
    "conv_transpose": lambda x: ops.conv_transpose(x[None], x[:21].reshape(7, 3, 3), 1),
    "average_pool": lambda x: ops.average_pool(x[None], 13, 1),
    "adaptive_average_pool": lambda x: ops.adaptive_average_pool(x[None], 7),
    "dot_product_attention": lambda x: ops.dot_product_attention(*[x[None, :50, None]] * 3, scale=1e-4),
    "segment_sum": lambda x: ops.segment_sum(x, np.arange(len(x)) % 2, 2),
    "segment_prod": lambda x: ops.segment_prod(x, np.arange(len(x)) // 2),
    "bincount": lambda x: ops.bincount(np.arange(len(x)) % 2, weights=x[:, 0]),
    "scatter": lambda x: ops.scatter(np.arange(len(x))[:, None] % 2, x, (2, 3)),
    "fold": lambda x: ops.fold(ops.reshape(x[:36, 0], (1, 4, 9)), 4, 2),
    "rfft": lambda x: ops.rfft(x[:, 0])[0][:1],
    "categorical_crossentropy": lambda x: ops.categorical_crossentropy(_shares(x), x, from_logits=True),
    "sparse_categorical_crossentropy": lambda x: ops.sparse_categorical_crossentropy(
        np.arange(len(x)) % 3, x, from_logits=True),
    "binary_crossentropy": lambda x: ops.binary_crossentropy(_against(_shares(x)), x, from_logits=True),
    **_names("""mean_squared_error mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error huber
        log_cosh poisson cosine_similarity""", losses),
    "dice": lambda x: losses.dice((_sides(x) + 1) / 2, x),
    "tversky": lambda x: losses.tversky((_sides(x) + 1) / 2, x),
    "hinge": lambda x: losses.hinge(_sides(x), x),
    "squared_hinge": lambda x: losses.squared_hinge(_sides(x), x),
    "categorical_hinge": lambda x: losses.categorical_hinge((_sides(x) + 1) / 2, x),
    "kl_divergence": lambda x: losses.kl_divergence(_against(_shares(x)), _shares(x)),
    "losses.categorical_crossentropy": lambda x: losses.categorical_crossentropy(_shares(x), x, from_logits=True),
    "pearson_correlation": lambda x: metrics.PearsonCorrelation().fn(_against(x).T, x.T),
    "L2": lambda x: regularizers.L2(0.1)(x),
    "L1L2": lambda x: regularizers.L1L2(0.1, 0.2)(x),
    "UnitNorm": lambda x: constraints.UnitNorm()(x),
    "by_norm": lambda x: clipping.by_norm([ops.convert_to_tensor(x)], 3.0),
    "by_global_norm": lambda x: clipping.by_global_norm([ops.convert_to_tensor(x)] * 3, 3.0),
}  # fmt: skip
SIZES = {"large": 300.0, "middling": 1.0, "small": 3e-4}


def leaves(y):
    return [np.asarray(v) for v in trees.flatten(y)]


def assert_rounded(found, expected, ulps=2.0):
    """float16 numbers are these float64 numbers, rounded."""
    for x, y in zip(leaves(found), leaves(expected), strict=True):
        if y.dtype.kind != "f":
            np.testing.assert_array_equal(x, y)
            continue
        assert x.dtype == np.float16 and y.dtype == np.float64
        with np.errstate(over="ignore"):
            rounded = y.astype(np.float16)
        inside = np.isfinite(rounded)
        np.testing.assert_array_equal(x[~inside], rounded[~inside])
        error = np.abs(x[inside].astype(float) - y[inside])
        assert np.all(error <= ulps * np.spacing(np.abs(rounded[inside])).astype(float)), (x, y)


def numbers(seed, rows, size):
    """Positive numbers that float16 holds exactly."""
    return (np.random.default_rng(seed).uniform(0.3, 1.4, (rows, 3)) * size).astype(np.float16)


@pytest.mark.parametrize("name", ACCUMULATING)
@share(1 / 7)
@given(seed=st.integers(0, 2**32 - 1), rows=st.sampled_from([50, 400]))
def test_results_are_those_of_float64_rounded(name, seed, rows):
    for size in SIZES.values():
        x = numbers(seed, rows, size)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            assert_rounded(ACCUMULATING[name](x), ACCUMULATING[name](x.astype(np.float64)))


# Every operation there is, at once: those whose rows here hold two operations in a row round twice
TWICE = ("p + 1", "b[0] + 3", "b[:2] + 1", "v + 3", "istft(stft", "img * 0.9")
LOOSE = {"gelu(a)": 3, "tanh_shrink(a)": 3, "i0(a)": 3, "binary_crossentropy(m, p)": 12}
SHARES = [c for c in CALLS if not any(t in c for t in TWICE) and "nan_to_num" not in c]  # which knows float16's range


@pytest.mark.parametrize("call", SHARES)
@pytest.mark.parametrize("size", [1.0, 100.0, 0.001])
def test_every_operation_is_that_of_float64_rounded(call, size):
    def arrays(dtype):
        return {
            name: (x * (size if name not in ("spread", "transform") else 1)).astype(np.float16).astype(dtype)
            for name, x in ARRAYS.items()
            if x.dtype.kind == "f"
        }

    with np.errstate(all="ignore"):
        try:
            expected = answer(call, ops, arrays(np.float64))
        except ValueError:  # numbers of that size are refused
            return
        found = answer(call, ops, arrays(np.float16))
    for x, y in zip(found, expected, strict=True):
        if not isinstance(x, str) and np.asarray(x).dtype == np.float16 and x.shape == y.shape:
            assert_rounded(x, np.asarray(y, np.float64), LOOSE.get(call, 2.0))


@pytest.mark.parametrize(
    "f, x, expected",
    [
        (ops.logsumexp, np.ones(70000), np.log(70000) + 1),
        (ops.norm, np.tile([100.0, 400.0], 50), 2915.476),
        (ops.normalize, np.array([1e-4, 2e-4, 3e-4]), [0.2673, 0.5345, 0.8018]),
        (ops.count_nonzero, np.ones(70000), 70000),
        (ops.mean, np.full(70000, 3.0), 3.0),
        (ops.softmax, np.zeros(70000), 1 / 70000),
        (ops.log_softmax, np.zeros(70000), -np.log(70000)),
        (ops.std, np.tile([300.0, -300.0], 35000), 300.0),
        (ops.var, np.tile([0.01, -0.01], 35000), 1e-4),
        (lambda x: ops.average_pool(x.reshape(1, -1, 1), 70000), np.ones(70000), 1.0),
    ],
)
def test_known_values(f, x, expected):
    y = np.asarray(f(x.astype(np.float16)), np.float64)
    np.testing.assert_allclose(y, np.broadcast_to(expected, y.shape), rtol=2e-3)


@pytest.mark.parametrize("f", [ops.max, ops.min, ops.mean, ops.logsumexp, ops.median], ids=lambda f: f.__name__)
def test_derivatives_among_many_equal_numbers_sum_to_one(f):
    slopes = np.asarray(gradients.grad(f)(np.ones(70000, np.float16)))
    assert slopes.dtype == np.float16
    assert np.sum(slopes, dtype=np.float64) == pytest.approx(1, abs=2e-3)  # each of them is rounded


@pytest.mark.parametrize("name", "mean std var logsumexp prod norm L2 normalize mean_squared_error softmax".split())
def test_derivatives_are_those_of_float64_rounded(name):
    f = ACCUMULATING.get(name) or ACCUMULATING["norm 2"]
    weights = numbers(1, 50, 1.0)
    for size in SIZES.values():
        x = numbers(0, 50, size)

        def total(x):
            y = f(x)
            return ops.sum(ops.cast(y, "float64") * (weights[: y.shape[0]] if y.ndim == 2 else 1.0))

        with np.errstate(over="ignore"):
            assert_rounded(gradients.grad(total)(x), gradients.grad(total)(x.astype(np.float64)), 4)


def test_a_sum_over_repetitions_counts_them_all():
    g = gradients.grad(lambda b: ops.sum(ops.cast(np.ones((70000, 1), np.float16) * b, "float32")) / 2)
    np.testing.assert_array_equal(g(np.ones(1, np.float16)), np.float16([35000]))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_half_precision(name):
    x = numbers(0, 60, 300.0)[None]
    one, other = (getattr(layers, name)(dtype=dtype) for dtype in ("float16", "float64"))
    assert_rounded(one(x), other(x.astype(np.float64)), 4)


def test_captured_equals_eager():
    x = numbers(0, 400, 300.0)
    for f in (lambda x: ops.softmax(ops.mean(x, axis=0)), lambda x: ops.norm(x), lambda x: gradients.grad(ops.std)(x)):
        compiled = jit(f)
        for _ in range(3):
            np.testing.assert_array_equal(compiled(x), f(x))


def test_a_wider_float_among_the_arguments_counts():
    x = numbers(0, 50, 1.0)
    assert ops.einsum("ni,ni->n", x, x.astype(np.float32)).dtype == "float32"
    assert ops.layer_normalization(x, np.ones(3, np.float32)).dtype == "float16"
    assert ops.prod(x, dtype="float32").dtype == "float32"
    assert ops.cumsum(x, dtype="float16").dtype == "float16"
    assert losses.mean_squared_error(x.astype(np.float32), x).dtype == "float16"
