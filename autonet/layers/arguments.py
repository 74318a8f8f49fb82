"""What a layer was made and built with: so that a class without a `get_config` of its own has a configuration."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.common.signatures import no_argument, taken
from autonet.common.words import ANY_LAYER, translate
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, AutonetError, DtypeError, ShapeError

_PLAIN = (str, int, float, bool, type(None))
_COMMON = ("name", "trainable", "dtype")  # what every layer's configuration has


class _Other:
    """Stands for an argument that no configuration can hold."""

    def __init__(self, value: Any):
        self.kind = type(value).__name__


def given(cls: Any, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The constructor's arguments by name; None for autonet's own constructors, whose classes have a `get_config`."""
    if is_ours(cls.__init__):
        return None
    try:
        bound = inspect.signature(cls.__init__).bind_partial(None, *args, **kwargs)
    except TypeError:  # the constructor itself will complain
        return None
    named: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update({k: _plain(v) for k, v in value.items()})
        else:
            named[name] = _Other(value) if kind is inspect.Parameter.VAR_POSITIONAL else _plain(value)
    return named


class InitSignature:
    """The `__signature__` of a class that has a `__new__`: its `__init__`'s. (Python 3.11.2 shows an inherited `__new__`'s.)"""

    def __get__(self, instance: Any, cls: Any) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")  # calling it is another matter
        parameters = inspect.signature(cls.__init__).parameters.values()
        return inspect.Signature(list(parameters)[1:])


def plain_arguments(init: Callable) -> Callable:
    """A constructor that receives Python's numbers for NumPy's and for Tensors' of one number, and arrays for Tensors.

    What a layer keeps of its arguments is then a plain value, of which a configuration can tell, and no weight.
    """

    @functools.wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        args, kwargs = tuple([_number(x) for x in args]), {k: _number(x) for k, x in kwargs.items()}
        try:
            init(self, *args, **kwargs)
        except TypeError as error:
            for name, value in {} if isinstance(error, AutonetError) else _no_numbers(init, args, kwargs):
                raise ArgumentError(
                    f"{type(self).__name__} expects {name} to be a number; received {value!r}."
                ) from error
            raise

    vars(wrapper).pop("shortens", None)  # which `init` may be marked with: the wrapper is an entrance too
    return wrapper


