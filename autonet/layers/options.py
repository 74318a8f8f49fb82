"""Options of layers, declared once, in the signature of the constructor: configurations and weights follow.

An option is an argument of the constructor, or of those above it that take the rest, and an attribute of the same name. A
family is the three that say how a weight begins, is penalised and projected: `<family>_initializer`, `<family>_regularizer`,
`<family>_constraint`.

    class Dense(Layer):
        @keeps("kernel")
        def __init__(self, units, ..., kernel_constraint=None, **common):
            super().__init__(**common)
            self.units = units

        def build(self, input_shape):
            self.kernel = self._add_of_family("kernel", (input_shape[-1], self.units))
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autonet import activations, constraints, initializers, regularizers
from autonet.serialization.objects import serialize_keras_object
from autonet.variable import Variable

F = TypeVar("F", bound=Callable[..., None])

_KINDS: dict[str, Any] = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}
_COMMON = frozenset({"self", "name", "dtype"})  # which `Layer` tells


class Configured:
    """Base of `Layer`: what a constructor keeps, weights are made by and a configuration tells."""

    _fixed: tuple[str, ...] = ()  # options of the classes above that the class sets itself: it does not take them
    _untold: tuple[str, ...] = ()  # arguments of which a configuration says nothing, or `get_config` something else
    _told: tuple[str, ...] = ()  # options of every layer that a configuration tells even where they are not given

    if TYPE_CHECKING:  # those of a family are there where it is
        _any: Any = None
        kernel_initializer = kernel_regularizer = kernel_constraint = _any
        bias_initializer = bias_regularizer = bias_constraint = _any
        recurrent_initializer = recurrent_regularizer = recurrent_constraint = _any
        depthwise_initializer = depthwise_regularizer = depthwise_constraint = _any
        pointwise_initializer = pointwise_regularizer = pointwise_constraint = _any
        gamma_initializer = gamma_regularizer = gamma_constraint = _any
        beta_initializer = beta_regularizer = beta_constraint = _any
        embeddings_initializer = embeddings_regularizer = embeddings_constraint = _any
        alpha_initializer = alpha_regularizer = alpha_constraint = _any

    def _add_of_family(self, family: str, shape: Any, name: str | None = None, initializer: Any = None) -> Variable:
        """A new weight as the family's options say; `name` is by default the family's."""
        own, regularizer, constraint = [getattr(self, option) for option in _family(family)]
        return self.add_weight(  # type: ignore[attr-defined]
            shape, initializer or own, regularizer=regularizer, constraint=constraint, name=name or family
        )

    def _options_config(self) -> dict[str, Any]:
        """All options as plain values."""
        return {name: _serialized(name, getattr(self, name)) for name in options_of(type(self))}  # type: ignore[arg-type]


def keeps(*families: str) -> Callable[[F], F]:
    """Decorator of a constructor: options of these families become attributes, the objects that names stand for.

    Where constructors above take them too, the outermost one's count: it need not hand them on.
    """
    names = [name for family in families for name in _family(family)]

    def decorate(init: F) -> F:
        signature = inspect.signature(init)

        @functools.wraps(init)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            try:
                given = signature.bind(self, *args, **kwargs)
            except TypeError:
                return init(self, *args, **kwargs)  # which says what is wrong
            given.apply_defaults()
            outside = self.__dict__.get("_kept", ())  # by the constructors that call this one
            for name in names:
                if name not in outside:
                    self.__dict__[name] = _KINDS[name.rpartition("_")[2]].get(given.arguments[name])
            self.__dict__["_kept"] = (*outside, *names)
            try:
                init(self, *args, **kwargs)
            finally:
                self.__dict__["_kept"] = outside

        return wrapper  # type: ignore[return-value]

    return decorate


@functools.cache  # one object for each name: Python remembers the attributes that it looked up by their identity
def _family(name: str) -> tuple[str, ...]:
    """The names of a family's three options."""
    return f"{name}_initializer", f"{name}_regularizer", f"{name}_constraint"


@functools.cache
def options_of(cls: Any) -> tuple[str, ...]:
    """The names of the options of `cls` that configurations tell, base classes first.

    Those of other packages' classes are their own affair.
    """
    names: dict[str, None] = {}
    own = [c for c in reversed(cls.__mro__) if c.__module__.startswith("autonet.")]
    for c in own:
        if "__init__" in vars(c):
            parameters = inspect.signature(vars(c)["__init__"]).parameters.values()
            names |= dict.fromkeys([p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD])
        names |= dict.fromkeys(vars(c).get("_told", ()))
        names = {n: None for n in names if n not in vars(c).get("_fixed", ())}
    untold = _COMMON.union(*[vars(c).get("_untold", ()) for c in own])
    return tuple([n for n in names if n not in untold])


def _serialized(name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    kind = _KINDS.get(name.rpartition("_")[2])
    if kind is not None:
        return kind.serialize(value)
    function = callable(value) and not isinstance(value, type)  # or a layer, or a cell
    return serialize_keras_object(value) if function else value
