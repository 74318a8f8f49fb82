"""image_dataset_from_directory, text_dataset_from_directory, smart_resize."""

import os
import pathlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autonet as keras
from autonet import utils
from autonet.errors import ArgumentError, DataError

pictures = pytest.mark.extra("images")
FOLDERS = {"cats": 3, "ants": 4, "dogs": 2}  # not in the order of the alphabet
NAMES = ["ants", "cats", "dogs"]


@pytest.fixture
def texts(tmp_path):
    """A folder of texts: file i of a class says so; files of other kinds and hidden folders beside them."""
    for name, count in FOLDERS.items():
        (tmp_path / name / "deep").mkdir(parents=True)
        for i in range(count):
            folder = tmp_path / name / ("deep" if i == 1 else "")
            (folder / f"{i}.{'TXT' if i == 0 else 'txt'}").write_text(f"{name} {i}: ü", encoding="utf-8")
        (tmp_path / name / "notes.md").write_text("no")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.txt").write_text("no")
    (tmp_path / "loose.txt").write_text("loose")
    return tmp_path


@pytest.fixture
def images(tmp_path):
    """A folder of pictures: colour (10 class + file) in rows of different lengths."""
    for k, name in enumerate(NAMES):
        (tmp_path / name).mkdir()
        for i in range(FOLDERS[name]):
            x = np.full((4 + i, 6, 3), 10 * k + i, "uint8")
            utils.save_img(tmp_path / name / f"{i}.{('png', 'bmp')[i % 2]}", x, scale=False)
    return tmp_path


def read(folder, **options):
    return utils.text_dataset_from_directory(folder, **{"verbose": False, "shuffle": False, **options})


def rows(dataset):
    return [(x, np.asarray(y).tolist()) for x, y in dataset.unbatch()]


def sorted_texts():
    found = []
    for k, name in enumerate(NAMES):
        numbers = sorted(range(FOLDERS[name]), key=lambda i: (i == 1, i))  # the deeper folder comes after
        found += [(f"{name} {i}: ü", k) for i in numbers]
    return found


def test_files_are_sorted_and_classes_inferred(texts):
    dataset = read(texts, batch_size=2)
    assert (dataset.class_names, len(dataset), dataset.num_batches) == (NAMES, 5, 5)
    assert rows(dataset) == sorted_texts()
    assert [os.path.basename(os.path.dirname(p)) for p in dataset.file_paths[:4]] == ["ants"] * 3 + ["deep"]
    x, y = dataset[0]
    assert x.dtype == object and y.dtype == np.int32 and x.shape == y.shape == (2,)
    x, y = read(texts, batch_size=None)[3]
    assert x == "ants 1: ü" and y == 0


def test_label_modes(texts):
    k = np.array([k for _, k in sorted_texts()])
    y = np.concatenate([y for _, y in read(texts, label_mode="categorical")])
    assert y.dtype == np.float32 and np.array_equal(y, np.eye(3)[k])
    two = read(texts, label_mode="binary", class_names=["dogs", "ants"])
    assert two.class_names == ["dogs", "ants"]
    assert [y for _, y in rows(two)] == [[0.0]] * 2 + [[1.0]] * 4
    assert two[0][1].shape == (6, 1) and two[0][1].dtype == np.float32
    for bare in (read(texts, label_mode=None), read(texts, labels=None), read(texts, labels=None, label_mode="binary")):
        assert bare.class_names is None
        assert sorted(x for batch in bare for x in batch) == sorted([*(x for x, _ in sorted_texts()), "no", "loose"])
    given_labels = read(texts, labels=[7, 3] * 5 + [7])
    assert given_labels.class_names == ["3", "7"] and len(given_labels.file_paths) == 11
    assert [y for _, y in rows(given_labels)] == [7, 3] * 5 + [7]


def test_max_length_and_links(texts, tmp_path_factory):
    assert [x for x, _ in rows(read(texts, max_length=3))] == [x[:3] for x, _ in sorted_texts()]
    outside = tmp_path_factory.mktemp("outside")
    (outside / "far.txt").write_text("far")
    os.symlink(outside, texts / "cats" / "link")
    assert len(read(texts).file_paths) == 9
    assert len(read(texts, follow_links=True).file_paths) == 10


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.12, 0.95), seed=st.integers(0, 2**32 - 1), shuffle=st.booleans())
def test_parts_have_no_file_in_common_and_together_all(texts, share, seed, shuffle):
    options = dict(validation_split=share, seed=seed, shuffle=shuffle)
    if not 0 < int(share * 9) < 9:
        with pytest.raises(DataError, match="leaves one part empty"):
            read(texts, subset="both", **options)
        return
    both = read(texts, subset="both", **options)
    alone = [read(texts, subset=part, **options) for part in ("training", "validation")]
    assert [d.file_paths for d in both] == [d.file_paths for d in alone]
    assert sorted(both[0].file_paths + both[1].file_paths) == sorted(read(texts).file_paths)
    assert len(both[1].file_paths) == int(share * 9)
    assert sorted(rows(both[0]) + rows(both[1])) == sorted(sorted_texts())
    assert [p for p, _ in rows(both[1])] == [pathlib.Path(p).read_text("utf-8") for p in both[1].file_paths]


