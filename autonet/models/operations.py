"""How Keras files operations away in the configuration of a model.

There an operation is an object: what its constructor takes is its "config", the rest are arguments of the call. A function
of `autonet.ops` has both among its parameters, so all that is needed is the module, the class and which are which.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from autonet.core.primitive import Primitive
from autonet.errors import ArgumentError, unknown
from autonet.layers.symbolic import FunctionOperation, function_named
from autonet.serialization.objects import snake_case

_MODULES = {  # all others are in keras.src.ops.numpy
    "nn": """adaptive_average_pool adaptive_max_pool average_pool batch_normalization binary_crossentropy
        categorical_crossentropy celu conv conv_transpose ctc_decode ctc_loss depth_to_space depthwise_conv
        dot_product_attention elu fold gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh layer_normalization
        leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot polar psnr relu relu6
        rms_normalization selu separable_conv sigmoid silu soft_shrink softmax softplus softsign space_to_depth
        sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink threshold unfold""",
    "core": """associative_scan cast cond fori_loop map saturate_cast scan scatter scatter_update slice slice_update
        stop_gradient switch unstack vectorized_map while_loop""",
    "math": """cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp rfft rsqrt
        segment_max segment_min segment_prod segment_sum stft top_k view_as_complex view_as_real""",
    "linalg": "cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve "
    "solve_triangular svd",
    "image": """affine_transform crop_images elastic_transform extract_patches gaussian_blur hsv_to_rgb map_coordinates
        pad_images perspective_transform resize rgb_to_grayscale rgb_to_hsv scale_and_translate sobel_edges ssim""",
}
_HOME = {word: module for module, words in _MODULES.items() for word in words.split()}
_CLASSES = {  # all others are the words in CamelCase
    "allclose": "AllClose",
    "isin": "IsIn",
    "searchsorted": "SearchSorted",
    "batch_normalization": "BatchNorm",
    "rms_normalization": "RMSNorm",
    "layer_normalization": "LayerNorm",
    "cdist": "CDist",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "hsv_to_rgb": "HSVToRGB",
    "ssim": "SSIM",
    "fft": "FFT",
    "fft2": "FFT2",
    "ifft2": "IFFT2",
    "rfft": "RFFT",
    "irfft": "IRFFT",
    "stft": "STFT",
    "istft": "ISTFT",
    "svd": "SVD",
    "jvp": "JVP",
    "detach": "StopGradient",
}
_WORDS = {name: word for word, name in _CLASSES.items() if word != "detach"}

# Parameters that are arguments of the call; those of one word override.
_CALLED = frozenset(
    """x x1 x2 xs y array start stop step weights a b operands fill_value key q constant_values indices sorted_sequence
    values condition condlist choicelist default inputs kernel depthwise_kernel pointwise_kernel target output mean
    variance offset scale query value bias mask gamma beta elems init updates start_indices index loop_vars variable
    init_val pred true_fn false_fn elements data segment_ids targets predictions images transform coordinates
    start_points end_points output_shape translation image1 image2 rtol atol""".split()
)
_CONFIGURED = {
    "diagonal": {"offset"},
    "trace": {"offset"},
    "squareplus": {"b"},
    "dot_product_attention": {"scale"},
    "bincount": {"weights"},
    "histogram": {"bins"},
    "allclose": {"rtol", "atol"},
}


def class_name(word: str) -> str:
    """Keras's class for an operation.

    >>> class_name("zeros_like"), class_name("get_item"), class_name("svd")
    ('ZerosLike', 'GetItem', 'SVD')
    """
    if word[0] == "_":  # a part of an operation, which Keras does not have
        return word
    return _CLASSES.get(word) or "".join([part[:1].upper() + part[1:] for part in word.split("_")])


def module_name(word: str) -> str:
    """Keras's module for an operation."""
    if word[0] == "_":
        return "autonet.ops"
    return f"keras.src.ops.{_HOME.get('stop_gradient' if word == 'detach' else word, 'numpy')}"


def split_arguments(
    op: FunctionOperation, args: tuple, kwargs: dict[str, Any]
) -> tuple[dict[str, Any], list[Any], dict]:
    """What an operation was called with, as Keras keeps it: configuration, arguments, keyword arguments."""
    bound = _signature(op.function).bind(*args, **kwargs)
    bound.apply_defaults()
    configured = _CONFIGURED.get(op.word, set())
    config: dict[str, Any] = {"name": op.name}
    called: list[Any] = []
    named: dict[str, Any] = {}
    gap = False  # whether an argument was left out, so that the following go by name
    for name, value in bound.arguments.items():
        if name not in _CALLED or name in configured:
            config[name] = value
        elif bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            called.extend(value)
        elif value is None:
            gap = True
        elif gap:
            named[name] = value
        else:
            called.append(value)
    return config, called, named


def join_arguments(word: str, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> tuple[list, dict]:
    """The reverse: arguments of the function, from Keras's configuration, arguments and keyword arguments."""
    parameters = _signature(function_named(word)).parameters
    given = {k: v for k, v in {**config, **kwargs}.items() if k != "name"}
    positional: list[Any] = []
    rest = list(args)
    for name, parameter in parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            positional += rest
            rest = []
        elif name in given and rest and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            positional.append(given.pop(name))
        elif name not in given and rest and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            positional.append(rest.pop(0))
    if word == "get_item" and len(positional) > 1 and isinstance(positional[1], list):
        positional[1] = tuple(positional[1])
    keywords = {k: v for k, v in given.items() if k in parameters and not (k == "dtype" and v is None)}
    return positional, keywords


def _signature(function: Callable) -> inspect.Signature:
    if isinstance(function, Primitive):  # its settings may be given by position too
        signature = inspect.signature(function.body)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if not function.variadic:
            return signature.replace(parameters=[p.replace(kind=kind) for p in signature.parameters.values()])
        return signature
    return inspect.signature(getattr(function, "__wrapped__", function))


# These run functions, which no configuration holds; one could run for ever.
_WITH_FUNCTIONS = frozenset(
    "associative_scan cond fori_loop jvp map scan switch vectorized_map vectorize while_loop".split()
)


def word_of(name: str) -> str:
    """The operation that Keras's class `name` stands for.

    Raises: ArgumentError if there is none here, or none that a configuration may ask for.
    """
    word = _WORDS.get(name) or snake_case(name)
    if word in _WITH_FUNCTIONS:
        raise ArgumentError(
            f"The operation {name!r} runs a function, which a configuration cannot hold. Put it into a layer."
        )
    try:
        function_named(word)
    except ValueError as error:
        from autonet import ops

        raise unknown("operation", name, [class_name(w) for w in dir(ops) if w[0] != "_"]) from error
    return word
