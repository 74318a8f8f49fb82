import itertools
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.utils import PyDataset, Sequence, split_dataset
from autonet.utils.datasets import made_ahead


class Squares(PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.array([index]), np.array([index**2])


def test_a_dataset_is_walked_once_from_first_to_last():
    assert [(int(x[0]), int(y[0])) for x, y in Squares()] == [(0, 0), (1, 1), (2, 4)]
    assert Squares().num_batches == 3


def test_keras_arguments_are_kept():
    dataset = Squares(workers=2, use_multiprocessing=True, max_queue_size=3)
    assert (dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size) == (2, True, 3)
    assert Sequence is PyDataset


def test_missing_methods_are_named():
    class Nothing(PyDataset):
        pass

    with pytest.raises(TypeError, match="Nothing needs a method __len__"):
        len(Nothing())
    with pytest.raises(TypeError, match="Nothing needs a method __getitem__"):
        Nothing()[0]


@given(st.integers(2, 30), st.floats(0.1, 0.9), st.booleans(), st.integers(0, 5))
def test_the_parts_together_are_the_whole(n, share, shuffle, seed):
    data = {"x": np.arange(n), "y": (np.arange(n) * 2, np.arange(n) * 3)}
    if round(share * n) in (0, n):
        with pytest.raises(ArgumentError, match="without rows"):
            split_dataset(data, left_size=share)
        return
    left, right = split_dataset(data, left_size=share, shuffle=shuffle, seed=seed)
    assert len(left["x"]) == round(share * n)
    assert sorted([*left["x"], *right["x"]]) == list(range(n))
    for part in (left, right):
        assert np.array_equal(part["y"][0], part["x"] * 2)
        assert np.array_equal(part["y"][1], part["x"] * 3)
    if not shuffle:
        assert left["x"].tolist() == list(range(len(left["x"])))


def test_sizes_may_leave_rows_out_but_not_overlap():
    left, right = split_dataset(np.arange(10), left_size=2, right_size=0.3)
    assert left.tolist() == [0, 1]
    assert right.tolist() == [7, 8, 9]
    with pytest.raises(ArgumentError, match=r"10 rows; received sizes for 6 \+ 5"):
        split_dataset(np.arange(10), 6, 5)
    with pytest.raises(ArgumentError, match="needs left_size or right_size"):
        split_dataset(np.arange(10))
    with pytest.raises(ArgumentError, match="left_size from 0 to 1"):
        split_dataset(np.arange(10), 1.5)


def test_data_that_cannot_be_split():
    with pytest.raises(ShapeError, match=r"lengths \[2, 3\]"):
        split_dataset([np.arange(2), np.arange(3)], 0.5)
    with pytest.raises(DataError, match="no rows"):
        split_dataset(np.empty((0, 3)), 0.5)
    with pytest.raises(DataError, match="expects arrays"):
        split_dataset([1, 2, 3], 0.5)


class Slow(PyDataset):
    """Remembers who made what; number 5 cannot be made."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.made = []
        self.threads = set()

    def __getitem__(self, index):
        if index == 5:
            raise OSError("gone")
        time.sleep(0.002 * (3 - index % 3))
        self.threads.add(threading.current_thread().name)
        self.made.append(index)
        return index


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_batches_come_in_order_whoever_makes_them(workers):
    dataset = Slow(workers=workers, max_queue_size=3)
    order = np.array([3, 1, 0, 4, 2])
    assert list(made_ahead(dataset, order)) == order.tolist()
    assert (len(dataset.threads) > 1) == (workers > 1)


def test_no_more_batches_than_the_queue_holds_are_made_ahead_and_none_is_left_over():
    dataset = Slow(workers=2, max_queue_size=2)
    threads = threading.active_count()
    batches = made_ahead(dataset, itertools.cycle([0, 1, 2]))
    assert [next(batches) for _ in range(4)] == [0, 1, 2, 0]
    time.sleep(0.05)
    assert 4 <= len(dataset.made) <= 6
    batches.close()
    assert threading.active_count() == threads


def test_what_a_worker_raises_arrives():
    batches = made_ahead(Slow(workers=2), [0, 5, 1])
    assert next(batches) == 0
    with pytest.raises(OSError, match="gone"):
        next(batches)
