"""A callback's state as plain values and arrays, for backups of a training; and which callbacks steer it."""

from __future__ import annotations

import dis
import functools
import inspect
import math
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from autonet.errors import AutonetError, DataError


def state_of(callback: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Its attributes that are plain values (nested in lists and dictionaries), and those that are arrays or lists of them.

    What the constructor of a callback of autonet's own takes is no memory: it is as the script says, paths above all.
    """
    plain: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    unkept = callback.unkept | _settings(type(callback))  # type: ignore[arg-type]
    for name, value in vars(callback).items():
        if name in unkept:
            continue
        if isinstance(value, np.ndarray):
            arrays[name] = value
        elif isinstance(value, list) and value and all(isinstance(v, np.ndarray) for v in value):
            arrays |= {f"{name}/{n}": v for n, v in enumerate(value)}
        elif _is_plain(value):
            plain[name] = encoded(value)
    return plain, arrays


def give_back(callback: Any, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """What a callback's `get_state` returned, to its `set_state`.

    Raises: DataError for the state of another kind of callback, or for a damaged one.
    """
    try:
        callback.set_state(plain, arrays)
    except AutonetError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"The backup holds no state of a {type(callback).__name__}: {error!r}. Remove the backup, or leave the callback out."
        ) from error


def load_state(callback: Any, plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Give a callback back what `state_of` returned.

    Raises: DataError for names that stand for methods or properties of its class, or for nothing in Python.
    """
    lists: dict[str, list[np.ndarray]] = {}
    for name, array in arrays.items():
        attribute, _, number = name.partition("/")
        if number:
            lists.setdefault(attribute, []).append(array)
        else:
            lists[attribute] = array  # type: ignore[assignment]
    for name, value in {**{k: decoded(v) for k, v in plain.items()}, **lists}.items():
        if name in callback.unkept | _settings(type(callback)) or not _may_set(callback, name):  # type: ignore[arg-type]
            raise DataError(f"The backup would set {name!r} of {type(callback).__name__}, which has no such state.")
        known = getattr(callback, name, None)
        ours = type(callback).__module__.startswith("autonet.")  # which keep to one kind; others may not
        if ours and value is not None and known is not None and _kind(value) is not _kind(known):
            raise DataError(
                f"The backup would set {name!r} of {type(callback).__name__} to {str(value)[:100]}, which is of another kind "
                f"than {str(known)[:100]}. Remove the backup."
            )
        setattr(callback, name, value)


@functools.cache
def _settings(cls: Any) -> frozenset[str]:
    """Arguments of autonet's own constructors among a class's ancestors."""
    ours = [c for c in cls.__mro__ if c.__module__.startswith("autonet.") and "__init__" in vars(c)]
    return frozenset(name for c in ours for name in inspect.signature(vars(c)["__init__"]).parameters)


def _may_set(callback: Any, name: str) -> bool:
    """Whether a name is that of a value: one that the callback has, or sets in a hook that is yet to come."""
    own = getattr(type(callback), name, None)
    return name in vars(callback) or (
        name.isidentifier() and name[:2] != "__" and not hasattr(own, "__get__") and not callable(own)
    )


def _kind(value: Any) -> type:
    kinds = (list, tuple), dict, str, np.ndarray, (bool, int, float)
    return next((k if isinstance(k, type) else k[0] for k in kinds if isinstance(value, k)), object)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(v) for v in value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def encoded(value: Any) -> Any:
    """JSON has no words for NaN and infinity: they become {"float": "nan"}."""
    if isinstance(value, (list, tuple)):
        return [encoded(v) for v in value]
    if isinstance(value, dict):
        return {k: encoded(v) for k, v in value.items()}
    if isinstance(value, float):
        return {"float": str(float(value))} if not math.isfinite(value) else float(value)
    return value


def decoded(value: Any) -> Any:
    """What `encoded` was given."""
    if isinstance(value, list):
        return [decoded(v) for v in value]
    if isinstance(value, dict):
        if set(value) == {"float"} and value["float"] in ("nan", "inf", "-inf"):
            return float(value["float"])
        return {k: decoded(v) for k, v in value.items()}
    return value


# Which callbacks bear on the result

_CHANGERS = frozenset(
    "assign assign_add assign_sub set_weights load_weights apply apply_gradients compile fit train_on_batch "
    "setattr set_value reset_states reset_state".split()
)


def steers(callback: Any) -> bool:
    """Whether a callback can change what is trained: by its attribute `steers`, else by the code of its class.

    Code steers if it sets an attribute of anything but the callback itself (`self.model.stop_training = True`) or names a
    method that changes variables.
    """
    declared = callback.steers
    return _class_steers(type(callback)) if declared is None else bool(declared)  # type: ignore[arg-type]


@functools.cache
def _class_steers(cls: type) -> bool:
    own = [c for c in cls.__mro__ if c.__name__ != "Callback" and c is not object]
    return any(_code_steers(code) for c in own for member in vars(c).values() for code in _codes(member))


def _codes(member: Any) -> Iterator[types.CodeType]:
    """The code of a function, method or property of a class, with that of functions inside it."""
    functions: list[Any] = (
        [member.fget, member.fset] if isinstance(member, property) else [getattr(member, "__func__", member)]
    )
    waiting = [
        code for f in functions if isinstance(code := getattr(inspect.unwrap(f), "__code__", None), types.CodeType)
    ]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [c for c in code.co_consts if isinstance(c, types.CodeType)]


def _code_steers(code: types.CodeType) -> bool:
    if not _CHANGERS.isdisjoint(code.co_names):
        return True
    steps = list(dis.get_instructions(code))
    augmented: dict[str, Any] = {}  # attributes in `x.a += 1`: what loaded x
    for n, step in enumerate(steps):
        if step.opname == "LOAD_ATTR" and n > 1 and steps[n - 1].opname == "COPY":
            augmented[step.argval] = steps[n - 2]
        elif step.opname == "STORE_ATTR":
            owner = augmented.get(step.argval) if steps[n - 1].opname == "SWAP" else steps[n - 1]
            loaded = (
                owner.argval if owner is not None and owner.opname.startswith(("LOAD_FAST", "LOAD_DEREF")) else None
            )
            if (loaded[-1] if isinstance(loaded, tuple) else loaded) != "self":
                return True
    return False
