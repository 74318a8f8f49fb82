"""Adaptive steps whose state for a matrix is two vectors."""

from collections.abc import Callable, Iterable
from typing import Any

from autonet import ops
from autonet.common.types import OptimizerOptions, Unpack
from autonet.core import Tensor
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable


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
