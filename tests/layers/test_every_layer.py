"""What every layer keeps to, from one table: shapes, dtypes, slopes, configuration, modes, repetition, capture."""

import json
from typing import NamedTuple

import numpy as np
import pytest

from autonet import Input, layers, ops
from autonet.common.trees import flatten
from autonet.compiler import Compiled
from autonet.core import Tensor, no_grad
from autonet.errors import ArgumentError
from autonet.gradients import check_gradients
from autonet.layers.arguments import nests
from autonet.layers.preprocessing.images import ImageLayer
from autonet.legacy import LegacyWarning
from autonet.serialization import deserialize_keras_object, serialize_keras_object
from autonet.utils import set_random_seed
from tests.layers.preprocessing.test_categories import CASES as CATEGORIES

FIRST = {"data_format": "channels_first"}


class Case(NamedTuple):
    name: str
    config: dict  # a function stands for what it makes of a dtype
    shape: tuple | list  # of an input, batch included, or of each of a list of inputs
    masked: bool = False  # whether to call it with a mask, True for some leading places of each row
    chance: bool = False  # whether two calls in training differ
    differs: bool = False  # whether training gives another result than inference
    more: dict = {}  # names and shapes of further inputs
    trains: bool = False  # whether a call that says nothing is one in training


CASES = [
    Case("Dense", {"units": 3}, (4, 5)),
    Case("Dense", {"units": 2, "activation": "sigmoid", "use_bias": False}, (2, 3, 4)),
    Case("Activation", {"activation": "softmax"}, (3, 4)),
    Case("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, (3, 4)),
    Case("LeakyReLU", {}, (3, 4)),
    Case("PReLU", {"alpha_initializer": "ones", "shared_axes": [1]}, (2, 3, 4)),
    Case("ELU", {}, (3, 4)),
    Case("Softmax", {}, (3, 4)),
    Case("Softmax", {}, (3, 4), masked=True),
    Case("InputLayer", {"shape": (4,)}, (3, 4)),
    Case("Flatten", {}, (2, 3, 4)),
    Case("Flatten", FIRST, (2, 3, 4, 2)),
    Case("Reshape", {"target_shape": (2, -1)}, (3, 4, 2)),
    Case("Dropout", {"rate": 0.5, "seed": 3}, (4, 5), chance=True, differs=True),
    Case("Dropout", {"rate": 0.5, "noise_shape": (None, 1, 4)}, (5, 3, 4), chance=True, differs=True),
    Case("BatchNormalization", {}, (6, 3), differs=True),
    Case("BatchNormalization", {"axis": 1, "scale": False}, (3, 2, 4), differs=True),
    Case("BatchNormalization", {}, (4, 5, 2), masked=True, differs=True),
    Case(
        "BatchNormalization",
        {"renorm": True, "renorm_clipping": {"rmax": 1.5, "dmax": 0.5}},
        (6, 3),
        chance=True,
        differs=True,
    ),
    Case("BatchNormalization", {"renorm": True, "axis": 1, "scale": False}, (4, 2, 5), chance=True, differs=True),
    Case("Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 6, 3)),
    Case("Conv1D", {"filters": 2, "kernel_size": 2, "strides": 2, **FIRST}, (2, 3, 5)),
    Case("Conv2D", {"filters": 4, "kernel_size": (2, 3), "groups": 2, "padding": "same"}, (2, 4, 5, 2)),
    Case("Conv2D", {"filters": 2, "kernel_size": 3, "strides": 2, "activation": "tanh", **FIRST}, (2, 1, 5, 5)),
    Case("Conv3D", {"filters": 2, "kernel_size": 2}, (1, 3, 3, 2, 2)),
    Case("MaxPooling1D", {}, (2, 5, 3)),
    Case("MaxPooling2D", {"pool_size": (2, 3), "strides": 1, "padding": "same"}, (2, 3, 4, 2)),
    Case("MaxPooling3D", FIRST, (1, 2, 2, 4, 3)),
    Case("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, (2, 6, 2)),
    Case("AveragePooling2D", {"pool_size": 2, **FIRST}, (2, 2, 4, 5)),
    Case("AveragePooling3D", {"pool_size": (1, 2, 2)}, (1, 2, 3, 4, 2)),
    Case("GlobalMaxPooling1D", {}, (2, 5, 3)),
    Case("GlobalMaxPooling2D", {"keepdims": True, **FIRST}, (2, 3, 2, 3)),
    Case("GlobalMaxPooling3D", {}, (2, 2, 1, 3, 2)),
    Case("GlobalAveragePooling1D", {}, (3, 4, 2), masked=True),
    Case("GlobalAveragePooling2D", FIRST, (2, 3, 2, 3)),
    Case("GlobalAveragePooling3D", {"keepdims": True}, (2, 2, 1, 3, 2)),
    Case("Attention", {"use_scale": True}, [(2, 3, 4), (2, 5, 4)]),
    Case("Attention", {"score_mode": "concat"}, [(2, 3, 4), (2, 5, 2), (2, 5, 4)], masked=True),
    Case("Attention", {"dropout": 0.5, "seed": 1}, [(2, 3, 4), (2, 5, 4)], chance=True, differs=True),
    Case("AdditiveAttention", {}, [(2, 3, 4), (2, 5, 4)], masked=True),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, (2, 3, 4), more={"value": (2, 5, 6)}),
    Case(
        "MultiHeadAttention",
        {"num_heads": 1, "key_dim": 2, "value_dim": 3, "output_shape": (2, 2), "use_gate": True},
        (2, 3, 4),
        more={"value": (2, 2, 5), "key": (2, 2, 6)},
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 2, "attention_axes": 2, "dropout": 0.5},
        (2, 3, 2, 4),
        more={"value": (2, 3, 3, 4)},
        chance=True,
        differs=True,
    ),
    Case(
        "GroupQueryAttention",
        {"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 2, "sliding_window": 2},
        (2, 3, 4),
        more={"value": (2, 3, 4)},
    ),
    Case("LayerNormalization", {}, (3, 4)),
    Case("LayerNormalization", {"axis": [1, 3], "center": False}, (2, 3, 2, 3)),
    Case("GroupNormalization", {"groups": 2}, (2, 3, 4)),
    Case("GroupNormalization", {"groups": -1, "axis": 1, "scale": False}, (2, 3, 2, 2)),
    Case("RMSNormalization", {}, (3, 4)),
    Case("UnitNormalization", {"axis": [1, 2]}, (2, 3, 4)),
    Case(
        "SpectralNormalization",
        {"layer": lambda dtype: layers.Dense(3, dtype=dtype)},
        (4, 5),
        chance=True,
        differs=True,
    ),
    Case("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "d"}, (2, 3, 4)),
    Case("EinsumDense", {"equation": "...a,ab->...b", "output_shape": 2, "activation": "relu"}, (2, 3, 4)),
    Case("Conv1DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 4, 3)),
    Case("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "activation": "tanh", **FIRST}, (1, 2, 3, 3)),
    Case("Conv3DTranspose", {"filters": 1, "kernel_size": (1, 2, 2), "strides": 2}, (1, 2, 2, 2, 2)),
    Case("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, (2, 5, 2)),
    Case("DepthwiseConv2D", {"kernel_size": 2, "padding": "same", **FIRST}, (1, 2, 3, 4)),
    Case("SeparableConv1D", {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"}, (2, 5, 2)),
    Case("SeparableConv2D", {"filters": 2, "kernel_size": 2, "use_bias": False}, (1, 3, 4, 2)),
    Case("AdaptiveMaxPooling1D", {"output_size": 3}, (2, 5, 3)),
    Case("AdaptiveMaxPooling2D", {"output_size": 2, **FIRST}, (2, 2, 4, 2)),
    Case("AdaptiveMaxPooling3D", {"output_size": (1, 2, 2)}, (1, 2, 3, 2, 2)),
    Case("AdaptiveAveragePooling1D", {"output_size": 3}, (2, 5, 3)),
    Case("AdaptiveAveragePooling2D", {"output_size": 2, **FIRST}, (2, 2, 4, 3)),
    Case("AdaptiveAveragePooling3D", {"output_size": (1, 2, 2)}, (1, 2, 3, 2, 2)),
    Case("SpatialDropout1D", {"rate": 0.5}, (4, 3, 4), chance=True, differs=True),
    Case("SpatialDropout2D", {"rate": 0.5, **FIRST}, (3, 4, 2, 2), chance=True, differs=True),
    Case("SpatialDropout3D", {"rate": 0.5, "seed": 4}, (3, 2, 1, 2, 4), chance=True, differs=True),
    Case("AlphaDropout", {"rate": 0.5}, (4, 5), chance=True, differs=True),
    Case("AlphaDropout", {"rate": 0.5, "noise_shape": (None, 1)}, (9, 3), chance=True, differs=True),
    Case("GaussianNoise", {"stddev": 0.5}, (4, 5), chance=True, differs=True),
    Case("GaussianDropout", {"rate": 0.5}, (4, 5), chance=True, differs=True),
    Case("ActivityRegularization", {"l1": 0.1, "l2": 0.1}, (3, 4)),
    Case("Permute", {"dims": (2, 1)}, (2, 3, 4)),
    Case("RepeatVector", {"n": 3}, (2, 4)),
    Case("Cropping1D", {"cropping": (1, 2)}, (2, 5, 2)),
    Case("Cropping2D", {"cropping": ((1, 0), (0, 1)), **FIRST}, (1, 2, 3, 3)),
    Case("Cropping3D", {"cropping": (0, 1, 0)}, (1, 2, 3, 2, 2)),
    Case("ZeroPadding1D", {"padding": (1, 2)}, (2, 3, 2)),
    Case("ZeroPadding2D", {"padding": 1, **FIRST}, (1, 2, 3, 2)),
    Case("ZeroPadding3D", {"padding": (0, 1, 0)}, (1, 2, 1, 2, 2)),
    Case("UpSampling1D", {"size": 3}, (2, 3, 2)),
    Case("UpSampling2D", {"size": (1, 2), **FIRST}, (1, 2, 2, 3)),
    Case("UpSampling2D", {"interpolation": "bicubic"}, (1, 2, 3, 2)),
    Case("UpSampling3D", {"size": (1, 2, 1)}, (1, 2, 2, 1, 2)),
    Case("Embedding", {"input_dim": 9, "output_dim": 3}, (2, 4)),
    Case("ReversibleEmbedding", {"input_dim": 9, "output_dim": 3, "tie_weights": False}, (2, 4)),
    Case("SimpleRNN", {"units": 3, "return_sequences": True}, (2, 3, 4), masked=True),
    Case("LSTM", {"units": 2}, (2, 3, 4)),
    Case("LSTM", {"units": 2, "return_sequences": True, "go_backwards": True}, (2, 3, 4), masked=True),
    Case("LSTM", {"units": 3, "dropout": 0.5, "recurrent_dropout": 0.5}, (2, 3, 4), chance=True, differs=True),
    Case("GRU", {"units": 2, "reset_after": False, "return_sequences": True}, (2, 3, 4), masked=True),
    Case("GRU", {"units": 3, "dropout": 0.5, "recurrent_dropout": 0.5}, (2, 3, 4), chance=True, differs=True),
    Case("RNN", {"cell": lambda dtype: layers.GRUCell(2, dtype=dtype), "zero_output_for_mask": True}, (2, 3, 4)),
    Case(
        "Bidirectional",
        {"layer": lambda dtype: layers.GRU(2, return_sequences=True, dtype=dtype)},
        (2, 3, 4),
        masked=True,
    ),
    Case("TimeDistributed", {"layer": lambda dtype: layers.Dense(2, dtype=dtype)}, (2, 3, 4)),
    Case("TimeDistributed", {"layer": lambda dtype: layers.BatchNormalization(dtype=dtype)}, (4, 2, 3), differs=True),
    Case("ConvLSTM1D", {"filters": 2, "kernel_size": 2, "return_sequences": True}, (2, 3, 4, 2), masked=True),
    Case("ConvLSTM2D", {"filters": 1, "kernel_size": 2, "padding": "same", "strides": 2}, (1, 2, 4, 3, 2)),
    Case("ConvLSTM3D", {"filters": 1, "kernel_size": 2}, (1, 2, 2, 3, 2, 2)),
    Case("Add", {}, [(2, 3), (2, 3), (2, 3)]),
    Case("Subtract", {}, [(2, 3, 4), (2, 1, 4)]),
    Case("Multiply", {}, [(2, 3), (2, 4, 3)]),
    Case("Average", {}, [(2, 3), (2, 3)]),
    Case("Maximum", {}, [(2, 3), (2, 3)]),
    Case("Minimum", {}, [(2, 3), (2, 3)]),
    Case("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 2, 4)]),
    Case("Dot", {"axes": (1, 2), "normalize": True}, [(2, 3, 4), (2, 5, 3)]),
    Case("Identity", {}, (3, 4)),
    Case("Masking", {"mask_value": 0.5}, (2, 3, 4)),
    Case("Lambda", {"function": lambda dtype: ops.square}, (3, 4)),
    Case("Rescaling", {"scale": [0.5, 2.0], "offset": 1.0}, (3, 2)),
    Case("Normalization", {}, (3, 4)),
    Case("Normalization", {"axis": [1, -1], "mean": 0.5, "variance": 2.0, "invert": True}, (2, 3, 2)),
    Case("Resizing", {"height": 3, "width": 2, "antialias": True}, (2, 5, 3, 2)),
    Case("Resizing", {"height": 4, "width": 4, "crop_to_aspect_ratio": True, **FIRST}, (1, 2, 3, 4)),
    Case("CenterCrop", {"height": 2, "width": 2}, (2, 3, 4, 1)),
    Case("MaxNumBoundingBoxes", {"max_number": 2}, (2, 3, 4, 1)),
    Case("RandomFlip", {}, (6, 2, 3, 2), chance=True, differs=True, trains=True),
    Case("RandomFlip", {"mode": "vertical", **FIRST}, (6, 1, 3, 3), chance=True, differs=True, trains=True),
    Case("RandomRotation", {"factor": 0.3}, (2, 4, 5, 1), chance=True, differs=True, trains=True),
    Case("RandomRotation", {"factor": 0.3, "fill_mode": "wrap"}, (4, 5, 1), chance=True, differs=True, trains=True),
    Case(
        "RandomTranslation",
        {"height_factor": 0.4, "width_factor": 0.4},
        (2, 4, 5, 1),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case("RandomZoom", {"height_factor": 0.4, **FIRST}, (2, 1, 4, 5), chance=True, differs=True, trains=True),
    Case("RandomShear", {"x_factor": 0.4, "y_factor": 0.3}, (2, 4, 5, 1), chance=True, differs=True, trains=True),
    Case("RandomPerspective", {"factor": (1, 1), **FIRST}, (2, 1, 4, 5), chance=True, differs=True, trains=True),
    Case(
        "RandomElasticTransform",
        {"factor": (1, 1), "value_range": (-9, 9)},
        (2, 4, 5, 1),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case(
        "RandomElasticTransform",
        {"factor": (1, 1), "value_range": (-9, 9), "alpha": 4.0, "sigma": 2.0, **FIRST},
        (2, 1, 4, 5),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case("RandomCrop", {"height": 2, "width": 3}, (2, 7, 9, 1), chance=True, differs=True, trains=True),
    Case(
        "RandomContrast", {"factor": 0.5, "value_range": (-9, 9)}, (2, 3, 2, 2), chance=True, differs=True, trains=True
    ),
    Case(
        "RandomBrightness",
        {"factor": 0.1, "value_range": (-9, 9)},
        (2, 3, 2, 2),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case(
        "Solarization",
        {"addition_factor": 0.2, "value_range": (-9, 9)},
        (2, 3, 2, 2),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case(
        "RandomInvert",
        {"factor": (0.5, 0.5), "value_range": (-9, 9)},
        (12, 3, 2, 2),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case("RandomGrayscale", {}, (12, 3, 2, 3), chance=True, differs=True, trains=True),
    Case(
        "RandomPosterization",
        {"factor": (2, 4), "value_range": (-9, 9)},
        (2, 3, 2, 2),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case("RandomHue", {"factor": 0.8, "value_range": (-9, 9)}, (2, 3, 2, 3), chance=True, differs=True, trains=True),
    Case(
        "RandomSaturation",
        {"factor": (0.2, 0.7), "value_range": (-9, 9)},
        (2, 3, 2, 3),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case(
        "RandomColorDegeneration",
        {"factor": 0.5, "value_range": (-9, 9), **FIRST},
        (2, 3, 2, 3),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case(
        "RandomColorJitter",
        {
            "value_range": (-9, 9),
            "brightness_factor": 0.1,
            "contrast_factor": 0.2,
            "saturation_factor": (0.3, 0.6),
            "hue_factor": 0.3,
        },
        (2, 3, 2, 3),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case(
        "RandomSharpness", {"factor": 0.4, "value_range": (-9, 9)}, (2, 3, 4, 2), chance=True, differs=True, trains=True
    ),
    Case(
        "RandomGaussianBlur",
        {"factor": (1, 1), "value_range": (-9, 9)},
        (2, 3, 4, 2),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case(
        "RandomErasing",
        {"factor": (1, 1), "scale": (0.3, 0.8), "value_range": (-9, 9)},
        (2, 4, 5, 2),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case("MixUp", {"alpha": 1.0}, (6, 3, 2, 2), chance=True, differs=True, trains=True),
    Case("CutMix", {**FIRST}, (6, 2, 4, 5), chance=True, differs=True, trains=True),
    Case("RandAugment", {"num_ops": 1, "value_range": (-9, 9)}, (2, 3, 4, 3), chance=True, differs=True, trains=True),
    Case(
        "AugMix",
        {"num_chains": 2, "chain_depth": 1, "value_range": (-9, 9)},
        (2, 3, 4, 3),
        chance=True,
        differs=True,
        trains=True,
    ),
    Case("Equalization", {"value_range": (-9, 9), "bins": 8}, (2, 3, 4, 2), differs=True, trains=True),
    Case("AutoContrast", {"value_range": (-9, 9)}, (2, 3, 2, 2)),
    Case(
        "ContrastLimitedAdaptiveHistogramEqualization", {"value_range": (-9, 9), "tile_grid_size": (2, 3)}, (2, 3, 4, 2)
    ),
]
every = pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c.name}" for i, c in enumerate(CASES)])


def make(case, **more):
    config = {k: v(more.get("dtype")) if callable(v) else v for k, v in case.config.items()}
    return getattr(layers, case.name)(**config, **more)


def draw(case, rng, dtype="float32"):
    """An input, or a list of them, and what else the call takes."""

    def one(shape):
        return Tensor(rng.standard_normal(shape), dtype)

    def leading(n, places):
        return Tensor(np.arange(places) < rng.integers(1, places + 1, (n, 1)))

    x = [one(shape) for shape in case.shape] if isinstance(case.shape, list) else one(case.shape)
    options = {name: one(shape) for name, shape in case.more.items()}
    if case.masked:
        shapes = case.shape[:2] if isinstance(x, list) else [case.shape]
        masks = [leading(*shape[:2]) for shape in shapes]
        options["mask"] = masks if isinstance(x, list) else masks[0]
    return x, options


def with_axes(shape, change):
    """A shape, or each of a list of them, with `change` applied."""
    return [change(s) for s in shape] if isinstance(shape, list) else change(shape)


def numbers(y):
    return np.array(y)


def test_every_layer_has_a_row():
    abstract = {"Layer", "InputSpec", "Input", "Wrapper", "Pipeline"}  # the last: preprocessing/test_pipeline.py
    abstract |= {"SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"}  # called with states: see test_recurrent.py
    abstract |= {case.name for case in CATEGORIES}  # whose results are no floats, or whose inputs are none
    public = {n for n, c in vars(layers).items() if isinstance(c, type) and c.__name__ == n} - abstract
    assert public == {case.name for case in CASES} - abstract


@every
def test_docstring(case):
    assert getattr(layers, case.name).__doc__.strip()


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_dtypes(case, dtype, rng):
    """The result has the shape that was foretold, with and without knowing the batch, and the layer's dtype."""
    layer = make(case, dtype=dtype)
    foretold = layer.compute_output_shape(case.shape)
    assert case.name == "InputLayer" or not layer.weights  # nothing was built to find out
    x, options = draw(case, rng, "float64")
    for training in (True, False):
        y = layer(x, training=training, **options)
        assert y.dtype == dtype
        assert all(v.dtype == dtype for v in layer.weights if v.dtype.kind == "f")
        if case.name != "InputLayer":
            assert y.shape == tuple(foretold)
            any_batch = with_axes(case.shape, lambda shape: (None, *shape[1:]))
            assert tuple(layer.compute_output_shape(any_batch)) == (None, *y.shape[1:])
    assert layer.built


# which need their features, or are given a shape
KNOWN = {"Dense", "BatchNormalization", "PReLU", "Reshape", "InputLayer", "SpectralNormalization"}


@pytest.mark.parametrize("case", [c for c in CASES if c.name not in KNOWN], ids=lambda c: c.name)
def test_places_of_unknown_number(case):
    """None is passed on through the shapes, and nothing is computed."""
    layer = make(case)
    channels = 1 if case.config.get("data_format") == "channels_first" else -1

    def only_channels(shape):
        unknown = [None] * len(shape)
        unknown[channels] = shape[channels]
        return tuple(unknown)

    shape = layer.compute_output_shape(with_axes(case.shape, only_channels))
    known = layer.compute_output_shape(case.shape)
    assert len(shape) == len(known)
    assert all(n is None or n == m for n, m in zip(shape, known, strict=True))


# In training only where that gives another result, as test_training_and_inference holds. Left out there: a kernel that changes at
# each call, and corrections that count as constants.
TRAINED = [c for c in CASES if c.differs and c.name != "SpectralNormalization" and not c.config.get("renorm")]
SLOPES = [*((c, False) for c in CASES), *((c, True) for c in TRAINED)]


@pytest.mark.parametrize("case, training", SLOPES, ids=[f"{CASES.index(c)}-{c.name}-{t}" for c, t in SLOPES])
def test_slopes(case, training, rng):
    """Derivatives of a number made of the output, by inputs and weights, are those of differences."""
    layer = make(case)
    x, options = draw(case, rng, "float64")
    layer(x, **options)
    layer.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) for w in layer.weights])
    others = [name for name in options if name != "mask"]
    xs = x if isinstance(x, list) else [x]

    def loss(*drawn):
        inputs, more = drawn[: len(xs)], dict(zip(others, drawn[len(xs) :], strict=True))
        y = layer(list(inputs) if isinstance(x, list) else inputs[0], training=training, **{**options, **more})
        return ops.sum(ops.square(y) + ops.sin(y))

    weights = [w for w in layer.trainable_weights if not w.name.startswith("reverse")]  # which serve the way back
    check_gradients(loss, *xs, *[options[name] for name in others], variables=weights, order=2, elements=8)


def unbuilt(stored, left=()):
    """A configuration without what layers were built for, as JSON has it, and without the keys in `left`."""
    if isinstance(stored, dict):
        return {k: unbuilt(v, left) for k, v in stored.items() if k != "build_config" and k not in left}
    return [unbuilt(v, left) for v in stored] if isinstance(stored, (list, tuple)) else stored


@every
def test_configuration_comes_back(case, rng):
    """Through JSON to a layer with the same configuration, and with the same weights to the same results."""
    layer = make(case, trainable=False, name="mine")
    stored = json.loads(json.dumps(serialize_keras_object(layer)))
    assert (stored["module"], stored["class_name"], stored["registered_name"]) == ("keras.layers", case.name, None)
    again = deserialize_keras_object(stored)
    assert type(again) is type(layer) and again.name == "mine"
    assert json.loads(json.dumps(serialize_keras_object(again))) == stored
    x, options = draw(case, rng)
    options["training"] = False
    y = layer(x, **options)
    built = json.loads(json.dumps(serialize_keras_object(layer)))
    # what was left to the input is in the configuration afterwards, as in Keras; and building froze what is inside
    filled = {"attention_axes", "groups", "trainable"}
    assert unbuilt(deserialize_keras_object(built).get_config()) == unbuilt(layer.get_config())
    assert unbuilt(built, filled) == unbuilt(stored, filled)
    again(x, **options)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numbers(again(x, **options)), numbers(y))
    assert again.trainable is ("trainable" not in stored["config"])  # which Keras leaves out for some


@every
def test_training_and_inference(case, rng):
    """Only layers that say so behave differently in training, and only with `training=True`."""
    layer = make(case)
    x, options = draw(case, rng)
    default, inference = numbers(layer(x, **options)), numbers(layer(x, training=False, **options))
    assert np.array_equal(default, inference) is not case.trains
    training = numbers(layer(x, training=True, **options))
    assert np.array_equal(training, inference) is not case.differs


@every
def test_repeats_under_a_seed(case, rng):
    """The same seed gives the same weights and draws; the draws of one layer go on."""
    x, options = draw(case, rng)

    def run():
        set_random_seed(5)
        layer = make(case)
        return [numbers(layer(x, training=True, **options)) for _ in range(2)]

    (a, b), again = run(), run()
    np.testing.assert_array_equal([a, b], again)
    assert np.array_equal(a, b) is not case.chance


@every
def test_captured_equals_eager(case, rng):
    """Recorded and replayed it gives the same results bit for bit, and leaves the same state."""
    inputs = [draw(case, rng) for _ in range(3)]
    results = []
    for wrapped in (lambda f: f, lambda f: Compiled(f, native=False)):
        set_random_seed(5)
        layer = make(case)
        layer(inputs[0][0], **inputs[0][1])
        f = wrapped(lambda x, options, layer=layer: layer(x, training=True, **options))
        with no_grad():
            outputs = [numbers(f(*arguments)) for arguments in inputs]
        results.append([*outputs, *[v.numpy() for v in layer.variables]])
    for eager, captured in zip(*results, strict=True):
        np.testing.assert_array_equal(captured, eager)


@every
def test_inputs_stay(case, rng):
    """No call changes what it was given."""
    layer = make(case)
    x, options = draw(case, rng)
    given = [t for t in flatten([x, options]) if isinstance(t, Tensor)]
    before = [t.numpy() for t in given]
    for training in (False, True):
        layer(x, training=training, **options)
    for t, values in zip(given, before, strict=True):
        np.testing.assert_array_equal(t.numpy(), values)


@every
def test_unknown_argument(case):
    with pytest.raises(ValueError, match=f"{case.name} has no argument 'colour'"):
        make(case, colour="red")


@pytest.mark.parametrize("make, words, today", [
    (layers.Dense, {"output_dim": 2, "init": "ones", "bias": False}, {"units": 2, "use_bias": False}),
    (layers.Dropout, {"p": 0.25}, {"rate": 0.25}),
    (layers.Conv1D, {"nb_filter": 2, "kernel_size": 3, "border_mode": "same"}, {"filters": 2, "padding": "same"}),
    (layers.MaxPooling1D, {"pool_length": 3, "stride": 1}, {"pool_size": (3,), "strides": (1,)}),
    (layers.AveragePooling2D, {"pool_size": 3, "border_mode": "same"}, {"padding": "same"}),
])  # fmt: skip
def test_older_words(make, words, today):
    """Scripts for Keras 1 run, and are told today's words."""
    with pytest.warns(LegacyWarning, match="it is Keras 1's or 2's word"):
        config = make(**words).get_config()
    assert {k: config[k] for k in today} == today


# Lists and dictionaries

STRUCTURES = {
    "list": lambda x: [x, x],
    "list of one": lambda x: [x],
    "tuple": lambda x: (x, x, x),
    "dictionary": lambda x: {"a": x},
    "nested": lambda x: [{"a": x}, x],
}
TAKES = {  # what layers take for several inputs, whose own messages say what is missing
    **dict.fromkeys(
        ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"), (list, tuple)
    ),
    **dict.fromkeys(("Attention", "AdditiveAttention", "HashedCrossing"), (list, tuple)),
    **dict.fromkeys(("Identity", "Lambda", "Pipeline", "Wrapper"), (list, tuple, dict)),
}


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", sorted({case.name for case in CASES} - {"InputLayer"}))
def test_one_input_is_no_list(name, structure):
    """Layers of one input refuse lists and dictionaries of arrays by one message, with placeholders as with arrays."""
    case = next(c for c in CASES if c.name == name)
    x = np.ones(case.shape if isinstance(case.shape, tuple) else case.shape[0], "float32")
    for given in (STRUCTURES[structure](x), STRUCTURES[structure](Input(x.shape[1:]))):
        takes = (dict,) if issubclass(getattr(layers, name), ImageLayer) else TAKES.get(name, ())
        if isinstance(given, takes):
            continue
        with pytest.raises(
            ArgumentError, match=f"{name} '.*' expects .*; received a {type(given).__name__} of [1-3]: "
        ):
            make(case)(given)


@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_what_a_layer_takes_for_several_inputs_is_in_the_table(name):
    kind = getattr(layers, name)
    assert nests(kind) == ((dict,) if issubclass(kind, ImageLayer) else TAKES.get(name, ()))
