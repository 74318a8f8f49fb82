"""Names that are found when they are first asked for.

A package may show what lives on a floor above it, as Keras's `utils` shows `plot_model`, without an import that points
up: the front door says where, with `show`, and the package asks, with `names`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from autonet import legacy

_HOMES: dict[str, dict[str, str]] = {}  # for each package: its late names, and the module where each lives


def show(package: str, homes: dict[str, str]) -> None:
    """Let `package` have these names too: name to the module that has it."""
    _HOMES.setdefault(package, {}).update(homes)


def names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package that has late names."""
    homes = _HOMES.setdefault(package, {})

    def find(name: str) -> Any:
        if name not in homes:
            return legacy.find(package, name)
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return find, lambda: sorted({*vars(sys.modules[package]), *homes})


def publish(package: str, *modules: str) -> None:
    """Set a package's `__all__`, its functions and classes, late ones too, and these modules; how docstrings are written, and
    what it says of names that it does not have.

    For the last line of the package, which imports nothing else from autonet by a name without an underscore.
    """
    module = sys.modules[package]
    present = vars(module)
    present.setdefault("__getattr__", legacy.names(package))
    for room in (module, *(present[name] for name in modules if name in present)):
        room.__docformat__ = "google"  # read by pdoc

    def is_public(name: str) -> bool:
        if name[0] == "_":
            return False
        value = present.get(name, publish)  # what is not there is late, and one of autonet's
        return callable(value) and f"{getattr(value, '__module__', '')}.".startswith("autonet.")

    module.__all__ = [*sorted(filter(is_public, {*dir(module)} - {*modules})), *modules]  # type: ignore[attr-defined]
