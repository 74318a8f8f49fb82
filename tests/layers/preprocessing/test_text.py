"""TextVectorization."""

import collections
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.errors import ArgumentError, NotBuiltError, ShapeError
from autonet.models import Sequential
from autonet.serialization import deserialize_keras_object, register_keras_serializable, serialize_keras_object

TEXTS = ["foo bar", "bar baz", "baz bada boom"]


def made(**options):
    layer = layers.TextVectorization(**options)
    layer.adapt(TEXTS)
    return layer


def test_as_keras_documents_it():
    layer = made(max_tokens=5000, output_sequence_length=4)
    assert layer([["foo qux bar"], ["qux baz"]]).tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
    given = layers.TextVectorization(vocabulary=["earth", "wind", "and", "fire"])
    assert given.get_vocabulary() == ["", "[UNK]", "earth", "wind", "and", "fire"]


def test_lengths():
    layer = made()
    assert layer(["foo", "", "bar baz foo"]).tolist() == [[4, 0, 0], [0, 0, 0], [3, 2, 4]]
    assert layer("bar baz").tolist() == [3, 2]
    assert made(output_sequence_length=1)(["bar baz"]).tolist() == [[3]]
    assert layer.compute_output_shape((None, 1)) == (None, None)
    assert made(output_sequence_length=7).compute_output_shape((None,)) == (None, 7)


@pytest.mark.parametrize(
    ("standardize", "expected"),
    [
        ("lower_and_strip_punctuation", ["its", "über"]),
        ("lower", ["it's,", "über"]),
        ("strip_punctuation", ["Its", "Über"]),
        (None, ["It's,", "Über"]),
        (lambda texts: np.char.replace(texts, "It", "What"), ["What's,", "Über"]),
    ],
)
def test_standards(standardize, expected):
    layer = layers.TextVectorization(standardize=standardize)
    layer.adapt(["It's, Über"])
    assert sorted(layer.get_vocabulary()[2:]) == sorted(expected)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("whitespace", ["a", "b", "c"]),
        ("character", ["a", " ", "b", "\t", "c"]),
        (None, ["a b\tc"]),
        (lambda texts: [t.split("b") for t in texts], ["a ", "\tc"]),
    ],
)
def test_splits(split, expected):
    layer = layers.TextVectorization(split=split, standardize=None)
    layer.adapt(["a b\tc"])
    assert set(layer.get_vocabulary()[2:]) == set(expected)


@pytest.mark.parametrize(
    ("ngrams", "expected"),
    [
        (2, ["a", "b", "c", "a b", "b c"]),
        ((2,), ["a b", "b c"]),
        ((1, 3), ["a", "b", "c", "a b c"]),
        (9, ["a", "b", "c", "a b", "b c", "a b c"]),
    ],
)
def test_runs_of_words(ngrams, expected):
    """Shorter runs first, as they follow each other in the text."""
    layer = layers.TextVectorization(ngrams=ngrams, vocabulary=expected)
    assert layer(["a b c"]).tolist() == [list(range(2, len(expected) + 2))]


def test_bags_of_words():
    counts = made(output_mode="count")
    assert counts.get_vocabulary() == ["[UNK]", "baz", "bar", "foo", "boom", "bada"]
    assert counts(["bar bar qux", ""]).tolist() == [[1, 0, 2, 0, 0, 0], [0] * 6]
    assert made(output_mode="multi_hot", max_tokens=4, pad_to_max_tokens=True)(["bar bar"]).shape == (1, 4)
    weighed = made(output_mode="tf_idf")
    baz = np.log(1 + 3 / (1 + 2))
    np.testing.assert_allclose(weighed(["baz baz"]).numpy()[0, 1], 2 * baz, rtol=1e-6)