def _no_numbers(init: Callable, args: tuple, kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names and values of the arguments of a call that are said to be numbers and are none."""
    parameters = inspect.signature(init).parameters
    given = {**dict(zip(list(parameters)[1:], args, strict=False)), **kwargs}
    kinds = {
        name: set(str(p.annotation).replace("<class '", "").replace("'>", "").split(" | "))
        for name, p in parameters.items()
    }
    return [
        (name, value) for name, value in given.items()
        if not isinstance(value, (int, float, type(None))) and kinds.get(name, set()) - {"None"} in ({"int"}, {"float"})
    ]  # fmt: skip


def _number(x: Any) -> Any:
    if isinstance(x, Tensor):
        x = x.numpy()
    if isinstance(x, (np.generic, np.ndarray)) and x.ndim == 0:
        return x.item()
    if type(x) in (list, tuple) and any(isinstance(v, (Tensor, np.generic, np.ndarray)) for v in x):
        return type(x)([_number(v) for v in x])
    return x


def refuse_fixed(cls: Any, kwargs: dict[str, Any]) -> None:
    """ArgumentError for options of the classes above that a class of autonet's own sets itself."""
    for name in kwargs.keys() & _fixed(cls):
        raise no_argument(cls.__name__, name, ())


@functools.cache
def _fixed(cls: Any) -> frozenset[str]:
    """Names of the options that a class's constructor must not pass on to those above it."""
    if not is_ours(cls.__init__):
        return frozenset()
    found = {name for c in cls.__mro__ for name in vars(c).get("_fixed", ())}
    return frozenset(found - set(inspect.signature(cls.__init__).parameters))


def is_ours(function: Any) -> bool:
    """Whether a function is the package's own."""
    return str(getattr(function, "__module__", "")).startswith("autonet.")


def _plain(x: Any) -> Any:
    """A copy of `x` if it is a plain value, or a nest of such."""
    x = _number(x)
    if isinstance(x, _PLAIN):
        return x
    if isinstance(x, (list, tuple)):
        inner = [_plain(v) for v in x]
        return _Other(x) if any(isinstance(v, _Other) for v in inner) else type(x)(inner)
    if isinstance(x, dict) and all(isinstance(k, str) for k in x):
        named = {k: _plain(v) for k, v in x.items()}
        return _Other(x) if any(isinstance(v, _Other) for v in named.values()) else named
    return _Other(x)


def complete(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The common part of a configuration, with the arguments of a constructor that no `get_config` speaks for.

    Raises: ArgumentError where one of them is no plain value.
    """
    own = layer.__dict__.get("_Layer__given")  # a name that no subclass takes by chance
    if own is None or not is_ours(type(layer).get_config):
        return config
    for name, value in own.items():
        if isinstance(value, _Other) and name not in _COMMON:
            raise ArgumentError(
                f"{layer.label} was made with {name}, a {value.kind}, which a configuration cannot hold by itself. Give class "
                f"{type(layer).__name__} a get_config() that returns its constructor's arguments, and a from_config()."
            )
    return {**config, **{k: v for k, v in own.items() if k not in _COMMON}}


def make(cls: Any, config: dict[str, Any]) -> Any:
    """`cls(**config)`, where a constructor need not take what every layer has: name, trainable, dtype.

    Raises: ArgumentError for what the constructor does not take otherwise.
    """
    parameters = inspect.signature(cls.__init__).parameters
    left = {}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        left = {k: config[k] for k in _COMMON if k in config and k not in parameters}
    try:
        layer = cls(**{k: v for k, v in config.items() if k not in left})
    except DtypeError as error:  # which says what to do
        error.prefix(f"{cls.__name__} {config['name']!r}" if "name" in config else cls.__name__)
        raise
    except TypeError as error:
        raise ArgumentError(
            f"{cls.__name__} cannot be made from the configuration {str(config)[:1000]}: {error}. "
            f"Let {cls.__name__}.get_config() return exactly what its constructor takes."
        ) from error
    if "name" in left:
        layer.name = layer._path = left["name"]
    if "dtype" in left:
        layer._set_policy(left["dtype"])
    if not left.get("trainable", True):
        layer.trainable = False
    return layer


@functools.lru_cache(maxsize=1024)
def made_by_build(cls: Any) -> frozenset[str]:
    """The attributes that `build` sets: by its code and that of the base classes' own, or announced by an annotation."""
    import dis

    builds = [inspect.unwrap(vars(c)["build"]) for c in cls.__mro__ if "build" in vars(c)]
    code = [f.__code__ for f in builds if hasattr(f, "__code__")]
    stored = {i.argval for c in code for i in dis.get_instructions(c) if i.opname == "STORE_ATTR"}
    return frozenset(stored.union(*[vars(c).get("__annotations__", ()) for c in cls.__mro__]))


def built_with(build: Callable, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call of `build`, by name."""
    names = list(inspect.signature(build).parameters)[1:]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def build_config(arguments: dict[str, Any] | None) -> dict[str, Any] | None:
    """Those arguments in Keras's form, if they are shapes."""
    shapes = {k: v for k, v in (arguments or {}).items() if v is not None}
    try:
        shapes = {k: _numbers(v) for k, v in shapes.items()}
    except TypeError:
        return None
    if not shapes:
        return None
    return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}


def _numbers(shape: Any) -> Any:
    """A shape, or a nest of them, with Python's own numbers."""
    if isinstance(shape, dict):
        return {k: _numbers(v) for k, v in shape.items()}
    if isinstance(shape, (list, tuple)):
        return type(shape)([_numbers(v) for v in shape])
    return None if shape is None else shape.__index__() if hasattr(shape, "__index__") else _refuse(shape)


def _refuse(x: Any) -> Any:
    raise TypeError(f"{x!r} is no length")


def shapes_of(config: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments and keyword arguments for `build`, from a build configuration.

    Raises: ArgumentError for anything else; ShapeError for lengths below zero.
    """
    if isinstance(config, dict) and set(config) == {"input_shape"}:
        return [_shape(config["input_shape"])], {}
    if isinstance(config, dict) and set(config) == {"shapes_dict"} and isinstance(config["shapes_dict"], dict):
        return [], {k: _shape(v) for k, v in config["shapes_dict"].items()}
    raise ArgumentError(f"A build configuration holds input_shape or shapes_dict; received {str(config)[:200]}.")


def _shape(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _shape(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        if all(n is None or type(n) is int for n in x):
            if any(n is not None and n < 0 for n in x):
                raise ShapeError(f"A shape has lengths of at least 0; received {x}.")
            return tuple(x)
        return [_shape(v) for v in x]
    if x is None:
        return None
    raise ArgumentError(f"A shape is a list of numbers; received {str(x)[:200]}.")


def first_shape(kwargs: dict[str, Any], layer: Any) -> tuple | None:
    """The batch shape that a first layer was given, None if it was not."""
    shape = None
    for name in ("batch_input_shape", "batch_shape"):
        if kwargs.get(name) is not None:
            shape = tuple(kwargs[name])
        kwargs.pop(name, None)
    if (given := kwargs.pop("input_shape", None)) is not None:
        shape = (None, *((given,) if isinstance(given, int) else given))
    if (given := kwargs.pop("input_dim", None)) is not None:
        shape = (None, given)
    length = kwargs.pop("input_length", None)
    if length is not None and shape is None:
        shape = (None, *((length,) if isinstance(length, int) else length))
    if kwargs:
        cls = type(layer)
        translate(cls.__name__, ANY_LAYER, kwargs)
        raise no_argument(cls.__name__, next(iter(kwargs)), taken(cls.__init__, cls))
    return shape


class _Takes:
    """Which of the arguments that layers pass on a class's `call` has."""

    __slots__ = ("mask", "training")

    def __init__(self, call: Callable[..., Any]):
        parameters = inspect.signature(call).parameters
        rest = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        self.training = "training" in parameters or (rest and len(parameters) == 3)
        self.mask = "mask" in parameters


@functools.cache
def takes_of(cls: Any) -> _Takes:
    """Which of them `cls.call` has."""
    return _Takes(cls.call)


@functools.cache
def nests(cls: Any) -> tuple[type, ...]:
    """Which of list, tuple and dict `cls.call` takes as its first argument: where it is not the package's own, any."""
    owner = next(c for c in cls.__mro__ if "call" in c.__dict__)
    return owner._nests if owner.__module__.startswith("autonet.layers.") else (list, tuple, dict)


@functools.cache
def call_parameters(cls: Any) -> tuple[str, ...]:
    """Names of the arguments of `cls.call`."""
    return tuple(inspect.signature(cls.call).parameters)[1:]


@functools.cache
def build_parameters(cls: Any) -> tuple[str, ...]:
    """Names of the arguments of `cls.build`."""
    return tuple(inspect.signature(cls.build).parameters)[1:]
