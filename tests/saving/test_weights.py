"""Weights alone: strict by default, and a report of every name."""

import re

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import DataError, NotBuiltError, ShapeError
from autonet.saving import LoadReport
from autonet.saving.archive import write_archive
from autonet.saving.names import layer_variables, named_layers, numbered
from tests.saving.zoo import ZOO


def stack(*units, name=None):
    return keras.Sequential([L.Input((3,)), *[L.Dense(n) for n in units]], name=name)


def weights_of(model):
    return [w.copy() for w in model.get_weights()]


def unchanged(model, before):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize("name", ZOO)
def test_there_and_back(name, tmp_path):
    model, x, y = ZOO[name]()
    model.train_on_batch(x, y)
    kept = weights_of(model)
    model.save_weights(tmp_path / "x.weights")
    model.train_on_batch(x, y)
    assert name == "frozen" or not unchanged(model, kept)
    report = model.load_weights(tmp_path / "x.weights")
    assert unchanged(model, kept)
    assert (
        report.loaded == list(layer_variables(model, generators=False)) and not report.missing and not report.unexpected
    )


def test_those_of_a_saved_model(tmp_path):
    model, x, y = ZOO["sequential"]()
    model.train_on_batch(x, y)
    model.save(tmp_path / "x.keras")
    other, _, _ = ZOO["sequential"]()
    other.load_weights(tmp_path / "x.keras")
    assert unchanged(other, weights_of(model)) and not other.optimizer.built


def test_missing_and_unexpected(tmp_path):
    stack(4, 5).save_weights(tmp_path / "x.weights")
    model = stack(4)
    before = weights_of(model)
    with pytest.raises(DataError) as caught:
        model.load_weights(tmp_path / "x.weights")
    told = str(caught.value)
    assert re.search(
        r"does not fit the model\. Loaded: none; missing: none; unexpected: weights/dense_1/kernel, ", told
    )
    assert "Nothing was changed" in told and unchanged(model, before)

    larger = stack(4, 5, 6)
    before = weights_of(larger)
    with pytest.raises(DataError, match=r"missing: weights/dense_2/kernel, weights/dense_2/bias; unexpected: none"):
        larger.load_weights(tmp_path / "x.weights")
    assert unchanged(larger, before)


def test_shapes(tmp_path):
    stack(4, 5).save_weights(tmp_path / "x.weights")
    model = stack(4, 6)
    before = weights_of(model)
    with pytest.raises(ShapeError, match=r"weights/dense_1/kernel \(\[4, 6\] here, \[4, 5\] there\)"):
        model.load_weights(tmp_path / "x.weights")
    assert unchanged(model, before)


def test_taking_what_fits(tmp_path):
    source = stack(4, 5)
    source.save_weights(tmp_path / "x.weights")
    model = stack(4, 6, 2)
    before = weights_of(model)
    with pytest.warns(
        UserWarning, match=r"missing: weights/dense_2/kernel.*of another shape or dtype: weights/dense_1/kernel"
    ):
        report = model.load_weights(tmp_path / "x.weights", skip_mismatch=True)
    assert report == LoadReport(
        ["weights/dense/kernel", "weights/dense/bias"],
        ["weights/dense_2/kernel", "weights/dense_2/bias"],
        [],
        ["weights/dense_1/kernel ([4, 6] here, [4, 5] there)", "weights/dense_1/bias ([6] here, [5] there)"],
    )
    assert unchanged(model, [*weights_of(source)[:2], *before[2:]])


def test_dtypes(tmp_path):
    """Floats of one width may fill those of another; anything else is another thing."""
    model = stack(2)
    kernel, bias = model.get_weights()
    names = ("weights/dense/kernel", "weights/dense/bias")
    write_archive(
        tmp_path / "a", "weights", {}, dict(zip(names, (kernel.astype("float64"), bias.astype("float16")), strict=True))
    )
    model.load_weights(tmp_path / "a")
    assert unchanged(model, [kernel, bias]) and model.weights[0].dtype == "float32"
    write_archive(tmp_path / "b", "weights", {}, dict(zip(names, (kernel.astype("int32"), bias), strict=True)))
    with pytest.raises(DataError, match=r"kernel \(float32 here, int32 there\)"):
        model.load_weights(tmp_path / "b")


def test_before_there_are_weights(tmp_path):
    stack(2).save_weights(tmp_path / "x.weights")
    with pytest.raises(
        NotBuiltError, match="has no weights yet: build it, or call it on data|has no weights yet: build it, fit"
    ):
        keras.Sequential([L.Dense(2)]).load_weights(tmp_path / "x.weights")
    with pytest.raises(DataError, match="There is no file"):
        stack(2).load_weights(tmp_path / "y.weights")


def test_other_kinds_of_archive(tmp_path):
    write_archive(tmp_path / "x.weights", "backup", {}, {"weights/dense/kernel": np.ones((3, 2))})
    with pytest.raises(DataError, match="holds 'backup', where weights or a model are expected"):
        stack(2).load_weights(tmp_path / "x.weights")
    stack(2).save_weights(tmp_path / "y.weights")
    with pytest.raises(DataError, match="holds 'weights', where 'model' is expected"):
        keras.saving.load_model(tmp_path / "y.weights")


def test_counters_count_from_zero(tmp_path):
    model, x, y = ZOO["sequential"]()
    model.train_on_batch(x, y)
    model.optimizer.iterations.assign(-3)
    model.save(tmp_path / "x.keras")
    with pytest.raises(DataError, match="optimizer/0 counts steps, and stands at -3"):
        keras.saving.load_model(tmp_path / "x.keras")


def test_names_do_not_depend_on_those_of_layers(tmp_path):
    a = keras.Sequential([L.Input((3,)), L.Dense(2, name="one"), L.Dense(2, name="two")])
    b = keras.Sequential([L.Input((3,)), L.Dense(2, name="three"), L.Dense(2, name="four")])
    a.save_weights(tmp_path / "x.weights")
    b.load_weights(tmp_path / "x.weights")
    assert unchanged(b, weights_of(a))


def test_names_are_never_the_same():
    assert numbered(["a", "a_1", "a", "a", "a_1"]) == ["a", "a_1", "a_2", "a_3", "a_1_1"]

    class Twins(L.Layer):
        def __init__(self):
            super().__init__()
            self.one, self.two = L.Dense(1), L.Dense(1)

        def build(self, shape):
            self.a, self.b = self.add_weight((1,), name="w/x"), self.add_weight((1,), name="w/x")

    twins = Twins()
    twins.build((None, 3))
    for layer in (twins.one, twins.two):
        layer.build((None, 3))
    assert list(layer_variables(twins)) == [
        *("weights/w_x", "weights/w_x_1", "weights/dense/kernel", "weights/dense/bias"),
        *("weights/dense_1/kernel", "weights/dense_1/bias"),
    ]
    assert [name for name, _ in named_layers(twins)] == ["", "dense", "dense_1"]
