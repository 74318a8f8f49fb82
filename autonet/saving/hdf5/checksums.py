"""The check sums of HDF5: of its newer structures, and of chunks."""

import struct

import numpy as np

_MASK = 0xFFFFFFFF
_BLOCK = 1 << 20


def _rotated(x: int, n: int) -> int:
    return (x << n | x >> (32 - n)) & _MASK


def lookup3(data: bytes) -> int:
    """The check sum of a structure.

    Source: Jenkins, lookup3.c, hashlittle(), 2006, http://burtleburtle.net/bob/c/lookup3.c

    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    if not data:
        return c
    words = struct.unpack(f"<{-(-len(data) // 12) * 3}I", data.ljust(-(-len(data) // 12) * 12, b"\0"))
    for i in range(0, len(words) - 3, 3):
        a, b, c = (a + words[i]) & _MASK, (b + words[i + 1]) & _MASK, (c + words[i + 2]) & _MASK
        for n in (4, 6, 8, 16, 19, 4):
            a = (a - c) & _MASK ^ _rotated(c, n)
            a, b, c = b, (c + b) & _MASK, a
    a, b, c = (a + words[-3]) & _MASK, (b + words[-2]) & _MASK, (c + words[-1]) & _MASK
    for n in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, ((c ^ b) - _rotated(b, n)) & _MASK, a
    return b


def fletcher32(data: bytes) -> int:
    """The check sum at the end of a chunk: of its 16-bit words, the first byte high, and of their running sums.

    Source: Fletcher, IEEE Transactions on Communications 30, 1982, https://doi.org/10.1109/TCOM.1982.1095369
    """
    first = second = 0
    for at in range(0, len(data), _BLOCK):
        block = data[at : at + _BLOCK]
        words = np.frombuffer(block + b"\0" * (len(block) % 2), ">u2")
        n = len(words)
        second += n * first + int((words.astype(np.uint64) * np.arange(n, 0, -1).astype(np.uint64)).sum())
        first += int(words.sum(dtype=np.uint64))
    return _folded(second) << 16 | _folded(first)


def _folded(n: int) -> int:
    """The number's remainder by 65535, of which a sum that is not zero never makes zero."""
    return n % 65535 or (65535 if n else 0)
