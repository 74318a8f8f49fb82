"""Tables of pandas train, predict and prepare as the arrays in them do, whatever their columns and indices."""

import inspect

import numpy as np
import pytest

import autonet as keras
from autonet import layers
from autonet.errors import ArgumentError, DataError, DtypeError
from autonet.layers.preprocessing.base import DataLayer
from autonet.layers.preprocessing.images import ImageLayer
from autonet.training.data import arrays

pd = pytest.importorskip("pandas", reason="pandas (extra `dev`) is not installed")

N = 24
RNG = np.random.default_rng(3)
INDICES = {
    "texts": [f"row {i}" for i in range(N)],
    "dates": pd.date_range("2020-01-01", periods=N),
    "shuffled": RNG.permutation(N),
    "repeated": [7] * N,
    "pairs": pd.MultiIndex.from_product([range(6), list("abcd")]),
}
KINDS = {
    "float64": RNG.normal(size=N),
    "float32": RNG.normal(size=N).astype("float32"),
    "bool": RNG.random(N) > 0.5,
    "int64": RNG.integers(0, 9, N),
    "uint8": RNG.integers(0, 9, N).astype("uint8"),
    "Int64": pd.array(RNG.integers(0, 9, N), dtype="Int64"),
    "UInt8": pd.array(RNG.integers(0, 9, N), dtype="UInt8"),
    "Float64": pd.array(RNG.normal(size=N), dtype="Float64"),
    "boolean": pd.array(RNG.random(N) > 0.5, dtype="boolean"),
    "category": pd.Categorical(RNG.integers(0, 3, N)),
    "objects": np.array([1, 2.5, True, np.float32(3)] * (N // 4), object),
    "sparse": pd.arrays.SparseArray(RNG.integers(0, 2, N)),
}


def numbers(frame):
    return frame.astype("float64").to_numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("index", INDICES)
def test_a_column_of_each_kind_is_its_numbers(kind, index):
    frame = pd.DataFrame({"a": KINDS[kind], "b": np.arange(N) / 2, "c": KINDS[kind]}, index=INDICES[index])
    for part in (frame, frame[["a"]]):
        found = arrays(part, "x", "float32")
        assert found.dtype.kind in "biuf" and np.array_equal(found, numbers(part).astype("float32"))
    column = arrays(frame["a"], "y", "float32")
    assert column.shape == (N,) and np.array_equal(column, numbers(frame)[:, 0].astype("float32"))


def test_one_block_is_not_copied():
    frame = pd.DataFrame(np.zeros((5, 3), "float32"))
    assert np.shares_memory(arrays(frame, "x", "float32"), frame.to_numpy())


def work(x, y, weight, held_out):
    """What a model does with the data, from the same start."""
    keras.utils.set_random_seed(5)
    model = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    fit = dict(epochs=2, batch_size=7, verbose=0)
    history = [
        model.fit(x, y, sample_weight=weight, validation_split=0.25, **fit).history,
        model.fit(x, y, validation_data=held_out, class_weight={0: 2.0}, **fit).history,
    ]
    batches = [(x, y, weight), (x, y)]
    history.append(model.fit(iter(batches), verbose=0).history)
    logs = [
        model.evaluate(x, y, sample_weight=weight, verbose=0),
        model.train_on_batch(x, y, weight),
        model.test_on_batch(x, y),
    ]
    outputs = [f(x).tolist() for f in (lambda x: model.predict(x, verbose=0), model.predict_on_batch, model)]
    return history, logs, outputs


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("kind", ["int64", "Int64", "category"])
def test_training_is_that_of_the_arrays(index, kind):
    x = pd.DataFrame(KINDS, index=INDICES[index])
    y = pd.Series(np.arange(N) % 3, index=INDICES[index], name="class").astype(kind)
    weight = pd.Series(np.linspace(1, 2, N), index=INDICES[index])
    found = work(x, y, weight, (x, y))
    assert found == work(numbers(x), np.arange(N) % 3, weight.to_numpy(), (numbers(x), np.arange(N) % 3))


def test_dummies_and_batches_of_frames():
    frame = pd.get_dummies(pd.DataFrame({"city": ["Rome", "Oslo"] * 12, "size": np.arange(N) / N}), columns=["city"])

    class Frames(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            rows = frame.iloc[12 * i : 12 * i + 12]
            return rows, rows["city_Rome"]

    model = keras.Sequential([layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(frame, frame["city_Rome"], verbose=0)
    model.fit(Frames(), verbose=0)
    assert model.predict(Frames(), verbose=0).tolist() == model.predict(numbers(frame), batch_size=12).tolist()


def test_named_inputs_take_columns():
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    frame = pd.DataFrame({"a": KINDS["Float64"], "b": KINDS["boolean"]}, index=INDICES["texts"])
    model.fit(dict(frame), frame["a"], verbose=0)
    expected = model.predict({name: numbers(frame[[name]]) for name in frame}, verbose=0)
    assert np.array_equal(model.predict(dict(frame), verbose=0), expected)
    assert np.allclose(model(dict(frame)), expected)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: pd.DataFrame({"a": [1.0, 2], "b": pd.array([1, None], "Int64")}), "column 'b', row 1: .* missing"),
        (lambda: pd.DataFrame({"b": pd.array([None, 1], "Float64")}, ["p", "q"]), r"'b', row 0 \(index 'p'\)"),
        (lambda: pd.Series(pd.array([True, None], "boolean"), name="b"), "column 'b', row 1: .* missing"),
        (lambda: pd.Series(pd.Categorical([1, None])), ", row 1: .* missing"),
        (lambda: pd.DataFrame({"b": np.array([1, None], object)}), "column 'b', row 1: .* missing"),
        (lambda: pd.Series(["u", None], name="b"), r"row 1: .* missing .*fillna\(''\)"),
        (lambda: pd.DataFrame({("b", "c"): pd.array([1, None], "Int64")}), r"column \('b', 'c'\), row 1"),
        (lambda: pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), "column 'b' holds texts, such as 'u'"),
        (lambda: pd.DataFrame([[1, "u"]], columns=["b", "b"]), "column 'b' holds texts"),
        (lambda: pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["u", "v"])}), "column 'b' holds texts"),
        (lambda: pd.DataFrame({"b": [1, "u"]}), "column 'b', row 1: str 'u' among numbers"),
        (lambda: pd.DataFrame({"b": ["u", 1]}), "column 'b', row 1: int '1' among texts"),
        (lambda: pd.DataFrame({"b": [[1, 2], [3, 4]]}), "column 'b', row 0: list .* Stack its rows"),
        (lambda: pd.DataFrame({"b": [2**70, 1]}), "column 'b', row 0: int"),
        (lambda: pd.DataFrame({"b": pd.date_range("2020", periods=2), "a": [1, 2]}), "column 'b' holds dates"),
        (lambda: pd.DataFrame({"b": pd.date_range("2020", periods=2, tz="UTC")}), "column 'b' holds dates"),
        (lambda: pd.DataFrame({"b": pd.period_range("2020", periods=2)}), "column 'b' holds dates"),
        (lambda: pd.DataFrame({"b": pd.to_timedelta([1, 2])}), "column 'b' holds dates or times"),
        (lambda: pd.DataFrame(index=[1, 2]), "without columns"),
    ],
)
def test_what_cannot_be_used_is_refused_by_column_and_row(make, told):
    frame = make()
    with pytest.raises(DataError, match=told):
        arrays(frame, "x", "float32")
    for way in (layers.Dense(1), keras.ops.convert_to_tensor, keras.Sequential([layers.Dense(1)]).predict):
        with pytest.raises((DataError, DtypeError), match=told):
            way(frame)


