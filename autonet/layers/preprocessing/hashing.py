"""Categories sorted into a fixed number of bins by their hashes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autonet import ops
from autonet.common.frames import plain
from autonet.common.types import Dtype, DtypeNameOptions, LayerOptions, Unpack
from autonet.core.primitive import primitive
from autonet.core.state import capturing, state
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.layers.base import Layer
from autonet.layers.preprocessing.base import TextLayer, as_text, is_text
from autonet.layers.preprocessing.encoding import Encoding, encoded_shape, result_dtype
from autonet.ops.abstract import RULES, blank
from autonet.utils.fingerprints import farmhash64, siphash64

Key = tuple[int, int] | None


def hash_of(text: str | bytes, key: Key = None) -> int:
    """FarmHash64 of a text's UTF-8 bytes, SipHash under a key; from 0 to 2^64 - 1."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    return farmhash64(data) if key is None else siphash64(data, key)


def bins_of(values: np.ndarray, bins: int, key: Key = None) -> np.ndarray:
    """The bin of each text or whole number (by its decimal digits), from 0 to bins - 1; each different one hashed once."""
    found, where = np.unique(values, return_inverse=True)
    numbers = np.array([hash_of(v if isinstance(v, str) else str(int(v)), key) % bins for v in found], np.int64)
    return numbers[where].reshape(values.shape) if found.size else np.zeros(values.shape, np.int64)


@primitive(keep=("x",))
def hash_integers(x, *, bins, key=None):
    """The bins of whole numbers by the hashes of their decimal digits."""
    return bins_of(x, bins, key)


hash_integers.vjp(x=None)
RULES["hash_integers"] = lambda op, x, **settings: blank(x.shape, "int64")


def salt_key(who: str, salt: Any) -> Key:
    """The key of SipHash that `salt` means, None for none: one number stands for two equal ones."""
    if salt is None:
        return None
    words = tuple(salt) if isinstance(salt, (list, tuple)) else (salt, salt)
    if len(words) != 2 or any(isinstance(w, bool) or not isinstance(w, (int, np.integer)) for w in words):
        raise ArgumentError(f"{who} expects salt to be an integer, or two; received {salt!r}.")
    return int(words[0]) % 2**64, int(words[1]) % 2**64


def _check_dtype(layer: Layer, output_mode: str) -> None:
    """Numbers of bins are whole numbers."""
    if output_mode == "int" and np.dtype(layer.compute_dtype).kind not in "iu":
        raise ArgumentError(
            f"{layer.label} with output_mode='int' expects dtype to be one of whole numbers; received {layer.compute_dtype!r}. "
            "Leave it out."
        )


class Hashing(Encoding, TextLayer):
    """Texts or whole numbers as bins, by a hash that is the same everywhere: FarmHash64, or SipHash with a `salt`.

    Whole numbers are hashed in captured steps; texts are read ahead of them.

    Shapes: x (n, ...), y the same; rows of num_bins as in `CategoryEncoding`.

    Args:
        num_bins: how many bins there are, that of `mask_value` included.
        mask_value: a value that goes to bin 0, which nothing else does.
        salt: one number or two, the key of SipHash.
        output_mode: "int" for the numbers of the bins; "one_hot", "multi_hot", "count" as in `CategoryEncoding`.
        sparse: only False: all Tensors here are dense.

    >>> Hashing(num_bins=3)([["A"], ["B"], ["E"]]).tolist()
    [[1], [0], [2]]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: int | str | None = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **common: Unpack[LayerOptions],
    ):
        if common.get("dtype") is None:
            common["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(**common)
        _check_dtype(self, output_mode)
        if isinstance(num_bins, bool) or not isinstance(num_bins, (int, np.integer)) or num_bins < 1:
            raise ArgumentError(f"{self.label} expects num_bins of at least 1; received {num_bins!r}.")
        if not isinstance(mask_value, (str, bytes, int, type(None))):
            raise ArgumentError(
                f"{self.label} expects mask_value to be a text or whole number; received {mask_value!r}."
            )
        if mask_value is not None and num_bins < 2:
            raise ArgumentError(f"{self.label} needs a bin beside that of mask_value; received num_bins={num_bins}.")
        self._set_mode(output_mode, sparse)
        self.num_bins = int(num_bins)
        self.mask_value, self.salt = mask_value, salt
        self._key = salt_key(self.label, salt)

    def call(self, inputs: Any) -> Tensor:
        masked = self.mask_value is not None
        others = self.num_bins - masked
        if isinstance(inputs, np.ndarray):
            bins = bins_of(inputs, others, self._key)
            found = wrap(np.where(inputs == self.mask_value, 0, bins + 1) if masked else bins)
        else:
            if inputs.dtype.kind not in "iu":
                raise DtypeError(f"{self.label} expects texts or whole numbers; received dtype {inputs.dtype}.")
            found = hash_integers(inputs, bins=others, key=self._key)
            if masked:
                found = ops.where(ops.equal(inputs, np.asarray(self.mask_value)), 0, found + 1)
        return self._encoded(found, self.num_bins)

    def compute_output_shape(self, input_shape: Any) -> Any:
        mode = self.output_mode
        return input_shape if mode == "int" else encoded_shape(input_shape, mode, self.num_bins)


_CROSSING = 0xDECAFCAFFE  # what Keras mixes into every crossing
_FACTOR = 0xC6A4A7935BD1E995


def _joined(a: int, b: int) -> int:
    """The hash of two hashes: MurmurHash64's mixing, as TensorFlow joins fingerprints."""
    word = (1 << 64) - 1
    fold = lambda x: x ^ (x >> 47)
    x = (a ^ _FACTOR) ^ (fold(b * _FACTOR & word) * _FACTOR & word)
    x = fold(x * _FACTOR & word) * _FACTOR & word
    return fold(x)


