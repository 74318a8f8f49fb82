"""Whole models and weights in HDF5 files of Keras 2 and `tf.keras`, which Keras 3 writes too for names in ".h5".

Attributes of the root hold the configuration and how the model was compiled; the group "model_weights", or the root of a file
of weights alone, lists its layers in an attribute, and each layer's group its weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from autonet.common.lines import warn
from autonet.errors import DataError
from autonet.saving import keras2_words, loading
from autonet.saving.hdf5 import HDF5File
from autonet.saving.matching import LoadReport, Specs, load
from autonet.saving.plain import loads
from autonet.variable import Variable

MODEL, WEIGHTS, TOP = "model_config", "model_weights", "top_level_model_weights"
_Spec = tuple[str, Any]  # the path of an array in the file, and its shape and dtype


def load_model(file: BinaryIO, path: str, compile: bool = True) -> Any:
    """The model in a whole-model ".h5" file.

    Raises: DataError for a damaged file, one of weights alone, or one that does not fit itself; ArgumentError for what has
    no counterpart here.
    """
    weights = HDF5File(file, path)
    about = weights.attributes()
    if MODEL not in about or WEIGHTS not in weights.members:
        raise DataError(
            f"{path} is an HDF5 file of weights, without a model. Make the model, and give it these with "
            "model.load_weights()."
        )
    with loading.loading(path, weights.nbytes):
        recent = isinstance(about.get("keras_version"), str) and about["keras_version"].startswith("3")
        config = keras2_words.model(_json(about, MODEL, path), recent)
        model = loading.make_model(config, path)
        load(*_matched(model, weights, WEIGHTS, path), path)
        if compile and about.get("training_config") is not None:
            model.compile_from_config(keras2_words.compiling(_json(about, "training_config", path)))
            if weights.members.get("optimizer_weights"):
                warn(f"{path}: the state of the optimizer is not read from such files, so it starts anew.")
    return model


def is_legacy(weights: HDF5File) -> bool:
    """Whether a file holds weights by the names of layers."""
    return bool({MODEL, "layer_names", "layer_names0"} & weights.attributes().keys())


def load_weights(model: Any, weights: HDF5File, path: str, skip_mismatch: bool = False) -> LoadReport:
    """Give a model the weights that stand by the names of layers.

    Layers are matched by name where the names are the model's, else, as in Keras, in order; with `skip_mismatch`, by name
    wherever there are any in common.

    Raises: DataError or ShapeError if the file does not fit.
    """
    group = WEIGHTS if WEIGHTS in weights.members else ""
    return load(*_matched(model, weights, group, path, skip_mismatch), path, skip_mismatch)


def _json(about: dict[str, Any], name: str, path: str) -> Any:
    if not isinstance(about[name], str):
        raise DataError(f"{path}: its {name} is no text.")
    return loads(about[name], f"{path}: its {name}")


# Weights


def _matched(model: Any, weights: HDF5File, group: str, path: str, loose: bool = False) -> tuple[Any, Specs, Any]:
    """What `load` takes: Variables and arrays by the same names, and a function that reads an array."""
    stored = {name: arrays for name, arrays in _stored(weights, group, path) if arrays}
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    own = list(model._own_weights())
    if TOP in stored:
        layers[TOP] = None
    elif own and not loose:
        raise DataError(f"{path} has nothing for the weights that {model.label} has of its own.")
    by_name = layers.keys() & stored.keys() if loose else layers.keys() == stored.keys()
    if not by_name and len(layers) != len(stored):
        raise DataError(
            f"{path} holds weights for {len(stored)} layers ({_some(stored)}), and the model has {len(layers)} with weights "
            f"({_some(layers)}). Build the model as it was saved, or take what fits with skip_mismatch=True."
        )
    pairs = zip(layers, layers if by_name else list(stored), strict=True)
    variables: dict[str, Variable] = {}
    specs: dict[str, tuple[tuple[int, ...], Any]] = {}
    paths: dict[str, str] = {}
    for name, other in pairs:
        arrays = stored.pop(other, {})
        found = _in_order(own if layers[name] is None else layers[name], arrays)
        for n, v in enumerate(found):
            variables[f"{name}/{n}: {v.name}"] = v
        for n, (full, spec) in enumerate(arrays.values()):
            key = f"{name}/{n}: {found[n].name}" if n < len(found) else f"{other}/{n}"
            paths[key], specs[key] = full, spec
    for name, arrays in stored.items():
        specs |= {f"{name}/{n}": spec for n, (_, spec) in enumerate(arrays.values())}
    return variables, specs, lambda key: weights.array(*_split(paths[key]))


def _in_order(layer: Any, arrays: dict[str, _Spec]) -> list[Variable]:
    """A layer's weights in the order in which a file has them, as their names say; else in Keras's, trainable ones first."""
    if isinstance(layer, list):
        return layer
    last = [name.rpartition("/")[2].partition(":")[0] for name in arrays]
    if len(last) == len(layer.weights) + 1 and last[-1] == "count":  # of Normalization, which does without
        arrays.pop(list(arrays)[-1])
        last.pop()
    usual = list(layer.trainable_weights) + list(layer.non_trainable_weights)
    ways = [usual, sorted(layer.weights, key=lambda v: not v.trainable), list(layer.weights)]
    for way in ways:
        if [v.name for v in way] == last:
            return way
    named = {v.name: v for v in usual}
    if len(named) == len(usual) and sorted(named) == sorted(last):
        return [named[name] for name in last]
    return usual


def _stored(weights: HDF5File, group: str, path: str) -> Iterator[tuple[str, dict[str, _Spec]]]:
    """Each layer that a group lists, with its arrays, in order."""
    names = _texts(weights, group, "layer_names", path)
    if TOP in weights.members.get(group, ()) and TOP not in names:
        names.append(TOP)
    if len(set(names)) < len(names):
        raise DataError(f"{path} lists a layer twice.")
    for name in names:
        place = f"{group}/{name}".lstrip("/")
        if place not in weights.members:
            raise DataError(f"{path} lists a layer {name[:100]!r}, which is not there.")
        arrays: dict[str, _Spec] = {}
        for word in _texts(weights, place, "weight_names", path):
            above, last = _split(f"{place}/{word}")
            spec = weights.groups.get(above, {}).get(last)
            if spec is None or word in arrays:
                raise DataError(f"{path} lists an array {word[:100]!r} of {name[:100]!r} that is not there, or twice.")
            arrays[word] = f"{place}/{word}", spec
        yield name, arrays


def _texts(weights: HDF5File, place: str, name: str, path: str) -> list[str]:
    """A list of texts in an attribute, or in several that are numbered, as there is only so much room in one."""
    about = weights.attributes(place)
    parts = [about[name]] if name in about else []
    while name not in about and f"{name}{len(parts)}" in about:
        parts.append(about[f"{name}{len(parts)}"])
    if not parts or any(not hasattr(part, "tolist") or part.ndim != 1 for part in parts):
        raise DataError(f"{path} has no {name} at {place or 'its root'!r}.")
    texts = [text for part in parts for text in part.tolist()]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(f"{path}: the {name} at {place or 'its root'!r} are no texts.")
    return texts


def _split(path: str) -> tuple[str, str]:
    above, _, last = path.rpartition("/")
    return above, last


def _some(names: Any) -> str:
    shown = list(names)
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")
