"""Recurrence: whole sequences through the cells of SimpleRNN, LSTM and GRU, each as one primitive.

A scan takes its input projected already, `x @ kernel` of all steps at once, and walks along time; its derivatives walk back.
What belongs to one step is contiguous: arrays inside are (steps, n, features), and results are views of
them.

Operands that several scans share, for n sequences of `steps` steps and `units` units:

    x       (n, steps, gates * units), the projected input
    h, c    (n, units), the state before the first step
    kernel  (units, gates * units), the recurrent kernel
    drop    (gates, n, units), what the state is multiplied by before each gate's product, or empty: dropout
    mask    (n, steps), False at steps that leave the state as it was, or empty

Activations are names, those of ACTIVATIONS: their derivatives follow from their values. With `reverse` the walk begins with
the last step; results stand where their steps do.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autonet.core.backward import gradients
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor
from autonet.ops.identity import alias
from autonet.ops.nn import hard_sigmoid, relu, sigmoid, softsign
from autonet.ops.pointwise import where
from autonet.ops.products import matmul
from autonet.ops.shaping import concatenate, split, stack
from autonet.ops.trigonometry import tanh


class Activation(NamedTuple):
    """A function in three forms."""

    into: Callable  # (x, out): on arrays, into a buffer
    derivative: Callable  # on arrays: the derivative, from the value
    op: Callable  # on Tensors


def _sigmoid(x, out):
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    return np.reciprocal(out, out=out)


def _hard_sigmoid(x, out):
    np.add(x, 3, out=out)
    np.clip(out, 0, 6, out=out)
    return np.divide(out, 6, out=out)


def _softsign(x, out):
    np.add(np.absolute(x), 1, out=out)
    return np.divide(x, out, out=out)


ACTIVATIONS = {
    "tanh": Activation(np.tanh, lambda y: 1 - y * y, tanh),
    "sigmoid": Activation(_sigmoid, lambda y: y - y * y, sigmoid),
    "relu": Activation(lambda x, out: np.maximum(x, 0, out=out), lambda y: (y > 0).astype(y.dtype), relu),
    "linear": Activation(lambda x, out: np.copyto(out, x), np.ones_like, alias),
    "hard_sigmoid": Activation(
        _hard_sigmoid, lambda y: ((y > 0) & (y < 1)).astype(y.dtype) * y.dtype.type(1 / 6), hard_sigmoid
    ),
    "softsign": Activation(_softsign, lambda y: np.square(1 - np.absolute(y)), softsign),
}

# The product with the state


def _recur(h, kernel, drop):
    """h @ kernel; with dropout, each gate's columns from the state times that gate's mask."""
    if not drop.size:
        return np.matmul(h, kernel)
    products = np.matmul(h * drop, _blocks(kernel, len(drop)))
    return products.swapaxes(0, 1).reshape(len(h), kernel.shape[1])


def _recur_back(d, kernel, drop):
    """The state's cotangent, from that of its product."""
    if not drop.size:
        return np.matmul(d, kernel.T)
    parts = d.reshape(len(d), len(drop), -1).swapaxes(0, 1)
    return (np.matmul(parts, _blocks(kernel, len(drop)).swapaxes(1, 2)) * drop).sum(axis=0)


def _kernel_gradient(h, hs, d, drop):
    """The kernel's cotangent, from those of all products: h before the first step, hs and d (steps, n, ...)."""
    before = np.concatenate([h[None], hs[:-1]])
    if drop.size:
        parts = zip(drop, np.split(d, len(drop), axis=2), strict=True)
        return np.concatenate([_weight_gradient(before * factor, part) for factor, part in parts], axis=1)
    return _weight_gradient(before, d)


def _weight_gradient(before, d):
    return np.matmul(before.reshape(-1, before.shape[2]).T, d.reshape(-1, d.shape[2]))


def _blocks(kernel, gates):
    return kernel.reshape(len(kernel), gates, -1).swapaxes(0, 1)


def recur(h: Any, kernel: Any, drop: Any = None) -> Tensor:
    """h @ kernel; with `drop`, a factor for the state of each gate, each gate's columns from its own product."""
    if drop is None or not len(drop):
        return matmul(h, kernel)
    parts = split(kernel, len(drop), axis=-1)
    return concatenate([matmul(h * drop[k], part) for k, part in enumerate(parts)], axis=-1)


# Masks


