"""Texts in a step: the layers that read them run ahead of it, and the plan begins with the numbers that they give.

No plan holds texts. While a step is captured, each array of texts among its arguments is a `Texts`. A layer that reads one
becomes a `Reading`: its result is an input of the program, computed before each run. Any other use of the texts is an
obstacle, since a replay would not repeat it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autonet.common.trees import flatten, map_structure
from autonet.compiler.program import CONSTANT, INPUT, VARIABLE, Instruction, Value
from autonet.core.state import no_grad, state
from autonet.core.tensor import Tensor, wrap

MOVES = frozenset("copy flatten ravel repeat reshape squeeze swapaxes take transpose".split())
FIXED = frozenset("dtype flags itemsize nbytes ndim shape size strides".split())  # what the signature tells
MOST = 1 << 28  # bytes of what texts of a whole data set may become; more is made batch by batch
LOOKED = (
    "this line looks at texts themselves, which a captured step cannot repeat. Give them as they came in to a layer that "
    "reads texts, such as TextVectorization or StringLookup."
)


def is_texts(x: Any) -> bool:
    """Whether an array holds strings."""
    kind = x.dtype.kind
    return kind in "UST" or (kind == "O" and all(isinstance(v, (str, bytes)) for v in x.flat))


class Texts(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of texts that a captured step was given: it can be cut and reshaped, and handed to layers that read texts.

    Args:
        array: the texts.
        number: which of the step's arrays of texts they come from.
        places: where each of them stands in that array, counted in C order.
    """

    def __init__(self, array: np.ndarray, number: int, places: np.ndarray):
        self._array, self._number, self._places = array, number, places

    __class__ = property(lambda self: np.ndarray)  # type: ignore[assignment]  # what it is outside of a capture

    def _read(self) -> np.ndarray:
        if state.observer is not None:
            state.observer.refuse(LOOKED)
        return self._array

    def _moved(self, array: Any, places: Any) -> Any:
        return Texts(array, self._number, places) if isinstance(array, np.ndarray) else self._one(array)

    def _one(self, text: Any) -> Any:
        self._read()
        return text

    def __getitem__(self, key: Any) -> Any:
        return self._moved(self._array[key], self._places[key])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # such as __array_struct__, by which NumPy would get round __array__
            raise AttributeError(name)
        value = getattr(self._array, name)
        if name in FIXED:
            return value
        if name in MOVES:
            places = getattr(self._places, name)
            return lambda *args, **kwargs: self._moved(value(*args, **kwargs), places(*args, **kwargs))
        if name == "T":
            return self._moved(value, self._places.T)
        self._read()
        return value

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self._read(), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*[x._read() if type(x) is Texts else x for x in inputs], **kwargs)

    def __contains__(self, text: Any) -> bool:
        return text in self._read()

    def __bool__(self) -> bool:
        return bool(self._read())

    def __str__(self) -> str:
        return str(self._read())

    __repr__ = __str__


class _TextSource:
    """In a Reading's arguments: texts from one of the step's arrays."""

    def __init__(self, number: int, places: np.ndarray, shape: tuple[int, ...]):
        self.number = number
        self.places = None if np.array_equal(places, np.arange(math.prod(shape)).reshape(shape)) else places
        self.key = (number, None if self.places is None else (places.shape, places.tobytes()))
        self.width = math.prod(shape[1:])

    def take(self, texts: list[np.ndarray], numbers: list[np.ndarray]) -> np.ndarray:
        """The texts to read."""
        array = texts[self.number]
        return array if self.places is None else array.reshape(-1)[self.places]

    def take_rows(self, texts: list[np.ndarray], numbers: list[np.ndarray]) -> np.ndarray | None:
        """The same of arrays with any number of rows; None where rows are not taken one by one, in order."""
        array, places = texts[self.number], self.places
        if places is None:
            return array
        if not places.ndim or not len(places):
            return None
        starts = self.width * np.arange(len(places)).reshape(-1, *[1] * (places.ndim - 1))
        if (places - starts != places[0]).any():
            return None
        return array.reshape(len(array), -1)[:, places[0]]


class _NumberSource:
    """In a Reading's arguments: numbers that the program computes from inputs and constants alone."""

    def __init__(self, value: Value, instructions: list[Instruction]):
        self.value, self.instructions = value, instructions
        self.key = (value.id, value.kind)

    def take(self, texts: list[np.ndarray], numbers: list[np.ndarray]) -> Tensor:
        """These numbers, by the primitives' own bodies."""
        made: dict[Value, np.ndarray] = {}
        array = lambda v: numbers[v.source] if v.kind == INPUT else v.source if v.kind == CONSTANT else made[v]
        with np.errstate(all="ignore"):  # the captured run said what there is to say
            for i in self.instructions:
                results = i.primitive.body(*[array(v) for v in i.operands], **i.settings)
                made.update(zip(i.results, results if isinstance(results, tuple) else (results,), strict=True))
        return wrap(np.asarray(array(self.value)))

    def take_rows(self, texts: list[np.ndarray], numbers: list[np.ndarray]) -> Tensor | None:
        """The same of arrays with any number of rows, if they are an input as it is."""
        return wrap(numbers[self.value.source]) if self.value.kind == INPUT else None


