"""Data sets that make their batches when asked, and splitting."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from autonet.common.frames import plain
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Data
from autonet.errors import ArgumentError, DataError, ShapeError


class PyDataset:
    """Base of data sets written in Python: `len(dataset)` batches, each made by `dataset[i]`.

    A subclass gives `__len__` and `__getitem__`; the latter returns a whole batch: x, (x, y) or (x, y, sample_weight).
    Each epoch sees every batch once. `on_epoch_begin` and `on_epoch_end` may change what the next epoch sees.

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
    """

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
        """Number of batches, or None for a data set without end."""
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset  # its older name in Keras


def made_ahead(dataset: PyDataset, order: Iterable[int]) -> Iterator[Any]:
    """The dataset's batches in this order, made by its workers while earlier ones are used.

    >>> class Numbers(PyDataset):
    ...     def __getitem__(self, i):
    ...         return i * 10
    >>> list(made_ahead(Numbers(workers=3), [2, 0, 1]))
    [20, 0, 10]
    """
    if dataset.workers < 2:
        for index in order:
            yield dataset[int(index)]
        return
    from concurrent.futures import ThreadPoolExecutor

    indices = iter(order)
    pool = ThreadPoolExecutor(dataset.workers, thread_name_prefix="autonet-data")
    try:
        waiting = deque(
            pool.submit(dataset.__getitem__, int(i)) for i in islice(indices, max(1, dataset.max_queue_size))
        )
        while waiting:
            batch = waiting.popleft().result()
            waiting.extend(pool.submit(dataset.__getitem__, int(i)) for i in islice(indices, 1))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)


def split_dataset(
    dataset: Data,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Two parts of the rows of an array, or of a nested list, tuple or dict of arrays.

    Args:
        dataset: arrays with one common length n.
        left_size: rows of the left part: a share from 0 to 1 (float) or a number of rows (int). Default: the rest.
        right_size: the same for the right part.
        shuffle: draw the rows at random before the split.
        seed: of that draw.
        preferred_backend: a hint without effect: the parts are arrays in any case.

    Returns: (left, right), structured like `dataset`.
    Raises: ArgumentError for sizes that do not fit; ShapeError for unequal lengths.

    >>> left, right = split_dataset({"x": np.arange(5), "y": np.arange(5) * 2}, left_size=0.6)
    >>> left["y"].tolist(), right["x"].tolist()
    ([0, 2, 4], [3, 4])
    """
    dataset = map_structure(lambda leaf: plain(leaf, "dataset"), dataset)
    leaves = flatten(dataset)
    if not all(hasattr(leaf, "__len__") for leaf in leaves):
        raise DataError("split_dataset expects arrays, alone or in a list, tuple or dict; received numbers.")
    lengths = {len(leaf) for leaf in leaves}
    if len(lengths) > 1:
        raise ShapeError(f"split_dataset expects arrays of one length; received lengths {sorted(lengths)}.")
    if not lengths or lengths == {0}:
        raise DataError("split_dataset received no rows.")
    n = lengths.pop()
    left, right = _rows("left_size", left_size, n), _rows("right_size", right_size, n)
    if left is None and right is None:
        raise ArgumentError("split_dataset needs left_size or right_size.")
    left = n - right if left is None and right is not None else left
    right = n - left if right is None and left is not None else right
    assert left is not None and right is not None
    if left + right > n:
        raise ArgumentError(f"split_dataset has {n} rows; received sizes for {left} + {right}.")
    if left == 0 or right == 0:
        raise ArgumentError(
            f"split_dataset would leave a part without rows: {left} and {right} of {n}. Change the sizes."
        )
    order = np.random.default_rng(seed).permutation(n) if shuffle else np.arange(n)
    head, tail = order[:left], order[n - right :]
    return (
        map_structure(lambda leaf: np.asarray(leaf)[head], dataset),
        map_structure(lambda leaf: np.asarray(leaf)[tail], dataset),
    )


def _rows(name: str, size: float | int | None, n: int) -> int | None:
    """A share or a number of rows as a number of rows."""
    if size is None:
        return None
    if isinstance(size, (float, np.floating)):
        if not 0 <= size <= 1:
            raise ArgumentError(f"split_dataset expects {name} from 0 to 1 as a share; received {size}.")
        return round(float(size) * n)
    if not 0 <= size <= n:
        raise ArgumentError(f"split_dataset expects {name} from 0 to {n} rows; received {size}.")
    return int(size)
