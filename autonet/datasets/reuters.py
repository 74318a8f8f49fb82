"""Reuters: 11,228 newswires of 1987 on 46 topics, as lists of numbers of words (Reuters-21578)."""

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets import housing, words
from autonet.datasets.files import find
from autonet.errors import ArgumentError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/reuters.npz"
SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
INDEX_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/reuters_word_index.json"
INDEX_MD5 = "4d44cc38712099c9e383dc6e5f11a921"
TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude "
    "nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel "
    "rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


@filters_traceback
def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The newswires in an order drawn from `seed`, the same as Keras's.

    A word's number is its rank by frequency, raised by `index_from`.

    Args:
        path: name of the file in the folder of data sets, or an absolute path.
        num_words: numbers from here on are replaced by `oov_char`; None for the largest number that there is.
        skip_top: so are numbers below this one.
        maxlen: only texts shorter than this are kept; None for all.
        test_split: the share for testing, from 0 to 1: the last texts.
        seed: of the order.
        start_char: the number before each text; None for none.
        oov_char: the number in place of left-out words; None for none: they are dropped.
        index_from: what is added to each word's number.

    Returns: `(x_train, y_train), (x_test, y_test)`: texts, an array of lists of int, shapes (8982,) and (2246,), topics 0
        to 45 (`get_label_names`), int64, of the same shapes.

    Raises: DataError if the file is damaged, or neither there nor to be downloaded; ArgumentError if no text is left.

    Source: https://doi.org/10.24432/C52G6M
    """
    if not 0 <= test_split <= 1:
        raise ArgumentError(f"load_data expects test_split from 0 to 1; received {test_split!r}.")
    texts, labels = words.read(find(path, URL, SHA256, "arrays x and y in one .npz"), "x", "y")
    order = housing.order(len(texts), np.random.RandomState(seed))
    texts, labels = words.short(words.marked([texts[i] for i in order], start_char, index_from), labels[order], maxlen)
    if not texts:
        raise ArgumentError(f"load_data: no text is shorter than maxlen={maxlen}. Increase it.")
    texts = words.frequent(texts, num_words, skip_top, oov_char)
    n = int(len(texts) * (1 - test_split))
    return (words.ragged(texts[:n]), labels[:n]), (words.ragged(texts[n:]), labels[n:])


@filters_traceback
def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Words and their ranks by frequency, from 1; `load_data` raises them by its `index_from`."""
    return words.read_index(find(path, INDEX_URL, INDEX_MD5, "one JSON object of words and numbers"))


def get_label_names() -> tuple[str, ...]:
    """The names of the 46 topics, in the order of the labels.

    >>> get_label_names()[3]
    'earn'
    """
    return tuple(TOPICS.split())
