"""Layers that keep the scale of what passes."""

import math
from collections.abc import Mapping
from typing import Any

from autonet import initializers, ops
from autonet.common.types import Axis, Dtype, Identifier, LayerOptions, Unpack
from autonet.core.state import state
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.layers.base import Elementwise, Layer
from autonet.layers.options import keeps
from autonet.layers.spec import InputSpec
from autonet.ops.half_precision import accumulates
from autonet.ops.normalization import direction


class BatchNormalization(Layer):
    """Each feature moved and scaled to mean 0 and variance 1, then to a mean and scale that are learned.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta
        moving <- moving * momentum + batch's * (1 - momentum)        for mean and variance, in training

    In training mean and variance (mean squared deviation) are those of the batch, over all axes but `axis`; in
    inference, and whenever `trainable` is False, the moving ones:

        trainable   call(training=True), fit    call(training=False), call(), evaluate, predict
        True        batch's; moving ones move   moving ones
        False       moving ones, which stay     moving ones

    It counts what `trainable` is when the layer runs, however it was set (for the layer, or for a model around it), before
    `compile` or after. A gamma and beta that are not trainable stay too.

    Shapes: x (..., c, ...) with c at `axis`; gamma, beta and the moving moments (c,).

    Args:
        axis: the axis of features.
        momentum: how slowly the moving moments follow.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of beta and gamma.
        renorm: batch renormalization: in training y = ((x - mean) / sqrt(variance + epsilon) * r + d) * gamma + beta with

                r = clip(sqrt(variance + epsilon) / s, rmin, rmax), d = clip((mean - m) / s, -dmax, dmax)

            where m and s are moving means of the batches' means and deviations; r and d count as constants in gradients.
            Inference is the same.
        renorm_clipping: dictionary of "rmax", "rmin", "dmax"; what is missing is inf, 0, inf. Only with renorm.
        renorm_momentum: how slowly m and s follow. Only with renorm.
        synchronized: take the moments of the whole batch where ranks share it (`distribution.DataParallel`, which needs
            reproducible=False for that), not those of a block. Without a distribution that is so in any case.

    Called with a mask, boolean and with the leading axes of x, the batch's moments leave out where it is False.

    Source: Ioffe, Szegedy, 2015, https://arxiv.org/abs/1502.03167; renorm: Ioffe, 2017, https://arxiv.org/abs/1702.03275

    >>> BatchNormalization()(ops.ones((6, 3))).shape
    (6, 3)
    """

    @keeps("beta", "gamma")
    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Identifier = "zeros",
        gamma_initializer: Identifier = "ones",
        moving_mean_initializer: Identifier = "zeros",
        moving_variance_initializer: Identifier = "ones",
        beta_regularizer: Identifier = None,
        gamma_regularizer: Identifier = None,
        beta_constraint: Identifier = None,
        gamma_constraint: Identifier = None,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        if not renorm and (renorm_clipping is not None or renorm_momentum != 0.99):
            raise ArgumentError(
                f"{self.label}: renorm_clipping and renorm_momentum count with renorm=True only; received "
                f"{renorm_clipping!r} and {renorm_momentum!r}. Set it, or leave them out."
            )
        if isinstance(axis, bool) or not hasattr(axis, "__index__"):
            raise ArgumentError(f"{self.label} expects axis to be one whole number; received {axis!r}.")
        self.axis, self.momentum, self.epsilon = axis.__index__(), float(momentum), float(epsilon)
        self.center, self.scale = center, scale
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = bool(renorm)
        self.renorm_clipping = _clipping(renorm_clipping, self.label) if renorm else None
        self.renorm_momentum = float(renorm_momentum)
        self.synchronized = synchronized
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ShapeError(f"{self.label} has axis={self.axis}; received an input of shape {tuple(input_shape)}.")
        n = input_shape[self.axis]
        self.gamma = self._add_of_family("gamma", (n,)) if self.scale else None
        self.beta = self._add_of_family("beta", (n,)) if self.center else None
        self.moving_mean = self.add_weight((n,), self.moving_mean_initializer, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            (n,), self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        if self.renorm:

            def deviation(shape: Any, dtype: Dtype = None) -> Tensor:
                return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

            self.moving_stddev = self.add_weight((n,), deviation, trainable=False, name="moving_stddev")
            self.renorm_mean = self.add_weight((n,), self.moving_mean_initializer, trainable=False, name="renorm_mean")
            self.renorm_stddev = self.add_weight((n,), deviation, trainable=False, name="renorm_stddev")
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: n})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Tensor:
        if not (training and self.trainable):
            moments = self.moving_mean, self.moving_variance
            return ops.batch_normalization(inputs, *moments, self.axis, self.beta, self.gamma, self.epsilon)
        if self.synchronized and mask is None and _over_the_batch(0.0) is not None:
            mask = ops.ones(inputs.shape[:1], "bool")  # moments are then made of sums
        if self.renorm:
            return self._renormalized(inputs, mask)
        if mask is not None:
            mean, variance = self._masked_moments(inputs, mask)
            y = ops.batch_normalization(inputs, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)
        else:
            features, dtype = self.moving_mean.shape, self.moving_mean.dtype
            gamma = self.gamma if self.gamma is not None else ops.ones(features, dtype)
            beta = self.beta if self.beta is not None else ops.zeros(features, dtype)
            y, mean, variance = ops.batch_normalize(inputs, gamma, beta, axis=self.axis, epsilon=self.epsilon)
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_variance, variance, self.momentum)
        return y

    def _renormalized(self, x: Tensor, mask: Any) -> Tensor:
        """Batch renormalization in training."""
        if mask is None:
            others = tuple([i for i in range(x.ndim) if i != self.axis % x.ndim])
            mean, variance = ops.mean(x, axis=others), ops.var(x, axis=others)
        else:
            mean, variance = self._masked_moments(x, mask)
        deviation = ops.sqrt(variance + self.epsilon)
        known = ops.maximum(self.renorm_stddev, math.sqrt(self.epsilon))
        r, d = deviation / known, (mean - self.renorm_mean) / known
        bounds = self.renorm_clipping or {}
        if (rmin := bounds.get("rmin")) is not None:
            r = ops.maximum(r, rmin)
        if (rmax := bounds.get("rmax")) is not None:
            r = ops.minimum(r, rmax)
        if (dmax := bounds.get("dmax")) is not None:
            d = ops.clip(d, -dmax, dmax)
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        scale = r if self.gamma is None else r * self.gamma
        offset = d if self.gamma is None else d * self.gamma
        if self.beta is not None:
            offset = offset + self.beta
        y = ops.batch_normalization(x, mean, variance, self.axis, offset, scale, self.epsilon)
        _follow(self.renorm_mean, mean, self.renorm_momentum)
        _follow(self.renorm_stddev, deviation, self.renorm_momentum)
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_stddev, deviation, self.momentum)
        self.moving_variance.assign(ops.relu(ops.square(self.moving_stddev) - self.epsilon))
        return y

    @accumulates(like="x")
    def _masked_moments(self, x: Tensor, mask: Any) -> tuple[Tensor, Tensor]:
        """Mean and variance over all axes but `axis`, of the places where the mask is True."""
        shape = x.shape
        others = tuple([i for i in range(x.ndim) if i != self.axis % x.ndim])
        mask = ops.cast(mask, x.dtype)
        mask = ops.broadcast_to(ops.reshape(mask, (*mask.shape, *(1,) * (x.ndim - mask.ndim))), shape)
        count = ops.maximum(self._sum(mask, others, True), 1)
        mean = self._sum(x * mask, others, True) / count
        variance = self._sum(ops.square(x - mean) * mask, others, False) / ops.reshape(count, (-1,))
        return ops.reshape(mean, (-1,)), variance

    def _sum(self, x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
        """Over the batch's rows, those elsewhere included if that is asked for."""
        total = ops.sum(x, axis=axis, keepdims=keepdims)
        whole = _over_the_batch(total) if self.synchronized else None
        return total if whole is None else whole

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)


