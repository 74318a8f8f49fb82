"""Categories given as whole numbers, turned into rows of zeros and ones, or of counts."""

import math
from typing import Any

import numpy as np

from autonet import ops
from autonet.common.dtypes import is_float
from autonet.common.types import Dtype, LayerOptions, Unpack
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.layers.preprocessing.base import DataLayer, check_choice
from autonet.ops.abstract import RULES, blank

MODES = ("one_hot", "multi_hot", "count")


def _checked(x: np.ndarray, depth: int) -> np.ndarray:
    """Whole numbers from -1, which stands for nothing, to depth - 1."""
    at = x.astype(np.int64)
    if x.dtype.kind == "f" and not np.array_equal(at, x):
        raise DataError("Categories are whole numbers; received some that are not.")
    if at.size and (at.min() < -1 or at.max() >= depth):
        raise DataError(f"Categories must lie between 0 and {depth - 1}; received {at.min()} to {at.max()}.")
    return at


def bags(places: np.ndarray, rows: np.ndarray, n: int, depth: int, mode: str, dtype: Dtype, weights: Any = None) -> Any:
    """Categories gathered by row: multi-hot, counts, or with `weights` of the categories ("tf_idf") counts times these.

    Shapes: places and their rows (k,); weights (depth,) of dtype `dtype`; result (n, depth).
    """
    exact = np.dtype(dtype).kind in "iu" or np.dtype(dtype).itemsize >= 4  # as far as texts can be long
    bag = np.zeros(n * depth, dtype if exact else "float64")
    at = rows * depth + places
    if mode == "multi_hot":
        bag[at] = 1
    else:
        np.add.at(bag, at, bag.dtype.type(1))
    if weights is not None:
        bag[at] = bag[at] * weights[places]
    return bag.reshape(n, depth).astype(dtype, copy=False)


@primitive(keep=("x",))
def category_encoding(x, *, depth, mode, dtype: Dtype = "float32", gaps: bool = False):
    """Numbers of categories as one-hot rows on a new axis, or gathered over the last axis as multi-hot or counts.

    -1 stands for nothing where there may be gaps.
    """
    at = _checked(x, depth)
    if not gaps and at.size and at.min() < 0:
        raise DataError(f"Categories must lie between 0 and {depth - 1}; received {at.min()}.")
    if mode == "one_hot":
        return (at[..., None] == np.arange(depth)).astype(dtype)
    n, length = math.prod(at.shape[:-1]), at.shape[-1]
    flat, rows = at.ravel(), np.repeat(np.arange(n), length)
    if gaps:
        some = flat >= 0
        flat, rows = flat[some], rows[some]
    return bags(flat, rows, n, depth, mode, dtype).reshape(*at.shape[:-1], depth)


def _encoded(op, x, *, depth, mode, dtype, **_):
    return blank((*(x.shape if mode == "one_hot" else x.shape[:-1]), depth), dtype)


category_encoding.vjp(x=None)
RULES["category_encoding"] = _encoded


@primitive(keep=("x",))
def category_weights(x, weights, *, depth):
    """Sum of the weights of each category over the last axis."""
    at = _checked(x, depth)
    rows = at.reshape(-1, at.shape[-1])
    if at.size and at.min() < 0:
        raise DataError(f"Categories must lie between 0 and {depth - 1}; received {at.min()}.")
    flat = (rows + np.arange(len(rows))[:, None] * depth).ravel()
    sums = np.bincount(flat, weights.ravel(), len(rows) * depth)
    return sums.reshape(*at.shape[:-1], depth).astype(weights.dtype)


RULES["category_weights"] = lambda op, x, weights, *, depth: blank((*x.shape[:-1], depth), weights.dtype)
category_weights.vjp(x=None, weights=lambda g, x: ops.take_along_axis(g, ops.cast(x, "int64"), axis=-1))


