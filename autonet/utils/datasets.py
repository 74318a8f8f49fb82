"""Data sets that make their elements when asked, and what can be made of them."""

import itertools
import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from autonet.common import processors
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Dataset
from autonet.core.tensor import to_array
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.ops.creation import whole_number
from autonet.random.seeds import SeedGenerator, numpy_generator

Get = Callable[[int], Any]  # gives an element by its number


class PyDataset:
    """Base of data sets written in Python: `len(dataset)` elements, each made by `dataset[i]`.

    A subclass gives `__len__` and `__getitem__`; for `fit` the latter returns a whole batch: x, (x, y) or
    (x, y, sample_weight). In place of `__len__` it may give the property `num_batches`, or neither, if it has no end. Each
    epoch sees every batch once. `on_epoch_begin` and `on_epoch_end` may change what the next epoch sees; a data set that
    does so gives `get_state` and `set_state` too, and a training that is resumed goes on with the same batches.

    `map`, `batch`, `unbatch`, `take`, `skip`, `cache`, `prefetch` and `shuffle` make another data set of this one, by the
    names of tf.data. Each element of it is found by its number, so that workers and a resumed training can begin anywhere.

    Args:
        workers: threads that make batches ahead of the training loop; with 0 or 1 it makes them itself.
        use_multiprocessing: a hint without effect: threads are used in any case, and no array is copied between processes.
        max_queue_size: batches that are made or waiting, at most, with 2 workers or more.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, i):
    ...         return np.arange(2) + 2 * i, (np.arange(2) + 2 * i) ** 2
    >>> [y.tolist() for x, y in Squares()]
    [[0, 1], [4, 9]]
    >>> [y.tolist() for x, y in Squares().map(lambda x, y: (x, y + 1)).skip(1)]
    [[5, 10]]
    """

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10
    _ahead = False  # whether a thread makes elements ahead even without further workers
    _ordered = False  # whether the order of the elements is its own, so that `fit` leaves it

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise TypeError(f"{type(self).__name__} needs a method __getitem__(index) that returns batch number `index`.")

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} needs a method __len__() that returns the number of batches.")

    @property
    def num_batches(self) -> int | None:
        """Number of elements, which `fit` takes as batches, or None for a data set without end."""
        return len(self) if type(self).__len__ is not PyDataset.__len__ else None

    def __iter__(self) -> Iterator[Any]:
        n = self.num_batches
        return made_ahead(self, itertools.count() if n is None else range(n))

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    def get_state(self) -> dict[str, Any]:
        """What decides the order and the contents of the coming epochs, as plain values: a backup of a training keeps it."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to what `get_state` gave."""

    def _begin_pass(self) -> Get:
        """What gives the elements of one pass: an order that was drawn for it holds, whatever others ask meanwhile."""
        return self.__getitem__

    def map(self, map_func: Callable[..., Any], num_parallel_calls: int | None = None) -> Dataset:
        """The elements that `map_func` makes of these.

        Args:
            map_func: called with one element, a tuple's parts as arguments of their own, when the new element is asked
                for. It sees arrays and may return arrays or Tensors. What it draws at random is drawn anew each time, in
                the order of the calls: let it depend on the element alone where a resumed training shall see the same.
            num_parallel_calls: threads that call it, -1 for as many as there are processors; by default `workers`.
        """
        if not callable(map_func):
            raise ArgumentError(f"map expects a function of an element; received {type(map_func).__name__}.")
        return _Mapped(self, map_func, num_parallel_calls)

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """So many elements at a time, their arrays stacked along a new first axis; numbers and texts become arrays.

        Args:
            batch_size: elements in a batch.
            drop_remainder: leave out the last batch where it is smaller.

        Raises (when an element is asked for): ShapeError for arrays of several shapes.
        """
        return _Batched(self, whole_number(batch_size, "batch", "batch_size", 1), drop_remainder)

    def unbatch(self) -> Dataset:
        """The rows of these batches, one by one.

        Without a walk over all batches their sizes must be known: those of the first, with perhaps fewer in the last. In
        another order than their own each row makes its batch anew: `cache` the batches before.
        Raises (when an element is asked for): ShapeError for a batch of another size.
        """
        if isinstance(self, _Batched):
            return self.source.take(len(self) * self.batch_size) if self.drop_remainder else self.source
        return _Unbatched(self)

    def take(self, count: int) -> Dataset:
        """The first `count` elements, or all where there are fewer; -1 for all."""
        count = whole_number(count, "take", "count", -1)
        return _Slice(self, 0, None if count < 0 else count)

    def skip(self, count: int) -> Dataset:
        """All but the first `count` elements; -1 leaves none.

        Of a data set that is shuffled anew in each pass, `take` and `skip` see other elements each time: to hold out data,
        take and skip first, or shuffle with `reshuffle_each_iteration=False`.
        """
        count = whole_number(count, "skip", "count", -1)
        return _Slice(self, 0, 0) if count < 0 else _Slice(self, count, None)

    def cache(self) -> Dataset:
        """The same elements, kept in memory once they were made, read-only: the order and the draws of the first pass stay.

        `shuffle` after it for an order of each pass. (tf.data's `cache(filename)`, to a file, does not exist.)
        """
        return _Cached(self)

    def prefetch(self, buffer_size: int = 2) -> Dataset:
        """The same elements, made by a thread while earlier ones are used.

        Args:
            buffer_size: elements that are made or waiting, at most; -1 (tf.data's AUTOTUNE) for 2. With several `workers`
                as many threads make them.
        """
        return _Prefetched(self, whole_number(buffer_size, "prefetch", "buffer_size", -1))

    def shuffle(
        self, buffer_size: int | None = None, seed: int | None = None, reshuffle_each_iteration: bool = True
    ) -> Dataset:
        """The same elements in an order that is drawn from all orders, for each pass; `fit` then keeps to it.

        Args:
            buffer_size: a hint without effect. tf.data draws from so many elements at a time, so that with fewer than all
                they stay near their places; here numbers are shuffled, which takes no memory worth a limit.
            seed: of the draws; by default from `utils.set_random_seed`.
            reshuffle_each_iteration: whether each pass has an order of its own.
        """
        if buffer_size is not None:
            whole_number(buffer_size, "shuffle", "buffer_size", 1)
        return _Shuffled(self, seed, reshuffle_each_iteration)


