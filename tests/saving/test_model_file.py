"""The one format: Keras's parts and autonet's, exact, and every bit of them counts."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet import layers as L
from autonet.errors import DataError
from autonet.saving import load_model
from autonet.saving.container import ArchiveError
from autonet.saving.hdf5 import HDF5File, encode
from autonet.saving.model_file import ModelFile
from autonet.saving.sealed import check_seal
from tests.saving.zoo import ZOO

PARTS = ["autonet.json", "metadata.json", "config.json", "model.weights.h5"]


def trained():
    model = keras.Sequential([L.Input((2,), name="x"), L.Dense(2, name="d"), L.Dropout(0.5, name="e")], name="m")
    model.compile("sgd", "mse", run_eagerly=True)
    model.train_on_batch(np.ones((2, 2)), np.ones((2, 2)))
    return model


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The bytes of a small model's two files."""
    folder, model = tmp_path_factory.mktemp("files"), trained()
    model.save(folder / "x.keras")
    model.save_weights(folder / "x.weights.h5")
    return (folder / "x.keras").read_bytes(), (folder / "x.weights.h5").read_bytes()


def read_model(content):
    file = ModelFile(io.BytesIO(content), "x.keras")
    return file.config, {name: file.array(name) for name in file.specs}


def read_weights(content):
    check_seal(io.BytesIO(content), "x.weights.h5")
    file = HDF5File(io.BytesIO(content), "x.weights.h5")
    return [file.array(group, name) for group, names in file.groups.items() for name in names]


READ = [read_model, read_weights]


@pytest.mark.parametrize("kind", [0, 1])
def test_every_flipped_bit_is_noticed(kind, files):
    content = bytearray(files[kind])
    for i in range(len(content)):
        bit = 1 << i * 5 % 8
        content[i] ^= bit
        with pytest.raises(DataError):
            READ[kind](content)
        content[i] ^= bit
    assert READ[kind](content)


@pytest.mark.parametrize("kind", [0, 1])
def test_every_cut_is_noticed(kind, files):
    for n in range(0, len(files[kind]), 1):
        with pytest.raises(DataError):
            READ[kind](files[kind][:n])


@pytest.mark.parametrize("kind", [0, 1])
@given(data=st.data())
def test_whatever_is_added_is_noticed(kind, data, files):
    content = files[kind]
    at = data.draw(st.integers(0, len(content)))
    more = data.draw(st.binary(min_size=1, max_size=40))
    with pytest.raises(DataError):
        READ[kind](content[:at] + more + content[at:])


def test_what_is_wrong_is_said_by_the_entrances(files, tmp_path):
    """Also where the damage makes a file look like one of Keras's own."""
    model = trained()
    for kind, (name, load) in enumerate({"x.keras": load_model, "x.weights.h5": model.load_weights}.items()):
        for at in (*range(0, 100, 7), len(files[kind]) // 2, len(files[kind]) - 1):
            content = bytearray(files[kind])
            content[at] ^= 4
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=r"[Tt]ake another copy|is no JSON text|no file"):
                load(tmp_path / name)


def test_any_zip_tool_and_hdf5_library_opens_it(files):
    with zipfile.ZipFile(io.BytesIO(files[0])) as zipped:
        assert zipped.testzip() is None and zipped.namelist() == PARTS
        assert json.loads(zipped.read("config.json"))["class_name"] == "Sequential"
        assert "keras_version" in json.loads(zipped.read("metadata.json"))
        own = json.loads(zipped.read("autonet.json"))
        assert own["arrays"]["weights/dense/kernel"] == "layers/dense/vars/0" and own["int64"] == ["optimizer/0"]


@pytest.mark.extra("keras")
def test_h5py_opens_files_of_weights(files):
    import h5py

    with h5py.File(io.BytesIO(files[1])) as file:
        assert "SHA-256" in file.attrs["autonet"] and file["layers/dense/vars/0"].shape == (2, 2)
    buffer = io.BytesIO(files[1])
    with h5py.File(buffer, "a") as file:
        file["more"] = 1
    with pytest.raises(DataError, match="changed by another program since autonet wrote it"):
        check_seal(buffer, "x.weights.h5")