class Reading:
    """A layer's call on texts, to be repeated before each run.

    Attributes:
        key: equal for equal calls.
        varies: whether the result's shape may differ between arrays of texts of one shape.
    """

    def __init__(self, layer: Any, args: tuple, kwargs: dict[str, Any], sources: list[Any]):
        self.layer, self.args, self.kwargs, self.sources = layer, args, kwargs, sources
        self.key = (id(layer), *[source.key for source in sources])
        self.varies = getattr(layer, "lengths_vary", False)

    def run(self, texts: list[np.ndarray], numbers: list[np.ndarray], rows: bool = False) -> np.ndarray | None:
        """What the layer gives.

        Args:
            texts: the step's arrays of texts.
            numbers: its other arrays, then the results of the readings before this one.
            rows: whether the arrays may have another number of rows; then None where that cannot be done.
        """
        found = {id(s): s.take_rows(texts, numbers) if rows else s.take(texts, numbers) for s in self.sources}
        if any(x is None for x in found.values()):
            return None
        exchange = lambda x: found.get(id(x), x)
        args, kwargs = map_structure(exchange, self.args), map_structure(exchange, self.kwargs)
        with no_grad():
            return np.asarray(self.layer(*args, **kwargs)._value, order="C")


def run_all(readings: list[Reading], texts: list[np.ndarray], numbers: list[np.ndarray]) -> list[np.ndarray]:
    """All arrays that the program takes: the numbers, then what the readings give."""
    arrays = list(numbers)
    for reading in readings:
        arrays.append(reading.run(texts, arrays))  # type: ignore[arg-type]
    return arrays


def run_rows(readings: list[Reading], leaves: list[np.ndarray], inputs: list[Value]) -> list[np.ndarray] | None:
    """`run_all` for data with any number of rows, of which a plan for the `inputs` takes some at a time.

    None where that cannot be done, or would take more than `MOST` bytes.
    """
    arrays = [a for a in leaves if a.dtype.kind in "biuf"]
    texts = [a for a in leaves if a.dtype.kind not in "biuf"]
    made = inputs[len(inputs) - len(readings) :]
    if any(r.varies for r in readings) or not texts:
        return None
    if sum(v.nbytes // max(v.shape[0], 1) if v.shape else MOST for v in made) * len(texts[0]) > MOST:
        return None
    for reading in readings:
        array = reading.run(texts, arrays, rows=True)
        if array is None:
            return None
        arrays.append(array)
    return arrays


def read_ahead(recorder: Any, layer: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The call of a layer during a capture as a Reading of the recorder's; None if there are no Texts, or it cannot be.

    It cannot where Variables bear on the result.
    """
    leaves = flatten([args, kwargs])
    if not any(type(x) is Texts for x in leaves) or layer.variables:
        return None
    sources: dict[int, Any] = {}
    for x in leaves:
        if type(x) is Texts:
            sources[id(x)] = _TextSource(x._number, x._places, recorder.texts[x._number].shape)
        elif isinstance(x, Tensor) and (value := recorder.values.get(id(x._value))) is not None:
            instructions = _leading_to(value, recorder.program.instructions)
            if instructions is None:
                return None
            sources[id(x)] = _NumberSource(value, instructions)
    plain = lambda x: x._array if type(x) is Texts else x
    probe = type(recorder)(False)  # sees whether a Variable is read
    state.observer = probe
    try:
        with no_grad():
            result = layer(*map_structure(plain, args), **map_structure(plain, kwargs))
    finally:
        state.observer = recorder
    if not isinstance(result, Tensor) or probe.obstacle or probe.current or probe.program.writes:
        return None
    exchange = lambda x: sources.get(id(x), x)
    args, kwargs = map_structure(exchange, args), map_structure(exchange, kwargs)
    recorder.readings.append(Reading(layer, args, kwargs, list(sources.values())))
    recorder.touch(layer)
    return wrap(recorder.input(result._value))


def _leading_to(value: Value, instructions: list[Instruction]) -> list[Instruction] | None:
    """The instructions that make a value from inputs and constants; None if it needs a Variable."""
    needed, kept = {value}, []
    for i in reversed(instructions):
        if any(r in needed for r in i.results):
            kept.append(i)
            needed.update(i.operands)
    return None if any(v.kind == VARIABLE for v in needed) else kept[::-1]
