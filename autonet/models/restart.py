"""Starting anew: every weight, generator, metric and optimizer of a model as it was before training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autonet.core.state import no_grad
from autonet.errors import NotBuiltError
from autonet.random import SeedGenerator, seeds
from autonet.saving.names import model_optimizers
from autonet.variable import Variable


def reinitialize(model: Any, seed: int | None) -> None:
    """`Model.reinitialize`: see there."""
    if not model._is_built() or not model.weights:
        raise NotBuiltError(f"{model.label} has no weights yet to draw anew: build it, or call it on data, first.")
    layers = model._flatten_layers()
    kept = {id(v) for layer in layers if hasattr(layer, "adapt") for v in layer._own_weights()}
    weights = [v for v in model.weights if id(v) not in kept]
    with _from_seed(seed), no_grad():
        fresh: dict[int, Any] = {}
        for v in weights:
            v.assign(_renewed(v.initializer, fresh)(v.shape, dtype=v.dtype.name))
        for generator in _generators(layers):
            start = seeds.fresh_seed() if generator.seed is None else generator.seed
            generator.state.assign(np.array([start, 0], np.uint32))
        for layer in layers:
            if _holds_states(layer):
                layer.reset_state()
        for metric in model.metrics:
            metric.reset_state()
        for optimizer in model_optimizers(model).values():
            optimizer.reset()


def _renewed(initializer: Any, fresh: dict[int, Any]) -> Any:
    """An initializer with another seed unless it was given one; one that serves several weights is renewed once."""
    if not hasattr(initializer, "clone"):
        return initializer
    if id(initializer) not in fresh:
        fresh[id(initializer)] = initializer.clone()
    return fresh[id(initializer)]


def _generators(layers: list[Any]) -> list[SeedGenerator]:
    found: dict[int, SeedGenerator] = {}
    for layer in layers:
        for generator in layer._own(SeedGenerator):
            found.setdefault(id(generator), generator)
    return list(found.values())


def _holds_states(layer: Any) -> bool:
    return hasattr(layer, "reset_state") and isinstance(getattr(layer, "states", None), (list, tuple, Variable))


@contextmanager
def _from_seed(seed: int | None) -> Iterator[None]:
    """Inside, new seeds and draws without one come from `seed`, and the streams outside stay where they are."""
    if seed is None:
        yield
        return
    stream, generator = seeds.get_stream(), seeds.global_generator()
    state = generator.state.numpy()
    seeds.set_global_seed(seed)
    try:
        yield
    finally:
        seeds.set_stream(stream)
        generator.state.assign(state)
