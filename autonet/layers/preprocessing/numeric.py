"""Numbers on another scale: rescaled, normalized, or sorted into bins."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from autonet import ops
from autonet.common import dtypes
from autonet.common.complex_numbers import refuse_complex
from autonet.common.frames import plain
from autonet.common.types import Axis, Data, Dtype, DtypeNameOptions, LayerOptions, SupportsArray, TensorLike, Unpack
from autonet.core.tensor import Tensor, convert_to_tensor, to_array
from autonet.errors import ArgumentError, DtypeError, NotBuiltError, ShapeError
from autonet.layers.preprocessing.base import DataLayer, batches
from autonet.layers.preprocessing.encoding import Encoding, encode, encoded_shape
from autonet.ops.sliding_windows import image_data_format
from autonet.untrusted.faults import described


class Rescaling(DataLayer):
    """A linear map of all numbers, in the layer's dtype: y = x scale + offset.

    Shapes: x and y of any shape.

    Args:
        scale, offset: numbers, or lists of them that broadcast to the inputs' last axes; where `config.image_data_format()` is
            "channels_first", a list has one for each channel of images.

    >>> Rescaling(1 / 255)([[0, 255]]).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, scale: TensorLike, offset: TensorLike = 0.0, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Tensor:
        dtype = self.compute_dtype
        scale, offset = (convert_to_tensor(to_array(v), dtype) for v in (self.scale, self.offset))
        if image_data_format() == "channels_first" and len(inputs.shape) > 2:
            scale, offset = (ops.reshape(v, (*v.shape, 1, 1)) if v.ndim == 1 else v for v in (scale, offset))
        return ops.cast(inputs, dtype) * scale + offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": _listed(self.scale), "offset": _listed(self.offset)}


def _listed(x: Any) -> Any:
    x = plain(x)
    return np.asarray(x).tolist() if isinstance(x, (np.ndarray, np.generic, Tensor)) else x


