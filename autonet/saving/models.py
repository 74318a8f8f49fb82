"""Models and their weights to disk and back."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from autonet.common.lines import filters_traceback, warn
from autonet.common.types import Model
from autonet.errors import ArgumentError, AutonetError, DataError, NotBuiltError
from autonet.saving import keras2, keras_files, loading, optimizer_state
from autonet.saving.archive import Archive, write_archive
from autonet.saving.document import Document, write_document
from autonet.saving.matching import LoadReport, load
from autonet.saving.model_file import OWN, ModelFile, write_model
from autonet.saving.names import layer_variables, model_optimizers, optimizer_variables
from autonet.saving.plain import dumps, loads
from autonet.serialization.objects import serialize_keras_object
from autonet.serialization.registry import CustomObjectScope, open_rooms
from autonet.variable import Variable

SUFFIX, JSON_SUFFIX, WEIGHTS_SUFFIX, KERAS_WEIGHTS_SUFFIX = ".keras", ".json", ".weights", ".weights.h5"


@filters_traceback
def save_model(
    model: Model,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
    format: str | None = None,
) -> None:
    """Write a model to one file: configuration, weights, generator states, and how it was compiled.

    Args:
        filepath: ends with ".keras": the file of Keras 3, which opens it; what Keras has no words for (the states of
            generators, weights that optimizers know) stands beside it, so that autonet loads it exactly as it was, and
            notices every change by accident. Or, for a model of at most 300,000 numbers, it ends with ".json": a text that
            can be read and edited, and is loaded exactly as it was; it has no hash.
        overwrite: whether a file that exists may be replaced. It is, at once, when the new one is whole.
        zipped: only True, or None: a model is one file.
        include_optimizer: whether the optimizer's state is kept, so that training goes on where it stopped: the state of
            each weight for which it was built, whether that is trainable now or not.
        format: only None: the name says it. "autonet" and "keras", two kinds of files once, are one, with a warning.

    Raises: ArgumentError for another ending, a file that exists, a model that is too large for ".json", or what cannot be
    stored; NotBuiltError for a model that
    has no weights yet.
    """
    path = _target(filepath, (SUFFIX, JSON_SUFFIX), overwrite)
    if zipped is not None and not zipped:
        raise ArgumentError(f"save_model writes one file; received zipped={zipped!r}. Leave it out.")
    if format is not None:
        if format not in ("autonet", "keras") or path.suffix != SUFFIX:
            raise ArgumentError(
                f"save_model knows the format by the name: {SUFFIX} files are Keras's, {JSON_SUFFIX} files texts; received "
                f"format={format!r}. Leave it out."
            )
        warn(f"There is one format of {SUFFIX} files, which Keras and autonet open: leave format={format!r} out.")
    _check_built(model, "save it")
    config, variables = describe(model, include_optimizer)
    if path.suffix == JSON_SUFFIX:
        write_document(path, "model", config, {name: v.numpy() for name, v in variables.items()})
        return
    arrays, attributes, paths = keras_files.arrays(model, "optimizers" in config, config["model"])
    for n, v in enumerate(variables.values()):
        if id(v) not in paths:
            paths[id(v)] = f"{keras_files.OWN}/{n}"
            arrays[paths[id(v)]] = v.numpy()
    places = {name: paths[id(v)] for name, v in variables.items()}
    wider = [name for name, v in variables.items() if arrays[places[name]].dtype != v.dtype]
    write_model(path, config.pop("model"), config, arrays, places, attributes, wider)


def describe(model: Any, include_optimizer: bool = True) -> tuple[dict[str, Any], dict[str, Variable]]:
    """What a file says of a model, and the Variables that it holds, by name."""
    stored = model_config(model)
    config: dict[str, Any] = {"model": stored, "built": loading.build_configs(model)}
    if adapted := loading.adapted(model):
        config["adapted"] = adapted
    variables = layer_variables(model)
    if include_optimizer and stored.get("compile_config"):
        built = {name: optimizer for name, optimizer in model_optimizers(model).items() if optimizer.built}
        config["optimizers"], others = optimizer_state.describe(model, built)
        variables |= others
        for name, optimizer in built.items():
            variables |= optimizer_variables(optimizer, name)
        if spared := optimizer_state.undecayed(model):
            config["undecayed"] = spared
    return config, variables


def model_config(model: Any) -> dict[str, Any]:
    """What a file says of a model: its configuration, and how it was compiled, if that can be said."""
    try:
        stored = serialize_keras_object(model)
        dumps(stored.get("compile_config"))
        return stored
    except AutonetError as error:
        why = str(error)
    compiled, model.compiled = model.compiled, False
    try:
        stored = serialize_keras_object(model)  # without what compile received; or the model itself is at fault
    finally:
        model.compiled = compiled
    warn(f"How {model.label} was compiled is not saved. {why} Compile it again after loading.")
    return stored


@filters_traceback
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """The model in a file that `save_model` or Keras wrote: ".keras", or ".h5" of Keras 2, `tf.keras` and Keras 3.

    Configurations of Keras 2 are read in today's words; what has none (Lambda, most calls of TensorFlow's) is named. The state
    of an optimizer in an ".h5" file is left out, with a warning.

    Args:
        custom_objects: names to classes and functions that the configuration may use besides the registered ones. A
            Lambda layer whose function has no name finds it here under the layer's name.
        compile: whether to compile it as it was, optimizer state included.
        safe_mode: a hint without effect: code in a file is never run, whatever its value.

    Raises: DataError for a damaged or foreign file, or one that does not fit itself; ArgumentError for names that nothing
    answers to.
    """
    path = str(filepath)
    open_rooms()
    with opened(filepath) as (file, kind), CustomObjectScope(custom_objects):
        if kind == "keras":
            return keras_files.load_model(file, path, compile)
        if kind == "hdf5":
            return keras2.load_model(file, path, compile)
        return _load_own(_archive(file, kind, path, "model"), path, compile)


def _archive(file: BinaryIO, kind: str, path: str, what: str | None) -> Archive | Document | ModelFile:
    """A file of autonet's, opened, which must hold what is asked for."""
    if kind == "model":
        return ModelFile(file, path)
    return Document(file, what, path) if kind == "json" else Archive(file, what, path)


