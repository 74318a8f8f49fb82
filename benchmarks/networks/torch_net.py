"""PyTorch: a module called eagerly, in the layout that it likes best on request, or compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from harness import Unsuitable
from torch import nn
from torch.nn import functional

from networks.base import Kind, Net, Running

ACTIVATIONS = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "softmax": lambda x: functional.softmax(x, -1),
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
}
LOSSES = {
    "softmax": functional.cross_entropy,
    "sigmoid": functional.binary_cross_entropy_with_logits,
    "mse": functional.mse_loss,
}


def run(kind: Kind, channels_last: bool = False, compiled: bool = False, small: bool = False) -> Running:
    """The kind, ready for its first step."""
    if "--threads" in sys.argv:
        torch.set_num_threads(int(sys.argv[sys.argv.index("--threads") + 1]))
    if kind.custom:
        if "torch" not in kind.custom:
            raise Unsuitable("has no words for it")
        if channels_last:
            raise Unsuitable("no images")
        return kind.custom["torch"](kind, small=small, compiled=compiled)
    inputs, target = kind.arrays(small)
    if channels_last and not any(a.ndim == 4 for a in inputs):
        raise Unsuitable("no images")
    x = [tensor(a, channels_last) for a in inputs]
    y = torch.from_numpy(target)
    if not y.is_floating_point():
        y = y.long()
    model: Any = build(kind.net, [a[:2] for a in x], sparse=kind.optimizer in ("sgd", "lazy_adam"))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    called = torch.compile(model) if compiled else model
    if kind.task != "train":
        return infer(kind, model.eval(), called, x, y)
    optimizers = optimizers_of(kind, model)

    def step(rows: Any) -> Any:
        for optimizer in optimizers:
            optimizer.zero_grad()
        z = called(*[a[rows] for a in x])
        extra = 0.0
        if model.variational:
            z, extra = z
        value = loss(kind, z, y[rows]) + extra
        value.backward()
        for optimizer in optimizers:
            optimizer.step()
        return value

    def walk() -> None:
        for rows in torch.randperm(len(y)).split(kind.batch):
            step(rows)

    return Running(lambda: step(torch.arange(kind.batch)).item(), walk, len(y) // kind.batch)


def optimizers_of(kind: Kind, model: Any) -> list[Any]:
    """The kind's optimizer; with "lazy_adam" one for tables and one for other weights."""
    if kind.optimizer == "sgd":
        return [torch.optim.SGD(model.parameters(), 0.01)]
    tables = [m.weight for m in model.modules() if isinstance(m, nn.Embedding) and kind.optimizer == "lazy_adam"]
    others = [p for p in model.parameters() if not any(p is t for t in tables)]
    return [torch.optim.Adam(others, 0.001), *([torch.optim.SparseAdam(tables, 0.001)] if tables else [])]


def tensor(a: np.ndarray, channels_last: bool = False) -> torch.Tensor:
    """An input as PyTorch has it: images with channels second."""
    t = torch.from_numpy(a.astype("int64") if np.issubdtype(a.dtype, np.integer) else a)
    if t.ndim == 4:
        t = t.permute(0, 3, 1, 2)
        return t.contiguous(memory_format=torch.channels_last) if channels_last else t.contiguous()
    return t


def build(net: Any, inputs: list, sparse: bool = False) -> TorchNet:
    """The module of a network, its parts made by a first call."""
    model = TorchNet(net, sparse)
    with torch.no_grad():
        model(*inputs)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
    return model


def loss(kind: Kind, z: Any, y: Any) -> Any:
    """The kind's loss of outputs, of sequences word by word."""
    if kind.loss == "softmax" and z.ndim == 3:
        z, y = z.flatten(0, 1), y.flatten()
    return LOSSES[kind.loss](z, y)


