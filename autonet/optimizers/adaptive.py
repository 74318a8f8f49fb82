"""Steps scaled weight by weight, by the gradients seen so far."""

from collections.abc import Callable, Iterable
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


class Adafactor(Optimizer):
    """Steps divided by a running root mean square of the gradient, which for matrices is kept as row and column means.

        rho = min(lr, 1 / sqrt(t)) with relative_step, else lr        t = 1, 2, ...
        a   = max(epsilon_2, RMS(w)) rho
        b   = 1 - t^beta_2_decay,    s = g g + epsilon_1
        r <- b r + (1 - b) (mean of s along each row)
        c <- b c + (1 - b) (mean of s along each column)
        v <- r c / (mean of r)                  for matrices, and for stacks of them
        v <- b v + (1 - b) s                    for vectors and numbers
        u  = g / sqrt(v)
        w <- w - a u / max(1, RMS(u) / clip_threshold)

    Source: Shazeer, Stern, 2018, https://arxiv.org/abs/1804.04235

    >>> w = Variable([1.0, 2.0])
    >>> Adafactor(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.842 2.158]
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def build(self, variables: Iterable[Variable]) -> None:
        variables, first = list(variables), not self.built
        super().build(variables)
        if first:
            self._squares = [self._square(v) for v in variables]

    def _square(self, w: Variable) -> tuple[Variable | None, Variable | None, Variable]:
        """Row means, column means (None for vectors) and v."""
        name, rows, columns = w.path.replace("/", "_"), None, None
        if w.ndim > 1:
            rows = self.add_variable(w.shape[:-1], dtype=w.dtype, name=f"{name}_rows")
            columns = self.add_variable((*w.shape[:-2], w.shape[-1]), dtype=w.dtype, name=f"{name}_columns")
        return rows, columns, self.add_variable_from_reference(w, "velocity")

    def update(self, w: Variable, g: Tensor, *, lr: Tensor, t: Tensor) -> None:
        r, c, v = self._squares[self._get_variable_index(w)]
        rho = ops.minimum(lr, 1 / ops.sqrt(t)) if self.relative_step else lr
        a = ops.maximum(_rms(w), self.epsilon_2) * rho
        b = 1 - t**self.beta_2_decay
        s = g * g + self.epsilon_1
        if r is None or c is None:
            v.assign(b * v + (1 - b) * s)
        else:
            r.assign(b * r + (1 - b) * ops.mean(s, axis=-1))
            c.assign(b * c + (1 - b) * ops.mean(s, axis=-2))
            share = r / ops.mean(r, axis=-1, keepdims=True)
            v.assign(ops.expand_dims(share, -1) * ops.expand_dims(c, -2))
        u = g / ops.sqrt(v)
        w.assign_sub(a * u / ops.maximum(_rms(u) / self.clip_threshold, 1.0))

    def get_config(self) -> dict[str, Any]:
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _rms(x: Any) -> Tensor:
    return ops.sqrt(ops.mean(ops.square(x)))
