"""export: a function of Tensors, or a model, written as an ONNX or C file."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autonet.common.dtypes import floatx
from autonet.common.extras import advice, installed
from autonet.common.trees import flatten, map_structure
from autonet.common.types import PathLike
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, unknown
from autonet.exporting import c
from autonet.exporting.graph import Graph
from autonet.exporting.networks import TABLE
from autonet.exporting.recording import Batch, Dims, record


def export(
    f: Callable[..., Any],
    filepath: PathLike,
    input_signature: Sequence[Any],
    format: str | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> None:
    """Write what `f` computes as an ONNX file (opset 18) or as C99, with the weights as they are now.

    `f` is recorded as `jit` does it, so it has to compute the same operations whatever the values are. Lengths of the first
    axis that are None in the signature stay free, as the batch: outputs may have any multiple of it.

    Args:
        f: a function of Tensors, jitted or not. For a model, `model.export(filepath)` knows the rest.
        filepath: of the file.
        input_signature: a sequence with what tells shape and dtype of each argument: `InputSpec(shape=(None, 4))`, an array,
            a KerasTensor, or lists, tuples and dictionaries of these.
        format: "onnx" or "c"; by default what the file's ending says. "f.c", with its header, has one function,
            `f_call(const float *x, float *y)`, of arrays whose lengths the signature tells; see `Model.export`.
        input_names: of the arrays in the signature; by default those of the function's parameters.
        output_names: of the results; by default "output", or "output_0", "output_1", ..., or a dictionary's keys.

    Raises: ArgumentError for an operation that ONNX has no counterpart of, for what depends on the batch size otherwise
        than in lengths, for what assigns Variables or draws random numbers, and without the extra `onnx`.
    """
    path = Path(filepath)
    format = (path.suffix.removeprefix(".") if path.suffix == ".c" else "onnx") if format is None else format
    if format not in ("onnx", "c"):
        raise unknown("format of export", format, ["onnx", "c"])
    signature = list(input_signature) if isinstance(input_signature, (list, tuple)) else [input_signature]
    leaves = flatten(signature)

    def call(tensors: list[Tensor]) -> Any:
        rest = iter(tensors)
        return f(*map_structure(lambda _: next(rest), signature))

    if format == "c":
        if path.suffix != ".c" or input_names or output_names:
            raise ArgumentError(
                "export to C expects a file that ends with .c, and names arrays x and y: leave names out."
            )
        c.write(c.recorded(call, [_fixed(x) for x in leaves], getattr(f, "__name__", "the function")), path, rows=False)
        return
    if not installed("onnx"):
        raise ArgumentError(f"export needs onnx, which is not installed: {advice('onnx')}.")
    from autonet.exporting.annexes.onnx_file import write

    specs = [_spec(x) for x in leaves]
    recording = record(call, specs)
    ins = _names("input_names", input_names or _parameters(f, signature), len(specs))
    outs = _names("output_names", output_names or _results(recording.result), len(recording.outputs))
    if both := set(ins) & set(outs):
        outs = [f"{name}_output" if name in both else name for name in outs]
    graph = Graph([*ins, *outs])
    graph.names.update(zip(recording.inputs, ins, strict=True))
    graph.batch = next(
        ((n, a.shape.index(Batch())) for n, a in zip(ins, recording.inputs, strict=True) if Batch() in a.shape), None
    )
    missing = sorted({step.op.lstrip("_") for step in recording.steps if step.op not in TABLE})
    if missing:
        raise ArgumentError(
            f"export: ONNX has no counterpart of {', '.join(f'ops.{name}' for name in missing)}. Use other operations, "
            "or leave this part outside."
        )
    for step in recording.steps:
        made = TABLE[step.op](graph, step, *[graph.of(a) for a in step.operands])
        graph.names.update(zip(step.results, made if isinstance(made, list) else [made], strict=True))
    for name, array in zip(outs, recording.outputs, strict=True):
        graph.add_output(name, array)
    title = getattr(f, "name", None) or getattr(f, "__name__", "function")
    write(
        filepath,
        graph,
        dict(zip(ins, recording.inputs, strict=True)),
        dict(zip(outs, recording.outputs, strict=True)),
        str(title),
    )


def check_numbers(x: Any) -> None:
    """Refuse texts, which layers look up in Python ahead of what is computed."""
    if str(getattr(x, "dtype", None)) == "string" or getattr(getattr(x, "dtype", None), "kind", None) in (
        "O",
        "U",
        "S",
    ):
        raise ArgumentError(
            f"export writes what is computed with numbers, and {getattr(x, 'name', 'an argument')!r} is of texts. Leave the "
            "layers that look texts up (StringLookup, TextVectorization, HashedCrossing, Hashing) outside of what is exported."
        )


def _spec(x: Any) -> tuple[Dims, Any]:
    """Shape and dtype of an argument."""
    shape = getattr(x, "shape", None)
    if shape is None:
        raise ArgumentError(
            f"export expects an input_signature of what has a shape, such as InputSpec(shape=(None, 4)); received {x!r}."
        )
    if None in tuple(shape)[1:]:
        raise ArgumentError(
            f"export leaves the first axis free, no other; received the shape {tuple(shape)}. Give its lengths: "
            "input_signature=[InputSpec(shape=(None, 10, ...))]."
        )
    check_numbers(x)
    dims = tuple([Batch() if n is None else int(n) for n in shape])
    return dims, np.dtype(getattr(x, "dtype", None) or floatx())


def _fixed(x: Any) -> tuple[tuple[Any, ...], np.dtype]:
    """Shape and dtype of an argument of C."""
    dims, dtype = _spec(x)
    return tuple([None if isinstance(n, Batch) else n for n in dims]), dtype


def _parameters(f: Any, signature: list[Any]) -> list[str]:
    """Names for the arrays of a signature, from the function's parameters."""
    try:
        found = [p.name for p in inspect.signature(f).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        found = []
    names = []
    for i, tree in enumerate(signature):
        name, n = found[i] if i < len(found) else f"input_{i}", len(flatten(tree))
        names += [name] if n == 1 else [f"{name}_{k}" for k in range(n)]
    return names


def _results(result: Any) -> list[str]:
    n = len(flatten(result))
    if isinstance(result, dict) and all(len(flatten(v)) == 1 for v in result.values()):
        named = iter(flatten({k: k for k in result}))
        return [str(k) for k in named]
    return ["output"] if n == 1 else [f"output_{k}" for k in range(n)]


def _names(what: str, names: Sequence[str], n: int) -> list[str]:
    """Names, if there are `n`, each once."""
    found = [str(name) for name in names]
    if len(found) != n or len(set(found)) != n:
        raise ArgumentError(f"export expects {n} different {what}; received {found}.")
    return found
