"""Attention and AdditiveAttention: masks, causality, dropout, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.core import Tensor
from autonet.errors import ArgumentError

KINDS = [{}, {"use_scale": True, "score_mode": "concat"}]
both = pytest.mark.parametrize("make", [
    *[lambda config=config: layers.Attention(**config, dtype="float64") for config in KINDS],
    lambda: layers.AdditiveAttention(dtype="float64"),
])  # fmt: skip


@both
@given(places=st.integers(1, 4), more=st.integers(0, 3), seed=st.integers(0, 99))
def test_a_masked_place_counts_as_absent(make, places, more, seed):
    rng = np.random.default_rng(seed)
    query, value = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, places + more, 4))
    layer = make()
    mask = np.broadcast_to(np.arange(places + more) < places, (2, places + more))
    y = layer([query, value], mask=[None, Tensor(mask)])
    np.testing.assert_allclose(y, layer([query, value[:, :places]]), rtol=1e-10, atol=1e-12)


@both
def test_further_axes_are_carried_along(make, rng):
    """As those of pictures: each row is a sequence of its own."""
    query, value = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 3, 6, 5))
    mask = rng.random((2, 3, 6)) < 0.7
    layer = make()
    y, scores = layer([query, value], mask=[None, Tensor(mask)], return_attention_scores=True)
    assert y.shape == (2, 3, 4, 5) and scores.shape == (2, 3, 4, 6)
    for row in range(3):
        expected = layer([query[:, row], value[:, row]], mask=[None, Tensor(mask[:, row])])
        np.testing.assert_allclose(y[:, row], expected, rtol=1e-10, atol=1e-12)


@both
def test_causal_places_see_their_past_alone(make, rng):
    x = rng.standard_normal((1, 5, 3))
    layer = make()
    y, weights = layer([x, x], use_causal_mask=True, return_attention_scores=True)
    np.testing.assert_allclose(np.array(y)[:, :2], layer([x[:, :2], x[:, :2]], use_causal_mask=True), rtol=1e-10)
    weights = np.array(weights)
    np.testing.assert_allclose(weights.sum(-1), 1)
    assert not np.triu(weights[0], 1).any()


def test_masks_come_with_the_inputs_and_go_on_with_the_query():
    """Those of an embedding; places that the query's mask hides give 0."""
    words = layers.Embedding(5, 4, mask_zero=True)(np.array([[1, 2, 0], [3, 0, 0]]))
    y, weights = layers.Attention()([words, words], return_attention_scores=True)
    hidden = np.array([[False, False, True], [False, True, True]])
    assert not np.array(y)[hidden].any()
    np.testing.assert_allclose(np.array(weights)[np.broadcast_to(hidden[:, None], (2, 3, 3))], 0)
    np.testing.assert_array_equal(layers.Attention()([words, words])._mask, ~hidden)


def test_weights_are_dropped_in_training_only(rng):
    x = rng.standard_normal((2, 6, 3)).astype("float32")
    layer = layers.Attention(dropout=0.5, seed=1)
    calm = np.array(layer([x, x], return_attention_scores=True)[1])
    dropped = np.array(layer([x, x], return_attention_scores=True, training=True)[1])
    np.testing.assert_allclose(calm.sum(-1), 1, rtol=1e-5)
    assert (dropped == 0).any()
    np.testing.assert_allclose(dropped[dropped > 0], 2 * calm[dropped > 0], rtol=1e-5)


def test_misfits():
    x = np.zeros((1, 2, 3), "float32")
    for inputs, received in ((x, "Tensor"), ([x], "1 inputs"), ([x] * 4, "4 inputs")):
        with pytest.raises(ArgumentError, match=f"list .query, value. .*received {received}|expects a list"):
            layers.Attention()(inputs)
    with pytest.raises(ArgumentError, match="mask to be a list"):
        layers.Attention()([x, x], mask=Tensor(np.ones((1, 2), bool)))
    with pytest.raises(ArgumentError, match="score_mode 'dot' or 'concat'; received 'sum'"):
        layers.Attention(score_mode="sum")
    with pytest.raises(ArgumentError, match="dropout from 0 to 1; received 2"):
        layers.AdditiveAttention(dropout=2)
