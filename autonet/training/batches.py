"""Sources of batches (x, y, sample_weight): arrays in memory, or streams: generators, iterables, PyDatasets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from autonet.common.frames import is_frame
from autonet.common.lines import warn
from autonet.common.switches import limited
from autonet.common.trees import flatten
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError
from autonet.random.seeds import SeedGenerator, numpy_generator
from autonet.training.data import Batch, class_table, clean, cut, length, split, unpack, weigh
from autonet.training.missing_classes import tell_missing_classes
from autonet.utils.datasets import PyDataset, made_ahead
from autonet.utils.disk import DiskArray, DiskDataset, ReadAhead


class ArrayBatches:
    """Batches cut from arrays.

    Args:
        data: (x, y, sample_weight), trees of arrays.
        batch_size: samples per batch; by default 32, or what makes `steps` batches of all.
        shuffle: False; True for a new order of the rows in each pass; "batch" for a new order of the batches.
        steps: batches per epoch, by default one pass.
        endless: an epoch goes on where the last one stopped, and begins a new pass where one ends. Otherwise each epoch
            starts with the first row, and `steps` is only a limit.
        seed: of the orders; None for the next of the global stream.

    Arrays on disk stay there: the rows of a batch are read ahead of it, by threads, and orders are not held in memory.

    Attributes:
        steps: batches per epoch.
    """

    def __init__(
        self, data: Batch, batch_size: Any, shuffle: Any, steps: int | None, endless: bool, seed: int | None = None
    ):
        self.data = data
        self.size = length(data)
        if not self.size:
            raise DataError("There is no data: the arrays have no rows. Look at what selected them.")
        if batch_size is None:
            batch_size = 32 if steps is None else -(-self.size // steps)
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ArgumentError(
                f"batch_size expects a whole number of at least 1; received {batch_size!r}. Leave it out for 32."
            )
        if shuffle not in (True, False, None, "batch"):
            raise ArgumentError(f'shuffle expects True, False or "batch"; received {shuffle!r}.')
        self.batch_size = int(batch_size)
        self.available = -(-self.size // self.batch_size)
        self.endless = endless and steps is not None
        self.steps: int = self.available if steps is None else steps if endless else min(steps, self.available)
        self.shuffle = shuffle
        self.generator = SeedGenerator(seed) if shuffle else None
        self.order: Any = None
        self.order_from: list[int] = []  # the generator's state from which it was drawn
        self.position = 0  # of the pass: batches that were taken
        self.read: dict[Any, Any] = {}  # what layers made of the texts among the data
        self.cut: Any = cut  # what makes a batch of the data and its rows
        self.on_disk = any(isinstance(a, DiskArray) for part in data for a in flatten(part))
        self.ahead = ReadAhead(self._read) if self.on_disk else None

    def _new_order(self) -> Any:
        """The rows of one pass in order, None for their own. For data on disk it is not held in memory."""
        if self.ahead is not None:
            self.ahead.clear()
        if self.generator is None:
            return None
        self.order_from = self.generator.state.numpy().tolist()
        draws = numpy_generator(self.generator)
        if self.shuffle != "batch":
            return draws.permutation(self.size)
        starts = np.arange(0, self.size, self.batch_size)
        whole = self.size // self.batch_size
        starts[:whole] = draws.permutation(starts[:whole])  # a ragged one stays the last
        return np.concatenate([np.arange(s, min(s + self.batch_size, self.size)) for s in starts.tolist()])

    def ranges(self) -> Iterator[tuple[int, int]]:
        """The batches of one epoch, as ranges of numbers within a pass, whose `order` holds meanwhile."""
        left = self.steps
        if not self.endless:
            self.position = 0
        while left:
            if self.position in (0, self.available):
                self.order, self.position = self._new_order(), 0
            first, count = self.position, min(left, self.available - self.position)
            yield first, first + count
            self.position += count
            left -= count

    def tell(self) -> dict[str, Any]:
        """Between epochs: what `seek` needs to make the coming epochs again."""
        begins = not self.endless or self.position in (0, self.available)
        if self.generator is None:
            return {"order": [], "position": 0 if begins else self.position}
        if begins:
            return {"order": self.generator.state.numpy().tolist(), "position": 0}
        return {"order": self.order_from, "position": self.position}

    def seek(self, place: dict[str, Any]) -> None:
        """Go to a position that `tell` returned, of the same data."""
        if self.generator is not None:
            self.generator.state.assign(np.array(place["order"], np.uint32))
        self.position = int(place["position"])
        if self.position:
            self.order = self._new_order()

    def batch(self, number: int) -> Batch:
        """Batch `number` of the pass."""
        return self._read(number) if self.ahead is None else self.ahead.take(number, self.available)

    def _read(self, number: int) -> Batch:
        at: Any = slice(number * self.batch_size, min((number + 1) * self.batch_size, self.size))
        return self.cut(self.data, at if self.order is None else self.order[at])

    def rows(self, number: int | None) -> np.ndarray | None:
        """Which rows of the data step `number` of an epoch takes; None where that is not known."""
        if number is None or self.endless:
            return None
        first, last = number * self.batch_size, min((number + 1) * self.batch_size, self.size)
        return np.arange(first, last) if self.order is None else self.order[first:last]

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        for first, last in self.ranges():
            for number in range(first, last):
                yield self.batch(number)

    def again(self, label: str) -> ArrayBatches:
        """The same rows, each once, in their own order."""
        return ArrayBatches(self.data, self.batch_size, False, None, False)

    def has_more(self) -> bool:
        """Whether there will be another epoch: always."""
        return True

    def end_epoch(self) -> None:
        """Nothing to do."""


class StreamBatches:
    """Batches that somebody else makes: a generator, an iterable, or a PyDataset.

    Args:
        source: what makes them.
        shuffle: whether a PyDataset's batches come in a new order each time, unless its order is its own.
        steps: batches per epoch, by default all there are.
        float_dtype: for floats.
        table: weights of classes, or None.
        endless: as for arrays; what can be walked only once goes on from epoch to epoch in any case.
        keep: remember what can be walked only once, and walk that in later epochs.
    """

    def __init__(
        self,
        source: Any,
        shuffle: Any,
        steps: int | None,
        float_dtype: str,
        table: dict[int, float] | None,
        endless: bool,
        keep: bool,
    ):
        self.source = source
        self.float_dtype = float_dtype
        self.table = table
        self.known = _known_length(source)
        self.once = hasattr(source, "__next__")
        self.endless = endless and steps is not None and not self.once
        self.steps = self.known if steps is None else steps
        if not self.endless and self.known is not None and steps is not None:
            self.steps = min(steps, self.known)
        if isinstance(source, PyDataset) and self.steps is None:
            raise ArgumentError(
                "This PyDataset has no end (its num_batches is None): say how many batches to take, with "
                "steps_per_epoch, validation_steps or steps."
            )
        reordered = shuffle and isinstance(source, PyDataset) and not source._ordered
        self.generator = SeedGenerator() if reordered else None
        self.kept: list[Batch] | None = [] if keep and self.once and steps is None else None
        self.running: Iterator | None = None
        self.ahead: list[Any] = []  # at most one batch, taken to see whether there is one
        self.last: Any = None  # the batch under way

    def _new_pass(self) -> Iterator:
        if self.once or not isinstance(self.source, PyDataset):
            return iter(self.source)
        if self.known is None:
            return made_ahead(self.source, itertools.count())
        order: Any = range(self.known)
        if self.generator is not None:
            order = numpy_generator(self.generator).permutation(self.known)
        return made_ahead(self.source, order)

    def _next(self) -> Any:
        """The next batch, `_END` after the last."""
        if self.ahead:
            return self.ahead.pop()
        return next(self.running, _END) if self.running is not None else _END

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch: `steps` of them if that is known, else all there are."""
        if hasattr(self.source, "on_epoch_begin"):
            self.source.on_epoch_begin()
        fresh = self.running is None or not (self.once or self.endless)
        if fresh:
            self.running = self._new_pass()
        seen = list(self.kept or ())
        for self.last in seen:
            yield self.last
        done = len(seen)
        while done != self.steps:
            batch = self._next()
            if batch is _END and self.endless and not fresh:
                self.running, fresh = self._new_pass(), True
                continue
            if batch is _END:
                break
            fresh = False
            cleaned = weigh(clean(unpack(batch), self.float_dtype), self.table)
            if self.kept is not None:
                self.kept.append(cleaned)
            self.last = cleaned
            yield cleaned
            done += 1
        if not done:
            raise DataError(
                "The data ended before the first batch: the generator or data set is empty. "
                "Make a new generator for each call, or pass arrays."
            )
        if self.steps is not None and done < self.steps:
            warn(
                f"The data ended after {done} of {self.steps} batches. Let it yield more of them, or ask for fewer steps."
            )

    def tell(self) -> dict[str, Any]:
        """Between epochs: what `seek` needs. Of a generator's or an endless data set's own state it knows nothing."""
        place = {"order": [] if self.generator is None else self.generator.state.numpy().tolist(), "position": 0}
        own = self.source.get_state() if isinstance(self.source, PyDataset) else {}
        return {**place, "source": own} if own else place

    def seek(self, place: dict[str, Any]) -> None:
        """Go to a position that `tell` returned, of the same data.

        Raises: DataError if this data cannot be walked again from the start of an epoch, or is another.
        """
        if self.once or self.endless:
            raise DataError(
                "A training on a generator, or on parts of a data set (steps_per_epoch), cannot be resumed: nobody knows "
                "where its data stood. Pass arrays or a PyDataset, or remove the backup."
            )
        if self.generator is not None:
            self.generator.state.assign(np.array(place["order"], np.uint32))
        if isinstance(self.source, PyDataset) and ("source" in place or self.source.get_state()):
            self.source.set_state(place.get("source", {}))

    def batch(self, number: int) -> Batch:
        """The batch under way, the only one that is at hand."""
        return self.last

    def rows(self, number: int | None) -> None:
        """Which rows of the data a step takes: nobody knows."""

    def again(self, label: str) -> StreamBatches:
        """The same batches, from the first on.

        Raises: ArgumentError for what can be walked only once, and for what has no end.
        """
        if self.once or (self.known is None and not isinstance(self.source, PyDataset) and self.endless):
            raise ArgumentError(
                f"{label}: callbacks.TrainingEvaluation walks the training data again, which a generator does not allow. Pass "
                "arrays or a PyDataset."
            )
        return StreamBatches(self.source, False, self.steps, self.float_dtype, self.table, False, False)

    def has_more(self) -> bool:
        """Whether another epoch will have a batch."""
        if not self.once or self.running is None or self.kept is not None:
            return True
        if not self.ahead:
            batch = self._next()
            if batch is not _END:
                self.ahead.append(batch)
        return bool(self.ahead)

    def end_epoch(self) -> None:
        """Tell the data set, which may change itself."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


_END = object()


def _known_length(source: Any) -> int | None:
    """Number of batches of one pass, None if it is not known."""
    if isinstance(source, PyDataset):
        return source.num_batches
    try:
        return len(source)
    except TypeError:
        return None


def make_batches(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: Any = False,
    steps: int | None = None,
    class_weight: Any = None,
    float_dtype: str = "float32",
    endless: bool = False,
    keep: bool = False,
) -> Any:
    """The right source of batches for whatever `fit`, `evaluate` or `predict` was given as `x`.

    Raises: ArgumentError where arguments contradict each other; DataError for data that cannot be used.
    """
    if x is None:
        raise ArgumentError("There is no data: x is None. Pass arrays, a generator, or a PyDataset.")
    if steps is not None and (not isinstance(steps, (int, np.integer)) or steps < 1):
        raise ArgumentError(
            f"The number of steps expects a whole number of at least 1; received {steps!r}. Leave it out for all batches."
        )
    steps = None if steps is None else int(steps)
    table = None if class_weight is None else class_table(class_weight)
    seed = None
    if isinstance(x, DiskDataset) and y is None and sample_weight is None and x.is_whole():
        seed, shuffle, batch_size = x.seed, bool(shuffle) and x.shuffled, x.batch_size
        x, y, sample_weight = x.x, x.y, x.sample_weight
    if not is_stream(x):
        data = weigh(clean((x, y, sample_weight), float_dtype, lazy=True), table)
        return _limited(ArrayBatches(data, batch_size, shuffle, steps, endless, seed))
    if y is not None or sample_weight is not None:
        named = "y" if y is not None else "sample_weight"
        raise ArgumentError(
            f"{named} cannot be given beside a generator or data set: let it yield (x, y) or (x, y, sample_weight)."
        )
    return _limited(StreamBatches(x, shuffle, steps, float_dtype, table, endless, keep))


def _limited(batches: Any) -> Any:
    """With no more steps than `config.set_max_steps_per_epoch` allows."""
    batches.steps = limited("steps_per_epoch", batches.steps)
    return batches


def is_stream(x: Any) -> bool:
    """Whether `x` makes batches, rather than being data."""
    if isinstance(x, PyDataset) or hasattr(x, "__next__"):
        return True
    if isinstance(x, (np.ndarray, Tensor, list, tuple, dict, str, bytes)):
        return False
    if is_frame(x) or hasattr(x, "__array__") or hasattr(x, "toarray"):
        return False
    return hasattr(x, "__iter__")


def held_out(data: Batch, fraction: float, float_dtype: str) -> tuple[Batch, Batch]:
    """`data` without, and only, the last `fraction` of its rows."""
    if is_stream(data[0]):
        raise ArgumentError("validation_split expects arrays; received a generator or data set: pass validation_data.")
    return split(data, fraction, float_dtype)


def fit_batches(
    x: Any,
    y: Any,
    sample_weight: Any,
    *,
    batch_size: int | None,
    shuffle: Any,
    steps_per_epoch: int | None,
    class_weight: Any,
    validation_split: float,
    validation_data: Any,
    validation_steps: int | None,
    validation_batch_size: int | None,
    float_dtype: str,
    loss: Any = None,
) -> tuple[Any, Any]:
    """Sources of batches for training and for validation (None without) from the arguments of `fit`."""
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = held_out((x, y, sample_weight), validation_split, float_dtype)
        tell_missing_classes(loss, y, validation_data[1], validation_split)
    batches = make_batches(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        steps=steps_per_epoch,
        class_weight=class_weight,
        float_dtype=float_dtype,
        endless=True,
    )
    if validation_data is None:
        return batches, None
    return batches, make_batches(
        *unpack(validation_data),
        batch_size=validation_batch_size or batch_size,
        steps=validation_steps,
        float_dtype=float_dtype,
        keep=True,
    )
