"""evaluate, predict, and single batches."""

import numpy as np
import pytest

import autonet as keras
from autonet.errors import ArgumentError, DataError, NotBuiltError


def column(n):
    return np.arange(n, dtype="float32")[:, None]


def batches(n):
    return ((column(2) + 2 * i, column(2) + 2 * i) for i in range(n))


# evaluate


def test_evaluate_returns_a_number_a_list_or_a_dictionary(teller, way):
    assert teller(**way).evaluate(column(4), column(4), verbose=0) == 1.5
    model = teller(metrics=["mse", "mae"], **way)
    assert model.evaluate(column(4), column(4), verbose=0) == [1.5, 3.5, 1.5]
    assert model.evaluate(column(4), column(4), verbose=0, return_dict=True) == {"loss": 1.5, "mse": 3.5, "mae": 1.5}


def test_evaluate_on_all_kinds_of_data(teller, watch):
    model = teller()
    assert model.evaluate([0, 1, 2], [0, 1, 5], verbose=0) == 2.0
    assert model.evaluate(batches(3), verbose=0) == 2.5
    assert model.evaluate(batches(9), steps=2, verbose=0) == 1.5
    assert model.evaluate(column(10), column(10), batch_size=2, steps=2, verbose=0) == 1.5
    assert model.evaluate(column(10), column(10), batch_size=2, steps=99, verbose=0) == 4.5
    assert model.evaluate(column(4), column(4), sample_weight=[0, 0, 0, 1], verbose=0) == 0.75
    model.evaluate(column(4), column(4), batch_size=2, verbose=0, callbacks=watch)
    assert [hook for hook, *_ in watch.seen] == ["test_begin", *["test_batch_begin", "test_batch_end"] * 2, "test_end"]
    with pytest.warns(UserWarning, match="ended after 3 of 5"):
        assert model.evaluate(batches(3), steps=5, verbose=0) == 2.5


def test_evaluate_changes_nothing(linear, xy):
    model = linear(optimizer="adam", metrics=["mae"])
    model.fit(*xy, verbose=0)
    before = model.get_weights(), [v.numpy() for v in model.optimizer.variables]
    first = model.evaluate(*xy, verbose=0)
    assert model.evaluate(*xy, verbose=0) == first
    after = model.get_weights(), [v.numpy() for v in model.optimizer.variables]
    for a, b in zip([*before[0], *before[1]], [*after[0], *after[1]], strict=True):
        np.testing.assert_array_equal(a, b)


def test_evaluate_refuses(teller):
    with pytest.raises(DataError, match="no rows"):
        teller().evaluate(column(0), column(0), verbose=0)
    with pytest.raises(NotBuiltError, match="compile"):
        keras.Sequential([keras.layers.Dense(1)]).evaluate(column(3), column(3))
    with pytest.raises(ArgumentError, match="number of steps"):
        teller().evaluate(column(3), column(3), steps=0)


# predict


