"""Labels and probabilities within their bounds: looked at in every step, compiled ones too."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import DataError

SLACK = 1e-3  # what rounding, resizing or smoothing may add to a probability


@primitive
def bounded(x, *, low, high, whole, details):
    """A copy of `x`, which holds numbers from `low` to `high` and no others; NaN passes.

    Raises: DataError, that begins with `details`.
    """
    wrong = np.less(x, low) | np.greater(x, high)
    if whole:
        wrong |= x != np.floor(x)
    if wrong.any():
        refuse_nan(x, details.partition("|")[0])
        some = ", ".join(str(v) for v in np.unique(x[wrong])[:4].tolist())
        expected, _, advice = details.partition("|")
        raise DataError(f"{expected}; received {some}, among {x.size} numbers from {x.min()} to {x.max()}. {advice}")
    return x.copy()


bounded.vjp(x=lambda g: g)


def refuse_nan(x: np.ndarray, expected: str) -> None:
    """Raise DataError, that begins with `expected`, if there is a NaN among labels that have to be whole numbers."""
    missing = np.count_nonzero(np.isnan(x)) if x.dtype.kind == "f" else 0
    if missing:
        raise DataError(
            f"{expected}; received NaN, a missing label: {missing} among {x.size}. np.flatnonzero(np.isnan(y)) tells where. "
            "Leave these samples out: keep = ~np.isnan(y); x[keep], y[keep]."
        )


def binary_labels(y_true: Any, who: str) -> Tensor:
    """`y_true`, checked to hold 0, 1 or probabilities between.

    Raises: DataError.
    """
    return _checked(
        y_true,
        -SLACK,
        1 + SLACK,
        False,
        f"{who} expects labels 0 and 1, or probabilities between|"
        "For class numbers take the sparse_categorical_ variant, with one output per class; map -1 and 1 by (y + 1) / 2.",
    )


def one_hot_labels(y_true: Any, who: str) -> Tensor:
    """`y_true`, checked to hold one-hot rows or probabilities.

    Raises: DataError.
    """
    return _checked(
        y_true,
        -SLACK,
        1 + SLACK,
        False,
        f"{who} expects one-hot labels, or probabilities from 0 to 1|"
        "Class numbers become one-hot rows with utils.to_categorical, or go with the sparse_ variant.",
    )


def signed_labels(y_true: Any, who: str) -> Tensor:
    """`y_true`, checked to hold -1, 0 and 1 only.

    Raises: DataError.
    """
    return _checked(
        y_true,
        -1,
        1,
        True,
        f"{who} expects labels -1 and 1, or 0 and 1|For more than two classes take categorical_hinge, with one-hot rows.",
    )


def class_labels(y_true: Any, classes: int, who: str) -> Tensor:
    """`y_true`, checked to hold whole numbers below `classes`; those below 0 are no class.

    Raises: DataError.
    """
    return _checked(
        y_true,
        -np.inf,
        classes - 1,
        True,
        f"{who} expects class numbers up to {classes - 1}, as there are {classes} classes|"
        "Count classes from 0, or give the last layer more units.",
    )


def probabilities(y_pred: Any, who: str, activation: str, most: float = 1.0) -> Tensor:
    """`y_pred`, checked to hold numbers from 0 to `most`: infinity where they will be divided by their sum.

    Raises: DataError.
    """
    return _checked(
        y_pred,
        -SLACK,
        most + SLACK,
        False,
        f"{who} expects y_pred to hold probabilities, {'from 0 to 1' if most == 1 else 'from 0 on'}|"
        f"If these are logits, say from_logits=True, or end the model with activation='{activation}'.",
    )


def _checked(x: Any, low: float, high: float, whole: bool, details: str) -> Tensor:
    x = convert_to_tensor(x)
    if x.dtype.kind == "b" and high >= 1:
        return x
    return bounded(x, low=float(low), high=float(high), whole=whole, details=details)
