"""Records keras2_files/: whole models in HDF5 that tf_keras (Keras 2) and Keras 3 wrote, and what they predict. Run by hand:

python tests/golden/record_keras2.py tf_keras
KERAS_BACKEND=jax python tests/golden/record_keras2.py keras
"""

import importlib
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).with_name("keras2_files")


def models(keras):
    """Name, model, arrays to predict from."""
    L, rng = keras.layers, np.random.default_rng(5)
    normal = lambda *shape: rng.normal(size=shape).astype("float32")

    model = keras.Sequential(
        [
            keras.Input((4,)),
            L.Dense(5, activation="relu", kernel_regularizer=keras.regularizers.l2(0.01)),
            L.BatchNormalization(),
            L.Dropout(0.3),
            L.LeakyReLU(),
            L.Dense(3, activation="softmax", bias_constraint=keras.constraints.MaxNorm(2)),
        ]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = normal(6, 4)
    model.fit(x, rng.integers(0, 3, 6), epochs=2, verbose=0)
    yield "mlp", model, x

    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = L.Dense(3, activation="tanh", name="shared")
    both = L.Concatenate()([shared(a), shared(b)])
    summed = L.Add()([L.Dense(2)(both), L.Dense(2, use_bias=False)(both)])
    if keras.__name__ == "tf_keras":
        summed = (1.0 - summed) * 2.0 + summed
    one, two = L.Dense(1, name="one")(summed), L.Dense(2, name="two")(summed)
    model = keras.Model([a, b], [one, two])
    model.compile("sgd", {"one": "mse", "two": "mae"}, loss_weights={"one": 1.0, "two": 0.5})
    yield "functional", model, [normal(5, 4), normal(5, 4)]

    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            L.Conv2D(4, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.DepthwiseConv2D(3, strides=2),
            L.SeparableConv2D(5, 2),
            L.MaxPooling2D(2, padding="same"),
            L.Conv2DTranspose(3, 2),
            L.GlobalAveragePooling2D(),
            L.Dense(2),
        ]
    )
    yield "convnet", model, normal(3, 8, 8, 2)

    tokens = keras.Input((6,), name="tokens")
    h = L.Embedding(11, 4, mask_zero=True)(tokens)
    h = L.Bidirectional(L.LSTM(3, return_sequences=True))(h)
    h = L.TimeDistributed(L.Dense(3))(h)
    h, state = L.GRU(3, return_sequences=True, return_state=True)(h)
    h = L.GRU(3, reset_after=False)(h, initial_state=state)
    model = keras.Model(tokens, L.Dense(1)(h))
    model.compile("rmsprop", keras.losses.MeanSquaredError(), metrics=[keras.metrics.MeanAbsoluteError(name="away")])
    yield "recurrent", model, rng.integers(0, 11, (4, 6)).astype("float32")

    inner = keras.Sequential([keras.Input((3,)), L.Dense(4), L.BatchNormalization(), L.Dense(3)], name="inner")
    graph_in = keras.Input((3,))
    graph = keras.Model(graph_in, L.LayerNormalization()(L.Dense(3)(graph_in)), name="graph")
    x = keras.Input((3,), name="x")
    q = L.Reshape((1, 3))(inner(graph(inner(x))))
    seen = L.MultiHeadAttention(2, 2)(q, value=q)
    model = keras.Model(x, L.Dense(1)(L.Flatten()(seen)))
    inner.layers[0].trainable = False
    yield "nested", model, normal(5, 3)


def main():
    keras = importlib.import_module(sys.argv[1])
    values = {}
    if (FOLDER / "values.npz").exists():
        with np.load(FOLDER / "values.npz") as kept:
            values = {k: kept[k] for k in kept.files if not k.startswith(f"{keras.__name__}-")}
    FOLDER.mkdir(exist_ok=True)
    for name, model, x in models(keras):
        name = f"{keras.__name__}-{name}"
        rng = np.random.default_rng(7)
        model.set_weights([np.abs(w + rng.normal(size=w.shape) / 5).astype(w.dtype) for w in model.get_weights()])
        model.save(FOLDER / f"{name}.h5")
        if name == "tf_keras-nested":
            model.save_weights(FOLDER / f"{name}-weights.h5")
        xs, outputs = (x if isinstance(x, list) else [x]), model.predict(x, verbose=0)
        values |= {f"{name}/x{i}": v for i, v in enumerate(xs)}
        values |= {f"{name}/y{i}": v for i, v in enumerate(outputs if isinstance(outputs, list) else [outputs])}
    np.savez_compressed(FOLDER / "values.npz", **values)


main()
