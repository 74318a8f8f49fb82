"""Text to numbers: standardized, split into words, looked up."""

import itertools
import string
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autonet.common.types import Data, NameOptions, PathLike, SupportsArray, Unpack
from autonet.core.tensor import Tensor, wrap
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.preprocessing.base import TextLayer, as_text, batches, check_choice
from autonet.layers.preprocessing.encoding import result_dtype
from autonet.layers.preprocessing.lookup import StringLookup
from autonet.layers.preprocessing.vocabulary import CHUNK, without_paths
from autonet.serialization import deserialize_keras_object
from autonet.untrusted.budget import limit
from autonet.untrusted.faults import described

_PUNCTUATION = string.punctuation.encode()


def _strip_punctuation(text: str) -> str:
    """Without ASCII's punctuation; as bytes, of which those of other characters are all above ASCII."""
    return text.encode("utf-8", "surrogatepass").translate(None, _PUNCTUATION).decode("utf-8", "surrogatepass")


_STANDARDS: dict[str, Callable[[str], str]] = {
    "lower_and_strip_punctuation": lambda text: _strip_punctuation(text.lower()),
    "lower": str.lower,
    "strip_punctuation": _strip_punctuation,
}
_SPLITS: dict[Any, Callable[[str], list[str]]] = {"whitespace": str.split, "character": list, None: lambda text: [text]}


