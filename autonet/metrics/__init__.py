"""Floor 5: numbers to watch. Named, called and configured as in `keras.metrics`."""

from collections.abc import Mapping
from typing import Any

from autonet import lazy as _lazy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.common.types import Identifier
from autonet.losses.classification import binary_crossentropy as binary_crossentropy
from autonet.losses.classification import binary_focal_crossentropy as binary_focal_crossentropy
from autonet.losses.classification import categorical_crossentropy as categorical_crossentropy
from autonet.losses.classification import categorical_focal_crossentropy as categorical_focal_crossentropy
from autonet.losses.classification import kl_divergence as kl_divergence
from autonet.losses.classification import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from autonet.losses.margins import categorical_hinge as categorical_hinge
from autonet.losses.margins import hinge as hinge
from autonet.losses.margins import squared_hinge as squared_hinge
from autonet.losses.regression import huber as huber
from autonet.losses.regression import log_cosh as log_cosh
from autonet.losses.regression import mean_absolute_error as mean_absolute_error
from autonet.losses.regression import mean_absolute_percentage_error as mean_absolute_percentage_error
from autonet.losses.regression import mean_squared_error as mean_squared_error
from autonet.losses.regression import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from autonet.losses.regression import poisson as poisson
from autonet.metrics.accuracy import Accuracy as Accuracy
from autonet.metrics.accuracy import BinaryAccuracy as BinaryAccuracy
from autonet.metrics.accuracy import CategoricalAccuracy as CategoricalAccuracy
from autonet.metrics.accuracy import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from autonet.metrics.accuracy import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from autonet.metrics.accuracy import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from autonet.metrics.accuracy import binary_accuracy as binary_accuracy
from autonet.metrics.accuracy import categorical_accuracy as categorical_accuracy
from autonet.metrics.accuracy import kind_of_answer as _kind_of_answer
from autonet.metrics.accuracy import sparse_categorical_accuracy as sparse_categorical_accuracy
from autonet.metrics.accuracy import sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy
from autonet.metrics.accuracy import top_k_categorical_accuracy as top_k_categorical_accuracy
from autonet.metrics.base import Metric as Metric
from autonet.metrics.classification import BinaryCrossentropy as BinaryCrossentropy
from autonet.metrics.classification import CategoricalCrossentropy as CategoricalCrossentropy
from autonet.metrics.classification import CategoricalHinge as CategoricalHinge
from autonet.metrics.classification import Hinge as Hinge
from autonet.metrics.classification import KLDivergence as KLDivergence
from autonet.metrics.classification import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from autonet.metrics.classification import SquaredHinge as SquaredHinge
from autonet.metrics.confusion import AUC as AUC
from autonet.metrics.confusion import FalseNegatives as FalseNegatives
from autonet.metrics.confusion import FalsePositives as FalsePositives
from autonet.metrics.confusion import Precision as Precision
from autonet.metrics.confusion import Recall as Recall
from autonet.metrics.confusion import TrueNegatives as TrueNegatives
from autonet.metrics.confusion import TruePositives as TruePositives
from autonet.metrics.correlation import ConcordanceCorrelation as ConcordanceCorrelation
from autonet.metrics.correlation import PearsonCorrelation as PearsonCorrelation
from autonet.metrics.correlation import concordance_correlation as concordance_correlation
from autonet.metrics.correlation import pearson_correlation as pearson_correlation
from autonet.metrics.f_score import F1Score as F1Score
from autonet.metrics.f_score import FBetaScore as FBetaScore
from autonet.metrics.means import Mean as Mean
from autonet.metrics.means import MeanMetricWrapper as MeanMetricWrapper
from autonet.metrics.means import Sum as Sum
from autonet.metrics.operating_point import PrecisionAtRecall as PrecisionAtRecall
from autonet.metrics.operating_point import RecallAtPrecision as RecallAtPrecision
from autonet.metrics.operating_point import SensitivityAtSpecificity as SensitivityAtSpecificity
from autonet.metrics.operating_point import SpecificityAtSensitivity as SpecificityAtSensitivity
from autonet.metrics.overlap import BinaryIoU as BinaryIoU
from autonet.metrics.overlap import IoU as IoU
from autonet.metrics.overlap import MeanIoU as MeanIoU
from autonet.metrics.overlap import OneHotIoU as OneHotIoU
from autonet.metrics.overlap import OneHotMeanIoU as OneHotMeanIoU
from autonet.metrics.regression import CosineSimilarity as CosineSimilarity
from autonet.metrics.regression import LogCoshError as LogCoshError
from autonet.metrics.regression import MeanAbsoluteError as MeanAbsoluteError
from autonet.metrics.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from autonet.metrics.regression import MeanSquaredError as MeanSquaredError
from autonet.metrics.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from autonet.metrics.regression import Poisson as Poisson
from autonet.metrics.regression import R2Score as R2Score
from autonet.metrics.regression import RootMeanSquaredError as RootMeanSquaredError
from autonet.serialization import Family as _Family

