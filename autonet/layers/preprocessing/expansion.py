"""More data of the data there is: copies that layers have changed at random."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autonet.common.frames import plain
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Data, TensorLike
from autonet.compiler.jit import Compiled
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.preprocessing.images import ImageLayer
from autonet.layers.preprocessing.mixing import check_mixable
from autonet.layers.preprocessing.pipeline import Pipeline
from autonet.random.seeds import checked_seed

BATCH = 256  # rows that are changed at once: few enough for caches


def expand(
    x: TensorLike, y: Data, layers: Layer | Sequence[Layer], times: int = 1, seed: int | None = None
) -> tuple[np.ndarray, Any]:
    """The rows of `x`, followed by `times` copies of all of them, each changed by the layers as in training.

    Row i of copy k (1 to times) is row k n + i of the result, and its label that of row i: copies lie one after the other,
    so `fit` should shuffle, which it does. The result is made in place, so memory is what (1 + times) x takes and a batch.

    Args:
        x: shape (n, ...); images are (n, height, width, channels), or as the layers' `data_format` says.
        y: labels, an array or a nest of arrays of length n, repeated for each copy; or None.
        layers: one layer, or several that follow each other, such as `layers.RandomRotation(0.04)`.
        times: copies.
        seed: integer that alone decides what is drawn: the layers' own generators are as before afterwards. None: they
            go on from where they stand.

    Returns: (x, y) of (1 + times) n rows. x keeps its dtype, whole numbers being rounded; y too, unless layers mix labels
        (MixUp, CutMix), which they do with one-hot rows.

    Raises: ShapeError if the layers change the shape of rows, or if images have no axis of channels; DtypeError for class
        numbers that were to be mixed.

    >>> from autonet import layers
    >>> x, y = expand(np.zeros((10, 8, 8, 1), "uint8"), np.arange(10), layers.RandomTranslation(0.1, 0.1), times=2)
    >>> x.shape, x.dtype, y[10:13].tolist()
    ((30, 8, 8, 1), dtype('uint8'), [0, 1, 2])
    """
    steps = list(_steps([layers] if isinstance(layers, Layer) else layers))
    if isinstance(times, bool) or not isinstance(times, (int, np.integer)) or times < 0:
        raise ArgumentError(f"utils.expand expects times to be a whole number of at least 0; received {times!r}.")
    x = x.numpy() if isinstance(x, Tensor) else np.asarray(plain(x, "x"))
    if not x.ndim:
        raise ShapeError("utils.expand expects x of shape (n, ...), n rows; received one number.")
    n = len(x)
    y = map_structure(lambda leaf: None if leaf is None else np.asarray(plain(leaf, "y")), y)
    if any(len(leaf) != n for leaf in flatten(y) if leaf is not None):
        raise ShapeError(f"utils.expand expects a label for each of {n} rows; received {[len(a) for a in flatten(y)]}.")
    if x.ndim != 4 and any(isinstance(step, ImageLayer) for step in steps):
        raise ShapeError(
            f"utils.expand expects images of shape (n, height, width, channels); received shape {x.shape}. Grey ones have "
            "one channel: x[..., None]."
        )
    mixes = any(step.mixes_labels for step in steps if isinstance(step, ImageLayer))
    total = (1 + int(times)) * n
    rows = np.empty((total, *x.shape[1:]), x.dtype)
    rows[:n] = x
    labels = map_structure(lambda leaf: None if leaf is None else np.concatenate([leaf] * (1 + int(times))), y)
    if mixes:
        if not isinstance(labels, np.ndarray):
            raise ArgumentError("utils.expand with layers that mix labels expects y to be one array of one-hot rows.")
        check_mixable("utils.expand", labels)
        labels = labels.astype("float32") if labels.dtype.kind != "f" else labels
    run = Compiled(_changed(steps, mixes), strict=False, differentiable=False)
    with _Seeded(steps, seed):
        for start in range(n, total, max(n, 1)):
            for first in range(0, n, BATCH):
                last = min(first + BATCH, n)
                out = run(x[first:last], labels[first:last] if mixes else None)
                changed, mixed = (out["images"], out["labels"]) if mixes else (out, None)
                if changed.shape != (last - first, *x.shape[1:]):
                    raise ShapeError(
                        f"utils.expand expects layers that keep the shape of rows, {x.shape[1:]}; received {changed.shape[1:]}. "
                        "Crop or resize before."
                    )
                rows[start + first : start + last] = _as(changed.numpy(), x.dtype)
                if mixed is not None:
                    labels[start + first : start + last] = mixed.numpy()
    return rows, labels


def _steps(layers: Any) -> Iterator[Layer]:
    """The layers one by one, those of pipelines too."""
    if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Layer) for layer in layers):
        raise ArgumentError(f"utils.expand expects a layer, or a list of layers; received {layers!r}.")
    if not layers:
        raise ArgumentError("utils.expand expects at least one layer, else the copies are no new data; received none.")
    for layer in layers:
        if isinstance(layer, Pipeline):
            yield from _steps(layer.layers)
        elif any(getattr(part, "mixes_labels", False) for part in layer._flatten_layers(include_self=False)):
            raise ArgumentError(
                f"utils.expand cannot mix labels within {layer.label}: pass its layers in a list, or in a layers.Pipeline."
            )
        else:
            yield layer


def _changed(steps: list[Layer], mixes: bool) -> Any:
    def run(x: Any, labels: Any) -> Any:
        data: Any = {"images": x, "labels": labels} if mixes else x
        for step in steps:
            if mixes and not isinstance(step, ImageLayer):
                data["images"] = step(data["images"], training=True)
            else:
                data = step(data, training=True)
        return data

    return run


def _as(x: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Results in the dtype of the rows, whole numbers rounded and within their range."""
    if dtype.kind not in "iu":
        return x.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(x), limits.min, limits.max).astype(dtype)


class _Seeded:
    """Generators of layers start from a seed meanwhile, each from another number; with None they just go on."""

    def __init__(self, layers: list[Layer], seed: int | None):
        found = {id(v): v for layer in layers for v in layer.variables if v.name == "seed_generator_state"}
        self.states = [] if seed is None else list(found.values())
        self.seed = None if seed is None else checked_seed(seed)

    def __enter__(self) -> None:
        self.before = [v.numpy() for v in self.states]
        for i, v in enumerate(self.states):
            start = np.random.SeedSequence([self.seed or 0, i]).generate_state(1)[0]
            v.assign(np.array([start, 0], np.uint32))

    def __exit__(self, *error: Any) -> None:
        for v, value in zip(self.states, self.before, strict=True):
            v.assign(value)
