"""Networks of sequences: words, signals."""

from __future__ import annotations

import numpy as np

from networks.base import Kind, noise, words


def stacked_gru(n, x):
    for _ in range(2):
        x = n.gru(x, 64, sequences=True)
    return n.dense(n.gru(x, 64), 10)


def masked_lstm(n, x):
    return n.dense(n.lstm(n.embed(x, 10_000, 64, masked=True), 64, words=x), 1)


def both_ways(n, x):
    return n.dense(n.both_ways(n.embed(x, 10_000, 64), 64), 1)


def gpt(n, x):
    """Radford et al., 2019, "Language models are unsupervised multitask learners": two blocks."""
    x = n.places(x, 1_000, 64)
    for _ in range(2):
        y = n.layer_norm(x)
        x = x + n.attention(y, y, 4, causal=True)
        x = x + n.dense(n.dense(n.layer_norm(x), 256, "gelu"), 64)
    return n.dense(n.layer_norm(x), 1_000)


def text_convnet(n, x):
    """Kim, 2014, https://arxiv.org/abs/1408.5882: windows of 3 and 5 words, the largest response to each."""
    x = n.signal(n.embed(x, 10_000, 64))
    peaks = [n.max_over(n.conv(x, 64, size, padding="valid", act="relu")) for size in (3, 5)]
    return n.dense(n.concat(*peaks), 1)


def temporal(n, x):
    """Bai et al., 2018, https://arxiv.org/abs/1803.01271: dilated causal convolutions, residual."""
    x = n.conv(n.signal(x), 32, 3, padding="causal")
    for dilation in (1, 2, 4, 8):
        x = x + n.conv(x, 32, 3, padding="causal", dilation=dilation, act="relu")
    return n.dense(n.mean_over(x), 10)


def translate(n, source, target):
    """Cho et al., 2014, and Bahdanau et al., 2014: encoder and decoder, attention between them."""
    seen, state = n.gru(n.embed(source, 2_000, 64), 64, sequences="both")
    said = n.gru(n.embed(target, 2_000, 64), 64, sequences=True, start=state)
    return n.dense(n.concat(said, n.attention(said, seen, 1)), 2_000)


def bag_of_words(n, x):
    return n.dense(n.mean_words(n.embed(x, 200_000, 64)), 1)


def next_words(rng, rows):
    text = rng.integers(0, 1_000, (rows, 65)).astype("int32")
    return (text[:, :-1],), text[:, 1:].astype("int64")


def sentence_pairs(rng, rows):
    source, target = (rng.integers(1, 2_000, (rows, 24)).astype("int32") for _ in range(2))
    return (source, target), np.roll(target, -1, 1).astype("int64")


BAG = {"net": bag_of_words, "data": words(20, 200_000), "batch": 32, "loss": "sigmoid"}
KINDS = {
    "stacked_gru": Kind("three GRUs of 64 on 50x16, batch 32, Adam", stacked_gru, noise((50, 16)), 32, 8),
    "masked_lstm": Kind(
        "LSTM 64, 10 to 80 words and masks, batch 32, Adam", masked_lstm, words(80, 10_000, 10), loss="sigmoid"
    ),
    "both_ways": Kind(
        "bidirectional LSTM 64 on 60 words, batch 32, Adam", both_ways, words(60, 10_000), loss="sigmoid"
    ),
    "gpt": Kind("small GPT: 2 blocks of width 64, 64 words, batch 16, Adam", gpt, next_words, 16),
    "text_convnet": Kind(
        "text convnet, 100 words, batch 32, Adam", text_convnet, words(100, 10_000), steps=16, loss="sigmoid"
    ),
    "temporal": Kind("temporal convnet, dilations 1 to 8, 128x8, batch 32, Adam", temporal, noise((128, 8)), 32),
    "translate": Kind(
        "sequence to sequence, GRU 64, attention, 24 words, batch 32, Adam", translate, sentence_pairs, 32
    ),
    "bag_sgd": Kind("embedding of 200,000 words, batch 32, SGD", **BAG, steps=16, optimizer="sgd"),
    "bag_adam": Kind("embedding of 200,000 words, batch 32, Adam", **BAG, steps=4),
    "bag_lazy": Kind("embedding of 200,000 words, batch 32, LazyAdam", **BAG, steps=16, optimizer="lazy_adam"),
}
