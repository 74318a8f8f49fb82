"""Layers on masked sequences: cases that Keras and autonet run alike.

`tests/golden/record_masks.py` runs them with Keras, test_masks.py with autonet. A case is a function of the package's
`layers` that returns the layer and what is done with it: a function of a masked (4, 5, 6) and a masked (4, 3, 6).
"""

import numpy as np

LENGTHS, OTHERS = (3, 5, 1, 0), (3, 0, 2, 1)  # steps of each sequence before the padding


def numbers(*shape, pace=0.7, start=0.0):
    """Numbers between -1 and 1 that look irregular and are the same everywhere."""
    n = int(np.prod(shape))
    return np.sin(start + pace * np.arange(n) ** 1.3).reshape(shape).astype("float32")


def padded(lengths, steps, start):
    """Sequences of these lengths, filled up with steps of zeros."""
    seen = np.arange(steps) < np.array(lengths)[:, None]
    return numbers(len(lengths), steps, 6, start=start) * seen[..., None]


X, Z = padded(LENGTHS, 5, 0.0), padded(OTHERS, 3, 1.0)
SEEN = np.abs(numbers(4, 5, 5, start=2.0)) > 0.3  # for attention_mask


def alone(kind, *args, **config):
    """A case of one input."""
    return lambda L: (getattr(L, kind)(*args, **config), lambda layer, x, z: layer(x))


def training(kind, *args, **config):
    return lambda L: (getattr(L, kind)(*args, **config), lambda layer, x, z: layer(x, training=True))


def listed(kind, *args, call=None, **config):
    """A case of a list of two sequences, of one length."""
    return lambda L: (
        getattr(L, kind)(*args, **config),
        lambda layer, x, z: layer([x, L.Dropout(0.5)(x)], **call or {}),
    )


def crossed(kind, *args, call=None, **config):
    """A case of a list of two sequences, of two lengths."""
    return lambda L: (getattr(L, kind)(*args, **config), lambda layer, x, z: layer([x, z], **call or {}))


def itself(kind, *args, call=None, **config):
    """Self-attention."""
    return lambda L: (getattr(L, kind)(*args, **config), lambda layer, x, z: layer(x, x, **call or {}))


def other(kind, *args, call=None, **config):
    """Attention of one sequence to another."""
    return lambda L: (getattr(L, kind)(*args, **config), lambda layer, x, z: layer(x, z, **call or {}))


def keyed(kind, *args, **config):
    """Attention with a key that is masked too."""
    return lambda L: (getattr(L, kind)(*args, **config), lambda layer, x, z: layer(x, z, L.Dropout(0.5)(z)))


def one_masked(kind, which, *args, **config):
    """Attention where the mask of the query (0) or of the value (1) alone is there: a product carries none."""

    def build(L):
        call = (lambda layer, x, z: layer(x, z * 1.0)) if which == 0 else (lambda layer, x, z: layer(x * 1.0, z))
        return getattr(L, kind)(*args, **config), call

    return build


def wrapped(outer, inner, *args, config=None, **options):
    return lambda L: (
        getattr(L, outer)(getattr(L, inner)(*args, **config or {}), **options), lambda layer, x, z: layer(x))  # fmt: skip


def nested_cells(L):
    return L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True), lambda layer, x, z: layer(x)


def bidirectional_of_two(L):
    layer = L.Bidirectional(
        L.LSTM(3, return_sequences=True), backward_layer=L.GRU(3, return_sequences=True, go_backwards=True)
    )
    return layer, lambda layer, x, z: layer(x)


def told(kind, mask, rows=4, **config):
    """A case of a mask that the call is told."""
    return lambda L: (getattr(L, kind)(**config), lambda layer, x, z: layer(x[:rows] * 1.0, mask=mask))


def embedded(kind):
    tokens = np.array([[1, 2, 3, 0, 0], [4, 3, 2, 1, 2], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0]])

    def build(L):
        layer = getattr(L, kind)(5, 6, mask_zero=True)
        return layer, lambda layer, x, z: layer(tokens)

    return build


