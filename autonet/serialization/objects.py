"""Configurations there and back, in Keras 3's form.

An object becomes {"module", "class_name", "config", "registered_name"}, a function its registered name; lists,
dictionaries and plain values stay what they are. `Family` gives each kind of object (initializers, losses, ...) its `get`,
`serialize` and `deserialize`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from autonet.common.dtypes import NAMES
from autonet.common.lines import filters_traceback
from autonet.common.types import Identifier
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DtypeError, unknown
from autonet.serialization import registry, sharing
from autonet.untrusted.faults import making

_PLAIN = (str, int, float, bool, type(None))


def snake_case(name: str) -> str:
    """The name in lower case with underscores, as Keras forms it.

    >>> snake_case("GlorotUniform"), snake_case("LeakyReLU"), snake_case("Conv2D")
    ('glorot_uniform', 'leaky_re_lu', 'conv2d')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def serialize_keras_object(obj: object) -> Any:
    """The configuration of `obj`: plain values, lists and dictionaries that JSON can hold.

    Args:
        obj: an object with `get_config`, a named function, an array or Tensor, a plain value, or a nest of these.

    Raises: ArgumentError for a lambda; DtypeError for what has no configuration.
    """
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        return (
            type(obj)(map(serialize_keras_object, obj))
            if type(obj) in (list, tuple)
            else list(map(serialize_keras_object, obj))
        )
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, (np.generic, np.ndarray)) and obj.ndim == 0:
        return obj.item()
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, Tensor):
        return {"class_name": "__tensor__", "config": {"value": obj.numpy().tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        ends = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": serialize_keras_object(ends)}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if not isinstance(obj, type) and hasattr(obj, "get_config"):
        return _serialize_instance(obj)
    if callable(obj) and hasattr(obj, "__name__") and not isinstance(obj, type):
        return {
            "module": "builtins",
            "class_name": "function",
            "config": _function_name(obj),
            "registered_name": "function",
        }
    raise DtypeError(
        f"Cannot serialize {obj!r} of type {type(obj).__name__}: it is no plain value and has no get_config(). "
        "Give its class a get_config() that returns the constructor's arguments."
    )


def _serialize_instance(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    module = registry.module_of(cls)
    public = module is not None and not module.startswith("keras.src.")  # of others Keras writes the name twice
    with sharing.Storing() as scope:
        stored = {
            "module": module,
            "class_name": cls.__name__,
            "config": serialize_keras_object(getattr(obj, "get_stored_config", obj.get_config)()),
            "registered_name": None if public else registry.get_registered_name(cls),
        }
        for part in ("build", "compile"):
            config = getattr(obj, f"get_{part}_config", lambda: None)()
            if config is not None:
                stored[f"{part}_config"] = serialize_keras_object(config)
        stored[sharing.KEY] = scope.number(obj)
        return scope.finish(stored)


def _function_name(f: Callable[..., Any]) -> str:
    name = registry.get_registered_name(f)
    if name == "<lambda>":
        raise ArgumentError(
            "A lambda cannot be serialized: a stored configuration holds names, never code. "
            "Define it with `def`, and decorate it with @register_keras_serializable()."
        )
    return name


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object that `config` describes: the reverse of `serialize_keras_object`.

    Args:
        config: what `serialize_keras_object` returned, or the same after a trip through JSON.
        custom_objects: names to classes and functions that the configuration may use besides the registered ones.
        safe_mode: a hint without effect; code inside a configuration is refused either way.

    Raises: ArgumentError for names that nothing answers to, and for stored code; DataError for a configuration from which
    its class cannot be made.
    """
    if kwargs:
        raise unknown("argument of deserialize_keras_object", next(iter(kwargs)), ["custom_objects", "safe_mode"])
    with registry.CustomObjectScope(custom_objects), making("What the configuration describes"):
        return _deserialized(config)


def _deserialized(config: Any) -> Any:
    if isinstance(config, (list, tuple)):
        return type(config)([_deserialized(c) for c in config])
    if not isinstance(config, dict):
        return config
    name = config.get("class_name")
    if name == "__tuple__":
        items = config["items"] if "items" in config else config["config"]["value"]
        return tuple([_deserialized(v) for v in items])
    if name is None or "config" not in config:
        return {key: _deserialized(value) for key, value in config.items()}
    if name in _SPECIAL:
        return _SPECIAL[name](config["config"])
    if name == "function":
        return registry.find_function(config["config"])
    cls = registry.find_class(name, config.get("module"), config.get("registered_name"))
    return _build(cls, config)


def _build(cls: Any, config: dict[str, Any]) -> Any:
    """An object of the class; the same one for a number that came before. What is inside another is built by that."""
    if not hasattr(cls, "from_config"):
        if isinstance(cls, type):
            raise ArgumentError(
                f"Class {cls.__name__} has no from_config(), so it cannot be built from a configuration. "
                "Derive it from autonet's base class of its kind, or add the class method."
            )
        return cls  # a function that was stored under its own name
    with sharing.Building() as scope:
        number = config.get(sharing.KEY)
        if number is not None and number in scope.known:
            return scope.known[number]
        obj = _made(cls, config)
        if number is not None:
            scope.known[number] = obj
        for part in ("build", "compile") if scope.outermost else ("compile",):
            if config.get(f"{part}_config"):
                method = getattr(obj, f"{part}_from_config", None)
                if method is not None:
                    method(config[f"{part}_config"])
        return obj


def _made(cls: Any, config: dict[str, Any]) -> Any:
    try:
        return cls.from_config(config["config"])
    except TypeError as error:
        error.add_note(
            f"While building {cls.__name__} from its configuration {str(config['config'])[:1000]}: its get_config() should "
            "return exactly what its constructor takes."
        )
        raise


def _missing_function(config: Any) -> Any:
    """What the caller passes for a function that has no name in the configuration; its code, if any, is never run."""
    name = config.get("name") if isinstance(config, dict) else None
    found = registry.get_registered_object(name) if isinstance(name, str) else None
    if callable(found):
        return found
    if name is None:
        raise ArgumentError(
            "The configuration holds the code of a lambda, which is never run. Define the function with `def`, register it "
            "with @register_keras_serializable(), and store the object again."
        )
    raise ArgumentError(
        f"The configuration asks for a function without a name, and code from a file is never run. If you know the "
        f"function, pass it: custom_objects={{{name!r}: function}}."
    )


def _array(config: dict[str, Any]) -> np.ndarray:
    if config["dtype"] not in NAMES:
        raise ArgumentError(f"The configuration holds an array of dtype {config['dtype']!r}; arrays hold numbers.")
    return np.array(config["value"], dtype=config["dtype"])


_SPECIAL: dict[str, Callable[..., Any]] = {
    "__numpy__": _array,
    "__tensor__": lambda c: Tensor(_array(c)),
    "__bytes__": lambda c: c["value"].encode("utf-8"),
    "__slice__": lambda c: slice(*(_deserialized(c[end]) for end in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: Ellipsis,
    "__lambda__": _missing_function,
}


class Family:
    """One kind of object, found by every name under which Keras users call it.

    A class answers to its own name, to that in snake_case and to that in lower case; a function to its name.

    Args:
        kind: what a member is called in messages, such as "initializer".
        module: Keras module of the kind, such as "keras.initializers".
        base: class of the instances; None where any callable will do.
        members: the classes and functions.
        aliases: further names.
        default: what None means.
    """

    def __init__(
        self,
        kind: str,
        module: str,
        base: type[Any] | None = None,
        members: Iterable[Any] = (),
        aliases: Mapping[str, Any] | None = None,
        default: object = None,
    ):
        self.kind, self.module, self.base, self.default = kind, module, base, default
        self.names: dict[str, Any] = {}
        for member in members:
            name = member.__name__
            spellings = (name, snake_case(name), name.lower()) if isinstance(member, type) else (name,)
            self.names.update(dict.fromkeys(spellings, member))
        self.names.update(aliases or {})

    def find(self, name: str) -> Any:
        """The class or function called `name`: the user's own first; ArgumentError with close matches if there is none."""
        found = registry.get_registered_object(name, module_objects=self.names)
        if found is None:
            raise unknown(self.kind, name, self.names)
        return found

    @filters_traceback
    def get(self, identifier: Identifier) -> Any:
        """The object that `identifier` means: a name, a configuration, a class, or already such an object."""
        if identifier is None:
            return self.default
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            identifier = self.find(identifier)
            if not isinstance(identifier, type):
                return identifier
        if isinstance(identifier, type):
            identifier = identifier()
        if callable(identifier) or (self.base is not None and isinstance(identifier, self.base)):
            return identifier
        raise ArgumentError(
            f"Could not interpret {identifier!r} as {self.kind}. Pass a name such as {next(iter(self.names), None)!r}, "
            f"a configuration, a class, or an instance."
        )

    @filters_traceback
    def serialize(self, obj: object) -> Any:
        """The configuration of `obj`."""
        return serialize_keras_object(obj)

    @filters_traceback
    def deserialize(self, config: Identifier, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The object that a configuration or a name describes."""
        with registry.CustomObjectScope(custom_objects), making(f"The {self.kind} of a configuration"):
            if not isinstance(config, dict):
                return self.get(config)
            if config.get("module") is None and config.get("class_name") in self.names:  # an older, shorter form
                obj = _build(self.find(config["class_name"]), config)
            else:
                obj = deserialize_keras_object(config)
        if callable(obj) or (self.base is not None and isinstance(obj, self.base)):
            return obj
        raise ArgumentError(
            f"The configuration {config!r} describes {obj!r}, which is no {self.kind}. "
            f"Pass what {self.module}.serialize returned."
        )
