"""Small tools for arrays and pairs of arrays, in plain NumPy."""

from typing import Any

import numpy as np

from autonet.common.complex_numbers import refuse_complex
from autonet.common.frames import plain
from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError, DtypeError, ShapeError


def to_categorical(x: TensorLike, num_classes: int | None = None) -> np.ndarray:
    """One row of zeros with a single 1 for each integer label.

    Args:
        x: labels 0 to num_classes - 1, shape (...,); a last axis of length 1 is dropped.
        num_classes: default: the largest label plus 1.

    Returns: float64 array of shape (..., num_classes) (a Tensor of the float policy's dtype if `x` is one).

    Raises: DtypeError for labels that are no integers; DataError for a label outside the range.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if isinstance(x, Tensor):
        from autonet import ops

        return ops.convert_to_tensor(to_categorical(x.numpy(), num_classes), dtype=_floatx())  # type: ignore[return-value]
    labels = np.asarray(plain(x, "x"))
    if labels.dtype.kind == "f" and np.all(labels == np.floor(labels)):  # whole numbers from a text file
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iub":
        raise DtypeError(f"to_categorical expects integer labels; received dtype {labels.dtype}.")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    labels = labels.astype(np.int64)
    if num_classes is None:
        if labels.size == 0:
            raise DataError("to_categorical cannot tell the number of classes from no labels: pass num_classes.")
        num_classes = int(labels.max()) + 1
    if labels.size and not (0 <= labels.min() and labels.max() < num_classes):
        wrong = labels[(labels < 0) | (labels >= num_classes)].ravel()[0]
        raise DataError(
            f"to_categorical expects labels from 0 to {num_classes - 1}; received {wrong}. "
            "Renumber the labels, or pass a larger num_classes."
        )
    return (labels[..., None] == np.arange(num_classes)).astype(np.float64)


def exponential_average(values: TensorLike, beta: float, bias_correction: bool = True) -> np.ndarray:
    """Running mean along the first axis, in which older values weigh exponentially less: about 1 / (1 - beta) count.

        v_0 = 0,  v_t = beta v_(t-1) + (1 - beta) values_t        t = 1, 2, ...
        result_t = v_t / (1 - beta^t)                              v_t itself without bias_correction

    With the correction the first averages are means of what there is; without it they are drawn to 0.

    Args:
        values: shape (n, ...).
        beta: weight of the past, in [0, 1).
        bias_correction: see there.

    Returns: float64 array of shape (n, ...). From the first NaN on all is NaN.

    Raises: ArgumentError for another beta; ShapeError for a single number.

    Source: Kingma, Ba, 2015, section 3, https://arxiv.org/abs/1412.6980

    >>> exponential_average([4.0, 1.0, 1.0], 0.5)
    array([4.        , 2.        , 1.42857143])
    """
    if isinstance(beta, bool) or not 0 <= beta < 1:
        raise ArgumentError(f"exponential_average expects beta in [0, 1); received {beta!r}.")
    rows = np.asarray(plain(values, "values"), np.float64)
    if not rows.ndim:
        raise ShapeError(f"exponential_average expects values along an axis; received one number, {values!r}.")
    averages = np.empty_like(rows)
    mean: Any = np.zeros(rows.shape[1:])[()]  # floats of Python are faster than arrays without axes
    for t, row in enumerate(rows.tolist() if rows.ndim == 1 else rows):
        mean = beta * mean + (1 - beta) * row
        averages[t] = mean
    if bias_correction:
        weights = 1 - beta ** np.arange(1.0, len(rows) + 1)
        averages /= weights.reshape(-1, *[1] * (rows.ndim - 1))
    return averages


def normalize(x: TensorLike, axis: int = -1, order: int = 2) -> np.ndarray:
    """Vectors along `axis` scaled to norm 1; a zero vector stays zero.

        y = x / (sum of |x|^order)^(1 / order)

    Args:
        x: array or Tensor, shape (..., d) for the default axis; a single number or vector counts as one row.
        axis: the axis of the vectors.
        order: of the norm, 1 or more, or np.inf for the largest absolute value.

    Returns: the same kind and shape, at least 2-d, in floating point.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if isinstance(x, Tensor):
        from autonet import ops

        powers = ops.sum(ops.abs(x) ** order, axis=axis, keepdims=True)
        return x / ops.where(powers == 0, ops.ones_like(powers), powers) ** (1 / order)  # type: ignore[return-value]
    rows = np.atleast_2d(plain(x, "x"))
    refuse_complex("normalize", rows)
    if rows.dtype.kind not in "biuf":
        raise DtypeError(f"normalize expects an array of numbers; received {repr(x)[:80]}. Convert it first.")
    if rows.dtype.kind != "f":
        rows = rows.astype(np.float64)
    norms = np.linalg.norm(rows, ord=order, axis=axis, keepdims=True)
    return rows / np.where(norms == 0, np.ones_like(norms), norms)


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """`x` alone, `(x, y)` or `(x, y, sample_weight)`: what one batch of a data set looks like.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return x if not isinstance(x, (tuple, list)) else (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """The three parts of one batch, with None for what it does not have.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ShapeError(f"A batch is x, (x, y) or (x, y, sample_weight); received a tuple of {len(data)}.")
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight


def is_keras_tensor(x: object) -> bool:
    """Whether `x` stands for a Tensor to come: an `Input`, or what was made of one."""
    from autonet.ops import abstract

    return abstract.placeholder is not None and isinstance(x, abstract.placeholder)


def get_source_inputs(tensor: object) -> list[Any]:
    """The `Input`s that `tensor`, which stands for a Tensor to come, is made of, each once, leftmost first.

    Raises: ArgumentError for anything else.
    """
    if not is_keras_tensor(tensor):
        raise ArgumentError(f"get_source_inputs expects what was made of an Input; received {type(tensor).__name__}.")
    found, seen = [], {id(tensor)}
    open_ends: list[Any] = [tensor]
    while open_ends:
        x = open_ends.pop()
        before = x._origin.inputs if x._origin is not None else []
        if not before:
            found.append(x)
        fresh = [one for one in {id(b): b for b in before}.values() if id(one) not in seen]
        seen |= {id(one) for one in fresh}
        open_ends += reversed(fresh)
    return found


def _floatx() -> str:
    from autonet.common.dtypes import floatx

    return floatx()
