"""Half precision: what adds up float16 numbers computes in float32 and rounds once.

A float16 holds 11 bits and ends at 65504, so sums, squares and counts in it overflow or stand still. Primitives say
`@primitive(accumulates=True)`, functions composed of them take the decorator here; both compute in float32 and give
float16 back, and so their derivatives accumulate in float32 too.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from autonet.common.attributes import attachments
from autonet.common.dtypes import as_dtype
from autonet.core.accumulate import cast
from autonet.core.primitive import Primitive

F = TypeVar("F", bound=Callable)


def accumulates(like: str | None = None) -> Callable[[F], F]:
    """Decorator for a function of arrays that gets float16 ones as float32, and whose float results become float16 again.

    Args:
        like: name of the argument whose dtype the result has. Without it, the result is float16 unless a wider float
            is among the arguments.
    """

    def decorate(f: F) -> F:
        place = None if like is None else f.__code__.co_varnames.index(like)

        @functools.wraps(f)
        def wide(*args: Any, **kwargs: Any) -> Any:
            for x in (*args, *kwargs.values()) if kwargs else args:
                if _holds(x, "float16"):
                    break
            else:
                return f(*args, **kwargs)
            if place is None:
                narrow = not _holds([*args, *kwargs.values()], "float32", "float64")
            else:
                narrow = _holds(args[place] if place < len(args) else kwargs.get(like or ""), "float16")
            settings = {name: converted(x, "float16", "float32") for name, x in kwargs.items()}
            y = f(*[converted(x, "float16", "float32") for x in args], **settings)
            return converted(y, "float32", "float16") if narrow else y

        return wide  # type: ignore[return-value]

    return decorate


def _in_single(primitive: Primitive, operands: tuple, settings: dict[str, Any]) -> Any:
    """Apply to float16 operands as float32, and round the results to float16 (or to the dtype asked for)."""
    asked = settings.get("dtype")
    if asked is not None and as_dtype(asked) == "float16":
        settings, asked = {**settings, "dtype": None}, None
    y = primitive(*converted(operands, "float16", "float32"), **settings)
    return converted(y, "float32", "float16") if asked is None else y


Primitive.in_single = staticmethod(_in_single)


def _holds(x: Any, *names: str) -> bool:
    """Whether x is an array of one of these dtypes, or a list that holds one."""
    if type(x) is tuple or type(x) is list:
        return any(_holds(v, *names) for v in x)
    return getattr(x, "dtype", None) in names


def converted(x: Any, old: str, new: str) -> Any:
    """Arrays of the dtype `old`, also in lists, as `new`; all else as it is."""
    if type(x) is tuple or type(x) is list:
        return type(x)([converted(v, old, new) for v in x])
    if getattr(x, "dtype", None) != old:
        return x
    y = cast(x, dtype=new)
    if attached := attachments(x):
        y._attached = attached
    return y