@pytest.mark.parametrize("name", ZOO)
def test_keras_has_what_is_its_own(name, tmp_path):
    """Without autonet's part it is a file of Keras's, from which weights and predictions are the same."""
    model, x, y = ZOO[name]()
    model.fit(x, y, batch_size=4, verbose=0)
    model.save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as whole, zipfile.ZipFile(tmp_path / "k.keras", "w") as part:
        for member in PARTS[1:]:
            part.writestr(member, whole.read(member))
    loaded = load_model(tmp_path / "k.keras")
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True))
    with zipfile.ZipFile(tmp_path / "a.keras") as whole:
        kept = json.loads(whole.read("autonet.json"))["arrays"]
    own = {name for name, place in kept.items() if place.startswith("autonet/")}
    assert own == {name for name in kept if name.startswith("generators/")}


def test_weights_that_keras_has_no_place_for(tmp_path):
    """Those of layers in private attributes of a model, or of an optimizer that knows others than the trainable ones."""

    @keras.saving.register_keras_serializable("model_file")
    class Private(keras.Model):
        def __init__(self, **common):
            super().__init__(**common)
            self._hidden, self.seen = L.Dense(3), L.Dense(2)

        def call(self, x):
            return self.seen(self._hidden(x))

    model = Private()
    model.compile("adam", "mse", run_eagerly=True)
    x, y = np.ones((4, 2), "f4"), np.ones((4, 2), "f4")
    model.train_on_batch(x, y)
    model.seen.trainable = False
    model.save(tmp_path / "x.keras")
    other = load_model(tmp_path / "x.keras")
    other.run_eagerly = True
    for m in (model, other):
        m.seen.trainable = True
        m.reset_metrics()
    assert [model.train_on_batch(x, y) for _ in range(2)] == [other.train_on_batch(x, y) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def test_counters_that_keras_has_no_numbers_for(tmp_path):
    model = trained()
    for steps in (3, 2**31 - 1, 2**40):
        model.optimizer.iterations.assign(steps)
        model.save(tmp_path / "x.keras")
        model.save_weights(tmp_path / "x.weights.h5")
        other = load_model(tmp_path / "x.keras")
        assert int(other.optimizer.iterations) == steps and other.optimizer.iterations.dtype == "int64"
        other.optimizer.iterations.assign(0)
        other.load_weights(tmp_path / "x.weights.h5")
        assert int(other.optimizer.iterations) == steps


@pytest.mark.extra("keras")
def test_what_lies_is_refused(files):
    """A sound zip with sound hashes, whose table leads elsewhere."""
    from tests.saving.attack.model_files import changed

    def table(**entries):
        return lambda own: own["arrays"].update(entries)

    kernel = "weights/dense/kernel"
    for change, said in (
        (table(**{kernel: "layers/dense/vars/9"}), "is not where it should be"),
        (table(**{kernel: "layers/dense/vars/1"}), "two of its arrays stand at one place"),
        (table(**{kernel: ["layers/dense/vars/0"]}), "is not where it should be"),
        (lambda own: own["int64"].append(kernel), "is not where it should be, or of another dtype"),
        (lambda own: own.update(int64={}), "its table of arrays"),
        (lambda own: own.update(version=3), "version 3; those up to 2 are read"),
        (lambda own: own.update(more=1), "is not that of a model"),
        (lambda own: own["sha256"].pop("config.json"), "does not have the hash"),
        (lambda own: own.update(description=[]), "describes no model"),
        (lambda own: own["description"].update(model={}), "describes no model"),
        (lambda own: own.update(arrays=[]), "its table of arrays"),
    ):
        with pytest.raises(ArchiveError, match=said):
            read_model(changed(files[0], change))
    weights = b"".join(map(bytes, encode({"layers/dense/vars/0": np.ones((9, 9), "f4")})))
    with pytest.raises(ArchiveError, match="is not where it should be"):
        read_model(changed(files[0], lambda own: None, {"model.weights.h5": weights}))
