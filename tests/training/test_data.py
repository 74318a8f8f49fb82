"""Whatever is passed as data becomes trees of arrays, or one clear error."""

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError, DataError
from autonet.training import data
from autonet.training.batches import is_stream


class Frame:
    """As pandas has them: an array inside, iteration over column names, a length."""

    def __init__(self, values):
        self.values = values
        self.shape = values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter(["a", "b"])


class Sparse:
    """As SciPy has them."""

    shape = (3, 2)

    def toarray(self):
        return np.zeros(self.shape)

    def __iter__(self):
        return iter([])


@pytest.mark.parametrize(
    "given",
    [
        [[1.0, 2.0], [3.0, 4.0]],
        ((1.0, 2.0), (3.0, 4.0)),
        [(1.0, 2.0), [3, 4]],
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        keras.ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]]),
        keras.Variable([[1.0, 2.0], [3.0, 4.0]]),
        Frame(np.array([[1.0, 2.0], [3.0, 4.0]])),
    ],
    ids=["lists", "tuples", "both", "array", "tensor", "variable", "frame"],
)
def test_what_means_an_array_becomes_one(given):
    array = data.arrays(given, "x", "float32")
    assert type(array) is np.ndarray and array.dtype == "float32"
    assert array.tolist() == [[1, 2], [3, 4]]
    assert not is_stream(given)


def test_structure_stays_structure():
    a, b = np.zeros((3, 2)), np.zeros(3, "int64")
    tree = data.arrays({"p": a, "q": [b, None], "r": (a, [1.0, 2.0, 3.0])}, "x", "float32")
    assert list(tree) == ["p", "q", "r"]
    assert type(tree["q"]) is list and tree["q"][1] is None
    assert type(tree["r"]) is tuple and tree["r"][1].tolist() == [1, 2, 3]
    assert tree["p"].dtype == "float32" and tree["q"][0] is b


@pytest.mark.parametrize("kind", ["uint8", "int64", "int8", "bool"])
def test_integers_stay_what_they_are(kind):
    array = np.ones((2, 2), kind)
    assert data.arrays(array, "x", "float32") is array


def test_floats_get_the_dtype_of_the_model_and_are_not_copied_for_nothing():
    for kind in ("float16", "float32", "float64"):
        array = np.ones((2, 2), kind)
        for wanted in ("float32", "float64"):
            found = data.arrays(array, "x", wanted)
            assert found.dtype == wanted
            assert (found is array) == (kind == wanted)


def test_arrays_on_disk(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6.0, dtype="float32").reshape(3, 2))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = data.arrays(x, "x", "float32")
    assert type(found) is np.ndarray and np.shares_memory(found, x)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    for _ in range(2):
        model.fit(x, x[:, :1], batch_size=2, epochs=2, verbose=0)
        assert model.predict(x, verbose=0).shape == (3, 1)


def test_texts_pass():
    assert data.arrays(["one", "two"], "x", "float32").tolist() == ["one", "two"]
    for given, kind in (
        (["one", "two"], "O"),
        (np.array(["one", "two"]), "U"),
        (np.array(["one", "two"], object), "O"),
    ):
        assert data.arrays(given, "x", "float32").dtype.kind == kind  # objects are not padded to the longest


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (3.0, "single value"),
        (np.float32(3), "single value"),
        ([[1.0], [1.0, 2.0]], "cannot be used as an array"),
        (object(), "cannot be used as an array"),
        (np.array([{}, {}]), "type object"),
        (np.zeros(3, complex), "holds complex numbers"),
        (np.zeros(3, "datetime64[s]"), "datetime64"),
        (Sparse(), r"x\.toarray\(\)"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked array"),
        ([1.0, "two"], "cannot be used as an array"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(given, told):
    with pytest.raises(DataError, match=told):
        data.arrays(given, "x", "float32")


def test_the_place_in_the_tree_is_told():
    with pytest.raises(DataError, match=r"x\['a'\]\[1\] "):
        data.arrays({"a": [np.zeros(3), Sparse()]}, "x", "float32")


def test_lengths_must_agree():
    x, y = np.zeros((3, 2)), np.zeros(4)
    with pytest.raises(DataError, match="x: 3, y: 4"):
        data.length((x, y, None))
    with pytest.raises(DataError, match=r"x\[0\]: 3, x\[1\]: 4"):
        data.length(([x, y], None, None))
    with pytest.raises(DataError, match="x is empty"):
        data.length(([], None, None))
    assert data.length(({"a": x}, None, None)) == 3


def test_unpack_and_pack():
    assert data.unpack((1, 2)) == (1, 2, None)
    assert data.unpack([1, 2, 3]) == (1, 2, 3)
    assert data.unpack({"a": 1}) == ({"a": 1}, None, None)
    with pytest.raises(DataError, match="4 parts"):
        data.unpack((1, 2, 3, 4))
    assert data.pack("x", None, None) == "x"
    assert data.pack(["x"], None, None) == (["x"],)
    assert data.pack("x", "y", None) == ("x", "y")
    assert data.pack("x", None, "w") == ("x", None, "w")


def test_split_keeps_the_order():
    x, y = np.arange(10.0), {"a": np.arange(10)}
    (x1, y1, w1), (x2, y2, w2) = data.split((x, y, None), 0.25, "float32")
    assert x1.tolist() == [0, 1, 2, 3, 4, 5, 6] and x2.tolist() == [7, 8, 9]
    assert y1["a"].tolist() == x1.tolist() and y2["a"].tolist() == x2.tolist() and w1 is w2 is None
    for fraction in (0.01, 0.999):
        assert len(data.split((np.arange(1000.0), None, None), fraction, "float32")[0][0]) == round(
            1000 * (1 - fraction)
        )
    with pytest.raises(ArgumentError, match="one part empty"):
        data.split((np.arange(3.0), None, None), 0.9, "float32")
    for fraction in (-0.5, 1, 2):
        with pytest.raises(ArgumentError, match="between 0 and 1"):
            data.split((x, y, None), fraction, "float32")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([0, 1, 2, 1], [1, 5, 0.5, 5]),
        ([[0], [1], [2], [1]], [1, 5, 0.5, 5]),
        (np.eye(3)[[0, 1, 2, 1]], [1, 5, 0.5, 5]),
        ([0.0, 1.0, 7.0, 1.0], [1, 5, 1, 5]),
        ([[[0], [1]], [[2], [2]]], [[1, 5], [0.5, 0.5]]),
        (np.eye(3)[[[0, 1], [2, 2]]], [[1, 5], [0.5, 0.5]]),
        ([[True], [False]], [5, 1]),
    ],
)
def test_class_weights(y, expected):
    assert data.class_weights(np.asarray(y), {1: 5.0, 2: 0.5}).tolist() == expected


