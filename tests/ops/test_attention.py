"""Attention against its composition, its invariances, and its rows of the gradient table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import grad
from autonet.ops import sliding_windows
from autonet.ops.attention import attend
from tests.ops.cases import Case, booleans, made, reals, same_derivatives


def hidden_by(mask, causal, t, s):
    """Where nothing is seen, (n or 1, h or 1, t, s)."""
    seen = np.broadcast_to(mask, np.broadcast_shapes(np.shape(mask), (1, 1, t, s)))
    return ~(seen & np.tri(t, s, dtype=bool)) if causal else ~seen


def by_numpy(query, key, value, mask, scale=1.0, causal=False):
    scores = np.einsum("nthd,nshd->nhts", query, key) * scale
    hidden = np.broadcast_to(hidden_by(mask, causal, *scores.shape[2:]), scores.shape)
    weights = np.where(hidden, 0, np.exp(scores))
    total = weights.sum(-1, keepdims=True)
    empty = total == 0
    weights = weights / np.where(empty, 1, total)
    return np.einsum("nhts,nshe->nthe", weights, value), np.log(np.where(empty, 1, total))[..., 0]


def slopes_by_numpy(gy, glse, query, key, value, mask, y, lse, scale=1.0, causal=False):
    scores = np.einsum("nthd,nshd->nhts", query, key) * scale
    hidden = np.broadcast_to(hidden_by(mask, causal, *scores.shape[2:]), scores.shape)
    weights = np.where(hidden, 0, np.exp(scores - lse[..., None]))
    inner = np.einsum("nthe,nthe->nht", gy, y) - glse
    moved = weights * (np.einsum("nthe,nshe->nhts", gy, value) - inner[..., None]) * scale
    gv = np.einsum("nhts,nthe->nshe", weights, gy)
    return np.einsum("nhts,nshd->nthd", moved, key), np.einsum("nhts,nthd->nshd", moved, query), gv


def composed(query, key, value, mask, scale, causal):
    scores = ops.einsum("nthd,nshd->nhts", query, key) * scale
    seen = ~hidden_by(mask, causal, *scores.shape[2:])
    weights = ops.where(seen, ops.exp(scores), 0.0)
    total = ops.sum(weights, axis=-1, keepdims=True)
    total = ops.where(ops.equal(total, 0.0), 1.0, total)
    return ops.einsum("nhts,nshe->nthe", weights / total, value), ops.squeeze(ops.log(total), -1)


def still():
    """Numbers that are not differentiated."""
    return made(lambda shape, rng: rng.uniform(-1, 1, shape), smooth=False)


Q, K, V = (2, 3, 2, 4), (2, 5, 2, 4), (2, 5, 2, 3)
MASKS = [(2, 2, 3, 5), (2, 1, 1, 5), (1, 1, 3, 5), (2, 1, 3, 1), ()]
SETTINGS = [{}, {"scale": 0.5}, {"scale": 0.5, "causal": True}]
CASES = {
    "attend": Case(
        *(reals(-1, 1),) * 3,
        booleans(),
        shapes=[(Q, K, V, mask) for mask in MASKS] + [((1, 2, 1, 1), (1, 4, 1, 1), (1, 4, 1, 2), (4,))],
        settings=SETTINGS,
        numpy=by_numpy,
    ),
    # only used where nobody differentiates it: see _attend_rule
    "attend_vjp": Case(
        *(still(),) * 5,
        booleans(),
        *(still(),) * 2,
        shapes=[((2, 3, 2, 3), (2, 2, 3), Q, K, V, mask, (2, 3, 2, 3), (2, 2, 3)) for mask in MASKS],
        settings=SETTINGS,
        numpy=slopes_by_numpy,
    ),
    "dot_product_attention": Case(
        *(reals(-1, 1),) * 3,
        op=ops.dot_product_attention,
        shapes=[(Q, K, V), ((1, 3, 4, 2), (1, 2, 2, 2), (1, 2, 2, 3))],
        settings=[{}, {"is_causal": True}, {"scale": 0.3, "attn_logits_soft_cap": 2.0}],
    ),
}


def drawn(rng, *shapes):
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_derivatives_of_the_composition(masked, causal, rng):
    mask = rng.random((2, 1, 3, 5)) < 0.6 if masked else np.True_
    if masked:
        mask[0, 0, 1] = False
    same_derivatives(
        lambda *xs: attend(*xs, mask, scale=0.7, causal=causal),
        lambda *xs: composed(*xs, mask, 0.7, causal),
        drawn(rng, Q, K, V),
        rng,
    )


def test_slopes_are_the_same_whether_they_are_recorded_or_not(rng):
    mask = rng.random((2, 2, 3, 5)) < 0.6
    xs = [Tensor(x, requires_grad=True) for x in drawn(rng, Q, K, V)]

    def loss(*xs):
        y, lse = attend(*xs, mask, scale=0.5, causal=True)
        return ops.sum(y**3) + ops.sum(lse**2)

    loss(*xs).backward()
    seen = []

    def outer(*xs):
        seen.extend(grad(loss, (0, 1, 2))(*xs))
        return ops.sum(seen[0])

    grad(outer)(*[np.asarray(x) for x in xs])
    for x, y in zip(xs, seen, strict=True):
        np.testing.assert_allclose(x.grad, y, rtol=1e-10, atol=1e-12)


@given(places=st.integers(1, 4), more=st.integers(0, 3), seed=st.integers(0, 99))
def test_a_masked_key_counts_as_absent(places, more, seed):
    rng = np.random.default_rng(seed)
    query, key, value = drawn(rng, (1, 3, 2, 2), (1, places + more, 2, 2), (1, places + more, 2, 3))
    mask = np.arange(places + more) < places
    y = ops.dot_product_attention(query, key, value, mask=mask)
    np.testing.assert_allclose(y, ops.dot_product_attention(query, key[:, :places], value[:, :places]), rtol=1e-12)


@given(t=st.integers(1, 5), cut=st.integers(1, 5), seed=st.integers(0, 99))
def test_causal_queries_see_their_past_alone(t, cut, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1, t, 1, 3))
    cut = min(cut, t)
    y = ops.dot_product_attention(x, x, x, is_causal=True)
    short = ops.dot_product_attention(x[:, :cut], x[:, :cut], x[:, :cut], is_causal=True)
    np.testing.assert_allclose(np.asarray(y)[:, :cut], short, rtol=1e-12)


def test_a_mask_is_a_bias_of_minus_infinity(rng):
    query, key, value = drawn(rng, Q, K, V)
    mask = rng.random((2, 2, 3, 5)) < 0.7
    mask[..., 0] = True
    y = ops.dot_product_attention(query, key, value, mask=mask)
    bias = np.where(mask, 0, -1e30)
    np.testing.assert_allclose(ops.dot_product_attention(query, key, value, bias=bias), y, rtol=1e-12)
    both = ops.dot_product_attention(query, key, value, bias=np.zeros(()), mask=mask, is_causal=True)
    order = mask & np.tri(3, 5, dtype=bool)
    np.testing.assert_allclose(both, ops.dot_product_attention(query, key, value, mask=order), rtol=1e-12)


def test_a_query_that_sees_nothing_takes_the_mean(rng):
    """As in Keras; `attend` itself gives 0."""
    query, key, value = drawn(rng, Q, K, V)
    mask = np.ones((1, 1, 3, 5), bool)
    mask[0, 0, 1] = False
    y = np.asarray(ops.dot_product_attention(query, key, value, mask=mask))
    np.testing.assert_allclose(y[:, 1], value.mean(1), rtol=1e-12)
    assert not np.asarray(attend(query, key, value, mask)[0])[:, 1].any()


def test_heads_that_share_keys(rng):
    query, key, value = drawn(rng, (2, 3, 6, 4), (2, 5, 2, 4), (2, 5, 2, 3))
    y = np.asarray(ops.dot_product_attention(query, key, value))
    for head in range(6):
        one = [query[:, :, head, None], *(x[:, :, head // 3, None] for x in (key, value))]
        np.testing.assert_allclose(y[:, :, head, None], ops.dot_product_attention(*one), rtol=1e-12)


def test_large_scores_stay_finite():
    x = np.array([[[[200.0]], [[-200.0]]]], "float32")
    slope = grad(lambda x: ops.sum(ops.square(ops.dot_product_attention(x, x, x))))(x)
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(ops.dot_product_attention(x, x, x), [[[[200.0]], [[-200.0]]]])


def test_blocks_give_what_one_block_gives(rng, monkeypatch):
    query, key, value = drawn(rng, (7, 3, 2, 4), (7, 5, 2, 4), (7, 5, 2, 3))
    mask = rng.random((7, 1, 1, 5)) < 0.8
    call = grad(lambda *xs: ops.sum(ops.sin(attend(*xs, mask, causal=True)[0])), (0, 1, 2))
    whole = call(query, key, value)
    monkeypatch.setattr(sliding_windows, "SCRATCH", 300)
    for a, b in zip(call(query, key, value), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_half_precision(rng):
    xs = [x.astype("float16") for x in drawn(rng, Q, K, V)]
    y = ops.dot_product_attention(*xs)
    assert y.dtype == "float16"
    exact = by_numpy(*[x.astype("float64") for x in xs], True, scale=0.5)[0]
    np.testing.assert_allclose(y, exact, atol=5e-3)


def test_misfits(rng):
    query, key, value = drawn(rng, Q, K, V)
    with pytest.raises(ShapeError, match="Add or move axes"):
        ops.dot_product_attention(query[0], key[0], value[0])
    for misfit in ((key[..., :2], value), (key[:, :4], value), (key[:1], value[:1])):
        with pytest.raises(ShapeError, match="dot_product_attention expects query"):
            ops.dot_product_attention(query, *misfit)
    with pytest.raises(ShapeError, match="k a divisor"):
        ops.dot_product_attention(query, np.zeros((2, 5, 3, 4)), np.zeros((2, 5, 3, 4)))
    with pytest.raises(ArgumentError, match="at most four axes"):
        ops.dot_product_attention(query, key, value, mask=np.ones((1,) * 5, bool))
