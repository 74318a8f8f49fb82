"""What the native tests share: small C libraries, and the runtime's services as Python functions."""

import ctypes
import functools
from ctypes import c_int, c_int64, c_void_p
from types import SimpleNamespace

import numpy as np
import pytest

from autonet.compiler.c import runtime

needs_compiler = pytest.mark.skipif(runtime.toolchain.find() is None, reason="no C compiler here")

_GEMM_ONE = (c_int, c_int, c_int64, c_int64, c_int64, *(c_void_p, c_int64) * 3, c_int)
_GEMM = (*_GEMM_ONE, c_void_p, c_void_p)
BODY = ctypes.CFUNCTYPE(None, c_void_p, c_int64, c_int64)
TILE = ctypes.CFUNCTYPE(None, c_void_p, c_int64, c_int64, c_int64, c_int64)
_TABLE = {  # the fields of an_services, in order
    "version": None,
    "threads": None,
    "parallel": (c_void_p, c_void_p, c_int64, c_int64),
    "sgemm": _GEMM,
    "sgemm_one": _GEMM_ONE,
    "dgemm": _GEMM,
    "dgemm_one": _GEMM_ONE,
    "conv_forward": (c_void_p,) * 4 + (c_int64,) * 2,
    "conv_transpose_kernel": (c_void_p,) * 3,
    "conv_input": (c_void_p,) * 4 + (c_int64,) * 2,
    "conv_kernel": (c_void_p,) * 4 + (c_int64,) * 2,
    "winograd_weights": (c_void_p, c_int64, c_void_p, c_void_p, c_int64, c_int64),
    "winograd_forward": (c_void_p,) * 5 + (c_int64,) * 2,
    "winograd_input": (c_void_p,) * 5 + (c_int64,) * 2,
    "winograd_kernel": (c_void_p,) * 4 + (c_int64,) * 2,
    "rest": (),
    "scratch": (c_int64,),
    "packing": (c_int64,),
}


def services_at(address):
    """The table of services as functions."""
    words = (c_int64 * len(_TABLE)).from_address(address)
    result = SimpleNamespace()
    for word, (name, arguments) in zip(words, _TABLE.items(), strict=True):
        function = word if arguments is None else ctypes.CFUNCTYPE(None, *arguments)(word)
        setattr(result, name, function)
    return result


@functools.cache
def services():
    return services_at(runtime.services(double=True))


def own_products():
    """Whether float32 products on many threads are the runtime's own; with short vectors they are NumPy's BLAS's."""
    runtime.services()
    return runtime.library._started.function("an_vector_bytes", c_int64)() >= 32 or runtime.blas.find() is None


@functools.cache
def compiled(source):
    """A library from C text."""
    return runtime.load(source)


def at(array):
    """The address of an array's numbers."""
    return array.ctypes.data


def every_float(step, seed=0):
    """float32 bit patterns from all over, every kind of number among them."""
    offset = np.random.default_rng(seed).integers(step)
    bits = np.arange(offset, 2**32, step, dtype=np.uint64).astype(np.uint32)
    tiny, huge = np.finfo(np.float32).smallest_subnormal, np.finfo(np.float32).max
    special = np.array(
        [0, -0.0, 1, -1, 0.5, np.inf, -np.inf, np.nan, tiny, -tiny, huge, -huge, 88.73, -104], np.float32
    )
    return np.concatenate([special, bits.view(np.float32)])


def ulps(got, want):
    """Distances in units of the last place of `got`'s dtype, for finite expected values; the others must be equal."""
    with np.errstate(over="ignore"):
        rounded = want.astype(got.dtype)
    odd = ~np.isfinite(rounded)
    np.testing.assert_array_equal(got[odd], rounded[odd])
    got, want, rounded = got[~odd], want[~odd], rounded[~odd]
    largest = np.nextafter(np.finfo(got.dtype).max, got.dtype.type(0))
    scale = np.clip(np.abs(rounded), np.finfo(got.dtype).tiny, largest)
    unit = np.spacing(scale).astype(want.dtype)
    return np.abs(got - want) / unit