_filter_tracebacks(__name__)

_MEMBERS = (
    AUC,
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    BinaryIoU,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    F1Score,
    FBetaScore,
    FalseNegatives,
    FalsePositives,
    Hinge,
    IoU,
    KLDivergence,
    LogCoshError,
    Mean,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanIoU,
    MeanMetricWrapper,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    OneHotIoU,
    OneHotMeanIoU,
    PearsonCorrelation,
    Poisson,
    Precision,
    PrecisionAtRecall,
    R2Score,
    Recall,
    RecallAtPrecision,
    RootMeanSquaredError,
    SensitivityAtSpecificity,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SpecificityAtSensitivity,
    SquaredHinge,
    Sum,
    TopKCategoricalAccuracy,
    TrueNegatives,
    TruePositives,
)
_SHORT = {
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
    "rmse": RootMeanSquaredError,
}
_ALIASES = {
    **_SHORT,
    **{name.upper(): cls for name, cls in _SHORT.items()},
    "f1_score": F1Score,
    "fbeta_score": FBetaScore,
    "huber": huber,
    "log_cosh": LogCoshError,
    "logcosh": LogCoshError,
    "r2_score": R2Score,
    "top_k_accuracy": TopKCategoricalAccuracy,
}
_family = _Family("metric", "keras.metrics", Metric, _MEMBERS, aliases=_ALIASES)

# What the words that leave the choice to the shapes mean; see `kind_of_answer`.
_ACCURACY = {"binary": BinaryAccuracy, "sparse": SparseCategoricalAccuracy, "categorical": CategoricalAccuracy}
_CROSSENTROPY = {
    "binary": BinaryCrossentropy,
    "sparse": SparseCategoricalCrossentropy,
    "categorical": CategoricalCrossentropy,
}
_BY_SHAPE = {"accuracy": _ACCURACY, "acc": _ACCURACY, "crossentropy": _CROSSENTROPY, "ce": _CROSSENTROPY}


def get(identifier: Identifier) -> Any:
    """The metric that `identifier` means: a `Metric`, or a function of (y_true, y_pred).

    Args:
        identifier: a name ("mse", "mean_squared_error", "MeanSquaredError"), a configuration, a class, or a metric
            already; None stays None.

    Raises: ArgumentError, with close matches, for an unknown name.
    """
    return _family.get(identifier)


def serialize(metric: object) -> Any:
    """The configuration of `metric`."""
    return _family.serialize(metric)


def deserialize(config: Identifier, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The metric that a configuration or a name describes."""
    return _family.deserialize(config, custom_objects)


def resolve(identifier: Identifier, y_true: Any, y_pred: Any) -> Metric | None:
    """The `Metric` for one output of a model, as `compile(metrics=[identifier])` means it.

    "accuracy", "acc", "crossentropy" and "ce" are chosen by the shapes: binary where y_pred has one number per sample,
    sparse where y_true has class numbers, else categorical. A metric found by a word is named by that word.

    Args:
        identifier: what `get` takes.
        y_true: anything with a shape.
        y_pred: anything with a shape.

    >>> import numpy as np
    >>> resolve("acc", np.zeros((8,)), np.zeros((8, 10)))
    <SparseCategoricalAccuracy name=acc>
    """
    if isinstance(identifier, str) and identifier in _BY_SHAPE:
        return _BY_SHAPE[identifier][_kind_of_answer(y_true, y_pred)](name=identifier)
    found = get(identifier)
    if found is None:
        return None
    if not isinstance(found, Metric):
        found = MeanMetricWrapper(found)
    if isinstance(identifier, str):
        found.name = identifier
    return found


_filter_tracebacks(__name__)  # of what was defined since

_lazy.publish(__name__)
