"""Attention: weighted means of values, with weights from products of queries and keys.

One primitive does it a head at a time, so that the scores of a head stay in the cache and never lie in memory for all
heads at once; another, its derivatives, computes the weights again from the logarithms of their sums.
The plan: Dao, Fu, Ermon, Rudra, Ré, 2022, https://arxiv.org/abs/2205.14135
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.ops.comparison import logical_and, logical_not
from autonet.ops.creation import cast
from autonet.ops.half_precision import accumulates
from autonet.ops.nn import softmax
from autonet.ops.pointwise import exp, where
from autonet.ops.products import einsum, matmul
from autonet.ops.reduction import any, mean, sum
from autonet.ops.shaping import expand_dims, reshape, swapaxes, transpose
from autonet.ops.sliding_windows import blocks
from autonet.ops.trigonometry import tanh

HIDDEN = -np.inf  # a score that leaves no weight


@primitive(keep=("mask",), floating=True, accumulates=True)
def attend(query, key, value, mask, *, scale=1.0, causal=False):
    """The means of `value` weighted by the softmax of the scores of `query` and `key`.

        y[n, i, h] = sum over j of w[n, h, i, j] value[n, j, h],  w = softmax over j of scale * (query . key)

    The weights are 0 where `mask` is False and, if causal, where j > i; a row without any weight gives 0.

    Shapes: query (n, t, h, d), key (n, s, h, d), value (n, s, h, e), mask broadcasts to (n, h, t, s).

    Returns: y (n, t, h, e), and the logarithms of the sums of e^score (n, h, t), 0 where nothing is summed.
    """
    q, k, v = (_by_head(x) for x in (query, key, value))
    n, h, t, _ = q.shape
    y = np.empty((*query.shape[:-1], value.shape[-1]), query.dtype)
    lse = np.empty((n, h, t), query.dtype)
    for some, hidden in _scored(q, k, mask, causal):
        scores = _scores(q[some], k[some], hidden, scale)
        peak = np.max(scores, axis=-1, keepdims=True, initial=HIDDEN)
        peak[peak == HIDDEN] = 0
        weights = np.exp(np.subtract(scores, peak, out=scores), out=scores)
        total = np.sum(weights, axis=-1, keepdims=True)
        empty = total == 0
        total[empty] = 1
        peak[empty] = 0
        _by_head(y)[some] = np.matmul(weights, v[some]) / total
        lse[some] = (peak + np.log(total))[..., 0]
    return y, lse


@primitive(keep=("mask",), floating=True, accumulates=True)
def attend_vjp(gy, glse, query, key, value, mask, y, lse, *, scale=1.0, causal=False):
    """What `_composed_vjp` computes, a few heads at a time."""
    q, k, v, g, out = (_by_head(x) for x in (query, key, value, gy, y))
    made = tuple([np.empty(x.shape, query.dtype) for x in (query, key, value)])
    gq, gk, gv = (_by_head(x) for x in made)
    for some, hidden in _scored(q, k, mask, causal):
        g_some = g[some]
        weights = _scores(q[some], k[some], hidden, scale)
        np.exp(np.subtract(weights, lse[some][..., None], out=weights), out=weights)
        if hidden is not None:
            np.copyto(weights, 0, where=hidden)
        gv[some] = np.matmul(weights.swapaxes(-1, -2), g_some)
        moved = np.matmul(g_some, v[some].swapaxes(-1, -2))
        moved -= np.sum(g_some * out[some], axis=-1, keepdims=True) - glse[some][..., None]
        np.multiply(np.multiply(moved, weights, out=moved), scale, out=moved)
        gq[some] = np.matmul(moved, k[some])
        gk[some] = np.matmul(moved.swapaxes(-1, -2), q[some])
    return made


def _by_head(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 2, 1, 3)


def _scored(q: np.ndarray, k: np.ndarray, mask: np.ndarray, causal: bool) -> Iterator[tuple[slice, np.ndarray | None]]:
    """Runs of rows whose scores fit into the cache, and where those are hidden."""
    n, h, t, _ = q.shape
    s = k.shape[2]
    mask = np.broadcast_to(mask, (n, *np.broadcast_shapes(mask.shape, (1, 1, 1, 1))[1:]))
    whole = bool(mask.all()) and not causal
    for some in blocks(n, 4 * h * t * s):
        seen = mask[some]
        if causal:
            seen = np.logical_and(seen, np.tri(t, s, dtype=bool))
        yield some, None if whole else ~seen


def _scores(q: np.ndarray, k: np.ndarray, hidden: np.ndarray | None, scale: float) -> np.ndarray:
    scores = np.matmul(q, k.swapaxes(-1, -2))
    scores *= scale
    if hidden is not None:
        np.copyto(scores, HIDDEN, where=hidden)
    return scores


def _composed_vjp(gy, glse, query, key, value, mask, y, lse, scale, causal):
    q, k, v, g = (transpose(x, (0, 2, 1, 3)) for x in (query, key, value, gy))
    if causal:
        mask = logical_and(mask, np.tri(query.shape[1], key.shape[1], dtype=bool))
    scores = matmul(q, swapaxes(k, -1, -2)) * scale
    weights = exp(where(mask, scores - expand_dims(lse, -1), HIDDEN))
    inner = swapaxes(sum(gy * y, axis=-1), 1, 2) - glse
    moved = weights * (matmul(g, swapaxes(v, -1, -2)) - expand_dims(inner, -1)) * scale
    derivatives = (
        matmul(moved, k),
        matmul(swapaxes(moved, -1, -2), q),
        matmul(swapaxes(weights, -1, -2), g),
    )
    return tuple([transpose(x, (0, 2, 1, 3)) for x in derivatives])


def _attend_rule(g, query, key, value, mask, y, scale, causal):
    # small ops where the derivatives will be differentiated themselves
    derivatives: Callable = _composed_vjp if is_recording() else attend_vjp
    return (*derivatives(*g, query, key, value, mask, *y, scale=scale, causal=causal), None)


attend.joint_vjp(_attend_rule)


@accumulates()
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """The means of `value` weighted by the softmax of the scores of `query` and `key`, head by head.

        y = softmax over s of (query . key * scale + bias) @ value

    Args:
        query: shape (n, t, heads, d).
        key, value: shapes (n, s, k, d) and (n, s, k, e); k divides heads, each of them then serving heads / k queries.
        bias: added to the scores, broadcasts to (n, heads, t, s).
        mask: boolean, broadcasts to (n, heads, t, s); weights are 0 where it is False. Where it leaves a query
            nothing, all values count evenly, as in Keras.
        scale: by default 1 / sqrt(d).
        is_causal: whether a query sees only the keys up to its own place.
        flash_attention: a hint without effect: what can be done without storing the scores, always is.
        attn_logits_soft_cap: c, for scores c tanh(score / c); None for the scores themselves.

    Returns: shape (n, t, heads, e).

    Raises: ShapeError for inputs that are not four-dimensional or do not fit each other.

    Source: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    >>> x = [[[[0.0]], [[2.0]]]]
    >>> dot_product_attention(x, x, x, is_causal=True)[0, 0].tolist()
    [[0.0]]
    """
    query, key, value = (convert_to_tensor(x) for x in (query, key, value))
    _check_heads(query.shape, key.shape, value.shape)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    key, value = (_shared(x, query.shape[2] // x.shape[2]) for x in (key, value))
    hidden = None
    if mask is not None:
        mask = _four(cast(mask, "bool"))
        seen = logical_and(mask, np.tri(query.shape[1], key.shape[1], dtype=bool)) if is_causal else mask
        hidden = expand_dims(logical_not(any(seen, axis=-1)), -1)
    if bias is None and attn_logits_soft_cap is None:
        y, _ = attend(query, key, value, np.True_ if mask is None else mask, scale=scale, causal=bool(is_causal))
    else:
        y = _biased(query, key, value, bias, mask, scale, is_causal, attn_logits_soft_cap)
    if hidden is None:
        return y
    return where(swapaxes(hidden, 1, 2), mean(value, axis=1, keepdims=True), y)


def _check_heads(query: tuple, key: tuple, value: tuple) -> None:
    fits = len(query) == len(key) == len(value) == 4
    fits = fits and query[0] == key[0] == value[0] and query[3] == key[3] and key[1:3] == value[1:3]
    if not fits or not key[2] or query[2] % key[2]:
        raise ShapeError(
            "dot_product_attention expects query (n, t, heads, d), key (n, s, k, d) and value (n, s, k, e), k a divisor "
            f"of heads; received shapes {query}, {key} and {value}. Add or move axes with expand_dims and transpose."
        )


def _shared(x: Tensor, times: int) -> Tensor:
    """Each head of `x` so many times."""
    if times == 1:
        return x
    n, s, k, d = x.shape
    return reshape(expand_dims(x, 3) * np.ones((times, 1), x.dtype), (n, s, k * times, d))


def _four(mask: Tensor) -> Tensor:
    if mask.ndim > 4:
        raise ArgumentError(f"dot_product_attention expects a mask of at most four axes; received {mask.shape}.")
    return reshape(mask, (1,) * (4 - mask.ndim) + mask.shape)


def _biased(query, key, value, bias, mask, scale, causal, cap):
    """As `attend`, with what that does not know."""
    scores = einsum("nthd,nshd->nhts", query, key) * scale
    if bias is not None:
        scores = scores + bias
    if cap is not None:
        scores = tanh(scores / cap) * cap
    if causal:
        order = np.tri(query.shape[1], key.shape[1], dtype=bool)
        mask = order if mask is None else logical_and(mask, order)
    if mask is not None:
        scores = where(mask, scores, HIDDEN)
    return einsum("nhts,nshe->nthe", softmax(scores), value)
