"""Vocabularies: lists of tokens, given or learned, and the places of tokens in them."""

import collections
import itertools
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autonet.common.dtypes import floatx
from autonet.common.frames import plain
from autonet.common.types import Data, LayerOptions, PathLike, SupportsArray, Unpack
from autonet.core.tensor import Tensor, wrap
from autonet.errors import ArgumentError, DataError, NotBuiltError
from autonet.layers.preprocessing.base import batches
from autonet.layers.preprocessing.encoding import MODES, Encoding, bags, encode, encoded_shape
from autonet.layers.preprocessing.hashing import salt_key
from autonet.untrusted.budget import limit
from autonet.untrusted.faults import described
from autonet.utils.files import atomic_write

CHUNK = 1024  # documents whose tokens are in memory at a time


class Table:
    """What a vocabulary became: tokens without the special ones, weights of all places, and what finds a token's place.

    It never changes: a layer that learns anew gets another one.
    """

    __slots__ = ("__weakref__", "finder", "tokens", "weights")

    def __init__(self, tokens: list[Any], weights: np.ndarray | None, finder: Any):
        self.tokens, self.weights, self.finder = tokens, weights, finder


class IndexLookup(Encoding):
    """Base of `StringLookup` and `IntegerLookup`: tokens by their places in a vocabulary.

    The list begins with the mask token (mode "int" only), then come num_oov_indices places for what it lacks, then the
    tokens. A subclass says what a token is.
    """

    _untold = ("vocabulary", "idf_weights")

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: int | str | None,
        oov_token: int | str,
        vocabulary: PathLike | Sequence[Any] | SupportsArray | None,
        idf_weights: Sequence[float] | SupportsArray | None,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        salt: int | Sequence[int] | None,
        **common: Unpack[LayerOptions],
    ):
        if common.get("dtype") is None:
            common["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(**common)
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)  # Keras 2's words
        self._set_mode(output_mode, sparse, ("int", *MODES, "tf_idf"))
        if max_tokens is not None and max_tokens <= 1:
            raise ArgumentError(f"{self.label} expects max_tokens above 1, or None; received {max_tokens!r}.")
        if pad_to_max_tokens and max_tokens is None:
            raise ArgumentError(f"{self.label} needs max_tokens for pad_to_max_tokens=True.")
        if num_oov_indices < 0:
            raise ArgumentError(f"{self.label} expects num_oov_indices of at least 0; received {num_oov_indices!r}.")
        if invert and output_mode != "int":
            raise ArgumentError(f"{self.label} can invert the mode 'int' only; received {output_mode!r}.")
        if invert and num_oov_indices > 1:
            raise ArgumentError(
                f"{self.label} can invert one place for unknown tokens at most; received {num_oov_indices}."
            )
        if output_mode != "tf_idf" and idf_weights is not None:
            raise ArgumentError(f"{self.label} uses idf_weights in the mode 'tf_idf' only; it is {output_mode!r}.")
        self.max_tokens = max_tokens
        limit(f"{self.label} with num_oov_indices={num_oov_indices}", num_oov_indices)
        self.num_oov_indices = num_oov_indices
        self.mask_token = None if mask_token is None else self._token(mask_token)
        self.oov_token = self._token(oov_token)
        self.invert, self.pad_to_max_tokens, self.salt = invert, pad_to_max_tokens, salt
        self._key = salt_key(self.label, salt)
        self._known: Table | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ArgumentError(f"{self.label} received idf_weights without a vocabulary.")

    # The list

    def _token(self, value: Any) -> Any:
        """A token in its one form."""
        raise NotImplementedError

    def _special(self) -> list[Any]:
        """What the list begins with."""
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    @property
    def _offset(self) -> int:
        """The place of the first unknown token."""
        return int(self.mask_token is not None and self.output_mode == "int")

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens by place, with or without the mask token and those that stand for unknown ones."""
        tokens = [] if self._known is None else self._known.tokens
        return (self._special() if include_special_tokens else []) + tokens

    def vocabulary_size(self) -> int:
        """Number of places, special ones included."""
        return len(self.get_vocabulary())

    @property
    def table(self) -> Table:
        """What the vocabulary became.

        Raises: NotBuiltError before there is one.
        """
        if self._known is None:
            raise NotBuiltError(f"{self.label} has no vocabulary yet: give one, or call adapt(data) first.")
        return self._known

    @property
    def depth(self) -> int:
        """Number of columns in modes but "int"."""
        if self.pad_to_max_tokens:
            return self.max_tokens  # type: ignore[return-value]
        return len(self.table.tokens) + len(self._special())

    def set_vocabulary(
        self,
        vocabulary: PathLike | Sequence[Any] | SupportsArray | None,
        idf_weights: Sequence[float] | SupportsArray | None = None,
    ) -> None:
        """Give the tokens.

        Args:
            vocabulary: a list or array of tokens, with or without the special ones in front, or the path of a file with
                one token in each line.
            idf_weights: in the mode "tf_idf", one weight for each token given.

        Raises: ArgumentError for tokens that come twice, too many tokens, or weights that do not fit.
        """
        tokens = self._read(vocabulary)
        special = self._special()
        weights = None if idf_weights is None else np.asarray(idf_weights, np.float64).ravel()
        if weights is not None and len(weights) != len(tokens):
            raise ArgumentError(
                f"{self.label} expects one idf weight for each of {len(tokens)} tokens; received {len(weights)}."
            )
        begins = bool(special) and tokens[: len(special)] == special
        if not begins and self.num_oov_indices and tokens[: self.num_oov_indices] == special[-self.num_oov_indices :]:
            raise ArgumentError(
                f"{self.label} expects a vocabulary that begins with {special}, or with no special token; "
                f"it begins with {tokens[: len(special)]}."
            )
        own = tokens[len(special) :] if begins else tokens
        repeated = [t for t, n in collections.Counter(own).items() if n > 1]
        if repeated:
            raise ArgumentError(f"{self.label}: the vocabulary holds tokens more than once: {repeated[:10]}.")
        reserved = [
            t for t in ({self.mask_token} - {None}) | ({self.oov_token} if self.num_oov_indices else set()) if t in own
        ]
        if reserved:
            raise ArgumentError(f"{self.label}: the vocabulary holds the special tokens {reserved} among the others.")
        if self.max_tokens is not None and len(own) + len(special) > self.max_tokens:
            raise ArgumentError(
                f"{self.label}: {len(own)} tokens and {len(special)} special ones are more than max_tokens="
                f"{self.max_tokens}."
            )
        if self.output_mode == "tf_idf":
            if weights is None:
                raise ArgumentError(f"{self.label} needs idf_weights beside the vocabulary in the mode 'tf_idf'.")
            if not begins:
                weights = np.concatenate([np.full(len(special), weights.mean() if len(weights) else 0), weights])
        self._place(own, weights if self.output_mode == "tf_idf" else None)

    def _place(self, tokens: list[Any], weights: np.ndarray | None) -> None:
        self._known = Table(tokens, None if weights is None else weights.astype(floatx()), self._finder(tokens))

    def _finder(self, tokens: list[Any]) -> Any:
        """What finds the places of tokens."""
        raise NotImplementedError

    def _read(self, vocabulary: Any) -> list[Any]:
        if isinstance(vocabulary, (str, os.PathLike)):
            if not os.path.exists(vocabulary):
                raise ArgumentError(f"{self.label}: there is no vocabulary file {str(vocabulary)!r}.")
            try:
                with open(vocabulary, encoding="utf-8") as file:
                    lines = [line.rstrip("\r\n") for line in file]
            except UnicodeDecodeError as problem:
                raise DataError(
                    f"{self.label}: the vocabulary file {str(vocabulary)!r} is no text in UTF-8 ({problem}). Save it as one."
                ) from problem
            vocabulary = lines
        vocabulary = plain(vocabulary, f"The vocabulary of {self.label}")
        if isinstance(vocabulary, Tensor):
            vocabulary = np.asarray(vocabulary)
        if isinstance(vocabulary, np.ndarray):
            vocabulary = vocabulary.ravel().tolist()
        return [self._token(v) for v in vocabulary]

    # Learning

    def adapt(self, data: Data, steps: int | None = None) -> None:
        """Learn the tokens: the most frequent first, among equals the last in order.

        Args:
            data: an array or list of tokens, a PyDataset, or an iterable of batches. In the mode "tf_idf" each row is a
                document.
            steps: how many batches to read; None for all.
        """
        self.learn(self._documents(data), steps)

    def learn(self, documents: Iterable[Iterable[list[Any]]], steps: int | None = None) -> None:
        """`adapt` from batches of documents, each a list of tokens."""
        index: dict[Any, int] = collections.defaultdict(
            itertools.count().__next__
        )  # tokens in the order of their coming
        counts, found_in, number = np.zeros(0, np.int64), np.zeros(0, np.int64), 0
        rows = itertools.chain.from_iterable(itertools.islice(documents, steps))
        while some := list(itertools.islice(rows, CHUNK)):
            lengths = [len(row) for row in some]
            at = np.fromiter(map(index.__getitem__, itertools.chain.from_iterable(some)), np.int64, sum(lengths))
            counts = _plus(counts, at, len(index))
            if self.output_mode == "tf_idf":
                pairs = np.sort(at * CHUNK + np.repeat(np.arange(len(some)), lengths))
                first = np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]
                found_in = _plus(found_in, pairs[first] // CHUNK, len(index))
            number += len(some)
        for token in (self.mask_token, self.oov_token):
            if token in index:
                counts[index[token]] = 0
        special = len(self._special())
        most = None if self.max_tokens is None else max(self.max_tokens - special, 0)
        known = list(index)
        order = _most_frequent(known, counts, most)
        tokens = [known[i] for i in order]
        weights = None
        if self.output_mode == "tf_idf":
            weights = np.log(1 + number / (1 + found_in[order].astype(np.float64)))
            weights = np.concatenate([np.full(special, weights.mean() if tokens else 0.0), weights])
        self._place(tokens, weights)

    def _documents(self, data: Any) -> Iterable[Iterable[list[Any]]]:
        """Batches of rows of tokens."""
        for batch in batches(data, self._array, self.label):
            rows = batch.reshape(-1, 1) if batch.ndim < 2 else batch.reshape(len(batch), -1)
            yield (row.tolist() for row in rows)

    def _array(self, x: Any) -> np.ndarray:
        """Data as an array of tokens."""
        raise NotImplementedError

    # Looking up

    def weighed(self, places: Tensor) -> Tensor:
        """Places in a list in the output mode; -1 stands for nothing."""
        depth = self.depth
        if self.output_mode != "tf_idf":
            return self._encoded(places, depth, gaps=True)
        return encode(places, "count", depth, self.compute_dtype, gaps=True) * self._weights()

    def _weights(self) -> np.ndarray:
        """Of all columns, in the mode "tf_idf"."""
        weights = np.zeros(self.depth, self.compute_dtype)
        own = self.table.weights
        weights[: len(own)] = own  # type: ignore[arg-type]
        return weights

    def weighed_bags(self, places: np.ndarray, rows: np.ndarray, n: int) -> Tensor:
        """Places, none of which is left out, gathered by their rows in the output mode, which is not "int"."""
        weights = self._weights() if self.output_mode == "tf_idf" else None
        return wrap(bags(places, rows, n, self.depth, self.output_mode, self.compute_dtype, weights))

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_mode == "int":
            return input_shape
        return encoded_shape(input_shape, "count" if self.output_mode == "tf_idf" else self.output_mode, self.depth)

    def get_config(self) -> dict[str, Any]:
        known = self._known
        weights = None if known is None or known.weights is None else known.weights.tolist()
        tokens = None if known is None else self.get_vocabulary(weights is not None)
        return {**super().get_config(), "vocabulary": tokens, "idf_weights": weights}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Any:
        return super().from_config(without_paths(config, cls.__name__))

    def save_assets(self, dir_path: str) -> None:
        """Write the tokens into a file, one in each line."""
        with atomic_write(os.path.join(dir_path, "vocabulary.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(str(token) for token in self.get_vocabulary()))

    def load_assets(self, dir_path: str) -> None:
        """Take the tokens from where `save_assets` put them."""
        if self._known is None:
            self.set_vocabulary(os.path.join(dir_path, "vocabulary.txt"))


def _plus(counts: np.ndarray, at: np.ndarray, length: int) -> np.ndarray:
    """`counts`, grown to `length`, plus how often each number occurs in `at`."""
    total = np.bincount(at, minlength=length)
    total[: len(counts)] += counts
    return total


def _most_frequent(tokens: list[Any], counts: np.ndarray, most: int | None) -> list[int]:
    """Where the tokens that occur stand, frequent ones first, among equals the last in order; only `most` if given."""
    least = 1
    if most is not None and 0 < most < len(counts):
        least = max(np.partition(counts, -most)[-most], 1)
    order = sorted(np.flatnonzero(counts >= least).tolist(), key=tokens.__getitem__, reverse=True)
    order.sort(key=counts.tolist().__getitem__, reverse=True)  # which keeps the order of equals
    return order[:most]


def without_paths(config: dict[str, Any], who: str) -> dict[str, Any]:
    """The configuration, if it names no file.

    Raises: ArgumentError if its vocabulary is the path of one.
    """
    if isinstance(config.get("vocabulary"), (str, bytes, os.PathLike)):
        raise ArgumentError(
            f"A configuration of {who} holds the tokens themselves, never the path of a file with them."
        )
    return config
