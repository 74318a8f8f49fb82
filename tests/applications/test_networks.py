import json
from pathlib import Path

import numpy as np
import pytest

import autonet as keras
from autonet import applications
from autonet.errors import ArgumentError, DataError, ShapeError
from tests.applications.networks import CASES, SIDES, made, pictures, table

RECORDED = json.loads((Path(__file__).parents[1] / "golden" / "applications.json").read_text(encoding="utf-8"))[
    "networks"
]
MODULES = {"VGG16": "vgg16", "ResNet50": "resnet50", "MobileNetV2": "mobilenet_v2", "EfficientNetB0": "efficientnet"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of data sets."""
    monkeypatch.setenv("AUTONET_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


@pytest.mark.parametrize("name", CASES)
def test_layers_weights_and_answers_are_those_of_keras(name):
    model = made(keras, name)
    assert table(model) == RECORDED[name]["layers"]
    answers = np.array(RECORDED[name]["answers"])
    found = model(pictures(name), training=False).numpy()
    np.testing.assert_allclose(found, answers, rtol=0, atol=3e-5 * np.abs(answers).max())


@pytest.mark.parametrize(
    "name", ["ResNet50", "MobileNetV2", "EfficientNetB0"]
)  # VGG16's dense layers are half a gigabyte
def test_the_whole_network_has_as_many_weights(name):
    model = getattr(applications, name)(weights=None)
    assert (model.count_params(), len(model.weights)) == (RECORDED[name]["weights"], RECORDED[name]["count"])
    assert model.name == RECORDED[name]["name"]
    assert model.output_shape == (None, 1000)


def test_the_whole_vgg16_has_as_many_weights():
    shapes = applications.VGG16(weights=None, include_top=False).count_params()
    dense = [(7 * 7 * 512, 4096), (4096, 4096), (4096, 1000)]
    assert shapes + sum([(n + 1) * m for n, m in dense]) == RECORDED["VGG16"]["weights"]


@pytest.mark.parametrize("name", CASES)
def test_every_network_trains(name, rng):
    model = getattr(applications, name)(weights=None, input_shape=(32, 32, 3), include_top=False, pooling="avg")
    tower = keras.Sequential([model, keras.layers.Dense(2)])
    tower.compile("sgd", "mse", run_eagerly=True)
    tower.fit(rng.random((2, 32, 32, 3), np.float32), np.zeros((2, 2)), verbose=0)
    assert all(np.isfinite(w.numpy()).all() for w in tower.weights)


def test_weights_come_from_a_file_or_from_the_folder_of_data_sets(folder, tmp_path):
    small = dict(input_shape=(32, 32, 3), alpha=0.35)
    first = made(keras, "MobileNetV2")
    path = tmp_path / "mine.weights.h5"
    first.save_weights(path)
    again = applications.MobileNetV2(**small, weights=path, classes=7)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(first.weights, again.weights, strict=True))
    with pytest.raises(DataError, match=r"mobilenet_v2_0\.35_224_no_top\.weights\.h5, .* Put one of these files there"):
        applications.MobileNetV2(**small, include_top=False)
    bare = applications.MobileNetV2(**small, include_top=False, weights=None)
    bare.save_weights(folder / "mobilenet_v2_0.35_224_no_top.weights.h5")
    found = applications.MobileNetV2(**small, include_top=False)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(bare.weights, found.weights, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_weights_of_imagenet_that_are_not_there_are_told_before_there_is_a_network(name, folder, monkeypatch):
    def made(*args, **kwargs):
        raise AssertionError("a weight was made")

    monkeypatch.setattr(keras.layers.Layer, "add_weight", made)
    with pytest.raises(DataError, match=f"none of {MODULES[name][:6]}.*{folder}.*AUTONET_HOME"):
        getattr(applications, name)()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "no/such.weights.h5"}, "a file that exists"),
        ({"weights": "imagenet", "classes": 10}, "1000 classes"),
        ({"weights": "imagenet", "classifier_activation": "relu"}, "softmax"),
        ({"weights": None, "input_shape": (31, 64, 3)}, "at least 32"),
        ({"weights": None, "input_shape": (64, 64)}, "three entries"),
        ({"weights": None, "input_shape": (None, None, 3)}, "include_top"),
        ({"weights": None, "include_top": False, "pooling": "mean"}, "pooling"),
        ({"weights": "imagenet", "include_top": False, "input_shape": (64, 64, 4)}, "3 channels"),
    ],
)
def test_what_cannot_be_is_refused(name, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        getattr(applications, name)(**arguments)


def test_a_given_placeholder_is_the_input():
    pictures = keras.Input((64, 48, 3))
    model = applications.MobileNetV2(input_tensor=pictures * 2.0, weights=None, include_top=False, alpha=0.35)
    assert model.inputs[0] is pictures and model.output_shape == (None, 2, 2, 1280)


@pytest.mark.parametrize("name", CASES)
def test_the_picture_may_be_of_any_size_without_a_top(name):
    model = getattr(applications, name)(weights=None, include_top=False, input_shape=(None, None, 3))
    assert model.output_shape[:3] == (None, None, None)
    side = SIDES[name]
    assert model(np.zeros((1, side, side + 8, 3), np.float32)).shape[-1] == model.output_shape[-1]


class TestPreprocessing:
    CAFFE = [[[1 - 103.939, 2 - 116.779, 3 - 123.68]]]

    @pytest.mark.parametrize("module", ["vgg16", "resnet50", "resnet"])
    def test_blue_first_minus_means(self, module):
        x = np.array([[[3, 2, 1]]], np.uint8)
        found = getattr(applications, module).preprocess_input(x)
        np.testing.assert_allclose(found, self.CAFFE, rtol=1e-6)
        assert found.dtype == np.float32 and x.tolist() == [[[3, 2, 1]]]

    def test_from_minus_one_to_one(self):
        found = applications.mobilenet_v2.preprocess_input(np.array([[[0.0, 127.5, 255.0]]]))
        np.testing.assert_allclose(found, [[[-1, 0, 1]]])
        assert found.dtype == np.float64

    def test_as_it_is(self):
        x = np.zeros((1, 2, 2, 3))
        assert applications.efficientnet.preprocess_input(x) is x

    def test_deviations(self):
        x = np.full((1, 1, 3), 255.0)
        found = applications.imagenet_utils.preprocess_input(x, mode="torch")
        np.testing.assert_allclose(found, [[[0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]]], rtol=1e-6)

    @pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
    def test_tensors_placeholders_and_the_other_order_of_axes(self, mode, rng):
        process = applications.imagenet_utils.preprocess_input
        x = rng.uniform(0, 255, (2, 4, 5, 3)).astype(np.float32)
        y = process(x, mode=mode)
        assert np.array_equal(process(keras.Tensor(x), mode=mode).numpy(), y)
        first = process(np.moveaxis(x, -1, 1), data_format="channels_first", mode=mode)
        np.testing.assert_allclose(np.moveaxis(first, 1, -1), y, rtol=1e-6)
        pictures = keras.Input((4, 5, 3))
        np.testing.assert_allclose(keras.Model(pictures, process(pictures, mode=mode))(x).numpy(), y, rtol=1e-6)
        np.testing.assert_allclose(process(x[0], mode=mode), y[0], rtol=1e-6)

    def test_what_is_no_picture_is_refused(self):
        process = applications.imagenet_utils.preprocess_input
        with pytest.raises(ShapeError, match="3 channels"):
            process(np.zeros((2, 4, 4, 1)))
        with pytest.raises(ArgumentError, match="mode"):
            process(np.zeros((2, 4, 4, 3)), mode="keras")
        with pytest.raises(ArgumentError, match="data_format"):
            process(np.zeros((2, 4, 4, 3)), data_format="last")


class TestWords:
    def test_the_likeliest_first(self, folder):
        words = {str(n): [f"n{n:08}", f"thing {n}"] for n in range(1000)}
        (folder / "imagenet_class_index.json").write_text(json.dumps(words), encoding="utf-8")
        scores = np.zeros((2, 1000))
        scores[0, [7, 3]] = 0.75, 0.25
        found = applications.resnet50.decode_predictions(scores, top=2)
        assert found[0] == [("n00000007", "thing 7", 0.75), ("n00000003", "thing 3", 0.25)]
        assert len(found) == 2 and len(found[1]) == 2

    def test_a_file_that_is_not_there_or_damaged(self, folder):
        with pytest.raises(DataError, match=r"imagenet_class_index\.json .*Put one of these files there"):
            applications.vgg16.decode_predictions(np.zeros((1, 1000)))
        (folder / "imagenet_class_index.json").write_text("{}", encoding="utf-8")
        with pytest.raises(DataError, match="whole file"):
            applications.vgg16.decode_predictions(np.zeros((1, 1000)))

    def test_another_number_of_classes_is_refused(self):
        with pytest.raises(ShapeError, match="1000"):
            applications.vgg16.decode_predictions(np.zeros((1, 10)))
