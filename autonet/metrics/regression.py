"""Metrics of errors between numbers, and the share of variance explained."""

from typing import Any

from autonet import losses, ops
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, no_grad
from autonet.errors import ArgumentError, ShapeError
from autonet.losses.base import ratio, spread
from autonet.losses.regression import cosine, paired
from autonet.metrics.base import TOTALS, Metric
from autonet.metrics.means import MeanMetricWrapper
from autonet.ops.half_precision import accumulates


class MeanSquaredError(MeanMetricWrapper):
    """Mean of (y_true - y_pred)^2; see `losses.mean_squared_error`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(MeanSquaredError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    1.0625
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Dtype = None):
        super().__init__(losses.mean_squared_error, name, dtype)


@accumulates(like="y_pred")
def squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """(y_true - y_pred)^2, elementwise."""
    y_true, y_pred = paired("root_mean_squared_error", y_true, y_pred)
    return ops.square(y_pred - y_true)


class RootMeanSquaredError(MeanMetricWrapper):
    """Root of the mean squared error over all elements so far, in units of y_true.

        sqrt(sum of w (y_true - y_pred)^2 / sum of w)

    Shapes: y_true and y_pred (...); sample_weight the same, or its first axes.

    >>> float(RootMeanSquaredError()([[0.0], [0.0]], [[3.0], [4.0]]))
    3.535533905029297
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Dtype = None):
        super().__init__(squared_error, name, dtype)

    def result(self) -> Tensor:
        return ops.cast(ops.sqrt(ratio(self.total.value, self.count.value)), self.dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of |y_true - y_pred|; see `losses.mean_absolute_error`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(MeanAbsoluteError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.625
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Dtype = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 times the mean of |y_true - y_pred| / |y_true|; see `losses.mean_absolute_percentage_error`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(MeanAbsolutePercentageError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    125000016.0
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Dtype = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of (log(1 + y_true) - log(1 + y_pred))^2; see `losses.mean_squared_logarithmic_error`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.0822
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Dtype = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """Mean of log(cosh(y_pred - y_true)); see `losses.log_cosh`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(LogCoshError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.3613
    """

    def __init__(self, name: str | None = "logcosh", dtype: Dtype = None):
        super().__init__(losses.log_cosh, name, dtype)


class Poisson(MeanMetricWrapper):
    """Mean of y_pred - y_true log(y_pred); see `losses.poisson`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(Poisson()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.5713
    """

    def __init__(self, name: str | None = "poisson", dtype: Dtype = None):
        super().__init__(losses.poisson, name, dtype)


@accumulates(like="y_pred")
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Cosine of the angle between y_true and y_pred along `axis`: 1 for one direction. The loss is minus this.

    >>> float(cosine_similarity([1.0, 0.0], [5.0, 0.0]))
    1.0
    """
    return cosine(*paired("cosine_similarity", y_true, y_pred), axis)


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine of the angle between y_true and y_pred: 1 for one direction, the loss of this name with plus.

        mean of (sum of y_true y_pred) / (|y_true| |y_pred|)

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    Args:
        axis: along which the vectors lie.

    >>> round(float(CosineSimilarity()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.9365
    """

    def __init__(self, name: str | None = "cosine_similarity", dtype: Dtype = None, axis: int = -1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class R2Score(Metric):
    """Coefficient of determination, the share of the targets' variance that the predictions explain.

        R2 = 1 - sum of (y_true - y_pred)^2 / sum of (y_true - mean of y_true)^2

    1 is perfect, 0 is as good as the mean, below 0 is worse. Constant targets give 1 if met exactly, else 0.

    Args:
        class_aggregation: over the outputs, "uniform_average", "variance_weighted_average", or None for one R2 each.
        num_regressors: p > 0 gives the adjusted R2, 1 - (1 - R2) (n - 1) / (n - p - 1), for n samples, if n > p + 1.
            (Keras counts each output of a sample as a sample.)

    Shapes: y_true and y_pred (n, d), sample_weight (n,) or (n, 1).

    >>> r2 = R2Score()
    >>> r2.update_state([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
    >>> float(r2.result())
    0.5
    """

    def __init__(
        self,
        class_aggregation: str = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Dtype = None,
    ):
        super().__init__(dtype=dtype, name=name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ArgumentError(
                "R2Score expects class_aggregation None, 'uniform_average' or 'variance_weighted_average'; "
                f"received {class_aggregation!r}."
            )
        if num_regressors < 0:
            raise ArgumentError(f"R2Score expects num_regressors of 0 or more; received {num_regressors!r}.")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", TOTALS, name="num_samples")
        self.built = False

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """Make the sums, one for each output; the first batch does it."""
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ShapeError(
                f"R2Score expects y_true and y_pred of shape (n, outputs); received {tuple(y_true_shape)} and "
                f"{tuple(y_pred_shape)}. Give a single output its axis of length 1."
            )
        outputs = (y_pred_shape[-1],)
        self.squared_sum = self.add_variable(outputs, "zeros", TOTALS, name="squared_sum")
        self.sum = self.add_variable(outputs, "zeros", TOTALS, name="sum")
        self.residual = self.add_variable(outputs, "zeros", TOTALS, name="residual")
        self.count = self.add_variable(outputs, "zeros", TOTALS, name="count")
        self.built = True

    @no_grad()
    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        y_true, y_pred = paired(self.name, y_true, y_pred)
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        y, error = ops.cast(y_true, TOTALS), ops.cast(y_pred, TOTALS) - ops.cast(y_true, TOTALS)
        w: Any = 1.0
        if sample_weight is not None:
            w = ops.cast(spread(sample_weight, (y.shape[0], 1), f"{self.name}: sample_weight"), TOTALS)
        self.squared_sum.assign_add(ops.sum(w * ops.square(y), axis=0))
        self.sum.assign_add(ops.sum(w * y, axis=0))
        self.residual.assign_add(ops.sum(w * ops.square(error), axis=0))
        self.count.assign_add(ops.sum(w * ops.ones_like(y), axis=0))
        self.num_samples.assign_add(y.shape[0])

    def result(self) -> Tensor:
        if not self.built:
            return ops.zeros((), self.dtype)
        total = self.squared_sum - ops.square(self.sum) / ops.where(ops.equal(self.count, 0), 1.0, self.count)
        constant = ops.less_equal(total, 1e-12 * self.squared_sum)  # what cancellation leaves
        met = ops.where(ops.equal(self.residual, 0), 1.0, 0.0)
        scores = ops.where(constant, met, 1.0 - self.residual / ops.where(constant, 1.0, total))
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ratio(ops.sum(scores * total), ops.sum(total))
        if self.num_regressors:
            left = self.num_samples - self.num_regressors - 1
            adjusted = 1.0 - (1.0 - scores) * (self.num_samples - 1) / ops.where(ops.greater(left, 0), left, 1.0)
            scores = ops.where(ops.greater(left, 0), adjusted, scores)
        return ops.cast(scores, self.dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
