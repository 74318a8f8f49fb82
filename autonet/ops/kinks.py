"""Second derivatives at kinks: points where a rule's first derivative is a convention, such as |x| at 0.

Let y = f(x) have a kink and let a loss F(y) be differentiated twice there. With g = dF/dy, the first derivative g f'(x) uses
a convention for f'. The second one exists where g vanishes at the kink fast enough, and its value is then a limit:

    radial   f is a length, |x| or the root of a sum of squares: where g = 0 and g depends on x through y alone, the
             second derivative is dg/dy times the identity: 2 for |x|^2, -2 for exp(-|x|^2)
    jump     f' jumps, as that of relu: where g = 0 and dg/dy = 0 it is 0, as for relu(x)^3
    bend     f' is continuous and f'' jumps, as that of elu: where g = 0 it is 0

Elsewhere it does not exist, or cannot be told, and is NaN.
"""

import math
from typing import Any

import numpy as np

from autonet.core.accumulate import sum_to
from autonet.core.backward import gradients
from autonet.core.primitive import primitive
from autonet.core.state import Context, enable_grad, state
from autonet.core.tape import Node
from autonet.core.tensor import Tensor, wrap
from autonet.ops.identity import detach

_MOST = {"radial": 500, "jump": 24, "order": 24}  # operations behind g that are looked through for what it depends on


class Probing(Context):
    """Inside it derivatives at kinks are NaN rather than agreed ones."""


@primitive(keep=("c", "gy", "y", "x", "beside", "at"))
def bend(c, gy, y, x, beside, at, *, kind, kept, tied):
    """`c`; its derivative is that of x's cotangent at kinks. See `at_kinks`."""
    return c


def at_kinks(
    c: Any,
    gy: Tensor,
    y: Tensor,
    x: Tensor,
    at: Any,
    kind: str,
    kept: Any = None,
    tied: Any = False,
    beside: Any = None,
) -> Any:
    """`c`, the cotangent of x at y = f(x) by the convention for f', with the right derivative where `at` holds.

    For rules to call while the backward walk is itself recorded.

    Args:
        c, x: of one shape, or x of one that broadcasts to it.
        gy, y: shaped like c; or, where f reduces, of a shape that can be reshaped to `kept`, which broadcasts to it.
        at: where the kinks are; broadcasts to c. For "order" the place of each element of x in the sorted y.
        kind: "radial", "jump" or "bend"; "order" for sorting along the axis `kept`, which jumps where equal elements
            have different cotangents; "lost" where nothing is known to save the second derivative.
        tied: False, or whose NaN is one for all kinks along the axes where `kept` has length one: "all", or those that
            are asked "apart", where cotangents differ (f is a maximum: where all are equal it does not matter which counts).
        beside: another operand of f, which has the same kinks.
    """
    if not any(isinstance(context, Probing) for context in state.contexts):
        return bend(c, gy, y, x, x if beside is None else beside, at, kind=kind, kept=kept, tied=tied)
    if kind == "bend":
        return c
    if kind == "order":
        at, gy, kept = _unsettled_order(gy, y, at, 0.0, kept), c, None
    elif kind == "lost":
        gy, kept = c, None
    from autonet.ops.comparison import logical_and, not_equal
    from autonet.ops.pointwise import _select

    return _select(logical_and(at, not_equal(_reshaped(gy, kept), 0)), np.nan, c)


@primitive
def times(x1, x2):
    """x1 * x2, and 0 where x1 is 0, even beside NaN."""
    return np.multiply(x1, np.where(np.equal(x1, 0), 0, x2).astype(x2.dtype, copy=False))


times.vjp(x1=lambda g, x2: times(g, x2), x2=lambda g, x1: times(x1, g))


