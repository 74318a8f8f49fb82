"""JAX: one jitted step, its weights a list, the optimizer written by hand."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from harness import Unsuitable
from jax import lax
from jax import numpy as jnp

from networks.base import Kind, Net, Running

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "softmax": jax.nn.softmax,
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
}


def run(kind: Kind, small: bool = False) -> Running:
    """The kind, ready for its first step."""
    if kind.custom:
        if "jax" not in kind.custom:
            raise Unsuitable("has no words for it")
        return kind.custom["jax"](kind, small=small)
    inputs, y = kind.arrays(small)
    params = build(kind.net, [a[:2] for a in inputs])

    def objective(p: list, key: Any, x: Any, y: Any) -> Any:
        net = JaxNet(p, key)
        return loss(kind, kind.net(net, *x), y) + net.extra, net.moved

    if kind.task != "train":
        return infer(kind, params, inputs, y)

    @jax.jit
    def step(state: Any, x: Any, y: Any) -> Any:
        p, slots, key = state
        key, used = jax.random.split(key)
        (value, moved), g = jax.value_and_grad(objective, has_aux=True)(p, used, x, y)
        p, slots = sgd(p, g, slots) if kind.optimizer == "sgd" else adam(p, g, slots)
        for k, new in moved.items():
            p[k] = new
        return (p, slots, key), value

    step = jax.jit(step, donate_argnums=0)
    state: Any = (
        [jnp.array(a) for a in params],
        () if kind.optimizer == "sgd" else slots_of(params),
        jax.random.key(0),
    )
    draws = np.random.default_rng(2)

    def first() -> float:
        nonlocal state
        state, value = step(state, [a[: kind.batch] for a in inputs], y[: kind.batch])
        return float(value)

    def walk() -> None:
        nonlocal state
        order = draws.permutation(len(y))
        for low in range(0, len(order), kind.batch):
            rows = order[low : low + kind.batch]
            state, _ = step(state, [a[rows] for a in inputs], y[rows])
        jax.block_until_ready(state)

    return Running(first, walk, len(y) // kind.batch)


def build(net: Any, inputs: list) -> list[np.ndarray]:
    """First weights of a network, drawn while it is called once."""
    drawn = JaxNet(None, jax.random.key(0))
    net(drawn, *inputs)
    return drawn.params


def infer(kind: Kind, params: list, inputs: Any, y: Any) -> Running:
    """Predictions, or the mean loss, of all rows."""
    params = [jnp.array(a) for a in params]
    forward = jax.jit(lambda p, x: kind.net(JaxNet(p, None, training=False), *x))
    measure = jax.jit(lambda p, x, y: loss(kind, kind.net(JaxNet(p, None, training=False), *x), y) * len(y))
    cuts = range(0, len(y), kind.batch)

    def predict() -> np.ndarray:
        parts = [forward(params, [a[k : k + kind.batch] for a in inputs]) for k in cuts]
        return np.concatenate([np.asarray(part) for part in parts])

    def evaluate() -> float:
        parts = [measure(params, [a[k : k + kind.batch] for a in inputs], y[k : k + kind.batch]) for k in cuts]
        return float(sum(float(part) for part in parts)) / len(y)

    if kind.task == "evaluate":
        return Running(evaluate, evaluate)
    return Running(lambda: float(np.abs(predict()[:100]).mean()), predict)


def loss(kind: Kind, z: Any, y: Any) -> Any:
    """The kind's loss of outputs."""
    if kind.loss == "softmax":
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[..., None], -1).mean()
    if kind.loss == "sigmoid":
        return (jax.nn.softplus(z) - y * z).mean()
    return ((z - y) ** 2).mean()


def sgd(p: Any, g: Any, slots: Any) -> Any:
    """Plain gradient descent."""
    return jax.tree.map(lambda p, g: p - 0.01 * g, p, g), slots