def test_classes_as_texts_are_told_what_to_do():
    model = keras.Sequential([layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    for y in (pd.Series(["u", "v"]), pd.Series(pd.Categorical(["u", "v"])), pd.DataFrame({"kind": ["u", "v"]})):
        with pytest.raises(DataError, match=r"np\.unique"):
            model.fit(pd.DataFrame({"a": [1.0, 2.0]}), y, verbose=0)


def test_frames_without_rows():
    model = keras.Sequential([layers.Input((2,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    empty = pd.DataFrame({"a": pd.array([], "Int64"), "b": []})
    assert model.predict(empty, verbose=0).shape == (0, 3)
    with pytest.raises(DataError, match="no rows"):
        model.fit(empty, empty, verbose=0)


# Layers that prepare data

WORDS, WHOLE, REAL = ["b", "a c", "b", "d"] * 6, [3, 1, 3, 0] * 6, np.linspace(-2, 2, N)
PREPARING = {    # how to make the layer, and a table of what it reads
    "CategoryEncoding": (lambda: layers.CategoryEncoding(4), {"p": WHOLE, "q": WHOLE}),
    "Discretization": (lambda: layers.Discretization(num_bins=3), {"p": REAL, "q": WHOLE}),
    "Hashing": (lambda: layers.Hashing(5), {"p": WORDS, "q": WORDS}),
    "HashedCrossing": (lambda: layers.HashedCrossing(5), {"p": WORDS, "q": WHOLE}),
    "IntegerLookup": (lambda: layers.IntegerLookup(), {"p": WHOLE, "q": WHOLE}),
    "Normalization": (lambda: layers.Normalization(), {"p": REAL, "q": KINDS["Float64"]}),
    "Rescaling": (lambda: layers.Rescaling(2.0, 1.0), {"p": REAL, "q": KINDS["boolean"]}),
    "StringLookup": (lambda: layers.StringLookup(), {"p": WORDS, "q": WORDS}),
    "TextVectorization": (lambda: layers.TextVectorization(), {"p": WORDS}),
}  # fmt: skip


def test_no_layer_that_prepares_data_is_forgotten():
    found = [getattr(layers, name) for name in dir(layers)]
    found = [c for c in found if inspect.isclass(c) and issubclass(c, DataLayer) and not issubclass(c, ImageLayer)]
    assert {c.__name__ for c in found} == set(PREPARING) | {"Pipeline"}  # which its layers make what it is


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("name", PREPARING)
def test_a_preparing_layer_reads_frames_as_their_arrays(name, index):
    make, columns = PREPARING[name]
    frame = pd.DataFrame(columns, index=INDICES[index])
    array = frame.to_numpy() if isinstance(columns["p"][0], str) else numbers(frame)
    array = array.astype("int64") if columns["p"] is WHOLE else array
    pairs = [(frame, array), (frame["p"], array[:, 0]), (frame[["p"]], array[:, :1])]
    if name == "HashedCrossing":
        pairs = [([frame["p"], frame["q"]], [np.array(WORDS), np.array(WHOLE)])]
    for given, expected in pairs:
        layer, other = make(), make()
        if hasattr(layer, "adapt"):
            layer.adapt(given)
            other.adapt(expected)
            assert layer.get_config() | {"name": 0} == other.get_config() | {"name": 0}
            if given.ndim == 2:
                again = make()
                again.adapt((rows, None) for rows in (given.iloc[:10], given.iloc[10:]))
                assert np.allclose(again(given), layer(given))
        assert layer(given).tolist() == other(expected).tolist()
        assert layer(given).dtype == other(expected).dtype


def test_the_constructors_take_columns():
    frame = pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 2.0]}, index=["p", "q"])
    normal = layers.Normalization(mean=frame.mean(), variance=frame.var())
    assert normal.get_config()["mean"] == [2.0, 2.0] and normal(frame).shape == (2, 2)
    assert layers.Discretization(bin_boundaries=frame["a"])([2.0]).tolist() == [1]
    assert layers.StringLookup(vocabulary=pd.Series(["u", "v"], index=[5, 6]))(["v"]).tolist() == [2]
    with pytest.raises(ArgumentError, match="received DataFrame"):
        layers.HashedCrossing(3)(frame)


def test_utilities_take_frames():
    column = pd.Series(pd.array([0, 2], "Int64"), index=[8, 9])
    assert keras.utils.to_categorical(column).tolist() == [[1, 0, 0], [0, 0, 1]]
    frame = pd.DataFrame({"a": [3.0, 0.0], "b": pd.array([4, 0], "Int64")}, index=[8, 9])
    assert keras.utils.normalize(frame).tolist() == [[0.6, 0.8], [0.0, 0.0]]
    assert keras.utils.split_dataset(frame, 0.5)[0].tolist() == [[3.0, 4.0]]
    assert float(keras.losses.mean_squared_error(frame["a"], frame["b"])) == 0.5
    metric = keras.metrics.Accuracy()
    metric.update_state(column, column)
    assert metric.result() == 1