@register_keras_serializable("tests")
def halves(texts):
    return [[t[: len(t) // 2], t[len(t) // 2 :]] for t in texts]


def test_learned_words_are_kept():
    for layer in (made(split=halves), made(output_mode="tf_idf"), made(ngrams=2, output_sequence_length=3)):
        again = deserialize_keras_object(serialize_keras_object(layer))
        np.testing.assert_array_equal(again(TEXTS), layer(TEXTS))
        assert again.get_config() == layer.get_config()


def test_texts_into_a_model():
    """fit, evaluate and predict take arrays of text."""
    texts = np.array(["good film", "bad film", "good good", "bad bad"] * 8)
    labels = np.array([1.0, 0.0, 1.0, 0.0] * 8)
    words = layers.TextVectorization(output_sequence_length=3)
    words.adapt(texts)
    model = Sequential(
        [words, layers.Embedding(words.vocabulary_size(), 4), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.1
    model.fit(texts, labels, epochs=15, verbose=0)
    assert model.evaluate(texts, labels, verbose=0) < 0.05
    assert model.predict(texts[:3], verbose=0).shape == (3, 1)


def test_refusals():
    with pytest.raises(NotBuiltError, match="adapt"):
        layers.TextVectorization()(["a"])
    with pytest.raises(ShapeError, match=r"\(n, 1\)"):
        made()([["a", "b"]])
    with pytest.raises(ArgumentError, match="expects texts"):
        made()([1, 2])
    for options, message in (
        ({"standardize": "upper"}, "'lower'"),
        ({"split": "lines"}, "'character'"),
        ({"ngrams": 0}, "ngrams"),
        ({"output_mode": "one_hot"}, "'multi_hot'"),
        ({"output_mode": "count", "output_sequence_length": 3}, "'int' only"),
        ({"output_sequence_length": 0}, "above 0"),
        ({"ragged": True}, "dense"),
    ):
        with pytest.raises(ArgumentError, match=message):
            layers.TextVectorization(**options)


def plainly(options, vocabulary, bag, texts):
    """Places of the words of each text, found one by one."""
    rows = []
    for text in texts:
        if "lower" in (options["standardize"] or ""):
            text = text.lower()
        if "strip" in (options["standardize"] or ""):
            text = "".join([c for c in text if c not in string.punctuation])
        words = {"whitespace": text.split(), "character": list(text), None: [text]}[options["split"]]
        lengths = range(1, 1 + (options["ngrams"] or 1))
        runs = [" ".join(words[i : i + n]) for n in lengths for i in range(len(words) - n + 1)]
        runs = [run for run in runs if run or not bag]  # an empty one is the mask token
        unknown = 0 if bag else 1
        rows.append([vocabulary.index(run) if run in vocabulary else unknown for run in runs])
    return rows


@given(st.lists(st.text("aAb B.,\t\n\x85İΣσß中\ud800", max_size=12), min_size=1, max_size=5), st.data())
def test_as_said_plainly(texts, data):
    options = {
        "standardize": data.draw(st.sampled_from(["lower_and_strip_punctuation", "lower", "strip_punctuation", None])),
        "split": data.draw(st.sampled_from(["whitespace", "character", None])),
        "ngrams": data.draw(st.sampled_from([None, 2, 3])),
    }
    mode = data.draw(st.sampled_from(["int", "multi_hot", "count", "tf_idf"]))
    layer = layers.TextVectorization(output_mode=mode, max_tokens=data.draw(st.sampled_from([None, 3, 6])), **options)
    layer.adapt(texts)
    others = data.draw(st.lists(st.text("aB ,b", max_size=6), max_size=4)) + texts
    vocabulary = layer.get_vocabulary()
    rows = plainly(options, vocabulary, mode != "int", others)
    if mode == "int":
        expected = [row + [0] * (max(map(len, rows)) - len(row)) for row in rows]
    else:
        expected = np.array([np.bincount(np.array(row, int), minlength=len(vocabulary)) for row in rows])
        if mode == "multi_hot":
            expected = expected > 0
        elif mode == "tf_idf":
            expected = expected * layer.get_config()["idf_weights"]
    np.testing.assert_allclose(layer(others), np.array(expected), rtol=1e-6)


def test_the_most_frequent_are_those_of_a_full_sort():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice([f"w{i}" for i in range(40)], 9)) for _ in range(12)]
    full = layers.TextVectorization()
    full.adapt(texts)
    counts = collections.Counter(" ".join(texts).split())
    assert full.get_vocabulary()[2:] == sorted(counts, key=lambda t: (counts[t], t), reverse=True)
    for most in range(2, 45):
        layer = layers.TextVectorization(max_tokens=most)
        layer.adapt(texts)
        assert layer.get_vocabulary() == full.get_vocabulary()[:most]


def test_many_texts_are_read_in_parts(monkeypatch):
    for options in ({"output_mode": "count"}, {"output_sequence_length": 3}, {}):
        layer = made(**options)
        whole = layer(TEXTS * 3).numpy()
        monkeypatch.setattr("autonet.layers.preprocessing.text.CHUNK", 2)
        np.testing.assert_array_equal(layer(TEXTS * 3), whole)
        assert layer(np.zeros(0, object)).shape[0] == 0
        monkeypatch.undo()
    whole = made(output_mode="tf_idf", ngrams=2).get_config()
    monkeypatch.setattr("autonet.layers.preprocessing.vocabulary.CHUNK", 2)
    parts = made(output_mode="tf_idf", ngrams=2).get_config()
    assert (parts["vocabulary"], parts["idf_weights"]) == (whole["vocabulary"], whole["idf_weights"])


def test_empty_texts():
    for mode in ("multi_hot", "count", "tf_idf"):
        np.testing.assert_array_equal(made(output_mode=mode)(["", " "]), np.zeros((2, 6)))
    assert made()(["", " "]).shape == (2, 0)
