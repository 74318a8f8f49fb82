"""Whose line it was: the innermost frame outside the package, for warnings, errors and tracebacks that point at the user's code."""

import functools
import linecache
import os
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from autonet.common import words
from autonet.errors import AutonetError

F = TypeVar("F", bound=Callable)

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep  # Python's own, where the package calls it


def _outside() -> tuple[Any, int]:
    """The innermost frame outside the package, and how far it is from the caller of the caller."""
    frame: Any = sys._getframe(2)
    distance = 1
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((PACKAGE, "<")):  # generated code is the package's own
            return frame, distance
        frame = frame.f_back
        distance += 1
    return None, distance


def users_line() -> tuple[str, int] | None:
    """File and line of the innermost frame outside the package."""
    frame, _ = _outside()
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def shown(line: tuple[str, int]) -> str:
    """A line in words: file or cell of a notebook, number, and what stands there if that can be read."""
    text = linecache.getline(*line).strip()
    cell = _cell(line[0])
    where = f"{line[0]}:{line[1]}" if cell is None else f"{cell}, line {line[1]}"
    return f"{where}{f': {text}' if text else ''}"


def _cell(file: str) -> str | None:
    """What Jupyter calls a cell, as in "Cell In[3]", whose code it runs from a temporary file; None for other files."""
    if "IPython" not in sys.modules:
        return None
    shell = sys.modules["IPython"].get_ipython()
    name = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(file)
    return None if name is None else " ".join(name)


def compiled(text: str, name: str) -> types.CodeType:
    """The code of the one function in a generated text, as the package's own; tracebacks that show it show its lines."""
    name = f"<autonet {name}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    return next(c for c in compile(text, name, "exec").co_consts if isinstance(c, types.CodeType))


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, in the name of the user's line."""
    frame, distance = _outside()
    if frame is None:
        warnings.warn(message, category, stacklevel=distance + 1)
        return
    place = frame.f_globals  # said explicitly: levels would not count the frames of an import
    registry = place.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, place.get("__name__"), registry)


# Tracebacks


class _Filtering:
    enabled = True


def enable_traceback_filtering() -> None:
    """Leave the package's own frames out of tracebacks, as far as they say nothing: the default."""
    _Filtering.enabled = True


def disable_traceback_filtering() -> None:
    """Show tracebacks whole, for those who look for a fault in autonet itself."""
    _Filtering.enabled = False


def is_traceback_filtering_enabled() -> bool:
    """Whether tracebacks leave out the package's own frames."""
    return _Filtering.enabled


def shorten(error: BaseException) -> None:
    """Take the package's frames out of an error's traceback; called where it leaves: `except ... as e: shorten(e); raise`.

    The user's frames stay, and of the package's own the last, where the error is none that autonet raises (nor Ctrl-C): a
    fault must be found. (A `try` costs nothing where nothing is raised: entrances that have no time for a decorator call this.)
    """
    if not _Filtering.enabled or error.__traceback__ is None:
        return
    ours = isinstance(error, (AutonetError, KeyboardInterrupt))
    error.__traceback__ = users_part(error.__traceback__.tb_next, ours)
    if ours and error.__cause__ is not None and users_part(error.__cause__.__traceback__, True) is None:
        error.__cause__, error.__suppress_context__ = None, True  # what the package found is in the message


