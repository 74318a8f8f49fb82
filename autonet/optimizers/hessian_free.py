"""Hessian-free optimization: Newton's steps, solved for by conjugate gradients from products with the curvature."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet import linalg
from autonet.errors import ArgumentError
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.optimizers.searching import Objective, Ray, SearchingOptimizer, Weights, backtrack, joined, parted

CURVATURES = ("gauss_newton", "hessian")


class HessianFree(SearchingOptimizer):
    """Truncated Newton steps: (B + damping I) p = -g, solved by conjugate gradients, which need products B v alone.

        B    gauss_newton: J' H J, J the derivative of the outputs by the weights, H the Hessian of the loss by the outputs,
             and the Hessian of what regularizers and layers add;  hessian: the Hessian of all
        p    by conjugate gradients from decay times the last p, until their quadratic falls by less than `tolerance` per
             iteration over the last max(10, i / 10) of them
        a    the first of 1, 0.8, 0.8^2, ... with f(w + a p) <= f(w) + 0.01 a g.p
        w <- w + a p
        rho = (f(w + p) - f(w)) / (g.p + p.B p / 2)
        damping <- damping 3/2 if rho < 1/4, damping 2/3 if rho > 3/4        (Levenberg, Marquardt)

    Each batch of `fit` makes one step. It is meant for large batches, best all rows (`batch_size=len(x)`), and for networks that
    gradient descent is slow on: deep and narrow ones. A product costs some two gradients, a step up to `cg_iterations` of them.
    For losses that are convex in the outputs J' H J has no negative curvature; where "hessian" meets some, the
    iterations end before it. Common options of other optimizers (clipping, decay, averages) do not exist here; regularizers do.
    See `SearchingOptimizer` for chance and moving averages.

    Args:
        learning_rate: the step length a that is tried first; 1 is Newton's.
        damping: lambda at first, at least 0; large ones make short steps along the gradient.
        curvature: "gauss_newton" or "hessian".
        cg_iterations: most iterations of conjugate gradients in a step.
        tolerance: see p; 0 goes on until the equations are solved to rounding.
        decay: see p, in [0, 1].
        precondition: whether to scale by (g^2 + damping)^0.75, elementwise, in the iterations.

    Attributes:
        damping: the Variable that holds lambda.
        products: the Variable that counts products B v.

    Source: Martens, 2010, Deep learning via Hessian-free optimization (ICML); products as Pearlmutter, 1994, and Schraudolph, 2002.

    >>> import autonet
    >>> w = autonet.Variable([1.0, 2.0])
    >>> optimizer = HessianFree(curvature="hessian")
    >>> _ = [optimizer.minimize(lambda: autonet.ops.sum(w * w), [w]) for _ in range(5)]
    >>> bool(abs(w.numpy()).max() < 1e-2)
    True
    """

    slots = ("direction",)  # p

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any] = 1.0,
        damping: float = 1.0,
        curvature: str = "gauss_newton",
        cg_iterations: int = 100,
        tolerance: float = 5e-4,
        decay: float = 0.95,
        precondition: bool = False,
        name: str | None = None,
    ):
        super().__init__(learning_rate, name)
        if curvature not in CURVATURES:
            raise ArgumentError(f"{self.name} expects curvature to be one of {CURVATURES}; received {curvature!r}.")
        self._check_count("cg_iterations", cg_iterations, 1)
        for key, value, most in (("damping", damping, math.inf), ("tolerance", tolerance, 1.0), ("decay", decay, 1.0)):
            if isinstance(value, bool) or not 0 <= value <= most or value == math.inf:
                raise ArgumentError(f"{self.name} expects {key} from 0 to {most}; received {value!r}.")
        self.initial_damping = damping
        self.curvature, self.cg_iterations = curvature, cg_iterations
        self.tolerance, self.decay, self.precondition = tolerance, decay, precondition
        self.damping = self.add_variable((), damping, name="damping")
        self.products = self.add_variable((), 0, "int64", name="products")

    def search(self, objective: Objective) -> None:
        f, g = objective.value_and_gradient()
        damping = float(self.damping)
        p, curved = self._direction(objective, g, damping)
        slope = float(linalg.dot(g, p))
        if not (slope < 0 and math.isfinite(slope) and math.isfinite(f)):
            return  # a minimum, or nothing to go by
        ray = Ray(objective, p)
        rho = (ray.value(1.0) - f) / (slope + curved / 2)
        if backtrack(ray, f, slope, float(self.learning_rate)) is None:
            p = linalg.scale(0, p)
        if not rho >= 0.25:
            damping *= 3 / 2
        elif rho > 0.75:
            damping *= 2 / 3
        self.damping.assign(damping)
        for v, value in zip(self._slots["direction"], p, strict=True):
            v.assign(value)

    def _direction(self, objective: Objective, g: Weights, damping: float) -> tuple[Weights, float]:
        """The direction p, and p.B p without the damping."""
        product = objective.gauss_newton_product if self.curvature == "gauss_newton" else objective.hessian_product
        whole = joined(g)  # one vector: operations on it cost less than on a tree of many leaves
        b = -whole
        count = 0

        def damped(v: Any) -> Any:
            nonlocal count
            count += 1
            return damping * v + joined(product(parted(v, g)))

        inverse = None
        if self.precondition:
            scales = (whole * whole + max(damping, 1e-12)) ** 0.75
            inverse = lambda r: r / scales
        last = self.decay * joined([v.value for v in self._slots["direction"]])
        found = linalg.conjugate_gradient(
            damped,
            b,
            last if float(linalg.norm(last)) else None,
            iterations=self.cg_iterations,
            tolerance=max(float(np.finfo(leaf.dtype).eps) for leaf in g),
            preconditioner=inverse,
            stop=self._slow if self.tolerance else None,
        )
        p = found.x
        if not found.values[-1] < 0:  # not even as good as no step: down the gradient, as far as the curvature says
            p = b
            length = float(linalg.dot(b, b))
            bent = float(linalg.dot(b, damped(b)))
            if length > 0 and bent > 0:
                p = b * (length / bent)
            curved = float(linalg.dot(p, damped(p)))
        else:
            curved = 2 * (found.values[-1] + float(linalg.dot(b, p)))
        self.products.assign_add(count)
        return parted(p, g), curved - damping * float(linalg.dot(p, p))

    def _slow(self, values: list[float]) -> bool:
        """Whether the quadratic falls too little per iteration to go on."""
        i = len(values) - 1
        k = max(10, i // 10)
        return i > k and values[-1] < 0 and (values[-1] - values[-1 - k]) / values[-1] < k * self.tolerance

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "damping": self.initial_damping,
            "curvature": self.curvature,
            "cg_iterations": self.cg_iterations,
            "tolerance": self.tolerance,
            "decay": self.decay,
            "precondition": self.precondition,
        }