class TextVectorization(TextLayer):
    """Texts as rows of numbers: standardized, split into words, joined to n-grams, looked up in a vocabulary.

    Texts are read ahead of captured steps, since Tensors hold no texts. Without an `output_sequence_length`, batches become
    rows of different lengths, each of which needs another plan.

    Args:
        max_tokens: most words in the vocabulary that `adapt` makes, special ones included.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a function of an array of
            strings.
        split: "whitespace", "character", None (each text is one word), or a function of an array of strings that
            returns a list of words for each.
        ngrams: n for runs of 1 to n words, joined by blanks; a tuple for runs of these lengths; None for words alone.
        output_mode: "int" for places in the vocabulary, 0 filling up shorter rows and 1 for unknown words;
            "multi_hot", "count" and "tf_idf" as in `StringLookup`, unknown words at 0.
        output_sequence_length: in the mode "int", the length to which rows are filled up or cut; None for the longest
            of the batch.
        pad_to_max_tokens: in the other modes, whether rows have max_tokens columns.
        vocabulary, idf_weights: as in `StringLookup`; without them call `adapt`.
        sparse, ragged: only False: all Tensors here are dense.
        encoding: of bytes.

    Shapes: texts (n,) or (n, 1); result (n, length), or (n, vocabulary).

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> layer(["Foo qux, bar!"]).tolist()
    [[4, 1, 3, 0]]
    """

    _untold = ("vocabulary", "idf_weights")

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[..., Any] = "lower_and_strip_punctuation",
        split: str | Callable[..., Any] = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: PathLike | Sequence[Any] | SupportsArray | None = None,
        idf_weights: Sequence[float] | SupportsArray | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **common: Unpack[NameOptions],
    ):
        if common.get("dtype") is None:
            common["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(name=name, **common)
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)  # Keras 2's words
        check_choice(self.label, "output_mode", output_mode, ("int", "multi_hot", "count", "tf_idf"))
        standardize = deserialize_keras_object(standardize) if isinstance(standardize, dict) else standardize
        split = deserialize_keras_object(split) if isinstance(split, dict) else split
        if not callable(standardize):
            check_choice(self.label, "standardize", standardize, (None, *_STANDARDS))
        if not callable(split):
            check_choice(self.label, "split", split, tuple(_SPLITS))
        if ragged:
            raise ArgumentError(f"{self.label}: all Tensors here are dense; received ragged={ragged!r}.")
        if output_mode != "int" and output_sequence_length is not None:
            raise ArgumentError(f"{self.label} uses output_sequence_length in the mode 'int' only.")
        if output_sequence_length is not None and (
            isinstance(output_sequence_length, bool) or not output_sequence_length > 0
        ):
            raise ArgumentError(
                f"{self.label} expects output_sequence_length above 0, or None; received {output_sequence_length!r}."
            )
        self.standardize, self.split = standardize, split
        self.ngrams = ngrams if ngrams is None or isinstance(ngrams, int) else tuple(ngrams)
        self._lengths = self._runs(self.ngrams)
        self.output_mode, self.output_sequence_length = output_mode, output_sequence_length
        self.sparse = self.ragged = False
        self.encoding = encoding
        self.autocast = False
        self._lookup = StringLookup(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            dtype=self.dtype,
        )
        self.built = True

    def _runs(self, ngrams: Any) -> tuple[int, ...] | None:
        if ngrams is None:
            return None
        if isinstance(ngrams, int):
            limit(f"{self.label} with ngrams={ngrams}", ngrams)
        lengths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) and not isinstance(ngrams, bool) else ngrams
        if not isinstance(lengths, tuple) or not lengths or any(not isinstance(n, int) or n < 1 for n in lengths):
            raise ArgumentError(f"{self.label} expects ngrams to be a number above 0, or a tuple; received {ngrams!r}.")
        return lengths

    @property
    def max_tokens(self) -> int | None:
        """Most places in the vocabulary."""
        return self._lookup.max_tokens

    @property
    def pad_to_max_tokens(self) -> bool:
        """Whether rows have `max_tokens` columns."""
        return self._lookup.pad_to_max_tokens

    @property
    def lengths_vary(self) -> bool:  # type: ignore[override]
        """Whether batches of texts become rows of different lengths."""
        return self.output_mode == "int" and self.output_sequence_length is None

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words by place, with or without the special ones."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Number of places, special ones included."""
        return self._lookup.vocabulary_size()

    def set_vocabulary(
        self,
        vocabulary: PathLike | Sequence[Any] | SupportsArray,
        idf_weights: Sequence[float] | SupportsArray | None = None,
    ) -> None:
        """Give the words; see `StringLookup.set_vocabulary`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Data, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the words: the most frequent first, among equals the last in order.

        Args:
            data: a list or array of texts, a PyDataset, or an iterable of batches of texts.
            batch_size: a hint without effect.
            steps: how many batches to read; None for all.
        """
        convert = lambda x: self._column(as_text(x, self.encoding))
        self._lookup.learn((self._split(batch) for batch in batches(data, convert, self.label)), steps)

    def _column(self, texts: np.ndarray) -> np.ndarray:
        """Texts of shape (n,)."""
        flat = texts.reshape(1) if not texts.ndim else texts
        if flat.ndim == 2 and flat.shape[1] == 1:
            flat = flat[:, 0]
        if flat.ndim != 1:
            raise ShapeError(f"{self.label} expects texts of shape (n,) or (n, 1); received {texts.shape}.")
        return flat

    def _split(self, texts: np.ndarray) -> Iterable[list[str]]:
        """The words of each text, or their runs, made as they are asked for."""
        if callable(self.standardize):
            texts = as_text(self.standardize(texts.astype(str)), self.encoding)
        standard: Iterable[str] = texts.tolist()
        if isinstance(self.standardize, str):
            standard = map(_STANDARDS[self.standardize], standard)
        if callable(self.split):
            rows: Iterable[list[str]] = ([str(w) for w in row] for row in self.split(np.array(list(standard), str)))
        else:
            rows = map(_SPLITS[self.split], standard)
        return rows if self._lengths is None else map(self._joined, rows)

    def _joined(self, row: list[str]) -> list[str]:
        """Runs of the words: those of the first length, then those of the next."""
        runs: list[str] = []
        for n in self._lengths or ():
            runs += row if n == 1 else map(" ".join, zip(*[row[i:] for i in range(n)], strict=False))
        return runs

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, np.ndarray):
            raise ArgumentError(
                f"{self.label} expects texts; received {type(inputs).__name__} of dtype {inputs.dtype}."
            )
        most = self.output_sequence_length
        texts = iter(self._split(self._column(inputs)))
        counts: list[int] = []
        parts = [np.zeros(0, np.int64)]
        while some := [words[:most] for words in itertools.islice(texts, CHUNK)]:
            counts += map(len, some)
            parts.append(self._lookup.places_of(list(itertools.chain.from_iterable(some))))
        places, lengths, n = np.concatenate(parts), np.array(counts, np.int64), len(counts)
        rows = np.repeat(np.arange(n), lengths)
        if self.output_mode != "int":
            known = places >= 0  # all but the mask token
            bags = self._lookup.weighed_bags(places[known], rows[known], n)
            return bags if inputs.ndim else bags[0]
        table = np.zeros((n, most or max(counts, default=0)), result_dtype(self.compute_dtype, "int"))
        table[rows, np.arange(len(places)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = places
        return wrap(table if inputs.ndim else table[0])

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch = tuple(input_shape)[:1]
        if self.output_mode == "int":
            return (*batch, self.output_sequence_length)
        return (*batch, self._lookup.depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        return self._promise(inputs, result_dtype(self.compute_dtype, self.output_mode))

    def get_config(self) -> dict[str, Any]:
        table = self._lookup.get_config()
        return {**super().get_config(), "vocabulary": table["vocabulary"], "idf_weights": table["idf_weights"]}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Any:
        return super().from_config(without_paths(config, cls.__name__))

    def save_assets(self, dir_path: str) -> None:
        """Write the words into a file."""
        self._lookup.save_assets(dir_path)

    def load_assets(self, dir_path: str) -> None:
        """Take the words from where `save_assets` put them."""
        self._lookup.load_assets(dir_path)
