"""Draws: their distributions, ranges, dtypes and shapes, and the bits that they are made of."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autonet import random
from autonet.common import dtypes
from autonet.core import Tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.random.draws import dropout_mask, noise, random_uniform

seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
floats = st.sampled_from(["float16", "float32", "float64"])
MANY = 40_000


def deviation(x, cdf):
    """How far the share of numbers below x is from cdf(x), at most, in units of 1 / sqrt(n)."""
    x = np.sort(np.ravel(x).astype("float64"))
    expected = cdf(x)
    n = len(x)
    return max(np.abs(np.arange(n) / n - expected).max(), np.abs(np.arange(1, n + 1) / n - expected).max()) * n**0.5


def normal_cdf(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


# Bits


def philox_words(key, counter, n):
    """The first n 64-bit words of Philox4x64 with ten rounds, from the formula of its paper."""
    mask, words = 2**64 - 1, []
    while len(words) < n:
        counter = counter + 1  # NumPy starts from the counter's successor
        c = [counter >> 64 * i & mask for i in range(4)]
        k = [key & mask, key >> 64]
        for _ in range(10):
            a, b = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
            c = [b >> 64 ^ c[1] ^ k[0], b & mask, a >> 64 ^ c[3] ^ k[1], a & mask]
            k = [(k[0] + 0x9E3779B97F4A7C15) & mask, (k[1] + 0xBB67AE8584CAA73B) & mask]
        words += c
    return words[:n]


@given(seed=seeds, draw=seeds)
def test_bits_are_those_of_the_paper(seed, draw):
    """Seed as key, number of the draw as second word of the counter; halves of words, the lower first."""
    state = np.array([seed, draw], np.uint32)
    words = philox_words(seed, draw << 64, 5)
    halves = [w >> shift & 0xFFFFFFFF for w in words for shift in (0, 32)]
    u = random_uniform(state, shape=(9,), dtype="float32").numpy()
    assert u.tolist() == [(h >> 8) * 2.0**-24 for h in halves[:9]]
    u = random_uniform(state, shape=(5,), dtype="float64").numpy()
    assert u.tolist() == [(w >> 11) * 2.0**-53 for w in words]
    mask = dropout_mask(state, shape=(3, 3), rate=0.25).numpy()
    assert (mask != 0).ravel().tolist() == [h >= 2**30 for h in halves[:9]]


@given(seed=seeds, rate=st.floats(0, 1), shape=shapes)
def test_one_mask_for_every_dtype(seed, rate, shape):
    state = np.array([seed, 0], np.uint32)
    masks = [dropout_mask(state, shape=shape, rate=rate, dtype=d).numpy() for d in ("float32", "float64")]
    assert [m.dtype for m in masks] == ["float32", "float64"]
    np.testing.assert_array_equal(masks[0] != 0, masks[1] != 0)


# Shapes and dtypes

DRAWS = {
    "uniform": lambda shape, **o: random.uniform(shape, -2, 3, **o),
    "normal": lambda shape, **o: random.normal(shape, 1.0, 2.0, **o),
    "truncated_normal": lambda shape, **o: random.truncated_normal(shape, 1.0, 2.0, **o),
    "gamma": lambda shape, **o: random.gamma(shape, 2.0, **o),
    "beta": lambda shape, **o: random.beta(shape, 2.0, 3.0, **o),
    "binomial": lambda shape, **o: random.binomial(shape, 5.0, 0.5, **o),
}


@pytest.mark.parametrize("name", DRAWS)
@given(shape=shapes, dtype=floats, seed=seeds)
def test_shape_and_dtype(name, shape, dtype, seed):
    x = DRAWS[name](shape, dtype=dtype, seed=seed)
    assert isinstance(x, Tensor) and not x.requires_grad
    assert (x.shape, x.dtype) == (shape, dtype)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(DRAWS[name](shape, dtype=dtype, seed=seed), x)


@pytest.mark.parametrize("name", DRAWS)
def test_default_dtype(name):
    assert DRAWS[name]((2,)).dtype == "float32"
    dtypes.set_floatx("float64")
    assert DRAWS[name]((2,)).dtype == "float64"


@pytest.mark.parametrize("name", DRAWS)
def test_only_floats(name):
    with pytest.raises(DtypeError, match=f"{name} expects a float dtype; received int32. Use randint"):
        DRAWS[name]((2,), dtype="int32")


def test_a_number_is_a_shape_of_one_axis():
    assert random.normal(3).shape == (3,)


@pytest.mark.parametrize("shape", [(2, None), (-1,), (2.5,)])
def test_shapes_must_be_known(shape):
    with pytest.raises(ShapeError, match="shape of whole numbers"):
        random.uniform(shape)


# Uniform


def test_uniform_is_uniform():
    assert deviation(random.uniform((MANY,), seed=1), lambda x: x) < 1.6
    assert deviation(random.uniform((MANY,), -3, 5, dtype="float64", seed=2), lambda x: (x + 3) / 8) < 1.6


@given(low=st.floats(-1e4, 1e4, width=16), high=st.floats(-1e4, 1e4, width=16), dtype=floats, seed=seeds)
def test_uniform_stays_below_its_end(low, high, dtype, seed):
    """minval <= u < maxval in every dtype, also where rounding would reach maxval."""
    low, high = min(low, high), max(low, high)
    assume(low == high or np.dtype(dtype).type(high) > np.dtype(dtype).type(low))
    u = random.uniform((200,), low, high, dtype=dtype, seed=seed).numpy()
    assert (u >= low).all() and ((u < high).all() if low < high else (u == low).all())


def test_rounding_does_not_reach_the_end():
    u = random.uniform((2**16,), 1000, 1001, dtype="float16", seed=1).numpy()
    assert set(u.tolist()) == {1000.0, 1000.5}


def test_bounds_may_be_tensors():
    u = random.uniform((50, 2), [0.0, 10.0], Tensor([1.0, 20.0]), seed=1).numpy()
    assert ((u >= [0, 10]) & (u < [1, 20])).all()


def test_bounds_in_order():
    with pytest.raises(ArgumentError, match="minval <= maxval; received minval=1, maxval=0"):
        random.uniform((2,), 1, 0)


# Normal


def test_normal_is_normal():
    assert deviation(random.normal((MANY,), seed=1), normal_cdf) < 1.6
    assert deviation(random.normal((MANY,), 3.0, 0.5, seed=2), lambda x: normal_cdf((x - 3) / 0.5)) < 1.6


def test_noise_is_normal_in_pairs_and_alone():
    """Numbers, their tails, and the two of a pair, which know nothing of each other."""
    x = noise((MANY,), seed=3).numpy()
    assert deviation(x, normal_cdf) < 1.95  # one in a thousand is beyond
    np.testing.assert_allclose((x**4).mean(), 3, rtol=0.05)
    one, other = x[: MANY // 2], x[MANY // 2 :]
    for f in (np.asarray, np.square):
        assert abs(np.corrcoef(f(one), f(other))[0, 1]) < 4 / (MANY / 2) ** 0.5


@given(shapes, floats, seeds)
def test_noise_of_any_shape_and_dtype(shape, dtype, seed):
    x = noise(shape, dtype, seed)
    assert x.shape == shape and x.dtype == dtype
    assert np.isfinite(x.numpy()).all()
    np.testing.assert_array_equal(x, noise(shape, dtype, seed))


def test_mean_and_spread_may_be_tensors():
    x = random.normal((MANY, 2), [0.0, 10.0], [1.0, 0.1], seed=1).numpy()
    np.testing.assert_allclose(x.mean(0), [0, 10], atol=0.03)
    np.testing.assert_allclose(x.std(0), [1, 0.1], rtol=0.03)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truncated_normal_is_the_middle_of_the_normal(dtype):
    x = random.truncated_normal((MANY,), dtype=dtype, seed=1).numpy()
    assert np.abs(x).max() <= 2
    below = normal_cdf(-2.0)
    assert deviation(x, lambda x: (normal_cdf(x) - below) / (1 - 2 * below)) < 1.6


# Integers and classes


@given(low=st.integers(-(2**31), 2**31 - 1), span=st.integers(1, 2**31), seed=seeds)
def test_randint_range(low, span, seed):
    high = min(low + span, 2**31)
    x = random.randint((50,), low, high, seed=seed).numpy()
    assert x.dtype == "int32" and (x >= low).all() and (x.astype("int64") < high).all()


def test_randint_is_even():
    counts = np.bincount(random.randint((MANY,), 0, 8, seed=3).numpy(), minlength=8)
    assert len(counts) == 8
    assert np.abs(counts - MANY / 8).max() < 5 * (MANY / 8) ** 0.5


def test_randint_edges():
    assert random.randint((3,), 5, 5).tolist() == [5, 5, 5]
    assert set(random.randint((2000,), 0, 256, dtype="uint8").tolist()) == set(range(256))
    x = random.randint((100, 2), [0, 10], [5, 20]).numpy()
    assert ((x >= [0, 10]) & (x < [5, 20])).all()
    with pytest.raises(DtypeError, match="randint expects an integer dtype; received float32. Use uniform"):
        random.randint((2,), 0, 5, dtype="float32")
    with pytest.raises(ArgumentError, match="randint's uint8 holds 0 to 255; received minval=0, maxval=300"):
        random.randint((2,), 0, 300, dtype="uint8")


def test_categorical_follows_its_logits():
    p = np.array([[0.5, 0.2, 0.3, 0.0], [0.0, 0.0, 1.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
    with np.errstate(divide="ignore"):
        logits = np.log(p).astype("float32") + 3
    drawn = random.categorical(logits, MANY, seed=1).numpy()
    assert (drawn.shape, drawn.dtype) == ((3, MANY), "int32")
    for row, expected in zip(drawn, p, strict=True):
        shares = np.bincount(row, minlength=4) / MANY
        assert (shares[expected == 0] == 0).all()  # what cannot be is never drawn
        np.testing.assert_allclose(shares, expected, atol=5 * 0.5 / MANY**0.5)


@given(rows=st.integers(0, 3), classes=st.integers(1, 4), n=st.integers(0, 3), seed=seeds)
def test_categorical_gives_classes(rows, classes, n, seed):
    logits = np.random.default_rng(seed).standard_normal((rows, classes)) * 1000
    drawn = random.categorical(logits, n, dtype="int64", seed=seed).numpy()
    assert (drawn.shape, drawn.dtype) == ((rows, n), "int64")
    assert ((drawn >= 0) & (drawn < classes)).all()


def test_categorical_needs_rows():
    with pytest.raises(ShapeError, match=r"logits of shape \(n, classes\); received shape \(3,\)"):
        random.categorical(np.zeros(3), 2)


def test_categorical_of_nan_stays_within_the_classes():
    assert (random.categorical(np.full((1, 3), np.nan), 5).numpy() < 3).all()


@given(n=st.integers(0, 6), axis=st.integers(-2, 1), seed=seeds)
def test_shuffle_only_moves(n, axis, seed):
    """Slices stay whole, none is lost, and the input keeps its order."""
    x = np.arange(n * 2).reshape((n, 2) if axis % 2 == 0 else (2, n))
    before = x.copy()
    y = random.shuffle(x, axis=axis, seed=seed).numpy()
    np.testing.assert_array_equal(x, before)
    slices = np.moveaxis(x, axis, 0).tolist()
    assert sorted(np.moveaxis(y, axis, 0).tolist()) == sorted(slices)


def test_every_order_is_as_likely():
    orders = [tuple(random.shuffle([0, 1, 2], seed=i).tolist()) for i in range(3000)]
    counts = [orders.count(o) for o in set(orders)]
    assert len(counts) == 6 and max(abs(c - 500) for c in counts) < 5 * 500**0.5


# Dropout


@given(rate=st.floats(0.02, 0.98), scale=st.floats(0.5, 3), seed=seeds)
def test_dropout_keeps_the_expectation(rate, scale, seed):
    """What is kept is divided by 1 - rate, so that the mean stays within five standard errors."""
    y = random.dropout(np.full(MANY, scale, "float32"), rate, seed=seed).numpy()
    kept = y[y != 0]
    np.testing.assert_allclose(kept, scale / (1 - rate), rtol=1e-6)
    assert abs(y.mean() - scale) < 5 * scale * math.sqrt(rate / (1 - rate) / MANY)


@given(shape=shapes.filter(len), data=st.data(), seed=seeds)
def test_dropout_shares_its_mask(shape, data, seed):
    """Along axes of length 1 in noise_shape all elements have one fate; None is the full length."""
    noise = data.draw(st.tuples(*[st.sampled_from([None, 1, n]) for n in shape]))
    y = random.dropout(np.ones(shape, "float32"), 0.5, noise_shape=noise, seed=seed).numpy()
    assert y.shape == shape
    for axis, n in enumerate(noise):
        if n == 1 and y.size:
            assert (y == y.take([0], axis)).all()


def test_dropout_edges():
    x = Tensor(np.ones((2, 3), "float32"))
    assert random.dropout(x, 0) is x
    assert not random.dropout(x, 1.0).numpy().any()
    assert random.dropout(np.ones((2, 3)), 0.5).dtype == "float64"
    for rate in (-0.1, 1.5, "half", None):
        with pytest.raises(ArgumentError, match="dropout expects a rate from 0 to 1; received"):
            random.dropout(x, rate)
    with pytest.raises(DtypeError, match="dropout expects floats; received dtype int32. Cast"):
        random.dropout(np.ones(3, "int32"), 0.5)
    for lengths in ((2, 2), (3,)):
        with pytest.raises(ShapeError, match="give each axis its length, 1, or None"):
            random.dropout(x, 0.5, noise_shape=lengths)


# Gamma, beta, binomial


@pytest.mark.parametrize(
    "draw, mean, variance",
    [
        (lambda: random.gamma((MANY,), 2.5, seed=1), 2.5, 2.5),
        (lambda: random.beta((MANY,), 2.0, 3.0, seed=1), 0.4, 0.04),
        (lambda: random.binomial((MANY,), 10, 0.3, seed=1), 3.0, 2.1),
    ],
    ids=["gamma", "beta", "binomial"],
)
def test_moments(draw, mean, variance):
    x = draw().numpy()
    assert x.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / MANY))
    assert x.var() == pytest.approx(variance, rel=0.06)


def test_parameters_may_be_tensors():
    assert random.gamma((1000, 2), Tensor([1.0, 50.0]), seed=1).numpy().mean(0)[1] > 40
    assert random.beta((1000, 2), [1.0, 50.0], 1.0, seed=1).numpy().mean(0)[1] > 0.9
    x = random.binomial((1000, 2), Tensor([1.0, 100.0]), [0.0, 1.0], seed=1).numpy()
    assert (x == [0, 100]).all()
