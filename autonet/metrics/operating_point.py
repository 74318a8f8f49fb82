"""Metrics at the best threshold that keeps another metric at a given level.

Each counts at many thresholds, like `AUC`, in float64.
"""

from typing import Any

from autonet import ops
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, no_grad
from autonet.errors import ArgumentError
from autonet.losses.base import ratio
from autonet.metrics.confusion import MOST_THRESHOLDS, Counting, Counts, confusion

# Each a part of what its second count adds to: true positives of all positives, and so on.
_SENSITIVITY = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")


class _AtLevel(Counting):
    """The largest `wanted` among the thresholds at which `kept` reaches the level; 0 if it does at none."""

    level: str  # name of the argument and attribute
    wanted: tuple[str, str]
    kept: tuple[str, str]

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Dtype):
        super().__init__(dtype=dtype, name=name)
        if not 0 <= value <= 1:
            raise ArgumentError(f"{self.name} expects {self.level} from 0 to 1; received {value!r}.")
        if isinstance(num_thresholds, bool) or not 0 < num_thresholds <= MOST_THRESHOLDS:
            raise ArgumentError(
                f"{self.name} expects num_thresholds above 0, and at most {MOST_THRESHOLDS:,}; received {num_thresholds!r}."
            )
        setattr(self, self.level, value)
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        n = num_thresholds
        self.thresholds = [0.5] if n == 1 else [i / (n - 1) for i in range(n)]
        self.totals = self._add_totals((n,), Counts._fields)

    @no_grad()
    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        counts = confusion(self.name, y_true, y_pred, sample_weight, self.thresholds, class_id=self.class_id)
        for total, count in zip(self.totals, counts, strict=True):
            total.assign_add(count[:, 0])

    def result(self) -> Tensor:
        counts = Counts(*[total.value for total in self.totals])
        wanted, kept = (
            ratio(getattr(counts, hits), getattr(counts, hits) + getattr(counts, misses))
            for hits, misses in (self.wanted, self.kept)
        )
        reached = ops.greater_equal(kept, self.value)
        return ops.cast(ops.max(ops.where(reached, wanted, 0.0)), self.dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds, self.level: self.value}
        return {**super().get_config(), **own}


class SensitivityAtSpecificity(_AtLevel):
    """Largest sensitivity, TP / (TP + FN), among thresholds whose specificity, TN / (TN + FP), is at least the given.

    Shapes: y_true and y_pred (...); (n, classes) with class_id.

    Args:
        specificity: the level to be reached, from 0 to 1.
        num_thresholds: how many thresholds are tried, evenly spaced over [0, 1]; a single one is 0.5.
        class_id: only this position of the last axis counts.

    >>> float(SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    level, wanted, kept = "specificity", _SENSITIVITY, _SPECIFICITY

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Dtype = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_AtLevel):
    """Largest specificity, TN / (TN + FP), among thresholds whose sensitivity, TP / (TP + FN), is at least the given.

    Arguments are those of `SensitivityAtSpecificity`, with `sensitivity` as the level.

    Shapes: y_true and y_pred (...); (n, classes) with class_id.

    >>> round(float(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    level, wanted, kept = "sensitivity", _SPECIFICITY, _SENSITIVITY

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Dtype = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_AtLevel):
    """Largest precision, TP / (TP + FP), among thresholds whose recall, TP / (TP + FN), is at least the given.

    Arguments are those of `SensitivityAtSpecificity`, with `recall` as the level.

    Shapes: y_true and y_pred (...); (n, classes) with class_id.

    >>> float(PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    level, wanted, kept = "recall", _PRECISION, _SENSITIVITY

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Dtype = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_AtLevel):
    """Largest recall, TP / (TP + FN), among thresholds whose precision, TP / (TP + FP), is at least the given.

    Arguments are those of `SensitivityAtSpecificity`, with `precision` as the level.

    Shapes: y_true and y_pred (...); (n, classes) with class_id.

    >>> float(RecallAtPrecision(0.8)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.5
    """

    level, wanted, kept = "precision", _SENSITIVITY, _PRECISION

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Dtype = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
