"""All losses in one table, with targets and predictions that each can take."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet import losses


def reals(rng, *shape):
    return rng.normal(size=shape)


def positive(rng, *shape):
    return rng.uniform(0.05, 3, shape)


def unit(rng, *shape):
    return rng.uniform(0.05, 0.95, shape)


def simplex(rng, *shape):
    p = rng.uniform(0.1, 1, shape)
    return p / p.sum(-1, keepdims=True)


def bits(rng, *shape):
    return rng.integers(0, 2, shape)


def signs(rng, *shape):
    return 2 * rng.integers(0, 2, shape) - 1


def one_hot(rng, *shape):
    return np.eye(shape[-1], dtype="int64")[rng.integers(0, shape[-1], shape[:-1])]


def labels(rng, *shape):
    return rng.integers(0, shape[-1], shape[:-1])


def directions(rng, *shape):
    """Vectors of length 1, one for each of the first axis."""
    x = rng.normal(size=(shape[0], shape[-1]))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def pairs(rng, *shape):
    """Class numbers of which two samples that follow each other share each."""
    return np.arange(shape[0]) // 2


def frames(rng, *shape):
    """Scores of 4 classes on 5 frames, for each of the first axis."""
    return rng.normal(size=(shape[0], 5, 4))


def words(rng, *shape):
    """Two labels from 1 to 3 each, sometimes only one, then 0."""
    return rng.integers(1, 4, (shape[0], 2)) * np.stack([np.ones(shape[0], int), rng.integers(0, 2, shape[0])], 1)


@dataclasses.dataclass
class Case:
    """A loss: class, function, how targets and predictions are drawn (rng, *shape), arguments that are not defaults.

    `elementwise`: the function is a mean over the last axis, each element on its own. `kinked`: it has corners, so that
    second differences are no derivatives. `labels`: the targets are class numbers. `flat`: it takes samples along the
    first axis only, a row of which may be of any shape. `together`: a sample's loss depends on the others of the batch.
    """

    cls: type
    function: Callable
    y_true: Callable
    y_pred: Callable
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    elementwise: bool = False
    kinked: bool = False
    labels: bool = False
    flat: bool = False
    together: bool = False


CASES = {
    "MeanSquaredError": Case(losses.MeanSquaredError, losses.mean_squared_error, reals, reals, elementwise=True),
    "MeanAbsoluteError": Case(
        losses.MeanAbsoluteError, losses.mean_absolute_error, reals, reals, elementwise=True, kinked=True
    ),
    "MeanAbsolutePercentageError": Case(
        losses.MeanAbsolutePercentageError,
        losses.mean_absolute_percentage_error,
        positive,
        positive,
        elementwise=True,
        kinked=True,
    ),
    "MeanSquaredLogarithmicError": Case(
        losses.MeanSquaredLogarithmicError, losses.mean_squared_logarithmic_error, positive, positive, elementwise=True
    ),
    "Huber": Case(losses.Huber, losses.huber, reals, reals, {"delta": 0.7}, elementwise=True, kinked=True),
    "LogCosh": Case(losses.LogCosh, losses.log_cosh, reals, reals, elementwise=True),
    "Poisson": Case(losses.Poisson, losses.poisson, positive, positive, elementwise=True),
    "CosineSimilarity": Case(losses.CosineSimilarity, losses.cosine_similarity, reals, reals, {"axis": -1}),
    "BinaryCrossentropy": Case(
        losses.BinaryCrossentropy, losses.binary_crossentropy, bits, unit, {"label_smoothing": 0.1}, elementwise=True
    ),
    "BinaryCrossentropy from logits": Case(
        losses.BinaryCrossentropy, losses.binary_crossentropy, bits, reals, {"from_logits": True}, elementwise=True
    ),
    "BinaryFocalCrossentropy": Case(
        losses.BinaryFocalCrossentropy,
        losses.binary_focal_crossentropy,
        bits,
        unit,
        {"apply_class_balancing": True, "alpha": 0.4, "gamma": 3.0},
        elementwise=True,
    ),
    "CategoricalCrossentropy": Case(
        losses.CategoricalCrossentropy, losses.categorical_crossentropy, one_hot, simplex, {"label_smoothing": 0.1}
    ),
    "CategoricalCrossentropy from logits": Case(
        losses.CategoricalCrossentropy, losses.categorical_crossentropy, one_hot, reals, {"from_logits": True}
    ),
    "CategoricalFocalCrossentropy": Case(
        losses.CategoricalFocalCrossentropy, losses.categorical_focal_crossentropy, one_hot, simplex, {"alpha": 0.4}
    ),
    "SparseCategoricalCrossentropy": Case(
        losses.SparseCategoricalCrossentropy, losses.sparse_categorical_crossentropy, labels, simplex, labels=True
    ),
    "SparseCategoricalCrossentropy from logits": Case(
        losses.SparseCategoricalCrossentropy,
        losses.sparse_categorical_crossentropy,
        labels,
        reals,
        {"from_logits": True},
        labels=True,
    ),
    "SparseCategoricalCrossentropy ignore_class": Case(
        losses.SparseCategoricalCrossentropy,
        losses.sparse_categorical_crossentropy,
        labels,
        simplex,
        {"ignore_class": 1},
        labels=True,
    ),
    "KLDivergence": Case(losses.KLDivergence, losses.kl_divergence, simplex, simplex),
    "Hinge": Case(losses.Hinge, losses.hinge, signs, reals, elementwise=True, kinked=True),
    "SquaredHinge": Case(losses.SquaredHinge, losses.squared_hinge, signs, reals, elementwise=True, kinked=True),
    "CategoricalHinge": Case(losses.CategoricalHinge, losses.categorical_hinge, one_hot, reals, kinked=True),
    "CategoricalGeneralizedCrossEntropy": Case(
        losses.CategoricalGeneralizedCrossEntropy,
        losses.categorical_generalized_cross_entropy,
        labels,
        simplex,
        {"q": 0.3},
        labels=True,
    ),
    "Dice": Case(losses.Dice, losses.dice, bits, unit, {"axis": -1}),
    "Tversky": Case(losses.Tversky, losses.tversky, bits, unit, {"alpha": 0.3, "beta": 0.9, "axis": -1}),
    "Circle": Case(
        losses.Circle,
        losses.circle,
        pairs,
        directions,
        {"gamma": 3.0, "margin": 0.25},
        kinked=True,
        labels=True,
        flat=True,
        together=True,
    ),
    "CTC": Case(losses.CTC, losses.ctc, words, frames, labels=True, flat=True),
}
