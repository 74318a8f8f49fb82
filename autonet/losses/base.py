"""Loss: how losses per sample become one number, under sample weights and masks."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.common.versions import Versioned
from autonet.core import Tensor, convert_to_tensor
from autonet.core.state import state
from autonet.errors import ArgumentError, ShapeError
from autonet.serialization import deserialize_keras_object, serialize_keras_object, snake_case
from autonet.untrusted.faults import described

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss(Versioned):
    """Base of all losses: `loss(y_true, y_pred, sample_weight=None)` is the number that training lowers.

    A subclass defines `call(y_true, y_pred)`, one loss per sample. With l those losses, n their number, w the sample
    weights (1 where there are none), and m the mask (1 where there is none):

        sum                        sum of m w l
        sum_over_batch_size, mean  sum of m w l / sum of m     (n, without a mask)
        mean_with_sample_weight    sum of m w l / sum of m w
        none                       m w l, one per sample

    So a masked sample counts like an absent one, and a mean over nothing is 0.

    Args:
        name: what messages and logs call it; by default the class's own name in snake_case.
        reduction: one of the words above; None means "none".
        dtype: of the computation. By default that of the predictions, but at least `floatx()`: float64 stays float64.

    >>> class Worst(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ops.max(abs(y_true - y_pred), axis=-1)
    >>> Worst(reduction="none")([[1.0, 2.0], [3.0, 4.0]], [[1.5, 4.0], [3.0, 5.0]]).tolist()
    [2.0, 1.0]
    """

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Dtype = None):
        if reduction not in REDUCTIONS:
            known = ", ".join(repr(r) for r in REDUCTIONS)
            raise ArgumentError(
                f"{type(self).__name__} expects reduction to be one of {known}; received {reduction!r}."
            )
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction
        self._dtype = None if dtype is None else dtypes.standardize_dtype(dtype)

    @property
    def dtype(self) -> str:
        """Name of the dtype asked for, or the default float."""
        return self._dtype or dtypes.floatx()

    def __call__(
        self,
        y_true: TensorLike | Mapping[str, Any],
        y_pred: TensorLike | Mapping[str, Any],
        sample_weight: TensorLike | None = None,
    ) -> Tensor:
        y_pred = tensors(y_pred, self._prediction)
        y_true = tensors(y_true)
        weight = None if sample_weight is None else convert_to_tensor(sample_weight)
        mask = getattr(y_pred, "_mask", None)
        y_true, y_pred = self.align(y_true, y_pred, rank(weight, mask))
        losses = convert_to_tensor(self.call(y_true, y_pred))
        return reduce(losses, weight, both(mask, getattr(losses, "_mask", None), losses), self.reduction, self.name)

    def _prediction(self, y_pred: Any) -> Tensor:
        """`y_pred` in the dtype of the computation, with the mask and the logits that it carries."""
        y_pred = convert_to_tensor(y_pred)
        wanted = self._dtype
        if wanted is None:
            wanted = dtypes.floatx()
            if y_pred.dtype == wanted:
                return y_pred
            if dtypes.is_float(y_pred.dtype):
                wanted = dtypes.result_type(y_pred.dtype, wanted)
        return carry(y_pred, ops.cast(y_pred, wanted)) if y_pred.dtype != wanted else y_pred

    def align(self, y_true: Any, y_pred: Any, weight_rank: int) -> tuple[Any, Any]:
        """Targets and predictions as `call` is to see them; `weight_rank` is that of weights or mask, 0 for none."""
        return y_true, y_pred

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """Losses per sample."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred), one loss per sample.")

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `from_config` makes another one."""
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        return config if self._dtype is None else {**config, "dtype": self._dtype}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new one, from what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class HasArguments:
    """Mixin: the further arguments of a function, which `arguments` holds, are attributes too."""

    arguments: dict[str, Any]

    if not TYPE_CHECKING:  # to type checkers, a class with this method has every name

        def __getattr__(self, name: str) -> Any:
            arguments = self.__dict__.get("arguments", {})
            if name in arguments:
                return arguments[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("arguments", ()):
            name, value = "arguments", {**self.arguments, name: value}
        super().__setattr__(name, value)


class LossFunctionWrapper(HasArguments, Loss):
    """The loss that a function of (y_true, y_pred), returning one loss per sample, defines.

    Shapes: what `fn` takes.

    Args:
        fn: the function.
        kwargs: its further arguments, fixed here.

    >>> worst = LossFunctionWrapper(lambda y_true, y_pred: ops.max(abs(y_true - y_pred), axis=-1))
    >>> float(worst([[1.0, 2.0]], [[1.5, 4.0]]))
    2.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Dtype = None,
        **kwargs: Any,
    ):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn = fn
        self.arguments = kwargs

    def align(self, y_true: Any, y_pred: Any, weight_rank: int) -> tuple[Any, Any]:
        return align(y_true, y_pred, weight_rank)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        value = self.fn(y_true, y_pred, **self.arguments)
        if value is None:
            raise ArgumentError(
                f"The loss {self.name!r} must return one number per sample; it returned None. Let the function return it."
            )
        return value

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **serialize_keras_object(self.arguments)}
        return {**config, "fn": serialize_keras_object(self.fn)} if type(self) is LossFunctionWrapper else config

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**deserialize_keras_object(config))


