"""Metrics that are means of the classification losses: cross-entropies, divergence, hinges."""

from autonet import losses
from autonet.common.types import Dtype
from autonet.metrics.means import MeanMetricWrapper


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean of -(y_true log(p) + (1 - y_true) log(1 - p)); see `losses.binary_crossentropy`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.2], [0.7]])), 4)
    0.2899
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Dtype = None,
        from_logits: bool = False,
        label_smoothing: int = 0,
    ):
        super().__init__(
            losses.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean of minus the sum of y_true log(p), for one-hot labels; see `losses.categorical_crossentropy`.

    Shapes: y_true and y_pred (..., classes), sample_weight (...,).

    >>> metric = CategoricalCrossentropy()
    >>> metric.update_state([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])
    >>> round(float(metric.result()), 4)
    0.4338
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Dtype = None,
        from_logits: bool = False,
        label_smoothing: int = 0,
        axis: int = -1,
    ):
        more = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **more)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean of minus log(p[y_true]), for class numbers; see `losses.sparse_categorical_crossentropy`.

    Shapes: y_true (...,) or (..., 1), y_pred (..., classes), sample_weight (...,).

    >>> round(float(SparseCategoricalCrossentropy()([1, 2], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    0.4338
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Dtype = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        more = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **more)


class KLDivergence(MeanMetricWrapper):
    """Mean of the sum of y_true log(y_true / y_pred); see `losses.kl_divergence`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(KLDivergence()([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    0.4337
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: Dtype = None):
        super().__init__(losses.kl_divergence, name, dtype)


class Hinge(MeanMetricWrapper):
    """Mean of max(1 - y_true y_pred, 0); see `losses.hinge`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(Hinge()([[-1.0], [1.0]], [[0.3], [0.6]])), 4)
    0.85
    """

    def __init__(self, name: str | None = "hinge", dtype: Dtype = None):
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """Mean of max(1 - y_true y_pred, 0)^2; see `losses.squared_hinge`.

    Shapes: y_true and y_pred (..., d), sample_weight (...,).

    >>> round(float(SquaredHinge()([[-1.0], [1.0]], [[0.3], [0.6]])), 4)
    0.925
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: Dtype = None):
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """Mean of how far the true class is from leading all others by 1; see `losses.categorical_hinge`.

        mean of max(neg - pos + 1, 0),  pos = sum of y_true y_pred,  neg = max of (1 - y_true) y_pred

    Shapes: y_true and y_pred (..., classes), sample_weight (...,).

    >>> round(float(CategoricalHinge()([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    0.55
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: Dtype = None):
        super().__init__(losses.categorical_hinge, name, dtype)
