"""Embedding: rows of a matrix, their gradients, and masks. What Keras gives is compared in test_recurrent.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Model, Sequential, layers, ops
from autonet.compiler import jit
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError


@given(seed=st.integers(0, 2**32 - 1))
def test_a_row_gets_the_sum_of_its_gradients(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (3, 5))
    layer = layers.Embedding(6, 2, dtype="float64")
    g = rng.standard_normal((3, 5, 2))
    ops.sum(layer(x) * g).backward()
    expected = np.zeros((6, 2))
    np.add.at(expected, x, g)
    np.testing.assert_allclose(layer.embeddings.grad, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64", "bool"])
def test_any_dtype_counts_rows(dtype):
    layer = layers.Embedding(3, 2)
    y = layer(np.array([[1, 0]], dtype))
    np.testing.assert_array_equal(y[0], layer.embeddings[np.array([1, 0])])
    assert y.dtype == "float32"


def test_large_numbers_as_floats():
    """Not rounded to the layer's dtype on the way."""
    weights = np.zeros((2**11 + 2, 1))
    weights[2**11 + 1] = 1
    layer = layers.Embedding(2**11 + 2, 1, weights=weights, dtype="float16")
    assert layer(np.array([2.0**11 + 1])).tolist() == [[1.0]]


def test_masks():
    x = np.array([[3, 0, 1]])
    masked, plain = layers.Embedding(4, 2, mask_zero=True), layers.Embedding(4, 2)
    np.testing.assert_array_equal(masked(x)._mask, [[True, False, True]])
    assert getattr(plain(x), "_mask", None) is None
    assert plain.compute_mask(Tensor(x)) is None
    assert masked.supports_masking and not plain.supports_masking


def test_padded_sentences_give_what_short_ones_give(rng):
    """A mask travels from the words to the verdict."""
    x = rng.integers(1, 9, (4, 6))
    words = [layers.Input((None,), dtype="int32"), layers.Embedding(9, 3, mask_zero=True)]
    model = Sequential([*words, layers.LSTM(4, return_sequences=True), layers.GRU(3), layers.Dense(1)])
    short = model(x[:, :4])
    padded = np.concatenate([x[:, :4], np.zeros((4, 2), int)], axis=1)
    np.testing.assert_allclose(model(padded), short, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("native", [False, "auto"])
def test_in_a_captured_step(native, rng):
    model = Sequential([layers.Embedding(50, 4), layers.Flatten(), layers.Dense(1)])
    x = [rng.integers(-50, 50, (3, 7)) for _ in range(3)]
    model(x[0])
    f = jit(lambda x: model(x), native=native)
    for some in x:
        np.testing.assert_allclose(f(some), model(some), rtol=1e-5, atol=1e-6)
    with pytest.raises((ShapeError, IndexError), match="out of bounds"):
        f(np.full((3, 7), 50))


def test_first_weights():
    weights = np.arange(6.0).reshape(3, 2)
    for given_weights in (weights, [weights]):
        assert layers.Embedding(3, 2, weights=given_weights)(np.array([2])).tolist() == [[4.0, 5.0]]


@pytest.mark.parametrize(
    "call, error, advice",
    [
        (lambda: layers.Embedding(0, 3), ArgumentError, "above 0"),
        (lambda: layers.Embedding(3, 2.5), ArgumentError, "above 0"),
        (lambda: layers.Embedding(3, 2, quantization_config="int8"), ArgumentError, "leave quantization_config None"),
        (lambda: layers.Embedding(3, 2, weights=np.ones((2, 2))), ShapeError, "has shape"),
        (lambda: layers.Embedding(3, 2)(np.array([3])), ShapeError, "out of bounds"),
    ],
)
def test_errors_give_advice(call, error, advice):
    with pytest.raises(error, match=advice):
        call()


# There and back


@pytest.mark.parametrize("config", [{}, {"tie_weights": False}, {"logit_soft_cap": 2.0}, {"reverse_dtype": "float64"}])
def test_reversible(config, rng):
    layer = layers.ReversibleEmbedding(5, 3, **config)
    words = layer(np.array([[1, 2, 0]]))
    scores = layer(words, reverse=True)
    matrix = layer.embeddings.numpy().T if config.get("tie_weights", True) else layer.reverse_embeddings.numpy()
    expected = np.asarray(words) @ matrix
    if "logit_soft_cap" in config:
        expected = 2 * np.tanh(expected / 2)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-7)
    assert scores.dtype == config.get("reverse_dtype", "float32")
    assert layers.ReversibleEmbedding.from_config(layer.get_config()).get_config() == layer.get_config()


def test_reversible_in_a_functional_model(rng):
    """One layer at both ends: its matrix is trained from both."""
    ids = layers.Input((None,), dtype="int32")
    layer = layers.ReversibleEmbedding(7, 4, mask_zero=True)
    scores = layer(layers.Dense(4)(layer(ids)), reverse=True)
    assert scores.shape == (None, None, 7)
    model = Model(ids, scores)
    assert len(model.trainable_weights) == 3
    x = rng.integers(1, 7, (2, 5))
    np.testing.assert_allclose(model(x), layer(model.layers[2](layer(x)), reverse=True), rtol=1e-6)
