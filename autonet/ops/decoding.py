"""From what a model trained with `ctc_loss` gives, frame by frame, back to sequences of labels. No derivatives."""

from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError, unknown


@primitive(keep=("inputs", "lengths"))
def ctc_greedy(inputs, lengths, *, merge_repeated, mask_index):
    """The likeliest class of each frame, runs counted once, blanks left out, -1 behind; and minus the sum of scores."""
    frames = inputs.shape[1]
    best = inputs.argmax(axis=-1)
    inside = np.arange(frames) < lengths[:, None]
    kept = inside & (best != mask_index)
    if merge_repeated:
        kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    order = np.argsort(~kept, axis=1, kind="stable")
    decoded = np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(best, order, 1), -1)
    scores = -np.sum(np.where(inside, inputs.max(axis=-1), 0), axis=1, keepdims=True, dtype=inputs.dtype)
    return decoded.astype(np.int32)[None], scores


@primitive(keep=("inputs", "lengths"))
def ctc_beams(inputs, lengths, *, beam_width, top_paths, mask_index):
    """The likeliest sequences of labels, all of whose paths are counted, -1 behind; and their log-probabilities."""
    n, frames, _ = inputs.shape
    decoded = np.full((top_paths, n, frames), -1, np.int32)
    scores = np.full((n, top_paths), -np.inf, inputs.dtype)
    top = inputs.max(axis=-1, keepdims=True).astype(np.float64)
    logp = inputs - top - np.log(np.sum(np.exp(inputs - top), axis=-1, keepdims=True))
    for row in range(n):
        found = _prefixes(logp[row, : max(int(lengths[row]), 0)], beam_width, mask_index)
        for k, (labels, score) in enumerate(found[:top_paths]):
            decoded[k, row, : len(labels)] = labels
            scores[row, k] = score
    return decoded, scores


ctc_greedy.vjp(inputs=None, lengths=None)
ctc_beams.vjp(inputs=None, lengths=None)


def _prefixes(logp: np.ndarray, width: int, blank: int) -> list[tuple[tuple, float]]:
    """Sequences and the logs of their probabilities, best first, after a search that keeps `width` of them per frame.

    A sequence has two probabilities: of the paths that end with a blank, and of those that end with its last label.
    """
    none = -np.inf
    beams: dict[tuple, tuple[float, float]] = {(): (0.0, none)}
    for frame in logp.tolist():
        new: dict[tuple, list[Any]] = {}
        for labels, (with_blank, with_label) in beams.items():
            either = np.logaddexp(with_blank, with_label)
            same = new.setdefault(labels, [none, none])
            same[0] = np.logaddexp(same[0], either + frame[blank])
            if labels:
                same[1] = np.logaddexp(same[1], with_label + frame[labels[-1]])
            for c, p in enumerate(frame):
                if c != blank:
                    longer = new.setdefault((*labels, c), [none, none])
                    before = with_blank if labels and labels[-1] == c else either
                    longer[1] = np.logaddexp(longer[1], before + p)
        best = sorted(new.items(), key=lambda item: -np.logaddexp(*item[1]))[:width]
        beams = {labels: (pair[0], pair[1]) for labels, pair in best}
    return [(labels, float(np.logaddexp(*pair))) for labels, pair in beams.items()]


def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: TensorLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Sequences of labels from the logits of a model that was trained with `ctc_loss`.

    Args:
        inputs: logits, shape (n, frames, classes).
        sequence_lengths: how many frames count, shape (n,).
        strategy: "greedy" takes the likeliest class of each frame; "beam_search" the likeliest sequences, summed over
            their paths.
        beam_width: how many sequences the search keeps.
        top_paths: how many it returns.
        merge_repeated: for "greedy": whether runs of one class count once.
        mask_index: the blank.

    Returns: labels, int32, shape (top_paths, n, frames), -1 behind the last one (top_paths is 1 for "greedy"); and scores,
        shape (n, top_paths): minus the sum of the chosen logits, or the log-probability of the sequence.
    """
    x, lengths = convert_to_tensor(inputs), convert_to_tensor(sequence_lengths)
    if x.ndim != 3 or lengths.shape != x.shape[:1]:
        raise ShapeError(
            f"ctc_decode expects logits (n, frames, classes) and n lengths; received {x.shape} and {lengths.shape}."
        )
    x = x if x.dtype.kind == "f" else convert_to_tensor(x, "float32")
    blank = mask_index % x.shape[-1]
    if strategy == "greedy":
        return ctc_greedy(x, lengths, merge_repeated=bool(merge_repeated), mask_index=blank)
    if strategy != "beam_search":
        raise unknown("strategy", strategy, ("greedy", "beam_search"))
    if not 0 < top_paths <= beam_width:
        raise ArgumentError(f"ctc_decode expects 0 < top_paths <= beam_width; received {top_paths} and {beam_width}.")
    return ctc_beams(x, lengths, beam_width=int(beam_width), top_paths=int(top_paths), mask_index=blank)
