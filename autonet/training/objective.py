"""A batch's loss as a function of the weights: what optimizers that search make their steps from."""

from __future__ import annotations

import functools
import operator
import weakref
from typing import Any

from autonet import ops
from autonet.common.trees import flatten, pack
from autonet.compiler.jit import Compiled
from autonet.core.backward import gradients
from autonet.core.state import Context, enable_grad, no_grad, state
from autonet.core.tensor import Tensor, wrap
from autonet.errors import ArgumentError
from autonet.gradients.functional import grad, jvp, vjp
from autonet.gradients.higher import hvp
from autonet.ops.identity import alias, detach
from autonet.optimizers.searching import Objective, Weights, assign
from autonet.training import step as steps


class BatchObjective(Objective):
    """The loss of a model on a batch, at its weights' present values, compiled part by part.

    Evaluations put all that they move (moving averages, generators) back, so that each sees the same chance; `step` moves
    it once.

    Args:
        model: held weakly, since it holds this.
    """

    def __init__(self, model: Any):
        self.model = weakref.ref(model)
        self.batch: tuple[Any, Any, Any] = (None, None, None)
        for name in ("_value", "_value_and_gradient", "_hessian_product", "_gauss_newton_product", "_observe"):
            part = functools.partial(getattr(type(self), name), self.model)
            part.__name__ = name.strip("_")  # type: ignore[attr-defined]
            self.__dict__[name] = Compiled(
                part,
                strict=False,
                native=model.jit_compile,
                differentiable=False,
                at_once=True,  # so that every run has a plan's bits
                repeats=True,
            )

    @property
    def compiled(self) -> Any:
        """Of its parts, the one that computes loss and gradient."""
        return self.__dict__["_value_and_gradient"]

    def step(self, x: Any, y: Any, sample_weight: Any) -> Any:
        """One step of the model's optimizer, the metrics seeing the weights before.

        Returns: as `training.step.train_step`.
        """
        model: Any = self.model()
        self.batch = x, y, sample_weight
        self.variables = _weights(model)
        if not self.variables:
            raise ArgumentError(
                f"{model.label} has no trainable weights, so {model.optimizer.name} has nothing to move."
            )  # type: ignore[union-attr]
        start = [v.value for v in self.variables]
        try:
            model.optimizer.step(self)
            found = [v.value for v in self.variables]
            assign(self.variables, start)
            results = self._run("_observe")
            assign(self.variables, found)
        except BaseException:
            assign(self.variables, start)
            raise
        finally:
            self.batch = None, None, None
        return results

    def value(self) -> float:
        return float(self._run("_value"))

    def value_and_gradient(self) -> tuple[float, Weights]:
        value, gradient = self._run("_value_and_gradient")
        return float(value), gradient

    def hessian_product(self, v: Weights) -> Weights:
        return self._run("_hessian_product", v)

    def gauss_newton_product(self, v: Weights) -> Weights:
        return self._run("_gauss_newton_product", v)

    def _run(self, name: str, *more: Any) -> Any:
        function: Any = self.__dict__[name]
        if self.model().run_eagerly or state.observer is not None:  # type: ignore[union-attr]
            function = function.f
        with no_grad():
            return function(*self.batch, *more)

    # The parts: functions of the batch alone, so that plans know all that they depend on

    @staticmethod
    def _value(model: Any, x: Any, y: Any, sample_weight: Any) -> Tensor:
        with _Undone():
            return detach(_loss(model(), x, y, sample_weight))

    @staticmethod
    def _value_and_gradient(model: Any, x: Any, y: Any, sample_weight: Any) -> tuple[Tensor, Weights]:
        weights = _weights(model())
        with _Undone():
            loss = _loss(model(), x, y, sample_weight)
        found: list[Tensor | None] = [None] * len(weights)
        if loss._node is not None:
            found = gradients([(loss, wrap(ops.ones_like(loss)._value))], [w._node for w in weights], record=False)
        if all(g is None for g in found):
            raise steps.independent()
        return detach(loss), [ops.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]

    @staticmethod
    def _hessian_product(model: Any, x: Any, y: Any, sample_weight: Any, v: Weights) -> Weights:
        with _Undone():
            products = hvp(lambda _: _loss(model(), x, y, sample_weight), (_weights(model()),), (v,))
        return [detach(p) for p in products]

    @staticmethod
    def _gauss_newton_product(model: Any, x: Any, y: Any, sample_weight: Any, v: Weights) -> Weights:
        """J' H (J v), the pullback of the outputs serving twice: J v is the derivative of J' u by u, along v."""
        own, weights = model(), _weights(model())
        y_pred: Any = None
        added: list[Any] = []

        def outputs(_: Any) -> list[Tensor]:
            nonlocal y_pred
            own._clear_losses()
            y_pred = own(x, training=True)
            added[:] = own.losses
            return _outputs(y_pred)

        def loss(z: list[Tensor]) -> Tensor:
            return steps.loss_of(own, x, y, _with_outputs(y_pred, z), sample_weight, training=True)

        with _Undone(), enable_grad():
            z, pull = vjp(outputs, weights)
            forward = vjp(lambda u: pull(u)[0], [ops.zeros_like(leaf) for leaf in z])[1]
            tangent = forward(v)[0]
            curved = jvp(grad(loss), (z,), (tangent,))[1]
            products = [detach(p) for p in pull([detach(c) for c in curved])[0]]
        if added:  # penalties depend on the weights themselves
            with _Undone():
                more = hvp(lambda _: _penalty(own, x), (weights,), (v,))
            products = [p + detach(m) for p, m in zip(products, more, strict=True)]
        return products

    @staticmethod
    def _observe(model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
        """The forward pass that counts: it moves moving averages, generators and metrics."""
        y_pred, loss = steps.forward(model(), x, y, sample_weight)
        with no_grad():
            return steps.update_metrics(model(), x, y, y_pred, sample_weight, loss)


class _Undone(Context):
    """Puts back what is assigned inside, by operations that a plan records."""

    def __enter__(self) -> Any:
        self.first: dict[Any, Tensor] = {}
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        with no_grad():
            for variable, value in self.first.items():
                variable.assign(value)

    def assigns(self, variable: Any, source: Any = None) -> None:
        if variable not in self.first:
            self.first[variable] = detach(variable._uncast())


def _weights(model: Any) -> list[Any]:
    """What is trained, in the order in which the optimizer was built for it, if it was."""
    own = [v for v in model.trainable_variables if v.requires_grad]
    known = model.optimizer._trainable_variables
    return known if {id(v) for v in known} == {id(v) for v in own} else own


def _loss(model: Any, x: Any, y: Any, sample_weight: Any) -> Tensor:
    return steps.forward(model, x, y, sample_weight)[1]


def _penalty(model: Any, x: Any) -> Tensor:
    """The sum of the losses that layers add."""
    model._clear_losses()
    with enable_grad():
        model(x, training=True)
        return functools.reduce(operator.add, model.losses)


def _outputs(y_pred: Any) -> list[Tensor]:
    """What a loss may read of a model's outputs: these, and the logits that a softmax or sigmoid keeps beside each."""
    found = []
    for leaf in flatten(y_pred):
        logits = getattr(leaf, "_logits", None)
        found += [leaf] if logits is None else [leaf, logits[1]]
    return [leaf for leaf in found if leaf.dtype.kind == "f"]


def _with_outputs(y_pred: Any, z: list[Tensor]) -> Any:
    """`y_pred` with `z` in the place of `_outputs(y_pred)`."""
    rest = iter(z)
    leaves = []
    for leaf in flatten(y_pred):
        new = alias(next(rest)) if leaf.dtype.kind == "f" else leaf
        logits, mask = getattr(leaf, "_logits", None), getattr(leaf, "_mask", None)
        if logits is not None:
            new._logits = logits[0], next(rest), *logits[2:]
        if mask is not None:
            new._mask = mask
        leaves.append(new)
    return pack(y_pred, leaves)
