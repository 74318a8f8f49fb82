"""Tables and columns of polars and pyarrow are read as far as they become arrays; their missing values are not numbers."""

import datetime

import numpy as np
import pytest

import autonet as keras
from autonet.errors import DataError
from autonet.training.data import arrays

pl = pytest.importorskip("polars", reason="polars (extra `dev`) is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow (extra `dev`) is not installed")

TABLES = {"polars": pl.DataFrame, "table": pa.table, "batch": pa.RecordBatch.from_pydict}
COLUMNS = {
    "polars": lambda v: pl.Series("b", v),
    "array": pa.array,
    "chunks": lambda v: pa.chunked_array([v[:1], v[1:]]),
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables(make):
    table = make({"a": [1, 2, 3], "b": [True, False, True], "c": [0.5, 1.5, 2.5]})
    array = np.array([[1, 1, 0.5], [2, 0, 1.5], [3, 1, 2.5]], "float32")
    assert np.array_equal(arrays(table, "x", "float32"), array)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(table, pl.Series([1.0, 2.0, 3.0]), verbose=0)
    model.fit(table, pa.array([1.0, 2.0, 3.0]), validation_split=0.4, verbose=0)
    assert np.array_equal(model.predict(table, verbose=0), model.predict(array, verbose=0))
    assert np.allclose(model(table), model(array))
    normal, same = keras.layers.Normalization(), keras.layers.Normalization()
    normal.adapt(table)
    same.adapt(array)
    assert np.allclose(normal(table), same(array))
    for values, told in (
        ([1, None, 3], "x, column 'a', row 1: the value is missing"),
        (["u", "v", "w"], "x, column 'a' holds texts, such as 'u'"),
        ([datetime.date(2020, 1, 1)] * 3, "x, column 'a' holds dates"),
        ([datetime.time(1)] * 3, "x, column 'a' holds dates"),
        ([[1, 2]] * 3, "x, column 'a', row 0: ndarray"),
    ):
        with pytest.raises(DataError, match=told):
            arrays(make({"b": [1, 2, 3], "a": values}), "x", "float32")


@pytest.mark.parametrize("make", COLUMNS.values(), ids=COLUMNS)
def test_columns(make):
    for values in ([1, 2, 3], [0.5, 1.5, 2.5], [True, False, True], ["u", "v", "w"]):
        assert arrays(make(values), "y", "float32").tolist() == values
        assert arrays([make(values), make(values)], "y", "float32")[1].tolist() == values
    layer = keras.layers.StringLookup()
    layer.adapt(make(["v", "u", "v"]))
    assert layer.get_vocabulary() == ["[UNK]", "v", "u"]
    assert layer(make(["u", "z"])).tolist() == [2, 0]
    assert keras.layers.TextVectorization(vocabulary=["u", "v"])(make(["u v", "v"])).tolist() == [[2, 3], [3, 0]]
    with pytest.raises(DataError, match="row 1: the value is missing"):
        arrays(make([1, None, 3]), "y", "float32")


def test_what_only_one_of_them_has():
    assert arrays(pl.Series(["u", "v"], dtype=pl.Categorical), "x", "float32").tolist() == ["u", "v"]
    assert arrays(pa.array(["u", "v"]).dictionary_encode(), "x", "float32").tolist() == ["u", "v"]
    assert arrays(pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2)), "x", "float32").tolist() == [[1, 2]]
    assert arrays(pl.Series([1], dtype=pl.Decimal), "x", "float32").tolist() == [1]
    model = keras.Sequential([keras.layers.Dense(1)])
    for way in (model, model.predict):
        with pytest.raises(DataError, match="lazy"):
            way(pl.LazyFrame({"a": [1.0]}))
