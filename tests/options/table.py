"""How each layer is made and called, and which values its options are tried at."""

import numpy as np

from autonet import initializers, layers
from autonet.core import Tensor
from tests.options.probe import Instead, With


def reals(*shape):
    return Tensor(np.random.default_rng(1).standard_normal(shape), "float32")


def whole(*shape, below=9):
    return Tensor(np.random.default_rng(2).integers(0, below, shape))


def masked(*shape):
    """Sequences whose last step counts in none, and the first in all but one."""
    mask = np.ones(shape[:2], bool)
    mask[:, -1] = mask[0, 0] = False
    return {"x": reals(*shape), "mask": Tensor(mask)}


class Plain(layers.Layer):
    """A layer of the user's own."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1],), "ones", name="kernel")

    def call(self, inputs):
        return inputs * self.kernel


def scaled(x, by=2):
    return x * by


# What an option is set to wherever a row says nothing else.
USUAL = {
    "activation": "softplus",
    "activity_regularizer": "l1",
    "antialias": True,
    "autocast": With(False, double=True),
    "axis": 1,
    "center": False,
    "data_format": "channels_first",
    "depth_multiplier": 2,
    "dilation_rate": 2,
    "dropout": 0.5,
    "dtype": "float64",
    "epsilon": 0.5,
    "go_backwards": True,
    "groups": 2,
    "invert": True,
    "keepdims": True,
    "lora_alpha": With(3.0, lora_rank=1),
    "lora_rank": 1,
    "mask_zero": True,
    "output_padding": With(1, strides=2),
    "padding": "same",
    "quantization_config": "int8",
    "recurrent_activation": "softplus",
    "recurrent_dropout": 0.5,
    "return_sequences": True,
    "return_state": True,
    "scale": False,
    "noise_shape": (1, 1),
    "seed": 11,
    "sparse": True,
    "stateful": True,
    "strides": 2,
    "trainable": False,
    "unit_forget_bias": False,
    "use_bias": False,
    "use_scale": True,
    "value_range": (-2, 3),
}
for _name in ("kernel", "bias", "recurrent", "depthwise", "pointwise", "beta", "gamma", "embeddings", "alpha"):
    USUAL[f"{_name}_initializer"] = initializers.Constant(0.3)
    USUAL[f"{_name}_regularizer"] = "l2"
    USUAL[f"{_name}_constraint"] = "unit_norm"

_UPSAMPLED = {"data_format": With("channels_first", x=reals(1, 2, 3, 4)), "interpolation": "bilinear", "size": 3}
_POOLED = {"pool_size": 3, "strides": 1}
_WARPED = {
    "fill_mode": "wrap",
    "fill_value": With(9.0, fill_mode="constant"),
    "interpolation": "nearest",
    "x": reals(2, 5, 6, 3),
}
_LOST = {"noise_shape": With((None, 1, 1), x=reals(5, 3, 4))}
_WALK = {
    "x": reals(2, 3, 4),
    "zero_output_for_mask": With(True, return_sequences=True, **masked(2, 3, 4)),
    "reset_after": False,
}
_IMAGES = {
    "x": reals(2, 2, 5, 6, 2),
    "zero_output_for_mask": With(True, return_sequences=True, **masked(2, 3, 4, 5, 2)),
}
_WORDS = np.array([["a", "d", "zebra"], ["b", "d", ""]])
_LOOKUP = {
    "num_oov_indices": 2,
    "output_mode": "count",
    "pad_to_max_tokens": With(True, max_tokens=9, output_mode="count"),
    "sparse": With(True, output_mode="count"),
    "salt": With(3, num_oov_indices=5),
    "max_tokens": With(3, vocabulary=None),
    "dtype": "int32",
}
_NO_GATE = {"num_heads": 2, "key_dim": 3}

_INPUTS = {
    "batch_size": 5,
    "ragged": True,
    "sparse": True,
    "input_tensor": np.ones(3),
    "dtype": "int32",
    "optional": True,
    "trainable": False,
    "activity_regularizer": "l1",
}

# By layer: what it is made with where the first case of the tables of laws does not serve ("given"), what it is called on
# ("x", and other arguments of the call), and values of options.
ROWS = {
    "Layer": {"make": Plain, "given": {}, "x": reals(2, 3)},
    "ActivityRegularization": {"l1": With(0.7, x=reals(3, 4)), "l2": 0.7},
    "AdaptiveAveragePooling2D": {"given": {"output_size": 2}},
    "AdaptiveMaxPooling2D": {"given": {"output_size": 2}, "x": reals(2, 4, 6, 3)},
    "AdditiveAttention": {"use_scale": False, "seed": With(3, dropout=0.5)},
    "Attention": {
        "given": {},
        "score_mode": "concat",
        "use_scale": True,
        "seed": With(3, dropout=0.5),
    },
    "AlphaDropout": _LOST,
    "AutoContrast": {"value_range": (-2, 3)},
    "AveragePooling1D": {"given": {"pool_size": 2}, "x": reals(2, 7, 4), **_POOLED},
    "AveragePooling2D": {"given": {"pool_size": 2}, "x": reals(2, 6, 5, 4), **_POOLED},
    "AveragePooling3D": {"given": {"pool_size": 2}, "x": reals(1, 6, 5, 4, 3), **_POOLED},
    "BatchNormalization": {
        "momentum": 0.5,
        "x": reals(6, 3, 4),
        "moving_mean_initializer": "ones",
        "moving_variance_initializer": initializers.Constant(3.0),
        "renorm": With(True, calls=3),
        "renorm_clipping": With({"rmax": 1.1, "dmax": 0.1}, renorm=True, calls=3),
        "renorm_momentum": With(0.1, renorm=True, calls=3),
    },
    "Bidirectional": {
        "dtype": "float16",
        "merge_mode": "sum",
        "weights": [np.full(s, 0.3, "float32") for s in [(4, 6), (2, 6), (2, 6)] * 2],
        "backward_layer": lambda: layers.GRU(3, return_sequences=True, go_backwards=True),
        "x": reals(2, 3, 4),
    },
    "CategoryEncoding": {
        "num_tokens": With(9, x=whole(2, 3, below=7)),
        "output_mode": "count",
        "x": np.array([[1, 1, 3], [0, 2, 2]]),
    },
    "CenterCrop": {"x": reals(1, 4, 5, 3)},
    "Concatenate": {"given": {}, "x": [reals(2, 3, 3), reals(2, 3, 3)]},
    "Conv1D": {"given": {"filters": 4, "kernel_size": 2}, "x": reals(2, 6, 4), "padding": "causal"},
    "Conv2D": {"given": {"filters": 4, "kernel_size": 2}, "x": reals(2, 6, 6, 4)},
    "Conv3D": {"given": {"filters": 4, "kernel_size": 2}, "x": reals(2, 4, 4, 4, 4)},
    "Conv1DTranspose": {"given": {"filters": 2, "kernel_size": 3}},
    "Conv2DTranspose": {"given": {"filters": 2, "kernel_size": 3}, "x": reals(1, 4, 4, 3)},
    "Conv3DTranspose": {"given": {"filters": 2, "kernel_size": 3}, "x": reals(1, 3, 3, 3, 3)},
    "ConvLSTM1D": {"given": {"filters": 2, "kernel_size": 2}, "x": reals(2, 3, 5, 5)}
    | {"zero_output_for_mask": With(True, return_sequences=True, **masked(2, 3, 5, 5))},
    "ConvLSTM2D": {"given": {"filters": 2, "kernel_size": 2}, "x": reals(1, 3, 4, 4, 4)}
    | {"zero_output_for_mask": With(True, return_sequences=True, **masked(2, 3, 4, 4, 4))},
    "ConvLSTM3D": {"given": {"filters": 1, "kernel_size": 2}, "x": reals(1, 2, 3, 3, 3, 3)}
    | {"zero_output_for_mask": With(True, return_sequences=True, **masked(2, 2, 3, 3, 3, 3))},
    "Cropping1D": {"cropping": (1, 2), "given": {}, "x": reals(2, 5, 5)},
    "Cropping2D": {
        "cropping": 1,
        "given": {},
        "x": reals(1, 4, 4, 4),
        "data_format": With("channels_first", cropping=1),
    },
    "Cropping3D": {"cropping": 2, "given": {}, "x": reals(1, 5, 5, 5, 5)},
    "DepthwiseConv1D": {"given": {"kernel_size": 3}, "x": reals(2, 6, 6)},
    "DepthwiseConv2D": {"given": {"kernel_size": 2}, "x": reals(2, 6, 6, 6)},
    "Discretization": {
        "given": {},
        "bin_boundaries": Instead([0.0, 2.0], [1.0, 2.0]),
        "num_bins": Instead(3, 5),
        "output_mode": With("count", num_bins=4),
        "dtype": With("int64", num_bins=4),
        "activity_regularizer": With("l1", num_bins=4),
        "sparse": With(True, num_bins=4, output_mode="count"),
        "trainable": With(False, num_bins=4),
        "x": np.random.default_rng(0).normal(size=(60, 1)),
    },
    "Dot": {"given": {"axes": 2}, "normalize": True, "x": [reals(2, 3, 4), reals(2, 5, 4)]},
    "Dropout": _LOST,
    "EinsumDense": {
        "given": {"equation": "abc,cd->abd", "output_shape": (None, 4)},
        "x": reals(2, 3, 5),
        "bias_axes": "d",
        "bias_initializer": With("ones", bias_axes="d"),
        "bias_regularizer": With("l2", bias_axes="d"),
        "bias_constraint": With("unit_norm", bias_axes="d"),
        "gptq_unpacked_column_size": 3,
    },
    "ELU": {"alpha": 0.3},
    "Embedding": {"weights": np.ones((9, 3)), "x": whole(2, 4)},
    "Flatten": {"given": {}},
    "GlobalAveragePooling1D": {"mask": None},
    "GlobalMaxPooling1D": {},
    "GlobalAveragePooling2D": {"given": {}, "x": reals(2, 3, 4, 5)},
    "GlobalMaxPooling2D": {"given": {}, "x": reals(2, 3, 4, 5)},
    "GlobalAveragePooling3D": {"given": {}},
    "GlobalMaxPooling3D": {"given": {}},
    "GroupNormalization": {"given": {"groups": 2}, "groups": 4, "x": reals(2, 4, 4)},
    "GroupQueryAttention": {
        "seed": With(3, dropout=0.5),
        "given": {"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 2},
        "sliding_window": 1,
        "use_gate": True,
    },
    "GRU": {**_WALK, "given": {"units": 3}},
    "GRUCell": {"given": {"units": 3}, "x": reals(2, 3, 4), "reset_after": False},
    "HashedCrossing": {"output_mode": "one_hot", "sparse": With(True, output_mode="one_hot"), "dtype": "int32"},
    "Hashing": {
        "mask_value": 3,
        "salt": 4,
        "output_mode": "count",
        "sparse": With(True, output_mode="count"),
        "dtype": "int32",
    },
    "InputLayer": {
        "shape": Instead((3,), (4,)),
        "batch_shape": Instead((7, 4), (None, 4)),
        **{k: With(v, shape=(4,)) for k, v in _INPUTS.items()},
    },
    "IntegerLookup": {
        **_LOOKUP,
        "vocabulary": [7, 8],
        "mask_token": 0,
        "oov_token": With(-7, invert=True, x=np.array([[0, 1]])),
        "given": {"vocabulary": [1, 3, 9]},
        "vocabulary_dtype": "int32",
        "idf_weights": Instead([1.0, 2.0, 5.0], [1.0, 2.0, 3.0], output_mode="tf_idf"),
        "oov_method": With("farmhash", num_oov_indices=5),
    },
    "Lambda": {
        "given": {"function": scaled},
        "x": reals(3, 4),
        "output_shape": (9,),
        "mask": lambda x, mask=None: x > 0,
        "arguments": {"by": 3},
    },
    "LayerNormalization": {"x": reals(2, 3, 4)},
    "LeakyReLU": {"negative_slope": 0.9},
    "LSTM": _WALK,
    "LSTMCell": {"given": {"units": 3}, "x": reals(2, 3, 4)},
    "Masking": {"mask_value": 1.0, "given": {}, "x": np.ones((2, 3, 2), "float32")},
    "MaxPooling1D": {"given": {}, "x": reals(2, 7, 4), **_POOLED},
    "MaxPooling2D": {"given": {}, "x": reals(2, 7, 5, 4), **_POOLED},
    "MaxPooling3D": {"given": {}, "x": reals(1, 7, 5, 4, 3), **_POOLED},
    "MultiHeadAttention": {
        "seed": With(3, dropout=0.5),
        "value_dim": 5,
        "output_shape": 7,
        "attention_axes": With(2, x=reals(2, 3, 2, 4), value=reals(2, 3, 2, 4)),
        "sliding_window": With(1, x=reals(2, 3, 4), value=reals(2, 3, 4)),
        "use_gate": True,
    },
    "Normalization": {
        "mean": Instead(0.5, 0.7, variance=1.5),
        "variance": Instead(1.5, 2.5, mean=0.5),
        "invert": With(True, mean=0.5, variance=1.5),
        "x": reals(3, 4),
        "axis": With(0, mean=[1.0, 2.0, 3.0], variance=4.0, x=reals(3, 3)),
    },
    "Pipeline": {"given": {"layers": [layers.RandomFlip(seed=1), layers.Rescaling(2.0)]}, "x": reals(2, 4, 5, 3)},
    "ContrastLimitedAdaptiveHistogramEqualization": {
        "given": {"value_range": (-9, 9)},
        "value_range": (-5, 7),
        "clip_limit": 1.2,
        "tile_grid_size": (2, 3),
        "x": reals(2, 20, 24, 3),
    },
    "CutMix": {"given": {}, "factor": (0.2, 0.3), "x": reals(5, 6, 7, 3)},
    "Equalization": {"given": {"value_range": (-9, 9)}, "bins": 5, "x": reals(2, 6, 7, 3)},
    "MixUp": {"given": {}, "alpha": 3.0, "x": reals(5, 4, 5, 3)},
    "PReLU": {"alpha_initializer": "ones", "given": {}, "shared_axes": [1], "x": reals(2, 3, 4)},
    "AugMix": {
        "given": {"num_chains": 1, "chain_depth": 1, "value_range": (-9, 9)},
        "num_chains": 2,
        "chain_depth": 3,
        "factor": 0.1,
        "alpha": 9.0,
        "all_ops": False,
        "interpolation": With("nearest", num_chains=4),
        "value_range": (-2, 2),
        "x": reals(3, 6, 7, 3),
        "data_format": With("channels_first", x=reals(2, 3, 3, 3)),
    },
    "RandAugment": {
        "given": {"num_ops": 1, "value_range": (-9, 9)},
        "num_ops": 2,
        "factor": 0.1,
        "interpolation": With("nearest", num_ops=9),
        "value_range": (-2, 2),
        "x": reals(3, 6, 7, 3),
        "data_format": With("channels_first", x=reals(2, 3, 3, 3)),
    },
    "RandomBrightness": {},
    "RandomColorDegeneration": {
        "given": {"factor": 0.5, "value_range": (-9, 9)},
        "factor": 0.2,
        "x": reals(3, 3, 3, 3),
    },
    "RandomColorJitter": {
        "given": {"value_range": (-9, 9), "contrast_factor": 0.2},
        "brightness_factor": 0.1,
        "contrast_factor": 0.4,
        "saturation_factor": 0.4,
        "hue_factor": 0.4,
        "x": reals(3, 4, 3, 3),
    },
    "RandomCrop": {"x": reals(2, 7, 9, 5)},
    "RandomElasticTransform": {
        **_WARPED,
        "given": {"factor": (1, 1), "value_range": (-9, 9)},
        "factor": 0.0,
        "scale": (0.5, 0.5),
        "alpha": With(9.0, sigma=2.0),
        "sigma": Instead(3.0, 2.0, alpha=9.0),
    },
    "RandomErasing": {
        "given": {"factor": (1, 1), "value_range": (-9, 9)},
        "factor": 0.0,
        "scale": (0.5, 0.7),
        "fill_value": 2.0,
        "x": reals(3, 6, 7, 3),
    },
    "RandomFlip": {"mode": "vertical", "x": reals(6, 4, 4, 3)},
    "RandomGaussianBlur": {
        "given": {"factor": (1, 1), "value_range": (-9, 9)},
        "factor": 0.0,
        "kernel_size": 5,
        "sigma": (0.9, 1.0),
        "x": reals(3, 6, 7, 3),
    },
    "RandomGrayscale": {"factor": 0.9, "data_format": With("channels_first", x=reals(5, 3, 4, 3))},
    "RandomHue": {"data_format": With("channels_first", x=reals(5, 3, 4, 3))},
    "RandomInvert": {"factor": 0.3},
    "RandomPerspective": {**_WARPED, "given": {"factor": (1, 1)}, "factor": 0.0, "scale": 0.5, "fill_value": 9.0},
    "RandomPosterization": {},
    "RandomRotation": {**_WARPED},
    "RandomSaturation": {"given": {"factor": 0.4, "value_range": (-9, 9)}, "factor": 0.2, "x": reals(3, 3, 3, 3)},
    "RandomSharpness": {
        "given": {"factor": 0.4, "value_range": (-9, 9)},
        "factor": 0.2,
        "value_range": (-1, 1),
        "x": reals(3, 4, 3, 3),
    },
    "RandomShear": {"given": {"x_factor": 0.4}, "x_factor": 0.2, "y_factor": 0.3, **_WARPED},
    "RandomTranslation": {**_WARPED},
    "RandomZoom": {"given": {"height_factor": 0.4}, "width_factor": 0.3, **_WARPED},
    "ReLU": {"given": {}, "max_value": 0.3, "negative_slope": 0.3, "threshold": 0.3},
    "Rescaling": {"offset": 3.0},
    "Resizing": {
        "given": {"height": 2, "width": 3},
        "x": reals(1, 6, 4, 3),
        "interpolation": "nearest",
        "crop_to_aspect_ratio": True,
        "pad_to_aspect_ratio": True,
        "fill_mode": "reflect",
        "fill_value": With(9.0, pad_to_aspect_ratio=True),
    },
    "ReversibleEmbedding": {
        "tie_weights": False,
        "x": reals(2, 3),
        "reverse": True,
        "weights": np.ones((9, 3)),
        "mask_zero": With(True, reverse=False, x=whole(2, 4)),
        "reverse_dtype": "float64",
        "logit_soft_cap": 0.1,
        "given": {"input_dim": 9, "output_dim": 3},
    },
    "RMSNormalization": {"x": reals(2, 3, 3)},
    "RNN": {"make": lambda cell=None, **given: layers.RNN(cell or layers.GRUCell(2), **given), **_WALK, "given": {}},
    "SimpleRNN": {**_WALK, "given": {"units": 3}},
    "SimpleRNNCell": {"given": {"units": 3}, "x": reals(2, 3, 4)},
    "SeparableConv1D": {"given": {"filters": 3, "kernel_size": 2}, "x": reals(2, 6, 6)},
    "SeparableConv2D": {"given": {"filters": 3, "kernel_size": 2}, "x": reals(2, 6, 6, 6)},
    "Softmax": {"axis": 0},
    "Solarization": {"addition_factor": 0.9, "threshold_factor": 0.9},
    "SpatialDropout1D": {},
    "SpatialDropout2D": {"given": {"rate": 0.5}},
    "SpectralNormalization": {"power_iterations": 4, "seed": 3},
    "StackedRNNCells": {
        "make": lambda **given: layers.StackedRNNCells([layers.GRUCell(2), layers.GRUCell(3)], **given),
        "given": {},
        "dtype": "float16",
        "x": reals(2, 3, 4),
    },
    "StringLookup": {
        **_LOOKUP,
        "given": {"vocabulary": ["a", "b", "c", "d"]},
        "vocabulary": ["d"],
        "invert": With(True, x=np.array([[1, 2]])),
        "mask_token": "",
        "oov_token": With("?", invert=True, x=np.array([[0, 1]])),
        "idf_weights": Instead([1.0, 2.0, 5.0, 1.0], [1.0, 2.0, 3.0, 4.0], output_mode="tf_idf"),
        "encoding": With("latin-1", x=np.array([b"\xfc", b"b"], object)),
    },
    "TextVectorization": {
        **_LOOKUP,
        "standardize": None,
        "split": "character",
        "ngrams": 2,
        "output_sequence_length": 1,
        "vocabulary": ["plan"],
        "idf_weights": Instead([1.0, 2.0], [1.0, 3.0], output_mode="tf_idf"),
        "ragged": True,
        "encoding": With("latin-1", x=np.array(["\xfc".encode("latin-1")], object)),
    },
    "TimeDistributed": {"dtype": "float16"},
    "UnitNormalization": {"given": {}, "x": reals(2, 3, 4)},
    "UpSampling1D": {"size": 2},
    "UpSampling2D": {"given": {}, "x": reals(1, 2, 3, 4), **_UPSAMPLED},
    "UpSampling3D": {"given": {}, "x": reals(1, 2, 3, 4, 2), "size": 3},
    "ZeroPadding2D": {"given": {}, "padding": 2, "x": reals(1, 2, 3, 4)},
    "ZeroPadding1D": {"padding": 2, "given": {}},
    "ZeroPadding3D": {"padding": 2, "given": {}},
}
