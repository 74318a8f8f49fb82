"""Models that Keras and autonet both make: `make(name, keras)` is given either as `keras`."""

import numpy as np


def mlp(keras):
    """A Sequential that was trained."""
    L = keras.layers
    model = keras.Sequential(
        [
            L.Input((6,)),
            L.Dense(8, activation="relu", kernel_regularizer="l2"),
            L.BatchNormalization(),
            L.Dropout(0.2),
            L.Dense(4, activation=keras.activations.gelu),
            L.PReLU(),
            L.Dense(3, activation="softmax"),
        ],
        name="mlp",
    )
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9), clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2)],
    )
    return model


def convnet(keras):
    """Convolutions of all kinds."""
    L = keras.layers
    return keras.Sequential(
        [
            L.Input((12, 12, 2)),
            L.ZeroPadding2D(1),
            L.Conv2D(4, 3, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.ReLU(max_value=6.0),
            L.MaxPooling2D(),
            L.DepthwiseConv2D(3, depth_multiplier=2),
            L.SeparableConv2D(6, (3, 2), strides=2, padding="same", activation="silu"),
            L.Conv2DTranspose(3, 3, strides=2),
            L.AveragePooling2D(2),
            L.GroupNormalization(3),
            L.LeakyReLU(negative_slope=0.1),
            L.Flatten(),
            L.Dense(5),
        ],
        name="convnet",
    )


def recurrent(keras):
    """Recurrent layers, a mask, and an embedding."""
    L = keras.layers
    words = L.Input((7,), dtype="int32", name="words")
    x = L.Embedding(20, 5, mask_zero=True)(words)
    x = L.Bidirectional(L.LSTM(4, return_sequences=True))(x)
    x = L.GRU(6, return_sequences=True, reset_after=False)(x)
    x = L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum")(x)
    x = L.RNN([L.LSTMCell(4), L.SimpleRNNCell(3)], return_sequences=True)(x)
    x = L.TimeDistributed(L.Dense(4, activation="tanh"))(x)
    x, last = L.GRU(3, return_state=True)(x)
    return keras.Model(words, [L.Dense(2)(x), last], name="recurrent")


def transformer(keras):
    """A block of attention, with operations between layers."""
    L, ops = keras.layers, keras.ops
    words = L.Input((8,), dtype="int32", name="words")
    places = ops.cumsum(ops.ones_like(words), axis=1) - 1
    x = L.Embedding(15, 6)(words) + L.Embedding(8, 6)(places)
    seen = L.MultiHeadAttention(2, 3, dropout=0.1)(x, x, use_causal_mask=True)
    x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, seen]))
    wide = L.Dense(12, activation="gelu")(x)
    x = L.LayerNormalization()(x + L.Dense(6)(wide) * 0.5)
    x = L.GlobalAveragePooling1D()(x[:, 1:])
    return keras.Model(words, L.Dense(2, activation="sigmoid")(ops.reshape(x, (-1, 6))), name="transformer")


def inputs(keras):
    """Two inputs in a dictionary, two outputs, a model inside, and a layer that stands twice."""
    L = keras.layers
    a, b = L.Input((4,), name="a"), L.Input((3, 2), name="b")
    shared = L.Dense(5, activation="relu", name="shared")
    z = L.Input((5,))
    tower = keras.Model(z, L.Dense(5)(L.Dense(4)(z)), name="tower")
    left = tower(tower(shared(a)) + shared(a * 0.5))
    right = keras.Sequential([L.Flatten(), L.Dense(5)], name="right")(b)
    both = L.Concatenate()([left, L.Multiply()([left, right])])
    return keras.Model({"a": a, "b": b}, {"sum": L.Dense(1, name="sum")(both), "all": both}, name="inputs")


def subclassed(keras):
    """A registered subclass, with layers in lists and dictionaries, and a layer of the user's own."""
    L = keras.layers

    @keras.saving.register_keras_serializable("golden")
    class Scaled(L.Layer):
        def __init__(self, factor=2.0, **common):
            super().__init__(**common)
            self.factor = factor
            self.norm = L.LayerNormalization()

        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
            self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="shift")
            self.norm.build(shape)

        def call(self, x):
            return self.norm(x) * self.scale * self.factor + self.shift

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    @keras.saving.register_keras_serializable("golden")
    class Tower(keras.Model):
        def __init__(self, units, **common):
            super().__init__(**common)
            self.units = units
            self.blocks = [L.Dense(u, activation="tanh") for u in units]
            self.zoom = Scaled(3.0)
            self.heads = {"x": L.Dense(2), "y": [L.Dense(1)]}
            self._last = L.Dense(3)

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            x = self.zoom(x)
            return keras.ops.concatenate([self.heads["x"](x), self.heads["y"][0](x), self._last(x)], axis=-1)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    model = Tower([6, 5], name="tower")
    model(np.zeros((2, 4), "float32"))
    return model


