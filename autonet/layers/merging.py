"""Several inputs made one: elementwise, side by side, or by their products."""

import functools
import string
from collections.abc import Sequence
from typing import Any

from autonet import ops
from autonet.common.types import LayerOptions, TensorLike, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.layers.base import Layer, _is_shape
from autonet.ops.normalization import direction


class Merge(Layer):
    """Several inputs of one batch combined elementwise, with broadcasting.

    Inputs with fewer axes get axes of length one after the batch's. A step counts if it does for any of the inputs; if
    one of them comes without a mask, all steps do.

    Args:
        common: name, dtype, trainable.

    Raises: ArgumentError for what is no list of inputs; ShapeError for shapes that do not fit together.
    """

    _nests: tuple[type, ...] = (list, tuple)

    exactly: int | None = None  # inputs, where their number is fixed

    def __init__(self, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.supports_masking = True

    def merge(self, inputs: list[Any]) -> Tensor:
        """The result for inputs of equally many axes."""
        raise NotImplementedError(f"{type(self).__name__} has to define merge(inputs).")

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, (list, tuple)):
            raise self._no_list(inputs)
        self.compute_output_shape([x.shape for x in inputs])
        axes = max([x.ndim for x in inputs])
        return self.merge([_with_axes(x, axes) for x in inputs])

    def _no_list(self, received: Any) -> ArgumentError:
        return ArgumentError(
            f"{self.label} combines a list of inputs, as in {type(self).__name__}()([a, b]); received {received!r}."
        )

    def _shapes(self, input_shape: Any) -> list[tuple[Any, ...]]:
        if _is_shape(input_shape) or not input_shape:
            raise self._no_list(input_shape)
        shapes = [tuple(s) for s in input_shape]
        if self.exactly is not None and len(shapes) != self.exactly:
            raise ArgumentError(f"{self.label} expects exactly {self.exactly} inputs; received {len(shapes)}.")
        return shapes

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        shapes = self._shapes(input_shape)
        batches = {s[0] for s in shapes if s and s[0] is not None}
        if len(batches) > 1:
            raise ShapeError(
                f"{self.label} expects inputs of one batch; received shapes {shapes}. The first axis counts the samples."
            )
        axes = max([len(s) for s in shapes])
        aligned = [(*s[:1], *(1,) * (axes - len(s)), *s[1:]) for s in shapes]
        merged = []
        for lengths in zip(*aligned, strict=True):
            others = {n for n in lengths if n not in (1, None)}
            if len(others) > 1:
                raise ShapeError(f"{self.label} cannot combine inputs of shapes {shapes}. Reshape some of them.")
            merged.append(None if None in lengths else others.pop() if others else 1)
        if merged:
            merged[0] = batches.pop() if batches else None
        return tuple(merged)

    def _check_masks(self, inputs: Any, masks: Any) -> None:
        """One mask, or None, for each input."""
        for what, x in (("inputs", inputs), ("mask", masks)):
            if not isinstance(x, (list, tuple)):
                raise ArgumentError(f"{self.label} expects {what} to be a list; received {type(x).__name__}.")
        if len(masks) != len(inputs):
            raise ArgumentError(
                f"{self.label} expects a mask or None for each of {len(inputs)} inputs; received {len(masks)}."
            )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        if previous_mask is None:
            return None
        self._check_masks(inputs, previous_mask)
        if any(m is None for m in previous_mask):
            return None
        return functools.reduce(ops.logical_or, previous_mask)


def _with_axes(x: Any, axes: int) -> Any:
    """`x` with axes of length one after the first, so that it has so many."""
    missing = axes - x.ndim
    return ops.expand_dims(x, tuple(range(1, missing + 1))) if missing else x


class Add(Merge):
    """The sum of a list of inputs, elementwise.

        y = x_1 + x_2 + ...

    Shapes: inputs (n, ...) that broadcast, to y (n, ...).

    >>> Add()([ops.ones((1, 2)), ops.ones((1, 2))]).tolist()
    [[2.0, 2.0]]
    """

    def merge(self, inputs: list[Any]) -> Tensor:
        return functools.reduce(ops.add, inputs)


class Subtract(Merge):
    """The first input minus the second, elementwise.

        y = x_1 - x_2

    Shapes: inputs (n, ...) that broadcast, to y (n, ...).

    >>> Subtract()([ops.ones((2, 3, 4)), ops.ones((2, 1, 4))]).shape
    (2, 3, 4)
    """

    exactly = 2

    def merge(self, inputs: list[Any]) -> Tensor:
        return ops.subtract(*inputs)


