"""The state of an optimizer: the Variables that it keeps, and the weights that it knows."""

from collections.abc import Iterable, MutableMapping
from typing import Any

import numpy as np

from autonet import initializers
from autonet.common.dtypes import floatx
from autonet.common.types import Dtype, Identifier, TensorLike
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, NotBuiltError, ShapeError
from autonet.optimizers.rate import HasRate, read_rate
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


class HasState(HasRate):
    """Base of `Optimizer`: the counter, the learning rate, and what is kept for each weight."""

    name: str
    built: bool
    gradient_accumulation_steps: int | None

    def _begin_state(self, learning_rate: Any) -> None:
        """Make what is there before the weights are known."""
        self.built = False
        self._variables: list[Variable] = []
        self._iterations = self.add_variable((), 0, "int64", name="iteration")
        rate = read_rate(self.name, learning_rate)
        self._rate: Variable | LearningRateSchedule = (
            rate if isinstance(rate, LearningRateSchedule) else self.add_variable((), rate, name="learning_rate")
        )
        if isinstance(rate, LearningRateSchedule) and rate.counts_epochs:
            self._count_epochs()
        self._trainable_variables: list[Variable] = []
        self._position: dict[Variable, int] = {}  # place of each weight in the lists below
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._slots: dict[str, list[Variable]] = {}

    def add_variable(
        self,
        shape: tuple[int, ...],
        initializer: Identifier | TensorLike = "zeros",
        dtype: Dtype = None,
        aggregation: str = "none",
        layout: object = None,
        name: str | None = None,
    ) -> Variable:
        """A new Variable among the optimizer's own.

        Args:
            shape, dtype, name: as for Variable; by default the default float.
            initializer: a number, an initializer or its name.
            aggregation, layout: a hint without effect.
        """
        dtype = dtype or floatx()
        first = initializer
        if isinstance(initializer, str):
            first = initializer = initializers.get(initializer)
        elif isinstance(initializer, (int, float)):
            first = np.full(shape, initializer, dtype)  # as values: a model that is loaded draws none
            initializer = initializers.Constant(initializer)
        variable = Variable(first, shape=tuple(shape), dtype=dtype, trainable=False, name=name)
        variable.initializer = initializer if callable(initializer) else None
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Identifier | TensorLike = "zeros"
    ) -> Variable:
        """A new Variable of the shape and dtype of a weight, called after it."""
        name = f"{reference_variable.path.replace('/', '_')}_{name}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=name)

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Variable], name: str, initializer: Identifier | TensorLike = "zeros"
    ) -> list[Variable]:
        """For each weight a new Variable of its shape and dtype."""
        return [self.add_variable_from_reference(v, name, initializer) for v in trainable_variables]

    @property
    def iterations(self) -> Tensor:
        """Number of updates made; with gradient accumulation, a Tensor."""
        n = self.gradient_accumulation_steps
        return self._iterations // n if n else self._iterations

    @iterations.setter
    def iterations(self, variable: Variable) -> None:
        if self.built:
            raise ArgumentError(f"{self.name}: built already; assign to iterations instead.")
        self._variables[0] = self._iterations = variable

    @property
    def variables(self) -> list[Variable]:
        """All state: the counter, the learning rate, means, accumulators, slots."""
        return list(self._variables)

    def get_weights(self) -> list[np.ndarray]:
        """The values of `variables`, as arrays."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Set the values of `variables`, as `get_weights` gave them."""
        self._check_built("set_weights()")
        weights = list(weights)
        if len(weights) != len(self.variables):
            raise DataError(
                f"{self.name}.set_weights() expects {len(self.variables)} arrays, one for each of `variables`; "
                f"received {len(weights)}. Were they taken from an optimizer with the same options and weights?"
            )
        arrays = [np.asarray(value) for value in weights]
        for v, array in zip(self.variables, arrays, strict=True):
            if v.shape != array.shape:
                raise ShapeError(f"{self.name}: {v.path} has shape {v.shape}; received shape {array.shape}.")
        for v, array in zip(self.variables, arrays, strict=True):
            v.assign(array)

    def reset(self) -> None:
        """Start anew: all state, the learning rate too, has the value with which it was made."""
        for v in self._variables:
            if v.initializer is not None:
                v.assign(v.initializer(v.shape, dtype=v.dtype.name))

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of `variables` into a dict-like store, under "0", "1", ..."""
        for i, v in enumerate(self.variables):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Take the values of `variables` from where `save_own_variables` put them."""
        self.set_weights([store[str(i)] for i in range(len(store))])

    # The weights

    def _get_variable_index(self, variable: Variable) -> int:  # the name that subclasses written for Keras use
        return self._position[variable]

    def _check_known(self, variables: list[Variable]) -> None:
        for v in variables:
            if v not in self._position:
                raise ArgumentError(
                    f"{self.name} does not know the variable {v.path!r}, only the {len(self._position)} for "
                    "which it was built. Make a new optimizer for new weights."
                )

    def _check_built(self, who: str) -> None:
        if not self.built:
            raise NotBuiltError(
                f"{self.name}: {who} needs to know the weights. Call optimizer.build(trainable_variables) first."
            )
