"""Exceptions: each says who complains, what was expected, what was received, and what to do.

Every class is also a ValueError, TypeError or FloatingPointError, so code written for Keras catches what it caught before.
"""

import re
from collections.abc import Iterable
from typing import Any, Self

__docformat__ = "google"

_MANY_NUMBERS = re.compile(r"\[[-+.,\s\[\]\deafinTrulsF]{120,}\]")  # of an array or a nested list


class AutonetError(Exception):
    """Base of all errors that autonet raises on purpose.

    nameless: whether it begins with an operation, before whose name the layer that applied it puts its own.
    seen: whether a layer has looked at it, and saw to it that it names one.
    operation: the name of that operation, until the function that it is a part of puts its own there.
    """

    nameless = False
    seen = False
    operation = ""

    def __init__(self, *args: Any):
        if args and isinstance(args[0], str) and len(args[0]) > 200:
            args = (_MANY_NUMBERS.sub(_beginning, args[0]), *args[1:])
        super().__init__(*args)

    def prefix(self, who: str) -> None:
        """Put the name of whoever applied the operation in front of the message."""
        self.nameless, self.operation = False, ""
        self.args = (f"{who}: {self.args[0]}", *self.args[1:])

    def about(self, operation: str) -> Self:
        """Itself, as one that begins with the name of an operation."""
        self.nameless, self.operation = True, operation
        return self


def _beginning(numbers: re.Match) -> str:
    """The first of many numbers in a message, in one line."""
    return " ".join(numbers[0][:60].split()).rstrip(",") + ", ...]"


class ShapeError(AutonetError, ValueError):
    """Shapes that do not fit together."""


class DtypeError(AutonetError, TypeError):
    """A data type that the operation cannot use."""


class UnknownDtypeError(DtypeError, ValueError):
    """An argument `dtype` that names none, or none that will do: a ValueError as in Keras, a TypeError as in NumPy."""


class ArgumentError(AutonetError, ValueError):
    """An argument outside its domain, or a name that is not known."""


class SignatureError(ArgumentError, TypeError):
    """Arguments that a function does not have, lacks, or was given twice."""


class GradientError(AutonetError, ValueError):
    """A derivative that does not exist, is gone, or disagrees with its check."""


class NotBuiltError(AutonetError, ValueError):
    """A layer or model whose weights do not exist yet."""


class DataError(AutonetError, ValueError):
    """Data, files or streams that cannot be used as they are."""


class DistributionError(AutonetError, RuntimeError):
    """Ranks that train together do not do the same, or one of them has failed."""


class NonFiniteError(AutonetError, FloatingPointError):
    """The first NaN or infinity, found while operations are checked.

    Attributes:
        op: name of the operation that made it; None if it came in from outside.
        layer: whose call that was, such as "layer 'sequential/dense'" or "loss 'mean_squared_error'"; None if nobody's.
        direction: "forward", "backward" (op is then the one whose derivative was taken), "update", "metric"; "data" or
            "state" for what came in.
        epoch, batch: counted from 0; None where they are not known.
        shapes: of the operands.
        line: file and line of the user's code that applied `op`.
    """

    op: str | None
    layer: str | None
    direction: str
    epoch: int | None
    batch: int | None
    shapes: tuple[tuple[int, ...], ...]
    line: tuple[str, int] | None

    def __init__(self, message: str, **facts: Any):
        super().__init__(message)
        for name in ("op", "layer", "direction", "epoch", "batch", "shapes", "line"):
            setattr(self, name, facts.get(name))


def unknown(kind: str, name: object, known: Iterable[str], cutoff: float = 0.5) -> ArgumentError:
    """The error for a name that nothing answers to, with the nearest names that something does.

    cutoff: how alike they must be, from 0 to 1.
    """
    import difflib

    names = sorted({str(k) for k in known})
    name = name if len(str(name)) <= 200 else f"{str(name)[:200]}..."
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=cutoff)
    if near:
        advice = f"Did you mean {' or '.join(repr(n) for n in near)}?"
    elif not names:
        advice = "None are known."
    else:
        shown = names[:20]
        advice = f"Known: {', '.join(shown)}{', ...' if len(names) > len(shown) else ''}."
    return ArgumentError(f"Unknown {kind}: {name!r}. {advice}")
