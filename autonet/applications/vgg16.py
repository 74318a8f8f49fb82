"""VGG16 (Simonyan and Zisserman, 2014)."""

from autonet.applications import common, imagenet_utils
from autonet.applications.imagenet_utils import decode_predictions as decode_predictions
from autonet.common.lines import filters_traceback
from autonet.common.types import Identifier, PartialShape, TensorLike
from autonet.layers import Conv2D, Dense, Flatten, MaxPooling2D
from autonet.layers.symbolic import KerasTensor
from autonet.models import Model

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions of 3 x 3, and their filters


@filters_traceback
def VGG16(
    include_top: bool = True,
    weights: common.Weights = "imagenet",
    input_tensor: KerasTensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: common.Pooling = None,
    classes: int = 1000,
    classifier_activation: Identifier = "softmax",
    name: str = "vgg16",
) -> Model:
    """Thirteen convolutions of 3 x 3 in five blocks, each halved by its maximum, and three dense layers; 138 million weights.

    Shapes: pictures (n, 224, 224, 3), or as `input_shape` says, to (n, classes); without the top to (n, h/32, w/32, 512).

    Args:
        include_top: whether the dense layers are there.
        weights: None, for fresh ones; a file's path; or "imagenet", which are looked for where data sets are.
        input_tensor: a placeholder of pictures, instead of a new one.
        input_shape: of one picture; sides of 32 or more.
        pooling: without the top, "avg" or "max" over places.

    Raises: ArgumentError for what does not go together; DataError, which says what to put where, for weights that are not
        there.

    Source: https://arxiv.org/abs/1409.1556, table 1, D
    """
    common.check(weights, include_top, classes, classifier_activation, pooling)
    x = pictures = common.image(input_tensor, input_shape, weights, include_top)
    end = "" if include_top else "_notop"
    known = f"vgg16{end}.weights.h5", f"vgg16_weights_tf_dim_ordering_tf_kernels{end}.h5"
    weights = common.located(weights, known)
    for block, (depth, filters) in enumerate(BLOCKS, 1):
        for n in range(1, depth + 1):
            x = Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{n}")(x)
        x = MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if include_top:
        x = Flatten(name="flatten")(x)
        x = Dense(4096, activation="relu", name="fc1")(x)
        x = Dense(4096, activation="relu", name="fc2")(x)
        x = Dense(classes, activation=classifier_activation, name="predictions")(x)
    else:
        x = common.pooled(x, pooling, (None, None))
    return common.finished(input_tensor, pictures, x, name, weights)


@filters_traceback
def preprocess_input(x: TensorLike, data_format: str | None = None) -> TensorLike:
    """Pictures as VGG16 takes them: `imagenet_utils.preprocess_input` with the mode "caffe"."""
    return imagenet_utils.preprocess_input(x, data_format, "caffe")
