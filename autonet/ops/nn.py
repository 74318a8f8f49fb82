"""Activations: relu, sigmoid, softmax and their relatives, in stable forms.

Those that have a derivative of their own are primitives; the others are composed.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.common.pool import LARGE, by_rows
from autonet.common.types import Dtype, TensorLike
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.comparison import equal, greater, logical_and, logical_or
from autonet.ops.creation import cast, one_hot
from autonet.ops.kinks import at_kinks
from autonet.ops.masks import masked
from autonet.ops.pointwise import absolute, clip, exp, hypot, maximum, square, where
from autonet.ops.reduction import any, kept_shape, max, sum
from autonet.ops.shaping import length_along, split
from autonet.ops.special import erf
from autonet.ops.trigonometry import tanh

# Rectifiers


@primitive
def relu(x):
    """max(x, 0), elementwise; derivative 0 at 0.

    >>> relu([-1.0, 0.0, 2.0]).tolist()
    [0.0, 0.0, 2.0]
    """
    if x.size > 4096 and x.dtype.kind == "f":  # NumPy vectorises the comparison with a number in clip, not in maximum
        return np.clip(x, 0, np.inf)
    return np.maximum(x, 0)


@primitive
def gate(x, switch):
    """`x` where `switch` is above 0, zero elsewhere."""
    return masked(np.greater(switch, 0), x)


def _relu_rule(g, x, y):
    c = gate(g, y)
    return at_kinks(c, g, y, x, equal(x, 0), "jump") if is_recording() else c


relu.vjp(x=_relu_rule)
gate.vjp(x=lambda g, switch: gate(g, switch), switch=None)
relu.on_arrays()


@primitive(floating=True)
def leaky_relu(x, *, negative_slope: float = 0.2):
    """x from 0 on, negative_slope * x below, elementwise; derivative 1 at 0."""
    steep = np.maximum if negative_slope <= 1 else np.minimum
    return steep(x, x * negative_slope)


@primitive
def leak(x, switch, *, negative_slope: float):
    """`x` where `switch` is not below 0, negative_slope * x elsewhere."""
    below = np.less(switch, 0)
    return np.add(masked(np.logical_not(below), x), masked(below, x * negative_slope))


def _leaky_relu_rule(g, x, y, negative_slope):
    c = leak(g, x, negative_slope=negative_slope)
    return at_kinks(c, g, y, x, equal(x, 0), "jump") if is_recording() and negative_slope != 1 else c


leaky_relu.vjp(x=_leaky_relu_rule)
leak.vjp(x=lambda g, switch, negative_slope: leak(g, switch, negative_slope=negative_slope), switch=None)


@primitive(floating=True)
def elu(x, *, alpha: float = 1.0):
    """x above 0, alpha (e^x - 1) below, elementwise.

    Source: Clevert, Unterthiner, Hochreiter, 2016, https://arxiv.org/abs/1511.07289
    """
    return np.add(np.expm1(np.minimum(x, 0)) * alpha, np.maximum(x, 0))


def _elu_rule(g, x, y, alpha):
    c = where(greater(x, 0), g, g * (y + alpha))
    return at_kinks(c, g, y, x, equal(x, 0), "bend" if alpha == 1 else "jump") if is_recording() else c


elu.vjp(x=_elu_rule)

# the fixed point of mean 0 and variance 1, from equation 14 of the source
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def selu(x: TensorLike) -> Tensor:
    """scale * elu(x, alpha), whose constants keep mean 0 and variance 1 from layer to layer.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, 2017, https://arxiv.org/abs/1706.02515
    """
    return elu(x, alpha=SELU_ALPHA) * SELU_SCALE


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha (e^(x / alpha) - 1) below: an elu whose derivative is continuous for every alpha.

    Source: Barron, 2017, https://arxiv.org/abs/1704.07483
    """
    x = convert_to_tensor(x)
    return elu(x / alpha) * alpha


def relu6(x: TensorLike) -> Tensor:
    """x moved into [0, 6], elementwise."""
    return clip(x, 0.0, 6.0)


def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """x where it is above the threshold, `default_value` elsewhere."""
    x = convert_to_tensor(x)
    return where(x <= threshold, default_value, x)  # so that NaN stays


