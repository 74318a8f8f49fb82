"""Guards: what a captured step took as fixed (attributes of layers, optimizers, losses; which weights are trained).

`Changes` sees what a step changes of this by itself, `Guards` what is changed afterwards.

Whoever is `Versioned` moves `structure.version` when an attribute is set; only then do plans compare their signatures.
What changes unannounced (a list changed in place, a global variable) is compared then, too (unannounced.py).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from autonet.common import dtypes
from autonet.common.trees import flatten
from autonet.common.versions import Versioned, structure
from autonet.compiler.unannounced import Same, contents, holders, plain
from autonet.core.tensor import Tensor
from autonet.ops.sliding_windows import image_data_format


def numbers(thing: Any) -> dict[str, Any]:
    """The numbers among the attributes of `thing`."""
    ignored = getattr(thing, "_unfixed", ())
    return {n: v for n, v in vars(thing).items() if type(v) in (int, float) and n not in ignored}


class Changes:
    """What a run changes of the things that take part in it: what it makes, or sets for the next run to find.

    A replay would not do that again, nor would it go the way that the next run goes.
    """

    def __init__(self) -> None:
        self._met: dict[int, tuple[Any, dict[str, Any]]] = {}  # things, with their attributes when the run met them
        self._trained: dict[int, tuple[Any, bool]] = {}

    def meet(self, thing: Any) -> None:
        """A thing takes part from now on, and so does whatever it has among its attributes."""
        stack = [thing]
        while stack:
            thing = stack.pop()
            if id(thing) not in self._met:
                self._met[id(thing)] = thing, _attributes(thing, stack.append)

    def read(self, variable: Any) -> None:
        """A Variable is read."""
        self._trained.setdefault(id(variable), (variable, variable.trainable))

    def found(self, own: Any) -> str | None:
        """What changed, in words; None if nothing did.

        Args:
            own: identities of the arrays that the run made: attributes that hold these are results.
        """
        for variable, trained in self._trained.values():
            if variable.trainable != trained:
                return f"the Variable {variable.path!r} changes its attribute 'trainable'"
        for thing, before in self._met.values():
            if thing._same_made_again:
                continue
            now = _attributes(thing, _ignore)
            for name in () if now == before else (*now, *(before.keys() - now.keys())):
                was, value = before.get(name), now.get(name)
                if was == value or any(isinstance(t, Tensor) and _made(t, own) for t in flatten(vars(thing).get(name))):
                    continue
                if not (_is_number(was) and _is_number(value)):  # counters are an obstacle, see Recorder.finish
                    return f"{getattr(thing, 'label', type(thing).__name__)} changes its attribute {name!r}"
        return None


def _is_number(frozen: Any) -> bool:
    return type(frozen) is tuple and frozen[0] in (int, float)


def _ignore(_: Any) -> None:
    pass


class Guards:
    """The attributes of everything that took part in a capture, as they were when it ended.

    Args:
        touched: the things.
        variables: the Variables of the program.
        own: identities of the arrays that the capture made: attributes that hold these are results, not conditions.
    """

    def __init__(self, touched: list[Any], variables: list[Any], own: Any = ()):
        self.ignored: dict[int, set[str]] = {}  # names, by identity of the thing
        for thing in touched:
            self.ignored[id(thing)] = {n for n, v in vars(thing).items() if isinstance(v, Tensor) and _made(v, own)}
        self.things = [weakref.ref(t) for t in touched]
        self.variables = [weakref.ref(v) for v in variables]
        self.holders = holders(touched)
        self.version = structure.version
        self.taken = self._take()

    def hold(self) -> bool:
        """Whether everything is as it was."""
        version = structure.version
        if self.version != version:
            if self._take() != self.taken:
                return False
            self.version = version
        return True

    def _take(self) -> list[Any]:
        taken: list[Any] = [(dtypes.floatx(), dtypes.epsilon(), image_data_format())]
        stack = [t for t in (ref() for ref in self.things) if t is not None]
        for v in (ref() for ref in self.variables):
            if v is not None:
                taken.append((v.trainable, _frozen(v.constraint, stack.append), _frozen(v.regularizer, stack.append)))
        seen = set()
        while stack:
            thing = stack.pop()
            if id(thing) not in seen:
                seen.add(id(thing))
                taken.append(_attributes(thing, stack.append, self.ignored.get(id(thing), ())))
        return [*taken, contents(self.holders)]


def _attributes(thing: Any, inside: Callable[[Any], None], ignored: Any = ()) -> dict[str, Any]:
    """The attributes of `thing` that a step may have used as constants, in a form that compares with ==.

    `inside` is told of every Versioned among them, which is itself in there by identity alone.
    """
    ignored = {*getattr(thing, "_unfixed", ()), *ignored}
    return {name: _frozen(value, inside) for name, value in vars(thing).items() if name not in ignored}


def _frozen(value: Any, inside: Callable[[Any], None], around: tuple[int, ...] = ()) -> Any:
    if (known := plain(value)) is not None:
        return known
    if isinstance(value, (list, tuple, dict)):
        if id(value) in around:  # a container may hold itself
            return type(value), around.index(id(value))
        around = (*around, id(value))
        if not isinstance(value, dict):
            return type(value), [_frozen(v, inside, around) for v in value]
        return type(value), [(_frozen(k, inside), _frozen(v, inside, around)) for k, v in value.items()]
    if isinstance(value, Versioned):
        inside(value)
    return Same(value)


def _made(tensor: Tensor, own: Any) -> bool:
    return not hasattr(tensor, "_array") and id(tensor._value) in own
