"""Learning rates that depend on the step: s is the number of updates made so far, 0 at the first.

Every schedule is made of ops, so a captured step computes its rate anew each time. Called with a number they
give a Tensor:

>>> float(ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200))
0.02500000037252903
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Self

from autonet import ops
from autonet.common.dtypes import floatx
from autonet.common.lines import filter_tracebacks
from autonet.common.types import TensorLike
from autonet.common.versions import Versioned
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.serialization import objects
from autonet.untrusted.faults import described


class LearningRateSchedule(Versioned):
    """Base of schedules: a subclass has `__call__(step)`, made of ops, and `get_config()`.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** (step // 100)
    >>> Halving()(250)
    0.25
    """

    counts_epochs = False  # whether an optimizer calls it with the number of completed epochs, rather than of updates

    def __call__(self, step: TensorLike) -> Tensor:
        """The learning rate after `step` updates, a Tensor without axes."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step), made of autonet.ops.")

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this schedule."""
        raise NotImplementedError(f"{type(self).__name__} must define get_config(self) to be saved.")

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The schedule that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        try:
            config = self.get_config()
        except NotImplementedError:
            return f"{type(self).__name__}()"
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in config.items() if k != 'name')})"


class ExponentialDecay(LearningRateSchedule):
    """The rate shrinks by one factor in equal times.

        p = s / decay_steps    (its floor, if staircase)
        rate = initial_learning_rate decay_rate^p

    >>> round(float(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(5)), 4)
    0.0707
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("ExponentialDecay", "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: TensorLike) -> Tensor:
        p = _number(step) / self.decay_steps
        if self.staircase:
            p = ops.floor(p)
        return self.initial_learning_rate * self.decay_rate**p

    def get_config(self) -> dict[str, Any]:
        return _attributes(self, "initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")


class InverseTimeDecay(LearningRateSchedule):
    """The rate shrinks like one over time.

        p = s / decay_steps    (its floor, if staircase)
        rate = initial_learning_rate / (1 + decay_rate p)

    >>> round(float(InverseTimeDecay(0.1, decay_steps=10, decay_rate=0.5)(5)), 4)
    0.08
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("InverseTimeDecay", "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: TensorLike) -> Tensor:
        p = _number(step) / self.decay_steps
        if self.staircase:
            p = ops.floor(p)
        return self.initial_learning_rate / (1 + self.decay_rate * p)

    def get_config(self) -> dict[str, Any]:
        return _attributes(self, "initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")


class PiecewiseConstantDecay(LearningRateSchedule):
    """The rate changes at given steps.

        rate = values[i], i the number of boundaries that s has passed (s > boundary)

    >>> rate = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.1])
    >>> [round(float(rate(s)), 3) for s in (0, 100, 101, 1000)]
    [1.0, 1.0, 0.5, 0.1]
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        boundaries, values = list(boundaries), list(values)
        if len(values) != len(boundaries) + 1:
            raise ArgumentError(
                "PiecewiseConstantDecay expects one value more than boundaries; "
                f"received {len(boundaries)} boundaries and {len(values)} values."
            )
        if any(a >= b for a, b in itertools.pairwise(boundaries)):
            raise ArgumentError(f"PiecewiseConstantDecay expects boundaries that increase; received {boundaries}.")
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: TensorLike) -> Tensor:
        s = _number(step)
        rate = ops.cast(self.values[0], floatx())
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(s > boundary, value, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return _attributes(self, "boundaries", "values", "name")


class PolynomialDecay(LearningRateSchedule):
    """The rate falls along a power of the remaining time, from one value to another.

        d = decay_steps    (if cycle: its smallest multiple that s has not passed)
        rate = (initial_learning_rate - end_learning_rate) (1 - min(s, d) / d)^power + end_learning_rate

    >>> round(float(PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5)), 4)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("PolynomialDecay", "decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: TensorLike) -> Tensor:
        s = _number(step)
        if self.cycle:
            d: Any = self.decay_steps * ops.maximum(ops.ceil(s / self.decay_steps), 1.0)
        else:
            d = self.decay_steps
            s = ops.minimum(s, float(d))
        height = self.initial_learning_rate - self.end_learning_rate
        return height * (1 - s / d) ** self.power + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        return _attributes(self, "initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")


class CosineDecay(LearningRateSchedule):
    """The rate falls along half a cosine wave, after a straight rise if `warmup_target` is given.

        top  = warmup_target, or initial_learning_rate without a warm-up (then warmup_steps counts as 0)
        s < warmup_steps:  rate = initial_learning_rate + (top - initial_learning_rate) s / warmup_steps
        later:             p = min((s - warmup_steps) / decay_steps, 1)
                           rate = top ((1 - alpha) (1 + cos(pi p)) / 2 + alpha)

    Source: Loshchilov, Hutter, 2017, https://arxiv.org/abs/1608.03983

    >>> round(float(CosineDecay(0.1, decay_steps=10)(5)), 4)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("CosineDecay", "decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: TensorLike) -> Tensor:
        s = _number(step)
        if self.warmup_target is None or self.warmup_steps <= 0:
            top = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
            return top * self._fall(s)
        rise = (self.warmup_target - self.initial_learning_rate) * (s / self.warmup_steps) + self.initial_learning_rate
        return ops.where(s < self.warmup_steps, rise, self.warmup_target * self._fall(s - self.warmup_steps))

    def _fall(self, s: Any) -> Any:
        wave = 0.5 * (1 + ops.cos(math.pi * (ops.minimum(s, float(self.decay_steps)) / self.decay_steps)))
        return (1 - self.alpha) * wave + self.alpha

    def get_config(self) -> dict[str, Any]:
        return _attributes(
            self, "initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps"
        )


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosine waves one after the other, each `t_mul` times as long and `m_mul` times as high as the one before.

        x = s / first_decay_steps
        i = number of waves that are over: wave i begins at x_i = 1 + t_mul + ... + t_mul^(i-1)
        p = (x - x_i) / t_mul^i
        rate = initial_learning_rate ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha)

    Source: Loshchilov, Hutter, 2017, https://arxiv.org/abs/1608.03983

    >>> round(float(CosineDecayRestarts(0.1, first_decay_steps=10)(5)), 4)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("CosineDecayRestarts", "first_decay_steps", first_decay_steps)
        if t_mul < 1:
            raise ArgumentError(f"CosineDecayRestarts expects t_mul of at least 1; received {t_mul}.")
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: TensorLike) -> Tensor:
        x = _number(step) / self.first_decay_steps
        if self.t_mul == 1:
            i = ops.floor(x)
            p = x - i
        else:
            i = ops.floor(ops.log(1 + x * (self.t_mul - 1)) / math.log(self.t_mul))
            i = ops.where(x >= self._begin(i + 1), i + 1, i)  # a logarithm rounded down must not delay a restart,
            i = ops.where(x < self._begin(i), i - 1, i)  # nor one rounded up hasten it
            p = (x - self._begin(i)) / self.t_mul**i
        wave = 0.5 * self.m_mul**i * (1 + ops.cos(math.pi * p))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)

    def _begin(self, i: Any) -> Any:
        return (self.t_mul**i - 1) / (self.t_mul - 1)

    def get_config(self) -> dict[str, Any]:
        return _attributes(self, "initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")


