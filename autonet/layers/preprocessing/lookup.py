"""Texts or whole numbers by their places in a vocabulary, and back."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import ops
from autonet.common.types import NameOptions, PathLike, SupportsArray, Unpack
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, to_array, wrap
from autonet.errors import ArgumentError, DataError, DtypeError
from autonet.layers.preprocessing.base import TextLayer, as_text, check_choice
from autonet.layers.preprocessing.hashing import bins_of, hash_integers
from autonet.layers.preprocessing.vocabulary import IndexLookup

_NOTHING, _UNKNOWN = -1, -2  # in the place of a place: left out; not in the vocabulary


@primitive(keep=("found", "x"))
def refuse_unknown(found, x):
    """`found`, the places of `x` in a vocabulary that has to have them all; -2 where it has not."""
    unknown = found == _UNKNOWN
    if unknown.any():
        raise DataError(_lacks(np.unique(x[unknown]).tolist()))
    return found


def _lacks(tokens: list[Any]) -> str:
    return f"The vocabulary lacks {tokens[:10]}, and num_oov_indices=0 leaves no place for them."


refuse_unknown.vjp(found=None, x=None)


class StringLookup(IndexLookup, TextLayer):
    """Texts by their places in a vocabulary; read ahead of captured steps, since Tensors hold no texts.

    Places: the mask token if there is one (mode "int" only), num_oov_indices for unknown tokens, then the tokens.

    Shapes: x (n, ...), y the same; rows of one column per place as in `CategoryEncoding`.

    Args:
        max_tokens: most places, special ones included, that `adapt` makes.
        num_oov_indices: places for unknown tokens, which are told apart by FarmHash64 (SipHash with a salt) if there are
            several; without any, unknown tokens are an error.
        mask_token: a token that goes to place 0, and in modes but "int" is left out.
        oov_token: what unknown tokens are called in the vocabulary, and by `invert`.
        vocabulary: a list of tokens, or the path of a file with one in each line; otherwise call `adapt`.
        idf_weights: in the mode "tf_idf", one for each token.
        invert: places in, texts (an array of strings) out.
        output_mode: "int" for places; "one_hot", "multi_hot", "count" as in `CategoryEncoding`; "tf_idf" for counts
            times weights.
        pad_to_max_tokens: whether rows have max_tokens columns whatever the vocabulary.
        sparse: only False: all Tensors here are dense.
        encoding: of bytes.
        salt: one number or two, the key of SipHash.

    >>> layer = StringLookup(vocabulary=["a", "b"])
    >>> layer([["b", "z"], ["a", "a"]]).tolist()
    [[2, 0], [1, 1]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: PathLike | Sequence[Any] | SupportsArray | None = None,
        idf_weights: Sequence[float] | SupportsArray | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **common: Unpack[NameOptions],
    ):
        self.encoding = encoding
        super().__init__(
            *(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights),
            *(invert, output_mode, sparse, pad_to_max_tokens, salt),
            name=name,
            **common,
        )

    def _token(self, value: Any) -> str:
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        if not isinstance(value, str):
            raise DtypeError(f"{self.label} expects a vocabulary of strings; received {value!r}.")
        return value

    def _array(self, x: Any) -> np.ndarray:
        return as_text(x, self.encoding)

    def _finder(self, tokens: list[Any]) -> dict[str, int]:
        places = {t: i for i, t in enumerate(tokens, len(self._special()))}
        if self.mask_token is not None:
            places[self.mask_token] = 0 if self.output_mode == "int" else _NOTHING
        return places

    def call(self, inputs: Any) -> Any:
        if self.invert:
            return self._texts(inputs)
        if not isinstance(inputs, np.ndarray):
            raise DtypeError(f"{self.label} expects texts; received {type(inputs).__name__} of dtype {inputs.dtype}.")
        return self.weighed(wrap(self.places(inputs)))

    def places(self, texts: np.ndarray) -> np.ndarray:
        """The places of texts; -1 for what is left out."""
        return self.places_of(texts.ravel().tolist()).reshape(texts.shape)

    def places_of(self, tokens: list[str]) -> np.ndarray:
        """The same of a list."""
        unknown = self._offset if self.num_oov_indices == 1 else _UNKNOWN
        find = self.table.finder.get
        found = np.fromiter(map(find, tokens, itertools.repeat(unknown)), np.int64, len(tokens))
        if self.num_oov_indices != 1 and (at := np.flatnonzero(found == _UNKNOWN)).size:
            others = np.array([tokens[i] for i in at], object)
            if not self.num_oov_indices:
                raise DataError(f"{self.label}: {_lacks(sorted(set(others.tolist())))}")
            found[at] = self._offset + bins_of(others, self.num_oov_indices, self._key)
        return found

    def _texts(self, places: Any) -> np.ndarray:
        at = np.asarray(places) if np.size(places) else np.zeros(np.shape(places), np.int64)
        if at.dtype.kind not in "iu":
            raise DtypeError(f"{self.label} expects places, whole numbers; received dtype {at.dtype}.")
        words = np.array([*self._special(), *self.table.tokens, self.oov_token])
        return words[np.where((at < 0) | (at >= len(words) - 1), len(words) - 1, at)]