def encode(x: Tensor, mode: str, depth: int, dtype: str, weights: Any = None, gaps: bool = False) -> Tensor:
    """Categories as `CategoryEncoding` encodes them.

    Args:
        x: whole numbers; -1 stands for nothing if there may be `gaps`.
        mode: "one_hot", "multi_hot" or "count".
        depth: number of categories.
        dtype: of the result.
        weights: what each counts, in the mode "count".
    """
    if x.ndim == 0:
        x = ops.reshape(x, (1,))
    if mode == "one_hot":
        if x.ndim > 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, -1)
        return category_encoding(x, depth=depth, mode=mode, dtype=dtype, gaps=gaps)
    if weights is not None:
        return category_weights(x, ops.cast(weights, dtype), depth=depth)
    return category_encoding(x, depth=depth, mode=mode, dtype=dtype, gaps=gaps)


def encoded_shape(shape: Any, mode: str, depth: int) -> tuple[Any, ...]:
    """Shape of what `encode` gives for categories of this shape."""
    shape = tuple(shape) or (1,)
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


class Encoding(DataLayer):
    """Base of layers that turn what they are given into numbers of categories, or into rows made of these."""

    output_mode: str

    def _set_mode(self, output_mode: str, sparse: bool, known: tuple[str, ...] = ("int", *MODES)) -> None:
        check_choice(self.label, "output_mode", output_mode, known)
        if sparse:
            raise ArgumentError(f"{self.label}: all Tensors here are dense; received sparse={sparse!r}.")
        self.output_mode, self.sparse, self.autocast = output_mode, False, False

    def _encoded(self, found: Tensor, depth: int, gaps: bool = False) -> Tensor:
        """Numbers of categories in the layer's output mode; -1 stands for nothing if there may be `gaps`."""
        if self.output_mode == "int":
            return ops.cast(found, result_dtype(self.compute_dtype, "int"))
        return encode(found, self.output_mode, depth, self.compute_dtype, gaps=gaps)

    def compute_output_spec(self, inputs: Any) -> Any:
        return self._promise(inputs, result_dtype(self.compute_dtype, self.output_mode))


class CategoryEncoding(Encoding):
    """Whole numbers below `num_tokens` as rows of that length.

        one_hot    each number by a row of its own, 1 at its place; a last axis of length 1 goes
        multi_hot  the numbers along the last axis by one row, 1 at each of their places
        count      the same with how often each occurs; with `count_weights`, the sum of its weights

    Args:
        num_tokens: number of categories.
        output_mode: one of these words.
        sparse: only False: all Tensors here are dense.

    Shapes: x (..., k); one_hot (..., k, num_tokens), the others (..., num_tokens).

    Raises: ArgumentError for bad arguments; DataError for numbers out of range.

    >>> CategoryEncoding(3, output_mode="count")([[0, 2, 2]]).tolist()
    [[1.0, 0.0, 2.0]]
    """

    _untold = ("sparse",)  # as Keras

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        if isinstance(num_tokens, bool) or not isinstance(num_tokens, (int, np.integer)) or num_tokens < 1:
            raise ArgumentError(
                f"{self.label} expects num_tokens of at least 1; received {num_tokens!r}. "
                "Where the number of tokens is not known, use IntegerLookup."
            )
        if output_mode == "binary":  # Keras 2's word
            output_mode = "multi_hot"
        self._set_mode(output_mode, sparse, MODES)
        self.num_tokens = int(num_tokens)

    def call(self, inputs: Any, count_weights: Any = None) -> Tensor:
        if count_weights is not None and self.output_mode != "count":
            raise ArgumentError(
                f"{self.label} uses count_weights in the mode 'count' only; it is {self.output_mode!r}."
            )
        if count_weights is not None and count_weights.shape != inputs.shape:
            raise ShapeError(
                f"{self.label} expects count_weights of the inputs' shape {inputs.shape}; "
                f"received {count_weights.shape}."
            )
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> Any:
        return self._promise(inputs, self.compute_dtype)


def result_dtype(dtype: str, mode: str) -> str:
    """Dtype of the result in a mode, for a layer of this dtype: places are integers, all else is as the layer says."""
    return ("int64" if is_float(dtype) else dtype) if mode == "int" else dtype
