"""Pairs of neighbouring words, against a loop over the text; draws by what they must add up to."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet.errors import ArgumentError, DataError
from autonet.preprocessing.sequence import make_sampling_table, skipgrams

texts = st.lists(st.integers(0, 5), max_size=12)


def pairs_of(text, window):
    """In the order of the text: each word, with those that stand around it."""
    return [
        [word, text[j]]
        for i, word in enumerate(text)
        for j in range(max(0, i - window), min(len(text), i + window + 1))
        if word and j != i and text[j]
    ]


@given(text=texts, window=st.integers(0, 14))
def test_neighbours(text, window):
    pairs, labels = skipgrams(text, 6, window, negative_samples=0, shuffle=False)
    assert pairs.tolist() == pairs_of(text, window) and pairs.shape == (len(pairs), 2)
    assert pairs.dtype == labels.dtype == np.int32 and labels.tolist() == [1] * len(pairs)


@given(text=texts, window=st.integers(1, 4), negatives=st.sampled_from([0.5, 1.0, 2.5]), seed=st.integers(0, 99))
def test_random_pairs(text, window, negatives, seed):
    pairs, labels = skipgrams(text, 6, window, negatives, shuffle=False, seed=seed)
    real = pairs_of(text, window)
    assert pairs[: len(real)].tolist() == real and labels.tolist() == [1] * len(real) + [0] * int(negatives * len(real))
    random = pairs[len(real) :]
    if len(random):
        assert random.min() >= 1 and random.max() <= 5
        firsts, expected = Counter(random[:, 0].tolist()), Counter(first for first, _ in real)
        rounds = len(random) / len(real)  # each word that comes first does so as often as among the real ones
        assert all(int(rounds) * n <= firsts[word] <= (int(rounds) + 1) * n for word, n in expected.items())
    mixed, mixed_labels = skipgrams(text, 6, window, negatives, seed=seed)
    rows = lambda p, y: sorted([*a, b] for a, b in zip(p.tolist(), y.tolist(), strict=True))
    assert rows(mixed, mixed_labels) == rows(pairs, labels)
    again, rows_of_labels = skipgrams(text, 6, window, negatives, categorical=True, seed=seed)
    assert np.array_equal(again, mixed)
    assert np.array_equal(rows_of_labels, np.eye(2, dtype="int32")[mixed_labels])


def test_chance_is_that_of_the_run():
    text = np.arange(1, 50)
    keras.utils.set_random_seed(3)
    first, second = skipgrams(text, 50), skipgrams(text, 50)
    keras.utils.set_random_seed(3)
    assert np.array_equal(skipgrams(text, 50)[0], first[0]) and not np.array_equal(first[0], second[0])
    one, other = skipgrams(text, 50, seed=1), skipgrams(text, 50, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[1], np.sort(one[1])[::-1])


def test_frequent_words_are_left_out_as_often_as_the_table_says():
    text = np.tile([1, 2, 3], 20_000)
    table = np.array([0.0, 0.0, 0.25, 1.0])
    pairs, _ = skipgrams(text, 4, 1, 0, sampling_table=table, seed=0)
    counts = np.bincount(pairs[:, 0], minlength=4) / 40_000
    assert counts[1] == 0 and counts[2] == pytest.approx(0.25, abs=0.01) and counts[3] == pytest.approx(1, abs=0.001)
    assert set(pairs[:, 1].tolist()) == {1, 2, 3}  # it is first words that are left out


def test_the_sampling_table():
    table = make_sampling_table(1000, sampling_factor=1e-3)
    # keras 2: gamma = 0.577; f = 1e-3 (r (log r + gamma) + 1/2 - 1/(12 r)); min(1, f / sqrt(f))
    assert table[[0, 1, 2, 10, 100]] == pytest.approx([0.0315225, 0.0315225, 0.0547597, 0.171136, 0.7202195], abs=1e-6)
    assert table[999] == 1 and np.all(np.diff(table[1:]) >= 0)
    assert make_sampling_table(1).tolist() == [make_sampling_table(2)[1]]


def test_errors():
    with pytest.raises(DataError, match="from 0 to 4; received 5"):
        skipgrams([1, 5], 5)
    with pytest.raises(DataError, match="received -1"):
        skipgrams([1, -1], 5)
    with pytest.raises(DataError, match="sequence of integers"):
        skipgrams([[1, 2]], 5)
    with pytest.raises(DataError, match="sequence of integers"):
        skipgrams([1.5], 5)
    with pytest.raises(DataError, match=r"shape \(5,\)"):
        skipgrams([1, 2], 5, sampling_table=make_sampling_table(4))
    with pytest.raises(ArgumentError, match="window_size"):
        skipgrams([1, 2], 5, -1)
    with pytest.raises(ArgumentError, match="at least 1"):
        make_sampling_table(0)


@pytest.mark.parametrize("words", [[], [1]])
def test_a_vocabulary_holds_something(words):
    with pytest.raises(ArgumentError, match="vocabulary_size of at least 1.*received 0"):
        skipgrams(words, 0)
