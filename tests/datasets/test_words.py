import io
import json
import zipfile

import numpy as np
import pytest

from autonet.datasets import files, imdb, reuters, words
from autonet.errors import ArgumentError, DataError

NAMES = {imdb: ("x_train", "y_train", "x_test", "y_test"), reuters: ("x", "y")}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path))
    for module in NAMES:
        monkeypatch.setattr(module, "URL", "http://127.0.0.1:9/x.npz")
        monkeypatch.setattr(module, "INDEX_URL", "http://127.0.0.1:9/x.json")
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def draw(rng, n):
    return words.ragged([rng.integers(1, 40, rng.integers(1, 9)).tolist() for _ in range(n)])


def write(folder, module, rng):
    arrays = {}
    for i, name in enumerate(NAMES[module]):
        arrays[name] = draw(rng, 12 - i // 2) if name[0] == "x" else rng.integers(0, 2, 12 - i // 2)
    np.savez(folder / f"{module.__name__.rpartition('.')[2]}.npz", **arrays)
    return arrays


def as_keras(texts, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    """Both after the shuffle, row by row."""
    rows = []
    for text, label in zip(texts, labels, strict=True):
        row = ([] if start_char is None else [start_char]) + [w + index_from for w in text]
        if maxlen is None or len(row) < maxlen:
            rows.append((row, label))
    end = num_words or max(w for row, _ in rows for w in row)
    kept = []
    for row, label in rows:
        row = [w if skip_top <= w < end else oov_char for w in row]
        kept.append(([w for w in row if w is not None], label))
    return kept


CASES = [
    {},
    {"num_words": 20, "skip_top": 5},
    {"maxlen": 6},
    {"oov_char": None, "num_words": 15},
    {"start_char": None, "index_from": 0},
    {"start_char": None, "index_from": 2, "seed": 7, "maxlen": 7},
]
DEFAULTS = {"num_words": None, "skip_top": 0, "maxlen": None, "start_char": 1, "oov_char": 2, "index_from": 3}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reuters(folder, rng, case):
    arrays = write(folder, reuters, rng)
    options = {**DEFAULTS, **case}
    order = np.arange(12)
    np.random.RandomState(options.pop("seed", 113)).shuffle(order)
    expected = as_keras(arrays["x"][order], arrays["y"][order], **options)
    (x_train, y_train), (x_test, y_test) = reuters.load_data(**case)
    assert [*x_train, *x_test] == [row for row, _ in expected]
    assert [*y_train, *y_test] == [label for _, label in expected]
    assert len(x_train) == int(0.8 * len(expected)) and x_train.dtype == object and y_train.dtype == np.int64
    assert all(type(row) is list for row in x_train)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_imdb(folder, rng, case):
    arrays = write(folder, imdb, rng)
    options = {**DEFAULTS, **case}
    chance = np.random.RandomState(options.pop("seed", 113))
    texts, labels = [], []
    for part in ("train", "test"):
        order = np.arange(len(arrays[f"y_{part}"]))
        chance.shuffle(order)
        texts += arrays[f"x_{part}"][order].tolist()
        labels += arrays[f"y_{part}"][order].tolist()
    expected = as_keras(texts, labels, **options)
    (x_train, y_train), (x_test, y_test) = imdb.load_data(**case)
    assert [*x_train, *x_test] == [row for row, _ in expected]
    assert [*y_train, *y_test] == [label for _, label in expected]
    assert len(x_train) == len(y_train) and len(x_test) == len(y_test)


def test_texts_of_one_length_stay_lists(folder):
    np.savez(folder / "reuters.npz", x=words.ragged([[1, 2], [3, 4]]), y=np.array([0, 1]))
    (x_train, _), _ = reuters.load_data(test_split=0)
    assert x_train.shape == (2,)


def test_wrong_arguments(folder, rng):
    write(folder, imdb, rng)
    write(folder, reuters, rng)
    for module in NAMES:
        with pytest.raises(ArgumentError, match="maxlen=1"):
            module.load_data(maxlen=1)
    with pytest.raises(ArgumentError, match="test_split"):
        reuters.load_data(test_split=1.5)


@pytest.mark.parametrize("module", NAMES)
def test_missing_files_are_one_error(folder, module):
    for function in (module.load_data, module.get_word_index):
        with pytest.raises(DataError, match="AUTONET_HOME"):
            function()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("module", NAMES)
def test_word_index(folder, module):
    path = folder / f"{module.__name__.rpartition('.')[2]}_word_index.json"
    path.write_text(json.dumps({"the": 1, "naïve": 2}), encoding="utf-8")
    assert module.get_word_index() == {"the": 1, "naïve": 2}
    for content in ("[1]", '{"the": "1"}', "{", "[" * 100_000):
        path.write_text(content)
        with pytest.raises(DataError, match="word_index.json"):
            module.get_word_index()


def test_topics():
    assert len(reuters.get_label_names()) == 46 == len(set(reuters.get_label_names()))
    assert [reuters.get_label_names()[i] for i in (0, 3, 4, 45)] == ["cocoa", "earn", "acq", "lead"]


class Trap:
    def __reduce__(self):
        return print, ("sprung",)


def test_other_content_is_refused(folder, capsys):
    y = np.array([0, 1])
    for x in (
        words.ragged([[1], Trap()]),
        words.ragged([[1], [Trap()]]),
        words.ragged([[1], ["a"]]),
        words.ragged([[1], [1.5]]),
        words.ragged([[1], 3]),
        words.ragged([[1], [2], [3]]),
        np.array([[1], [2]], object),
        np.array([1, 2]),
    ):
        np.savez(folder / "reuters.npz", x=x, y=y)
        with pytest.raises(DataError, match=r"reuters\.npz.*Delete it"):
            reuters.load_data()
    np.savez(folder / "reuters.npz", y=y)
    with pytest.raises(DataError, match="has no array 'x'"):
        reuters.load_data()
    assert "sprung" not in capsys.readouterr().out


def test_a_file_of_other_size_is_refused(folder, rng, monkeypatch):
    write(folder, reuters, rng)
    monkeypatch.setattr(files, "bound", lambda path: 10)
    with pytest.raises(DataError, match="more than files of this kind"):
        reuters.load_data()


def test_damaged_files_are_named(folder, rng):
    write(folder, reuters, rng)
    path = folder / "reuters.npz"
    content = path.read_bytes()
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00")
        archive.writestr("y.npy", b"")
    for damaged in (content[: len(content) // 2], b"", stored.getvalue()):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"reuters\.npz"):
            reuters.load_data()
