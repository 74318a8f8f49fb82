"""Fourier transforms, and windows that fade out at their ends. Complex arrays are pairs of Tensors, (real part, imaginary part).

One primitive transforms along the last axis; it is linear, and its transpose is itself.
"""

import math
from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.types import TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.ops.creation import cast
from autonet.ops.half_precision import accumulates
from autonet.ops.padding import pad
from autonet.ops.patches import extract_sequences, overlap
from autonet.ops.pointwise import where
from autonet.ops.shaping import _part, concatenate, flip, moveaxis, reshape
from autonet.untrusted.budget import limit

Pair = tuple[Tensor, Tensor]


@primitive(floating=True, accumulates=True)
def complex_fft(real, imag):
    """Both parts of the discrete Fourier transform along the last axis."""
    z = np.fft.fft(real.astype(f"complex{8 * max(2 * real.itemsize, 8)}", copy=False) + 1j * imag)
    return z.real.astype(real.dtype), z.imag.astype(real.dtype)


def _fft_rule(g):  # the matrix is symmetric: its transpose, on (a, b) with z = a + ib conjugate, is itself
    real, imag = complex_fft(g[0], -g[1])
    return real, -imag


complex_fft.joint_vjp(_fft_rule)


@primitive(floating=True, accumulates=True)
def real_fft(x):
    """Both parts of the first half of the discrete Fourier transform of real numbers along the last axis."""
    z = np.fft.rfft(x)
    return z.real.astype(x.dtype), z.imag.astype(x.dtype)


def _real_fft_rule(g, x_shape):
    widths = ((0, 0),) * (len(x_shape) - 1) + ((0, x_shape[-1] - g[0].shape[-1]),)
    return complex_fft(pad(g[0], widths), -pad(g[1], widths))[0]


real_fft.vjp(x=_real_fft_rule)


def _parts(x: Any, who: str) -> Pair:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(f"{who} expects a pair (real part, imaginary part); received {type(x).__name__}.")
    real, imag = (convert_to_tensor(v) for v in x)
    if real.shape != imag.shape or not real.ndim:
        raise ShapeError(f"{who} expects two parts of one shape, not empty; received {real.shape} and {imag.shape}.")
    if real.dtype.kind != "f" or imag.dtype.kind != "f":
        raise DtypeError(f"{who} expects floats; received {real.dtype} and {imag.dtype}. Cast both parts first.")
    return real, imag


@accumulates()
def fft(x: Pair) -> Pair:
    """Discrete Fourier transform along the last axis: y[k] = sum over n of x[n] exp(-2 pi i k n / N).

    >>> [part.tolist() for part in fft(([1.0, 2.0], [0.0, 1.0]))]
    [[3.0, -1.0], [1.0, -1.0]]
    """
    return complex_fft(*_parts(x, "fft"))


def _inverse(real: Tensor, imag: Tensor) -> Pair:
    a, b = complex_fft(real, -imag)
    scale = 1 / real.shape[-1]
    return a * scale, b * -scale


@accumulates()
def fft2(x: Pair) -> Pair:
    """Discrete Fourier transform along the last two axes."""
    return _both_axes(complex_fft, _parts(x, "fft2"), "fft2")


@accumulates()
def ifft2(x: Pair) -> Pair:
    """The inverse of `fft2`."""
    return _both_axes(_inverse, _parts(x, "ifft2"), "ifft2")


def _both_axes(transform: Any, x: Pair, who: str) -> Pair:
    if x[0].ndim < 2:
        raise ShapeError(f"{who} expects at least two axes; received shape {x[0].shape}.")
    across = transform(*x)
    down = transform(*[moveaxis(part, -2, -1) for part in across])
    return moveaxis(down[0], -2, -1), moveaxis(down[1], -2, -1)


def _fitted(x: Tensor, n: int) -> Tensor:
    """`x` with its last axis cut, or filled up with zeros, to n places."""
    if x.shape[-1] > n:
        return _part(x, start=0, stop=n, axis=-1)
    return pad(x, ((0, 0),) * (x.ndim - 1) + ((0, n - x.shape[-1]),)) if x.shape[-1] < n else x


@accumulates()
def rfft(x: TensorLike, fft_length: int | None = None) -> Pair:
    """Fourier transform of real numbers along the last axis, without its second half, which mirrors the first.

    Shapes: x (..., n), each part (..., n // 2 + 1); `fft_length` cuts x, or fills it up with zeros, first.

    >>> [part.tolist() for part in rfft([0.0, 1.0])]
    [[1.0, -1.0], [0.0, 0.0]]
    """
    x = convert_to_tensor(x)
    if x.dtype.kind != "f":
        x = cast(x, dtypes.floatx())
    if fft_length is not None and fft_length < 1:
        raise ArgumentError(f"rfft expects an fft_length of at least 1; received {fft_length}.")
    return real_fft(x if fft_length is None else _fitted(x, int(fft_length)))


@accumulates()
def irfft(x: Pair, fft_length: int | None = None) -> Tensor:
    """The inverse of `rfft`. An odd length must be given, since halves do not tell.

    Shapes: each part (..., m), result (..., fft_length), by default 2 (m - 1).

    >>> irfft(rfft([1.0, 2.0, 3.0]), 3).tolist()
    [1.0, 2.0, 3.0]
    """
    real, imag = _parts(x, "irfft")
    n = 2 * (real.shape[-1] - 1) if fft_length is None else int(fft_length)
    if n < 1:
        raise ArgumentError(f"irfft expects an fft_length of at least 1; received, or found from the shape, {n}.")
    half = n // 2 + 1
    real, imag = _fitted(real, half), _fitted(imag, half)
    mirrored = n - half  # places 1 ... of the first half, conjugate, from the end
    if mirrored:
        real = concatenate([real, flip(_part(real, start=1, stop=1 + mirrored, axis=-1), axis=-1)], -1)
    # imaginary numbers at 0 and, for even lengths, in the middle have no counterpart: they do not count
    inner = _part(imag, start=1, stop=1 + mirrored, axis=-1)
    none = imag[..., :1] * 0
    middle = [none] if n % 2 == 0 else []
    imag = concatenate([none, inner, *middle, -flip(inner, axis=-1)], -1)
    return _inverse(real, imag)[0]


