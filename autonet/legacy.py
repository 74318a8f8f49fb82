"""Words of Keras 1 and 2 in old scripts: where their meaning is today's they work, and a warning names today's word.

    from autonet.layers.core import Dense           ->  from autonet.layers import Dense
    model.fit(x, y, nb_epoch=3)                     ->  model.fit(x, y, epochs=3)

Elsewhere an error says what to write. Keywords and names are tables in `autonet.common.words`; here are old modules, and
how packages and models are asked for an old name. Defaults are Keras 3's.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

from autonet.common.lines import filters_traceback, warn
from autonet.common.words import MODULES, NAMES, Advice, Foreign, Made
from autonet.common.words import LegacyWarning as LegacyWarning
from autonet.errors import SignatureError

__docformat__ = "google"
__all__ = ["LegacyWarning"]


def find(package: str, name: str, home: Any = None, who: str = "") -> Any:
    """What an old name of a package, or of a model ("Model", of class `who`), means today; a warning names today's.

    Raises: AttributeError for names that never were, and, with what to write, for those that have no such meaning today.
    """
    home, who = home or sys.modules[package], who or package
    today = NAMES.get(package, {}).get(name)
    if today is None and f"{package}.{name}" in MODULES:
        return importlib.import_module(f"{package}.{name}")
    if today is None or isinstance(today, Advice):
        whose = ":" if isinstance(today, Foreign) else ". It is Keras 1's or 2's word:"
        why = near(name, home) if today is None else f"{whose} {today}."
        told = {} if why else {"name": name, "obj": home}  # by which Python looks for names, too
        raise AttributeError(f"{who} has no attribute {name!r}{why}", **told)
    if isinstance(today, Made):
        value, write = today.make(home), today.write
    else:
        module, _, attribute = today.rpartition(":")
        value, write = (
            getattr(importlib.import_module(module) if module else home, attribute),
            f"{module or who}.{attribute}",
        )
    warn(f"{who}.{name} is Keras 1's or 2's word: write {write}.", LegacyWarning)
    return value


def near(name: str, home: object) -> str:
    """Advice for a name that a package does not have: those like it that it has."""
    if name[0] == "_" or not isinstance(home, ModuleType):
        return ""
    import difflib

    found = difflib.get_close_matches(
        name, [n for n in getattr(home, "__all__", dir(home)) if n[0] != "_"], n=2, cutoff=0.6
    )
    return f". Did you mean {' or '.join(map(repr, found))}?" if found else ""


def names(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package that has old names."""
    return lambda name: find(package, name)


class KernelInNumbers(type):
    """Class of a convolution's name in Keras 1, where the kernel's lengths came one by one: `Convolution2D(32, 3, 3)`.

    Calling it makes an object of the layer that it stands for.
    """

    @filters_traceback
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        layer: Any = cls.__mro__[1] if "stands" in vars(cls) else cls
        rank, sizes = cls.rank, args[1:]  # type: ignore[attr-defined]
        if rank > 1 and len(sizes) >= rank and all(type(n) is int for n in sizes[:rank]):
            call = f"{vars(cls).get('stands', cls.__name__)}(..., {', '.join(map(str, sizes))})"
            told = f"{call} is read as in Keras 1: write kernel_size={sizes[:rank]}"
            if len(sizes) > rank:
                raise SignatureError(f"{told}, and what follows by its name.")
            warn(f"{told}, or strides=... if these were meant.", LegacyWarning)
            args = args[0], sizes
        return type.__call__(layer, *args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1]) if "stands" in vars(cls) else type.__instancecheck__(cls, instance)

    @property
    def __signature__(cls) -> inspect.Signature:
        return inspect.signature(cls.__init__)  # type: ignore[misc]


def first_edition(name: str, layer: type) -> type:
    """The class that makes a `layer` from arguments as Keras 1 took them."""
    return KernelInNumbers(
        layer.__name__, (layer,), {"stands": name, "__doc__": layer.__doc__, "__module__": layer.__module__}
    )


class _OldModules:
    """Makes the old modules when, and only when, somebody imports one."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        return ModuleSpec(fullname, cast(Any, self), is_package=any(m.startswith(f"{fullname}.") for m in MODULES))

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        home = MODULES[old]
        module.__doc__ = f"Old name of {home}."

        def public() -> Iterable[str]:
            return [name for name in dir(importlib.import_module(home)) if not name.startswith("_")]

        def lookup(name: str) -> Any:
            if name == "__all__":
                return public()
            if name.startswith("_"):
                raise AttributeError(name)
            if f"{old}.{name}" in MODULES:
                return importlib.import_module(f"{old}.{name}")
            place = importlib.import_module(home)
            try:
                value = getattr(place, name)
            except AttributeError as error:
                raise AttributeError(f"{old} is {home} today. {error}", name=name, obj=place) from None
            warn(f"{old} is a module of Keras 1 or 2: write `from {home} import {name}`.", LegacyWarning)
            setattr(module, name, value)  # so that one line warns once
            return value

        module.__getattr__ = lookup  # type: ignore[method-assign]
        module.__dir__ = public  # type: ignore[method-assign]


def install() -> None:
    """Let old modules be imported. They come last: a module that exists is never hidden."""
    if not any(type(finder).__name__ == _OldModules.__name__ for finder in sys.meta_path):
        sys.meta_path.append(cast(Any, _OldModules()))
