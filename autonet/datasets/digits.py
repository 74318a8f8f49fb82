"""Handwritten digits, 1,797 real pictures of 8 x 8 pixels, that come with the package.

They are the test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998, https://doi.org/10.24432/C50P49, licensed under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Unchanged but for the file format: `digits.npz` holds `x`, grey values 0
to 16 counted in blocks of 4 x 4 pixels of a scan, and `y`, the digits, in the original order.
"""

from pathlib import Path

import numpy as np

from autonet.datasets.files import read_npz

FILE = Path(__file__).with_name("digits.npz")
SHAPES = {"x": (1797, 8, 8), "y": (1797,)}
FOLD = 5  # one picture in five is held out


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The digits, always split alike: of each digit's pictures, in order, the 3rd, 8th, 13th, ... are for testing.

    Returns: `(x_train, y_train), (x_test, y_test)`: grey values 0 to 16, shapes (1438, 8, 8) and (359, 8, 8), labels 0
        to 9, shapes (1438,) and (359,), all uint8.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_test.shape
    ((1438, 8, 8), (359, 8, 8))
    """
    arrays = read_npz(FILE, SHAPES, "Install autonet again.")
    x, y = np.ascontiguousarray(arrays["x"]), arrays["y"]
    earlier = np.zeros(len(y), int)  # pictures of the same digit before this one
    for digit in range(10):
        of_digit = y == digit
        earlier[of_digit] = np.arange(np.count_nonzero(of_digit))
    held_out = earlier % FOLD == FOLD // 2
    return (x[~held_out], y[~held_out]), (x[held_out], y[held_out])
