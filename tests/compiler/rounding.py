"""How far machine code comes from NumPy's plan in training: random models of all layers, after 20 steps.

    python -m tests.compiler.rounding [--models 300] [--first 0] [--seconds 900]

Each model is trained three times from equal weights: by NumPy's plan, by the native plan, and by NumPy's plan again with
every first weight moved by half a unit in its last place. What the last makes of that is what the model itself makes of
rounding; the native plan is right if it comes about as near. Printed for each model are the relative difference of all its
weights together, |native - numpy| / |numpy| in the 2-norm, and the largest of its arrays; each beside that of the moved
model. (An array whose derivative is zero but for rounding, as the bias of an attention's keys, is nothing but rounding.)
"""

import argparse
import os
import random
import time
import warnings

import numpy as np

import autonet
from autonet import layers, optimizers

L = layers
ROWS, BATCH, EPOCHS = 32, 8, 5  # 20 steps
ACTIVATIONS = (
    "relu elu selu gelu silu tanh sigmoid softplus softsign mish leaky_relu relu6 hard_sigmoid hard_silu".split()
)


def any_rank(r):
    """Layers for any shape (n, ..., c); r is a `random.Random`."""
    merge = r.choice([L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Subtract, L.Concatenate])
    units = r.choice([3, 4, 8, 17, 32])
    return {
        "Dense": L.Dense(units, activation=r.choice([None, *ACTIVATIONS])),
        "Dense, penalties": L.Dense(
            units, kernel_regularizer="l2", bias_constraint="non_neg", activity_regularizer="l1"
        ),
        "merge": lambda x: merge()([x, L.Dense(x.shape[-1], "tanh")(x)]),
        "BatchNormalization": L.BatchNormalization(momentum=0.9),
        "LayerNormalization": L.LayerNormalization(),
        "RMSNormalization": L.RMSNormalization(),
        "UnitNormalization": L.UnitNormalization(),
        "GroupNormalization": lambda x: L.GroupNormalization(1 if x.shape[-1] % 2 else 2)(x),
        "SpectralNormalization": L.SpectralNormalization(L.Dense(units)),
        "Activation": L.Activation(r.choice(ACTIVATIONS)),
        "Softmax": L.Softmax(),
        "LeakyReLU": L.LeakyReLU(),
        "ELU": L.ELU(),
        "ReLU": L.ReLU(6.0),
        "PReLU": L.PReLU(),
        "Dropout": L.Dropout(0.2),
        "GaussianNoise": L.GaussianNoise(0.1),
        "GaussianDropout": L.GaussianDropout(0.2),
        "AlphaDropout": L.AlphaDropout(0.2),
        "ActivityRegularization": L.ActivityRegularization(l2=1e-3),
        "Rescaling": L.Rescaling(0.5, 0.1),
    }


def of_vectors(r):
    return {
        "RepeatVector": L.RepeatVector(5),
        "Reshape": lambda x: L.Reshape((x.shape[-1], 1))(x),
        "EinsumDense": L.EinsumDense("bc,cd->bd", r.choice([5, 9]), bias_axes="d"),
    }