def _pull(v: Tensor, n: Node, wanted: Any) -> list[tuple[Node, Any, Any]]:
    """The cotangents of c; at kinks of x; NaN for gy where it varies and the derivative is no more than agreed."""
    from autonet.ops.comparison import equal, logical_and, logical_not, logical_or, not_equal
    from autonet.ops.pointwise import _select, multiply
    from autonet.ops.reduction import kept_shape
    from autonet.ops.reduction import max as largest

    c, gy, y, x, beside, at = n.operands  # type: ignore[misc]
    kind, kept, tied = (n.settings[k] for k in ("kind", "kept", "tied"))
    pulled: list[tuple[Any, Any, Any]] = [(n.parents[0], c, v)]
    if x._node is not None and y._node is not None and (wanted is None or x._node in wanted):
        nan, zero = wrap(np.array(np.nan, v.dtype)), wrap(np.zeros((), v.dtype))
        rate: Any = 0.0
        if kind == "order":
            rate = rate_of(gy, y, n, kind)
        elif kind in _MOST:
            rate = rate_of(gy, y, n, kind, kept, at)
        varies: Any = None  # where g = 0 at a kink, but does not stay so
        if kind == "order":
            lost = _unsettled_order(gy, y, at, rate, kept)
        elif kind == "lost":
            lost = at
        else:
            flat = equal(_reshaped(gy, kept), 0)
            moves = not_equal(rate, 0) if kind == "jump" else not_equal(rate, rate)
            varies = logical_and(at, logical_and(flat, moves))
            lost = logical_or(logical_and(at, logical_not(flat)), varies)
        group = kept_shape(x.shape, kept) if kind == "order" else kept
        asked = v
        if tied == "apart":  # from one of them, the last
            numbers = _select(at, np.arange(v.size).reshape(v.shape), -1)
            last = equal(numbers, largest(numbers, axis=_reduced(v.shape, group), keepdims=True, initial=-1))
            asked = v - sum_to(_select(last, v, zero), shape=tuple(group))
        undefined = times(asked, _select(lost, nan, zero))
        if tied:
            # weighed, so that no sum of a few cotangents is zero when they are not
            weights = 1 + (np.arange(v.size) * 0.618034 % 1).reshape(v.shape).astype(v.dtype)
            undefined = multiply(weights, _select(lost, sum_to(multiply(undefined, weights), shape=tuple(group)), zero))
        if beside._node is not x._node:
            pulled.append((beside._node, beside, undefined))
        if kind == "radial":
            undefined = undefined + times(v, _select(logical_and(at, logical_not(lost)), rate, zero))
        pulled.append((x._node, x, undefined))
        if gy._node is not None and varies is not None and (wanted is None or gy._node in wanted):
            pulled.append((gy._node, gy, _shrunk(times(v, _select(varies, nan, zero)), kept, gy.shape)))
    return [p for p in pulled if p[0] is not None and (wanted is None or p[0] in wanted)]


def _reshaped(x: Tensor, kept: Any) -> Tensor:
    from autonet.ops.shaping import reshape

    return x if kept is None or x.shape == tuple(kept) else reshape(x, newshape=tuple(kept))


def _reduced(shape: tuple[int, ...], kept: Any) -> tuple[int, ...]:
    """Axes along which `kept` has length one."""
    return tuple([i for i, (n, k) in enumerate(zip(shape, kept, strict=True)) if k == 1])


def _shrunk(x: Tensor, kept: Any, shape: tuple[int, ...]) -> Tensor:
    from autonet.ops.shaping import reshape

    return x if kept is None else reshape(sum_to(x, shape=tuple(kept)), newshape=shape)


@primitive(keep=("y", "gy", "rate"))
def _unsettled(y, gy, rate, *, axis):
    """Which elements of y equal another along `axis` whose cotangent, or the rate of it, is another."""
    order = np.argsort(y, axis=axis, kind="stable")
    y, gy, rate = (
        np.moveaxis(np.take_along_axis(np.broadcast_to(a, y.shape), order, axis), axis, -1) for a in (y, gy, rate)
    )
    equal = y[..., 1:] == y[..., :-1]
    differ = equal & ((gy[..., 1:] != gy[..., :-1]) | (rate[..., 1:] != rate[..., :-1]))
    group = np.zeros(y.shape, np.intp)  # numbers of runs of equal elements
    np.cumsum(~equal, axis=-1, out=group[..., 1:])
    group += np.arange(math.prod(y.shape[:-1])).reshape(*y.shape[:-1], 1) * y.shape[-1]
    lost = np.zeros(y.size, bool)
    lost[group[..., 1:][differ]] = True
    whole = np.zeros(order.shape, bool)
    np.put_along_axis(whole, order, np.moveaxis(lost[group], -1, axis), axis)
    return whole


