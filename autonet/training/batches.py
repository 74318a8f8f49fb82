"""Data as batches: arrays, generators, PyDatasets and other iterables, each as a source of (x, y, sample_weight)."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from autonet.core.tensor import Tensor, to_array
from autonet.core.trees import flatten, map_structure
from autonet.errors import ArgumentError, DataError
from autonet.random.seeds import SeedGenerator
from autonet.utils.datasets import PyDataset, made_ahead

Batch = tuple[Any, Any, Any]  # x, y, sample_weight: trees of arrays, None where there is none


def unpack(batch: Any) -> Batch:
    """A batch as (x, y, sample_weight), from x alone or a tuple of up to three."""
    if not isinstance(batch, tuple):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise DataError(f"A batch is x, (x, y) or (x, y, sample_weight); received a tuple of {len(batch)}.")
    return (*batch, None, None)[:3]


def rows(tree: Any) -> int:
    """Number of samples in a tree of arrays."""
    leaves = [a for a in flatten(tree) if a is not None]
    if not leaves or not leaves[0].ndim:
        raise DataError("A batch holds arrays with one axis for the samples; received none.")
    return leaves[0].shape[0]


class ArrayBatches:
    """Batches cut from arrays in memory: row `order[i]` of `data` is the i-th of an epoch."""

    def __init__(self, data: Batch, batch_size: int | None, shuffle: Any, steps: int | None, float_dtype: str):
        self.data: Batch = tuple([_arrays(part, name, float_dtype) for part, name in zip(data, _NAMES, strict=True)])
        self.size = _common_length(self.data)
        if batch_size is None:
            batch_size = 32
            if steps is not None:
                batch_size = max(-(-self.size // steps), 1)
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ArgumentError(f"batch_size expects a whole number of at least 1; received {batch_size!r}.")
        self.batch_size = int(batch_size)
        available = -(-self.size // self.batch_size)
        self.steps: int | None = available if steps is None else min(steps, available)
        self.shuffle = shuffle
        self.generator = SeedGenerator() if shuffle else None

    def order(self) -> np.ndarray | None:
        """The rows of one epoch in order, None for their own; each call is another epoch's."""
        if self.generator is None:
            return None
        state = self.generator.next().numpy()
        draws = np.random.Generator(np.random.Philox(key=int(state[0]), counter=[0, 0, 0, int(state[1])]))
        if self.shuffle == "batch":
            blocks = [np.arange(i, min(i + self.batch_size, self.size)) for i in range(0, self.size, self.batch_size)]
            last = [blocks.pop()] if blocks and len(blocks[-1]) < self.batch_size else []
            return np.concatenate([blocks[i] for i in draws.permutation(len(blocks))] + last)
        return draws.permutation(self.size)

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        order = self.order()
        assert self.steps is not None
        for step in range(self.steps):
            yield self.batch(order, step)

    def batch(self, order: np.ndarray | None, step: int) -> Batch:
        """The rows of one step."""
        at: Any = slice(step * self.batch_size, min((step + 1) * self.batch_size, self.size))
        if order is not None:
            at = order[at]
        return tuple([map_structure(lambda a: None if a is None else a[at], part) for part in self.data])

    def end_epoch(self) -> None:
        """Nothing to do."""


_NAMES = ("x", "y", "sample_weight")


def _arrays(tree: Any, name: str, float_dtype: str) -> Any:
    """A tree of arrays, floats in the model's dtype."""

    def one(value: Any) -> Any:
        if value is None:
            return None
        try:
            array = value._value if isinstance(value, Tensor) else np.asarray(value)
            if array.dtype.kind in "OUS":
                if array.dtype.kind == "U":
                    return array  # text, for layers that take text
                array = to_array(value)
        except (ValueError, TypeError) as error:
            raise DataError(f"{name} cannot be used as an array: {error}") from None
        if array.dtype.kind == "f" and array.dtype != float_dtype:
            array = array.astype(float_dtype)
        if not array.ndim:
            raise DataError(f"{name} needs an axis for the samples; received a single number.")
        return array

    if isinstance(tree, list) and tree and all(isinstance(v, (int, float, bool)) or np.ndim(v) == 0 for v in tree):
        return one(np.asarray(to_array(tree)))  # a plain list of numbers, not of inputs
    if isinstance(tree, (list, tuple)) and tree and all(isinstance(v, (list, tuple)) for v in tree):
        return one(np.asarray(to_array(tree)))  # nested lists of numbers
    return map_structure(one, tree)