def of_sequences(r):
    units = r.choice([4, 7, 16])
    cell = {"return_sequences": r.random() < 0.7, "dropout": r.choice([0.0, 0.2])}
    padding = r.choice(["same", "causal"])
    return {
        "Conv1D": L.Conv1D(units, r.choice([1, 2, 3, 5]), padding=padding, dilation_rate=r.choice([1, 2])),
        "SeparableConv1D": L.SeparableConv1D(units, 3, padding="same"),
        "DepthwiseConv1D": L.DepthwiseConv1D(3, padding="same"),
        "Conv1DTranspose": L.Conv1DTranspose(units, 2, strides=r.choice([1, 2]), padding="same"),
        "LSTM": L.LSTM(units, **cell),
        "GRU": L.GRU(units, reset_after=r.random() < 0.5, **cell),
        "SimpleRNN": L.SimpleRNN(units, **cell),
        "Bidirectional": L.Bidirectional(r.choice([L.LSTM, L.GRU])(units, **cell)),
        "RNN": L.RNN([L.LSTMCell(units), L.GRUCell(units), L.SimpleRNNCell(units)], return_sequences=True),
        "TimeDistributed": L.TimeDistributed(L.Dense(units)),
        "MultiHeadAttention": lambda x: L.MultiHeadAttention(2, 3, dropout=0.1)(x, x),
        "GroupQueryAttention": lambda x: L.GroupQueryAttention(3, 4, 2)(x, x),
        "Attention": lambda x: L.Attention(use_scale=True)([x, x]),
        "AdditiveAttention": lambda x: L.AdditiveAttention()([x, L.Dense(x.shape[-1])(x)]),
        "Dot": lambda x: L.Dot(axes=(2, 2))([x, x]),
        "Masking": L.Masking(),
        "Permute": L.Permute((2, 1)),
        "SpatialDropout1D": L.SpatialDropout1D(0.2),
        "MaxPooling1D": L.MaxPooling1D(2, padding="same"),
        "AveragePooling1D": L.AveragePooling1D(2, padding="same"),
        "UpSampling1D": L.UpSampling1D(2),
        "ZeroPadding1D": L.ZeroPadding1D(1),
        "GlobalMaxPooling1D": L.GlobalMaxPooling1D(),
        "GlobalAveragePooling1D": L.GlobalAveragePooling1D(),
        "Flatten": L.Flatten(),
    }


def of_images(r):
    units, window = r.choice([4, 7, 16, 32]), r.choice([1, 2, 3, (3, 3), 5])
    stride = r.choice([1, 1, 2])
    return {
        "Conv2D": L.Conv2D(units, window, padding="same", strides=stride, activation=r.choice([None, "relu"])),
        "Conv2D 3 x 3": L.Conv2D(units, 3, padding="same"),
        "Conv2D dilated": L.Conv2D(units, 2, padding="same", dilation_rate=2),
        "SeparableConv2D": L.SeparableConv2D(units, 3, padding="same"),
        "DepthwiseConv2D": L.DepthwiseConv2D(3, padding="same", depth_multiplier=r.choice([1, 2])),
        "Conv2DTranspose": L.Conv2DTranspose(units, 3, strides=stride, padding="same"),
        "ConvLSTM1D": L.ConvLSTM1D(4, 2, padding="same", return_sequences=True),
        "TimeDistributed Conv1D": L.TimeDistributed(L.Conv1D(units, 3, padding="same")),
        "EinsumDense": L.EinsumDense("abcd,de->abce", (None, None, 6), bias_axes="e"),
        "MaxPooling2D": L.MaxPooling2D(2, padding="same"),
        "AveragePooling2D": L.AveragePooling2D(2, padding="same"),
        "AdaptiveAveragePooling2D": L.AdaptiveAveragePooling2D(3),
        "AdaptiveMaxPooling2D": L.AdaptiveMaxPooling2D(3),
        "UpSampling2D": L.UpSampling2D(2, interpolation=r.choice(["nearest", "bilinear"])),
        "Resizing": L.Resizing(5, 6),
        "ZeroPadding2D": L.ZeroPadding2D(1),
        "SpatialDropout2D": L.SpatialDropout2D(0.2),
        "GlobalMaxPooling2D": L.GlobalMaxPooling2D(),
        "GlobalAveragePooling2D": L.GlobalAveragePooling2D(),
        "to a sequence": lambda x: L.Reshape((-1, x.shape[-1]))(x),
    }


def of_volumes(r):
    return {
        "Conv3D": L.Conv3D(r.choice([3, 8]), 2, padding="same"),
        "Conv3DTranspose": L.Conv3DTranspose(3, 2, padding="same"),
        "ConvLSTM2D": L.ConvLSTM2D(3, 2, padding="same", return_sequences=r.random() < 0.5),
        "MaxPooling3D": L.MaxPooling3D(2, padding="same"),
        "AveragePooling3D": L.AveragePooling3D(2, padding="same"),
        "GlobalAveragePooling3D": L.GlobalAveragePooling3D(),
    }


