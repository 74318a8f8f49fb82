"""Losses between classes: cross-entropies and divergences.

A cross-entropy takes probabilities or, with `from_logits=True`, what softmax or sigmoid are applied to. Predictions
that come straight from a softmax or sigmoid carry their logits; then the cross-entropy uses those by itself, because
the logarithm of a softmax is exact where the softmax has rounded to 0 or 1.
"""

import math
from collections.abc import Sequence

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.losses.base import LossFunctionWrapper
from autonet.losses.regression import paired
from autonet.ops.crossentropy import binary_terms, categorical_terms, pick_class
from autonet.ops.half_precision import accumulates
from autonet.ops.labels import binary_labels, one_hot_labels, probabilities


def outputs(y_pred: TensorLike, from_logits: bool, activation: str, axis: int = -1) -> tuple[Tensor, bool]:
    """What a cross-entropy is computed from, and whether these are logits.

    Logits that `y_pred` carries count if they went through `activation`, along the same axis in the case of softmax.
    """
    y_pred = convert_to_tensor(y_pred)
    found = None if from_logits else getattr(y_pred, "_logits", None)
    if found is not None:
        name, logits, along = found
        if name == activation and (name == "sigmoid" or along % logits.ndim == axis % y_pred.ndim):
            return ops.cast(logits, y_pred.dtype), True
    return y_pred, bool(from_logits)


def smoothed(who: str, y_true: Tensor, amount: float, classes: int) -> Tensor:
    """Targets of which the share `amount` is spread evenly over the classes."""
    if not 0 <= amount <= 1:
        raise ArgumentError(f"{who} expects label_smoothing from 0 (none) to 1; received {amount!r}.")
    return y_true * (1.0 - amount) + amount / classes if amount else y_true


def class_count(who: str, shape: tuple[int, ...], axis: int) -> int:
    """Number of classes along `axis`: at least two, or there is nothing to learn."""
    if not -len(shape) <= axis < len(shape):
        raise ArgumentError(f"{who} expects axis to be one of y_pred's {len(shape)} axes; received {axis}.")
    if shape[axis] == 1:
        raise ShapeError(
            f"{who} expects one prediction per class, two classes or more; received y_pred {shape} with a single one. "
            "For two classes told by one number use binary_crossentropy, with a sigmoid."
        )
    return shape[axis]


def class_numbers(who: str, y_true: TensorLike, shape: tuple[int, ...], axis: int = -1) -> Tensor:
    """Labels of the predictions' `shape` without the class axis; where they have that axis, of length 1, it goes.

    Their dtype stays what it is: none is narrowed.

    Raises: ShapeError.
    """
    labels = convert_to_tensor(y_true)
    given = labels.shape
    axis %= len(shape)
    expected = shape[:axis] + shape[axis + 1 :]
    if len(given) == len(shape) and given[axis] == 1:
        labels = ops.squeeze(labels, axis)
    if labels.shape != expected:
        advice = (
            "One-hot labels go with the variant without sparse_, or take their argmax."
            if given == shape
            else "Give one class number per prediction."
        )
        raise ShapeError(f"{who} expects labels of shape {expected} beside y_pred {shape}; received {given}. {advice}")
    return labels