class FunctionSchedule(LearningRateSchedule):
    """The rate is what a plain function of the step says.

        rate = function(s)    (function(e), e = 1 + floor(s / steps_per_epoch), if steps_per_epoch is given)

    Args:
        function: takes one Tensor without axes, a float, and returns the rate; made of arithmetic, `autonet.ops` or
            NumPy functions, so that a captured step can repeat it (not of `math`, `if` or `float(step)`).
        steps_per_epoch: if given, the function receives the number of the epoch, 1 for the first.
        name: as for all schedules.

    >>> rate = FunctionSchedule(lambda epoch: 0.5 / ops.sqrt(epoch), steps_per_epoch=100)
    >>> [round(float(rate(s)), 3) for s in (0, 99, 100, 300)]
    [0.5, 0.5, 0.354, 0.25]
    """

    def __init__(
        self, function: Callable[[Tensor], Any], steps_per_epoch: int | None = None, name: str = "FunctionSchedule"
    ):
        if isinstance(function, dict):
            function = objects.deserialize_keras_object(function)
        if not callable(function):
            raise ArgumentError(f"FunctionSchedule expects a function of the step; received {function!r}.")
        if steps_per_epoch is not None:
            _positive("FunctionSchedule", "steps_per_epoch", steps_per_epoch)
        self.function = function
        self.steps_per_epoch = steps_per_epoch
        self.name = name

    def __call__(self, step: TensorLike) -> Tensor:
        s = _number(step)
        if self.steps_per_epoch is not None:
            s = 1 + ops.floor(s / self.steps_per_epoch)
        rate = ops.cast(self.function(s), floatx())
        if rate.shape != ():
            raise ShapeError(
                f"FunctionSchedule expects its function to return one number; it returned shape {rate.shape}."
            )
        return rate

    def get_config(self) -> dict[str, Any]:
        function = objects.serialize_keras_object(self.function)
        return {"function": function, "steps_per_epoch": self.steps_per_epoch, "name": self.name}


