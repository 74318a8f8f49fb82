"""Cross-entropies, from logits in their stable forms, or from probabilities.

Those on logits are primitives: the softmax, its logarithm and the product with the targets in one.
"""

import math
from typing import Any

import numpy as np

from autonet.common.dtypes import epsilon
from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import DataError, ShapeError
from autonet.ops.creation import cast, one_hot
from autonet.ops.half_precision import accumulates
from autonet.ops.labels import binary_labels, one_hot_labels, probabilities, refuse_nan
from autonet.ops.nn import log_softmax, sigmoid, softmax
from autonet.ops.pointwise import clip, log, log1p
from autonet.ops.reduction import sum
from autonet.ops.shaping import expand_dims, squeeze


@primitive(floating=True, accumulates=True)
def softmax_crossentropy(target, logits, *, axis=-1):
    """-sum of target * log_softmax(logits) along `axis`, which disappears."""
    z = np.subtract(logits, np.maximum.reduce(logits, axis=axis, keepdims=True))
    total = np.log(np.add.reduce(np.exp(z), axis=axis, keepdims=True))
    return np.add.reduce(np.multiply(np.subtract(total, z, out=z), target, out=z), axis=axis)


softmax_crossentropy.vjp(
    target=lambda g, logits, axis: -expand_dims(g, axis) * log_softmax(logits, axis=axis),
    logits=lambda g, target, logits, axis: (
        expand_dims(g, axis) * (softmax(logits, axis=axis) * sum(target, axis=axis, keepdims=True) - target)
    ),
)


@primitive(floating=True, keep=("target",), accumulates=True)
def class_crossentropy(target, logits, *, axis=-1):
    """-log_softmax(logits) at the class numbers `target`, along `axis`, which `target` lacks."""
    z = _classes_last(logits, axis)
    at = _class_numbers(target, z)
    z = np.subtract(z, np.maximum.reduce(z, axis=-1, keepdims=True)).reshape(-1, z.shape[-1])
    total = np.log(np.add.reduce(np.exp(z), axis=-1))
    return np.subtract(total, z[np.arange(len(z)), at]).reshape(target.shape)


class_crossentropy.vjp(
    target=None,
    logits=lambda g, target, logits, axis: (
        expand_dims(g, axis)
        * (softmax(logits, axis=axis) - one_hot(target, logits.shape[axis], axis=axis, dtype=logits.dtype))
    ),
)


@primitive(keep=("target",))
def pick_class(target, x, *, axis=-1):
    """`x` at the class numbers `target`, along `axis`, which `target` lacks."""
    z = _classes_last(x, axis)
    at = _class_numbers(target, z)
    return z.reshape(-1, z.shape[-1])[np.arange(target.size), at].reshape(target.shape)


pick_class.vjp(
    target=None,
    x=lambda g, target, x_shape, axis: expand_dims(g, axis) * one_hot(target, x_shape[axis], axis=axis, dtype=g.dtype),
)


@primitive(floating=True, accumulates=True)
def sigmoid_crossentropy(target, logits):
    """-target log(sigmoid(logits)) - (1 - target) log(1 - sigmoid(logits)), elementwise."""
    y = np.empty(np.broadcast(target, logits).shape, logits.dtype)
    np.absolute(logits, out=y)
    np.negative(y, out=y)
    np.log1p(np.exp(y, out=y), out=y)
    np.add(y, np.maximum(logits, 0), out=y)
    return np.subtract(y, np.multiply(logits, target), out=y)


sigmoid_crossentropy.vjp(
    target=lambda g, logits: -g * logits,
    logits=lambda g, target, logits: g * (sigmoid(logits) - target),
)


def _classes_last(x: np.ndarray, axis: int) -> np.ndarray:
    return x if axis in (-1, x.ndim - 1) else np.moveaxis(x, axis, -1)


