"""Floor 3: functions without side effects, of layers and the like: values go in, and new values come out."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.variable import Reader, Variable


class StatelessScope(Reader):
    """Inside `with StatelessScope(...)`, Variables are read as other values, and assignments change these alone.

    Args:
        state_mapping: pairs of a Variable and the value that it is read as; derivatives reach these.
        collect_losses, initialize_variables: hints without effect.

    Attributes:
        losses: those that `add_loss` was given; layers keep theirs, as `stateless_call(return_losses=True)` returns them.
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, TensorLike]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ):
        self.collect_losses = collect_losses
        self.losses: list[Tensor] = []
        self._values: dict[int, tuple[Variable, Tensor]] = {}
        for pair in state_mapping or ():
            if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], Variable):
                raise ArgumentError(
                    f"state_mapping expects pairs of a Variable and a value; received {str(pair)[:100]}."
                )
            self._put(*pair)

    def _put(self, variable: Variable, value: Any) -> None:
        tensor = value.value if isinstance(value, Variable) else convert_to_tensor(value, variable.dtype)
        if tensor.shape != variable.shape:
            raise ShapeError(
                f"Variable {variable.path!r} has shape {variable.shape}; it cannot be read as a value of shape {tensor.shape}."
            )
        self._values[id(variable)] = variable, tensor

    def read(self, variable: Variable) -> Tensor:
        """The value that a Variable has here."""
        found = self._values.get(id(variable))
        return super().read(variable) if found is None else found[1]

    def assign(self, variable: Variable, tensor: Tensor) -> bool:
        """Keep an assignment here, away from the Variable."""
        self._put(variable, tensor)
        return True

    def add_loss(self, loss: TensorLike) -> None:
        """Keep a loss in `losses`."""
        self.losses.append(convert_to_tensor(loss))

    def add_update(self, update: tuple[Variable, TensorLike]) -> None:
        """Give a Variable another value in here."""
        self._put(*update)

    def get_current_value(self, variable: Variable) -> Tensor | None:
        """The value that a Variable has here, None where it has its own."""
        found = self._values.get(id(variable))
        return None if found is None else found[1]

    def __enter__(self) -> Self:
        super().__enter__()
        return self


def holding(variables: Sequence[Variable], values: Sequence[Any], who: str, what: str) -> list[tuple[Variable, Any]]:
    """Pairs for a StatelessScope.

    Raises: ArgumentError for another number of values, with `who` expects `what`.
    """
    values = list(values)
    if len(values) != len(variables):
        raise ArgumentError(
            f"{who} expects the values of its {len(variables)} {what}; received {len(values)}. Pass as many as it has, in "
            "its order."
        )
    return list(zip(variables, values, strict=True))
