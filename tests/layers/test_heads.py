"""MultiHeadAttention and GroupQueryAttention: masks of every kind, the two ways to compute them, names of weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Input, Model, layers
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError

SCORES = {"return_attention_scores": True}  # which also asks for the way that stores the weights
both = pytest.mark.parametrize("make", [
    lambda **more: layers.MultiHeadAttention(2, 3, dtype="float64", **more),
    lambda **more: layers.GroupQueryAttention(3, 4, 2, dtype="float64", **more),
], ids=["MultiHead", "GroupQuery"])  # fmt: skip


@both
@given(st.data())
def test_weights_stored_or_not(make, data):
    """The same results from both ways, whatever is masked, but for queries that see nothing."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    causal = data.draw(st.booleans())
    t, s = (data.draw(st.integers(1, 5)) for _ in range(2))
    query, value = rng.standard_normal((2, t, 4)), rng.standard_normal((2, s, 4))
    layer = make(sliding_window=data.draw(st.none() | st.integers(1, 3)), use_gate=data.draw(st.booleans()))
    options = {"use_causal_mask": causal}
    if data.draw(st.booleans()):
        options["value_mask"] = Tensor(np.arange(s) < rng.integers(1, s + 1, (2, 1)))
    if data.draw(st.booleans()):
        options["attention_mask"] = Tensor(rng.random((2, t, s)) < 0.7)
    y, weights = layer(query, value, **options, **SCORES)
    seen = np.array(weights).any((1, 3))
    np.testing.assert_allclose(np.array(layer(query, value, **options))[seen], np.array(y)[seen], rtol=1e-9, atol=1e-12)


@both
@given(places=st.integers(1, 4), more=st.integers(0, 3), seed=st.integers(0, 99))
def test_a_masked_place_counts_as_absent(make, places, more, seed):
    rng = np.random.default_rng(seed)
    query, value = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, places + more, 4))
    mask = Tensor(np.broadcast_to(np.arange(places + more) < places, (2, places + more)))
    layer = make()
    expected = layer(query, value[:, :places])
    for name in ("value_mask", "key_mask"):
        np.testing.assert_allclose(layer(query, value, **{name: mask}), expected, rtol=1e-10, atol=1e-12)


@both
def test_a_mask_may_differ_between_heads(make, rng):
    x, mask = rng.standard_normal((2, 5, 4)), np.tri(5, dtype=bool)
    layer = make()
    expected = layer(x, x, attention_mask=mask)
    heads = len(np.array(layer(x, x, **SCORES)[1])[0])
    for same in (np.tile(mask, (2, 1, 1)), np.tile(mask, (2, heads, 1, 1)), np.tile(mask, (2, 1, 1, 1))):
        np.testing.assert_allclose(layer(x, x, attention_mask=same), expected, rtol=1e-10)
        np.testing.assert_allclose(layer(x, x, attention_mask=same, **SCORES)[0], expected, rtol=1e-10)
    own = rng.random((2, heads, 5, 5)) < 0.7
    own[..., 0] = True
    np.testing.assert_allclose(
        layer(x, x, attention_mask=own), layer(x, x, attention_mask=own, **SCORES)[0], rtol=1e-10
    )


@both
def test_each_place_of_the_value_has_a_key(make):
    query, value, key = (2, 4, 8), (2, 2, 8), (2, 1, 7)
    for call in (
        lambda: make().compute_output_shape(query, value, key),
        lambda: make()(*map(np.ones, (query, value, key))),
    ):
        with pytest.raises(ShapeError, match="a key for each place of the value"):
            call()


@both
def test_masks_come_with_the_inputs_and_go_on_with_the_query(make):
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    words = layers.Embedding(5, 4, mask_zero=True)(ids)
    layer = make()
    _, weights = layer(words, words, **SCORES)
    hidden = np.broadcast_to((ids == 0)[:, None, None], weights.shape)
    assert not np.array(weights)[hidden].any()
    np.testing.assert_array_equal(layer(words, words)._mask, ids > 0)


@both
def test_a_window(make, rng):
    x = rng.standard_normal((1, 6, 4))
    apart = np.abs(np.arange(6)[:, None] - np.arange(6))
    weights = np.array(make(sliding_window=2)(x, x, **SCORES)[1])
    np.testing.assert_array_equal(weights[0, 0] > 0, apart < 2)
    weights = np.array(make(sliding_window=3)(x, x, use_causal_mask=True, **SCORES)[1])
    np.testing.assert_array_equal(weights[0, 0] > 0, np.tril(apart < 3))