class MaskedMerge(Merge):
    """Base of layers for which a masked step of an input leaves those of the others as they are."""

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        if mask is None or not isinstance(inputs, (list, tuple)) or all(m is None for m in mask):
            return super().call(inputs)
        self._check_masks(inputs, mask)
        self.compute_output_shape([x.shape for x in inputs])
        axes = max([x.ndim for x in inputs])
        masks = [
            m if m is None else _with_axes(ops.reshape(m, (*m.shape, *(1,) * (x.ndim - m.ndim))), axes)
            for x, m in zip(inputs, mask, strict=True)
        ]
        return self.merge_steps([_with_axes(x, axes) for x in inputs], masks)

    def merge_steps(self, inputs: list[Any], masks: list[Any]) -> Tensor:
        """The result for inputs and masks of equally many axes; masks may be None."""
        raise NotImplementedError(f"{type(self).__name__} has to define merge_steps(inputs, masks).")


class Multiply(MaskedMerge):
    """The product of a list of inputs, elementwise. A masked step of an input counts as 1; if it is one of all, as 0.

        y = x_1 * x_2 * ...

    Shapes: inputs (n, ...) that broadcast, to y (n, ...).

    >>> Multiply()([ops.ones((2, 3)), ops.ones((2, 4, 3))]).shape
    (2, 4, 3)
    """

    def merge(self, inputs: list[Any]) -> Tensor:
        return functools.reduce(ops.multiply, inputs)

    def merge_steps(self, inputs: list[Any], masks: list[Any]) -> Tensor:
        y = self.merge([x if m is None else ops.where(m, x, 1) for x, m in zip(inputs, masks, strict=True)])
        return y if any(m is None for m in masks) else ops.where(functools.reduce(ops.logical_or, masks), y, 0)


class Average(Merge):
    """The mean of a list of inputs, elementwise.

        y = (x_1 + ... + x_k) / k

    Shapes: inputs (n, ...) that broadcast, to y (n, ...).

    >>> Average()([ops.ones((2, 3)), ops.ones((2, 3))]).shape
    (2, 3)
    """

    def merge(self, inputs: list[Any]) -> Tensor:
        return ops.divide(Add.merge(self, inputs), len(inputs))  # type: ignore[arg-type]


class Extreme(MaskedMerge):
    """Base of layers that choose among the inputs that have a step; the first one's stays where none has."""

    choose: Any

    def merge(self, inputs: list[Any]) -> Tensor:
        return functools.reduce(self.choose, inputs)

    def merge_steps(self, inputs: list[Any], masks: list[Any]) -> Tensor:
        y, known = inputs[0], masks[0]
        for x, m in zip(inputs[1:], masks[1:], strict=True):
            best = self.choose(y, x)
            best = best if known is None else ops.where(known, best, x)
            y = best if m is None else ops.where(m, best, y)
            known = None if known is None or m is None else ops.logical_or(known, m)
        return y


class Maximum(Extreme):
    """The largest of a list of inputs, elementwise. Masked steps of an input do not count where others have these steps.

        y = max(x_1, x_2, ...)

    Shapes: inputs (n, ...) that broadcast, to y (n, ...).

    >>> Maximum()([ops.ones((2, 3)), ops.ones((2, 3))]).shape
    (2, 3)
    """

    choose = staticmethod(ops.maximum)


class Minimum(Extreme):
    """The smallest of a list of inputs, elementwise. Masked steps of an input do not count where others have these steps.

        y = min(x_1, x_2, ...)

    Shapes: inputs (n, ...) that broadcast, to y (n, ...).

    >>> Minimum()([ops.ones((2, 3)), ops.ones((2, 3))]).shape
    (2, 3)
    """

    choose = staticmethod(ops.minimum)


class Concatenate(Merge):
    """A list of inputs one after the other along an axis; they agree on all others.

    Shapes: inputs (n, ..., d_i, ...), y (n, ..., sum of d_i, ...).

    Args:
        axis: along which they are joined.

    Masks are joined likewise; where features are joined, a step counts if it does for any of the inputs.

    Raises: ArgumentError for what is no list of inputs; ShapeError for shapes that do not fit together.

    >>> Concatenate(axis=1)([ops.ones((2, 3, 4)), ops.ones((2, 2, 4))]).shape
    (2, 5, 4)
    """

    def __init__(self, axis: int = -1, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        if not hasattr(axis, "__index__"):
            raise ArgumentError(f"{self.label} expects axis to be a whole number; received {axis!r}.")
        self.axis = axis

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, (list, tuple)):
            raise self._no_list(inputs)
        self.compute_output_shape([x.shape for x in inputs])
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        shapes = self._shapes(input_shape)
        axes = len(shapes[0])
        if any(len(s) != axes for s in shapes) or not -axes <= self.axis < axes:
            raise ShapeError(
                f"{self.label} joins along axis {self.axis} inputs of equally many axes; received shapes {shapes}."
            )
        axis = self.axis % axes
        joined: list[Any] = []
        for i, lengths in enumerate(zip(*shapes, strict=True)):
            known = {n for n in lengths if n is not None}
            if i == axis:
                joined.append(None if None in lengths else sum(lengths))
            elif len(known) > 1:
                raise ShapeError(
                    f"{self.label} expects inputs that agree on every axis but {axis}; received shapes {shapes}. "
                    "Choose another axis, or bring the others to one length."
                )
            else:
                joined.append(known.pop() if known else None)
        return tuple(joined)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        if previous_mask is None:
            return None
        self._check_masks(inputs, previous_mask)
        if all(m is None for m in previous_mask):
            return None
        axes = inputs[0].ndim
        masks = [ops.ones(x.shape[:2], "bool") if m is None else m for x, m in zip(inputs, previous_mask, strict=True)]
        axis = self.axis % axes
        if axis < masks[0].ndim:
            return ops.concatenate(masks, axis=axis)
        return super().compute_mask(inputs, masks)