def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by the threshold, and no further than to 0."""
    x = convert_to_tensor(x)
    return x - clip(x, -threshold, threshold)


def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x where |x| is above the threshold, 0 elsewhere."""
    x = convert_to_tensor(x)
    return where(absolute(x) <= threshold, 0.0, x)  # so that NaN stays


# Sigmoids


@primitive(floating=True)
def sigmoid(x):
    """1 / (1 + e^-x), elementwise, with full relative accuracy on both sides.

    >>> sigmoid([0.0, -1000.0, 1000.0]).tolist()
    [0.5, 0.0, 1.0]
    """
    y = np.empty_like(x)
    np.negative(x, out=y)
    with np.errstate(over="ignore"):  # e^-x may be inf; then y is 0, as it should be
        np.exp(y, out=y)
    np.add(y, 1, out=y)
    return np.reciprocal(y, out=y)


sigmoid.vjp(x=lambda g, y: g * (y - y * y))
sigmoid.on_arrays()


@primitive(floating=True)
def softplus(x):
    """log(1 + e^x), elementwise, without overflow."""
    y = np.empty_like(x)
    np.absolute(x, out=y)
    np.negative(y, out=y)
    np.log1p(np.exp(y, out=y), out=y)
    return np.add(y, np.maximum(x, 0), out=y)


softplus.vjp(x=lambda g, x: g * sigmoid(x))


def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x)), elementwise, finite where sigmoid is too small to represent."""
    x = convert_to_tensor(x)
    return -softplus(-x)


def hard_sigmoid(x: TensorLike) -> Tensor:
    """x / 6 + 1/2 moved into [0, 1], elementwise."""
    x = convert_to_tensor(x)
    return clip(x + 3.0, 0.0, 6.0) / 6.0


def sparse_sigmoid(x: TensorLike) -> Tensor:
    """(x + 1) / 2 moved into [0, 1], elementwise."""
    return (clip(x, -1.0, 1.0) + 1.0) * 0.5


def hard_tanh(x: TensorLike) -> Tensor:
    """x moved into [-1, 1], elementwise."""
    return clip(x, -1, 1)


def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x), elementwise."""
    x = convert_to_tensor(x)
    return x - tanh(x)


