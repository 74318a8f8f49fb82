"""Follow the regularized leader: weights that are 0 until there is reason enough."""

from collections.abc import Callable
from typing import Any

from autonet import ops
from autonet.common.types import OptimizerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


class Ftrl(Optimizer):
    """Weights that minimise the sum of all gradients so far, linearised, and a penalty that grows with them.

        h  = g + 2 l2_shrinkage w
        m  = n + g g                                       n = initial_accumulator_value at first
        z <- z + h - (m^-p - n^-p) / lr w                  p = learning_rate_power
        n <- m
        w <- (z clipped to [-l1, l1] - z) / (n^-p / lr + 2 l2 + beta / lr)

    l1, l2 and l2_shrinkage are short for `l1_regularization_strength`, `l2_regularization_strength` and
    `l2_shrinkage_regularization_strength`. For sparse data, and shallow models.

    Source: McMahan et al., 2013, https://research.google.com/pubs/archive/41159.pdf

    >>> w = Variable([1.0, 2.0])
    >>> Ftrl(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.381 1.015]
    """

    slots = ("accumulator", "linear")  # n, z

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        if initial_accumulator_value < 0:
            raise ArgumentError(
                f"{self.name} expects initial_accumulator_value of at least 0; received {initial_accumulator_value!r}."
            )
        if learning_rate_power > 0:
            raise ArgumentError(
                f"{self.name} expects learning_rate_power of at most 0; received {learning_rate_power!r}."
            )
        strengths = {
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for name, strength in strengths.items():
            if strength < 0:
                raise ArgumentError(f"{self.name} expects {name} of at least 0; received {strength!r}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def initial_slot(self, name: str) -> float:
        return self.initial_accumulator_value if name == "accumulator" else 0.0

    def update(self, w: Variable, g: Tensor, n: Variable, z: Variable, *, lr: Tensor, t: Tensor) -> None:
        p, l1 = self.learning_rate_power, self.l1_regularization_strength
        h = g + 2 * self.l2_shrinkage_regularization_strength * w
        m = n + g * g
        z.assign_add(h - (m**-p - n**-p) / lr * w)
        n.assign(m)
        pull = n**-p / lr + 2 * self.l2_regularization_strength + self.beta / lr
        w.assign((ops.clip(z, -l1, l1) - z) / pull)

    def get_config(self) -> dict[str, Any]:
        names = (
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
