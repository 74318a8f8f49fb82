"""What surrounds the reading of a model: a budget of memory, and random state restored; a model from its configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from autonet.core.state import no_grad
from autonet.errors import DataError
from autonet.layers.building import current
from autonet.layers.low_rank import LowRank
from autonet.random import seeds
from autonet.saving.names import named_layers
from autonet.serialization.objects import deserialize_keras_object
from autonet.untrusted.budget import SLACK, LoadBudget
from autonet.untrusted.faults import making


@contextlib.contextmanager
def loading(path: str, nbytes: int) -> Iterator[None]:
    """`making`, for a model whose weights are in the file too and take `nbytes`.

    The seeds of what comes later are those that would have come without it.
    """
    stream, generator = seeds.get_stream(), seeds.global_generator().state
    before = generator.value
    try:
        with no_grad(), LoadBudget(nbytes + SLACK, path), making(f"{path}: the model that it describes"):
            yield
    finally:
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
    building = current.building
    paths: dict[str, tuple] = {}
    try:
        for place, layer in named_layers(model):
            above = paths.get(place.rpartition("/")[0], ()) if place else ()
            paths[place] = (*above, layer)
            if not layer.built and place in configs:
                current.building = above
                layer.build_from_config(configs[place])
    finally:
        current.building = building


def adapted(model: Any) -> dict[str, list[Any]]:
    """Rank and alpha of each layer that was adapted, by the name of its place: configurations of those around lack them."""
    layers = [(place, x) for place, x in named_layers(model) if isinstance(x, LowRank) and x.lora_enabled]
    return {place: [x.lora_rank, x.lora_alpha] for place, x in layers}


def adapt(model: Any, described: Any, path: str) -> None:
    """Adapt layers as `adapted` said; None where a file says nothing."""
    layers = dict(named_layers(model)) if described is not None else {}
    if described is not None and not (
        isinstance(described, dict)
        and all(isinstance(layers.get(place), LowRank) for place in described)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in described.values())
    ):
        raise DataError(f"{path} does not say which layers are adapted. Take another copy of it.")
    for place, (rank, alpha) in (described or {}).items():
        if not layers[place].lora_enabled:
            layers[place].enable_lora(rank, alpha)


def make_model(config: Any, path: str, compile: bool = True) -> Any:
    """The model of a configuration, without its weights.

    Raises: DataError if it describes something else.
    """
    if not isinstance(config, dict) or "class_name" not in config:
        raise DataError(f"{path} describes no model.")
    if not compile:
        config = {k: v for k, v in config.items() if k != "compile_config"}
    model = deserialize_keras_object(config)
    if not hasattr(model, "compile_from_config"):
        raise DataError(f"{path} describes a {type(model).__name__}, which is no model.")
    return model
