import json
import lzma

import numpy as np
import pytest

from autonet.datasets import imdb
from autonet.errors import DataError

REVIEWS = [("Dull.", 0), ("A joy,\n\u2028 from “start” to <br /> end.", 1), ("", 0)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def write(folder, rows, file="imdb_train.jsonl.xz"):
    (folder / file).write_bytes(lzma.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode()))


def rows(reviews=REVIEWS):
    return [{"text": text, "label": label} for text, label in reviews]


def test_texts_and_labels(folder):
    write(folder, rows())
    write(folder, rows(REVIEWS[::-1]), "imdb_test.jsonl.xz")
    (texts, labels), (test_texts, test_labels) = imdb.load_texts()
    assert list(texts) == [text for text, _ in REVIEWS] == list(test_texts)[::-1]
    assert texts.dtype == object and labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 0] == test_labels.tolist()


def test_a_missing_file_is_one_error_that_says_what_to_put_where(folder):
    with pytest.raises(DataError) as caught:
        imdb.load_texts()
    for part in (
        "imdb_train.jsonl.xz",
        str(folder),
        "no address is known",
        '"label": 0 or 1',
        "e0abb9ac",
        "AUTONET_HOME",
    ):
        assert part in str(caught.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_a_damaged_file_is_named(folder, keep):
    write(folder, rows())
    path = folder / "imdb_train.jsonl.xz"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(
        DataError, match=r"imdb_train\.jsonl\.xz .*(damaged|no reviews).* Put the whole file in its place"
    ):
        imdb.load_texts()
    path.write_bytes(content[:40] + bytes(8) + content[48:])
    with pytest.raises(DataError, match=r"imdb_train\.jsonl\.xz is damaged"):
        imdb.load_texts()
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"imdb_train\.jsonl\.xz is damaged"):
        imdb.load_texts()


@pytest.mark.parametrize("odd", [{"text": "?"}, {"text": "?", "label": 2}, {"text": 3, "label": 1}, [1, 2]])
def test_other_content_is_refused_with_its_line(folder, odd):
    write(folder, [*rows(), odd])
    with pytest.raises(DataError, match="line 4: expected one review a line"):
        imdb.load_texts()


@pytest.mark.real_data("imdb_train.jsonl.xz", "imdb_test.jsonl.xz")
def test_the_real_reviews():
    for texts, labels in imdb.load_texts():
        assert texts.shape == labels.shape == (25000,)
        assert np.bincount(labels).tolist() == [12500, 12500]
        assert 1000 < np.mean([len(text) for text in texts]) < 1500
