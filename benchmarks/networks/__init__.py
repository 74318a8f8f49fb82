"""The kinds of training and inference that `kinds.py` compares: each network written once, in a small language of layers
that every library speaks (`keras_net.py`, `torch_net.py`, `jax_net.py`), from the same first weights.
"""

from __future__ import annotations

import importlib

from networks.base import Kind, Running

FAMILIES = ("dense", "images", "sequences", "generative", "derivatives", "arrays")


def kinds() -> dict[str, Kind]:
    """All kinds by name, family by family."""
    return {
        name: kind for family in FAMILIES for name, kind in importlib.import_module(f"networks.{family}").KINDS.items()
    }


def run(library: str, kind: Kind, small: bool = False) -> Running:
    """The kind in a library, built and ready for its first step.

    Args:
        library: one of LIBRARIES.
        small: walk over a quarter of the rows, for a first look.
    """
    module, how = LIBRARIES[library]
    return importlib.import_module(f"networks.{module}").run(kind, small=small, **how)


LIBRARIES: dict[str, tuple[str, dict]] = {
    "autonet": ("keras_net", {"library": "autonet"}),
    "autonet numpy": ("keras_net", {"library": "autonet", "native": False}),
    "torch": ("torch_net", {}),
    "torch channels last": ("torch_net", {"channels_last": True}),
    "torch compiled": ("torch_net", {"compiled": True}),
    "jax": ("jax_net", {}),
    "keras": ("keras_net", {"library": "keras"}),
}