class Dot(Merge):
    """For each sample, the sum of products over one axis of each of two inputs.

        y[n, ...] = sum over k of x1[n, ..., k, ...] * x2[n, ..., k, ...]

    Shapes: x1 (n, ..., k, ...), x2 (n, ..., k, ...), result (n, rest of x1, rest of x2), or (n, 1) if nothing is left.

    Args:
        axes: the axis to sum over, or a pair, of the first and of the second input; not 0, the batch's.
        normalize: whether both are brought to length 1 along it first, so that the result is the cosine.

    Raises: DtypeError or ArgumentError for axes that are none; ShapeError if their lengths differ.

    >>> Dot(axes=(1, 2), normalize=True)([ops.ones((2, 3, 4)), ops.ones((2, 5, 3))]).shape
    (2, 4, 5)
    """

    exactly = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise DtypeError(
                    f"{self.label} expects axes to be a whole number or a pair of them; received {axes!r}."
                )
            if len(axes) != 2 or not all(isinstance(a, int) for a in axes):
                raise ArgumentError(f"{self.label} expects axes to be two whole numbers; received {axes!r}.")
        self.axes, self.normalize = axes, normalize

    def _axes(self, shapes: list[tuple[Any, ...]]) -> list[int]:
        """The axis of each input, counted from the front."""
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        for a, s in zip(pair, shapes, strict=True):
            if not -len(s) <= a < len(s) or a % len(s) == 0:
                raise ShapeError(
                    f"{self.label} sums over axes {self.axes} of inputs of shapes {shapes}: each must be an axis of its "
                    "input, and not the batch's."
                )
        return [a % len(s) for a, s in zip(pair, shapes, strict=True)]

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, (list, tuple)):
            raise self._no_list(inputs)
        shapes = [tuple(x.shape) for x in inputs]
        self.compute_output_shape(shapes)
        axes = self._axes(shapes)
        x1, x2 = (direction(x, a) for x, a in zip(inputs, axes, strict=True)) if self.normalize else inputs
        letters = iter(string.ascii_lowercase[2:])
        labels = [["a", *[next(letters) for _ in s[1:]]] for s in shapes]
        for letters_of, axis in zip(labels, axes, strict=True):
            letters_of[axis] = "b"
        one, two = ("".join(x) for x in labels)
        free = [c for c in one + two if c not in "ab"]
        y = ops.einsum(f"{one},{two}->a{''.join(free)}", x1, x2)
        return y if free else ops.expand_dims(y, -1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        shapes = self._shapes(input_shape)
        axes = self._axes(shapes)
        lengths = {s[a] for s, a in zip(shapes, axes, strict=True)} - {None}
        if len(lengths) > 1 or len({s[0] for s in shapes} - {None}) > 1:
            raise ShapeError(
                f"{self.label} sums over axis {axes[0]} of the first and {axes[1]} of the second input, of one length, "
                f"for each sample of one batch; received shapes {shapes}."
            )
        rest = [n for s, a in zip(shapes, axes, strict=True) for i, n in enumerate(s) if i not in (0, a)]
        return (shapes[0][0], *(rest or [1]))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None


# The same as functions


def add(inputs: Sequence[TensorLike], **kwargs: Any) -> Tensor:
    """The sum of a list of inputs: `Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[TensorLike], **kwargs: Any) -> Tensor:
    """The first of two inputs minus the second: `Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[TensorLike], **kwargs: Any) -> Tensor:
    """The product of a list of inputs: `Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[TensorLike], **kwargs: Any) -> Tensor:
    """The mean of a list of inputs: `Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[TensorLike], **kwargs: Any) -> Tensor:
    """The elementwise largest of a list of inputs: `Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[TensorLike], **kwargs: Any) -> Tensor:
    """The elementwise smallest of a list of inputs: `Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[TensorLike], axis: int = -1, **kwargs: Any) -> Tensor:
    """A list of inputs joined along an axis: `Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[TensorLike], axes: int | Sequence[int] = -1, **kwargs: Any) -> Tensor:
    """Sums of products of two inputs over an axis of each: `Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