def tensors(y: Any, convert: Callable[..., Any] = convert_to_tensor) -> Any:
    """Numbers, or nested lists of them, as one Tensor; a dictionary, list or tuple of arrays as a nest of Tensors."""
    if isinstance(y, dict):
        return {key: tensors(part, convert) for key, part in y.items()}
    if isinstance(y, (list, tuple)) and any(isinstance(part, dict) or getattr(part, "ndim", 0) for part in y):
        return type(y)([tensors(part, convert) for part in y])
    return convert(y)


def rank(*weights: Tensor | None) -> int:
    """The largest number of axes among the weights and masks that are there, else 0."""
    return max((w.ndim for w in weights if w is not None), default=0)


def carry(old: Tensor, new: Tensor) -> Tensor:
    """`new`, a cast of `old`, with the mask and the logits that `old` carries."""
    mask, logits = getattr(old, "_mask", None), getattr(old, "_logits", None)
    if mask is not None:
        new._mask = mask
    if logits is not None:
        new._logits = logits
    return new


def align(y_true: TensorLike, y_pred: TensorLike, weight_rank: int = 0) -> tuple[Any, Any]:
    """Targets and predictions of one rank, where samples of one number came without an axis of length 1.

    (n,) beside (n, 1) becomes (n, 1), as in Keras. Where weights or a mask have an axis for it, every number is a
    sample: with n weights, two of (n,) become two of (n, 1), n samples and not one of n numbers; with (n, t) weights,
    targets (n, t) beside predictions (n, t, 1) become (n, t, 1).
    """
    if not isinstance(y_true, Tensor) or not isinstance(y_pred, Tensor):
        return y_true, y_pred
    i, j = y_true.ndim, y_pred.ndim
    if i == j == weight_rank == 1:
        return ops.expand_dims(y_true, -1), widened(y_pred)
    if i + 1 == j and y_pred.shape[-1] == 1 and (i == 1 or weight_rank == i):
        return ops.expand_dims(y_true, -1), y_pred
    if j == 1 and y_true.shape[1:] == (1,):
        return y_true, widened(y_pred)
    return y_true, y_pred


def widened(y_pred: Tensor) -> Tensor:
    """`y_pred` with a last axis of length 1; logits that it carries through a sigmoid get one, too."""
    wide = ops.expand_dims(y_pred, -1)
    name, logits, axis = getattr(y_pred, "_logits", None) or ("", y_pred, None)
    if name == "sigmoid":
        wide._logits = name, ops.expand_dims(logits, -1), axis
    return wide


def both(a: Any, b: Any, values: Tensor) -> Tensor | None:
    """The mask that lets pass what masks `a` and `b` let pass, either of which may be missing."""
    masks = [ops.cast(spread(m, values.shape, "a mask"), "bool") for m in (a, b) if m is not None]
    if len(masks) == 2:
        return ops.logical_and(masks[0], masks[1])
    return masks[0] if masks else None


def spread(weight: Any, shape: tuple[int, ...], who: str = "sample_weight") -> Tensor:
    """`weight` with as many axes as `shape`, so that both multiply: its axes meet the first ones of `shape`.

    (n,), (n, 1) and (n, t) all go with (n, t), and (n, 1) with (n,).

    Raises: ShapeError if an axis differs in length and is not 1.
    """
    weight = convert_to_tensor(weight)
    own = weight.shape
    if len(own) == len(shape) + 1 and own[-1] == 1:
        weight = ops.squeeze(weight, -1)
    if weight.ndim > len(shape) or any(a not in (1, b) for a, b in zip(weight.shape, shape, strict=False)):
        advice = (
            "The function returned one number in all: let it return one per sample (a mean over the last axis only)."
            if not shape
            else "Give one number per sample: its axes must be those of the losses, or the first of them."
        )
        raise ShapeError(f"{who} expects to weigh losses of shape {shape}; received shape {own}. {advice}")
    if 0 < weight.ndim < len(shape):
        weight = ops.reshape(weight, weight.shape + (1,) * (len(shape) - weight.ndim))
    return weight


def reduce(losses: Tensor, weight: Any, mask: Tensor | None, reduction: str | None, who: str = "The loss") -> Tensor:
    """Losses per sample as one number; the formulas stand at `Loss`."""
    shape = losses.shape
    values = losses
    if weight is not None:
        weight = ops.cast(spread(weight, shape, f"{who}: sample_weight"), losses.dtype)
        values = values * weight
    if mask is not None:
        values = ops.where(mask, values, 0.0)  # not a product: what a masked sample holds may be nan
    if reduction in ("none", None):
        return values
    if reduction == "sum":
        n = _divisor(None)
        return ops.sum(values) if n is None else ops.sum(values) / n
    if mask is None and (weight is None or reduction != "mean_with_sample_weight"):
        return ops.mean(values) if losses.size else ops.sum(values)
    counted = weight if mask is None else ops.cast(mask, losses.dtype)
    if reduction == "mean_with_sample_weight" and weight is not None and mask is not None:
        counted = weight * counted
    return ratio(ops.sum(values), _divisor(ops.sum(ops.broadcast_to(counted, shape))))


def _divisor(count: Any) -> Any:
    """What a sum of losses is divided by: where a part of a batch is computed, that decides with the rest of it."""
    for context in state.contexts:
        count = context.divisor(count)
    return count


def ratio(a: Any, b: Any) -> Tensor:
    """a / b, and 0 where b is 0: a mean over nothing is 0."""
    nothing = ops.equal(b, 0)
    return ops.where(nothing, 0.0, a / ops.where(nothing, 1.0, b))
