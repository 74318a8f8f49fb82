"""Sequences of different lengths, and windows over a series."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autonet.common.complex_numbers import ADVICE
from autonet.common.frames import plain
from autonet.common.types import Dtype, TensorLike
from autonet.core.tensor import fitted
from autonet.errors import ArgumentError, DataError, DtypeError, ShapeError, unknown
from autonet.random.seeds import SeedGenerator
from autonet.utils.datasets import OrderedDataset, pass_order, set_order


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Dtype = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> np.ndarray:
    """One array from sequences of different lengths.

    Args:
        sequences: n sequences; their entries are numbers, or arrays of one common shape.
        maxlen: length of the result; default: that of the longest sequence.
        dtype: of the result; `object` for text.
        padding: "pre" or "post": where short sequences are filled.
        truncating: "pre" or "post": where long sequences are cut.
        value: what fills.

    Returns: array of shape (n, maxlen, ...).

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]])
    array([[0, 0, 1],
           [0, 2, 3],
           [4, 5, 6]], dtype=int32)
    """
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise unknown(name, word, ("pre", "post"))
    if not hasattr(sequences, "__len__"):
        raise DataError(f"pad_sequences expects a list of sequences; received {type(sequences).__name__}.")
    if maxlen is not None and maxlen < 0:
        raise ArgumentError(f"pad_sequences expects maxlen of at least 0; received {maxlen}.")
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise DataError(f"pad_sequences expects a list of sequences; entry {i} is {sequence!r}.")
    longest = max((len(s) for s in sequences), default=0)
    length = longest if maxlen is None else maxlen
    inner = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        raise DtypeError(f"pad_sequences makes arrays of real numbers; received dtype {dtype}. {ADVICE}")
    if isinstance(value, str) and dtype.kind not in "OUS":
        raise ArgumentError(f"pad_sequences cannot fill dtype {dtype} with the text {value!r}: pass dtype=object.")
    result = np.full((len(sequences), length, *inner), _entries(value, dtype))
    for i, sequence in enumerate(sequences):
        if not len(sequence) or not length:
            continue
        kept = _entries(sequence[-length:] if truncating == "pre" else sequence[:length], dtype)
        if kept.shape[1:] != inner:
            raise ShapeError(
                f"pad_sequences expects entries of one shape; sequence {i} has entries of shape {kept.shape[1:]}, "
                f"earlier ones {inner}."
            )
        if padding == "pre":
            result[i, -len(kept) :] = kept
        else:
            result[i, : len(kept)] = kept
    return result


def _entries(values: Any, dtype: np.dtype[Any]) -> np.ndarray:
    given = np.asarray(values)
    try:
        return fitted(given, dtype) if dtype.kind in "iu" and given.dtype.kind in "iuf" else np.asarray(given, dtype)
    except OverflowError:
        raise DtypeError(
            f"pad_sequences makes {dtype}, in which {values!r} does not fit. Choose another dtype."
        ) from None


class TimeseriesBatches(OrderedDataset):
    """Batches of windows over a series; what `timeseries_dataset_from_array` returns. Windows are cut when asked."""

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        offsets: np.ndarray,
        batch_size: int | None,
        generator: SeedGenerator | None,
    ):
        super().__init__()
        self.data, self.targets = data, targets
        self.starts, self.offsets = starts, offsets
        self.batch_size = batch_size
        self.generator = generator
        self._ordered = generator is not None

    @property
    def num_batches(self) -> int:
        return len(self.starts) if self.batch_size is None else -(-len(self.starts) // self.batch_size)

    def _walk(self) -> Callable[[int], Any]:
        starts = self.starts
        if self.generator is not None:
            starts = starts[pass_order(self.generator, len(starts))]

        def one(i: int) -> Any:
            start = starts[i] if self.batch_size is None else starts[i * self.batch_size : (i + 1) * self.batch_size]
            window = self.data[start[..., None] + self.offsets]
            return window if self.targets is None else (window, self.targets[start])

        return one

    def get_state(self) -> dict[str, Any]:
        return {} if self.generator is None else {"order": self.generator.state.numpy().tolist()}

    def set_state(self, state: dict[str, Any]) -> None:
        if self.generator is not None:
            set_order(self.generator, state)


def timeseries_dataset_from_array(
    data: TensorLike,
    targets: TensorLike,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> TimeseriesBatches:
    """Sliding windows over a series.

        window i holds data[start + k * sampling_rate], k = 0 .. sequence_length - 1,
        start = start_index + i * sequence_stride, and its target is targets[start]

    Args:
        data: the series, shape (steps, ...).
        targets: what belongs to the window that starts at each step, or None.
        sequence_length: steps in a window.
        sequence_stride: steps between two windows.
        sampling_rate: steps between two entries of a window.
        batch_size: windows in a batch; None for single windows.
        shuffle: whether windows come in a random order, a new one for each epoch.
        seed: of these orders; by default from `utils.set_random_seed`.
        start_index: first step that is used.
        end_index: step before which the windows end.
        format: a hint without effect: batches are NumPy arrays in any case.

    Returns: a PyDataset of batches, or of pairs with targets.

    >>> [batch.tolist() for batch in timeseries_dataset_from_array(range(5), None, 3, batch_size=2)]
    [[[0, 1, 2], [1, 2, 3]], [[2, 3, 4]]]
    """
    data = np.asarray(plain(data, "data"))
    targets = None if targets is None else np.asarray(plain(targets, "targets"))
    steps = len(data)
    for name, number in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
        ("batch_size", 1 if batch_size is None else batch_size),
    ):
        if number < 1:
            raise ArgumentError(f"timeseries_dataset_from_array expects {name} of at least 1; received {number}.")
    first = 0 if start_index is None else start_index
    end = steps if end_index is None else end_index
    if not 0 <= first < end <= steps:
        raise ArgumentError(
            f"timeseries_dataset_from_array expects 0 <= start_index < end_index <= {steps}; received {first}, {end}."
        )
    offsets = np.arange(sequence_length) * sampling_rate
    last = end - int(offsets[-1])  # a window that starts at `last` would need the step at `end`
    if targets is not None:
        last = min(last, len(targets))
    starts = np.arange(first, max(last, first), sequence_stride)
    if not len(starts):
        raise DataError(
            f"A window spans {offsets[-1] + 1} steps, the series has {end - first}: not one window fits. "
            "Take a smaller sequence_length or sampling_rate."
        )
    generator = SeedGenerator(seed) if shuffle else None
    return TimeseriesBatches(data, targets, starts, offsets, batch_size, generator)
