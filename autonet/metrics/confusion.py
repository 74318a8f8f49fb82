"""Metrics made of the four counts of right and wrong answers to yes-or-no questions, at one or many thresholds.

Counts are kept in float64, so that none is lost.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autonet import ops
from autonet.common.dtypes import floatx, is_float
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor, no_grad
from autonet.errors import ArgumentError, ShapeError
from autonet.losses.base import both, ratio, spread
from autonet.metrics.accuracy import same_shape
from autonet.metrics.base import TOTALS, Metric
from autonet.ops.labels import binary_labels

MOST_THRESHOLDS = 1_000_000  # which a stored configuration may ask for, too


class Counts(NamedTuple):
    """The four counts, each of shape (thresholds, labels)."""

    true_positives: Tensor
    false_positives: Tensor
    true_negatives: Tensor
    false_negatives: Tensor


def confusion(
    who: str,
    y_true: TensorLike,
    y_pred: TensorLike,
    sample_weight: Any,
    thresholds: Sequence[float],
    top_k: int | None = None,
    class_id: int | None = None,
    labels: int = 1,
) -> Counts:
    """Weighted counts of a batch: a prediction above the threshold says yes.

    Args:
        who: for messages.
        y_true: 0 or 1, any shape.
        y_pred: probabilities, same shape.
        sample_weight: of the same shape or its first axes, or None; a mask of y_pred counts as weights of 0 and 1.
        thresholds: one or many.
        top_k: only the k largest predictions along the last axis can say yes.
        class_id: only this position of the last axis counts.
        labels: length of the last axis if its positions are to be counted apart, else 1.
    """
    mask = getattr(y_pred, "_mask", None)
    y_true, y_pred = same_shape(who, y_true, y_pred)
    if not is_float(y_pred.dtype):  # answers of 0 and 1, which thresholds lie between
        y_pred = ops.cast(y_pred, floatx())
    y_true = binary_labels(y_true, who)
    weight = None
    if sample_weight is not None or mask is not None:
        weight = 1.0 if sample_weight is None else spread(sample_weight, y_pred.shape, f"{who}: sample_weight")
        mask = both(mask, None, y_pred)
        weight = ops.broadcast_to(weight if mask is None else ops.where(mask, weight, 0.0), y_pred.shape)
    if top_k is not None:
        best = ops.top_k(y_pred, top_k)[1]
        chosen = ops.any(ops.equal(ops.expand_dims(best, -1), ops.arange(y_pred.shape[-1])), axis=-2)
        y_pred = ops.where(chosen, y_pred, -np.inf)
    if class_id is not None:
        if y_pred.ndim < 2:
            raise ShapeError(
                f"{who} expects y_pred of shape (n, classes), of which class_id={class_id} counts; received {y_pred.shape}."
            )
        if not 0 <= class_id < y_pred.shape[-1]:
            raise ArgumentError(
                f"{who} expects class_id below {y_pred.shape[-1]}, the number of classes; received {class_id}."
            )
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
        weight = weight[..., class_id] if isinstance(weight, Tensor) else weight
    answers = ops.reshape(y_pred, (1, -1, labels))
    truth = ops.reshape(ops.not_equal(y_true, 0), (-1, labels))
    weight = ops.reshape(ops.cast(weight, TOTALS), (-1, labels)) if weight is not None else 1.0
    yes, no = ops.where(truth, weight, 0.0), ops.where(truth, 0.0, weight)
    limits = convert_to_tensor(np.asarray(thresholds, y_pred.dtype).reshape(-1, 1, 1))
    above = ops.greater(answers, limits)
    counts = [ops.where(said, part, 0.0) for said in (above, ops.logical_not(above)) for part in (yes, no)]
    tp, fp, fn, tn = (ops.sum(ops.cast(c, TOTALS), axis=1) for c in counts)
    return Counts(tp, fp, tn, fn)


def _limits(who: str, thresholds: Any, default: float) -> list[float]:
    limits = [default] if thresholds is None else [float(t) for t in np.atleast_1d(np.asarray(thresholds, "float64"))]
    wrong = [t for t in limits if thresholds is not None and not 0 <= t <= 1]
    if wrong:
        raise ArgumentError(f"{who} expects thresholds from 0 to 1; received {wrong[0]!r}.")
    return limits


class Counting(Metric):
    """Base of metrics that add up counts: Variables that are attributes, too, by the names of what they count."""

    def _add_totals(self, shape: tuple[int, ...], names: Sequence[str]) -> list[Any]:
        totals = [self.add_variable(shape, "zeros", TOTALS, name=name) for name in names]
        for name, total in zip(names, totals, strict=True):
            setattr(self, name, total)
        return totals


class _Counting(Counting):
    """Metrics that add up some of the four counts, one Variable for each."""

    parts: tuple[str, ...]  # names from Counts
    top_k: int | None = None
    class_id: int | None = None

    def __init__(self, thresholds: float | Sequence[float] | None, default: float, name: str | None, dtype: Dtype):
        super().__init__(dtype=dtype, name=name)
        self.init_thresholds = thresholds
        self.thresholds = _limits(self.name, thresholds, default)
        n = len(self.thresholds)
        self.totals = self._add_totals((n,), [self._variable_name(part) for part in self.parts])

    def _variable_name(self, part: str) -> str:
        return part

    @no_grad()
    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        counts = confusion(self.name, y_true, y_pred, sample_weight, self.thresholds, self.top_k, self.class_id)
        for total, part in zip(self.totals, self.parts, strict=True):
            total.assign_add(getattr(counts, part)[:, 0])

    def _told(self, values: Tensor) -> Tensor:
        """One number for one threshold, else one for each."""
        values = ops.cast(values, self.dtype)
        return values[0] if len(self.thresholds) == 1 else values

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class _Count(_Counting):
    """One of the four counts."""

    def __init__(self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: Dtype = None):
        super().__init__(thresholds, 0.5, name, dtype)

    def _variable_name(self, part: str) -> str:
        return "accumulator"

    def result(self) -> Tensor:
        return self._told(self.totals[0].value)


class TruePositives(_Count):
    """Weighted number of ones that were predicted above the threshold (or above each of several).

        sum of w y_true [y_pred > threshold]

    Shapes: y_true and y_pred (...); sample_weight the same, or its first axes.

    Args:
        thresholds: 0.5 by default; a list gives one count for each.

    >>> float(TruePositives()([0, 1, 1, 1], [0.9, 0.9, 0.9, 0.1]))
    2.0
    """

    parts = ("true_positives",)


class TrueNegatives(_Count):
    """Weighted number of zeros that were not predicted above the threshold (or each of several).

        sum of w (1 - y_true) [y_pred <= threshold]

    Shapes: y_true and y_pred (...); sample_weight the same, or its first axes.

    Args:
        thresholds: 0.5 by default; a list gives one count for each.

    >>> float(TrueNegatives()([0, 0, 0, 1], [0.9, 0.1, 0.1, 0.1]))
    2.0
    """

    parts = ("true_negatives",)


class FalsePositives(_Count):
    """Weighted number of zeros that were predicted above the threshold (or above each of several).

        sum of w (1 - y_true) [y_pred > threshold]

    Shapes: y_true and y_pred (...); sample_weight the same, or its first axes.

    Args:
        thresholds: 0.5 by default; a list gives one count for each.

    >>> float(FalsePositives()([0, 0, 0, 1], [0.9, 0.1, 0.1, 0.1]))
    1.0
    """

    parts = ("false_positives",)


class FalseNegatives(_Count):
    """Weighted number of ones that were not predicted above the threshold (or each of several).

        sum of w y_true [y_pred <= threshold]

    Shapes: y_true and y_pred (...); sample_weight the same, or its first axes.

    Args:
        thresholds: 0.5 by default; a list gives one count for each.

    >>> float(FalseNegatives()([0, 1, 1, 1], [0.9, 0.9, 0.9, 0.1]))
    1.0
    """

    parts = ("false_negatives",)


class _Share(_Counting):
    """True positives among the sum of both counts; 0 of nothing is 0."""

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Dtype = None,
    ):
        super().__init__(thresholds, 0.5 if top_k is None else -1e10, name, dtype)
        self.top_k = top_k
        self.class_id = class_id

    def result(self) -> Tensor:
        hits, misses = self.totals
        return self._told(ratio(hits.value, hits + misses))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}


class Precision(_Share):
    """Share of the yes answers that are right: true positives / (true + false positives).

    Shapes: y_true and y_pred (...); (n, classes) with class_id or top_k.

    Args:
        thresholds: predictions above it say yes; 0.5 by default; a list gives one precision for each.
        top_k: only the k largest predictions of a sample say yes (without a threshold, then).
        class_id: only this class counts.

    >>> float(Precision()([0, 1, 1, 1], [0.9, 0.9, 0.9, 0.1]))
    0.6666666865348816
    """

    parts = ("true_positives", "false_positives")


class Recall(_Share):
    """Share of the ones that were answered yes: true positives / (true positives + false negatives).

    Arguments are those of `Precision`.

    Shapes: y_true and y_pred (...); (n, classes) with class_id or top_k.

    >>> float(Recall()([0, 1, 1, 1], [0.9, 0.9, 0.1, 0.1]))
    0.3333333432674408
    """

    parts = ("true_positives", "false_negatives")


class AUC(Counting):
    """Area under a curve that thresholds trace: how well predictions rank ones above zeros.

    With counts TP, FP, TN, FN at each threshold, the curve is

        ROC     TP / (TP + FN)  against  FP / (FP + TN)
        PR      TP / (TP + FP)  against  TP / (TP + FN)
        PRGAIN  1 - c FP / TP   against  1 - c FN / TP (at least 0),  c = (TP + FN) / (FP + TN)

    Shapes: y_true and y_pred of one shape, any; (n, labels) with multi_label, label_weights (labels,).

    Args:
        num_thresholds: evenly spaced over [0, 1].
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: between neighbouring points, "interpolation" (straight lines; for PR, TP linear in TP + FP),
            "minoring" (the lower of both) or "majoring" (the higher).
        thresholds: in place of evenly spaced ones.
        multi_label: an area for each position of the last axis, then their mean.
        num_labels: how many positions; needed only to make the state before the first batch.
        label_weights: weights of that mean; without multi_label, of the positions of the last axis.
        from_logits: put a sigmoid before.

    Sources: Davis, Goadrich, 2006, https://doi.org/10.1145/1143844.1143874; Flach, Kull, 2015 (gains).

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Dtype = None,
        thresholds: float | Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        super().__init__(dtype=dtype, name=name)
        if str(curve).upper() not in ("ROC", "PR", "PRGAIN"):
            raise ArgumentError(f"AUC expects curve 'ROC', 'PR' or 'PRGAIN'; received {curve!r}.")
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ArgumentError(
                "AUC expects summation_method 'interpolation', 'minoring' or 'majoring'; "
                f"received {summation_method!r}."
            )
        if thresholds is None and not 1 < num_thresholds <= MOST_THRESHOLDS:
            raise ArgumentError(
                f"AUC expects num_thresholds above 1, and at most {MOST_THRESHOLDS:,}; received {num_thresholds!r}."
            )
        if num_labels is not None and not multi_label:
            raise ArgumentError("AUC uses num_labels with multi_label=True only: pass that, or leave num_labels out.")
        self.init_thresholds = None if thresholds is None else sorted(_limits(self.name, thresholds, 0.5))
        inner = self.init_thresholds or [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        self.thresholds = [-1e-7, *inner, 1 + 1e-7]  # so that the curve has both its ends
        self.num_thresholds = len(self.thresholds)
        self.curve = str(curve).upper()
        self.summation_method = summation_method
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.from_logits = from_logits
        self.totals: list[Any] = []
        if not multi_label or num_labels:
            self.build(num_labels)

    def build(self, labels: int | None) -> None:
        """Make the counts; with `multi_label` and no `num_labels` the first batch does it."""
        shape = (self.num_thresholds, labels or 1) if self.multi_label else (self.num_thresholds,)
        if self.multi_label:
            self._check_label_weights(labels or 1)
        self.totals = self._add_totals(shape, Counts._fields)

    def _check_label_weights(self, labels: int) -> None:
        if self.label_weights is not None and len(self.label_weights) != labels:
            raise ShapeError(
                f"AUC expects one label weight for each of its {labels} labels; received {len(self.label_weights)}."
            )

    @no_grad()
    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        y_pred = convert_to_tensor(y_pred)
        if not self.totals:
            self.build(y_pred.shape[-1])
        labels = self.totals[0].shape[1] if self.multi_label else 1
        if self.multi_label and (y_pred.ndim < 2 or y_pred.shape[-1] != labels):
            raise ShapeError(
                f"{self.name} expects y_pred of shape (..., {labels}), num_labels of them; received {y_pred.shape}."
            )
        if self.from_logits:
            mask = getattr(y_pred, "_mask", None)
            y_pred = ops.sigmoid(y_pred)
            y_pred._mask = mask
        if self.label_weights is not None and not self.multi_label:
            self._check_label_weights(y_pred.shape[-1] if y_pred.ndim > 1 else 1)
            weight = ops.broadcast_to(convert_to_tensor(self.label_weights), y_pred.shape)
            if sample_weight is not None:
                weight = weight * spread(sample_weight, y_pred.shape, f"{self.name}: sample_weight")
            sample_weight = weight
        counts = confusion(self.name, y_true, y_pred, sample_weight, self.thresholds, labels=labels)
        for total, count in zip(self.totals, counts, strict=True):
            total.assign_add(count if self.multi_label else count[:, 0])

    def result(self) -> Tensor:
        if not self.totals:
            return ops.zeros((), self.dtype)
        tp, fp, tn, fn = (total.value for total in self.totals)
        if self.curve == "PR" and self.summation_method == "interpolation":
            area = _area_under_pr(tp, fp, fn)
        else:
            if self.curve == "ROC":
                x, y = ratio(fp, fp + tn), ratio(tp, tp + fn)
            elif self.curve == "PR":
                x, y = ratio(tp, tp + fn), ratio(tp, tp + fp)
            else:
                odds = ratio(tp + fn, fp + tn)
                x, y = ops.maximum(1.0 - odds * ratio(fn, tp), 0.0), 1.0 - odds * ratio(fp, tp)
                x = ops.where(ops.greater(tp, 0), x, 0.0)
            a, b = y[:-1], y[1:]
            height = {"minoring": ops.minimum, "majoring": ops.maximum}.get(self.summation_method)
            area = ops.sum((x[:-1] - x[1:]) * (height(a, b) if height else 0.5 * (a + b)), axis=0)
        if self.multi_label:
            area = ops.average(area, weights=self.label_weights)
        return ops.cast(area, self.dtype)

    def get_config(self) -> dict[str, Any]:
        names = (
            "num_thresholds",
            "curve",
            "summation_method",
            "multi_label",
            "num_labels",
            "label_weights",
            "from_logits",
        )
        config = {**super().get_config(), **{name: getattr(self, name) for name in names}}
        return config if self.init_thresholds is None else {**config, "thresholds": self.init_thresholds}


def _area_under_pr(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """Area under precision against recall where TP is linear in P = TP + FP between thresholds.

    With TP = a + s P on a piece, the integral of (TP / P) dTP is s (difference of TP + a log(ratio of P)).
    """
    p = tp + fp
    rise, run = tp[:-1] - tp[1:], p[:-1] - p[1:]
    s = ratio(rise, run)
    a = tp[1:] - s * p[1:]
    known = ops.logical_and(ops.greater(p[:-1], 0), ops.greater(p[1:], 0))
    log_ratio = ops.log(ops.where(known, p[:-1], 1.0) / ops.where(known, p[1:], 1.0))
    return ops.sum(ratio(s * (rise + a * log_ratio), tp[1:] + fn[1:]), axis=0)