def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|), elementwise."""
    x = convert_to_tensor(x)
    return x / (absolute(x) + 1)


# Smooth rectifiers


@primitive(floating=True, accumulates=True)
def silu(x):
    """x * sigmoid(x), elementwise; also called swish.

    Source: Elfwing, Uchibe, Doya, 2017, https://arxiv.org/abs/1702.03118
    """
    return np.multiply(x, y := sigmoid.body(x), out=y)


def _silu_composed(x):
    return x * sigmoid(x)


def _silu_rule(g, x):
    s = sigmoid(x)
    return g * (s + x * (s - s * s))


silu.composition = _silu_composed
silu.vjp(x=_silu_rule)

swish = silu


def hard_silu(x: TensorLike) -> Tensor:
    """x * hard_sigmoid(x), elementwise; also called hard swish.

    Source: Howard et al., 2019, https://arxiv.org/abs/1905.02244
    """
    x = convert_to_tensor(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


_NEAR = 1e4  # the square of x from which tanh in gelu is 1, long before: so that no power of x overflows
_CUBIC, _SCALE = 0.044715, math.sqrt(2 / math.pi)


@primitive(floating=True, accumulates=True)
def gelu(x, *, approximate: bool = True):
    """x times the probability that a standard normal number is below x, elementwise.

    With `approximate` by tanh, 3e-4 off at most; else by erf.

    Source: Hendrycks, Gimpel, 2016, https://arxiv.org/abs/1606.08415
    """
    y = np.empty_like(x)
    if approximate:
        np.minimum(np.square(x, out=y), _NEAR, out=y)
        np.multiply(np.add(np.multiply(y, _CUBIC, out=y), 1, out=y), x, out=y)
        np.tanh(np.multiply(y, _SCALE, out=y), out=y)
    else:
        y = np.asarray(erf.body(np.multiply(x, math.sqrt(0.5), out=y)))
    np.multiply(np.add(y, 1, out=y), x, out=y)
    return np.multiply(y, 0.5, out=y)


def _gelu_composed(x, approximate):
    if approximate:
        squared = x * x
        return x * (tanh(x * (where(squared < _NEAR, squared, _NEAR) * _CUBIC + 1.0) * _SCALE) + 1.0) * 0.5
    return x * (erf(x * math.sqrt(0.5)) + 1.0) * 0.5


def _gelu_rule(g, x, approximate):
    if approximate:
        squared = x * x
        bounded = where(squared < _NEAR, squared, _NEAR)  # minimum would be looked at for its kink
        t = tanh(x * (bounded * _CUBIC + 1.0) * _SCALE)
        slope = (1.0 - t * t) * (bounded * (3 * _CUBIC) + 1.0) * _SCALE
    else:
        t = erf(x * math.sqrt(0.5))
        slope = exp(x * x * -0.5) * _SCALE
    return g * ((t + 1.0) + x * slope) * 0.5


gelu.composition = _gelu_composed
gelu.vjp(x=_gelu_rule)


@primitive(floating=True, accumulates=True)
def squareplus(x, *, b: float = 4):
    """(x + sqrt(x^2 + b)) / 2, elementwise, without cancellation for x below 0; b above 0.

    Source: Barron, 2021, https://arxiv.org/abs/2112.11687
    """
    if not b > 0:
        raise ArgumentError(f"squareplus expects b above 0; received {b!r}. For b = 0 it is relu.")
    root = np.sqrt(np.square(x) + b)
    return np.maximum(x, 0) + b / (2 * (root + np.absolute(x)))


squareplus.vjp(x=lambda g, x, y, b: g * (y / hypot(x, math.sqrt(b))))


def sparse_plus(x: TensorLike) -> Tensor:
    """x from 1 on, (x + 1)^2 / 4 between -1 and 1, 0 below: a softplus that is exact in its tails."""
    x = convert_to_tensor(x)
    return where(x > 1, x, square(clip(x, -1.0, 1.0) + 1.0) * 0.25)


def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The first half of `x` along `axis`, times the sigmoid of the second half.

    Raises: ShapeError if the axis has an odd length.

    Source: Dauphin, Fan, Auli, Grangier, 2016, https://arxiv.org/abs/1612.08083
    """
    x = convert_to_tensor(x)
    if length_along(x, axis, "glu") % 2:
        raise ShapeError(
            f"glu expects an even length along axis {axis}, to halve it; received shape {x.shape}. "
            "Choose another axis, or compute twice as many features before it."
        )
    value, switch = split(x, 2, axis)
    return value * sigmoid(switch)


# Along an axis


@primitive(floating=True, accumulates=True)
def softmax(x, *, axis: int | Sequence[int] = -1):
    """e^x over the sum of e^x along `axis` (a number, several, or None for all), without overflow.

    >>> softmax([1000.0, 1000.0]).tolist()
    [0.5, 0.5]
    """
    if not x.size:
        return x
    if not x.ndim:
        return np.ones_like(x)
    if x.size >= LARGE and _by_rows(axis, x):
        y = np.empty_like(x)
        by_rows(_softmax, x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1]))
        return y
    return _softmax(x, None, axis)


def _softmax(x, y, axis=-1):
    y = np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=y)
    np.exp(y, out=y)
    return np.divide(y, np.add.reduce(y, axis=axis, keepdims=True), out=y)


def _by_rows(axis, *arrays) -> bool:
    """Whether what happens along `axis` happens in each row by itself, of arrays of one shape."""
    shape = arrays[0].shape
    return axis in (-1, len(shape) - 1) and all(a.flags.c_contiguous and a.shape == shape for a in arrays)


@primitive(floating=True, accumulates=True)
def softmax_vjp(g, y, *, axis: int | Sequence[int]):
    """What `_softmax_composed` computes, y softmax's result."""
    if y.size >= LARGE and _by_rows(axis, g, y):
        gx = np.empty_like(y)
        by_rows(_softmax_vjp, *[a.reshape(-1, y.shape[-1]) for a in (g, y, gx)])
        return gx
    return _softmax_vjp(g, y, None, axis)


