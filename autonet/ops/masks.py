"""Selection inside the bodies of primitives."""

import numpy as np


def masked(mask: np.ndarray, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`x`, floats, where the mask holds, zero elsewhere.

    Bits times 0 or 1: as exact for inf and nan as `np.where`, and without its branches, which cost ten times as much
    where the mask is irregular.
    """
    bits = _BITS[x.itemsize]
    if out is None:
        return np.multiply(x.view(bits), mask).view(x.dtype)
    np.multiply(x.view(bits), mask, out=out.view(bits))
    return out


_BITS = {n: np.dtype(f"i{n}") for n in (2, 4, 8)}
