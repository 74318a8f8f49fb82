"""Which methods a subclass of a model has replaced: the one place that asks, by the mark that a default carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def default(method: F) -> F:
    """A decorator for a method that subclasses may replace, and that the framework may go without where they have not."""
    method._default = method  # type: ignore[attr-defined]  # itself: what wraps it copies the mark, and is another
    return method


def is_default(model: Any, name: str) -> bool:
    """Whether the method `name` of a model is the framework's own."""
    method = getattr(type(model), name)
    return getattr(method, "_default", None) is method
