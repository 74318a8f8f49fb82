"""Nets that train well, and nets that are ill, on small data: what a TrainingMonitor is tried on."""

import numpy as np

import autonet as keras
from autonet import initializers, layers, ops, optimizers

(PICTURES, LABELS), _ = keras.datasets.digits.load_data()
PICTURES = (PICTURES / 16).astype("float32").reshape(-1, 8, 8, 1)
LABELS, PICTURES = np.asarray(LABELS)[:960], PICTURES[:960]
FLAT = PICTURES.reshape(len(PICTURES), -1)
ONE_HOT = keras.utils.to_categorical(LABELS, 10)
DRAWS = np.random.default_rng(0)
POINTS = DRAWS.standard_normal((960, 8)).astype("float32")
HEIGHTS = (np.sin(POINTS[:, :1]) + POINTS[:, 1:2] * POINTS[:, 2:3] + 0.1 * DRAWS.standard_normal((960, 1))).astype(
    "float32"
)
SIDES = (POINTS[:, :1] + POINTS[:, 1:2] ** 2 > 1).astype("float32")
WORDS = DRAWS.integers(0, 500, (960, 12))
TOPICS = (np.mean(WORDS < 150, 1, keepdims=True) > 0.3).astype("float32")
WIDE = initializers.RandomNormal(stddev=1.0)


def dense(activation, units=32, depth=2, out="softmax", outputs=10, init="glorot_uniform"):
    hidden = [layers.Dense(units, activation, kernel_initializer=init) for _ in range(depth)]
    return keras.Sequential([*hidden, layers.Dense(outputs, out, kernel_initializer=init)])


def convolutional():
    return keras.Sequential(
        [
            layers.Conv2D(12, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(24, 2, activation="relu"),
            layers.Flatten(), layers.Dropout(0.3), layers.Dense(10, "softmax"),
        ]
    )  # fmt: skip


def normalized():
    model = keras.Sequential()
    for _ in range(3):
        for layer in (layers.Dense(48, use_bias=False), layers.BatchNormalization(), layers.ReLU()):
            model.add(layer)
    model.add(layers.Dense(10))
    return model


def residual():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, 2, padding="same", activation="relu")(inputs)
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(x)))
        y = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(y))
        x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def transformer():
    inputs = keras.Input((8, 8))
    x = layers.Dense(24)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 6)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(24)(layers.Dense(48, "gelu")(x)))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = layers.Dense(48), layers.Dense(32), layers.Dense(10)

    def call(self, x):
        return self.last(ops.relu(self.second(ops.relu(self.first(x)))))


LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
CE, BCE, SGD, Adam = "sparse_categorical_crossentropy", "binary_crossentropy", optimizers.SGD, optimizers.Adam
ROWS = PICTURES[..., 0]

