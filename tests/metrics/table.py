"""All metrics in one table, with batches that each can take."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet import losses, metrics
from tests.losses.table import bits, labels, one_hot, positive, reals, signs, simplex, unit


def classes(rng, *shape):
    return rng.integers(0, 3, shape)


def tenths(rng, *shape):
    return np.round(rng.uniform(0, 1, shape), 1)


def flat(draw):
    """As `draw`, but without the last axis."""
    return lambda rng, *shape: draw(rng, *shape[:-1])


@dataclasses.dataclass
class Case:
    """A metric: class, how targets and predictions are drawn (rng, n, d), arguments that are not defaults.

    `steps`: it also takes (n, t, d), with weights and masks of (n, t).
    """

    cls: type
    y_true: Callable
    y_pred: Callable
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    steps: bool = True


CASES = {
    "MeanMetricWrapper": Case(metrics.MeanMetricWrapper, reals, reals, {"fn": losses.huber, "delta": 0.5}),
    "MeanSquaredError": Case(metrics.MeanSquaredError, reals, reals),
    "RootMeanSquaredError": Case(metrics.RootMeanSquaredError, reals, reals),
    "MeanAbsoluteError": Case(metrics.MeanAbsoluteError, reals, reals),
    "MeanAbsolutePercentageError": Case(metrics.MeanAbsolutePercentageError, positive, positive),
    "MeanSquaredLogarithmicError": Case(metrics.MeanSquaredLogarithmicError, positive, positive),
    "LogCoshError": Case(metrics.LogCoshError, reals, reals),
    "Poisson": Case(metrics.Poisson, positive, positive),
    "CosineSimilarity": Case(metrics.CosineSimilarity, reals, reals, {"axis": -1}),
    "R2Score": Case(metrics.R2Score, reals, reals, {"class_aggregation": "variance_weighted_average"}, steps=False),
    "Accuracy": Case(metrics.Accuracy, classes, classes),
    "BinaryAccuracy": Case(metrics.BinaryAccuracy, bits, unit, {"threshold": 0.4}),
    "CategoricalAccuracy": Case(metrics.CategoricalAccuracy, one_hot, simplex),
    "SparseCategoricalAccuracy": Case(metrics.SparseCategoricalAccuracy, labels, simplex),
    "TopKCategoricalAccuracy": Case(metrics.TopKCategoricalAccuracy, one_hot, simplex, {"k": 2}),
    "SparseTopKCategoricalAccuracy": Case(metrics.SparseTopKCategoricalAccuracy, labels, simplex, {"k": 2}),
    "BinaryCrossentropy": Case(metrics.BinaryCrossentropy, bits, unit, {"label_smoothing": 0.1}),
    "CategoricalCrossentropy": Case(metrics.CategoricalCrossentropy, one_hot, reals, {"from_logits": True}),
    "SparseCategoricalCrossentropy": Case(metrics.SparseCategoricalCrossentropy, labels, simplex),
    "KLDivergence": Case(metrics.KLDivergence, simplex, simplex),
    "Hinge": Case(metrics.Hinge, signs, reals),
    "SquaredHinge": Case(metrics.SquaredHinge, signs, reals),
    "CategoricalHinge": Case(metrics.CategoricalHinge, one_hot, reals),
    "TruePositives": Case(metrics.TruePositives, bits, tenths, {"thresholds": [0.3, 0.6]}),
    "TrueNegatives": Case(metrics.TrueNegatives, bits, tenths),
    "FalsePositives": Case(metrics.FalsePositives, bits, tenths, {"thresholds": 0.3}),
    "FalseNegatives": Case(metrics.FalseNegatives, bits, tenths),
    "Precision": Case(metrics.Precision, bits, tenths, {"thresholds": [0.3, 0.6]}),
    "Precision of the top": Case(metrics.Precision, one_hot, simplex, {"top_k": 2}),
    "Recall": Case(metrics.Recall, one_hot, simplex, {"class_id": 1, "thresholds": 0.3}),
    "AUC": Case(metrics.AUC, bits, tenths),
    "AUC of PR": Case(metrics.AUC, bits, tenths, {"curve": "PR", "num_thresholds": 20}),
    "AUC by label": Case(metrics.AUC, bits, tenths, {"multi_label": True, "label_weights": [0.2, 0.3, 0.5]}),
    "AUC at thresholds": Case(metrics.AUC, bits, tenths, {"thresholds": [0.2, 0.7], "summation_method": "majoring"}),
    "FBetaScore": Case(metrics.FBetaScore, one_hot, simplex, {"beta": 2.0, "average": "weighted"}, steps=False),
    "F1Score": Case(metrics.F1Score, one_hot, simplex, {"threshold": 0.3}, steps=False),
    "IoU": Case(metrics.IoU, classes, classes, {"num_classes": 3, "target_class_ids": [0, 2]}),
    "IoU but for a class": Case(
        metrics.IoU, classes, classes, {"num_classes": 3, "target_class_ids": [0, 1], "ignore_class": 1}
    ),
    "BinaryIoU": Case(metrics.BinaryIoU, bits, tenths, {"target_class_ids": [1], "threshold": 0.4}),
    "MeanIoU": Case(metrics.MeanIoU, classes, classes, {"num_classes": 4}),
    "OneHotIoU": Case(metrics.OneHotIoU, one_hot, simplex, {"num_classes": 3, "target_class_ids": [1, 2]}),
    "OneHotMeanIoU": Case(metrics.OneHotMeanIoU, one_hot, labels, {"num_classes": 3, "sparse_y_pred": True}),
    "PearsonCorrelation": Case(metrics.PearsonCorrelation, reals, reals),
    "ConcordanceCorrelation": Case(metrics.ConcordanceCorrelation, reals, reals, {"axis": -1}),
    "SensitivityAtSpecificity": Case(metrics.SensitivityAtSpecificity, bits, tenths, {"specificity": 0.6}),
    "SpecificityAtSensitivity": Case(metrics.SpecificityAtSensitivity, bits, tenths, {"sensitivity": 0.3}),
    "PrecisionAtRecall": Case(metrics.PrecisionAtRecall, bits, tenths, {"recall": 0.4, "num_thresholds": 9}),
    "RecallAtPrecision": Case(metrics.RecallAtPrecision, one_hot, simplex, {"precision": 0.3, "class_id": 1}),
}
