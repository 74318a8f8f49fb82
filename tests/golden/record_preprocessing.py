"""Record what Keras's layers for data give: python tests/golden/record_preprocessing.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes preprocessing.npz beside this file: for each case its
arrays under "<number>/<name>", and as JSON under "facts" the cases, signatures and configurations. What random layers
draw is recorded with what they make of it. Layers for text need TensorFlow, so only their signatures are here.
"""

import inspect
import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240229)
FIRST = {"data_format": "channels_first"}
CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"


def reals(*shape):
    return rng.normal(size=shape).astype("float32")


def pixels(*shape):
    return rng.uniform(0, 255, shape).astype("float32")


def signed(*shape):
    """Pixels from -1 to 1, each in the middle of one of 255 steps, where rounding does not matter."""
    return ((rng.integers(0, 255, shape) + 0.5) / 127.5 - 1).astype("float32")


def categories(*shape):
    return rng.integers(0, 4, shape)


CASES = [  # class, arguments, x, what to adapt to
    ["Rescaling", {"scale": 0.5, "offset": -1.0}, reals(3, 4), None],
    ["Rescaling", {"scale": [0.5, 2.0], "offset": [1.0, 0.0]}, categories(3, 2), None],
    ["Normalization", {}, reals(3, 4), reals(9, 4)],
    ["Normalization", {"axis": None}, reals(3, 4), reals(9, 4)],
    ["Normalization", {"axis": [1, -1]}, reals(2, 3, 4, 2), reals(7, 3, 4, 2)],
    ["Normalization", {"invert": True}, reals(3, 4), reals(9, 4)],
    ["Normalization", {"mean": [1.0, 2.0], "variance": [4.0, 0.0]}, reals(3, 2), None],
    ["Discretization", {"bin_boundaries": [-0.5, 0.0, 1.0]}, reals(3, 4), None],
    ["Discretization", {"bin_boundaries": [0.0], "output_mode": "one_hot"}, reals(3, 1), None],
    ["Discretization", {"bin_boundaries": [-0.5, 1.0], "output_mode": "multi_hot"}, reals(3, 4), None],
    ["Discretization", {"bin_boundaries": [-0.5, 1.0], "output_mode": "count"}, reals(3, 4), None],
    *[
        ["CategoryEncoding", {"num_tokens": 4, "output_mode": mode}, categories(*shape), None]
        for mode in ("one_hot", "multi_hot", "count")
        for shape in ((5,), (5, 1), (5, 3))  # beyond, Keras on JAX gathers over the second axis, not over the last
    ],
    ["CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, categories(2, 3, 2), None],
    *[
        ["Resizing", {"height": h, "width": w, **more}, pixels(2, 5, 7, 2), None]
        for h, w, more in (
            (3, 4, {}),
            (8, 9, {"interpolation": "nearest"}),
            (8, 5, {"interpolation": "bicubic"}),
            (3, 3, {"antialias": True}),
            (3, 3, {"crop_to_aspect_ratio": True}),
            (4, 4, {"pad_to_aspect_ratio": True, "fill_value": 7.0}),
        )
    ],
    ["Resizing", {"height": 4, "width": 3, **FIRST}, pixels(2, 2, 5, 7), None],
    ["Resizing", {"height": 4, "width": 3}, pixels(5, 7, 1), None],
    *[
        ["CenterCrop", {"height": h, "width": w}, pixels(2, *size, 2), None]
        for h, w, size in ((3, 4, (5, 7)), (2, 2, (5, 7)), (6, 4, (5, 7)), (4, 4, (2, 3)))
    ],
    ["CenterCrop", {"height": 2, "width": 3, **FIRST}, pixels(2, 5, 6), None],
    *[["RandomFlip", {"mode": mode, "seed": 3}, pixels(4, 3, 4, 2), None] for mode in ("horizontal", "vertical")],
    ["RandomFlip", {"seed": 3}, pixels(4, 3, 4, 2), None],
    *[
        [
            "RandomRotation",
            {"factor": 0.4, "seed": 1, "fill_mode": mode, "interpolation": kind},
            pixels(2, 5, 6, 2),
            None,
        ]
        for mode, kind in (("reflect", "bilinear"), ("wrap", "bilinear"), ("constant", "bilinear"))
    ],
    ["RandomRotation", {"factor": [0.1, 0.2], "seed": 1, "fill_mode": "nearest", **FIRST}, pixels(2, 1, 5, 6), None],
    ["RandomTranslation", {"height_factor": 0.4, "width_factor": 0.3, "seed": 1}, pixels(3, 5, 6, 2), None],
    ["RandomTranslation", {"height_factor": [0.1, 0.4], "width_factor": 0.0, "seed": 1}, pixels(5, 6, 2), None],
    ["RandomZoom", {"height_factor": 0.5, "seed": 1}, pixels(3, 5, 6, 2), None],
    ["RandomZoom", {"height_factor": [-0.5, -0.2], "width_factor": 0.3, "seed": 1}, pixels(3, 5, 6, 2), None],
    ["RandomCrop", {"height": 3, "width": 2, "seed": 1}, pixels(3, 5, 6, 2), None],
    ["RandomContrast", {"factor": 0.7, "seed": 1}, pixels(3, 5, 6, 2), None],
    ["RandomContrast", {"factor": [0.3, 0.9], "value_range": [0, 300], "seed": 1}, pixels(3, 5, 6, 2), None],
    ["RandomBrightness", {"factor": 0.5, "seed": 1}, pixels(3, 5, 6, 2), None],
    ["RandomBrightness", {"factor": [-0.1, 0.4], "value_range": [-50, 200], "seed": 1}, pixels(3, 5, 6, 2), None],
    ["Solarization", {"addition_factor": 0.3, "threshold_factor": [0.2, 0.6], "seed": 1}, pixels(3, 5, 6, 3), None],
    ["Solarization", {"value_range": [20, 240], "threshold_factor": 0.9, "seed": 2}, pixels(3, 5, 6, 2), None],
    ["RandomInvert", {"factor": 0.9, "seed": 1}, pixels(5, 2, 3, 2), None],
    ["RandomInvert", {"factor": 1.0, "seed": 1, **FIRST}, pixels(5, 2, 3, 2), None],
    ["RandomGrayscale", {"factor": 0.5, "seed": 1}, pixels(5, 2, 3, 3), None],
    ["RandomGrayscale", {"factor": 0.5, "seed": 1, **FIRST}, pixels(5, 3, 2, 3), None],
    ["RandomPosterization", {"factor": 5, "seed": 1}, pixels(5, 2, 3, 2), None],
    ["RandomPosterization", {"factor": [2, 6], "value_range": [0, 1], "seed": 1}, pixels(5, 2, 3, 2) / 256, None],
    ["RandomHue", {"factor": 0.8, "seed": 1}, pixels(5, 2, 3, 3), None],
    ["RandomHue", {"factor": [0.2, 0.4], "seed": 1, **FIRST}, pixels(2, 3, 2, 3), None],
    ["AutoContrast", {}, pixels(2, 3, 4, 3) / 3, None],
    ["AutoContrast", {"value_range": [50, 200]}, pixels(3, 4, 2), None],
    ["RandomShear", {"x_factor": 0.4, "y_factor": [0.1, 0.3], "seed": 1}, pixels(4, 5, 6, 2), None],
    ["RandomShear", {"x_factor": 0.5, "fill_mode": "constant", "fill_value": 9.0, **FIRST}, pixels(2, 5, 6), None],
    ["RandomPerspective", {"factor": [0.5, 0.9], "seed": 1}, pixels(5, 5, 6, 2), None],
    ["RandomPerspective", {"factor": [1.0, 1.0], "scale": 0.4, "fill_value": 9.0, **FIRST}, pixels(2, 5, 6), None],
    ["RandomSaturation", {"factor": [0.1, 0.9], "value_range": [0, 1], "seed": 1}, pixels(4, 2, 3, 3) / 255, None],
    ["RandomSaturation", {"factor": 0.4, "seed": 1, **FIRST}, pixels(3, 3, 2, 3), None],
    ["RandomColorDegeneration", {"factor": 0.8, "seed": 1}, pixels(4, 2, 3, 3), None],
    ["RandomColorDegeneration", {"factor": [0.2, 0.6], "seed": 1, **FIRST}, pixels(4, 3, 2, 3), None],
    ["RandomSharpness", {"factor": 1.0, "seed": 1}, pixels(4, 4, 5, 2), None],
    ["RandomSharpness", {"factor": [0.1, 0.9], "value_range": [20, 200], "seed": 1, **FIRST}, pixels(3, 2, 4, 5), None],
    ["RandomGaussianBlur", {"factor": [0.5, 0.9], "seed": 1}, pixels(5, 4, 5, 2), None],
    ["RandomGaussianBlur", {"kernel_size": [5, 3], "sigma": [0.5, 1.0], "seed": 2, **FIRST}, pixels(4, 2, 6, 5), None],
    ["RandomErasing", {"factor": [0.5, 0.9], "seed": 1}, pixels(5, 6, 7, 2), None],
    ["RandomErasing", {"scale": [0.2, 0.5], "fill_value": 300.0, "seed": 1}, pixels(5, 6, 7, 3), None],
    ["RandomErasing", {"fill_value": 7.0, "factor": [1.0, 1.0], "seed": 1, **FIRST}, pixels(2, 3, 6, 7), None],
    [
        "RandomColorJitter",
        {"value_range": [0, 1], "brightness_factor": [0.2, 0.2], "saturation_factor": [0.3, 0.3]},
        pixels(2, 3, 4, 3) / 255,
        None,
    ],
    ["MixUp", {"alpha": 0.7, "seed": 1}, pixels(5, 2, 3, 2), None],
    ["CutMix", {"factor": [0.5, 1.0], "seed": 1}, pixels(5, 6, 7, 2), None],
    ["CutMix", {"seed": 2, **FIRST}, pixels(4, 2, 6, 5), None],
    ["Equalization", {}, pixels(9, 10, 2), None],
    ["Equalization", {"value_range": [0, 1], "bins": 20, **FIRST}, pixels(2, 9, 10) / 255, None],
    [CLAHE, {}, pixels(2, 32, 40, 3) / 2, None],
    [CLAHE, {"clip_limit": 0, "tile_grid_size": [3, 2]}, pixels(10, 9, 2), None],
    [CLAHE, {"value_range": [-1, 1], "clip_limit": 1.5, "tile_grid_size": [4, 8], **FIRST}, signed(2, 1, 13, 7), None],
]
SIGNED = [
    "RandomElasticTransform",
    "RandAugment",
    "AugMix",
]  # whose draws are not shown: signatures and configurations only
TEXT = ["Hashing", "HashedCrossing", "StringLookup", "IntegerLookup", "TextVectorization"]
NEEDED = {
    "scale": 0.5,
    "num_tokens": 3,
    "num_bins": 3,
    "height": 2,
    "width": 3,
    "factor": 0.1,
    "height_factor": 0.1,
    "width_factor": 0.1,
}
DRAWN = (
    *("flips", "angle", "translations", "height_zoom", "width_zoom", "contrast_factor", "rgb_delta"),
    *("additions", "thresholds", "apply_inversion", "shift_factor", "factor"),
    *("shear_factor", "apply_perspective", "start_points", "end_points"),
    *("should_apply_blur", "blur_factor", "batch_masks", "apply_erasing", "fill_value"),
    *("mix_weight", "permutation_order"),
)


def record(name, config, x, data):
    layer = getattr(keras.layers, name)(**config)
    found = {"x": x}
    if data is not None:
        layer.adapt(data)
        found["data"] = data
    if (name.startswith("Random") or name in ("Solarization", "MixUp", "CutMix")) and name != "RandomColorJitter":
        drawn = layer.get_random_transformation(x, training=True)
        found["y"] = layer.transform_images(x, drawn, training=True)
        if isinstance(drawn, tuple):
            drawn = {"top": drawn[0], "left": drawn[1]}
        if not isinstance(drawn, dict):
            drawn = {"alone": drawn}
        if name in ("MixUp", "CutMix"):
            labels = np.eye(len(x), dtype="float32")
            found |= {"labels": labels, "mixed": layer.transform_labels(labels, drawn)}
        found |= {f"drawn_{k}": v for k, v in drawn.items() if k in (*DRAWN, "top", "left", "alone")}
    else:
        found["y"] = layer(x)
    return {k: np.asarray(v) for k, v in found.items()}, list(layer.compute_output_shape((None, *x.shape[1:])))


def described(name):
    """Arguments with defaults, and the configuration of one of minimal arguments, called "given"."""
    cls = getattr(keras.layers, name)
    parameters = [
        p for p in list(inspect.signature(cls.__init__).parameters.values())[1:] if p.kind is not p.VAR_KEYWORD
    ]
    arguments = [[p.name, None if p.default is p.empty else [p.default]] for p in parameters]
    needed = {**NEEDED, "factor": 2} if name == "RandomPosterization" else NEEDED
    given = {n: needed[n] for n, default in arguments if default is None or n in ("num_tokens", "num_bins")}
    config = None if name in TEXT else cls(**given, name="given").get_config()
    if config is not None and name == "RandomCrop":
        config["seed"] = None  # drawn when the layer is made
    return {"arguments": arguments, "given": given, "config": config}


if __name__ == "__main__":
    arrays, cases = {}, []
    for i, case in enumerate(CASES):
        found, shape = record(*case)
        arrays |= {f"{i}/{k}": v for k, v in found.items()}
        cases.append([case[0], case[1], shape])
    public = {name: described(name) for name in sorted({case[0] for case in CASES} | set(TEXT) | set(SIGNED))}
    facts = {"keras": keras.__version__, "cases": cases, "public": public}
    np.savez_compressed(HERE / "preprocessing.npz", facts=json.dumps(facts), **arrays)
    print(len(cases), "cases, Keras", keras.__version__)
