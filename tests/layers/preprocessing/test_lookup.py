"""StringLookup, IntegerLookup, Hashing, HashedCrossing; the examples are those of Keras's documentation."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, DtypeError, NotBuiltError
from autonet.layers.preprocessing.hashing import bins_of
from tests.ops.cases import Case, integers

VOCABULARY = ["a", "b", "c", "d"]
DATA = [["a", "c", "d"], ["d", "z", "b"]]
NUMBERS = [12, 36, 1138, 42]
CASES = {
    "hash_integers": Case(integers(-50, 50), settings=[{"bins": 5}, {"bins": 3, "key": (1, 2)}], zero=True),
    "refuse_unknown": Case(integers(0, 5), integers(0, 5), shapes=[((3,), (3,)), ((2, 2), (2, 2))], zero=True),
}


def test_strings():
    assert layers.StringLookup(vocabulary=VOCABULARY)(DATA).tolist() == [[1, 3, 4], [4, 0, 2]]
    layer = layers.StringLookup()
    layer.adapt(DATA)
    assert layer.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["d", "z", "c", "b", "a"]
    assert layer.vocabulary_size() == 6
    assert layer(DATA).tolist() == [[5, 3, 1], [1, 2, 4]]
    several = layers.StringLookup(vocabulary=VOCABULARY, num_oov_indices=2)
    assert several([["a", "c", "d"], ["m", "z", "b"]]).tolist() == [[2, 4, 5], [0, 1, 3]]


def test_modes():
    data = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
    for mode, expected in (
        ("multi_hot", [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ("count", [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
    ):
        assert layers.StringLookup(vocabulary=VOCABULARY, output_mode=mode)(data).tolist() == expected
    one_hot = layers.StringLookup(vocabulary=VOCABULARY, output_mode="one_hot")(["a", "b", "c", "d", "z"])
    np.testing.assert_array_equal(one_hot, np.eye(5)[[1, 2, 3, 4, 0]])
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.set_vocabulary(VOCABULARY, idf_weights=[0.25, 0.75, 0.6, 0.4])
    np.testing.assert_allclose(layer(data), [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]], rtol=1e-6)
    layer.set_vocabulary(["[UNK]", *VOCABULARY], idf_weights=[0.9, 0.25, 0.75, 0.6, 0.4])
    np.testing.assert_allclose(layer(data), [[0, 0.25, 0, 0.6, 0.8], [1.8, 0, 0.75, 0, 0.4]], rtol=1e-6)


def test_inverted():
    layer = layers.StringLookup(vocabulary=VOCABULARY, invert=True)
    assert layer([[1, 3, 4], [4, 0, 2]]).tolist() == [["a", "c", "d"], ["d", "[UNK]", "b"]]
    assert layers.IntegerLookup(vocabulary=NUMBERS, invert=True)([[1, 3, 4], [4, 0, 2]]).tolist() == [
        [12, 1138, 42],
        [42, -1, 36],
    ]
    masked = layers.StringLookup(vocabulary=VOCABULARY, mask_token="", invert=True)
    assert masked(Tensor(np.array([0, 1, 2, 99, -1]))).tolist() == ["", "[UNK]", "a", "[UNK]", "[UNK]"]


def test_integers():
    data = np.array([[12, 1138, 42], [42, 1000, 36]])
    assert layers.IntegerLookup(vocabulary=NUMBERS)(data).tolist() == [[1, 3, 4], [4, 0, 2]]
    layer = layers.IntegerLookup()
    layer.adapt(data)
    assert layer.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]
    assert layer(data).tolist() == [[5, 2, 1], [1, 3, 4]]
    several = layers.IntegerLookup(vocabulary=NUMBERS, num_oov_indices=2)
    assert several(np.array([[12, 1138, 42], [37, 1000, 36]])).tolist() == [[2, 4, 5], [1, 0, 3]]
    by_hash = layers.IntegerLookup(vocabulary=[10, 20, 30], num_oov_indices=4, oov_method="farmhash")
    assert by_hash([100, 300, 700, 1100, 1700, 2000]).tolist() == [3, 3, 2, 2, 0, 1]
    count = layers.IntegerLookup(vocabulary=NUMBERS, output_mode="count")
    assert count(np.array([[12, 1138, 42, 42], [42, 7, 36, 7]])).tolist() == [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]


def test_masks():
    """The mask token has place 0, or is left out where there are no places."""
    places = layers.StringLookup(vocabulary=VOCABULARY, mask_token="")
    assert places.get_vocabulary()[:2] == ["", "[UNK]"]
    assert places([["a", "", "z"]]).tolist() == [[2, 0, 1]]
    counts = layers.StringLookup(vocabulary=VOCABULARY, mask_token="", output_mode="count")
    assert counts([["a", "", "z"]]).tolist() == [[1, 1, 0, 0, 0]]
    numbers = layers.IntegerLookup(vocabulary=NUMBERS, mask_token=0, output_mode="multi_hot", num_oov_indices=0)
    assert numbers([[0, 12, 42]]).tolist() == [[1, 0, 0, 1]]


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=30), st.integers(2, 12), st.integers(0, 2))
def test_adapt_keeps_the_most_frequent(data, max_tokens, oov):
    layer = layers.IntegerLookup(max_tokens=max_tokens, num_oov_indices=oov, mask_token=0)
    layer.adapt(np.array(data))
    counts = collections.Counter(t for t in data if t not in (0, -1))
    expected = sorted(counts, key=lambda t: (counts[t], t), reverse=True)[: max(max_tokens - 1 - oov, 0)]
    assert layer.get_vocabulary() == [0] + [-1] * oov + expected
    text = layers.StringLookup(max_tokens=max_tokens, num_oov_indices=oov, mask_token="0", oov_token="-1")
    text.adapt([str(t) for t in data])
    assert len(text.get_vocabulary()) == len(layer.get_vocabulary())


def test_inverse_document_frequencies():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "a", "b"], ["a", "c", "c"]])
    weights = dict(zip(layer.get_vocabulary(), layer.get_config()["idf_weights"], strict=True))
    assert weights["a"] == pytest.approx(np.log(1 + 2 / 3)) and weights["b"] == pytest.approx(np.log(2))
    assert weights["[UNK]"] == pytest.approx(np.mean([weights[t] for t in "abc"]))


def test_files_and_bytes(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer(np.array([b"b", b"x"])).tolist() == [2, 0]
    assert layer(np.array(["b"], object)).tolist() == [2]
    layer.save_assets(tmp_path)
    other = layers.StringLookup()
    other.load_assets(tmp_path)
    assert other.get_vocabulary() == layer.get_vocabulary()
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("7\n9\n", encoding="utf-8")
    assert layers.IntegerLookup(vocabulary=numbers)([9]).tolist() == [2]


def test_batches_of_any_kind():
    expected = ["[UNK]", "d", "z", "c", "b", "a"]
    for data in (np.array(DATA), iter(DATA), [b"a", b"c", b"d", b"d", b"z", b"b"]):
        layer = layers.StringLookup()
        layer.adapt(data)
        assert layer.get_vocabulary() == expected
    layer.adapt(iter([["x"], ["y"], ["z"]]), steps=2)
    assert layer.get_vocabulary() == ["[UNK]", "y", "x"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 1}, "max_tokens above 1"),
        ({"pad_to_max_tokens": True}, "needs max_tokens"),
        ({"num_oov_indices": -1}, "num_oov_indices"),
        ({"output_mode": "bits"}, "'tf_idf'"),
        ({"invert": True, "output_mode": "count"}, "invert the mode 'int' only"),
        ({"invert": True, "num_oov_indices": 2}, "one place"),
        ({"idf_weights": [1.0]}, "'tf_idf' only"),
        ({"output_mode": "tf_idf", "vocabulary": ["a"]}, "needs idf_weights"),
        ({"output_mode": "tf_idf", "vocabulary": ["a"], "idf_weights": [1.0, 2.0]}, "one idf weight for each"),
        ({"vocabulary": ["a", "b", "a"]}, "more than once"),
        ({"vocabulary": ["a", "[UNK]"]}, "special tokens"),
        ({"vocabulary": ["a", "b"], "max_tokens": 2}, "more than max_tokens"),
        ({"vocabulary": ["[UNK]", "a"], "mask_token": ""}, "begins with"),
        ({"vocabulary": "nowhere.txt"}, "no vocabulary file"),
        ({"vocabulary": ["a"], "sparse": True}, "dense"),
        ({"vocabulary": ["a"], "salt": "x"}, "salt"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        layers.StringLookup(**options)


def test_bad_data():
    with pytest.raises(NotBuiltError, match="adapt"):
        layers.StringLookup()(["a"])
    with pytest.raises(NotBuiltError, match="adapt"):
        layers.IntegerLookup()([1])
    with pytest.raises(DataError, match=r"lacks \['y', 'z'\]"):
        layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["a", "z", "y", "z"])
    with pytest.raises(DataError, match=r"lacks \[7\]"):
        layers.IntegerLookup(vocabulary=[1], num_oov_indices=0)([1, 7])
    with pytest.raises(DtypeError, match="texts"):
        layers.StringLookup(vocabulary=["a"])([1, 2])
    with pytest.raises(DtypeError, match="whole numbers"):
        layers.IntegerLookup(vocabulary=[1])([1.5])
    with pytest.raises(DtypeError, match="strings"):
        layers.StringLookup(vocabulary=["a"])(["a", 3])
    with pytest.raises(DtypeError, match="whole numbers"):
        layers.IntegerLookup(vocabulary=["a"])
    with pytest.raises(ArgumentError, match="farmhash"):
        layers.IntegerLookup(vocabulary=[1], salt=3)


LAYERS = {
    "StringLookup": lambda **options: layers.StringLookup(vocabulary=["a"], **options),
    "IntegerLookup": lambda **options: layers.IntegerLookup(vocabulary=[1], **options),
    "TextVectorization": lambda **options: layers.TextVectorization(vocabulary=["a"], **options),
    "Hashing": lambda **options: layers.Hashing(num_bins=3, **options),
}


@pytest.mark.parametrize("name", LAYERS)
def test_missing_values_are_named(name):
    make = LAYERS[name]
    for place, data in ((0, [None]), (1, ["a", None]), (1, [1, None]), (1, [["a"], [None]]), (0, (None, None))):
        with pytest.raises(DtypeError, match=f"{name} .*: element {place} of .* is missing"):
            make()(data)
    with pytest.raises(DtypeError, match=f"{name} .* expects data; received None"):
        make()(None)
    if name != "IntegerLookup":
        for data in (["a", float("nan")], np.array([None, "a"], object), np.array([None])):
            with pytest.raises(DtypeError, match="A text is missing"):
                make()(data)
    if name in ("StringLookup", "TextVectorization"):
        with pytest.raises(DtypeError, match="A text is missing"):
            make().adapt(["a", None])


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_becomes_nothing(name):
    shape = (0, 0) if name == "TextVectorization" else (0,)
    found = LAYERS[name]()([])
    assert found.shape == shape and found.dtype == "int64"
    if name.endswith("Lookup"):
        assert LAYERS[name](invert=True)([]).shape == (0,)


# Hashing


def test_hashing():
    letters = [["A"], ["B"], ["C"], ["D"], ["E"]]
    assert np.ravel(layers.Hashing(3)(letters)).tolist() == [1, 0, 1, 1, 2]
    masked = layers.Hashing(3, mask_value="")([["A"], ["B"], [""], ["C"], ["D"]])
    assert np.ravel(masked).tolist() == [1, 1, 0, 2, 2]
    assert np.ravel(layers.Hashing(3, salt=[133, 137])(letters)).tolist() == [1, 2, 1, 0, 2]
    assert np.ravel(layers.Hashing(3, salt=133)(letters)).tolist() == [0, 0, 2, 1, 0]


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=8), st.integers(1, 9))
def test_numbers_are_hashed_by_their_digits(numbers, bins):
    found = layers.Hashing(bins)(np.array(numbers)).tolist()
    assert found == layers.Hashing(bins)([str(n) for n in numbers]).tolist()
    assert found == bins_of(np.array(numbers), bins).tolist() and all(0 <= b < bins for b in found)


def test_crossing():
    letters, numbers = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    assert layers.HashedCrossing(5)((letters, numbers)).tolist() == [1, 4, 1, 1, 3]
    one_hot = layers.HashedCrossing(5, output_mode="one_hot")((letters, numbers))
    np.testing.assert_array_equal(one_hot, np.eye(5)[[1, 4, 1, 1, 3]])
    column = layers.HashedCrossing(5)((letters[:, None], numbers[:, None]))
    assert column.shape == (5, 1)


def test_hashing_refuses():
    with pytest.raises(ArgumentError, match="num_bins"):
        layers.Hashing(0)
    with pytest.raises(ArgumentError, match="beside that of mask_value"):
        layers.Hashing(1, mask_value=0)
    with pytest.raises(DtypeError, match="texts or whole numbers"):
        layers.Hashing(3)([1.5])
    with pytest.raises(ArgumentError, match="two features"):
        layers.HashedCrossing(3)(["a"])
    with pytest.raises(ValueError, match="one shape"):
        layers.HashedCrossing(3)((["a", "b"], [1]))
