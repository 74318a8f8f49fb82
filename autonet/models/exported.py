"""A model as a function to export: which inputs it takes, and what they and its outputs are called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autonet.common.trees import flatten, map_structure
from autonet.common.types import PathLike
from autonet.errors import ArgumentError, unknown
from autonet.exporting import c, export
from autonet.exporting.function import check_numbers
from autonet.layers.spec import InputSpec
from autonet.layers.symbolic import KerasTensor

if TYPE_CHECKING:
    from autonet.models.model import Model


FORMATS = ("onnx", "c")


def _apart(names: list[str]) -> list[str] | None:
    """Names of outputs, numbered where one layer has several; None if there are none."""
    several = {name for name in names if names.count(name) > 1}
    return [f"{name}_{names[:i].count(name)}" if name in several else name for i, name in enumerate(names)] or None


def export_model(
    model: Model, filepath: PathLike, format: str | None = None, input_signature: Any = None, **kwargs: Any
) -> None:
    """Write a model as an ONNX or C file; see `Model.export`."""
    for name in kwargs:
        raise unknown("argument of Model.export", name, ["filepath", "format", "verbose", "input_signature"])
    path = Path(filepath)
    ending = path.suffix.removeprefix(".")
    format = ending if format is None else format
    if format not in FORMATS or (format == "c" and ending != "c"):
        raise ArgumentError(
            f"export writes files that end with {' or '.join(f'.{f}' for f in FORMATS)}, in the format of that name; received "
            f"{path.name!r} and format={format!r}."
        )
    for x in flatten([getattr(model, "input", None), getattr(model, "output", None)]):
        check_numbers(x)
    if format == "c":
        if input_signature is not None:
            raise ArgumentError("export to C takes no input_signature: the model's inputs say their shapes.")
        c.export(model, path)
        return
    inputs = outputs = None
    tree = getattr(model, "input", None)
    if tree is not None and all(isinstance(x, KerasTensor) for x in flatten(tree)):
        inputs = [x.name for x in flatten(tree)]
        if not isinstance(getattr(model, "output", None), dict):  # whose keys are the names
            outputs = _apart(getattr(model, "output_names", None) or [])
        if input_signature is None:
            input_signature = [tree]
        else:
            given = flatten(input_signature)
            if len(given) != len(inputs):
                raise ArgumentError(
                    f"{model.label}.export expects an input_signature of {len(inputs)} inputs; received {input_signature!r}."
                )
            rest = iter(given)
            input_signature = [map_structure(lambda _: next(rest), tree)]
    elif input_signature is None:
        shape = (model.get_build_config() or {}).get("input_shape")
        if not isinstance(shape, (tuple, list)) or not all(n is None or isinstance(n, int) for n in shape):
            raise ArgumentError(
                f"{model.label} does not tell its inputs: export it with input_signature=[InputSpec(shape=(None, ...))]."
            )
        input_signature = [InputSpec(shape=(None, *shape[1:]))]

    def call(*args: Any) -> Any:
        return model(*args, training=False)

    call.__name__ = model.name
    call.__wrapped__ = model.call  # type: ignore[attr-defined]  # whose parameters name the inputs
    export(call, filepath, input_signature, format, inputs, outputs)