def _skipped(mask, reverse):
    """(steps, n, 1) in the order of the walk, True where a step is left out; None where there is no mask."""
    return ~_walked(reverse, mask)[0][..., None] if mask.size else None


def _hold(cotangent, skipped):
    """What passes a step that is left out, None without a mask, and what enters one that counts."""
    if skipped is None:
        return None, cotangent
    return np.where(skipped, cotangent, 0), np.where(skipped, 0, cotangent)


def _join(passing, through):
    return through if passing is None else np.add(passing, through, out=through)


def _walked(reverse, *arrays):
    """(n, steps, ...) arrays in the order of the walk, steps first."""
    return [a.swapaxes(0, 1)[::-1] if reverse else a.swapaxes(0, 1) for a in arrays]


def _placed(reverse, *arrays):
    """The way back."""
    return [(a[::-1] if reverse else a).swapaxes(0, 1) for a in arrays]


# Simple


@primitive(floating=True, keep=("mask",), accumulates=True)
def simple_rnn_scan(x, h, kernel, bias, drop, mask, *, activation, reverse=False):
    """h <- activation(x_t + h @ kernel + bias), step after step; bias (units,).

    Returns: the states of all steps (n, steps, units), the last state.
    """
    into = ACTIVATIONS[activation].into
    n, steps, units = x.shape
    (x,) = _walked(reverse, x)
    hs = np.empty((steps, n, units), x.dtype)
    skipped = _skipped(mask, reverse)
    with np.errstate(over="ignore"):
        for t, new in enumerate(hs):
            a = _recur(h, kernel, drop)
            np.add(a, x[t], out=a)
            into(np.add(a, bias, out=a), new)
            if skipped is not None:
                np.copyto(new, h, where=skipped[t])
            h = new
    return *_placed(reverse, hs), h


@primitive(floating=True, keep=("mask",), accumulates=True)
def simple_rnn_vjp(ghs, gh, h, kernel, drop, mask, hs, *, activation, reverse=False):
    """Cotangents of x, h, kernel and bias of `simple_rnn_scan`."""
    derivative = ACTIVATIONS[activation].derivative
    ghs, hs = _walked(reverse, ghs, hs)
    dx = np.empty(hs.shape, hs.dtype)
    skipped = _skipped(mask, reverse)
    dh = gh
    for t in reversed(range(len(hs))):
        passing, dh = _hold(dh + ghs[t], None if skipped is None else skipped[t])
        np.multiply(dh, derivative(hs[t]), out=dx[t])
        dh = _join(passing, _recur_back(dx[t], kernel, drop))
    return *_placed(reverse, dx), dh, _kernel_gradient(h, hs, dx, drop), dx.sum(axis=(0, 1))


def _simple_composed(x, h, kernel, bias, drop, mask, activation, reverse=False):
    f = ACTIVATIONS[activation].op
    hs = []
    for t in _order(x, reverse):
        new = f(x[:, t] + recur(h, kernel, drop) + bias)
        h = where(mask[:, t : t + 1], new, h) if mask.size else new
        hs.append(h)
    return _stacked(hs, reverse), h


def _simple_rule(g, x, h, kernel, bias, drop, mask, y, activation, reverse):
    if is_recording():
        return (*_through(_simple_composed, g, (x, h, kernel, bias), (drop, mask, activation, reverse)), None, None)
    return (*simple_rnn_vjp(*g, h, kernel, drop, mask, y[0], activation=activation, reverse=reverse), None, None)


simple_rnn_scan.joint_vjp(_simple_rule)


def _through(composed: Callable, g: tuple, operands: tuple, others: tuple) -> list:
    """Cotangents of the operands by way of small ops, for derivatives that will be differentiated themselves."""
    fresh = [alias(x) if x.requires_grad else x for x in operands]
    results = composed(*fresh, *others)
    pairs = [(y, c) for y, c in zip(results, g, strict=True)]
    found = iter(gradients(pairs, [x._node for x in fresh if x.requires_grad], record=True))
    return [next(found) if x.requires_grad else None for x in fresh]


def _order(x: Tensor, reverse: bool) -> range:
    steps = range(x.shape[1])
    return steps[::-1] if reverse else steps


def _stacked(results: list, reverse: bool) -> Tensor:
    return stack(results[::-1] if reverse else results, axis=1)


# LSTM