class IntegerLookup(IndexLookup):
    """Whole numbers by their places in a vocabulary; in captured steps, too.

    Args:
        vocabulary_dtype: only "int64".
        oov_method: how several places for unknown tokens are shared: "floormod" for the remainder of the token by
            their number, "farmhash" for its FarmHash64 (SipHash with a salt).
        others: as for `StringLookup`.

    Shapes: as for `StringLookup`.

    >>> layer = IntegerLookup(vocabulary=[12, 36])
    >>> layer([[36, 7]]).tolist()
    [[2, 0]]
    """

    _empty = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: PathLike | Sequence[Any] | SupportsArray | None = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Sequence[float] | SupportsArray | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **common: Unpack[NameOptions],
    ):
        check_choice("IntegerLookup", "vocabulary_dtype", vocabulary_dtype, ("int64",))
        check_choice("IntegerLookup", "oov_method", oov_method, ("floormod", "farmhash"))
        if salt is not None and oov_method != "farmhash":
            raise ArgumentError("IntegerLookup uses salt with oov_method='farmhash' only.")
        self.vocabulary_dtype, self.oov_method = vocabulary_dtype, oov_method
        super().__init__(
            *(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights),
            *(invert, output_mode, sparse, pad_to_max_tokens, salt),
            name=name,
            **common,
        )

    def _token(self, value: Any) -> int:
        try:
            token = int(value)
        except (TypeError, ValueError, OverflowError):
            token = None  # type: ignore[assignment]
        if token is None or not -(2**63) <= token < 2**63 or (not isinstance(value, (str, bytes)) and token != value):
            raise DtypeError(f"{self.label} expects a vocabulary of whole numbers of 64 bits; received {value!r}.")
        return token

    def _array(self, x: Any) -> np.ndarray:
        array = to_array(x)
        if array.dtype.kind not in "biu":
            raise DtypeError(f"{self.label} expects whole numbers; received dtype {array.dtype}.")
        return array

    def _finder(self, tokens: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Tokens in order, for binary search, and their places."""
        array = np.array(tokens, np.int64)
        order = np.argsort(array, kind="stable")
        return array[order], order + len(self._special())

    def call(self, inputs: Any) -> Tensor:
        ordered, places = self.table.finder
        if inputs.dtype.kind not in "iub":
            raise DtypeError(f"{self.label} expects whole numbers; received dtype {inputs.dtype}.")
        x = ops.cast(inputs, "int64")
        if self.invert:
            words = np.array([*self._special(), *self.table.tokens, self.oov_token], np.int64)
            outside = ops.logical_or(ops.less(x, 0), ops.greater_equal(x, len(words) - 1))
            return ops.cast(ops.take(words, ops.where(outside, len(words) - 1, x)), self.compute_dtype)
        found = self._unknown(x)
        if len(ordered):
            at = ops.minimum(ops.searchsorted(ordered, x), len(ordered) - 1)
            found = ops.where(ops.equal(ops.take(ordered, at), x), ops.take(places, at), found)
        if self.mask_token is not None:
            mask = ops.equal(x, self.mask_token)  # type: ignore[arg-type]
            found = ops.where(mask, 0 if self.output_mode == "int" else _NOTHING, found)
        return self.weighed(found if self.num_oov_indices else refuse_unknown(found, x))

    def _unknown(self, x: Tensor) -> Tensor:
        """The places of these tokens if the vocabulary lacks them."""
        if not self.num_oov_indices:
            return ops.full_like(x, _UNKNOWN)
        if self.num_oov_indices == 1:
            return ops.full_like(x, self._offset)
        if self.oov_method == "farmhash":
            return self._offset + hash_integers(x, bins=self.num_oov_indices, key=self._key)
        return self._offset + ops.mod(x, self.num_oov_indices)
