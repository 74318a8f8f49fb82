"""Weighted: what a layer knows of its weights, and of those of the layers inside it."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from autonet.core.tensor import convert_to_tensor
from autonet.errors import ArgumentError, NotBuiltError, ShapeError
from autonet.initializers import Constant
from autonet.layers.tracking import Tracking
from autonet.random.seeds import SeedGenerator
from autonet.stateless import StatelessScope, holding
from autonet.variable import Variable, checked_trainable


class Weighted(Tracking):
    """Base of `Layer`: Variables of its own, those of the layers that it owns, and whether training moves them."""

    label: str
    built: bool
    _trainable: bool
    _freezes: bool
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]

    def _is_built(self) -> bool:
        """Whether there are all weights."""
        return self.built

    def _adopt(self, variable: Variable) -> None:
        """Count a Variable among the layer's own, once."""
        if any(v is variable for v in self._trainable_variables + self._non_trainable_variables):
            return
        if variable.initializer is None:  # made from values, with which it begins anew
            variable.initializer = Constant(variable._array)
        (self._trainable_variables if variable.trainable else self._non_trainable_variables).append(variable)
        if not self._trainable:
            variable.trainable = False

    def _own_weights(self) -> list[Variable]:
        """Variables of this layer alone, those in its lists and dictionaries too."""
        for v in self._own(Variable):
            self._adopt(v)
        return self._trainable_variables + self._non_trainable_variables

    @property
    def _sublayers(self) -> list[Any]:
        return list(self._own(Weighted))

    def _flatten_layers(self, include_self: bool = True) -> list[Any]:
        """This layer and all below it, each once, parents first."""
        found: dict[int, Any] = {}
        stack: list[Any] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                stack.extend(reversed(layer._sublayers))
        layers = list(found.values())
        return layers if include_self else layers[1:]

    def _collect(self, own: Callable[[Any], list[Any]]) -> list[Any]:
        found: dict[int, Any] = {}
        for layer in self._flatten_layers():
            for x in own(layer):
                found.setdefault(id(x), x)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """All state but that of metrics: weights, then generator states."""
        own = self._collect(lambda l: l._own_weights())
        seeds = [g.state for g in self._collect(lambda l: list(l._own(SeedGenerator)))]
        return own + seeds

    @property
    def weights(self) -> list[Variable]:
        """The Variables that saving keeps: trainable and not, of this layer and those inside."""
        return self._collect(lambda l: l._own_weights())

    @property
    def trainable_variables(self) -> list[Variable]:
        """The Variables that training moves; none when the layer is frozen."""
        return [v for v in self.weights if v.trainable] if self._trainable else []

    trainable_weights = trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All other Variables."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trained]

    @property
    def metrics(self) -> list[Any]:
        """Metrics assigned to attributes of this layer and those inside."""
        found: dict[int, Any] = {}
        seen: set[int] = set()
        stack: list[Any] = [self]
        while stack:  # one look at what each layer owns: train_on_batch comes here for every batch
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            owned = list(layer._own(object))
            found |= {id(m): m for m in owned if hasattr(type(m), "update_state") and id(m) not in found}
            stack.extend([x for x in reversed(owned) if isinstance(x, Weighted)])
        return list(found.values())

    @property
    def metrics_variables(self) -> list[Variable]:
        """The totals of `metrics`, which are not among `variables`."""
        return [v for m in self.metrics for v in m.variables]

    @property
    def trainable(self) -> bool:
        """Whether training moves the weights; setting it sets it for all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = checked_trainable(value, self.label)  # type: ignore[attr-defined]
        for layer in self._flatten_layers():
            layer._set_own_trainable(value)

    def _set_own_trainable(self, value: bool) -> None:
        self._trainable, self._freezes = value, False
        self._own_weights()  # those in lists as well
        for v in self._trainable_variables:
            v.trainable = value

    def _freeze_all_but(self, kept: list[Any]) -> None:
        """Freeze this layer and those inside, but for some whose own word counts."""
        known = {id(layer) for layer in kept}
        for layer in self._flatten_layers():
            if id(layer) not in known:
                layer._set_own_trainable(False)

    def _as_configured(self, trainable: bool = True) -> Self:
        """Itself, of a configuration in which the layers inside say for themselves whether they are trained."""
        self._trainable, self._freezes = self._trainable and trainable, False
        return self

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Assign arrays to the weights, in the order of `weights`. Nothing changes unless all fit.

        Raises: ArgumentError for another number of arrays; ShapeError for another shape.
        """
        own = self.weights
        if len(weights) != len(own):
            raise ArgumentError(
                f"{self.label} has {len(own)} weights; set_weights received {len(weights)} arrays. "
                "Take them from get_weights() of a layer built alike."
            )
        values = [convert_to_tensor(w) for w in weights]
        for variable, value in zip(own, values, strict=True):
            if variable.shape != value.shape:
                raise ShapeError(
                    f"{self.label}: {variable.path} has shape {variable.shape}; set_weights received {value.shape}. "
                    "Pass the arrays in the order of get_weights()."
                )
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """A call with other values in the place of its Variables, which stay as they are.

        Args:
            trainable_variables: a value for each of `trainable_variables`, in that order; derivatives reach them.
            non_trainable_variables: a value for each of `non_trainable_variables`.
            *args, **kwargs: what the call takes.
            return_losses: whether the layer's losses are returned too.

        Returns: the call's result, and what it left in `non_trainable_variables`; then `losses`, if asked for.

        Raises: NotBuiltError before there are weights; ArgumentError and ShapeError for values that do not fit.
        """
        if not self._is_built():
            raise NotBuiltError(
                f"{self.label} has no weights yet: build it, or call it on data, before stateless_call()."
            )
        trained, others = self.trainable_variables, self.non_trainable_variables
        pairs = holding(trained, trainable_variables, f"{self.label}.stateless_call", "trainable_variables")
        pairs += holding(others, non_trainable_variables, f"{self.label}.stateless_call", "non_trainable_variables")
        with StatelessScope(pairs) as scope:
            outputs = self(*args, **kwargs)  # type: ignore[operator]
            losses = self.losses if return_losses else []  # type: ignore[attr-defined]
            left = [scope.read(v) for v in others]
        return (outputs, left, losses) if return_losses else (outputs, left)

    def count_params(self) -> int:
        """Number of elements in all weights.

        Raises: NotBuiltError before the weights exist.
        """
        if not self._is_built():
            raise NotBuiltError(f"{self.label} has no weights yet: build it, or call it on data, first.")
        return sum(v.size for v in self.weights)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put this layer's own arrays into `store` under "0", "1", ..."""
        for i, v in enumerate(self._own_weights()):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Take this layer's own arrays from `store`."""
        own = self._own_weights()
        if len(store) != len(own):
            raise ArgumentError(f"{self.label} has {len(own)} arrays of its own; {len(store)} were stored.")
        for i, v in enumerate(own):
            v.assign(store[str(i)])