def test_a_seed_chooses_the_files_that_it_chooses_in_keras(texts):
    """keras 3.15.1, validation_split=0.4, seed=5: indices into the sorted paths."""
    paths = read(texts).file_paths
    found = read(texts, shuffle=True, validation_split=0.4, subset="validation", seed=5)
    assert [paths.index(p) for p in found.file_paths] == [5, 6, 3]


def test_each_pass_has_an_order_of_its_own_and_runs_repeat(texts):
    def passes(**options):
        keras.utils.set_random_seed(4)
        dataset = read(texts, shuffle=True, batch_size=4, **options)
        return [rows(dataset) for _ in range(3)]

    found = passes()
    assert all(sorted(p) == sorted(sorted_texts()) for p in found) and found[0] != found[1]
    assert passes() == found
    assert passes(seed=8) == passes(seed=8) != found


def test_it_says_how_many_files_there_are(texts, capsys):
    read(texts, verbose=True, validation_split=0.5, subset="both")
    told = ["Found 9 files belonging to 3 classes.", "Using 5 files for training.", "Using 4 files for validation."]
    assert capsys.readouterr().out.splitlines() == told
    read(texts, verbose=True, labels=None)
    assert capsys.readouterr().out.splitlines() == ["Found 11 files."]


def test_texts_are_learned_from(texts):
    dataset = read(texts, label_mode="int", shuffle=True, seed=0, batch_size=3)
    reader = keras.layers.TextVectorization(output_sequence_length=3)
    reader.adapt(dataset.map(lambda x, y: x))
    again = keras.layers.TextVectorization(output_sequence_length=3)
    again.adapt(dataset)
    assert again.get_vocabulary() == reader.get_vocabulary() and {"cats", "ants", "dogs"} <= set(
        reader.get_vocabulary()
    )
    model = keras.Sequential([reader, keras.layers.Embedding(12, 4), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile(
        keras.optimizers.Adam(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    history = model.fit(dataset, epochs=30, validation_data=dataset, verbose=0)
    assert history.history["accuracy"][-1] == 1
    assert model.evaluate(dataset, verbose=0, return_dict=True)["accuracy"] == 1
    assert model.predict(dataset, verbose=0).shape == (9, 3)


# Pictures


@pictures
@pytest.mark.parametrize("mode, channels", [("grayscale", 1), ("rgb", 3), ("rgba", 4)])
@pytest.mark.parametrize("order", [None, "channels_first"])
def test_pictures_have_one_size(images, mode, channels, order):
    dataset = utils.image_dataset_from_directory(
        images, color_mode=mode, image_size=(5, 7), batch_size=4, shuffle=False, data_format=order, verbose=False
    )
    assert dataset.class_names == NAMES and len(dataset) == 3
    found = np.concatenate([x for x, _ in dataset])
    assert found.dtype == np.float32
    assert found.shape == ((9, channels, 5, 7) if order else (9, 5, 7, channels))
    colour = [10 * k + i for k, name in enumerate(NAMES) for i in range(FOLDERS[name])]
    colours = found[:, 0] if order else found[..., 0]
    np.testing.assert_allclose(colours, np.broadcast_to(np.reshape(colour, (-1, 1, 1)), (9, 5, 7)), atol=1e-4)
    single = utils.image_dataset_from_directory(images, batch_size=None, image_size=3, shuffle=False, verbose=False)
    assert len(single) == 9 and single[0][0].shape == (3, 3, 3) and single[8][1] == 2


@pictures
@pytest.mark.parametrize("how", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "BILINEAR"])
@pytest.mark.parametrize("aspect", [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}])
def test_pictures_are_resized_as_ops_resize_does(tmp_path, how, aspect):
    x = np.random.default_rng(0).integers(0, 256, (9, 14, 3)).astype("uint8")
    utils.save_img(tmp_path / "x.png", x, scale=False)
    dataset = utils.image_dataset_from_directory(
        tmp_path, labels=None, image_size=(6, 5), interpolation=how, verbose=False, **aspect
    )
    expected = keras.ops.image.resize(x.astype("float32"), (6, 5), how.lower(), **aspect)
    np.testing.assert_array_equal(dataset[0][0], expected)
    if "crop_to_aspect_ratio" in aspect:
        smart = keras.preprocessing.image.smart_resize(x.astype("float32"), (6, 5), how.lower())
        assert type(smart) is np.ndarray
        np.testing.assert_array_equal(smart, expected)


@pictures
def test_pictures_are_learned_from(images):
    train, held = utils.image_dataset_from_directory(
        images, image_size=(4, 4), batch_size=2, validation_split=0.3, subset="both", seed=1, verbose=False
    )
    scale = keras.layers.Normalization(axis=-1)
    scale.adapt(train)
    layers = [scale, keras.layers.Flatten(), keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(train, validation_data=held, epochs=2, verbose=0)
    assert {"loss", "val_loss"} <= set(history.history)
    assert model.predict(held.map(lambda x, y: x), verbose=0).shape == (2, 3)
    for x, y in train.map(lambda x, y: (x / 255, y)).cache().prefetch():
        assert x.max() < 0.1 and y.dtype == np.int32


@pictures
@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no picture", lambda b: b[::-1]],
    ids=["cut", "empty", "text", "reversed"],
)
def test_a_damaged_picture_is_named(images, damage):
    path = images / "cats" / "1.bmp"
    path.write_bytes(damage(path.read_bytes()))
    dataset = utils.image_dataset_from_directory(images, shuffle=False, batch_size=1, verbose=False)
    assert dataset[0][1] == 0
    with pytest.raises(DataError, match="1.bmp cannot be read as a picture.*remove it"):
        list(dataset)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(DataError, match="1.bmp cannot be read"):
        model.fit(dataset, verbose=0)


@pictures
@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "jpg", "jpeg"])
def test_a_picture_that_is_cut_off_is_whole_or_an_error(tmp_path, ending):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3)).astype("uint8")
    path = tmp_path / f"x.{ending}"
    utils.save_img(path, pixels, scale=False)
    whole = path.read_bytes()

    def first():
        return utils.image_dataset_from_directory(tmp_path, labels=None, image_size=(24, 20), verbose=False)[0]

    expected, refused = first(), 0
    for cut in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:cut])
        try:
            np.testing.assert_array_equal(first(), expected)
        except DataError as error:
            assert path.name in str(error)
            refused += 1
    assert refused > 35