def states(keras):
    """An encoder whose states a decoder starts from; Adafactor, whose means differ between matrices and vectors."""
    L = keras.layers
    source, target = L.Input((5, 3), name="source"), L.Input((4, 2), name="target")
    _, *both = L.LSTM(4, return_state=True)(source)
    seen, last = L.GRU(4, return_sequences=True, return_state=True)(target, initial_state=both[0])
    y = L.LSTM(4, return_sequences=True)(seen, initial_state=both)
    model = keras.Model([source, target], [L.Dense(2)(y), last], name="states")
    model.compile(keras.optimizers.Adafactor(0.01), ["mse", None])
    return model


def attention(keras):
    """Attention of every kind; an optimizer inside another."""
    L = keras.layers
    x = L.Input((5, 4))
    other = L.Conv1D(4, 2, padding="causal")(x)
    kinds = [
        L.GroupQueryAttention(3, 4, 2)(x, other),
        L.MultiHeadAttention(2, 3, output_shape=5)(x, other),
        L.Attention(use_scale=True, score_mode="concat")([x, other]),
        L.AdditiveAttention()([x, other]),
    ]
    model = keras.Model(x, L.Dense(2)(L.Concatenate()([*kinds, L.UnitNormalization()(x)])), name="attention")
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01, momentum=0.9)), "mse")
    return model


def pictures(keras):
    """Layers that move pictures in training only, where the file says training=True; convolutions that remember."""
    L = keras.layers
    x = L.Input((2, 6, 6, 2))
    picture = x[:, 0]
    for layer in (
        *(L.RandomFlip(), L.RandomRotation(0.2), L.RandomZoom(0.2), L.RandomTranslation(0.2, 0.1)),
        *(L.RandomContrast(0.3), L.RandomBrightness(0.2, value_range=(0, 1)), L.Dropout(0.5)),
    ):
        picture = layer(picture, training=True)
    picture = L.SpectralNormalization(L.Conv2D(3, 3, groups=1, dilation_rate=2))(L.SpatialDropout2D(0.3)(picture))
    picture = L.UpSampling2D(2, interpolation="bilinear")(L.Cropping2D(((0, 1), (1, 0)))(picture))
    film = L.ConvLSTM2D(2, 3, strides=2)(x)
    volume = L.Conv3DTranspose(2, 2)(L.AveragePooling3D((1, 2, 2))(L.Conv3D(2, (1, 2, 2))(x)))
    ends = [L.GlobalMaxPooling2D()(picture), L.GlobalAveragePooling2D()(film), L.GlobalMaxPooling3D()(volume)]
    return keras.Model(x, L.Average()([L.Dense(2)(L.RMSNormalization()(end)) for end in ends]), name="pictures")


def adapted(keras):
    """Weights that are frozen and have corrections of low rank."""
    L = keras.layers
    words = L.Input((6,), dtype="int32", name="words")
    layers = [L.Embedding(9, 4), L.Conv1D(5, 2), L.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), L.Dense(3)]
    x = words
    for n, layer in enumerate(layers):
        x = layer(x)
        layer.enable_lora(1 + n % 2, lora_alpha=2 + n)
    model = keras.Model(words, x, name="adapted")
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    return model


DATA = {  # inputs of the models
    "mlp": lambda rng: rng.normal(size=(5, 6)),
    "convnet": lambda rng: rng.normal(size=(3, 12, 12, 2)),
    "recurrent": lambda rng: rng.integers(0, 20, (4, 7)) * (np.arange(7) < rng.integers(2, 8, (4, 1))),
    "transformer": lambda rng: rng.integers(0, 15, (3, 8)),
    "inputs": lambda rng: {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=(3, 3, 2))},
    "subclassed": lambda rng: rng.normal(size=(5, 4)),
    "states": lambda rng: [rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 4, 2))],
    "attention": lambda rng: rng.normal(size=(3, 5, 4)),
    "pictures": lambda rng: rng.normal(size=(3, 2, 6, 6, 2)),
    "adapted": lambda rng: rng.integers(0, 9, (4, 6)),
}
TARGETS = {  # of those that are trained
    "mlp": np.arange(5) % 3,
    "states": [np.ones((4, 4, 2), "float32"), None],
    "attention": np.ones((3, 5, 2), "float32"),
    "adapted": np.ones((4, 5, 3), "float32"),
}


def make(name, keras):
    """The model `name`, with weights that are all different."""
    model = globals()[name](keras)
    rng = np.random.default_rng(len(name))
    model.set_weights(
        [rng.uniform(0.1, 0.6, w.shape).astype(w.dtype) * rng.choice([-1, 1], w.shape) for w in model.get_weights()]
    )
    for w in model.weights:
        if w.path.endswith("moving_variance"):
            w.assign(np.abs(np.asarray(w)))
    return model


def data(name):
    """What the model `name` is called on."""
    rng = np.random.default_rng(1)
    x = DATA[name](rng)
    cast = lambda a: a.astype("int32" if a.dtype.kind == "i" else "float32")
    if isinstance(x, dict):
        return {k: cast(v) for k, v in x.items()}
    return [cast(v) for v in x] if isinstance(x, list) else cast(x)


def targets(name):
    """For those that are trained."""
    return TARGETS[name]


def outputs(model, x):
    """Predictions by name."""
    y = model.predict(x, verbose=0)
    named = y if isinstance(y, dict) else dict(enumerate(y)) if isinstance(y, (list, tuple)) else {0: y}
    return {str(k): np.asarray(v) for k, v in named.items()}