BY_RANK = {2: of_vectors, 3: of_sequences, 4: of_images, 5: of_volumes}
INPUTS = {"vectors": (12,), "sequences": (9, 5), "images": (8, 7, 3), "volumes": (4, 4, 3, 2), "words": (7,)}
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(0.002),
    "rmsprop": lambda: optimizers.RMSprop(0.002),
    "adagrad": lambda: optimizers.Adagrad(0.01),
    "lamb": lambda: optimizers.Lamb(0.002),
    "adamw": lambda: optimizers.AdamW(0.002, clipnorm=1.0),
}


def build(seed):
    """Model number `seed`, what it is made of, its optimizer's name, and data."""
    r = random.Random(seed)
    autonet.utils.set_random_seed(seed)
    kind = r.choice(list(INPUTS))
    shape = INPUTS[kind]
    rng = np.random.default_rng(seed)
    inputs = L.Input(shape, dtype="int32" if kind == "words" else "float32")
    data = rng.integers(0, 20, (ROWS, *shape)) if kind == "words" else rng.standard_normal((ROWS, *shape)).astype("f4")
    x, told = inputs, [kind]
    if kind == "words":
        x = L.Embedding(20, 6, mask_zero=r.random() < 0.3)(x)
    for _ in range(r.randint(2, 6)):
        known = {**any_rank(r), **(BY_RANK[len(x.shape)](r) if r.random() < 0.95 else {})}
        own = [n for n in known if n not in any_rank(random.Random(0))]
        name = r.choice(own if own and r.random() < 0.6 else list(known))
        y = known[name](x)
        if int(np.prod(y.shape[1:])) <= 6000:
            x = y
            told.append(name)
    if len(x.shape) > 2:
        x = L.Flatten()(x)
    name = r.choice(list(OPTIMIZERS))
    return autonet.Model(inputs, L.Dense(3)(x)), " > ".join(told), name, (data, rng.integers(0, 3, ROWS))


def trained(seed, native, moved=False):
    """What the model is, and paths and values of its weights after 20 steps; with `moved` from first weights that are half a unit away."""
    os.environ["AUTONET_NATIVE"] = str(int(native))
    model, told, name, (x, y) = build(seed)
    if moved:
        rng = np.random.default_rng(1)
        model.set_weights([w * (1 + rng.choice([-6e-8, 6e-8], w.shape)).astype("f4") for w in model.get_weights()])
    loss = autonet.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(OPTIMIZERS[name](), loss, jit_compile=True)
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    kind = model.explain_step().plan.kind
    assert kind == ("native" if native else "numpy"), kind
    return f"{told} ({name})", [(v.path, v.numpy().astype(float)) for v in model.weights if v.dtype.kind == "f"]


def apart(a, b):
    """The relative differences of all weights together, and of the array where it is largest; which that is."""

    def between(x, y):
        return 0.0 if np.array_equal(x, y, equal_nan=True) else np.linalg.norm(x - y) / max(np.linalg.norm(y), 1e-12)

    found = [(between(x, y), path) for (path, x), (_, y) in zip(a, b, strict=True)]
    return between(*[np.concatenate([x.ravel() for _, x in w]) for w in (a, b)]), *max(found)


def main():
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=900)
    options = parser.parse_args()
    rows, began = [], time.monotonic()
    warnings.simplefilter("ignore")
    for seed in range(options.first, options.first + options.models):
        told, numpy = trained(seed, False)
        native, itself = trained(seed, True)[1], trained(seed, False, moved=True)[1]
        (far, most, path), (own, own_most, _) = apart(native, numpy), apart(itself, numpy)
        rows.append((far, own, most, own_most))
        print(f"{seed:4} {far:.1e} ({own:.1e}), {most:.1e} ({own_most:.1e}): {told}, {path}", flush=True)
        if time.monotonic() - began > options.seconds:
            break
    print(f"\n{len(rows)} models   largest, 99 % below, median")
    titles = "all weights, native", "all weights, moved", "one array, native", "one array, moved"
    for title, column in zip(titles, zip(*rows, strict=True), strict=True):
        print(f"{title:<20} {np.max(column):.1e} {np.quantile(column, 0.99):.1e} {np.median(column):.1e}")


if __name__ == "__main__":
    main()
