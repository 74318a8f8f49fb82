"""Layers that disturb their input while training."""

import math
from typing import Any

import numpy as np

from autonet import ops, random
from autonet.common.types import Dtype, DtypeNameOptions, LayerOptions, PartialShape, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError
from autonet.layers.base import Elementwise
from autonet.layers.convolution import documented
from autonet.layers.spec import InputSpec
from autonet.ops.sliding_windows import standardize_data_format
from autonet.random.draws import noise
from autonet.random.seeds import SeedGenerator


class Dropout(Elementwise):
    """In training a random part of the elements set to 0, the others divided by 1 - rate; in inference y = x.

    Shapes: x and y (n, ...).

    Args:
        rate: probability of each element to become 0, from 0 to 1.
        noise_shape: shape of the mask, which broadcasts to that of x: length 1, and None for the length of x. By
            default each element has its own chance.
        seed: integer from which the draws start; None takes one from `utils.set_random_seed`.

    Source: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html

    >>> Dropout(rate=0.5, seed=3)(np.ones((4, 5))).shape
    (4, 5)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: PartialShape | None = None,
        seed: int | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.rate = self._checked(rate)
        if noise_shape is not None and not isinstance(noise_shape, (tuple, list)):
            raise ArgumentError(f"{self.label} expects noise_shape to be a tuple or None; received {noise_shape!r}.")
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in noise_shape or () if n is not None):
            raise ArgumentError(
                f"{self.label} expects noise_shape to hold whole numbers above 0, or None for the length of the input; "
                f"received {noise_shape!r}."
            )
        self.seed = seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)

    def _checked(self, rate: Any) -> Any:
        return checked_rate(rate, "rate", self.label)

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        if training and self.rate > 0:
            return random.dropout(inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)
        return inputs


class SpatialDropout(Dropout):
    """Dropout of whole channels: one chance for all places of a channel.

        y[n, p, c] = x[n, p, c] m[n, c] / (1 - rate) in training, m 0 with chance rate, else 1

    Shapes: x and y (n, *places, channels), channels after n with data_format "channels_first".

    Args:
        rate: probability of each channel to become 0, from 0 to 1.
        data_format: "channels_last" or "channels_first"; by default `image_data_format()`. (1D: always last.)
        seed: integer from which the draws start.

    Source: Tompson et al., 2015, https://arxiv.org/abs/1411.4280
    """

    _fixed: tuple[str, ...] = ("noise_shape",)
    rank: int  # axes of places

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Dtype = None,
        **common: Unpack[DtypeNameOptions],
    ):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **common)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        ones = (1,) * self.rank
        noise_shape = (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)
        return random.dropout(inputs, self.rate, noise_shape=noise_shape, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {
            **self._options_config(),
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }  # as Keras: not `trainable`


class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels of sequences, (n, places, channels).

        y[n, p, c] = x[n, p, c] m[n, c] / (1 - rate) in training, m 0 with chance rate, else 1

    Shapes: x and y (n, places, channels).

    Args:
        rate: probability of each channel to become 0, from 0 to 1.
        seed: integer from which the draws start.

    Source: Tompson et al., 2015, https://arxiv.org/abs/1411.4280

    >>> SpatialDropout1D(rate=0.5)(np.ones((4, 3, 4))).shape
    (4, 3, 4)
    """

    _fixed = ("data_format",)
    rank = 1

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: Dtype = None,
        **common: Unpack[DtypeNameOptions],
    ):
        super().__init__(rate, "channels_last", seed, name, dtype, **common)


@documented
class SpatialDropout2D(SpatialDropout):
    """Dropout of whole channels of images, (n, height, width, channels).

    >>> SpatialDropout2D(rate=0.5, data_format='channels_first')(np.ones((3, 4, 2, 2))).shape
    (3, 4, 2, 2)
    """

    rank = 2


@documented
class SpatialDropout3D(SpatialDropout):
    """Dropout of whole channels of volumes, (n, depth, height, width, channels).

    >>> SpatialDropout3D(rate=0.5, seed=4)(np.ones((3, 2, 1, 2, 4))).shape
    (3, 2, 1, 2, 4)
    """

    rank = 3


class AlphaDropout(Dropout):
    """Dropout for networks of selu: what is dropped becomes its limit far below 0, and mean and variance stay.

        y = a (x where kept, else l) + b,  l = -1.758,  a = 1 / sqrt((1 - rate)(1 + rate l^2)),  b = -a rate l

    Shapes: x and y (n, ...).

    Args:
        rate: probability of each element to be dropped, from 0 and below 1.
        noise_shape: shape of the mask, as for Dropout.
        seed: integer from which the draws start.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, 2017, https://arxiv.org/abs/1706.02515

    >>> AlphaDropout(rate=0.5)(np.ones((4, 5))).shape
    (4, 5)
    """

    def _checked(self, rate: Any) -> Any:
        return below_one(super()._checked(rate), self.label)

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        shape = self.noise_shape or (None,) * inputs.ndim
        shape = tuple([m if n is None else n for n, m in zip(shape, inputs.shape, strict=True)])
        kept = ops.cast(random.uniform(shape, dtype=inputs.dtype, seed=self.seed_generator) >= self.rate, inputs.dtype)
        a = ((1 - self.rate) * (1 + self.rate * LIMIT**2)) ** -0.5
        return (inputs * kept + LIMIT * (1 - kept)) * a - a * self.rate * LIMIT


LIMIT = -1.6732632423543772 * 1.0507009873554805  # of selu, far below 0


class GaussianNoise(Elementwise):
    """In training y = x + normal noise of mean 0; in inference y = x.

    Shapes: x and y (n, ...).

    Args:
        stddev: standard deviation of the noise.
        seed: integer from which the draws start.

    >>> GaussianNoise(stddev=0.5)(np.ones((4, 5))).shape
    (4, 5)
    """

    def __init__(self, stddev: float, seed: int | None = None, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.stddev = checked_rate(stddev, "stddev", self.label)
        self.seed = seed
        if stddev > 0:
            self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        if training and self.stddev > 0:
            return inputs + self.stddev * noise(inputs.shape, inputs.dtype, self.seed_generator)
        return inputs


class GaussianDropout(Elementwise):
    """In training y = x times normal noise of mean 1 and variance rate / (1 - rate); in inference y = x.

    Shapes: x and y (n, ...).

    Args:
        rate: that of the Dropout with the same mean and variance, from 0 and below 1.
        seed: integer from which the draws start.

    Source: Srivastava et al., 2014, section 10, https://jmlr.org/papers/v15/srivastava14a.html

    >>> GaussianDropout(rate=0.5)(np.ones((4, 5))).shape
    (4, 5)
    """

    def __init__(self, rate: float, seed: int | None = None, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.rate = below_one(checked_rate(rate, "rate", self.label), self.label)
        self.seed = seed
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return inputs * (1.0 + stddev * noise(inputs.shape, inputs.dtype, self.seed_generator))


def checked_rate(value: Any, name: str, label: str) -> Any:
    """`value` if it is a number from 0 to 1; ArgumentError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ArgumentError(f"{label} expects a {name} from 0 to 1; received {value!r}.")
    return value


def below_one(rate: Any, label: str) -> Any:
    """`rate` if something is left of the input; ArgumentError otherwise."""
    if rate == 1:
        raise ArgumentError(f"{label} expects a rate below 1, for something to be left; received {rate!r}.")
    return rate
