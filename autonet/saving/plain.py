"""JSON that is data and nothing else: strict in, canonical out."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from autonet.errors import ArgumentError, DataError

MOST_DEPTH = 200  # levels of nesting; a model of models of models needs a few dozen
MOST_BYTES = 64 << 20
MOST_NESTS = 1_000_000  # lists and objects, which take 20 times the memory of their text if they are empty


def dumps(value: Any, what: str = "This", indent: int | None = 1) -> bytes:
    """`value` as JSON text in UTF-8; on one line, and much sooner, if `indent` is None.

    Raises: ArgumentError, naming `what`, for values that JSON has no words for: NaN, infinities, objects.
    """
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError) as error:  # UnicodeEncodeError, for half a character, is a ValueError
        raise ArgumentError(f"{what} cannot be stored as JSON: {error}.") from None


def loads(text: bytes | bytearray | str, what: str) -> Any:
    """The value of a JSON text.

    Raises: DataError, naming `what`, for duplicate keys, NaN, numbers past 64 bits, deep nesting, a million lists, or text
    that is no JSON.
    """
    if len(text) > MOST_BYTES:
        raise DataError(f"{what} has {len(text):,} bytes; at most {MOST_BYTES:,} are read.")
    try:
        decoded = text if isinstance(text, str) else bytes(text).decode("utf-8")
        _check_nests(decoded)
        return json.loads(
            decoded, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except DataError as error:
        raise DataError(f"{what}: {error}") from None
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise DataError(f"{what} is no JSON text: {str(error)[:200]}.") from None


# A string, to its end or to that of the text, or a bracket. Every character is looked at once.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def _check_nests(text: str) -> None:
    depth = count = 0
    for token in _TOKEN.finditer(text):
        c = token.group()
        if c in "[{":
            depth += 1
            count += 1
            if depth > MOST_DEPTH:
                raise DataError(f"it nests more than {MOST_DEPTH} levels deep, which is all that is read")
            if count > MOST_NESTS:
                raise DataError(f"it has more than {MOST_NESTS:,} lists and objects, which are all that are read")
        elif c in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = Counter(k for k, _ in pairs).most_common(1)[0][0]
        raise DataError(f"the key {twice[:100]!r} stands twice in one object")
    return made


def _constant(name: str) -> Any:
    raise DataError(f"{name} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) < 19:
        return int(digits)
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise DataError(f"the number {digits[:30]} does not fit into 64 bits")
    return int(digits)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise DataError(f"the number {text[:30]} is too large")
    return value
