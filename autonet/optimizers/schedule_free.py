"""Adam without a schedule: an average of the weights takes its place."""

from collections.abc import Callable, Iterable
from typing import Any

from autonet import ops
from autonet.common.types import OptimizerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


class ScheduleFreeAdamW(Optimizer):
    """Adam that takes its gradients between where its steps have led, z, and the mean of all these places, x.

        v <- v + (1 - beta_2) (g g - v)
        z <- z - lr min(1, t / warmup_steps) g / (sqrt(v / (1 - beta_2^t)) + epsilon)    t = 1, 2, ...; z = w at first
        x <- x + (z - x) / t
        w  = (1 - beta_1) z + beta_1 x                                                   so x need not be kept

    Source: Defazio et al., 2024, https://arxiv.org/abs/2405.15682

    >>> w = Variable([1.0, 2.0])
    >>> ScheduleFreeAdamW(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.1]
    """

    slots = ("momentum", "velocity")  # z, v

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon, self.warmup_steps = beta_1, beta_2, epsilon, warmup_steps

    def build(self, variables: Iterable[Variable]) -> None:
        variables, first = list(variables), not self.built
        super().build(variables)
        if first:
            for w, z in zip(variables, self._slots["momentum"], strict=True):
                z.assign(w.value)

    def reset(self) -> None:
        super().reset()
        if self.built:
            for w, z in zip(self._trainable_variables, self._slots["momentum"], strict=True):
                z.assign(w.value)

    def update(self, w: Variable, g: Tensor, z: Variable, v: Variable, *, lr: Tensor, t: Tensor) -> None:
        if self.warmup_steps:
            lr = lr * ops.minimum(t / self.warmup_steps, 1.0)
        v.assign_add((1 - self.beta_2) * (g * g - v))
        step = (1 - self.beta_1) * lr * g / (ops.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        z.assign_sub(step / (1 - self.beta_1))
        w.assign_add(((z - w) + step) / t - step)  # beta_1 (z - x) is (z - w) + step

    def get_config(self) -> dict[str, Any]:
        names = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