def lstm_gates(a: Any, c: Any, activation: Callable, gate: Callable, axis: int = -1) -> tuple:
    """One LSTM step from the sum `a` of all products, four gates side by side on `axis`.

        i, f, g, o = gate(a_i), gate(a_f), activation(a_g), gate(a_o)
        c <- f c + i g
        h <- o activation(c)

    Returns: h, c, (i, f, g, o).

    Source: Hochreiter, Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735; f: Gers, Schmidhuber, Cummins, 2000.
    """
    i, f, g, o = split(a, 4, axis=axis)
    i, f, g, o = gate(i), gate(f), activation(g), gate(o)
    c = f * c + i * g
    return o * activation(c), c, (i, f, g, o)


@primitive(floating=True, keep=("mask",), accumulates=True)
def lstm_scan(x, h, c, kernel, bias, drop, mask, *, activation, recurrent_activation, reverse=False):
    """`lstm_gates` of x_t + h @ kernel + bias, step after step; bias (4 units,).

    Returns: all h (n, steps, units), the last h, the last c, all c, all gates (n, steps, 4 units).
    """
    into, gate_into = ACTIVATIONS[activation].into, ACTIVATIONS[recurrent_activation].into
    n, steps, width = x.shape
    units = width // 4
    (x,) = _walked(reverse, x)
    hs, cs = np.empty((2, steps, n, units), x.dtype)
    gates = np.empty((steps, n, width), x.dtype)
    entering = np.empty((n, units), x.dtype)
    skipped = _skipped(mask, reverse)
    with np.errstate(over="ignore"):
        for t in range(steps):
            a = _recur(h, kernel, drop)
            np.add(a, x[t], out=a)
            np.add(a, bias, out=a)
            gate_into(a, gates[t])
            i, f, g, o = _parts(gates[t], 4)
            into(_parts(a, 4)[2], g)
            new_h, new_c = hs[t], cs[t]
            np.multiply(f, c, out=new_c)
            np.add(new_c, np.multiply(i, g, out=entering), out=new_c)
            into(new_c, new_h)
            np.multiply(new_h, o, out=new_h)
            if skipped is not None:
                np.copyto(new_h, h, where=skipped[t])
                np.copyto(new_c, c, where=skipped[t])
            h, c = new_h, new_c
    hs, cs, gates = _placed(reverse, hs, cs, gates)
    return hs, h, c, cs, gates


def _parts(a, count):
    """Equal blocks of columns."""
    n = a.shape[1] // count
    return [a[:, k * n : (k + 1) * n] for k in range(count)]


@primitive(floating=True, keep=("mask",), accumulates=True)
def lstm_vjp(
    ghs,
    gh,
    gc,
    gcs,
    ggates,
    h,
    c,
    kernel,
    drop,
    mask,
    hs,
    cs,
    gates,
    *,
    activation,
    recurrent_activation,
    reverse=False,
):
    """Cotangents of x, h, c, kernel and bias of `lstm_scan`."""
    into, derivative = ACTIVATIONS[activation].into, ACTIVATIONS[activation].derivative
    gate_derivative = ACTIVATIONS[recurrent_activation].derivative
    ghs, gcs, ggates, hs, cs, gates = _walked(reverse, ghs, gcs, ggates, hs, cs, gates)
    dx = np.empty(gates.shape, gates.dtype)
    skipped = _skipped(mask, reverse)
    watched = ggates.any()
    bent = np.empty(h.shape, h.dtype)
    dh, dc = gh, gc
    for t in reversed(range(len(hs))):
        out = None if skipped is None else skipped[t]
        passing_h, dh = _hold(dh + ghs[t], out)
        passing_c, dc = _hold(dc + gcs[t], out)
        i, f, g, o = _parts(gates[t], 4)
        before = cs[t - 1] if t else c
        # where the step is left out, cs[t] is not f c + i g; but then dh is zero
        into(cs[t], bent)
        dc = dc + dh * o * derivative(bent)
        d = dx[t]
        for part, parts in zip(_parts(d, 4), ((dc, g), (dc, before), (dc, i), (dh, bent)), strict=True):
            np.multiply(*parts, out=part)
        if watched:
            np.add(d, ggates[t], out=d)
        bend = gate_derivative(gates[t])
        _parts(bend, 4)[2][...] = derivative(g)
        np.multiply(d, bend, out=d)
        dh = _join(passing_h, _recur_back(d, kernel, drop))
        dc = _join(passing_c, dc * f)
    return *_placed(reverse, dx), dh, dc, _kernel_gradient(h, hs, dx, drop), dx.sum(axis=(0, 1))


