"""Boxes: values recorded from Keras by tests/golden/record_bounding_boxes.py, and laws over drawn boxes."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import check_gradients, ops
from autonet.errors import ArgumentError, ShapeError
from autonet.utils import bounding_boxes

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "bounding_boxes.json").read_text(encoding="utf-8"))
ARRAYS = ("angle", "translate_x", "translate_y", "scale", "shear_x", "shear_y")


def arrays(x):
    return {k: arrays(v) for k, v in x.items()} if isinstance(x, dict) else np.asarray(x)


def same(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for k in expected:
            same(found[k], expected[k])
    else:
        assert found.shape == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("i", range(len(GOLDEN["calls"])), ids=[f"{i}-{c[0]}" for i, c in enumerate(GOLDEN["calls"])])
def test_against_keras(i):
    name, arguments, expected = GOLDEN["calls"][i]
    boxes = {k: arrays(v) for k, v in arguments.items() if "box" in k and k[-6:] != "format" or k == "anchors"}
    drawn = {k: np.asarray(v, "float32") for k, v in arguments.items() if k in ARRAYS}
    half = arguments.get("dtype") == "float16"
    found = getattr(bounding_boxes, name)(**{**arguments, **boxes, **drawn})
    if half:
        assert found.dtype == "float16"
        np.testing.assert_allclose(found, expected, rtol=2e-3)
    else:
        same(found, expected)


def drawn_boxes(seed, *shape):
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, 5, (*shape, 2))
    return np.concatenate([first, first + rng.uniform(0.1, 5, (*shape, 2))], axis=-1)


formats = st.sampled_from(bounding_boxes.FORMATS)


@given(source=formats, target=formats, seed=st.integers(0, 99))
def test_formats_lead_back(source, target, seed):
    boxes = drawn_boxes(seed, 2, 3)
    there = bounding_boxes.convert_format(boxes, source, target, 10, 8, "float64")
    back = bounding_boxes.convert_format(there, target, source, 10, 8, "float64")
    np.testing.assert_allclose(back, boxes, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 99), name=st.sampled_from(["xyxy", "xywh", "center_yxhw", "rel_xyxy"]))
def test_deltas_lead_back(seed, name):
    anchors, boxes = drawn_boxes(seed, 3), drawn_boxes(seed + 1, 2, 3)
    more = {"variance": [0.1, 0.2, 0.3, 0.4], "image_shape": (10, 8, 3)}
    deltas = bounding_boxes.encode_box_to_deltas(anchors, boxes, name, name, **more)
    back = bounding_boxes.decode_deltas_to_boxes(anchors, deltas, name, name, **more)
    np.testing.assert_allclose(back, boxes, rtol=1e-4, atol=1e-4)


@given(seed=st.integers(0, 99), name=formats)
def test_overlaps(seed, name):
    """Symmetric, from 0 to 1, and 1 with itself; the complete one is at most it; neither depends on the format."""
    corners = [drawn_boxes(seed + i, 4) for i in range(2)]
    one, other = (bounding_boxes.convert_format(b, "xyxy", name, 10, 8, "float64") for b in corners)
    iou = bounding_boxes.compute_iou(one, other, name, image_shape=(10, 8, 3)).numpy()
    assert np.all(iou >= 0) and np.all(iou <= 1)
    np.testing.assert_allclose(bounding_boxes.compute_iou(other, one, name, image_shape=(10, 8, 3)), iou.T, rtol=1e-4)
    np.testing.assert_allclose(bounding_boxes.compute_iou(*corners, "xyxy"), iou, rtol=1e-3, atol=1e-5)
    complete = bounding_boxes.compute_ciou(one, other, name, image_shape=(10, 8, 3)).numpy()
    assert np.all(complete <= iou.diagonal() + 1e-5) and np.all(complete >= -1.5)
    np.testing.assert_allclose(bounding_boxes.compute_ciou(one, one, name, image_shape=(10, 8, 3)), 1, atol=1e-4)


def test_one_image_is_a_batch_of_one():
    boxes, rest = drawn_boxes(0, 3), {"angle": 20.0, "translate_x": 0.1, "translate_y": 0.0, "scale": 1.5}
    rest |= {"shear_x": 5.0, "shear_y": -9.0, "height": 10, "width": 8}
    alone = bounding_boxes.affine_transform(boxes, **rest)
    lists = {k: np.array([v]) if k in ARRAYS else v for k, v in rest.items()}
    np.testing.assert_allclose(alone, bounding_boxes.affine_transform(boxes[None], **lists)[0], rtol=1e-6)


def test_labels_of_what_has_left():
    """Rows of classes too; labels without a sign get room for -1; what is given stays as it is."""
    boxes = {"boxes": np.array([[0.0, 0, 2, 2], [8.0, 0, 9, 2]]), "labels": np.array([[0, 1], [1, 0]], "uint8")}
    found = bounding_boxes.clip_to_image_size(boxes, 8, 8)
    assert found["labels"].tolist() == [[0, 1], [-1, -1]] and found["boxes"].tolist()[1] == [8, 0, 8, 2]
    assert boxes["labels"].tolist() == [[0, 1], [1, 0]] and boxes["boxes"][1, 2] == 9
    single = bounding_boxes.clip_to_image_size({**boxes, "labels": np.array([True, True])}, 8, 8)
    assert single["labels"].tolist() == [1, -1] and single["labels"].dtype == "int32"


def test_gradients():
    """A detector's loss learns through deltas and overlaps."""
    anchors, truth = ops.convert_to_tensor(drawn_boxes(3, 3)), drawn_boxes(4, 3)

    def loss(deltas):
        boxes = bounding_boxes.decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy")
        return ops.sum(bounding_boxes.compute_ciou(boxes, truth, "xyxy"))

    deltas = bounding_boxes.encode_box_to_deltas(anchors, drawn_boxes(5, 3), "xyxy", "xyxy")
    check_gradients(loss, ops.convert_to_tensor(deltas.numpy()))


