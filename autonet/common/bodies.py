"""What the body of a primitive may be and do, seen to where users write one."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.errors import ArgumentError, DtypeError

VARARGS, _VARKEYWORDS = 4, 8  # flags of code objects with *args, **kwargs


def check_parameters(body: Callable) -> None:
    """Refuse parameters of which a call could not say what they are.

    Raises: ArgumentError.
    """
    code, name = body.__code__, body.__name__
    if body.__defaults__:  # type: ignore[attr-defined]
        last = code.co_varnames[code.co_argcount - 1]
        raise ArgumentError(
            f"Operands of a primitive have no defaults, as {last!r} of {name} has. Make it a setting, as in "
            f"def {name}(x, *, {last}=...), or leave the default out."
        )
    if code.co_flags & _VARKEYWORDS:
        raise ArgumentError(
            f"A primitive names its settings; {name} takes **settings. Write def {name}(x, *, setting)."
        )
    if code.co_flags & VARARGS and code.co_argcount:
        raise ArgumentError(
            f"A primitive has named operands or any number of them; {name} has both. Write def {name}(*xs)."
        )


def guarded(body: Callable) -> Callable:
    """A body that sees its operands, but cannot change them, and whose results are arrays."""

    @functools.wraps(body)
    def body_on_views(*values: np.ndarray, **settings: Any) -> Any:
        views = [v.view() for v in values]
        for view in views:
            view.flags.writeable = False
        try:
            result = body(*views, **settings)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise ArgumentError(
                f"{body.__name__} changes an operand in place, which others hold. Let it make a new array, as with "
                "x = x + 1 for x += 1, or work on x.copy()."
            ) from None
        for r in result if type(result) is tuple else (result,):
            if r is None or np.asarray(r).dtype.kind not in "biuf":
                what = "nothing: let it return" if r is None else f"{type(r).__name__} {r!r:.60}; it must return"
                raise DtypeError(f"{body.__name__} returns {what} an array of numbers, or a tuple of such.")
        return result

    body_on_views.unguarded = body  # type: ignore[attr-defined]
    return body_on_views
