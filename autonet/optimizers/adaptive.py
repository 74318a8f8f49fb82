"""Steps scaled weight by weight, by the gradients seen so far."""

from collections.abc import Callable
from typing import Any

from autonet import ops
from autonet.common.types import OptimizerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradient.

        v <- rho v + (1 - rho) g g
        d  = v + epsilon                  plain
        a <- rho a + (1 - rho) g          centered: divided by a standard deviation
        d  = v - a a + epsilon
        s  = lr g / sqrt(d)
        w <- w - s                        without momentum
        m <- momentum m + s,  w <- w - m  with momentum

    Source: Tieleman, Hinton, 2012, Neural Networks for Machine Learning, lecture 6.5; centered: Graves, 2013,
    https://arxiv.org/abs/1308.0850

    >>> w = Variable([1.0, 2.0])
    >>> RMSprop(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.684 2.316]
    """

    slots = ("velocity",)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self.optional_slots = (("momentum",) if momentum > 0 else ()) + (("average_gradient",) if centered else ())

    def update(
        self,
        w: Variable,
        g: Tensor,
        v: Variable,
        *,
        lr: Tensor,
        t: Tensor,
        momentum: Variable | None = None,
        average_gradient: Variable | None = None,
    ) -> None:
        v.assign(self.rho * v + (1 - self.rho) * (g * g))
        d = v + self.epsilon
        if average_gradient is not None:
            a = average_gradient
            a.assign(self.rho * a + (1 - self.rho) * g)
            d = v - a * a + self.epsilon
        s = lr * g / ops.sqrt(d)
        if momentum is None:
            w.assign_sub(s)
        else:
            momentum.assign(self.momentum * momentum + s)
            w.assign_sub(momentum)

    def get_config(self) -> dict[str, Any]:
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return {**super().get_config(), **own}


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

        v <- v + g g                      v = initial_accumulator_value at first
        w <- w - lr g / sqrt(v + epsilon)

    Source: Duchi, Hazan, Singer, 2011, https://jmlr.org/papers/v12/duchi11a.html

    >>> w = Variable([1.0, 2.0])
    >>> Adagrad(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.915 2.085]
    """

    slots = ("accumulator",)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def initial_slot(self, name: str) -> float:
        return self.initial_accumulator_value

    def update(self, w: Variable, g: Tensor, v: Variable, *, lr: Tensor, t: Tensor) -> None:
        v.assign_add(g * g)
        w.assign_sub(lr * g / ops.sqrt(v + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


class Adadelta(Optimizer):
    """Steps whose units are those of the weights: the ratio of two running root mean squares times the gradient.

        v <- rho v + (1 - rho) g g
        s  = g sqrt(u + epsilon) / sqrt(v + epsilon)
        u <- rho u + (1 - rho) s s
        w <- w - lr s

    Source: Zeiler, 2012, https://arxiv.org/abs/1212.5701

    >>> w = Variable([1.0, 2.0])
    >>> Adadelta(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(5))
    [0.99986 2.00014]
    """

    slots = ("accumulated_grad", "accumulated_delta_var")  # v, u

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = rho, epsilon

    def update(self, w: Variable, g: Tensor, v: Variable, u: Variable, *, lr: Tensor, t: Tensor) -> None:
        v.assign(self.rho * v + (1 - self.rho) * (g * g))
        s = g * ops.sqrt(u + self.epsilon) / ops.sqrt(v + self.epsilon)
        u.assign(self.rho * u + (1 - self.rho) * (s * s))
        w.assign_sub(lr * s)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Lion(Optimizer):
    """Steps of one size, in the direction of the sign of a running mean of the gradient.

        w <- w - lr sign(beta_1 m + (1 - beta_1) g)
        m <- beta_2 m + (1 - beta_2) g

    Source: Chen et al., 2023, https://arxiv.org/abs/2302.06675

    >>> w = Variable([1.0, 2.0])
    >>> Lion(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.1]
    """

    slots = ("momentum",)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        if not 0 < beta_1 <= 1:
            raise ArgumentError(f"Lion expects beta_1 in (0, 1], else it only follows signs; received {beta_1!r}.")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def update(self, w: Variable, g: Tensor, m: Variable, *, lr: Tensor, t: Tensor) -> None:
        w.assign_sub(lr * ops.sign(self.beta_1 * m + (1 - self.beta_1) * g))
        m.assign(self.beta_2 * m + (1 - self.beta_2) * g)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
