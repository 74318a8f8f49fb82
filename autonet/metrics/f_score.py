"""F scores: precision and recall of each class, in one number."""

from typing import Any

from autonet import ops
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, no_grad
from autonet.errors import ArgumentError, ShapeError
from autonet.losses.base import ratio, spread
from autonet.metrics.accuracy import same_shape
from autonet.metrics.base import TOTALS, Metric
from autonet.ops.labels import one_hot_labels


class FBetaScore(Metric):
    """Weighted harmonic mean of precision and recall, for each class or over all.

        F = (1 + beta^2) TP / ((1 + beta^2) TP + beta^2 FN + FP)

    Args:
        average: None for one score per class; "micro" counts all classes together; "macro" is the mean over classes,
            "weighted" the same with each class weighted by its number of ones.
        beta: above 1 recall counts more, below 1 precision.
        threshold: predictions above it say yes; None lets the largest of each sample say yes.

    Shapes: y_true and y_pred (n, classes), sample_weight (n,) or (n, 1).

    >>> metric = FBetaScore(beta=2.0)
    >>> metric.update_state([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    >>> [round(x, 4) for x in metric.result().tolist()]
    [0.8333, 0.5556]
    """

    parts = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Dtype = None,
    ):
        super().__init__(dtype=dtype, name=name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ArgumentError(
                f"{self.name} expects average None, 'micro', 'macro' or 'weighted'; received {average!r}."
            )
        if not isinstance(beta, float) or beta <= 0:
            raise ArgumentError(f"{self.name} expects beta, a float above 0; received {beta!r}.")
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ArgumentError(
                f"{self.name} expects threshold, a float above 0 and up to 1, or None; received {threshold!r}."
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.totals: list[Any] = []

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """Make the counts, one of each for every class; the first batch does it."""
        if len(y_true_shape) != 2 or len(y_pred_shape) != 2:
            raise ShapeError(
                f"{self.name} expects y_true and y_pred of shape (n, classes); received {tuple(y_true_shape)} and "
                f"{tuple(y_pred_shape)}. One-hot encode class numbers with utils.to_categorical."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        self.totals = [self.add_variable(shape, "zeros", TOTALS, name=part) for part in self.parts]

    @no_grad()
    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        y_true, y_pred = same_shape(self.name, y_true, y_pred)
        y_true = one_hot_labels(y_true, self.name)
        if not self.totals or y_pred.ndim != 2:
            self.build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            said = ops.greater_equal(y_pred, ops.max(y_pred, axis=-1, keepdims=True))
            said = ops.logical_and(said, ops.greater(ops.abs(y_pred), 1e-9))
        else:
            said = ops.greater(y_pred, self.threshold)
        w: Any = 1.0
        if sample_weight is not None:
            w = ops.cast(spread(sample_weight, (y_pred.shape[0], 1), f"{self.name}: sample_weight"), TOTALS)
        p, y = ops.cast(said, TOTALS), ops.cast(y_true, TOTALS)
        axis = None if self.average == "micro" else 0
        for total, part in zip(self.totals, (p * y, p * (1.0 - y), (1.0 - p) * y, y), strict=True):
            total.assign_add(ops.sum(w * part, axis=axis))

    def result(self) -> Tensor:
        if not self.totals:
            return ops.zeros((), self.dtype)
        tp, fp, fn, ones = (total.value for total in self.totals)
        squared = self.beta**2
        score = ratio((1.0 + squared) * tp, (1.0 + squared) * tp + squared * fn + fp)
        if self.average == "macro":
            score = ops.mean(score)
        elif self.average == "weighted":
            score = ratio(ops.sum(score * ones), ops.sum(ones))
        return ops.cast(score, self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall: `FBetaScore` with beta 1.

        F = 2 TP / (2 TP + FN + FP)

    Shapes: y_true and y_pred (n, classes), sample_weight (n,) or (n, 1).

    >>> metric = F1Score()
    >>> metric.update_state([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    >>> [round(x, 4) for x in metric.result().tolist()]
    [0.6667, 0.6667]
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Dtype = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
