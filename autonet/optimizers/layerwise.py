"""Steps made for a weight as a whole: scaled to its length, or with all directions made equally long."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from autonet import ops
from autonet.common.types import OptimizerOptions, Unpack
from autonet.core import Tensor
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


def _wide(x: Any) -> Any:
    """float16 as float32: squares and lengths of halves overflow."""
    return ops.cast(x, "float32") if x.dtype == "float16" else x


def _length(x: Any) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(x)))


class Lamb(Optimizer):
    """Adam whose step for each weight is as long, relative to the weight, as the learning rate says.

        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g g - v)
        r  = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)     t = 1, 2, ...
        w <- w - lr |w| / |r| r                                            |w| / |r| is 1 where either is 0

    Source: You et al., 2020, https://arxiv.org/abs/1904.00962

    >>> w = Variable([1.0, 2.0])
    >>> Lamb(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.842 2.158]
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

    def update(self, w: Variable, g: Tensor, m: Variable, v: Variable, *, lr: Tensor, t: Tensor) -> None:
        m.assign_add((1 - self.beta_1) * (g - m))
        v.assign_add((1 - self.beta_2) * (g * g - v))
        r = m / (1 - self.beta_1**t) / (ops.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        r = _wide(r)
        long, step = _length(_wide(w)), _length(r)
        known = ops.logical_and(ops.greater(long, 0), ops.greater(step, 0))
        ratio = ops.where(known, long / ops.where(known, step, 1.0), 1.0)
        w.assign_sub(ratio * lr * r)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Muon(Optimizer):
    """Momentum whose step for a matrix has all its singular values made near 1, for the matrices inside a network.

        m <- momentum m + g
        x  = momentum m + g with nesterov, else m;  x <- x / |x|
        ns_steps times:  x <- muon_a x + muon_b (x x') x + muon_c (x x')^2 x
        w <- w - lr rms_rate sqrt(greater side of w) x          without the factors behind lr if rms_rate is None

    What is no matrix, embeddings (if `exclude_embeddings`), and weights in whose path one of the patterns
    `exclude_layers` is found (name the output layer there) move as by AdamW, with the learning rate times
    `adam_lr_ratio`, `adam_beta_1`, `adam_beta_2`, `epsilon` and `adam_weight_decay`.

    Source: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/; rms_rate: Liu et al., 2025,
    https://arxiv.org/abs/2502.16982

    >>> w = Variable([1.0, 2.0])
    >>> Muon(0.1).apply([Tensor([0.5, -0.5])], [w])
    >>> print(w.numpy().round(3))
    [0.9 2.099]
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: list[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **old: Any,
    ):
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **old,
        )
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps, self.nesterov, self.rms_rate = momentum, ns_steps, nesterov, rms_rate

    def build(self, variables: Iterable[Variable]) -> None:
        variables, first = list(variables), not self.built
        super().build(variables)
        if first:
            self._momenta = [self._momentum(v) for v in variables]

    def _momentum(self, w: Variable) -> tuple[Variable, Variable | None]:
        """m, and for AdamW v."""
        m = self.add_variable_from_reference(w, "momentum")
        return m, self.add_variable_from_reference(w, "velocity") if self._by_adam(w) else None

    def _by_adam(self, w: Variable) -> bool:
        embedding = self.exclude_embeddings and "embedding" in w.path.lower()
        return w.ndim != 2 or embedding or any(re.search(pattern, w.path) for pattern in self.exclude_layers)

    def _decay_of(self, w: Variable) -> float | None:
        return self.adam_weight_decay if self._by_adam(w) else self.weight_decay

    def update(self, w: Variable, g: Tensor, *, lr: Tensor, t: Tensor) -> None:
        m, v = self._momenta[self._get_variable_index(w)]
        if v is not None:
            m.assign_add((1 - self.adam_beta_1) * (g - m))
            v.assign_add((1 - self.adam_beta_2) * (g * g - v))
            a = self.adam_lr_ratio * lr * ops.sqrt(1 - self.adam_beta_2**t) / (1 - self.adam_beta_1**t)
            w.assign_sub(a * m / (ops.sqrt(v) + self.epsilon))
            return
        m.assign(self.momentum * m + g)
        x = self.zeropower_via_newtonschulz5(self.momentum * m + g if self.nesterov else m.value, self.ns_steps)
        w.assign_sub(lr * self.lr_adjust(x))

    def lr_adjust(self, x: Tensor) -> Tensor:
        """`x` times rms_rate sqrt(its greater side); `x` itself if rms_rate is None."""
        return x if self.rms_rate is None else x * (self.rms_rate * max(x.shape) ** 0.5)

    def zeropower_via_newtonschulz5(self, x: Tensor, steps: int) -> Tensor:
        """`x` with its singular values brought near 1, by `steps` rounds of products alone."""
        tall = x.shape[0] > x.shape[1]
        x = _wide(ops.transpose(x) if tall else x)
        x = x / (_length(x) + 1e-7)
        for _ in range(steps):
            s = ops.matmul(x, ops.transpose(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * s + self.muon_c * ops.matmul(s, s), x)
        return ops.transpose(x) if tall else x

    def get_config(self) -> dict[str, Any]:
        names = (
            *("adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b", "muon_c"),
            *("adam_lr_ratio", "momentum", "ns_steps", "nesterov", "exclude_embeddings", "adam_weight_decay"),
            "rms_rate",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
