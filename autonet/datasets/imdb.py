"""IMDB: 50,000 film reviews, each against its film or for it (Maas and others, 2011).

Keras's `load_data`, which gives reviews as lists of word numbers from `imdb.npz`, is not here: `load_texts` gives the
texts themselves, and `layers.TextVectorization` makes numbers of them.
"""

import json
import os
import typing

import numpy as np

from autonet.common.lines import filters_traceback
from autonet.datasets.files import damaged, find
from autonet.errors import DataError

PARTS = {  # file: its SHA-256
    "imdb_train.jsonl.xz": "e0abb9ac983ed0cb6b65f3bb2abe882534f171ad69f2cfd99e348b5b68001632",
    "imdb_test.jsonl.xz": "e65b32e125de0343a93e66351a655cade7aee7218fdfaaea6bae6bb4e1a8f26e",
}
CONTENT = 'one review a line, {"text": "...", "label": 0 or 1}, compressed by xz'
ADVICE = "Put the whole file in its place."
CLASSES = ("negative", "positive")


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

    try:
        with damaged(path, ADVICE), open(path, "rb") as file:
            rows = [json.loads(line) for line in lzma.decompress(file.read()).splitlines() if line]
    except lzma.LZMAError as problem:
        raise DataError(f"{path} is damaged or cannot be read ({problem}). {ADVICE}") from problem
    if not rows:
        raise DataError(f"{path} holds no reviews. {ADVICE}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str) or row.get("label") not in (0, 1):
            raise DataError(f"{path}, line {number}: expected {CONTENT}; received {str(row)[:80]}. {ADVICE}")
    texts = np.array([row["text"] for row in rows], object)
    return texts, np.array([row["label"] for row in rows], np.int64)


if not typing.TYPE_CHECKING:  # to a type checker, a module with this function has every name

    def __getattr__(name: str) -> typing.NoReturn:
        advice = ". It has load_texts(), of which layers.TextVectorization makes numbers" if name == "load_data" else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{advice}")