class ByEpoch(LearningRateSchedule):
    """The rate changes from epoch to epoch, and stays within each.

        rate = function(e)                  e = 1, 2, ...: the number of the epoch, a float
        rate = schedule(e - 1)              where another schedule is given: its "steps" are epochs

    Literature's usual ones:

        ByEpoch(lambda e: 0.2 / (1 + d * e))        1 / (1 + decay epoch)
        ByEpoch(lambda e: 0.95**e * 0.2)            exponential
        ByEpoch(lambda e: k / ops.sqrt(e) * 0.2)    one over the square root
        ByEpoch(PiecewiseConstantDecay([29, 59], [0.1, 0.01, 0.001]))    steps: lower after 30 and after 60 epochs

    `fit` counts the epochs that it begins, in a Variable of the optimizer, whatever they are made of: arrays, or a generator
    of unknown length. So the count is saved with the optimizer, and a second `fit` goes on with it, as `iterations` does.
    Outside of `fit` (`train_on_batch`, loops of one's own) no epochs are counted: give `steps_per_epoch`.

    Args:
        function: takes one Tensor without axes and returns the rate; made of arithmetic and `autonet.ops` (not of `math`,
            `if` or `float(e)`); or a LearningRateSchedule.
        steps_per_epoch: if given, the epoch is e = 1 + floor(s / steps_per_epoch) instead.
        name: as for all schedules.

    Called by hand it takes the number of completed epochs (with steps_per_epoch: of updates):

    >>> rate = ByEpoch(lambda e: 0.5 / ops.sqrt(e))
    >>> [round(float(rate(completed)), 3) for completed in (0, 1, 3)]
    [0.5, 0.354, 0.25]
    """

    def __init__(
        self,
        function: Callable[[Tensor], Any] | LearningRateSchedule,
        steps_per_epoch: int | None = None,
        name: str = "ByEpoch",
    ):
        if isinstance(function, dict):
            function = deserialize(function)
        if not callable(function):
            raise ArgumentError(f"ByEpoch expects a function of the epoch, or a schedule; received {function!r}.")
        if isinstance(function, LearningRateSchedule) and function.counts_epochs:
            raise ArgumentError("ByEpoch expects a schedule that counts steps, or a function; received a ByEpoch.")
        if steps_per_epoch is not None:
            _positive("ByEpoch", "steps_per_epoch", steps_per_epoch)
        self.function = function
        self.steps_per_epoch = steps_per_epoch
        self.name = name
        self._function = (
            function if isinstance(function, LearningRateSchedule) else FunctionSchedule(function, 1, name=name)
        )

    @property
    def counts_epochs(self) -> bool:  # type: ignore[override]
        return self.steps_per_epoch is None

    def __call__(self, step: TensorLike) -> Tensor:
        completed = _number(step)
        if self.steps_per_epoch is not None:
            completed = ops.floor(completed / self.steps_per_epoch)
        return self._function(completed)

    def get_config(self) -> dict[str, Any]:
        function = objects.serialize_keras_object(self.function)
        return {"function": function, "steps_per_epoch": self.steps_per_epoch, "name": self.name}


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """The dictionary from which `deserialize` rebuilds the schedule."""
    return objects.serialize_keras_object(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LearningRateSchedule:
    """The schedule described by `config`, as `serialize` gave it.

    Args:
        config: {"class_name": ..., "config": {...}} and, if saved by `serialize`, more keys.
        custom_objects: names of the caller's own classes, to the classes.
    """
    known = {c.__name__: c for c in LearningRateSchedule.__subclasses__() if c.__module__ == __name__}
    return objects.deserialize_keras_object(config, custom_objects={**known, **(custom_objects or {})})


def _number(step: Any) -> Any:
    return ops.cast(step, floatx())


def _positive(who: str, name: str, value: float) -> float:
    if isinstance(value, bool) or not value > 0:
        raise ArgumentError(f"{who} expects {name} above 0; received {value!r}.")
    return value


def _attributes(schedule: LearningRateSchedule, *names: str) -> dict[str, Any]:
    return {name: getattr(schedule, name) for name in names}


filter_tracebacks(__name__)
