"""Pairs of words that stand near each other in a text, and what is likely to be a pair of strangers."""

import numpy as np

from autonet.common.frames import plain
from autonet.common.types import TensorLike
from autonet.errors import ArgumentError, DataError
from autonet.random.seeds import fresh_seed


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """The probability with which `skipgrams` keeps each word of a vocabulary sorted by frequency, most frequent first.

        p(word) = min(1, sqrt(sampling_factor / frequency)),
        frequency(rank) = 1 / (rank (log(rank) + 0.577) + 1/2 - 1 / (12 rank)),   by Zipf's law

    Args:
        size: of the vocabulary; word 0, which is none, has the probability of word 1.
        sampling_factor: the frequency up to which every word is kept.

    Returns: float64, shape (size,).

    Source: Mikolov et al., 2013, section 2.3, https://arxiv.org/abs/1310.4546; as in Keras 2.

    >>> make_sampling_table(4).round(5).tolist()
    [0.00315, 0.00315, 0.00548, 0.00742]
    """
    if size < 1:
        raise ArgumentError(f"make_sampling_table expects a size of at least 1; received {size}.")
    rank = np.maximum(np.arange(size), 1)
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse))


def skipgrams(
    sequence: TensorLike,
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: TensorLike | None = None,
    seed: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of words that stand near each other, labelled 1, and of such words with random ones, labelled 0.

    Args:
        sequence: the words of a text as numbers from 1 to vocabulary_size - 1, shape (n,); 0 is no word and is left out.
        vocabulary_size: one more than the largest number of a word.
        window_size: how far apart, in places, the words of a pair are at most.
        negative_samples: random pairs for each pair that was found.
        shuffle: whether pairs come in random order; otherwise found ones come first, as they stand in the text.
        categorical: whether labels are rows, [0, 1] for 1 and [1, 0] for 0.
        sampling_table: for each word, the probability that one that stands somewhere is kept as the first of pairs, shape
            (vocabulary_size,); see `make_sampling_table`.
        seed: of all draws; by default, as `utils.set_random_seed` has it.

    Returns: pairs of a word and one of its surroundings, int32, shape (pairs, 2), and labels, int32, shape (pairs,), or
        (pairs, 2) if categorical. In Keras 2 these were lists of as much.

    >>> pairs, labels = skipgrams([1, 2, 0, 3], vocabulary_size=4, window_size=1, negative_samples=0, shuffle=False)
    >>> pairs.tolist(), labels.tolist()
    ([[1, 2], [2, 1]], [1, 1])
    """
    words = np.asarray(plain(sequence, "sequence"))
    if words.ndim != 1 or (words.dtype.kind not in "iu" and words.size):
        raise DataError(
            f"skipgrams expects a sequence of integers, shape (n,); received dtype {words.dtype}, shape {words.shape}."
        )
    if vocabulary_size < 1:
        raise ArgumentError(
            "skipgrams expects a vocabulary_size of at least 1, one more than the largest number of a word; received "
            f"{vocabulary_size}."
        )
    words = words.astype(np.int64)
    if words.size and not 0 <= words.min() <= words.max() < vocabulary_size:
        wrong = words[(words < 0) | (words >= vocabulary_size)][0]
        raise DataError(f"skipgrams expects words from 0 to {vocabulary_size - 1}; received {wrong}.")
    if window_size < 0 or negative_samples < 0:
        raise ArgumentError(
            "skipgrams expects window_size and negative_samples of at least 0; received "
            f"{window_size} and {negative_samples}."
        )
    draws = np.random.default_rng(fresh_seed() if seed is None else seed)
    centers = np.flatnonzero(words)
    if sampling_table is not None:
        kept = np.asarray(plain(sampling_table, "sampling_table"))
        if kept.shape != (vocabulary_size,):
            raise DataError(
                f"skipgrams expects a sampling_table of shape ({vocabulary_size},), a probability for each word; "
                f"received {kept.shape}."
            )
        centers = centers[draws.random(len(centers)) <= kept[words[centers]]]
    found = _neighbors(words, centers, min(window_size, max(len(words) - 1, 0)))
    negatives = int(len(found) * negative_samples)
    if negatives and vocabulary_size < 2:
        raise ArgumentError("skipgrams expects a vocabulary_size of at least 2 to draw words from.")
    first = np.resize(draws.permutation(found[:, 0]), negatives)
    random_pairs = np.stack([first, draws.integers(1, max(vocabulary_size, 2), negatives)], axis=1)
    pairs = np.concatenate([found, random_pairs]).astype(np.int32)
    labels = np.repeat(np.array([1, 0], np.int32), [len(found), negatives])
    if shuffle:
        order = draws.permutation(len(pairs))
        pairs, labels = pairs[order], labels[order]
    return pairs, np.stack([1 - labels, labels], axis=1) if categorical else labels


def _neighbors(words: np.ndarray, centers: np.ndarray, window: int) -> np.ndarray:
    """Pairs of each word at `centers` with the words up to `window` places away, in the order of the text."""
    offsets = np.delete(np.arange(-window, window + 1), window)
    places = centers[:, None] + offsets
    inside = (places >= 0) & (places < len(words))
    context = np.where(inside, words[np.where(inside, places, 0)], 0) if len(words) else places
    row, column = np.nonzero(context)
    return np.stack([words[centers[row]], context[row, column]], axis=1)
