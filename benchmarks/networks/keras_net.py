"""autonet and Keras on JAX: the same scripts, as functional models and through `fit`."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np
from harness import Unsuitable

from networks.base import Kind, Net, Running


def run(kind: Kind, library: str, native: bool = True, small: bool = False) -> Running:
    """The kind, ready for its first step."""
    if not native:
        os.environ["AUTONET_NATIVE"] = "0"
    if library == "keras":
        import jax  # noqa: F401  # is it there
    if kind.custom:
        if library not in kind.custom:
            raise Unsuitable("has no words for it")
        return kind.custom[library](kind, small=small)
    keras = importlib.import_module(library)
    inputs, y = kind.arrays(small)
    model = functional(keras, kind.net, inputs)
    return through_fit(compiled(keras, kind, model), kind, inputs, y)


def functional(keras: Any, net: Any, inputs: Any) -> Any:
    """A functional model of a network on inputs such as these."""
    places = [keras.Input(a.shape[1:], dtype=str(a.dtype)) for a in inputs]
    return keras.Model(places, net(KerasNet(keras), *places))


def compiled(keras: Any, kind: Kind, model: Any) -> Any:
    """The model with the kind's optimizer and loss."""
    losses = keras.losses
    loss = {
        "softmax": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
        "sigmoid": lambda: losses.BinaryCrossentropy(from_logits=True),
        "mse": losses.MeanSquaredError,
    }
    model.compile(optimizer(keras, kind), loss[kind.loss]())
    return model


def optimizer(keras: Any, kind: Kind) -> Any:
    """The kind's optimizer."""
    if kind.optimizer == "sgd":
        return keras.optimizers.SGD(0.01)
    lazy = kind.optimizer == "lazy_adam" and hasattr(keras.optimizers, "LazyAdam")
    return keras.optimizers.LazyAdam(0.001) if lazy else keras.optimizers.Adam(0.001)


