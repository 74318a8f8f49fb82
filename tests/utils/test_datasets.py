import itertools
import json
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.utils import PyDataset, Sequence, set_random_seed
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


def test_num_batches_may_stand_in_place_of_len():
    class Numbers(PyDataset):
        def __init__(self, n):
            super().__init__()
            self.n = n

        def __getitem__(self, i):
            return i

        @property
        def num_batches(self):
            return self.n

    class Endless(PyDataset):
        def __getitem__(self, i):
            return i

    assert list(Numbers(3)) == [0, 1, 2]
    assert Endless().num_batches is None
    for endless in (Numbers(None), Endless()):
        assert list(zip(range(3), endless)) == [(0, 0), (1, 1), (2, 2)]  # noqa: B905


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


# What is made of another data set


class Pairs(PyDataset):
    """Element i: a row of two numbers, and its label; `calls` says which were made."""

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n, self.calls, self.told = n, [], []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.calls.append(i)
        return np.array([i, i + 0.5], "float32"), i

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


class Endless(Pairs):
    num_batches = None

    def __len__(self):
        raise TypeError("no end")


def plain(element):
    """An element as nested lists."""
    return [np.asarray(part).tolist() for part in element]


def chunks(elements, n, drop=False):
    cut = [elements[k : k + n] for k in range(0, len(elements), n)]
    return [[[e[0] for e in c], [e[1] for e in c]] for c in cut if len(c) == n or not drop]


STEPS = {  # name: (argument, what it makes of a data set, what of a list of its elements)
    "map": (
        st.integers(1, 3),
        lambda d, k: d.map(lambda x, y: (x * k, y)),
        lambda e, k: [[_times(x, k), y] for x, y in e],
    ),
    "take": (st.integers(-1, 12), lambda d, k: d.take(k), lambda e, k: e if k < 0 else e[:k]),
    "skip": (st.integers(-1, 5), lambda d, k: d.skip(k), lambda e, k: [] if k < 0 else e[k:]),
    "cache": (st.none(), lambda d, k: d.cache(), lambda e, k: e),
    "prefetch": (st.integers(-1, 3), lambda d, k: d.prefetch(k), lambda e, k: e),
    "batch": (st.integers(1, 4), lambda d, k: d.batch(k), lambda e, k: chunks(e, k)),
    "whole": (st.integers(1, 4), lambda d, k: d.batch(k, drop_remainder=True), lambda e, k: chunks(e, k, True)),
}


def _times(x, k):
    return [_times(v, k) for v in x] if isinstance(x, list) else x * k


chains = st.lists(st.sampled_from(sorted(STEPS)), max_size=5).flatmap(
    lambda names: st.tuples(*[st.tuples(st.just(n), STEPS[n][0]) for n in names])
)


def built(chain, dataset):
    for name, k in chain:
        dataset = STEPS[name][1](dataset, k)
    return dataset


@given(st.integers(0, 12), chains, st.sampled_from([1, 3]))
def test_a_chain_of_methods_does_what_the_same_does_to_a_list(n, chain, workers):
    dataset = built(chain, Pairs(n, workers=workers))
    expected = [[[i, i + 0.5], i] for i in range(n)]
    ragged = False
    for name, k in chain:
        sizes = {str(np.shape(e[0])) for e in expected}
        ragged |= name in ("batch", "whole") and len(sizes) > 1  # a small batch among whole ones
        if ragged:
            break
        expected = STEPS[name][2](expected, k)
    if ragged:
        return
    assert len(dataset) == dataset.num_batches == len(expected)
    assert [plain(e) for e in dataset] == expected
    assert [plain(e) for e in dataset] == expected, "a second pass"
    order = np.random.default_rng(n).permutation(len(expected)).tolist()
    assert [plain(e) for e in made_ahead(dataset, order)] == [expected[i] for i in order]
    dataset = dataset.take(-1)
    assert [plain(dataset[i - len(expected)]) for i in order] == [expected[i] for i in order]
    for outside in (len(expected), -len(expected) - 1):
        with pytest.raises(IndexError):
            dataset[outside]


@given(st.integers(0, 20), st.integers(1, 5), st.booleans())
def test_unbatch_undoes_batch(n, size, known):
    batches = Pairs(n).batch(size)
    rows = (batches if known else batches.map(lambda x, y: (x, y))).unbatch()
    assert len(rows) == n and [plain(e) for e in rows] == [plain(e) for e in Pairs(n)]
    whole = Pairs(n).batch(size, drop_remainder=True).unbatch()
    assert [int(y) for _, y in whole] == list(range(n - n % size))


def test_batches_of_several_sizes_cannot_be_taken_apart():
    rows = Squares().map(lambda x, y: (np.repeat(x, 1 + (y[0] == 1)), y)).map(lambda x, y: x).unbatch()
    with pytest.raises(ShapeError, match="batch 1 to have 1 rows.*it has 2"):
        list(rows)
    with pytest.raises(ShapeError, match="one number of rows"):
        Pairs(3).unbatch()


@given(st.integers(0, 12), st.integers(0, 99), st.booleans())
def test_each_pass_is_a_permutation_which_the_seed_repeats(n, seed, own):
    def passes(**kwargs):
        set_random_seed(seed)
        dataset = Pairs(n).shuffle(5, seed=seed if own else None, **kwargs).map(lambda x, y: y)
        return [list(dataset) for _ in range(4)]

    found = passes()
    assert all(sorted(p) == list(range(n)) for p in found)
    assert passes() == found
    fixed = passes(reshuffle_each_iteration=False)
    assert fixed == [found[0]] * 4
    if n > 6:
        assert any(p != found[0] for p in found)


