"""Complex numbers, with which nothing here computes: how they are noticed, and what is said."""

from typing import Any

import numpy as np

from autonet.common.trees import flatten
from autonet.errors import DtypeError

ADVICE = (
    "Pass real and imaginary parts apart: as two channels, np.stack([z.real, z.imag], -1), or as a pair of arrays, which is "
    "what ops.fft, ops.rfft and ops.stft work with."
)
_SCALARS = (complex, np.complexfloating)


def holds_complex(x: Any) -> bool:
    """Whether a number is complex, or an array's elements are, which may be Python objects."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind == "c" or (
            x.dtype.kind == "O" and any(issubclass(t, _SCALARS) for t in set(map(type, x.flat)))
        )
    return isinstance(x, _SCALARS)


def refuse_complex(who: str, tree: Any) -> None:
    """Raise DtypeError if a leaf of `tree` is, or holds, complex numbers."""
    for leaf in flatten(tree):
        if holds_complex(leaf):
            raise DtypeError(f"{who} takes real numbers; received {leaf!s:.60}. {ADVICE}") from None
