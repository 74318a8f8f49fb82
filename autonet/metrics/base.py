"""Metric: a number that is gathered over batches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from autonet import initializers
from autonet.common import dtypes
from autonet.common.types import Dtype, Identifier
from autonet.core import Tensor
from autonet.core.accumulate import zeros_of
from autonet.layers.tracking import Tracking
from autonet.serialization import snake_case
from autonet.stateless import StatelessScope, holding
from autonet.untrusted.faults import described
from autonet.utils.naming import unique_name
from autonet.variable import Variable

if TYPE_CHECKING:
    from autonet.common.types import HasResult, P, R_co

# Totals and counts. In float32 a count stands still at 2^24 (60,000 texts of 280 words); in float64 it never does.
TOTALS = "float64"


class Metric(Tracking):
    """Base of all metrics: `update_state` takes in a batch, `result` tells the number, `reset_state` starts anew.

    A subclass makes its state with `add_variable` (or as other metrics, kept in attributes), changes it by `assign` in
    `update_state`, and computes `result` from it; all with `autonet.ops`, so that a training step can be captured.

    Args:
        dtype: name of the dtype of the result; by default `floatx()`.
        name: under which logs show it; by default the class's own name in snake_case, with a number from the second on.

    >>> from autonet import ops
    >>> class Largest(Metric):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.largest = self.add_variable((), "zeros")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(ops.maximum(self.largest, ops.max(y_pred)))
    ...     def result(self):
    ...         return self.largest.value
    >>> float(Largest()([0.0, 1.0], [0.5, 0.25]))
    0.5
    """

    def __init__(self, dtype: Dtype = None, name: str | None = None):
        self._variables: list[Variable] = []
        self.name = name or unique_name(snake_case(type(self).__name__))
        self._dtype = dtypes.standardize_dtype(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self) -> str:
        """Name of the dtype of the result."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state, that of metrics in attributes included."""
        found: dict[int, Variable] = {}
        for part in self._own((Variable, Metric)):
            for v in part.variables if isinstance(part, Metric) else [part]:
                found.setdefault(id(v), v)
        return list(found.values())

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Identifier = "zeros",
        dtype: Dtype = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new Variable of the state.

        Args:
            shape: its axis lengths.
            initializer: name, or function of (shape, dtype).
            dtype: by default the metric's own.
            aggregation: a hint without effect.
            name: last part of its path.
        """
        make = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(
            make, tuple(shape), dtype or self._dtype, trainable=False, aggregation=aggregation, name=name or "variable"
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Identifier = None, dtype: Dtype = None, name: str | None = None
    ) -> Variable:
        """`add_variable` with a scalar as default."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch: usually `update_state(y_true, y_pred, sample_weight=None)`."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state, which takes in a batch.")

    def result(self) -> Any:
        """The number (or dictionary of numbers) over all batches since the last `reset_state`."""
        raise NotImplementedError(f"{type(self).__name__} must define result, which tells the number.")

    def reset_state(self) -> None:
        """Start anew: all state becomes 0."""
        for v in self.variables:
            v.assign(zeros_of(v.shape, v.dtype))

    if TYPE_CHECKING:

        def __call__(self: HasResult[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    else:

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """`update_state`, then `result`."""
            self.update_state(*args, **kwargs)
            return self.result()

    # The same without side effects: the state comes in as a list of values and goes out as one.

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Tensor]:
        """The values of `variables` after a batch, had they been `metric_variables` before."""
        with self._holding(metric_variables):
            self.update_state(*args, **kwargs)
            return [v.value for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """What `result` would be if the values of `variables` were `metric_variables`."""
        with self._holding(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Tensor]:
        """What the values of `variables` would be after `reset_state`."""
        with self._holding([v.value for v in self.variables]):
            self.reset_state()
            return [v.value for v in self.variables]

    def _holding(self, values: Sequence[Any]) -> StatelessScope:
        return StatelessScope(holding(self.variables, values, self.name, "variables"))

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `from_config` makes another one."""
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new one, from what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
