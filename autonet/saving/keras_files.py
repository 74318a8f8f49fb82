"""Files that Keras 3 writes, and files that it opens.

What a configuration names is found as in autonet's own files: in the closed registry, or among what the caller passes.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from autonet.common.lines import warn
from autonet.common.types import Model
from autonet.errors import ArgumentError, AutonetError, DataError
from autonet.optimizers import Optimizer
from autonet.saving import keras_zip, loading
from autonet.saving.hdf5 import HDF5File, encode
from autonet.saving.keras_names import keras_groups, own_variables
from autonet.saving.matching import LoadReport, Specs, load
from autonet.saving.names import layer_variables
from autonet.saving.optimizer_state import build, parts, same
from autonet.utils.files import atomic_write

KERAS_VERSION = "3.15.1"  # whose files these were compared with

# An optimizer of other weights than the trainable ones, whose state Keras would give to these, is kept where Keras does not
# look: its state, and the numbers of its weights among those of the model.
STATE, PLACES = "optimizer/state", "optimizer/places"


# Reading


def load_model(file: BinaryIO, path: str, compile: bool = True) -> Any:
    """The model in a ".keras" file of Keras's.

    Raises: DataError for a damaged file or one that does not fit itself; ArgumentError for names that nothing answers to.
    """
    zipped = keras_zip.KerasZip(file, path)
    config = zipped.json(keras_zip.CONFIG)
    weights = HDF5File(file, path, *zipped.weights)
    with loading.loading(path, weights.nbytes):
        model = loading.make_model(config, path, compile)
        _take_vocabularies(model, zipped.assets(), path)
        _build(model, config.get("build_config"))
        _fill(model, weights, path)
        if model.compiled and model.optimizer is not None:
            _fill_optimizer(model, weights, path)
    return model


def _take_vocabularies(model: Any, assets: dict[str, list[str]], path: str) -> None:
    """Give layers the tokens that were kept for them."""
    for group, x in keras_groups(model):
        if group in assets and hasattr(x, "set_vocabulary"):
            tokens = assets.pop(group)
            assets = {
                place: kept for place, kept in assets.items() if not place.startswith(f"{group}/")
            }  # its own parts
            x.set_vocabulary(tokens)
    if assets:
        raise DataError(
            f"{path} holds a vocabulary for {next(iter(assets))!r}, where the model has no layer that takes one."
        )


def _build(model: Any, config: Any) -> None:
    """Build the layers of a subclassed model as Keras does, by a call on placeholders of the stored shape."""
    if model.built and all(layer.built for layer in model._flatten_layers()):
        return
    from autonet.layers.arguments import shapes_of
    from autonet.layers.symbolic import KerasTensor

    if not config:
        return
    args, kwargs = shapes_of(config)

    def placeholders(shape: Any) -> Any:
        if isinstance(shape, dict):
            return {k: placeholders(v) for k, v in shape.items()}
        if isinstance(shape, list):
            return [placeholders(s) for s in shape]
        return None if shape is None else KerasTensor(shape, model.compute_dtype)

    named = {k.removesuffix("_shape"): placeholders(v) for k, v in kwargs.items()}
    model(*[placeholders(shape) for shape in args], **named)


def load_weights(model: Any, file: BinaryIO, kind: str, path: str, skip_mismatch: bool = False) -> LoadReport:
    """Give a model the weights in a ".weights.h5" file, or those of a ".keras" file of Keras's.

    As in Keras, the optimizer's state comes along if the model is compiled and the file has one.

    Raises: DataError or ShapeError if the file does not fit.
    """
    place = keras_zip.KerasZip(file, path).weights if kind == "keras" else ()
    weights = HDF5File(file, path, *place)
    report = _fill(model, weights, path, skip_mismatch)
    if model.compiled and model.optimizer is not None:
        if not (report.missing or report.unexpected or report.mismatched):
            _fill_optimizer(model, weights, path)
        elif STATE in weights.groups or "optimizer/vars" in weights.groups:
            warn(f"{path}: the state of its optimizer is left out, as it is that of another model.")
    return report


def _fill(model: Any, weights: HDF5File, path: str, skip_mismatch: bool = False) -> LoadReport:
    """Load a model's weights. What the file has for optimizers is left alone."""
    found = list(keras_groups(model))
    others = {f"{group}/vars" for group, x in found if isinstance(x, Optimizer)}
    own = {f"{group}/vars".lstrip("/") for group, _ in found}
    unknown = [group for group in weights.groups if group not in own and _counts(weights.groups[group])]
    others |= {*unknown, *[group for group in weights.groups if group.startswith("optimizer/")]}
    if left := [group for group in unknown if not group.startswith("optimizer/")]:
        warn(f"{path}: the state of optimizers that the model does not have was left out: {left[0]}.")
    variables = {
        f"{group}/vars/{i}".lstrip("/"): v
        for group, x in found
        if not isinstance(x, Optimizer)
        for i, v in enumerate(own_variables(x))
    }
    specs = {
        f"{group}/{name}": spec
        for group, arrays in weights.groups.items()
        if group not in others
        for name, spec in arrays.items()
    }
    return load(variables, specs, lambda name: weights.array(*name.rsplit("/", 1)), path, skip_mismatch)


