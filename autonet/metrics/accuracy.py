"""Metrics that count right answers, and the choice among them for the word "accuracy"."""

from typing import Any

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.losses.classification import class_numbers
from autonet.metrics.means import MeanMetricWrapper
from autonet.ops.labels import binary_labels, class_labels, one_hot_labels


def same_shape(who: str, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Both as Tensors of one shape: a last axis of length 1 that only one of them has is added to the other.

    Raises: ShapeError.
    """
    y_true, y_pred = convert_to_tensor(y_true), convert_to_tensor(y_pred)
    given = y_true.shape, y_pred.shape
    if (*y_true.shape, 1) == y_pred.shape:
        y_true = ops.expand_dims(y_true, -1)
    elif y_true.shape == (*y_pred.shape, 1):
        y_pred = ops.expand_dims(y_pred, -1)
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f"{who} expects y_true and y_pred of one shape; received y_true {given[0]}, y_pred {given[1]}. "
            "Class numbers beside one prediction per class go with the sparse_ variant; anything else needs a reshape."
        )
    return y_true, y_pred


def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where y_pred equals y_true, else 0, elementwise.

    >>> accuracy([1, 2, 3], [1, 2, 4]).tolist()
    [1.0, 1.0, 0.0]
    """
    y_true, y_pred = same_shape("accuracy", y_true, y_pred)
    if dtypes.is_float(y_true.dtype) != dtypes.is_float(y_pred.dtype):  # integers are not cast down to meet floats
        y_true, y_pred = ops.cast(y_true, "float64"), ops.cast(y_pred, "float64")
    return ops.cast(ops.equal(y_true, y_pred), dtypes.floatx())


def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """1 where y_pred is on the side of `threshold` that y_true (0 or 1) says, else 0, elementwise.

    Args:
        y_true: 0 or 1, shape (...,) or that of y_pred.
        y_pred: probabilities, any shape.
        threshold: a prediction above it means 1.

    Returns: shape of y_pred.

    Raises: ShapeError if the shapes differ; DataError for labels out of range.

    >>> binary_accuracy([1, 0, 1], [0.6, 0.6, 0.2]).tolist()
    [1.0, 0.0, 0.0]
    """
    y_true, y_pred = same_shape("binary_accuracy", y_true, y_pred)
    y_true = binary_labels(y_true, "binary_accuracy")
    answer = ops.cast(ops.greater(y_pred, threshold), y_true.dtype)
    return ops.cast(ops.equal(y_true, answer), dtypes.floatx())


def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where the largest prediction is at the place of the largest target, else 0.

    Args:
        y_true: one-hot labels or probabilities, shape (..., classes).
        y_pred: probabilities or logits, same shape.

    Returns: shape (...,).

    Raises: ShapeError if the shapes differ; DataError for labels out of range.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = same_shape("categorical_accuracy", y_true, y_pred)
    if not y_pred.ndim:
        raise ShapeError("categorical_accuracy expects y_pred of shape (..., classes); received a single number.")
    y_true = one_hot_labels(y_true, "categorical_accuracy")
    return ops.cast(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)), dtypes.floatx())