class Normalization(DataLayer):
    """Features moved to mean 0 and scaled to variance 1, with numbers given, or learned by `adapt`.

        y = (x - mean) / max(sqrt(variance), epsilon)

    Shapes: x and y (n, ...).

    Args:
        axis: the axis, or axes, along which each place has its own mean and variance; None for one of each.
        mean, variance: numbers, or lists that broadcast to the lengths of `axis`; both or neither.
        invert: the way back: mean + x max(sqrt(variance), epsilon).

    >>> layer = Normalization(axis=None)
    >>> layer.adapt([1.0, 2.0, 3.0])
    >>> [round(x, 3) for x in layer([1.0, 2.0]).tolist()]
    [-1.225, 0.0]
    """

    _untold = ("mean", "variance")

    def __init__(
        self,
        axis: Axis = -1,
        mean: TensorLike | None = None,
        variance: TensorLike | None = None,
        invert: bool = False,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.axis = () if axis is None else tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        if (mean is None) != (variance is None):
            raise ArgumentError(
                f"{self.label} expects mean and variance together, or neither; received {mean!r} and {variance!r}."
            )
        refuse_complex(self.label, [mean, variance])
        self.input_mean = _listed(mean)
        self.input_variance = _listed(variance)
        self.invert = invert
        self.supports_masking = True
        self._given: tuple[np.ndarray, np.ndarray] | None = None

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape)
        n = len(shape)
        if any(not -n <= a < n for a in self.axis):
            raise ArgumentError(
                f"{self.label} expects axis from {-n} to {n - 1} for inputs {shape}; it is {self.axis}."
            )
        kept = sorted({a % n for a in self.axis})
        if any(shape[a] is None for a in kept):
            raise ShapeError(f"{self.label} must know the length of the axes {self.axis}; received shape {shape}.")
        self._others = tuple([a for a in range(n) if a not in kept])
        self._broadcast = tuple([shape[a] if a in kept else 1 for a in range(n)])
        lengths = tuple([shape[a] for a in kept])
        if self.input_mean is not None:
            self._given = self._fitted(self.input_mean, lengths), self._fitted(self.input_variance, lengths)
            return
        self.adapt_mean = self.add_weight(lengths, "zeros", trainable=False, name="mean")
        self.adapt_variance = self.add_weight(lengths, "ones", trainable=False, name="variance")
        self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")

    def _fitted(self, values: Any, lengths: tuple[Any, ...]) -> np.ndarray:
        """Given numbers in the shape in which they meet the inputs."""
        array = np.asarray(values, self.compute_dtype)
        try:
            return np.broadcast_to(array, self._broadcast if array.ndim == len(self._broadcast) else lengths).reshape(
                self._broadcast
            )
        except ValueError:
            raise ShapeError(
                f"{self.label} expects a mean and a variance for each place of the axes {self.axis}, of lengths "
                f"{lengths}; received shape {array.shape}."
            ) from None

    @property
    def mean(self) -> Tensor | None:
        """The mean in the shape in which it meets the inputs; None before the shape is known."""
        return self._statistic(0)

    @property
    def variance(self) -> Tensor | None:
        """The variance likewise."""
        return self._statistic(1)

    def _statistic(self, i: int) -> Tensor | None:
        if not self.built:
            return None
        if self._given is not None:
            return convert_to_tensor(self._given[i])
        return ops.reshape((self.adapt_mean, self.adapt_variance)[i], self._broadcast)

    def adapt(self, data: Data) -> None:
        """Learn mean and variance.

        Args:
            data: an array or list of samples, a PyDataset, or an iterable of batches; also a list of these, as arrays of two
                axes or more.

        Raises: ArgumentError if mean and variance were given; DtypeError for batches that are single numbers.
        """
        if self.input_mean is not None:
            raise ArgumentError(f"{self.label} was given mean and variance: there is nothing to adapt.")
        count, mean, m2 = 0, np.float64(0), np.float64(0)  # m2: sum of the squared distances from the mean
        for x in batches(data, lambda x: to_array(x).astype(np.float64), self.label):
            if not x.ndim:
                raise DtypeError(f"{self.label}.adapt expects batches that are arrays; received {x.item()!r}.")
            if not x.size:
                continue
            if not self.built:
                self.build((None, *x.shape[1:]) if 0 not in [a % x.ndim for a in self.axis] else x.shape)
            n = math.prod([x.shape[a] for a in self._others])
            new = x.mean(axis=self._others)
            if new.shape != self.adapt_mean.shape:
                raise ShapeError(
                    f"{self.label}.adapt expects lengths {self.adapt_mean.shape} along the axes {self.axis}, those of the first "
                    f"batch; received a batch of shape {x.shape}."
                )
            distance = new - mean
            m2 = m2 + ((x - new.reshape(self._broadcast)) ** 2).sum(axis=self._others)
            m2 = m2 + distance**2 * count * n / (count + n)
            count, mean = count + n, mean + distance * n / (count + n)
        if not count:
            raise ArgumentError(f"{self.label}.adapt received no numbers.")
        self.adapt_mean.assign(np.broadcast_to(mean, self.adapt_mean.shape))
        self.adapt_variance.assign(np.broadcast_to(m2 / count, self.adapt_variance.shape))

    def call(self, inputs: Any) -> Tensor:
        x = ops.cast(inputs, self.compute_dtype)
        mean: Any = self.mean
        deviation = ops.maximum(ops.sqrt(self.variance), dtypes.epsilon())  # type: ignore[arg-type]
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.input_mean, "variance": self.input_variance}


