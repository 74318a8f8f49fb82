"""Files that real Keras 3 wrote (tests/golden/keras_files), opened here; and what is written for it, read back."""

import importlib
import io
import json
import pathlib
import sys
import zipfile

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import ArgumentError, AutonetError, DataError, ShapeError
from autonet.saving import load_model
from autonet.saving.hdf5 import HDF5File
from autonet.saving.keras_names import own_variables
from autonet.saving.names import optimizer_variables

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
FILES = GOLDEN / "keras_files"


@pytest.fixture(scope="module")
def recorded():
    """The module that makes the recorded models."""
    spec = importlib.util.spec_from_file_location("keras_models", GOLDEN / "keras_models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before = dict(keras.saving.get_custom_objects())
    module.make("subclassed", keras)  # registers its classes
    yield module
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(before)


def expected(name):
    with np.load(FILES / "values.npz") as values:
        return {k.partition("/")[2]: values[k] for k in values.files if k.startswith(f"{name}/")}


def close(ours, theirs):
    assert ours.keys() == theirs.keys()
    return all(a.shape == theirs[k].shape and np.allclose(a, theirs[k], rtol=0, atol=1e-5) for k, a in ours.items())


NAMES = [
    "mlp",
    "convnet",
    "recurrent",
    "transformer",
    "inputs",
    "states",
    "attention",
    "pictures",
    "subclassed",
    "adapted",
]


@pytest.mark.filterwarnings("ignore:.*has value_range")
@pytest.mark.parametrize("name", NAMES)
def test_files_that_keras_wrote(name, recorded):
    model = load_model(FILES / f"{name}.keras")
    assert close(recorded.outputs(model, recorded.data(name)), expected(name))


@pytest.mark.parametrize("name", ["mlp", "subclassed", "adapted"])
def test_weights_that_keras_wrote(name, recorded):
    for path in (FILES / f"{name}.weights.h5", FILES / f"{name}.keras"):
        model = recorded.make(name, keras)
        report = model.load_weights(path)
        assert len(report.loaded) == sum(not w.name.startswith("lora_") for w in model.weights)
        assert not report.missing and not report.unexpected
        assert close(recorded.outputs(model, recorded.data(name)), expected(name))


@pytest.mark.filterwarnings("ignore:.*has value_range")
@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name, recorded, tmp_path):
    model = load_model(FILES / f"{name}.keras")
    model.save(tmp_path / "x.keras")
    model.save_weights(tmp_path / "x.weights.h5")
    other = load_model(tmp_path / "x.keras")
    assert close(recorded.outputs(other, recorded.data(name)), expected(name))
    assert [w.shape for w in other.weights] == [w.shape for w in model.weights]
    other.set_weights([0 * w for w in other.get_weights()])
    other.load_weights(tmp_path / "x.weights.h5")
    assert close(recorded.outputs(other, recorded.data(name)), expected(name))
    kept = [n for n, w in enumerate(model.weights) if not w.name.startswith("lora_")]  # which Keras's files do not hold
    assert all(np.array_equal(other.get_weights()[n], model.get_weights()[n]) for n in kept)


@pytest.mark.extra("keras")
@pytest.mark.parametrize("name", NAMES)
def test_groups_are_those_of_keras(name, recorded, tmp_path):
    """The same groups, with the same layers' names and the same arrays in them; and one more, of what Keras does not keep."""
    import h5py

    model = load_model(FILES / f"{name}.keras")
    model.save(tmp_path / "x.keras")

    def contents(path):
        with zipfile.ZipFile(path) as zipped, h5py.File(io.BytesIO(zipped.read("model.weights.h5"))) as file:
            found = {}
            file.visititems(
                lambda place, x: found.update(
                    {place: (getattr(x, "shape", None), getattr(x, "dtype", None), dict(x.attrs))}
                )
            )
            return {place: x for place, x in found.items() if not place.startswith("autonet")}

    ours, theirs = contents(tmp_path / "x.keras"), contents(FILES / f"{name}.keras")
    if name == "subclassed":  # its layers are named anew
        ours, theirs = ({place: x[:2] for place, x in found.items()} for found in (ours, theirs))
    if name in ("attention", "transformer"):  # Keras has empty groups for what is no layer here
        ours, theirs = ({place: x for place, x in found.items() if x[0] is not None} for found in (ours, theirs))
    assert ours == theirs


