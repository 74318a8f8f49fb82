"""BLEU against sacrebleu's, recorded and, where it is installed, over drawn sentences."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.errors import ArgumentError, DataError
from autonet.utils import corpus_bleu, sentence_bleu

HYPOTHESES = [
    "the cat sat on a mat",
    "it is a guide to action which ensures that the military always obeys the commands of the party",
    "the the the the the the the",
    "a b",
    "",
]
REFERENCES = [
    ["the cat sat on the mat", "a cat is on the mat"],
    [
        "it is a guide to action that ensures that the military will forever heed party commands",
        "it is the guiding principle which guarantees the military forces always being under the command of the party",
    ],
    ["the cat is on the mat", "there is a cat on the mat"],
    ["a c", "b d e"],
    ["word", "two words"],
]
METHODS = [("none", None), ("floor", None), ("floor", 0.3), ("add-k", None), ("add-k", 0.5), ("exp", None)]
GOLDEN = {  # sacrebleu 2.6.0, tokenize="none", / 100: corpus, then each sentence
    ("none", None): [0.403786, 0.562341, 0.504567, 0, 0, 0],
    ("floor", None): [0.403786, 0.562341, 0.504567, 0.039281, 0.316228, 0],
    ("floor", 0.3): [0.403786, 0.562341, 0.504567, 0.089542, 0.547723, 0],
    ("add-k", None): [0.429206, 0.66874, 0.539755, 0.192056, 0.840896, 0],
    ("add-k", 0.5): [0.416889, 0.623899, 0.522933, 0.122064, 0.759836, 0],
    ("exp", None): [0.403786, 0.562341, 0.504567, 0.078098, 0.707107, 0],
}


def sentences(words):
    return st.lists(st.sampled_from(words), max_size=9).map(" ".join)


@pytest.mark.parametrize("method, value", METHODS)
def test_recorded_numbers(method, value):
    found = [corpus_bleu(HYPOTHESES, REFERENCES, 4, method, value)]
    found += [
        sentence_bleu(h, r, smooth_method=method, smooth_value=value)
        for h, r in zip(HYPOTHESES, REFERENCES, strict=True)
    ]
    assert found == pytest.approx(GOLDEN[method, value], abs=1e-6)


@pytest.mark.extra("dev")
@pytest.mark.parametrize("method, value", METHODS)
@given(data=st.data(), order=st.integers(1, 5), effective=st.booleans(), count=st.integers(1, 3))
def test_sacrebleu_says_the_same(method, value, data, order, effective, count):
    from sacrebleu.metrics import BLEU

    texts = sentences("abc")
    hypotheses = data.draw(st.lists(texts, min_size=1, max_size=4))
    references = [data.draw(st.lists(texts, min_size=count, max_size=count)) for _ in hypotheses]
    theirs = BLEU(
        tokenize="none",
        smooth_method=method,
        smooth_value=value,
        max_ngram_order=order,
        effective_order=effective,
        force=True,
    )
    score = theirs.corpus_score(hypotheses, [list(stream) for stream in zip(*references, strict=True)]).score / 100
    options = (order, method, value, effective)
    assert corpus_bleu(hypotheses, references, *options) == pytest.approx(score, abs=1e-9)
    assert sentence_bleu(hypotheses[0], references[0], *options) == pytest.approx(
        theirs.sentence_score(hypotheses[0], references[0]).score / 100, abs=1e-9
    )


@given(texts=st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=9), min_size=1, max_size=3))
def test_kinds_of_sentences(texts):
    """A text is its words, and these may be anything that can be compared."""
    pairs = list(itertools.pairwise([*texts, texts[0]]))
    numbers = corpus_bleu([a for a, _ in pairs], [[b] for _, b in pairs])
    assert numbers == corpus_bleu([np.array(a) for a, _ in pairs], [[tuple(b)] for _, b in pairs])
    spoken = [" ".join(map(str, t)) for t in texts]
    assert numbers == corpus_bleu(spoken, [[b] for b in [*spoken[1:], spoken[0]]])
    assert corpus_bleu(spoken, [[b] for b in spoken]) == pytest.approx(1)


def test_papineni_clips_and_punishes_the_short():
    assert sentence_bleu("the the the the the the the", ["the cat is on the mat"], 1) == pytest.approx(2 / 7)
    assert sentence_bleu("of the", ["of the party now"], 2) == pytest.approx(math.exp(1 - 4 / 2))
    assert sentence_bleu("a a a a a", ["a a a", "a a a a a a a"], 1) == pytest.approx(
        1
    )  # the nearest, then the shorter


def test_errors():
    with pytest.raises(ArgumentError, match="'floor'"):
        corpus_bleu(["a"], [["a"]], smooth_method="flour")
    with pytest.raises(ArgumentError, match="for each, a list of its references"):
        corpus_bleu(["a", "b", "c"], [["a", "b", "c"]])
    with pytest.raises(ArgumentError, match="a list of sentences"):
        corpus_bleu("a b", [["a b"]])
    with pytest.raises(ArgumentError, match="max_ngram_order"):
        corpus_bleu(["a"], [["a"]], 0)
    with pytest.raises(DataError, match="one or more references"):
        corpus_bleu(["a b"], ["a b"])
    with pytest.raises(DataError, match="one or more references"):
        sentence_bleu("a b", [])
    with pytest.raises(DataError, match="too, stands in a list"):
        sentence_bleu(["a", "b"], ["a", "b"])
    with pytest.raises(DataError, match="too, stands in a list"):
        sentence_bleu("a b", [["a", "b"]])
    with pytest.raises(DataError, match="sequence of words; received"):
        sentence_bleu([["a", "b"]], [[["a", "b"]]])