BOXES = np.zeros((2, 4))
REFUSED = {
    "format": (lambda: bounding_boxes.convert_format(BOXES, "xyxy", "xxyy"), ArgumentError, "target to be one of xyxy"),
    "size": (lambda: bounding_boxes.convert_format(BOXES, "xyxy", "rel_xyxy"), ArgumentError, "the image's height"),
    "no size": (
        lambda: bounding_boxes.convert_format(BOXES, "xyxy", "rel_xyxy", 3, 0),
        ArgumentError,
        "width, above 0",
    ),
    "numbers": (lambda: bounding_boxes.convert_format(BOXES[:, :3], "xyxy", "xywh"), ShapeError, "four numbers"),
    "clip": (
        lambda: bounding_boxes.clip_to_image_size({"boxes": BOXES}, 2, 2, "xywh"),
        ArgumentError,
        "convert_format",
    ),
    "clip size": (lambda: bounding_boxes.clip_to_image_size({"boxes": BOXES}), ArgumentError, "the image's height"),
    "crop": (lambda: bounding_boxes.crop(BOXES, 0, 0, 1, 1, "yxyx"), ArgumentError, "convert_format"),
    "pad": (lambda: bounding_boxes.pad(BOXES, 0, 0, bounding_box_format="yxyx"), ArgumentError, "convert_format"),
    "images": (
        lambda: bounding_boxes.affine_transform(BOXES, np.zeros(3), 0.0, 0.0, 1.0, 0.0, 0.0, 4, 4),
        ShapeError,
        r"each of 3 images, of shape \(3, count, 4\)",
    ),
    "variance": (
        lambda: bounding_boxes.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", variance=[1.0]),
        ShapeError,
        "a variance of four",
    ),
    "encoding": (
        lambda: bounding_boxes.decode_deltas_to_boxes(BOXES, BOXES, "xyxy", "xyxy", "xywh"),
        ArgumentError,
        "encoded_format to be",
    ),
    "rank": (lambda: bounding_boxes.compute_iou(BOXES[0], BOXES, "xyxy"), ShapeError, "boxes1 of shape"),
    "relative": (lambda: bounding_boxes.compute_ciou(BOXES, BOXES, "rel_xyxy"), ArgumentError, "image_shape="),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, kind, text = REFUSED[case]
    with pytest.raises(kind, match=text):
        call()
