"""What the networks share: their input, their top, and where weights come from."""

import os
from collections.abc import Sequence
from typing import Any, Literal

from autonet import config
from autonet.common.types import PartialShape
from autonet.errors import ArgumentError, DataError
from autonet.layers import Dense, GlobalAveragePooling2D, GlobalMaxPooling2D, Input
from autonet.layers.symbolic import KerasTensor
from autonet.models import Model
from autonet.utils import files, get_source_inputs

Weights = str | os.PathLike[str] | None
Pooling = Literal["avg", "max"] | None
SIZE, CLASSES = 224, 1000  # of ImageNet's pictures, as these networks saw them
SMALLEST = 32


def channels() -> int:
    """The axis of channels."""
    return 3 if config.image_data_format() == "channels_last" else 1


def sides(x: Any) -> tuple[int | None, int | None]:
    """Rows and columns of pictures."""
    return tuple(x.shape[1:3] if channels() == 3 else x.shape[2:4])  # type: ignore[return-value]


def before_stride(x: Any, window: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding before a window of stride 2 with which an even side is halved, its last pixel under the window's centre."""
    half = window // 2
    rows, columns = [(half - 1 + (n if n is not None else 0) % 2, half) for n in sides(x)]
    return rows, columns


def image(input_tensor: Any, input_shape: PartialShape | None, weights: Weights, include_top: bool) -> Any:
    """The network's input: a placeholder, the given one or a new one.

    Raises: ArgumentError for shapes that are no pictures', too small, or not those of the weights.
    """
    axis = channels() - 1
    if input_shape is None:
        side = SIZE if include_top else None
        shape: tuple[int | None, ...] = (side, side)
        if input_tensor is not None:
            shape = sides(input_tensor)
        shape = (*shape[:axis], 3, *shape[axis:])
    else:
        shape = tuple(input_shape)
    where = [n for i, n in enumerate(shape) if i != axis]
    if len(shape) != 3:
        raise ArgumentError(f"input_shape has three entries, those of one picture; received {input_shape!r}.")
    if any(n is not None and n < SMALLEST for n in where):
        raise ArgumentError(f"Pictures have at least {SMALLEST} x {SMALLEST} pixels; received the shape {shape}.")
    if include_top and None in where:
        raise ArgumentError(
            f"With include_top=True the sides of pictures are fixed; received the shape {shape}. State input_shape."
        )
    if weights == "imagenet" and shape[axis] != 3:
        raise ArgumentError(f"weights='imagenet' are of pictures with 3 channels; received the shape {shape}.")
    if input_tensor is None:
        return Input(shape)
    return input_tensor if isinstance(input_tensor, KerasTensor) else Input(tensor=input_tensor)


def check(weights: Weights, include_top: bool, classes: int, classifier_activation: Any, pooling: Pooling) -> None:
    """Raises: ArgumentError for weights that are not there, and for a top or pooling that cannot be."""
    if weights not in (None, "imagenet") and not os.path.exists(weights):  # type: ignore[arg-type]
        raise ArgumentError(f"weights is None, 'imagenet' or the path of a file that exists; received {weights!r}.")
    if pooling not in (None, "avg", "max"):
        raise ArgumentError(f"pooling is None, 'avg' or 'max'; received {pooling!r}.")
    if weights == "imagenet" and include_top:
        if classes != CLASSES:
            raise ArgumentError(
                f"weights='imagenet' with include_top=True tell {CLASSES} classes apart; received classes={classes}. Use "
                "include_top=False and a top of your own."
            )
        if classifier_activation not in ("softmax", None):
            raise ArgumentError(
                "weights='imagenet' end in a softmax, or, with classifier_activation=None, in logits; received "
                f"classifier_activation={classifier_activation!r}."
            )


def classifier(x: Any, classes: int, activation: Any, name: str | None = "avg_pool") -> Any:
    """Mean over places, and a dense layer."""
    x = GlobalAveragePooling2D(name=name)(x)
    return Dense(classes, activation=activation, name="predictions")(x)


def pooled(x: Any, pooling: Pooling, names: tuple[str | None, str | None] = ("avg_pool", "max_pool")) -> Any:
    """The features of a network without a top: per place, or their mean or maximum."""
    if pooling is None:
        return x
    return GlobalAveragePooling2D(name=names[0])(x) if pooling == "avg" else GlobalMaxPooling2D(name=names[1])(x)


def located(weights: Weights, names: Sequence[str]) -> Weights:
    """Where weights are; for "imagenet", the first of these files that is in the folder of data sets.

    Raises: DataError that says what to put where; before there is a network, which takes its time.
    """
    if weights != "imagenet":
        return weights
    return found(names, "weights that Keras publishes, or that its `save_weights` writes")


def finished(input_tensor: Any, pictures: Any, outputs: Any, name: str, weights: Weights) -> Model:
    """The model, with the weights of a file, if there is one."""
    model = Model(pictures if input_tensor is None else get_source_inputs(input_tensor), outputs, name=name)
    if weights is not None:
        model.load_weights(weights)
    return model


def found(names: Sequence[str], content: str) -> str:
    """The path of the first of these files that is in the folder of data sets.

    Raises: DataError that says what to put where.
    """
    folder = files.home() / "datasets"
    for name in names:
        if (folder / name).is_file():
            return str(folder / name)
    raise DataError(
        f"There is none of {', '.join(names)} in {folder}. Put one of these files there ({content}), or set AUTONET_HOME to "
        "a folder whose subfolder 'datasets' has it."
    )
