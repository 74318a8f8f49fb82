"""Windows that fade out at their ends, for signals: bartlett, hanning, hamming, blackman, kaiser."""

from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.untrusted.budget import limit


def _length(x: Any) -> int:
    n = int(np.asarray(convert_to_tensor(x)))
    limit("A window", n)
    return n


def _taper(values: np.ndarray) -> Tensor:
    return wrap(values.astype(dtypes.floatx()))


def bartlett(x: TensorLike) -> Tensor:
    """Triangle of `x` places, zero at both ends."""
    return _taper(np.bartlett(_length(x)))


def blackman(x: TensorLike) -> Tensor:
    """0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t) at `x` places t from 0 to 1."""
    return _taper(np.blackman(_length(x)))


def hamming(x: TensorLike) -> Tensor:
    """0.54 - 0.46 cos(2 pi t) at `x` places t from 0 to 1."""
    return _taper(np.hamming(_length(x)))


def hanning(x: TensorLike) -> Tensor:
    """0.5 - 0.5 cos(2 pi t) at `x` places t from 0 to 1.

    >>> hanning(3).tolist()
    [0.0, 1.0, 0.0]
    """
    return _taper(np.hanning(_length(x)))


def kaiser(x: TensorLike, beta: TensorLike) -> Tensor:
    """i0(beta sqrt(1 - t^2)) / i0(beta) at `x` places t from -1 to 1."""
    return _taper(np.kaiser(_length(x), float(np.asarray(convert_to_tensor(beta)))))