@pytest.mark.parametrize("name", ["mlp", "states", "attention"])
def test_optimizers_go_on(name, recorded, tmp_path):
    """Also one with means that vectors have none of, and one inside another."""
    model = load_model(FILES / f"{name}.keras")
    assert model.compiled and int(model.optimizer.iterations) == 2
    with zipfile.ZipFile(FILES / f"{name}.keras") as zipped:
        file = HDF5File(io.BytesIO(zipped.read("model.weights.h5")), name)
    kept = [file.array("optimizer/vars", str(i)) for i in range(len(file.groups["optimizer/vars"]))]
    own = [v.numpy() for v in own_variables(model.optimizer)]
    assert all(np.array_equal(a, b) for a, b in zip(own, kept, strict=True))
    assert {id(v) for v in model.optimizer.variables} <= {id(v) for v in own_variables(model.optimizer)}
    model.save(tmp_path / "x.keras")
    other = load_model(tmp_path / "x.keras")
    one, two = (optimizer_variables(m.optimizer) for m in (model, other))
    assert all(np.array_equal(one[k].numpy(), two[k].numpy()) for k in one)
    assert not load_model(FILES / f"{name}.keras", compile=False).compiled
    x, y = recorded.data(name), recorded.targets(name)
    losses = [[m.train_on_batch(x, y, return_dict=True)["loss"] for m in (model, other)] for _ in range(2)]
    assert np.isfinite(losses).all() and np.array_equal(*np.transpose(losses))


def test_what_compile_received_in_keras():
    model = load_model(FILES / "mlp.keras")
    assert model.optimizer.clipnorm == 1.0
    assert [m.name for m in model._compile_metrics.given[0][1:]] == ["sparse_top_k_categorical_accuracy"]


def test_optimizers_that_the_model_does_not_have(tmp_path):
    """Keras keeps those among a model's attributes too, as a compile() of the model's own sets them."""
    model = keras.Sequential([L.Input((3,)), L.Dense(2)])
    model.second = keras.optimizers.Adam()
    model.second.build(model.trainable_variables)
    model.save_weights(tmp_path / "x.weights.h5")
    other = keras.Sequential([L.Input((3,)), L.Dense(2)])
    with pytest.warns(UserWarning, match="optimizers that the model does not have was left out: second/vars"):
        report = other.load_weights(tmp_path / "x.weights.h5")
    assert len(report.loaded) == 2 and np.array_equal(other.get_weights()[0], model.get_weights()[0])


