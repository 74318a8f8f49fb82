"""EfficientNetB0 (Tan and Le, 2019)."""

from typing import Any

from autonet.applications import common
from autonet.applications.imagenet_utils import DEVIATION
from autonet.applications.imagenet_utils import decode_predictions as decode_predictions
from autonet.common.lines import filters_traceback
from autonet.common.types import Identifier, PartialShape, TensorLike
from autonet.initializers import VarianceScaling
from autonet.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Multiply,
    Normalization,
    Rescaling,
    Reshape,
    ZeroPadding2D,
)
from autonet.layers.symbolic import KerasTensor
from autonet.models import Model

STAGES = (  # window, filters, blocks, stride of the first, expansion: table 1
    *((3, 16, 1, 1, 1), (3, 24, 2, 2, 6), (5, 40, 2, 2, 6), (3, 80, 3, 2, 6)),
    *((5, 112, 3, 1, 6), (5, 192, 4, 2, 6), (3, 320, 1, 1, 6)),
)
BLOCKS = sum([depth for _, _, depth, _, _ in STAGES])
DROPPED, SQUEEZED, TOP_DROPPED = 0.2, 0.25, 0.2  # share of blocks left out at the end, of channels, of features


@filters_traceback
def EfficientNetB0(
    include_top: bool = True,
    weights: common.Weights = "imagenet",
    input_tensor: KerasTensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: common.Pooling = None,
    classes: int = 1000,
    classifier_activation: Identifier = "softmax",
    name: str = "efficientnetb0",
) -> Model:
    """Sixteen blocks like MobileNetV2's that also weigh their channels; 5.3 million weights. It scales pictures itself.

    Shapes: pictures (n, 224, 224, 3) of values 0 to 255, or as `input_shape` says, to (n, classes); without the top to
    (n, h/32, w/32, 1280).

    Arguments and errors are those of `VGG16`.

    Source: https://arxiv.org/abs/1905.11946, table 1; whole blocks left out at random: https://arxiv.org/abs/1603.09382
    """
    common.check(weights, include_top, classes, classifier_activation, pooling)
    pictures = common.image(input_tensor, input_shape, weights, include_top)
    end = "" if include_top else "_notop"
    file = common.located(weights, (f"efficientnetb0{end}.weights.h5", f"efficientnetb0{end}.h5"))
    x = Rescaling(1.0 / 255.0)(pictures)
    x = Normalization(axis=common.channels())(x)
    if weights == "imagenet":  # trained on pictures that were divided by variances
        x = Rescaling([1.0 / d**0.5 for d in DEVIATION])(x)
    x = ZeroPadding2D(common.before_stride(x, 3), name="stem_conv_pad")(x)
    x = _convolved(x, 32, "stem_conv", window=3, strides=2, padding="valid")
    x = Activation("silu", name="stem_activation")(_normalized(x, "stem_bn"))
    number = 0
    for stage, (window, filters, depth, stride, expansion) in enumerate(STAGES, 1):
        for n in range(depth):
            name_of_block = f"block{stage}{chr(ord('a') + n)}_"
            dropped = DROPPED * number / BLOCKS
            x = _block(x, window, filters, stride if n == 0 else 1, expansion, dropped, name_of_block)
            number += 1
    x = _convolved(x, 1280, "top_conv")
    x = Activation("silu", name="top_activation")(_normalized(x, "top_bn"))
    if include_top:
        x = GlobalAveragePooling2D(name="avg_pool")(x)
        x = Dropout(TOP_DROPPED, name="top_dropout")(x)
        scaled = VarianceScaling(1 / 3, "fan_out", "uniform")
        x = Dense(classes, activation=classifier_activation, kernel_initializer=scaled, name="predictions")(x)
    else:
        x = common.pooled(x, pooling)
    return common.finished(input_tensor, pictures, x, name, file)


def _kernels() -> VarianceScaling:
    return VarianceScaling(2.0, "fan_out", "truncated_normal")


def _normalized(x: Any, name: str) -> Any:
    return BatchNormalization(axis=common.channels(), name=name)(x)


def _convolved(x: Any, filters: int, name: str, window: int = 1, padding: str = "same", **options: Any) -> Any:
    options = {"use_bias": False, "kernel_initializer": _kernels(), **options}
    return Conv2D(filters, window, padding=padding, name=name, **options)(x)


def _block(x: Any, window: int, filters: int, stride: int, expansion: int, dropped: float, name: str) -> Any:
    given, before = x, x.shape[common.channels()]
    wide = before * expansion
    if expansion != 1:
        x = _normalized(_convolved(x, wide, f"{name}expand_conv"), f"{name}expand_bn")
        x = Activation("silu", name=f"{name}expand_activation")(x)
    if stride == 2:
        x = ZeroPadding2D(common.before_stride(x, window), name=f"{name}dwconv_pad")(x)
    x = DepthwiseConv2D(
        window,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=_kernels(),
        name=f"{name}dwconv",
    )(x)
    x = Activation("silu", name=f"{name}activation")(_normalized(x, f"{name}bn"))
    x = _weighed(x, wide, max(1, int(before * SQUEEZED)), name)
    x = _normalized(_convolved(x, filters, f"{name}project_conv"), f"{name}project_bn")
    if stride != 1 or before != filters:
        return x
    if dropped > 0:
        x = Dropout(dropped, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return Add(name=f"{name}add")([x, given])


def _weighed(x: Any, wide: int, few: int, name: str) -> Any:
    """Channels times what a small network makes of their means.

    Source: https://arxiv.org/abs/1709.01507
    """
    shape = (1, 1, wide) if common.channels() == 3 else (wide, 1, 1)
    y = GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    y = Reshape(shape, name=f"{name}se_reshape")(y)
    y = _convolved(y, few, f"{name}se_reduce", activation="silu", use_bias=True)
    y = _convolved(y, wide, f"{name}se_expand", activation="sigmoid", use_bias=True)
    return Multiply(name=f"{name}se_excite")([x, y])


def preprocess_input(x: TensorLike, data_format: str | None = None) -> TensorLike:
    """`x` as it is: the network scales pictures of values 0 to 255 itself."""
    return x
