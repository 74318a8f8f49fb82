"""Exceptions: each says who complains, what was expected, what was received, and what to do.

Every class is also a ValueError or TypeError, so code written for Keras catches what it caught before.
"""

from __future__ import annotations

from collections.abc import Iterable


class AutonetError(Exception):
    """Base of all errors that autonet raises on purpose."""


class ShapeError(AutonetError, ValueError):
    """Shapes that do not fit together."""


class DtypeError(AutonetError, TypeError):
    """A data type that the operation cannot use."""


class ArgumentError(AutonetError, ValueError):
    """An argument outside its domain, or a name that is not known."""


class GradientError(AutonetError, ValueError):
    """A derivative that does not exist, is gone, or disagrees with its check."""


class NotBuiltError(AutonetError, ValueError):
    """A layer or model whose weights do not exist yet."""


class DataError(AutonetError, ValueError):
    """Data, files or streams that cannot be used as they are."""


def unknown(kind: str, name: object, known: Iterable[str]) -> ArgumentError:
    """The error for a name that nothing answers to, with the nearest names that something does."""
    import difflib

    names = sorted({str(k) for k in known})
    name = name if len(str(name)) <= 200 else f"{str(name)[:200]}..."
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    if near:
        advice = f"Did you mean {' or '.join(repr(n) for n in near)}?"
    else:
        shown = names[:20]
        advice = f"Known: {', '.join(shown)}{', ...' if len(names) > len(shown) else ''}."
    return ArgumentError(f"Unknown {kind}: {name!r}. {advice}")