def test_attention_among_some_axes(rng):
    """Along axis 2 alone, each place of axis 1 is a sample of its own."""
    x = rng.standard_normal((2, 3, 4, 5))
    layer = layers.MultiHeadAttention(2, 3, attention_axes=2, dtype="float64")
    y = np.array(layer(x, x))
    flat = layers.MultiHeadAttention(2, 3, dtype="float64")
    rows = x.reshape(6, 4, 5)
    flat(rows, rows)
    flat.set_weights(layer.get_weights())
    np.testing.assert_allclose(y.reshape(6, 4, 5), flat(rows, rows), rtol=1e-10)


def test_names_and_shapes_of_weights():
    layer = layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=7, use_gate=True, name="heads")
    layer.build((None, 5, 6), (None, 8, 9), (None, 8, 10))
    assert {w.path: w.shape for w in layer.weights} == {
        "heads/query/kernel": (6, 2, 3),
        "heads/query/bias": (2, 3),
        "heads/key/kernel": (10, 2, 3),
        "heads/key/bias": (2, 3),
        "heads/gate/kernel": (6, 2, 4),
        "heads/gate/bias": (2, 4),
        "heads/value/kernel": (9, 2, 4),
        "heads/value/bias": (2, 4),
        "heads/attention_output/kernel": (2, 4, 7),
        "heads/attention_output/bias": (7,),
    }
    query, value, *_ = [w.numpy() for w in layer.weights if w.path.endswith("kernel")]
    assert not np.array_equal(query, value[:6])  # draws of their own
    layer = layers.GroupQueryAttention(3, 4, 2, use_bias=False)
    layer.build((None, 5, 6), (None, 8, 9))
    assert [w.shape for w in layer.weights] == [(6, 4, 3), (9, 2, 3), (9, 2, 3), (4, 3, 6)]


def test_in_a_functional_model(rng):
    """Shapes are known beforehand, with places of any number; the call is that of the layer."""
    query, value = Input((None, 4)), Input((3, 5))
    layer = layers.MultiHeadAttention(2, 3)
    y, weights = layer(query, value, use_causal_mask=True, **SCORES)
    assert y.shape == (None, None, 4) and weights.shape[:2] == (None, 2)
    model = Model([query, value], layer(query, value))
    a, b = rng.standard_normal((2, 6, 4)).astype("float32"), rng.standard_normal((2, 3, 5)).astype("float32")
    np.testing.assert_allclose(model([a, b]), layer(a, b), rtol=1e-6)


def test_regularizers_reach_every_projection(rng):
    x = rng.standard_normal((2, 3, 4))
    layer = layers.MultiHeadAttention(
        2, 3, kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="max_norm"
    )
    layer(x, x)
    assert len(layer.losses) == 4 + 4
    assert sum(w.constraint is not None for w in layer.weights) == 4


def test_misfits():
    for arguments in ({"num_heads": 0}, {"key_dim": 0}, {"value_dim": 0}, {"sliding_window": 0}):
        with pytest.raises(ArgumentError, match=f"{next(iter(arguments))} to be a whole number above 0"):
            layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 2, **arguments})
    with pytest.raises(ArgumentError, match="attention_axes to be a whole number or several; received 'a'"):
        layers.MultiHeadAttention(2, 2, attention_axes="a")
    with pytest.raises(ArgumentError, match="num_key_value_heads to divide num_query_heads; received 3 and 4"):
        layers.GroupQueryAttention(2, 4, 3)


def test_the_query_mask_that_a_call_is_told(rng):
    """As in Keras: MultiHeadAttention looks at that which the query carries alone, GroupQueryAttention at both."""
    query, value, seen = (
        rng.standard_normal((2, 3, 4)),
        rng.standard_normal((2, 5, 4)),
        np.array([[1, 0, 1], [0, 0, 1]]),
    )
    layer = layers.MultiHeadAttention(2, 3)
    for options in ({}, SCORES):
        plain, masked = (layer(query, value, query_mask=m, **options) for m in (None, seen.astype(bool)))
        np.testing.assert_array_equal(*(y[0] if options else y for y in (plain, masked)))
    layer = layers.GroupQueryAttention(3, 4, 2)
    scores = layer(query, value, query_mask=seen.astype(bool), **SCORES)[1].numpy()
    assert np.all((scores.max((1, 3)) > 0) == seen)