@pytest.mark.parametrize("rows", [1, 2, 5, 31, 32, 33, 64, 65])
@pytest.mark.parametrize("batch", [None, 1, 7, 1000])
def test_predict_gives_a_row_for_each_row(rows, batch, linear):
    model = linear(units=3)
    x = np.random.default_rng(0).standard_normal((rows, 4)).astype("float32")
    y = model.predict(x, batch_size=batch, verbose=0)
    assert type(y) is np.ndarray and y.shape == (rows, 3)
    np.testing.assert_allclose(y, np.asarray(model(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("verbose", [0, 1, "auto"])
def test_predict_of_no_rows(verbose, way):
    stack = [
        keras.layers.Conv2D(3, 3),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(4, activation="softmax"),
    ]
    model = keras.Sequential(stack)
    model.compile(**way)
    for batch in (None, 5):
        assert model.predict(np.zeros((0, 8, 8, 2)), batch_size=batch, verbose=verbose).shape == (0, 4)
    assert model.predict(np.zeros((3, 8, 8, 2)), verbose=verbose).shape == (3, 4)
    a, b = keras.Input((2,)), keras.Input((3,))
    model = keras.Model([a, b], [keras.layers.Dense(2)(a), keras.layers.Dense(4)(b)])
    assert [y.shape for y in model.predict([np.zeros((0, 2)), np.zeros((0, 3))], verbose=verbose)] == [(0, 2), (0, 4)]


def test_predict_needs_no_compile():
    model = keras.Sequential([keras.layers.Dense(2)])
    assert model.predict(np.ones((3, 4)), verbose=0).shape == (3, 2)
    assert model.predict(np.ones((40, 4)), verbose=0).shape == (40, 2)


def test_predict_on_all_kinds_of_data(linear, watch):
    model = linear()
    x = np.random.default_rng(0).standard_normal((10, 4))
    y = model.predict(x, verbose=0)

    def same(given, **options):
        np.testing.assert_allclose(model.predict(given, verbose=0, **options), y, rtol=1e-5, atol=1e-6)

    same(x.tolist())
    same(x.astype("float32"), batch_size=3)
    same(keras.ops.convert_to_tensor(x))
    same(x[i : i + 2] for i in range(0, 10, 2))
    same((x[i : i + 2],) for i in range(0, 10, 2))
    same((x[i : i + 2], np.zeros(2)) for i in range(0, 10, 2))
    same((x[i : i + 2] for i in range(0, 10, 2)), steps=5)
    assert model.predict(x, batch_size=2, steps=3, verbose=0).shape == (6, 1)
    model.predict(x, batch_size=5, verbose=0, callbacks=[watch])
    expected = ["predict_begin", *["predict_batch_begin", "predict_batch_end"] * 2, "predict_end"]
    assert [hook for hook, *_ in watch.seen] == expected
    assert watch.seen[2] == ("predict_batch_end", 0, ["outputs"])


def test_what_predict_gives_is_the_callers(way):
    model = keras.Sequential([keras.layers.Activation("linear")])
    model.compile(**way)
    x = np.ones((3, 2), "float32")
    for _ in range(3):
        y = model.predict(x, verbose=0)
        y[:] = 7
        kept = model.predict_on_batch(x)
        model.predict_on_batch(x * 2)
        assert x.tolist() == [[1, 1]] * 3 and kept.tolist() == [[1, 1]] * 3


def test_predict_with_several_outputs(way):
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return {"a": self.dense(x), "b": (x, [x * 2])}

    model = Two()
    model.compile(**way)
    x = np.random.default_rng(0).standard_normal((7, 3)).astype("float32")
    for batch in (None, 3):
        y = model.predict(x, batch_size=batch, verbose=0)
        assert y["a"].shape == (7, 2) and type(y["b"]) is tuple
        np.testing.assert_array_equal(y["b"][1][0], x * 2)


@pytest.mark.parametrize("size", [0, -3, 2.0])
def test_predict_refuses_bad_batch_sizes(size, linear):
    for rows in (1, 50):
        with pytest.raises(ArgumentError, match="batch_size expects"):
            linear().predict(np.ones((rows, 4)), batch_size=size, verbose=0)


def test_dropout_is_off_in_evaluate_and_predict(way):
    model = keras.Sequential([keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse", **way)
    x = np.ones((6, 3), "float32")
    assert (model.predict(x, verbose=0) == x).all()
    assert model.evaluate(x, x, verbose=0) == 0


# Single batches


def test_train_on_batch_is_a_step_of_fit(linear, xy):
    one, two = linear(optimizer="adam", metrics=["mae"]), linear(optimizer="adam", metrics=["mae"])
    logs = two.fit(*xy, shuffle=False, verbose=0).history
    assert one.train_on_batch(*xy) == [logs["loss"][0], logs["mae"][0]]
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_of_single_batches_are_theirs_alone(teller, way):
    model = teller(metrics=["mse"], **way)
    assert model.train_on_batch(column(2), column(2)) == [0.5, 0.5]
    assert model.train_on_batch(column(2), column(2) + 2, return_dict=True) == {"loss": 2.5, "mse": 6.5}
    assert {k: float(v) for k, v in model.get_metrics_result().items()} == {"loss": 2.5, "mse": 6.5}
    assert model.test_on_batch(column(2), column(2) + 2) == [2.5, 6.5]
    assert model.test_on_batch(column(2), column(2), return_dict=True) == {"loss": 0.5, "mse": 0.5}
    assert type(teller(**way).train_on_batch(column(2), column(2))) is float


def test_weights_of_single_batches(teller, way):
    model = teller(**way)
    assert model.train_on_batch(column(2), column(2), sample_weight=[1, 3]) == 1.5
    assert model.train_on_batch(column(2), column(2), class_weight={1: 5}) == 2.5
    assert model.train_on_batch(column(2), column(2), sample_weight=[[1.0], [3.0]], class_weight={1: 5}) == 7.5
    assert model.test_on_batch(column(2), column(2), sample_weight=np.array([1, 3])) == 1.5


def test_single_batches_refuse(teller):
    model = teller()
    with pytest.raises(DataError, match="no rows"):
        model.train_on_batch(column(0), column(0))
    with pytest.raises(DataError, match="x: 3, y: 2"):
        model.test_on_batch(column(3), column(2))
    fresh = keras.Sequential([keras.layers.Dense(1)])
    for method in (fresh.train_on_batch, fresh.test_on_batch):
        with pytest.raises(NotBuiltError, match="compile"):
            method(column(3), column(3))
    assert fresh.predict_on_batch([[1], [2]]).shape == (2, 1)