def _counts(arrays: dict[str, tuple[tuple[int, ...], np.dtype]]) -> bool:
    """Whether a group begins as an optimizer's does, with the number of steps."""
    shape, dtype = arrays.get("0", (None, None))
    return shape == () and dtype is not None and dtype.kind == "i"


def _fill_optimizer(model: Any, weights: HDF5File, path: str) -> None:
    """Load the state of a model's optimizer: that of the trainable weights, or of those that the file numbers."""
    optimizer = model.optimizer
    group = STATE if STATE in weights.groups else "optimizer/vars"
    if group not in weights.groups:
        return
    was_built = optimizer.built
    try:
        lists = _numbered(model, weights, path) if group == STATE else {}
        misfit = build(model, optimizer, "optimizer", lists)
        if not lists and not same(
            optimizer._trainable_variables or model.trainable_variables, model.trainable_variables
        ):
            misfit = "its weights are not the trainable ones"
        if misfit is not None:
            raise DataError(f"{path}: {misfit}.")
        variables = {f"{group}/{i}": v for i, v in enumerate(own_variables(optimizer))}
        specs: Specs = {
            f"{group}/{n}": (shape, np.dtype("int64") if dtype.kind == "i" else dtype)  # Keras counts in int32
            for n, (shape, dtype) in weights.groups[group].items()
        }
        load(variables, specs, lambda name: weights.array(*name.rsplit("/", 1)), path)
    except AutonetError as error:
        then = "stays as it was" if was_built else "starts anew"
        warn(f"The state of {optimizer.name} is not as here, so it {then}. {error}")


def _numbered(model: Any, weights: HDF5File, path: str) -> dict[str, list[str]]:
    """The names of the weights of the state in a file, which numbers them among all of the model, by part."""
    known = list(layer_variables(model, generators=False))
    lists = {}
    for n, (place, _) in enumerate(parts(model.optimizer, "optimizer")):
        places = weights.array(PLACES, str(n)).reshape(-1).tolist() if str(n) in weights.groups.get(PLACES, {}) else []
        if len(set(places)) < len(places) or not set(places) <= set(range(len(known))):
            raise DataError(f"{path} does not say for which weights its optimizer was built.")
        if places:
            lists[place] = [known[int(i)] for i in places]
    return lists


# Writing


def save_model(model: Model, stored: dict[str, Any], path: Path, include_optimizer: bool) -> None:
    """Write a ".keras" file that Keras opens.

    Args:
        stored: the model's configuration.

    Raises: ArgumentError for a Lambda whose function has no name.
    """
    if _names_lambda(stored):
        raise ArgumentError(
            f"{model.label} holds a Lambda whose function has no name, for which Keras's files need code. Define the "
            "function with `def` and register it."
        )
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d@%H:%M:%S"),
    }
    keras_zip.write(path, stored, metadata, _weights(model, include_optimizer))


def _names_lambda(config: Any) -> bool:
    if isinstance(config, dict):
        return config.get("class_name") == "__lambda__" or any(_names_lambda(v) for v in config.values())
    return isinstance(config, (list, tuple)) and any(_names_lambda(v) for v in config)


def save_weights(model: Any, path: str | os.PathLike) -> None:
    """Write a ".weights.h5" file that Keras opens; as there, with the state of optimizers."""
    buffers = _weights(model, True)
    with atomic_write(path) as file:
        for buffer in buffers:
            file.write(buffer)


def _weights(model: Any, include_optimizer: bool) -> list[Any]:
    groups: dict[str, tuple[str | None, list[np.ndarray]]] = {}
    apart = _apart(model)
    for group, x in keras_groups(model):
        if not isinstance(x, Optimizer):
            groups[f"{group}/vars".lstrip("/")] = x.name, [v.numpy() for v in own_variables(x)]
        elif include_optimizer and x.built and x not in apart:
            groups[f"{group}/vars"] = x.name, _state(x)
    if include_optimizer and apart:
        numbers = {id(v): i for i, v in enumerate(layer_variables(model, generators=False).values())}
        lists = [[numbers.get(id(v), -1) for v in x._trainable_variables] for x in apart]
        if -1 not in [i for places in lists for i in places]:
            groups[PLACES] = None, [np.array(places, "int32") for places in lists]
            groups[STATE] = None, _state(model.optimizer)
        else:
            warn(
                f"The state of {model.optimizer.name} is left out of the file, as some of it is of weights which the model "
                "no longer has. The format 'autonet' keeps it."
            )
    arrays = {f"{group}/{i}": array for group, (_, own) in groups.items() for i, array in enumerate(own)}
    return encode(arrays, {group: {"name": name} if name is not None else {} for group, (name, _) in groups.items()})


def _state(optimizer: Optimizer) -> list[np.ndarray]:
    arrays = [v.numpy() for v in own_variables(optimizer)]
    return [a.astype("int32") if a.dtype == "int64" else a for a in arrays]


def _apart(model: Any) -> list[Any]:
    """The model's optimizer, after those inside, if it is not of the trainable weights of now, as Keras takes it to be."""
    if not isinstance(model.optimizer, Optimizer) or not model.optimizer.built:
        return []
    found = [x for _, x in parts(model.optimizer, "optimizer")]
    now = model.trainable_variables
    return found if any(not same(x._trainable_variables or now, now) for x in found) else []