HEALTHY = {  # name: how to make the model and its optimizer, loss, x, y, epochs, batch size
    "relu": (lambda: dense("relu"), lambda: Adam(0.003), CE, FLAT, LABELS, 8, 32),
    "relu, SGD": (lambda: dense("relu"), lambda: SGD(0.1), CE, FLAT, LABELS, 8, 16),
    "relu, slow": (lambda: dense("relu"), lambda: SGD(0.02), CE, FLAT, LABELS, 12, 16),
    "relu, to the end": (lambda: dense("relu", 64), lambda: Adam(), CE, FLAT, LABELS, 30, 32),
    "tanh, full batch": (lambda: dense("tanh"), lambda: Adam(0.01), CE, FLAT, LABELS, 40, len(FLAT)),
    "sigmoid, quadratic": (lambda: dense("sigmoid", 30, 1, "sigmoid"), lambda: SGD(15.0), "mse", FLAT, ONE_HOT, 10, 10),
    "sigmoid": (lambda: dense("sigmoid", 30, 1, "sigmoid"), lambda: SGD(5.0), BCE, FLAT, ONE_HOT, 10, 10),
    "deep, he": (lambda: dense("relu", 32, 8, init="he_normal"), lambda: Adam(0.003), CE, FLAT, LABELS, 8, 32),
    "deep, selu": (lambda: dense("selu", 32, 8, init="lecun_normal"), lambda: SGD(0.02), CE, FLAT, LABELS, 8, 32),
    "convolutional": (convolutional, lambda: SGD(0.05, momentum=0.9), CE, PICTURES, LABELS, 4, 32),
    "normalized": (normalized, lambda: Adam(0.003), LOGITS, FLAT, LABELS, 5, 32),
    "normalized, fast": (normalized, lambda: SGD(0.5), LOGITS, FLAT, LABELS, 5, 32),
    "lstm": (lambda: keras.Sequential([layers.LSTM(24), layers.Dense(10)]), lambda: Adam(0.01), LOGITS, ROWS, LABELS, 5, 32),
    "residual": (residual, lambda: Adam(0.01), LOGITS, PICTURES, LABELS, 3, 32),
    "transformer": (transformer, lambda: Adam(0.003), LOGITS, ROWS, LABELS, 3, 32),
    "subclassed": (Subclassed, lambda: Adam(0.003), LOGITS, FLAT, LABELS, 6, 32),
    "embedding": (
        lambda: keras.Sequential(
            [layers.Embedding(500, 16), layers.GlobalAveragePooling1D(), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")]
        ),
        lambda: Adam(0.003), BCE, WORDS, TOPICS, 12, 32,
    ),
    "regression": (lambda: dense("relu", out=None, outputs=1), lambda: Adam(0.003), "mse", POINTS, HEIGHTS, 15, 32),
    "regression, large numbers": (
        lambda: dense("relu", out=None, outputs=1), lambda: Adam(0.01), "mse", POINTS, HEIGHTS * 100, 30, 32,
    ),
    "linear": (lambda: dense(None, depth=0, out=None, outputs=1), lambda: SGD(0.01), "mse", POINTS, HEIGHTS, 8, 32),
    "binary": (lambda: dense("relu", out="sigmoid", outputs=1), lambda: Adam(), BCE, POINTS, SIDES, 15, 32),
    "autoencoder": (lambda: dense("relu", out="sigmoid", outputs=64), lambda: Adam(), "mse", FLAT, FLAT, 10, 32),
}  # fmt: skip

ILL = {  # the same, and what is wrong
    "wide weights": ("saturated", lambda: dense("sigmoid", 64, 3, init=WIDE), lambda: SGD(0.1), CE, FLAT, LABELS, 5, 32),
    "inputs not scaled": ("saturated", lambda: dense("tanh"), lambda: SGD(0.01), CE, FLAT * 255, LABELS, 5, 32),
    "sure and wrong": (
        "saturated", lambda: dense("sigmoid", 100, 1, "sigmoid", init=WIDE), lambda: SGD(3.0), "mse",
        np.tile(FLAT, 4) * 2, ONE_HOT, 5, 10,
    ),
    "eight sigmoids": ("vanishing", lambda: dense("sigmoid", 32, 8), lambda: SGD(0.1), CE, FLAT, LABELS, 5, 32),
    "twelve, adam": ("vanishing", lambda: dense("sigmoid", 32, 12), lambda: Adam(), CE, FLAT, LABELS, 5, 32),
    "five sigmoids": ("vanishing", lambda: dense("sigmoid", 30, 5), lambda: SGD(0.1), CE, FLAT, LABELS, 6, 10),
    "tiny weights": (
        "vanishing", lambda: dense("tanh", 32, 6, init=initializers.RandomNormal(stddev=0.02)), lambda: SGD(0.1), CE,
        FLAT, LABELS, 5, 32,
    ),
    "large weights": (
        "exploding", lambda: dense("relu", 64, 10, init=initializers.RandomNormal(stddev=0.5)), lambda: SGD(1e-6), CE,
        FLAT, LABELS, 3, 32,
    ),
    "not finite": (
        "exploding", lambda: dense("relu", 64, 10, None, init=initializers.RandomNormal(stddev=0.5)), lambda: SGD(0.1),
        "mse", FLAT, ONE_HOT, 2, 32,
    ),
    "thrown off": ("dead", lambda: dense("relu", 64, 3), lambda: SGD(5.0), CE, FLAT, LABELS, 5, 32),
    "thrown off, adam": ("dead", lambda: dense("relu", 64, 3), lambda: Adam(0.3), CE, FLAT, LABELS, 5, 32),
    "low biases": (
        "dead",
        lambda: keras.Sequential(
            [layers.Dense(64, "relu", bias_initializer=initializers.Constant(-10.0)), layers.Dense(10, "softmax")]
        ),
        lambda: SGD(0.1), CE, FLAT, LABELS, 3, 32,
    ),
    "1e-6": ("rate too small", lambda: dense("relu"), lambda: SGD(1e-6), CE, FLAT, LABELS, 5, 32),
    "1e-6, adam": ("rate too small", lambda: dense("relu"), lambda: Adam(1e-6), CE, FLAT, LABELS, 5, 32),
    "1e-6, convolutions": ("rate too small", convolutional, lambda: SGD(1e-6), CE, PICTURES, LABELS, 2, 32),
    "100": ("rate too large", lambda: dense("relu"), lambda: SGD(100.0), CE, FLAT, LABELS, 5, 32),
    "100, tanh": ("rate too large", lambda: dense("tanh"), lambda: SGD(100.0), CE, FLAT, LABELS, 5, 32),
    "100, sigmoid": ("rate too large", lambda: dense("sigmoid"), lambda: SGD(100.0), CE, FLAT, LABELS, 5, 32),
    "100, convolutions": ("rate too large", convolutional, lambda: SGD(100.0), CE, PICTURES, LABELS, 2, 32),
    "100, normalized": ("rate too large", normalized, lambda: SGD(100.0), LOGITS, FLAT, LABELS, 3, 32),
    "1, adam": ("rate too large", lambda: dense("relu"), lambda: Adam(1.0), CE, FLAT, LABELS, 5, 32),
    "1, linear": (
        "rate too large", lambda: dense(None, depth=0, out=None, outputs=1), lambda: SGD(1.0), "mse", POINTS * 2, HEIGHTS, 5, 32,
    ),
}  # fmt: skip


def trained(make, optimizer, loss, x, y, epochs, batch_size, seed=3, samples=10):
    """A monitor of a whole training, with about so many samples (None: as many as there is time for), and its History."""
    keras.utils.set_random_seed(seed)
    model = make()
    model.compile(optimizer(), loss)
    steps = -(-len(x) // batch_size) * epochs
    monitor = keras.callbacks.TrainingMonitor(every=None if samples is None else max(steps // samples, 1))
    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[monitor])
    return monitor, history
