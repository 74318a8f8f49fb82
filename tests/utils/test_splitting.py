import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.utils import split, split_dataset
from autonet.utils.splitting import _apportion

seeds = st.integers(0, 2**32 - 1)


@st.composite
def counted(draw):
    """Rows of classes, and sizes of parts with the same sum."""
    counts = draw(st.lists(st.integers(1, 40), min_size=1, max_size=8))
    n = sum(counts)
    parts = draw(st.integers(2, min(5, n))) if n > 1 else 1
    cuts = sorted(draw(st.sets(st.integers(1, n - 1), min_size=parts - 1, max_size=parts - 1))) if n > 1 else []
    return np.array(counts), np.diff([0, *cuts, n])


@given(counted())
def test_apportioned_rows_have_both_sums_and_no_class_is_missing_where_it_need_not_be(case):
    counts, sizes = case
    table = _apportion(counts, sizes)
    assert table.min() >= 0
    assert table.sum(axis=1).tolist() == counts.tolist() and table.sum(axis=0).tolist() == sizes.tolist()
    if counts.min() >= len(sizes) and sizes.min() >= len(counts):
        assert table.min() >= 1
    exact = np.outer(counts, sizes) / counts.sum()
    if exact.min() >= 1:
        assert np.abs(table - exact).max() <= 1


@pytest.mark.filterwarnings("ignore:utils.split")
@given(counted(), seeds, st.booleans(), st.booleans())
def test_parts_are_disjoint_complete_and_repeat(case, seed, stratify, shuffle):
    counts, sizes = case
    n = counts.sum()
    if len(sizes) < 2:
        return
    x, y = np.arange(n), np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    before = x.copy(), y.copy()
    options = {"parts": tuple(sizes.tolist()), "stratify": stratify, "shuffle": shuffle, "seed": seed}
    parts = split(x, {"labels": y, "half": [x / 2, None]}, **options) if not stratify else split(x, y, **options)
    assert sorted(np.concatenate([part[0] for part in parts])) == list(range(n))
    assert [len(part[0]) for part in parts] == sizes.tolist()
    for rows, labels in parts:
        if not stratify:
            assert np.array_equal(labels["half"][0], rows / 2) and labels["half"][1] is None
            labels = labels["labels"]
        assert np.array_equal(labels, y[rows])
        if not shuffle:
            assert np.array_equal(rows, np.sort(rows))
    assert np.array_equal(x, before[0]) and np.array_equal(y, before[1])
    keras.utils.set_random_seed(seed)
    np.random.seed(seed % 100)
    again = split(x, parts=tuple(sizes.tolist()), stratify=y if stratify else False, shuffle=shuffle, seed=seed)
    assert all(np.array_equal(a, b[0]) for a, b in zip(again, parts, strict=True))


@given(st.integers(2, 6), st.integers(3, 30), seeds)
def test_every_class_has_its_share_of_every_part(classes, each, seed):
    y = np.repeat(np.arange(classes), 10 * each)  # sorted, as files often are
    one_hot = keras.utils.to_categorical(y)
    for labels in (y, y[:, None], one_hot, y.astype("float32"), y.astype(str), y.astype(str).astype(object)):
        parts = split(labels, parts=(80, 10, 10), stratify=True, seed=seed)
        found = [np.argmax(p, 1) if p.shape[1:] == (classes,) else p.ravel().astype(int) for p in parts]
        assert [np.bincount(p).tolist() for p in found] == [[k * each] * classes for k in (8, 1, 1)]


def test_the_draw_depends_on_its_seed_alone():
    x = np.arange(1000)
    first, second = split(x), split(x)
    assert np.array_equal(first[0], second[0]) and not np.array_equal(first[0], np.sort(first[0]))
    assert not np.array_equal(first[0], split(x, seed=1)[0])
    keras.utils.set_random_seed(5)
    drawn = keras.random.uniform((3,)).numpy()
    keras.utils.set_random_seed(5)
    split(x, seed=3)
    assert np.array_equal(drawn, keras.random.uniform((3,)).numpy())
    keras.utils.set_random_seed(5)
    other = split(x, seed=None)[0]
    assert not np.array_equal(other, split(x, seed=None)[0])
    keras.utils.set_random_seed(5)
    assert np.array_equal(other, split(x, seed=None)[0])


def test_parts_may_be_shares_percentages_or_rows():
    x = np.arange(200)

    def lengths(*args, **options):
        return [len(part) for part in split(x, *args, **options)]

    assert lengths() == [160, 40]
    assert lengths(parts=(98, 1, 1)) == lengths((98, 1, 1)) == [196, 2, 2]
    assert lengths(parts=[0.5, 0.25, 0.25]) == [100, 50, 50]
    assert lengths(parts=(1 / 3, 1 / 3, 1 / 3)) == [67, 67, 66]
    assert lengths(parts=(150, 50)) == [150, 50]
    assert lengths(parts=(None, 30, 20)) == [150, 30, 20]
    assert lengths(parts=np.array([120, 40, 40])) == [120, 40, 40]
    assert lengths(parts=(20,) * 5) == [40] * 5


