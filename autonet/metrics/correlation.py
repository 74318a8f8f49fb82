"""Correlations of predictions with targets, sample by sample, and their means."""

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Axis, Dtype, TensorLike
from autonet.core import Tensor
from autonet.losses.base import ratio
from autonet.losses.overlap import as_axes
from autonet.losses.regression import paired
from autonet.metrics.means import MeanMetricWrapper
from autonet.ops.half_precision import accumulates


@accumulates(like="y_pred")
def pearson_correlation(y_true: TensorLike, y_pred: TensorLike, axis: Axis = -1) -> Tensor:
    """Pearson's correlation along `axis`: how well a straight line leads from targets to predictions, from -1 to 1.

        r = sum of (y - mean of y) (p - mean of p) / sqrt(sum of (y - mean of y)^2  sum of (p - mean of p)^2)

    Args:
        y_true: targets y, shape (..., d).
        y_pred: predictions p, same shape.
        axis: the axis, or tuple of axes, along which the values of a sample lie.

    Returns: shape of y_pred without `axis`; 0 where either does not vary (Keras: nan).

    Raises: ShapeError if the shapes differ.

    >>> round(float(pearson_correlation([1.0, 2.0, 3.0], [2.0, 4.0, 7.0])), 4)
    0.9934
    """
    y_true, y_pred = paired("pearson_correlation", y_true, y_pred)
    axis = as_axes(axis)
    y, p = (x - ops.mean(x, axis=axis, keepdims=True) for x in (y_true, y_pred))
    y, p = (ratio(x, ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True))) for x in (y, p))
    return ops.sum(y * p, axis=axis)


@accumulates(like="y_pred")
def concordance_correlation(y_true: TensorLike, y_pred: TensorLike, axis: Axis = -1) -> Tensor:
    """Lin's concordance along `axis`: how near predictions are to targets, relative to how both vary, from -1 to 1.

        c = 2 covariance / (variance of y + variance of p + (mean of y - mean of p)^2 + epsilon)

    Args, returns, raises: as `pearson_correlation`.

    Source: Lin, 1989, https://doi.org/10.2307/2532051

    >>> round(float(concordance_correlation([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])), 4)
    0.8571
    """
    y_true, y_pred = paired("concordance_correlation", y_true, y_pred)
    axis = as_axes(axis)
    means = [ops.mean(x, axis=axis, keepdims=True) for x in (y_true, y_pred)]
    y, p = y_true - means[0], y_pred - means[1]
    covariance = ops.mean(y * p, axis=axis, keepdims=True)
    spread = ops.mean(ops.square(y), axis=axis, keepdims=True) + ops.mean(ops.square(p), axis=axis, keepdims=True)
    c = 2.0 * covariance / (spread + ops.square(means[0] - means[1]) + dtypes.epsilon())
    return ops.squeeze(c, axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """Mean of `pearson_correlation` over the samples.

        mean of covariance / (deviation of y_true * deviation of y_pred)

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(PearsonCorrelation()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    1.0
    """

    def __init__(self, name: str | None = "pearson_correlation", dtype: Dtype = None, axis: int = -1):
        super().__init__(pearson_correlation, name=name, dtype=dtype, axis=as_axes(axis))


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of `concordance_correlation` over the samples.

        mean of 2 covariance / (variance of y_true + variance of y_pred + (mean of y_true - mean of y_pred)^2)

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(ConcordanceCorrelation()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.5476
    """

    def __init__(self, name: str | None = "concordance_correlation", dtype: Dtype = None, axis: int = -1):
        super().__init__(concordance_correlation, name=name, dtype=dtype, axis=as_axes(axis))
