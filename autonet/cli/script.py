"""`python -m autonet run script.py`: a Keras script, unchanged, on autonet.

While it runs, `keras` (and `tensorflow.keras`, `tf_keras`) are autonet under another name. What autonet lacks fails where
the script asks for it, with its name.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from autonet.common.lines import users_part
from autonet.errors import AutonetError

ROOTS = ("tensorflow.keras", "tf_keras", "keras")
STANDARD = ("__file__", "__path__", "__loader__", "__wrapped__", "__warningregistry__")
VERSIONS = {"tensorflow": "2.16.0+autonet"} | dict.fromkeys(ROOTS, "3.15.1+autonet")  # whose names are meant


class Stand(ModuleType):
    """A module that gives another one's names under its own."""

    def __init__(self, name: str, real: ModuleType | None):
        super().__init__(name, None if real is None else real.__doc__)
        self.__path__: list[str] = []
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name in STANDARD:
            raise AttributeError(name)
        if name == "__version__" and self.__name__ in VERSIONS:
            return VERSIONS[self.__name__]
        if name == "__all__":
            return [word for word in dir(self) if word[0] != "_"]
        if self._real is None:  # tensorflow itself: it has keras, and nothing else
            if name == "keras":
                return importlib.import_module("tensorflow.keras")
            raise AttributeError(
                f"the script uses {self.__name__}.{name}; autonet has Keras's names only, not TensorFlow's."
            )
        try:
            value = getattr(self._real, name)
        except AttributeError as error:
            advice = str(error).partition(". ")[2] or f"dir({self._real.__name__}) lists what there is."
            raise AttributeError(
                f"the script uses {self.__name__}.{name}, which autonet does not have. {advice}", name=name, obj=self
            ) from None
        inner = isinstance(value, ModuleType) and value.__name__ == f"{self._real.__name__}.{name}"
        return importlib.import_module(f"{self.__name__}.{name}") if inner else value

    def __dir__(self) -> list[str]:
        return dir(self._real) if self._real is not None else ["keras"]


class Stands:
    """Import hook: finds Keras's modules in autonet."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """What importlib asks each finder: how to make the module of this name, or None."""
        if name == "tensorflow" or any(name == root or name.startswith(root + ".") for root in ROOTS):
            return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]
        if name.startswith("tensorflow."):
            raise ImportError(
                f"the script imports {name}; autonet has Keras's names only, not TensorFlow's.", name=name
            )
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A Stand for the module of that name; ImportError if autonet has none."""
        if spec.name == "tensorflow":
            return Stand(spec.name, None)
        root = next(root for root in ROOTS if spec.name == root or spec.name.startswith(root + "."))
        inner = spec.name[len(root) :]
        try:
            real = importlib.import_module("autonet" + inner)
        except ImportError:
            raise ImportError(
                f"the script imports {spec.name}, which autonet does not have. dir(autonet) lists what there is.",
                name=spec.name,
            ) from None
        return Stand(spec.name, real)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


def run(arguments: Sequence[str]) -> int:
    """Run the script `arguments[0]` with the rest as its arguments.

    Returns: the exit code.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m autonet run SCRIPT [ARGUMENT ...]\n\nRun a Keras script, unchanged, on autonet.")
        return 0 if arguments else 2
    script, *rest = arguments
    if not os.path.isfile(script):
        print(f"python -m autonet run: there is no file {script!r}.", file=sys.stderr)
        return 2
    hook = Stands()
    before = sys.argv, sys.path
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if _stands_for(name)}
    sys.meta_path.insert(0, hook)  # type: ignore[arg-type]
    sys.argv = [script, *rest]
    sys.path = [os.path.dirname(os.path.abspath(script)), *sys.path]  # for modules beside it
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:
        own = isinstance(error, (AutonetError, AttributeError, ImportError))  # else its last frame says where
        error.__traceback__ = users_part(error.__traceback__, own)  # begins with the script
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    finally:
        sys.argv, sys.path = before
        sys.meta_path.remove(hook)  # type: ignore[arg-type]
        for name in [name for name in sys.modules if _stands_for(name)]:
            del sys.modules[name]
        sys.modules.update(hidden)
    return 0


def _stands_for(name: str) -> bool:
    return any(name == root or name.startswith(root + ".") for root in ("tensorflow", *ROOTS))
