"""Optimizers that need the loss as a function of the weights: they evaluate it more than once for each step."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from autonet import linalg, ops
from autonet.core import Tensor, no_grad
from autonet.core.state import state
from autonet.errors import ArgumentError
from autonet.gradients.functional import value_and_grad
from autonet.gradients.higher import hvp
from autonet.ops.identity import detach
from autonet.optimizers.base import Optimizer
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.variable import Variable

Weights = list[Any]  # one Tensor for each weight


class Objective:
    """A function of `variables`, asked at their present values. Asking changes no Variable.

    Args:
        function: computes one number from the Variables.
        variables: the weights.
    """

    def __init__(self, function: Callable[[], Tensor], variables: list[Variable]):
        self.function = function
        self.variables = variables

    def value_and_gradient(self) -> tuple[float, Weights]:
        """The function's value, and its gradient."""
        value, gradient = value_and_grad(lambda _: self.function())(self.variables)
        return float(value), [detach(g) for g in gradient]

    def value(self) -> float:
        """The function's value."""
        with no_grad():
            return float(self.function())

    def hessian_product(self, v: Weights) -> Weights:
        """The Hessian times v."""
        return [detach(u) for u in hvp(lambda _: self.function(), (self.variables,), (v,))]

    def gauss_newton_product(self, v: Weights) -> Weights:
        """J' H J v: J the derivative of the model's outputs, H the Hessian of the loss with respect to them."""
        raise ArgumentError(
            "Gauss-Newton products need to know a model's outputs, which a function of the weights alone does not tell. "
            'Train a model with fit, or take curvature="hessian".'
        )


