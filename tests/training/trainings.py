"""Small whole trainings that run alike with Keras and with autonet: one function of the library each.

A function returns the model, compiled and with its first weights set, and the arguments of `fit`.
"""

import numpy as np


def numbers(*shape, pace=0.7, start=0.0):
    """Numbers between -1 and 1 that look irregular and are the same everywhere."""
    n = int(np.prod(shape))
    return np.sin(start + pace * np.arange(n) ** 1.3).reshape(shape).astype("float32")


X = numbers(50, 6)
LABELS = (np.argsort(np.argsort(X[:, 0] + 0.5 * X[:, 1])) * 3 // 50).astype("int32")  # three classes of one size
COMMON = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}


def prepared(model, **compiling):
    """The model, with kernels set by formula and compiled."""
    for i, w in enumerate(model.weights):
        if len(w.shape) > 1:
            w.assign(0.6 * numbers(*w.shape, pace=1.1, start=i))
    model.compile(**compiling)
    return model


def softmax_classifier(keras):
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input((6,)), *layers])
    prepared(model, optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, {"x": X, "y": LABELS, "validation_split": 0.2}


def normalized_with_momentum(keras):
    layers = [keras.layers.Dense(7), keras.layers.BatchNormalization(), keras.layers.Activation("elu")]
    model = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(3)])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    prepared(model, optimizer=optimizer, loss=loss, metrics=["categorical_accuracy", "mse"])
    y = np.eye(3, dtype="float32")[LABELS]
    return model, {"x": X, "y": y, "validation_data": (X[:13], y[:13]), "validation_batch_size": 5}


def penalties_and_sample_weights(keras):
    layers = [
        keras.layers.Dense(5, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01)),
        keras.layers.Dense(1, kernel_regularizer="l1", activity_regularizer=keras.regularizers.L2(0.02)),
    ]
    model = keras.Sequential([keras.Input((6,)), *layers])
    optimizer = keras.optimizers.RMSprop(0.01, clipnorm=0.5)
    prepared(model, optimizer=optimizer, loss="huber", metrics=["mae"], weighted_metrics=["mae", "mse"])
    weights = np.abs(numbers(50, start=3))
    held_out = X[:11], X[:11, :1], weights[:11]
    return model, {"x": X, "y": X[:, :1] * 2, "sample_weight": weights, "validation_data": held_out}


def binary_with_class_weights(keras):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "sigmoid"), keras.layers.Dense(1, "sigmoid")])
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 5, 0.8)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=0.02, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=6
    )
    metrics = ["accuracy", keras.metrics.Precision(name="precision"), keras.metrics.AUC(name="auc")]
    prepared(model, optimizer=optimizer, loss="binary_crossentropy", metrics=metrics)
    return model, {"x": X, "y": (LABELS > 0).astype("float32"), "class_weight": {0: 2.0, 1: 0.5}}


def convolutions(keras):
    layers = [
        keras.layers.Conv2D(4, 3, activation="relu", padding="same"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(3, 2, strides=2),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 2)), *layers])
    prepared(
        model,
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["acc", "sparse_categorical_crossentropy"],
    )
    return model, {"x": numbers(50, 8, 8, 2), "y": LABELS}


def two_outputs(keras):
    x = keras.Input((6,), name="x")
    h = keras.layers.Dense(6, activation="softsign")(x)
    outputs = [keras.layers.Dense(3, activation="softmax", name="kind")(h), keras.layers.Dense(2, name="place")(h)]
    model = keras.Model(x, outputs)
    prepared(
        model,
        optimizer=keras.optimizers.SGD(0.1),
        loss={"kind": "sparse_categorical_crossentropy", "place": "mse"},
        loss_weights={"kind": 0.5, "place": 2.0},
        metrics={"kind": ["accuracy"], "place": ["mae", "mse"]},
    )
    return model, {"x": X, "y": {"kind": LABELS, "place": X[:, 2:4]}, "validation_split": 0.3}


def accumulated_and_constrained(keras):
    constraint = keras.constraints.MaxNorm(0.7)
    layers = [keras.layers.Dense(5, activation="gelu", kernel_constraint=constraint), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((6,)), *layers])
    optimizer = keras.optimizers.Adam(0.05, gradient_accumulation_steps=3)
    prepared(model, optimizer=optimizer, loss="mae", metrics=["mse", "cosine_similarity"])
    return model, {"x": X, "y": X[:, 1:3]}


def summed_and_clipped(keras):
    layers = [keras.layers.Dense(5, activation="silu"), keras.layers.LayerNormalization(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,)), *layers])
    rate = keras.optimizers.schedules.PolynomialDecay(0.1, 12, 0.01)
    optimizer = keras.optimizers.SGD(rate, global_clipnorm=1.0)
    prepared(model, optimizer=optimizer, loss=keras.losses.LogCosh(reduction="sum"), metrics=["mae"])
    return model, {"x": X, "y": X[:, :1] - X[:, 3:4]}


def steps_from_a_generator(keras):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")])
    optimizer = keras.optimizers.Nadam(0.02)
    prepared(model, optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    def batches():
        at = 0
        while True:
            rows = np.arange(at, at + 7) % 50
            yield X[rows], LABELS[rows]
            at += 7

    return model, {"x": batches(), "steps_per_epoch": 4, "batch_size": None}


TRAININGS = {
    f.__name__: f
    for f in (
        softmax_classifier,
        normalized_with_momentum,
        penalties_and_sample_weights,
        binary_with_class_weights,
        convolutions,
        two_outputs,
        accumulated_and_constrained,
        summed_and_clipped,
        steps_from_a_generator,
    )
}


def run(keras, name, **compiling):
    """All that a training shows: the history, and at the end evaluation, predictions and weights, as arrays by name."""
    model, data = TRAININGS[name](keras)
    for attribute, value in compiling.items():
        setattr(model, attribute, value)
    history = model.fit(**{**COMMON, **data}).history
    found = {f"history/{k}": v for k, v in history.items() if k != "learning_rate"}
    if isinstance(data.get("y"), (np.ndarray, dict)):
        results = model.evaluate(data["x"], data["y"], batch_size=9, verbose=0, return_dict=True)
        found |= {f"evaluate/{k}": v for k, v in results.items()}
    x = data["x"] if isinstance(data["x"], np.ndarray) else X
    y = model.predict(x[:5], verbose=0)
    found |= {f"predict/{i}": p for i, p in enumerate(y if isinstance(y, list) else [y])}
    found |= {f"weight/{i}": w for i, w in enumerate(model.get_weights())}
    return {k: np.asarray(v, "float32") for k, v in found.items()}
