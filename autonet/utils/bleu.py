"""BLEU: how much of a translation stands in what people wrote."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from autonet.errors import ArgumentError, DataError, unknown

Sentence = str | Sequence[Any]
SMOOTHING = {"none": None, "floor": 0.1, "add-k": 1.0, "exp": None}  # the value that each uses unless another is given


def corpus_bleu(
    hypotheses: Sequence[Sentence],
    references: Sequence[Sequence[Sentence]],
    max_ngram_order: int = 4,
    smooth_method: str = "exp",
    smooth_value: float | None = None,
    effective_order: bool = False,
) -> float:
    """The BLEU of many sentences together, whose counts are added before anything is divided.

        BLEU = BP exp(mean of log p_n over n = 1 .. N),   BP = exp(min(0, 1 - r / c))

    p_n: the share of the hypotheses' n-grams that are found in references, each at most as often as in the one reference
    that has most of it; c: words of the hypotheses; r: words of the references, for each sentence the length that is
    nearest to the hypothesis', of two the shorter.

    Args:
        hypotheses: the sentences: texts, whose words are separated by spaces, or sequences of words or numbers.
        references: for each of them, a list of one or more references, of the same kind.
        max_ngram_order: N.
        smooth_method: what stands for p_n where no n-gram is found, if any word is. "none": 0, and so is BLEU;
            "floor": smooth_value (0.1) matches; "add-k": smooth_value (1) is added to matches and n-grams of all n > 1;
            "exp": 1/2 a match the first time, 1/4 the next, and so on. Chen and Cherry's methods 1, 2 and 3; names and
            defaults are sacrebleu's, which cuts texts into words in ways of its own (there: tokenize="none").
        smooth_value: of "floor" and "add-k".
        effective_order: leave out the n of which the hypotheses are too short to have n-grams.

    Returns: from 0 to 1.

    Source: Papineni, Roukos, Ward, Zhu, 2002, https://aclanthology.org/P02-1040; Chen, Cherry, 2014,
        https://aclanthology.org/W14-3346

    >>> round(corpus_bleu(["the cat sat on a mat"], [["the cat sat on the mat", "a cat is on the mat"]]), 4)
    0.5623
    """
    if smooth_method not in SMOOTHING:
        raise unknown("smooth_method", smooth_method, SMOOTHING)
    if max_ngram_order < 1:
        raise ArgumentError(f"BLEU expects max_ngram_order of at least 1; received {max_ngram_order}.")
    if isinstance(hypotheses, str) or isinstance(references, str) or len(hypotheses) != len(references):
        raise ArgumentError(
            "BLEU expects a list of sentences and, for each, a list of its references; received "
            f"{_told(hypotheses)} and {_told(references)}."
        )
    orders = range(1, max_ngram_order + 1)
    matches, totals = dict.fromkeys(orders, 0.0), dict.fromkeys(orders, 0.0)
    length = reference_length = 0
    for hypothesis, several in zip(hypotheses, references, strict=True):
        words, known = _words(hypothesis), _reference_words(several, hypothesis)
        length += len(words)
        reference_length += min([len(r) for r in known], key=lambda n: (abs(n - len(words)), n))
        for n in orders:
            most: Counter = Counter()
            for reference in known:
                most |= _ngrams(reference, n)
            found = _ngrams(words, n)
            matches[n] += (found & most).total()
            totals[n] += found.total()
    if not any(matches.values()):
        return 0.0
    if smooth_method == "add-k":
        k = 1.0 if smooth_value is None else smooth_value
        for n in orders[1:]:
            matches[n] += k
            totals[n] += k
    precisions = _precisions(matches, totals, smooth_method, smooth_value)
    if not effective_order:
        precisions += [0.0] * (max_ngram_order - len(precisions))
    if not all(precisions):
        return 0.0
    mean = sum([math.log(p) for p in precisions]) / len(precisions)
    return math.exp(min(0.0, 1 - reference_length / length) + mean)


def sentence_bleu(
    hypothesis: Sentence,
    references: Sequence[Sentence],
    max_ngram_order: int = 4,
    smooth_method: str = "exp",
    smooth_value: float | None = None,
    effective_order: bool = True,
) -> float:
    """The BLEU of one sentence, whose n-grams of all lengths that it has are counted; see `corpus_bleu`.

    Args:
        hypothesis: a text, whose words are separated by spaces, or a sequence of words or numbers.
        references: a list of one or more, of the same kind.
        max_ngram_order, smooth_method, smooth_value, effective_order: as for `corpus_bleu`.

    Returns: from 0 to 1.

    >>> sentence_bleu([3, 1, 4, 1, 5], [[3, 1, 4, 1, 5]])
    1.0
    """
    return corpus_bleu([hypothesis], [references], max_ngram_order, smooth_method, smooth_value, effective_order)


def _precisions(matches: dict[int, float], totals: dict[int, float], method: str, value: float | None) -> list[float]:
    """p_n for the n of which there are n-grams."""
    found, misses = [], 0
    for n, total in totals.items():
        if not total:
            break
        matched = matches[n]
        if not matched and method == "floor":
            matched = SMOOTHING["floor"] if value is None else value  # type: ignore[assignment]
        elif not matched and method == "exp":
            misses += 1
            matched = 0.5**misses
        found.append(matched / total)
    return found


def _ngrams(words: list[Any], n: int) -> Counter:
    return Counter(zip(*[words[i:] for i in range(n)], strict=False))


def _words(sentence: Sentence) -> list[Any]:
    if isinstance(sentence, str):
        return sentence.split()
    words = sentence.tolist() if hasattr(sentence, "tolist") else sentence
    if not isinstance(words, (list, tuple)) or any(isinstance(word, (list, tuple, dict)) for word in words):
        raise DataError(f"BLEU expects a sentence as a text or a sequence of words; received {_told(sentence)}.")
    return list(words)


def _reference_words(several: Any, hypothesis: Sentence) -> list[list[Any]]:
    """The references of one sentence, which must be of its kind: a text is no list of them, nor are its words."""
    if isinstance(several, str) or not hasattr(several, "__len__") or not len(several):
        raise DataError(f"BLEU expects a list of one or more references for each sentence; received {_told(several)}.")
    if any(isinstance(one, str) != isinstance(hypothesis, str) for one in several):
        raise DataError(
            f"BLEU expects references of the sentence's kind, texts or sequences of words; received {_told(several)} for "
            f"{_told(hypothesis)}. A single reference, too, stands in a list."
        )
    return [_words(one) for one in several]


def _told(x: Any) -> str:
    text = f"{x!r:.60}"
    return f"{type(x).__name__} {text}" + ("..." if len(repr(x)) > 60 else "")
