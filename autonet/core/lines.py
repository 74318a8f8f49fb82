"""Whose line it was: the innermost frame outside the package, for warnings and errors that point at the user's code."""

from __future__ import annotations

import linecache
import os
import sys
import warnings
from typing import Any

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _outside() -> tuple[Any, int]:
    """The innermost frame outside the package, and how far it is from the caller of the caller."""
    frame: Any = sys._getframe(2)
    distance = 1
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_PACKAGE, "<")):  # generated code is the package's own
            return frame, distance
        frame = frame.f_back
        distance += 1
    return None, distance


def users_line() -> tuple[str, int] | None:
    """File and line of the innermost frame outside the package."""
    frame, _ = _outside()
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def shown(line: tuple[str, int]) -> str:
    """A line in words: file, number, and what stands there if that can be read."""
    text = linecache.getline(*line).strip()
    return f"{line[0]}:{line[1]}{f': {text}' if text else ''}"


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, in the name of the user's line."""
    _, distance = _outside()
    warnings.warn(message, category, stacklevel=distance + 1)