SOME_STEPS = np.arange(5) < np.array(LENGTHS[:3])[:, None]
HEADS, GROUPS = {"num_heads": 2, "key_dim": 3}, {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
CAUSAL, SCORES = {"use_causal_mask": True}, {"return_attention_scores": True}
SEQUENCES = {"return_sequences": True}
FAMILY = [("MultiHeadAttention", HEADS), ("GroupQueryAttention", GROUPS)]

CASES = {
    **{f"{kind} itself": itself(kind, **config) for kind, config in FAMILY},
    **{f"{kind} causal": itself(kind, **config, call=CAUSAL) for kind, config in FAMILY},
    **{f"{kind} other": other(kind, **config) for kind, config in FAMILY},
    **{f"{kind} keyed": keyed(kind, **config) for kind, config in FAMILY},
    **{f"{kind} scores": itself(kind, **config, call=SCORES) for kind, config in FAMILY},
    **{f"{kind} causal scores": itself(kind, **config, call=SCORES | CAUSAL) for kind, config in FAMILY},
    **{f"{kind} attention_mask": itself(kind, **config, call={"attention_mask": SEEN}) for kind, config in FAMILY},
    **{f"{kind} window": itself(kind, **config, sliding_window=2) for kind, config in FAMILY},
    **{f"{kind} gate": itself(kind, **config, use_gate=True, call=CAUSAL) for kind, config in FAMILY},
    **{f"{kind} query masked": one_masked(kind, 0, **config) for kind, config in FAMILY},
    **{f"{kind} value masked": one_masked(kind, 1, **config) for kind, config in FAMILY},
    "Attention crossed": crossed("Attention"),
    "Attention causal": listed("Attention", use_scale=True, call=CAUSAL),
    "Attention concat": crossed("Attention", score_mode="concat", use_scale=True),
    "Attention scores": crossed("Attention", call=SCORES),
    "AdditiveAttention crossed": crossed("AdditiveAttention"),
    "AdditiveAttention causal": listed("AdditiveAttention", call=CAUSAL),
    **{f"{k} {n}": alone(k, 3, **config)
       for k in ("LSTM", "GRU", "SimpleRNN")
       for n, config in (("last", {}), ("sequences", SEQUENCES), ("backwards", {"go_backwards": True, **SEQUENCES}),
                         ("unrolled", {"unroll": True, **SEQUENCES}), ("zeros", {"zero_output_for_mask": True, **SEQUENCES}),
                         ("state", {"return_state": True}))},
    "GRU before": alone("GRU", 3, reset_after=False, **SEQUENCES),
    "RNN cells": nested_cells,
    **{f"Bidirectional {mode}": wrapped("Bidirectional", "LSTM", 3, config=SEQUENCES, merge_mode=mode)
       for mode in ("concat", "sum", "mul", "ave", None)},
    "Bidirectional last": wrapped("Bidirectional", "GRU", 3),
    "Bidirectional state": wrapped("Bidirectional", "LSTM", 3, config={"return_state": True}),
    "Bidirectional two": bidirectional_of_two,
    "TimeDistributed Dense": wrapped("TimeDistributed", "Dense", 3),
    "TimeDistributed LayerNormalization": wrapped("TimeDistributed", "LayerNormalization"),
    "BatchNormalization training": training("BatchNormalization"),
    "BatchNormalization": alone("BatchNormalization"),
    **{k: alone(k) for k in ("LayerNormalization", "UnitNormalization", "RMSNormalization",
       "GlobalMaxPooling1D", "MaxPooling1D", "Flatten", "ReLU", "ELU", "LeakyReLU", "PReLU", "Masking",
       "Identity", "ActivityRegularization")},
    "Rescaling": alone("Rescaling", 2.0),
    "GroupNormalization": alone("GroupNormalization", 2),
    "Activation": alone("Activation", "softmax"),
    "Dense": alone("Dense", 3),
    "EinsumDense": alone("EinsumDense", "abc,cd->abd", output_shape=(None, 3)),
    "Conv1D": alone("Conv1D", 3, 2),
    "Reshape": alone("Reshape", (6, 5)),
    "Permute": alone("Permute", (2, 1)),
    "Cropping1D": alone("Cropping1D", 1),
    "UpSampling1D": alone("UpSampling1D", 2),
    "ZeroPadding1D": alone("ZeroPadding1D", 1),
    **{k: alone(k, 0.5) for k in ("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D")},
    "Softmax": told("Softmax", np.abs(numbers(4, 5, 6, start=3.0)) > 0.3),
    "GlobalAveragePooling1D": told("GlobalAveragePooling1D", SOME_STEPS, 3),
    "GlobalAveragePooling1D kept": told("GlobalAveragePooling1D", SOME_STEPS, 3, keepdims=True),
    "AveragePooling1D": alone("AveragePooling1D", 2),
    "Normalization": alone("Normalization", mean=1.0, variance=2.0),
    "SpectralNormalization": wrapped("SpectralNormalization", "Dense", 3),
    **{k: listed(k) for k in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")},
    "Concatenate steps": crossed("Concatenate", axis=1),
    "Dot": crossed("Dot", axes=2),
    "Lambda": lambda L: (L.Lambda(lambda t: t * 2.0), lambda layer, x, z: layer(x)),
    "Embedding": embedded("Embedding"),
    "ReversibleEmbedding": embedded("ReversibleEmbedding"),
}  # fmt: skip


def leaves(tree):
    return [leaf for branch in tree for leaf in leaves(branch)] if isinstance(tree, (list, tuple)) else [tree]


def run(name, layers, convert, mask_of, grad):
    """What a case gives: outputs, their masks, and the slopes of a weighted sum of them at both inputs.

    `grad` differentiates a function of a list of arrays, `mask_of` tells what mask an output carries.
    """
    layer, call = CASES[name](layers)
    masking = layers.Masking()

    def outputs(x, z):
        return leaves(call(layer, masking(x), masking(z)))

    outputs(convert(X), convert(Z))  # builds
    for i, w in enumerate(layer.trainable_variables):
        w.assign(0.6 * numbers(*w.shape, pace=1.1, start=i + 1))
    ys = outputs(convert(X), convert(Z))
    found = {f"y{i}": np.asarray(y) for i, y in enumerate(ys)}
    found |= {f"mask{i}": np.asarray(mask_of(y)) for i, y in enumerate(ys) if mask_of(y) is not None}

    def total(x, z):
        return sum([(y * numbers(*y.shape, start=4.0)).sum() for y in outputs(x, z)])

    slopes = grad(total)(X, Z)
    return {**found, "dx": np.asarray(slopes[0]), "dz": np.asarray(slopes[1])}
