"""ResNet50 (He, Zhang, Ren, Sun, 2015)."""

from typing import Any

from autonet.applications import common, imagenet_utils
from autonet.applications.imagenet_utils import decode_predictions as decode_predictions
from autonet.common.lines import filters_traceback
from autonet.common.types import Identifier, PartialShape, TensorLike
from autonet.layers import Activation, Add, BatchNormalization, Conv2D, MaxPooling2D, ZeroPadding2D
from autonet.layers.symbolic import KerasTensor
from autonet.models import Model

STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))  # blocks, filters, stride of the first


@filters_traceback
def ResNet50(
    include_top: bool = True,
    weights: common.Weights = "imagenet",
    input_tensor: KerasTensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: common.Pooling = None,
    classes: int = 1000,
    classifier_activation: Identifier = "softmax",
    name: str = "resnet50",
) -> Model:
    """Sixteen blocks of three convolutions, each added to what came in; 26 million weights.

    Shapes: pictures (n, 224, 224, 3), or as `input_shape` says, to (n, classes); without the top to (n, h/32, w/32, 2048).

    Arguments and errors are those of `VGG16`.

    Source: https://arxiv.org/abs/1512.03385, table 1
    """
    common.check(weights, include_top, classes, classifier_activation, pooling)
    pictures = common.image(input_tensor, input_shape, weights, include_top)
    end = "" if include_top else "_notop"
    known = f"resnet50{end}.weights.h5", f"resnet50_weights_tf_dim_ordering_tf_kernels{end}.h5"
    weights = common.located(weights, known)
    x = ZeroPadding2D(3, name="conv1_pad")(pictures)
    x = Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = Activation("relu", name="conv1_relu")(_normalized(x, "conv1_bn"))
    x = ZeroPadding2D(1, name="pool1_pad")(x)
    x = MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, (depth, filters, stride) in enumerate(STAGES, 2):
        for n in range(1, depth + 1):
            x = _block(x, filters, stride if n == 1 else 1, n == 1, f"conv{stage}_block{n}")
    x = common.classifier(x, classes, classifier_activation) if include_top else common.pooled(x, pooling)
    return common.finished(input_tensor, pictures, x, name, weights)


def _normalized(x: Any, name: str) -> Any:
    return BatchNormalization(axis=common.channels(), epsilon=1.001e-5, name=name)(x)


def _block(x: Any, filters: int, stride: int, projected: bool, name: str) -> Any:
    """Windows of 1, 3 and 1 with four times the filters at the end; what comes in is projected where its shape changes."""
    way = x
    if projected:
        way = _normalized(Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x), f"{name}_0_bn")
    y = _normalized(Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x), f"{name}_1_bn")
    y = Activation("relu", name=f"{name}_1_relu")(y)
    y = _normalized(Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(y), f"{name}_2_bn")
    y = Activation("relu", name=f"{name}_2_relu")(y)
    y = _normalized(Conv2D(4 * filters, 1, name=f"{name}_3_conv")(y), f"{name}_3_bn")
    return Activation("relu", name=f"{name}_out")(Add(name=f"{name}_add")([way, y]))


@filters_traceback
def preprocess_input(x: TensorLike, data_format: str | None = None) -> TensorLike:
    """Pictures as ResNet50 takes them: `imagenet_utils.preprocess_input` with the mode "caffe"."""
    return imagenet_utils.preprocess_input(x, data_format, "caffe")