def test_an_optimizer_of_another_kind_starts_anew(tmp_path):
    model = keras.Sequential([L.Input((3,)), L.Dense(2)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save_weights(tmp_path / "x.weights.h5")
    other = keras.Sequential([L.Input((3,)), L.Dense(2)])
    other.compile("sgd", "mse")
    with pytest.warns(
        UserWarning, match="The state of sgd.* is not as here, so it starts anew.*unexpected: optimizer/vars/2"
    ):
        other.load_weights(tmp_path / "x.weights.h5")


def test_strict(tmp_path):
    model = keras.Sequential([L.Input((3,)), L.Dense(2), L.Dense(4)])
    model.save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(DataError, match=r"missing: layers/dense_2/vars/0, layers/dense_2/vars/1; unexpected: none"):
        keras.Sequential([L.Input((3,)), L.Dense(2), L.Dense(4), L.Dense(1)]).load_weights(tmp_path / "x.weights.h5")
    other = keras.Sequential([L.Input((3,)), L.Dense(2), L.Dense(5)])
    with pytest.raises(ShapeError, match=r"layers/dense_1/vars/0 \(\[2, 5\] here, \[2, 4\] there\)"):
        other.load_weights(tmp_path / "x.weights.h5")
    with pytest.warns(UserWarning, match="of another shape or dtype: layers/dense_1/vars/0"):
        report = other.load_weights(tmp_path / "x.weights.h5", skip_mismatch=True)
    assert report.loaded == ["layers/dense/vars/0", "layers/dense/vars/1"] and len(report.mismatched) == 2
    assert np.array_equal(other.get_weights()[0], model.get_weights()[0])


def test_places_of_layers_in_attributes():
    """Observed in files that Keras wrote for the like."""
    from autonet.saving.keras_names import keras_groups

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.alpha = [L.Dense(1), [L.Dense(4)], (L.Dense(5),)]
            self.zeta, self._private = L.Dense(2), L.Dense(3)
            self.parts = {"k": [L.Dense(6)], "z": L.Dense(7)}
            self.again = self.alpha[0]

    assert [place for place, _ in keras_groups(Net())] == [
        *("", "again", "alpha/container/dense", "alpha/container_1/dense"),
        *("layers/dense_3", "layers/dense_4", "layers/dense_5", "layers/dense_6"),
    ]

    class Inner(L.Layer):
        def __init__(self):
            super().__init__()
            self._a = self.b = L.Dense(2)
            self.Z = self.a = L.Dense(2)
            self._q = L.Dense(2)

    assert [place for place, _ in keras_groups(Inner())] == ["", "Z", "b", "_q"]

    class Given(keras.Model):
        def __init__(self):
            x, inner = L.Input((2,)), L.Dense(2)
            super().__init__(x, inner(x))
            self.first, self.extra = inner, L.Dense(2)

    assert [place for place, _ in keras_groups(Given())] == ["", "layers/input_layer", "layers/dense", "extra"]


def test_json_that_keras_wrote(recorded):
    for name in NAMES[:-1]:
        with zipfile.ZipFile(FILES / f"{name}.keras") as zipped:
            model = keras.models.model_from_json(zipped.read("config.json").decode())
        assert [w.shape for w in model.weights] == [w.shape for w in load_model(FILES / f"{name}.keras").weights]


def parts_of_keras(path):
    """The parts of a file that Keras has too."""
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist() if name != "autonet.json"}


def test_a_lambda_of_keras_needs_its_function(tmp_path):
    """Keras keeps the code of a lambda, which is not even looked at."""
    model = keras.Sequential([L.Input((3,)), L.Lambda(keras.ops.relu, name="mine"), L.Dense(2)])
    model.save(tmp_path / "x.keras")
    parts = parts_of_keras(tmp_path / "x.keras")
    config = json.loads(parts["config.json"])
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
    config["config"]["layers"][1]["config"]["function"] = code
    parts["config.json"] = json.dumps(config)
    with zipfile.ZipFile(tmp_path / "y.keras", "w") as zipped:
        for name, content in parts.items():
            zipped.writestr(name, content)
    for safe_mode in (True, False):
        with pytest.raises(ArgumentError, match=r"custom_objects=\{'mine': function\}"):
            load_model(tmp_path / "y.keras", safe_mode=safe_mode)
    assert load_model(tmp_path / "y.keras", {"mine": keras.ops.abs}).built


def test_what_keras_cannot_say_is_written_all_the_same(tmp_path):
    model = keras.Sequential([L.Input((3,)), L.Lambda(lambda x: x + 1, name="mine"), L.Dense(2)])
    model.save(tmp_path / "x.keras")
    with pytest.raises(ArgumentError, match=r"custom_objects=\{'mine': function\}"):
        load_model(tmp_path / "x.keras")
    other = load_model(tmp_path / "x.keras", {"mine": lambda x: x + 1})
    x = np.ones((2, 3), "f4")
    assert np.array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_without_h5py(tmp_path, monkeypatch):
    """It only judges, in tests."""
    monkeypatch.setitem(sys.modules, "h5py", None)
    model = load_model(FILES / "mlp.keras")
    model.load_weights(FILES / "mlp.weights.h5")
    model.save(tmp_path / "x.keras")
    model.save_weights(tmp_path / "x.weights.h5")
    for load in (lambda: load_model(tmp_path / "x.keras"), lambda: model.load_weights(tmp_path / "x.weights.h5")):
        load()


def test_hdf5_that_is_no_file_of_weights(tmp_path):
    model = keras.Sequential([L.Input((3,)), L.Dense(2)])
    model.save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(DataError, match="is an HDF5 file of weights, without a model"):
        load_model(tmp_path / "x.weights.h5")


def with_vocabulary(place, text, tmp_path):
    """A file of Keras's whose TextVectorization has its words beside the weights."""
    layer = L.TextVectorization(output_sequence_length=3, name="words", vocabulary=["to", "be"])
    keras.Sequential([L.Input((1,), dtype="string"), layer, L.Embedding(9, 2)]).save(tmp_path / "x.keras")
    parts = parts_of_keras(tmp_path / "x.keras")
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["vocabulary"] = None
    with zipfile.ZipFile(tmp_path / "y.keras", "w") as zipped:
        for name, content in {
            **parts,
            "config.json": json.dumps(config),
            f"assets/{place}/vocabulary.txt": text,
        }.items():
            zipped.writestr(name, content)
    return tmp_path / "y.keras"


def test_words_beside_the_weights(tmp_path):
    model = load_model(with_vocabulary("layers/text_vectorization", "\n[UNK]\nor\nnöt", tmp_path))
    assert model.layers[0].get_vocabulary() == ["", "[UNK]", "or", "nöt"]


@pytest.mark.parametrize("place, text", [
    ("layers/embedding", "a\nb"),
    ("layers/text_vectorization", b"\xff\xfe"),
    ("layers/text_vectorization", "a\na"),
    ("none", "a"),
])  # fmt: skip
def test_words_that_are_none(place, text, tmp_path):
    with pytest.raises(AutonetError):
        load_model(with_vocabulary(place, text, tmp_path))