_unsettled.vjp(y=None, gy=None, rate=None)


def _unsettled_order(gy: Tensor, y: Tensor, ranks: Tensor, rate: Any, axis: int) -> Any:
    """The same for the elements of x, which stand at these places of y."""
    from autonet.ops.indexing import take_along_axis

    return take_along_axis(_unsettled(y, gy, rate, axis=axis), ranks, axis=axis)


def rate_of(gy: Tensor, y: Tensor, n: Node, kind: str = "radial", kept: Any = None, at: Any = None) -> Any:
    """dg/dy element by element, as `at` the kinks; NaN where g depends on other elements of y, or on x past y.

    0 for a g that is constant. Kept at the node `n`, which asks.
    """
    known = n.grad = getattr(n, "grad", {})  # no leaf: it has no gradient there
    if state.recording not in known:
        with Probing(), enable_grad():
            rate = _computed_rate(gy, y, at, kind, kept)
        known[state.recording] = detach(rate) if isinstance(rate, Tensor) and not state.recording else rate
    return known[state.recording]


def _computed_rate(gy: Tensor, y: Tensor, at: Any, kind: str, kept: Any) -> Any:
    from autonet.ops.comparison import logical_or, not_equal
    from autonet.ops.pointwise import _select, multiply
    from autonet.ops.reduction import any as some

    behind = _behind(gy._node, y._node, _MOST[kind])
    if behind is None:  # too much to look through
        return np.nan
    same, leaves = behind
    if not same and not leaves:
        return 0.0
    nan, zero = wrap(np.array(np.nan, gy.dtype)), wrap(np.zeros((), gy.dtype))
    if at is None or at.shape != (y.shape if kept is None else tuple(kept)):
        at = wrap(np.ones(y.shape, bool))
    # powers of two scale exactly: what comes back scaled by the same ones comes from the same elements
    powers = np.ldexp(np.ones(y.shape, y.dtype), (np.arange(y.size) * 7 % 13).reshape(y.shape).astype(np.int32))
    ones, powers = (_select(_reshaped(at, y.shape), wrap(a), zero) for a in (np.ones(y.shape, y.dtype), powers))
    found = gradients([(gy, ones)], [*same, *leaves], record=True)
    scaled = gradients([(gy, powers)], same, record=True) if same else []
    rate: Any = zero
    for one, other in zip(found, scaled, strict=False):
        if one is not None:
            one = _select(not_equal(multiply(powers, one), other), nan, one)  # also where both are NaN
            rate = one if rate is zero else rate + one
    past: Any = None
    for one in found[len(same) :]:
        if one is not None:
            varies = some(not_equal(one, 0))
            past = varies if past is None else logical_or(past, varies)
    return _reshaped(rate if past is None else _select(past, nan, rate), kept if rate is not zero else None)


def _behind(root: Any, made: Any, most: int) -> tuple[list[Node], list[Node]] | None:
    """Behind the root: applications like the one of node `made`, and leaves past them; None if there is too much."""
    same: list[Node] = []
    leaves: list[Node] = []
    seen: set[Node] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if len(seen) > most:
            return None
        if _alike(node, made):
            same.append(node)
        elif node.parents:
            stack.extend(node.parents)
        else:
            leaves.append(node)
    return same, leaves


def _alike(a: Any, b: Any) -> bool:
    """Whether two nodes are the same operation on the same tracked operands, with no untracked ones."""
    if a is b:
        return True
    if a is None or b is None or a.primitive is not b.primitive or not a.parents or a.settings != b.settings:
        return False
    return None not in a.parents and len(a.parents) == len(b.parents) and all(map(_alike, a.parents, b.parents))


bend.pull_vjp(_pull)