def _load_own(archive: Archive | Document | ModelFile, path: str, compile: bool) -> Any:
    config = archive.config
    if not isinstance(config, dict) or set(config) - {"optimizers", "undecayed", "adapted"} != {"model", "built"}:
        raise DataError(f"{path} describes no model.")
    with loading.loading(path, archive.nbytes):
        model = loading.make_model(config["model"], path, compile)
        loading.build(model, config["built"])
        loading.adapt(model, config.get("adapted"), path)
        variables = layer_variables(model)
        found, left = optimizer_state.rebuild(model, config.get("optimizers"), archive.specs, path)
        optimizer_state.spare(model, config.get("undecayed"), path)
        specs = {name: spec for name, spec in archive.specs.items() if name not in left}
        load(variables | found, specs, archive.array, path)
    return model


def save_weights(model: Model, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights to a file that ends with ".weights.h5", as Keras does and opens; with the state of optimizers.

    If it ends with ".weights", the weights alone are in it, by name.

    Raises: ArgumentError for another ending or a file that exists; NotBuiltError before there are weights.
    """
    path = _target(filepath, (WEIGHTS_SUFFIX, KERAS_WEIGHTS_SUFFIX), overwrite)
    _check_built(model, "save them")
    if path.name.endswith(KERAS_WEIGHTS_SUFFIX):
        keras_files.save_weights(model, path)
        return
    weights = layer_variables(model, generators=False)
    write_archive(path, "weights", {}, {name: v.numpy() for name, v in weights.items()})


def load_weights(model: Model, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> LoadReport:
    """Give a model the weights in a file of weights, or those of a saved model.

    Args:
        skip_mismatch: take what fits, and warn of names and shapes that do not; otherwise any misfit is an error and
            nothing changes.

    Returns: a report of what was loaded, missing and unexpected.

    Raises: DataError or ShapeError if the file does not fit; NotBuiltError before there are weights to fill.
    """
    path = str(filepath)
    _check_built(model, "load them")
    with opened(filepath) as (file, kind):
        if kind in ("keras", "hdf5"):
            return keras_files.load_weights(model, file, kind, path, skip_mismatch)
        archive = _archive(file, kind, path, None)
        if archive.kind not in ("weights", "model"):
            raise DataError(f"{path} holds {archive.kind!r}, where weights or a model are expected.")
        specs = {name: spec for name, spec in archive.specs.items() if name.startswith("weights/")}
        return load(layer_variables(model, generators=False), specs, archive.array, path, skip_mismatch)


def model_to_json(model: Model) -> str:
    """The architecture as JSON, without weights."""
    return dumps(serialize_keras_object(model), model.label).decode("utf-8")


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A new model, with fresh weights, from what `Model.to_json` returned, here or in Keras.

    Raises: DataError for what is no such text; ArgumentError for names that nothing answers to.
    """
    open_rooms()
    config = loads(json_string, "the model's JSON")
    with CustomObjectScope(custom_objects), loading.making("the model's JSON"):
        return loading.make_model(config, "the model's JSON")


# Files


def _target(filepath: str | os.PathLike[str], suffixes: tuple[str, ...], overwrite: bool) -> Path:
    path = Path(filepath)
    if not path.name.endswith(suffixes):
        what = "a model" if SUFFIX in suffixes else "weights"
        raise ArgumentError(
            f"The name of a file of {what} must end with {' or '.join(suffixes)}; received {str(filepath)!r}. Change the name."
        )
    if not path.parent.is_dir():
        raise ArgumentError(f"There is no folder {str(path.parent)!r} to save in. Make it first.")
    if path.exists() and not overwrite:
        raise ArgumentError(f"{path} exists, and overwrite is False. Choose another name.")
    return path


def _check_built(model: Any, what: str) -> None:
    if not model._is_built():
        how = "build it, fit it, or call it on data" if model._has_call() else "build its layers, or fit it"
        raise NotBuiltError(f"{model.label} has no weights yet: {how}, then {what}.")


@contextlib.contextmanager
def opened(filepath: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, str]]:
    """A file, opened once, and what it seems to be: "model", "json", "keras" (a zip of Keras's own), "hdf5", or "archive"."""
    path = Path(filepath)
    if not path.is_file():
        raise DataError(
            f"There is no file {str(filepath)!r} to load. Look in {str(path.absolute().parent)!r}, or save it first."
        )
    with open(path, "rb") as file:
        head = file.read(64)
        file.seek(0)
        if head.startswith(b"\x89HDF"):
            yield file, "hdf5"
        elif head.startswith(b"PK\3\4") and OWN.encode() in head:
            yield file, "model"
        elif head.startswith(b"PK\3\4") and b"manifest.json" not in head:
            yield file, "keras"
        elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or (
            path.suffix == JSON_SUFFIX and not head.startswith(b"PK")
        ):
            yield file, "json"
        else:
            yield file, "archive"
