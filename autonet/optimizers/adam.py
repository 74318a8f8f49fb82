"""Adam and its relatives: running means of the gradient and of its size."""

from collections.abc import Callable, Iterable
from typing import Any

from autonet import ops
from autonet.common.types import DecayOptions, OptimizerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g g - v)
        a  = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)        t = 1, 2, ...
        w <- w - a m / (sqrt(v) + epsilon)

    With `amsgrad`, the largest v so far takes the place of v in the last line.

    Source: Kingma, Ba, 2015, end of section 2, https://arxiv.org/abs/1412.6980; amsgrad: Reddi, Kale, Kumar, 2018,
    https://openreview.net/forum?id=ryQu7f-RZ

    >>> w = Variable([1.0, 2.0])
    >>> Adam(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.1]
    """

    slots = ("momentum", "velocity")  # m, v

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self._check_flag("amsgrad", amsgrad)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.optional_slots = ("velocity_hat",) if amsgrad else ()

    def update(
        self,
        w: Variable,
        g: Tensor,
        m: Variable,
        v: Variable,
        *,
        lr: Tensor,
        t: Tensor,
        velocity_hat: Variable | None = None,
    ) -> None:
        m.assign_add((1 - self.beta_1) * (g - m))
        v.assign_add((1 - self.beta_2) * (g * g - v))
        if velocity_hat is not None:
            velocity_hat.assign(ops.maximum(velocity_hat, v))
            v = velocity_hat
        a = lr * ops.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        w.assign_sub(a * m / (ops.sqrt(v) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "amsgrad": self.amsgrad}
        return {**super().get_config(), **own}


class AdamW(Adam):
    """Adam whose weights also shrink at each step, apart from the gradient.

        w <- w - lr weight_decay w
        w <- w - (Adam's step)

    Arguments are those of `Adam`.

    Source: Loshchilov, Hutter, 2019, https://arxiv.org/abs/1711.05101

    >>> w = Variable([1.0, 2.0])
    >>> AdamW(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.099]
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[DecayOptions],
    ):
        if weight_decay is None:
            raise ArgumentError("AdamW expects weight_decay to be a number; received None. Use Adam for none.")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adamax(Optimizer):
    """Adam with the largest recent gradient in the place of the root mean square.

        m <- m + (1 - beta_1) (g - m)
        u <- max(beta_2 u, |g|)
        w <- w - lr / (1 - beta_1^t) m / (u + epsilon)     t = 1, 2, ...

    Source: Kingma, Ba, 2015, section 7.1, https://arxiv.org/abs/1412.6980

    >>> w = Variable([1.0, 2.0])
    >>> Adamax(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.1]
    """

    slots = ("momentum", "norm")  # m, u

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def update(self, w: Variable, g: Tensor, m: Variable, u: Variable, *, lr: Tensor, t: Tensor) -> None:
        m.assign_add((1 - self.beta_1) * (g - m))
        u.assign(ops.maximum(self.beta_2 * u, ops.abs(g)))
        w.assign_sub(lr / (1 - self.beta_1**t) * m / (u + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Nadam(Optimizer):
    """Adam with Nesterov's look ahead.

        b(t) = beta_1 (1 - 0.96^t / 2)                     t = 1, 2, ...
        p <- p b(t)                                        1 at first; one number for all weights
        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g g - v)
        n  = b(t+1) m / (1 - p b(t+1)) + (1 - b(t)) g / (1 - p)
        w <- w - lr n / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Source: Dozat, 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ

    >>> w = Variable([1.0, 2.0])
    >>> Nadam(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.894 2.106]
    """

    slots = ("momentum", "velocity")  # m, v

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Iterable[Variable]) -> None:
        first = not self.built
        super().build(variables)
        if first:
            self.product = self.add_variable((), 1.0, name="momentum_product")

    def begin_update(self, t: Tensor) -> None:
        self.product.assign(self.product * self._rolling(ops.cast(t, self.product.dtype)))

    def _rolling(self, t):
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def update(self, w: Variable, g: Tensor, m: Variable, v: Variable, *, lr: Tensor, t: Tensor) -> None:
        b, b_next = self._rolling(t), self._rolling(t + 1)
        p = ops.cast(self.product, w.dtype)
        m.assign_add((1 - self.beta_1) * (g - m))
        v.assign_add((1 - self.beta_2) * (g * g - v))
        n = b_next / (1 - p * b_next) * m + (1 - b) / (1 - p) * g
        w.assign_sub(lr * n / (ops.sqrt(v / (1 - self.beta_2**t)) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class LazyAdam(Adam):
    """Adam, which in tables moves the rows that the step looked up alone, with their means; other weights as Adam does.

        for the rows of a table whose gradient is not zero, and for all of another weight:
        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g g - v)
        a  = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)        t = 1, 2, ..., steps of the whole model
        w <- w - a m / (sqrt(v) + epsilon)

    Adam goes on moving a row after it was last looked up, while its means fade; here they wait, so rare rows take larger
    steps than Adam's. The work of a captured step does not grow with the other rows, except with what changes or counts all
    of them: weight decay, use_ema, gradient accumulation, clipping by norm, a LossScaleOptimizer around it, a regularizer or
    constraint of the table.

    Tables are the weights of Embedding layers, and other Variables whose `is_table` was set to True. Arguments are those
    of `Adam`.

    Source: the sparse form of Adam as in TensorFlow Addons' LazyAdam and PyTorch's SparseAdam; Kingma, Ba, 2015,
    https://arxiv.org/abs/1412.6980

    >>> w = Variable([1.0, 2.0])
    >>> LazyAdam(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.1]
    """

    def update(self, w: Variable, g: Tensor, *slots: Variable, lr: Tensor, t: Tensor, **optional: Any) -> None:
        if not w.is_table:
            super().update(w, g, *slots, lr=lr, t=t, **optional)
            return
        state = [x for x in (w, *slots, *optional.values()) if x is not None]
        before = [x.value for x in state]
        super().update(w, g, *slots, lr=lr, t=t, **optional)
        met = ops.any(ops.not_equal(g, 0), axis=tuple(range(1, g.ndim)), keepdims=True)
        for x, old in zip(state, before, strict=True):
            x.assign(ops.where(met, x.value, old))


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
