"""Scales: what values a parameter may have, and how likely each is.

A scale is a map between positions from 0 to 1 and values. A draw is the value at a position that is drawn uniformly; a grid
has evenly spaced positions; a picture shows values at their positions; a search that zooms cuts an interval of positions.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.errors import ArgumentError

Value = str | float | bool | None | tuple[Any, ...]  # of a parameter


class Scale:
    """Base of scales.

    Attributes:
        low, high: the ends, both included.
    """

    low: Any
    high: Any

    def at(self, position: float) -> Value:
        """The value at a position from 0 to 1."""
        raise NotImplementedError

    def position(self, value: Value) -> float:
        """The position of a value: `at` undone, up to rounding; of integers and choices, the middle of their share."""
        raise NotImplementedError

    def contains(self, value: object) -> bool:
        """Whether a value is on the scale."""
        return _is_number(value) and self.low <= value <= self.high

    def read(self, value: Value) -> Value:
        """A value of the scale as it was before it was JSON."""
        return value

    def grid(self, points: int) -> list[Any]:
        """At most `points` values, evenly spaced on the scale, both ends included; one point is the middle."""
        positions = [0.5] if points == 1 else np.linspace(0, 1, points).tolist()
        return list(dict.fromkeys(self.at(p) for p in positions))

    def ticks(self) -> list[Any]:
        """A few round values, for pictures."""
        steps = np.array([1, 2, 5])
        raw = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(raw))
        step = power * float(steps[np.argmin(np.abs(steps - raw / power))])
        first = math.ceil(self.low / step)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def describe(self) -> dict[str, Any]:
        """Class and arguments, as plain values."""
        return {"scale": type(self).__name__, **vars(self)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, vars(self).values()))})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class Uniform(Scale):
    """Real numbers from `low` to `high`, equally likely.

    >>> Uniform(0, 0.5).at(0.5)
    0.25
    """

    def __init__(self, low: float, high: float):
        self.low, self.high = _ends(self, low, high)

    def at(self, position: float) -> float:
        return min(max(self.low + (self.high - self.low) * position, self.low), self.high)

    def position(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


class Log(Scale):
    """Real numbers from `low` to `high`, each factor equally likely: as many from 0.001 to 0.01 as from 0.01 to 0.1.

    For what matters by its order of magnitude: learning rates, factors of penalties.

    >>> round(Log(1e-4, 1e-2).at(0.5), 9)
    0.001
    """

    def __init__(self, low: float, high: float):
        self.low, self.high = _ends(self, low, high)
        if self.low <= 0:
            raise ArgumentError(f"Log expects low above 0; received {low!r}. Use Uniform, or a low that is small.")

    def at(self, position: float) -> float:
        value = math.exp(math.log(self.low) + (math.log(self.high) - math.log(self.low)) * position)
        return self.low if position <= 0 else self.high if position >= 1 else min(max(value, self.low), self.high)

    def position(self, value: float) -> float:
        return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    def ticks(self) -> list[float]:
        return _decades(self.low, self.high)


class OneMinus(Scale):
    """Real numbers from `low` to `high`, below 1, whose distance from 1 is on a logarithmic scale.

    For the momenta of running means: from 0.9 to 0.999, where means are over 1 / (1 - value) = 10 to 1,000 steps.

    >>> round(OneMinus(0.9, 0.999).at(0.5), 9)
    0.99
    """

    def __init__(self, low: float, high: float):
        self.low, self.high = _ends(self, low, high)
        if self.high >= 1:
            raise ArgumentError(f"OneMinus expects high below 1; received {high!r}. Write 0.999 or the like.")

    def at(self, position: float) -> float:
        near, far = math.log(1 - self.high), math.log(1 - self.low)
        value = 1 - math.exp(far + (near - far) * position)
        return self.low if position <= 0 else self.high if position >= 1 else min(max(value, self.low), self.high)

    def position(self, value: float) -> float:
        near, far = math.log(1 - self.high), math.log(1 - self.low)
        return (math.log(1 - value) - far) / (near - far)

    def ticks(self) -> list[float]:
        return [round(1 - x, 12) for x in reversed(_decades(1 - self.high, 1 - self.low))]


class Integer(Scale):
    """Whole numbers from `low` to `high`, both included, equally likely; with `log`, smaller ones as on a logarithmic scale.

    >>> Integer(16, 128).at(0.5), Integer(16, 128, log=True).at(0.5)
    (72, 45)
    """

    def __init__(self, low: int, high: int, log: bool = False):
        self.low, self.high = _ends(self, low, high, int)
        self.log = bool(log)
        if self.log and self.low < 1:
            raise ArgumentError(f"Integer expects low of at least 1 where log=True; received {low!r}.")

    def at(self, position: float) -> int:
        if self.log:
            value = math.floor(math.exp(math.log(self.low) + math.log((self.high + 1) / self.low) * position))
        else:
            value = self.low + math.floor((self.high - self.low + 1) * position)
        return min(max(value, self.low), self.high)

    def position(self, value: int) -> float:
        if self.log:
            return (
                (math.log(value) + math.log(value + 1) - 2 * math.log(self.low))
                / 2
                / math.log((self.high + 1) / self.low)
            )
        return (value - self.low + 0.5) / (self.high - self.low + 1)

    def contains(self, value: object) -> bool:
        return super().contains(value) and value == int(value)  # type: ignore[call-overload]

    def ticks(self) -> list[int]:
        if self.log:
            return list(dict.fromkeys(max(1, round(x)) for x in _decades(self.low, self.high)))
        if self.high - self.low < 6:
            return list(range(self.low, self.high + 1))
        return list(dict.fromkeys(int(x) for x in super().ticks() if x == int(x)))


class Choice(Scale):
    """One of some values, equally likely: texts, numbers, booleans, None, or tuples of such.

    For anything else, such as layers, choose among names, and look the name up where the model is built.

    >>> Choice(["relu", "tanh"]).at(0.7)
    'tanh'
    """

    def __init__(self, options: Sequence[Any]):
        if isinstance(options, (str, bytes)) or not isinstance(options, (list, tuple)):
            raise ArgumentError(f"Choice expects a list of options; received {options!r}. Write Choice([...]).")
        if not options:
            raise ArgumentError("Choice expects at least one option; received an empty list.")
        for option in options:
            if not _is_plain(option):
                raise ArgumentError(
                    f"Choice expects texts, numbers, booleans, None, or tuples of them; received {option!r}. Choose among "
                    "names, and look the name up where the model is built."
                )
        self.options = [_plain(option) for option in options]
        if any(_same(a, b) for n, a in enumerate(self.options) for b in self.options[:n]):
            raise ArgumentError(f"Choice expects options that differ; received {options!r}. Name each once.")

    def at(self, position: float) -> Value:
        return self.options[min(int(len(self.options) * position), len(self.options) - 1)]

    def position(self, value: Value) -> float:
        return (self._number(value) + 0.5) / len(self.options)

    def _number(self, value: Any) -> int:
        return next(n for n, option in enumerate(self.options) if _same(option, value))

    def contains(self, value: object) -> bool:
        return any(_same(option, value) for option in self.options)

    def read(self, value: Value) -> Value:
        return self.options[self._number(value)]

    def grid(self, points: int) -> list[Any]:
        return list(self.options)

    def ticks(self) -> list[Any]:
        return list(self.options)


def zoom(scale: Scale, positions: Sequence[float], shrink: float) -> Scale:
    """The part of a scale around some positions, `shrink` as wide: centred on their mean, moved inside where it sticks out.

    Of a Choice, the options at these positions.
    """
    if isinstance(scale, Choice):
        kept = {int(len(scale.options) * p) for p in positions}
        return Choice([option for n, option in enumerate(scale.options) if n in kept])
    start = min(max(float(np.mean(positions)) - shrink / 2, 0.0), 1 - shrink)
    low: Any = scale.at(start)
    high: Any = scale.at(start + shrink)
    if isinstance(scale, Integer):
        return Integer(low, high, scale.log) if low < high else Choice([low])
    return type(scale)(low, high)  # type: ignore[call-arg]


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _ends(scale: Scale, low: Any, high: Any, kind: type = float) -> tuple[Any, Any]:
    name = type(scale).__name__
    whole = kind is int
    if not (_is_number(low) and _is_number(high)) or (whole and (low != int(low) or high != int(high))):
        what = "whole numbers" if whole else "numbers"
        raise ArgumentError(f"{name} expects {what} as low and high; received {low!r} and {high!r}.")
    if not low < high:
        raise ArgumentError(
            f"{name} expects low below high; received {low!r} and {high!r}. For one value: Choice([value])."
        )
    return kind(low), kind(high)


def _decades(low: float, high: float) -> list[float]:
    """The powers of ten from low to high; where there are fewer than two, their ones, twos and fives; else the ends."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 2, 5)):
        found = [x for p in powers for d in digits if low * (1 - 1e-9) <= (x := d * 10.0**p) <= high * (1 + 1e-9)]
        if len(found) > 1:
            return found
    return [low, high]


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(v) for v in value)
    return value is None or isinstance(value, (str, bool, np.bool_)) or _is_number(value)


def _plain(value: Any) -> Any:
    """With numbers of Python, and tuples for lists."""
    if isinstance(value, (tuple, list)):
        return tuple(_plain(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _same(a: Any, b: Any) -> bool:
    """Equal, and of one kind: True is not 1. A list, as JSON gives it, may stand for a tuple."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and a == b
