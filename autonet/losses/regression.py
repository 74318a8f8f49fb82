"""Losses between numbers: squared, absolute, relative, robust, and the angle between vectors."""

from typing import Any

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.losses.base import LossFunctionWrapper
from autonet.ops.half_precision import accumulates
from autonet.ops.normalization import direction


def paired(who: str, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Targets and predictions as float Tensors of one shape and of the predictions' dtype.

    A last axis of length 1 that only one of them has is added to, or taken from, the other, as in Keras; nothing else
    is ever broadcast.

    Raises: ShapeError.
    """
    y_true, y_pred = convert_to_tensor(y_true), convert_to_tensor(y_pred)
    if not dtypes.is_float(y_pred.dtype):
        y_pred = ops.cast(y_pred, dtypes.floatx())
    given = y_true.shape, y_pred.shape
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        y_true, y_pred = (
            (ops.expand_dims(y_true, -1), y_pred) if y_true.ndim == 1 else (y_true, ops.squeeze(y_pred, -1))
        )
    elif y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        y_true, y_pred = (
            (y_true, ops.expand_dims(y_pred, -1)) if y_pred.ndim == 1 else (ops.squeeze(y_true, -1), y_pred)
        )
    if y_true.shape != y_pred.shape or not y_pred.ndim:
        raise ShapeError(_mismatch(who, *given))
    return ops.cast(y_true, y_pred.dtype) if y_true.dtype != y_pred.dtype else y_true, y_pred


def _mismatch(who: str, true: tuple[int, ...], pred: tuple[int, ...]) -> str:
    said = f"{who} expects y_true and y_pred of one shape, target by target; received y_true {true}, y_pred {pred}."
    if not pred:
        return f"{said} A single number is a sample of shape (1,): reshape both."
    labels = true == pred[:-1] or true == (*pred[:-1], 1)
    if labels and "categorical" in who:
        return f"{said} Class numbers go with the sparse_ variant, or one-hot encode them with utils.to_categorical."
    if labels:
        return (
            f"{said} Class numbers go with sparse_categorical_crossentropy; for other numbers, let the model's last "
            "axis have the targets' length."
        )
    return (
        f"{said} Nothing is broadcast here: reshape one of them, or let the model's last layer give the targets' shape."
    )


@accumulates(like="y_pred")
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Mean of the squared errors: mean over the last axis of (y_true - y_pred)^2.

    Args:
        y_true: targets, shape (..., d).
        y_pred: predictions, same shape.

    Returns: loss per sample, shape (...,), in squared units of y_true.

    Raises: ShapeError if the shapes differ.

    >>> float(mean_squared_error([0.0, 1.0], [1.0, 3.0]))
    2.5
    """
    y_true, y_pred = paired("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@accumulates(like="y_pred")
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Mean of the absolute errors: mean over the last axis of |y_true - y_pred|.

    Shapes and errors are those of `mean_squared_error`; the loss is in units of y_true.

    >>> float(mean_absolute_error([0.0, 1.0], [1.0, 3.0]))
    1.5
    """
    y_true, y_pred = paired("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@accumulates(like="y_pred")
def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Mean of the errors relative to the targets: 100 mean of |y_true - y_pred| / max(|y_true|, epsilon).

    Shapes and errors are those of `mean_squared_error`; the loss is in percent.

    >>> float(mean_absolute_percentage_error([2.0, 4.0], [1.0, 5.0]))
    37.5
    """
    y_true, y_pred = paired("mean_absolute_percentage_error", y_true, y_pred)
    size = ops.maximum(ops.abs(y_true), dtypes.epsilon())
    return 100.0 * ops.mean(ops.abs(y_true - y_pred) / size, axis=-1)


@accumulates(like="y_pred")
def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Mean of (log(1 + y_true) - log(1 + y_pred))^2, both taken as at least epsilon.

    Shapes and errors are those of `mean_squared_error`. It weighs ratios, for targets above 0.

    >>> round(float(mean_squared_logarithmic_error([0.0, 3.0], [1.0, 1.0])), 4)
    0.4805
    """
    y_true, y_pred = paired("mean_squared_logarithmic_error", y_true, y_pred)
    least = dtypes.epsilon()
    return ops.mean(ops.square(ops.log1p(ops.maximum(y_true, least)) - ops.log1p(ops.maximum(y_pred, least))), axis=-1)


@accumulates(like="y_pred")
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """Squared error near zero, absolute error in the tails.

        e = y_true - y_pred,  q = e clipped to [-delta, delta],  loss = mean of q (e - q / 2)

    Args:
        y_true: targets, shape (..., d).
        y_pred: predictions, same shape.
        delta: where the branches meet, in the units of y_true, above 0.

    Returns: loss per sample, shape (...,), in squared units of y_true.

    Raises: ShapeError if the shapes differ; ArgumentError if delta <= 0.

    Source: Huber, Annals of Mathematical Statistics 35, 1964, pp. 73-101.

    >>> float(huber([0.0, 0.0], [1.0, 3.0]))
    1.5
    """
    if not delta > 0:
        raise ArgumentError(f"huber expects delta above 0, the error at which its branches meet; received {delta!r}.")
    y_true, y_pred = paired("huber", y_true, y_pred)
    e = y_true - y_pred
    q = ops.clip(e, -delta, delta)
    return ops.mean(q * (e - 0.5 * q), axis=-1)


@accumulates(like="y_pred")
def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Mean of log(cosh e) with e = y_pred - y_true: e^2 / 2 near zero, |e| - log 2 far from it, smooth everywhere.

    It is computed as e + softplus(-2 e) - log 2, which does not overflow. Shapes and errors are those of
    `mean_squared_error`.

    >>> round(float(log_cosh([0.0, 0.0], [1.0, 1000.0])), 3)
    499.87
    """
    y_true, y_pred = paired("log_cosh", y_true, y_pred)
    e = y_pred - y_true
    return ops.mean(e + ops.softplus(-2.0 * e) - 0.6931471805599453, axis=-1)


@accumulates(like="y_pred")
def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Negative log-likelihood of counts y_true at Poisson rates y_pred: mean of y_pred - y_true log(y_pred + epsilon).

    The term log(y_true!) is left out. Shapes and errors are those of `mean_squared_error`.

    >>> float(poisson([0.0, 2.0], [1.0, 1.0]))
    0.9999998807907104
    """
    y_true, y_pred = paired("poisson", y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + dtypes.epsilon()), axis=-1)


def cosine(y_true: Tensor, y_pred: Tensor, axis: Any = -1) -> Tensor:
    """Cosine of the angle between the vectors along `axis`; 0, with a derivative of 0, where one of them is 0."""
    return ops.sum(direction(y_true, axis) * direction(y_pred, axis), axis=axis)


@accumulates(like="y_pred")
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between y_true and y_pred along `axis`: -1 for one direction, 1 for opposite ones.

    Args:
        y_true: vectors, shape (..., d).
        y_pred: vectors, same shape.
        axis: along which the vectors lie.

    Returns: loss per vector, shape of y_pred without `axis`; 0 where a vector is 0.

    Raises: ShapeError if the shapes differ.

    >>> float(cosine_similarity([1.0, 0.0], [5.0, 0.0]))
    -1.0
    """
    y_true, y_pred = paired("cosine_similarity", y_true, y_pred)
    return -cosine(y_true, y_pred, axis)


class MeanSquaredError(LossFunctionWrapper):
    """Mean of (y_true - y_pred)^2; see `mean_squared_error`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(MeanSquaredError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    1.0625
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Dtype = None,
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of |y_true - y_pred|; see `mean_absolute_error`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(MeanAbsoluteError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.625
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Dtype = None,
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """100 times the mean of |y_true - y_pred| / |y_true|; see `mean_absolute_percentage_error`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(MeanAbsolutePercentageError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    125000016.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Dtype = None,
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """Mean of (log(1 + y_true) - log(1 + y_pred))^2; see `mean_squared_logarithmic_error`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.0822
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Dtype = None,
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """Squared error up to `delta`, absolute error beyond; see `huber`.

        l = mean of q (e - q / 2),  e = y_true - y_pred,  q = e clipped to [-delta, delta]

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(Huber()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.4062
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Dtype = None,
    ):
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """Mean of log(cosh(y_pred - y_true)); see `log_cosh`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(LogCosh()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.3613
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Dtype = None
    ):
        super().__init__(log_cosh, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """Mean of y_pred - y_true log(y_pred); see `poisson`.

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(Poisson()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    0.5713
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Dtype = None
    ):
        super().__init__(poisson, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between y_true and y_pred; see `cosine_similarity`.

        l = -(sum of y_true y_pred) / (|y_true| |y_pred|)

    Shapes: y_true and y_pred (..., d), loss (...,).

    >>> round(float(CosineSimilarity()([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [2.0, 5.0]])), 4)
    -0.9365
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Dtype = None,
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
