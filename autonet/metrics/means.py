"""Metrics that are means or sums: Mean, Sum, and the mean of any function of targets and predictions.

Totals and counts are kept in float64, whatever the metric's dtype: so no count is lost, and the result does not depend
on how the samples were cut into batches, but for float32's rounding inside one batch.
"""

from collections.abc import Callable
from typing import Any

from autonet import ops
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor, no_grad
from autonet.errors import ArgumentError
from autonet.losses.base import HasArguments, align, both, rank, ratio, spread, tensors
from autonet.metrics.base import TOTALS, Metric
from autonet.serialization import deserialize_keras_object, serialize_keras_object
from autonet.untrusted.faults import described


def weighted(values: Any, sample_weight: Any, mask: Any, dtype: str, who: str) -> tuple[Tensor, Any]:
    """Sum of the values times their weights, and sum of these weights.

    A mask is a weight of 0 or 1, and what a masked value holds (nan, too) does not matter.
    """
    values = convert_to_tensor(values)
    mask = both(mask, getattr(values, "_mask", None), values)
    values = ops.cast(values, dtype) if values.dtype != dtype else values
    if mask is None and (sample_weight is None or isinstance(sample_weight, (int, float))):
        w = 1 if sample_weight is None else sample_weight
        total = ops.sum(values) if values.ndim else values
        return total if w == 1 else total * w, w * values.size
    weight: Any = 1.0
    if sample_weight is not None:
        weight = ops.cast(spread(sample_weight, values.shape, f"{who}: sample_weight"), dtype)
        values = values * weight
    if mask is not None:
        values, weight = ops.where(mask, values, 0.0), ops.where(mask, weight, 0.0)
    return ops.sum(values), ops.sum(ops.broadcast_to(weight, values.shape))


class Mean(Metric):
    """Weighted mean of all values: sum of w v / sum of w; 0 before the first.

    Shapes: values of any shape; sample_weight that shape, its first axes, or one number.

    >>> m = Mean()
    >>> m.update_state([1.0, 3.0])
    >>> m.update_state(8.0)
    >>> float(m.result())
    4.0
    """

    def __init__(self, name: str | None = "mean", dtype: Dtype = None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", TOTALS, name="total")
        self.count = self.add_variable((), "zeros", TOTALS, name="count")

    @no_grad()
    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Take in values of any shape, with weights of that shape, or of its first axes, or one for all."""
        self._take_in(values, sample_weight)

    def _take_in(self, values: Any, sample_weight: Any, mask: Any = None, rows: int = 1) -> None:
        """`rows`: how many samples a single value without weights stands for."""
        if rows != 1 and sample_weight is None and mask is None and not convert_to_tensor(values).ndim:
            sample_weight = rows
        total, count = weighted(values, sample_weight, mask, self.dtype, self.name)
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self) -> Tensor:
        return ops.cast(ratio(self.total.value, self.count.value), self.dtype)


class Sum(Metric):
    """Weighted sum of all values: sum of w v.

    Shapes: values and sample_weight as for `Mean`.

    >>> m = Sum()
    >>> m.update_state([1.0, 3.0], sample_weight=[1.0, 0.5])
    >>> float(m.result())
    2.5
    """

    def __init__(self, name: str | None = "sum", dtype: Dtype = None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", TOTALS, name="total")

    @no_grad()
    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Take in values of any shape, with weights of that shape, or of its first axes, or one for all."""
        self.total.assign_add(weighted(values, sample_weight, None, self.dtype, self.name)[0])

    def result(self) -> Tensor:
        return ops.cast(self.total.value, self.dtype)


class MeanMetricWrapper(HasArguments, Mean):
    """Mean of a function of targets and predictions over all samples.

    Shapes: what `fn` takes; sample_weight the first axes of what it returns.

    Args:
        fn: function of (y_true, y_pred, **kwargs) that returns one value per sample (or per element). One value for the
            whole batch counts as its mean: once for every row of the predictions.
        name: under which logs show it; by default the function's.
        kwargs: further arguments of `fn`.

    >>> worst = MeanMetricWrapper(lambda y_true, y_pred: ops.max(abs(y_true - y_pred), axis=-1))
    >>> float(worst([[1.0, 2.0], [3.0, 4.0]], [[1.5, 4.0], [3.0, 5.0]]))
    1.5
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Dtype = None, **kwargs: Any):
        if not callable(fn):
            raise ArgumentError(
                f"{type(self).__name__} expects a function of (y_true, y_pred); received {fn!r}. "
                "Names are understood by metrics.get()."
            )
        super().__init__(name=name or _name_of(fn), dtype=dtype)
        self.fn = fn
        self.arguments = kwargs

    @no_grad()
    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Take in a batch; a mask that the predictions carry counts as weights of 0 and 1."""
        y_true, y_pred = tensors(y_true), tensors(y_pred)
        weight = None if sample_weight is None else convert_to_tensor(sample_weight)
        mask = getattr(y_pred, "_mask", None)
        y_true, y_pred = align(y_true, y_pred, rank(weight, mask))
        values = self.fn(y_true, y_pred, **self.arguments)
        rows: Any = y_pred.shape[0] if getattr(y_pred, "shape", ()) else 1  # type: ignore[union-attr]
        self._take_in(values, weight, mask, rows)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **serialize_keras_object(self.arguments)}
        return {**config, "fn": serialize_keras_object(self.fn)} if type(self) is MeanMetricWrapper else config

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**deserialize_keras_object(config))


def _name_of(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__name__", type(fn).__name__).replace("<lambda>", "lambda")