def _lstm_composed(x, h, c, kernel, bias, drop, mask, activation, recurrent_activation, reverse=False):
    f, gate = ACTIVATIONS[activation].op, ACTIVATIONS[recurrent_activation].op
    hs, cs, gates = [], [], []
    for t in _order(x, reverse):
        new_h, new_c, four = lstm_gates(x[:, t] + recur(h, kernel, drop) + bias, c, f, gate)
        counts = mask[:, t : t + 1]
        h, c = (where(counts, new_h, h), where(counts, new_c, c)) if mask.size else (new_h, new_c)
        hs.append(h)
        cs.append(c)
        gates.append(concatenate(four, axis=-1))
    return _stacked(hs, reverse), h, c, _stacked(cs, reverse), _stacked(gates, reverse)


def _lstm_rule(g, x, h, c, kernel, bias, drop, mask, y, activation, recurrent_activation, reverse):
    if is_recording():
        others = (drop, mask, activation, recurrent_activation, reverse)
        return (*_through(_lstm_composed, g, (x, h, c, kernel, bias), others), None, None)
    names = {"activation": activation, "recurrent_activation": recurrent_activation, "reverse": reverse}
    hs, _, _, cs, gates = y
    return (*lstm_vjp(*g, h, c, kernel, drop, mask, hs, cs, gates, **names), None, None)


lstm_scan.joint_vjp(_lstm_rule)


# GRU


def gru_gates(
    x: Any, h: Any, kernel: Any, bias: Any, drop: Any, activation: Callable, gate: Callable, reset_after: bool
) -> tuple:
    """One GRU step from the projected input `x`, its bias counted in.

        z, r = gate(x_z + (h @ kernel)_z), gate(x_r + (h @ kernel)_r)        update, reset
        u    = (h @ kernel + bias)_u if reset_after, else r h
        g    = activation(x_u + r u) if reset_after, else activation(x_u + u @ kernel_u)
        h <- z h + (1 - z) g

    With `reset_after`, `bias` (3 units,) is added to all of h @ kernel.

    Returns: h, (z, r, g, u).

    Source: Cho et al., 2014, https://arxiv.org/abs/1406.1078
    """
    n = h.shape[-1]
    if reset_after:
        q = recur(h, kernel, drop)
        q = q if bias is None else q + bias
    else:
        q = recur(h, kernel[:, : 2 * n], drop[:2] if drop is not None else None)
    both = gate(x[..., : 2 * n] + q[..., : 2 * n])
    z, r = both[..., :n], both[..., n:]
    if reset_after:
        u = q[..., 2 * n :]
        g = activation(x[..., 2 * n :] + r * u)
    else:
        u = r * h if drop is None or not len(drop) else r * h * drop[2]
        g = activation(x[..., 2 * n :] + matmul(u, kernel[:, 2 * n :]))
    return z * h + (1 - z) * g, (z, r, g, u)


@primitive(floating=True, keep=("mask",), accumulates=True)
def gru_scan(x, h, kernel, bias, drop, mask, *, activation, recurrent_activation, reset_after, reverse=False):
    """`gru_gates` of x_t + bias[0] and bias[1], step after step; bias (2, 3 units), with `reset_after` False (1, 3 units).

    Returns: all h (n, steps, units), the last h, all of z, r, g, u (n, steps, 4 units).
    """
    into, gate_into = ACTIVATIONS[activation].into, ACTIVATIONS[recurrent_activation].into
    n, steps, width = x.shape
    units = width // 3
    (x,) = _walked(reverse, x)
    hs = np.empty((steps, n, units), x.dtype)
    gates = np.empty((steps, n, 4 * units), x.dtype)
    skipped = _skipped(mask, reverse)
    two = 2 * units
    with np.errstate(over="ignore"):
        for t, new in enumerate(hs):
            z, r, g, u = _parts(gates[t], 4)
            a = x[t] + bias[0]
            q = _recur(h, kernel, drop) + bias[1] if reset_after else _recur(h, kernel[:, :two], drop[:2])
            np.add(a[:, :two], q[:, :two], out=a[:, :two])
            gate_into(a[:, :two], gates[t, :, :two])
            if reset_after:
                u[...] = q[:, two:]
                inner = r * u
            else:
                np.multiply(r, h, out=u)
                if drop.size:
                    np.multiply(u, drop[2], out=u)
                inner = np.matmul(u, kernel[:, two:])
            into(np.add(inner, a[:, two:], out=inner), g)
            np.subtract(h, g, out=new)
            np.add(np.multiply(new, z, out=new), g, out=new)
            if skipped is not None:
                np.copyto(new, h, where=skipped[t])
            h = new
    hs, gates = _placed(reverse, hs, gates)
    return hs, h, gates


