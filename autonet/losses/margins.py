"""Losses of margins: scores are to lead by 1, and what leads further costs nothing."""

from autonet import ops
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor
from autonet.losses.base import LossFunctionWrapper
from autonet.losses.regression import paired
from autonet.ops.half_precision import accumulates
from autonet.ops.labels import one_hot_labels, signed_labels


def _signed(y_true: Tensor) -> Tensor:
    """Labels 0 and 1 as -1 and 1, if all of them are 0 or 1."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


@accumulates(like="y_pred")
def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """How far predictions are from the right side of a margin: mean of max(1 - y_true y_pred, 0).

    Args:
        y_true: -1 or 1, shape (..., d); labels that are all 0 or 1 are taken as -1 and 1.
        y_pred: numbers whose sign is the answer, same shape.

    Returns: loss per sample, shape (...,).

    Raises: ShapeError if the shapes differ; DataError for labels, or probabilities, out of range.

    >>> float(hinge([-1.0, 1.0], [0.5, 3.0]))
    0.75
    """
    y_true, y_pred = paired("hinge", y_true, y_pred)
    y_true = signed_labels(y_true, "hinge")
    return ops.mean(ops.maximum(1.0 - _signed(y_true) * y_pred, 0.0), axis=-1)


@accumulates(like="y_pred")
def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Mean of max(1 - y_true y_pred, 0)^2. Arguments, result and errors are those of `hinge`.

    >>> float(squared_hinge([-1.0, 1.0], [0.5, 3.0]))
    1.125
    """
    y_true, y_pred = paired("squared_hinge", y_true, y_pred)
    y_true = signed_labels(y_true, "squared_hinge")
    return ops.mean(ops.square(ops.maximum(1.0 - _signed(y_true) * y_pred, 0.0)), axis=-1)


@accumulates(like="y_pred")
def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """How far the true class is from leading all others by 1.

        loss = max(neg - pos + 1, 0),  pos = sum of y_true y_pred,  neg = max of (1 - y_true) y_pred

    Args:
        y_true: one-hot labels, shape (..., classes).
        y_pred: scores, same shape.

    Returns: loss per sample, shape (...,).

    Raises: ShapeError if the shapes differ; DataError for labels, or probabilities, out of range.

    >>> float(categorical_hinge([0.0, 1.0, 0.0], [0.5, 1.0, 0.0]))
    0.5
    """
    y_true, y_pred = paired("categorical_hinge", y_true, y_pred)
    y_true = one_hot_labels(y_true, "categorical_hinge")
    pos = ops.sum(y_true * y_pred, axis=-1)
    neg = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(neg - pos + 1.0, 0.0)


class Hinge(LossFunctionWrapper):
    """Mean of max(1 - y_true y_pred, 0); see `hinge`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(Hinge()([[-1.0], [1.0]], [[0.3], [0.6]])), 4)
    0.85
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Dtype = None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """Mean of max(1 - y_true y_pred, 0)^2; see `squared_hinge`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(SquaredHinge()([[-1.0], [1.0]], [[0.3], [0.6]])), 4)
    0.925
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "squared_hinge", dtype: Dtype = None
    ):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """How far the true class is from leading all others by 1; see `categorical_hinge`.

        l = max(neg - pos + 1, 0),  pos = sum of y_true y_pred,  neg = max of (1 - y_true) y_pred

    Shapes: y_true and y_pred (..., classes), loss (...,).

    >>> round(float(CategoricalHinge()([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    0.55
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "categorical_hinge", dtype: Dtype = None
    ):
        super().__init__(categorical_hinge, reduction, name, dtype)