Sequence = PyDataset  # its older name in Keras


class OrderedDataset(PyDataset):
    """Base of data sets that may draw an order for each pass: subclasses give `num_batches` and `_walk`.

    `dataset[i]` is element i of the pass that was begun last.
    """

    _current: Get | None = None

    def _walk(self) -> Get:
        """What gives the elements of a new pass."""
        raise NotImplementedError

    def _begin_pass(self) -> Get:
        self._current = self._walk()
        return self._current

    def __len__(self) -> int:
        n = self.num_batches
        if n is None:
            raise TypeError("This data set has no end, and so no len(): take(n) gives its first n elements.")
        return n

    def __getitem__(self, index: int) -> Any:
        i, n = operator.index(index), self.num_batches
        i += n if i < 0 and n is not None else 0
        if i < 0 or (n is not None and i >= n):
            raise IndexError(f"Element {index} of a data set of {n}.")
        return (self._current or self._begin_pass())(i)


class Derived(OrderedDataset):
    """Base of what is made of another data set, `source`: as many elements, the same ones, unless a subclass says more."""

    def __init__(self, source: PyDataset):
        super().__init__(source.workers, source.use_multiprocessing, source.max_queue_size)
        self.source = source
        self._ahead, self._ordered = source._ahead, source._ordered

    @property
    def num_batches(self) -> int | None:
        return self.source.num_batches

    def _walk(self) -> Get:
        return self._of(self.source._begin_pass())

    def _of(self, get: Get) -> Get:
        """What gives an element, from what gives those of the source."""
        return get

    def on_epoch_begin(self) -> None:
        self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.source.on_epoch_end()

    def get_state(self) -> dict[str, Any]:
        return self.source.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        self.source.set_state(state)