def through_fit(model: Any, kind: Kind, inputs: Any, y: Any, loss: str = "loss") -> Running:
    """Steps, by `fit`, `predict` or `evaluate`."""
    x = inputs[0] if len(inputs) == 1 else inputs
    rows = len(inputs[0])
    head = inputs[0][: kind.batch] if len(inputs) == 1 else tuple(a[: kind.batch] for a in inputs)
    if kind.task == "predict":
        predict = lambda: model.predict(x, batch_size=kind.batch, verbose=0)
        return Running(lambda: float(np.abs(predict()[:100]).mean()), predict, model=model)
    if kind.task == "evaluate":
        evaluate = lambda: model.evaluate(x, y, batch_size=kind.batch, verbose=0)
        return Running(evaluate, evaluate, model=model)
    target = None if y is None else y[: kind.batch]

    def first() -> float:
        history = model.fit(head, target, batch_size=kind.batch, epochs=1, shuffle=False, verbose=0)
        return float(history.history[loss][0])

    walk = lambda: model.fit(x, y, batch_size=kind.batch, epochs=1, verbose=0)
    return Running(first, walk, rows // kind.batch, model)


class KerasNet(Net):
    """Layers of autonet or of Keras."""

    def __init__(self, keras: Any):
        super().__init__()
        self.keras = keras
        self.layers = keras.layers

    def call(self, layer: Any, inputs: Any, *weights: np.ndarray, **options: Any) -> Any:
        """The layer's output; its first weights are those given, the others as they are."""
        y = layer(*inputs, **options) if isinstance(inputs, list) else layer(inputs, **options)
        if weights:
            kept = layer.get_weights()[len(weights) :]
            layer.set_weights([*weights, *kept])
        return y

    def dense(self, x, units, act=None):
        return self.call(self.layers.Dense(units, activation=act), x, self.kernel(x.shape[-1], units))

    def conv(self, x, filters, size, strides=1, padding="same", dilation=1, act=None):
        make = self.layers.Conv2D if len(x.shape) == 4 else self.layers.Conv1D
        options = {"strides": strides, "padding": padding, "dilation_rate": dilation, "activation": act}
        kernel = self.kernel(*[size] * (len(x.shape) - 2), x.shape[-1], filters)
        return self.call(make(filters, size, **options), x, kernel)

    def depthwise(self, x, size, strides=1):
        kernel = self.kernel(size, size, x.shape[-1], 1, fan_in=size * size)
        return self.call(self.layers.DepthwiseConv2D(size, strides, "same"), x, kernel)

    def transposed(self, x, filters, size):
        kernel = self.kernel(size, size, filters, x.shape[-1], fan_in=x.shape[-1])
        return self.call(self.layers.Conv2DTranspose(filters, size, size), x, kernel)

    def upsample(self, x):
        return self.layers.UpSampling2D(2)(x)

    def norm(self, x):
        return self.layers.BatchNormalization()(x)

    def layer_norm(self, x):
        return self.layers.LayerNormalization(epsilon=1e-6)(x)

    def act(self, x, name):
        return self.layers.Activation(name)(x)

    def max_pool(self, x):
        return self.layers.MaxPooling2D(2)(x)

    def mean_over(self, x):
        layers = self.layers
        return (layers.GlobalAveragePooling2D() if len(x.shape) == 4 else layers.GlobalAveragePooling1D())(x)

    mean_words = mean_over

    def max_over(self, x):
        return self.layers.GlobalMaxPooling1D()(x)

    def flatten(self, x):
        return self.layers.Flatten()(x)

    def reshape(self, x, shape):
        return self.layers.Reshape(shape)(x)

    def concat(self, a, b):
        return self.layers.Concatenate()([a, b])

    def distance(self, a, b):
        return self.keras.ops.abs(a - b)

    def embed(self, x, words, width, masked=False):
        return self.call(
            self.layers.Embedding(words, width, mask_zero=masked), x, self.kernel(words, width, fan_in=width)
        )

    def places(self, x, words, width):
        both = placed(self.keras)(words, x.shape[1], width)
        tables = self.kernel(words, width, fan_in=width), self.kernel(x.shape[1], width, fan_in=width)
        return self.call(both, x, *tables)

    def lstm(self, x, units, sequences=False, words=None):
        layer = self.layers.LSTM(units, return_sequences=sequences, unit_forget_bias=False)
        return self.call(layer, x, *self.recurrent(x.shape[-1], units, 4))

    def gru(self, x, units, sequences=False, start=None):
        """Without `start`: its output, or outputs and last state with sequences="both"."""
        both = sequences == "both"
        layer = self.layers.GRU(units, return_sequences=bool(sequences), return_state=both)
        options = {} if start is None else {"initial_state": start}
        return self.call(layer, x, *self.recurrent(x.shape[-1], units, 3), **options)

    def both_ways(self, x, units):
        layer = self.layers.Bidirectional(self.layers.LSTM(units, unit_forget_bias=False))
        y = layer(x)
        there, back = (self.recurrent(x.shape[-1], units, 4) for _ in range(2))
        bias = np.zeros(4 * units, "float32")
        layer.set_weights([*there, bias, *back, bias])
        return y

    def attention(self, x, context, heads, causal=False):
        width = x.shape[-1]
        layer = self.layers.MultiHeadAttention(heads, width // heads)
        y = layer(x, context, use_causal_mask=causal)
        weights = layer.get_weights()
        for k in range(4):  # of queries, keys, values, and of the output; each has a bias
            weights[2 * k] = self.kernel(width, width).reshape(weights[2 * k].shape)
        layer.set_weights(weights)
        return y

    def signal(self, x):
        return x

    def shared(self, f, a, b):
        place = self.keras.Input(a.shape[1:])
        inner = self.keras.Model(place, f(self, place))
        return inner(a), inner(b)

    def sample(self, mean, log_variance):
        return sampler(self.keras)()([mean, log_variance])


def placed(keras: Any) -> Any:
    """A layer class: embeddings of words and of their places, added."""

    class Placed(keras.layers.Layer):
        def __init__(self, words: int, length: int, width: int, **common: Any):
            super().__init__(**common)
            self.words, self.places = keras.layers.Embedding(words, width), keras.layers.Embedding(length, width)
            self.length, self.width = length, width

        def build(self, input_shape: Any) -> None:
            self.words.build(input_shape)
            self.places.build((self.length,))

        def call(self, x: Any) -> Any:
            return self.words(x) + self.places(keras.ops.arange(0, self.length))

        def compute_output_shape(self, input_shape: Any) -> tuple:
            return (*input_shape, self.width)

    return Placed


def sampler(keras: Any) -> Any:
    """A layer class: a draw from a normal distribution, whose divergence from the standard one joins the loss."""
    ops = keras.ops

    class Sample(keras.layers.Layer):
        def __init__(self, **common: Any):
            super().__init__(**common)
            self.generator = keras.random.SeedGenerator(3)

        def call(self, inputs: Any) -> Any:
            mean, log_variance = inputs
            apart = 1 + log_variance - mean * mean - ops.exp(log_variance)
            self.add_loss(-0.5 * ops.mean(ops.sum(apart, axis=-1)))
            drawn = keras.random.normal(ops.shape(mean), seed=self.generator)
            return mean + ops.exp(0.5 * log_variance) * drawn

    return Sample