class HashedCrossing(Encoding):
    """Pairs (or more) of categories as bins, by a hash of them together.

    It reads texts and numbers alike, ahead of captured steps.

    Args:
        num_bins: how many bins there are.
        output_mode: "int" for the numbers of the bins, or "one_hot".
        sparse: only False: all Tensors here are dense.

    Shapes: a list or tuple of features, each (n,), (n, 1) or (); result the same, or (n, num_bins).

    >>> HashedCrossing(num_bins=5)((["A", "B", "A"], [101, 101, 102])).tolist()
    [1, 4, 3]
    """

    _nests: tuple[type, ...] = (list, tuple)

    _fixed = ("activity_regularizer",)

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Dtype = None,
        **common: Unpack[DtypeNameOptions],
    ):
        if dtype is None:
            dtype = "int64" if output_mode == "int" else None
        super().__init__(name=name, dtype=dtype, **common)
        _check_dtype(self, output_mode)
        if isinstance(num_bins, bool) or not isinstance(num_bins, (int, np.integer)) or num_bins < 1:
            raise ArgumentError(f"{self.label} expects num_bins of at least 1; received {num_bins!r}.")
        self._set_mode(output_mode, sparse, ("int", "one_hot"))
        self.num_bins = int(num_bins)
        self.built = True

    if not TYPE_CHECKING:  # to type checkers it is what `call` is

        def __call__(self, inputs: Any, **kwargs: Any) -> Any:
            if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
                raise ArgumentError(
                    f"{self.label} expects a list or tuple of two features or more; received {type(inputs).__name__}."
                )
            inputs = [plain(x, f"The input of {self.label}") for x in inputs]
            if any(hasattr(x, "_symbolic") for x in inputs):
                return Layer.__call__(self, inputs, **kwargs)
            ahead = state.observer.read_ahead(self, (inputs,), {}) if capturing() else None
            return self.call(inputs) if ahead is None else ahead

    def call(self, inputs: Any) -> Tensor:
        texts = [self._texts(x) for x in inputs]
        shape = texts[0].shape
        if any(t.shape != shape for t in texts) or not (len(shape) < 2 or shape[1:] == (1,)):
            raise ShapeError(
                f"{self.label} expects features of one shape, (n,), (n, 1) or (); received "
                f"{', '.join(str(t.shape) for t in texts)}."
            )
        bins = []
        for row in zip(*[t.ravel() for t in texts], strict=True):
            joined = _CROSSING
            for text in row:
                joined = _joined(joined, text if isinstance(text, int) else hash_of(text))
            bins.append(joined % self.num_bins)
        found = wrap(np.array(bins, np.int64).reshape(shape))
        return self._encoded(found, self.num_bins)

    def _texts(self, x: Any) -> np.ndarray:
        """Texts, or whole numbers that stand for their own hashes."""
        if is_text(x):
            return as_text(x)
        x = convert_to_tensor(x)
        if x.dtype.kind not in "iu":
            raise DtypeError(f"{self.label} expects texts or whole numbers; received dtype {x.dtype}.")
        return np.frompyfunc(lambda v: int(v) % 2**64, 1, 1)(np.asarray(x)).astype(object)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape[0])
        return shape if self.output_mode == "int" else encoded_shape(shape, "one_hot", self.num_bins)

    def compute_output_spec(self, inputs: Any) -> Any:
        from autonet.layers.symbolic import KerasTensor

        shape = self.compute_output_shape([x.shape for x in inputs])
        return KerasTensor(shape, result_dtype(self.compute_dtype, self.output_mode))
