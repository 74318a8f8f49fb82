"""What data sets of texts as lists of numbers share: reading them, and Keras's choice of words and lengths."""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.datasets.files import ADVICE, check_shape, damaged, open_npz
from autonet.datasets.pickles import read_pickle
from autonet.errors import DataError

Numbers = list[list[int]]


def read(path: str | os.PathLike[str], texts: str, labels: str) -> tuple[list[list[int]], np.ndarray]:
    """Texts, each a list of numbers of words, and their labels, from two arrays of an .npz file."""
    with open_npz(path) as content:
        for name in (texts, labels):
            if name not in content.files:
                raise DataError(
                    f"{path} has no array {name!r}; it holds {', '.join(content.files) or 'none'}. {ADVICE}"
                )
        with content.opened(texts) as (file, _, _, _, dtype):
            if not dtype.hasobject:
                raise ValueError(f"{texts} holds no lists")
            pickle = file.read()
        y = content[labels]
    try:
        x = read_pickle(pickle)
    except DataError as problem:
        raise DataError(f"{path}, {texts}: {problem} {ADVICE}") from problem
    rows = x.tolist() if isinstance(x, np.ndarray) and x.ndim == 1 else None
    if rows is None or not all(type(row) is list and set(map(type, row)) <= {int} for row in rows):
        raise DataError(f"{path}: {texts} should hold lists of whole numbers. {ADVICE}")
    check_shape(path, labels, y, (len(rows),))
    return rows, y


def marked(texts: Numbers, start_char: int | None, index_from: int) -> Numbers:
    """Every number raised by `index_from`, behind a mark for the start unless that is None."""
    start = [] if start_char is None else [start_char]
    return [start + [w + (index_from or 0) for w in text] for text in texts]


def short(texts: Numbers, labels: np.ndarray, maxlen: int | None) -> tuple[Numbers, np.ndarray]:
    """The texts shorter than `maxlen`, and their labels; all of them without it."""
    if not maxlen:
        return texts, labels
    kept = np.array([len(text) < maxlen for text in texts], bool)
    return [text for text, keep in zip(texts, kept, strict=True) if keep], labels[kept]


def frequent(texts: Numbers, num_words: int | None, skip_top: int, oov_char: int | None) -> Numbers:
    """The numbers from `skip_top` to below `num_words`; others are replaced by `oov_char`, or left out if that is None.

    As in Keras, `num_words` is the largest number of all where it is not given, so that this one number is not kept.
    """
    end = num_words or max((max(text, default=0) for text in texts), default=0)
    if oov_char is None:
        return [[w for w in text if skip_top <= w < end] for text in texts]
    return [[w if skip_top <= w < end else oov_char for w in text] for text in texts]


def ragged(texts: Sequence[list[int]]) -> np.ndarray:
    """An array of lists, shape (n,)."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def read_index(path: str | os.PathLike[str]) -> dict[str, int]:
    """Words and their numbers, from a JSON file."""
    with damaged(path), open(path, encoding="utf-8") as file:
        try:
            index: Any = json.load(file)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
    if not isinstance(index, dict) or not all(type(n) is int for n in index.values()):
        raise DataError(f"{path} should hold one JSON object of words and their numbers. {ADVICE}")
    return index
