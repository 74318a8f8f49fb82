"""Losses between sequences whose places are not known: connectionist temporal classification."""

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ShapeError
from autonet.losses.base import LossFunctionWrapper
from autonet.ops.ctc import ctc_loss


def ctc(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Minus the log-probability of the labels, over all ways of placing them on the frames; `ops.ctc_loss`.

    Args:
        y_true: class numbers, shape (n, labels); class 0 is the blank, with which shorter rows are filled up.
        y_pred: logits, shape (n, frames, classes), without a softmax; all frames count.

    Returns: loss per sequence in nats, shape (n,).

    Raises: ShapeError if the shapes do not fit; DataError for labels that name no class.

    Source: Graves, Fernandez, Gomez, Schmidhuber, 2006, https://doi.org/10.1145/1143844.1143891

    >>> round(float(ctc([[1]], [[[0.0, 0.0], [0.0, 0.0]]])[0]), 4)
    0.2877
    """
    y_true, y_pred = convert_to_tensor(y_true), convert_to_tensor(y_pred)
    if y_true.ndim != 2 or y_pred.ndim != 3 or y_true.shape[0] != y_pred.shape[0]:
        raise ShapeError(
            f"ctc expects y_true of shape (n, labels) and y_pred of shape (n, frames, classes); received {y_true.shape} "
            f"and {y_pred.shape}. Fill shorter rows of labels up with 0, and reshape the logits."
        )
    if not dtypes.is_float(y_pred.dtype):
        y_pred = ops.cast(y_pred, dtypes.floatx())
    n, frames, _ = y_pred.shape
    return ctc_loss(y_true, y_pred, ops.count_nonzero(y_true, axis=1), ops.full((n,), frames, "int64"))


class CTC(LossFunctionWrapper):
    """Connectionist temporal classification, for labels in order but without places; see `ctc`.

        l = -log(sum of the probabilities of all paths over the frames that read as the labels)

    Shapes: y_true (n, labels), y_pred (n, frames, classes), loss (n,).

    >>> import numpy as np
    >>> round(float(CTC()(np.array([[1, 2]]), np.zeros((1, 4, 3)))), 4)
    1.6864
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Dtype = None):
        super().__init__(ctc, reduction, name, dtype)
