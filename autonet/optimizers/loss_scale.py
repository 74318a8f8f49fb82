"""Losses scaled up so that small gradients survive in float16."""

from collections.abc import Iterable
from typing import Any

from autonet import ops
from autonet.core import Tensor, no_grad
from autonet.core.state import state
from autonet.errors import ArgumentError
from autonet.optimizers.base import COMMON, Optimizer
from autonet.serialization import objects
from autonet.untrusted.faults import described
from autonet.variable import Variable

# Options of all optimizers, which older configurations of this one hold too: of no effect with these values.
_WITHOUT_EFFECT = {**dict.fromkeys(COMMON), "use_ema": False, "ema_momentum": 0.99, "dynamic": True}


class LossScaleOptimizer(Optimizer):
    """Another optimizer, given gradients of a loss that is multiplied by a scale, and divided by it again.

        all gradients finite:  the inner optimizer makes its step; after dynamic_growth_steps of these the scale doubles
        else:                  no step; the scale is halved

    Args:
        inner_optimizer: the optimizer that makes the steps; it takes the common options (clipping, decay, averages).
        initial_scale: the scale at first.
        dynamic_growth_steps: number of finite steps in a row after which it doubles.

    Source: Micikevicius et al., 2018, https://arxiv.org/abs/1710.03740

    >>> from autonet.optimizers import SGD
    >>> float(LossScaleOptimizer(SGD(0.1), initial_scale=4.0).scale_loss(2.0))
    8.0
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **old: Any,
    ):
        for option, value in old.items():
            if option not in _WITHOUT_EFFECT:
                raise ArgumentError(
                    f"LossScaleOptimizer has no argument {option!r}: initial_scale, dynamic_growth_steps and name are its own."
                )
            if value != _WITHOUT_EFFECT[option]:
                instead = "loss_scale_factor" if option == "dynamic" else option
                raise ArgumentError(
                    f"LossScaleOptimizer expects {option} to be left out; received {value!r}. Give {instead} to the optimizer "
                    "inside."
                )
        if isinstance(inner_optimizer, dict):
            inner_optimizer = objects.deserialize_keras_object(inner_optimizer)
        if not isinstance(inner_optimizer, Optimizer):
            raise ArgumentError(f"LossScaleOptimizer expects an optimizer to wrap; received {inner_optimizer!r}.")
        super().__init__(0.0, name=name)
        self._check_count("dynamic_growth_steps", dynamic_growth_steps, 1)
        self.inner_optimizer = inner_optimizer
        inner_optimizer.loss_scale_factor = None  # the scale is this one's, and no gradient is divided twice
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps

    def build(self, variables: Iterable[Variable]) -> None:
        variables, first = list(variables), not self.built
        self.inner_optimizer.build(variables)
        super().build(variables)
        if first:
            self.step_counter = self.add_variable((), 0, "int64", name="step_counter")
            self.dynamic_scale = self.add_variable((), self.initial_scale, name="dynamic_scale")

    @property
    def variables(self) -> list[Variable]:
        """Its own state, then the inner optimizer's."""
        return [*super().variables, *self.inner_optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def stepping(self) -> list[Optimizer]:
        return self.inner_optimizer.stepping

    @property
    def asks(self) -> bool:
        return self.inner_optimizer.asks

    def refresh(self) -> None:
        self.inner_optimizer.refresh()

    def reset(self) -> None:
        super().reset()
        self.inner_optimizer.reset()

    def begin_epoch(self) -> None:
        self.inner_optimizer.begin_epoch()

    @property  # type: ignore[misc]
    def iterations(self) -> Variable | Tensor:
        """Number of steps of the inner optimizer."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss times the scale."""
        return loss * (self.dynamic_scale if self.built else self.initial_scale)

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        grads = list(grads)
        if not grads:
            return
        if state.observer is not None:
            state.observer.touch(self)
        with no_grad():
            grads, variables = self._pair(grads, trainable_variables)
            finite: Any = True
            for g in grads:
                finite = ops.logical_and(finite, ops.all(ops.isfinite(g)))
            # Every call makes a step, and puts it back if it must not count: a captured step has no branches.
            moving = [*variables, *self.inner_optimizer.variables]
            before = [v.value for v in moving]
            scaled = [ops.where(finite, g / ops.cast(self.dynamic_scale, g.dtype), 0.0) for g in grads]
            self.inner_optimizer.apply(scaled, variables)
            for v, old in zip(moving, before, strict=True):
                v.assign(ops.where(finite, v, old))
            steps = ops.where(finite, self.step_counter + 1, 0)
            full = ops.greater_equal(steps, self.dynamic_growth_steps)
            factor = ops.where(finite, ops.where(full, 2.0, 1.0), 0.5)
            self.dynamic_scale.assign(self.dynamic_scale * factor)
            self.step_counter.assign(ops.where(full, 0, steps))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def __repr__(self) -> str:
        return f"<LossScaleOptimizer {self.name!r} around {self.inner_optimizer!r}>"

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": objects.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        config = dict(config)
        config["inner_optimizer"] = objects.deserialize_keras_object(
            config["inner_optimizer"], custom_objects=custom_objects
        )
        return cls(**config)