@pytest.mark.parametrize("damage", ["gone", "bytes"])
def test_a_damaged_text_is_named(texts, damage):
    dataset = read(texts)
    path = texts / "cats" / "2.txt"
    path.unlink() if damage == "gone" else path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="2.txt cannot be read as a text in UTF-8"):
        list(dataset)


# What cannot be

WRONG = {  # options: what the error says
    "label_mode": (dict(label_mode="onehot"), "label_mode to be one of 'int', 'categorical', 'binary', None"),
    "labels": (dict(labels="infer"), "labels to be \"inferred\", None, or a number"),
    "labels of text": (dict(labels=["a"] * 11), "whole numbers"),
    "labels of another number": (dict(labels=[0, 1]), "2 labels for 11 files"),
    "labels and names": (dict(labels=[0] * 11, class_names=["a"]), "leave it out"),
    "names without labels": (dict(labels=None, class_names=["cats"]), "no class_names where labels=None"),
    "unknown class": (dict(class_names=["cats", "cows"]), "received also 'cows'"),
    "class twice": (dict(class_names=["cats", "cats"]), "different names"),
    "a class of no name": (dict(class_names=[["cats"]]), "different names"),
    "a class alone": (dict(class_names="cats"), "list of different names"),
    "three classes": (dict(label_mode="binary"), 'two classes for label_mode="binary"; there are 3'),
    "labels with gaps": (dict(labels=[0, 5] * 5 + [0], label_mode="categorical"), "from 0 to 1.*received 0 to 5"),
    "batch_size": (dict(batch_size=0), "batch_size"),
    "split of 1": (dict(validation_split=1.0, subset="both"), "between 0 and 1"),
    "split alone": (dict(validation_split=0.3), "together"),
    "subset alone": (dict(subset="training"), "together"),
    "subset": (dict(validation_split=0.3, subset="test"), "subset"),
    "no seed": (dict(validation_split=0.3, subset="both", shuffle=True), "needs a seed"),
    "seed": (dict(shuffle=True, seed=-1), "seed"),
    "format": (dict(format="torch"), "format"),
    "max_length": (dict(max_length=0), "max_length"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_arguments_that_do_not_fit(texts, name):
    options, told = WRONG[name]
    with pytest.raises((ArgumentError, DataError), match=told):
        read(texts, **options)


@pictures
@pytest.mark.parametrize("name", [n for n in WRONG if n != "max_length"] + ["color", "size", "interpolation", "both"])
def test_arguments_that_do_not_fit_pictures(images, name):
    options, told = {
        "color": (dict(color_mode="rgbb"), "color_mode"),
        "size": (dict(image_size=(3, 0)), "height, width"),
        "interpolation": (dict(interpolation="area"), "interpolation to be one of 'nearest', 'bilinear'"),
        "both": (dict(crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "not both"),
        "labels of another number": (dict(labels=[0, 1]), "2 labels for 9 files"),
        **{n: v for n, v in WRONG.items() if n != "labels of another number"},
    }[name]
    if "labels" in options and len(options["labels"] or ()) == 11:
        options = {**options, "labels": options["labels"][:9]}
    with pytest.raises((ArgumentError, DataError), match=told):
        utils.image_dataset_from_directory(images, **{"verbose": False, "shuffle": False, **options})


def test_folders_without_files(tmp_path):
    with pytest.raises(DataError, match="finds no folder '.*none'"):
        read(tmp_path / "none")
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(DataError, match="finds no folder"):
        read(tmp_path / "file.txt")
    with pytest.raises(DataError, match="no file in the folders of its classes.*pass labels=None"):
        read(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match=r"ends with \.txt"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"finds no file in '.*a' that"):
        read(tmp_path / "a", labels=None)
