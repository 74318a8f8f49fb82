"""Options looked at by what they do: a call at its defaults beside the same call with one option set otherwise.

A row says how a callable is called, and gives values to options for which those of `USUAL` do not serve:

    "sum": Row("m"), "pad": Row("a, 1", mode="reflect", constant_values=With(5.0, mode="constant"))

An option counts as working if some value changes what the call has as its effect (numbers, dtypes, shapes, texts, files),
or is refused by an error that names the option.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.core import Tensor

UNSET = object()


class With:
    """A value together with other arguments, which stand on both sides of the comparison."""

    def __init__(self, value, /, **others):
        self.value, self.others = value, others


class Instead(With):
    """A value beside another one, for options that something must be given for."""

    def __init__(self, value, other, /, **others):
        super().__init__(value, **others)
        self.other = other


class AnyOf(tuple):
    """Several values, one of which must tell."""


def options(function: Callable, more: Callable | None = None) -> dict[str, Any]:
    """The options of a callable with their defaults; for a class, those that its bases take by ** too."""
    found: dict[str, Any] = {}
    makers = [function]
    if inspect.isclass(function):
        makers = [vars(c)["__init__"] for c in function.__mro__ if "__init__" in vars(c) and c is not object]
    for make in makers:
        parameters = inspect.signature(make).parameters.values()
        for p in parameters:
            if p.default is not p.empty:
                found.setdefault(p.name, p.default)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


def plain(x: Any) -> Any:
    """Something that compares: arrays with their dtypes and shapes, the rest by its repr or itself."""
    if isinstance(x, dict):
        return {"keys": list(x), "values": [plain(v) for v in x.values()]}
    if isinstance(x, (list, tuple)):
        return [type(x).__name__, *[plain(v) for v in x]]
    if isinstance(x, (str, bytes, int, float, bool, type(None))):
        return x
    if isinstance(x, (Tensor, np.ndarray, np.generic)) or hasattr(x, "__array__"):
        a = np.asarray(x)
        return [
            str(a.dtype),
            a.shape,
            getattr(x, "requires_grad", None),
            a.tobytes() if a.dtype != object else a.tolist(),
        ]
    return [type(x).__name__, repr(x) if type(x).__repr__ is not object.__repr__ else ""]


def works(run: Callable[..., Any], option: str, values: Any) -> bool:
    """Whether an option does something at one of the values: `run(**arguments)` gives what a call brings about."""
    values = values if isinstance(values, AnyOf) else (values,)
    for value in values:
        others, usual = {}, {}
        if isinstance(value, With):
            usual = {option: value.other} if isinstance(value, Instead) else {}
            value, others = value.value, value.others
        changed = outcome(run, **others, **{option: value})
        usually = outcome(run, **others, **usual) if others or usual else at_defaults(run)
        if isinstance(changed, Exception):
            if not type(changed).__module__.startswith("autonet.") or option not in str(changed):
                raise changed
            return True
        if changed != usually:
            return True
    return False


@functools.lru_cache(maxsize=1)
def at_defaults(run: Callable[..., Any]) -> Any:
    """What a call without options brings about: the same for all options of a callable, which come one after the other."""
    return outcome(run)


def outcome(run: Callable[..., Any], **arguments: Any) -> Any:
    """What a call brings about, or its error."""
    try:
        return plain(run(**arguments))
    except (ValueError, TypeError, NotImplementedError) as error:
        return error
