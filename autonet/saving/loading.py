"""What surrounds the reading of a model: a purse of memory, and chance left alone."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from autonet.core.state import no_grad, state
from autonet.errors import DataError
from autonet.random import seeds
from autonet.saving.names import named_layers
from autonet.serialization.faults import making

SLACK = 16 << 20  # bytes for what no file holds: metrics, learning rates


class Allowance:
    """The memory that Variables made while a file is loaded may take together: as much as their values take in it.

    Their first values are zeros; the file has the right ones.
    """

    def __init__(self, nbytes: int, path: str):
        self.left = nbytes + SLACK
        self.path = path

    def take(self, nbytes: int) -> None:
        """Account for so many bytes.

        Raises: DataError if they are too many.
        """
        self.left -= nbytes
        if self.left < 0:
            raise DataError(
                f"{self.path}: its configuration describes larger weights than the file holds. Take another copy of it, "
                "or write it again."
            )

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Zeros, if they may be made."""
        self.take(math.prod(shape) * np.dtype(dtype).itemsize)
        return np.zeros(shape, dtype)


@contextlib.contextmanager
def loading(path: str, nbytes: int) -> Iterator[None]:
    """`making`, for a model whose weights are in the file too and take `nbytes`.

    The seeds of what comes later are those that would have come without it.
    """
    stream, generator = seeds.get_stream(), seeds.global_generator().state
    before, outer = generator.value, state.allowance
    state.allowance = Allowance(nbytes, path)
    try:
        with no_grad(), making(f"{path}: the model that it describes"):
            yield
    finally:
        state.allowance = outer
        seeds.set_stream(stream)
        generator.assign(before)


def build_configs(model: Any) -> dict[str, Any]:
    """What each built layer of a model was built for, by the name of its place."""
    found = {}
    for place, layer in named_layers(model):
        config = layer.get_build_config() if layer.built else None
        if config is not None:
            found[place] = config
    return found


def build(model: Any, configs: Any) -> None:
    """Build the layers of a model that its configuration alone did not build.

    Raises: ArgumentError or ShapeError for what describes no shapes.
    """
    if not isinstance(configs, dict):
        raise DataError("The shapes for which the layers were built are missing from the file.")
    scope = state.scope
    paths: dict[str, tuple] = {}
    try:
        for place, layer in named_layers(model):
            above = paths.get(place.rpartition("/")[0], ()) if place else ()
            paths[place] = (*above, layer)
            if not layer.built and place in configs:
                state.scope = above
                layer.build_from_config(configs[place])
    finally:
        state.scope = scope
