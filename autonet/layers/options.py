"""Options of layers, declared once: a class names them, and configurations and weights follow.

An option is an attribute of the same name as the constructor's argument. A family is the three that say how a weight
begins, is penalised and projected: `<family>_initializer`, `<family>_regularizer`, `<family>_constraint`.

    class Dense(Layer):
        _options = ("units", "use_bias")

        def __init__(self, units, ..., kernel_constraint=None, **common):
            self.units, self.use_bias = units, use_bias
            self._set_families(kernel=(kernel_initializer, kernel_regularizer, kernel_constraint))

        def build(self, input_shape):
            self.kernel = self._add_of_family("kernel", (input_shape[-1], self.units))
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from autonet import activations, constraints, initializers, regularizers
from autonet.variable import Variable

_KINDS: dict[str, Any] = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}
_FAMILY = initializers, regularizers, constraints


class Configured:
    """Base of `Layer`: what a constructor keeps, weights are made by and a configuration tells."""

    _options: tuple[str, ...] = ()  # with those of the classes above
    _fixed: tuple[str, ...] = ()  # those of the classes above that the class sets itself: it does not take them
    _families: tuple[str, ...] = ()

    if TYPE_CHECKING:  # those of a family are there where it is
        kernel_initializer: Any
        kernel_regularizer: Any
        kernel_constraint: Any
        bias_initializer: Any
        bias_regularizer: Any
        bias_constraint: Any
        recurrent_initializer: Any
        recurrent_regularizer: Any
        recurrent_constraint: Any
        depthwise_initializer: Any
        depthwise_regularizer: Any
        depthwise_constraint: Any
        pointwise_initializer: Any
        pointwise_regularizer: Any
        pointwise_constraint: Any
        gamma_initializer: Any
        gamma_regularizer: Any
        gamma_constraint: Any
        beta_initializer: Any
        beta_regularizer: Any
        beta_constraint: Any
        embeddings_initializer: Any
        embeddings_regularizer: Any
        embeddings_constraint: Any
        alpha_initializer: Any
        alpha_regularizer: Any
        alpha_constraint: Any

    def _set_families(self, **families: tuple[Any, Any, Any]) -> None:
        """Keep (initializer, regularizer, constraint) of each family, given as names, objects or configurations."""
        for family, given in families.items():
            for name, module, what in zip(_options_of(family), _FAMILY, given, strict=True):
                setattr(self, name, module.get(what))
        self.__dict__["_families"] = (*self._families, *families)

    def _add_of_family(self, family: str, shape: Any, name: str | None = None, initializer: Any = None) -> Variable:
        """A new weight as the family's options say; `name` is by default the family's."""
        own, regularizer, constraint = [getattr(self, option) for option in _options_of(family)]
        return self.add_weight(  # type: ignore[attr-defined]
            shape, initializer or own, regularizer=regularizer, constraint=constraint, name=name or family
        )

    def _options_config(self) -> dict[str, Any]:
        """All options as plain values."""
        cls: Any = type(self)
        names = [*_declared(cls), *[name for family in self._families for name in _options_of(family)]]
        return {name: _serialized(name, getattr(self, name)) for name in names}


@functools.cache  # one object for each name: Python remembers the attributes that it looked up by their identity
def _options_of(family: str) -> tuple[str, ...]:
    """The names of a family's three options."""
    return f"{family}_initializer", f"{family}_regularizer", f"{family}_constraint"


@functools.cache
def _declared(cls: Any) -> tuple[str, ...]:
    """The names of the options of `cls`, base classes first; what other packages call `_options` is their own affair."""
    names: dict[str, None] = {}
    for c in reversed(cls.__mro__):
        if c.__module__.startswith("autonet."):
            names |= dict.fromkeys(vars(c).get("_options", ()))
            names = {n: None for n in names if n not in vars(c).get("_fixed", ())}
    return tuple(names)


def _serialized(name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    kind = _KINDS.get(name.rpartition("_")[2])
    return value if kind is None else kind.serialize(value)
