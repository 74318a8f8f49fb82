"""The few primitives that the backward walk itself needs: add, sum_to, broadcast_to, cast."""

from typing import Any

import numpy as np

from autonet.common.types import Dtype
from autonet.core.primitive import primitive
from autonet.core.state import state
from autonet.core.tensor import Tensor, wrap


@primitive
def add(x1, x2):
    """Sum x1 + x2, elementwise, with broadcasting."""
    return np.add(x1, x2)


add.vjp(x1=lambda g: g, x2=lambda g: g)


@primitive
def sum_to(x, *, shape):
    """Sum of `x` over the axes along which an array of `shape` was repeated to make it."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple([i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1])
    if not axes:
        return x.reshape(shape)
    if x.dtype == np.float16:  # the walk calls this body: see ops.half_precision
        return x.sum(axis=axes, dtype=np.float32).reshape(shape).astype(np.float16)
    return x.sum(axis=axes).reshape(shape)


sum_to.vjp(x=lambda g, x_shape: broadcast_to(g, shape=x_shape))


@primitive
def broadcast_to(x, *, shape):
    """`x` repeated along new and length-one axes until it has `shape`."""
    return np.broadcast_to(x, shape)


broadcast_to.vjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))


@primitive
def cast(x, *, dtype: Dtype):
    """`x` with another element type."""
    for context in state.contexts:
        dtype = context.casts(x.dtype, dtype)
    return x.astype(dtype)


cast.vjp(x=lambda g, x_dtype: cast(g, dtype=x_dtype))


Tensor._cast = cast


def zeros_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Tensor:
    """A constant Tensor of zeros, for a cotangent that nobody gave."""
    zeros = wrap(np.zeros(shape, dtype))
    zeros._absent = True
    return zeros
