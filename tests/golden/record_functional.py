"""Record models that Keras gives by inputs and outputs: python tests/golden/record_functional.py

Needs keras 3 with its JAX backend; nothing of autonet. Writes functional.npz beside this file: as JSON under "facts" for
each model its configuration, names of layers and outputs, output shapes and trees of inputs and outputs, and the shape
of each array; the arrays (inputs, weights, outputs; for the trained one losses and weights after some steps) end to end
under the model's name.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import Input, Model, layers, ops

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240229)


def shared():
    """One layer on two inputs, joined; two outputs in a list."""
    a, b = Input((4,), name="left"), Input((4,), name="right")
    dense = layers.Dense(3, activation="tanh", name="shared")
    both = layers.Concatenate(name="both")([dense(a), dense(b)])
    apart = layers.Subtract(name="apart")([dense(a), dense(b)])
    return Model([a, b], [layers.Dense(2, name="first")(both), layers.Multiply(name="second")([apart, apart])])


def residual():
    """A convolutional net with a way around a block."""
    x = Input((6, 6, 2), name="image")
    y = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv_a")(x)
    y = layers.BatchNormalization(name="norm_a")(y)
    y = layers.Activation("relu", name="relu_a")(y)
    around = layers.Conv2D(4, 1, strides=2, name="around")(x)
    y = layers.Conv2D(4, 3, strides=2, padding="same", name="conv_b")(y)
    y = layers.Add(name="sum")([around, y])
    y = layers.ReLU(name="relu_b")(y)
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    y = layers.Dropout(0.5, name="drop")(y)
    return Model(x, layers.Dense(3, activation="softmax", name="classes")(y), name="residual")


def nested():
    """A Sequential and a model inside a model, each used twice; dictionaries in and out."""
    a, b = Input((3,), name="a"), Input((3,), name="b")
    stack = keras.Sequential([Input((3,)), layers.Dense(4, name="s1"), layers.Dense(2, name="s2")], name="stack")
    p, q = Input((2,), name="p"), Input((2,), name="q")
    inner = Model([p, q], layers.Average(name="mean")([layers.Dense(2, name="on_p")(p), q]), name="inner")
    once = inner([stack(a), stack(b)])
    twice = inner([once, stack(a)])
    return Model({"a": a, "b": b}, {"once": once, "twice": twice, "top": layers.Dense(1, name="top")(twice)})


def operations():
    """Operators, indexing and functions on placeholders."""
    a, b = Input((4,), name="a"), Input((3,), dtype="int32", name="b")
    x = (a * 2 + 1) / (1 + abs(a)) - a**2
    hot = ops.one_hot(b, 5)
    parts = ops.split(x, 2, axis=-1)
    y = ops.concatenate([parts[0], ops.sum(hot, axis=1), -parts[1]], axis=-1)
    z = ops.where(y > 0, y, ops.exp(y) - 1)
    rows = ops.reshape(z, (-1, 3, 3))
    last = rows[:, -1, 1:]
    best, where = ops.top_k(z, 2)
    product = ops.einsum("nij,nkj->nik", rows, ops.transpose(rows, (0, 2, 1)))
    logic = ops.cast((z > 0) & (z < 1), "float32")
    stacked = ops.stack([ops.mean(z, axis=-1), ops.max(z, axis=-1), ops.std(z, axis=-1)], axis=1)
    other = [
        ops.gelu(last, approximate=False),
        ops.softmax(product),
        ops.clip(z, -0.5, 0.5),
        ops.take(z, [0, 2], axis=1),
    ]
    more = [ops.expand_dims(best, 1), ops.squeeze(rows[:, :1], 1), ops.matmul(rows, rows), ops.var(z, axis=1)]
    rest = [
        ops.pad(last, [[0, 0], [1, 0]]),
        ops.maximum(0.25, z),
        ops.logsumexp(z, axis=1),
        ops.repeat(best, 2, axis=1),
    ]
    return Model([a, b], [last, where, product, logic, stacked, *other, *more, *rest])


def masked():
    """Words with a mask through an LSTM and a pooling, beside steps that a Masking layer leaves out."""
    words, steps = Input((5,), dtype="int32", name="words"), Input((4, 2), name="steps")
    y = layers.Embedding(6, 3, mask_zero=True, name="embed")(words)
    y = layers.LSTM(3, return_sequences=True, name="lstm")(y)
    y = layers.GlobalAveragePooling1D(name="pool")(y)
    z = layers.Masking(name="masking")(steps)
    z, state = layers.GRU(2, return_state=True, name="gru")(z)
    return Model({"words": words, "steps": steps}, [layers.concatenate([y, z], name="join"), state])


def inside():
    """A model whose input lies inside a larger one, and which has a dot product of two of its inner outputs."""
    x = Input((4,), name="x")
    h = layers.Dense(3, name="below")(x)
    y = layers.Dense(3, activation="relu", name="one")(h)
    z = layers.Dense(3, name="two")(y)
    out = layers.Dot(1, normalize=True, name="dot")([y, z])
    return Model(h, [out, layers.Maximum(name="top")([y, z])], name="upper")


def frozen():
    """A layer that is called in inference whatever the model is, and untrained layers."""
    x = Input((3,), name="x")
    base = keras.Sequential([Input((3,)), layers.Dense(3, name="d"), layers.BatchNormalization(name="n")], name="base")
    base.trainable = False
    y = base(x, training=False)
    return Model(x, layers.Dense(2, name="head")(y), name="transfer")


MODELS = [shared, residual, nested, operations, masked, inside, frozen]


def draw(x):
    """An array for a placeholder; steps that are all zero, and the word 0, appear in it."""
    shape = (3, *x.shape[1:])
    if "int" in x.dtype:
        return rng.integers(0, 3, shape).astype("int32")
    values = rng.normal(size=shape).astype("float32")
    if x.name == "steps":
        values[:, 2] = 0
    return values


def without_build(config):
    """The configuration without what only says how weights are made before they are needed."""
    if isinstance(config, dict):
        return {k: without_build(v) for k, v in config.items() if k not in ("build_config", "build_input_shape")}
    return [without_build(v) for v in config] if isinstance(config, (list, tuple)) else config


def record(model):
    for w in model.weights:
        w.assign(rng.uniform(0.5, 1.5, w.shape) if "variance" in w.path else rng.normal(size=w.shape))
    inputs = keras.tree.map_structure(draw, model.input)
    outputs = model(inputs, training=False)
    arrays = {f"x{i}": x for i, x in enumerate(keras.tree.flatten(inputs))}
    arrays |= {f"w{i}": w.numpy() for i, w in enumerate(model.weights)}
    arrays |= {f"y{i}": np.asarray(y) for i, y in enumerate(keras.tree.flatten(outputs))}
    facts = {
        "config": without_build(json.loads(json.dumps(model.get_config()))),
        "layers": [layer.name for layer in model.layers],
        "output_names": model.output_names,
        "output_shape": keras.tree.map_structure(lambda x: list(x.shape), model.output),
        "inputs": keras.tree.map_structure(lambda x: 0, model.input),
        "trainable": len(model.trainable_weights),
    }
    return facts, arrays


def trained():
    """Losses and weights of three steps with a loss and a weight for each of two outputs."""
    x = Input((4,), name="x")
    h = layers.Dense(3, activation="tanh", name="h")(x)
    outputs = [layers.Dense(2, name="p")(h), layers.Dense(3, activation="softmax", name="q")(h)]
    model = Model(x, outputs, name="trained")
    for w in model.weights:
        w.assign(rng.normal(size=w.shape))
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={"p": "mse", "q": "categorical_crossentropy"},
        loss_weights={"p": 0.5, "q": 2.0},
        metrics={"p": ["mae"], "q": ["accuracy"]},
    )
    data = rng.normal(size=(6, 4)), [rng.normal(size=(6, 2)), np.eye(3)[rng.integers(0, 3, 6)]]
    arrays = {"x": data[0], "p": data[1][0], "q": data[1][1]}
    arrays |= {f"before{i}": w.numpy() for i, w in enumerate(model.weights)}
    logs = []
    for _ in range(3):
        model.reset_metrics()
        logs.append(model.train_on_batch(*data, return_dict=True))
    arrays |= {f"after{i}": w.numpy() for i, w in enumerate(model.weights)}
    facts = {"config": without_build(json.loads(json.dumps(model.get_config())))}
    return facts | {"logs": [{k: float(v) for k, v in log.items()} for log in logs]}, arrays


if __name__ == "__main__":
    facts, stored = {"keras": keras.__version__, "models": {}}, {}
    made = {build.__name__: record(build()) for build in MODELS} | {"trained": trained()}
    for name, (told, arrays) in made.items():
        parts = {n: np.asarray(a, "float32") for n, a in arrays.items()}
        stored[name] = np.concatenate([a.ravel() for a in parts.values()])
        facts["models"][name] = {**told, "layout": [[n, a.shape] for n, a in parts.items()]}
    np.savez_compressed(HERE / "functional.npz", facts=json.dumps(facts), **stored)
