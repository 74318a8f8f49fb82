"""Settings of primitives: static and hashable, so that calls can be recorded, compared and replayed."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.core.tensor import Tensor
from autonet.errors import DtypeError

ndarray = np.ndarray


class Static(tuple):
    """A tuple that is known to be static all the way down: it needs no look."""

    __slots__ = ()


PLAIN = frozenset({int, bool, float, str, type(None), Static})


def freeze(value: Any, primitive: str, name: str) -> Any:
    """A setting in its static, hashable form."""
    if value.__class__ is tuple:
        for v in value:
            if v.__class__ not in PLAIN:
                break
        else:
            return value
    if isinstance(value, (list, tuple)):
        return tuple([freeze(v, primitive, name) for v in value])
    if value.__class__ in PLAIN or isinstance(value, (str, slice)) or value is Ellipsis:
        return value
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, (np.generic, int, float))):
        return dtypes.standardize_dtype(value)
    if isinstance(value, (np.generic, ndarray, Tensor)) and np.ndim(value) == 0:
        return np.asarray(value).item()
    if isinstance(value, (ndarray, Tensor)) and value.ndim == 1:
        return tuple(value.tolist())
    received = f"an array of shape {value.shape}" if isinstance(value, (ndarray, Tensor)) else repr(value)
    operation = primitive.lstrip("_")
    raise DtypeError(
        f"{operation}: {name} is a setting and must be a plain number, string, or tuple of them; received "
        f"{received}. Several arrays go into one list."
    ).about(operation)


def exact_key(settings: dict[str, Any]) -> tuple:
    """Settings as a key, of which True, 1 and 1.0 make three, and 0.0 and -0.0 two."""
    return tuple([(name, repr(value)) for name, value in settings.items()])