@primitive(floating=True, keep=("mask",), accumulates=True)
def gru_vjp(
    ghs, gh, ggates, h, kernel, drop, mask, hs, gates, *, activation, recurrent_activation, reset_after, reverse=False
):
    """Cotangents of x, h, kernel and bias of `gru_scan`."""
    derivative, gate_derivative = ACTIVATIONS[activation].derivative, ACTIVATIONS[recurrent_activation].derivative
    ghs, ggates, hs, gates = _walked(reverse, ghs, ggates, hs, gates)
    steps, n, units = hs.shape
    two = 2 * units
    dx = np.empty((steps, n, 3 * units), hs.dtype)
    du = np.empty((steps, n, units), hs.dtype)
    skipped = _skipped(mask, reverse)
    dh = gh
    for t in reversed(range(steps)):
        passing, dh = _hold(dh + ghs[t], None if skipped is None else skipped[t])
        z, r, g, u = _parts(gates[t], 4)
        gz, gr, gg, gu = _parts(ggates[t], 4)
        dz, dr, da = _parts(dx[t], 3)
        before = hs[t - 1] if t else h
        np.multiply(dh * (1 - z) + gg, derivative(g), out=da)
        np.add(dh * (before - g), gz, out=dz)
        if reset_after:
            np.add(da * r, gu, out=du[t])
            np.add(da * u, gr, out=dr)
        else:
            np.add(np.matmul(da, kernel[:, two:].T), gu, out=du[t])
            held = before * drop[2] if drop.size else before
            np.add(du[t] * held, gr, out=dr)
        np.multiply(dx[t, :, :two], gate_derivative(gates[t, :, :two]), out=dx[t, :, :two])
        dh = _join(passing, dh * z)
        if reset_after:
            dh = dh + _recur_back(np.concatenate([dx[t, :, :two], du[t]], axis=1), kernel, drop)
        else:
            through = du[t] * r
            dh = dh + (through * drop[2] if drop.size else through)
            dh = dh + _recur_back(dx[t, :, :two], kernel[:, :two], drop[:2])
    dbias = dx.sum(axis=(0, 1))[None]
    if reset_after:
        dkernel = _kernel_gradient(h, hs, np.concatenate([dx[..., :two], du], axis=2), drop)
        dbias = np.concatenate([dbias, dbias])
        dbias[1, two:] = du.sum(axis=(0, 1))
    else:
        rest = _weight_gradient(gates[..., 3 * units :], dx[..., two:])
        dkernel = np.concatenate([_kernel_gradient(h, hs, dx[..., :two], drop[:2]), rest], axis=1)
    return *_placed(reverse, dx), dh, dkernel, dbias


def _gru_composed(x, h, kernel, bias, drop, mask, activation, recurrent_activation, reset_after, reverse=False):
    f, gate = ACTIVATIONS[activation].op, ACTIVATIONS[recurrent_activation].op
    drop = drop if drop.size else None
    hs, gates = [], []
    for t in _order(x, reverse):
        second = bias[1] if reset_after else None
        new, four = gru_gates(x[:, t] + bias[0], h, kernel, second, drop, f, gate, reset_after)
        h = where(mask[:, t : t + 1], new, h) if mask.size else new
        hs.append(h)
        gates.append(concatenate(four, axis=-1))
    return _stacked(hs, reverse), h, _stacked(gates, reverse)


def _gru_rule(g, x, h, kernel, bias, drop, mask, y, activation, recurrent_activation, reset_after, reverse):
    settings = (activation, recurrent_activation, reset_after, reverse)
    if is_recording():
        return (*_through(_gru_composed, g, (x, h, kernel, bias), (drop, mask, *settings)), None, None)
    return (*gru_vjp(*g, h, kernel, drop, mask, y[0], y[2], *settings), None, None)


gru_scan.joint_vjp(_gru_rule)
