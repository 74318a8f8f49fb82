"""Which methods a subclass of a model has replaced: the one place that asks."""

from __future__ import annotations

from typing import Any


def is_default(model: Any, name: str) -> bool:
    """Whether the method `name` of a model is the framework's own: that of a class that lists it in `_default_methods`."""
    owner = next(cls for cls in type(model).__mro__ if name in vars(cls))
    return name in vars(owner).get("_default_methods", ())
