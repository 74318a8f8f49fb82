"""IMDB: 50,000 film reviews, each against its film or for it (Maas and others, 2011).

`load_data` gives reviews as lists of numbers of words; `load_texts` the texts themselves, of which
`layers.TextVectorization` makes numbers.
"""

import json
import os

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets import housing, words
from autonet.datasets.files import damaged, find, read_bounded
from autonet.errors import ArgumentError, DataError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb.npz"
SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb_word_index.json"
INDEX_MD5 = "bfafd718b763782e994055a2d397834f"
PARTS = {  # file: its SHA-256
    "imdb_train.jsonl.xz": "e0abb9ac983ed0cb6b65f3bb2abe882534f171ad69f2cfd99e348b5b68001632",
    "imdb_test.jsonl.xz": "e65b32e125de0343a93e66351a655cade7aee7218fdfaaea6bae6bb4e1a8f26e",
}
CONTENT = 'one review a line, {"text": "...", "label": 0 or 1}, compressed by xz'
ADVICE = "Put the whole file in its place."
CLASSES = ("negative", "positive")


@filters_traceback
def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The reviews as numbers of words, in an order drawn from `seed`, the same as Keras's.

    A word's number is its rank by frequency, raised by `index_from`.

    Args:
        path: name of the file in the folder of data sets, or an absolute path.
        num_words: numbers from here on are replaced by `oov_char`; None for the largest number that there is.
        skip_top: so are numbers below this one.
        maxlen: only reviews shorter than this are kept; None for all.
        seed: of the order.
        start_char: the number before each review; None for none.
        oov_char: the number in place of left-out words; None for none: they are dropped.
        index_from: what is added to each word's number.

    Returns: `(x_train, y_train), (x_test, y_test)`: reviews, an array of lists of int, shape (25000,) each; labels int64,
        0 against and 1 for the film (`CLASSES`), of the same shape.

    Raises: DataError if the file is damaged, or neither there nor to be downloaded; ArgumentError if no review is left.

    Source: Maas, Daly, Pham, Huang, Ng, Potts, 2011, https://aclanthology.org/P11-1015
    """
    file = find(path, URL, SHA256, "arrays x_train, y_train, x_test, y_test in one .npz")
    chance = np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        texts, labels = words.read(file, f"x_{part}", f"y_{part}")
        order = housing.order(len(texts), chance)
        texts = words.marked([texts[i] for i in order], start_char, index_from)
        parts.append(words.short(texts, labels[order], maxlen))
    (train, y_train), (test, y_test) = parts
    if not train or not test:
        raise ArgumentError(f"load_data: no review for each part is shorter than maxlen={maxlen}. Increase it.")
    x = words.ragged(words.frequent(train + test, num_words, skip_top, oov_char))
    n = len(train)
    return (x[:n], y_train), (x[n:], y_test)


@filters_traceback
def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Words and their ranks by frequency, from 1; `load_data` raises them by its `index_from`."""
    return words.read_index(find(path, INDEX_URL, INDEX_MD5, "one JSON object of words and numbers"))


@filters_traceback
def load_texts() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The reviews as they were written, marks such as "<br />" included, in the order of the files.

    That order is by label in the well-known files, all negative reviews first: shuffle before you cut off a part, as
    `utils.split` does, and `fit` with `validation_split` does not.

    Returns: `(texts, labels), (texts, labels)` for training and testing, 25,000 reviews each: texts are an array of str
        objects (one of NumPy's own texts would take 1.3 GB: each as long as the longest), shape (25000,); labels int64,
        0 against and 1 for the film (`CLASSES`), shape (25000,).

    Raises: DataError if a file is damaged, or is not there: it has no public home from which it could be downloaded.

    Source: Maas, Daly, Pham, Huang, Ng, Potts, 2011, https://aclanthology.org/P11-1015
    """
    train, test = [_read(find(name, None, sha256, CONTENT)) for name, sha256 in PARTS.items()]
    return train, test


def _read(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Texts and labels of one file."""
    import lzma

    with damaged(path, ADVICE), lzma.open(path) as file:
        rows = [json.loads(line) for line in read_bounded(file, path).splitlines() if line]
    if not rows:
        raise DataError(f"{path} holds no reviews. {ADVICE}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str) or row.get("label") not in (0, 1):
            raise DataError(f"{path}, line {number}: expected {CONTENT}; received {str(row)[:80]}. {ADVICE}")
    texts = np.array([row["text"] for row in rows], object)
    return texts, np.array([row["label"] for row in rows], np.int64)
