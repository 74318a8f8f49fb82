"""One kind of error for whatever goes wrong while objects are made of what a file or a configuration says."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autonet.errors import ArgumentError, AutonetError, DataError
from autonet.untrusted.budget import FRESH, LoadBudget, load_budget

_DAMAGED_FILE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)


class _Scope(threading.local):
    open = False


_scope = _Scope()


@contextlib.contextmanager
def making(what: str) -> Iterator[None]:
    """Within it, what is described from outside is made. Errors are the description's, unless a class of the user's own is
    wrong, and become DataErrors, which name `what` and the error behind them; only the outermost of these contexts speaks.
    What is made may not take more than the budget says.
    """
    if _scope.open:
        yield
        return
    _scope.open = True
    try:
        with contextlib.nullcontext() if load_budget() else LoadBudget(FRESH):
            yield
    except AutonetError:
        raise
    except _DAMAGED_FILE_ERRORS as error:
        details = " ".join([f"{type(error).__name__}: {str(error)[:500]}", *getattr(error, "__notes__", ())])
        raise DataError(f"{what} cannot be made. {details}") from error
    finally:
        _scope.open = False


def described(from_config: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a class's `from_config`, below @classmethod: `making`, and the configuration is a dictionary."""

    @functools.wraps(from_config)
    def wrapper(cls: Any, config: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(config, Mapping) or not all(isinstance(k, str) for k in config):
            raise ArgumentError(
                f"{cls.__name__}.from_config expects a dictionary, as get_config() returns it; received {str(config)[:200]}."
            )
        with making(f"The {cls.__name__} that the configuration describes"):
            return from_config(cls, config, *args, **kwargs)

    return wrapper
