"""Models of every kind, with what they are called on and trained for: `ZOO[name]()` gives (model, x, y)."""

import numpy as np

import autonet as keras
from autonet import layers as L
from autonet import ops
from autonet.saving import register_keras_serializable


@register_keras_serializable("zoo")
class Scale(L.Layer):
    """A layer of the user's own, with weights, noise and a metric."""

    def __init__(self, factor=2.0, **common):
        super().__init__(**common)
        self.factor = factor
        self.seeds = keras.random.SeedGenerator(5)
        self.mean = keras.metrics.Mean(name="mean_scale")

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1],), "ones", name="kernel")
        self.calls = self.add_weight((), "zeros", "int32", trainable=False, name="calls")

    def call(self, x, training=False):
        self.calls.assign_add(1)
        if training:
            x = x + 0.1 * keras.random.normal(x.shape, seed=self.seeds)
        self.add_loss(0.01 * ops.sum(self.kernel * self.kernel))
        return x * self.kernel * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@register_keras_serializable("zoo")
class Block(L.Layer):
    """Layers inside a layer, without a `build` and without a `get_config`."""

    def __init__(self, units, rate=0.25, **common):
        super().__init__(**common)
        self.inner = [L.Dense(units, activation="relu"), L.Dropout(rate)]
        self.norm = L.LayerNormalization()

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return self.norm(x)


@register_keras_serializable("zoo")
class Net(keras.Model):
    """A subclass with layers in containers."""

    def __init__(self, units, name=None):
        super().__init__(name=name)
        self.blocks = {str(n): Block(n) for n in units}
        self.scale = Scale(0.5)
        self.out = L.Dense(2)

    def call(self, x):
        for block in self.blocks.values():
            x = block(x)
        return self.out(self.scale(x))


@register_keras_serializable("zoo")
class Pair(keras.Model):
    """A subclass that is called on a dictionary, and has a step of its own."""

    def __init__(self):
        super().__init__()
        self.left, self.right = L.Dense(3), L.Dense(3)
        self.bias = keras.Variable(np.full(3, 0.5, "float32"), name="bias")

    def call(self, inputs):
        return self.left(inputs["a"]) * self.right(inputs["b"]) + self.bias

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y_pred - y)) + 0.1 * ops.sum(ops.square(self.bias))


@register_keras_serializable("zoo")
class Absolute(keras.Loss):
    """A loss of the user's own."""

    def __init__(self, power=1.0, name="absolute", reduction="sum_over_batch_size"):
        super().__init__(name=name, reduction=reduction)
        self.power = power

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) ** self.power, axis=-1)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@register_keras_serializable("zoo")
def worst(y_true, y_pred):
    """A metric of the user's own."""
    return ops.max(ops.abs(y_true - y_pred), axis=-1)


rng = np.random.default_rng(3)
X = rng.normal(size=(12, 6)).astype("float32")
Y = rng.normal(size=(12, 2)).astype("float32")
CLASSES = (np.arange(12) % 3).astype("int32")
IMAGES = rng.normal(size=(12, 8, 8, 2)).astype("float32")
WORDS = rng.integers(0, 20, (12, 5)).astype("int32")


def sequential():
    model = keras.Sequential(
        [
            L.Input((6,)),
            L.Dense(8, "relu", kernel_regularizer="l2"),
            L.BatchNormalization(),
            L.Dropout(0.3),
            L.Dense(2),
        ],
        name="stack",
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model, X, Y


def deferred():
    model = keras.Sequential([L.Dense(4, "tanh"), L.GaussianNoise(0.1), L.Dense(3, "softmax")])
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model, X, CLASSES


def convolutional():
    model = keras.Sequential(
        [L.Input((8, 8, 2)), L.Conv2D(3, 3), L.BatchNormalization(), L.MaxPooling2D(), L.Flatten(), L.Dense(2)]
    )
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 20, warmup_target=0.1, warmup_steps=2)
    model.compile(
        keras.optimizers.RMSprop(schedule, momentum=0.5, centered=True, clipnorm=1.0), keras.losses.Huber(0.5)
    )
    return model, IMAGES, Y


