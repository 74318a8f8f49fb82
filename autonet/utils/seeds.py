"""One number for all chance in a run."""

import random

import numpy as np

from autonet.random.seeds import set_global_seed


def set_random_seed(seed: int) -> None:
    """Start all chance anew: autonet's generators, NumPy's legacy generator and Python's `random`.

    Args:
        seed: an integer from 0 to 2**32 - 1. The same seed on the same machine repeats a run bit for bit.
    """
    set_global_seed(seed)
    np.random.seed(seed)
    random.seed(int(seed))
