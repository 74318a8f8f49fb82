"""Models to train twice, captured and eagerly."""

import warnings

import numpy as np

import autonet
from autonet import Model, Sequential, callbacks, constraints, layers, losses, ops, regularizers
from tests.compiler.programs import assert_same_bits

ROWS = 30  # cut into batches of 8, the last one is ragged
L = layers


def data(*shape, classes=3, seed=0):
    """Inputs of this shape, and class numbers that depend on them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, *shape)).astype(np.float32)
    return x, (np.abs(x).reshape(ROWS, -1).sum(axis=1) * 7).astype(int) % classes


def words(length=6, vocabulary=12):
    """Rows of word numbers, some ending in zeros, and classes."""
    rng = np.random.default_rng(1)
    x = rng.integers(1, vocabulary, (ROWS, length))
    for row, n in enumerate(rng.integers(2, length + 1, ROWS)):
        x[row, n:] = 0
    return x, x.sum(axis=1) % 3


def classifier(*parts):
    """Layers with three classes at their end."""
    return lambda: Sequential([*[p() if callable(p) and not isinstance(p, L.Layer) else p for p in parts], L.Dense(3)])


CLASSES = losses.SparseCategoricalCrossentropy(from_logits=True)


class Residual(Model):
    """A model of the user's own: training flag, add_loss, weights made at the first call."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.drop = L.Dense(8), L.Dense(8, activation="tanh"), L.Dropout(0.25, seed=1)
        self.last = L.Dense(3)

    def call(self, x, training=False):
        y = self.first(x)
        y = y + self.drop(self.second(y), training=training)
        if training:
            self.add_loss(0.01 * ops.mean(ops.square(y)))
        return self.last(y)