def slots_of(params: Any) -> Any:
    """Adam's averages, and its number of steps."""
    return *(jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), params) for _ in range(2)), jnp.float32(0)


def adam(p: Any, g: Any, slots: Any) -> Any:
    """Adam."""
    m, v, t = slots
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v), (m, v, t)


class JaxNet(Net):
    """Layers as functions of a list of weights, which are read in turn, or drawn at the first call.

    Args:
        params: None to draw them.
        key: of `sample`.
        training: whether batch normalization takes the batch's own moments.
    """

    def __init__(self, params: list | None, key: Any, training: bool = True):
        super().__init__()
        self.params: list = [] if params is None else params
        self.drawing = params is None
        self.at = 0
        self.key = key
        self.training = training
        self.moved: dict[int, Any] = {}
        self.extra: Any = 0.0

    def weight(self, make: Any) -> Any:
        """The weight whose turn it is."""
        if self.drawing and self.at == len(self.params):
            self.params.append(make())
        self.at += 1
        return self.params[self.at - 1]

    def zeros(self, *shape: int) -> Any:
        return self.weight(lambda: np.zeros(shape, "float32"))

    def ones(self, *shape: int) -> Any:
        return self.weight(lambda: np.ones(shape, "float32"))

    def acted(self, x, name):
        return x if name is None else ACTIVATIONS[name](x)

    act = acted

    def dense(self, x, units, act=None):
        w = self.weight(lambda: self.kernel(x.shape[-1], units))
        return self.acted(x @ w + self.zeros(units), act)

    def convolve(self, x, w, strides, padding, dilation=1, groups=1):
        n = x.ndim - 2
        if padding == "causal":
            padding = [(dilation * (w.shape[0] - 1), 0)]
        else:
            padding = padding.upper()
        numbers = ("NHWC", "HWIO", "NHWC") if n == 2 else ("NHC", "HIO", "NHC")
        return lax.conv_general_dilated(
            x, w, (strides,) * n, padding, None, (dilation,) * n, numbers, feature_group_count=groups
        )

    def conv(self, x, filters, size, strides=1, padding="same", dilation=1, act=None):
        w = self.weight(lambda: self.kernel(*[size] * (x.ndim - 2), x.shape[-1], filters))
        return self.acted(self.convolve(x, w, strides, padding, dilation) + self.zeros(filters), act)

    def depthwise(self, x, size, strides=1):
        channels = x.shape[-1]
        w = self.weight(lambda: self.kernel(size, size, channels, 1, fan_in=size * size))
        w = w.reshape(size, size, 1, channels)
        return self.convolve(x, w, strides, "same", groups=channels) + self.zeros(channels)

    def transposed(self, x, filters, size):
        w = self.weight(lambda: self.kernel(size, size, filters, x.shape[-1], fan_in=x.shape[-1]))
        y = lax.conv_transpose(
            x, w, (size, size), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), transpose_kernel=True
        )
        return y + self.zeros(filters)

    def upsample(self, x):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    def norm(self, x):
        n = x.shape[-1]
        scale, shift = self.ones(n), self.zeros(n)
        at = self.at
        mean, variance = self.zeros(n), self.ones(n)
        if self.training:
            axes = tuple(range(x.ndim - 1))
            now, spread = x.mean(axes), x.var(axes)
            self.moved[at] = 0.99 * mean + 0.01 * now
            self.moved[at + 1] = 0.99 * variance + 0.01 * spread
            mean, variance = now, spread
        return (x - mean) * (lax.rsqrt(variance + 1e-3) * scale) + shift

    def layer_norm(self, x):
        apart = x - x.mean(-1, keepdims=True)
        scale, shift = self.ones(x.shape[-1]), self.zeros(x.shape[-1])
        return apart * lax.rsqrt((apart * apart).mean(-1, keepdims=True) + 1e-6) * scale + shift

    def max_pool(self, x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def mean_over(self, x):
        return x.mean(tuple(range(1, x.ndim - 1)))

    mean_words = mean_over

    def max_over(self, x):
        return x.max(1)

    def flatten(self, x):
        return x.reshape(len(x), -1)

    def reshape(self, x, shape):
        return x.reshape(len(x), *shape)

    def concat(self, a, b):
        return jnp.concatenate([a, b], -1)

    def distance(self, a, b):
        return jnp.abs(a - b)

    def embed(self, x, words, width, masked=False):
        return jnp.take(jnp.asarray(self.weight(lambda: self.kernel(words, width, fan_in=width))), x, axis=0)

    def places(self, x, words, width):
        length = x.shape[1]
        return self.embed(x, words, width) + self.embed(np.arange(length), length, width)

    def gates(self, x, units, count, bias):
        """Kernels of the inputs and of the state, and the bias."""
        w, u = (self.weight(lambda n=n: self.kernel(n, count * units)) for n in (x.shape[-1], units))
        return w, u, self.zeros(*bias)

    def walk_lstm(self, x, units, mask=None, reverse=False):
        w, u, b = self.gates(x, units, 4, (4 * units,))

        def advance(state, now):
            h, c = state
            z, keep = now
            i, f, g, o = jnp.split(z + h @ u, 4, axis=-1)
            new = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            out = jax.nn.sigmoid(o) * jnp.tanh(new)
            if keep is not None:
                out, new = jnp.where(keep, out, h), jnp.where(keep, new, c)
            return (out, new), out

        start = jnp.zeros((len(x), units))
        steps = (x @ w + b).swapaxes(0, 1), None if mask is None else mask.swapaxes(0, 1)[..., None]
        (last, _), all_of_them = lax.scan(advance, (start, start), steps, reverse=reverse)
        return all_of_them.swapaxes(0, 1), last

    def lstm(self, x, units, sequences=False, words=None):
        y, last = self.walk_lstm(x, units, None if words is None else jnp.asarray(words) != 0)
        return y if sequences else last

    def both_ways(self, x, units):
        return jnp.concatenate([self.walk_lstm(x, units)[1], self.walk_lstm(x, units, reverse=True)[1]], -1)

    def gru(self, x, units, sequences=False, start=None):
        w, u, b = self.gates(x, units, 3, (2, 3 * units))

        def advance(h, z):
            update, reset, new = jnp.split(z, 3, axis=-1)
            a, r, n = jnp.split(h @ u + b[1], 3, axis=-1)
            keep = jax.nn.sigmoid(update + a)
            new = jnp.tanh(new + jax.nn.sigmoid(reset + r) * n)
            h = keep * h + (1 - keep) * new
            return h, h

        start = jnp.zeros((len(x), units)) if start is None else start
        last, y = lax.scan(advance, start, (x @ w + b[0]).swapaxes(0, 1))
        y = y.swapaxes(0, 1)
        if sequences == "both":
            return y, last
        return y if sequences else last

    def attention(self, x, context, heads, causal=False):
        width = x.shape[-1]
        kernels = [self.weight(lambda: self.kernel(width, width)) for _ in range(4)]
        parts = [a @ w + self.zeros(width) for a, w in zip((x, context, context), kernels[:3], strict=True)]
        apart = [a.reshape(*a.shape[:2], heads, width // heads) for a in parts]
        seen = jax.nn.dot_product_attention(*apart, is_causal=causal).reshape(*x.shape[:2], width)
        return seen @ kernels[3] + self.zeros(width)

    def signal(self, x):
        return x

    def shared(self, f, a, b):
        begin = self.at
        first = f(self, a)
        self.at = begin
        return first, f(self, b)

    def sample(self, mean, log_variance):
        apart = 1 + log_variance - mean**2 - jnp.exp(log_variance)
        self.extra = -0.5 * apart.sum(-1).mean()
        return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(self.key, mean.shape)
