"""Record what Keras makes of boxes: python tests/golden/record_bounding_boxes.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes bounding_boxes.json beside this file: calls of the functions
in `keras.utils.bounding_boxes`, and what layers for images make of boxes, given what they drew.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240311)
FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)
SIZE = {"height": 10, "width": 8}
SHAPE = (10, 8, 3)


def corners(*shape):
    """Boxes (left, top, right, bottom) within an image of 10 x 8, and a little outside of it."""
    first = rng.uniform(-1, 5, (*shape, 2))
    return np.concatenate([first, first + rng.uniform(0.5, 5, (*shape, 2))], axis=-1).round(2)


def functions():
    plain, batch = corners(3), corners(2, 3)
    for source in FORMATS:
        for target in FORMATS:
            yield "convert_format", {"boxes": plain / 8, "source": source, "target": target, **SIZE}
    yield "convert_format", {"boxes": {"boxes": batch, "labels": np.ones((2, 3))}, "source": "XYXY", "target": "xyWH"}
    yield "convert_format", {"boxes": batch, "source": "xyxy", "target": "xywh", "dtype": "float16"}
    boxes = np.array([[-2.0, 1, 3, 4], [9, 1, 12, 4], [1, 2, 20, 30], [0, -5, 4, -1]])
    yield "clip_to_image_size", {"bounding_boxes": {"boxes": boxes, "labels": np.arange(4)}, **SIZE}
    yield "clip_to_image_size", {"bounding_boxes": {"boxes": boxes}, **SIZE}
    relative = {"boxes": boxes[None] / 8, "labels": np.arange(4.0)[None]}
    yield "clip_to_image_size", {"bounding_boxes": relative, "bounding_box_format": "rel_xyxy"}
    for still in (np.zeros(2), None):
        draw = [rng.uniform(-0.4, 0.4, 2).astype("float32") if still is None else still for _ in range(3)]
        angles = [rng.uniform(-40, 40, 2).astype("float32") for _ in range(3)]
        arguments = {"angle": angles[0], "translate_x": draw[0], "translate_y": draw[1], "scale": draw[2] + 1}
        tilts = {"shear_x": angles[1], "shear_y": angles[2]} if still is None else {"shear_x": still, "shear_y": still}
        yield "affine_transform", {"boxes": batch, **arguments, **tilts, **SIZE}
        yield "affine_transform", {"boxes": batch, **arguments, **tilts, **SIZE, "center_x": 0.2, "center_y": 0.7}
    yield "crop", {"boxes": batch, "top": 2, "left": 1, "height": 4, "width": 3}
    yield "pad", {"boxes": plain, "top": 2, "left": 1}
    anchors, shape = corners(3), (10, 8, 3)
    for encoding in ("center_yxhw", "center_xywh"):
        more = {"variance": [0.1, 0.1, 0.2, 0.2], "image_shape": shape}
        kinds = {"anchor_format": "xyxy", "box_format": "xywh"}
        yield "encode_box_to_deltas", {"anchors": anchors, "boxes": batch, **kinds, "encoding_format": encoding}
        yield (
            "encode_box_to_deltas",
            {"anchors": anchors / 8, "boxes": plain, **kinds, **more, "anchor_format": "rel_xyxy"},
        )
        yield (
            "decode_deltas_to_boxes",
            {"anchors": anchors, "boxes_delta": batch / 8, **kinds, "encoded_format": encoding},
        )
        yield (
            "decode_deltas_to_boxes",
            {"anchors": anchors, "boxes_delta": plain, **kinds, **more, "box_format": "rel_yxyx"},
        )
    yield (
        "decode_deltas_to_boxes",
        {"anchors": {"a": anchors, "b": plain}, "boxes_delta": {"a": plain / 8, "b": anchors / 8}, **kinds},
    )
    for one, other in ((plain, anchors), (plain, batch), (batch, plain), (batch, corners(2, 4))):
        yield "compute_iou", {"boxes1": one, "boxes2": other, "bounding_box_format": "xyxy"}
    filled = np.concatenate([plain, [[-1.0, -1, -1, -1]]])
    masked = {"use_masking": True, "mask_val": -2}
    yield "compute_iou", {"boxes1": filled, "boxes2": filled, "bounding_box_format": "xyxy", **masked}
    yield (
        "compute_iou",
        {"boxes1": plain / 8, "boxes2": anchors / 8, "bounding_box_format": "rel_xywh", "image_shape": shape},
    )
    yield "compute_ciou", {"boxes1": plain, "boxes2": anchors, "bounding_box_format": "xyxy"}
    yield "compute_ciou", {"boxes1": batch, "boxes2": corners(2, 3), "bounding_box_format": "center_xywh"}


def layers():
    """Class, arguments, shape of the images, what was drawn. Not where Keras leaves the images: see notebooks/keras.md."""
    for mode in ("horizontal", "vertical", "horizontal_and_vertical"):
        yield "RandomFlip", {"mode": mode}, (2, *SHAPE), {"flips": [[[[True]]], [[[False]]]]}
        yield (
            "RandomFlip",
            {"mode": mode, "bounding_box_format": "rel_center_xywh"},
            (2, *SHAPE),
            {"flips": [[[[True]]]] * 2},
        )
    first = {"data_format": "channels_first"}
    shifts = {"translations": [[1.5, 2.0], [-3.0, -1.0]]}
    yield "RandomTranslation", {"height_factor": 0.5, "width_factor": 0.5}, (2, *SHAPE), shifts
    yield "RandomTranslation", {"height_factor": 0.5, "width_factor": 0.5, **first}, (2, 3, 10, 8), shifts
    zooms = {"height_zoom": [[0.4], [1.9]], "width_zoom": [[0.7], [1.3]]}
    yield "RandomZoom", {"height_factor": 0.5, "bounding_box_format": "xywh"}, (2, *SHAPE), zooms
    yield "RandomShear", {"x_factor": 0.5, "y_factor": 0.5}, (2, 8, 8, 3), {"shear_factor": [[0.3, 0.0], [-0.2, 0.0]]}
    yield "RandomShear", {"x_factor": 0.5, "y_factor": 0.5}, (2, 8, 8, 3), {"shear_factor": [[0.0, 0.3], [0.0, -0.2]]}
    points = [[[0.0, 0.0], [7.0, 0.0], [0.0, 9.0], [7.0, 9.0]]] * 2
    ends = [[[0.0, 0.0], [4.2, 0.0], [0.0, 6.7], [4.3, 7.5]], [[0.0, 0.0], [8.0, 0.5], [0.2, 9.5], [7.7, 10.0]]]
    seen = {"start_points": points, "end_points": ends, "apply_perspective": [True, False]}
    yield "RandomPerspective", {}, (2, *SHAPE), seen
    turns = {"angle": [30.0, -100.0], "image_height": 10, "image_width": 8, "batch_size": 2}
    yield "RandomRotation", {"factor": 0.5}, (2, *SHAPE), turns
    for more in ({}, {"pad_to_aspect_ratio": True}, {"crop_to_aspect_ratio": True}):
        yield "Resizing", {"height": 20, "width": 22, **more}, (2, *SHAPE), None
        yield "Resizing", {"height": 5, "width": 6, "bounding_box_format": "rel_xyxy", **more}, (2, *SHAPE), None
    for height, width in ((5, 5), (20, 20), (4, 9)):
        yield "CenterCrop", {"height": height, "width": width}, (2, *SHAPE), None
    yield "RandomBrightness", {"factor": 0.2}, (2, *SHAPE), None
    yield "MaxNumBoundingBoxes", {"max_number": 2}, (2, *SHAPE), None
    yield "MaxNumBoundingBoxes", {"max_number": 5, "fill_value": 7}, (2, *SHAPE), None


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    return np.asarray(x).tolist() if hasattr(x, "shape") else x


def copied(x):
    return {k: copied(v) for k, v in x.items()} if isinstance(x, dict) else x


def answer(name, arguments):
    return getattr(keras.utils.bounding_boxes, name)(**copied(arguments))


def moved(name, config, shape, drawn, boxes, labels):
    config = {"bounding_box_format": "xyxy", **config}
    layer = getattr(keras.layers, name)(**config)
    given = {"boxes": boxes, "labels": labels}
    if drawn is None:
        return layer({"images": np.zeros(shape, "float32"), "bounding_boxes": given})["bounding_boxes"]
    arrays = {
        k: np.asarray(v, "float32" if k not in ("flips", "apply_perspective") else bool) for k, v in drawn.items()
    }
    sizes = {k: v for k, v in drawn.items() if isinstance(v, int)}
    return layer.transform_bounding_boxes(given, {**arrays, **sizes, "input_shape": shape}, training=True)


if __name__ == "__main__":
    calls = [[name, plain(arguments), plain(answer(name, arguments))] for name, arguments in functions()]
    cases = []
    for name, config, shape, drawn in layers():
        boxes, labels = corners(2, 3).astype("float32"), rng.integers(0, 9, (2, 3))
        if name == "RandomFlip":  # which leaves boxes outside that reach beyond the right or lower edge
            boxes = np.clip(boxes, 0, [8, 10, 8, 10]).astype("float32")
        if "rel" in config.get("bounding_box_format", ""):
            boxes = np.array(
                keras.utils.bounding_boxes.convert_format(boxes, "xyxy", config["bounding_box_format"], 10, 8)
            )
        found = moved(name, config, shape, drawn, boxes, labels)
        cases.append([name, config, shape, drawn, plain({"boxes": boxes, "labels": labels}), plain(found)])
    facts = {"keras": keras.__version__, "calls": calls, "layers": cases}
    text = json.dumps(facts).replace('], ["', '],\n["')
    (HERE / "bounding_boxes.json").write_text(text + "\n", encoding="utf-8")
    print(len(calls), "calls,", len(cases), "layers, Keras", keras.__version__)
