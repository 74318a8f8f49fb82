"""What the layers of a model do in one step: an observer of their activations."""

from typing import Any

import numpy as np

from autonet.common.trees import flatten
from autonet.core.state import Observer, state
from autonet.core.tensor import Tensor
from autonet.layers.building import current

STEEP = 0.1  # a unit is saturated where its slope is below this part of the greatest
_SLOPES = {  # share of its greatest slope that an activation has left, from its values
    "sigmoid": lambda y: 4 * y * (1 - y),
    "tanh": lambda y: 1 - y * y,
}


class Activity(Observer):
    """Means and spreads of layers' results, and which of their units are saturated or at rest, in one step.

    An activation belongs to the layer that returns it; one that a model applies itself (`ops.relu(self.dense(x))`) to
    the layer whose result it takes. Those inside a formula, as in a silu or a gate, belong to none.

    Args:
        names: layer to the name under which it is reported; others are left out, unless they end in an activation.
        whole: whether to watch until the step ends, rather than to the end of the first outermost call.

    Attributes:
        values: name to quantity to number: "mean", "std", "saturated".
        active: name to (which units were active at least once, rows), for rectified layers.
        output: of the model's result, if that is an activation: its layer, its kind, its values.
    """

    def __init__(self, names: dict[Any, str], whole: bool):
        self.names = names
        self.whole = whole
        self.values: dict[str, dict[str, list[float]]] = {}
        self.active: dict[str, tuple[np.ndarray, int]] = {}
        self.output: tuple[str, str, np.ndarray] | None = None
        self._kinds: dict[int, tuple[str, Any]] = {}  # what an activation made: its kind, and the result, kept alive
        self._owners: dict[int, tuple[str, Any]] = {}  # what a layer returned

    def record(
        self, primitive: Any, operands: tuple[Any, ...], settings: dict[str, Any], results: tuple[Any, ...]
    ) -> None:
        layer = current.layer
        if layer is not None and (primitive.name in _SLOPES or primitive.name == "relu"):
            self._kinds[id(results[0])] = primitive.name, results[0]
            owner = self._owners.get(id(operands[0]))
            if owner is not None and layer._sublayers and layer not in self.names:
                self._activation(owner[0], primitive.name, results[0], layer)

    def returned(self, thing: Any, result: Any) -> None:
        y = next((t for t in flatten(result) if isinstance(t, Tensor)), None)
        if y is not None and y.dtype.kind == "f" and y.size:
            name = self.names.get(thing)
            kind = self._kinds.get(id(y))
            if name is None and kind is not None and not thing._sublayers:
                name = thing.name
            if name is not None:
                own = self.values.setdefault(name, {})
                own.setdefault("mean", []).append(float(np.mean(y._value, dtype=np.float64)))
                own.setdefault("std", []).append(float(np.std(y._value, dtype=np.float64)))
                if kind is not None:
                    self._activation(name, kind[0], y, thing)
                self._owners[id(y)] = name, y
        if current.layer is None:
            kind, owner = self._kinds.get(id(y)), self._owners.get(id(y))
            if y is not None and kind is not None and owner is not None:
                self.output = owner[0], kind[0], y._value
            if not self.whole:
                state.observer = None  # what follows is known from the gradients

    def _activation(self, name: str, kind: str, y: Tensor, layer: Any) -> None:
        array = y._value
        if kind != "relu":
            saturated = float(np.mean(_SLOPES[kind](array) < STEEP))
            self.values.setdefault(name, {}).setdefault("saturated", []).append(saturated)
            return
        first = getattr(layer, "data_format", None) == "channels_first"
        axes = tuple(n for n in range(array.ndim) if n != (1 if first and array.ndim > 2 else array.ndim - 1))
        active = np.any(array > 0, axis=axes)
        before = self.active.get(name)
        if before is not None and before[0].shape == active.shape:
            active = active | before[0]
        self.active[name] = active, len(array)
