"""Several optimizers for one model, each for the weights whose paths it is mapped to."""

import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, Self

from autonet.common.types import Identifier
from autonet.errors import ArgumentError, DtypeError
from autonet.optimizers.base import Optimizer
from autonet.optimizers.loss_scale import LossScaleOptimizer
from autonet.serialization import objects
from autonet.untrusted.faults import described
from autonet.variable import Variable


class OptimizerMap(MutableMapping[str, Optimizer]):
    """A dictionary from paths of weights, or patterns of them, to optimizers.

    `map[path]` is the optimizer under that very key; else that of the one key which, as a regular expression, matches the
    whole path; else the default. `map(variable)` is `map[variable.path]`, which begins with the name of the model.

    Args:
        default_optimizer: the optimizer of all other weights.
        optimizer_map: the keys and optimizers at first.

    Raises: DtypeError for what is no optimizer; ArgumentError for a key that is there already, and for a path that several
        keys match.

    >>> from autonet.optimizers import SGD, Adam
    >>> rates = OptimizerMap(SGD(0.1), {"encoder/.*": Adam(0.001)})
    >>> type(rates["encoder/dense/kernel"]).__name__, type(rates["head/kernel"]).__name__
    ('Adam', 'SGD')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None):
        if not isinstance(default_optimizer, Optimizer):
            raise DtypeError(
                f"OptimizerMap expects default_optimizer to be an optimizer; received {default_optimizer!r}."
            )
        if not isinstance(optimizer_map, (dict, type(None))):
            raise DtypeError(
                f"OptimizerMap expects optimizer_map, a dictionary from paths to optimizers; received {optimizer_map!r}."
            )
        self._default = _inner(default_optimizer)
        self._optimizers: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of the weights that no key matches."""
        return self._default

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizers:
            return self._optimizers[key]
        matching = [pattern for pattern in self._optimizers if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ArgumentError(
                f"OptimizerMap expects one key to match {key!r}; {len(matching)} do: {', '.join(map(repr, matching))}. "
                "Make the patterns narrower."
            )
        return self._optimizers[matching[0]] if matching else self._default

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ArgumentError(f"OptimizerMap expects its keys to be paths or patterns of them; received {key!r}.")
        if key in self._optimizers:
            raise ArgumentError(f"OptimizerMap has an optimizer for {key!r} already: delete that key first.")
        try:
            re.compile(key)
        except re.error as error:
            raise ArgumentError(
                f"OptimizerMap expects its keys to be regular expressions; {key!r} is none: {error}."
            ) from None
        self._optimizers[key] = _inner(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._optimizers[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizers)

    def __len__(self) -> int:
        return len(self._optimizers)

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """The default and the map, as configurations."""
        return {
            "default_optimizer": objects.serialize_keras_object(self._default),
            "optimizer_map": objects.serialize_keras_object(self._optimizers),
        }

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The map that `get_config` described."""
        return cls(**{k: objects.deserialize_keras_object(v, custom_objects=custom_objects) for k, v in config.items()})


class MultiOptimizer(Optimizer):
    """Optimizers that share the weights of a model: each moves those that the map gives it, with its own options and state.

    It has no learning_rate of its own; `optimizers` are those inside, and `LearningRateScheduler` and `ReduceLROnPlateau` set
    the rate of each.

    Args:
        optimizer_map: an `OptimizerMap`, or a function from a Variable to its optimizer.
        loss_scale_factor: takes the place of that of each optimizer inside.

    Raises: ArgumentError for what is no map, and when it is built, for what cannot be inside: a `MultiOptimizer`, a
        `LossScaleOptimizer` (which may stand around this one), and optimizers that search along a line.

    >>> from autonet.optimizers import SGD, Adam
    >>> slow_encoder = MultiOptimizer(OptimizerMap(SGD(0.1), {".*/encoder/.*": Adam(0.0001)}))
    >>> [type(o).__name__ for o in slow_encoder.optimizers]
    ['Adam', 'SGD']
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if isinstance(optimizer_map, dict) and "class_name" in optimizer_map:
            optimizer_map = objects.deserialize_keras_object(optimizer_map)
        if not callable(optimizer_map):
            raise ArgumentError(
                f"MultiOptimizer expects an OptimizerMap, or a function from a Variable to its optimizer; received "
                f"{optimizer_map!r}."
            )
        self._optimizers: list[Optimizer] = []
        super().__init__(0.0, name=name)
        self.optimizer_map = optimizer_map
        self.loss_scale_factor = loss_scale_factor
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map._optimizers.values(), optimizer_map.default_optimizer):
                self._place(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers inside; those that a function returns are known once it is built."""
        return list(self._optimizers)

    def _place(self, optimizer: Optimizer) -> int:
        """The position of `optimizer` among those inside, where it stands from now on."""
        for i, known in enumerate(self._optimizers):
            if known is optimizer:
                return i
        _inner(optimizer).loss_scale_factor = self.loss_scale_factor
        self._optimizers.append(optimizer)
        return len(self._optimizers) - 1

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        if not self.built:
            self._places = {v: self._place(_inner(self.optimizer_map(v), v)) for v in variables}
        for optimizer, own in self._groups(variables):
            optimizer.build(own)
        super().build(variables)

    def _groups(self, variables: Iterable[Variable]) -> list[tuple[Optimizer, list[Variable]]]:
        """The optimizers inside that have some of these weights, each with its own."""
        groups: list[list[Variable]] = [[] for _ in self._optimizers]
        for v in variables:
            if v in self._places:
                groups[self._places[v]].append(v)
        return [(optimizer, own) for optimizer, own in zip(self._optimizers, groups, strict=True) if own]

    def _step(self, grads: list[Any], variables: list[Variable]) -> None:
        of = dict(zip(variables, grads, strict=True))
        for optimizer, own in self._groups(variables):
            optimizer.apply([of[v] for v in own], own)

    # What it passes on

    @property
    def variables(self) -> list[Variable]:
        """Its own state, then that of the optimizers inside."""
        return [*super().variables, *(v for optimizer in self._optimizers for v in optimizer.variables)]

    @property
    def learning_rate(self) -> Any:
        raise AttributeError(f"{self.name} has no learning_rate; each of its `optimizers` has its own.")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(f"{self.name} has no learning_rate to set: set that of its `optimizers`.")

    @property
    def loss_scale_factor(self) -> float | None:
        """By what `scale_loss` multiplies, and the optimizers inside divide."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in self._optimizers:
            optimizer.loss_scale_factor = value

    @property
    def stepping(self) -> list[Optimizer]:
        return self.optimizers

    @property
    def asks(self) -> bool:
        return any(optimizer.asks for optimizer in self._optimizers)

    def refresh(self) -> None:
        for optimizer in self._optimizers:
            optimizer.refresh()

    def reset(self) -> None:
        super().reset()
        for optimizer in self._optimizers:
            optimizer.reset()

    def begin_epoch(self) -> None:
        for optimizer in self._optimizers:
            optimizer.begin_epoch()

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        if self.built:
            for optimizer, own in self._groups(var_list):
                optimizer.finalize_variable_values(own)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        var_list, var_names = list(var_list or ()), list(var_names or ())
        super().exclude_from_weight_decay(var_list, var_names)
        for optimizer in self._optimizers:
            optimizer.exclude_from_weight_decay(var_list, var_names)

    def __repr__(self) -> str:
        return f"<MultiOptimizer {self.name!r} of {self._optimizers!r}>"

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "optimizer_map": objects.serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
        }

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        config = dict(config)
        given: Identifier = config["optimizer_map"]
        config["optimizer_map"] = objects.deserialize_keras_object(given, custom_objects=custom_objects)
        return cls(**config)


def _inner(optimizer: Any, variable: Variable | None = None) -> Optimizer:
    """`optimizer`, if it can stand inside of a MultiOptimizer."""
    of = "" if variable is None else f" of {variable.path!r}"
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"MultiOptimizer expects the optimizer{of} to be one; received {optimizer!r}.")
    if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)) or optimizer.needs_function:
        raise ArgumentError(
            f"MultiOptimizer expects the optimizer{of} to move its weights by their gradients alone; received {optimizer!r}. "
            "A LossScaleOptimizer stands around a MultiOptimizer, not in it."
        )
    return optimizer
