"""MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen, 2018)."""

from typing import Any

from autonet.applications import common, imagenet_utils
from autonet.applications.imagenet_utils import decode_predictions as decode_predictions
from autonet.common.lines import filters_traceback
from autonet.common.types import Identifier, PartialShape, TensorLike
from autonet.errors import ArgumentError
from autonet.layers import Add, BatchNormalization, Conv2D, DepthwiseConv2D, ReLU, ZeroPadding2D
from autonet.layers.symbolic import KerasTensor
from autonet.models import Model

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
# expansion, filters, blocks, stride of the first: table 2
WIDTHS, SIDES = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224)  # for which there are weights of ImageNet


@filters_traceback
def MobileNetV2(
    input_shape: PartialShape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: common.Weights = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: common.Pooling = None,
    classes: int = 1000,
    classifier_activation: Identifier = "softmax",
    name: str | None = None,
) -> Model:
    """Seventeen blocks that widen, look at each channel by itself, and narrow again; 3.5 million weights.

    Shapes: pictures (n, 224, 224, 3), or as `input_shape` says, to (n, classes); without the top to (n, h/32, w/32, 1280).

    Args:
        alpha: the width: a factor for all numbers of filters, rounded to multiples of 8.

    The other arguments, and errors, are those of `VGG16`.

    Source: https://arxiv.org/abs/1801.04381, table 2
    """
    common.check(weights, include_top, classes, classifier_activation, pooling)
    pictures = common.image(input_tensor, input_shape, weights, include_top)
    rows = common.sides(pictures)[0]
    if weights == "imagenet":
        if alpha not in WIDTHS:
            raise ArgumentError(f"weights='imagenet' are there for alpha in {WIDTHS}; received alpha={alpha}.")
        if rows not in SIDES or rows != common.sides(pictures)[1]:
            rows = common.SIZE
    known = [
        f"{start}_{float(alpha)}_{rows}{'' if include_top else '_no_top'}{end}"
        for start, end in (("mobilenet_v2", ".weights.h5"), ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels", ".h5"))
    ]
    weights = common.located(weights, known)
    x = Conv2D(_rounded(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(pictures)
    x = ReLU(6.0, name="Conv1_relu")(_normalized(x, "bn_Conv1"))
    number = 0
    for expansion, filters, depth, stride in STAGES:
        for n in range(depth):
            x = _block(x, expansion, _rounded(filters * alpha), stride if n == 0 else 1, number)
            number += 1
    x = Conv2D(_rounded(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
    x = ReLU(6.0, name="out_relu")(_normalized(x, "Conv_1_bn"))
    if include_top:
        x = common.classifier(x, classes, classifier_activation, None)
    else:
        x = common.pooled(x, pooling, (None, None))
    name = f"mobilenetv2_{alpha:0.2f}_{common.sides(pictures)[0]}" if name is None else name
    return common.finished(input_tensor, pictures, x, name, weights)


def _normalized(x: Any, name: str) -> Any:
    return BatchNormalization(axis=common.channels(), epsilon=1e-3, momentum=0.999, name=name)(x)


def _rounded(filters: float) -> int:
    """To a multiple of 8, not below 8 and not below nine tenths."""
    n = max(8, int(filters + 4) // 8 * 8)
    return n + 8 if n < 0.9 * filters else n


def _block(x: Any, expansion: int, filters: int, stride: int, number: int) -> Any:
    given, before = x, x.shape[common.channels()]
    name = f"block_{number}" if number else "expanded_conv"
    if number:
        x = Conv2D(expansion * before, 1, padding="same", use_bias=False, name=f"{name}_expand")(x)
        x = ReLU(6.0, name=f"{name}_expand_relu")(_normalized(x, f"{name}_expand_BN"))
    if stride == 2:
        x = ZeroPadding2D(common.before_stride(x, 3), name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False, name=f"{name}_depthwise")(x)
    x = ReLU(6.0, name=f"{name}_depthwise_relu")(_normalized(x, f"{name}_depthwise_BN"))
    x = Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_project")(x)
    x = _normalized(x, f"{name}_project_BN")
    return Add(name=f"{name}_add")([given, x]) if before == filters and stride == 1 else x


@filters_traceback
def preprocess_input(x: TensorLike, data_format: str | None = None) -> TensorLike:
    """Pictures as MobileNetV2 takes them: `imagenet_utils.preprocess_input` with the mode "tf"."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
