"""Optimizer: what all have in common. Their formulas stand in the files beside this one."""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from autonet import ops
from autonet.common.lines import warn
from autonet.common.types import TensorLike
from autonet.core import Tensor, backward, convert_to_tensor, no_grad
from autonet.core.state import state
from autonet.errors import ArgumentError, NotBuiltError, ShapeError
from autonet.optimizers import clipping, schedules
from autonet.optimizers.rate import modernize, serialize_rate
from autonet.optimizers.schedules import LearningRateSchedule
from autonet.optimizers.state import HasState
from autonet.serialization import objects
from autonet.stateless import StatelessScope, holding
from autonet.untrusted.faults import described
from autonet.utils.naming import unique_name
from autonet.variable import Variable

COMMON = (  # arguments of all optimizers
    *("weight_decay", "clipnorm", "global_clipnorm", "clipvalue"),
    *("use_ema", "ema_momentum", "ema_overwrite_frequency"),
    *("loss_scale_factor", "gradient_accumulation_steps"),
)


class Optimizer(HasState):
    """Moves weights against their gradients.

    A subclass names its slots, the Variables shaped like each weight that it keeps, and writes its formula as
    `update(self, w, g, <slots>, *, lr, t)`, with `assign`, `assign_add`, `assign_sub`. See `Adam` for an example.
    A step does, in this order: unscale the loss, accumulate, clip, decay the weights, update, average, constrain.

    Args:
        learning_rate: a number, a `LearningRateSchedule`, a function of the step (see `schedules.FunctionSchedule`), or
            one without arguments, which is asked before each step.
        weight_decay: w <- w - learning_rate weight_decay w before each update; None for none.
        clipnorm: greatest length of the gradient of each weight; longer ones are scaled down.
        clipvalue: greatest absolute value in a gradient; larger ones are cut.
        global_clipnorm: greatest length of all gradients together. Only one of the three may be given.
        use_ema: keep a running mean of each weight, average <- ema_momentum average + (1 - ema_momentum) w. At the end
            of training it becomes the weight.
        ema_momentum: see there, in [0, 1].
        ema_overwrite_frequency: number of updates after which, again and again, the means become the weights.
        loss_scale_factor: number by which `scale_loss` multiplies losses and `apply` divides gradients.
        gradient_accumulation_steps: number of calls of `apply`, at least 2, whose mean gradient makes one update.
        name: first part of the paths of its Variables.

    >>> class Plain(Optimizer):
    ...     def update(self, w, g, *, lr, t):
    ...         w.assign_sub(lr * g)
    >>> w = Variable([1.0, 2.0])
    >>> Plain(0.5).apply([ops.ones((2,))], [w])
    >>> w.numpy().tolist()
    [0.5, 1.5]
    """

    slots: tuple[str, ...] = ()  # names of what is kept for each weight; zeros at first
    needs_function = False  # whether steps need the loss as a function of the weights, as `SearchingOptimizer`'s do
    optional_slots: tuple[str, ...] = ()  # those that an argument asks for; `update` receives them by keyword

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule | Callable[..., Any],
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **old: Any,
    ):
        self.name = name or unique_name(objects.snake_case(type(self).__name__))
        learning_rate = modernize(type(self), learning_rate, old)
        clipping.check(self.name, clipnorm, clipvalue, global_clipnorm)
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ArgumentError(f"{self.name} expects ema_momentum in [0, 1]; received {ema_momentum!r}.")
        self._check_count("ema_overwrite_frequency", ema_overwrite_frequency, 1)
        self._check_count("gradient_accumulation_steps", gradient_accumulation_steps, 2)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._begin_state(learning_rate)
        self._undecayed: set[Variable] = set()
        self._undecayed_names: list[str] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let `help` and `inspect.signature` show the common arguments that a constructor passes on."""
        super().__init_subclass__(**kwargs)
        init = cls.__dict__.get("__init__")
        if init is None:
            return
        own = list(inspect.signature(init).parameters.values())
        if own[-1].kind is inspect.Parameter.VAR_KEYWORD:
            names = {p.name for p in own}
            common = [p for p in inspect.signature(Optimizer.__init__).parameters.values() if p.name not in names]
            if "learning_rate" not in names:  # what has no default cannot follow what has one, except by keyword
                common = [p.replace(kind=p.KEYWORD_ONLY) if p.kind is not p.VAR_KEYWORD else p for p in common]
            init.__signature__ = inspect.Signature(own[:-1] + common)

    def __repr__(self) -> str:
        rate = repr(self._rate) if isinstance(self._rate, LearningRateSchedule) else f"{float(self._rate):.6g}"
        return f"<{type(self).__name__} {self.name!r}, learning_rate={rate}, iterations={int(self.iterations)}>"

    # The formula: what subclasses write

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Move one weight and its slots: `update(self, w, g, <slots>, *, lr, t)`.

        Args:
            w: the weight.
            g: its gradient, clipped, of its shape and dtype.
            <slots>: the Variables named in `slots`; those named in `optional_slots` come as keywords.
            lr: the learning rate, of w's dtype.
            t: the number of this update, 1 for the first, of w's dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update(self, w, g, <slots>, *, lr, t).")

    def initial_slot(self, name: str) -> float:
        """The value that fills slot `name` at first."""
        return 0.0

    def begin_update(self, t: Tensor) -> None:
        """Called once before the weights are updated, for state that all of them share."""

    @property
    def stepping(self) -> "list[Optimizer]":
        """The optimizers that have a learning rate and move weights: itself, or those that it passes its steps on to."""
        return [self]

    # Building

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the Variables that are kept for each weight. Happens by itself at the first `apply`.

        Raises: ArgumentError if it was built for other weights already.
        """
        variables = list(variables)
        if self.built:
            return self._check_known(variables)
        self._trainable_variables = variables
        self._position = {v: i for i, v in enumerate(variables)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average", 0.0)
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator", 0.0)
        self._slots = {name: [] for name in (*self.slots, *self.optional_slots)}
        for v in variables:
            for name in self.slots:
                self._slots[name].append(self.add_variable_from_reference(v, name, self.initial_slot(name)))
        for name in self.optional_slots:
            self._slots[name] = self.add_optimizer_variables(variables, name, self.initial_slot(name))
        self.built = True

    # Stepping

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Variable] | None = None) -> None:
        """Make one step with the given gradients.

        Args:
            grads: a gradient for each weight, None where there is none.
            trainable_variables: the weights; by default those for which the optimizer was built.

        Raises: ArgumentError, NotBuiltError or ShapeError if gradients and weights do not belong together.
        """
        if not isinstance(grads, Iterable):
            raise ArgumentError(f"{self.name}: apply() expects a list of gradients; received {type(grads).__name__}.")
        grads = list(grads)
        variables = None if trainable_variables is None else list(trainable_variables)
        if not grads and not variables:
            raise self._nothing("apply() received no gradients")
        if state.observer is not None:
            state.observer.touch(self)
        with no_grad():
            if state.contexts and any(context.applies(self, grads, variables) for context in state.contexts):
                return
            grads, variables = self._pair(grads, variables)
            if variables:
                self._step(grads, variables)
            self._iterations.assign_add(1)
        for context in state.contexts if state.recording else ():
            for v, g in zip(variables, grads, strict=True):
                if g._node is not None:  # a derivative, which the weight hides from now on
                    context.assigns(v, g._node)

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Iterable[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """A step on other values than those of the weights and of `variables`, which stay as they are.

        Args:
            optimizer_variables: a value for each of `variables`.
            grads: a gradient for each weight.
            trainable_variables: a value for each weight for which the optimizer was built.

        Returns: the weights and `variables` after the step.

        Raises: NotBuiltError before build(); ArgumentError and ShapeError for values that do not fit.
        """
        if not self.built:
            raise NotBuiltError(f"{self.name} knows no weights yet: call build(variables) before stateless_apply().")
        weights, own = list(self._trainable_variables), list(self.variables)
        pairs = holding(weights, trainable_variables, f"{self.name}.stateless_apply", "weights")
        pairs += holding(own, optimizer_variables, f"{self.name}.stateless_apply", "variables")
        with StatelessScope(pairs) as scope:
            self.apply(grads, weights)
            return [scope.read(v) for v in weights], [scope.read(v) for v in own]

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable | Tensor:
        """`apply` with (gradient, weight) pairs.

        Returns: `iterations`.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def minimize(self, loss_fn: Callable[[], Tensor], variables: Iterable[Variable] | None = None) -> Tensor:
        """Make one step that lowers `loss_fn()`.

        Args:
            loss_fn: function without arguments that computes one number from the weights.
            variables: the weights; by default those for which the optimizer was built.

        Returns: the loss before the step.
        """
        if variables is None:
            self._check_built("minimize() without variables")
            variables = self._trainable_variables
        variables = list(variables)
        frozen = [v.path for v in variables if not v.requires_grad]
        if frozen:
            raise ArgumentError(f"{self.name}.minimize() received frozen variables: {', '.join(frozen)}.")
        loss = loss_fn()
        if not variables:
            raise self._nothing("minimize() received no variables")
        scaled = self.scale_loss(loss)
        pairs = [(scaled, backward.seed(scaled, None))]
        nodes = [v._node for v in variables if v._node is not None]
        self.apply(backward.gradients(pairs, nodes, record=False), variables)
        return loss

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def _step(self, grads: list[Any], variables: list[Variable]) -> None:
        if self.loss_scale_factor is not None:
            grads = [g / self.loss_scale_factor for g in grads]
        if not self.gradient_accumulation_steps:
            self._update(grads, variables)
        else:
            # Every call computes an update, and most put it back: a captured step has no branches.
            n = self.gradient_accumulation_steps
            last = ops.equal((self._iterations + 1) % n, 0)
            sums = [self._accumulators[self._get_variable_index(v)] for v in variables]
            totals = [s + g for s, g in zip(sums, grads, strict=True)]
            kept = {self._iterations, self._rate, *self._averages, *self._accumulators}
            moving = [*variables, *(v for v in self._variables if v not in kept)]
            before = [v.value for v in moving]
            self._update([g / n for g in totals], variables)
            for v, old in zip(moving, before, strict=True):
                v.assign(ops.where(last, v, old))
            for s, total in zip(sums, totals, strict=True):
                s.assign(ops.where(last, ops.zeros_like(total), total))
        if self.use_ema:
            self._average()
        for v in variables:
            if v.constraint is not None:
                v.assign(v.constraint(v))

    def _update(self, grads: list[Any], variables: list[Variable]) -> None:
        grads = self._clip(grads)
        rate = self.learning_rate
        t = self.iterations + 1
        scalars = {v.dtype: (ops.cast(rate, v.dtype), ops.cast(t, v.dtype)) for v in variables}
        for w in variables:
            decay = self._decay(w)
            if decay is not None:
                w.assign_sub(w * (decay * scalars[w.dtype][0]))
        self.begin_update(t)
        custom = type(self).update_step is not Optimizer.update_step
        for w, g in zip(variables, grads, strict=True):
            if custom:
                self.update_step(g, w, rate)
            else:
                self._update_one(w, g, *scalars[w.dtype])

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Move one weight. A subclass written for Keras overrides this and `build`, instead of `slots` and `update`."""
        dtype = variable.dtype
        t = ops.cast(self.iterations + 1, dtype)
        self._update_one(variable, ops.cast(gradient, dtype), ops.cast(learning_rate, dtype), t)

    def _update_one(self, w: Variable, g: Tensor, lr: Tensor, t: Tensor) -> None:
        i = self._get_variable_index(w)
        slots = [self._slots[name][i] for name in self.slots]
        optional = {name: self._slots[name][i] for name in self.optional_slots}
        self.update(w, g, *slots, lr=lr, t=t, **optional)

    def _clip(self, grads: list[Any]) -> list[Any]:
        if self.clipvalue is not None:
            return clipping.by_value(grads, self.clipvalue)
        if self.clipnorm is not None:
            return clipping.by_norm(grads, self.clipnorm)
        if self.global_clipnorm is not None:
            return clipping.by_global_norm(grads, self.global_clipnorm)
        return grads

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Spare weights the decay: the given ones, and those in whose name one of the given patterns is found."""
        self._undecayed = set(var_list or ())
        self._undecayed_names = list(var_names or ())

    def _decay(self, w: Variable) -> float | None:
        """The weight decay of `w`, None for none."""
        return None if self._is_spared(w) else self._decay_of(w)

    def _is_spared(self, w: Variable) -> bool:
        return w in self._undecayed or any(re.search(p, w.name) for p in self._undecayed_names)

    def _decay_of(self, w: Variable) -> float | None:
        return self.weight_decay

    def _average(self) -> None:
        later = ops.not_equal(self.iterations, 0)  # at first the mean is the weight itself
        overwrite = None
        if self.ema_overwrite_frequency:
            overwrite = ops.equal((self.iterations + 1) % self.ema_overwrite_frequency, 0)
        for w, average in zip(self._trainable_variables, self._averages, strict=True):
            momentum = ops.cast(later, w.dtype) * self.ema_momentum
            average.assign(momentum * average + (1 - momentum) * w)
            if overwrite is not None:
                w.assign(ops.where(overwrite, average, w))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """At the end of training: let the running means become the weights, if `use_ema` asked for them."""
        var_list = list(var_list)
        if self.use_ema and self.built:
            self._check_known(var_list)
            stepped = ops.not_equal(self._iterations, 0)
            for v in var_list:
                v.assign(ops.where(stepped, self._averages[self._get_variable_index(v)], v))

    def assign(self, variable: Variable, value: TensorLike) -> None:
        """`variable.assign(value)`; this and the next two are for subclasses written for Keras."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: TensorLike) -> None:
        """`variable.assign_add(value)`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: TensorLike) -> None:
        """`variable.assign_sub(value)`."""
        variable.assign_sub(value)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this optimizer, without its state."""
        return {
            "name": self.name,
            "learning_rate": serialize_rate(self._rate),
            **{key: getattr(self, key) for key in COMMON},
        }

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The optimizer that `get_config` described."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"], custom_objects)
        return cls(**config)

    # Checks

    def _pair(self, grads: list[Any], variables: Iterable[Variable] | None) -> tuple[list[Any], list[Variable]]:
        """Gradients as Tensors, and the weights that have one."""
        if variables is None:
            self._check_built("apply() without variables")
            variables = self._trainable_variables
        variables = list(variables)
        if len(grads) != len(variables):
            raise ArgumentError(
                f"{self.name}.apply() expects {len(variables)} gradients, one for each variable; received {len(grads)}."
            )
        if self.built:
            self._check_known(variables)
        else:
            self.build(variables)
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        if missing and len(missing) == len(variables):
            raise ArgumentError(f"{self.name}.apply() received no gradient for any variable: {', '.join(missing)}.")
        if missing:
            warn(
                f"There are no gradients for the variables {', '.join(missing)}: the loss does not depend on them. "
                "They stay as they are."
            )
        pairs = []
        for g, v in zip(grads, variables, strict=True):
            if g is None:
                continue
            g = convert_to_tensor(g, v.dtype)
            if g.shape != v.shape:
                raise ShapeError(f"{self.name}: {v.path!r} has shape {v.shape}; its gradient has shape {g.shape}.")
            if v.overwrite_with_gradient:
                v.assign(g)
            else:
                pairs.append((g, v))
        return [g for g, _ in pairs], [v for _, v in pairs]

    def _nothing(self, what: str) -> ArgumentError:
        return ArgumentError(
            f"{self.name}.{what}, so there is nothing to move. Layers have no weights before they are built: build them, "
            "or call them once, and ask for trainable_variables after that."
        )

    def _check_flag(self, name: str, value: Any) -> None:
        """Keras 1 and 2 had `decay` in the place of some flags: a number there is none."""
        if value not in (True, False) or isinstance(value, float):
            raise ArgumentError(
                f"{self.name} expects {name} to be True or False; received {value!r}. Write further ones by name."
            )

    def _check_count(self, name: str, value: Any, least: int) -> None:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ArgumentError(f"{self.name} expects {name} to be an integer >= {least} or None; received {value!r}.")