def _over_the_batch(total: Any) -> Any:
    """A sum over rows plus those of rows that are elsewhere; None where there are none."""
    found = (context.sums(total) for context in state.contexts)
    return next((whole for whole in found if whole is not None), None)


def _follow(moving: Any, batch: Tensor, momentum: float) -> None:
    moving.assign(moving * momentum + ops.stop_gradient(batch) * (1 - momentum))


def _clipping(given: Any, who: str) -> dict[str, float]:
    """The bounds of renorm's corrections.

    Raises: ArgumentError for other words than rmin, rmax, dmax, or numbers out of order.
    """
    bounds = {k: v for k, v in (given or {}).items() if v is not None}
    numbers = all(isinstance(v, (int, float)) and v >= 0 for v in bounds.values())
    if set(bounds) - {"rmin", "rmax", "dmax"} or not numbers or bounds.get("rmin", 0) > bounds.get("rmax", math.inf):
        raise ArgumentError(
            f"{who} expects renorm_clipping to hold rmin <= rmax and dmax, all at least 0; received {given!r}."
        )
    return bounds


class LayerNormalization(Layer):
    """Each sample moved and scaled to mean 0 and variance 1 along `axis`, then to a mean and scale that are learned.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta

    Shapes: x and y (n, ...), gamma and beta the lengths of `axis`.

    Args:
        axis: the axes of features, a number or several.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of
            beta and gamma.

    Source: Ba, Kiros, Hinton, 2016, https://arxiv.org/abs/1607.06450

    >>> LayerNormalization()(ops.ones((3, 4))).shape
    (3, 4)
    """

    @keeps("beta", "gamma")
    def __init__(
        self,
        axis: Axis = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Identifier = "zeros",
        gamma_initializer: Identifier = "ones",
        beta_regularizer: Identifier = None,
        gamma_regularizer: Identifier = None,
        beta_constraint: Identifier = None,
        gamma_constraint: Identifier = None,
        **common: Unpack[LayerOptions],
    ):
        if common.pop("rms_scaling", False):  # type: ignore[typeddict-item]
            raise ArgumentError("LayerNormalization has no rms_scaling here: take RMSNormalization instead.")
        super().__init__(**common)
        self.axis = feature_axes(axis, self.label)
        self.epsilon, self.center, self.scale = float(epsilon), center, scale
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape = lengths_along(input_shape, self.axis, self.label)
        self.gamma = self._add_of_family("gamma", shape) if self.scale else None
        self.beta = self._add_of_family("beta", shape) if self.center else None

    def call(self, inputs: Any) -> Tensor:
        return ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        lengths_along(input_shape, self.axis, self.label)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rms_scaling": False}


