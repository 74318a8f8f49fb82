"""One kind of error for whatever goes wrong while objects are made of what a file or a configuration says."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from autonet.errors import AutonetError, DataError

_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
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
    """
    if _scope.open:
        yield
        return
    _scope.open = True
    try:
        yield
    except AutonetError:
        raise
    except _FAULTS as error:
        told = " ".join([f"{type(error).__name__}: {str(error)[:500]}", *getattr(error, "__notes__", ())])
        raise DataError(f"{what} cannot be made. {told}") from error
    finally:
        _scope.open = False