def recurrent():
    words = L.Input((5,), dtype="int32")
    x = L.Embedding(20, 4, mask_zero=True)(words)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True, dropout=0.2))(x)
    model = keras.Model(words, L.Dense(2)(L.GRU(4)(x)))
    model.compile(keras.optimizers.Nadam(), "mae")
    return model, WORDS, Y


def attentive():
    a, b = L.Input((6,), name="a"), L.Input((5,), dtype="int32", name="b")
    x = L.Embedding(20, 6)(b) + L.Reshape((1, 6))(a)
    x = x + L.MultiHeadAttention(2, 3, dropout=0.1)(x, x)
    model = keras.Model(
        {"a": a, "b": b}, [L.Dense(2, name="one")(x[:, 0]), L.Dense(1, name="two")(ops.mean(x, axis=1))]
    )
    model.compile(
        keras.optimizers.AdamW(0.01, weight_decay=0.02, use_ema=True, ema_momentum=0.9),
        {"one": "mse", "two": "mae"},
        loss_weights={"one": 1.0, "two": 0.5},
        metrics={"one": [keras.metrics.MeanAbsoluteError(name="error")]},
    )
    return model, {"a": X, "b": WORDS}, [Y, Y[:, :1]]


def nested():
    shared = L.Dense(6, "tanh", name="shared")
    inner_input = L.Input((6,))
    inner = keras.Model(inner_input, shared(L.Dense(6)(inner_input)), name="inner")
    x = L.Input((6,))
    tail = keras.Sequential([L.Dense(4), L.Dropout(0.2), L.Dense(2)], name="tail")
    model = keras.Model(x, tail(inner(shared(inner(x)))), name="outer")
    model.compile(keras.optimizers.Lion(1e-3, gradient_accumulation_steps=2), Absolute(2.0), metrics=[worst])
    return model, X, Y


def custom_layers():
    model = keras.Sequential(
        [L.Input((6,)), Block(5, name="block"), Scale(3.0, name="scale"), L.Dense(2, activation="gelu")]
    )
    model.compile(keras.optimizers.Adafactor(0.01), Absolute(), weighted_metrics=["mae"])
    return model, X, Y


def subclassed():
    model = Net([4, 3], name="net")
    model.compile(keras.optimizers.Adam(0.01, amsgrad=True), "mse", metrics=[keras.metrics.RootMeanSquaredError()])
    return model, X, Y


def dictionary():
    model = Pair()
    model.compile(keras.optimizers.Adagrad(0.1))
    return model, {"a": X, "b": X[:, :4]}, np.concatenate([Y, Y[:, :1]], 1)


def frozen():
    model = keras.Sequential([L.Input((6,)), L.Dense(4), L.BatchNormalization(), L.Dense(2)])
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    model.compile(keras.optimizers.Ftrl(0.1), "mse")
    return model, X, Y


def double():
    model = keras.Sequential([L.Input((6,), dtype="float64"), L.Dense(4, dtype="float64"), L.Dense(2, dtype="float64")])
    model.compile(keras.optimizers.Adadelta(1.0), "log_cosh")
    return model, X.astype("float64"), Y.astype("float64")


def prepared():
    """Texts and numbers, with layers that learned from data what to do with them."""
    words = np.array([["to be"], ["or not"], ["to"], ["be or"]] * 3)
    vectors, scale, bins = (
        L.TextVectorization(output_sequence_length=3),
        L.Normalization(),
        L.Discretization(num_bins=3),
    )
    vectors.adapt(words)
    scale.adapt(X)
    bins.adapt(X[:, :1])
    a, b = L.Input((1,), dtype="string"), L.Input((6,))
    x = L.Flatten()(L.Embedding(12, 2)(vectors(a)))
    kinds = L.CategoryEncoding(num_tokens=3, output_mode="one_hot")(bins(b[:, :1]))
    looked = L.StringLookup(vocabulary=["to", "be"], output_mode="multi_hot")(a)
    model = keras.Model([a, b], L.Dense(2)(L.Concatenate()([x, scale(b), kinds, looked])))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, [words, X], Y


ZOO = {
    f.__name__: f
    for f in (
        sequential,
        deferred,
        convolutional,
        recurrent,
        attentive,
        nested,
        custom_layers,
        subclassed,
        dictionary,
        frozen,
    )
}
ZOO["double"], ZOO["prepared"] = double, prepared
