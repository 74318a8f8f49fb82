"""Gradient descent: steps against the gradient, with or without momentum."""

from collections.abc import Callable
from typing import Any

from autonet.common.types import OptimizerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


class SGD(Optimizer):
    """Steps against the gradient; with momentum, past steps keep rolling.

        w <- w - lr g                     without momentum

        m <- momentum m - lr g            with momentum
        w <- w + m                        plain
        w <- w + momentum m - lr g        nesterov: the derivative is taken ahead of the roll

    Source: Sutskever, Martens, Dahl, Hinton, 2013, https://proceedings.mlr.press/v28/sutskever13.html

    >>> w = Variable([1.0, 2.0])
    >>> SGD(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.95 2.05]
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ArgumentError(f"SGD expects momentum in [0, 1]; received {momentum!r}.")
        self._check_flag("nesterov", nesterov)
        self.momentum, self.nesterov = momentum, nesterov
        self.optional_slots = ("momentum",) if momentum else ()

    def update(self, w: Variable, g: Tensor, *, lr: Tensor, t: Tensor, momentum: Variable | None = None) -> None:
        if momentum is None:
            w.assign_sub(lr * g)
            return
        m = momentum
        m.assign(self.momentum * m - lr * g)
        w.assign_add(self.momentum * m - lr * g if self.nesterov else m)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