class _Mapped(Derived):
    def __init__(self, source: PyDataset, function: Callable[..., Any], calls: int | None):
        super().__init__(source)
        self.function = function
        if calls is not None:
            calls = whole_number(calls, "map", "num_parallel_calls", -1)
            self.workers = calls if calls >= 0 else processors.available()

    def _of(self, get: Get) -> Get:
        def one(i: int) -> Any:
            element = get(i)
            return self.function(*element) if isinstance(element, tuple) else self.function(element)

        return one


class _Batched(Derived):
    def __init__(self, source: PyDataset, batch_size: int, drop_remainder: bool):
        super().__init__(source)
        self.batch_size, self.drop_remainder = batch_size, drop_remainder

    @property
    def num_batches(self) -> int | None:
        n = self.source.num_batches
        return None if n is None else n // self.batch_size if self.drop_remainder else -(-n // self.batch_size)

    def _of(self, get: Get) -> Get:
        n = self.source.num_batches

        def one(i: int) -> Any:
            first, last = i * self.batch_size, (i + 1) * self.batch_size
            elements = [get(k) for k in range(first, last if n is None else min(last, n))]
            return map_structure(lambda *leaves: _stacked(leaves, first), *elements)

        return one


def _stacked(leaves: tuple[Any, ...], first: int) -> Any:
    """One array of the same part of several elements, of which the first has this number."""
    if all(leaf is None for leaf in leaves):
        return None
    if any(isinstance(leaf, (str, bytes)) for leaf in leaves):
        return np.array(leaves, object)
    arrays = [a if isinstance(a, np.ndarray) else to_array(a) for a in leaves]
    for k, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ShapeError(
                f"batch expects elements of one shape; element {first + k} has {array.shape}, element {first} has "
                f"{arrays[0].shape}. Let map make them alike first, as by padding or resizing."
            )
    return np.stack(arrays)


class _Unbatched(Derived):
    """The rows of batches of one size; the last may be smaller."""

    def __init__(self, source: PyDataset):
        super().__init__(source)
        n = source.num_batches
        self.size = _rows_of(source[0]) if n != 0 else 1
        self.last = self.size if n is None or n < 2 else _rows_of(source[n - 1])

    @property
    def num_batches(self) -> int | None:
        n = self.source.num_batches
        return None if n is None else max(n - 1, 0) * self.size + self.last * (n > 0)

    def _of(self, get: Get) -> Get:
        n = self.source.num_batches
        held: tuple[int, Any] = (-1, None)  # the batch that was asked for last

        def one(i: int) -> Any:
            nonlocal held
            number, row = divmod(i, self.size)
            at, batch = held
            if at != number:
                batch = get(number)
                expected = self.last if number + 1 == n else self.size
                if _rows_of(batch) != expected:
                    raise ShapeError(
                        f"unbatch expects batch {number} to have {expected} rows, as the first and the last had; it has "
                        f"{_rows_of(batch)}. Shuffle after unbatch, or drop a smaller batch with batch(..., "
                        "drop_remainder=True)."
                    )
                held = number, batch
            return map_structure(lambda leaf: None if leaf is None else leaf[row], batch)

        return one


def _rows_of(batch: Any) -> int:
    """The number of rows that all arrays of a batch have."""
    sizes = {len(leaf) if np.ndim(leaf) else None for leaf in flatten(batch) if leaf is not None}
    if len(sizes) != 1 or None in sizes:
        raise ShapeError("unbatch expects batches of arrays that have one number of rows.")
    return sizes.pop()  # type: ignore[return-value]


class _Slice(Derived):
    def __init__(self, source: PyDataset, first: int, count: int | None):
        super().__init__(source)
        self.first, self.count = first, count

    @property
    def num_batches(self) -> int | None:
        n = self.source.num_batches
        if n is None:
            return self.count
        left = max(n - self.first, 0)
        return left if self.count is None else min(left, self.count)

    def _of(self, get: Get) -> Get:
        return lambda i: get(self.first + i)