def _common_length(data: Batch) -> int:
    lengths = {
        f"{name}{[i] if len(leaves) > 1 else ''}": a.shape[0]
        for name, part in zip(_NAMES, data, strict=True)
        for leaves in [[a for a in flatten(part) if a is not None]]
        for i, a in enumerate(leaves)
    }
    if not lengths:
        raise DataError("There is no data: x is empty.")
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {n}" for name, n in lengths.items())
        raise DataError(f"All arrays must have one number of samples; received {told}.")
    return next(iter(lengths.values()))


class StreamBatches:
    """Batches that somebody else makes: a generator, an iterable, or a PyDataset."""

    def __init__(self, source: Any, shuffle: Any, steps: int | None, float_dtype: str):
        self.source = source
        self.float_dtype = float_dtype
        self.again = isinstance(source, PyDataset) or (hasattr(source, "__iter__") and not hasattr(source, "__next__"))
        self.generator = SeedGenerator() if shuffle and isinstance(source, PyDataset) else None
        self.steps = steps
        self.running: Iterator | None = None
        if steps is None and hasattr(source, "__len__"):
            self.steps = len(source)

    def _new(self) -> Iterator:
        if isinstance(self.source, PyDataset):
            n = self.source.num_batches
            if n is None:
                return made_ahead(self.source, itertools.count())
            order: Any = range(n)
            if self.generator is not None:
                state = self.generator.next().numpy()
                order = np.random.Generator(
                    np.random.Philox(key=int(state[0]), counter=[0, 0, 0, int(state[1])])
                ).permutation(n)
            return made_ahead(self.source, order)
        return iter(self.source)

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch: `steps` of them if that is known, else all there are."""
        if hasattr(self.source, "on_epoch_begin"):
            self.source.on_epoch_begin()
        if self.running is None or (self.again and not self._goes_on()):
            self.running = self._new()
        done = 0
        while done != self.steps:
            batch = next(self.running, None)
            if batch is None and self.again and self._goes_on():
                self.running = self._new()  # an iterable that is cut by steps_per_epoch begins anew
                batch = next(self.running, None)
            if batch is None:
                self.running = None if self.again else self.running
                if not done and self.steps is None:
                    raise DataError("The data ended before the first batch: the generator or data set is empty.")
                if self.steps is not None:
                    warnings.warn(
                        f"The data ended after {done} of {self.steps} batches, so training stops. "
                        "Let the generator run on, or lower steps_per_epoch.",
                        stacklevel=2,
                    )
                return
            yield self._clean(batch)
            done += 1

    def _goes_on(self) -> bool:
        """Whether an epoch continues where the last one stopped, as for a stream cut by steps_per_epoch."""
        return self.steps is not None and not hasattr(self.source, "__len__")

    def _clean(self, batch: Any) -> Batch:
        return tuple([_arrays(part, name, self.float_dtype) for part, name in zip(unpack(batch), _NAMES, strict=True)])

    def end_epoch(self) -> None:
        """Tell the data set, which may change itself."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


class WeightedBatches:
    """Batches of another source, each sample weighted by its class."""

    def __init__(self, source: Any, class_weight: dict[int, float]):
        self.source = source
        self.table = {int(k): float(w) for k, w in class_weight.items()}

    @property
    def steps(self) -> int | None:
        return self.source.steps

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        for x, y, weight in self.source.epoch():
            own = class_weights(y, self.table)
            yield x, y, own if weight is None else weight * own

    def end_epoch(self) -> None:
        self.source.end_epoch()