@accumulates(like="y_pred")
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Surprise at the true classes under the predicted probabilities: minus the sum of y_true log(p).

        from logits:         log p = y_pred - logsumexp(y_pred)
        from probabilities:  p = y_pred / (sum of y_pred), clipped to [epsilon, 1 - epsilon]

    Args:
        y_true: one-hot labels or probabilities, shape (..., classes).
        y_pred: probabilities or logits, same shape.
        from_logits: whether y_pred are logits. Predictions straight from a softmax bring theirs along.
        label_smoothing: the share of each target that is spread evenly over the classes.
        axis: where the classes are.

    Returns: loss per sample in nats, shape of y_pred without `axis`.

    Raises: ShapeError if the shapes differ or there is one class only; DataError for labels, or probabilities, out of
        range.

    >>> round(float(categorical_crossentropy([0.0, 1.0, 0.0], [0.05, 0.9, 0.05])), 4)
    0.1054
    """
    who = "categorical_crossentropy"
    out, from_logits = outputs(y_pred, from_logits, "softmax", axis)
    y_true, out = paired(who, y_true, out)
    y_true = smoothed(who, one_hot_labels(y_true, who), label_smoothing, class_count(who, out.shape, axis))
    out = out if from_logits else probabilities(out, who, "softmax", math.inf)
    return categorical_terms(y_true, out, from_logits=from_logits, axis=axis)


@accumulates(like="y_pred")
def sparse_categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """`categorical_crossentropy` for labels given as class numbers: minus log(p[y_true]).

    Args:
        y_true: class numbers from 0, shape (...,) or (..., 1).
        y_pred: probabilities or logits, shape (..., classes).
        from_logits: whether y_pred are logits. Predictions straight from a softmax bring theirs along.
        ignore_class: a label that means none, such as -1: its loss is 0, and means leave it out.
        axis: where the classes are.

    Returns: loss per sample in nats, shape of y_pred without `axis`.

    Raises: ShapeError if the shapes do not fit; DataError for labels that are out of range or no whole numbers, and for
        probabilities below 0.

    >>> round(float(sparse_categorical_crossentropy([1], [[0.05, 0.9, 0.05]])[0]), 4)
    0.1054
    """
    who = "sparse_categorical_crossentropy"
    out, from_logits = outputs(y_pred, from_logits, "softmax", axis)
    if not out.ndim:
        raise ShapeError(f"{who} expects y_pred of shape (..., classes); received a single number.")
    class_count(who, out.shape, axis)
    labels = class_numbers(who, y_true, out.shape, axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(labels, out, from_logits=from_logits, axis=axis)
    if labels.dtype.kind in "ub":  # they have no room for -1
        labels = ops.cast(labels, "int64")
    valid = ops.not_equal(labels, ignore_class)
    labels = ops.where(valid, labels, 0)
    losses = ops.sparse_categorical_crossentropy(labels, out, from_logits=from_logits, axis=axis)
    losses = ops.where(valid, losses, 0.0)
    losses._mask = valid
    return losses


@accumulates(like="y_pred")
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Surprise at yes-or-no answers: mean of -(y_true log(p) + (1 - y_true) log(1 - p)).

        from logits:         p = sigmoid(y_pred), computed as softplus(y_pred) - y_true y_pred
        from probabilities:  p = y_pred clipped to [epsilon, 1 - epsilon]

    Args:
        y_true: 0, 1 or probabilities, shape (..., d).
        y_pred: probabilities or logits, same shape.
        from_logits: whether y_pred are logits. Predictions straight from a sigmoid bring theirs along.
        label_smoothing: the share of each target that is replaced by 1/2.
        axis: over which the mean is taken.

    Returns: loss per sample in nats, shape of y_pred without `axis`.

    Raises: ShapeError if the shapes differ; DataError for labels, or probabilities, out of range.

    >>> round(float(binary_crossentropy([0.0, 1.0], [0.1, 0.9])), 4)
    0.1054
    """
    who = "binary_crossentropy"
    out, from_logits = outputs(y_pred, from_logits, "sigmoid")
    y_true, out = paired(who, y_true, out)
    y_true = smoothed(who, binary_labels(y_true, who), label_smoothing, 2)
    out = out if from_logits else probabilities(out, who, "sigmoid")
    return ops.mean(binary_terms(y_true, out, from_logits=from_logits), axis=axis)


@accumulates(like="y_pred")
def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """`binary_crossentropy` with each term multiplied by (1 - q)^gamma: easy answers count less.

        q = y_true p + (1 - y_true) (1 - p)

    Args:
        apply_class_balancing: multiply by alpha where y_true is 1 and by 1 - alpha where it is 0.
        alpha: see there.
        gamma: 0 gives the plain cross-entropy.

    The other arguments, result and errors are those of `binary_crossentropy`.

    Source: Lin et al., 2017, https://arxiv.org/abs/1708.02002

    >>> round(float(binary_focal_crossentropy([0.0, 1.0], [0.1, 0.9])), 6)
    0.001054
    """
    who = "binary_focal_crossentropy"
    out, from_logits = outputs(y_pred, from_logits, "sigmoid")
    y_true, out = paired(who, y_true, out)
    y_true = smoothed(who, binary_labels(y_true, who), label_smoothing, 2)
    out = out if from_logits else probabilities(out, who, "sigmoid")
    p = ops.sigmoid(out) if from_logits else ops.clip(out, dtypes.epsilon(), 1.0 - dtypes.epsilon())
    doubt = y_true * (1.0 - p) + (1.0 - y_true) * p
    loss = ops.power(doubt, gamma) * binary_terms(y_true, out, from_logits=from_logits)
    if apply_class_balancing:
        loss = loss * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ops.mean(loss, axis=axis)


@accumulates(like="y_pred")
def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """`categorical_crossentropy` with each term multiplied by alpha (1 - p)^gamma: easy samples count less.

    Args:
        alpha: weight of all classes, or one for each.
        gamma: how fast the weight falls as p rises.

    The other arguments, result and errors are those of `categorical_crossentropy`.

    Source: Lin et al., 2017, https://arxiv.org/abs/1708.02002

    >>> round(float(categorical_focal_crossentropy([0.0, 1.0, 0.0], [0.05, 0.9, 0.05])), 6)
    0.000263
    """
    who = "categorical_focal_crossentropy"
    out, from_logits = outputs(y_pred, from_logits, "softmax", axis)
    y_true, out = paired(who, y_true, out)
    y_true = smoothed(who, one_hot_labels(y_true, who), label_smoothing, class_count(who, out.shape, axis))
    out = out if from_logits else probabilities(out, who, "softmax", math.inf)
    if from_logits:
        log_p = ops.log_softmax(out, axis=axis)
    else:
        out = out / ops.sum(out, axis=axis, keepdims=True)
        log_p = ops.log(ops.clip(out, dtypes.epsilon(), 1.0 - dtypes.epsilon()))
    doubt = -ops.expm1(log_p)
    return -ops.sum(alpha * ops.power(doubt, gamma) * y_true * log_p, axis=axis)


