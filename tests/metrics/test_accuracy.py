"""Accuracies, and the choice by shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import losses, metrics, ops
from autonet.errors import ArgumentError, ShapeError

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, k=st.integers(1, 5))
def test_class_numbers_and_one_hot_labels_agree(seed, k):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 4, (3, 2)), rng.normal(size=(3, 2, 4))
    hit = (p.argmax(-1) == y).astype(float)
    top = (np.argsort(-p, -1)[..., :k] == y[..., None]).any(-1).astype(float)
    one_hot = np.eye(4)[y]
    for labels in (y, y[..., None], y.astype("float32"), y.astype("uint8")):
        assert metrics.sparse_categorical_accuracy(labels, p).numpy().tolist() == hit.tolist()
        assert metrics.sparse_top_k_categorical_accuracy(labels, p, k).numpy().tolist() == top.tolist()
        ids = np.argsort(-p, -1)
        assert metrics.sparse_top_k_categorical_accuracy(labels, ids, k, True).numpy().tolist() == top.tolist()
    assert metrics.categorical_accuracy(one_hot, p).numpy().tolist() == hit.tolist()
    assert metrics.top_k_categorical_accuracy(one_hot, p, k).numpy().tolist() == top.tolist()


def test_ties_and_nans():
    """Of equal predictions all are in the top; nan never is."""
    assert metrics.sparse_top_k_categorical_accuracy([0, 1, 2], [[0.5, 0.5, 0.5]] * 3, k=1).tolist() == [1, 1, 1]
    p = [[0.5, float("nan"), 0.5]] * 3
    assert metrics.sparse_top_k_categorical_accuracy([0, 1, 2], p, k=1).tolist() == [1, 0, 1]
    assert metrics.sparse_top_k_categorical_accuracy([-1], [[0.5, 0.5]], k=2).tolist() == [0]  # no class
    with pytest.raises(ArgumentError, match="above 0"):
        metrics.sparse_top_k_categorical_accuracy([0], [[0.5, 0.5]], k=0)


def test_integers_are_not_cast_down():
    """Numbers that float32 cannot tell apart are different."""
    a, b = 2**24, 2**24 + 1
    assert metrics.Accuracy()([a], [b]).item() == 0
    assert metrics.Accuracy()(np.array([b]), np.array([a], "float32")).item() == 0
    y_pred = np.zeros((1, b + 1), "int8")
    y_pred[0, a] = 1
    assert metrics.sparse_categorical_accuracy([b], y_pred).tolist() == [0]
    assert metrics.sparse_categorical_accuracy([a], y_pred).tolist() == [1]


def test_shapes_of_binary_accuracy():
    for y, p in (((3,), (3, 1)), ((3, 1), (3,)), ((3, 2), (3, 2)), ((3,), (3,)), ((3, 2), (3, 2, 1))):
        shape = y if len(y) > len(p) else p
        assert metrics.binary_accuracy(np.ones(y), np.ones(p)).shape == shape
    assert metrics.binary_accuracy([True, False], [0.6, 0.6]).tolist() == [1, 0]
    assert metrics.binary_accuracy([1, 0], [0.5, 0.5]).tolist() == [0, 1]


def test_mismatches_are_refused():
    for metric in (metrics.BinaryAccuracy(), metrics.Accuracy(), metrics.CategoricalAccuracy()):
        with pytest.raises(ShapeError, match=r"\(4,\), y_pred \(4, 3\).*sparse_"):
            metric.update_state(np.zeros(4), np.zeros((4, 3)))
    for metric in (metrics.SparseCategoricalAccuracy(), metrics.SparseTopKCategoricalAccuracy()):
        with pytest.raises(ShapeError, match="variant without sparse_"):
            metric.update_state(np.zeros((4, 3)), np.zeros((4, 3)))
    for function in (metrics.categorical_accuracy, metrics.sparse_categorical_accuracy):
        with pytest.raises(ShapeError, match="single number"):
            function(1.0, 1.0)


@pytest.mark.parametrize(
    ("true", "pred", "kind"),
    [
        ((8,), (8, 1), "Binary"),
        ((8, 1), (8, 1), "Binary"),
        ((8,), (8,), "Binary"),
        ((8, 5), (8, 5, 1), "Binary"),
        ((8,), (8, 10), "SparseCategorical"),
        ((8, 1), (8, 10), "SparseCategorical"),
        ((8, 5), (8, 5, 10), "SparseCategorical"),
        ((8, 10), (8, 10), "Categorical"),
        ((8, 5, 10), (8, 5, 10), "Categorical"),
    ],
)
def test_words_that_leave_the_choice_to_the_shapes(true, pred, kind):
    for word in ("accuracy", "acc"):
        metric = metrics.resolve(word, np.zeros(true), ops.zeros(pred))
        assert (type(metric).__name__, metric.name) == (kind + "Accuracy", word)
    for word in ("crossentropy", "ce"):
        metric = metrics.resolve(word, np.zeros(true), ops.zeros(pred))
        assert (type(metric).__name__, metric.name) == (kind + "Crossentropy", word)


def test_resolve():
    """A metric found by a word is named by it; a function by its own name; a metric stays itself."""
    y = np.zeros((4, 1))
    for word in ("mse", "MAE", "AUC", "RootMeanSquaredError", "huber", "binary_accuracy"):
        metric = metrics.resolve(word, y, y)
        assert isinstance(metric, metrics.Metric)
        assert metric.name == word
    assert metrics.resolve(losses.hinge, y, y).name == "hinge"
    own = metrics.AUC()
    assert metrics.resolve(own, y, y) is own
    assert metrics.resolve(None, y, y) is None
    assert isinstance(metrics.resolve({"class_name": "AUC", "config": {"curve": "PR"}}, y, y), metrics.AUC)


def test_get():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("rmse"), metrics.RootMeanSquaredError)
    assert isinstance(metrics.get("top_k_categorical_accuracy"), metrics.TopKCategoricalAccuracy)
    assert isinstance(metrics.deserialize("mse"), metrics.MeanSquaredError)
    assert metrics.get(losses.hinge) is losses.hinge
    assert metrics.get(None) is None
    with pytest.raises(ArgumentError, match="'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(ArgumentError):
        metrics.get(3)