def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where the largest prediction is at the class number y_true, else 0.

    Args:
        y_true: class numbers, shape (...,) or (..., 1).
        y_pred: probabilities or logits, shape (..., classes).

    Returns: shape (...,).

    Raises: ShapeError if the shapes do not fit; DataError for labels that are no whole numbers, or too large.

    >>> sparse_categorical_accuracy([1, 1], [[0.2, 0.8], [0.7, 0.3]]).tolist()
    [1.0, 0.0]
    """
    y_pred = convert_to_tensor(y_pred)
    labels = _labels("sparse_categorical_accuracy", y_true, y_pred)
    return ops.cast(ops.equal(labels, ops.argmax(y_pred, axis=-1)), dtypes.floatx())


def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    """1 where the place of the largest target is among the `k` largest predictions, ties included, else 0.

    Shapes and errors are those of `categorical_accuracy`.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.1, 0.7, 0.2]], k=2).tolist()
    [1.0]
    """
    y_true, y_pred = same_shape("top_k_categorical_accuracy", y_true, y_pred)
    y_true = one_hot_labels(y_true, "top_k_categorical_accuracy")
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """1 where the class number y_true is among those of the `k` largest predictions, ties included, else 0.

    Args:
        y_true: class numbers, shape (...,) or (..., 1).
        y_pred: predictions, shape (..., classes); or, with `from_sorted_ids`, class numbers, the best first.
        k: how many count.
        from_sorted_ids: see y_pred.

    Returns: shape (...,).

    Raises: ShapeError if the shapes do not fit; DataError for labels that are no whole numbers, or too large.

    >>> sparse_top_k_categorical_accuracy([2], [[0.1, 0.7, 0.2]], k=2).tolist()
    [1.0]
    """
    if not k > 0:
        raise ArgumentError(f"sparse_top_k_categorical_accuracy expects k above 0; received {k!r}.")
    y_pred = convert_to_tensor(y_pred)
    if from_sorted_ids:
        labels = class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred.shape)
        hits = ops.any(ops.equal(ops.expand_dims(labels, -1), y_pred[..., :k]), axis=-1)
    else:
        labels = _labels("sparse_top_k_categorical_accuracy", y_true, y_pred)
        hits = ops.in_top_k(labels, y_pred, k=int(k))
    return ops.cast(hits, dtypes.floatx())


def _labels(who: str, y_true: Any, y_pred: Tensor) -> Tensor:
    """Class numbers for `y_pred`; one below 0 means no class, and is never hit."""
    if not y_pred.ndim:
        raise ShapeError(f"{who} expects y_pred of shape (..., classes); received a single number.")
    return class_labels(class_numbers(who, y_true, y_pred.shape), y_pred.shape[-1], who)


class Accuracy(MeanMetricWrapper):
    """Share of predictions that equal their targets, element by element; see `accuracy`.

        sum of w [y_true = y_pred] / sum of w

    Shapes: y_true and y_pred (...); sample_weight the same, or its first axes.

    >>> float(Accuracy()([1, 2, 3, 4], [1, 2, 3, 0]))
    0.75
    """

    def __init__(self, name: str | None = "accuracy", dtype: Dtype = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Share of predictions on the right side of `threshold`, element by element; see `binary_accuracy`.

        sum of w [y_true = [y_pred > threshold]] / sum of w

    Shapes: y_true (...,) or that of y_pred, which has any; sample_weight that shape or its first axes.

    >>> round(float(BinaryAccuracy()([[0.0], [1.0]], [[0.2], [0.7]])), 4)
    1.0
    """

    def __init__(self, name: str | None = "binary_accuracy", dtype: Dtype = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose largest prediction is at the one-hot label's place; see `categorical_accuracy`.

        sum of w [argmax y_true = argmax y_pred] / sum of w

    Shapes: y_true and y_pred (..., classes), sample_weight (...,).

    >>> round(float(CategoricalAccuracy()([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    1.0
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Dtype = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose largest prediction is at the class number; see `sparse_categorical_accuracy`.

        sum of w [y_true = argmax y_pred] / sum of w

    Shapes: y_true (...,) or (..., 1), y_pred (..., classes), sample_weight (...,).

    >>> round(float(SparseCategoricalAccuracy()([1, 2], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    1.0
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Dtype = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose one-hot label is among the k largest predictions; see `top_k_categorical_accuracy`.

        sum of w [argmax y_true in top_k(y_pred)] / sum of w

    Shapes: y_true and y_pred (..., classes), sample_weight (...,).

    >>> metric = TopKCategoricalAccuracy()
    >>> metric.update_state([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])
    >>> round(float(metric.result()), 4)
    1.0
    """

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Dtype = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose class is among the k largest predictions; see `sparse_top_k_categorical_accuracy`.

        sum of w [y_true in top_k(y_pred)] / sum of w

    Shapes: y_true (...,) or (..., 1), y_pred (..., classes), sample_weight (...,).

    >>> round(float(SparseTopKCategoricalAccuracy()([1, 2], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    1.0
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Dtype = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)


def kind_of_answer(y_true: Any, y_pred: Any) -> str:
    """What a model answers, judged by shapes: "binary", "sparse" (class numbers) or "categorical" (one-hot labels).

    One number per sample is binary; targets without the axis of classes, or with a single one there, are class numbers.

    >>> kind_of_answer(ops.zeros((8,)), ops.zeros((8, 10)))
    'sparse'
    """
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(pred) < 2 or pred[-1] == 1:
        return "binary"
    return "sparse" if len(true) < len(pred) or true[-1] == 1 else "categorical"