@accumulates(like="y_pred")
def categorical_generalized_cross_entropy(y_true: TensorLike, y_pred: TensorLike, q: float) -> Tensor:
    """Between cross-entropy (q to 0) and absolute error (q = 1), for labels of which some are wrong: (1 - p^q) / q.

    Args:
        y_true: class numbers from 0, shape (...,) or (..., 1).
        y_pred: probabilities p of the classes, shape (..., classes).
        q: between 0 and 1; the larger, the less a label counts that the model finds unlikely.

    Returns: loss per sample, shape (...,).

    Raises: ShapeError if the shapes do not fit; DataError as `sparse_categorical_crossentropy`.

    Source: Zhang, Sabuncu, 2018, https://arxiv.org/abs/1805.07836

    >>> float(categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)[0])
    1.0
    """
    who = "categorical_generalized_cross_entropy (a sparse_ loss)"
    out = convert_to_tensor(y_pred)
    if not dtypes.is_float(out.dtype):
        out = ops.cast(out, dtypes.floatx())
    if not out.ndim:
        raise ShapeError(f"{who} expects y_pred of shape (..., classes); received a single number.")
    class_count(who, out.shape, -1)
    p = pick_class(class_numbers(who, y_true, out.shape), probabilities(out, who, "softmax"))
    some = ops.greater(p, 0)  # at 0 the derivative would be infinite
    return (1.0 - ops.where(some, ops.where(some, p, 1.0) ** q, 0.0)) / q


@accumulates(like="y_pred")
def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Kullback-Leibler divergence of y_pred from y_true: sum of y_true log(y_true / y_pred), both in [epsilon, 1].

    Args:
        y_true: probabilities, shape (..., d).
        y_pred: probabilities, same shape.

    Returns: divergence per sample in nats, shape (...,).

    Raises: ShapeError if the shapes differ; DataError for labels, or probabilities, out of range.

    >>> round(float(kl_divergence([0.5, 0.5], [0.25, 0.75])), 4)
    0.1438
    """
    y_true, y_pred = paired("kl_divergence", y_true, y_pred)
    y_true = one_hot_labels(y_true, "kl_divergence")
    y_pred = probabilities(y_pred, "kl_divergence", "softmax")
    y_true, y_pred = (ops.clip(y, dtypes.epsilon(), 1.0) for y in (y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


class CategoricalCrossentropy(LossFunctionWrapper):
    """Minus the sum of y_true log(p), for one-hot labels; see `categorical_crossentropy`.

    Shapes: y_true and y_pred (..., classes), loss (...,).

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.3, 0.7]])), 4)
    0.3567
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Dtype = None,
    ):
        more = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **more)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Minus log(p[y_true]), for class numbers; see `sparse_categorical_crossentropy`.

    Shapes: y_true (...,) or (..., 1), y_pred (..., classes), loss (...,).

    >>> round(float(SparseCategoricalCrossentropy()([1, 2], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    0.4338
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Dtype = None,
    ):
        more = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **more)


class BinaryCrossentropy(LossFunctionWrapper):
    """Mean of -(y_true log(p) + (1 - y_true) log(1 - p)); see `binary_crossentropy`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.2], [0.7]])), 4)
    0.2899
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Dtype = None,
    ):
        more = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **more)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy in which easy answers count less; see `binary_focal_crossentropy`.

        l = -mean of (1 - q)^gamma (y_true log(p) + (1 - y_true) log(1 - p)),  q = y_true p + (1 - y_true) (1 - p)

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(BinaryFocalCrossentropy()([[0.0], [1.0]], [[0.2], [0.7]])), 4)
    0.0205
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Dtype = None,
    ):
        more = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        more |= {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **more)


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical cross-entropy in which easy samples count less; see `categorical_focal_crossentropy`.

        l = -(sum of alpha (1 - p)^gamma y_true log(p))

    Shapes: y_true and y_pred (..., classes), loss (...,).

    >>> round(float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.3, 0.7]])), 4)
    0.008
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Dtype = None,
    ):
        more = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        more |= {"alpha": alpha, "gamma": gamma}
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **more)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p^q) / q with the probability p of the true class; see `categorical_generalized_cross_entropy`.

    Shapes: y_true (...,) or (..., 1), y_pred (..., classes), loss (...,).

    >>> round(float(CategoricalGeneralizedCrossEntropy()([1, 2], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    0.3887
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Dtype = None,
    ):
        if not 0 < q < 1:
            raise ArgumentError(
                f"CategoricalGeneralizedCrossEntropy expects q between 0 and 1, both excluded; received {q!r}. "
                "For q = 0 take SparseCategoricalCrossentropy."
            )
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class KLDivergence(LossFunctionWrapper):
    """Sum of y_true log(y_true / y_pred); see `kl_divergence`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(KLDivergence()([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])), 4)
    0.4337
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Dtype = None
    ):
        super().__init__(kl_divergence, reduction, name, dtype)