class _Cached(Derived):
    def __init__(self, source: PyDataset):
        super().__init__(source)
        self._forget()

    def _forget(self) -> None:
        self.kept: dict[int, Any] = {}
        self.walked: Get | None = None  # the only pass over the source
        self.walked_from: dict[str, Any] = {}  # the source's state before it

    def _walk(self) -> Get:
        if self.walked is None:
            self.walked_from, self.walked = self.source.get_state(), self.source._begin_pass()
        return self._of(self.walked)

    def _of(self, get: Get) -> Get:
        def one(i: int) -> Any:
            if i not in self.kept:
                self.kept[i] = map_structure(_read_only, get(i))
            return self.kept[i]

        return one

    def get_state(self) -> dict[str, Any]:
        return self.source.get_state() if self.walked is None else self.walked_from

    def set_state(self, state: dict[str, Any]) -> None:
        self._forget()
        self.source.set_state(state)


def _read_only(leaf: Any) -> Any:
    if not isinstance(leaf, np.ndarray):
        return leaf
    view = leaf.view()
    view.flags.writeable = False
    return view


class _Prefetched(Derived):
    def __init__(self, source: PyDataset, buffer_size: int):
        super().__init__(source)
        if buffer_size:
            self._ahead, self.max_queue_size = True, 2 if buffer_size < 0 else buffer_size


class _Shuffled(Derived):
    def __init__(self, source: PyDataset, seed: int | None, reshuffle: bool):
        super().__init__(source)
        if source.num_batches is None:
            raise ArgumentError("A data set without end cannot be shuffled: take(n) its first elements before.")
        self.generator = SeedGenerator(seed)
        self.reshuffle = reshuffle
        self._ordered = True

    def _of(self, get: Get) -> Get:
        order = pass_order(self.generator, len(self), self.reshuffle)
        return lambda i: get(int(order[i]))

    def get_state(self) -> dict[str, Any]:
        return {"order": self.generator.state.numpy().tolist(), "source": self.source.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        set_order(self.generator, state)
        self.source.set_state(state.get("source", {}))


def pass_order(generator: SeedGenerator, n: int, anew: bool = True) -> np.ndarray:
    """The numbers below n in a random order, the next one of this generator, or always the same where it is not to be anew."""
    before = generator.state.numpy()
    order = numpy_generator(generator).permutation(n)
    if not anew:
        generator.state.assign(before)
    return order


def set_order(generator: SeedGenerator, state: dict[str, Any]) -> None:
    """Let a generator go on from the "order" that a data set's `get_state` gave.

    Raises: DataError for anything else, such as the state of another data set.
    """
    order = state.get("order") if isinstance(state, dict) else None
    if not isinstance(order, list) or len(order) != 2 or not all(type(n) is int and 0 <= n < 2**32 for n in order):
        raise DataError(
            "The state is not that of this data set, which shuffles: it was kept by another one. Make the data set as it was."
        )
    generator.state.assign(np.array(order, np.uint32))


def made_ahead(dataset: PyDataset, order: Iterable[int]) -> Iterator[Any]:
    """The dataset's batches in this order, made by its workers while earlier ones are used.

    >>> class Numbers(PyDataset):
    ...     def __getitem__(self, i):
    ...         return i * 10
    >>> list(made_ahead(Numbers(workers=3), [2, 0, 1]))
    [20, 0, 10]
    """
    get = dataset._begin_pass()
    threads = dataset.workers if dataset.workers > 1 else int(dataset._ahead)
    if not threads:
        for index in order:
            yield get(int(index))
        return
    from concurrent.futures import ThreadPoolExecutor

    indices = iter(order)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="autonet-data")
    try:
        waiting = deque(pool.submit(get, int(i)) for i in itertools.islice(indices, max(1, dataset.max_queue_size)))
        while waiting:
            batch = waiting.popleft().result()
            waiting.extend(pool.submit(get, int(i)) for i in itertools.islice(indices, 1))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