def filters_traceback(f: F) -> F:
    """Decorator of entrances: errors that leave them are shortened, and calls that Python refuses are explained."""
    if hasattr(f, "shortens"):
        return f

    @functools.wraps(f)
    def entrance(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if not was_refused(f, args, kwargs, error):
                shorten(error)
                if not isinstance(error, AutonetError) and "complex" in str(error):
                    _refuse_complex(f, args, kwargs)
                raise
        try:
            return f(*args, **understood(f, args, kwargs))
        except Exception as error:
            shorten(error)
            raise

    entrance.shortens = True  # type: ignore[attr-defined]
    return entrance  # type: ignore[return-value]


def _refuse_complex(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """For a call in which Python or NumPy stumbled over a complex number: say so, if it is among the arguments."""
    from autonet.common import complex_numbers, signatures  # loaded when they are needed

    complex_numbers.refuse_complex(signatures.name_of(f, args), [*args, kwargs])


def was_refused(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: BaseException) -> bool:
    """Whether an error is Python's, because the arguments of a call of `f` do not fit; decorators inside may have passed it on."""
    if type(error) is not TypeError:
        return False
    import inspect

    try:
        inspect.signature(f).bind(*args, **kwargs)
    except TypeError:
        return True
    code: Any = inspect.unwrap(f).__code__  # signatures may show as positional what is passed on by name
    return len(args) > code.co_argcount and not code.co_flags & inspect.CO_VARARGS


def understood(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """For a call that Python refused: its keyword arguments in today's words.

    Raises: SignatureError where these do not help either.
    """
    import inspect

    from autonet.common import signatures  # loaded when it is needed: `inspect` takes its time

    old = words.KEYWORDS.get(f.__qualname__, {})
    try:
        if old.keys().isdisjoint(kwargs):
            raise signatures.refusal(f, args, kwargs)
        today, told = words.translate(signatures.name_of(f, args), old, kwargs)
        try:
            inspect.signature(f).bind(*args, **today)
        except TypeError:
            raise signatures.refusal(f, args, today) from None
    except AutonetError as error:
        shorten(error)
        raise
    for sentence in told:
        warn(sentence, words.LegacyWarning)
    return today


def takes_old_words(cls: type, init: F) -> F:
    """A constructor that takes the words of Keras 1 and 2 too."""
    known = frozenset(word for c in cls.__mro__ for word in words.KEYWORDS.get(c.__name__, ()))
    if not known:
        return init
    translated = filters_traceback(init)

    @functools.wraps(init)
    def constructor(*args: Any, **kwargs: Any) -> Any:
        if not known.isdisjoint(kwargs):
            from autonet.common import signatures

            old = words.of_class(cls, signatures.taken(init, cls))
            kwargs, told = words.translate(signatures.name_of(init, args), old, kwargs)
            for sentence in told:
                warn(sentence, words.LegacyWarning)
            return translated(*args, **kwargs)
        return init(*args, **kwargs)

    return constructor  # type: ignore[return-value]


_INSIDE = ("call", "on_")  # methods that other entrances call
_filtered: set[type] = set()  # classes whose methods are entrances


def filter_tracebacks(package: str) -> None:
    """Make entrances of a package's public functions, and of the public methods and constructors of its classes.

    For the package's front door, after its imports. A function is replaced at home too: it stays one object.
    """
    namespace = vars(sys.modules[package])
    for name, thing in list(namespace.items()):
        if name[0] == "_" or not f"{getattr(thing, '__module__', '')}.".startswith(f"{package}."):
            continue
        if isinstance(thing, type):
            for c in thing.__mro__:
                if c not in _filtered and c.__module__.startswith("autonet.") and not issubclass(c, BaseException):
                    _filtered.add(c)
                    _filter_methods(c)
        elif isinstance(thing, types.FunctionType):
            home, own_name = vars(sys.modules[thing.__module__]), thing.__name__
            namespace[name] = filters_traceback(thing)
            if home.get(own_name) is thing:
                home[own_name] = namespace[name]


def _filter_methods(c: type) -> None:
    for name, method in list(vars(c).items()):
        if name.startswith(_INSIDE) or (name[0] == "_" and name not in ("__init__", "__call__")):
            continue
        if type(method) is types.FunctionType:
            if name == "__init__" and not hasattr(method, "shortens"):
                method = takes_old_words(c, method)
            entrance: Any = filters_traceback(method)
        elif isinstance(method, classmethod):
            entrance = classmethod(filters_traceback(method.__func__))
        else:
            continue
        type.__setattr__(c, name, entrance)


def users_part(traceback: types.TracebackType | None, ours: bool) -> types.TracebackType | None:
    """The entries of the user's frames, and the last one unless the error is `ours`."""
    entries = []
    own = True
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        own = name.startswith((PACKAGE, "<frozen", "<autonet")) or (own and name.startswith(_LIBRARY))
        if not own or (not ours and traceback.tb_next is None):
            entries.append(traceback)
        traceback = traceback.tb_next
    kept = None
    for entry in reversed(entries):
        kept = types.TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept
