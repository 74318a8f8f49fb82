"""Models as JSON that is read back: every number to the bit; what a hand may change, and what it may not."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autonet as keras
from autonet import layers as L
from autonet.common.dtypes import NAMES
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.saving import document, export_json, load_model


def small():
    model = keras.Sequential([L.Input((3,)), L.Dense(2, name="d")], name="m")
    model.set_weights([np.linspace(-1, 1, 6).reshape(3, 2), np.array([0.1, -0.0])])
    return model


@given(
    arrays=st.dictionaries(
        st.text(max_size=5),
        st.sampled_from(NAMES).flatmap(
            lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
        ),
        max_size=4,
    )
)
def test_every_array_comes_back(arrays, tmp_path):
    path = tmp_path / "a.json"
    document.write_document(path, "any", {"é": [1, "x"]}, arrays)
    with open(path, "rb") as file:
        found = document.Document(file, "any", str(path))
    assert found.config == {"é": [1, "x"]} and list(found.specs) == list(arrays)
    for name, a in arrays.items():
        b = found.array(name)
        assert a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        assert np.array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)])) if a.dtype.kind == "f" else True
    assert all(len(line) <= 120 for line in path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_many_floats_of_all_sizes(dtype, rng, tmp_path):
    kind = {"float16": "uint16", "float32": "uint32", "float64": "uint64"}[dtype]
    a = rng.integers(0, np.iinfo(kind).max, 20_000, kind, endpoint=True).view(dtype)
    document.write_document(tmp_path / "a.json", "any", None, {"a": a})
    with open(tmp_path / "a.json", "rb") as file:
        b = document.Document(file, None, "a").array("a")
    finite = ~np.isnan(a)
    assert np.array_equal(finite, ~np.isnan(b)) and np.array_equal(a[finite].view(kind), b[finite].view(kind))


def test_a_person_may_change_a_number(tmp_path):
    path = tmp_path / "m.json"
    small().save(path)
    text = path.read_text()
    assert '"values": [0.1, -0.0]' in text
    path.write_text(text.replace("[0.1, -0.0]", "[7, 1e-3]"))
    model = load_model(path)
    assert model.get_weights()[1].tolist() == [7, np.float32(0.001)]
    for wrong, error in (
        ("[7]", DataError),
        ("[[7, 8]]", DataError),
        ("[7, 1e99]", DataError),
        ('[7, "seven"]', DataError),
        ("[7, true]", DataError),
        ("[7, null]", DataError),
        ("[7, NaN]", DataError),
    ):
        path.write_text(text.replace("[0.1, -0.0]", wrong))
        with pytest.raises(error, match=r"m\.json"):
            load_model(path)
    path.write_text(text.replace('"shape": [2], "values": [0.1, -0.0]', '"shape": [3], "values": [1, 2, 3]'))
    with pytest.raises(ShapeError, match="does not fit the model"):
        load_model(path)
    path.write_text(text.replace('"units": 2', '"units": 200000000'))
    with pytest.raises(DataError, match="larger weights than the file holds"):
        load_model(path)


def test_weights_of_a_text(tmp_path):
    path = tmp_path / "m.json"
    model = small()
    model.save(path)
    other = keras.Sequential([L.Input((3,)), L.Dense(2)])
    other.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    with pytest.raises(ShapeError, match="does not fit the model"):
        keras.Sequential([L.Input((3,)), L.Dense(5)]).load_weights(path)


def test_nan_and_infinities_go_on(tmp_path):
    model = small()
    model.set_weights([np.array([[np.nan, np.inf], [-np.inf, 0], [1, -0.0]]), np.zeros(2)])
    model.save(tmp_path / "m.json")
    assert '["nan", "inf"]' in (tmp_path / "m.json").read_text()
    kernel = load_model(tmp_path / "m.json").get_weights()[0]
    assert np.array_equal(kernel, model.get_weights()[0], equal_nan=True) and np.signbit(kernel[2, 1])


class Doubled(L.Layer):
    def call(self, x):
        return 2 * x


def test_classes_of_ones_own(tmp_path):
    model = keras.Sequential([L.Input((3,)), Doubled(), L.Dense(1)])
    model.save(tmp_path / "m.json")
    with pytest.raises(ArgumentError, match="Doubled"):
        load_model(tmp_path / "m.json")
    loaded = load_model(tmp_path / "m.json", custom_objects={"Doubled": Doubled})
    x = np.ones((2, 3), "float32")
    assert np.array_equal(loaded(x).numpy(), model(x).numpy())


def test_large_models_are_refused(tmp_path, monkeypatch):
    model = keras.Sequential([L.Input((1000,)), L.Dense(500)])
    with pytest.raises(ArgumentError, match=r"500,500 numbers.*at most 300,000.*\.keras"):
        model.save(tmp_path / "m.json")
    monkeypatch.setattr(document, "MOST_BYTES", 2000)
    with pytest.raises(ArgumentError, match=r"bytes as JSON.*\.keras"):
        small().save(tmp_path / "m.json")
    assert not any(tmp_path.iterdir())
    (tmp_path / "m.json").write_text("{" + " " * 2000)
    with pytest.raises(DataError, match=r"has 2,001 bytes; at most 2,000 are read.*\.keras"):
        load_model(tmp_path / "m.json")


def test_the_most_that_is_written_is_read(tmp_path, rng):
    """The two bounds fit each other, for the longest numbers of float32."""
    model = keras.Sequential([L.Input((300,)), L.Dense(999, use_bias=False)])
    model.set_weights([-1e-5 * rng.uniform(1, 9, (300, 999))])
    model.save(tmp_path / "m.json")
    assert np.array_equal(load_model(tmp_path / "m.json").get_weights()[0], model.get_weights()[0])


def test_other_texts_of_models_are_told(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(small().to_json())
    with pytest.raises(DataError, match="model_from_json"):
        load_model(path)
    export_json(small(), path)
    with pytest.raises(DataError, match=r"written by export_json.*model\.save"):
        load_model(path)
    small().save(path)
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "version": 2}))
    with pytest.raises(DataError, match="version 2; this is version 1"):
        load_model(path)


@pytest.mark.parametrize(
    "text, what", [("[]", "a list"), ('"m"', "a text"), ("3", "a number"), ("null", "null"), ("true", "a truth")]
)
def test_json_that_is_no_object(text, what, tmp_path):
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(DataError, match=f"describes no model: it holds {what}"):
        load_model(path)
    path.write_text("")
    with pytest.raises(DataError, match="no JSON text"):
        load_model(path)
