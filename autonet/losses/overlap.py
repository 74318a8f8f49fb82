"""Losses between regions: how little what is predicted overlaps with what is there."""

from typing import Any

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Axis, Dtype, TensorLike
from autonet.core import Tensor
from autonet.losses.base import LossFunctionWrapper
from autonet.losses.regression import paired
from autonet.ops.half_precision import accumulates
from autonet.ops.labels import binary_labels


@accumulates(like="y_pred")
def dice(y_true: TensorLike, y_pred: TensorLike, axis: Axis = None) -> Tensor:
    """One minus the Dice coefficient: twice the overlap over the sum of both sizes.

        loss = 1 - 2 (sum of y_true y_pred) / (sum of y_true + sum of y_pred)

    Args:
        y_true: 1 inside the region and 0 outside, any shape.
        y_pred: probabilities of being inside, same shape.
        axis: the axis, or tuple of axes, that makes up one region; None takes the whole batch as a single one.

    Returns: one loss for each place of the other axes, from 0 to 1; 1 where both regions are empty, as in Keras.

    Raises: ShapeError if the shapes differ.

    Source: Milletari, Navab, Ahmadi, 2016, https://arxiv.org/abs/1606.04797

    >>> float(dice([1.0, 1.0, 0.0], [1.0, 0.0, 0.0], axis=-1))
    0.3333333134651184
    """
    y_true, y_pred = paired("dice", y_true, y_pred)
    y_true = binary_labels(y_true, "dice")
    axis = as_axes(axis)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    sizes = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (sizes + dtypes.epsilon())


@accumulates(like="y_pred")
def tversky(y_true: TensorLike, y_pred: TensorLike, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Tensor:
    """`dice` with weights of its own for both kinds of error; alpha = beta = 0.5 gives `dice`.

        TP = sum of y_true y_pred,  FP = sum of (1 - y_true) y_pred,  FN = sum of y_true (1 - y_pred)
        loss = 1 - TP / (TP + alpha FN + beta FP)

    Args:
        y_true: 1 inside the region and 0 outside, any shape.
        y_pred: probabilities of being inside, same shape.
        alpha: how much false negatives, what was missed, count. (Keras's text has them the other way round.)
        beta: how much false positives count.
        axis: as in `dice`.

    Returns and raises: as `dice`.

    Source: Salehi, Erdogmus, Gholipour, 2017, https://arxiv.org/abs/1706.05721

    >>> float(tversky([1.0, 1.0, 0.0], [1.0, 0.0, 0.0], alpha=0.5, beta=0.0, axis=-1))
    0.3333333730697632
    """
    y_true, y_pred = paired("tversky", y_true, y_pred)
    y_true = binary_labels(y_true, "tversky")
    axis = as_axes(axis)
    tp = ops.sum(y_true * y_pred, axis=axis)
    fp = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    fn = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    return 1.0 - tp / (tp + alpha * fn + beta * fp + dtypes.epsilon())


def as_axes(axis: Any) -> Any:
    """An axis, or a tuple of axes where a list was given."""
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


class Dice(LossFunctionWrapper):
    """One minus the Dice coefficient of both regions; see `dice`.

        l = 1 - 2 (sum of y_true y_pred) / (sum of y_true + sum of y_pred)

    Sample weights and masks need regions of single samples: give the axes of one, such as axis=(1, 2, 3) for images.

    Shapes: y_true and y_pred of any shape; one loss for each place of the axes that `axis` leaves.

    >>> round(float(Dice()([[0.0], [1.0]], [[0.2], [0.7]])), 4)
    0.2632
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axis = None,
        dtype: Dtype = None,
    ):
        super().__init__(dice, reduction, name, dtype, axis=as_axes(axis))


class Tversky(LossFunctionWrapper):
    """`Dice` with weights of its own for false positives and false negatives; see `tversky`.

        TP = sum of y_true y_pred,  FP = sum of (1 - y_true) y_pred,  FN = sum of y_true (1 - y_pred)
        l  = 1 - TP / (TP + alpha FN + beta FP)

    Shapes: y_true and y_pred of any shape; one loss for each place of the axes that `axis` leaves.

    >>> round(float(Tversky()([[0.0], [1.0]], [[0.2], [0.7]])), 4)
    0.2632
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axis = None,
        dtype: Dtype = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=as_axes(axis))
