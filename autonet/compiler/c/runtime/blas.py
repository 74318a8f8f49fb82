"""The matrix products inside NumPy's own BLAS, as addresses that generated code can call.

NumPy's wheels carry OpenBLAS under names of their own (`scipy_cblas_sgemm64_`, integers of 64 bits); others link a
BLAS with the usual names. Nothing is assumed: a product is tried before the pointer is handed out.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112  # the enumerations of cblas.h


@dataclass(frozen=True)
class Blas:
    """Addresses of cblas_sgemm and cblas_dgemm, and what is needed to call them."""

    sgemm: int
    dgemm: int
    ilp64: bool  # integers have 64 bits
    name: str
    get_threads: Callable[[], int] | None
    set_threads: Callable[[int], None] | None

    def gemm(self, dtype: str) -> Any:
        """A ctypes function: order, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc."""
        return _prototype(dtype, self.ilp64)(self.sgemm if dtype == "float32" else self.dgemm)


def _prototype(dtype: str, ilp64: bool) -> Any:
    whole: Any = ctypes.c_int64 if ilp64 else ctypes.c_int32
    real: Any = ctypes.c_float if dtype == "float32" else ctypes.c_double
    array, mode = ctypes.c_void_p, ctypes.c_int
    sizes = (mode, mode, mode, whole, whole, whole)
    return ctypes.CFUNCTYPE(None, *sizes, real, array, whole, array, whole, real, array, whole)


def _libraries() -> Iterator[ctypes.CDLL]:
    """Libraries that may hold NumPy's BLAS: the one beside NumPy in a wheel, then whatever its core is linked with."""
    root = Path(np.__file__).parent
    for folder in (root.parent / "numpy.libs", root / ".dylibs", root / ".libs"):
        for path in sorted(folder.glob("*openblas*")):
            yield from _open(str(path))
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        try:
            file = importlib.import_module(name).__file__
        except ImportError:
            continue
        yield from _open(str(file))
        return


def _open(path: str) -> Iterator[ctypes.CDLL]:
    try:
        yield ctypes.CDLL(path)
    except OSError:
        return


_FORMS = (  # prefix, suffix, 64-bit integers (None: ask)
    ("scipy_", "64_", True),
    ("scipy_", "", False),
    ("", "64_", True),
    ("", "_64", True),
    ("", "$NEWLAPACK$ILP64", True),  # macOS Accelerate
    ("", "$NEWLAPACK", False),
    ("", "", None),
)


def _works(address: int, dtype: str, ilp64: bool) -> bool:
    """A 2 x 3 by 3 x 2 product through the pointer. Sizes below 2^31 read alike with either width on little-endian
    machines, so the width is decided by name, or by what the library says about itself."""
    a, b = np.arange(6, dtype=dtype).reshape(2, 3), np.arange(6, dtype=dtype).reshape(3, 2)
    c = np.full((2, 2), np.nan, dtype)
    call = _prototype(dtype, ilp64)(address)
    call(ROW_MAJOR, PLAIN, PLAIN, 2, 2, 3, 1.0, a.ctypes.data, 3, b.ctypes.data, 2, 0.0, c.ctypes.data, 2)
    return bool((c == a @ b).all())


def _wide(library: ctypes.CDLL) -> bool:
    """Whether a BLAS with the plain names was built with 64-bit integers: OpenBLAS says so."""
    config = getattr(library, "openblas_get_config", None)
    if config is None:
        return False
    config.restype = ctypes.c_char_p
    return b"USE64BITINT" in (config() or b"")


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@functools.cache
def find() -> Blas | None:
    """NumPy's BLAS, or None where it cannot be found."""
    for library in _libraries():
        for prefix, suffix, known in _FORMS:
            try:
                single, double = (library[f"{prefix}cblas_{t}gemm{suffix}"] for t in "sd")
            except AttributeError:
                continue
            ilp64 = _wide(library) if known is None else known
            if not (_works(_address(single), "float32", ilp64) and _works(_address(double), "float64", ilp64)):
                continue
            get = _optional(library, f"{prefix}openblas_get_num_threads{suffix}", ctypes.c_int, ())
            put = _optional(library, f"{prefix}openblas_set_num_threads{suffix}", None, (ctypes.c_int,))
            return Blas(_address(single), _address(double), ilp64, str(library._name), get, put)
    return None


def _optional(library: ctypes.CDLL, name: str, result: Any, arguments: tuple) -> Any:
    function = getattr(library, name, None)
    if function is not None:
        function.restype, function.argtypes = result, arguments
    return function
