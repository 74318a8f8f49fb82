"""A graph as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import onnx
from onnx import helper, numpy_helper

from autonet.exporting.graph import TYPES, Graph
from autonet.exporting.recording import Array, Batch
from autonet.utils.files import atomic_write

OPSET = 18
IR_VERSION = 9  # which every runtime that knows the opset reads


def write(
    path: str | os.PathLike[str], graph: Graph, inputs: dict[str, Array], outputs: dict[str, Array], name: str
) -> None:
    """Check the graph by ONNX's own checker, and write it."""
    used = {x for node in graph.nodes for x in node.inputs}
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node(n.kind, n.inputs, n.outputs, n.outputs[0], **n.attributes) for n in graph.nodes],
            name,
            [_ends(n, a) for n, a in inputs.items()],
            [_ends(n, a) for n, a in outputs.items()],
            [numpy_helper.from_array(a, n) for n, a in graph.initializers.items() if n in used],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="autonet",
    )
    onnx.checker.check_model(model, full_check=True)
    with atomic_write(path) as file:
        file.write(model.SerializeToString())


def _ends(name: str, array: Array) -> Any:
    dims: Sequence[Any] = [_length(d) for d in array.shape]
    return helper.make_tensor_value_info(name, TYPES[array.dtype.name], dims)


def _length(d: Any) -> Any:
    if not isinstance(d, Batch):
        return d
    return "batch" if d.times == 1 else f"{d.times}*batch"
