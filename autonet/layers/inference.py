"""What a layer's call on placeholders will give: shapes and dtypes, stated by the layer or found by a dry run."""

import inspect
from functools import partial
from typing import Any

import numpy as np

from autonet.common.complex_numbers import ADVICE, holds_complex
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Dtype
from autonet.core.state import state
from autonet.errors import ArgumentError, AutonetError, DtypeError
from autonet.layers import spec
from autonet.layers.arguments import call_parameters, takes_of
from autonet.layers.symbolic import KerasTensor, LayerCall, as_spec
from autonet.ops.abstract import DRY_RUN_ERRORS, AbstractTensor, Spec
from autonet.ops.shape_inference import infer_spec
from autonet.random.seeds import global_generator
from autonet.untrusted.budget import load_budget


def apply_layer(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A layer on placeholders: it is built, and leaves a node. On AbstractTensors it gives AbstractTensors."""
    spec.check_signature(layer, args, kwargs)
    if not any(isinstance(x, KerasTensor) for x in flatten([args, kwargs])):
        return _on_abstract_tensors(layer, args, kwargs)
    _prepare(layer, args, kwargs)
    outputs = map_structure(as_spec, layer.compute_output_spec(*args, **kwargs))
    return LayerCall(layer, args, kwargs, outputs).outputs


def _prepare(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not layer.built:
        own = type(layer).__module__.startswith("autonet.layers.") and layer._states_shape()
        if own and load_budget() is not None:  # what does not fit is refused before its weights are made
            _output_shape(layer, args, kwargs)
        layer._build_for(args, kwargs)
    if layer.input_spec is not None:
        spec.check_shapes(layer, args)


def output_spec(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Specs of what the layer's call would return: by its `compute_output_shape` if it has one, else by a dry run."""
    if not layer._states_shape():
        return dry_run(layer, args, kwargs)
    shape = _output_shape(layer, args, kwargs)
    kinds = {np.dtype(x.dtype).kind for x in flatten([args, kwargs]) if hasattr(x, "shape") and x.dtype != "string"}
    if kinds and "f" not in kinds and not layer.weights:  # what moves integers may leave them integers
        try:
            found = dry_run(layer, args, kwargs)
            return map_structure(lambda s, x: Spec(s.shape, x.dtype), _specs(shape, None), found)
        except DRY_RUN_ERRORS:  # a layer that cannot run on shapes alone says only its dtype
            pass
    return _specs(shape, layer.compute_dtype)


def dry_run(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Specs of what the layer's call would return, by running it on AbstractTensors."""
    return infer_spec(partial(_dry_run, layer), args, kwargs)


def _output_shape(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`compute_output_shape` for these arguments, named `<argument>_shape` where it takes several."""
    wanted = tuple(inspect.signature(layer.compute_output_shape).parameters)
    shapes_of = partial(map_structure, lambda x: tuple(x.shape) if hasattr(x, "shape") else None)
    if len(wanted) <= 1:
        return layer.compute_output_shape(shapes_of(args[0]))
    names = call_parameters(type(layer))  # type: ignore[arg-type]
    given = {f"{k}_shape": shapes_of(x) for k, x in (dict(zip(names, args, strict=False)) | kwargs).items()}
    if wanted[0] not in given and args:
        given[wanted[0]] = shapes_of(args[0])
    return layer.compute_output_shape(**{k: given[k] for k in wanted if given.get(k) is not None})


def output_shape(layer: Any, input_shape: Any) -> Any:
    """Shapes of what the layer's call returns for inputs of these shapes, by a dry run."""
    if not layer.built:
        layer.build(input_shape)
    found = dry_run(layer, (placeholders(input_shape, layer.compute_dtype),), {})
    return map_structure(lambda s: s.shape if isinstance(s, Spec) else s, found)


def placeholders(shape: Any, dtype: Dtype) -> Any:
    """Placeholders of a shape, or of a tree of shapes."""
    return map_structure(lambda s: None if s is None else KerasTensor(s.shape, s.dtype, name="x"), _specs(shape, dtype))


def _specs(shape: Any, dtype: Any) -> Any:
    """A Spec for each shape in a tree of shapes."""
    if isinstance(shape, dict):
        return {k: _specs(s, dtype) for k, s in shape.items()}
    if shape is None:
        return None
    if all(n is None or isinstance(n, (int, np.integer)) for n in shape):
        return Spec(shape, dtype)
    return type(shape)([_specs(s, dtype) for s in shape])


def _on_abstract_tensors(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the layer gives for AbstractTensors: AbstractTensors. Its state stays as it is."""
    _prepare(layer, args, kwargs)
    if not layer._states_shape():
        return _dry_run(layer, *args, **kwargs)
    specs = output_spec(layer, args, kwargs)
    return map_structure(lambda s: AbstractTensor(s.shape, s.dtype) if isinstance(s, Spec) else s, specs)


def check_result(layer: Any, y: Any) -> None:
    """Raise for a layer whose `call` gives nothing, or complex numbers."""
    if y is None:
        raise ArgumentError(f"{layer.label}: its call() returned nothing. Let it return its result.")
    if holds_complex(y):
        raise DtypeError(f"{layer.label}: its call() returned complex numbers. {ADVICE}")


def _dry_run(layer: Any, *args: Any, **kwargs: Any) -> Any:
    takes = takes_of(type(layer))  # type: ignore[arg-type]
    if not takes.training:
        kwargs = {k: x for k, x in kwargs.items() if k != "training"}
    elif kwargs.get("training") is None:
        kwargs["training"] = bool(state.training)
    args, kwargs = layer._receive(args), layer._receive(kwargs)
    inside = layer._flatten_layers()
    losses = [(x, x._losses) for x in inside]
    before = [(v, v._array) for v in [*layer.variables, *layer.metrics_variables, global_generator().state]]
    for x, found in losses:
        x._losses = list(found)
    try:
        y = (layer._call_casting if layer._casts() else layer.call)(*args, **kwargs)
        check_result(layer, y)
        return y
    except (AutonetError, TypeError) as error:
        spec.explain(layer, args, kwargs, error)
        raise
    finally:
        for v, array in before:
            v._array = array
        for x, found in losses:
            x._losses = found