def infer(kind: Kind, model: Any, called: Any, x: list, y: Any) -> Running:
    """Predictions, or the mean loss, of all rows."""

    @torch.inference_mode()
    def predict() -> np.ndarray:
        parts = [called(*part) for part in zip(*[a.split(kind.batch) for a in x], strict=True)]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def evaluate() -> float:
        total = 0.0
        for part in zip(*[a.split(kind.batch) for a in (*x, y)], strict=True):
            total += float(loss(kind, called(*part[:-1]), part[-1])) * len(part[-1])
        return total / len(y)

    if kind.task == "evaluate":
        return Running(evaluate, evaluate)
    return Running(lambda: float(np.abs(predict()[:100]).mean()), predict)


class TorchNet(nn.Module, Net):
    """A module whose layers are made in the order in which the network calls them for the first time."""

    def __init__(self, net: Callable[..., Any], sparse: bool = False):
        nn.Module.__init__(self)
        self.rng = np.random.default_rng(1)
        self.net = net
        self.sparse = sparse
        self.parts = nn.ModuleList()
        self.flattened: tuple = ()
        self.variational = False
        self.at = 0
        self.extra: Any = 0.0

    def forward(self, *x: Any) -> Any:
        self.at = 0
        self.extra = 0.0
        y = self.net(self, *x)
        return (y, self.extra) if self.variational else y

    def part(self, make: Callable[[], Any]) -> Any:
        """The layer whose turn it is."""
        if self.at == len(self.parts):
            self.parts.append(make())
        self.at += 1
        return self.parts[self.at - 1]

    def dense(self, x, units, act=None):
        def make():
            layer = nn.Linear(x.shape[-1], units)
            kernel = self.kernel(x.shape[-1], units)
            if self.flattened:  # Keras has the channels last
                kernel = kernel.reshape(*self.flattened, units).transpose(2, 0, 1, 3).reshape(-1, units)
                self.flattened = ()
            return fill(layer, kernel.T)

        return self.acted(self.part(make)(x), act)

    def conv(self, x, filters, size, strides=1, padding="same", dilation=1, act=None):
        def make():
            n = x.ndim - 2
            reach = dilation * (size - 1)
            pad = {"same": reach // 2 if strides > 1 else "same", "valid": 0, "causal": 0}[padding]
            layer = (nn.Conv2d if n == 2 else nn.Conv1d)(x.shape[1], filters, size, strides, pad, dilation)
            kernel = self.kernel(*[size] * n, x.shape[1], filters)
            return fill(layer, np.moveaxis(kernel, (-1, -2), (0, 1)))

        layer = self.part(make)
        if padding == "causal":
            x = functional.pad(x, (dilation * (size - 1), 0))
        return self.acted(layer(x), act)

    def depthwise(self, x, size, strides=1):
        def make():
            channels = x.shape[1]
            layer = nn.Conv2d(channels, channels, size, strides, size // 2 if strides > 1 else "same", groups=channels)
            return fill(layer, self.kernel(size, size, channels, 1, fan_in=size * size).transpose(2, 3, 0, 1))

        return self.part(make)(x)

    def transposed(self, x, filters, size):
        def make():
            layer = nn.ConvTranspose2d(x.shape[1], filters, size, size)
            return fill(layer, self.kernel(size, size, filters, x.shape[1], fan_in=x.shape[1]).transpose(3, 2, 0, 1))

        return self.part(make)(x)

    def upsample(self, x):
        return functional.interpolate(x, scale_factor=2)

    def norm(self, x):
        return self.part(lambda: nn.BatchNorm2d(x.shape[1], eps=1e-3, momentum=0.01))(x)

    def layer_norm(self, x):
        return self.part(lambda: nn.LayerNorm(x.shape[-1], 1e-6))(x)

    def act(self, x, name):
        return ACTIVATIONS[name](x)

    def acted(self, x, name):
        return x if name is None else ACTIVATIONS[name](x)

    def max_pool(self, x):
        return functional.max_pool2d(x, 2)

    def mean_over(self, x):
        return x.mean(tuple(range(2, x.ndim)))

    def mean_words(self, x):
        return x.mean(1)

    def max_over(self, x):
        return x.amax(2)

    def flatten(self, x):
        if self.at == len(self.parts):
            self.flattened = (*x.shape[2:], x.shape[1])
        return x.flatten(1)

    def reshape(self, x, shape):
        return x.view(len(x), shape[-1], *shape[:-1])

    def concat(self, a, b):
        return torch.cat([a, b], 1 if a.ndim == 4 else -1)

    def distance(self, a, b):
        return (a - b).abs()

    def embed(self, x, words, width, masked=False):
        def make():
            layer = nn.Embedding(words, width, sparse=self.sparse)
            return fill(layer, self.kernel(words, width, fan_in=width))

        return self.part(make)(x)

    def places(self, x, words, width):
        length = x.shape[1]
        return self.embed(x, words, width) + self.embed(torch.arange(length), length, width)

    def lstm(self, x, units, sequences=False, words=None):
        layer = self.part(
            lambda: rnn(nn.LSTM(x.shape[-1], units, batch_first=True), self.recurrent(x.shape[-1], units, 4))
        )
        if words is None:
            y, (last, _) = layer(x)
            return y if sequences else last[0]
        lengths = (words != 0).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, (last, _) = layer(packed)
        return (
            nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0] if sequences else last[0]
        )

    def gru(self, x, units, sequences=False, start=None):
        def make():
            def order(kernel):  # Keras: update, reset, new; PyTorch: reset, update, new
                update, reset, new = np.split(kernel, 3, axis=-1)
                return np.concatenate([reset, update, new], axis=-1)

            kernels = [order(kernel) for kernel in self.recurrent(x.shape[-1], units, 3)]
            return rnn(nn.GRU(x.shape[-1], units, batch_first=True), kernels)

        y, last = self.part(make)(x, None if start is None else start[None])
        if sequences == "both":
            return y, last[0]
        return y if sequences else last[0]

    def both_ways(self, x, units):
        def make():
            layer = nn.LSTM(x.shape[-1], units, batch_first=True, bidirectional=True)
            rnn(layer, self.recurrent(x.shape[-1], units, 4))
            return rnn(layer, self.recurrent(x.shape[-1], units, 4), "_reverse")

        _, (last, _) = self.part(make)(x)
        return torch.cat([last[0], last[1]], -1)

    def attention(self, x, context, heads, causal=False):
        width = x.shape[-1]

        def make():
            kernels = [self.kernel(width, width) for _ in range(4)]
            joined = np.concatenate(kernels[:3], axis=1)
            projections = [joined] if x is context else [kernels[0], joined[:, width:]]
            layers = [fill(nn.Linear(width, k.shape[1]), k.T) for k in (*projections, kernels[3])]
            return nn.ModuleList(layers)

        layers = self.part(make)
        if x is context:
            queries, keys, values = layers[0](x).split(width, -1)
        else:
            queries, (keys, values) = layers[0](x), layers[1](context).split(width, -1)
        apart = [a.unflatten(-1, (heads, width // heads)).transpose(1, 2) for a in (queries, keys, values)]
        seen = functional.scaled_dot_product_attention(*apart, is_causal=causal)
        return layers[-1](seen.transpose(1, 2).flatten(2))

    def signal(self, x):
        return x.transpose(1, 2)

    def shared(self, f, a, b):
        begin = self.at
        first = f(self, a)
        self.at = begin
        return first, f(self, b)

    def sample(self, mean, log_variance):
        self.variational = True
        apart = 1 + log_variance - mean**2 - log_variance.exp()
        self.extra = -0.5 * apart.sum(-1).mean()
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


def fill(layer: Any, weight: np.ndarray) -> Any:
    """The layer with this weight, and with biases of 0."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        if getattr(layer, "bias", None) is not None:
            layer.bias.zero_()
    return layer


def rnn(layer: Any, kernels: Any, suffix: str = "") -> Any:
    """The recurrent layer with these weights, and with biases of 0."""
    with torch.no_grad():
        for name, kernel in zip(("weight_ih_l0", "weight_hh_l0"), kernels, strict=True):
            getattr(layer, name + suffix).copy_(torch.from_numpy(np.ascontiguousarray(kernel.T)))
        for name in ("bias_ih_l0", "bias_hh_l0"):
            getattr(layer, name + suffix).zero_()
    return layer
