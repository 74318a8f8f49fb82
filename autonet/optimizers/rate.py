"""Learning rates in the forms in which they are given: numbers, schedules, functions, and Keras 1's words."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet import ops
from autonet.common.dtypes import floatx
from autonet.common.lines import warn
from autonet.common.signatures import no_argument, taken
from autonet.common.types import TensorLike
from autonet.common.versions import Versioned
from autonet.core import Tensor
from autonet.core.state import capturing
from autonet.errors import ArgumentError
from autonet.legacy import LegacyWarning
from autonet.optimizers.schedules import FunctionSchedule, InverseTimeDecay, LearningRateSchedule, deserialize
from autonet.serialization import objects
from autonet.variable import Variable


class AskedRate(LearningRateSchedule):
    """What a function without arguments says when it is asked, which happens before each step and outside it.

    Its last answer is kept in a Variable, which captured steps read.
    """

    def __init__(self, function: Callable[[], Any]):
        self.function = function
        self.answer = Variable(float(function()), dtype=floatx(), trainable=False, name="learning_rate")

    def ask(self) -> None:
        """Ask anew, unless a step is being captured."""
        if not capturing():
            self.answer.assign(float(self.function()))

    def __call__(self, step: TensorLike) -> Tensor:
        self.ask()
        return self.answer.value


class HasRate(Versioned):
    """The part of an optimizer that holds its learning rate."""

    name: str
    _rate: Variable | LearningRateSchedule
    _variables: list[Variable]
    _iterations: Variable
    _epochs: Variable | None = None  # number of epochs begun, where the rate counts them
    _unfixed = frozenset({"learning_rate", "lr"})  # a property: a new number goes into a Variable

    @property
    def learning_rate(self) -> Variable | Tensor:
        """The learning rate: a Variable, or what the schedule says now. Assign a number, a Variable or a schedule."""
        if not isinstance(self._rate, LearningRateSchedule):
            return self._rate
        counts = self._rate.counts_epochs
        return self._checked(self._rate(ops.maximum(self._count_epochs() - 1, 0) if counts else self._iterations))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        new = value if isinstance(value, Variable) else read_rate(self.name, value)
        if not isinstance(new, (Variable, LearningRateSchedule)):
            if isinstance(self._rate, LearningRateSchedule):
                raise ArgumentError(
                    f"The learning rate of {self.name} follows {self._rate!r}, so no number can be set. "
                    "Make the optimizer with a number instead, or assign another schedule or a Variable."
                )
            self._rate.assign(new)
            return
        self._variables = [v for v in self._variables if v is not self._rate]
        if isinstance(new, Variable):
            self._variables.insert(1, new)
        self._rate = new
        if getattr(new, "counts_epochs", False):
            self._count_epochs()

    @property
    def lr(self) -> Variable | Tensor:
        """The learning rate, by Keras 1's and 2's name; a warning says today's."""
        warn("optimizer.lr is Keras 1's or 2's word: write optimizer.learning_rate.", LegacyWarning)
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        warn("optimizer.lr is Keras 1's or 2's word: write optimizer.learning_rate.", LegacyWarning)
        self.learning_rate = value

    def _checked(self, rate: Tensor) -> Tensor:
        """`rate` itself; ArgumentError if it is negative or NaN."""
        value: Any = getattr(rate, "_value", rate)
        if np.ndim(value) == 0 and not value >= 0:  # of captured steps, the first; `fit` looks after each epoch
            raise ArgumentError(
                f"{self.name}: its learning rate is {float(value):g} after {int(self._iterations)} steps, by its "
                f"{type(self._rate).__name__}. It must be at least 0, or training goes uphill; mend the schedule, as with "
                "ops.maximum(rate, 0.0)."
            )
        return rate

    def _count_epochs(self) -> Variable:
        """The number of epochs that were begun: a Variable that is there once a rate wants it."""
        if self._epochs is None:
            self._epochs = Variable("zeros", shape=(), dtype="int64", trainable=False, name="epoch")
            self._epochs.path = f"{self.name}/epoch"
            self._variables.insert(1, self._epochs)
        return self._epochs

    def begin_epoch(self) -> None:
        """`fit` begins an epoch: a rate that changes by epoch hears of it."""
        if self._epochs is not None:
            self._epochs.assign_add(1)

    @property
    def asks(self) -> bool:
        """Whether the learning rate is a function that has to be asked before each step."""
        return isinstance(self._rate, AskedRate)

    def refresh(self) -> None:
        """Ask a learning rate that is a function without arguments anew: before a captured step is replayed."""
        if isinstance(self._rate, AskedRate):
            self._rate.ask()
            self._checked(self._rate.answer.value)


def serialize_rate(rate: Variable | LearningRateSchedule) -> Any:
    """The learning rate in a configuration."""
    if isinstance(rate, AskedRate):
        return objects.serialize_keras_object(rate.function)
    return objects.serialize_keras_object(rate) if isinstance(rate, LearningRateSchedule) else float(rate)


def read_rate(who: str, value: Any) -> LearningRateSchedule | Any:
    """A learning rate as the user gave it: a schedule, or a number or Tensor."""
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, Tensor) and value.shape == ():
        return value
    if isinstance(value, (int, float, np.number, np.ndarray)) and not isinstance(value, bool) and np.ndim(value) == 0:
        return float(value)
    if isinstance(value, dict):
        return deserialize(value)
    if callable(value):
        if _takes(value):
            return AskedRate(value)
        if _takes(value, 0):
            return FunctionSchedule(value)
        raise ArgumentError(
            f"{who}: a learning rate that is a function must take nothing, or the step, a Tensor, as its one argument; "
            f"{value!r} does not. Write for example lambda step: 0.1 / (1 + 0.01 * step)."
        )
    raise ArgumentError(
        f"{who} expects learning_rate to be a number, a schedule, or a function of the step; received {value!r}. "
        "Write the number itself, as 0.01."
    )


def modernize(
    cls: type[Any], learning_rate: float | LearningRateSchedule | Callable[..., Any], old: dict[str, Any]
) -> Any:
    """The learning rate that Keras 1's words `lr` and `decay` mean; any other word is an error."""
    for name in old:
        if name not in ("lr", "decay"):
            raise no_argument(cls.__name__, name, [n for n in taken(cls.__init__, cls) if n != "old"])
    if "lr" in old:
        message = f"{cls.__name__}: write learning_rate=... instead of lr=..., which is Keras 1's word."
        warn(message, LegacyWarning)
        learning_rate = old["lr"]
    if old.get("decay"):
        today = "learning_rate=schedules.InverseTimeDecay(rate, 1, decay)"
        message = f"{cls.__name__}: write {today} instead of decay=..., which is Keras 1's word."
        warn(message, LegacyWarning)
        learning_rate = InverseTimeDecay(learning_rate, 1, old["decay"])  # type: ignore[arg-type]
    return learning_rate


def _takes(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether `function` can be called with these arguments; one in C that does not say takes the step."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:
        return bool(arguments)
    return True
