import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.errors import ArgumentError, DataError, DtypeError, ShapeError
from autonet.utils import pad_sequences, timeseries_dataset_from_array

ragged = st.lists(st.lists(st.integers(1, 99), max_size=6), min_size=1, max_size=6)


@given(ragged, st.sampled_from(["pre", "post"]), st.sampled_from(["pre", "post"]), st.none() | st.integers(0, 8))
def test_every_row_is_its_sequence_cut_and_filled(sequences, padding, truncating, maxlen):
    rows = pad_sequences(sequences, maxlen=maxlen, padding=padding, truncating=truncating, value=-1)
    length = max(map(len, sequences)) if maxlen is None else maxlen
    assert rows.shape == (len(sequences), length)
    for row, sequence in zip(rows.tolist(), sequences, strict=True):
        cut = sequence[len(sequence) - min(length, len(sequence)) :] if truncating == "pre" else sequence[:length]
        fill = [-1] * (length - len(cut))
        assert row == (fill + cut if padding == "pre" else cut + fill)


def test_text_and_vectors():
    assert pad_sequences([["a"], ["b", "c"]], dtype=object, value="-").tolist() == [["-", "a"], ["b", "c"]]
    assert pad_sequences([[[1, 2]], [[1, 2], [3, 4]]]).shape == (2, 2, 2)
    assert pad_sequences([[0.5]], dtype="float32").dtype == np.float32
    assert pad_sequences([np.arange(3), np.arange(2)]).tolist() == [[0, 1, 2], [0, 0, 1]]


def test_nothing_is_an_empty_array():
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([[], []], maxlen=2).tolist() == [[0, 0], [0, 0]]


def test_mistakes_are_named():
    with pytest.raises(DataError, match="entry 1 is 2"):
        pad_sequences([[1], 2])
    with pytest.raises(ArgumentError, match="Unknown padding: 'left'"):
        pad_sequences([[1]], padding="left")
    for sequences, value in [
        ([[300]], 0),
        ([np.array([300])], 0),
        ([[10**20]], 0),
        ([[1], [1, 2]], 300),
        ([[np.nan]], 0),
    ]:
        with pytest.raises(DtypeError, match="fit"):
            pad_sequences(sequences, dtype="int8", value=value)
    with pytest.raises(ArgumentError, match="dtype=object"):
        pad_sequences([[1]], value="-")
    with pytest.raises(ShapeError, match="sequence 1 has entries of shape"):
        pad_sequences([[[1, 2]], [[1, 2, 3]]])


def test_windows_of_a_series_with_stride_and_rate():
    batches = timeseries_dataset_from_array(np.arange(99), None, 10, sequence_stride=3, sampling_rate=2)
    windows = np.concatenate(list(batches))
    assert windows[0].tolist() == list(range(0, 20, 2))
    assert windows[1].tolist() == list(range(3, 23, 2))
    assert windows[-1].tolist() == list(range(78, 98, 2))


@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_all_windows_that_fit_and_no_other(steps, length, stride, rate, batch_size):
    expected = [
        list(range(start, start + (length - 1) * rate + 1, rate))
        for start in range(0, steps, stride)
        if start + (length - 1) * rate < steps
    ]
    if not expected:
        with pytest.raises(DataError, match="not one window fits"):
            timeseries_dataset_from_array(np.arange(steps), None, length, stride, rate)
        return
    batches = timeseries_dataset_from_array(np.arange(steps), np.arange(steps) * 10, length, stride, rate, batch_size)
    assert [w for x, y in batches for w in x.tolist()] == expected
    assert [t for x, y in batches for t in y.tolist()] == [w[0] * 10 for w in expected]
    assert len(batches) == len(list(batches))


def test_targets_may_be_fewer_than_steps():
    data = np.arange(20)
    x, y = timeseries_dataset_from_array(data[:-10], data[10:], 10)[0]
    assert x.tolist() == [list(range(10))]
    assert y.tolist() == [10]


def test_part_of_a_series_and_single_windows():
    windows = timeseries_dataset_from_array(np.arange(10), None, 2, batch_size=None, start_index=3, end_index=6)
    assert [w.tolist() for w in windows] == [[3, 4], [4, 5]]


def test_shuffled_windows_are_the_same_windows_in_an_order_that_the_seed_repeats():
    def draw():
        batches = timeseries_dataset_from_array(np.arange(50), None, 3, batch_size=7, shuffle=True, seed=3)
        first = np.concatenate(list(batches))
        batches.on_epoch_end()
        return first, np.concatenate(list(batches))

    first, second = draw()
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first[:, 0]), np.arange(48))
    assert all(np.array_equal(a, b) for a, b in zip(draw(), (first, second), strict=True))


def test_numbers_out_of_range_are_named():
    with pytest.raises(ArgumentError, match="sequence_length of at least 1; received 0"):
        timeseries_dataset_from_array(np.arange(5), None, 0)
    with pytest.raises(ArgumentError, match="end_index <= 5"):
        timeseries_dataset_from_array(np.arange(5), None, 2, end_index=9)