SHUFFLED = {
    "plain": lambda d: d.shuffle(),
    "twice": lambda d: d.shuffle().map(lambda x, y: (x, y)).shuffle(),
    "fixed": lambda d: d.shuffle(reshuffle_each_iteration=False).batch(2),
    "ahead": lambda d: d.shuffle().batch(3).prefetch(2),
    "cached": lambda d: d.shuffle().cache().shuffle(),
    "cached alone": lambda d: d.shuffle().cache(),
    "parts": lambda d: d.shuffle().skip(1).take(5).batch(2),
    "rows": lambda d: d.batch(2).shuffle().unbatch(),
}


@pytest.mark.parametrize("name", SHUFFLED)
@pytest.mark.parametrize("begun", [0, 1, 2])
def test_a_state_brings_the_coming_passes_back(name, begun):
    """Also where a pass was begun meanwhile, as by a training that failed in the midst of one."""
    first = SHUFFLED[name](Pairs(8))
    for _ in range(begun):
        list(first)
    state = json.loads(json.dumps(first.get_state()))
    coming = [[plain(e) for e in first] for _ in range(3)]
    other = SHUFFLED[name](Pairs(8))
    for again in (first, other):
        next(iter(again))
        again.set_state(state)
        assert [[plain(e) for e in again] for _ in range(3)] == coming


@pytest.mark.parametrize("name", SHUFFLED)
def test_a_pass_keeps_its_order_whoever_begins_another(name):
    dataset = SHUFFLED[name](Pairs(8))
    walk = iter(dataset)
    found = [next(walk)]
    list(dataset)
    found += walk
    flat = [int(v) for _, y in found for v in np.ravel(y)]
    assert len(set(flat)) == len(flat)
    assert [plain(dataset[i]) for i in range(len(dataset))] == [plain(dataset[i]) for i in range(len(dataset))]


def test_cached_elements_are_made_once_and_cannot_be_changed():
    source = Pairs(5)
    dataset = source.cache()
    for _ in range(3):
        list(dataset)
    assert sorted(source.calls) == list(range(5))
    with pytest.raises(ValueError, match="read-only"):
        dataset[0][0][0] = 7


@pytest.mark.parametrize(
    "make, threads",
    [
        (lambda d, f: d.map(f), 0),
        (lambda d, f: d.prefetch().map(f), 1),
        (lambda d, f: d.map(f).prefetch(0), 0),
        (lambda d, f: d.map(f, num_parallel_calls=3), 3),
    ],
    ids=["map", "prefetch", "without", "calls"],
)
def test_who_makes_elements(make, threads):
    made_by = set()

    def noted(i):
        made_by.add(threading.current_thread().name)
        return i

    assert [int(i) for i in made_ahead(make(Slow(), noted), [4, 0, 1])] == [4, 0, 1]
    assert (threading.main_thread().name in made_by) == (threads == 0)
    assert len(made_by) <= max(threads, 1)


def test_elements_of_numbers_texts_and_nothing_are_stacked():
    class Mixed(Pairs):
        def __getitem__(self, i):
            return {"n": i, "f": i / 2, "t": "ab" * i, "s": [Tensor([1.0 * i]), None]}, True

    x, y = Mixed(3).batch(3)[0]
    assert x["n"].dtype == np.int32 and x["f"].dtype == np.float32 and y.dtype == np.bool_
    assert x["t"].tolist() == ["", "ab", "abab"] and x["s"][0].tolist() == [[0.0], [1.0], [2.0]] and x["s"][1] is None
    with pytest.raises(ShapeError, match=r"element 1 has \(2,\), element 0 has \(1,\)"):
        Pairs(4).map(lambda x, y: np.ones(y + 1)).batch(2)[0]


def test_epochs_are_told_to_the_source():
    source = Pairs(4)
    dataset = source.shuffle().batch(2).map(lambda x, y: (x, y)).cache()
    dataset.on_epoch_begin()
    dataset.on_epoch_end()
    assert source.told == ["begin", "end"]


def test_data_sets_without_end():
    dataset = Endless(0).map(lambda x, y: y).batch(2)
    assert dataset.num_batches is None and dataset[100].tolist() == [200, 201]
    assert [b.tolist() for b in dataset.skip(1).take(2)] == [[2, 3], [4, 5]]
    assert [b.tolist() for b in itertools.islice(dataset, 2)] == [[0, 1], [2, 3]]
    with pytest.raises(TypeError, match="take"):
        len(dataset)
    with pytest.raises(ArgumentError, match="take"):
        dataset.shuffle()


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda d: d.batch(0), "batch_size.*at least 1; received 0"),
        (lambda d: d.batch(2.5), "batch_size"),
        (lambda d: d.batch(True), "batch_size"),
        (lambda d: d.take(-2), "take expects count"),
        (lambda d: d.skip("1"), "skip expects count"),
        (lambda d: d.shuffle(0), "buffer_size"),
        (lambda d: d.prefetch(-3), "buffer_size"),
        (lambda d: d.map(3), "map expects a function"),
        (lambda d: d.map(abs, num_parallel_calls=1.5), "num_parallel_calls"),
        (lambda d: d.shuffle(seed=-1), "seed"),
    ],
)
def test_arguments_that_do_not_fit(call, told):
    with pytest.raises(ArgumentError, match=told):
        call(Pairs(3))


def test_attributes_of_a_subclass_may_have_the_methods_names():
    class Own(Pairs):
        def __init__(self):
            self.n, self.shuffle, self.batch, self.map, self.calls = 3, True, 32, None, []

    assert [y for _, y in Own().take(2)] == [0, 1]
