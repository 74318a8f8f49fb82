"""Names to classes: what a stored configuration may call by name.

The registry is closed. A name means a public class or function of autonet's own packages, one that the user registered
with `register_keras_serializable`, or one that the caller passes; nothing in a file can import a module or reach anything
else.
"""

import functools
import importlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from autonet.errors import ArgumentError, unknown

T = TypeVar("T", bound=type | Callable[..., Any])

# Where the names of a Keras module are looked up. At the front door, "keras", configurations find models only.
PACKAGES = {
    "keras": "autonet.models",
    "keras.activations": "autonet.activations",
    "keras.constraints": "autonet.constraints",
    "keras.initializers": "autonet.initializers",
    "keras.layers": "autonet.layers",
    "keras.losses": "autonet.losses",
    "keras.metrics": "autonet.metrics",
    "keras.models": "autonet.models",
    "keras.ops": "autonet.ops",
    "keras.optimizers": "autonet.optimizers",
    "keras.optimizers.schedules": "autonet.optimizers.schedules",
    "keras.random": "autonet.random",
    "keras.regularizers": "autonet.regularizers",
}
# What Keras files away under another module than the one in which it stands.
ELSEWHERE = {
    "Functional": "keras.src.models.functional",
    "Sequential": "keras",
    "Model": "keras",
    "DTypePolicy": "keras",
}
# Where a function that is stored by its bare name may live, in the order in which they are asked.
FUNCTIONS = ("keras.activations", "keras.losses", "keras.metrics", "keras.ops")
TOOLS = {"get", "serialize", "deserialize", "resolve"}  # functions there that are no mathematics

_registered: dict[str, Any] = {}  # "package>name" to class or function
_names: dict[Any, str] = {}  # and back


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[dict[str, Any]] = []


_scopes = _Scopes()


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator that lets stored configurations call a class or function by the name `package>name`.

    Args:
        package: prefix that keeps the names of different projects apart.
        name: the name; None takes the object's own.

    A later registration under the same name takes its place, as when a notebook's cell runs again.

    Raises: ArgumentError if a class has no `get_config`.

    >>> @register_keras_serializable("docs")
    ... def twice(x):
    ...     return 2 * x
    >>> get_registered_name(twice)
    'docs>twice'
    """

    def decorator(obj: T) -> T:
        if isinstance(obj, type) and not hasattr(obj, "get_config"):
            raise ArgumentError(
                f"Cannot register class {obj.__name__}: it has no get_config() from which a copy could be built. "
                "Add get_config(self), which returns the constructor's arguments as a dictionary."
            )
        full = f"{package}>{name or obj.__name__}"  # type: ignore[attr-defined]
        _registered[full] = obj
        _names[obj] = full
        return obj

    return decorator


def get_registered_name(obj: type | Callable[..., Any]) -> str:
    """The name under which `obj` was registered, or its own."""
    try:
        return _names.get(obj, obj.__name__)
    except TypeError:  # not hashable
        return obj.__name__


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function called `name` in the scope, the registry, or the given dictionaries; None if there is none."""
    for names in _dictionaries(custom_objects, module_objects):
        if name in names:
            return names[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The registry of the user's own classes and functions, as a dictionary that may be changed."""
    return _registered


def _dictionaries(
    custom_objects: Mapping[str, Any] | None, module_objects: Mapping[str, Any] | None
) -> Iterator[Mapping[str, Any]]:
    if custom_objects:
        yield custom_objects
    yield from reversed(_scopes.stack)
    yield _registered
    if module_objects:
        yield module_objects


class CustomObjectScope:
    """Inside `with CustomObjectScope({"name": thing}):`, configurations may call `thing` by that name.

    Args:
        custom_objects: names to classes and functions; inner scopes hide outer ones.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> Self:
        _scopes.stack.append(self.custom_objects)
        return self

    def __exit__(self, *exc: object) -> None:
        _scopes.stack.pop()


custom_object_scope = CustomObjectScope


def module_of(cls: type[Any]) -> str | None:
    """The Keras module under which configurations file `cls`; None for a class that is not autonet's."""
    package, *rooms = cls.__module__.split(".")
    if package != "autonet" or not rooms:
        return None
    if cls.__name__ in ELSEWHERE:
        return ELSEWHERE[cls.__name__]
    if rooms[:2] == ["optimizers", "schedules"]:
        return "keras.optimizers.schedules"
    return f"keras.{rooms[0]}"


def find_class(name: str, module: str | None = None, registered_name: str | None = None) -> type[Any]:
    """The class that a stored configuration calls `name`.

    Args:
        name: the class's own name, or one under which it is in scope or registered.
        module: Keras module; None leaves only the user's own classes.
        registered_name: "package>name" where one was stored; tried first.

    Raises: ArgumentError, with close matches, if there is no such class.
    """
    for candidate in (registered_name, name):
        if candidate and (found := get_registered_object(candidate)) is not None:
            return found
    for wanted in (name, None):  # the name alone; where it is not there, all of them, for the message
        names = _names_in(module, wanted)
        classes = {n: x for n, x in names.items() if isinstance(x, type) and hasattr(x, "from_config")}
        if name in classes:
            return classes[name]
    raise _unknown("class", registered_name or name, list(classes))


def find_function(name: str) -> Callable[..., Any]:
    """The function that a stored configuration calls `name`; ArgumentError if there is none."""
    found = get_registered_object(name)
    if found is None and isinstance(name, str) and ">" in name:  # what was registered there, the caller may pass here
        found = get_registered_object(name.rpartition(">")[2])
    known: list[str] = []
    for module in FUNCTIONS:
        if found is not None:
            return found
        functions = {n: x for n, x in _names_in(module).items() if callable(x) and not isinstance(x, type)}
        known += functions.keys() - TOOLS
        found = functions[name] if name in known else None
    if found is None:
        raise _unknown("function", name, known)
    return found


@functools.cache
def open_rooms() -> None:
    """Import all packages in which names are looked up, and what is in them, so that no look-up imports anything."""
    for name in PACKAGES.values():
        package = importlib.import_module(name)
        for room in dir(package):
            getattr(package, room, None)
    importlib.import_module("autonet.common.signatures")  # for messages


def _names_in(module: Any, name: str | None = None) -> dict[str, Any]:
    """The public names of a Keras module, as autonet has them; none for another module. The look-up runs no code.

    Args:
        name: the one that is asked for; None for all.
    """
    if not isinstance(module, str):
        return {}
    if module.startswith("keras.src."):  # a file written by Keras may name the inside of a package
        module = "keras." + module.split(".")[2]
    if module not in PACKAGES:
        return {}
    package = importlib.import_module(PACKAGES[module])  # one of the table's, not of the file's
    room = vars(package)
    own = {n: room[n] for n in (room if name is None else {name} & room.keys()) if _public(n)}
    return {n: x for n, x in own.items() if str(getattr(x, "__module__", "")).startswith("autonet.")}


def _public(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and not name.startswith("_")


def _unknown(kind: str, name: str, known: list[str]) -> ArgumentError:
    own = [key for names in _dictionaries(None, None) for key in names]
    error = unknown(kind, name, [*known, *own])
    return ArgumentError(
        f"{error} Your own classes and functions need @register_keras_serializable(), imported before this call, or "
        "custom_objects={name: class}."
    )