def _class_numbers(target: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`target`, flat, as indices of the last axis of `x`; checked."""
    classes = x.shape[-1]
    if target.shape != x.shape[:-1]:
        raise ValueError("the class numbers must have the shape of the other operand without the axis of classes")
    at = target.reshape(-1)
    if at.dtype.kind not in "iu":
        refuse_nan(target, "A sparse crossentropy expects class numbers")
        whole = at.astype(np.int64)
        if not np.array_equal(whole, at):
            raise DataError(
                "A sparse crossentropy expects class numbers, which are whole; received some that are not. "
                "For rows of probabilities use categorical_crossentropy."
            )
        at = whole
    if at.size and (at.min() < 0 or at.max() >= classes):
        raise DataError(
            f"A sparse crossentropy expects class numbers between 0 and {classes - 1}, as there are {classes} classes; received "
            f"{at.min()} to {at.max()}. Count classes from 0, or give the last layer more units."
        )
    return at


# What users call


@accumulates()
def categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-sum of target * log(output) along the axis of classes.

    Args:
        target: probabilities of the classes, such as one-hot rows, shape (..., classes).
        output: probabilities, which are scaled to sum 1 and kept `epsilon()` away from 0 and 1; or logits; same shape.
        from_logits: whether `output` holds logits. That is the more accurate way.
        axis: where the classes are.

    Returns: shape (...,).

    Raises: ShapeError if the shapes differ; DataError for targets, or probabilities, out of range.

    >>> round(float(categorical_crossentropy([0.0, 1.0], [0.75, 0.25])), 4)
    1.3863
    """
    target, output = _same_shapes(target, output, "categorical_crossentropy")
    if not output.ndim:
        raise ShapeError("categorical_crossentropy expects an axis of classes; received numbers without axes.")
    target = one_hot_labels(target, "categorical_crossentropy")
    if not from_logits:
        output = probabilities(output, "categorical_crossentropy", "softmax", math.inf)
    return categorical_terms(target, output, from_logits, axis)


def categorical_terms(target: Tensor, output: Tensor, from_logits: bool, axis: int) -> Tensor:
    """`categorical_crossentropy` of what was checked."""
    if from_logits:
        return softmax_crossentropy(target, output, axis=axis)
    return -sum(target * log(_probabilities(output, axis)), axis=axis)


@accumulates()
def sparse_categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(output) at the class numbers `target`.

    Args:
        target: class numbers from 0, shape (...,), or (..., 1) where `output` has as many axes.
        output: probabilities or logits, shape (..., classes); see `categorical_crossentropy`.
        from_logits: whether `output` holds logits.
        axis: where `output` has the classes.

    Returns: shape (...,).

    Raises: ShapeError if the shapes differ but for the axis of classes; DataError for numbers that name no class, and for
        probabilities below 0.

    >>> round(float(sparse_categorical_crossentropy(1, [0.75, 0.25])), 4)
    1.3863
    """
    labels, output = convert_to_tensor(target), _floating(output)
    if output.ndim and labels.ndim == output.ndim and labels.shape[-1] == 1:
        labels = squeeze(labels, axis=-1)
    if not output.ndim or labels.shape != _without(output.shape, axis):
        raise ShapeError(
            f"sparse_categorical_crossentropy expects one class number for each set of classes on axis {axis} of shape "
            f"{output.shape}; received targets of shape {labels.shape}. "
            "For one-hot targets use categorical_crossentropy."
        )
    if from_logits:
        return class_crossentropy(labels, output, axis=axis)
    output = probabilities(output, "sparse_categorical_crossentropy", "softmax", math.inf)
    return -pick_class(labels, log(_probabilities(output, axis)), axis=axis)


@accumulates()
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Tensor:
    """-target log(output) - (1 - target) log(1 - output), elementwise.

    Args:
        target: probabilities, any shape.
        output: probabilities, which are kept `epsilon()` away from 0 and 1; or logits; same shape.
        from_logits: whether `output` holds logits.

    Returns: same shape.

    Raises: ShapeError if the shapes differ; DataError for targets, or probabilities, out of range.

    >>> [round(loss, 4) for loss in binary_crossentropy([1.0, 0.0], [0.25, 0.25]).tolist()]
    [1.3863, 0.2877]
    """
    target, output = _same_shapes(target, output, "binary_crossentropy")
    target = binary_labels(target, "binary_crossentropy")
    if not from_logits:
        output = probabilities(output, "binary_crossentropy", "sigmoid")
    return binary_terms(target, output, from_logits)


def binary_terms(target: Tensor, output: Tensor, from_logits: bool) -> Tensor:
    """`binary_crossentropy` of what was checked."""
    if from_logits:
        return sigmoid_crossentropy(target, output)
    p = clip(output, epsilon(), 1 - epsilon())
    return -(target * log(p) + (1 - target) * log1p(-p))


def _probabilities(output: Tensor, axis: int) -> Tensor:
    """`output` scaled to sum 1 along the axis, and kept where logarithms are finite."""
    return clip(output / sum(output, axis=axis, keepdims=True), epsilon(), 1 - epsilon())


def _floating(output: Any) -> Tensor:
    output = convert_to_tensor(output)
    return output if output.dtype.kind == "f" else cast(output, None)


def _same_shapes(target: Any, output: Any, who: str) -> tuple[Tensor, Tensor]:
    output = _floating(output)
    target = cast(target, output.dtype)
    if target.shape != output.shape:
        raise ShapeError(
            f"{who} expects targets and outputs of one shape; received {target.shape} and {output.shape}. "
            "Reshape one of them: nothing is broadcast here."
        )
    return target, output


def _without(shape: tuple, axis: int) -> tuple:
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]
