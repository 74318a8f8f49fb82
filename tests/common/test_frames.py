"""Tables and columns are known by what they can do: here by a table of the tests' own."""

import numpy as np
import pytest

import autonet as keras
from autonet.common.frames import frame_array, is_frame, plain
from autonet.errors import DataError


class Column:
    """A column that may have missing values, as polars has them."""

    dtype = "of its own"

    def __init__(self, name, values):
        self.name, self.values = name, values

    def is_null(self):
        return [v is None for v in self.values]

    def to_numpy(self):
        return np.array([np.nan if v is None else v for v in self.values])

    def __array__(self, dtype=None, copy=None):
        return self.to_numpy()

    def __len__(self):
        return len(self.values)


class Table:
    def __init__(self, **columns):
        self.columns = [Column(name, values) for name, values in columns.items()]

    columns = ()

    def get_columns(self):
        return self.columns

    def __len__(self):
        return len(self.columns[0])

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("columns are read one by one")


class Lazy:
    columns = ()

    def collect(self):
        raise AssertionError("nobody asked for the rows")


def test_columns_of_different_numbers_become_one_array():
    table = Table(a=[1, 2], b=[True, False], c=[0.5, 1.5])
    assert frame_array(table, "x").tolist() == [[1, 1, 0.5], [2, 0, 1.5]]
    assert frame_array(table, "x", "float32").dtype == "float32"
    assert frame_array(Table(a=[1, 2], b=[True, False]), "x", "float32").dtype == "int64"
    assert frame_array(Column("a", ["one", "two"]), "x").tolist() == ["one", "two"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Table(a=[1, 2], b=[1, None]), "x, column 'b', row 1: the value is missing"),
        (Column("a", [None, 2]), "x, column 'a', row 0: the value is missing"),
        (Table(a=[1, 2], b=["u", "v"]), "x, column 'b' holds texts, such as 'u', beside columns of numbers"),
        (Table(a=[np.datetime64("2020-01-01")]), "x, column 'a' holds dates"),
        (Table(a=[1j]), "x, column 'a' holds complex numbers"),
        (Lazy(), "lazy"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_with_its_place(given, told):
    with pytest.raises(DataError, match=told):
        frame_array(given, "x")


def test_other_things_are_no_tables():
    for x in (np.zeros(3), [1.0], {"columns": 1}, 3.0, "text", None, keras.Tensor([1.0]), iter([])):
        assert not is_frame(x) and plain(x) is x


def test_every_way_in_takes_them():
    table, y = Table(a=[1, 2], b=[True, False]), Column("y", [1.0, 2.0])
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(table, y, verbose=0)
    expected = model.predict(np.array([[1, 1], [2, 0]]), verbose=0)
    assert np.array_equal(model.predict(table, verbose=0), expected)
    assert np.allclose(model(table), expected)
    assert np.isfinite([model.evaluate(table, y, verbose=0), model.train_on_batch(table, y)]).all()
    assert keras.ops.sum(table) == 4
    layer = keras.layers.StringLookup()
    layer.adapt(Column("c", ["b", "a", "b"]))
    assert layer(Column("c", ["b", "z"])).tolist() == [1, 0]