def _softmax_vjp(g, y, gx, axis=-1):
    if not y.ndim:
        return y * (g - g * y)
    gx = np.multiply(g, y, out=gx)
    np.subtract(g, np.add.reduce(gx, axis=axis, keepdims=True), out=gx)
    return np.multiply(y, gx, out=gx)


def _softmax_composed(g, y, axis):
    return y * (g - sum(g * y, axis=axis, keepdims=True))


softmax_vjp.composition = _softmax_composed
softmax.vjp(x=lambda g, y, axis: (_softmax_composed if is_recording() else softmax_vjp)(g, y, axis=axis))


@primitive(floating=True, accumulates=True)
def log_softmax(x, *, axis: int | Sequence[int] = -1):
    """log(softmax(x)) along `axis`, finite where softmax is too small to represent."""
    if not x.size:
        return x
    if not x.ndim:
        return np.zeros_like(x)
    y = np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True))
    return np.subtract(y, np.log(np.add.reduce(np.exp(y), axis=axis, keepdims=True)), out=y)


log_softmax.vjp(x=lambda g, y, axis: g - exp(y) * sum(g, axis=axis, keepdims=True))


@primitive(floating=True, accumulates=True)
def sparsemax(x, *, axis: int = -1):
    """The nearest point to `x` among the probabilities along `axis`: like softmax, but with exact zeros.

    Source: Martins, Astudillo, 2016, https://arxiv.org/abs/1602.02068
    """
    z = np.moveaxis(x, axis, -1)
    if not z.size:
        return x
    z = z - np.max(z, axis=-1, keepdims=True)  # sums of large numbers would lose the 1
    falling = -np.sort(-z, axis=-1)
    rank = np.arange(1, z.shape[-1] + 1, dtype=x.dtype)
    excess = np.cumsum(falling, axis=-1, dtype=x.dtype) - 1
    support = np.sum(rank * falling > excess, axis=-1, keepdims=True)
    floor = np.take_along_axis(excess, support - 1, axis=-1) / support.astype(x.dtype)
    return np.moveaxis(np.maximum(z - floor, 0), -1, axis)


def _sparsemax_rule(g, x, y, axis):
    # within the support, g less its mean there; nothing outside
    support = cast(greater(y, 0), y.dtype)
    kept = g * support
    places = maximum(sum(support, axis=axis, keepdims=True), 1)
    c = kept - support * (sum(kept, axis=axis, keepdims=True) / places)
    if not is_recording() or not x.size:
        return c
    # where a number is about to enter the support, the slopes of all that share it jump
    edge = logical_and(x >= max(x, axis=axis, keepdims=True) - max(y, axis=axis, keepdims=True), equal(y, 0))
    at = logical_and(any(edge, axis=axis, keepdims=True), logical_or(edge, greater(y, 0)))
    return at_kinks(c, g, y, x, at, "lost", kept_shape(x.shape, axis), tied="all")


sparsemax.vjp(x=_sparsemax_rule)


def multi_hot(
    inputs: TensorLike, num_classes: int | None = None, axis: int = -1, dtype: Dtype = None, sparse: bool = False
) -> Tensor:
    """1 at every class number that occurs in a sample, 0 elsewhere.

    Args:
        inputs: class numbers, shape (n, k, ...), or (k,) for one sample; those out of range give nothing.
        num_classes: how many classes there are.
        axis: where the classes go.
        dtype: by default `floatx()`.

    Returns: shape (n, ..., num_classes), or (num_classes,).

    >>> multi_hot([1, 2, 2], 4).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    if num_classes is None:
        raise ArgumentError("multi_hot expects num_classes: how many classes there are. Received None.")
    inputs = convert_to_tensor(inputs)
    hot = one_hot(inputs, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    return max(hot, axis=1 if inputs.ndim > 1 else 0, initial=0) if inputs.ndim else hot


def __dir__() -> list[str]:
    from autonet import ops

    return [name for name in dir(ops) if name[0] != "_" and callable(getattr(ops, name))]


def __getattr__(name: str) -> Any:  # keras.ops.nn has more names, whose rooms are others
    from autonet import ops

    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(ops, name)
