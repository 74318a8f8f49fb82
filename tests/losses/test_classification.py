"""Classification losses: what is theirs alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, losses
from autonet.activations import sigmoid, softmax
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, ShapeError

seeds = st.integers(0, 2**32 - 1)
EYE = np.eye(3)
PROBABILITIES = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])


@given(seed=seeds, smoothing=st.sampled_from([0.0, 0.2]))
def test_class_numbers_and_one_hot_labels_agree(seed, smoothing):
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(0, 4, (3, 2)), rng.normal(size=(3, 2, 4))
    one_hot = np.eye(4)[labels]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log(np.take_along_axis(p, labels[..., None], -1))[..., 0]
    for found in (
        losses.sparse_categorical_crossentropy(labels, p),
        losses.sparse_categorical_crossentropy(labels, logits, from_logits=True),
        losses.sparse_categorical_crossentropy(labels[..., None], p),
        losses.sparse_categorical_crossentropy(labels.astype("float32"), p),
        losses.sparse_categorical_crossentropy(labels, np.moveaxis(p, -1, 1), axis=1),
        losses.sparse_categorical_crossentropy(labels, np.moveaxis(logits, -1, 0), from_logits=True, axis=0),
        losses.categorical_crossentropy(one_hot, p),
        losses.categorical_crossentropy(one_hot, 3 * p),
        losses.categorical_crossentropy(one_hot, logits, from_logits=True),
        losses.categorical_crossentropy(np.moveaxis(one_hot, -1, 1), np.moveaxis(p, -1, 1), axis=1),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    smooth = one_hot * (1 - smoothing) + smoothing / 4
    np.testing.assert_allclose(
        losses.categorical_crossentropy(one_hot, p, label_smoothing=smoothing), -(smooth * np.log(p)).sum(-1), rtol=1e-6
    )


@given(seed=seeds, smoothing=st.sampled_from([0.0, 0.2]))
def test_binary_from_probabilities_and_logits(seed, smoothing):
    rng = np.random.default_rng(seed)
    y, x = rng.integers(0, 2, (3, 2)), rng.normal(size=(3, 2))
    p = 1 / (1 + np.exp(-x))
    t = y * (1 - smoothing) + smoothing / 2
    expected = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)
    for found in (
        losses.binary_crossentropy(y, p, label_smoothing=smoothing),
        losses.binary_crossentropy(y, x, from_logits=True, label_smoothing=smoothing),
        losses.binary_crossentropy(y, sigmoid(x), label_smoothing=smoothing),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "activation", "y_true"),
    [
        (losses.categorical_crossentropy, softmax, EYE[[1]]),
        (losses.sparse_categorical_crossentropy, softmax, np.array([1])),
        (losses.categorical_focal_crossentropy, softmax, EYE[[1]]),
        (losses.binary_crossentropy, sigmoid, np.array([[0, 1, 1]])),
        (losses.binary_focal_crossentropy, sigmoid, np.array([[0, 1, 1]])),
    ],
)
def test_logits_that_predictions_carry_are_used(function, activation, y_true):
    """Where softmax has rounded to 0 and 1, loss and slope are still those of the logits."""
    x = np.array([[120.0, -80.0, 10.0]], "float32")
    exact = function(y_true, x, from_logits=True).item()
    assert function(y_true, activation(x)).item() == exact > 20
    slope = gradients.grad(lambda x: function(y_true, activation(x))[0])(x).numpy()
    np.testing.assert_allclose(slope, gradients.grad(lambda x: function(y_true, x, from_logits=True)[0])(x), rtol=1e-6)
    assert np.abs(slope).max() > 0.05


def test_logits_of_another_activation_or_axis_are_not_used():
    x = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, -1.0]])
    plain = lambda y: Tensor(y.numpy())
    one_hot = EYE[[1, 0]]
    for function, y in (
        (losses.categorical_crossentropy, sigmoid(x)),
        (losses.binary_crossentropy, softmax(x)),
        (losses.categorical_crossentropy, softmax(x, axis=0)),
    ):
        np.testing.assert_allclose(function(one_hot, y), function(one_hot, plain(y)), rtol=1e-6)
    expected = losses.categorical_crossentropy(one_hot, x, from_logits=True)
    np.testing.assert_allclose(losses.categorical_crossentropy(one_hot, softmax(x, axis=1)), expected, rtol=1e-6)


def test_carried_logits_survive_the_loss_class():
    """Its casts, and the axis that it adds to samples of one number."""
    x = np.array([30.0, -40.0])
    expected = losses.binary_crossentropy([[0.0], [0.0]], x[:, None], from_logits=True).numpy()
    for dtype in ("float16", "float32", "float64"):
        loss = losses.BinaryCrossentropy(reduction="none", dtype="float32")
        np.testing.assert_allclose(loss([0, 0], sigmoid(x.astype(dtype)), [1.0, 1.0]), expected, rtol=1e-6)
        np.testing.assert_allclose(loss([[0], [0]], sigmoid(x.astype(dtype))), expected, rtol=1e-6)


def test_ignored_class():
    """Its loss is 0, means leave it out, weights too; any number may mean 'none'."""
    y = np.array([2, -1])
    expected = -np.log([0.7])
    per_sample = losses.sparse_categorical_crossentropy(y, PROBABILITIES, ignore_class=-1)
    np.testing.assert_allclose(per_sample, [expected[0], 0], rtol=1e-6)
    for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"):
        loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction=reduction)
        assert loss(y, PROBABILITIES).item() == pytest.approx(expected[0])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255, reduction="mean_with_sample_weight")
    assert loss(y.astype("uint8"), PROBABILITIES, [3.0, 5.0]).item() == pytest.approx(expected[0])
    assert losses.SparseCategoricalCrossentropy(ignore_class=-1)(y[1:], PROBABILITIES[1:]).item() == 0


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "float32", "bool"])
def test_labels_of_any_dtype(dtype):
    y = np.array([1, 0]).astype(dtype)
    expected = -np.log([0.2, 0.6])
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(y, PROBABILITIES), expected)
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(y, PROBABILITIES, ignore_class=-1), expected)


@pytest.mark.parametrize("wrong", [[3, 0], [0, -1], [1.5, 0.0]])
def test_labels_out_of_range_are_refused(wrong):
    for loss in (losses.SparseCategoricalCrossentropy(), losses.SparseCategoricalCrossentropy(ignore_class=7)):
        for from_logits in (PROBABILITIES, softmax(PROBABILITIES)):
            with pytest.raises(DataError, match="[Cc]lass numbers"):
                loss(np.array(wrong), from_logits)


def test_refusals_say_what_to_do():
    with pytest.raises(ShapeError, match="variant without sparse_"):
        losses.sparse_categorical_crossentropy(EYE[:2], PROBABILITIES)
    with pytest.raises(ShapeError, match="sparse_ variant"):
        losses.categorical_crossentropy([0, 1], PROBABILITIES)
    for function, y in ((losses.categorical_crossentropy, [[1.0]]), (losses.sparse_categorical_crossentropy, [0])):
        with pytest.raises(ShapeError, match="binary_crossentropy"):
            function(y, [[0.7]])
    with pytest.raises(ArgumentError, match="from 0"):
        losses.categorical_crossentropy(EYE[:2], PROBABILITIES, label_smoothing=1.5)
    with pytest.raises(ArgumentError, match="axis"):
        losses.categorical_crossentropy(EYE[:2], PROBABILITIES, axis=2)


@given(seed=seeds)
def test_hinges_take_zero_and_one_as_signs(seed):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, (3, 4)), rng.normal(size=(3, 4))
    for function, power in ((losses.hinge, 1), (losses.squared_hinge, 2)):
        expected = (np.maximum(1 - (2 * y - 1) * p, 0) ** power).mean(-1)
        np.testing.assert_allclose(function(y, p), expected)
        np.testing.assert_allclose(function(2 * y - 1, p), expected)


@given(seed=seeds)
def test_divergence_is_cross_entropy_less_entropy(seed):
    rng = np.random.default_rng(seed)
    q, p = (rng.dirichlet(np.ones(4), 3) * 0.9 + 0.025 for _ in range(2))
    entropy = losses.categorical_crossentropy(q, q).numpy()
    cross = losses.categorical_crossentropy(q, p).numpy()
    np.testing.assert_allclose(losses.kl_divergence(q, p), cross - entropy, atol=1e-6)


def test_focal_without_focus_is_the_plain_loss():
    y, p = np.array([[0.0, 1.0, 1.0]]), np.array([[0.2, 0.5, 0.9]])
    plain = losses.binary_crossentropy(y, p).item()
    assert losses.binary_focal_crossentropy(y, p, gamma=0.0).item() == pytest.approx(plain)
    plain = losses.categorical_crossentropy(EYE[:1], p).item()
    assert losses.categorical_focal_crossentropy(EYE[:1], p, alpha=1.0, gamma=0.0).item() == pytest.approx(plain)
