"""Graph: ONNX nodes, and the arrays they begin with, as they are gathered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from autonet.exporting.recording import Array, Batch, Dims

TYPES = {  # TensorProto.DataType
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
}


class Node(NamedTuple):
    """One of ONNX's operators, applied."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class Graph:
    """Nodes in order.

    Args:
        taken: names that are those of inputs and outputs.
    """

    def __init__(self, taken: Iterable[str]):
        self.nodes: list[Node] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.names: dict[Array, str] = {}
        self.taken = set(taken)
        self.small: dict[tuple, str] = {}
        self.batch: tuple[str, int] | None = None  # an input that has the batch's length, and its axis
        self._length: str | None = None

    def fresh(self, name: str) -> str:
        """A name like this one that nothing else has."""
        found, n = name, 0
        while found in self.taken:
            n += 1
            found = f"{name}_{n}"
        self.taken.add(found)
        return found

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one result, whose name is returned."""
        return self.several(kind, *inputs, results=1, **attributes)[0]

    def several(self, kind: str, *inputs: str, results: int, **attributes: Any) -> list[str]:
        """Add a node of several results."""
        outputs = [self.fresh(kind.lower()) for _ in range(results)]
        self.nodes.append(Node(kind, list(inputs), outputs, attributes))
        return outputs

    def constant(self, value: Any, dtype: Any = None, name: str = "constant") -> str:
        """An array that the file holds; equal small ones once."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 16 and name == "constant" else None
        if key in self.small:
            return self.small[key]
        name = self.fresh(name)
        self.initializers[name] = array
        if key is not None:
            self.small[key] = name
        return name

    def numbers(self, values: Iterable[int]) -> str:
        """Axes, places, lengths."""
        return self.constant(list(values), np.int64)

    def of(self, array: Array) -> str:
        """The name of a value."""
        if array not in self.names:
            self.names[array] = self.constant(array.constant, name=array.name if array.constant.ndim else "constant")  # type: ignore[union-attr]
        return self.names[array]

    def cast(self, x: str, dtype: Any) -> str:
        """`x` with elements of this type."""
        return self.node("Cast", x, to=TYPES[np.dtype(dtype).name])

    def shape(self, dims: Dims) -> str:
        """A shape as an array, which the batch's length goes into."""
        if not any(isinstance(d, Batch) for d in dims):
            return self.numbers(dims)
        if self._length is None:
            assert self.batch is not None
            x, axis = self.batch
            self._length = self.node("Shape", x, start=axis, end=axis + 1)
        parts = [
            self.node("Mul", self._length, self.numbers([d.times])) if isinstance(d, Batch) else self.numbers([d])
            for d in dims
        ]
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)

    def reshape(self, x: str, dims: Dims) -> str:
        """`x` in another shape of as many elements."""
        free = [isinstance(d, Batch) for d in dims]
        if sum(free) == 1 and 0 not in dims:
            return self.node("Reshape", x, self.numbers([-1 if f else d for f, d in zip(free, dims, strict=True)]))
        return self.node("Reshape", x, self.shape(dims), allowzero=1)

    def add_output(self, name: str, array: Array) -> None:
        """Let a value go out by this name."""
        self.nodes.append(Node("Identity", [self.of(array)], [name], {}))
