"""Words of Keras 1 in old scripts: they work, and a warning names today's word.

    from autonet.layers.core import Dense           ->  from autonet.layers import Dense
    model.fit(x, y, nb_epoch=3)                     ->  model.fit(x, y, epochs=3)

`install` is called once by the package; a function takes old keywords with `@renamed(nb_epoch="epochs")`.
"""

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar, cast

from autonet.common.lines import filters_traceback, warn

MODULES = {  # old module: where its names are today
    "autonet.layers.advanced_activations": "autonet.layers",
    "autonet.layers.convolutional": "autonet.layers",
    "autonet.layers.core": "autonet.layers",
    "autonet.layers.embeddings": "autonet.layers",
    "autonet.layers.local": "autonet.layers",
    "autonet.layers.merge": "autonet.layers",
    "autonet.layers.noise": "autonet.layers",
    "autonet.layers.wrappers": "autonet.layers",
    "autonet.utils.data_utils": "autonet.utils",
    "autonet.utils.generic_utils": "autonet.utils",
    "autonet.utils.np_utils": "autonet.utils",
    "autonet.utils.vis_utils": "autonet.utils",
}
NAMES = {  # old name: today's, where it is not the same
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
    "Sequence": "PyDataset",
}

F = TypeVar("F", bound=Callable[..., Any])


class LegacyWarning(FutureWarning):
    """A word that Keras has given up; it still works here."""


def renamed(**today: str) -> Callable[[F], F]:
    """A decorator for functions whose keywords had other names: old keyword = today's.

    >>> @renamed(nb_epoch="epochs")
    ... def fit(*, epochs=1):
    ...     return epochs
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     fit(nb_epoch=3)
    3
    >>> str(caught[0].message)
    "fit: write epochs=... instead of nb_epoch=..., which is Keras 1's word."
    """

    def decorate(function: F) -> F:
        owner = function.__qualname__.rsplit(".__init__", 1)[0].rsplit("<locals>.", 1)[-1]

        @functools.wraps(function)
        @filters_traceback
        def call(*args: Any, **kwargs: Any) -> Any:
            for old in [word for word in kwargs if word in today]:
                new = today[old]
                if new in kwargs:
                    raise TypeError(f"{owner} received both {new}=... and its older name {old}=...: keep the first.")
                message = f"{owner}: write {new}=... instead of {old}=..., which is Keras 1's word."
                warn(message, LegacyWarning)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


class _OldModules:
    """Makes the old modules when, and only when, somebody imports one."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        return ModuleSpec(fullname, cast(Any, self))

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
            today = NAMES.get(name, name)
            value = getattr(importlib.import_module(home), today, None)
            if value is None:
                raise AttributeError(f"Neither {old} nor {home} has {name!r}.")
            message = f"{old} is a module of Keras 1: write `from {home} import {today}`."
            warnings.warn(message, LegacyWarning, stacklevel=2)
            setattr(module, name, value)  # so that one line warns once
            return value

        module.__getattr__ = lookup  # type: ignore[method-assign]
        module.__dir__ = public  # type: ignore[method-assign]


def install() -> None:
    """Let old modules be imported. They come last: a module that exists is never hidden."""
    if not any(type(finder).__name__ == _OldModules.__name__ for finder in sys.meta_path):
        sys.meta_path.append(cast(Any, _OldModules()))
