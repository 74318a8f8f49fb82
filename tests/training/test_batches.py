"""Which rows come in which batch."""

import itertools

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError, DataError
from autonet.training.batches import make_batches


def arrays(n=10, **options):
    return make_batches(np.arange(n), **{"batch_size": 3, **options})


def walk(batches, epochs=1):
    return [[x.tolist() for x, _, _ in batches.epoch()] for _ in range(epochs)]


class Rows(keras.utils.PyDataset):
    """Batches of two rows, and what was asked."""

    def __init__(self, batches=4, endless=False, **options):
        super().__init__(**options)
        self.batches, self.endless, self.asked = batches, endless, []

    @property
    def num_batches(self):
        return None if self.endless else self.batches

    def __len__(self):
        return self.batches

    def __getitem__(self, i):
        return np.array([2 * i, 2 * i + 1])

    def on_epoch_begin(self):
        self.asked.append("begin")

    def on_epoch_end(self):
        self.asked.append("end")


def test_rows_come_in_order_and_the_last_batch_may_be_smaller():
    batches = arrays()
    assert batches.steps == 4
    assert walk(batches, 2) == [[[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]] * 2


@pytest.mark.parametrize(("size", "steps", "expected"), [(None, None, 32), (None, 3, 34), (None, 100, 1), (7, 3, 7)])
def test_the_batch_size(size, steps, expected):
    assert make_batches(np.zeros(100), batch_size=size, steps=steps).batch_size == expected


def test_shuffling_is_a_new_permutation_each_time():
    first, second = walk(arrays(shuffle=True), 2)
    assert first != second
    for epoch in (first, second):
        assert sorted(itertools.chain(*epoch)) == list(range(10)) and len(epoch[-1]) == 1
    keras.utils.set_random_seed(5)
    a = walk(arrays(shuffle=True), 3)
    keras.utils.set_random_seed(5)
    assert walk(arrays(shuffle=True), 3) == a


def test_shuffling_batches_keeps_their_rows_together():
    for epoch in walk(arrays(50, shuffle="batch"), 3):
        assert sorted(epoch[:-1]) == [[3 * i, 3 * i + 1, 3 * i + 2] for i in range(16)]
        assert epoch[:-1] != sorted(epoch[:-1]) and epoch[-1] == [48, 49]
    assert sorted(map(tuple, walk(arrays(9, shuffle="batch"))[0])) == [(0, 1, 2), (3, 4, 5), (6, 7, 8)]
    assert walk(arrays(2, shuffle="batch")) == [[[0, 1]]]


def test_an_epoch_of_given_steps_goes_on_where_the_last_one_stopped():
    batches = arrays(8, steps=2, endless=True)
    assert walk(batches, 3) == [[[0, 1, 2], [3, 4, 5]], [[6, 7], [0, 1, 2]], [[3, 4, 5], [6, 7]]]
    batches = arrays(8, steps=4, endless=True)
    assert walk(batches) == [[[0, 1, 2], [3, 4, 5], [6, 7], [0, 1, 2]]]
    batches = arrays(9, steps=2, endless=True, shuffle=True)
    seen = list(itertools.chain(*itertools.chain(*walk(batches, 3))))
    assert sorted(seen[:9]) == sorted(seen[9:]) == list(range(9))


def test_elsewhere_steps_are_a_limit():
    assert walk(arrays(8, steps=2), 2) == [[[0, 1, 2], [3, 4, 5]]] * 2
    assert walk(arrays(8, steps=9)) == [[[0, 1, 2], [3, 4, 5], [6, 7]]]


def test_all_parts_are_cut_alike():
    x = {"a": np.arange(5), "b": [np.arange(5) * 2, None]}
    batches = make_batches(x, np.arange(5) * 3, np.arange(5.0), batch_size=2, shuffle=True)
    for x, y, w in batches.epoch():
        assert (x["b"][0] == x["a"] * 2).all() and x["b"][1] is None
        assert (y == x["a"] * 3).all() and (w == x["a"]).all() and w.dtype == "float32"


@pytest.mark.parametrize("size", [0, -1, 2.5, "32"])
def test_bad_batch_sizes(size):
    with pytest.raises(ArgumentError, match="batch_size expects"):
        arrays(batch_size=size)


@pytest.mark.parametrize("steps", [0, -1, 2.5])
def test_bad_steps(steps):
    with pytest.raises(ArgumentError, match="number of steps"):
        arrays(steps=steps)


def test_bad_shuffle_and_no_data():
    with pytest.raises(ArgumentError, match="shuffle expects"):
        arrays(shuffle="batches")
    with pytest.raises(DataError, match="no rows"):
        arrays(0)
    with pytest.raises(ArgumentError, match="x is None"):
        make_batches(None)


# Streams


def numbers(n):
    for i in range(n):
        yield np.array([2 * i, 2 * i + 1])


class Again:
    """Can be walked any number of times; does not know its length."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return numbers(self.n)


FOUR = [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_a_generator_is_walked_once():
    batches = make_batches(numbers(4))
    assert batches.steps is None and batches.has_more()
    assert walk(batches) == [FOUR]
    assert not batches.has_more()


def test_a_generator_goes_on_from_epoch_to_epoch():
    batches = make_batches(numbers(5), steps=2, endless=True)
    assert walk(batches, 2) == [FOUR[:2], FOUR[2:]]
    assert batches.has_more() and batches.has_more()
    with pytest.warns(UserWarning, match="ended after 1 of 2"):
        assert walk(batches) == [[[8, 9]]]
    assert not batches.has_more()


def test_a_generator_that_is_kept_is_walked_again():
    batches = make_batches(numbers(4), keep=True)
    assert walk(batches, 3) == [FOUR] * 3
    interrupted = make_batches(numbers(4), keep=True)
    walking = interrupted.epoch()
    next(walking)
    assert walk(interrupted, 2) == [FOUR] * 2


def test_an_iterable_is_walked_anew():
    assert walk(make_batches(Again(4)), 2) == [FOUR] * 2
    assert walk(make_batches(Again(4), steps=3), 2) == [FOUR[:3]] * 2
    assert walk(make_batches(Again(4), steps=3, endless=True), 2) == [FOUR[:3], [*FOUR[3:], *FOUR[:2]]]


def test_empty_streams():
    for empty in (numbers(0), Again(0)):
        with pytest.raises(DataError, match="before the first batch"):
            walk(make_batches(empty))
    with pytest.raises(DataError, match="before the first batch"):
        walk(make_batches(Again(0), steps=3, endless=True))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_dataset(workers):
    rows = Rows(workers=workers)
    batches = make_batches(rows)
    assert batches.steps == 4
    assert walk(batches, 2) == [FOUR] * 2
    batches.end_epoch()
    assert rows.asked == ["begin", "begin", "end"]
    shuffled = make_batches(Rows(20, workers=workers), shuffle=True)
    first, second = walk(shuffled, 2)
    assert first != second and sorted(first) == sorted(second) == [[2 * i, 2 * i + 1] for i in range(20)]
    assert walk(make_batches(Rows(workers=workers), steps=3), 2) == [FOUR[:3]] * 2
    assert walk(make_batches(Rows(workers=workers), steps=9)) == [FOUR]
    assert walk(make_batches(Rows(workers=workers), steps=3, endless=True), 2) == [FOUR[:3], [*FOUR[3:], *FOUR[:2]]]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_dataset_without_end_needs_steps(workers):
    with pytest.raises(ArgumentError, match="steps_per_epoch"):
        make_batches(Rows(endless=True))
    batches = make_batches(Rows(endless=True, workers=workers), steps=2, endless=True)
    assert walk(batches, 2) == [FOUR[:2], FOUR[2:]]


def test_batches_are_tuples_lists_dictionaries_or_x_alone():
    a, b = np.arange(2), np.arange(2) * 2.0
    for given, expected in [
        ((a,), (a, None, None)),
        (a, (a, None, None)),
        ([a, b], (a, b, None)),
        ((a, b, b), (a, b, b)),
        (((a, b), b), ((a, b), b, None)),
        ({"p": a}, ({"p": a}, None, None)),
    ]:
        (found,) = make_batches(iter([given])).epoch()
        assert keras.tree.map_structure(np.shape, found) == keras.tree.map_structure(np.shape, expected)
    with pytest.raises(DataError, match="4 parts"):
        list(make_batches(iter([(a, b, b, b)])).epoch())


def test_a_class_weight_reaches_streams():
    (batch,) = make_batches(iter([(np.zeros(2), np.array([0, 1]))]), class_weight={1: 4}).epoch()
    assert batch[2].tolist() == [1, 4]


def test_targets_beside_a_stream_are_refused():
    for named in ("y", "sample_weight"):
        with pytest.raises(ArgumentError, match=f"{named} cannot be given beside a generator"):
            make_batches(numbers(3), **{named: np.zeros(3)})


@pytest.mark.parametrize("steps", [1, 3, 5])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_pass_over_a_shuffled_data_set_goes_on_from_epoch_to_epoch(steps, shuffle):
    """With steps_per_epoch, each pass of its own sees every row once, whatever `fit` is told of shuffling."""
    rows = Rows(5).unbatch().shuffle().batch(1)
    batches = make_batches(rows, steps=steps, shuffle=shuffle, endless=True)
    assert batches.generator is None
    taken = [x for epoch in walk(batches, 20 // steps) for (x,) in epoch]
    passes = [taken[k : k + 10] for k in range(0, len(taken) - 9, 10)]
    assert passes and all(sorted(p) == list(range(10)) for p in passes)
    assert len(passes) < 2 or passes[0] != passes[1]


def test_what_is_made_of_a_data_set_is_shuffled_as_it_would_be():
    for dataset, shuffled in (
        (Rows().take(3), True),
        (Rows().map(lambda x: x).cache(), True),
        (Rows().shuffle().take(3), False),
    ):
        assert (make_batches(dataset, shuffle=True).generator is not None) == shuffled