class SearchingOptimizer(Optimizer):
    """Base of optimizers whose step is a search along a direction: a subclass defines `search`.

    `fit` hands over the loss of each batch as a function of the weights; elsewhere `minimize(function, variables)` makes a
    step. Chance (dropout) is the same in all evaluations of a step; batch normalization takes the batch's statistics in
    each, and its moving averages move once, as do metrics, which see the weights before the step. Steps are compiled in
    parts. Losses added by layers, regularizers, sample and class weights and constraints count as with any optimizer.
    """

    needs_function = True

    def __init__(self, learning_rate: float | LearningRateSchedule | Callable[..., Any] = 1.0, name: str | None = None):
        super().__init__(learning_rate, name=name)

    def search(self, objective: Objective) -> None:
        """Move `objective.variables`, from their present values, by one step."""
        raise NotImplementedError(f"{type(self).__name__} must define search(self, objective).")

    def step(self, objective: Objective) -> None:
        """One step. Where it fails, the weights stay.

        Raises: ArgumentError for other weights than those of the first step.
        """
        variables = objective.variables
        if not variables:
            raise self._nothing("step() received no variables")
        self.build(variables)
        if [id(v) for v in variables] != [id(v) for v in self._trainable_variables]:
            raise ArgumentError(
                f"{self.name} was built for {len(self._trainable_variables)} weights, and these are others: some were frozen or "
                "added. Call compile() again, with a new optimizer."
            )
        if state.observer is not None:
            state.observer.touch(self)
        start = [v.value for v in variables]
        try:
            with no_grad():
                self.search(objective)
                for v in variables:
                    if v.constraint is not None:
                        v.assign(v.constraint(v))
                self._iterations.assign_add(1)
        except BaseException:
            assign(variables, start)
            raise

    def minimize(self, loss_fn: Callable[[], Tensor], variables: Iterable[Variable] | None = None) -> Tensor:
        """Make one step that lowers `loss_fn()`, which is called several times: it must not draw anew each time.

        Args:
            loss_fn: function without arguments that computes one number from the weights; `jit` makes it fast.
            variables: the weights; by default those for which the optimizer was built.

        Returns: the loss before the step.
        """
        if variables is None:
            self._check_built("minimize() without variables")
            variables = self._trainable_variables
        with no_grad():
            before = loss_fn()
        self.step(Objective(loss_fn, list(variables)))
        return before

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        raise ArgumentError(
            f"{self.name} needs the loss as a function of the weights, not gradients. Call minimize(function, variables), or "
            "let fit make the steps."
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {"learning_rate": config["learning_rate"], "name": config["name"]}


def assign(variables: list[Variable], values: Weights) -> None:
    """Give each Variable its value."""
    for v, value in zip(variables, values, strict=True):
        v.assign(value)


def joined(leaves: Weights) -> Tensor:
    """All numbers of the leaves in one vector."""
    return ops.concatenate([ops.reshape(leaf, (-1,)) for leaf in leaves])


def parted(vector: Tensor, like: Weights) -> Weights:
    """What `joined` joined, with the shapes and dtypes of `like`."""
    parts, at = [], 0
    for leaf in like:
        parts.append(ops.cast(ops.reshape(vector[at : at + leaf.size], leaf.shape), leaf.dtype))
        at += leaf.size
    return parts


class Ray:
    """An objective along a direction p from w: f(w + a p), the Variables following a."""

    def __init__(self, objective: Objective, p: Weights):
        self.objective = objective
        self.w = [v.value for v in objective.variables]
        self.p = p
        self.values: dict[float, float] = {}  # by a

    def move(self, a: float) -> None:
        """Let the weights be w + a p."""
        assign(self.objective.variables, linalg.axpy(a, self.p, self.w))

    def value(self, a: float) -> float:
        """f(w + a p), infinite where that is no number."""
        self.move(a)
        if a not in self.values:
            self.values[a] = _finite(self.objective.value())
        return self.values[a]

    def point(self, a: float) -> "Point":
        """f(w + a p) and its slope."""
        self.move(a)
        f, g = self.objective.value_and_gradient()
        return Point(a, _finite(f), float(linalg.dot(g, self.p)), g)


def _finite(f: float) -> float:
    return f if math.isfinite(f) else math.inf


class Point(NamedTuple):
    """A place on a ray: how far, the value, the slope, the gradient."""

    a: float
    f: float
    slope: float
    g: Weights


def backtrack(ray: Ray, f: float, slope: float, a: float, c1: float = 1e-2, shrink: float = 0.8) -> float | None:
    """The first of a, shrink a, shrink^2 a, ... with f(w + a p) <= f + c1 a slope; None after 60, the weights being w then.

    Source: Armijo, 1966; the numbers are those of Martens, 2010.
    """
    for _ in range(60):
        if ray.value(a) <= f + c1 * a * slope:
            return a
        a *= shrink
    ray.move(0.0)
    return None


def strong_wolfe(
    ray: Ray, start: Point, a: float, c1: float = 1e-4, c2: float = 0.9, evaluations: int = 25
) -> Point | None:
    """A point that is low and flat enough; the best one that was found where `evaluations` are used up, None if none is lower.

        f(w + a p) <= f(w) + c1 a slope(0)        |slope(a)| <= c2 |slope(0)|

    Source: Nocedal, Wright, 2006, algorithms 3.5 and 3.6, with the cubic interpolation (3.59).
    """
    low, high = start, None  # the interval in which such a point is, low the lower end in value
    best: Point | None = None
    for _ in range(evaluations):
        point = ray.point(a)
        rises = point.f > start.f + c1 * a * start.slope or point.f >= low.f or not math.isfinite(point.slope)
        if not rises and abs(point.slope) <= -c2 * start.slope:
            return point
        if not rises or point.f < (best or start).f:
            best = point if best is None or point.f < best.f else best
        if rises:
            high = point
        elif high is None:
            if point.slope >= 0:
                low, high = point, low
            else:
                low, a = point, 2 * a
                continue
        else:
            if point.slope * (high.a - low.a) >= 0:
                high = low
            low = point
        if abs(high.a - low.a) <= 1e-12 * max(abs(high.a), abs(low.a)):
            break
        a = _between(low, high)
    return best


def _between(low: Point, high: Point) -> float:
    """Where the cubic through two points is least, kept off the ends by a tenth of the interval; else the middle."""
    middle, width = (low.a + high.a) / 2, abs(high.a - low.a)
    if not math.isfinite(high.f) or not math.isfinite(high.slope):
        return middle
    d1 = low.slope + high.slope - 3 * (low.f - high.f) / (low.a - high.a)
    square = d1 * d1 - low.slope * high.slope
    if square < 0:
        return middle
    d2 = math.copysign(math.sqrt(square), high.a - low.a)
    bottom = high.slope - low.slope + 2 * d2
    if bottom == 0:
        return middle
    a = high.a - (high.a - low.a) * (high.slope + d2 - d1) / bottom
    first, last = sorted((low.a, high.a))
    return min(max(a, first + 0.1 * width), last - 0.1 * width) if math.isfinite(a) else middle