@pytest.mark.parametrize("parts", [(100, 50), (0.5, 0.4), (2, 1), (None, 0.1), (None, 200), (None, 150, 60)])
def test_parts_that_are_not_the_whole_are_refused(parts):
    with pytest.raises(ArgumentError, match="utils.split of 200 rows expects parts that"):
        split(np.arange(200), parts=parts)


@pytest.mark.parametrize("parts", [(100,), (None, None, 50), (100, 0), (120, -20), ("80", "20"), 0.8, (True, True), ()])
def test_what_is_no_parts(parts):
    with pytest.raises(ArgumentError, match="two numbers above 0 or more, one perhaps None"):
        split(np.arange(200), parts=parts)


def test_data_that_cannot_be_split():
    with pytest.raises(ShapeError, match=r"lengths \[2, 3\]"):
        split(np.arange(2), np.arange(3))
    with pytest.raises(ArgumentError, match=r"without rows: \[30, 0, 0\] of 30"):
        split(np.arange(30), parts=(98, 1, 1))
    with pytest.raises(ArgumentError, match="without rows"):
        split(np.empty((0, 3)))
    for nothing in ((), (None,), (np.float64(3.0),)):
        with pytest.raises(DataError, match="expects arrays"):
            split(*nothing)


def test_labels_that_are_no_classes():
    x = np.arange(10)
    for y in (x / 3, np.full((10, 2), 0.5), np.ones((10, 2)), np.zeros((10, 2, 2)), np.full(10, np.nan)):
        with pytest.raises(DataError, match="expects classes to stratify by"):
            split(x, y, stratify=True)
    with pytest.raises(DataError, match="cannot tell classes from a nest"):
        split(x, {"a": x}, stratify=True)
    with pytest.raises(ShapeError, match="10 rows expects as many classes"):
        split(x, stratify=[0, 1])


def test_classes_that_cannot_be_everywhere_are_told():
    y = np.array([0] * 97 + [1] * 2 + [2])
    with pytest.warns(
        UserWarning, match=r"2 of 3 classes are not in all of the 3 parts.*\[80, 10, 10\]; class 1 \(2 rows\)"
    ):
        parts = split(y, parts=(80, 10, 10), stratify=True)
    assert sorted(np.concatenate(parts)) == y.tolist()
    with pytest.warns(UserWarning, match=r"sizes are \[29, 1\]"):
        split(np.arange(30) % 3, parts=(29, 1), stratify=True)


def test_lists_texts_tensors_and_labels_apart():
    texts = [f"text {i}" for i in range(10)]
    ragged = [list(range(i)) for i in range(10)]
    train, test = split(texts, [0, 1] * 5, ragged, parts=(60, 40), stratify=True)
    assert sorted([*train[0], *test[0]]) == sorted(texts) and train[0].dtype == object
    assert [len(row) for row in train[2]] == [int(text[5:]) for text in train[0]]
    assert np.bincount(train[1]).tolist() == [3, 3]
    left, right = split(keras.ops.arange(10), parts=(5, 5), stratify=np.arange(10) % 2)
    assert type(left) is np.ndarray and np.bincount(right % 2).tolist() in ([2, 3], [3, 2])


@pytest.mark.parametrize("package", ["pandas", "polars", "pyarrow"])
def test_tables_stay_tables(package):
    frames = pytest.importorskip(package)
    make = frames.table if package == "pyarrow" else frames.DataFrame
    frame = make({"a": np.arange(10), "y": np.arange(10) % 2})
    column = frame["y"]
    parts = split(frame, column, parts=(60, 40), stratify=True, seed=2)
    plain = split(np.arange(10), parts=(60, 40), stratify=np.arange(10) % 2, seed=2)
    for (table, labels), rows in zip(parts, plain, strict=True):
        assert type(table) is type(frame) and type(labels) is type(column)
        assert np.asarray(table["a"]).tolist() == rows.tolist()
        assert np.asarray(labels).tolist() == (rows % 2).tolist()
    if package == "polars":
        with pytest.raises(DataError, match="lazy"):
            split(frame.lazy())
    by_name = split(frame, parts=(60, 40), stratify="y", seed=2)
    assert [np.asarray(t["a"]).tolist() for t in by_name] == [np.asarray(t["a"]).tolist() for t, _ in parts]
    with pytest.raises(ArgumentError, match=r"column to stratify by: 'z'. .*Known: a, y"):
        split(frame, stratify="z")


def test_a_name_needs_a_table():
    with pytest.raises(ArgumentError, match="where it splits a table"):
        split(np.arange(10), stratify="y")


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


def test_what_split_dataset_cannot_split():
    with pytest.raises(ShapeError, match=r"lengths \[2, 3\]"):
        split_dataset([np.arange(2), np.arange(3)], 0.5)
    with pytest.raises(DataError, match="no rows"):
        split_dataset(np.empty((0, 3)), 0.5)
    with pytest.raises(DataError, match="expects arrays"):
        split_dataset([1, 2, 3], 0.5)