def _taper(window: Any, length: int, fft_length: int, dtype: Any) -> Any:
    """The window's values in the middle of fft_length places; ones everywhere without a window."""
    if window is None:
        return np.ones(fft_length, dtype)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ArgumentError(f"window must be 'hann', 'hamming', a Tensor or None; received {window!r}.")
        t = np.arange(length) / length
        a = 0.5 if window == "hann" else 0.54
        values: Any = (a - (1 - a) * np.cos(2 * np.pi * t)).astype(dtype)
    else:
        values = cast(convert_to_tensor(window), dtype)
        if values.shape != (length,):
            raise ShapeError(f"window must have sequence_length={length} places; received shape {values.shape}.")
    before = (fft_length - length) // 2
    return pad(values, ((before, fft_length - length - before),))


def _check(sequence_length: int, sequence_stride: int, fft_length: int) -> None:
    if not 0 < sequence_length <= fft_length or sequence_stride < 1:
        raise ArgumentError(
            "A short-time transform expects 0 < sequence_length <= fft_length and sequence_stride of at least 1; "
            f"received {sequence_length}, {fft_length} and {sequence_stride}."
        )


@accumulates()
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: str | TensorLike = "hann",
    center: bool = True,
) -> Pair:
    """Fourier transforms of short windows along the last axis.

    Args:
        x: real numbers, shape (..., n).
        sequence_length: places of a window.
        sequence_stride: places from one window to the next.
        fft_length: places of each transform, at least sequence_length.
        window: weights of a window's places: "hann", "hamming", a Tensor, or None for ones at all fft_length places.
        center: whether window t lies around place t * sequence_stride, x being mirrored at its ends, or begins there.

    Returns: both parts, shape (..., windows, fft_length // 2 + 1).
    """
    _check(sequence_length, sequence_stride, fft_length)
    x = convert_to_tensor(x)
    if x.dtype.kind != "f":
        raise DtypeError(f"stft expects floats; received dtype {x.dtype}. Cast the signal first.")
    if center:
        x = pad(x, ((0, 0),) * (x.ndim - 1) + ((fft_length // 2,) * 2,), mode="reflect")
    rows = extract_sequences(x, fft_length, sequence_stride)
    return real_fft(rows * _taper(window, sequence_length, fft_length, x.dtype))


@accumulates()
def istft(
    x: Pair,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: str | TensorLike = "hann",
    center: bool = True,
) -> Tensor:
    """The inverse of `stft`: its windows added up, over the sum of their squared weights.

    Args:
        x: both parts, shape (..., windows, fft_length // 2 + 1).
        length: places of the result; by default all that the windows cover.
        sequence_length, sequence_stride, fft_length, window, center: as `stft` had them.

    Returns: shape (..., length).
    """
    _check(sequence_length, sequence_stride, fft_length)
    real, imag = _parts(x, "istft")
    if real.ndim < 2:
        raise ShapeError(f"istft expects parts of shape (..., windows, frequencies); received {real.shape}.")
    rows = irfft((real, imag), fft_length)
    taper = _taper(window, sequence_length, fft_length, real.dtype)
    count = rows.shape[-2]
    whole = (count - 1) * sequence_stride + fft_length
    lead = rows.shape[:-2]

    def laid(v: Tensor, n: int) -> Tensor:
        y = reshape(v, (n, count, fft_length, 1))
        return reshape(overlap(y, strides=(sequence_stride,), dilation=(1,), starts=(0,), places=(whole,)), (n, whole))

    added = laid(rows * taper, math.prod(lead))
    weight = laid(rows[(0,) * len(lead)] * 0 + taper * taper, 1)
    safe = weight > np.finfo(rows.dtype).tiny
    y = reshape(where(safe, added / where(safe, weight, 1), added), (*lead, whole))
    start = fft_length // 2 if center else 0
    stop = whole if length is None else start + length
    if center and length is None:
        stop = whole - fft_length // 2
    return _part(y, start=start, stop=min(stop, whole), axis=-1)


# Windows


def _count(x: Any) -> int:
    n = int(np.asarray(convert_to_tensor(x)))
    limit("A window", n)
    return n


def _window(values: np.ndarray) -> Tensor:
    return wrap(values.astype(dtypes.floatx()))


def bartlett(x: TensorLike) -> Tensor:
    """Triangle of `x` places, zero at both ends."""
    return _window(np.bartlett(_count(x)))


def blackman(x: TensorLike) -> Tensor:
    """0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t) at `x` places t from 0 to 1."""
    return _window(np.blackman(_count(x)))


def hamming(x: TensorLike) -> Tensor:
    """0.54 - 0.46 cos(2 pi t) at `x` places t from 0 to 1."""
    return _window(np.hamming(_count(x)))


def hanning(x: TensorLike) -> Tensor:
    """0.5 - 0.5 cos(2 pi t) at `x` places t from 0 to 1.

    >>> hanning(3).tolist()
    [0.0, 1.0, 0.0]
    """
    return _window(np.hanning(_count(x)))


def kaiser(x: TensorLike, beta: TensorLike) -> Tensor:
    """i0(beta sqrt(1 - t^2)) / i0(beta) at `x` places t from -1 to 1."""
    return _window(np.kaiser(_count(x), float(np.asarray(convert_to_tensor(beta)))))
