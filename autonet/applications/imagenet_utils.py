"""Pictures as networks for ImageNet take them, and their answers in words."""

import json
from typing import Literal

import numpy as np

from autonet import config, ops
from autonet.applications.common import CLASSES, found
from autonet.common.lines import filters_traceback
from autonet.common.types import TensorLike
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.layers.symbolic import KerasTensor

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, from 0 to 1
MEAN_BLUE_FIRST = (103.939, 116.779, 123.68)  # of blue, green and red, from 0 to 255
WORDS = "imagenet_class_index.json"


@filters_traceback
def preprocess_input(
    x: TensorLike, data_format: str | None = None, mode: Literal["caffe", "tf", "torch"] = "caffe"
) -> TensorLike:
    """Pictures of values 0 to 255, red, green and blue, in the range that a network was trained on.

        "caffe"   blue, green, red; minus ImageNet's means
        "tf"      x / 127.5 - 1
        "torch"   (x / 255 - mean) / deviation, with ImageNet's for each channel

    Args:
        x: (..., h, w, 3), or with `data_format` "channels_first" (..., 3, h, w). It stays as it is.

    Returns: a Tensor for a Tensor, a placeholder for a placeholder, else an array; float32, or x's floating dtype.
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ArgumentError(f"mode is 'caffe', 'tf' or 'torch'; received {mode!r}.")
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ArgumentError(f"data_format is 'channels_first' or 'channels_last'; received {data_format!r}.")
    axis = -1 if data_format == "channels_last" else -3
    y = x if isinstance(x, KerasTensor) else ops.convert_to_tensor(x)
    shape = tuple(y.shape)
    if len(shape) not in (3, 4) or shape[axis] != 3:
        raise ShapeError(
            f"preprocess_input takes one picture or a batch, with 3 channels on axis {axis}; received the shape {shape}."
        )
    if np.dtype(y.dtype).kind != "f":
        y = ops.cast(y, "float32")
    each = lambda values: np.array(values, y.dtype).reshape((3,) + (1,) * (-1 - axis))
    if mode == "tf":
        y = y / 127.5 - 1.0
    elif mode == "torch":
        y = (y / 255.0 - each(MEAN)) / each(DEVIATION)
    else:
        y = ops.flip(y, axis=axis) - each(MEAN_BLUE_FIRST)
    return y if isinstance(x, (Tensor, KerasTensor)) else y.numpy()


@filters_traceback
def decode_predictions(preds: TensorLike, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """The likeliest classes of ImageNet in words.

    Args:
        preds: probabilities or scores, (n, 1000).
        top: how many for each row.

    Returns: for each row, (WordNet's number, name, score), the highest first.

    Raises: DataError unless the folder of data sets has "imagenet_class_index.json",
        {"0": ["n01440764", "tench"], ...}, which Keras keeps in ~/.keras/models.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != CLASSES:
        raise ShapeError(f"decode_predictions takes the shape (n, {CLASSES}); received {preds.shape}.")
    path = found([WORDS], "each class's number to WordNet's number and its name, as Keras keeps it in ~/.keras/models")
    try:
        with open(path, encoding="utf-8") as file:
            words = json.load(file)
        names = [(str(words[str(n)][0]), str(words[str(n)][1])) for n in range(CLASSES)]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise DataError(
            f"{path} does not name {CLASSES} classes ({error}). Put the whole file in its place."
        ) from error
    best = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [[(*names[n], float(row[n])) for n in order] for row, order in zip(preds, best.tolist(), strict=True)]
