"""Any recurrent cell: what it must have, and several as one."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from autonet import ops
from autonet.common.types import LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.untrusted.faults import described


class StackedRNNCells(Layer):
    """Cells on top of each other as one: the output of each is the input of the next.

    Shapes: as of the cells: x (n, features), y (n, features of the last cell).

    Args:
        cells: the cells, bottom first. The states are a list with one entry for each: what its `get_initial_state` returns;
            of a cell without one, zeros as its `state_size` says, an array for a number, a list for a list.

    Raises: ArgumentError for what is no cell.

    >>> from autonet.layers import RNN, GRUCell
    >>> RNN(StackedRNNCells([GRUCell(4), GRUCell(6)]))(ops.ones((2, 5, 3))).shape
    (2, 6)
    """

    def __init__(self, cells: Sequence[Layer], **common: Unpack[LayerOptions]):
        super().__init__(**common)
        for cell in cells:
            checked_cell(cell, self.label)
        self.cells: list[Any] = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of all cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The output size of the last cell."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """States to begin with for a batch, an entry for each cell."""
        return [self._initial_state(cell, batch_size) for cell in self.cells]

    @staticmethod
    def _initial_state(cell: Any, batch_size: int | None) -> Any:
        if hasattr(cell, "get_initial_state"):
            return cell.get_initial_state(batch_size=batch_size)
        zeros = initial_state(cell, batch_size)
        return zeros if isinstance(cell.state_size, (list, tuple)) else zeros[0]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            size = output_size(cell)
            input_shape = (input_shape[0], *(size if isinstance(size, (list, tuple)) else (size,)))

    def call(self, inputs: Any, states: Any, training: bool = False, **kwargs: Any) -> tuple[Any, ...]:
        new = []
        for cell, own in zip(self.cells, states, strict=True):
            several = isinstance(own, (list, tuple))
            inputs, after = cell(inputs, list(own) if several else [own], training=training, **kwargs)
            if several and not isinstance(after, (list, tuple)):  # the new states have the form of the old
                after = [after]
            elif not several and isinstance(after, (list, tuple)) and len(after) == 1:
                after = after[0]
            new.append(after)
        return inputs, new

    @property
    def scannable(self) -> bool:
        """Whether `scan` does what walking with `call` would do."""
        plain = type(self).call is StackedRNNCells.call and self.activity_regularizer is None
        return plain and all(getattr(c, "scannable", False) for c in self.cells)

    def scan(
        self, x: Tensor, states: Sequence[Tensor], mask: Tensor | None, training: bool, reverse: bool = False
    ) -> tuple[Any, ...]:
        """All outputs of the last cell and the last states of all: each cell walks the whole sequence in turn."""
        new = []
        for cell, own in zip(self.cells, states, strict=True):
            x, after = cell.scan(x, own, mask, training, reverse)
            new.append(after)
        return x, new

    def get_config(self) -> dict[str, Any]:
        from autonet.serialization.objects import serialize_keras_object

        return {**super().get_config(), "cells": [serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        from autonet.serialization.objects import deserialize_keras_object

        cells = [deserialize_keras_object(c, custom_objects=custom_objects) for c in config["cells"]]
        return cls(cells, **{k: v for k, v in config.items() if k != "cells"})._as_configured()


# Any cell


def checked_cell(cell: Any, label: str) -> Any:
    """`cell` if it has what a cell needs; ArgumentError otherwise."""
    if not callable(cell) or not hasattr(cell, "call"):
        raise ArgumentError(f"{label} expects a cell, a layer with call(inputs, states); received {cell!r}.")
    if not hasattr(cell, "state_size"):
        raise ArgumentError(
            f"{label} expects a cell with a state_size (a number, or a list with one for each state); received "
            f"{cell!r}. Give it that attribute."
        )
    return cell


def output_size(cell: Any) -> Any:
    """Features of a cell's output: its own word for it, or the size of its first state."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return size


def initial_state(cell: Any, batch_size: Any) -> list[Any]:
    """States to begin with, as a list: the cell's own, or zeros."""
    if hasattr(cell, "get_initial_state"):
        states = cell.get_initial_state(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]
    dtype = getattr(cell, "compute_dtype", None)
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [ops.zeros((batch_size, *(n if isinstance(n, (list, tuple)) else (n,))), dtype) for n in sizes]
