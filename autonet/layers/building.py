"""Building: who makes a layer's weights, under which names, and when it counts as built."""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from autonet import initializers
from autonet.common.lines import warn
from autonet.errors import ArgumentError
from autonet.layers import arguments
from autonet.legacy import LegacyWarning
from autonet.variable import Variable

F = TypeVar("F", bound=Callable[..., Any])


class _Current(threading.local):
    """What a call or a build in the current thread is inside of.

    layer: the innermost one whose call is under way, None outside of calls.
    building: those whose build is under way, outermost first.
    """

    layer: Any = None
    building: tuple[Any, ...] = ()


current = _Current()


def building(build: Callable[..., Any]) -> Callable[..., Any]:
    """`build`, marking the layer as built, named below the one that builds or calls it."""

    @functools.wraps(build)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        under_way = current.building
        if under_way and under_way[-1] is self:  # super().build(...)
            build(self, *args, **kwargs)
            return
        parent = under_way[-1] if under_way else current.layer
        if parent is not None and parent is not self:
            self._path = f"{parent._path}/{self.name}"
        current.building = (*under_way, self)
        inside = None if self._trainable else self._flatten_layers()
        try:
            build(self, *args, **kwargs)
        finally:
            current.building = under_way
        self.built = True
        if inside is not None:  # frozen before it had weights: so is what it made just now
            self._freeze_all_but([] if self._freezes else inside)
        self.__dict__["_Layer__built_with"] = arguments.built_with(build, args, kwargs)

    return wrapper


def _is_initializer(word: str) -> bool:
    try:
        return initializers.get(word) is not None
    except ArgumentError:
        return False


def name_first(add_weight: F) -> F:
    """`add_weight`, which also takes an initializer's name in front, or any other name there, as Keras 2's did."""

    @functools.wraps(add_weight)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Variable:
        if args and isinstance(args[0], str):
            word, *rest = args
            if len(rest) > 1:
                raise ArgumentError(
                    f"{self.label}.add_weight expects shape, initializer and what follows by their names where a string, "
                    f"here {word!r}, stands in front."
                )
            known = "initializer" not in kwargs and _is_initializer(word)
            if not known:
                message = f"add_weight: write name={word!r}; a name in front is Keras 2's order."
                warn(message, LegacyWarning)
            args, kwargs = tuple(rest), {**kwargs, "initializer" if known else "name": word}
        return add_weight(self, *args, **kwargs)

    return wrapper  # type: ignore[return-value]
