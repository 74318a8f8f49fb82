"""What the data sets of prices of houses share: two arrays in a file, and their split."""

import os

import numpy as np

from autonet.datasets.files import check_shape, read_npz
from autonet.errors import ArgumentError

CONTENT = "arrays x and y in one .npz"
Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def check_share(test_split: float) -> None:
    """ArgumentError unless `test_split` leaves something for training."""
    if not 0 <= test_split < 1:
        raise ArgumentError(f"load_data expects test_split from 0 to below 1; received {test_split!r}.")


def read(path: str | os.PathLike[str], columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, shape (n, columns), and targets, shape (n,)."""
    arrays = read_npz(path, {"x": (None, columns), "y": (None,)}, kinds="iuf")
    check_shape(path, "y", arrays["y"], (len(arrays["x"]),), kinds="iuf")
    return arrays["x"], arrays["y"]


def order(n: int, chance: np.random.RandomState) -> np.ndarray:
    """The order of n rows that Keras draws."""
    indices = np.arange(n)
    chance.shuffle(indices)
    return indices


def split(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> Split:
    """The rows in a drawn order, the last `test_split` of them for testing."""
    indices = order(len(x), np.random.RandomState(seed))
    x, y = x[indices], y[indices]
    n = int(len(x) * (1 - test_split))
    return (x[:n].copy(), y[:n].copy()), (x[n:].copy(), y[n:].copy())