class OwnStep(Model):
    """A model with a train_step of the user's own, which reports a loss that has a derivative."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)
        self.seen = self.add_weight((), "zeros", trainable=False, name="seen")

    def call(self, x):
        return self.dense(x)

    def train_step(self, batch):
        x, y = batch

        def loss(kernel, bias):
            return ops.mean(ops.sparse_categorical_crossentropy(y, x @ kernel + bias, from_logits=True))

        value, found = autonet.value_and_grad(loss, (0, 1))(self.dense.kernel.value, self.dense.bias.value)
        self.optimizer.apply(found, self.dense.trainable_variables)
        self.seen.assign_add(1.0)
        return {"loss": value * 1.0, "seen": self.seen.value}


def two_inputs():
    a, b = L.Input((4,)), L.Input((3,))
    y = L.Concatenate()([L.Dense(6, activation="relu")(a), L.Dense(6)(b)])
    y = L.Add()([y, L.Multiply()([y, y])])
    return Model([a, b], [L.Dense(3)(y), L.Dense(1)(y)])


IMAGES = data(8, 8, 2)
MODELS = {  # builder, (x, y), loss
    "mlp": (
        classifier(lambda: L.Dense(8, activation="sigmoid"), lambda: L.Dense(8, activation="relu")),
        data(5),
        CLASSES,
    ),
    "softmax": (lambda: Sequential([L.Dense(3, activation="softmax")]), data(5), "sparse_categorical_crossentropy"),
    "binary": (
        lambda: Sequential([L.Dense(4, "tanh"), L.Dense(1, "sigmoid")]),
        data(5, classes=2),
        "binary_crossentropy",
    ),
    "normalized": (
        classifier(lambda: L.Dense(8), L.BatchNormalization, lambda: L.Activation("relu"), lambda: L.Dropout(0.5)),
        data(5),
        CLASSES,
    ),
    "layer norms": (
        classifier(lambda: L.Dense(8), L.LayerNormalization, L.RMSNormalization, lambda: L.GroupNormalization(2)),
        data(5),
        CLASSES,
    ),
    "noise": (
        classifier(
            lambda: L.Dense(8),
            lambda: L.GaussianNoise(0.1),
            lambda: L.GaussianDropout(0.2),
            lambda: L.AlphaDropout(0.2),
            lambda: L.ActivityRegularization(l2=0.01),
        ),
        data(5),
        CLASSES,
    ),
    "activations": (
        classifier(
            *[lambda a=a: L.Dense(6, activation=a) for a in ("elu", "selu", "gelu", "silu", "softplus", "mish")],
            lambda: L.LeakyReLU(),
            lambda: L.PReLU(),
        ),
        data(5),
        CLASSES,
    ),
    "penalties": (
        classifier(
            lambda: L.Dense(8, kernel_regularizer="l2", bias_constraint="non_neg", activity_regularizer="l1"),
            lambda: L.Dense(
                8, kernel_constraint=constraints.MaxNorm(1.0), kernel_regularizer=regularizers.L1L2(1e-3, 1e-3)
            ),
        ),
        data(5),
        CLASSES,
    ),
    "convnet": (
        classifier(
            lambda: L.Conv2D(4, 3, activation="relu"),
            L.MaxPooling2D,
            lambda: L.Conv2D(4, 2, padding="same", strides=2, use_bias=False),
            L.BatchNormalization,
            L.Flatten,
        ),
        IMAGES,
        CLASSES,
    ),
    "convolutions": (
        classifier(
            lambda: L.SeparableConv2D(4, 3, padding="same"),
            lambda: L.DepthwiseConv2D(2),
            lambda: L.Conv2DTranspose(3, 3, strides=2),
            lambda: L.AveragePooling2D(3, 2, padding="same"),
            lambda: L.UpSampling2D(2),
            lambda: L.ZeroPadding2D(1),
            lambda: L.SpatialDropout2D(0.2),
            L.GlobalMaxPooling2D,
        ),
        IMAGES,
        CLASSES,
    ),
    "sequences": (
        classifier(lambda: L.Conv1D(4, 2), L.MaxPooling1D, lambda: L.Permute((2, 1)), L.GlobalAveragePooling1D),
        data(9, 3),
        CLASSES,
    ),
    "embedding": (classifier(lambda: L.Embedding(12, 5), L.Flatten), words(), CLASSES),
    "lstm": (classifier(lambda: L.Embedding(12, 5, mask_zero=True), lambda: L.LSTM(6, dropout=0.1)), words(), CLASSES),
    "gru": (
        classifier(lambda: L.Embedding(12, 5), lambda: L.Bidirectional(L.GRU(4, return_sequences=True)), L.Flatten),
        words(),
        CLASSES,
    ),
    "simple rnn": (
        classifier(lambda: L.SimpleRNN(5, return_sequences=True), L.GlobalMaxPooling1D),
        data(6, 3),
        CLASSES,
    ),
    "attention": (
        lambda: (lambda a: Model(a, L.Dense(3)(L.Flatten()(L.MultiHeadAttention(2, 3, dropout=0.1)(a, a)))))(
            L.Input((5, 4))
        ),
        data(5, 4),
        CLASSES,
    ),
    "two inputs, two outputs": (
        two_inputs,
        ([data(4)[0], data(3, seed=1)[0]], [data(4)[1], data(1, seed=2)[0]]),
        [CLASSES, "mse"],
    ),
    "subclass": (Residual, data(5), CLASSES),
    "own train step": (OwnStep, data(5), CLASSES),
    "float64": (
        lambda: Sequential([L.Dense(6, "tanh", dtype="float64"), L.Dense(3, dtype="float64")]),
        data(5),
        CLASSES,
    ),
}


def history_of(model):
    """The logs of fit, by epoch; names differ where layers or metrics are named by number."""
    return list(model.history.history.values())


def state_of(model):
    """Weights, metric totals, generator states, slots."""
    slots = [] if model.optimizer is None else model.optimizer.variables
    return [v.numpy() for v in (*model.variables, *slots)]


def trained(build, xy, loss, epochs=25, act=None, **options):
    """A model after `epochs` of four steps each; `act(model)` happens after each epoch."""
    autonet.utils.set_random_seed(11)
    model = build()
    options = {"optimizer": "sgd", "metrics": [["accuracy"], []] if isinstance(loss, list) else ["accuracy"], **options}
    model.compile(loss=loss, **options)
    watch = [] if act is None else [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: act(model, epoch))]
    model.fit(*xy, batch_size=8, epochs=epochs, verbose=0, callbacks=watch)
    return model


def assert_equal(a, b, xy):
    """Two models in the same state, with the same past, that give the same."""
    assert history_of(a) == history_of(b)
    assert_same_bits(state_of(a), state_of(b))
    assert a.evaluate(*xy, batch_size=7, verbose=0) == b.evaluate(*xy, batch_size=7, verbose=0)
    ours, theirs = (autonet.common.trees.flatten(m.predict(xy[0], batch_size=11, verbose=0)) for m in (a, b))
    assert_same_bits(ours, theirs)


def captured_and_eager(build, xy, loss, **options):
    """The same training twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = trained(build, xy, loss, **options)
        slow = trained(build, xy, loss, **options, run_eagerly=True)
    entry = fast._functions["train"].compiled.last
    assert entry.obstacle is None and entry.plan is not None
    assert slow._functions["train"].compiled.last is None
    return fast, slow