class Discretization(Encoding):
    """Numbers as the bins that they fall into, whose boundaries are given, or learned by `adapt`.

        bin 0 | boundary 0 <= bin 1 | boundary 1 <= bin 2 | ...

    Shapes: x (n, ...), y the same; rows of num_bins as in `CategoryEncoding`.

    Args:
        bin_boundaries: ascending numbers.
        num_bins: how many bins `adapt` makes, each of as many numbers; in place of bin_boundaries.
        epsilon: a hint without effect: quantiles are exact, with an error of 0 in place of at most epsilon.
        output_mode: "int" for the numbers of the bins; "one_hot", "multi_hot", "count" as in `CategoryEncoding`.
        sparse: only False: all Tensors here are dense.

    >>> Discretization(bin_boundaries=[0.0, 1.0])([[-0.5, 0.0, 2.0]]).tolist()
    [[0, 1, 2]]
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | SupportsArray | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Dtype = None,
        name: str | None = None,
        **common: Unpack[DtypeNameOptions],
    ):
        super().__init__(dtype=dtype, name=name, **common)
        self._set_mode(output_mode, sparse)
        if (num_bins is None) == (bin_boundaries is None):
            both = "both" if num_bins is not None else "neither"
            raise ArgumentError(f"{self.label} expects either bin_boundaries or num_bins; received {both}.")
        if num_bins is not None and (isinstance(num_bins, bool) or num_bins < 0):
            raise ArgumentError(f"{self.label} expects num_bins of at least 0; received {num_bins!r}.")
        self.input_bin_boundaries = None if bin_boundaries is None else self._ascending(bin_boundaries)
        self.bin_boundaries = self.input_bin_boundaries
        self.num_bins, self.epsilon = num_bins, epsilon

    def _ascending(self, boundaries: Any) -> list[float]:
        found = [float(b) for b in np.asarray(plain(boundaries)).ravel()]
        if any(not a <= b for a, b in zip(found, found[1:], strict=False)):
            raise ArgumentError(f"{self.label} expects bin_boundaries in ascending order; received {found}.")
        return found

    def adapt(self, data: Data, steps: int | None = None) -> None:
        """Learn boundaries between which lie equally many numbers.

        Args:
            data: an array or list of numbers, a PyDataset, or an iterable of batches.
            steps: how many batches to read; None for all.

        Raises: ArgumentError if boundaries were given.
        """
        if self.input_bin_boundaries is not None:
            raise ArgumentError(f"{self.label} was given bin_boundaries: make one with num_bins to adapt it.")
        read = batches(data, lambda x: to_array(x).astype(np.float64), self.label)
        values = np.concatenate([np.zeros(0), *[x.ravel() for x in itertools.islice(read, steps)]])
        if not values.size:
            raise ArgumentError(f"{self.label}.adapt received no numbers.")
        shares = np.arange(1, max(self.num_bins or 0, 1)) / max(self.num_bins or 0, 1)
        found = np.quantile(values.astype(np.float32), shares, method="interpolated_inverted_cdf")
        self.bin_boundaries = [float(b) for b in np.atleast_1d(found)]

    @property
    def _depth(self) -> int:
        if self.bin_boundaries is None:
            if self.num_bins is not None:
                return self.num_bins
            raise NotBuiltError(f"{self.label} has no boundaries yet.")
        return len(self.bin_boundaries) + 1

    def call(self, inputs: Any) -> Tensor:
        if self.bin_boundaries is None:
            raise NotBuiltError(f"{self.label} has no boundaries yet: give bin_boundaries, or call adapt(data) first.")
        boundaries = np.asarray(self.bin_boundaries, inputs.dtype if inputs.dtype.kind == "f" else "float32")
        bins = ops.searchsorted(boundaries, ops.cast(inputs, boundaries.dtype.name), side="right")
        if self.output_mode == "int":
            return ops.cast(bins, self._int_dtype)
        return encode(bins, self.output_mode, self._depth, self.compute_dtype)

    @property
    def _int_dtype(self) -> str:
        return "int32" if dtypes.is_float(self.compute_dtype) else self.compute_dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape if self.output_mode == "int" else encoded_shape(input_shape, self.output_mode, self._depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        return self._promise(inputs, self._int_dtype if self.output_mode == "int" else self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**self._options_config(), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        learned = config["bin_boundaries"] if config.get("num_bins") is not None else None
        layer = super().from_config({**config, "bin_boundaries": None} if learned is not None else config)
        if learned is not None:
            layer.bin_boundaries = list(learned)  # type: ignore[attr-defined]
        return layer  # type: ignore[return-value]
