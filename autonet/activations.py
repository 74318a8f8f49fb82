"""Names to functions: what a layer may do to its output. Named, called and configured as in `keras.activations`.

Most are those of `autonet.ops`. A softmax or sigmoid leaves what it was applied to on its result, so that a
cross-entropy that follows can work from the logits.
"""

from collections.abc import Callable, Mapping
from typing import Any

from autonet import ops
from autonet.common.lines import filter_tracebacks, warn
from autonet.common.types import Identifier, TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError
from autonet.ops import celu as celu
from autonet.ops import elu as elu
from autonet.ops import glu as glu
from autonet.ops import hard_shrink as hard_shrink
from autonet.ops import hard_sigmoid as hard_sigmoid
from autonet.ops import hard_silu as hard_silu
from autonet.ops import hard_swish as hard_swish
from autonet.ops import hard_tanh as hard_tanh
from autonet.ops import leaky_relu as leaky_relu
from autonet.ops import log_sigmoid as log_sigmoid
from autonet.ops import log_softmax as log_softmax
from autonet.ops import relu6 as relu6
from autonet.ops import selu as selu
from autonet.ops import silu as silu
from autonet.ops import soft_shrink as soft_shrink
from autonet.ops import softplus as softplus
from autonet.ops import softsign as softsign
from autonet.ops import sparse_plus as sparse_plus
from autonet.ops import sparse_sigmoid as sparse_sigmoid
from autonet.ops import sparsemax as sparsemax
from autonet.ops import squareplus as squareplus
from autonet.ops import swish as swish
from autonet.ops import tanh as tanh
from autonet.ops import tanh_shrink as tanh_shrink
from autonet.ops import threshold as threshold
from autonet.serialization import Family


def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """x above the threshold, at most max_value; negative_slope * (x - threshold) elsewhere.

    Args:
        x: any shape.
        negative_slope: slope below the threshold.
        max_value: where the result stops growing, not below 0; None lets it grow.
        threshold: where the branches meet.

    Raises: ArgumentError for a negative max_value.

    >>> relu([-2.0, 0.5, 3.0], negative_slope=0.5, max_value=2.0).tolist()
    [-1.0, 0.5, 2.0]
    """
    if max_value is not None and max_value < 0:
        raise ArgumentError(f"relu expects max_value not below 0; received {max_value!r}.")
    if threshold == 0 and negative_slope >= 0:
        y = ops.leaky_relu(x, negative_slope) if negative_slope else ops.relu(x)
        return y if max_value is None else ops.minimum(y, max_value)
    x = convert_to_tensor(x)
    above = x if max_value is None else ops.clip(x, 0, max_value)
    below = (x - threshold) * negative_slope if negative_slope else 0
    return ops.where(x <= threshold, below, above)  # so that NaN stays


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + e^-x), elementwise."""
    x = convert_to_tensor(x)
    y = ops.sigmoid(x)
    y._logits = "sigmoid", x.snapshot(), None
    return y


def softmax(x: TensorLike, axis: int | tuple[int, ...] = -1) -> Tensor:
    """e^x over its sum along `axis`: positive numbers whose sum is 1.

    Along an axis of length 1 that is always 1, and a warning says so.

    Args:
        x: any shape.
        axis: one axis, or several that count as one.
    """
    x = convert_to_tensor(x)
    y = ops.softmax(x, axis=axis)
    if isinstance(axis, int):  # no cross-entropy runs along several axes
        if x.shape[axis : axis + 1 or None] == (1,):
            warn(
                f"softmax over axis {axis} of shape {x.shape}: that axis has length 1, so the result is always 1 and "
                "nothing can be learned. Did you mean a sigmoid?"
            )
        y._logits = "softmax", x.snapshot(), axis
    return y


def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x times the probability that a standard normal number is below x, by erf or (`approximate`) by tanh.

    Source: Hendrycks, Gimpel, 2016, https://arxiv.org/abs/1606.08415
    """
    return ops.gelu(x, approximate)


def mish(x: TensorLike) -> Tensor:
    """x tanh(softplus(x)), elementwise.

    Source: Misra, 2019, https://arxiv.org/abs/1908.08681
    """
    x = convert_to_tensor(x)
    return x * ops.tanh(ops.softplus(x))


def exponential(x: TensorLike) -> Tensor:
    """e^x, elementwise."""
    return ops.exp(x)


def linear(x: TensorLike) -> Tensor:
    """x itself."""
    return convert_to_tensor(x)


filter_tracebacks(__name__)

_MEMBERS = (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
_family = Family(
    "activation",
    "keras.activations",
    members=_MEMBERS,
    aliases={"hard_swish": hard_silu, "swish": silu},
    default=linear,
)


def get(identifier: Identifier) -> Callable[..., Any]:
    """The activation that `identifier` means: a function, or a layer.

    Args:
        identifier: a name such as "relu", a configuration, or a callable already; None is `linear`.

    Raises: ArgumentError, with close matches, for an unknown name.
    """
    return _family.get(identifier)


def serialize(activation: Callable[..., Any]) -> Any:
    """The name of `activation` if it is one of these functions, else its configuration."""
    name = getattr(activation, "__name__", None)
    if name in _family.names and _family.names[name] is activation:
        return name
    return _family.serialize(activation)


def deserialize(config: Identifier, custom_objects: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """The activation that a configuration or a name describes."""
    return _family.deserialize(config, custom_objects)


filter_tracebacks(__name__)  # of what was defined since

__docformat__ = "google"
__all__ = [*(f.__name__ for f in _MEMBERS), "hard_swish", "swish", "deserialize", "get", "serialize"]
