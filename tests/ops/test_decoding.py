"""Decoding: all paths by hand against the search, ties of blanks and repeats."""

import itertools

import numpy as np
import pytest

from autonet import ops
from autonet.errors import ArgumentError, ShapeError
from tests.ops.cases import Case, integers, reals

SHAPES = [((2, 4, 3), (2,)), ((1, 3, 2), (1,)), ((0, 2, 3), (0,))]

CASES = {
    "ctc_greedy": Case(
        reals(),
        integers(0, 4),
        shapes=SHAPES,
        settings=[{"merge_repeated": True, "mask_index": 0}, {"merge_repeated": False, "mask_index": 1}],
        zero=True,
    ),
    "ctc_beams": Case(
        reals(), integers(0, 4), shapes=SHAPES, settings={"beam_width": 5, "top_paths": 2, "mask_index": 0}, zero=True
    ),
}


def collapsed(path, blank):
    """Runs counted once, blanks left out."""
    return tuple(c for c, _ in itertools.groupby(path) if c != blank)


@pytest.mark.parametrize("blank", [0, 2])
def test_search_finds_what_all_paths_say(blank, rng):
    logits = rng.standard_normal((1, 4, 3))
    logp = logits[0] - np.log(np.exp(logits[0]).sum(-1, keepdims=True))
    totals: dict = {}
    for path in itertools.product(range(3), repeat=4):
        key = collapsed(path, blank)
        totals[key] = np.logaddexp(totals.get(key, -np.inf), sum(logp[t, c] for t, c in enumerate(path)))
    best = sorted(totals.items(), key=lambda item: -item[1])[:3]
    decoded, scores = ops.ctc_decode(logits, [4], "beam_search", 100, 3, mask_index=blank)
    for k, (labels, score) in enumerate(best):
        assert decoded[k, 0].tolist() == [*labels, *[-1] * (4 - len(labels))]
        assert scores[0, k].item() == pytest.approx(score)


def test_the_best_path():
    logits = np.full((1, 6, 3), -5.0)
    for t, c in enumerate([1, 1, 0, 1, 2, 2]):
        logits[0, t, c] = 1.0
    assert ops.ctc_decode(logits, [6])[0].tolist() == [[[1, 1, 2, -1, -1, -1]]]
    assert ops.ctc_decode(logits, [6], merge_repeated=False)[0].tolist() == [[[1, 1, 1, 2, 2, -1]]]
    labels, scores = ops.ctc_decode(logits, [2])
    assert labels.tolist() == [[[1, -1, -1, -1, -1, -1]]] and scores.tolist() == [[-2.0]]


def test_errors():
    with pytest.raises(ShapeError, match="n lengths"):
        ops.ctc_decode(np.zeros((2, 3, 4)), [3])
    with pytest.raises(ArgumentError, match="greedy"):
        ops.ctc_decode(np.zeros((1, 3, 4)), [3], "greedi")
    with pytest.raises(ArgumentError, match="top_paths"):
        ops.ctc_decode(np.zeros((1, 3, 4)), [3], "beam_search", 2, 3)
