"""Intersection over union: how well predicted regions cover the true ones, from a confusion matrix.

Counts are kept in float64, so that none is lost.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor, no_grad
from autonet.core.primitive import primitive
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.losses.base import both, ratio, spread
from autonet.metrics.base import TOTALS, Metric
from autonet.variable import Variable


@primitive(keep=("y_true", "y_pred", "weight"))
def confusion_matrix(y_true, y_pred, weight, *, classes):
    """Sum of the weights of the samples of each true class (row) and predicted class (column)."""
    places = []
    for what, x in (("true", y_true), ("predicted", y_pred)):
        at = x.reshape(-1)
        whole = at.astype(np.int64)
        if at.dtype.kind == "f" and not np.array_equal(whole, at):
            raise DataError(f"A confusion matrix is made of class numbers; some of the {what} ones are not whole.")
        if at.size and (whole.min() < 0 or whole.max() >= classes):
            raise DataError(
                f"A confusion matrix of {classes} classes takes class numbers from 0 to {classes - 1}; the {what} ones "
                f"lie between {whole.min()} and {whole.max()}. Give num_classes, or ignore_class for one that is none."
            )
        places.append(whole)
    counts = np.bincount(places[0] * classes + places[1], weight.reshape(-1), classes * classes)
    return counts.reshape(classes, classes)


confusion_matrix.vjp(y_true=None, y_pred=None, weight=None)


class IoU(Metric):
    """Mean over some classes of the part that truth and prediction share of all that either covers.

        IoU of a class = true positives / (true positives + false positives + false negatives)

    Classes that neither truth nor prediction has are left out of the mean.

    Shapes: y_true and y_pred of one shape, any, and an axis of classes more where not sparse.

    Args:
        num_classes: how many classes there are.
        target_class_ids: the classes of the mean.
        ignore_class: a label that means none, such as -1 or 255: such samples do not count.
        sparse_y_true: whether y_true holds class numbers; otherwise the largest along `axis` says the class.
        sparse_y_pred: the same for y_pred.
        axis: where the classes are, if not sparse.

    Differs from Keras in that fractions of sample weights count with every dtype, and labels out of range are refused.

    >>> float(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]))
    0.3333333432674408
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Dtype = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        if isinstance(dtype, str) and not dtypes.is_float(dtype):
            dtype = None  # Keras's configurations say int32, which its results are not
        super().__init__(dtype=dtype, name=name)
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        wrong = [i for i in self.target_class_ids if not 0 <= i < num_classes]
        if wrong or not self.target_class_ids:
            raise ArgumentError(
                f"{self.name} expects target_class_ids from 0 to {num_classes - 1}, at least one; "
                f"received {self.target_class_ids}."
            )
        self.total_confusion_matrix = self.add_variable(
            (num_classes, num_classes), "zeros", TOTALS, name="total_confusion_matrix"
        )

    @property
    def total_cm(self) -> Variable:
        """The confusion matrix of all batches: sums of weights, true classes as rows."""
        return self.total_confusion_matrix

    @no_grad()
    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        y_pred = convert_to_tensor(y_pred)
        mask = getattr(y_pred, "_mask", None)
        y_true, y_pred = self._classes(convert_to_tensor(y_true), y_pred)
        if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        elif y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
            y_pred = ops.squeeze(y_pred, -1)
        if y_true.shape != y_pred.shape:
            raise ShapeError(
                f"{self.name} expects a predicted class for each true one; received classes of shapes {y_true.shape} "
                f"and {y_pred.shape}. For scores or one-hot rows set sparse_y_pred or sparse_y_true to False."
            )
        weight: Any = ops.ones(y_true.shape, TOTALS)
        if sample_weight is not None:
            given = ops.cast(spread(sample_weight, y_true.shape, f"{self.name}: sample_weight"), TOTALS)
            weight = ops.broadcast_to(given, y_true.shape)
        counted = both(mask, None, y_true)
        if self.ignore_class is not None:
            counted = both(counted, ops.not_equal(y_true, self.ignore_class), y_true)
        if counted is not None:
            weight = ops.where(counted, weight, 0.0)
            y_true = ops.where(counted, y_true, 0)
        matrix = confusion_matrix(y_true, y_pred, weight, classes=self.num_classes)
        self.total_confusion_matrix.assign_add(matrix)

    def _classes(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Targets and predictions as class numbers."""
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        return y_true, y_pred

    def result(self) -> Tensor:
        matrix = self.total_confusion_matrix.value
        hits = ops.diagonal(matrix)
        covered = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - hits
        hits, covered = (ops.take(x, self.target_class_ids) for x in (hits, covered))
        present = ops.cast(ops.greater(covered, 0), TOTALS)
        return ops.cast(ratio(ops.sum(ratio(hits, covered)), ops.sum(present)), self.dtype)

    def get_config(self) -> dict[str, Any]:
        names = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class BinaryIoU(IoU):
    """`IoU` of yes-or-no questions: class 1 where the prediction is at least the threshold, else class 0.

        IoU = TP / (TP + FP + FN)

    Shapes: y_true and y_pred (...); sample_weight the same, or its first axes.

    Args:
        target_class_ids: the classes of the mean: (0,), (1,) or both.
        threshold: from where on a prediction says yes.

    >>> float(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]))
    0.3333333432674408
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Dtype = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def _classes(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        return y_true, ops.cast(ops.greater_equal(y_pred, self.threshold), "int32")

    def get_config(self) -> dict[str, Any]:
        config = Metric.get_config(self)
        return {**config, "target_class_ids": self.target_class_ids, "threshold": self.threshold}


class MeanIoU(IoU):
    """Mean of the `IoU` of all classes, whose other arguments it takes.

        mean over classes of TP / (TP + FP + FN)

    Shapes: as for `IoU`.

    >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1], [0.3, 0.3, 0.3, 0.1])), 4)
    0.2381
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Dtype = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "target_class_ids")


class OneHotIoU(IoU):
    """`IoU` for one-hot targets, shape (..., classes); predictions are scores, or class numbers if `sparse_y_pred`.

        mean over target_class_ids of TP / (TP + FP + FN)

    >>> float(OneHotIoU(num_classes=2, target_class_ids=[1])([[1, 0], [0, 1]], [[0.4, 0.6], [0.2, 0.8]]))
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Dtype = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets, shape (..., classes); predictions are scores, or class numbers if `sparse_y_pred`.

        mean over classes of TP / (TP + FP + FN)

    >>> float(OneHotMeanIoU(num_classes=2)([[1, 0], [0, 1]], [[0.4, 0.6], [0.2, 0.8]]))
    0.25
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Dtype = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _without(super().get_config(), "sparse_y_true")


def _without(config: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in config.items() if k != name}
