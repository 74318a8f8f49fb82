"""Models and weights in files that Keras 3 wrote, and files of weights that it opens.

What a configuration names is found as in autonet's own files: in the closed registry, or among what the caller passes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from autonet import ops
from autonet.common.lines import warn
from autonet.errors import AutonetError, DataError
from autonet.layers.low_rank import LowRank
from autonet.optimizers import MultiOptimizer, Optimizer
from autonet.saving import keras2, keras_zip, loading
from autonet.saving.hdf5 import HDF5File
from autonet.saving.keras_names import keras_groups, own_variables
from autonet.saving.matching import LoadReport, Specs, load
from autonet.saving.names import layer_variables
from autonet.saving.optimizer_state import build, parts, same
from autonet.saving.sealed import check_seal, sealed
from autonet.serialization.objects import snake_case
from autonet.utils.files import atomic_write

# An optimizer of other weights than the trainable ones, whose state Keras would give to these, is kept where Keras does not
# look: its state, and the numbers of its weights among those of the model.
STATE, PLACES = "optimizer/state", "optimizer/places"
OWN = "autonet"  # the group of the arrays in autonet's .keras files that Keras has no place for


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
    if kind == "keras":
        weights = HDF5File(file, path, *keras_zip.KerasZip(file, path).weights)
    else:
        check_seal(file, path)
        weights = HDF5File(file, path)
        if keras2.is_legacy(weights):
            return keras2.load_weights(model, weights, path, skip_mismatch)
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
    others |= {OWN, *unknown, *[group for group in weights.groups if group.startswith("optimizer/")]}
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
    report = load(variables, specs, lambda name: weights.array(*name.rsplit("/", 1)), path, skip_mismatch)
    for group, x in found:
        if f"{group}/vars/0" in report.loaded and isinstance(x, LowRank) and x.lora_enabled:
            x._factors[1].assign(ops.zeros_like(x._factors[1]))  # the correction is in the weight
    return report


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


def arrays(
    model: Any, include_optimizer: bool, config: Any = None
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, str]], dict[int, str]]:
    """What Keras keeps of a model, where it does.

    Args:
        config: the model's configuration, if that is kept too. Then layers go by the names in it, and others, which are made
            and named anew, by theirs without a number, so that the same model is the same file.

    Returns: arrays by path; the attributes of groups; and the path of each Variable, by its id.
    """
    found: dict[str, np.ndarray] = {}
    attributes: dict[str, dict[str, str]] = {}
    paths: dict[int, str] = {}
    apart = _apart(model)
    known = None if config is None else set(_names(config))
    for group, x in keras_groups(model):
        is_optimizer = isinstance(x, Optimizer)
        if is_optimizer and (not include_optimizer or not x.built or x in apart):
            continue
        place = f"{group}/vars".lstrip("/")
        attributes[place] = {"name": x.name if known is None or x.name in known else _lasting_name(x)}
        for n, v in enumerate(own_variables(x)):
            if f"{place}/{n}" not in found:
                if isinstance(x, LowRank) and x.lora_enabled and v is x._weight:
                    found[f"{place}/{n}"] = x._corrected().numpy()  # and `v`, as it is, has no place of Keras's
                    continue
                found[f"{place}/{n}"] = _counted(v.numpy()) if is_optimizer else v.numpy()
                paths.setdefault(id(v), f"{place}/{n}")
    return found, attributes, paths


def save_weights(model: Any, path: str | os.PathLike) -> None:
    """Write a ".weights.h5" file that Keras opens; as there, with the state of optimizers."""
    found, attributes, _ = arrays(model, True)
    if apart := _apart(model):
        numbers = {id(v): i for i, v in enumerate(layer_variables(model, generators=False).values())}
        lists = [[numbers.get(id(v), -1) for v in x._trainable_variables] for x in apart]
        if -1 not in [i for places in lists for i in places]:
            found |= {f"{PLACES}/{n}": np.array(places, "int32") for n, places in enumerate(lists)}
            found |= {f"{STATE}/{n}": _counted(v.numpy()) for n, v in enumerate(own_variables(model.optimizer))}
        else:
            warn(
                f"The state of {model.optimizer.name} is left out of the file, as some of it is of weights which the model "
                "no longer has. A .keras file keeps it."
            )
    buffers = sealed(found, attributes)
    with atomic_write(path) as file:
        for buffer in buffers:
            file.write(buffer)


def _names(config: Any) -> Iterator[str]:
    """All names in a configuration."""
    inside = config.values() if isinstance(config, dict) else config if isinstance(config, (list, tuple)) else ()
    if isinstance(config, dict) and isinstance(config.get("name"), str):
        yield config["name"]
    for x in inside:
        yield from _names(x)


def _lasting_name(x: Any) -> str:
    plain = snake_case(type(x).__name__)
    return plain if re.fullmatch(rf"{plain}_\d+", x.name) else x.name


def _counted(array: np.ndarray) -> np.ndarray:
    """Keras counts in int32, as far as that goes."""
    fits = array.dtype == "int64" and (not array.size or -(2**31) <= array.min() <= array.max() < 2**31)
    return array.astype("int32") if fits else array


def _apart(model: Any) -> list[Any]:
    """The model's optimizer, after those inside, if it is not of the trainable weights of now, as Keras takes it to be."""
    if not isinstance(model.optimizer, Optimizer) or not model.optimizer.built:
        return []
    found = [x for _, x in parts(model.optimizer, "optimizer")]
    now = model.trainable_variables
    mapped = {id(inner) for x in found if isinstance(x, MultiOptimizer) for inner in x.optimizers}  # to some of these
    return found if any(not same(x._trainable_variables or now, now) for x in found if id(x) not in mapped) else []
