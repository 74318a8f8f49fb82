"""Names for what public functions take, one for each kind of argument.

Type checkers see what a name stands for; at run time it is only a name, so that `help()` shows `x: TensorLike` and not
a page of alternatives.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from autonet.core.tensor import Tensor
    from autonet.layers.symbolic import KerasTensor

    class SupportsArray(Protocol):
        """What `np.asarray` reads: arrays, data frames, Tensors of other frameworks."""

        def __array__(self) -> np.ndarray: ...

    class NestedNumbers(Protocol):
        """Lists and tuples of numbers, nested or not. A text is none: only letters can be searched in it."""

        def __len__(self) -> int: ...
        def __contains__(self, x: object, /) -> bool: ...
        def __getitem__(self, i: int, /) -> "float | SupportsArray | KerasTensor | NestedNumbers": ...

    TensorLike: TypeAlias = (
        Tensor | SupportsArray | KerasTensor | float | NestedNumbers
    )  # an array, or what becomes one
    Shape: TypeAlias = int | Sequence[int]  # lengths of axes
    PartialShape: TypeAlias = Sequence[int | None]  # None: any length
    Axis: TypeAlias = int | Sequence[int] | None  # None: all
    Dtype: TypeAlias = str | np.dtype[Any] | type[Any] | None  # None: the default
    Identifier: TypeAlias = (
        str | Mapping[str, Any] | Callable[..., Any] | None
    )  # a name, configuration, class or function
else:

    class _Name:
        """A name that stands for a type, with as much of a type's arithmetic as annotations use."""

        def __init__(self, name: str):
            self._name = name

        def __or__(self, other: Any) -> Any:
            return _Name(f"{self} | {_shown(other)}")

        def __ror__(self, other: Any) -> Any:
            return _Name(f"{_shown(other)} | {self}")

        def __repr__(self) -> str:
            return self._name

    def _shown(other: Any) -> str:
        return "None" if other is None else other.__name__ if isinstance(other, type) else str(other)

    TensorLike = _Name("TensorLike")
    Shape = _Name("Shape")
    PartialShape = _Name("PartialShape")
    Axis = _Name("Axis")
    Dtype = _Name("Dtype")
    Identifier = _Name("Identifier")
