"""Boxes go where their pixels go; values against Keras's from tests/golden/record_bounding_boxes.py."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from autonet import Input, layers, models
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.preprocessing.images import ImageLayer
from autonet.utils.bounding_boxes import convert_format

CASES = json.loads((Path(__file__).parents[2] / "golden" / "bounding_boxes.json").read_text(encoding="utf-8"))["layers"]
MOVING = {  # layers, and by how much of a pixel of the result a box may be wider than its pixels
    "flip": (lambda **o: layers.RandomFlip("horizontal", **o), 0),
    "flip down": (lambda **o: layers.RandomFlip("vertical", **o), 0),
    "flip both": (lambda **o: layers.RandomFlip(**o), 0),
    "translation": (lambda **o: layers.RandomTranslation(0.3, 0.2, fill_mode="constant", **o), 1),
    "zoom": (lambda **o: layers.RandomZoom((-0.4, 0.3), (0.1, 0.4), fill_mode="constant", **o), 2),
    "rotation": (lambda **o: layers.RandomRotation(0.2, fill_mode="constant", **o), 8),  # round boxes that were turned
    "shear": (lambda **o: layers.RandomShear(0.3, 0.2, fill_mode="constant", **o), 4),
    "perspective": (lambda **o: layers.RandomPerspective((0.3, 0.9), 0.3, **o), 4),
    "crop": (lambda **o: layers.RandomCrop(20, 17, **o), 0),
    "crop of less": (lambda **o: layers.RandomCrop(40, 20, **o), 2),
}
FIXED = {
    "middle": (lambda **o: layers.CenterCrop(20, 16, **o), 0),
    "middle of less": (lambda **o: layers.CenterCrop(40, 30, **o), 2),
    "resized": (lambda **o: layers.Resizing(45, 30, **o), 2),
    "padded": (lambda **o: layers.Resizing(45, 30, pad_to_aspect_ratio=True, **o), 2),
    "cut": (lambda **o: layers.Resizing(45, 30, crop_to_aspect_ratio=True, **o), 3),
}
every_format = pytest.mark.parametrize("name", ["xyxy", "center_yxhw", "rel_xywh"])


@pytest.mark.parametrize("i", range(len(CASES)), ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_against_keras(i):
    name, config, shape, drawn, given, expected = CASES[i]
    layer = getattr(layers, name)(**{"bounding_box_format": "xyxy", **config})
    boxes = {"boxes": np.array(given["boxes"], "float32"), "labels": np.array(given["labels"])}
    if drawn is None:
        found = layer({"images": np.zeros(shape, "float32"), "bounding_boxes": boxes})["bounding_boxes"]
    else:
        arrays = {k: np.array(v) if isinstance(v, list) else v for k, v in drawn.items()}
        found = layer.transform_bounding_boxes(boxes, {**arrays, "input_shape": shape})
    np.testing.assert_allclose(found["boxes"], expected["boxes"], rtol=2e-5, atol=5e-5)
    assert found["labels"].tolist() == expected["labels"]


@every_format
@pytest.mark.parametrize("first", [False, True], ids=["", "channels_first"])
@pytest.mark.parametrize("case", [*MOVING, *FIXED])
def test_boxes_follow_their_pixels(case, first, name):
    """A rectangle of each image, painted on its mask, lies in its box afterwards, and nearly fills it."""
    make, slack = {**MOVING, **FIXED}[case]
    rng = np.random.default_rng(len(case))
    height, width, n = 30, 24, 12
    corner = rng.integers(4, 10, (n, 1, 2))
    boxes = np.concatenate([corner, corner + rng.integers(5, 12, (n, 1, 2))], axis=-1).astype("float32")
    masks = np.zeros((n, height, width, 1), "int32")
    for mask, ((x1, y1, x2, y2),) in zip(masks, boxes.astype(int), strict=True):
        mask[y1:y2, x1:x2] = 1
    images = np.zeros((n, height, width, 2), "float32")
    if first:
        images, masks = (np.moveaxis(x, -1, 1) for x in (images, masks))
    given = {"boxes": convert_format(boxes, "xyxy", name, height, width).numpy(), "labels": np.full((n, 1), 7)}
    layer = make(seed=5, bounding_box_format=name) if case in MOVING else make(bounding_box_format=name)
    if first:
        layer = type(layer).from_config({**layer.get_config(), "data_format": "channels_first"})
    found = layer({"images": images, "segmentation_masks": masks, "bounding_boxes": given})
    moved = found["segmentation_masks"].numpy()
    moved = (moved[:, 0] if first else moved[..., 0]) == 1
    after = convert_format(found["bounding_boxes"]["boxes"], name, "xyxy", *moved.shape[1:]).numpy()[:, 0]
    labels = found["bounding_boxes"]["labels"].numpy()[:, 0]
    for seen, box, label in zip(moved, after, labels, strict=True):
        rows, columns = np.nonzero(seen.any(1))[0], np.nonzero(seen.any(0))[0]
        if not rows.size:
            assert label == -1 or np.min(box[2:] - box[:2]) <= slack
            continue
        assert label == 7
        painted = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        margin = (painted - box) * [1, 1, -1, -1]  # how far the box reaches beyond
        assert margin.min() >= -min(slack, 2.6) - 1e-3 and margin.max() <= slack + 1e-3, (painted, box)


@pytest.mark.parametrize("case", [*MOVING, *FIXED])
def test_one_image(case):
    make, _ = {**MOVING, **FIXED}[case]
    options = {"bounding_box_format": "xyxy", **({"seed": 3} if case in MOVING else {})}
    boxes = {"boxes": np.array([[2.0, 3, 9, 8], [5, 1, 20, 22]]), "labels": np.array([4, 5])}
    images = np.zeros((30, 24, 1), "float32")
    alone = make(**options)({"images": images, "bounding_boxes": boxes})["bounding_boxes"]
    batch = {"images": images[None], "bounding_boxes": {k: v[None] for k, v in boxes.items()}}
    together = make(**options)(batch)["bounding_boxes"]
    for k in boxes:
        np.testing.assert_allclose(alone[k], together[k][0], rtol=1e-6)


def test_boxes_stay():
    """Where colours change; without training; and exactly, whatever the layer computes in."""
    boxes = {"boxes": np.array([[[2049.0, 3, 4099, 8]]]), "labels": np.array([[4]])}
    data = {"images": np.ones((1, 6, 5, 3), "float32"), "bounding_boxes": boxes}
    for layer in (
        layers.RandomContrast(0.5, bounding_box_format="xyxy", dtype="float16"),
        layers.RandomGrayscale(bounding_box_format="xyxy"),
        layers.AugMix(bounding_box_format="xyxy"),
        layers.MixUp(bounding_box_format="xyxy"),
    ):
        found = layer(data, training=not isinstance(layer, layers.MixUp))["bounding_boxes"]
        assert found["boxes"].tolist() == boxes["boxes"].tolist() and found["boxes"].dtype == "float32"
        assert found["labels"].tolist() == [[4]]
    for make, _ in MOVING.values():
        layer = make(bounding_box_format="xyxy", dtype="mixed_float16")
        if not isinstance(layer, layers.RandomCrop):
            assert layer(data, training=False)["bounding_boxes"]["boxes"].tolist() == boxes["boxes"].tolist()


def test_mixed_images_have_the_boxes_of_both():
    boxes = {"boxes": np.arange(24.0).reshape(3, 2, 4), "labels": np.arange(6).reshape(3, 2)}
    layer = layers.MixUp(seed=1, bounding_box_format="xyxy")
    found = layer({"images": np.zeros((3, 4, 4, 1), "float32"), "bounding_boxes": boxes})["bounding_boxes"]
    assert found["boxes"].shape == (3, 4, 4) and found["labels"].shape == (3, 4)
    assert found["labels"].numpy()[:, :2].tolist() == boxes["labels"].tolist()
    partners = found["labels"].numpy()[:, 2] // 2
    np.testing.assert_array_equal(found["boxes"].numpy()[:, 2:], boxes["boxes"][partners])


def test_policies_move_boxes_as_their_choices_do():
    boxes = {"boxes": np.array([[[2.0, 3, 9, 8]]] * 2), "labels": np.array([[4]] * 2)}
    images = np.random.default_rng(0).uniform(0, 255, (2, 12, 12, 3)).astype("float32")
    layer = layers.RandAugment(num_ops=2, seed=3, bounding_box_format="xyxy")
    drawn = layer.get_random_transformation(images)
    expected = boxes
    for i in drawn["layer_idxes"].tolist():
        expected = layer._choices[i].transform_bounding_boxes(expected, drawn["transforms"][i])
    found = layer.transform_bounding_boxes(boxes, drawn)
    np.testing.assert_allclose(found["boxes"], expected["boxes"])


def test_in_a_model():
    """Placeholders have the shapes of what comes out, and captured steps move boxes as eager ones do."""
    inputs = {
        "images": Input((12, 10, 3)),
        "bounding_boxes": {"boxes": Input((None, 4)), "labels": Input((None,), dtype="int32")},
    }
    x = inputs
    for make in (
        lambda **o: layers.Resizing(16, 16, **o),
        lambda **o: layers.RandomFlip(seed=1, **o),
        lambda **o: layers.RandomRotation(0.1, seed=1, **o),
        lambda **o: layers.RandomCrop(9, 8, seed=1, **o),
        lambda **o: layers.MixUp(seed=1, **o),
        lambda **o: layers.MaxNumBoundingBoxes(5, **o),
    ):
        x = make(bounding_box_format="rel_xyxy")(x)
    model = models.Model(inputs, x)
    rng = np.random.default_rng(0)
    boxes = {"boxes": rng.uniform(0, 1, (4, 2, 4)).astype("float32"), "labels": np.ones((4, 2), "int32")}
    data = {"images": rng.uniform(0, 255, (4, 12, 10, 3)).astype("float32"), "bounding_boxes": boxes}
    assert x["bounding_boxes"]["boxes"].shape == (None, 5, 4) and x["images"].shape == (None, 9, 8, 3)
    eager, planned = model(data, training=False), model.predict(data, verbose=0)
    for part, dtype in (("boxes", "float32"), ("labels", "int32")):
        assert eager["bounding_boxes"][part].dtype == dtype == planned["bounding_boxes"][part].dtype
        np.testing.assert_allclose(planned["bounding_boxes"][part], eager["bounding_boxes"][part], rtol=1e-6)
    assert model(data, training=True)["bounding_boxes"]["boxes"].shape == (4, 5, 4)


def test_of_every_layer():
    """Each takes the option and keeps it in its configuration; without it, or a rule for boxes, an error says so."""
    boxes = {"boxes": np.zeros((2, 3, 4)), "labels": np.ones((2, 3))}
    data = {"images": np.ones((2, 8, 8, 3), "float32"), "bounding_boxes": boxes}
    given = {
        **dict.fromkeys(("height", "width", "max_number"), 4),
        **dict.fromkeys(("height_factor", "width_factor"), 0.1),
    }
    classes = [c for c in vars(layers).values() if isinstance(c, type) and issubclass(c, ImageLayer)]
    assert len(classes) > 25
    for cls in classes:
        needed = [p.name for p in inspect.signature(cls).parameters.values() if p.default is p.empty]
        own = {n: given.get(n, 2 if cls is layers.RandomPosterization else 0.1) for n in needed if n != "common"}
        plain = cls(**own)
        assert "bounding_box_format" not in plain.get_config()
        with pytest.raises(ArgumentError, match="bounding_box_format='xyxy'"):
            plain(data)
        layer = cls.from_config(cls(**own, bounding_box_format="XYWH").get_config())
        assert layer.bounding_box_format == "xywh"
        if cls in (layers.CutMix, layers.RandomElasticTransform):
            with pytest.raises(ArgumentError, match="no rule for where bounding boxes go"):
                layer(data)
        else:
            found = layer(data)
            assert found.keys() == data.keys() and found["bounding_boxes"]["boxes"].shape[::2] == (2, 4)
    with pytest.raises(ArgumentError, match="bounding_box_format to be one of"):
        layers.RandomFlip(bounding_box_format="corners")


WRONG = {
    "dictionary": (np.zeros((2, 3, 4)), "a dictionary of 'boxes' and 'labels'; received ndarray|Tensor"),
    "labels": ({"boxes": np.zeros((2, 3, 4))}, r"received \['boxes'\]"),
    "others": ({"boxes": np.zeros((3, 3, 4)), "labels": np.zeros((3, 3))}, "n that of the images"),
    "numbers": ({"boxes": np.zeros((2, 3, 5)), "labels": np.zeros((2, 3))}, "n that of the images"),
    "counts": ({"boxes": np.zeros((2, 3, 4)), "labels": np.zeros((2, 2))}, "n that of the images"),
    "one for all": ({"boxes": np.zeros((3, 4)), "labels": np.zeros(3)}, "each of 2 images"),
}


@pytest.mark.parametrize("case", WRONG)
def test_refusals(case):
    boxes, text = WRONG[case]
    with pytest.raises((ArgumentError, ShapeError), match=text):
        layers.RandomFlip(bounding_box_format="xyxy")({"images": np.zeros((2, 4, 4, 3)), "bounding_boxes": boxes})
    with pytest.raises(ArgumentError, match="get_random_transformation"):
        layers.RandomCrop(2, 2, bounding_box_format="xyxy").transform_bounding_boxes({}, (0, 0))
