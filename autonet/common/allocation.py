"""Memory that was freed is kept for the next array.

An operation on large arrays makes an array of some megabytes and frees another. By default, glibc gives such memory back to
the system at once, and takes it again, page by page, each with an interrupt and zeros: half the time of an operation.
"""

import ctypes
import os
import sys

KEPT = 128 << 20  # bytes of free memory at the end of the heap, beyond which it is given back
HEAP = (
    32 << 20
)  # bytes from which an array gets pages of its own, which go back when it is freed: the most that glibc takes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # their numbers in glibc's malloc.h


def keep_freed_memory() -> bool:
    """Have glibc keep up to KEPT bytes of freed memory; whether it does.

    Elsewhere, and where the environment has settings for glibc's allocator, nothing is changed.
    """
    if sys.platform != "linux" or "GLIBC_TUNABLES" in os.environ or any(n.startswith("MALLOC_") for n in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT) and mallopt(_MMAP_THRESHOLD, HEAP))