def test_class_weights_multiply_sample_weights_row_by_row():
    x, y = np.zeros(3), np.array([0, 1, 1])
    for weight in (np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0], [3.0]])):
        assert data.weigh((x, y, weight), {1: 10.0})[2].ravel().tolist() == [1, 20, 30]
        assert data.weigh((x, y, weight), {1: 10.0})[2].shape == weight.shape
    y = np.array([[[0], [1]], [[1], [1]]])
    assert data.weigh((x, y, np.array([1.0, 2.0])), {1: 10.0})[2].tolist() == [[1, 10], [20, 20]]


@pytest.mark.parametrize("table", ["balanced", [1, 2], {"a": 1}, {0: "heavy"}, 3])
def test_class_weight_is_a_dictionary_of_numbers(table):
    with pytest.raises(ArgumentError, match="dictionary from class numbers"):
        data.class_table(table)


def test_class_weight_refuses_what_has_no_classes():
    with pytest.raises(ArgumentError, match="do not sum to 1"):
        data.class_weights(np.ones((3, 4)), {1: 2.0})
    with pytest.raises(ArgumentError, match="single array"):
        data.class_weights({"a": np.ones(3)}, {1: 2.0})


@pytest.mark.parametrize("gap", [None, np.nan])
@pytest.mark.parametrize("place", [0, 1])
def test_texts_with_gaps_are_refused_with_the_row(gap, place):
    texts = ["great", "bad"]
    texts.insert(place, gap)
    for x in (texts, np.array(texts, object), [[t] for t in texts]):
        if gap is None or isinstance(x, np.ndarray):
            with pytest.raises(DataError, match=rf"x, row {place}: the text is missing \(1 of 3 are\)"):
                data.arrays(x, "x", "float32")
    with pytest.raises(DataError, match="x holds None alone: all 2 values are missing"):
        data.arrays(np.array([[None], [None]]), "x", "float32")
    with pytest.raises(DataError, match="x, row 1: int 3 among texts"):
        data.arrays(np.array(["a", 3], object), "x", "float32")


def test_bytes_are_texts():
    for x in ([b"great", b"bad"], np.array([b"great", b"bad"]), [b"great", "bad"], np.array([b"great", "bad"], object)):
        found = data.arrays(x, "x", "float32")
        assert found.dtype == object and list(found) == list(x)


@pytest.mark.parametrize("entry", [lambda i: np.zeros((i % 7 + 1, 2)), lambda i: np.zeros((7, 2))])
def test_a_list_of_samples_is_told_in_few_words_to_be_stacked(entry):
    many = [entry(i) for i in range(2000)]
    m = keras.Sequential([keras.layers.Dense(1)])
    m.compile("sgd", "mse")
    for call in (
        lambda: m.fit(many, np.zeros(2000)),
        lambda: m.fit(np.zeros((2000, 2)), many),
        lambda: m.fit(many, many),
        lambda: m.evaluate(many, np.zeros(2000)),
        lambda: m.predict(many),
    ):
        with pytest.raises((DataError, ArgumentError), match="np.stack") as raised:
            call()
        assert len(str(raised.value)) < 400