class GroupNormalization(LayerNormalization):
    """Each group of channels of each sample moved and scaled to mean 0 and variance 1, then as was learned.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta

    Mean and variance are those of all places and channels of a group.

    Shapes: x and y (n, ..., c, ...) with c at `axis`; gamma and beta (c,).

    Args:
        groups: into how many equal groups the channels fall; -1: each for itself.
        axis: the axis of channels.
        epsilon, center, scale, beta_initializer, ..., gamma_constraint: as for LayerNormalization.

    Raises: ArgumentError unless groups divides the number of channels.

    Source: Wu, He, 2018, https://arxiv.org/abs/1803.08494

    >>> GroupNormalization(groups=2)(ops.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    @keeps("beta", "gamma")
    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Identifier = "zeros",
        gamma_initializer: Identifier = "ones",
        beta_regularizer: Identifier = None,
        gamma_regularizer: Identifier = None,
        beta_constraint: Identifier = None,
        gamma_constraint: Identifier = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(axis, epsilon, center, scale, **common)
        if not isinstance(self.axis, int):
            raise ArgumentError(f"{self.label} expects axis to be one whole number; received {axis!r}.")
        if isinstance(groups, bool) or not hasattr(groups, "__index__") or (groups < 1 and groups != -1):
            raise ArgumentError(
                f"{self.label} expects groups to be a whole number above 0, or -1; received {groups!r}."
            )
        self.groups = groups.__index__()

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        (n,) = lengths_along(input_shape, self.axis, self.label)
        if self.groups == -1:
            self.groups = n
        if n % self.groups:
            raise ArgumentError(
                f"{self.label} expects a number of channels that its {self.groups} groups divide; received {n} on axis "
                f"{self.axis} of shape {tuple(input_shape)}. Choose other groups, or check axis."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: n})

    def call(self, inputs: Any) -> Tensor:
        shape, axis = inputs.shape, self.axis % inputs.ndim
        n = shape[axis]
        x = ops.reshape(inputs, (*shape[:axis], self.groups, n // self.groups, *shape[axis + 1 :]))
        others = tuple([i for i in range(1, x.ndim) if i != axis])
        y = ops.reshape(ops.layer_normalization(x, axis=others, epsilon=self.epsilon), shape)
        along = [n if i == axis else 1 for i in range(len(shape))]
        if self.gamma is not None:
            y = y * ops.reshape(self.gamma, along)
        return y if self.beta is None else y + ops.reshape(self.beta, along)

    def get_config(self) -> dict[str, Any]:
        return Layer.get_config(self)  # without rms_scaling


class RMSNormalization(Layer):
    """Each sample scaled to mean square 1 along `axis`, then as was learned.

        y = x / sqrt(mean of x^2 + epsilon) * scale

    Shapes: x and y (n, ...), scale the lengths of `axis`.

    Args:
        axis: the axes of features, a number or several.
        epsilon: added to the mean square.

    Source: Zhang, Sennrich, 2019, https://arxiv.org/abs/1910.07467

    >>> RMSNormalization()(ops.ones((3, 4))).shape
    (3, 4)
    """

    def __init__(self, axis: Axis = -1, epsilon: float = 1e-6, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.axis = feature_axes(axis, self.label)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(lengths_along(input_shape, self.axis, self.label), "ones", name="scale")

    def call(self, x: Any) -> Tensor:
        return ops.rms_normalization(x, self.scale, self.axis, self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        lengths_along(input_shape, self.axis, self.label)
        return tuple(input_shape)


class UnitNormalization(Elementwise):
    """Each sample scaled to length 1 along `axis`: y = x / sqrt(sum of x^2). Zeros stay zeros, with a derivative of 0.

    Shapes: x and y (n, ...).

    Args:
        axis: the axes of features, a number or several, which then count as one.

    >>> UnitNormalization(axis=[1, 2])(ops.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __init__(self, axis: Axis = -1, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.axis = feature_axes(axis, self.label)

    def call(self, inputs: Any) -> Tensor:
        return direction(inputs, self.axis, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        lengths_along(input_shape, self.axis, self.label)
        return tuple(input_shape)


def feature_axes(axis: Any, label: str) -> Any:
    """`axis` if it is a whole number, or a list of those; DtypeError otherwise."""
    several = isinstance(axis, (list, tuple))
    axes = list(axis) if several else [axis]
    if not axes or any(isinstance(a, bool) or not hasattr(a, "__index__") for a in axes):
        raise DtypeError(f"{label} expects axis to be a whole number or several; received {axis!r}.")
    axes = sorted(a.__index__() for a in axes)  # as Keras: the weights' lengths come in this order
    return axes if several else axes[0]


def lengths_along(shape: Any, axis: Any, label: str) -> tuple[Any, ...]:
    """The lengths of `axis` in `shape`; ShapeError if it has no such axis."""
    axes = axis if isinstance(axis, list) else [axis]
    if any(not -len(shape) <= a < len(shape) for a in axes):
        raise ShapeError(
            f"{label} has axis={axis}; received an input of shape {tuple(shape)}. Count axes from 0, or back from -1."
        )
    return tuple([shape[a] for a in axes])