def class_weights(y: Any, table: dict[int, float]) -> np.ndarray:
    """The weight of each sample's class, 1 for classes that the table leaves out; y holds classes or one-hot rows."""
    if not isinstance(y, np.ndarray):
        raise ArgumentError("class_weight works with a single array of targets; weight the others by sample_weight.")
    classes = (
        np.argmax(y, -1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(y.shape[0], -1)[:, 0] if y.ndim > 1 else y
    )
    classes = np.rint(classes).astype(np.int64)
    weights = np.ones(classes.shape, np.float32)
    for k, w in table.items():
        weights[classes == k] = w
    return weights


def make_batches(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: Any = False,
    steps: int | None = None,
    class_weight: dict[int, float] | None = None,
    float_dtype: str = "float32",
) -> Any:
    """The right source of batches for whatever `fit`, `evaluate` or `predict` was given as `x`.

    Raises: ArgumentError where arguments contradict each other; DataError for data that cannot be used.
    """
    if x is None:
        raise ArgumentError("There is no data: x is None. Pass arrays, a generator, or a PyDataset.")
    if steps is not None and (not isinstance(steps, (int, np.integer)) or steps < 1):
        raise ArgumentError(f"The number of steps expects a whole number of at least 1; received {steps!r}.")
    if class_weight is not None and sample_weight is not None and not _is_stream(x):
        sample_weight = np.asarray(sample_weight) * class_weights(
            np.asarray(y), {int(k): float(w) for k, w in class_weight.items()}
        )
        class_weight = None
    if _is_stream(x):
        if y is not None or sample_weight is not None:
            named = "y" if y is not None else "sample_weight"
            raise ArgumentError(
                f"{named} cannot be given beside a generator or data set: let it yield (x, y) or (x, y, sample_weight)."
            )
        source: Any = StreamBatches(x, shuffle, steps, float_dtype)
    elif class_weight is not None:
        data = _arrays(y, "y", float_dtype)
        table = {int(k): float(w) for k, w in class_weight.items()}
        return ArrayBatches((x, data, class_weights(data, table)), batch_size, shuffle, steps, float_dtype)
    else:
        source = ArrayBatches((x, y, sample_weight), batch_size, shuffle, steps, float_dtype)
    return WeightedBatches(source, class_weight) if class_weight is not None else source


def _is_stream(x: Any) -> bool:
    if isinstance(x, PyDataset) or hasattr(x, "__next__"):
        return True
    if isinstance(x, (np.ndarray, Tensor, list, tuple, dict)) or hasattr(x, "__array__"):
        return False
    return hasattr(x, "__iter__")


def split_validation(data: Batch, fraction: float) -> tuple[Batch, Batch]:
    """The first part of the rows for training, the last `fraction` for validation, before any shuffling."""
    if not 0 < fraction < 1:
        raise ArgumentError(f"validation_split expects a share between 0 and 1; received {fraction!r}.")
    if _is_stream(data[0]):
        raise ArgumentError("validation_split needs arrays; for a generator or data set pass validation_data.")
    arrays: Batch = tuple([_as_is(part, name) for part, name in zip(data, _NAMES, strict=True)])
    n = _common_length(arrays)
    cut = int(np.floor(n * (1 - fraction)))
    if cut == 0 or cut == n:
        raise ArgumentError(f"validation_split={fraction} of {n} samples leaves one part empty.")

    def part(start: int, stop: int) -> Batch:
        return tuple([map_structure(lambda a: None if a is None else a[start:stop], p) for p in arrays])

    return part(0, cut), part(cut, n)


def _as_is(tree: Any, name: str) -> Any:
    if isinstance(tree, list) and tree and not hasattr(tree[0], "shape"):
        return to_array(tree)
    return map_structure(lambda a: a if a is None else np.asarray(a), tree)
