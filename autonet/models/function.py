"""Function: what stands between placeholders, as a function, without what makes it a model."""

from typing import Any

from autonet.common.types import Placeholders
from autonet.layers.symbolic import KerasTensor, Operation
from autonet.models.graph import Graph


class Function(Operation):
    """The map from some placeholders to others that depend on them.

    Args:
        inputs: placeholders, nested or not, also of results in the midst of a graph.
        outputs: placeholders, nested or not.
        name: by default function, function_1, ...

    Raises: ArgumentError for what are no placeholders, and for outputs that need another input.

    >>> from autonet import Input, ops
    >>> x = Input((2,))
    >>> Function(x, ops.exp(x) + 1)(ops.zeros((1, 2))).tolist()
    [[2.0, 2.0]]
    """

    def __init__(self, inputs: Placeholders, outputs: Placeholders, name: str | None = None):
        super().__init__(name)
        self._graph = Graph(inputs, outputs, f"Function {self.name!r}")

    @property
    def inputs(self) -> list[KerasTensor]:
        """The placeholders of its inputs."""
        return self._graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The placeholders of its outputs."""
        return self._graph.outputs

    @property
    def operations(self) -> list[Operation]:
        """Layers and operations inside, those far from the outputs first; Inputs count."""
        return list(self._graph.operations)

    @property
    def input_shape(self) -> tuple[int | None, ...] | list[tuple[int | None, ...]]:
        """Shape of the input, or of each."""
        return self._graph.input_shape

    @property
    def output_shape(self) -> tuple[int | None, ...] | list[tuple[int | None, ...]]:
        """Shape of the output, or of each."""
        return self._graph.output_shape

    def call(self, inputs: Any) -> Any:
        """The outputs, for inputs that are nested as the placeholders are."""
        return self._graph.run(self._graph.enter(inputs, None, f"Function {self.name!r}"))
