"""L-BFGS: curvature from how gradients changed over the last steps."""

import math
from collections.abc import Callable, Iterable
from typing import Any

from autonet import linalg, ops
from autonet.core.tensor import Tensor
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.optimizers.searching import Objective, Point, Ray, SearchingOptimizer, Weights, strong_wolfe
from autonet.variable import Variable


class LBFGS(SearchingOptimizer):
    """Quasi-Newton steps: the inverse Hessian is known by the last few pairs of steps s and changes of the gradient y.

        p = -H g,  H by the two loops over pairs (s_i, y_i), beginning from (s.y / y.y) I of the latest
        a: f(w + a p) <= f(w) + 1e-4 a g.p  and  |g(w + a p).p| <= 0.9 |g.p|        (strong Wolfe)
        w <- w + a p;  s = a p,  y = g(w + a p) - g(w) on the same batch, kept if s.y > 0

    Each batch of `fit` makes one step. It is meant for large batches, best all rows (`batch_size=len(x)`), where it needs far
    fewer epochs than gradient descent; each step evaluates loss and gradient some two times. Common options of other optimizers
    (clipping, decay, averages) do not exist here; regularizers do. See `SearchingOptimizer` for chance and moving averages.

    Args:
        learning_rate: the step length a that is tried first; 1 is Newton's. The first step of all tries 1 / |g|_1 at most.
        history: number of pairs that are kept, m in the literature; each takes as much memory as two copies of the weights.
        evaluations: most evaluations of the loss in one step. Where they do not suffice the lowest point is taken; if there
            is none lower, the weights stay and the pairs are dropped.

    Source: Nocedal, Wright, Numerical Optimization, 2006, algorithms 7.4, 7.5, 3.5 and 3.6; Liu, Nocedal, 1989.

    >>> w = Variable([1.0, 2.0])
    >>> optimizer = LBFGS()
    >>> _ = [optimizer.minimize(lambda: ops.sum(w * w), [w]) for _ in range(3)]
    >>> bool(abs(w.numpy()).max() < 1e-3)
    True
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 1.0,
        history: int = 10,
        evaluations: int = 25,
        name: str | None = None,
    ):
        super().__init__(learning_rate, name)
        self._check_count("history", history, 1)
        self._check_count("evaluations", evaluations, 1)
        self.history, self.evaluations = history, evaluations

    def build(self, variables: Iterable[Variable]) -> None:
        variables, first = list(variables), not self.built
        super().build(variables)
        if first:
            self.pairs = self.add_variable((), 0, "int64", name="pairs")  # of all steps since the last one that failed
            self._s, self._y = self._kept(variables, "s"), self._kept(variables, "y")

    def _kept(self, variables: list[Variable], name: str) -> list[Variable]:
        """For each weight, `history` places."""
        return [
            self.add_variable((self.history, *v.shape), 0, v.dtype, name=f"{v.path.replace('/', '_')}_{name}")
            for v in variables
        ]

    def search(self, objective: Objective) -> None:
        f, g = objective.value_and_gradient()
        pairs = int(self.pairs)
        p = self._direction(g, pairs)
        slope = float(linalg.dot(g, p))
        if not slope < 0 and pairs:  # rounding, or a batch that is too different
            pairs, p = 0, linalg.scale(-1, g)
            slope = float(linalg.dot(g, p))
        if not (slope < 0 and math.isfinite(slope) and math.isfinite(f)):
            self.pairs.assign(0)
            return  # a minimum, or nothing to go by
        a = float(self.learning_rate)
        if not pairs:
            a *= min(1.0, 1.0 / float(sum(ops.sum(ops.abs(leaf)) for leaf in g)))
        ray = Ray(objective, p)
        found = strong_wolfe(ray, Point(0.0, f, slope, g), a, evaluations=self.evaluations)
        ray.move(0.0 if found is None else found.a)
        self.pairs.assign(
            0 if found is None else self._keep(linalg.scale(found.a, p), linalg.axpy(-1, g, found.g), pairs)
        )

    def _direction(self, g: Weights, pairs: int) -> Weights:
        """-H g by the two loops."""
        q = g
        known: list[tuple[Weights, Weights, Tensor, Tensor]] = []
        for i in range(pairs - 1, max(pairs - self.history, 0) - 1, -1):  # the latest first
            s, y = ([leaf[i % self.history] for leaf in leaves] for leaves in (self._s, self._y))
            rho = 1 / linalg.dot(s, y)
            alpha = rho * linalg.dot(s, q)
            q = linalg.axpy(-alpha, y, q)
            known.append((s, y, rho, alpha))
        if known:
            s, y, rho, _ = known[0]
            q = linalg.scale(1 / (rho * linalg.dot(y, y)), q)
        for s, y, rho, alpha in reversed(known):
            q = linalg.axpy(alpha - rho * linalg.dot(y, q), s, q)
        return linalg.scale(-1, q)

    def _keep(self, s: Weights, y: Weights, pairs: int) -> int:
        """Keep a pair if it has positive curvature.

        Returns: the number of pairs.
        """
        if not float(linalg.dot(s, y)) > 1e-10 * float(linalg.norm(s)) * float(linalg.norm(y)):
            return pairs
        place = pairs % self.history
        for variables, values in ((self._s, s), (self._y, y)):
            for v, value in zip(variables, values, strict=True):
                v.assign(ops.slice_update(v, (place, *[0] * value.ndim), ops.expand_dims(value, 0)))
        return pairs + 1

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "history": self.history, "evaluations": self.evaluations}
